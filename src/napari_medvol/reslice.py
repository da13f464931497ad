"""A lazy array on a world-aligned grid, interpolated from voxels that lie on another one.

One plane at a time: what is asked for is computed, from the part of the voxels that it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import product
from math import ceil, prod
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.arraylike import ArrayLike
from napari_medvol.interpolation import interpolated

Array = NDArray[Any]
Matrix = NDArray[np.float64]

#: Elements that one request computes. A whole CT takes half a minute: beyond this a request
#: gets the right voxels on a coarser grid, repeated to the size it asked for.
_AT_ONCE: Final = 8_000_000

#: Voxels. A place halfway between two voxels shows the same one however it is computed, so
#: that the brush writes the voxel that it sees.
_TIE: Final = 1e-6
#: Voxels. Float noise at the border counts as inside.
_EDGE: Final = 1e-9

#: mm between planes at most, so that no structure is drawn further than half of it from its
#: place.
_COARSEST: Final = 1.0


class ReslicedArray(ArrayLike):
    """Voxels that lie askew, as an array along the axes of their world.

    Parameters
    ----------
    data : array
        Indexed (… extra axes, a, b, c, colour); numpy or anything that slices like it.
    affine : (4, 4) array
        Index (a, b, c), voxel centre, to world mm.
    n_extra : int
        Axes before a, b, c.
    nearest : bool
        Nearest neighbour (labels) instead of linear interpolation.
    outside : float
        Value where no voxel is.
    grid : (4, 4) array and three ints, optional
        Affine and shape of the grid; by default :func:`world_grid`, which encloses every voxel.
    dtype : dtype, optional
        Of the values; by default that of `data`. A float type keeps what is between integers.

    Attributes
    ----------
    affine : (4, 4) array
        Index of this array's three space axes to the same world.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(
        self,
        data: Any,
        affine: Matrix,
        n_extra: int = 0,
        *,
        nearest: bool = False,
        outside: float = 0.0,
        grid: tuple[Matrix, Sequence[int]] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.data, self.n_extra, self.nearest = data, n_extra, nearest
        self.dtype = np.dtype(data.dtype if dtype is None else dtype)
        self.outside = _fitting(outside, self.dtype)
        space = tuple(data.shape[n_extra : n_extra + 3])
        self.affine, n_planes = grid or world_grid(affine, space)
        self._to_data = np.linalg.inv(affine) @ self.affine
        self.shape = (*data.shape[:n_extra], *n_planes, *data.shape[n_extra + 3 :])

    def __repr__(self) -> str:
        return f"<ReslicedArray {self.shape} {self.dtype} of {self.data!r}>"

    def __getitem__(self, index: Any) -> Array:
        """Return the part that an index names; a huge one on a coarser grid, but for labels.

        Ints, slices, and one array of ints an axis: what napari's brush asks with.
        """
        points = _points(index)
        if points is not None:
            return self._at(points)
        parts, whole = _expanded(index, self.shape)
        lengths = [len(part) for part in parts[self.n_extra : self.n_extra + 3]]
        # Labels are painted by what was read: never coarser than they are.
        n_voxels = 0 if self.nearest else prod(lengths)
        return self._computed(parts, max(ceil((n_voxels / _AT_ONCE) ** (1 / 3)), 1))[whole]

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write through to the voxels that lie nearest; what lies outside them is dropped.

        Only where `value` differs from what is there: a voxel that several places of this grid
        show is written by those that change, so that setting old values again undoes it.

        Raises
        ------
        ValueError
            If the values are interpolated, or the voxels are not to be written.
        """
        voxels = self.data
        if not (self.nearest and isinstance(voxels, np.ndarray) and voxels.flags.writeable):
            raise ValueError("assignment destination is read-only")
        before = np.atleast_1d(self[index])
        values = np.broadcast_to(np.asarray(value).astype(self.dtype, copy=False), before.shape)
        changed = np.nonzero(before != values)
        at = [np.broadcast_to(p, before.shape)[changed] for p in self._places(index)]
        n = self.n_extra
        exact = self._to_data[:3, :3] @ np.stack(at[n : n + 3]) + self._to_data[:3, 3:]
        n_voxels = np.array(voxels.shape[n : n + 3])[:, np.newaxis]
        inside = ((exact >= -0.5 - _EDGE) & (exact <= n_voxels - 0.5 + _EDGE)).all(axis=0)
        nearest = np.clip(np.floor(exact + 0.5 + _TIE).astype(np.intp), 0, n_voxels - 1)
        place = [*at[:n], *nearest, *at[n + 3 :]]
        voxels[tuple(axis[inside] for axis in place)] = values[changed][inside]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return labels with voxels of their own to paint; what cannot be painted is shared."""
        if not self.nearest:
            return self
        twin = object.__new__(ReslicedArray)
        twin.__dict__ |= {**self.__dict__, "data": deepcopy(self.data, memo)}
        return twin

    def _places(self, index: Any) -> list[NDArray[np.intp]]:
        """Return the indices that `index` names, one array an axis, ready to broadcast."""
        points = _points(index)
        if points is not None:
            return points
        parts, whole = _expanded(index, self.shape)
        return [np.asarray(grid[whole]) for grid in np.ix_(*parts)]

    def _at(self, points: list[NDArray[np.intp]]) -> Array:
        """Return single points, from the smallest box that holds them."""
        if len(points) != self.ndim:
            raise IndexError(f"{len(points)} arrays of indices do not fit {self.ndim} axes")
        shape = np.broadcast_shapes(*(point.shape for point in points))
        if not prod(shape):
            return np.empty(shape, dtype=self.dtype)
        found = [np.where(p < 0, p + n, p) for p, n in zip(points, self.shape, strict=True)]
        lows, highs = [int(p.min()) for p in found], [int(p.max()) for p in found]
        if min(lows) < 0 or any(h >= n for h, n in zip(highs, self.shape, strict=True)):
            raise IndexError(f"indices {lows} to {highs} are not all within {self.shape}")
        box = [range(low, high + 1) for low, high in zip(lows, highs, strict=True)]
        values = self._computed(box, 1)
        return np.asarray(values[tuple(p - low for p, low in zip(found, lows, strict=True))])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return every voxel, exactly: slow for a whole scan."""
        if copy is False:
            raise ValueError("a resliced array cannot become numpy without a copy")
        parts, _ = _expanded((), self.shape)
        values = self._computed(parts, 1)
        return values if dtype is None else values.astype(dtype, copy=False)

    def _computed(self, parts: Sequence[range], step: int) -> Array:
        n = self.n_extra
        space, colour = parts[n : n + 3], parts[n + 3 :]
        if not n and not colour:
            return self._space(self.data, (), space, step)
        out = np.empty([len(part) for part in parts], dtype=self.dtype)
        for place in product(*(range(len(part)) for part in parts[:n])):
            at = tuple(part[i] for part, i in zip(parts, place, strict=False))
            if not colour:
                out[place] = self._space(self.data, at, space, step)
                continue
            for sample, number in enumerate(colour[0]):
                one = _Sample(self.data, number)
                index: Any = (*place, ..., sample)
                out[index] = self._space(one, at, space, step)
        return out

    def _space(self, data: Any, at: tuple[int, ...], space: Sequence[range], step: int) -> Array:
        if step == 1:
            return self._block(data, at, space)
        coarse = [part[step // 2 :: step] or part[:1] for part in space]
        out = self._block(data, at, coarse)
        for axis, part in enumerate(space):
            from_coarse = np.minimum(np.arange(len(part)) // step, out.shape[axis] - 1)
            out = out.take(from_coarse, axis=axis)
        return out

    def _block(self, data: Any, at: tuple[int, ...], space: Sequence[range]) -> Array:
        """Interpolate one box of the grid, for one place along the extra axes."""
        shape = tuple(len(part) for part in space)
        if not prod(shape):
            return np.empty(shape, dtype=self.dtype)
        linear = self._to_data[:3, :3] * [part.step for part in space]
        first = self._to_data @ [*(part.start for part in space), 1.0]
        n_voxels = self.data.shape[self.n_extra : self.n_extra + 3]
        low, high = _reach(linear, first[:3], shape)
        box = [
            slice(max(int(np.floor(a)), 0), min(int(np.ceil(b)) + 1, n))
            for a, b, n in zip(low, high, n_voxels, strict=True)
        ]
        if any(a > n - 0.5 or b < -0.5 for a, b, n in zip(low, high, n_voxels, strict=True)):
            return np.full(shape, self.outside, dtype=self.dtype)
        box = [_not_empty(part, n) for part, n in zip(box, n_voxels, strict=True)]
        voxels = np.asarray(data[(*at, *box)])
        offset = first[:3] - [part.start for part in box] + (_TIE if self.nearest else 0.0)
        values = interpolated(voxels, linear, offset, shape, self.nearest, self.dtype)
        out = values.astype(self.dtype, copy=False)
        out[~_inside(linear, first[:3], shape, n_voxels)] = self.outside
        return out


class _Sample:
    """One colour sample of an array whose last axis is colour."""

    def __init__(self, data: Any, number: int) -> None:
        self.data, self.number = data, number

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        return np.asarray(self.data[(*index, self.number)])


def world_grid(affine: Matrix, shape: Sequence[int]) -> tuple[Matrix, tuple[int, int, int]]:
    """Return affine and shape of the world-aligned grid that encloses every voxel.

    Steps are the smallest voxel size, at most 1 mm, and centres lie on whole multiples of it,
    so that the grids of two volumes with the same step meet.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel index, centre, to world mm.
    shape : three ints
    """
    sizes = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    step = min(float(sizes.min()), _COARSEST)
    ends = [(-0.5, n - 0.5) for n in shape]
    points = np.array(list(product(*ends))) @ affine[:3, :3].T + affine[:3, 3]
    first = np.floor(points.min(axis=0) / step + 0.5)
    last = np.ceil(points.max(axis=0) / step - 0.5)
    grid = np.diag([step, step, step, 1.0])
    grid[:3, 3] = first * step
    a, b, c = (int(n) for n in np.maximum(last - first + 1, 1))
    return grid, (a, b, c)


def _expanded(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Return a range per axis, and the index that drops the axes that were ints."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) > len(shape):
        raise IndexError(f"index {index!r} does not fit {len(shape)} axes")
    ranges: list[range] = []
    drop: list[Any] = []
    for axis, (part, n) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            ranges.append(range(n)[part])
            drop.append(slice(None))
            continue
        number = int(part)
        if not -n <= number < n:
            raise IndexError(f"index {number} is out of bounds for axis {axis} of length {n}")
        ranges.append(range(number % n, number % n + 1))
        drop.append(0)
    return ranges, tuple(drop)


def _points(index: Any) -> list[NDArray[np.intp]] | None:
    """Return an index of arrays, one an axis, or None: it is of ints and slices."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(part, np.ndarray | list) and np.ndim(part) for part in parts):
        return None
    if any(isinstance(part, slice) or part is Ellipsis for part in parts):
        raise IndexError("arrays of indices and slices do not go together here")
    points = [np.asarray(part) for part in parts]
    if any(point.dtype.kind not in "iu" for point in points):
        raise IndexError("arrays of indices must hold integers")
    return [point.astype(np.intp, copy=False) for point in points]


