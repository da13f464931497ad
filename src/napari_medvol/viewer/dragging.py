"""Level and width by dragging on the canvas, and by the number keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from napari_medvol.errors import MedVolError
from napari_medvol.viewer import notify
from napari_medvol.viewer.windowing import (
    has_window,
    offered_windows,
    set_window,
    window_of,
    windowed_layer,
)
from napari_medvol.views.windows import window_of_limits
from napari_medvol.volume import Window

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Pixels of the mouse for as much as the window is wide.
_PIXELS: Final = 250.0

_KEYS: Final = "1234567890"

#: What to hold while dragging, for each viewer whose windows are dragged.
_modifiers: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def drag_windows(viewer: ViewerModel, modifier: str = "Shift") -> Callable[[], None]:
    """Let the left button with a modifier change the window of the active image.

    To the right is wider, down is a higher level, as in the clinic's viewers. While it drags,
    the view does not move. Side viewers do the same: see :func:`drag_from_beside`.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    modifier : {"Shift", "Control", "Alt"}

    Returns
    -------
    callable
        Ends it.
    """
    leader = getattr(viewer, "__wrapped__", viewer)
    _modifiers[leader] = modifier

    def drag(viewer: ViewerModel, event: Any) -> Iterator[None]:
        yield from _drag(viewer, viewer, modifier, event)

    def end() -> None:
        _modifiers.pop(leader, None)
        _without(viewer.mouse_drag_callbacks, drag)

    viewer.mouse_drag_callbacks.append(drag)
    return end


def drag_from_beside(leader: ViewerModel, viewer: ViewerModel, event: Any) -> Iterator[None]:
    """Let a drag in a side viewer do what it would in the viewer that leads it.

    Parameters
    ----------
    leader, viewer : ViewerModel
        Whose active image is meant; where the mouse is.
    event : napari mouse event
    """
    modifier = _modifiers.get(leader)
    if modifier is not None and not event.handled:
        yield from _drag(leader, viewer, modifier, event)


def _drag(leader: ViewerModel, viewer: ViewerModel, modifier: str, event: Any) -> Iterator[None]:
    layer = windowed_layer(leader)
    if event.button == 1 and layer is not None and list(event.modifiers) == [modifier]:
        yield from _dragged(viewer, layer, event)


def _dragged(viewer: ViewerModel, layer: Layer, event: Any) -> Iterator[None]:
    before, start = window_of(layer), tuple(event.pos)
    camera = getattr(viewer, "scene", viewer).camera
    pans = camera.mouse_pan
    camera.mouse_pan = False
    event.handled = True
    try:
        yield
        while event.type == "mouse_move":
            right, down = event.pos[0] - start[0], event.pos[1] - start[1]
            set_window(layer, dragged(before, right, down))
            event.handled = True
            yield
    finally:
        camera.mouse_pan = pans


def dragged(window: Window, right: float, down: float) -> Window:
    """Return a window after a drag of some pixels: wider to the right, higher downwards."""
    step = window.width / _PIXELS
    least = max(window.width / 100, 1.0 if window.function == "LINEAR" else 0.0)
    width = max(window.width + right * step, least)
    return window._replace(center=window.center + down * step, width=width)


def bind_window_keys(viewer: ViewerModel) -> Callable[[], None]:
    """Let the keys 1 to 9 choose the usual windows of the active image, and 0 those of its file.

    napari's images have 1 and 2 for themselves, so the keys are bound on each image until it
    ends.

    Returns
    -------
    callable
        Ends it.
    """
    return _WindowKeys(viewer).end


class _WindowKeys:
    """The keys of every image of a viewer, those that come later too."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer, self._bound = viewer, [layer for layer in viewer.layers if _bind(layer)]
        viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        if _bind(event.value):
            self._bound.append(event.value)

    def end(self) -> None:
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        for layer in self._bound:
            for key in _KEYS:
                layer.bind_key(key, None, overwrite=True)
        self._bound.clear()


def _bind(layer: Layer) -> bool:
    if not has_window(layer):
        return False
    for key in _KEYS:
        layer.bind_key(key, _chooser(key), overwrite=True)
    return True


def _chooser(key: str) -> Callable[[Layer], None]:
    """Return what a key does; napari asks for its name, which a partial has not."""

    def choose(layer: Layer) -> None:
        _choose(key, layer)

    return choose


def _choose(key: str, layer: Layer) -> None:
    try:
        choose_window(layer, int(key))
    except MedVolError as error:
        notify.fail(error)


def choose_window(layer: Layer, number: int) -> Window | None:
    """Show a layer with the window of a number key, and return it; None if there is none.

    1 to 9: the usual windows for the unit; where there are none, those of the file. 0: the
    first window of the file, else the limits that the layer was opened with.

    Raises
    ------
    LayerError
        If the layer has no window.
    """
    usual, of_file = offered_windows(layer)
    windows = of_file[:1] if number == 0 else (usual or of_file)[number - 1 : number]
    record = layer.metadata.get("medvol")
    limits = getattr(record, "limits", None)
    if number == 0 and not windows and limits is not None:
        windows = (window_of_limits(*limits)._replace(explanation="as opened"),)
    if not windows:
        return None
    set_window(layer, windows[0])
    return windows[0]


def _without(callbacks: list[Any], callback: Any) -> None:
    if callback in callbacks:
        callbacks.remove(callback)
