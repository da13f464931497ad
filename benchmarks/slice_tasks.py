"""Row 17: 600 slices of a CT in memory as PNG files of a soft-tissue window."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import inputs
from benchmarks.tasks import Run, task

Array = NDArray[Any]

N_SLICES = 600
LOW, HIGH = -160, 240


def _voxels() -> Array:
    """Return HU, (k, row, column)."""
    stored = inputs.ct(N_SLICES).view(np.int16)
    stored -= np.int16(1024)
    return stored


def _window() -> Callable[[Array], Array]:
    """Return the fastest exact window there is: everybody gets it, so encoders are compared."""
    every = np.arange(2**16, dtype=np.uint16).view(np.int16).astype(np.float64)
    grey = np.clip((every - LOW) * (255 / (HIGH - LOW)), 0, 255)
    table = np.rint(grey).astype(np.uint8)
    return lambda plane: table.take(plane.view(np.uint16))


def _decoded(folder: Path) -> Array:
    """Return what another program reads in every 25th file, for the digest."""
    from PIL import Image

    names = sorted(folder.glob("*.png"))
    assert len(names) == N_SLICES
    return np.stack([np.asarray(Image.open(name)) for name in names[::25]])


def _one_by_one(path: Path, write: Callable[[Path, Array], Any], suffix: str = ".png") -> Run:
    voxels, windowed = _voxels(), _window()

    def run() -> Path:
        folder = Path(tempfile.mkdtemp(dir=path.parent))
        for k, plane in enumerate(voxels):
            write(folder / f"axial_{k:04d}{suffix}", windowed(plane))
        return folder

    run.digested = _decoded  # type: ignore[attr-defined]
    return run


@task
def slices_ours(path: Path) -> Run:
    import isal.isal_zlib  # noqa: F401

    from napari_medvol import Volume, export_slices

    affine = np.diag([-0.9765625, -0.9765625, 1.0, 1.0])
    volume = Volume(_voxels().T, affine, unit="HU")

    def run() -> Path:
        folder = Path(tempfile.mkdtemp(dir=path.parent))
        export_slices(volume, folder, planes="axial", window=(LOW, HIGH))
        return folder

    run.digested = _decoded  # type: ignore[attr-defined]
    return run


@task
def slices_cv2(path: Path) -> Run:
    import cv2

    return _one_by_one(path, lambda file, picture: cv2.imwrite(str(file), picture))


@task
def slices_imageio(path: Path) -> Run:
    import imageio.v3 as iio

    return _one_by_one(path, iio.imwrite)


@task
def slices_pillow(path: Path) -> Run:
    from PIL import Image

    return _one_by_one(path, lambda file, picture: Image.fromarray(picture).save(file))


@task
def slices_limit(path: Path) -> Run:
    # As many bytes as the PNG has: a fourth of the pixels. One thread, so half of it counts
    # where there are two processors.
    run = _one_by_one(path, lambda file, p: file.write_bytes(p[: len(p) // 4]), ".raw")
    run.digested = lambda folder: None  # type: ignore[attr-defined]
    return run
