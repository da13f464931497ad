"""The cursor inspector: what every layer holds at one point."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from magicgui.widgets import CheckBox, Container, LineEdit, PushButton
from napari.layers import Image, Labels, Layer
from numpy.typing import ArrayLike
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QLabel, QSizePolicy

from napari_medvol.errors import MedVolError, StepError
from napari_medvol.viewer.live import extra_under, live_volume, ras_under
from napari_medvol.viewer.ortho.cursor import cursor_of
from napari_medvol.viewer.places import from_ras, to_ras
from napari_medvol.viewer.roles import is_overlay, reference_of
from napari_medvol.viewer.widgets.panel import Panel, acting
from napari_medvol.viewer.widgets.probe_table import (
    ProbeModel,
    ProbeView,
    Row,
    both_conventions,
    mm_text,
)
from napari_medvol.viewer.window import is_live
from napari_medvol.views.probe import Probe, parse_place, probe, probe_table, ras_of_place
from napari_medvol.volume import Volume

#: While a stream is still being read, values come later.
_LOOK_AGAIN_MS: Final = 400


class CursorWidget(Panel):
    """A table of all layers at the mouse, or at the cursor.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, labels=False)
        self.cursor = cursor_of(self.viewer)
        self.follow = CheckBox(value=True, text="Follow the mouse", name="follow")
        self.follow.tooltip = "Else the cursor, which a click or the sliders move"
        self.place = LineEdit(name="place")
        self.place.native.setPlaceholderText("Go to: 26 30 16 · 0 0 0 mm · 0 0 0 mm lps")
        self.place.tooltip = "A voxel of the selected layer, or a point of the patient"
        self.copy = PushButton(text="Copy", tooltip="The table, for a spreadsheet", name="copy")
        line = Container(widgets=[self.follow, self.copy], layout="horizontal", labels=False)
        self.extend([line, self.place])
        self.where = QLabel()
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # As wide as a usual place, however long this one is: the window must not grow.
        self.where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.where.setWordWrap(True)
        usual = self.where.fontMetrics().horizontalAdvance(both_conventions((-100,) * 3))
        self.where.setMinimumWidth(usual)
        self.model = ProbeModel()
        self.table = ProbeView(self.model)
        self.add_native(self.where)
        self.add_native(self.table, stretch=1)
        #: Whether the mouse moved after the cursor did: what moved last is shown.
        self._mouse_leads = False
        self._look_again: Callable[[], None] = self.refresh
        #: Fires once the viewer has taken a layer in, or let it go; ends with the widget.
        self._soon = QTimer(self.native)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)
        self._later = QTimer(self.native)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._look)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        viewer = self.viewer
        self.connect(self.place.native.returnPressed, self.go)
        self.connect(self.copy.changed, self.copy_table)
        self.connect(self.follow.changed, self._on_follow)
        self.connect(self.table.selectionModel().selectionChanged, self._select)
        self.connect(viewer.cursor.events.position, self._on_mouse)
        self.connect(viewer.dims.events.point, self._on_cursor)
        self.connect(self.cursor.moved, self._on_cursor)
        for name in ("inserted", "removed", "reordered", "renamed"):
            self.connect(getattr(viewer.layers.events, name), self._on_layers)
        self.connect(viewer.layers.selection.events.active, self._on_active)
        viewer.mouse_drag_callbacks.append(self._on_press)
        self.at_close(lambda: viewer.mouse_drag_callbacks.remove(self._on_press))

    def rows(self) -> list[Row]:
        """Return what is in the table, topmost layer first."""
        return list(self.model.rows)

    def show_at(self, ras: ArrayLike) -> None:
        """Show what every layer holds at a point of the patient.

        Parameters
        ----------
        ras : (3,) array_like
            RAS+ mm.
        """
        point = np.asarray(ras, dtype=np.float64)
        self._look_again = partial(self.show_at, point)
        self._show([(layer, point) for layer in self._layers()], point)

    def refresh(self, *_: Any) -> None:
        """Show the mouse's or the cursor's place anew, whichever moved last."""
        viewer = self.viewer
        is_at_mouse = self.follow.value and self._mouse_leads
        at = viewer.cursor.position if is_at_mouse else self._cursor_point()
        if len(at) < viewer.dims.ndim or not np.isfinite(at).all():
            at = self._cursor_point()
        self._show_world(at)

    def _cursor_point(self) -> tuple[float, ...]:
        """Return the viewer's cursor in its world; exact where the sliders are rounded."""
        point = self.viewer.dims.point
        if len(point) < 3:
            return tuple(point)
        return (*point[:-3], *from_ras(self.viewer, self.cursor.ras).tolist())

    def _show_world(self, at: Sequence[float]) -> None:
        viewer = self.viewer
        self._look_again = partial(self._show_world, at)
        if viewer.dims.ndim < 3 or not self._layers():
            self._show([(a, ras_under(viewer, a, at)) for a in self._layers()], None)
            return
        points = [(layer, ras_under(viewer, layer, at)) for layer in self._layers()]
        self._show(points, to_ras(viewer, at), at)

    def _show(
        self,
        points: list[tuple[Layer, Any]],
        ras: Any,
        at: Sequence[float] | None = None,
    ) -> None:
        if self.is_closed:
            return
        at = self.viewer.dims.point if at is None else at
        reference = reference_of(self.viewer)
        rows = []
        for layer, point in points:
            found = self._probe(layer, point, at)
            if found is not None:
                rows.append(Row(layer, found, layer is reference, is_overlay(layer)))
        self.model.put(rows)
        self.where.setText("" if ras is None else both_conventions(ras))
        if any(row.found.is_pending for row in rows):
            self._later.start(_LOOK_AGAIN_MS)

    def _probe(self, layer: Layer, ras: Any, at: Sequence[float]) -> Probe | None:
        try:
            volume = live_volume(layer)
            # A script reads the table at once; nobody waits for a window meanwhile.
            extra = extra_under(self.viewer, layer, at)
            return probe(volume, ras, extra, wait=not is_live())
        except MedVolError:
            return None

    def _layers(self) -> list[Layer]:
        """Return layers with voxels, in the order of the layer list."""
        return [a for a in reversed(self.viewer.layers) if isinstance(a, Image | Labels)]

    def _look(self) -> None:
        self._look_again()

    def _on_follow(self, is_on: bool) -> None:
        self._mouse_leads = is_on
        self.refresh()

    def _on_mouse(self, event: Any = None) -> None:
        self._mouse_leads = True
        if self.follow.value and self._is_seen():
            self._show_world(self.viewer.cursor.position)

    def _on_cursor(self, event: Any = None) -> None:
        self._mouse_leads = False
        if self._is_seen():
            self._show_world(self._cursor_point())

    def _on_layers(self, event: Any = None) -> None:
        self._soon.start(0)

    def _is_seen(self) -> bool:
        # Not docked yet counts: a script shows it at a point and reads its rows.
        return self.native.isVisible() or self.native.parent() is None

    def _on_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Move the cursor to where the canvas was clicked; a drag is napari's."""
        yield
        if event.type == "mouse_move" or self.follow.value:
            return
        if viewer.dims.ndisplay == 2 and len(viewer.cursor.position) >= 3:
            self.cursor.move_to(to_ras(viewer, viewer.cursor.position))

    @acting
    def go(self) -> None:
        """Go to the place that was typed."""
        place = parse_place(str(self.place.value))
        layer = self._chosen()
        volume = live_volume(layer) if layer is not None else None
        _refuse_outside(volume, place.kind, place.numbers)
        ras = ras_of_place(volume, place)
        if self.viewer.dims.ndim < 3:
            raise StepError("go to", "nothing in the viewer has three axes", "Open a scan")
        self._stand_at(layer, place.kind, ras, place.numbers[3:])
        self.show_at(ras)
        self._tell_if_outside(layer, ras)

    def _tell_if_outside(self, layer: Layer | None, ras: Any) -> None:
        """Say of which layers the point lies outside, and where the views stopped instead."""
        outside = [row.layer.name for row in self.model.rows if not row.found.inside]
        chosen = [row for row in self.model.rows if row.layer is layer]
        if len(outside) == len(self.model.rows):
            of = "all layers" if len(outside) > 1 else ", ".join(outside)
        elif chosen and not chosen[0].found.inside:
            of = chosen[0].layer.name
        else:
            self.say("")
            return
        text = f"{mm_text(ras)} mm lies outside of {of}."
        at = np.array(self.viewer.dims.point[-3:])
        wanted = from_ras(self.viewer, ras)
        steps = np.array([span.step for span in self.viewer.dims.range[-3:]])
        if (np.abs(at - wanted) > steps).any():
            text += f" The views stopped at the border: {mm_text(to_ras(self.viewer, at))} mm."
        self.say(text)

    def _stand_at(self, layer: Layer | None, kind: str, ras: Any, extra: Sequence[float]) -> None:
        viewer, n = self.viewer, self.viewer.dims.ndim
        # A layer that shows an oblique volume on its own grid has its voxels elsewhere.
        world = layer if kind == "voxel" and layer is not None else viewer
        point = from_ras(world, ras)
        self.cursor.move_to(to_ras(viewer, point))
        if layer is not None and extra:
            volume = live_volume(layer)
            for number, index in enumerate(extra[: layer.ndim - 3]):
                axis = volume.axes[number]
                viewer.dims.set_point(n - 4 - number, axis.start + index * axis.step)
        # napari 0.9 keeps the camera in the viewer's scene.
        camera = getattr(viewer, "scene", viewer).camera
        shown = [axis - (n - 3) for axis in viewer.dims.displayed]
        # Where the views stopped: beyond the layers there is nothing to look at.
        stands = from_ras(viewer, self.cursor.ras)
        camera.center = tuple(stands[axis] for axis in shown if axis >= 0)

    def _chosen(self) -> Layer | None:
        active = self.viewer.layers.selection.active
        if isinstance(active, Image | Labels):
            return active
        return reference_of(self.viewer)

    def _select(self, *_: Any) -> None:
        chosen = self.table.selectionModel().selectedRows()
        if chosen and chosen[0].row() < len(self.model.rows):
            layer = self.model.rows[chosen[0].row()].layer
            if layer in self.viewer.layers and self.viewer.layers.selection.active is not layer:
                self.viewer.layers.selection.active = layer

    def _on_active(self, event: Any = None) -> None:
        active = self.viewer.layers.selection.active
        for number, row in enumerate(self.model.rows):
            if row.layer is active:
                self.table.selectRow(number)
                return

    def copy_table(self, *_: Any) -> None:
        """Put the table on the clipboard, with tabs between the cells."""
        text = probe_table((row.layer.name, row.found) for row in self.model.rows).to_tsv()
        QApplication.clipboard().setText(text)
        self.say(f"{len(self.model.rows)} rows copied")


def _refuse_outside(volume: Volume | None, kind: str, numbers: Sequence[float]) -> None:
    """Refuse a voxel that the layer does not have; a point of the patient may lie anywhere."""
    if volume is None or kind != "voxel":
        return
    shape = volume.shape[: len(volume.shape) - volume.is_rgb]
    if len(numbers) > len(shape) or not all(
        -0.5 <= n <= size - 0.5 for n, size in zip(numbers, shape, strict=False)
    ):
        said = " ".join(f"{n:g}" for n in numbers)
        raise StepError(
            f"go to voxel {said} of {volume.name!r}",
            f"its shape is {shape}",
            "Indices count from 0; write mm behind a point of the patient",
        )
