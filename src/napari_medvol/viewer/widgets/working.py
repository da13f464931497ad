"""What widgets share that have one button for long work: progress, cancel, what came of it."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from magicgui.widgets import Container, ProgressBar, PushButton
from qtpy.QtCore import QTimer

from napari_medvol.formats.row import Progress
from napari_medvol.viewer.waiting import CancelledError, Task
from napari_medvol.viewer.widgets.panel import Panel, acting

T = TypeVar("T")

_POLL_MS: Final = 40


class WorkingPanel(Panel):
    """A panel that works in a thread, one thing at a time, and can be told to stop.

    A subclass puts `bar` and `buttons` where it wants them, and gives :meth:`start`.

    Parameters
    ----------
    viewer : Viewer
    verb : str
        What the button says.
    labels : bool
        As for :class:`~napari_medvol.viewer.widgets.panel.Panel`.
    """

    #: What is said when the work was told to stop.
    stopped = "Stopped."

    def __init__(self, viewer: Any, verb: str, *, labels: bool = True) -> None:
        super().__init__(viewer, labels=labels)
        self.bar = ProgressBar(value=0, max=1, visible=False, label=" ")
        self.run = PushButton(text=verb, name="run")
        self.cancel = PushButton(text="Cancel", enabled=False, name="cancel")
        self.buttons = Container(
            widgets=[self.run, self.cancel], layout="horizontal", labels=False
        )
        self.buttons.margins = (0, 0, 0, 0)
        self._task: Task[Any] | None = None
        self._then: Callable[[Any], None] = _ignore
        self._poll = QTimer(self.native)
        self._poll.timeout.connect(self._watch)
        self.connect(self.run.changed, self.start)
        self.connect(self.cancel.changed, self.stop)
        self.at_close(self.stop)
        self.at_close(self._poll.stop)

    @property
    def is_working(self) -> bool:
        """Whether work was begun and nothing came of it yet."""
        return self._task is not None

    def start(self, *_: Any) -> None:
        """Begin what the form asks for."""
        raise NotImplementedError

    def work(
        self, do: Callable[[Progress], T], then: Callable[[T], None], words: str = "Working …"
    ) -> None:
        """Do work in a thread, then call `then` with its result in this one.

        Errors are said in the status line, whatever raised them. Work that was stopped, or
        whose panel was closed, has no sequel. Nothing is begun while something is at work.

        Parameters
        ----------
        do : callable
            Takes a progress callable, gives the result: no Qt, no napari.
        then : callable
        words : str
            Said meanwhile.
        """
        if self._task is not None:
            return
        self._task, self._then = Task(do), then
        self.say(words)
        self.bar.value = 0
        self._show_working(True)
        self._task.start()
        self._poll.start(_POLL_MS)

    def stop(self, *_: Any) -> None:
        """Tell the work to stop; it does so at its next word of progress."""
        if self._task is not None:
            self._task.cancel()

    def _show_working(self, is_working: bool) -> None:
        """Let the parts say whether something is at work."""
        self.run.enabled, self.cancel.enabled = not is_working, is_working
        self.bar.visible = is_working

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
        then, self._then = self._then, _ignore
        assert task is not None
        self._poll.stop()
        self._show_working(False)
        self.say("")
        try:
            result = task.result()
        except CancelledError:
            self.say(self.stopped.format(done=task.done, total=task.total))
            return
        except Exception as error:  # whatever a library raised in the thread
            self.say_error(error)
            return
        then(result)


def _ignore(result: Any) -> None:
    pass
