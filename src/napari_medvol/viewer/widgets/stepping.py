"""What widgets share that apply operations: a button, progress, cancel, results as layers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from magicgui.widgets import CheckBox, Container, ProgressBar, PushButton
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_medvol.formats.row import Progress
from napari_medvol.ops import apply
from napari_medvol.viewer.histories import show_result
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.waiting import CancelledError, Task
from napari_medvol.viewer.widgets.panel import Panel, acting
from napari_medvol.volume import Step, Volume

_POLL_MS: Final = 40

#: A source, and what makes volumes of it in a thread.
Job = tuple[Layer, Callable[[Progress], Sequence[Volume]]]


class SteppingPanel(Panel):
    """A panel that makes volumes of layers in a thread and shows them.

    A subclass gives :meth:`jobs`, which is asked in this thread.

    Parameters
    ----------
    viewer : Viewer
    verb : str
        What the button says.
    """

    def __init__(self, viewer: Any, verb: str) -> None:
        super().__init__(viewer)
        self.in_place = CheckBox(text="Instead of the layer", value=False)
        self.in_place.tooltip = (
            "Else a new layer is added, and the source hidden. Both can be undone."
        )
        self.bar = ProgressBar(value=0, max=1, visible=False, label=" ")
        self.run = PushButton(text=verb, name="run")
        self.cancel = PushButton(text="Cancel", enabled=False, name="cancel")
        self.buttons = Container(
            widgets=[self.run, self.cancel], layout="horizontal", labels=False
        )
        #: What the last work made.
        self.made: list[Layer] = []
        self._task: Task[list[tuple[Layer, Sequence[Volume]]]] | None = None
        self._poll = QTimer(self.native)
        self._poll.timeout.connect(self._watch)
        self.connect(self.run.changed, self.start)
        self.connect(self.cancel.changed, self.stop)
        self.at_close(self.stop)
        self.at_close(self._poll.stop)

    def jobs(self) -> list[Job]:
        """Return what is to be made of which layers."""
        raise NotImplementedError

    @property
    def is_working(self) -> bool:
        """Whether something is being made."""
        return self._task is not None

    @acting
    def start(self, *_: Any) -> None:
        """Make what is asked for, in a thread."""
        self.begin(self.jobs)

    def begin(self, jobs: Callable[[], list[Job]]) -> None:
        """Do jobs in a thread, unless something is being made already."""
        if self._task is not None:
            return
        asked = jobs()
        self._task = Task(lambda tell: [(layer, do(tell)) for layer, do in asked])
        self.say("Working …")
        self.run.enabled, self.cancel.enabled = False, True
        self.bar.visible, self.bar.value = True, 0
        self._task.start()
        self._poll.start(_POLL_MS)

    def stop(self, *_: Any) -> None:
        """Stop: every layer stays as it was."""
        if self._task is not None:
            self._task.cancel()

    def _watch(self) -> None:
        if self._task is None:
            self._poll.stop()
            return
        self.bar.max = max(self._task.total, 1)
        self.bar.value = min(self._task.done, self.bar.max)
        if not self._task.is_alive():
            self._finish()

    @acting
    def _finish(self) -> None:
        task, self._task = self._task, None
        assert task is not None
        self._poll.stop()
        self.run.enabled, self.cancel.enabled = True, False
        self.bar.visible = False
        self.say("")
        try:
            results = task.result()
        except CancelledError:
            self.say("Stopped; the layers are as they were.")
            return
        self.made = [
            layer
            for source, volumes in results
            for layer in show_result(self.viewer, source, volumes, in_place=self.in_place.value)
        ]
        self.say(_said(results))


def applying(layer: Layer, steps: Sequence[Step]) -> Job:
    """Return the job that applies steps to the scan of a layer."""
    volume = volume_of(layer)
    return layer, lambda tell: [apply(volume, steps, progress=tell)]


def _said(results: Sequence[tuple[Layer, Sequence[Volume]]]) -> str:
    volumes = [volume for _, made in results for volume in made]
    if len(volumes) != 1:
        return f"{len(volumes)} layers were made. History can undo it."
    (volume,) = volumes
    shape = " × ".join(map(str, volume.shape))
    size = volume.data.size * volume.dtype.itemsize / 2**20
    return f"{shape} {volume.dtype}, {size:,.1f} MiB. History can undo it."
