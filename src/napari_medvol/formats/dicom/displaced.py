"""A few slices that lie off the even grid of all the others."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

#: Fewer slices than this say too little of what is usual among them.
_FEWEST: Final = 8
#: At most one in so many may be displaced, but always one.
_ONE_IN: Final = 20
#: A slice that is farther off, as a share of the spacing, is at another place: slices are missing.
_FARTHEST: Final = 0.45


class MostlyEven(NamedTuple):
    """The even grid through most of the slices.

    Parameters
    ----------
    first, step : (3,) array
        Place of slice 0 on the grid, and from one slice to the next; LPS+ mm.
    residuals : (n,) array
        Distance of each slice from its place on the grid, mm.
    displaced : tuple of int
        Slices that are farther off than is tolerated.
    """

    first: Points
    step: Points
    residuals: Points
    displaced: tuple[int, ...]


def mostly_even(positions: Points, smallest: float, share: float) -> MostlyEven | None:
    """Return the even grid that all slices but a few lie on, None if there is none.

    Parameters
    ----------
    positions : (n, 3) array
        Of each slice, sorted, mm.
    smallest, share : float
        A slice may be `smallest` mm or this share of the spacing off its place.

    Returns
    -------
    MostlyEven or None
        None also where the displaced slices lie beside the line of the others, where one is at
        an end and farther in than the grid, or so far off that slices could be missing.
    """
    n = len(positions)
    if n < _FEWEST:
        return None
    numbers = np.arange(n)
    half = n // 2
    # Medians: a few slices cannot move them. Then the ends of those that fit give the step, as
    # they do where all fit.
    step = np.median((positions[half:] - positions[: n - half]) / half, axis=0)
    first = np.median(positions - numbers[:, None] * step, axis=0)
    tolerated = max(smallest, share * float(np.linalg.norm(step)))
    off = positions - (first + numbers[:, None] * step)
    fitting = np.flatnonzero(np.linalg.norm(off, axis=1) <= tolerated)
    if len(fitting) < 2:
        return None
    low, high = int(fitting[0]), int(fitting[-1])
    step = (positions[high] - positions[low]) / (high - low)
    first = positions[low] - low * step
    off = positions - (first + numbers[:, None] * step)
    residuals = np.linalg.norm(off, axis=1)
    displaced = np.flatnonzero(residuals > tolerated)
    if len(displaced) > max(1, n // _ONE_IN):
        return None
    return _checked(MostlyEven(first, step, residuals, tuple(displaced.tolist())), off, tolerated)


def _checked(found: MostlyEven, off: Points, tolerated: float) -> MostlyEven | None:
    spacing = float(np.linalg.norm(found.step))
    along = off @ found.step / spacing
    beside = np.linalg.norm(off - along[:, None] * found.step / spacing, axis=1)
    n = len(off)
    for number in found.displaced:
        inwards = (number == 0 and along[0] > 0) or (number == n - 1 and along[-1] < 0)
        if inwards or beside[number] > tolerated or abs(along[number]) > _FARTHEST * spacing:
            return None
    return found
