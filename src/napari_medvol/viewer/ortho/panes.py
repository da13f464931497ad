"""The canvases: napari's own, one for each view, with a slider and a crosshair."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari._vispy.canvas import VispyCanvas
from napari.qt import QtViewer
from napari.utils.events.event_utils import disconnect_events
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QHBoxLayout, QScrollBar, QWidget

from napari_medvol.viewer.ortho.crosshair import Corners, Crosshair
from napari_medvol.viewer.ortho.gestures import HELP, HELP_VOLUME, Gestures
from napari_medvol.viewer.ortho.models import Ortho, View
from napari_medvol.viewer.ortho.quiet import apart_from_settings
from napari_medvol.viewer.planes import plane_order

if TYPE_CHECKING:
    from napari.layers import Layer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

#: ms. The lines in 3-D wait for the cursor to rest: each move would draw the volume anew.
_REST_MS = 300
_LATE_MS = 60

#: Pixels of a view that can be used; of a screen too low for two of them and napari's own bars.
_LEAST = 200
_LEAST_ON_LOW = 120
_LOW_SCREEN = 760


def _least_size() -> tuple[int, int]:
    screen = QApplication.primaryScreen()
    is_low = screen is not None and screen.availableGeometry().height() < _LOW_SCREEN
    return (_LEAST, _LEAST_ON_LOW if is_low else _LEAST)


class SideCanvas(VispyCanvas):
    """A canvas that leaves it to the main one to warn."""

    def _update_world_units(self) -> None:
        # Of layers whose units do not agree: four canvases would say it again.
        if self.viewer.layers and self.viewer.layers.extent.units is None:
            for visual in self.layer_to_visual.values():
                visual.world_units = None
        else:
            super()._update_world_units()


class LayerKeys:
    """The keys that were bound to one layer, without those of all layers of its class.

    Parameters
    ----------
    layer : Layer
        What the keys act on.
    """

    class_keymap: ClassVar[dict[Any, Any]] = {}

    def __init__(self, layer: Layer) -> None:
        self._layer = weakref.ref(layer)

    @property
    def keymap(self) -> dict[Any, Callable[[Any], Any]]:
        """The keys as they are bound now."""
        layer = self._layer()
        return {} if layer is None else {k: _of(layer, do) for k, do in layer.keymap.items()}


def _of(layer: Layer, do: Any) -> Any:
    def act(_: Any) -> Any:
        return do(layer)

    return act if callable(do) else do


class SideViewer(QtViewer):
    """A canvas of napari without its sliders; what is dropped on it goes to the main window."""

    def __init__(self, ortho: Ortho, view: View) -> None:
        model = ortho.models[view]
        with apart_from_settings():
            super().__init__(model, canvas_class=SideCanvas)
        self._ortho = ortho
        # napari's sliders would round where the view stands to their steps, hidden or not.
        for part in (self.dims, *self.dims.slider_widgets):
            disconnect_events(model.dims.events, part)
        self.dims.hide()
        self.setMinimumSize(*_least_size())
        # The leading viewer's active layer may have keys of its own: windows are chosen so.
        ortho.viewer.layers.selection.events.active.connect(self._on_active_change)
        self._on_active_change()

    def release(self) -> None:
        """Undo all connections and close the canvas."""
        selection = self._ortho.viewer.layers.selection
        selection.events.active.disconnect(self._on_active_change)
        self.close()

    def _on_active_change(self) -> None:
        super()._on_active_change()
        ortho = getattr(self, "_ortho", None)
        active = None if ortho is None else ortho.viewer.layers.selection.active
        if active is not None:
            self._key_map_handler.keymap_providers.insert(0, LayerKeys(active))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Accept what napari's own window accepts."""
        if (main := self._main()) is not None:
            main.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped in napari's own window."""
        if (main := self._main()) is not None:
            main.dropEvent(event)

    def _main(self) -> Any:
        window = getattr(self._ortho.viewer, "window", None)
        return None if window is None else window._qt_viewer  # noqa: SLF001 - only it can open


