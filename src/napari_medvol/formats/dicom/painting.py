"""Regions to label maps: polygons to pixels, and regions that overlap to several maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Slice k, and the (rows, columns) mask of a region on it.
Mask = tuple[int, Array]


def layers_of(
    shape: Sequence[int], regions: Mapping[int, Sequence[Mask]]
) -> list[tuple[Array, list[int]]]:
    """Return label maps that hold all regions, as few as overlaps allow.

    Parameters
    ----------
    shape : (slices, rows, columns)
    regions : mapping
        Label value, above 0, to its masks. Each region goes to the first map where it covers
        no other.

    Returns
    -------
    list of (array, list of int)
        Label map of `shape` in the smallest unsigned type, and the values in it.
    """
    layers: list[tuple[Array, list[int]]] = []
    dtype = np.min_scalar_type(max([1, *regions]))
    for value in sorted(regions):
        layer = next((one for one in layers if _is_free(one[0], regions[value])), None)
        if layer is None:
            layer = (np.zeros(tuple(shape), dtype), [])
            layers.append(layer)
        for k, mask in regions[value]:
            layer[0][k][mask] = value
        layer[1].append(value)
    return layers


def _is_free(layer: Array, masks: Iterable[Mask]) -> bool:
    return not any(layer[k][mask].any() for k, mask in masks)


def filled(polygons: Iterable[Array], rows: int, columns: int) -> Array:
    """Return which pixel centres lie inside, by the even-odd rule.

    So that a contour inside another is a hole, as structure sets mean it (PS3.3 C.8.8.6.1).

    Parameters
    ----------
    polygons : iterable of (n, 2) array
        Corners as (column, row), pixel centres at whole numbers; closed by themselves.
    rows, columns : int

    Returns
    -------
    (rows, columns) array of bool
    """
    # Where the outline crosses the centre line of a row, everything to the right changes
    # sides; the running sum along the row then says on which side a pixel is.
    flips = np.zeros((rows, columns + 1), dtype=np.int64)
    for polygon in polygons:
        one, other = polygon, np.roll(polygon, -1, axis=0)
        swap = one[:, 1] > other[:, 1]
        low, high = np.where(swap[:, None], other, one), np.where(swap[:, None], one, other)
        first = np.clip(np.ceil(low[:, 1]), 0, rows).astype(int)
        stop = np.clip(np.ceil(high[:, 1]), 0, rows).astype(int)
        counts = np.maximum(stop - first, 0)
        edge = np.repeat(np.arange(len(polygon)), counts)
        row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        share = (row - low[edge, 1]) / (high[edge, 1] - low[edge, 1])
        crossing = low[edge, 0] + share * (high[edge, 0] - low[edge, 0])
        column = np.clip(np.ceil(crossing), 0, columns).astype(int)
        np.add.at(flips, (row, column), 1)
    return (np.cumsum(flips[:, :columns], axis=1) & 1).astype(bool)
