"""Long work in a thread, while the window stays alive and can say stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from napari_medvol.formats.row import Progress, unheard
from napari_medvol.viewer.window import application, front_window

T = TypeVar("T")

#: Work that ends sooner shows no dialog.
_PATIENCE_MS: Final = 400
_POLL_MS: Final = 30
#: Python lets a busy thread run on; a real pause every few milliseconds lets the window draw.
_TURN_S: Final = 0.001
_RUN_S: Final = 0.01


class CancelledError(Exception):
    """The user said stop."""


class Task(threading.Thread, Generic[T]):
    """Work in a thread of its own, which tells how far it is.

    Parameters
    ----------
    do : callable
        Takes a progress callable, gives the result. It ends when it next tells its progress
        after :meth:`cancel`.
    """

    def __init__(self, do: Callable[[Progress], T]) -> None:
        super().__init__(name="medvol task", daemon=True)
        self._do = do
        self._result: T
        self._error: BaseException | None = None
        self._cancelled = False
        self.done, self.total = 0, 0
        self._turn = 0.0

    def run(self) -> None:
        """Do the work."""
        try:
            self._result = self._do(self._tell)
        except BaseException as error:  # handed over to the thread that asks for the result
            self._error = error

    def _tell(self, done: int, total: int) -> None:
        if self._cancelled:
            raise CancelledError
        self.done, self.total = done, total
        if time.monotonic() > self._turn:
            time.sleep(_TURN_S)
            self._turn = time.monotonic() + _RUN_S

    def cancel(self) -> None:
        """Make the work stop at its next word of progress."""
        self._cancelled = True

    def result(self) -> T:
        """Return the result, or raise what the work raised.

        Raises
        ------
        CancelledError
            If the work was told to stop; it may be at it for a moment still.
        """
        if self._cancelled:
            raise CancelledError
        self.join()
        if self._error is not None:
            raise self._error
        return self._result


def waited_for(title: str, do: Callable[[Progress], T], counts: str = "files") -> T:
    """Return what `do` gives; a window stays alive meanwhile and can cancel.

    Work that takes longer than a moment shows a dialog with a Cancel button. Without a window
    the work is simply done.

    Parameters
    ----------
    title : str
        What is being done, for people.
    do : callable
        Takes a progress callable, gives the result. Runs in a thread: no Qt, no napari.
    counts : str
        What the progress counts, for people.

    Raises
    ------
    CancelledError
        If the user said stop.
    """
    if application() is None:
        return do(unheard)
    task = Task(do)
    task.start()
    _wait_a_moment(task)
    if task.is_alive():
        dialog = _progress_dialog(title, task, counts)
        if not dialog.exec():
            task.cancel()
        dialog.deleteLater()
    return task.result()


def _wait_a_moment(task: Task[Any]) -> None:
    """Draw, but take no clicks and keys, until the task ends or turns out to be long."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, poll = QEventLoop(), QTimer()
    until = time.monotonic() + _PATIENCE_MS / 1000

    def look() -> None:
        if not task.is_alive() or time.monotonic() > until:
            loop.quit()

    poll.timeout.connect(look)
    poll.start(_POLL_MS)
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    poll.stop()


def _progress_dialog(title: str, task: Task[Any], counts: str) -> Any:
    """Return a modal dialog that accepts itself when the task has ended."""
    from napari.qt import get_current_stylesheet
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QProgressBar, QVBoxLayout

    dialog = QDialog(front_window())
    dialog.setWindowTitle(title)
    dialog.setModal(True)
    dialog.setStyleSheet(get_current_stylesheet())
    label, bar = QLabel(title), QProgressBar()
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    for widget in (label, bar, buttons):
        layout.addWidget(widget)
    dialog.resize(420, dialog.sizeHint().height())

    def look() -> None:
        if not task.is_alive():
            dialog.accept()
            return
        bar.setMaximum(task.total)
        bar.setValue(task.done)
        label.setText(f"{title}: {_how_far(task.done, task.total, counts)}")

    poll = QTimer(dialog)
    poll.timeout.connect(look)
    # Not before the dialog runs: accepting it earlier would leave nothing to end it.
    poll.start(_POLL_MS)
    dialog.finished.connect(poll.stop)
    return dialog


def _how_far(done: int, total: int, counts: str = "files") -> str:
    if not total:
        return f"{done:,} {counts} found" if done else f"looking for {counts}"
    if done == total and counts == "files":
        return f"sorting {total:,} files"
    return f"{done:,} of {total:,} {counts}"
