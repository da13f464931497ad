"""Anatomical planes: what stands at each border of a view, and where its slices lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine

Plane = Literal["axial", "coronal", "sagittal"]
Vector = NDArray[np.float64]

PLANES: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")

#: RAS+ directions of a view's right and bottom border, as radiologists hang pictures: seen from
#: the feet, from the front, and with the nose to the left.
_SCREEN: Final[dict[Plane, tuple[tuple[int, int, int], tuple[int, int, int]]]] = {
    "axial": ((-1, 0, 0), (0, -1, 0)),
    "coronal": ((-1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, -1, 0), (0, 0, -1)),
}

#: World axis (x, y, z) across each plane, and what its two ends are called.
_ACROSS: Final[dict[Plane, int]] = {"sagittal": 0, "coronal": 1, "axial": 2}
_ENDS: Final = ("RL", "AP", "SI")

#: Sine of five degrees: a direction that leans less than this has one letter.
_LEANS: Final = 0.0872


@dataclass(frozen=True, slots=True)
class Borders:
    """The letters R, L, A, P, S, I at the borders of a view."""

    left: str
    right: str
    top: str
    bottom: str


def letters(direction: ArrayLike) -> str:
    """Return what a direction in the patient points to: ``"L"``, or ``"LA"`` if it leans.

    Parameters
    ----------
    direction : (3,) array_like
        RAS+, any length but zero.

    Returns
    -------
    str
        One letter an axis that it follows by more than 5°, the nearest first, as DICOM's
        Patient Orientation has them (PS3.3 C.7.6.1.1.1).
    """
    vector = np.asarray(direction, dtype=np.float64)
    vector = vector / np.linalg.norm(vector)
    nearest_first = sorted(range(3), key=lambda axis: -abs(vector[axis]))
    return "".join(
        _ENDS[axis][0 if vector[axis] > 0 else 1]
        for axis in nearest_first
        if abs(vector[axis]) > _LEANS
    )


def borders(plane: Plane, *, mirrored: bool = False, turn: ArrayLike | None = None) -> Borders:
    """Return the letters at the borders of a view of a plane.

    Parameters
    ----------
    plane : {"axial", "coronal", "sagittal"}
    mirrored : bool
        Left and right of the screen changed over: a neurological axial or coronal view, a
        sagittal one with the nose to the right.
    turn : (3, 3) array_like, optional
        RAS+ direction as shown to RAS+ direction in the patient, for a volume that is shown
        turned away from where it lies.
    """
    right, down = (np.array(direction, dtype=np.float64) for direction in _SCREEN[plane])
    if mirrored:
        right = -right
    if turn is not None:
        right, down = np.asarray(turn) @ right, np.asarray(turn) @ down
    return Borders(letters(-right), letters(right), letters(-down), letters(down))


def caption(plane: Plane, ras: ArrayLike, *, short: bool = False) -> str:
    """Return where a slice lies, as ``"Axial  S 12.5 mm"``.

    Parameters
    ----------
    plane : {"axial", "coronal", "sagittal"}
    ras : (3,) array_like
        A point of the slice, RAS+ mm.
    short : bool
        Without the name of the plane.
    """
    axis = _ACROSS[plane]
    place = float(np.asarray(ras, dtype=np.float64)[axis])
    end = _ENDS[axis][0 if place >= 0 else 1]
    text = f"{end} {abs(place):.1f} mm"
    return text if short else f"{plane.capitalize()}  {text}"


def own_caption(
    plane: Plane, affine: Affine, turn: ArrayLike, ras: ArrayLike, *, short: bool = False
) -> str:
    """Return which slice of a volume on its own grid a view shows: ``"Axial  k 12 · tilted 20°"``.

    Such a slice runs through many heights of the patient: no one of them is its place.

    Parameters
    ----------
    plane : {"axial", "coronal", "sagittal"}
    affine : (4, 4) array
        Voxel centre to RAS+ mm where it is shown.
    turn : (3, 3) array_like
        RAS+ direction as shown to RAS+ direction in the patient.
    ras : (3,) array_like
        A point of the slice as shown, RAS+ mm.
    short : bool
        Without the name of the plane.
    """
    across = _ACROSS[plane]
    cosine = abs(float(np.asarray(turn, dtype=np.float64)[across, across]))
    tilt = np.degrees(np.arccos(min(cosine, 1.0)))
    number = round(slice_at(affine, plane, ras), 1)
    text = f"{'ijk'[slice_axis(affine, plane)]} {number + 0.0:g} · tilted {tilt:.0f}°"
    return text if short else f"{plane.capitalize()}  {text}"


def slice_axis(affine: Affine, plane: Plane) -> int:
    """Return the voxel axis 0, 1 or 2 that runs most nearly across a plane."""
    return int(np.argmax(affines.orientation(affine)[:, 0] == _ACROSS[plane]))


def slice_at(affine: Affine, plane: Plane, ras: ArrayLike) -> float:
    """Return the slice of a plane at a point, fractional; whole numbers are voxel centres.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel centre to RAS+ mm.
    plane : {"axial", "coronal", "sagittal"}
    ras : (3,) array_like
        RAS+ mm.
    """
    index = affines.apply_affine(np.linalg.inv(affine).astype(np.float64), ras)
    return float(index[slice_axis(affine, plane)])


def point_on_slice(affine: Affine, plane: Plane, number: float, ras: ArrayLike) -> Vector:
    """Return the point (3,), RAS+ mm, to which `ras` moves along the voxel axis to a slice.

    :func:`slice_at` back: the other two voxel indices stay what they are at `ras`.
    """
    index = affines.apply_affine(np.linalg.inv(affine).astype(np.float64), ras)
    index[slice_axis(affine, plane)] = number
    return affines.apply_affine(affine, index)
