"""Put a volume elsewhere in world: its header changes, no voxel does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import GeometryError, StepError
from napari_medvol.report import GeometryReport
from napari_medvol.volume import Contour, Step, Volume

#: mm. Voxels of other sizes, and grids farther away, are slips; 32-bit headers lose them.
_SIZES: Final = (1e-6, 1e6)
_FARTHEST: Final = 1e6


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
        If it is no 4×4 matrix that can be undone, or leads to voxel sizes or places that no
        format holds.
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
        If it is not three finite numbers, or farther away than formats hold.
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
        If it is not three finite numbers, or farther away than formats hold.
    """
    point = _point("align_centres", volume, centre)
    motion = _translation(point - centre_of(volume))
    return _moved(volume, Step("align_centres", {"centre": point.tolist()}), motion)


def centre_of(volume: Volume) -> NDArray[np.float64]:
    """Return the centre of the grid, voxel (n − 1) / 2, RAS+ mm."""
    return affines.apply_affine(volume.affine, (np.asarray(volume.shape[:3]) - 1) / 2)


def _moved(volume: Volume, step: Step, motion: NDArray[np.float64]) -> Volume:
    with np.errstate(over="ignore", invalid="ignore"):  # refused in words
        affine = motion @ volume.affine
        _refuse_unholdable(step.op, volume, affine)
    contours = tuple(
        Contour(c.value, c.kind, affines.apply_affine(motion, c.points)) for c in volume.contours
    )
    return volume.derive(
        step,
        affine=affine,
        contours=contours,
        report=moved_report(volume.report, motion),
    )


def _refuse_unholdable(op: str, volume: Volume, affine: NDArray[np.float64]) -> None:
    sizes, before = affines.zooms(affine), affines.zooms(volume.affine)
    ends = affines.corners(volume.shape)
    farthest, was = (
        float(np.abs(affines.apply_affine(grid, ends)).max()) for grid in (affine, volume.affine)
    )
    low, high = _SIZES
    is_size = (sizes >= low) & (sizes <= high)
    why, fix = "", ""
    # What a file brought along is its own affair: a small step does not make it.
    if not (is_size | np.isclose(sizes, before, rtol=1e-6, atol=0)).all():
        said = " × ".join(f"{size:g}" for size in sizes)
        why = f"its voxels would be {said} mm, beyond the {low:g} to {high:g} mm of any scan"
        fix = "Give a matrix in mm whose scales are near 1"
    elif not farthest <= max(_FARTHEST, 2 * was):
        why = f"it would lie {farthest:g} mm from the origin, beyond {_FARTHEST:g} mm"
        fix = "Give millimetres, RAS+"
    if why:
        raise StepError(f"{op} {volume.name!r}", why, fix)


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
