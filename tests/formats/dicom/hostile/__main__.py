"""``python -m tests.formats.dicom.hostile FIRST STOP [SOURCE …]``: read mutants, print faults.

In a process of its own, whose memory is limited: the tests run it so.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_medvol import read
from tests.formats.dicom.hostile.judge import complaints
from tests.formats.dicom.hostile.mutations import mutant
from tests.formats.dicom.hostile.sources import SOURCES, originals, quiet

#: Bytes that reading one mutant may take.
MEMORY = 1 << 30


def usual_findings(source: str, folder: Path) -> frozenset[str]:
    """Return what is said of the undamaged files."""
    if source == "shipped":
        return frozenset()
    for name, content in originals(source).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    volumes = read(folder)
    return frozenset(f.text for v in volumes for f in v.report.findings)


def run(seeds: range, sources: list[str]) -> Iterator[dict[str, Any]]:
    """Read mutants one after the other; yield what came of each."""
    for source in sources:
        with tempfile.TemporaryDirectory() as name:
            usual = usual_findings(source, Path(name))
        for seed in seeds:
            what, files = mutant(source, seed)
            _say({"begun": f"{source} {seed}"})
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                for file, content in files.items():
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_bytes(content)
                outcome, faults = complaints(folder, usual)
            yield {
                "source": source,
                "seed": seed,
                "what": what,
                "outcome": outcome,
                "faults": [fault.replace(name, "") for fault in faults],
            }


def limit_memory() -> None:
    """Allow the process what it has now and the memory of one mutant."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main() -> None:
    first, stop = int(sys.argv[1]), int(sys.argv[2])
    sources = sys.argv[3:] or list(SOURCES)
    for source in sources:
        originals(source)
    with quiet():  # what is imported now is not counted as a mutant's memory
        for module in ("highdicom.color", "nibabel.nicom.csareader", "scipy.ndimage"):
            importlib.import_module(module)
    limit_memory()
    for row in run(range(first, stop), sources):
        _say(row)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _say({"peak_kib": peak})


if __name__ == "__main__":
    main()
