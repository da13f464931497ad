"""The lazy array, and the few things that numpy and lazy arrays must both do.

A :class:`LazyArray` is a view on a :class:`~napari_medvol.stores.PlaneStore`: it knows which
axis of the store each of its own axes is, and which part of it. Transpose, flip and crop make
another view and read nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.arraylike import ArrayLike
from napari_medvol.budget import MemoryBudget
from napari_medvol.stores import PlaneSource, PlaneStore, RegionSource, SequentialSource

Array = NDArray[Any]

#: As a Python float: comparing with numpy's own would cast the other side to float32.
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)


class _Axis(NamedTuple):
    """Indices ``start, start + step, …`` (`length` of them) of one axis of the store."""

    store_axis: int
    start: int
    step: int
    length: int

    def at(self, index: int) -> int:
        return self.start + self.step * index

    def sliced(self, part: slice) -> _Axis:
        start, stop, step = part.indices(self.length)
        length = len(range(start, stop, step))
        return _Axis(self.store_axis, self.at(start), self.step * step, length)

    def as_slice(self) -> slice:
        if self.length == 0:
            return slice(0, 0)
        stop = self.at(self.length)
        return slice(self.start, None if stop < 0 else stop, self.step)


class LazyArray(ArrayLike):
    """An array whose planes are read when they are asked for.

    Indexing gives a numpy array (read-only where it shares memory with the store);
    :meth:`view`, :meth:`transpose` and :func:`flip` give another lazy array.

    Parameters
    ----------
    source : PlaneSource or PlaneStore
        Its ``outer + inner`` shape is the shape of the array. :func:`lazy_volume` gives the
        (i, j, k, …) order that a Volume wants.
    """

    __slots__ = ("__weakref__", "_axes", "_fixed", "store")

    def __init__(self, source: PlaneSource | PlaneStore) -> None:
        self.store = source if isinstance(source, PlaneStore) else PlaneStore(source)
        self._axes = tuple(_Axis(a, 0, 1, n) for a, n in enumerate(self.store.shape))
        self._fixed: dict[int, int] = {}

    def _with(self, axes: tuple[_Axis, ...], fixed: dict[int, int]) -> LazyArray:
        other = object.__new__(LazyArray)
        other.store, other._axes, other._fixed = self.store, axes, fixed
        return other

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(axis.length for axis in self._axes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.store.dtype

    @property
    def T(self) -> LazyArray:  # noqa: N802 - numpy's own name
        """The view with its axes reversed."""
        return self.transpose()

    def __repr__(self) -> str:
        return f"<LazyArray {self.store.source.name!r} {self.shape} {self.dtype}>"

    def apart(self) -> LazyArray:
        """Return the same view on a store of its own that keeps few planes.

        For passing through a scan once: memory does not grow with its length. Not for a
        sequential source, whose place only one store may move. Where planes that cannot be
        read are left blank here, they are there, too.
        """
        store = PlaneStore(self.store.source, MemoryBudget(0))
        if self.store.on_error is not None:
            store.on_error = lambda number, error: None
        other = self._with(self._axes, self._fixed)
        other.store = store
        return other

    def is_outer(self, axis: int) -> bool:
        """Return whether each index along `axis` is planes of the source of its own."""
        return self._axes[axis].store_axis < len(self.store.source.outer)

    def transpose(self, *axes: int | Sequence[int]) -> LazyArray:
        """Return the view with permuted axes, by the rules of ``numpy.transpose``."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], Sequence) else axes
        asked = [int(a) for a in order] if order else list(range(self.ndim))[::-1]  # type: ignore[arg-type]
        chosen = [a + self.ndim if a < 0 else a for a in asked]
        if sorted(chosen) != list(range(self.ndim)):
            raise ValueError(f"axes {tuple(asked)} do not permute {self.ndim} axes")
        return self._with(tuple(self._axes[a] for a in chosen), self._fixed)

    def view(self, index: Any) -> LazyArray:
        """Return the lazy view that basic indexing (ints, slices, an ellipsis) names."""
        axes, fixed = [], dict(self._fixed)
        for axis, part in zip(self._axes, _expanded(index, self.shape), strict=True):
            if isinstance(part, slice):
                axes.append(axis.sliced(part))
            else:
                fixed[axis.store_axis] = axis.at(part)
        return self._with(tuple(axes), fixed)

    def __getitem__(self, index: Any) -> Array:
        if not _is_basic(index):
            return np.asarray(self)[index]
        # [()] makes a scalar of what has no axes left, as numpy does.
        return np.asarray(self.view(index))[()]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        values = self._read()
        if dtype is not None and values.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError(f"values of type {values.dtype} as {np.dtype(dtype)} need a copy")
            return values.astype(dtype)
        return values.copy() if copy else values

    def _read(self) -> Array:
        if self.size == 0:
            return np.empty(self.shape, dtype=self.dtype)
        store_index = self._store_index()
        resident = self.store.resident(self._plane_numbers(store_index))
        if resident is not None:
            values = resident[store_index]
        elif isinstance(self.store.source, RegionSource) and self._is_thin():
            values = self.store.source.read_region(store_index)
        else:
            # Beyond the memory budget.
            values = self._gather(store_index, self.store.plane)
        return self._in_order(values)

    def _in_order(self, values: Array) -> Array:
        """Return values in the order of the store's axes in that of this array's."""
        kept = sorted(axis.store_axis for axis in self._axes)
        order = [kept.index(axis.store_axis) for axis in self._axes]
        return np.asarray(values).transpose(order)

    @property
    def stored_dtype(self) -> np.dtype[Any] | None:
        """Type of the values in the file, in its byte order; None where it is not known."""
        return getattr(self.store.source, "stored_dtype", None)

    def scale_at(self, index: Any) -> tuple[float, float] | None:
        """Return slope and intercept from the stored to the real value of the voxel at `index`.

        None where the source does not tell, or where they differ within `index`.
        """
        scale_of = getattr(self.store.source, "scale_of", None)
        if scale_of is None:
            return None
        part = self.view(index)
        scales = {scale_of(n) for n in part._plane_numbers(part._store_index())}  # noqa: SLF001
        return scales.pop() if len(scales) == 1 else None

    def is_near(self, index: Any) -> bool:
        """Return whether `index` can be had at once: read already, or one short read away.

        A stream has to be read from its start, and some files only as a whole.
        """
        source = self.store.source
        if source.outer and not isinstance(source, SequentialSource):
            return True
        part = self.view(index)
        return self.store.has(part._plane_numbers(part._store_index()))  # noqa: SLF001

    def planes(self, index: Any) -> list[int]:
        """Return the numbers of the planes of the store that `index` needs."""
        part = self.view(index)
        return list(part._plane_numbers(part._store_index())) if part.size else []  # noqa: SLF001

    def known(self, index: Any, blank: Any = 0) -> Array:
        """Return what of `index` is in memory, and `blank` elsewhere; reads nothing.

        A new array: what comes in later is not in it.
        """
        part = self.view(index)
        found = part._gather(part._store_index(), self.store.peek, blank)  # noqa: SLF001
        return part._in_order(found)  # noqa: SLF001

    def _store_index(self) -> tuple[slice | int, ...]:
        index: list[slice | int] = [self._fixed.get(a, 0) for a in range(len(self.store.shape))]
        for axis in self._axes:
            index[axis.store_axis] = axis.as_slice()
        return tuple(index)

    def _outer(self, store_index: tuple[slice | int, ...]) -> list[Sequence[int]]:
        """Return the indices along each outer axis of the store."""
        return [
            range(n)[part] if isinstance(part, slice) else (part,)
            for part, n in zip(store_index, self.store.source.outer, strict=False)
        ]

    def _plane_numbers(self, store_index: tuple[slice | int, ...]) -> Iterator[int]:
        outer = self.store.source.outer
        strides = [prod(outer[a + 1 :]) for a in range(len(outer))]
        for at in product(*self._outer(store_index)):
            yield sum(i * s for i, s in zip(at, strides, strict=True))

    def _is_thin(self) -> bool:
        """Whether few of the voxels of the planes that are touched are wanted."""
        inner = prod(self.store.source.inner)
        touched = prod(
            axis.length for axis in self._axes if axis.store_axis < len(self.store.source.outer)
        )
        return self.size * 8 <= touched * inner

    def _gather(
        self,
        store_index: tuple[slice | int, ...],
        plane_of: Callable[[int], Array | None],
        blank: Any = 0,
    ) -> Array:
        """Put together a new array plane by plane, `blank` where there is none."""
        n_outer = len(self.store.source.outer)
        inner = store_index[n_outer:]
        shape = [
            len(range(n)[p])
            for p, n in zip(store_index, self.store.shape, strict=True)
            if isinstance(p, slice)
        ]
        n_kept_outer = sum(isinstance(p, slice) for p in store_index[:n_outer])
        out = np.empty((prod(shape[:n_kept_outer]), *shape[n_kept_outer:]), dtype=self.dtype)
        for row, number in enumerate(self._plane_numbers(store_index)):
            plane = plane_of(number)
            out[row] = blank if plane is None else plane[inner]
        return out.reshape(shape)


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


