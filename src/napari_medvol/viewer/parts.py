"""Magnitude and phase of complex voxels, computed when they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.arraylike import ArrayLike
from napari_medvol.viewer.shown import Part

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"magnitude": np.abs, "phase": np.angle}


class PartOfComplex(ArrayLike):
    """The magnitude or the phase (−π to π) of a complex array that may be lazy.

    Parameters
    ----------
    data : array
        Complex; numpy or lazy.
    part : {"magnitude", "phase"}
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, data: Any, part: Part) -> None:
        self.data, self._of = data, _FUNCTIONS[part]
        self.shape = tuple(data.shape)
        self.dtype = np.dtype(np.float32 if data.dtype.itemsize <= 8 else np.float64)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        return np.asarray(self._of(np.asarray(self.data[index]))).astype(self.dtype, copy=False)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a part of complex values cannot become numpy without a copy")
        return self[...].astype(dtype or self.dtype, copy=False)