def _fitting(value: float, dtype: np.dtype[Any]) -> Any:
    """Return `value` as the nearest that `dtype` holds."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return dtype.type(min(max(round(value), info.min), info.max))
    return dtype.type(value)


def _reach(linear: Matrix, first: Matrix, shape: Sequence[int]) -> tuple[Matrix, Matrix]:
    """Return the lowest and highest data index that the box of `shape` touches."""
    ends = np.array(list(product(*((0, n - 1) for n in shape)))) @ linear.T + first
    return ends.min(axis=0), ends.max(axis=0)


def _not_empty(part: slice, n: int) -> slice:
    """Return a part of at least one voxel: the border voxel where the box just misses it."""
    start = min(part.start, n - 1)
    return slice(start, max(part.stop, start + 1))


def _inside(
    linear: Matrix, first: Matrix, shape: Sequence[int], n_voxels: Sequence[int]
) -> NDArray[np.bool_]:
    """Return where the box lies within the voxels, their outer half included."""
    inside = np.ones(shape, dtype=bool)
    steps = np.ogrid[tuple(slice(n) for n in shape)]
    low, high = _reach(linear, first, shape)
    for d, (row, start, n) in enumerate(zip(linear, first, n_voxels, strict=True)):
        if low[d] >= -0.5 and high[d] <= n - 0.5:
            continue
        at = start + sum(a * u for a, u in zip(row, steps, strict=True))
        inside &= (at >= -0.5 - _EDGE) & (at <= n - 0.5 + _EDGE)
    return inside