class Pane(QWidget):
    """One view: its canvas, and for a plane the slider beside it.

    Parameters
    ----------
    ortho : Ortho
    view : {"axial", "sagittal", "volume", "coronal"}
    """

    def __init__(self, ortho: Ortho, view: View) -> None:
        super().__init__()
        self.ortho, self.view, self.model = ortho, view, ortho.models[view]
        self.viewer = SideViewer(ortho, view)
        self.crosshair = Crosshair(self.viewer.canvas.view.scene, self.model)
        self._corners: Corners | None = None
        if view == "volume":
            canvas = self.viewer.canvas
            self._corners = Corners(canvas.view.scene, self.model, canvas.font_info())
        self._gestures = Gestures(ortho, view)
        keys = self.viewer.canvas._scene_canvas.events.key_press  # noqa: SLF001 - napari's names
        # Last: napari's own says of keys that it does not know that nobody took them.
        keys.connect(self._gestures.press, position="last")
        self._slider: QScrollBar | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self._moved_at = 0.0
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.viewer, 1)
        self.setToolTip(HELP_VOLUME if view == "volume" else HELP)
        if view != "volume":
            self._slider = QScrollBar(Qt.Orientation.Vertical)
            self._slider.valueChanged.connect(self._on_slider)
            layout.addWidget(self._slider)
        self._connect(True)
        self.follow()

    def follow(self) -> None:
        """Go where the cursor is: slider and lines."""
        self._set_slider()
        if self.view == "volume":
            self._moved_at = time.monotonic()
            self._rest.start()
        else:
            self.draw()

    def _on_rest(self) -> None:
        """Draw, unless the timer is late: then there was no rest but other drawing."""
        late = 1000 * (time.monotonic() - self._moved_at) - _REST_MS
        if late > _LATE_MS:
            self._moved_at = time.monotonic()
            self._rest.start()
        else:
            self.draw()

    def draw(self) -> None:
        """Draw the crosshair."""
        if self.ortho.is_closed:
            return
        options = self.ortho.options
        self.crosshair.draw(self.ortho.on_screen(self.model), options.gap, options.crosshair)
        if self._corners is not None:
            self._corners.draw(options.letters, self.ortho.turn)

    def picture(self) -> NDArray[np.uint8]:
        """Return what the canvas shows, (height, width, 4)."""
        picture: NDArray[np.uint8] = self.viewer.screenshot(flash=False)
        return picture

    def release(self) -> None:
        """Undo all connections and close the canvas."""
        self._rest.stop()
        self._connect(False)
        self.crosshair.remove()
        if self._corners is not None:
            self._corners.remove()
        self.viewer.release()

    def _connect(self, on: bool) -> None:
        model, ortho = self.model, self.ortho
        pairs: list[tuple[Any, Any]] = [
            (ortho.cursor.moved, self._on_moved),
            (ortho.options.events, self._on_moved),
            (model.scene.camera.events.zoom, self.follow),
            (model.dims.events.range, self.follow),
            (model.dims.events.order, self.follow),
            (model.layers.events.inserted, self.follow),
            (model.layers.events.removed, self.follow),
            (model.canvas.events.size, self._on_size),
            (model.events.status, self._on_status),
        ]
        if self._corners is not None:
            pairs.append((model.scene.camera.events.angles, self.draw))
            pairs.append((ortho.turned, self.draw))
        for emitter, callback in pairs:
            (emitter.connect if on else emitter.disconnect)(callback)

    def _on_moved(self, _: Any = None) -> None:
        self.follow()

    def _on_size(self) -> None:
        self.ortho.fit_again()
        if self.view != "volume":
            self.ortho.write_on(self.view)

    def _on_status(self) -> None:
        self.ortho.viewer.status = self.model.status

    def _set_slider(self) -> None:
        """Put the slider where the cursor is; superior, anterior and right are at its top."""
        if self._slider is None or self.view == "volume":
            return
        dims = self.model.dims
        slider = self._slider
        slider.blockSignals(True)
        if dims.ndim < 3 or not self.model.layers:
            slider.setRange(0, 0)
        else:
            axis = dims.ndim - 3 + plane_order(self.view, 3)[0]
            slider.setRange(0, dims.nsteps[axis] - 1)
            slider.setValue(dims.current_step[axis])
        slider.blockSignals(False)

    def _on_slider(self, value: int) -> None:
        if self.view == "volume":
            return
        axis = plane_order(self.view, 3)[0]
        dims = self.model.dims
        self.ortho.cursor.step(axis, value - dims.current_step[dims.ndim - 3 + axis])
