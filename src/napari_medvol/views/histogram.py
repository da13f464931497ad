"""How often each value occurs in a scan, from as many of its voxels as time allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.volume import Volume

Values = NDArray[Any]
Limits = tuple[float, float]

#: Voxels that a quick look reads, and planes that it reads them from.
_QUICK: Final = 2_000_000
_QUICK_PLANES: Final = 32

_QUANTILES: Final = np.linspace(0, 1, 4001)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of values.

    Parameters
    ----------
    edges : (n + 1,) array
        Of the bins, in the unit of the values.
    counts : (n,) array
    lowest, highest : float
        Of the values that were read; NaN where there were none.
    n_read, n_total : int
        Voxels that were looked at, and voxels of the scan.
    n_planes, n_planes_total : int
        The same in slices.
    n_left_out : int
        Of those looked at: NaN, infinite, or padding.
    quantiles : (m,) array
        Values at evenly spaced shares of what was counted.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    lowest: float
    highest: float
    n_read: int
    n_total: int
    n_planes: int
    n_planes_total: int
    n_left_out: int
    quantiles: NDArray[np.float64]

    @property
    def is_whole(self) -> bool:
        """Whether every voxel was looked at."""
        return self.n_read == self.n_total

    def percentile(self, percent: float) -> float:
        """Return the value below which `percent` of the counted values lie."""
        if not self.quantiles.size:
            return float("nan")
        return float(np.interp(percent / 100, _QUANTILES, self.quantiles))

    def between(self, low: float, high: float) -> Limits:
        """Return the values at two percentages; apart, where there are two values at all."""
        found = self.percentile(low), self.percentile(high)
        return found if found[0] < found[1] else (self.lowest, self.highest)

    def __str__(self) -> str:
        """Say what was counted."""
        if self.is_whole:
            text = f"all {self.n_total:,} voxels"
        else:
            text = (
                f"{self.n_read:,} of {self.n_total:,} voxels,"
                f" from {self.n_planes} of {self.n_planes_total} slices"
            )
        return f"{text}, {self.n_left_out:,} without a value" if self.n_left_out else text


def histogram(
    volume: Volume,
    bins: int = 256,
    *,
    whole: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> Histogram:
    """Return the histogram of a scan.

    Padding and what is not finite are left out; complex values count by their magnitude.

    Parameters
    ----------
    volume : Volume
    bins : int
    whole : bool
        Read every slice, twice; else a sample of about two million voxels from at most 32
        slices, evenly spaced. A scan smaller than that is always read whole.
    progress : callable, optional
        Told how many slices are done, of how many; what it raises ends the work.
    """
    sample = _Sample(volume, whole)
    tell = progress or (lambda done, total: None)
    n_steps = len(sample.places) * (2 if sample.is_long else 1)
    kept: list[Values] = []
    ranges: list[Limits] = []
    n_read = n_left_out = 0
    for number, plane in enumerate(sample.planes()):
        values = _counted(plane, volume)
        n_read += plane.size
        n_left_out += plane.size - values.size
        if values.size:
            ranges.append((float(values.min()), float(values.max())))
            kept.append(values[:: sample.thinned])
        tell(number + 1, n_steps)
    lowest = min((low for low, _ in ranges), default=float("nan"))
    highest = max((high for _, high in ranges), default=float("nan"))
    edges = _edges(lowest, highest, bins, volume.dtype)
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    again: Iterator[Values] = sample.planes() if sample.is_long else iter(kept)
    for number, plane in enumerate(again):
        values = _counted(plane, volume) if sample.is_long else plane
        counts += np.histogram(values, edges)[0]
        if sample.is_long:
            tell(len(sample.places) + number + 1, n_steps)
    found = np.concatenate(kept).astype(np.float64) if kept else np.empty(0)
    return Histogram(
        edges,
        counts,
        lowest,
        highest,
        n_read,
        volume.data.size,
        len(sample.places),
        sample.n_planes,
        n_left_out,
        np.quantile(found, _QUANTILES) if found.size else np.empty(0),
    )


class _Sample:
    """Which slices of a volume are read, and every how many voxels of them."""

    def __init__(self, volume: Volume, whole: bool) -> None:
        self._data = volume.data
        shape = volume.shape
        self._axis = _slowest(volume)
        others = [n for axis, n in enumerate(shape[:3]) if axis != self._axis]
        outer = [range(shape[self._axis]), *(range(n) for n in shape[3:])]
        places = list(product(*outer)) if prod(shape) else []
        self.n_planes = len(places)
        self.is_whole = whole or prod(shape) <= _QUICK
        if not self.is_whole and len(places) > _QUICK_PLANES:
            at = (np.arange(_QUICK_PLANES) + 0.5) * len(places) / _QUICK_PLANES
            places = [places[int(number)] for number in at]
        self.places: Sequence[tuple[int, ...]] = places
        n_values = len(places) * prod(others)
        self._stride = 1 if self.is_whole else max(ceil(sqrt(n_values / _QUICK)), 1)
        #: Too much to be kept: the planes are read again to be counted.
        self.is_long = n_values > 2 * _QUICK and self.is_whole
        self.thinned = max(n_values // _QUICK, 1) if self.is_long else 1

    def planes(self) -> Iterator[Values]:
        """Read one slice after the other."""
        part = slice(None, None, self._stride)
        for along, *extra in self.places:
            index: list[Any] = [part, part, part, *extra]
            index[self._axis] = along
            yield np.asarray(self._data[tuple(index)])


def _slowest(volume: Volume) -> int:
    """Return the axis along which slices are cheap to read."""
    if isinstance(volume.data, np.ndarray) and volume.data.size:
        return int(np.argmax(np.abs(volume.data.strides[:3])))
    return 2


def _counted(plane: Values, volume: Volume) -> Values:
    """Return the values that count, flat."""
    values = plane.ravel()
    if values.dtype.kind == "c":
        values = np.abs(values)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if volume.display.padding is not None:
        low, high = volume.display.padding
        values = values[(values < low) | (values > high)]
    return values


def _edges(lowest: float, highest: float, bins: int, dtype: np.dtype[Any]) -> NDArray[np.float64]:
    """Return edges of at most `bins` bins; of integers, each bin holds as many of them."""
    if not np.isfinite([lowest, highest]).all():
        return np.array([0.0, 1.0])
    if dtype.kind in "iub":
        width = max(ceil((highest - lowest + 1) / bins), 1)
        n = ceil((highest - lowest + 1) / width)
        return lowest - 0.5 + width * np.arange(n + 1, dtype=np.float64)
    if lowest == highest:
        half = max(abs(lowest) * 1e-3, 0.5)
        return np.array([lowest - half, highest + half])
    return np.linspace(lowest, highest, bins + 1)
