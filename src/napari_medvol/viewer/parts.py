"""Magnitude and phase of complex voxels, computed when they are looked at; their layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.arraylike import ArrayLike
from napari_medvol.viewer.shown import Part, record_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

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


def parts_of(viewer: ViewerModel, layer: Layer) -> dict[Part, Layer]:
    """Return the layers of a viewer that show parts of the same complex scan, by part.

    Of any other scan it is the layer alone, under ``""``.
    """
    record = record_of(layer)
    if record is None or not record.part:
        return {"": layer}
    found: dict[Part, Layer] = {record.part: layer}
    for other in viewer.layers:
        theirs = record_of(other)
        if theirs is not None and theirs.part and theirs.volume is record.volume:
            found.setdefault(theirs.part, other)
    return found


def one_a_scan(viewer: ViewerModel, layers: Sequence[Layer]) -> list[Layer]:
    """Return the first of those layers that show parts of the same scan, and all others."""
    kept: list[Layer] = []
    for layer in layers:
        same = parts_of(viewer, layer).values()
        if not any(one is other for one in same for other in kept):
            kept.append(layer)
    return kept
