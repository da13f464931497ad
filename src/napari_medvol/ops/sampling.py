"""Values of one grid at the voxels of another: the samplers behind ``resample``.

Where the axes of both grids run alike, as when only voxel sizes differ, each axis is sampled by
itself: two planes blended, then rows, then columns. Elsewhere eight voxels are gathered for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import ceil, prod
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medvol.interpolation import interpolated
from napari_medvol.ops.chunks import AT_ONCE, Tell
from napari_medvol.ops.filtering import spline_coefficients

Array = NDArray[Any]
Matrix = NDArray[np.float64]
Shape = tuple[int, int, int]

#: Voxels. A place halfway between two is the same one however it is computed.
_TIE: Final = 1e-6
_EDGE: Final = 1e-9
#: Voxels by which axes may part over the whole grid and still count as running alike.
_ALIKE: Final = 1e-7
#: Voxels repeated at the border before the spline is fitted, after which it has settled: the
#: border's own condition would ring into the volume.
_PAD: Final = 12
#: Portions of a grid at least.
_BLOCKS: Final = 16
#: Samples along each axis of a new voxel that vote for its label.
_MOST_VOTES: Final = 6


class Sampler(Protocol):
    """One way of getting values at the voxels of a grid."""

    def working_bytes(self, blurred: int) -> int:
        """Return how much memory is taken on the way, `blurred` bytes for a blur among it."""
        ...

    def prepared(self, voxels: Array, progress: Tell) -> Array:
        """Return what is sampled: the voxels, or what is made of all of them first."""
        ...

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of k that are best computed together."""
        ...

    def sample(self, voxels: Array, first: int, out: Array) -> None:
        """Write the values of new planes from `first` on, rounded where `out` holds integers.

        Of what :meth:`prepared` returned; several threads may ask at once.

        Parameters
        ----------
        voxels : (i, j, k) array
        first : int
            New k of the first plane of `out`.
        out : (i, j, n) array
        """
        ...

    def fill_outside(self, out: Array, first: int, last: int, value: float) -> None:
        """Set to `value` what lies beyond the old grid in those planes."""
        ...


def sampler_of(how: str, to_old: Matrix, old: Sequence[int], new: Shape) -> Sampler:
    """Return what samples a grid.

    Parameters
    ----------
    how : {"nearest", "linear", "cubic", "majority"}
    to_old : (4, 4) array
        New voxel index to old voxel index.
    old, new : three ints
        Shapes.
    """
    shape = (old[0], old[1], old[2])
    if how == "cubic":
        return _Cubic(to_old, shape, new)
    if how == "majority":
        return _Majority(to_old, shape, new)
    order = _order(to_old, new)
    if order is not None:
        return _Separable(how == "nearest", to_old, shape, new, order)
    return _General(how == "nearest", to_old, shape, new)


def _order(to_old: Matrix, new: Shape) -> list[int] | None:
    """Return the old axis of each new one, if the axes of both grids run alike."""
    linear = np.abs(to_old[:3, :3])
    order = [int(axis) for axis in linear.argmax(axis=0)]
    if sorted(order) != [0, 1, 2]:
        return None
    rest = linear.copy()
    rest[order, range(3)] = 0
    return order if (rest @ np.asarray(new) < _ALIKE).all() else None


