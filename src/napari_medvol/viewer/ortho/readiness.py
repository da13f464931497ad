"""Whether the voxels of a volume are at hand, so that drawing all of them reads nothing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from napari_medvol.arrays import LazyArray

#: Bytes. An array of another library that is larger is not computed unasked.
_UNASKED: Final = 1 << 30


def is_at_hand(data: Any) -> bool:
    """Return whether all of an array can be drawn without waiting for files.

    Lazy scans count when every plane is in memory; what wraps an array counts as that array.
    """
    if isinstance(data, np.ndarray):
        return True
    if isinstance(data, LazyArray):
        return data.store.is_complete
    wrapped = getattr(data, "data", None)
    if wrapped is not None and hasattr(wrapped, "shape"):
        return is_at_hand(wrapped)
    n_voxels = int(np.prod(getattr(data, "shape", (0,)), dtype=np.int64))
    return n_voxels * np.dtype(getattr(data, "dtype", np.uint8)).itemsize <= _UNASKED
