"""Trees of scans to convert."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.table import Table
from tests.phantoms.dicom import write_series

HIDDEN = ".napari-medvol"


def voxels(seed: int, size: int = 16, slices: int = 4) -> NDArray[np.int16]:
    """Return the voxels (slice, row, column) of the CT of `seed`."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1000, 2000, (slices, size, size + 1), np.int16)


def write_ct(
    folder: Path, seed: int = 0, *, size: int = 16, slices: int = 4, **choices: Any
) -> None:
    """Write a small CT whose voxels, series and UIDs are those of `seed`."""
    values = voxels(seed, size, slices)
    asked: dict[str, Any] = {
        "series": f"CT {seed}",
        "step": (0.0, 0.0, 2.5),
        "spacing": (0.8, 0.9),
        "elements": {"SeriesNumber": seed + 1},
    }
    write_series(folder, values, **{**asked, **choices})


def write_flat(folder: Path, seeds: range, **choices: Any) -> None:
    """Write several CTs into one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        write_ct(folder / f"s{seed}", seed, **choices)
        for file in (folder / f"s{seed}").iterdir():
            file.rename(folder / f"s{seed}-{file.name}")
        (folder / f"s{seed}").rmdir()


def column(table: Table, name: str) -> list[Any]:
    """Return one column of a table."""
    return [row[table.columns.index(name)] for row in table.rows]


def outputs(folder: Path) -> dict[str, str]:
    """Return the files below a folder, but for the ledger, with sums of their bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if HIDDEN not in path.parts
    }


def left_behind(folder: Path) -> list[str]:
    """Return what unfinished work left: temporary files and folders."""
    return [str(path) for path in folder.rglob("*") if path.name.endswith(".part")]
