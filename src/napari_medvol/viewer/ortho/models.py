"""The viewers beside a viewer: axial, coronal, sagittal and 3-D, linked in millimetres."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike
from psygnal import Signal, SignalGroupDescriptor

from napari_medvol.viewer.coordinates import Matrix
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.ortho.cursor import Point, cursor_of
from napari_medvol.viewer.ortho.lettering import (
    prepare,
    turn_of_layer,
    write_caption,
    write_letters,
)
from napari_medvol.viewer.ortho.mirror import Mirror
from napari_medvol.viewer.painting import make_paintable
from napari_medvol.viewer.places import from_ras
from napari_medvol.viewer.planes import plane_order
from napari_medvol.viewer.shown import record_of
from napari_medvol.views.planes import PLANES, Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

View = Literal["axial", "sagittal", "volume", "coronal"]

#: Top left, top right, bottom left, bottom right, as ITK-SNAP has them.
VIEWS: Final[tuple[View, ...]] = ("axial", "sagittal", "volume", "coronal")

#: Directions of the world, IPL: posterior, superior.
_BACKWARDS: Final = (0.0, 1.0, 0.0)
_HEAD_UP: Final = (-1.0, 0.0, 0.0)

#: Share of a view left free; more in 3-D, for the letters.
_AROUND_VOLUME: Final = 0.2
_AROUND: Final = 0.05

#: Share by which zoom and centre may differ from a fit and still be one.
_AS_FITTED: Final = 1e-6

#: The views of each viewer that has them; closed ones may be among them.
OPENED: Final[WeakKeyDictionary[Any, weakref.ReferenceType[Ortho]]] = WeakKeyDictionary()


@dataclass
class Options:
    """What a user chooses about the views; each change is told of by ``events``.

    Parameters
    ----------
    radiological : bool
        The patient's left on the right of axial and coronal views; else neurological.
    nose_left : bool
        Anterior on the left of the sagittal view.
    crosshair, letters : bool
        Whether they are drawn.
    gap : int
        Half the gap at the middle of the crosshair, pixels of the screen.
    linked_zoom : bool
        Whether the three planes have one zoom.
    volume : bool
        Whether the 3-D view is filled.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    radiological: bool = True
    nose_left: bool = True
    crosshair: bool = True
    gap: int = 12
    letters: bool = True
    linked_zoom: bool = True
    volume: bool = True


