"""FSL FLIRT matrices: scaled voxels of the input to scaled voxels of the reference.

FSL's coordinates are the voxel index times the voxel size; where the image is stored
neurologically (the determinant of its affine is positive), the first index counts from the other
end. Source: FSL's FLIRT FAQ, "What is the format of the matrix", and its ``newimage``
(``sampling_mat`` and ``swapmat``). A matrix therefore says nothing without both images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medvol.affines import Affine, zooms
from napari_medvol.errors import ReadError
from napari_medvol.formats.transforms import plain
from napari_medvol.volume import Volume


def read(path: Path, moving: Volume | None, fixed: Volume | None) -> Affine:
    """Return a FLIRT matrix as RAS+ mm of the input to RAS+ mm of the reference.

    Parameters
    ----------
    path : Path
    moving, fixed : Volume
        FLIRT's ``-in`` and ``-ref``.

    Raises
    ------
    ReadError
        If a scan is missing, or the file holds no 4×4 numbers.
    """
    source, reference = _both(path, moving, fixed)
    matrix = plain.matrix_of_text(path.read_text(encoding="utf-8"), path)
    into, out_of = scaled_voxels(source), scaled_voxels(reference)
    return (
        np.array(reference.affine)
        @ np.linalg.inv(out_of)
        @ matrix
        @ into
        @ np.linalg.inv(source.affine)
    )


def write(matrix: Affine, moving: Volume | None, fixed: Volume | None) -> str:
    """Return what FLIRT would have written for these two images.

    Raises
    ------
    ReadError
        If a scan is missing.
    """
    source, reference = _both(Path("FSL matrix"), moving, fixed)
    into, out_of = scaled_voxels(source), scaled_voxels(reference)
    stored = (
        out_of
        @ np.linalg.inv(reference.affine)
        @ matrix
        @ np.array(source.affine)
        @ np.linalg.inv(into)
    )
    return plain.rows_of(stored)


def scaled_voxels(volume: Volume) -> Affine:
    """Return voxel index to FSL's coordinates in mm, (4, 4)."""
    sizes = zooms(volume.affine)
    matrix = np.diag([*sizes, 1.0])
    if np.linalg.det(volume.affine[:3, :3]) > 0:
        matrix[0, 0] = -sizes[0]
        matrix[0, 3] = (volume.shape[0] - 1) * sizes[0]
    return matrix


def _both(path: Path, moving: Volume | None, fixed: Volume | None) -> tuple[Volume, Volume]:
    if moving is None or fixed is None:
        raise ReadError(
            str(path),
            "a matrix of FSL is in the voxels of its input and its reference, and the "
            f"{'scan that moves' if moving is None else 'reference'} is missing",
            "Choose the very scans that FLIRT was given",
        )
    return moving, fixed
