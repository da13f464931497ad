"""One scan over another: colours, threshold, colour bar, and ways to compare the two."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container, FloatSlider, LineEdit, PushButton
from napari.layers import Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QCompleter, QFileDialog, QLabel, QSizePolicy

from napari_medvol.colormap import Colormap
from napari_medvol.errors import MedVolError, StepError
from napari_medvol.formats.colour_tables import read_colormap, write_colormap
from napari_medvol.report import Finding
from napari_medvol.viewer.colormaps import (
    colormap_by_name,
    is_shaped,
    known_names,
    napari_colormap,
    own_colormap,
)
from napari_medvol.viewer.comparing import MODES, Comparison
from napari_medvol.viewer.laid import FINE_STEPS, Laid, laid_of, recolour, slider_limits
from napari_medvol.viewer.overlaying import compare, overlay, overlays, separate
from napari_medvol.viewer.roles import reference_of
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.waiting import CancelledError, waited_for
from napari_medvol.viewer.widgets.colormap_editor import ColormapDialog
from napari_medvol.viewer.widgets.colour_bar import ColourBar
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.overlays import mirror_findings

_BLENDINGS: Final = ("translucent_no_depth", "translucent", "additive", "opaque", "minimum")
_BLINK_MS: Final = 500
_FEW: Final = 64
_ON_CANVAS: Final = "colour bar on the canvas"
_FILES: Final = "Colormaps (*.json *.xml *.cmap *.clut *.lut)"
_WATCHED: Final = ("contrast_limits", "colormap", "opacity", "blending")


class OverlayWidget(Panel):
    """Lay one scan over another, give it colours, compare the two.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.reference = LayerBox(self.viewer, kinds=("image",), label="Reference")
        self.layer = LayerBox(self.viewer, label="Overlay")
        self.lay = PushButton(text="Overlay", tooltip="On the grid of the reference, or by itself")
        self.opacity = FloatSlider(value=0.5, min=0, max=1, step=0.01, label="Opacity")
        self.low, self.high = LineEdit(label="from"), LineEdit(label="to")
        limits = Container(widgets=[self.low, self.high], layout="horizontal", label="Range")
        self.clears = CheckBox(text="transparent up to")
        self.threshold = LineEdit()
        clear: Container[Any] = Container(layout="horizontal", labels=False, label="")
        clear.extend([self.clears, self.threshold])
        self.blending = ComboBox(choices=_BLENDINGS, label="Blending")
        self.mode = ComboBox(choices=MODES, label="Compare (2-D)")
        self.mode.tooltip = "In 2-D. The 3-D view shows the overlay whole"
        self.amount = FloatSlider(value=0.5, min=0, max=1, step=0.01, label="Where")
        self.upright = CheckBox(value=True, text="upright edge")
        self.bar_shown = CheckBox(text=_ON_CANVAS)
        self.bar_shown.tooltip = "napari's own, of numbers; its unit is here"
        self.mirror = PushButton(text="Check left and right", tooltip="Reads both scans")
        self.load, self.save, self.edit = (
            PushButton(text=text) for text in ("Load …", "Save …", "Edit …")
        )
        maps = Container(
            widgets=[self.load, self.save, self.edit], layout="horizontal", labels=False, label=""
        )
        self.extend([self.reference, self.layer, self.lay])
        self.names = _names_box()
        self.add_native(QLabel("Colormap"))
        self.add_native(self.names)
        self.bar, self.findings = ColourBar(), QLabel()
        self.findings.setWordWrap(True)
        self.findings.setTextFormat(Qt.TextFormat.PlainText)
        # The name of a scan, one long word, must not make the window wider.
        self.findings.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        look = Container(
            widgets=[
                maps, self.opacity, limits, clear, self.blending, self.mode, self.amount,
                self.upright, self.bar_shown, self.mirror,
            ]
        )  # fmt: skip
        self.add_native(look.native)
        self.add_native(self.bar)
        self.add_native(self.findings)
        self._look = look
        self._base: Any = None
        self._watched: Layer | None = None
        self._reading = False
        self._blinking: Layer | None = None
        self._blink = QTimer(self.native)
        self._blink.timeout.connect(self._on_blink)
        self._connect()
        self._choose_roles()
        self._on_layer()

    def _connect(self) -> None:
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.lay.changed, self.toggle)
        self.connect(self.opacity.changed, self._on_look)
        self.connect(self.blending.changed, self._on_look)
        self.connect(self.clears.changed, self._on_look)
        for box in (self.low, self.high, self.threshold):
            self.connect(box.native.editingFinished, self._on_look)
        self.connect(self.names.textActivated, self.set_colormap)
        self.connect(self.names.lineEdit().returnPressed, self._on_name)
        self.connect(self.mode.changed, self._on_compare)
        self.connect(self.amount.changed, self._on_compare)
        self.connect(self.upright.changed, self._on_compare)
        self.connect(self.bar_shown.changed, self._on_bar)
        self.connect(self.mirror.changed, self.check_mirror)
        self.connect(self.load.changed, self._ask_file)
        self.connect(self.save.changed, self._ask_where)
        self.connect(self.edit.changed, self._ask_colours)
        self.connect(self.reference.changed, self._on_reference)
        self.connect(self.viewer.layers.events.inserted, self._on_inserted)
        self.at_close(self._forget)
        self.at_close(self._stop_blinking)

    def _choose_roles(self) -> None:
        """Begin with the overlay that there is, else with the two highest layers."""
        reference, laid = reference_of(self.viewer), next(overlays(self.viewer), None)
        if reference is not None and reference in self.reference.choices:
            self.reference.value = reference
        elif self.reference.choices and self.reference.value is self.layer.value:
            self.reference.value = self.reference.choices[0]
        above = [one for one in self.layer.choices if one is not self.reference.value]
        scans = [one for one in above if record_of(one) is not None]
        if laid is not None or above:
            self.layer.value = laid or (scans or above)[-1]

    def _on_inserted(self, *_: Any) -> None:
        """Offer the new layer; both boxes of a widget that was there first are on one layer."""
        for box in (self.reference, self.layer):
            box.reset_choices()
        if self.reference.value is self.layer.value:
            self._choose_roles()

    @acting
    def toggle(self, *_: Any) -> None:
        """Lay the layer over the reference, or make it a layer of its own again."""
        layer = self._needed()
        if laid_of(layer) is None:
            self.show_overlay()
        else:
            self._stop_blinking()
            separate(self.viewer, layer)
            self.findings.setText("")
        self.refresh()

    def show_overlay(self) -> tuple[Finding, ...]:
        """Lay the layer over the reference with the colours that are chosen."""
        layer = self._needed()
        found = overlay(
            self.viewer,
            layer,
            self.reference.value,
            colormap=self._base or self.names.currentText() or "hot",
            opacity=self.opacity.value,
            threshold=self._threshold(),
            blending=self.blending.value,
        )
        self.findings.setText("\n".join(f"⚠ {finding.text}" for finding in found))
        if self.mode.value != "overlay":
            self._on_compare()
        return found

    def _on_reference(self, *_: Any) -> None:
        layer = self.layer.value
        if layer is None or laid_of(layer) is None or self.reference.value in (None, layer):
            return
        if self.reference.value is not reference_of(self.viewer):
            self._again()

    @acting
    def _again(self) -> None:
        self.show_overlay()

    def _on_layer(self, *_: Any) -> None:
        """Show how another layer is laid."""
        self._forget()
        self._stop_blinking()
        layer = self.layer.value
        self._base = None
        if layer is not None:
            self._watched = layer
            for name in _WATCHED:
                if hasattr(layer.events, name):
                    getattr(layer.events, name).connect(self._on_change)
        self.refresh()
        self._start_blinking()

    def _forget(self) -> None:
        if self._watched is not None:
            for name in _WATCHED:
                if hasattr(self._watched.events, name):
                    getattr(self._watched.events, name).disconnect(self._on_change)
        self._watched = None

    def _on_change(self, event: Any) -> None:
        """Take over what was changed in napari's own controls."""
        layer = self.layer.value
        laid = laid_of(layer) if layer is not None else None
        if self._reading or laid is None or layer is not self._watched:
            return
        self._reading = True
        try:
            _take_over(layer, event.type)
        finally:
            self._reading = False
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Write how the layer is laid."""
        layer = self.layer.value
        laid = laid_of(layer) if layer is not None else None
        self.lay.text = "Overlay" if laid is None else "Separate"
        self.lay.enabled = layer is not None
        self._look.enabled = layer is not None
        if layer is None:
            self.bar.show_colours(None, (0, 1))
            return
        self._reading = True
        if laid is not None:
            self.opacity.value = laid.opacity
            self.clears.value = laid.threshold is not None
            if laid.threshold is not None:
                self.threshold.value = f"{laid.threshold:.6g}"
            self.low.value, self.high.value = (f"{limit:.6g}" for limit in laid.shown_limits)
            self.mode.value = laid.comparison.mode
        elif hasattr(layer, "contrast_limits"):
            self.low.value, self.high.value = (f"{v:.6g}" for v in layer.contrast_limits)
        self._allow(laid)
        base = laid.base if laid is not None else self._chosen()
        if base is not None:
            self._show_bar(layer, base)
        self._reading = False

    def _allow(self, laid: Laid | None) -> None:
        """Let be changed what changes the picture: a difference has colours of its own."""
        mode = "overlay" if laid is None else laid.comparison.mode
        for part in (self.clears, self.threshold, self.load, self.edit):
            part.enabled = mode != "difference"
        self.names.setEnabled(mode != "difference")
        self.opacity.enabled = mode in ("overlay", "blink")
        self.amount.enabled = mode in ("checkerboard", "swipe")
        self.upright.enabled = mode == "swipe"

    def _show_bar(self, layer: Layer, base: Any) -> None:
        laid = laid_of(layer)
        limits = laid.shown_limits if laid is not None else tuple(layer.contrast_limits)
        unit = self._unit(layer, laid)
        shown = laid.shown_base if laid is not None else base
        threshold = None if laid is None or laid.is_difference else laid.threshold
        self.bar.show_colours(shown.map(np.linspace(0, 1, 256)), limits, unit, threshold)
        self.bar_shown.text = f"{_ON_CANVAS} ({unit})" if unit else _ON_CANVAS
        if self.names.currentText().lower() != base.name.lower():
            self.names.setEditText(base.name)

    def _unit(self, layer: Layer, laid: Laid | None) -> str:
        """Return the unit of the range: a difference of two units has none."""
        unit = volume_of(layer).unit if hasattr(layer, "contrast_limits") else ""
        below = reference_of(self.viewer) if laid is not None and laid.is_difference else None
        return "" if below is not None and volume_of(below).unit != unit else unit

    def _chosen(self) -> Any:
        """Return the colours that an overlay would get, or None for labels and colour."""
        layer = self.layer.value
        if not hasattr(layer, "contrast_limits") or getattr(layer, "rgb", False):
            return None
        return self._base or colormap_by_name("hot")

    @acting
    def set_colormap(self, name: str) -> None:
        """Give the overlay the colours of a name, in any case."""
        self.put_colormap(colormap_by_name(name))

    def _on_name(self) -> None:
        self.set_colormap(self.names.currentText())

    def put_colormap(self, base: Any) -> None:
        """Give the overlay one of napari's colormaps."""
        layer = self._needed()
        self._base = base
        if laid_of(layer) is not None:
            self._reading = True
            try:
                recolour(layer, base=base)
            finally:
                self._reading = False
        self.refresh()

    @acting
    def load_colormap(self, path: str | Path) -> None:
        """Give the overlay the colours of a file, and the range if the file has one."""
        found = read_colormap(path)
        self.put_colormap(napari_colormap(found))
        if found.limits is not None and laid_of(self._needed()) is not None:
            recolour(self._needed(), limits=found.limits)
            self.refresh()

    @acting
    def save_colormap(self, path: str | Path) -> None:
        """Write the colours of the overlay and their range as JSON."""
        layer = self._needed()
        laid, base = laid_of(layer), self._chosen()
        base = laid.base if laid is not None and laid.base is not None else base
        if base is None:
            raise StepError(f"layer {layer.name!r}", "has no colormap", "Choose an image")
        own = own_colormap(base)
        limits = laid.limits if laid is not None else None
        self.say(f"Saved as {write_colormap(Colormap(own.name, own.stops, limits), path).name}")

    def _ask_file(self, *_: Any) -> None:
        path, _kind = QFileDialog.getOpenFileName(self.native, "Load a colormap", "", _FILES)
        if path:
            self.load_colormap(path)

    def _ask_where(self, *_: Any) -> None:
        path, _kind = QFileDialog.getSaveFileName(self.native, "Save the colormap", "", "*.json")
        if path:
            self.save_colormap(path)

    @acting
    def _ask_colours(self, *_: Any) -> None:
        layer = self._needed()
        laid = laid_of(layer)
        base = laid.base if laid is not None and laid.base is not None else self._chosen()
        if base is None:
            raise StepError(f"layer {layer.name!r}", "has no colormap", "Choose an image")
        dialog = ColormapDialog(
            own_colormap(base), lambda one: self.put_colormap(napari_colormap(one)), self.native
        )
        dialog.exec()
        dialog.deleteLater()

    @acting
    def _on_look(self, *_: Any) -> None:
        """Give the overlay the opacity, range, threshold and blending that are written."""
        layer = self.layer.value
        laid = None if layer is None else laid_of(layer)
        if self._reading or laid is None:
            return
        self._reading = True
        try:
            changes: dict[str, Any] = {"opacity": self.opacity.value}
            if laid.base is not None:
                changes |= self._written(laid)
            recolour(layer, **changes)
            layer.blending = self.blending.value
        finally:
            self._reading = False
            self.refresh()
        self._tell_of_colours(replace(laid, **changes))

    def _written(self, laid: Laid) -> dict[str, Any]:
        """Return the range, if it was changed, and the threshold that are written."""
        low, high = laid.shown_limits
        written: dict[str, Any] = {}
        texts = (self.low.value, self.high.value)
        if texts != (f"{low:.6g}", f"{high:.6g}"):
            written["limits"] = (
                low if texts[0] == f"{low:.6g}" else _number("from", self.low),
                high if texts[1] == f"{high:.6g}" else _number("to", self.high),
            )
        if not laid.is_difference:
            written["threshold"] = self._threshold()
            if laid.threshold is not None and self.threshold.value == f"{laid.threshold:.6g}":
                written["threshold"] = laid.threshold if self.clears.value else None
        return written

    def _tell_of_colours(self, laid: Laid) -> None:
        """Say where a threshold far below the range leaves few colours to it."""
        low, high = laid.shown_limits
        start, end = slider_limits(laid)
        count = round(FINE_STEPS * (high - low) / (end - start))
        if start < low and count < _FEW:
            self.say(
                f"Transparent up to {start:g}, far below the range: that leaves it {count} of"
                f" {FINE_STEPS} colours. Take the tick away if no value is as low."
            )

    def _threshold(self) -> float | None:
        if not self.clears.value:
            return None
        if not self.threshold.value.strip():
            self.threshold.value = "0"
        return _number("threshold", self.threshold)

    @acting
    def _on_compare(self, *_: Any) -> None:
        """Show the two as the compare box says."""
        layer = self.layer.value
        if self._reading or layer is None or laid_of(layer) is None:
            return
        mode, share = self.mode.value, self.amount.value
        # Fields of 5 to 105 mm.
        compared = Comparison(mode, 5 + 100 * share, share, self.upright.value)
        self._reading = True
        try:
            compare(self.viewer, layer, compared)
        finally:
            self._reading = False
        self._stop_blinking()
        self._start_blinking()
        self.refresh()

    def _start_blinking(self) -> None:
        laid = None if self.layer.value is None else laid_of(self.layer.value)
        if laid is not None and laid.comparison.mode == "blink":
            self._blinking = self.layer.value
            self._blink.start(_BLINK_MS)

    def _on_blink(self) -> None:
        layer = self._blinking
        if layer is None or laid_of(layer) is None or layer not in self.viewer.layers:
            self._stop_blinking()
        else:
            layer.visible = not layer.visible

    def _stop_blinking(self) -> None:
        """Leave the layer that blinks visible: it may be another than the box says by now."""
        self._blink.stop()
        if self._blinking is not None:
            self._blinking.visible = True
        self._blinking = None

    def _on_bar(self, is_on: bool) -> None:
        layer = self.layer.value
        if hasattr(layer, "colorbar"):
            layer.colorbar.visible = is_on

    @acting
    def check_mirror(self, *_: Any) -> None:
        """Say whether the overlay agrees better with the reference when it is mirrored."""
        layer, reference = self._needed(), self.reference.value
        if reference is None or reference is layer:
            raise StepError("left and right", "there are no two layers", "Choose a reference")
        below, above = volume_of(reference), volume_of(layer)
        try:
            found = waited_for("Comparing left and right", lambda _: mirror_findings(below, above))
        except CancelledError:
            return
        self.say(found[0].text if found else "Left and right agree.", error=bool(found))

    def _needed(self) -> Layer:
        layer = self.layer.value
        if layer is None:
            raise MedVolError("overlay", "there is no layer", "Open two scans")
        return layer


