"""One measured task in a fresh process: ``python benchmarks/sample.py TASK INPUT [--digest]``.

A task imports its libraries first (untimed), runs twice, and prints one line of JSON: seconds of
both runs and of the processor, the largest resident memory, and the bytes read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import dicom_tasks, ops_tasks, slice_tasks, tasks, viewer_tasks, write_tasks  # noqa: E402

# Importing the modules fills the one table of tasks.
assert dicom_tasks.TASKS is tasks.TASKS
assert ops_tasks.task is slice_tasks.task is viewer_tasks.task is write_tasks.task is tasks.task
TASKS = tasks.TASKS


def main() -> int:
    """Run one task; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("input", type=Path)
    parser.add_argument("--digest", action="store_true", help="of the result, untimed")
    asked = parser.parse_args()
    try:
        run = TASKS[asked.task](asked.input)
    except ImportError as error:
        print(json.dumps({"skip": f"{error.name} is not installed"}))
        return 0
    before = _bytes_read()
    processor = time.process_time()
    began = time.perf_counter()
    result = run()
    first = time.perf_counter() - began
    processor = time.process_time() - processor
    read = _bytes_read() - before
    peak = _peak_mb()
    answer = {"first": first, "cpu": processor, "peak_mb": peak, "read": read}
    if hasattr(run, "gap"):
        answer["gap"] = run.gap
    if asked.digest:
        answer["digest"] = _digest(getattr(run, "digested", lambda r: r)(result))
    else:
        del result
        if not getattr(run, "once", False):
            began = time.perf_counter()
            run()
            answer["second"] = time.perf_counter() - began
    print(json.dumps(answer), flush=True)
    # Qt and thread pools take their time to leave; nothing is left to save.
    os._exit(0)


def _digest(result: Any) -> str:
    if result is None:
        return "nothing"
    content = (
        repr(result).encode() if isinstance(result, list) else np.ascontiguousarray(result, "<i2")
    )
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _bytes_read() -> int:
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return -1
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


if __name__ == "__main__":
    sys.exit(main())
