"""Labels layers that can be painted, wherever their array came from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from napari_medvol.arrays import LazyArray
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer.coordinates import turn_of
from napari_medvol.viewer.layers import record_to_paint
from napari_medvol.viewer.shown import Shown, metadata, record_of
from napari_medvol.volume import Display, Step, Volume

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

_watched: WeakSet[Any] = WeakSet()


def make_paintable(layer: Layer) -> None:
    """Give a labels layer an array that its brush can write, and only its brush.

    napari's *Convert to Labels* puts the very array of a scan into the new layer: lazy,
    interpolated or locked. The layer gets a copy and stays where it is, whatever its place.
    """
    from napari.layers import Labels

    if not isinstance(layer, Labels) or layer.multiscale:
        return
    record = record_of(layer)
    own = record if record is None else _own_record(layer, record)
    if own is not None:
        face = own.face(3 if record is not None and layer.data is record.native.data else 2)
        layer.metadata = {**layer.metadata, **metadata(own)}
        layer.data = face.data
    elif not _can_be_written(layer.data):
        layer.data = np.array(layer.data)
    _show_what_was_painted(layer)


def _own_record(layer: Labels, record: Shown) -> Shown | None:
    """Return a record with voxels of its own, or None where the layer needs none."""
    volume, data = record.volume, layer.data
    if record.current(data) is not None:
        if volume.kind == "labels":
            return None
        return record_to_paint(_as_labels(volume, volume.data, layer.name), record.oblique)
    twin = isinstance(data, ReslicedArray) and record.resliced is not None and data.nearest
    if twin and data.shape == record.resliced.data.shape:  # type: ignore[union-attr]
        # A copy of an oblique layer: its voxels, not what 2-D shows of them.
        voxels = turn_of(volume).back(data.data)
        return record_to_paint(_as_labels(volume, voxels, layer.name), record.oblique)
    return None


def _as_labels(volume: Volume, data: Any, name: str) -> Volume:
    if volume.kind == "labels":
        return volume.derive(Step("edit", {"layer": name}), data=data)
    made = volume.derive(Step("edit", {"layer": name}), data=data, kind="labels", unit="")
    return replace(made, display=Display())


def _can_be_written(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return bool(data.flags.writeable)
    if isinstance(data, ReslicedArray):
        return data.nearest and _can_be_written(data.data)
    # Arrays of other libraries have ways of their own.
    return not isinstance(data, LazyArray)


def _show_what_was_painted(layer: Labels) -> None:
    """Draw oblique labels anew after each stroke.

    napari draws the brush's own circle; what was painted are the voxels below it.
    """
    if layer in _watched:
        return
    _watched.add(layer)

    def on_update() -> None:
        if isinstance(layer.data, ReslicedArray):
            layer.refresh(extent=False)

    # After napari has drawn the circle.
    layer.events.labels_update.connect(on_update, position="last")
