"""A scan moved onto another by mutual information, beside the window."""

from typing import Any, Final

from magicgui.widgets import ComboBox
from qtpy.QtCore import QTimer

from napari_medvol.errors import StepError
from napari_medvol.formats.row import Progress
from napari_medvol.registration import MOTIONS, Reached, Registration, is_available, register
from napari_medvol.viewer.widgets.align_panel import AligningPanel
from napari_medvol.viewer.widgets.metric_plot import MetricPlot
from napari_medvol.viewer.widgets.page import Page
from napari_medvol.viewer.widgets.panel import acting

_LOOK_MS: Final = 100
_INSTALL: Final = 'Registration needs SimpleITK: pip install "napari-medvol[registration]"'


class RegistrationPage(Page[AligningPanel]):
    """Which motion is looked for, and how well it fits so far.

    Parameters
    ----------
    panel : AligningPanel
    """

    def __init__(self, panel: AligningPanel) -> None:
        super().__init__(panel)
        self.motion = ComboBox(choices=MOTIONS, label="Register")
        self.plot = MetricPlot()
        #: How well each pose that was tried fits.
        self.points: list[Reached] = []
        self._look = QTimer(panel.native)
        self.connect(self._look.timeout, self._draw)
        self._look.start(_LOOK_MS)

    @acting
    def start(self, *_: Any) -> None:
        """Look for the motion onto the reference, from the present pose, in a thread."""
        panel = self.panel
        if panel.is_working:
            return
        if not is_available():
            raise StepError("register", *_INSTALL.split(": ", 1))
        moving, fixed, motion = panel.alignment(), panel.fixed(), self.motion.value
        scan, before = moving.volume, moving.matrix
        points: list[Reached] = []
        self.points = points

        def do(progress: Progress) -> Registration:
            return register(scan, fixed, motion, progress=progress, reached=points.append)

        def then(found: Registration) -> None:
            if moving.layer in panel.viewer.layers and panel.moving is moving:
                panel.change(moving.move_to, found.matrix @ before)
                self.say(f"mutual information {found.before:.4g} → {found.after:.4g}")

        panel.work(do, then, "registering …")

    def _draw(self) -> None:
        if len(self.points) != len(self.plot.points):
            self.plot.put(self.points)
