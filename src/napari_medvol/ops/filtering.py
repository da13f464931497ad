"""Filters that go along one axis after another, a few planes at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.ops.chunks import AT_ONCE, Tell, share, side_by_side, unheard

Array = NDArray[Any]
Filter = Callable[[Array, int], Array]


def along_axes(
    voxels: Array, out: Array, filters: Sequence[Filter | None], progress: Tell = unheard
) -> None:
    """Write what filters make of voxels along their three axes, one after another.

    The values are those of the same filters on the whole array: lines of voxels do not know
    each other, so they can be taken in any portions.

    Parameters
    ----------
    voxels : (i, j, k) array
    out : (i, j, k) array of float or complex
        i fastest in memory.
    filters : three callables or None
        ``filter(part, axis)`` returns as many values, filtered along that axis.
    progress : callable, optional
        What it raises ends the work; `out` is half-made then, and of no use.
    """
    # Turned, because scipy gives results whose last axis is the fastest.
    of_k, of_j, of_i = filters[2], filters[1], filters[0]
    source, target = voxels.T, out.T
    n_planes, n_rows, _ = target.shape
    planes = max(1, AT_ONCE * n_planes // max(out.size, 1))
    rows = max(1, AT_ONCE * n_rows // max(out.size, 1))

    def in_plane(first: int) -> None:
        part = source[first : first + planes].astype(out.dtype)
        for one, axis in ((of_i, 2), (of_j, 1)):
            part = part if one is None else one(part, axis)
        target[first : first + planes] = part

    def across(first: int) -> None:
        part = np.ascontiguousarray(target[:, first : first + rows])
        target[:, first : first + rows] = part if of_k is None else of_k(part, 0)

    side_by_side(in_plane, range(0, n_planes, planes), share(progress, 0, 2))
    if of_k is not None:
        side_by_side(across, range(0, n_rows, rows), share(progress, 1, 2))


def blurred(voxels: Array, sigma: Sequence[float], progress: Tell = unheard) -> Array:
    """Return voxels after a Gaussian of `sigma` voxels along i, j and k, mirrored at the border.

    As ``scipy.ndimage.gaussian_filter`` does by default.

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
            gaussian_filter1d(part, width, axis=axis, mode="reflect")
        )

    wide = np.empty(voxels.shape, blurred_type(voxels.dtype), order="F")
    along_axes(voxels, wide, [gaussian(width) for width in sigma], progress)
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
    i, j, k = (np.arange(-pad, n + pad).clip(0, n - 1) for n in voxels.shape)
    for at, plane in enumerate(k):
        progress(at, 5 * len(k))
        padded[:, :, at] = voxels[:, :, plane][np.ix_(i, j)]

    def fit(part: Array, axis: int) -> Array:
        return np.asarray(spline_filter1d(part, 3, axis=axis, mode="nearest"))

    def rest(done: int, total: int) -> None:
        progress(total + 4 * done, 5 * total)

    along_axes(padded, padded, (fit, fit, fit), rest)
    return padded
