"""Crop layers to a box that is dragged in every view, typed, or fitted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSpinBox,
    PushButton,
    SpinBox,
)
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_medvol import affines
from napari_medvol.budget import bytes_text
from napari_medvol.errors import MedVolError, StepError
from napari_medvol.formats.row import Progress
from napari_medvol.viewer.box.state import CropBox
from napari_medvol.viewer.box.views import BoxInViews, visible_region
from napari_medvol.viewer.cropping import boxes_of, crop_layers
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.page import hiding, row
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.boxes import (
    Box,
    box_of,
    box_within,
    checked,
    fit_to_content,
    fit_to_label,
    reading,
    region_between,
    region_of,
    turned_by,
    whole,
)

THIS, SELECTED, VISIBLE = "this layer", "selected layers", "visible layers"

_FAR = 1_000_000
#: Ortho views that were opened or closed meanwhile are noticed so often.
_LOOK_MS = 300
#: Degrees. A grid that leans less is along the patient's axes.
_STRAIGHT = 0.01
_ASKEW = "the voxels lie askew, so no box of them runs along R, A, S. Drag it, or type i, j, k."


class CropWidget(Panel):
    """A box on every canvas, its numbers in voxels and mm, and what the crop becomes.

    The crop acts on the native voxels of the chosen layer. Another layer is cropped to the box
    of its own voxels that holds all whose centres are in the same part of the patient.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, label="Layer")
        self.which = ComboBox(choices=[THIS, SELECTED, VISIBLE], label="Crop")
        self.which.tooltip = (
            "Other layers: the box of their own voxels that holds the same part of the patient."
            " Of a grid that is turned, it holds more around the corners."
        )
        self.voxels = [_whole_numbers() for _ in range(3)]
        self.mm = [_millimetres() for _ in range(3)]
        self.margin = FloatSpinBox(value=5.0, min=0, max=1000, step=1, label="Margin, mm")
        self.seg = LayerBox(self.viewer, kinds=("labels",), nullable=True, label="Labels")
        self.value = SpinBox(value=0, min=0, max=2**31 - 1, label="Label, 0: any")
        self.other = LayerBox(self.viewer, nullable=True, label="Box of")
        fits: dict[str, Callable[[], Any]] = {
            "Non-air": self.fit_to_content,
            "Label": self.fit_to_label,
            "Visible field": self.fit_to_field,
            "Other layer": self.fit_to_other,
            "Whole": self.fit_to_whole,
        }
        self.fits = {name: PushButton(text=name) for name in fits}
        self.own = CheckBox(text="Copy the voxels, no view of the source")
        self.hide_source = hiding()
        self.run = PushButton(text="Crop")
        self._lay_out()
        self.reading = QLabel()
        self.reading.setWordWrap(True)
        self.add_native(self.reading)
        self.state: CropBox | None = None
        self.views: BoxInViews | None = None
        self._writing = False
        for name, fit in fits.items():
            self.connect(self.fits[name].changed, self._fitting(fit))
        for ends in self.voxels:
            for part in ends:
                self.connect(part.changed, self._on_voxels)
        for ends in self.mm:
            for part in ends:
                self.connect(part.changed, self._on_mm)
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.which.changed, self._read_out)
        self.connect(self.viewer.layers.selection.events.changed, self._read_out)
        self.connect(self.run.changed, self.crop)
        self.at_close(self._forget)
        self._timer = QTimer(self.native)
        self._timer.timeout.connect(self._look)
        self._timer.start(_LOOK_MS)
        self.at_close(self._timer.stop)
        self._on_layer()

    @property
    def box(self) -> Box | None:
        """The box in voxels of the chosen layer."""
        return None if self.state is None else self.state.box

    @acting
    def crop(self, *_: Any) -> None:
        """Add the crops as new layers."""
        state, layers = self._state(), self._layers()
        made = crop_layers(
            self.viewer,
            layers,
            state.box.start,
            state.box.stop,
            copy=bool(self.own.value),
            hide=bool(self.hide_source.value),
        )
        words = [f"{one.name}: {_by(volume_of(one).shape)}" for one in made]
        self.say("; ".join(words))

    @acting
    def fit_to_content(self) -> None:
        """Fit the box to what is no air."""
        volume, margin = volume_of(self._state().layer), float(self.margin.value)

        def work(progress: Progress) -> Box:
            return fit_to_content(volume, margin, progress=progress)

        self._fit(work)

    @acting
    def fit_to_label(self) -> None:
        """Fit the box to a label, of whatever grid."""
        if self.seg.value is None:
            raise StepError("fit to a label", "no labels layer was chosen", "Choose one")
        volume, seg = volume_of(self._state().layer), volume_of(self.seg.value)
        value, margin = int(self.value.value) or None, float(self.margin.value)

        def work(progress: Progress) -> Box:
            return fit_to_label(volume, seg, value, margin, progress)

        self._fit(work)

    @acting
    def fit_to_field(self) -> None:
        """Fit the box to what the canvas shows."""
        state = self._state()
        region = visible_region(self.viewer, state)
        state.box = box_within(state.affine, state.shape, region, state.name)

    @acting
    def fit_to_other(self) -> None:
        """Fit the box to where another layer lies."""
        if self.other.value is None:
            raise StepError("the box of another layer", "none was chosen", "Choose one")
        state, other = self._state(), volume_of(self.other.value)
        region = region_of(other.affine, whole(other.shape))
        state.box = box_within(state.affine, state.shape, region, state.name)

    @acting
    def fit_to_whole(self) -> None:
        """Take every voxel."""
        state = self._state()
        state.box = whole(state.shape)

    def _fitting(self, fit: Callable[[], Any]) -> Callable[..., None]:
        """Return what a button does: what was said before is no longer so."""

        def act(*_: Any) -> None:
            self.say("")
            fit()

        return act

    def _fit(self, work: Callable[[Progress], Box]) -> None:
        state = self._state()

        def then(box: Box) -> None:
            if self.state is state:
                state.box = box

        self.behind(work, then)

    def _state(self) -> CropBox:
        if self.state is None:
            raise StepError("crop", "there is no scan", "Open one, or choose a layer")
        return self.state

    def _layers(self) -> list[Layer]:
        """Return the layers to crop, the one whose voxels the box has first."""
        first = self._state().layer
        scans = [one for one in self.viewer.layers if isinstance(one, Image | Labels)]
        if self.which.value == SELECTED:
            others = [one for one in scans if one in self.viewer.layers.selection]
        else:
            others = [one for one in scans if one.visible] if self.which.value == VISIBLE else []
        return [first, *(one for one in others if one is not first)]

    @acting
    def _on_layer(self, *_: Any) -> None:
        self.say("")
        self._forget()
        layer = self.layer.value
        if layer is not None:
            self.state = CropBox(layer)
            self.views = BoxInViews(self.viewer, self.state)
            self.state.changed.connect(self._write)
        for part in (*self.fits.values(), self.run):
            part.enabled = layer is not None
        self._write()

    def _forget(self) -> None:
        if self.views is not None:
            self.views.close()
        if self.state is not None:
            self.state.changed.disconnect(self._write)
        self.state = self.views = None

    def _look(self) -> None:
        if self.views is not None:
            self.views.update()

    def _write(self, *_: Any) -> None:
        """Write the box into the forms."""
        if self.state is None:
            self.reading.setText("")
            return
        box, affine = self.state.box, self.state.affine
        low, high = _ends(affine, box)
        is_straight = bool(affines.obliquity(affine).max() < _STRAIGHT)
        self._writing = True
        try:
            for axis in range(3):
                self.voxels[axis][0].value, self.voxels[axis][1].value = (
                    box.start[axis],
                    box.stop[axis],
                )
                self.mm[axis][0].value, self.mm[axis][1].value = low[axis], high[axis]
                self.mm[axis].enabled = is_straight
                self.mm[axis].tooltip = "" if is_straight else _ASKEW
        finally:
            self._writing = False
        self._read_out()

    def _on_voxels(self, *_: Any) -> None:
        if self._writing or self.state is None:
            return
        start, stop = ([float(ends[n].value) for ends in self.voxels] for n in (0, 1))
        self.state.box = box_of(start, stop)

    @acting
    def _on_mm(self, *_: Any) -> None:
        if self._writing or self.state is None:
            return
        low, high = ([float(ends[n].value) for ends in self.mm] for n in (0, 1))
        state = self.state
        region = region_between(low, high)
        state.box = box_within(state.affine, state.shape, region, state.name)

    def _read_out(self, *_: Any) -> None:
        """Say what the crop becomes, or why it cannot be."""
        if self.state is None:
            return
        try:
            volumes = [volume_of(layer) for layer in self._layers()]
            checked(volumes[0], self.state.box)
            boxes = boxes_of(volumes, self.state.box.start, self.state.box.stop)
        except MedVolError as error:
            self.reading.setText(f"{error.what}: {error.why}.")
            return
        region = region_of(volumes[0].affine, boxes[0])
        lines = [_read(v, box) + _turned(v, region) for v, box in zip(volumes, boxes, strict=True)]
        if not self.mm[0].enabled:
            lines.append(f"R, A, S are to be read only: {_ASKEW}")
        self.reading.setText("\n".join(lines))

    def _lay_out(self) -> None:
        for axis, ends in enumerate(self.voxels):
            ends.label = f"{'ijk'[axis]}  start : stop"
        for ends, name in zip(self.mm, ("R", "A", "S"), strict=True):
            ends.label = f"{name}  from – to, mm"
        names = list(self.fits.values())
        self.extend([self.layer, self.which, *self.voxels, *self.mm])
        self.extend([row("", *names[:3]), row("", *names[3:]), self.margin, self.seg, self.value])
        self.extend([self.other, self.own, self.hide_source, self.run])


