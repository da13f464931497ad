"""A scan moved by hand: by centres, by numbers, with the mouse."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from magicgui.widgets import CheckBox, FloatSpinBox, LineEdit, PushButton, Widget
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_medvol.errors import MedVolError, StepError
from napari_medvol.viewer.aligning import Alignment
from napari_medvol.viewer.ortho import side_viewers
from napari_medvol.viewer.ortho.cursor import cursor_of
from napari_medvol.viewer.pose_drags import drag_pose
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.align_panel import AligningPanel
from napari_medvol.viewer.widgets.page import Page, row
from napari_medvol.viewer.widgets.panel import acting

_FARTHEST: Final = 10_000.0
#: Side views that were opened meanwhile are noticed so often.
_LOOK_MS: Final = 100
_HINT: Final = "Ctrl+drag moves, Ctrl+Shift+drag turns about the cursor"


class ManualPage(Page[AligningPanel]):
    """Centres, origin, offsets, angles, and the mouse in every view.

    Parameters
    ----------
    panel : AligningPanel
    """

    def __init__(self, panel: AligningPanel) -> None:
        super().__init__(panel)
        self.viewer = panel.viewer
        self.centres = PushButton(text="Centres", tooltip="Middle of the grid, voxel (n − 1) / 2")
        self.reset_button = PushButton(text="Reset")
        self.origin = LineEdit(label="Origin, mm", tooltip="Centre of the first voxel, RAS+ mm")
        self.shifts = [_number(-_FARTHEST, _FARTHEST, axis, 0.5) for axis in "RAS"]
        self.turns = [_number(-180, 180, axis, 1.0) for axis in "xyz"]
        self.drags = CheckBox(value=True, text=_HINT, label="")
        self.parts: list[Widget] = [
            row("", self.centres, self.reset_button),
            row("R A S, mm", *self.shifts),
            row("x y z, °", *self.turns),
            self.origin,
            self.drags,
        ]
        self._reading = False
        self._ends: dict[Any, Callable[[], None]] = {}
        self._look = QTimer(panel.native)
        self._connect()
        self._on_drags()
        self._look.start(_LOOK_MS)

    def _connect(self) -> None:
        self.connect(self.panel.posed, self.refresh)
        self.connect(self.centres.changed, self.align_centres)
        self.connect(self.reset_button.changed, self.reset)
        self.connect(self.origin.native.editingFinished, self.set_origin)
        for box in self.shifts:
            self.connect(box.changed, self._on_shift)
        for box in self.turns:
            self.connect(box.changed, self._on_turn)
        self.connect(self.drags.changed, self._on_drags)
        self.connect(self._look.timeout, self._on_drags)
        self.panel.at_close(self._end_drags)

    def refresh(self) -> None:
        """Show the pose in numbers."""
        moving = self.panel.moving
        offset, angles = np.zeros(3), np.zeros(3)
        if moving is not None:
            offset, angles = moving.offset, moving.angles
        self._reading = True
        try:
            for box, value in zip([*self.shifts, *self.turns], [*offset, *angles], strict=True):
                box.value = float(np.clip(value, box.min, box.max))
            self.origin.value = _origin(self.panel.layer.value, moving)
        except MedVolError as error:
            self.origin.value = ""
            self.say(str(error), error=True)
        finally:
            self._reading = False

    @acting
    def align_centres(self, *_: Any) -> None:
        """Bring the middle of the layer's grid to that of the reference."""
        self.panel.change(self.panel.alignment().centre_on, self.panel.fixed())

    @acting
    def set_origin(self, *_: Any) -> None:
        """Bring the first voxel to the numbers that were typed."""
        known = _origin(self.panel.layer.value, self.panel.moving)
        if self._reading or self.origin.value == known:
            return
        self.panel.change(self.panel.alignment().begin_at, _three(self.origin.value))

    @acting
    def reset(self, *_: Any) -> None:
        """Put the layer back to where it was."""
        moving = self.panel.moving
        if moving is not None and not moving.is_stale:
            self.panel.change(moving.reset)

    @acting
    def _on_shift(self, *_: Any) -> None:
        if not self._reading:
            moving = self.panel.alignment()
            wanted = np.array([box.value for box in self.shifts])
            self.panel.change(moving.shift, wanted - moving.offset)

    @acting
    def _on_turn(self, *_: Any) -> None:
        if not self._reading:
            wanted = [float(box.value) for box in self.turns]
            self.panel.change(self.panel.alignment().turn_to, wanted, cursor_of(self.viewer).ras)

    def _on_drags(self, *_: Any) -> None:
        """Listen to the mouse in the canvas and in the side views that are open now."""
        models = [self.viewer, *side_viewers(self.viewer)] if self.drags.value else []
        for model in [known for known in self._ends if known not in models]:
            self._ends.pop(model)()
        for model in models:
            if model not in self._ends:
                self._ends[model] = drag_pose(
                    model, self._dragged, lambda: cursor_of(self.viewer).ras, self.panel.refresh
                )

    def _dragged(self) -> Alignment | None:
        return None if self.panel.layer.value is None else self.panel.alignment()

    def _end_drags(self) -> None:
        while self._ends:
            self._ends.popitem()[1]()


def _number(low: float, high: float, name: str, step: float) -> FloatSpinBox:
    return FloatSpinBox(value=0.0, min=low, max=high, step=step, name=name, tooltip=name)


def _origin(layer: Layer | None, moving: Alignment | None) -> str:
    """Return where the first voxel is, RAS+ mm; empty without a volume."""
    if layer is None or layer.ndim < 3:
        return ""
    volume = volume_of(layer) if moving is None else moving.volume
    return ", ".join(f"{float(value) + 0.0:.10g}" for value in volume.affine[:3, 3])


def _three(text: str) -> list[float]:
    try:
        values = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        values = []
    if len(values) != 3:
        raise StepError("origin", f"{text!r} is not three numbers", "Give x, y, z in RAS+ mm")
    return values
