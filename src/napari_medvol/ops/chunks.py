"""New voxels, computed a few planes at a time from those of a volume."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.budget import BUDGET
from napari_medvol.errors import StepError
from napari_medvol.volume import Volume

Array = NDArray[Any]

#: Values worked on at a time: their float64 stays within some tens of megabytes.
_AT_ONCE: Final = 1 << 22


def room_for(op: str, volume: Volume, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an empty array, or refuse one that no budget of this process could hold.

    Raises
    ------
    StepError
        If it is larger than the memory that all scans together may take.
    """
    nbytes = prod(shape) * np.dtype(dtype).itemsize
    if nbytes > BUDGET.limit:
        raise StepError(
            f"{op} {volume.name!r}",
            f"the result, {' × '.join(map(str, shape))} {np.dtype(dtype)}, would take"
            f" {nbytes / 2**30:.3g} GiB; {BUDGET.limit / 2**30:.3g} GiB are allowed",
            "Crop first, take larger voxels or a smaller type, or raise NAPARI_MEDVOL_MEMORY",
        )
    return np.empty(shape, dtype)


def mapped(op: str, volume: Volume, dtype: DTypeLike, function: Callable[[Array], Array]) -> Array:
    """Return ``function(values)`` of every voxel, as `dtype`.

    Parameters
    ----------
    op : str
        Name of the operation, for errors.
    volume : Volume
    dtype : dtype
    function : callable
        Values of a part of the volume to as many new ones.
    """
    out = room_for(op, volume, volume.shape, dtype)
    step = max(1, _AT_ONCE // max(prod(volume.shape) // volume.shape[2], 1))
    for first in range(0, volume.shape[2], step):
        part = (slice(None), slice(None), slice(first, first + step))
        out[part] = function(np.asarray(volume.data[part]))
    return out


def value_range(volume: Volume) -> tuple[float, float]:
    """Return the lowest and highest finite value; (0, 0) where there is none."""
    low, high = np.inf, -np.inf
    step = max(1, _AT_ONCE // max(prod(volume.shape) // volume.shape[2], 1))
    for first in range(0, volume.shape[2], step):
        values = np.asarray(volume.data[:, :, first : first + step])
        finite = values if values.dtype.kind in "iub" else values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)
