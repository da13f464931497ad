"""Outline and handles of a crop box on the canvas of one viewer, and the mouse over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.viewer.box.drawing import Outline, scene_of
from napari_medvol.viewer.box.state import CropBox
from napari_medvol.views.boxes import Box, Face, Section, moved, section, with_face

if TYPE_CHECKING:
    from napari.components import ViewerModel

Faces = frozenset[Face]

#: Pixels of the screen within which the mouse has hold of a corner or a side.
_REACH: Final = 8.0
_LEFT: Final = 1
#: Pixels up to which a click is no drag.
_STILL: Final = 2.0


class BoxOnCanvas:
    """The box in one viewer: drawn in every plane, changed by dragging.

    A side or a corner moves the faces of the box that are seen there; the inside moves the
    whole box. What is dragged snaps to borders of voxels. Where the box lies askew, its outline
    is the section of the plane through it, and a side still moves the face that it belongs to.
    Off the box, the nearest section is drawn dim. In 3-D it is drawn, not dragged.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    state : CropBox
    on_click : callable, optional
        Called with (z, y, x) of the viewer's world where the box was clicked, not dragged.
    """

    def __init__(self, viewer: ViewerModel, state: CropBox, on_click: Any = None) -> None:
        self.viewer, self.state, self._on_click = viewer, state, on_click
        scene = scene_of(viewer)
        self.outline = None if scene is None else Outline(scene)
        viewer.mouse_drag_callbacks.insert(0, self.drag)
        self._connect(True)
        self.draw()

    def close(self) -> None:
        """Take the box off the canvas; no callback is left."""
        if self.drag in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self.drag)
        self._connect(False)
        if self.outline is not None:
            self.outline.remove()

    def draw(self, *_: Any) -> None:
        """Draw the box as the viewer shows it now."""
        if self.outline is None:
            return
        dims = self.viewer.dims
        spatial = [axis - dims.ndim + 3 for axis in dims.displayed]
        if self.state.is_empty or min(spatial) < 0 or self.state.layer.ndim < 3:
            self.outline.hide()
        elif dims.ndisplay == 3:
            self.outline.draw_edges(self.state.box, self.state.to_world(self.viewer), spatial)
        else:
            seen = self.seen()
            if seen is not None:
                self.outline.draw_section(seen, spatial)

    def seen(self) -> Section | None:
        """Return the outline that is on the screen, in (z, y, x) of the viewer's world."""
        dims = self.viewer.dims
        if dims.ndisplay != 2 or dims.ndim < 3 or min(dims.displayed) < dims.ndim - 3:
            return None
        if self.state.is_empty:
            return None
        across = ({0, 1, 2} - {axis - dims.ndim + 3 for axis in dims.displayed}).pop()
        at = float(dims.point[dims.ndim - 3 + across])
        return section(self.state.box, self.state.to_world(self.viewer), across, at)

    def drag(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Take hold of what is under the mouse, and move it."""
        seen = self.seen()
        active = viewer.layers.selection.active
        is_free = active is None or str(active.mode) in ("pan_zoom", "transform")
        if event.button != _LEFT or list(event.modifiers) or seen is None or not is_free:
            return
        faces = self._under(seen, event)
        if faces is None:
            return
        before, held = self.state.box, self._index(seen, event)
        camera = viewer.scene.camera
        pans, camera.mouse_pan, event.handled = camera.mouse_pan, False, True
        pressed, was_moved = tuple(event.pos), False
        try:
            yield
            while True:
                was_moved = was_moved or bool(
                    np.abs(np.subtract(event.pos, pressed)).max() > _STILL
                )
                if was_moved:
                    now = self._index(seen, event)
                    self.state.box = self._dragged(before, faces, held, now)
                event.handled = True
                if event.type != "mouse_move":
                    break  # napari drops moves in haste: where it was let go counts.
                yield
        finally:
            camera.mouse_pan = pans
        if not was_moved and self._on_click is not None:
            self._on_click(self._point(seen, event))

    def _dragged(self, before: Box, faces: Faces, held: Any, now: Any) -> Box:
        shape = self.state.shape
        if not faces:
            return moved(before, now - held, shape)
        box = before
        for face in faces:
            border = (before.stop if face.is_stop else before.start)[face.axis] - 0.5
            # From where it was taken hold of: a side does not jump to the mouse.
            index = border + now[face.axis] - held[face.axis]
            box = with_face(box, face, index, shape)
        return box

    def _under(self, seen: Section, event: Any) -> Faces | None:
        """Return the faces under the mouse, none of them inside the box, None outside."""
        shown = self._shown()
        mouse = self._point(seen, event)[shown]
        reach = _REACH / max(float(self.viewer.scene.camera.zoom), 1e-9)
        near = [
            (float(np.linalg.norm(corner.point[shown] - mouse)), corner.faces)
            for corner in seen.corners
        ]
        sides = [(_distance(mouse, a[shown], b[shown]), faces) for a, b, faces in seen.edges()]
        for found in (near, sides):
            distance, faces = min(found, key=lambda one: one[0])
            if distance <= reach and faces:
                return faces
        outline = np.array([corner.point[shown] for corner in seen.corners])
        fills = self.state.box.shape == tuple(self.state.shape[:3])
        # A box of everything cannot be moved: the mouse is left to what it does elsewhere.
        return frozenset() if _is_inside(mouse, outline) and not fills else None

    def _shown(self) -> list[int]:
        dims = self.viewer.dims
        return [axis - dims.ndim + 3 for axis in dims.displayed]

    def _point(self, seen: Section, event: Any) -> Any:
        """Return where the mouse is, (z, y, x), in the plane that is drawn."""
        point = np.array(event.position[-3:], dtype=np.float64)
        across = ({0, 1, 2} - set(self._shown())).pop()
        point[across] = seen.corners[0].point[across]
        return point

    def _index(self, seen: Section, event: Any) -> Any:
        return affines.apply_affine(self.state.to_index(self.viewer), self._point(seen, event))

    def _connect(self, on: bool) -> None:
        events = self.viewer.dims.events
        emitters = (events.point, events.order, events.ndisplay, events.ndim, self.state.changed)
        for emitter in emitters:
            (emitter.connect if on else emitter.disconnect)(self.draw)


def _distance(point: Any, one: Any, other: Any) -> float:
    """Return how far a point is from the line between two others."""
    along = other - one
    share = np.clip((point - one) @ along / max(float(along @ along), 1e-12), 0, 1)
    return float(np.linalg.norm(one + share * along - point))


def _is_inside(point: Any, outline: Any) -> bool:
    """Return whether a point is in a convex outline (n, 2), whose corners go round."""
    after = np.roll(outline, -1, axis=0) - outline
    to = point - outline
    turns = after[:, 0] * to[:, 1] - after[:, 1] * to[:, 0]
    return bool((turns >= 0).all() or (turns <= 0).all())
