"""Sources of planes for files that hold all voxels in one block, first axis fastest.

NIfTI, Analyze, MGH and AFNI store their voxels so. What differs, a number type and a scale, is
a :class:`Layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray, real_dtype, rescale_into
from napari_medvol.errors import MedVolError
from napari_medvol.formats import streams

Array = NDArray[Any]

#: Stored values, the number of the plane, and where the real values go.
Decode = Callable[[Array, int, Array], None]

#: Axes are read together up to this size: a read of less costs more in calls than in bytes.
_PLANE_NBYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """How the voxels of one file lie.

    Parameters
    ----------
    shape : tuple of int
        Length of each axis, the fastest in the file first.
    stored : dtype
        Of the stored values, with their byte order.
    dtype : dtype
        Of the values in memory.
    offset : int
        Of the first voxel, in (decompressed) bytes.
    decode : callable or None
        Makes real values of stored ones; None where they are the same numbers.
    n_inner : int
        How many of the fastest axes are read as one plane, at least.
    together : bool
        Whether more axes may be read with them where planes are small.
    """

    shape: tuple[int, ...]
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    offset: int = 0
    decode: Decode | None = None
    n_inner: int = 2
    together: bool = True

    @property
    def nbytes(self) -> int:
        """Bytes that the voxels take in the file, a Python int that does not overflow."""
        return prod(self.shape) * self.stored.itemsize

    @property
    def n_together(self) -> int:
        """How many of the fastest axes make one plane."""
        count = min(self.n_inner, len(self.shape))
        nbytes = prod(self.shape[:count]) * self.stored.itemsize
        most = len(self.shape) if self.together else count
        while count < most and nbytes * self.shape[count] <= _PLANE_NBYTES:
            nbytes *= self.shape[count]
            count += 1
        return count


def scaled_dtype(stored: np.dtype[Any], scales: Sequence[tuple[float, float]]) -> np.dtype[Any]:
    """Return the type of the real values of stored numbers of any value.

    Parameters
    ----------
    stored : dtype
    scales : sequence of (slope, intercept)
    """
    if stored.kind in "iu":
        info = np.iinfo(stored)
        return real_dtype(stored, int(info.min), int(info.max), scales)
    if stored.kind == "c":
        return stored.newbyteorder("=")
    return real_dtype(stored, -1.0, 1.0, scales)


@dataclass(frozen=True, slots=True)
class Scale:
    """Real values are stored ones times `slope` plus `intercept`, in every plane."""

    slope: float
    intercept: float

    def scale_of(self, number: int) -> tuple[float, float]:
        """Return slope and intercept. `number` does not matter."""
        return self.slope, self.intercept

    def __call__(self, raw: Array, number: int, out: Array) -> None:
        """Write the real values of `raw` into `out`. `number` does not matter."""
        if (self.slope, self.intercept) == (1.0, 0.0):
            out[...] = raw
        elif out.dtype.kind == "c":
            np.multiply(raw, self.slope, out=out, casting="unsafe")
            np.add(out, self.intercept, out=out, casting="unsafe")
        else:
            rescale_into(raw, self.slope, self.intercept, out)


class _Planes:
    """What plain and compressed files share: shapes, and stored values to real ones."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.name = path, str(path)
        self.layout, self.dtype = layout, layout.dtype
        together = layout.n_together
        self.outer = layout.shape[together:][::-1]
        self.inner = layout.shape[:together][::-1]
        self._nbytes = prod(self.inner) * layout.stored.itemsize

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the values in the file."""
        return self.layout.stored

    def scale_of(self, number: int) -> tuple[float, float] | None:
        """Return slope and intercept of plane `number`; None where it has several, or none."""
        if self.layout.decode is None:
            return 1.0, 0.0
        told = getattr(self.layout.decode, "scale_of", None)
        return told(number) if told is not None else None

    def _target(self, out: Array) -> Array:
        """Return where to put the stored values: `out` itself wherever they fit in place."""
        stored = self.layout.stored
        if stored.newbyteorder("=") == out.dtype and out.flags.c_contiguous:
            return out.view(stored)
        return np.empty(self.inner, dtype=stored)

    def _finish(self, raw: Array, number: int, out: Array) -> None:
        decode = self.layout.decode
        if decode is not None:
            decode(_native(raw), number, out)
        elif np.shares_memory(raw, out):
            _native(raw)
        else:
            out[...] = raw


def _native(raw: Array) -> Array:
    """Return `raw` with its bytes in the machine's order, swapped in place."""
    if raw.dtype.isnative:
        return raw
    raw.byteswap(inplace=True)
    return raw.view(raw.dtype.newbyteorder("="))