def _whole_numbers() -> Container[Any]:
    return row("", *(SpinBox(value=0, min=-_FAR, max=_FAR) for _ in range(2)))


def _millimetres() -> Container[Any]:
    return row("", *(FloatSpinBox(value=0.0, min=-_FAR, max=_FAR, step=1.0) for _ in range(2)))


def _ends(affine: Any, box: Box) -> tuple[Any, Any]:
    """Return the least and the greatest R, A, S of a box, borders of voxels, mm."""
    region = region_of(affine, box)
    low = region[:3, 3] + np.minimum(region[:3, :3], 0).sum(axis=1)
    high = region[:3, 3] + np.maximum(region[:3, :3], 0).sum(axis=1)
    return low, high


def _by(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _read(volume: Any, box: Box) -> str:
    told = reading(volume, box)
    origin = ", ".join(f"{n:.10g}" for n in told.origin)
    size = " × ".join(f"{n:.4g}" for n in told.size)
    return (
        f"{volume.name or 'layer'} [{box}]\n{_by(told.shape)}, {size} mm,"
        f" {bytes_text(told.memory)}\norigin {origin} (RAS mm)"
    )


def _turned(volume: Any, region: Any) -> str:
    """Return what is to be said of a grid that is turned against the box; nothing of others."""
    angle = turned_by(volume.affine, region)
    if angle < _STRAIGHT:
        return ""
    return f"\nturned by {angle:.1f}°: holds the whole box, and more around its corners"
