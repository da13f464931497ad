"""What this plugin does to a viewer that it put a scan into."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_medvol.viewer.arriving import let_arrive, rest
from napari_medvol.viewer.oblique import show_face
from napari_medvol.viewer.painting import make_paintable
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.standing import Standing

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_followed: WeakSet[Any] = WeakSet()


def follow(viewer: ViewerModel, *, stand: bool = True) -> None:
    """Keep every oblique volume of `viewer` on the face that its dimensions need.

    Labels can be painted whatever their array. Connected once, however often it is called.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    stand : bool
        Whether the viewer goes to where something of what was opened is to be seen, and says
        so where it does not. Not for a viewer that another one leads.
    """
    if viewer in _followed:
        return
    _followed.add(viewer)

    def on_ndisplay() -> None:
        for layer in viewer.layers:
            show_face(layer, viewer.dims.ndisplay)

    def on_inserted(event: Any) -> None:
        _prepare(event.value, viewer.dims.ndisplay)

    def on_removed(event: Any) -> None:
        rest(event.value)

    _before_napari(viewer.dims.events.ndisplay, on_ndisplay)
    _before_napari(viewer.layers.events.inserted, on_inserted)
    viewer.layers.events.removed.connect(on_removed)
    if stand:
        _stand(viewer)


def _stand(viewer: ViewerModel) -> None:
    standing = Standing(viewer)

    def after_inserted(event: Any) -> None:
        standing.after_inserted(event.value)

    viewer.layers.events.inserted.connect(after_inserted)


def _prepare(layer: Layer, ndisplay: int) -> None:
    """Give a new layer its face, a brush that works, and contrast sliders that reach."""
    make_paintable(layer)
    let_arrive(layer)
    show_face(layer, ndisplay)
    record = record_of(layer)
    if record is not None and record.reach is not None and hasattr(layer, "contrast_limits"):
        layer.contrast_limits_range = record.reach


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
