"""Lengths, angles and areas between points of the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.errors import MedVolError

Points = NDArray[np.float64]


def length(points: ArrayLike) -> float:
    """Return the length in mm of the path through `points`, (n, 3) in mm, n ≥ 2.

    Raises
    ------
    MedVolError
        If there are fewer than two points.
    """
    path = _checked("length", points, 2)
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def angle(points: ArrayLike) -> float:
    """Return the angle in degrees, 0 to 180, at the second of three `points`, (3, 3) in mm.

    Raises
    ------
    MedVolError
        If there are not three points, or two of them fall together.
    """
    first, corner, last = _checked("angle", points, 3)[:3]
    one, other = first - corner, last - corner
    if not one.any() or not other.any():
        raise MedVolError("angle", "an arm has no length", "Draw both arms away from the corner")
    # Of cosine and sine, as the cosine alone loses half of its digits near 0° and 180°.
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)))


def area(points: ArrayLike) -> float:
    """Return the area in mm² within the flat outline through `points`, (n, 3) in mm, n ≥ 3.

    Raises
    ------
    MedVolError
        If there are fewer than three points.
    """
    outline = _checked("area", points, 3)
    arms = outline - outline[0]
    return float(np.linalg.norm(np.cross(arms[1:-1], arms[2:]).sum(axis=0)) / 2)


def _checked(what: str, points: ArrayLike, least: int) -> Points:
    found: Points = np.asarray(points, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != 3 or len(found) < least:
        raise MedVolError(
            what, f"it has points of shape {found.shape}", f"Give at least {least} points in mm"
        )
    return found