class Ortho:
    """Three planes and a 3-D view of what a viewer shows.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
        The one that leads: its layers are shown, its sliders and the views move together.

    Attributes
    ----------
    models : dict of str to ViewerModel
        ``"axial"``, ``"sagittal"``, ``"volume"`` and ``"coronal"``; what is added to one of
        their layer lists is drawn there, above the viewer's own layers.
    cursor : Cursor
        Where the views meet; ``cursor.moved`` tells of it.
    options : Options
    maximised : Signal
        Emits the view that a user wants to see alone, or all of them again: ``""``.
    turned : Signal
        Emits when the letters may be others.
    """

    maximised = Signal(str)
    turned = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        from napari_medvol.viewer.ortho.quiet import apart_from_settings

        self.viewer: Any = getattr(viewer, "__wrapped__", viewer)
        self.cursor = cursor_of(self.viewer)
        self.options = Options()
        self.alone: View | None = None
        self.is_closed = False
        with apart_from_settings():
            self.models = _side_viewers()
        self._fits: dict[View, tuple[float, ...]] = {}
        self._linking = False
        follow(self.viewer)
        for layer in self.viewer.layers:
            make_paintable(layer)
        self.mirror = Mirror(self.viewer, self._write)
        self.mirror.added.connect(self._on_added)
        for view, model in self.models.items():
            follow(model, stand=False)
            self._prepare(view, model)
        self._connect(True)
        for plane in PLANES:
            self.mirror.add(self.models[plane])
        self.cursor.follow()
        self.cursor.moved.connect(self._on_moved)
        self.options.events.connect(self._on_option)
        self._orient()
        self._stand()
        self.fit()
        OPENED[self.viewer] = weakref.ref(self)

    @property
    def ras(self) -> Point:
        """Where the views meet, RAS+ mm."""
        return self.cursor.ras

    @ras.setter
    def ras(self, point: ArrayLike) -> None:
        self.cursor.move_to(point)

    def close(self) -> None:
        """Leave the viewer as if the views had never been."""
        if self.is_closed:
            return
        self.is_closed = True
        self._connect(False)
        self.cursor.moved.disconnect(self._on_moved)
        self.cursor.rest()
        self.options.events.disconnect(self._on_option)
        self.mirror.added.disconnect(self._on_added)
        self.mirror.close()
        for model in self.models.values():
            model.layers.clear()

    def show_volume(self) -> None:
        """Fill the 3-D view, or empty it, as the options say."""
        model = self.models["volume"]
        self.mirror.remove(model)
        if self.options.volume:
            self.mirror.add(model)
            self._stand()
            self._from_front()

    def fit(self) -> None:
        """Fit what is visible into every view; the planes to one scale if they are linked."""
        self._linking = True
        for view, model in self.models.items():
            visible = [layer for layer in model.layers if layer.visible] or None
            margin = _AROUND_VOLUME if view == "volume" else _AROUND
            model.fit_to_view(layers=visible, margin=margin)
        if self.options.linked_zoom:
            zoom = min(self.models[plane].scene.camera.zoom for plane in PLANES)
            for plane in PLANES:
                self.models[plane].scene.camera.zoom = zoom
        self._linking = False
        self._fits = {view: _camera_of(model) for view, model in self.models.items()}

    def fit_again(self) -> None:
        """Fit after a window changed its size, unless the user zoomed or moved a view."""
        if all(
            np.allclose(_camera_of(model), self._fits[view], rtol=_AS_FITTED)
            for view, model in self.models.items()
            if view != "volume"
        ):
            self.fit()

    def centre(self) -> None:
        """Put the cursor into the middle of every view."""
        for plane in PLANES:
            model = self.models[plane]
            model.scene.camera.center = (0.0, *self.on_screen(model))

    def on_screen(self, model: ViewerModel) -> Matrix:
        """Return where the cursor is in the world axes that a view displays, rows first."""
        point = np.array(model.dims.point)
        n = min(model.dims.ndim, 3)
        point[-n:] = from_ras(model, self.ras)[-n:]
        displayed: Matrix = point[list(model.dims.displayed)]
        return displayed

    def maximise(self, view: View) -> None:
        """Show one view alone, or all of them if it was alone."""
        self.alone = None if self.alone == view else view
        self.maximised.emit(self.alone or "")

    # -- how --------------------------------------------------------------------------------

    def _connect(self, on: bool) -> None:
        viewer = self.viewer
        pairs: list[tuple[Any, Any]] = [
            (viewer.dims.events.point, self._stand),
            (viewer.dims.events.margin_left, self._stand),
            (viewer.dims.events.margin_right, self._stand),
            (viewer.layers.events.inserted, self._on_layers),
            (viewer.layers.events.removed, self._on_layers),
            (viewer.layers.selection.events.active, self._write),
            (viewer.events.theme, self._on_theme),
        ]
        for model in self.models.values():
            pairs += [(getattr(model.dims.events, name), self._hold) for name in _HELD]
            pairs += [(model.scene.camera.events.mouse_pan, self._hold_mouse)]
            pairs += [(model.scene.camera.events.mouse_zoom, self._hold_mouse)]
            pairs += [(model.scene.camera.events.zoom, self._on_zoom)]
        for emitter, callback in pairs:
            (emitter.connect if on else emitter.disconnect)(callback)

    def _prepare(self, view: View, model: ViewerModel) -> None:
        model.theme = self.viewer.theme
        prepare(model, view != "volume")
        if view != "volume":
            model.scene.camera.mouse_pan = model.scene.camera.mouse_zoom = False
            _hold_plane(model, view)

    def _view_of(self, part: Any, name: str) -> View | None:
        for view, model in self.models.items():
            if part is (model.dims if name == "dims" else model.scene.camera):
                return view
        return None

    def _hold(self, event: Any) -> None:
        """Keep a view on its plane, whatever key was pressed over it."""
        view = self._view_of(event.source, "dims")
        if view == "volume":
            event.source.ndisplay = 3
        elif view is not None:
            _hold_plane(self.models[view], view)

    def _hold_mouse(self, event: Any) -> None:
        """Keep napari's own dragging out of the planes, where dragging moves the cursor."""
        view = self._view_of(event.source, "camera")
        if view not in (None, "volume"):
            event.source.mouse_pan = event.source.mouse_zoom = False

    def _on_layers(self) -> None:
        self._stand()
        self._write()
        if len(self.viewer.layers) <= 1:
            self.fit()
            self._from_front()

    def _on_added(self, is_last: bool) -> None:
        """Go on where views get their layers one after the other."""
        if is_last:
            self._on_layers()
        else:
            self._stand()

    def _from_front(self) -> None:
        """Look at the volume from the front, head up."""
        model = self.models["volume"]
        model.scene.camera.set_view_direction(_BACKWARDS, _HEAD_UP)
        model.fit_to_view(margin=_AROUND_VOLUME)

    def _on_theme(self) -> None:
        for model in self.models.values():
            model.theme = self.viewer.theme

    def _on_moved(self, _: Any = None) -> None:
        self._stand()

    def _on_option(self, info: Any) -> None:
        name = info.signal.name
        if name in ("radiological", "nose_left"):
            self._orient()
        elif name == "letters":
            self._write()
        elif name == "linked_zoom" and self.options.linked_zoom:
            self._link(self.models["axial"])
        elif name == "volume":
            self.show_volume()

    def _stand(self) -> None:
        """Stand on the cursor along the sliders, and nowhere else: that would read planes."""
        main = self.viewer.dims
        for view, model in self.models.items():
            dims = model.dims
            if dims.ndim != main.ndim:
                continue
            n = min(dims.ndim, 3)
            point = np.array(main.point)
            point[-n:] = from_ras(model, self.ras)[-n:]
            axes = list(dims.not_displayed)
            for margin in _MARGINS:
                if getattr(dims, margin) != getattr(main, margin):
                    setattr(dims, margin, getattr(main, margin))
            if axes and not np.array_equal(point[axes], np.array(dims.point)[axes]):
                dims.set_point(axes, point[axes].tolist())
            if view != "volume":
                write_caption(model, view, self.ras, self._reference())

    def _orient(self) -> None:
        for plane in PLANES:
            right = self.options.nose_left if plane == "sagittal" else self.options.radiological
            camera = self.models[plane].scene.camera
            camera.orientation = ("towards", "down", "right" if right else "left")
        self._write()

    def _write(self) -> None:
        """Write letters and captions."""
        for plane in PLANES:
            self.write_on(plane)
        self.turned.emit()

    def write_on(self, plane: Plane) -> None:
        """Write on one view as it has room."""
        reference, model = self._reference(), self.models[plane]
        write_letters(
            model,
            plane,
            mirrored=self.is_mirrored(plane),
            turn=turn_of_layer(reference),
            shown=self.options.letters,
        )
        write_caption(model, plane, self.ras, reference)

    @property
    def turn(self) -> Matrix | None:
        """How what the letters are about is turned: RAS+ as shown to RAS+ as it lies."""
        return turn_of_layer(self._reference())

    def is_mirrored(self, plane: Plane) -> bool:
        """Return whether left and right of a view are changed over."""
        return not (self.options.nose_left if plane == "sagittal" else self.options.radiological)

    def _reference(self) -> Layer | None:
        """Return what the letters are about: the active scan, or the lowest visible one."""
        layers: list[Layer] = [layer for layer in self.viewer.layers if layer.visible]
        active = self.viewer.layers.selection.active
        candidates = ([active] if active else []) + layers
        return next((layer for layer in candidates if record_of(layer) is not None), None)

    def _on_zoom(self, event: Any) -> None:
        view = self._view_of(event.source, "camera")
        if self._linking or not self.options.linked_zoom or view in (None, "volume"):
            return
        self._link(self.models[view])

    def _link(self, leader: ViewerModel) -> None:
        """Give the planes one zoom; the cursor stays where it is on each."""
        self._linking = True
        zoom = leader.scene.camera.zoom
        for plane in PLANES:
            model = self.models[plane]
            camera = model.scene.camera
            if model is leader or camera.zoom == zoom:
                continue
            at = self.on_screen(model)
            centre = at + (np.array(camera.center[-2:]) - at) * (camera.zoom / zoom)
            camera.zoom = zoom
            camera.center = (0.0, *centre)
        self._linking = False


def _side_viewers() -> dict[View, ViewerModel]:
    from napari.components import ViewerModel

    return {view: ViewerModel(title=view, ndisplay=3 if view == "volume" else 2) for view in VIEWS}


_HELD: Final = ("order", "ndisplay", "ndim")
_MARGINS: Final = ("margin_left", "margin_right")


def _hold_plane(model: ViewerModel, plane: Plane) -> None:
    dims = model.dims
    if dims.ndisplay != 2:
        dims.ndisplay = 2
    if dims.ndim >= 3 and dims.order != plane_order(plane, dims.ndim):
        dims.order = plane_order(plane, dims.ndim)


def _camera_of(model: ViewerModel) -> tuple[float, ...]:
    camera = model.scene.camera
    return (camera.zoom, *camera.center)
