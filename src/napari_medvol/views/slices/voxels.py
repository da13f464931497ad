"""Voxels for slices: read in passing, in slabs where each slice touches the whole file."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray
from napari_medvol.stores import SequentialSource
from napari_medvol.volume import Volume

Array = NDArray[Any]

#: Bytes of neighbouring slices that are read together where one slice touches every plane of
#: the file.
_SLAB: Final = 64 * 2**20


class Voxels:
    """The voxels of a volume, read so that memory does not grow with the number of slices.

    Parameters
    ----------
    volume : Volume
    across : int
        Voxel axis that slices are cut across.
    is_thin : bool
        Whether each slice needs few planes of voxels along that axis.
    """

    def __init__(self, volume: Volume, across: int, is_thin: bool) -> None:
        self._volume, self._across = volume, across
        self._data: Any = passing(volume.data) if is_thin else volume.data
        self._slab_size = 1
        lazy = self._data
        if isinstance(lazy, LazyArray) and lazy is not volume.data and not lazy.is_outer(across):
            voxels = np.prod(volume.shape[:3]) // max(volume.shape[across], 1)
            self._slab_size = max(int(_SLAB // (voxels * volume.dtype.itemsize)), 1)
        self._slab: tuple[Any, int, Array] | None = None
        self._reading = threading.Lock()

    def at(self, frame: int, sample: int | None) -> Frame:
        """Return the voxels of one frame, and one colour sample."""
        extra = self._volume.shape[3 : 3 + len(self._volume.axes) - self._volume.is_rgb]
        place = np.unravel_index(frame, extra, order="F") if extra else ()
        colour = () if sample is None else (sample,)
        return Frame(self, (*(int(n) for n in place), *colour))

    def read(self, box: tuple[slice, slice, slice], place: tuple[int, ...]) -> Array:
        """Return a box of voxels, magnitudes where they are complex."""
        first, stop = box[self._across].start, box[self._across].stop
        if stop - first > self._slab_size or self._slab_size == 1:
            part: tuple[Any, ...] = (*box, *place)
            return _real(np.asarray(self._data[part]))
        with self._reading:
            slab = self._slab
            if slab is None or slab[0] != place or not _holds(slab, first, stop, self._across):
                begin = min(first, self._volume.shape[self._across] - self._slab_size)
                whole: list[Any] = [slice(None)] * 3
                whole[self._across] = slice(max(begin, 0), max(begin, 0) + self._slab_size)
                read = _real(np.asarray(self._data[(*whole, *place)]))
                slab = self._slab = (place, max(begin, 0), read)
        shifted = list(box)
        shifted[self._across] = slice(first - slab[1], stop - slab[1])
        return slab[2][tuple(shifted)]


class Frame:
    """One frame of the voxels, indexed with a box."""

    def __init__(self, voxels: Voxels, place: tuple[int, ...]) -> None:
        self._voxels, self._place = voxels, place

    def __getitem__(self, box: tuple[slice, ...]) -> Array:
        return self._voxels.read((box[0], box[1], box[2]), self._place)


def passing(data: Any) -> Any:
    """Return the array to read once from end to end: memory does not grow with what passes.

    What is in memory already is taken from there. So is what comes as a stream: only one store
    may read it.
    """
    if not isinstance(data, LazyArray) or data.store.is_complete:
        return data
    return data if isinstance(data.store.source, SequentialSource) else data.apart()


def _holds(slab: tuple[Any, int, Array], first: int, stop: int, axis: int) -> bool:
    return slab[1] <= first and stop <= slab[1] + slab[2].shape[axis]


def _real(values: Array) -> Array:
    if values.dtype.kind == "c":
        return np.abs(values)
    return values.view(np.uint8) if values.dtype == np.bool_ else values
