"""Magnitude and phase of complex voxels, computed when they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.viewer.shown import Part

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"magnitude": np.abs, "phase": np.angle}


class PartOfComplex:
    """The magnitude or the phase (−π to π) of a complex array that may be lazy.

    Parameters
    ----------
    data : array
        Complex; numpy or lazy.
    part : {"magnitude", "phase"}
    """

    def __init__(self, data: Any, part: Part) -> None:
        self.data, self._of = data, _FUNCTIONS[part]
        self.shape = tuple(data.shape)
        self.dtype = np.dtype(np.float32 if data.dtype.itemsize <= 8 else np.float64)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        return np.asarray(self._of(np.asarray(self.data[index]))).astype(self.dtype, copy=False)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a part of complex values cannot become numpy without a copy")
        return self[...].astype(dtype or self.dtype, copy=False)
