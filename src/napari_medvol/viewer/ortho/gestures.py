"""What mouse and keys do over a plane: point, step, zoom, move."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.viewer.dragging import drag_from_beside
from napari_medvol.viewer.ortho.models import Ortho, View
from napari_medvol.viewer.ortho.picking import seen_at
from napari_medvol.viewer.places import to_ras
from napari_medvol.viewer.planes import plane_order

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LEFT, _RIGHT, _MIDDLE = 1, 2, 3

#: Zoom for one pixel of a right drag, and for one notch of the wheel.
_ZOOM_PIXEL: Final = 1.01
_ZOOM_NOTCH: Final = 1.15

#: A mouse that moves no further between press and release clicks.
_STILL_PIXELS: Final = 3

#: Keys over a plane. Slices go up towards superior, anterior and right.
HELP: Final = (
    "Click or drag: move the cursor · wheel, + − (or . ,), PgUp/PgDn: slices ·"
    " arrows: one voxel ·"
    " right drag, Ctrl+wheel: zoom · middle drag: move the picture · double-click: one view ·"
    " H: crosshair · T: centre · Home: fit"
)
#: Mouse over the volume; napari's own but for the click.
HELP_VOLUME: Final = (
    "Click: move the cursor to what is seen there · drag: turn · right drag, wheel: zoom ·"
    " Shift+drag: move the picture · double-click: one view"
)


class Gestures:
    """Mouse and keys over one plane.

    Parameters
    ----------
    ortho : Ortho
    view : {"axial", "coronal", "sagittal", "volume"}
    """

    def __init__(self, ortho: Ortho, view: View) -> None:
        self._ortho = weakref.ref(ortho)
        self._view = view
        self._wheel = 0.0
        model = ortho.models[view]
        model.mouse_double_click_callbacks[:] = [self.double_click]
        model.mouse_drag_callbacks.append(self.drag_window)
        if view != "volume":
            model.mouse_wheel_callbacks[:] = [self.wheel]
            model.mouse_drag_callbacks.append(self.drag)
            model.mouse_move_callbacks.append(self.hover)
        else:
            model.mouse_drag_callbacks.append(partial(pick, self._ortho))
        for key, does in self._keys().items():
            model.bind_key(key, does, overwrite=True)

    def drag(self, model: ViewerModel, event: Any) -> Iterator[None]:
        """Move the cursor with the left button, zoom with the right, move with the middle."""
        is_taken = event.handled or (event.button == _LEFT and not _is_free(model))
        if event.modifiers or is_taken:
            return
        act = {_LEFT: self._point, _RIGHT: self._zoom, _MIDDLE: self._move}.get(event.button)
        if act is None:
            return
        event.handled = True
        anchor = _displayed(model, event)
        act(model, event, anchor, 0.0)
        before = event.pos[1]
        yield
        while event.type == "mouse_move":
            act(model, event, anchor, float(event.pos[1] - before))
            before = event.pos[1]
            yield

    def drag_window(self, model: ViewerModel, event: Any) -> Iterator[None]:
        """Change the window of the active image, where the leading viewer lets a drag do so."""
        ortho = self._ortho()
        if ortho is not None:
            yield from drag_from_beside(ortho.viewer, model, event)

    def wheel(self, model: ViewerModel, event: Any) -> None:
        """Step through slices; with Ctrl, zoom about the pointer."""
        notches = float(event.delta[1])
        event.handled = True
        if "Control" in event.modifiers:
            _zoom_about(model, _displayed(model, event), _ZOOM_NOTCH**notches)
            return
        # A touch pad sends parts of a notch.
        self._wheel += notches
        whole = int(self._wheel)
        self._wheel -= whole
        self.step(whole)

    def double_click(self, model: ViewerModel, event: Any) -> None:
        """Show this view alone, or all again."""
        ortho = self._ortho()
        if ortho is not None and _is_free(model):
            ortho.maximise(self._view)

    def hover(self, model: ViewerModel, event: Any) -> None:
        """Let the leading viewer know what the mouse is over."""
        ortho = self._ortho()
        if ortho is not None and len(event.position) == ortho.viewer.dims.ndim:
            ortho.viewer.cursor.position = tuple(event.position)

    def step(self, slices: int) -> None:
        """Go so many slices towards superior, anterior or right."""
        ortho = self._ortho()
        if ortho is not None and slices and self._view != "volume":
            ortho.cursor.step(plane_order(self._view, 3)[0], -slices)

    def _nudge(self, across: int, towards: int) -> None:
        """Move the cursor a voxel up or down (0), left or right (1), as seen on the screen."""
        ortho = self._ortho()
        if ortho is None or self._view == "volume":
            return
        mirrored = across == 1 and ortho.is_mirrored(self._view)
        axis = plane_order(self._view, 3)[1 + across]
        ortho.cursor.step(axis, -towards if mirrored else towards)

    def _point(self, model: ViewerModel, event: Any, anchor: Any, moved: float) -> None:
        ortho = self._ortho()
        if ortho is None:
            return
        position = np.zeros(3)
        n = min(len(event.position), 3)
        position[-n:] = event.position[-n:]
        ortho.ras = to_ras(model, position)

    def _zoom(self, model: ViewerModel, event: Any, anchor: Any, moved: float) -> None:
        _zoom_about(model, anchor, _ZOOM_PIXEL**-moved)

    def _move(self, model: ViewerModel, event: Any, anchor: Any, moved: float) -> None:
        camera = model.scene.camera
        centre = np.array(camera.center[-2:]) + anchor - _displayed(model, event)
        camera.center = (0.0, *centre)

    def press(self, event: Any) -> None:
        """Step on "+": napari has no name for that key. Given to the canvas itself."""
        if event.key is not None and event.key.name == "+":
            self.step(1)
            event.handled = True

    def _keys(self) -> dict[str, Any]:
        ortho = self._ortho

        def on_ortho(do: Any) -> Any:
            def act(_: Any) -> None:
                if (held := ortho()) is not None:
                    do(held)

            return act

        def toggle(held: Ortho) -> None:
            held.options.crosshair = not held.options.crosshair

        keys = {"H": on_ortho(toggle), "T": on_ortho(Ortho.centre), "Home": on_ortho(Ortho.fit)}
        if self._view == "volume":
            return keys
        return {
            **keys,
            "PageUp": lambda _: self.step(1),
            "PageDown": lambda _: self.step(-1),
            **dict.fromkeys(("=", "."), lambda _: self.step(1)),
            **dict.fromkeys(("-", ","), lambda _: self.step(-1)),
            "Up": lambda _: self._nudge(0, -1),
            "Down": lambda _: self._nudge(0, 1),
            "Left": lambda _: self._nudge(1, -1),
            "Right": lambda _: self._nudge(1, 1),
        }


def pick(held: weakref.ReferenceType[Ortho], model: ViewerModel, event: Any) -> Iterator[None]:
    """Move the cursor to what is seen in 3-D where the left button is clicked, not dragged."""
    is_ours = event.button == _LEFT and not event.modifiers and not event.handled
    if model.dims.ndisplay != 3 or not is_ours or not _is_free(model):
        return
    position, direction, at = event.position, event.view_direction, np.array(event.pos)
    yield
    while event.type == "mouse_move":
        if np.abs(np.array(event.pos) - at).max() > _STILL_PIXELS:
            return
        yield
    ortho = held()
    point = None if ortho is None else seen_at(model, position, direction)
    if ortho is not None and point is not None:
        ortho.ras = point


def _is_free(model: ViewerModel) -> bool:
    """Return whether no tool of the active layer wants the mouse."""
    active = model.layers.selection.active
    return active is None or str(active.mode) == "pan_zoom"


def _displayed(model: ViewerModel, event: Any) -> Any:
    return np.array(event.position)[list(model.dims.displayed)]


def _zoom_about(model: ViewerModel, anchor: Any, factor: float) -> None:
    """Zoom; what is under `anchor` stays where it is on the screen."""
    camera = model.scene.camera
    centre = anchor + (np.array(camera.center[-2:]) - anchor) / factor
    camera.zoom *= factor
    camera.center = (0.0, *centre)
