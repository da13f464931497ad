"""What widgets share that apply operations: volumes made in a thread, shown as layers."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import CheckBox
from napari.layers import Layer

from napari_medvol.budget import bytes_text
from napari_medvol.formats.row import Progress
from napari_medvol.ops import apply
from napari_medvol.viewer.derived import show_results
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.page import hiding
from napari_medvol.viewer.widgets.panel import acting
from napari_medvol.viewer.widgets.working import WorkingPanel
from napari_medvol.volume import Step, Volume

#: A source, and what makes volumes of it in a thread.
Job = tuple[Layer, Callable[[Progress], Sequence[Volume]]]


class SteppingPanel(WorkingPanel):
    """A panel that makes volumes of layers in a thread and shows them.

    A subclass gives :meth:`jobs`, which is asked in this thread.

    Parameters
    ----------
    viewer : Viewer
    verb : str
        What the button says.
    """

    stopped = "Stopped; the layers are as they were."

    def __init__(self, viewer: Any, verb: str) -> None:
        super().__init__(viewer, verb)
        self.in_place = CheckBox(text="Instead of the layer", value=False)
        self.in_place.tooltip = "Else a new layer is added. Both can be undone."
        self.hide_source = hiding()
        self.connect(self.in_place.changed, self._on_in_place)
        #: What the last work made.
        self.made: list[Layer] = []

    def jobs(self) -> list[Job]:
        """Return what is to be made of which layers."""
        raise NotImplementedError

    @acting
    def start(self, *_: Any) -> None:
        """Make what is asked for, in a thread."""
        self.begin(self.jobs)

    def begin(self, jobs: Callable[[], list[Job]]) -> None:
        """Do jobs in a thread, unless something is being made already."""
        if self.is_working:
            return
        asked = jobs()
        self.work(lambda tell: [(layer, do(tell)) for layer, do in asked], self._show)

    def _on_in_place(self, *_: Any) -> None:
        self.hide_source.enabled = not self.in_place.value

    def _show(self, results: Sequence[tuple[Layer, Sequence[Volume]]]) -> None:
        self.made = show_results(
            self.viewer,
            results,
            in_place=bool(self.in_place.value),
            hide=bool(self.hide_source.value),
        )
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
    size = bytes_text(volume.data.size * volume.dtype.itemsize)
    return f"{shape} {volume.dtype}, {size}. History can undo it."
