"""The layer strip: a small live picture of every layer; click for one alone."""

from typing import Any, Final

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QFont, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem

from napari_medvol.errors import MedVolError
from napari_medvol.viewer.roles import is_overlay, role_of
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.slice_pictures import SIZE, slice_picture
from napari_medvol.viewer.soloing import Solo
from napari_medvol.viewer.waiting import CancelledError, Task
from napari_medvol.viewer.widgets.panel import Panel

#: After the last change: while a slider moves, no pictures are made.
_QUIET_MS: Final = 120
_POLL_MS: Final = 30
_KEY: Final = "W"
#: Pixels under a picture, for two lines.
_NAME: Final = 44
_LAYER_EVENTS: Final = (
    "name", "visible", "data", "contrast_limits", "gamma", "colormap", "metadata", "set_data",
)  # fmt: skip
_LIST_EVENTS: Final = ("inserted", "removed", "reordered")
_DIMS_EVENTS: Final = ("point", "order", "ndisplay")


class StripWidget(Panel):
    """Pictures of all layers on the current slice, visible or not, the highest first.

    A click shows one layer alone, another click all as before; W switches between the last two.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.solo = Solo(self.viewer)
        self.list = _list()
        self.add_native(self.list, stretch=1)
        self._shown: list[Layer] = []
        self._task: Task[list[Any]] | None = None
        self._quiet, self._poll = QTimer(self.native), QTimer(self.native)
        self._quiet.setSingleShot(True)
        self.connect(self._quiet.timeout, self.draw)
        self.connect(self._poll.timeout, self._look)
        self.connect(self.list.itemClicked, self._on_click)
        for name in _LIST_EVENTS:
            self.connect(getattr(self.viewer.layers.events, name), self._on_layers)
        for name in _DIMS_EVENTS:
            self.connect(getattr(self.viewer.dims.events, name), self._on_change)
        self.viewer.bind_key(_KEY, self._on_key, overwrite=True)
        self.at_close(lambda: self.viewer.bind_key(_KEY, None, overwrite=True))
        self.at_close(self._forget)
        self.at_close(self._end_solo)
        self._on_layers()

    def _end_solo(self) -> None:
        """Leave no layer hidden that nobody could tell why."""
        if self.solo.layer is not None:
            self.solo.end()

    def _forget(self) -> None:
        self._quiet.stop()
        self._poll.stop()
        if self._task is not None:
            self._task.cancel()
        for layer in self._shown:
            _each(layer, "disconnect", self._on_change)
        self._shown = []

    def _on_layers(self, *_: Any) -> None:
        """List the layers that there are, the highest first."""
        for layer in self._shown:
            _each(layer, "disconnect", self._on_change)
        self._shown = list(reversed(self.viewer.layers))
        self.list.clear()
        for layer in self._shown:
            _each(layer, "connect", self._on_change)
            self.list.addItem(QListWidgetItem(_broken(layer.name)))
        self._write()
        self._on_change()

    def _on_change(self, *_: Any) -> None:
        self._quiet.start(_QUIET_MS)

    def _on_key(self, viewer: Any) -> None:
        self.solo.switch()

    def _on_click(self, item: QListWidgetItem) -> None:
        layer = self.layer_of(item)
        if layer is not None:
            self.solo.toggle(layer)
            self._write()

    def layer_of(self, item: QListWidgetItem) -> Layer | None:
        """Return the layer of a picture, or None if it is gone."""
        row = self.list.row(item)
        layer = self._shown[row] if 0 <= row < len(self._shown) else None
        return layer if layer in self.viewer.layers else None

    def draw(self) -> None:
        """Make all pictures anew, in a thread."""
        self._write()
        makers = [slice_picture(self.viewer, layer) for layer in self._shown]

        def make(progress: Any) -> list[Any]:
            made: list[Any] = []
            for number, maker in enumerate(makers, 1):
                try:
                    made.append(maker())
                except MedVolError:
                    made.append(None)
                progress(number, len(makers))
            return made

        if self._task is not None:
            self._task.cancel()
        self._task = Task(make)
        self._task.start()
        self._poll.start(_POLL_MS)

    def _look(self) -> None:
        task = self._task
        if task is None or task.is_alive():
            return
        self._poll.stop()
        self._task = None
        try:
            pictures = task.result()
        except CancelledError:
            return
        # The layers are those of when they were asked for, else it was asked again.
        for row, picture in enumerate(pictures[: self.list.count()]):
            if picture is not None:
                self.list.item(row).setIcon(_icon(picture))

    def _write(self) -> None:
        """Write names: the reference bold, overlays italic, what is hidden grey."""
        for row, layer in enumerate(self._shown):
            item = self.list.item(row)
            font = QFont(self.list.font())
            font.setBold(role_of(layer) == "reference")
            font.setItalic(is_overlay(layer))
            item.setFont(font)
            item.setText(_broken(layer.name if layer.visible else f"({layer.name})"))
            record = record_of(layer)
            files = record.volume.report.files if record is not None else ()
            item.setToolTip("\n".join([layer.name, *files[:1]]))
        solo = self.solo.layer
        chosen = self._shown.index(solo) if solo in self._shown else -1
        self.list.setCurrentRow(chosen)


def _each(layer: Layer, act: str, callback: Any) -> None:
    for name in _LAYER_EVENTS:
        emitter = getattr(layer.events, name, None)
        if emitter is not None:
            getattr(emitter, act)(callback)


def _broken(name: str) -> str:
    """Return a name that may go on in a second line after each underscore, as after a space."""
    return name.replace("_", "_\u200b")


def _icon(picture: np.ndarray[Any, Any]) -> QIcon:
    height, width = picture.shape[:2]
    data = np.ascontiguousarray(picture)
    image = QImage(data.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return QIcon(QPixmap.fromImage(image))


def _list() -> QListWidget:
    pictures = QListWidget()
    pictures.setViewMode(QListView.ViewMode.IconMode)
    pictures.setIconSize(QSize(SIZE, SIZE))
    pictures.setResizeMode(QListView.ResizeMode.Adjust)
    pictures.setMovement(QListView.Movement.Static)
    pictures.setSpacing(6)
    pictures.setGridSize(QSize(SIZE + 40, SIZE + _NAME))
    pictures.setWordWrap(True)
    pictures.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    # One row of pictures is always seen whole, names included.
    pictures.setMinimumHeight(SIZE + _NAME + 2 * pictures.frameWidth())
    pictures.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    pictures.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    pictures.setToolTip(f"Click: one layer alone, and back. {_KEY}: the last two in turn")
    return pictures