def _take_over(layer: Layer, what: str) -> None:
    """Make what napari's own controls changed that of the overlay."""
    laid = laid_of(layer)
    if laid is None:
        return
    is_whole = laid.comparison.mode in ("overlay", "blink")
    if what == "opacity" and is_whole:
        recolour(layer, opacity=float(layer.opacity))
    elif what == "colormap" and not is_shaped(layer) and not laid.is_difference:
        recolour(layer, base=layer.colormap)
    elif what == "contrast_limits":
        low, high = (float(v) for v in layer.contrast_limits)
        if laid.threshold is None or laid.is_difference:
            recolour(layer, limits=(low, high))
            return
        # The lower slider is the threshold where there is one.
        shown = slider_limits(laid)
        end = laid.limits[1] if high == shown[1] else high
        limits = (laid.limits[0], end) if laid.limits[0] < end else laid.limits
        recolour(layer, limits=limits, threshold=low)


def _number(name: str, box: LineEdit) -> float:
    text = box.value.strip().replace(",", ".").replace("−", "-")
    try:
        return float(text)
    except ValueError as error:
        raise StepError(f"{name} {box.value!r}", "is no number", "Write one") from error


def _names_box() -> QComboBox:
    """Return a box of all colormaps that finds a name by any part of it."""
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.addItems(known_names())
    box.setCurrentText("hot")
    completer = QCompleter(known_names(), box)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    box.setCompleter(completer)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
