"""One scan moved onto another: by centres, by hand, by a file, by mutual information."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSpinBox,
    Label,
    LineEdit,
    ProgressBar,
    PushButton,
)
from napari.layers import Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QFileDialog, QLabel

from napari_medvol.errors import LayerError, MedVolError, StepError
from napari_medvol.formats.row import Progress
from napari_medvol.formats.transforms import DIALECTS, read_transform, write_transform
from napari_medvol.ops.resample import resample
from napari_medvol.registration import MOTIONS, Reached, Registration, is_available, register
from napari_medvol.viewer.aligning import Alignment, drag_pose, grid_step
from napari_medvol.viewer.ortho import side_viewers
from napari_medvol.viewer.ortho.cursor import cursor_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.waiting import Task
from napari_medvol.viewer.widgets.metric_plot import MetricPlot
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.geometry_facts import decomposed, matrix_text
from napari_medvol.volume import Volume

_FARTHEST: Final = 10_000.0
_LOOK_MS: Final = 100
_FILES: Final = "Transforms (*.tfm *.txt *.csv *.mat *.lta *.xfm *.h5)"
_INSTALL: Final = 'Registration needs SimpleITK: pip install "napari-medvol[registration]"'
_HINT: Final = "Ctrl+drag moves, Ctrl+Shift+drag turns about the cursor"


class AlignWidget(Panel):
    """Move a scan, see it move, and keep or bake where it went.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, label="Move")
        self.reference = LayerBox(self.viewer, nullable=True, label="Onto")
        self.centres = PushButton(text="Centres", tooltip="Middle of the grid, voxel (n − 1) / 2")
        self.reset_button = PushButton(text="Reset")
        self.origin = LineEdit(label="Origin, mm", tooltip="Centre of the first voxel, RAS+ mm")
        self.shifts = [_number(-_FARTHEST, _FARTHEST, axis, 0.5) for axis in "RAS"]
        self.turns = [_number(-180, 180, axis, 1.0) for axis in "xyz"]
        self.drags = CheckBox(value=True, text=_HINT, label="")
        self.kind = ComboBox(choices=["auto", *DIALECTS], label="File")
        self.says = Label(value="", label="")
        self.load, self.save = PushButton(text="Load …"), PushButton(text="Save …")
        self.motion = ComboBox(choices=MOTIONS, label="Register")
        self.start = PushButton(text="Register", enabled=is_available())
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(visible=False, label="")
        self.keep = PushButton(text="Apply to header", tooltip="No voxel changes")
        self.bake = PushButton(text="Bake", tooltip="A new layer on the grid of the reference")
        rows: dict[str, list[Any]] = {
            "": [self.centres, self.reset_button],
            "R A S, mm": self.shifts,
            "x y z, °": self.turns,
        }
        self.extend([self.layer, self.reference])
        self.extend(_row(label, parts) for label, parts in rows.items())
        files, runs = _row("", [self.load, self.save]), _row("", [self.start, self.cancel])
        self.extend(
            [
                self.origin,
                self.drags,
                self.kind,
                self.says,
                files,
                self.motion,
                runs,
                self.progress,
            ]
        )
        self.append(_row("", [self.keep, self.bake]))
        self.found, self.plot = QLabel(), MetricPlot()
        self.found.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for part in (self.plot, self.found):
            self.add_native(part)
        self._alignment: Alignment | None = None
        self._reading = False
        self._task: Task[Any] | None = None
        self._points: list[Reached] = []
        self._look = QTimer(self.native)
        self._ends: dict[Any, Callable[[], None]] = {}
        self._connect()
        self._choose()
        self._on_kind()

    def _connect(self) -> None:
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.centres.changed, self.align_centres)
        self.connect(self.reset_button.changed, self.reset)
        self.connect(self.origin.native.editingFinished, self.set_origin)
        for box in self.shifts:
            self.connect(box.changed, self._on_shift)
        for box in self.turns:
            self.connect(box.changed, self._on_turn)
        self.connect(self.drags.changed, self._on_drags)
        self.connect(self.kind.changed, self._on_kind)
        self.connect(self.load.changed, self._ask_file)
        self.connect(self.save.changed, self._ask_where)
        self.connect(self.start.changed, self.register)
        self.connect(self.cancel.changed, self.stop)
        self.connect(self.keep.changed, self.apply)
        self.connect(self.bake.changed, self.resample)
        self.connect(self._look.timeout, self._on_look)
        self.at_close(self._end_drags)
        self._look.start(_LOOK_MS)

    def _choose(self) -> None:
        """Begin with the lowest layer as the reference, the highest as what moves."""
        offered = [layer for layer in self.layer.choices if layer is not None]
        if len(offered) > 1:
            self.reference.value, self.layer.value = offered[0], offered[-1]
        self._on_drags()
        self._on_layer()

    # -- what is moved ----------------------------------------------------------------------

    def alignment(self) -> Alignment:
        """Return the chosen layer on its way, from where it is now if somebody else moved it.

        Raises
        ------
        LayerError
            If no layer is chosen, or it holds no volume.
        """
        layer = self.layer.value
        if layer is None:
            raise LayerError("align", "no layer is chosen", "Open a scan first")
        known = self._alignment
        if known is None or known.layer is not layer or known.is_stale:
            self._alignment = Alignment(self.viewer, layer)
        assert self._alignment is not None
        return self._alignment

    def fixed(self) -> Volume:
        """Return the scan of the reference.

        Raises
        ------
        LayerError
            If none is chosen, or it is the layer that moves.
        """
        layer = self.reference.value
        if layer is None or layer is self.layer.value:
            why = (
                "there is no reference" if layer is None else "a layer is no reference for itself"
            )
            raise LayerError("align", why, "Choose another layer under Onto")
        return volume_of(layer)

    @acting
    def _on_layer(self, *_: Any) -> None:
        self._alignment = None
        self.refresh()

    def refresh(self) -> None:
        """Show the pose in numbers."""
        moving = self._alignment
        offset, angles = np.zeros(3), np.zeros(3)
        if moving is not None:
            offset, angles = moving.offset, moving.angles
        self._reading = True
        try:
            for box, value in zip([*self.shifts, *self.turns], [*offset, *angles], strict=True):
                box.value = float(np.clip(value, box.min, box.max))
            self.origin.value = _origin(self.layer.value, moving)
        except MedVolError as error:
            self.origin.value = ""
            self.say(str(error), error=True)
        finally:
            self._reading = False
        self.found.setText("" if moving is None else pose_text(moving))
        self.keep.enabled = moving is not None and moving.step is not None

    # -- by centres, numbers and mouse ------------------------------------------------------

    @acting
    def align_centres(self, *_: Any) -> None:
        """Bring the middle of the layer's grid to that of the reference."""
        self._changed(self.alignment().centre_on, self.fixed())

    @acting
    def set_origin(self, *_: Any) -> None:
        """Bring the first voxel to the numbers that were typed."""
        if self._reading or self.origin.value == _origin(self.layer.value, self._alignment):
            return
        self._changed(self.alignment().begin_at, _three(self.origin.value))

    @acting
    def reset(self, *_: Any) -> None:
        """Put the layer back to where it was."""
        if self._alignment is not None and not self._alignment.is_stale:
            self._changed(self._alignment.reset)

    @acting
    def _on_shift(self, *_: Any) -> None:
        if not self._reading:
            moving = self.alignment()
            wanted = np.array([box.value for box in self.shifts])
            self._changed(moving.shift, wanted - moving.offset)

    @acting
    def _on_turn(self, *_: Any) -> None:
        if not self._reading:
            wanted = [float(box.value) for box in self.turns]
            self._changed(self.alignment().turn_to, wanted, cursor_of(self.viewer).ras)

    def _changed(self, do: Callable[..., Any], *args: Any) -> None:
        do(*args)
        self.refresh()

    def _on_drags(self, *_: Any) -> None:
        """Listen to the mouse in the canvas and in the side views that are open now."""
        models = [self.viewer, *side_viewers(self.viewer)] if self.drags.value else []
        for model in [known for known in self._ends if known not in models]:
            self._ends.pop(model)()
        for model in models:
            if model not in self._ends:
                self._ends[model] = drag_pose(
                    model, self._dragged, lambda: cursor_of(self.viewer).ras, self.refresh
                )

    def _dragged(self) -> Alignment | None:
        return None if self.layer.value is None else self.alignment()

    def _end_drags(self) -> None:
        while self._ends:
            self._ends.popitem()[1]()

    # -- by a file --------------------------------------------------------------------------

    def _on_kind(self, *_: Any) -> None:
        row = DIALECTS.get(self.kind.value)
        known = "; ".join(f"{row.suffixes[0]}: {row.says}" for row in DIALECTS.values())
        self.says.value = row.says if row else "by what the file says, then by its suffix"
        self.says.tooltip = self.kind.tooltip = known

    def _ask_file(self, *_: Any) -> None:
        name, _ = QFileDialog.getOpenFileName(self.native, "Load a transform", "", _FILES)
        if name:
            self.load_file(name)

    def _ask_where(self, *_: Any) -> None:
        name, _ = QFileDialog.getSaveFileName(self.native, "Save the transform", "", _FILES)
        if name:
            self.save_file(name, overwrite=True)

    @acting
    def load_file(self, path: str | Path) -> None:
        """Give the layer the pose that a file holds, from where it was."""
        moving = self.alignment()
        matrix = read_transform(
            path, moving=moving.base, fixed=self._fixed_or_none(), dialect=self.kind.value
        )
        self._changed(moving.move_to, matrix)

    @acting
    def save_file(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the pose into a file."""
        moving = self.alignment()
        written = write_transform(
            moving.matrix,
            path,
            moving=moving.base,
            fixed=self._fixed_or_none(),
            dialect=self.kind.value,
            overwrite=overwrite,
        )
        self.say(f"{written.name} is written")

    def _fixed_or_none(self) -> Volume | None:
        return None if self.reference.value in (None, self.layer.value) else self.fixed()

    # -- by mutual information --------------------------------------------------------------

    @acting
    def register(self, *_: Any) -> None:
        """Look for the motion onto the reference, from the present pose, in a thread."""
        if not is_available():
            raise StepError("register", *_INSTALL.split(": ", 1))
        moving, fixed, motion = self.alignment(), self.fixed(), self.motion.value
        scan, before = moving.volume, moving.matrix
        points: list[Reached] = []
        self._points = points

        def do(progress: Progress) -> Registration:
            return register(scan, fixed, motion, progress=progress, reached=points.append)

        def then(found: Registration) -> None:
            if moving.layer not in self.viewer.layers or self._alignment is not moving:
                return
            moving.move_to(found.matrix @ before)
            self.refresh()
            self.say(f"mutual information {found.before:.4g} → {found.after:.4g}")

        self._run(self.behind(do, then), "registering")

    @acting
    def stop(self, *_: Any) -> None:
        """Stop what runs; the layer is left as it is."""
        if self._task is not None:
            self._task.cancel()
            self.say("cancelled: the layer is where it was")

    def _run(self, task: Task[Any], words: str) -> None:
        self._task = task
        if task.is_alive():
            self.say(f"{words} …")
            self._on_look()

    def _on_look(self) -> None:
        """Show how far the work is, and follow side views that were opened."""
        self._on_drags()
        task = self._task
        runs = task is not None and task.is_alive()
        if runs != self.cancel.enabled:
            self.cancel.enabled = self.progress.visible = runs
            self.start.enabled, self.bake.enabled = not runs and is_available(), not runs
        if runs and task is not None:
            self.progress.max, self.progress.value = max(task.total, 1), task.done
        if len(self._points) != len(self.plot.points):
            self.plot.put(self._points)

    # -- kept -------------------------------------------------------------------------------

    @acting
    def apply(self, *_: Any) -> None:
        """Keep the pose: the layer's scan has another header, and one more step."""
        moving = self.alignment()
        if moving.step is None:
            raise StepError("align", "the layer was not moved", "Move it first")
        said = f"{moving.layer.name} was moved: {moving.step.op.replace('_', ' ')}"
        self.layer.value = moving.keep()
        self._on_layer()
        self.say(said)

    @acting
    def resample(self, *_: Any) -> None:
        """Make a new layer of the moved scan on the grid of the reference."""
        moving, fixed = self.alignment(), self.fixed()
        scan, grid = moving.volume, grid_step(fixed)

        def do(progress: Progress) -> Volume:
            return resample(scan, **grid, progress=progress)

        def then(made: Volume) -> None:
            if self._alignment is moving and not moving.is_stale:
                self.layer.value = moving.bake(made)
                self._on_layer()
                self.say(f"{self.layer.value.name} is on the grid of {fixed.name}")

        self._run(self.behind(do, then), "resampling")


def pose_text(moving: Alignment) -> str:
    """Return the pose for people: its parts where there are any, and the matrix."""
    parts = decomposed(moving.matrix)
    lines = [f"RAS+ mm, from where it was\n{matrix_text(_rounded(moving.matrix))}"]
    if not np.allclose(parts.zooms, 1) or not np.allclose(parts.shears, 0):
        for name, values in (("zooms", parts.zooms), ("shears", parts.shears)):
            lines.append(f"{name} {', '.join(f'{value:.4g}' for value in values)}")
    return "\n".join(lines)


def _rounded(matrix: Any) -> Any:
    return np.round(matrix, 6)


def _number(low: float, high: float, name: str, step: float) -> FloatSpinBox:
    return FloatSpinBox(value=0.0, min=low, max=high, step=step, name=name, tooltip=name)


def _row(label: str, parts: list[Any]) -> Any:
    row: Container[Any] = Container(layout="horizontal", labels=False, label=label)
    row.extend(parts)
    row.margins = (0, 0, 0, 0)
    return row


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
