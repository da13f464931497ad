"""Ortho views: axial, coronal, sagittal and 3-D at once, with one cursor.

A script uses :func:`show` and :func:`picture`.
"""

import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container, PushButton, SpinBox, Widget
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QGridLayout, QMainWindow, QWidget

from napari_medvol.errors import LayerError
from napari_medvol.viewer.ortho.gestures import pick
from napari_medvol.viewer.ortho.models import VIEWS, Options, Ortho, View
from napari_medvol.viewer.ortho.panes import Pane
from napari_medvol.viewer.widgets.beside import Beside
from napari_medvol.viewer.widgets.panel import Panel

_SIDES = ("radiological", "neurological")
_NOSES = ("nose left", "nose right")
_AFTER_GAP = ("letters", "linked_zoom", "volume")
_POLL_MS = 300
_open: "WeakKeyDictionary[Any, OrthoWidget]" = WeakKeyDictionary()
_GAP = 2
#: Pixels of height of the rows above the views.
_CONTROLS = 80
_NAME = "Ortho views"


class OrthoWidget(Panel):
    """The four views of a viewer, side by side.

    Parameters
    ----------
    viewer : Viewer

    Attributes
    ----------
    ortho : Ortho
        Models, cursor and options behind the views.
    panes : dict of str to Pane
        ``"axial"``, ``"sagittal"``, ``"volume"``, ``"coronal"``.
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, labels=False)
        self.ortho = Ortho(self.viewer)
        self._add_controls()
        self._grid = QWidget()
        layout = QGridLayout(self._grid)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        self.panes: dict[View, Pane] = {view: Pane(self.ortho, view) for view in VIEWS}
        for number, view in enumerate(VIEWS):
            layout.addWidget(self.panes[view], *divmod(number, 2))
        self._share_space("")
        self.add_native(self._grid, 1)
        # Panels scroll where they lack room: views that scroll cannot be compared.
        least = self._grid.minimumSizeHint().height() + _CONTROLS
        self.native.setMinimumHeight(least)
        self._poll = QTimer(self._grid)
        self._poll.setInterval(_POLL_MS)
        self.connect(self._poll.timeout, self._look_for_voxels)
        self.connect(self.ortho.maximised, self._on_maximised)
        self.connect(self.viewer.layers.events.inserted, self._wait_for_voxels)
        self.connect(self.ortho.mirror.added, self._on_added)
        self._pick = partial(pick, weakref.ref(self.ortho))
        self.viewer.mouse_drag_callbacks.append(self._pick)
        self.at_close(self._let_go)
        _open[self.viewer] = self
        # The planes first: a volume takes longer to draw.
        QTimer.singleShot(0, self._fill_volume)

    def _on_parent(self, parent: Any) -> None:
        super()._on_parent(parent)
        if isinstance(parent, QDockWidget):
            # Later: the dock asks its title bar for its buttons when it is done.
            QTimer.singleShot(0, partial(self._settle_in, parent))

    def _settle_in(self, dock: QDockWidget) -> None:
        if self.is_closed:
            return
        _keep_in_window(dock)
        with suppress(RuntimeError):
            window = dock.parent()
            if isinstance(window, QMainWindow):
                self.at_close(Beside(dock, window).end)

    def picture(self) -> NDArray[np.uint8]:
        """Return what the views show, (height, width, 4), as they are laid out.

        Waits for planes that are still being read.
        """
        self.ortho.mirror.finish()
        if self.ortho.alone:
            return self.panes[self.ortho.alone].picture()
        pictures = [self.panes[view].picture() for view in VIEWS]
        rows = [_beside(pictures[:2], 1), _beside(pictures[2:], 1)]
        return _beside(rows, 0)

    def _add_controls(self) -> None:
        options = self.ortho.options
        sides = ComboBox(
            choices=_SIDES,
            value=_SIDES[not options.radiological],
            tooltip="Whether the patient's left is on the right of axial and coronal views",
        )
        noses = ComboBox(
            choices=_NOSES,
            value=_NOSES[not options.nose_left],
            tooltip="Which way the nose points in the sagittal view",
        )
        gap = SpinBox(value=options.gap, max=200, tooltip="Gap of the crosshair, pixels")
        boxes = {
            name: CheckBox(text=text, value=getattr(options, name), tooltip=tooltip)
            for name, text, tooltip in (
                ("crosshair", "crosshair", "Lines through the cursor (H)"),
                ("letters", "letters", "R, L, A, P, S, I at the borders"),
                ("linked_zoom", "linked zoom", "One zoom for the three planes"),
                ("volume", "3-D", "Draw the volumes in 3-D"),
            )
        }
        centre = PushButton(text="Centre", tooltip="The cursor into the middle of each view (T)")
        fit = PushButton(text="Fit", tooltip="All of it into each view (Home)")
        first: Container[Widget] = Container(
            widgets=[sides, noses, centre, fit], layout="horizontal", labels=False
        )
        second: Container[Widget] = Container(
            widgets=[boxes["crosshair"], gap, *(boxes[name] for name in _AFTER_GAP)],
            layout="horizontal",
            labels=False,
        )
        for row in (first, second):
            row.margins = (0, 0, 0, 0)
            self.append(row)
        self._controls = {"radiological": sides, "nose_left": noses, "gap": gap, **boxes}
        self.connect(sides.changed, self._on_side)
        self.connect(noses.changed, self._on_nose)
        self.connect(gap.changed, self._on_gap)
        for name, box in boxes.items():
            self.connect(box.changed, _setter(options, name))
        self.connect(centre.changed, self._on_centre)
        self.connect(fit.changed, self._on_fit)
        self.connect(options.events, self._on_option)

    def _on_side(self, value: str) -> None:
        self.ortho.options.radiological = value == _SIDES[0]

    def _on_nose(self, value: str) -> None:
        self.ortho.options.nose_left = value == _NOSES[0]

    def _on_gap(self, value: int) -> None:
        self.ortho.options.gap = value

    def _on_centre(self) -> None:
        self.ortho.centre()

    def _on_fit(self) -> None:
        self.ortho.fit()

    def _on_option(self, info: Any) -> None:
        """Show an option that a key or a script changed."""
        name, options = info.signal.name, self.ortho.options
        shown = {
            "radiological": _SIDES[not options.radiological],
            "nose_left": _NOSES[not options.nose_left],
        }
        self._controls[name].value = shown.get(name, getattr(options, name))
        if name == "volume":
            self._wait_for_voxels()

    def _on_maximised(self, alone: str) -> None:
        for view, pane in self.panes.items():
            pane.setVisible(alone in ("", view))
        self._share_space(alone)

    def _share_space(self, alone: str) -> None:
        """Give rows and columns of the grid the same space; none where nothing is shown."""
        layout = self._grid.layout()
        places = [divmod(n, 2) for n, view in enumerate(VIEWS) if alone in ("", view)]
        for number in range(2):
            layout.setRowStretch(number, int(any(row == number for row, _ in places)))
            layout.setColumnStretch(number, int(any(column == number for _, column in places)))

    def _fill_volume(self) -> None:
        if not self.is_closed:
            self.ortho.show_volume()
            self._wait_for_voxels()

    def _wait_for_voxels(self) -> None:
        waiting = self.ortho.mirror.waiting()
        if waiting:
            names = ", ".join(layer.name for layer in waiting)
            self.say(f"3-D waits for {names}: not all of it is in memory")
            self._poll.start()

    def _on_added(self, _: bool) -> None:
        self._wait_for_voxels()

    def _look_for_voxels(self) -> None:
        self.ortho.mirror.show_what_is_ready()
        if not self.ortho.mirror.waiting():
            self._poll.stop()
            self.say("")

    def _let_go(self) -> None:
        self._poll.stop()
        with suppress(ValueError):
            self.viewer.mouse_drag_callbacks.remove(self._pick)
        if _open.get(self.viewer) is self:
            del _open[self.viewer]
        for pane in self.panes.values():
            pane.release()
        # Whoever still holds the widget holds no canvas.
        self.panes.clear()
        self.ortho.close()


def open_on(viewer: Any) -> OrthoWidget | None:
    """Return the widget that is open on a viewer."""
    return _open.get(getattr(viewer, "__wrapped__", viewer))


def show(viewer: Any, point: ArrayLike | None = None) -> Ortho:
    """Open the Ortho views of a viewer, or find them where they are open.

    Parameters
    ----------
    viewer : Viewer
    point : (3,) array_like, optional
        Where to put the cursor, RAS+ mm.

    Returns
    -------
    Ortho
        Its models, cursor and options.

    Raises
    ------
    LayerError
        If the viewer has no window, or `point` is no point.
    """
    widget = open_on(viewer)
    if widget is None:
        window = getattr(viewer, "window", None)
        if window is None:
            raise LayerError(
                _NAME,
                f"a {type(viewer).__name__} has no window",
                "Give a napari.Viewer, or use Ortho(viewer) for the models alone",
            )
        widget = OrthoWidget(viewer)
        window.add_dock_widget(widget, name=_NAME, area="right")
    if point is not None:
        widget.ortho.ras = point
    return widget.ortho


def picture(viewer: Any, path: str | Path | None = None) -> NDArray[np.uint8]:
    """Return what the Ortho views of a viewer show, and save it if a path is given.

    Parameters
    ----------
    viewer : Viewer
    path : str or Path, optional
        ``.png`` or what else Pillow writes.

    Returns
    -------
    (height, width, 4) array of uint8

    Raises
    ------
    LayerError
        If the Ortho views are not open.
    """
    widget = open_on(viewer)
    if widget is None:
        raise LayerError(_NAME, "the views are not open", "Open them first: ortho_views(viewer)")
    pixels = widget.picture()
    if path is not None:
        from PIL import Image

        Image.fromarray(pixels).save(path)
    return pixels


def _setter(options: Options, name: str) -> Callable[[bool], None]:
    return lambda value: setattr(options, name, value)


def _keep_in_window(dock: QDockWidget) -> None:
    """Let a dock not float: in another window Qt gives canvases empty contexts (QOpenGLWidget)."""
    with suppress(RuntimeError):
        kept = dock.features() & ~QDockWidget.DockWidgetFeature.DockWidgetFloatable
        dock.setFeatures(kept & ~QDockWidget.DockWidgetFeature.DockWidgetMovable)
        button = getattr(dock.titleBarWidget(), "float_button", None)
        if button is not None:
            button.hide()


def _beside(pictures: Sequence[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """Return pictures in a row (1) or a column (0), black where one is smaller."""
    across = max(picture.shape[1 - axis] for picture in pictures)
    parts: list[NDArray[np.uint8]] = []
    for picture in pictures:
        missing = [[0, 0], [0, 0], [0, 0]]
        missing[1 - axis][1] = across - picture.shape[1 - axis]
        if parts:
            missing[axis][0] = _GAP
        parts.append(np.pad(picture, missing))
    return np.concatenate(parts, axis=axis)
