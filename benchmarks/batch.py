"""Trees of DICOM to NIfTI beside dcm2niix and dicom2nifti: ``python benchmarks/batch.py``.

The same tree for all, each sample a fresh process, by turns (A B C A B C). Before anything is
timed, every program's voxels must be the same, series by series, on nibabel's canonical axes.
Ours also reads back and compares what it wrote, which the others do not. Ratios say how many
times longer the peer took, pair by pair; between 1/1.3 and 1.3 is a tie.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.phantoms.dicom import write_series  # noqa: E402

MEDVOL = [sys.executable, "-m", "napari_medvol.cli", "convert"]
DICOM2NIFTI = "import sys, dicom2nifti; dicom2nifti.convert_directory(sys.argv[1], sys.argv[2])"
OURS = "ours, 2 threads"

PROGRAMS: dict[str, Callable[[Path, Path], list[str]]] = {
    OURS: lambda tree, out: [*MEDVOL, str(tree), str(out), "-j", "2", "--json"],
    "ours, 2 processes": lambda tree, out: [
        *MEDVOL, str(tree), str(out), "-j", "2", "--scheduler", "processes", "--json"
    ],
    "ours, 1 worker": lambda tree, out: [*MEDVOL, str(tree), str(out), "-j", "1", "--json"],
    "dcm2niix": lambda tree, out: [
        dcm2niix(), "-z", "y", "-b", "n", "-f", "%s_%d", "-o", str(out), str(tree)
    ],
    "dicom2nifti": lambda tree, out: [sys.executable, "-c", DICOM2NIFTI, str(tree), str(out)],
}  # fmt: skip


def dcm2niix() -> str:
    """Return the program itself, not its Python wrapper."""
    import dcm2niix as package

    return str(Path(package.bin))


def make_tree(root: Path, series: int, slices: int, size: int) -> int:
    """Write the tree and return its bytes."""
    i, j = np.ogrid[:size, :size]
    for number in range(series):
        rng = np.random.default_rng(number)
        shape = (slices, size, size)
        body = 900 * np.exp(-((i - size / 2) ** 2 + (j - size / 2) ** 2) / (size / 3) ** 2)
        volume = (body + rng.normal(0, 12, shape)).astype(np.int16)
        write_series(
            root / f"patient{number // 4:03}" / f"ct{number % 4}",
            volume,
            step=(0, 0, 2.0),
            spacing=(0.75, 0.75),
            rescale=(1.0, -1024.0),
            series=f"CT {number}",
            elements={"SeriesNumber": number + 1},
        )
    return sum(path.stat().st_size for path in root.rglob("*.dcm"))


def timed(name: str, tree: Path, out: Path) -> float:
    """Return the seconds that a program takes for the tree."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.perf_counter()
    # As installed programs are: their bytecode is kept, from the untimed run on.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tree.with_name("bytecode"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = PROGRAMS[name](tree, out)
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - began
    if result.returncode:
        raise SystemExit(f"{name} failed: {result.stderr[-500:]}{result.stdout[-500:]}")
    return seconds


def digests(out: Path) -> list[str]:
    """Return a digest of the voxels of each output, on canonical axes, in any order."""
    found = []
    for path in out.rglob("*.nii.gz"):
        image = nib.as_closest_canonical(nib.load(path))
        values = np.rint(np.asarray(image.dataobj)).astype(np.int16)
        found.append(hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest())
    return sorted(found)


def main() -> None:
    """Make the tree, look whether all agree, time, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=24)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medvol-bench-") as folder:
        tree, out = Path(folder, "tree"), Path(folder, "out")
        nbytes = make_tree(tree, asked.series, asked.slices, asked.size)
        sizes = {}
        wanted: list[str] = []
        for name in PROGRAMS:
            timed(name, tree, out)
            found = digests(out)
            wanted = wanted or found
            if found != wanted or len(set(found)) != asked.series:
                raise SystemExit(f"{name} gives other voxels: no time means anything")
            sizes[name] = sum(path.stat().st_size for path in out.rglob("*.nii.gz"))
        times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(asked.rounds):
            for name, seconds in times.items():
                seconds.append(timed(name, tree, out))
    print(
        f"{asked.series} series of {asked.size}×{asked.size}×{asked.slices}, "
        f"{nbytes / 2**20:.0f} MiB, {asked.rounds} rounds, "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| program | seconds | series/s | MiB/s | MiB written | its time / ours |")
    print("|---|---|---|---|---|---|")
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        ratios = sorted(t / o for t, o in zip(seconds, times[OURS], strict=True))
        said = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
        print(
            f"| {name} | {middle:.2f} | {asked.series / middle:.1f} "
            f"| {nbytes / 2**20 / middle:.0f} | {sizes[name] / 2**20:.1f} | {said} |"
        )


if __name__ == "__main__":
    main()
