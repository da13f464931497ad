"""New voxels, computed a few planes at a time from those of a volume."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol import arrays
from napari_medvol.arrays import LazyArray
from napari_medvol.budget import BUDGET
from napari_medvol.copying import put
from napari_medvol.errors import StepError
from napari_medvol.volume import Volume

Array = NDArray[Any]
Index = tuple[slice | int, ...]
#: Takes (done, in all); what it raises ends the work.
Tell = Callable[[int, int], None]

#: Values worked on at a time: their float64 stays within some megabytes, and nobody who wants
#: the work to end waits for long.
AT_ONCE: Final = 1 << 20
#: Up to here float64 holds every integer.
_EXACT: Final = 2**53
#: Threads that compute: more than two wait for the same memory.
_WORKERS: Final = min(2, os.cpu_count() or 1)


def unheard(done: int, total: int) -> None:
    """Take what is told of the progress, and do nothing."""


def share(progress: Tell, number: int, of: int) -> Tell:
    """Return the progress of part `number` of `of` equal ones, as a part of the whole."""
    return lambda done, total: progress(number * total + done, of * total)


def room_for(
    op: str, volume: Volume, shape: tuple[int, ...], dtype: DTypeLike, working: int = 0
) -> Array:
    """Return an empty array, or refuse one that no budget of this process could hold.

    Parameters
    ----------
    op : str
        Name of the operation, for errors.
    volume : Volume
    shape : tuple of int
        (i, j, k, …), colour last.
    dtype : dtype
    working : int
        Bytes that are taken besides, until the result is there.

    Returns
    -------
    array
        In memory as most files have it: i fastest, or colour before it.

    Raises
    ------
    StepError
        If it is larger than the memory that all scans together may take.
    """
    check_room(op, volume, shape, dtype, working)
    if not volume.is_rgb:
        return np.empty(shape, dtype, order="F")
    last = len(shape) - 1
    return np.empty((*shape[:last][::-1], shape[last]), dtype).transpose(*range(last)[::-1], last)


def check_room(
    op: str, volume: Volume, shape: tuple[int, ...], dtype: DTypeLike, working: int = 0
) -> None:
    """Refuse a result as :func:`room_for` does, and take nothing.

    Raises
    ------
    StepError
        If it is larger than the memory that all scans together may take.
    """
    nbytes = prod(shape) * np.dtype(dtype).itemsize
    if nbytes + working > BUDGET.limit:
        besides = f" and {working / 2**30:.3g} GiB on the way" if working else ""
        raise StepError(
            f"{op} {volume.name!r}",
            f"the result, {' × '.join(map(str, shape))} {np.dtype(dtype)}, would take"
            f" {nbytes / 2**30:.3g} GiB{besides}; {BUDGET.limit / 2**30:.3g} GiB are allowed",
            "Crop first, take larger voxels or a smaller type, or raise NAPARI_MEDVOL_MEMORY",
        )


def parts_of(volume: Volume) -> list[Index]:
    """Return indices of parts that make up a volume: some planes of one frame each.

    Planes are those that lie one after another in the file or in memory.
    """
    axis = _slowest(volume.data)
    extra = volume.shape[3:-1] if volume.is_rgb else volume.shape[3:]
    length = volume.shape[axis]
    plane = prod(volume.shape) // max(prod(extra) * length, 1)
    step = max(1, AT_ONCE // max(plane, 1))
    whole: list[slice | int] = [slice(None)] * 3
    parts = []
    for place in np.ndindex(*extra[::-1]):
        for first in range(0, length, step):
            whole[axis] = slice(first, min(first + step, length))
            parts.append((*whole, *place[::-1]))
    return parts


def _slowest(data: Array | LazyArray) -> int:
    """Return which of i, j, k is best gone along."""
    if isinstance(data, LazyArray):
        return next((axis for axis in (2, 1, 0) if data.is_outer(axis)), 2)
    return max((0, 1, 2), key=lambda axis: (abs(data.strides[axis]), axis))


def mapped(
    op: str,
    volume: Volume,
    dtype: DTypeLike,
    function: Callable[[Array], Array],
    progress: Tell = unheard,
) -> Array:
    """Return ``function(values)`` of every voxel, as `dtype`.

    Parameters
    ----------
    op : str
        Name of the operation, for errors.
    volume : Volume
    dtype : dtype
    function : callable
        Values of a part of the volume to as many new ones.
    progress : callable, optional

    Raises
    ------
    StepError
        If the result would not fit the memory.
    """
    out = room_for(op, volume, volume.shape, dtype)
    parts = parts_of(volume)
    for number, part in enumerate(parts):
        progress(number, len(parts))
        put(function(np.asarray(volume.data[part])), out[part])
    progress(len(parts), len(parts))
    return out


def value_range(volume: Volume, progress: Tell = unheard) -> tuple[float, float]:
    """Return the lowest and highest finite value; (0, 0) where there is none.

    Those of integers are ints, and exact.
    """
    low, high = np.inf, -np.inf
    parts = parts_of(volume)
    for number, part in enumerate(parts):
        progress(number, len(parts))
        values = np.asarray(volume.data[part])
        finite = values if values.dtype.kind in "iub" else values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, finite.min().item()), max(high, finite.max().item())
    return (low, high) if low <= high else (0.0, 0.0)


def check_exact(op: str, volume: Volume, progress: Tell = unheard) -> None:
    """Refuse integers that float64, in which is calculated, does not tell apart.

    Raises
    ------
    StepError
        If there is one beyond ±2⁵³.
    """
    if volume.dtype.kind not in "iu" or volume.dtype.itemsize < 8:
        return
    low, high = value_range(volume, progress)
    if low < -_EXACT or high > _EXACT:
        raise StepError(
            f"{op} {volume.name!r}",
            f"its values, {low} to {high}, are calculated with in float64, which is exact up to"
            f" ±{_EXACT}",
            "Clip them first, or take nearest, majority, min or max, which calculate nothing",
        )


def holds_everywhere(
    volume: Volume, holds: Callable[[Array], Array], progress: Tell = unheard
) -> bool:
    """Return whether `holds` is true of every value; ends at the first of which it is not."""
    parts = parts_of(volume)
    for number, part in enumerate(parts):
        progress(number, len(parts))
        if not holds(np.asarray(volume.data[part])).all():
            return False
    return True


def frame_voxels(volume: Volume, place: Sequence[int], progress: Tell = unheard) -> Array:
    """Return the voxels (i, j, k) at one place along the extra axes, colour included.

    Lazy ones are read a few planes at a time, so that the work can be ended in between. What is
    in memory, or is going to stay there, is not copied.
    """
    data = arrays.view(volume.data, (..., *place))
    if not isinstance(data, LazyArray):
        return data
    axis = _slowest(data)
    step = max(1, AT_ONCE * data.shape[axis] // max(data.size, 1))
    stays = data.store.stays_in_memory
    out = np.empty(data.shape, data.dtype, order="F") if not stays else None
    for first in range(0, data.shape[axis], step):
        progress(first, data.shape[axis])
        part = tuple(slice(first, first + step) if a == axis else slice(None) for a in range(3))
        values = np.asarray(data[part])
        if out is not None:
            put(values, out[part])
    return np.asarray(data) if out is None else out


def side_by_side(
    work: Callable[[Any], None], parts: Sequence[Any], progress: Tell, workers: int = _WORKERS
) -> None:
    """Do `work` of every part, in threads where there are two processors.

    Parameters
    ----------
    work : callable
        Takes a part; writes where no other part does.
    parts : sequence
    progress : callable
        What it raises ends the work: parts that are not begun are left out.
    workers : int
    """
    if workers < 2 or len(parts) < 2:
        for number, part in enumerate(parts):
            progress(number, len(parts))
            work(part)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="medvol-compute") as pool:
        futures = [pool.submit(work, part) for part in parts]
        try:
            for number, future in enumerate(futures):
                progress(number, len(parts))
                future.result()
        finally:
            for future in futures:
                future.cancel()
