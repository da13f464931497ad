"""Level and width: numbers, presets, a histogram, keys, and the mouse on the canvas."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, PushButton
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_medvol.errors import MedVolError
from napari_medvol.viewer.dragging import bind_window_keys, drag_windows
from napari_medvol.viewer.waiting import CancelledError, Task, waited_for
from napari_medvol.viewer.widgets.histogram_canvas import HistogramCanvas
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.viewer.windowing import (
    function_of,
    has_window,
    offered_windows,
    set_limits,
    set_window,
    values_of,
    window_of,
)
from napari_medvol.views.histogram import Histogram, histogram
from napari_medvol.views.windows import (
    FUNCTIONS,
    limits_from_text,
    limits_of_window,
    window_from_text,
)
from napari_medvol.volume import Window

_NONE: Final = "–"
_POLL_MS: Final = 40
_WATCHED: Final = ("contrast_limits", "colormap", "data")


class WindowWidget(Panel):
    """The window of one image, linked with napari's own sliders both ways.

    While it is open, keys 1 to 9 choose a preset on the active image, and dragging with Shift
    on the canvas changes its window.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, kinds=("image",), label="Layer")
        self._windows: tuple[Window, ...] = ()
        self._names: dict[str, Window] = {}
        self.preset = ComboBox(choices=lambda box: [_NONE, *self._names], label="Preset")
        self.command = LineEdit(label="Type")
        self.command.native.setPlaceholderText("max 1000 · 40/400 · -160 240 · 2-98 % · bone")
        self.numbers = {name: LineEdit(label=name) for name in ("min", "max", "level", "width")}
        self.function = ComboBox(choices=FUNCTIONS, value="LINEAR_EXACT", label="Curve")
        self.function.tooltip = "VOI LUT function (PS3.3 C.11.2.1.2 and C.11.2.1.3)"
        rows = [
            Container(widgets=[self.numbers[a], self.numbers[b]], layout="horizontal", label="")
            for a, b in (("min", "max"), ("level", "width"))
        ]
        self.percent = PushButton(text="2–98 %")
        self.most = PushButton(text="0.5–99.5 %")
        self.full = PushButton(text="Full", tooltip="Reads every slice")
        buttons = Container(
            widgets=[self.percent, self.most, self.full],
            layout="horizontal",
            labels=False,
            label="Auto",
        )
        self.drags = CheckBox(value=True, text="Shift + drag on the canvas")
        self.drags.tooltip = "To the right is wider, down is a higher level"
        self.extend(
            [self.layer, self.preset, self.command, *rows, self.function, buttons, self.drags]
        )
        self.canvas, self.counted = HistogramCanvas(), QLabel()
        self.counted.setWordWrap(True)
        self.add_native(self.canvas, stretch=1)
        self.add_native(self.counted)
        self._task: Task[Histogram] | None = None
        self._histogram: Histogram | None = None
        self._watched: Layer | None = None
        self._writing = False
        self._timer = QTimer(self.native)
        self._timer.timeout.connect(self._look)
        self._connect()
        self._on_layer()

    def _connect(self) -> None:
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.viewer.layers.selection.events.active, self._on_active)
        self.connect(self.preset.changed, self.choose)
        self.connect(self.command.native.returnPressed, self.obey)
        self.connect(self.function.changed, self.bend)
        self.connect(self.percent.changed, lambda: self.type("2-98 %"))
        self.connect(self.most.changed, lambda: self.type("0.5-99.5 %"))
        self.connect(self.full.changed, self.show_all)
        self.connect(self.canvas.limits_changed, self._on_drag)
        for name, box in self.numbers.items():
            self.connect(box.native.editingFinished, self._on_number(name))
        self.at_close(bind_window_keys(self.viewer))
        self._end_drags: Callable[[], None] = drag_windows(self.viewer)
        self.connect(self.drags.changed, self._on_drags)
        self.at_close(self._stop_drags)
        self.at_close(self._forget)

    def _stop_drags(self) -> None:
        self._end_drags()

    def _on_drags(self, is_on: bool) -> None:
        self._end_drags()
        self._end_drags = drag_windows(self.viewer) if is_on else lambda: None

    def _on_active(self, event: Any = None) -> None:
        active = self.viewer.layers.selection.active
        if has_window(active) and active in self.layer.choices and active is not self.layer.value:
            self.layer.value = active

    def _on_layer(self, *_: Any) -> None:
        """Show the window of another layer."""
        self._forget()
        layer = self._layer()
        for part in (self.preset, self.function, self.percent, self.most, self.full, self.command):
            part.enabled = layer is not None
        self._offer()
        if layer is not None:
            self._watched = layer
            for name in _WATCHED:
                getattr(layer.events, name).connect(self._on_change)
            self.count_values()
        elif self.layer.value is not None:
            self.say("A colour image has no window.")
        self.refresh()

    def _layer(self) -> Layer | None:
        layer = self.layer.value
        return layer if has_window(layer) else None

    def _forget(self) -> None:
        """Leave the layer alone that was shown."""
        self._timer.stop()
        if self._task is not None:
            self._task.cancel()
        self._task = self._histogram = None
        if self._watched is not None:
            for name in _WATCHED:
                getattr(self._watched.events, name).disconnect(self._on_change)
        self._watched = None
        self.canvas.show_histogram(None)
        self.counted.setText("")

    def _offer(self) -> None:
        layer = self._layer()
        usual, of_file = offered_windows(layer) if layer is not None else ((), ())
        self._windows = (*usual, *of_file)
        keys = usual or of_file
        names = [
            f"{f'{number}  ' if number <= 9 else ''}{_said(window)}"
            for number, window in enumerate(keys, 1)
        ]
        names += [_said(window) for window in self._windows[len(keys) :]]
        self._names = dict(zip(names, self._windows, strict=False))
        with self.preset.changed.blocked():
            self.preset.reset_choices()
            self.preset.value = _NONE

    @acting
    def count_values(self) -> None:
        """Count the values of the layer in a thread, from a sample of its voxels."""
        volume = values_of(self.layer.value)
        self._task = Task(lambda progress: histogram(volume, progress=progress))
        self._task.start()
        self.counted.setText("counting …")
        self._timer.start(_POLL_MS)

    def _look(self) -> None:
        """Show the histogram once it is counted."""
        task = self._task
        if task is None or task.is_alive():
            return
        self._timer.stop()
        self._task = None
        self._take(task)

    def _take(self, task: Task[Histogram]) -> None:
        # Not `acting`: it would take away what was said of a text typed meanwhile.
        try:
            self._show_histogram(task.result())
        except CancelledError:
            return
        except MedVolError as error:
            self.say_error(error)

    def _show_histogram(self, found: Histogram) -> None:
        self._histogram = found
        self.canvas.show_histogram(found)
        self.counted.setText(f"Histogram of {found}.")

    def refresh(self, *_: Any) -> None:
        """Write the window that the layer has now."""
        layer = self._layer()
        window = window_of(layer) if layer is not None else None
        limits = None if window is None else limits_of_window(window)
        self.canvas.show_window(window, limits)
        self._writing = True
        values = (*limits, window.center, window.width) if window and limits else (None,) * 4
        for box, value in zip(self.numbers.values(), values, strict=True):
            box.value = "" if value is None else f"{value:.6g}"
            box.enabled = window is not None
        with self.preset.changed.blocked():
            self.preset.value = self._name_of(limits)
        if window is not None:
            with self.function.changed.blocked():
                self.function.value = window.function
        self._writing = False

    def _name_of(self, limits: tuple[float, float] | None) -> str:
        """Return the preset that is shown, or none."""
        for name, window in self._names.items():
            if limits is not None and np.allclose(limits_of_window(window), limits, atol=1e-6):
                return name
        return _NONE

    def _on_change(self, event: Any) -> None:
        if event.type == "data":
            # Another face of the same scan has the same values; other voxels have not.
            self._timer.stop()
            self.count_values()
        self.refresh()

    def _on_number(self, name: str) -> Callable[[], None]:
        def act() -> None:
            text = self.numbers[name].value.strip()
            if not self._writing and self._layer() is not None and text != self._written(name):
                self.type(f"{name} {text}")
                self.refresh()

        return act

    def _written(self, name: str) -> str:
        window = window_of(self.layer.value)
        low, high = limits_of_window(window)
        values = {"min": low, "max": high, "level": window.center, "width": window.width}
        return f"{values[name]:.6g}"

    def obey(self) -> None:
        """Do what was typed, such as ``max 1000``."""
        self.type(self.command.value)

    @acting
    def type(self, text: str) -> None:
        """Show the layer as a text says: ``max 1000``, ``40/400``, ``2-98 %``, ``bone``."""
        layer = self._needed()
        is_full = text.strip().lower() == "full"
        if is_full and (self._histogram is None or not self._histogram.is_whole):
            self._read_all(layer)
            return
        if "%" in text and self._histogram is None:
            self._wait_for_histogram()
        window = window_from_text(text, window_of(layer), self._windows, self._histogram)
        set_window(layer, window)
        self._tell_of_step(window)

    def _tell_of_step(self, window: Window) -> None:
        """Say when a window is one step from black to white, as LINEAR of width 1 is."""
        low, high = limits_of_window(window)
        if low == high:
            self.say(
                f"{window.function} of width {window.width:g} is a threshold (PS3.3 C.11.2.1.2):"
                f" black up to {low:g}, white above."
            )
        else:
            self.say("")

    def _read_all(self, layer: Layer) -> None:
        """Count every voxel in a thread, then show from the least value to the greatest."""
        volume = values_of(layer)

        def take(found: Histogram) -> None:
            if layer is not self._layer():
                return
            # A count of a sample that is still under way would take its place.
            self._timer.stop()
            self._task = None
            self._show_histogram(found)
            self.say("")
            set_limits(layer, *limits_from_text("full", (0, 1), (), found))

        # Before: what is done in a moment has taken it away again.
        self.say(f"reading all slices of {layer.name} …")
        self.behind(lambda progress: histogram(volume, whole=True, progress=progress), take)

    def _wait_for_histogram(self) -> None:
        layer = self._needed()
        volume = values_of(layer)
        try:
            found = waited_for(
                f"Reading {layer.name}",
                lambda progress: histogram(volume, progress=progress),
                "slices",
            )
        except CancelledError:
            return
        self._show_histogram(found)

    @acting
    def choose(self, name: str) -> None:
        """Show the layer with a preset."""
        window = self._names.get(name)
        if window is not None:
            set_window(self._needed(), window)

    @acting
    def bend(self, function: str) -> None:
        """Show the layer with another curve, same level and width."""
        layer = self._needed()
        if function_of(layer) != function:
            window = window_of(layer)._replace(function=function)
            try:
                set_window(layer, window)
            finally:
                self.refresh()
            self._tell_of_step(window)

    def show_all(self, *_: Any) -> None:
        """Read every slice, and show from the least value to the greatest."""
        self.type("full")

    @acting
    def _on_drag(self, low: float, high: float) -> None:
        set_limits(self._needed(), low, high)

    def _needed(self) -> Layer:
        layer = self._layer()
        if layer is None:
            raise MedVolError("window", "there is no image", "Open a scan, or choose one")
        return layer


def _said(window: Window) -> str:
    return f"{window.explanation}  {window.center:g}/{window.width:g}"
