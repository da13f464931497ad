"""One scan moved onto another: by centres, by hand, by a file, by mutual information."""

from typing import Any

from magicgui.widgets import PushButton

from napari_medvol.errors import StepError
from napari_medvol.formats.row import Progress
from napari_medvol.ops.resample import resample
from napari_medvol.registration import is_available
from napari_medvol.viewer.aligning import grid_step
from napari_medvol.viewer.widgets.align_files import FilesPage
from napari_medvol.viewer.widgets.align_manual import ManualPage
from napari_medvol.viewer.widgets.align_panel import AligningPanel
from napari_medvol.viewer.widgets.align_registration import RegistrationPage
from napari_medvol.viewer.widgets.page import hiding, row
from napari_medvol.viewer.widgets.panel import acting
from napari_medvol.volume import Volume


class AlignWidget(AligningPanel):
    """Move a scan, see it move, and keep or bake where it went.

    Parameters
    ----------
    viewer : Viewer
    """

    stopped = "cancelled: the layer is where it was"

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Register")
        self.by_hand, self.files = ManualPage(self), FilesPage(self)
        self.registration = RegistrationPage(self)
        self.keep = PushButton(text="Apply to header", tooltip="No voxel changes")
        self.bake = PushButton(text="Bake", tooltip="A new layer on the grid of the reference")
        self.hide_source = hiding()
        self.extend([self.layer, self.reference, *self.by_hand.parts, *self.files.parts])
        self.extend(
            [self.registration.motion, self.buttons, self.bar, row("", self.keep, self.bake)]
        )
        self.append(self.hide_source)
        for part in (self.registration.plot, self.found):
            self.add_native(part)
        self.run.enabled = is_available()
        self.connect(self.keep.changed, self.apply)
        self.connect(self.bake.changed, self.resample)
        self.connect(self.posed, self._on_posed)
        self.choose()

    def start(self, *_: Any) -> None:
        """Look for the motion onto the reference."""
        self.registration.start()

    def _show_working(self, is_working: bool) -> None:
        super()._show_working(is_working)
        self.run.enabled, self.bake.enabled = not is_working and is_available(), not is_working

    def _on_posed(self) -> None:
        self.keep.enabled = self.moving is not None and self.moving.step is not None

    @acting
    def apply(self, *_: Any) -> None:
        """Keep the pose: the layer's scan has another header, and one more step."""
        moving = self.alignment()
        if moving.step is None:
            raise StepError("align", "the layer was not moved", "Move it first")
        said = f"{moving.layer.name} was moved: {moving.step.op.replace('_', ' ')}"
        self.layer.value = moving.keep()
        self.forget()
        self.say(said)

    @acting
    def resample(self, *_: Any) -> None:
        """Make a new layer of the moved scan on the grid of the reference."""
        moving, fixed = self.alignment(), self.fixed()
        scan, grid = moving.volume, grid_step(fixed)

        def do(progress: Progress) -> Volume:
            return resample(scan, **grid, progress=progress)

        def then(made: Volume) -> None:
            if self.moving is moving and not moving.is_stale:
                self.layer.value = moving.bake(made, bool(self.hide_source.value))
                self.forget()
                self.say(f"{self.layer.value.name} is on the grid of {fixed.name}")

        self.work(do, then, "resampling …")
