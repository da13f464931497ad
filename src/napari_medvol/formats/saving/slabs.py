"""Voxels a few planes at a time, in the order in which most files keep them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray
from napari_medvol.volume import Volume

Array = NDArray[Any]
Index = tuple[slice | int, ...]

#: Bytes: large enough that Python does not count, small enough to stay near the processor.
_SLAB_NBYTES: Final = 4 << 20
#: Bytes that one reach into memory brings along.
_LINE_NBYTES: Final = 128


def slabs(volume: Volume) -> Iterator[tuple[Index, Array]]:
    """Yield index and values of slabs (i, j, some k, colour), the last extra axis slowest.

    Parameters
    ----------
    volume : Volume
        Lazy data are read as they come.

    Yields
    ------
    (index, array)
        ``index`` into the data; array of shape (i, j, n) or (i, j, n, colours).
    """
    n_extra = len(volume.axes) - volume.is_rgb
    extra = volume.shape[3 : 3 + n_extra]
    plane = (
        prod(volume.shape[:2]) * volume.dtype.itemsize * (volume.shape[-1] if volume.is_rgb else 1)
    )
    step = max(1, _SLAB_NBYTES // max(plane, 1), _together(volume))
    for number in np.ndindex(*extra[::-1]):
        for first in range(0, volume.shape[2], step):
            last = min(first + step, volume.shape[2])
            index = (slice(None), slice(None), slice(first, last), *number[::-1])
            yield index, np.asarray(volume.data[index])


def _together(volume: Volume) -> int:
    """Return how many k to take at once where memory runs along k: whole lines of the cache."""
    data = volume.data
    if isinstance(data, LazyArray):
        runs_along_k = not data.is_outer(2)
    else:
        runs_along_k = abs(data.strides[2]) < min(abs(step) for step in data.strides[:2])
    return _LINE_NBYTES // volume.dtype.itemsize if runs_along_k else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What the values of a volume are like; real and imaginary parts of complex ones alike.

    Parameters
    ----------
    lowest, highest : float or int
        Of the finite values; 0 where there is none. Integers stay exact.
    n_nan, n_infinite : int
    is_whole : bool
        Whether every finite value is a whole number.
    """

    lowest: float | int
    highest: float | int
    n_nan: int = 0
    n_infinite: int = 0
    is_whole: bool = True

    @property
    def is_finite(self) -> bool:
        """Whether every value is a finite number."""
        return not self.n_nan and not self.n_infinite


def survey(volume: Volume) -> Survey:
    """Return what the values of a volume are like, having read all of them once."""
    lows: list[float | int] = []
    highs: list[float | int] = []
    n_nan = n_infinite = 0
    is_whole = True
    for _, values in slabs(volume):
        if values.dtype.kind in "iub":
            lows.append(int(values.min()))
            highs.append(int(values.max()))
            continue
        parts = np.stack([values.real, values.imag]) if values.dtype.kind == "c" else values
        finite = np.isfinite(parts)
        if not finite.all():
            n_nan += int(np.isnan(parts).sum())
            n_infinite += int(np.isinf(parts).sum())
            parts = parts[finite]
        if parts.size:
            lows.append(float(parts.min()))
            highs.append(float(parts.max()))
            is_whole = is_whole and bool((parts == np.rint(parts)).all())
    return Survey(min(lows, default=0), max(highs, default=0), n_nan, n_infinite, is_whole)