class _Blocks:
    """What samplers have in common: the grid, and portions of it."""

    def __init__(self, nearest: bool, to_old: Matrix, old: Shape, new: Shape) -> None:
        self.nearest, self.to_old, self.old, self.new = nearest, to_old, old, new
        #: New voxels computed at a time.
        self.at_once = AT_ONCE

    def working_bytes(self, blurred: int) -> int:
        return blurred

    def prepared(self, voxels: Array, progress: Tell) -> Array:
        return voxels

    def blocks(self) -> Iterator[tuple[int, int]]:
        # Not all in one, however few: threads share them, and people want to hear of them.
        step = max(1, min(self.at_once // prod(self.new[:2]), ceil(self.new[2] / _BLOCKS)))
        for first in range(0, self.new[2], step):
            yield first, min(first + step, self.new[2])


class _General(_Blocks):
    """Any grid: gathered voxel by voxel."""

    def sample(self, voxels: Array, first: int, out: Array) -> None:
        offset = self.to_old[:3, 3] + self.to_old[:3, 2] * first
        i, j, k = out.shape
        if self.nearest:
            found = interpolated(
                voxels, self.to_old[:3, :3], offset + _TIE, (i, j, k), nearest=True
            )
            _round_into(out, found)
        elif voxels.dtype.kind == "c":
            out.real = self._real(voxels.real, offset, (i, j, k))
            out.imag = self._real(voxels.imag, offset, (i, j, k))
        else:
            _round_into(out, self._real(voxels, offset, (i, j, k)))

    def _real(self, voxels: Array, offset: Matrix, shape: Shape) -> Array:
        return interpolated(voxels, self.to_old[:3, :3], offset, shape, False, _real_type(voxels))

    def fill_outside(self, out: Array, first: int, last: int, value: float) -> None:
        out[:, :, first:last][self._outside(first, last)] = value

    def _outside(self, first: int, last: int) -> NDArray[np.bool_]:
        axes = np.ogrid[: self.new[0], : self.new[1], first:last]
        found = np.zeros((*self.new[:2], last - first), dtype=bool)
        for row, n in zip(self.to_old, self.old, strict=False):
            at = sum((row[d] * axes[d] for d in range(3)), row[3])
            found |= (at < -0.5 - _EDGE) | (at > n - 0.5 + _EDGE)
        return found


def _round_into(out: Array, values: Array) -> None:
    """Write values, which are changed, into `out`: to the nearest of what it can hold."""
    if values.dtype.kind != "f":
        out[...] = values
        return
    if out.dtype.kind == "b":
        np.greater_equal(values, 0.5, out=out)
        return
    if out.dtype.kind in "iu":
        info = np.iinfo(out.dtype)
        np.rint(values, out=values)
        np.clip(values, info.min, info.max, out=values)
    out[...] = values


def _real_type(voxels: Array) -> np.dtype[Any]:
    small = voxels.dtype.itemsize <= 2 or voxels.dtype == np.float32
    return np.dtype(np.float32 if small else np.float64)


class _Taps:
    """Where the samples of one axis lie between the old voxels."""

    def __init__(self, scale: float, offset: float, n_old: int, n_new: int) -> None:
        at = scale * np.arange(n_new) + offset
        self.outside = (at < -0.5 - _EDGE) | (at > n_old - 0.5 + _EDGE)
        inside = at.clip(0, n_old - 1)
        self.nearest = np.floor(at + 0.5 + _TIE).astype(np.intp).clip(0, n_old - 1)
        self.low = np.minimum(np.floor(inside).astype(np.intp), max(n_old - 2, 0))
        self.high = np.minimum(self.low + 1, n_old - 1)
        self.weight = inside - self.low
        #: Whether every sample is an old voxel.
        self.is_exact = bool((np.abs(self.weight - np.rint(self.weight)) < _EDGE).all())
        self.is_whole = self.is_exact and np.array_equal(self.nearest, np.arange(n_old))


class _Separable(_Blocks):
    """Grids whose axes run alike: every axis by itself."""

    def __init__(
        self, nearest: bool, to_old: Matrix, old: Shape, new: Shape, order: Sequence[int]
    ) -> None:
        super().__init__(nearest, to_old, old, new)
        self.order = list(order)
        # Neighbours of a block share old planes, which each of them makes anew.
        self.at_once = 8 * AT_ONCE
        self.taps = [
            _Taps(to_old[axis, d], to_old[axis, 3], old[axis], new[d])
            for d, axis in enumerate(order)
        ]

    def sample(self, voxels: Array, first: int, out: Array) -> None:
        turned = voxels.transpose(self.order)
        kind: Any = turned.dtype
        if not self._is_picked and kind.kind != "c":
            kind = _real_type(turned)
        made: dict[int, Array] = {}
        between = np.empty(self.new[:2], kind, order="F")
        for k, plane in enumerate(np.moveaxis(out, 2, 0), start=first):
            self._plane_into(plane if out.dtype == kind else between, turned, k, made)
            if out.dtype != kind:
                _round_into(plane, between)

    @property
    def _is_picked(self) -> bool:
        """Whether every new voxel is an old one."""
        return self.nearest or all(taps.is_exact for taps in self.taps)

    def _plane_into(self, out: Array, voxels: Array, k: int, made: dict[int, Array]) -> None:
        i, j, along = self.taps
        if self._is_picked:
            out[...] = voxels[:, :, along.nearest[k]][np.ix_(i.nearest, j.nearest)]
            return
        weight = along.weight[k]
        low = self._in_plane(voxels, int(along.low[k]), made)
        if weight == 0:
            out[...] = low
            return
        high = self._in_plane(voxels, int(along.high[k]), made)
        np.subtract(high, low, out=out)
        out *= low.real.dtype.type(weight)
        out += low

    def _in_plane(self, voxels: Array, k: int, made: dict[int, Array]) -> Array:
        """Return an old plane at the new i and j; the last ones are kept for the next k."""
        if k not in made:
            if len(made) > 2:
                made.pop(next(iter(made)))
            plane = voxels[:, :, k]
            kind: Any = plane.dtype if plane.dtype.kind == "c" else _real_type(plane)
            # Contiguous along the axis that memory runs along, whichever of the two it is.
            is_turned = plane.strides[0] < plane.strides[1]
            taps = self.taps[:2]
            if is_turned:
                plane, taps = plane.T, taps[::-1]
            flat = _along_last(_along_first(plane.astype(kind), taps[0]), taps[1])
            made[k] = flat.T if is_turned else flat
        return made[k]

    def fill_outside(self, out: Array, first: int, last: int, value: float) -> None:
        i, j, along = (taps.outside for taps in self.taps)
        if along[first:last].any():
            out[:, :, first:last][:, :, along[first:last]] = value
        if i.any():
            out[i, :, first:last] = value
        if j.any():
            out[:, j, first:last] = value


def _along_first(plane: Array, taps: _Taps) -> Array:
    if taps.is_whole:
        return plane
    if taps.is_exact:
        return plane[taps.nearest]
    weight = taps.weight.astype(plane.real.dtype)[:, np.newaxis]
    return _between(plane[taps.low], plane[taps.high], weight)


def _along_last(plane: Array, taps: _Taps) -> Array:
    if taps.is_whole:
        return plane
    if taps.is_exact:
        return plane[:, taps.nearest]
    weight = taps.weight.astype(plane.real.dtype)
    return _between(plane.take(taps.low, axis=1), plane.take(taps.high, axis=1), weight)


def _between(low: Array, high: Array, weight: Any) -> Array:
    out = np.subtract(high, low)
    out *= weight
    out += low
    return out


class _Cubic(_General):
    """A cubic B-spline through the values."""

    def __init__(self, to_old: Matrix, old: Shape, new: Shape) -> None:
        super().__init__(False, to_old, old, new)
        self.at_once = AT_ONCE // 8  # 64 coefficients make one value

    def working_bytes(self, blurred: int) -> int:
        return blurred + 8 * prod(n + 2 * _PAD for n in self.old)

    def prepared(self, voxels: Array, progress: Tell) -> Array:
        return spline_coefficients(voxels, _PAD, progress)

    def sample(self, voxels: Array, first: int, out: Array) -> None:
        from scipy.ndimage import affine_transform

        offset = self.to_old[:3, 3] + self.to_old[:3, 2] * first + _PAD
        values = affine_transform(
            voxels,
            self.to_old[:3, :3],
            offset,
            out.shape,
            order=3,
            mode="nearest",
            prefilter=False,
        )
        _round_into(out, np.asarray(values))


class _Majority(_General):
    """Each new voxel gets the label that fills most of it; ties go to the smaller label."""

    def __init__(self, to_old: Matrix, old: Shape, new: Shape) -> None:
        super().__init__(True, to_old, old, new)
        sizes = np.abs(to_old[:3, :3]).sum(axis=0)
        self.votes = [min(max(ceil(round(float(s), 6)), 1), _MOST_VOTES) for s in sizes]
        self.at_once = max(1, AT_ONCE // prod(self.votes))

    def sample(self, voxels: Array, first: int, out: Array) -> None:
        rows = max(1, self.at_once // (self.new[0] * out.shape[2]))
        places = list(product(*((np.arange(n) + 0.5) / n - 0.5 for n in self.votes)))
        for j in range(0, self.new[1], rows):
            shape = (self.new[0], min(rows, self.new[1] - j), out.shape[2])
            samples = [
                self._at(voxels, (di, j + dj, first + dk, 1.0), shape) for di, dj, dk in places
            ]
            out[:, j : j + rows] = _most_frequent(np.stack(samples))

    def _at(self, voxels: Array, place: Sequence[float], shape: Shape) -> Array:
        offset = (self.to_old @ place)[:3] + _TIE
        return interpolated(voxels, self.to_old[:3, :3], offset, shape, True)


def _most_frequent(samples: Array) -> Array:
    """Return what is most frequent along the first axis; the smallest of those that tie."""
    first = samples[0]
    is_mixed = (samples != first).any(axis=0)
    mixed = np.sort(samples[:, is_mixed], axis=0)
    winner, best = mixed[0].copy(), np.ones(mixed.shape[1:], dtype=np.int32)
    run = best.copy()
    for before, now in pairwise(mixed):
        run = np.where(now == before, run + 1, 1)
        ahead = run > best
        best[ahead] = run[ahead]
        winner[ahead] = now[ahead]
    made: Array = first.copy()
    made[is_mixed] = winner
    return made
