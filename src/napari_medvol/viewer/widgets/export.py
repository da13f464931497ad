"""Export slices: pictures of what is visible, or of one layer's data."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
from magicgui.widgets import Container, Slider, Widget
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_medvol.errors import StepError
from napari_medvol.viewer.pictures import (
    frame_of,
    not_drawn,
    scan_of,
    visible_scene,
)
from napari_medvol.viewer.places import to_ras
from napari_medvol.viewer.waiting import Task
from napari_medvol.viewer.widgets.panel import acting
from napari_medvol.viewer.widgets.slices_form import LAYER_WINDOW, ONE, WINDOWS, SlicesForm
from napari_medvol.viewer.widgets.working import WorkingPanel
from napari_medvol.views.planes import PLANES, Plane
from napari_medvol.views.slices import Export, Exported, prepared
from napari_medvol.views.slices.planes import across, grid_of
from napari_medvol.volume import Volume

_POLL_MS: Final = 40
#: The preview waits until the user has stopped turning things.
_PATIENCE_MS: Final = 250
_PREVIEW: Final = 256


class ExportWidget(WorkingPanel):
    """Choose, look at one picture as it will be, write all.

    Parameters
    ----------
    viewer : Viewer
    """

    stopped = "Stopped after {done:,} of {total:,} pictures; Export goes on"

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Export", labels=False)
        self.form = SlicesForm(self.viewer)
        self.at = Slider(value=500, max=1000, readout=False, tooltip="Which picture is shown")
        self.result: Exported | None = None
        self._look: Task[Any] | None = None
        self._stale = False
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumHeight(_PREVIEW // 2)
        self.add_native(_scrolled(self.form), stretch=1)
        self.caption = QLabel()
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.add_native(self.picture)
        self.add_native(self.caption)
        for part in (self.at, self.bar, self.buttons):
            self.add_native(part.native)
        self._timer = QTimer(self.native)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.show_preview)
        self._drawing = QTimer(self.native)
        self._drawing.timeout.connect(self._watch_preview)
        self._connect()
        self._soon()

    def _connect(self) -> None:
        viewer = self.viewer
        self.connect(self.form.changed, self._soon)
        self.connect(self.at.changed, self._soon)
        self.connect(viewer.dims.events.point, self._soon)
        for name in ("inserted", "removed", "reordered"):
            self.connect(getattr(viewer.layers.events, name), self._soon)
        self.at_close(self.form.layer.release)
        self.at_close(self.form.masks.release)
        self.at_close(self._timer.stop)
        self.at_close(self._drawing.stop)

    # -- what is asked for ------------------------------------------------------------------

    def _prepared(self, folder: Any) -> Callable[[], Export]:
        """Return what makes the export ready: it may read much, so it is done in a thread."""
        form = self.form
        masks = None if form.masks.value is None else scan_of(form.masks.value)
        if form.is_one_layer:
            scene, window, frames = self._one_layer()
            reference = scene
        else:
            scene, window, frames = self._shown()
            reference = scene[0][0]
        settings = form.settings(self._current(reference), window)
        allowed = "allow" if form.allow.value else "refuse"
        settings = replace(settings, frames=frames)
        return partial(prepared, scene, folder, settings, masks=masks, identifiers=allowed)

    def _one_layer(self) -> tuple[Any, Any, Any]:
        layer = self.form.layer.value
        if layer is None:
            raise StepError("slices", "there is no image or labels layer", "Open a scan")
        window: Any = WINDOWS[self.form.window.value]
        if self.form.window.value == LAYER_WINDOW:
            limits = getattr(layer, "contrast_limits", None)
            window = None if limits is None else (float(limits[0]), float(limits[1]))
            # True values are never cut off at what the screen happens to show.
            window = None if self.form.settings({}, None).depth == 16 else window
        frame = frame_of(self.viewer, layer)
        frames = "all" if self.form.every_frame or frame is None else frame
        return scan_of(layer), window, frames

    def _shown(self) -> tuple[Any, Any, Any]:
        scene = visible_scene(self.viewer, every_frame=self.form.every_frame)
        return scene, None, "all"

    def _current(self, reference: Volume) -> dict[Plane, int]:
        """Return the slices through the viewer's point."""
        if self.viewer.dims.ndim < 3:
            return dict.fromkeys(PLANES, 0)
        ras = to_ras(self.viewer, self.viewer.dims.point)
        grids = {plane: grid_of(reference, plane) for plane in PLANES}
        return {plane: grid.number_at(float(ras[across(plane)])) for plane, grid in grids.items()}

    # -- preview ------------------------------------------------------------------------------

    def _soon(self, *_: Any) -> None:
        if not self.is_closed:
            self._timer.start(_PATIENCE_MS)

    @acting
    def show_preview(self) -> None:
        """Show one picture as it will be. It is drawn in a thread."""
        if self._look is not None and self._look.is_alive():
            self._stale = True
            return
        if not self.viewer.layers:
            self._clear()
            return
        make, share = self._prepared("."), self.at.value / 1000
        self._look = Task(lambda _: make().preview(share))
        self._look.start()
        self._drawing.start(_POLL_MS)

    def _watch_preview(self) -> None:
        if self._look is None or self._look.is_alive():
            return
        self._drawing.stop()
        look, self._look = self._look, None
        self._show_drawn(look)
        if self._stale:
            self._stale = False
            self._soon()

    @acting
    def _show_drawn(self, look: Task[Any]) -> None:
        try:
            name, drawn = look.result()
        except Exception as error:  # whatever a library raised in the thread
            self._clear()
            self.say_error(error)
            return
        self.picture.setPixmap(_pixmap(drawn.picture))
        share = 100 * drawn.n_clipped / max(drawn.n_values, 1)
        rows, columns = drawn.picture.shape[:2]
        self.caption.setText(f"{name}: {columns} × {rows}, {share:.3g} % clipped")

    def _clear(self) -> None:
        self.picture.clear()
        self.caption.clear()

    # -- writing ------------------------------------------------------------------------------

    @acting
    def start(self, *_: Any) -> None:
        """Write the pictures, in a thread."""
        if self.is_working:
            return
        make = self._prepared(self.form.folder_asked())
        overwrite = self.form.overwrite.value
        self.result = None
        self.work(
            lambda tell: make()(overwrite=overwrite, progress=tell), self._done, "Exporting …"
        )

    def _done(self, result: Exported) -> None:
        self.result = result
        others = not_drawn(self.viewer) if self.form.what.value != ONE else []
        notes = [f"not drawn: {', '.join(others)}"] if others else []
        self.say("\n".join([str(result), *notes]))


def _scrolled(form: Container[Widget]) -> QScrollArea:
    """Return the form so that it fits on small screens."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    inside = QWidget()
    layout = QVBoxLayout(inside)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(form.native)
    layout.addStretch()
    area.setWidget(inside)
    return area


def _pixmap(picture: NDArray[Any]) -> QPixmap:
    """Return a picture of any depth for the screen; numbers are spread over the greys."""
    if picture.dtype != np.uint8 or picture.max(initial=0) < 32:
        picture = (picture * (255.0 / max(int(picture.max(initial=0)), 1))).astype(np.uint8)
    rows, columns = picture.shape[:2]
    kind = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    content = np.ascontiguousarray(picture)
    image = QImage(content.data, columns, rows, content.strides[0], kind).copy()
    return QPixmap.fromImage(image).scaled(
        _PREVIEW,
        _PREVIEW,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