def _bytes_of(array: Array) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data)


class FilePlanes(_Planes):
    """Planes of an uncompressed file, each one positioned read."""

    def read_plane(self, number: int, out: Array) -> None:
        """Write plane `number` into `out`."""
        raw = self._target(out)
        streams.read_exactly(self.path, self._offset(number), _bytes_of(raw))
        self._finish(raw, number, out)

    def _offset(self, number: int) -> int:
        return self.layout.offset + number * self._nbytes


class ScatteredPlanes(FilePlanes):
    """Planes of an uncompressed file that lie in another order than their numbers.

    Parameters
    ----------
    path : Path
    layout : Layout
        With ``together`` off: each plane is looked up for itself.
    places : sequence of int
        Where in the file each plane is, counted in planes.
    """

    def __init__(self, path: Path, layout: Layout, places: Sequence[int]) -> None:
        super().__init__(path, layout)
        self._places = [int(place) for place in places]

    def _offset(self, number: int) -> int:
        return super()._offset(self._places[number])


class FileRegions(FilePlanes):
    """Planes, or any box, of an uncompressed file whose scale is the same everywhere."""

    def read_region(self, index: tuple[slice | int, ...]) -> Array:
        """Return the part of the ``outer + inner`` array that `index` names."""
        layout = self.layout
        try:
            with streams.reading(self.path):
                mapped = np.memmap(
                    self.path, layout.stored, "r", layout.offset, (*self.outer, *self.inner)
                )
        except ValueError as error:  # the file is shorter than the array
            with streams.reading(self.path):
                found = self.path.stat().st_size
            raise streams.truncated(self.path, layout.offset + layout.nbytes, found) from error
        raw = np.array(mapped[index], order="C")
        del mapped
        if layout.stored.newbyteorder("=") == layout.dtype and layout.decode is None:
            return _native(raw)
        out = np.empty(raw.shape, dtype=layout.dtype)
        self._finish(raw, 0, out)
        return out


class StreamedPlanes(_Planes):
    """Planes of a compressed file, one after the other."""

    def __init__(self, path: Path, layout: Layout, kind: str) -> None:
        super().__init__(path, layout)
        self.position = 0
        self._n_planes = prod(self.outer)
        self._stream = streams.CompressedStream(path, kind)
        self._failure: MedVolError | None = None

    def rewind(self) -> None:
        """Make plane 0 the next one."""
        self.position = 0
        self._failure = None
        self._stream.rewind()

    def read_plane(self, number: int, out: Array) -> None:
        """Write plane `number`, which must be ``position``, into `out`."""
        self.position = number + 1
        # After a failure the place in the stream is unknown: what came would be misplaced.
        if self._failure is not None:
            raise self._failure
        try:
            raw = self._target(out)
            if number == 0:
                self._stream.skip(self.layout.offset)
            self._stream.read_into(_bytes_of(raw))
            if self.position == self._n_planes:
                self._stream.check_end()
        except MedVolError as error:
            self._failure = error
            raise
        self._finish(raw, number, out)


def lazy_block(path: Path, layout: Layout, *, even: bool = True) -> LazyArray:
    """Return the voxels of a file, indexed as in its header: fastest axis first.

    Parameters
    ----------
    path : Path
        Plain, or compressed with gzip, bzip2 or zstd.
    layout : Layout
    even : bool
        Whether ``layout.decode`` does the same to every plane.

    Raises
    ------
    ReadError
        If the file is too short for its header.
    """
    kind = streams.compression_of(path)
    expected = layout.offset + layout.nbytes
    at_most = streams.longest_content(path, kind)
    if expected > at_most:
        raise streams.truncated(path, expected, at_most, kind)
    if kind:
        array = LazyArray(StreamedPlanes(path, layout, kind))
    else:
        array = LazyArray((FileRegions if even else FilePlanes)(path, layout))
    return array.transpose()
