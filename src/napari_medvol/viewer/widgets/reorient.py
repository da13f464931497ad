"""Turn the voxel axes, say that they run elsewhere, or choose the matrix of a header."""

from typing import Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, LineEdit, PushButton
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.formats.inspecting import forms
from napari_medvol.ops import apply
from napari_medvol.viewer.reorienting import (
    forget_qform,
    place_by,
    relabel_layer,
    reorient_layer,
)
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.page import hiding, row
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.turning import CODES, StoredPlane, other_ends, stored_planes
from napari_medvol.volume import Step, Volume

TO, FROM = "to (nibabel, DICOM letters)", "from (ITK-SNAP)"
TURN, RELABEL = "turn the voxels, the patient stays", "relabel the axes, the patient turns"

_RED = "color: #e0604f"
#: Degrees. A grid that leans less is along the patient's axes.
_STRAIGHT = 0.01
_MONO = "font-family: monospace"
_WARNING = (
    "Relabelling moves every voxel to another place in the patient, and may swap left and"
    " right. Do it only where the file is wrong."
)


class ReorientWidget(Panel):
    """Permute and flip to any of 48 codes, relabel, choose sform, qform or voxel sizes.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, label="Layer")
        self.what = ComboBox(choices=[TURN, RELABEL], label="Do")
        self.sense = ComboBox(choices=[TO, FROM], label="Letters say")
        self.code = LineEdit(value="RAS", label="Code")
        self.codes = ComboBox(choices=["", *sorted(CODES)], value="", label="One of 48")
        self.keep = ComboBox(choices=["centre", "origin"], label="Stays in place")
        self.sure = CheckBox(text="The file is wrong: let the patient turn", value=False)
        self.hide_source = hiding()
        self.run = PushButton(text="Reorient")
        self.canonical = PushButton(text="Closest canonical (RAS)")
        self.form = ComboBox(choices=["sform", "qform", "pixdim"], label="Affine by")
        self.place = PushButton(text="Use it")
        self.unset = PushButton(text="qform → unknown, numbers kept")
        self.extend([self.layer, self.what, self.sense, self.code, self.codes, self.keep])
        self.extend([self.sure, self.hide_source, row("", self.run, self.canonical)])
        self.extend([row("", self.form, self.place, self.unset)])
        self.warning, self.both, self.matrices = QLabel(_WARNING), QLabel(), QLabel()
        self.warning.setStyleSheet(_RED)
        self.matrices.setStyleSheet(_MONO)
        self.matrices.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self.warning, self.both):
            label.setWordWrap(True)
        self.before, self.after = _Planes("now"), _Planes("then")
        for part in (self.warning, self.both, self.before, self.after, self.matrices):
            self.add_native(part)
        self.connect(self.layer.changed, lambda *_: self.say(""))
        for box in (self.layer, self.what, self.sense, self.code, self.keep, self.sure):
            self.connect(box.changed, self.preview)
        self.connect(self.codes.changed, self._on_codes)
        self.connect(self.run.changed, self.reorient)
        self.connect(self.canonical.changed, self.to_canonical)
        self.connect(self.place.changed, self.use_form)
        self.connect(self.unset.changed, self.unset_qform)
        self.preview()

    @property
    def axcodes(self) -> str:
        """The code that is asked for, by positive ends, whatever the letters say."""
        code = str(self.code.value).strip().upper()
        return code if self.sense.value == TO else other_ends(code)

    @property
    def _hides(self) -> bool:
        return bool(self.hide_source.value)

    @acting
    def reorient(self, *_: Any) -> None:
        """Add the layer with other axes."""
        layer = self._layer()
        self._turned(volume_of(layer), False, self.axcodes)
        if self.what.value == TURN:
            self._told(reorient_layer(self.viewer, layer, self.axcodes, hide=self._hides))
            return
        if not self.sure.value:
            raise StepError(
                f"relabel {layer.name!r}", "it moves the patient", "Tick that the file is wrong"
            )
        keep = str(self.keep.value)
        self._told(relabel_layer(self.viewer, layer, self.axcodes, keep, hide=self._hides))
        self.sure.value = False

    @acting
    def to_canonical(self, *_: Any) -> None:
        """Add the layer with the axes nearest to R, A, S."""
        self._told(reorient_layer(self.viewer, self._layer(), "RAS", hide=self._hides))

    @acting
    def use_form(self, *_: Any) -> None:
        """Add the layer where another matrix of its header puts it."""
        form = str(self.form.value)
        self._told(place_by(self.viewer, self._layer(), form, hide=self._hides))

    @acting
    def unset_qform(self, *_: Any) -> None:
        """Add the layer with a header whose qform is unknown."""
        self._told(forget_qform(self.viewer, self._layer(), hide=self._hides))

    @acting
    def preview(self, *_: Any) -> None:
        """Show letters and middle planes before and after."""
        is_relabel = self.what.value == RELABEL
        self.warning.setVisible(is_relabel)
        self.sure.visible = self.keep.visible = is_relabel
        code = self.axcodes
        self.both.setText(f"nibabel “to” {code} = ITK-SNAP “from” {other_ends(code)}")
        layer = self.layer.value
        for part in (self.run, self.canonical, self.place, self.unset):
            part.enabled = layer is not None
        self.run.enabled = layer is not None and (bool(self.sure.value) or not is_relabel)
        self.run.tooltip = "" if self.run.enabled else "Tick first that the file is wrong"
        self.before.show_planes(())
        self.after.show_planes(())
        self.matrices.setText("")
        if layer is None:
            return
        volume = volume_of(layer)
        offered = bool(forms(volume))
        self.form.enabled = self.place.enabled = self.unset.enabled = offered
        self._show_matrices(volume)
        self.warning.setText(_WARNING + _lost(volume))
        turned = self._turned(volume, is_relabel, code)

        def then(pictures: Any) -> None:
            if self.layer.value is layer and self.axcodes == code:
                self.before.show_planes(pictures[0])
                self.after.show_planes(pictures[1])

        self.behind(lambda _: (stored_planes(volume), stored_planes(turned)), then)

    def _turned(self, volume: Volume, is_relabel: bool, code: str) -> Volume:
        if code not in CODES:
            raise StepError(
                f"code {str(self.code.value)!r}",
                "it does not name each of R/L, A/P and S/I once",
                "Give three letters of R L A P S I, such as RAS or LPS",
            )
        params = {"axcodes": code} | ({"keep": str(self.keep.value)} if is_relabel else {})
        return apply(volume, [Step("relabel" if is_relabel else "orient", params)])

    def _show_matrices(self, volume: Volume) -> None:
        ras = np.asarray(volume.affine)
        lines = [
            f"axes run to {volume.axcodes} (from {other_ends(volume.axcodes)})",
            *_numbers("RAS mm", ras),
            *_numbers("LPS mm", affines.swap_lps_ras(ras)),
        ]
        self.matrices.setText("\n".join(lines))

    def _on_codes(self, *_: Any) -> None:
        if self.codes.value:
            self.code.value = self.codes.value

    def _layer(self) -> Layer:
        if self.layer.value is None:
            raise StepError("reorient", "there is no scan", "Open one, or choose a layer")
        return self.layer.value

    def _told(self, layer: Layer) -> None:
        volume = volume_of(layer)
        shape = " × ".join(map(str, volume.shape))
        self.say(f"{layer.name}: axes {volume.axcodes}, {shape}")


class _Planes(QWidget):
    """The three middle planes of an array, side by side, with letters at their borders."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.planes: tuple[StoredPlane, ...] = ()
        self.setMinimumHeight(110)

    def show_planes(self, planes: tuple[StoredPlane, ...]) -> None:
        """Draw other planes."""
        self.planes = planes
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setPen(QColor("#aaaaaa"))
        painter.drawText(2, 12, self._title)
        width, height = self.width() // 3, self.height() - 14
        for number, plane in enumerate(self.planes):
            self._paint(painter, plane, number * width, width, height)
        painter.end()

    def _paint(
        self, painter: QPainter, plane: StoredPlane, at: int, width: int, room: int
    ) -> None:
        rows, columns = plane.pixels.shape
        scale = min((width - 30) / columns, (room - 30) / (rows * plane.aspect))
        wide, high = max(int(columns * scale), 1), max(int(rows * plane.aspect * scale), 1)
        left, top = at + (width - wide) // 2, 14 + (room - high) // 2
        kind = QImage.Format.Format_Grayscale8
        image = QImage(plane.pixels.tobytes(), columns, rows, columns, kind)
        painter.drawImage(
            left, top, image.scaled(wide, high, Qt.AspectRatioMode.IgnoreAspectRatio)
        )
        painter.setPen(QColor("#ffd94d"))
        middle = Qt.AlignmentFlag.AlignCenter
        for x, y, letter in (
            (left - 14, top + high // 2 - 7, plane.left),
            (left + wide, top + high // 2 - 7, plane.right),
            (left + wide // 2 - 7, top - 14, plane.top),
            (left + wide // 2 - 7, top + high, plane.bottom),
        ):
            painter.drawText(x, y, 14, 14, middle, letter)


def _lost(volume: Volume) -> str:
    """Return what else relabelling takes from a scan that lies askew; nothing of others."""
    angle = float(affines.obliquity(volume.affine).max())
    if angle < _STRAIGHT:
        return ""
    return f" This scan lies askew by {angle:.1f}°: that is lost, its axes become straight."


def _numbers(name: str, matrix: Any) -> list[str]:
    rows = ["  ".join(f"{n:10.4f}" for n in row) for row in matrix[:3]]
    return [name, *rows]