def _expanded(index: Any, shape: tuple[int, ...]) -> list[slice | int]:
    """Return one slice or non-negative int per axis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    n_given = sum(part is not Ellipsis for part in parts)
    if n_given > len(shape) or len(parts) - n_given > 1:
        raise IndexError(f"index {index!r} does not fit {len(shape)} axes")
    fill = [slice(None)] * (len(shape) - n_given)
    at = parts.index(Ellipsis) if len(parts) > n_given else len(parts)
    parts[at : at + 1] = fill
    out: list[slice | int] = []
    for axis, (part, n) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            out.append(part)
            continue
        number = int(part)
        if not -n <= number < n:
            raise IndexError(f"index {number} is out of bounds for axis {axis} of length {n}")
        out.append(number % n)
    return out


def lazy_volume(source: PlaneSource | PlaneStore) -> LazyArray:
    """Return `source` as a Volume wants it: (i, j, k, extra axes …, colour).

    The source's ``outer`` is read as (…, t, k) and its ``inner`` as (j, i) or (j, i, colour).
    """
    array = LazyArray(source)
    n_outer = len(array.store.source.outer)
    colour = [n_outer + 2] if len(array.store.source.inner) == 3 else []
    return array.transpose([n_outer + 1, n_outer, *range(n_outer)[::-1], *colour])


def view(data: Array | LazyArray, index: Any) -> Array | LazyArray:
    """Return the part of `data` that basic indexing names, without reading or copying."""
    if isinstance(data, LazyArray):
        return data.view(index)
    part: Array = data[index]
    return part


def transpose(data: Array | LazyArray, order: Sequence[int]) -> Array | LazyArray:
    """Return `data` with permuted axes, without reading or copying."""
    return data.transpose(tuple(order))


def flip(data: Array | LazyArray, axis: int) -> Array | LazyArray:
    """Return `data` with one axis reversed, without reading or copying."""
    index = [slice(None)] * data.ndim
    index[axis] = slice(None, None, -1)
    return view(data, tuple(index))


def real_dtype(
    stored: np.dtype[Any], lowest: float, highest: float, scales: Sequence[tuple[float, float]]
) -> np.dtype[Any]:
    """Return the type of the real values ``stored * slope + intercept``.

    Integers stay integers where every slope and intercept is integral, in the smallest type
    that holds the range, never smaller than the stored one; else float32 where the stored
    values have at most 16 bits, and float64 beyond.

    Parameters
    ----------
    stored : dtype
    lowest, highest : float
        Range of the stored values.
    scales : sequence of (slope, intercept)
    """
    pairs = set(scales) or {(1.0, 0.0)}
    if pairs == {(1.0, 0.0)}:
        return np.dtype(stored).newbyteorder("=")
    if stored.kind == "c":
        return np.dtype(stored).newbyteorder("=")
    if stored.kind not in "iub":
        return np.dtype(np.float64 if stored.itemsize > 4 else np.float32)
    ends = [end * slope + inter for slope, inter in pairs for end in (lowest, highest)]
    if all(float(slope).is_integer() and float(inter).is_integer() for slope, inter in pairs):
        for size in (1, 2, 4, 8):
            for kind in "iu" if stored.kind == "i" or min(ends) < 0 else "ui":
                info = np.iinfo(f"{kind}{size}")
                if size >= stored.itemsize and info.min <= min(ends) and max(ends) <= info.max:
                    return np.dtype(f"{kind}{size}")
    fits = stored.itemsize <= 2 and max(abs(e) for e in ends) <= _FLOAT32_MAX
    return np.dtype(np.float32 if fits else np.float64)


def rescale_into(stored: Array, slope: float, intercept: float, out: Array) -> None:
    """Write ``stored * slope + intercept`` into `out`, in one or two passes, no temporaries.

    Integer results wrap like numpy's, so `out` must have the type that :func:`real_dtype`
    chose.
    """
    if out.dtype.kind in "iu":
        # Named, because numpy before 2 would compute in the smallest type that holds the scalar;
        # reinterpreted, because sums of one size wrap to the same bits and need no casting.
        if stored.dtype.kind in "iu" and stored.dtype.itemsize == out.dtype.itemsize:
            stored = stored.view(out.dtype.newbyteorder(stored.dtype.byteorder))
        multiply, add = (
            partial(f, out=out, dtype=out.dtype, casting="unsafe") for f in (np.multiply, np.add)
        )
        offset = np.asarray(int(intercept)).astype(out.dtype)
        if slope == 1:
            add(stored, offset)
        else:
            multiply(stored, np.asarray(int(slope)).astype(out.dtype))
            add(out, offset)
        return
    np.multiply(stored, out.dtype.type(slope), out=out, casting="unsafe")
    if intercept:
        np.add(out, out.dtype.type(intercept), out=out)


class Rescaled:
    """A source with ``value * slope + intercept`` applied plane by plane.

    Parameters
    ----------
    source : PlaneSource
    scale_of : callable
        Plane number to (slope, intercept).
    dtype : dtype
        Of the result; :func:`real_dtype` chooses it.
    """

    def __init__(
        self,
        source: PlaneSource,
        scale_of: Callable[[int], tuple[float, float]],
        dtype: np.dtype[Any],
    ) -> None:
        self.stored = source
        self.outer, self.inner, self.name = source.outer, source.inner, source.name
        self.dtype = dtype
        self.workers = getattr(source, "workers", 1)
        self._scale_of = scale_of

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the values before they are rescaled."""
        return self.stored.dtype

    def scale_of(self, number: int) -> tuple[float, float]:
        """Return slope and intercept of plane `number`."""
        return self._scale_of(number)

    def read_plane(self, number: int, out: Array) -> None:
        """Write the real values of plane `number` into `out`."""
        kind = self.stored.dtype
        if kind == out.dtype:
            stored = out
        elif kind.kind in "iu" and out.dtype.kind in "iu" and kind.itemsize == out.itemsize:
            stored = out.view(kind)
        else:
            stored = np.empty(self.inner, dtype=kind)
        self.stored.read_plane(number, stored)
        self.rescale(stored, number, out)

    def rescale(self, stored: Array, number: int, out: Array) -> None:
        """Write the real values of what plane `number` stores into `out`."""
        slope, intercept = self._scale_of(number)
        if (slope, intercept) != (1.0, 0.0) or stored is not out:
            rescale_into(stored, slope, intercept, out)
