"""Put a volume elsewhere in world: its header changes, no voxel does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import GeometryError, StepError
from napari_medvol.report import GeometryReport
from napari_medvol.volume import Contour, Step, Volume


def move(volume: Volume, matrix: Sequence[Sequence[float]]) -> Volume:
    """Move a volume by a matrix.

    Parameters
    ----------
    volume : Volume
    matrix : (4, 4) numbers
        RAS+ mm before to RAS+ mm after.

    Raises
    ------
    StepError
        If it is no 4×4 matrix that can be undone.
    """
    motion = _checked(volume, matrix)
    return _moved(volume, Step("move", {"matrix": motion.tolist()}), motion)


def set_origin(volume: Volume, origin: Sequence[float]) -> Volume:
    """Put the centre of voxel (0, 0, 0) to a point; directions and sizes stay.

    Parameters
    ----------
    volume : Volume
    origin : three numbers
        RAS+ mm.

    Raises
    ------
    StepError
        If it is not three finite numbers.
    """
    point = _point("set_origin", volume, origin)
    motion = _translation(point - volume.affine[:3, 3])
    return _moved(volume, Step("set_origin", {"origin": point.tolist()}), motion)


def align_centres(volume: Volume, centre: Sequence[float]) -> Volume:
    """Put the centre of the grid to a point: a translation only.

    The centre is that of the voxels' centres, index (n − 1) / 2; shape / 2, which some scripts
    use, lies half a voxel off.

    Parameters
    ----------
    volume : Volume
    centre : three numbers
        RAS+ mm; :func:`centre_of` gives that of another volume.

    Raises
    ------
    StepError
        If it is not three finite numbers.
    """
    point = _point("align_centres", volume, centre)
    motion = _translation(point - centre_of(volume))
    return _moved(volume, Step("align_centres", {"centre": point.tolist()}), motion)


def centre_of(volume: Volume) -> NDArray[np.float64]:
    """Return the centre of the grid, voxel (n − 1) / 2, RAS+ mm."""
    return affines.apply_affine(volume.affine, (np.asarray(volume.shape[:3]) - 1) / 2)


def _moved(volume: Volume, step: Step, motion: NDArray[np.float64]) -> Volume:
    contours = tuple(
        Contour(c.value, c.kind, affines.apply_affine(motion, c.points)) for c in volume.contours
    )
    return volume.derive(
        step,
        affine=motion @ volume.affine,
        contours=contours,
        report=moved_report(volume.report, motion),
    )


def moved_report(report: GeometryReport, motion: NDArray[np.float64]) -> GeometryReport:
    """Return the report with the grid of its slices moved along."""
    return report if report.affine is None else replace(report, affine=motion @ report.affine)


def _translation(by: NDArray[np.float64]) -> NDArray[np.float64]:
    motion = np.eye(4)
    motion[:3, 3] = by
    return motion


def _checked(volume: Volume, matrix: Any) -> NDArray[np.float64]:
    try:
        motion = np.array(affines.checked_affine(matrix, "matrix"))
    except (GeometryError, TypeError, ValueError) as error:
        why = f"the matrix is none: {error}"
        if isinstance(error, GeometryError):
            why = error.why.replace("affine", "matrix").replace("voxel sizes", "scales")
        raise StepError(
            f"move {volume.name!r}", why, "Give four rows of four numbers, RAS+ mm"
        ) from error
    return motion


def _point(op: str, volume: Volume, given: Sequence[float]) -> NDArray[np.float64]:
    try:
        point = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise StepError(
            f"{op} {volume.name!r}",
            f"{given!r} is not three finite numbers",
            "Give (x, y, z), RAS+ mm",
        )
    return point
