"""Values between voxels, on any grid: the one place that interpolates.

In blocks that stay in the processor's cache and straight from the voxels' memory, which is two
to three times as fast as ``scipy.ndimage.affine_transform`` for a plane of a large volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Matrix = NDArray[np.float64]

#: Voxels computed at a time, few enough for the processor's cache.
_BLOCK: Final = 16_384


def interpolated(
    voxels: Array,
    linear: Matrix,
    offset: Matrix,
    shape: tuple[int, ...],
    nearest: bool,
    dtype: np.dtype[Any] | None = None,
) -> Array:
    """Return the values of `voxels` on a box of another grid.

    Parameters
    ----------
    voxels : (a, b, c) array
        Of any strides; nothing is copied.
    linear, offset : (3, 3) and (3,) array
        Index of the result to index of `voxels`: ``linear @ index + offset``.
    shape : three ints
        Of the result.
    nearest : bool
        The nearest voxel instead of linear interpolation between eight.
    dtype : dtype, optional
        Of the result; by default that of `voxels`.

    Returns
    -------
    array of `shape`
        Rounded where its type is integral, true from a half on; beyond the edge, the edge's
        value.
    """
    if voxels.dtype == np.bool_:
        voxels = voxels.view(np.uint8)
    elif not voxels.dtype.isnative:
        voxels = voxels.astype(voxels.dtype.newbyteorder("="))
    out = np.empty(shape, dtype=voxels.dtype if dtype is None else dtype)
    # Blocks of rows along the longest axis: what is computed stays in the processor's cache.
    longest = int(np.argmax(shape))
    others = [axis for axis in range(3) if axis != longest]
    rows = np.moveaxis(out, longest, 2).reshape(-1, shape[longest])
    is_view = np.shares_memory(rows, out)
    places = np.indices([shape[axis] for axis in others]).reshape(2, -1, 1)
    at_once = max(1, _BLOCK // shape[longest])
    along = np.arange(shape[longest])
    source = _Flat(voxels)
    for start in range(0, len(rows), at_once):
        block = places[:, start : start + at_once]
        index = [
            offset[d]
            + linear[d, others[0]] * block[0]
            + linear[d, others[1]] * block[1]
            + linear[d, longest] * along
            for d in range(3)
        ]
        values = source.nearest(index) if nearest else source.linear(index)
        rows[start : start + at_once] = values if nearest else _held(values, out.dtype)
    if is_view:
        return out
    turned = rows.reshape(*(shape[axis] for axis in others), shape[longest])
    return np.moveaxis(turned, 2, longest)


def _held(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return values between voxels as a type holds them: to the nearest, not towards 0."""
    if dtype.kind == "b":
        return values >= 0.5
    return np.rint(values) if dtype.kind in "iu" else values


class _Flat:
    """Voxels as one row of memory, whatever their strides: gathering from it copies nothing."""

    def __init__(self, voxels: Array) -> None:
        upwards = tuple(slice(None, None, -1 if s < 0 else 1) for s in voxels.strides)
        lowest_first = voxels[upwards]
        self.shape, self.dtype = voxels.shape, voxels.dtype
        self._reversed = [s < 0 for s in voxels.strides]
        self._steps = [s // voxels.itemsize for s in lowest_first.strides]
        if any(s % voxels.itemsize for s in lowest_first.strides):
            lowest_first = np.ascontiguousarray(lowest_first)
            self._steps = [s // voxels.itemsize for s in lowest_first.strides]
        span = sum((n - 1) * step for n, step in zip(self.shape, self._steps, strict=True)) + 1
        self._row = np.lib.stride_tricks.as_strided(
            lowest_first, (span,), (voxels.itemsize,), writeable=False
        )

    def _clipped(self, index: Sequence[Matrix]) -> list[Matrix]:
        """Return indices within the voxels, along axes that all run upwards in memory."""
        clipped = []
        for at, n, is_reversed in zip(index, self.shape, self._reversed, strict=True):
            inside = np.clip(at, 0, n - 1, out=at)
            clipped.append(np.subtract(n - 1, inside, out=inside) if is_reversed else inside)
        return clipped

    def nearest(self, index: Sequence[Matrix]) -> Array:
        """Return the voxel nearest to each index; halves go up in the voxels' own order."""
        place = np.zeros(index[0].shape, dtype=np.intp)
        for at, step, is_reversed in zip(
            self._clipped(index), self._steps, self._reversed, strict=True
        ):
            nearest = np.ceil(at - 0.5) if is_reversed else np.floor(at + 0.5)
            place += nearest.astype(np.intp) * step
        return self._row.take(place)

    def linear(self, index: Sequence[Matrix]) -> Array:
        """Return the values between the voxels, as float."""
        small = self.dtype.itemsize <= 2 or self.dtype == np.float32
        real = np.float32 if small else np.float64
        place = np.zeros(index[0].shape, dtype=np.intp)
        weights, steps = [], []
        for at, n, step in zip(self._clipped(index), self.shape, self._steps, strict=True):
            below = np.minimum(at.astype(np.intp), max(n - 2, 0))
            weights.append((at - below).astype(real))
            steps.append(step if n > 1 else 0)
            place += below * step
        return self._between(place, weights, steps, real, 0)

    def _between(
        self,
        place: NDArray[np.intp],
        weights: list[Array],
        steps: list[int],
        real: Any,
        first: int,
    ) -> Array:
        if not weights:
            # The neighbour of each is at the same place in a row that begins later.
            return self._row[first:].take(place).astype(real)
        low = self._between(place, weights[1:], steps[1:], real, first)
        high = self._between(place, weights[1:], steps[1:], real, first + steps[0])
        high -= low
        high *= weights[0]
        high += low
        return high
