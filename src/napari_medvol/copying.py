"""Copies of voxels whose memory runs along another axis than that of the copy.

numpy goes along the memory of the copy, and so jumps from line to line of the processor's cache
through the other: up to 20 times as slow as it need be for a volume that was turned.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Bytes of a portion that is turned within the processor's cache.
_TILE_NBYTES: Final = 1 << 19
#: Bytes up to which the whole is in the cache anyway.
_SMALL: Final = 1 << 18


def put(values: Array, out: Array) -> None:
    """Write `values` into `out`, cast to its type: ``out[...] = values``, portion by portion.

    Parameters
    ----------
    values, out : array
        Of one shape and any strides; they share no memory.
    """
    ours, theirs = _fastest(out), _fastest(values)
    if ours == theirs or values.nbytes < _SMALL or values.shape != out.shape:
        out[...] = values
        return
    others = [axis for axis in range(out.ndim) if axis not in (ours, theirs)]
    # The slowest of the copy first.
    others.sort(key=lambda axis: -abs(out.strides[axis]))
    source = values.transpose(*others, ours, theirs)
    target = out.transpose(*others, ours, theirs)
    width = source.shape[-1]
    rows = max(1, _TILE_NBYTES // (width * values.itemsize))
    tile = np.empty((min(rows, source.shape[-2]), width), values.dtype)
    for place in np.ndindex(*source.shape[:-2]):
        plane, made = source[place], target[place]
        for first in range(0, len(plane), rows):
            # Along their memory into the cache, then along ours out of it.
            part = tile[: min(rows, len(plane) - first)]
            part[...] = plane[first : first + rows]
            made[first : first + rows] = part


def contiguous(values: Array) -> Array:
    """Return values, last axis fastest, as ``numpy.ascontiguousarray``: themselves if they are."""
    if values.flags.c_contiguous:
        return values
    out = np.empty(values.shape, values.dtype)
    put(values, out)
    return out


def _fastest(array: Array) -> int:
    """Return the axis along which memory runs, of those with more than one index."""
    steps = [
        (abs(step), -axis)
        for axis, (step, n) in enumerate(zip(array.strides, array.shape, strict=True))
        if n > 1
    ]
    return -min(steps)[1] if steps else 0
