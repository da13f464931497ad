"""Filters that go along one axis after another, a few planes at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.ops.chunks import AT_ONCE, Tell, share, side_by_side, unheard

Array = NDArray[Any]
Filter = Callable[[Array, int], Array]


def along_axes(values: Array, filters: Sequence[Filter | None], progress: Tell = unheard) -> None:
    """Replace `values` by what filters make of them along their first three axes.

    The values are those of the same filters on the whole array: lines of voxels do not know
    each other, so they can be taken in any portions.

    Parameters
    ----------
    values : (i, j, k) array of float or complex
        Changed in place.
    filters : three callables or None
        ``filter(part, axis)`` returns as many values, filtered along that axis.
    progress : callable, optional
        What it raises ends the work; `values` are half-made then, and of no use.
    """
    wanted = [(axis, one) for axis, one in enumerate(filters) if one is not None]
    for number, (axis, one) in enumerate(wanted):
        across = 1 if axis == 2 else 2
        _along(values, axis, across, one, share(progress, number, len(wanted)))


def _along(values: Array, axis: int, across: int, one: Filter, progress: Tell) -> None:
    length = values.shape[across]
    step = max(1, AT_ONCE * length // max(values.size, 1))

    def work(first: int) -> None:
        part: list[slice] = [slice(None)] * 3
        part[across] = slice(first, first + step)
        values[tuple(part)] = one(np.ascontiguousarray(values[tuple(part)]), axis)

    side_by_side(work, range(0, length, step), progress)


def blurred(voxels: Array, sigma: Sequence[float], progress: Tell = unheard) -> Array:
    """Return voxels after a Gaussian of `sigma` voxels along i, j and k; the border is repeated.

    Parameters
    ----------
    voxels : (i, j, k) array
    sigma : three numbers
        0 for none.
    progress : callable, optional

    Returns
    -------
    array
        The voxels themselves where no axis is blurred; else of :func:`blurred_type`.
    """
    if not any(sigma):
        return voxels
    from scipy.ndimage import gaussian_filter1d

    def gaussian(width: float) -> Filter | None:
        if not width:
            return None
        return lambda part, axis: np.asarray(
            gaussian_filter1d(part, width, axis=axis, mode="nearest")
        )

    wide = voxels.astype(blurred_type(voxels.dtype), order="F")
    along_axes(wide, [gaussian(width) for width in sigma], progress)
    return wide


def blurred_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which values are blurred: floats as they are, others as floats."""
    if dtype.kind in "fc":
        return dtype.newbyteorder("=")
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def spline_coefficients(voxels: Array, pad: int, progress: Tell = unheard) -> Array:
    """Return the coefficients of the cubic B-spline through the voxels.

    Parameters
    ----------
    voxels : (i, j, k) array of real numbers
    pad : int
        Voxels by which the border is repeated on every side, before the spline is fitted.
    progress : callable, optional

    Returns
    -------
    (i + 2 pad, j + 2 pad, k + 2 pad) array of float64
    """
    from scipy.ndimage import spline_filter1d

    padded = np.empty([n + 2 * pad for n in voxels.shape], order="F")
    edge = [np.arange(-pad, n + pad).clip(0, n - 1) for n in voxels.shape]
    for at, k in enumerate(edge[2]):
        padded[:, :, at] = voxels[:, :, k][np.ix_(*edge[:2])]

    def fit(part: Array, axis: int) -> Array:
        return np.asarray(spline_filter1d(part, 3, axis=axis, mode="nearest"))

    along_axes(padded, (fit, fit, fit), progress)
    return padded
