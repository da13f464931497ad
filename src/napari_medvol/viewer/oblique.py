"""The right face of an oblique volume: interpolated in 2-D, its own voxels in 3-D."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from napari_medvol.viewer.coordinates import Face, transforms
from napari_medvol.viewer.layers import layer_name
from napari_medvol.viewer.shown import Oblique, Shown, metadata, record_of
from napari_medvol.viewer.volumes import movement

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_followed: WeakSet[Any] = WeakSet()


def follow(viewer: ViewerModel) -> None:
    """Keep every oblique volume of `viewer` on the face that its dimensions need.

    Connected once, however often it is called.
    """
    if viewer in _followed:
        return
    _followed.add(viewer)

    def on_ndisplay() -> None:
        for layer in viewer.layers:
            show_face(layer, viewer.dims.ndisplay)

    def on_inserted(event: Any) -> None:
        show_face(event.value, viewer.dims.ndisplay)

    _before_napari(viewer.dims.events.ndisplay, on_ndisplay)
    _before_napari(viewer.layers.events.inserted, on_inserted)


def follow_open_windows() -> None:
    """Follow every napari window: a reader is not told which one its layers go to."""
    from napari import Viewer, current_viewer

    # A set of all viewers, which napari keeps private; the current one is the public half.
    for viewer in {*getattr(Viewer, "_instances", ()), current_viewer()} - {None}:
        follow(viewer)


def _before_napari(event: Any, callback: Callable[..., None]) -> None:
    """Connect `callback` so that it runs before napari slices the layers.

    Afterwards is too late: interpolating a whole volume takes half a minute, and napari draws
    a rotated layer centimetres off in 2-D. napari runs its own callbacks first, and counts an
    emitter that is chained to another as its own.
    """
    from napari.utils.events import EventEmitter

    chained = EventEmitter(type_name="medvol")
    chained.connect(callback)
    event.connect(chained, position="first")


def show_face(layer: Layer, ndisplay: int) -> None:
    """Give a layer the face for `ndisplay` dimensions, wherever it was moved to."""
    record = record_of(layer)
    if record is None or not record.is_oblique:
        return
    now, wanted = record.current(layer.data), record.face(ndisplay)
    if now is not None and now is not wanted:
        _put(layer, now, wanted)


def toggle(layer: Layer, ndisplay: int) -> Oblique | None:
    """Change between the two ways of showing an oblique volume; None if it is not oblique."""
    record = record_of(layer)
    if record is None or not record.is_oblique:
        return None
    now = record.current(layer.data)
    other: Oblique = "resample" if record.oblique == "native" else "native"
    turned = record.turned(other)
    layer.metadata = {**layer.metadata, **metadata(turned)}
    _rename(layer, record, turned)
    if now is not None:
        _put(layer, now, turned.face(ndisplay))
        layer.refresh()
    return other


def _rename(layer: Layer, before: Shown, after: Shown) -> None:
    """Say in the name which way is shown, unless the user gave the layer another name."""
    if layer.name.startswith(layer_name(before)):
        layer.name = layer.name.replace(layer_name(before), layer_name(after), 1)


def _put(layer: Layer, now: Face, wanted: Face) -> None:
    """Change data and transforms at once, drawing nothing in between."""
    motion = movement(layer, now)
    matrix = wanted.matrix if motion is None else motion @ wanted.matrix
    given = transforms(matrix)
    with layer._block_refresh():  # noqa: SLF001 - there is no public way to change both
        layer.rotate = np.eye(layer.ndim)
        layer.shear = np.zeros(layer.ndim * (layer.ndim - 1) // 2)
        layer.data = wanted.data
        layer.scale, layer.translate = given["scale"], given["translate"]
        layer.affine = given["affine"]
