"""Qt's side of things: is there a window, and do something a little later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def application() -> Any:
    """Return the running QApplication, or None; never makes one and never imports Qt for it."""
    import sys

    if "qtpy" not in sys.modules:
        return None
    from qtpy.QtWidgets import QApplication

    return QApplication.instance()


def is_live() -> bool:
    """Return whether Qt handles events: a person is at the window, and no script waits.

    Commands of a script, a test or a notebook's cell run outside of Qt's loop.
    """
    if application() is None:
        return False
    from qtpy.QtCore import QThread

    thread = QThread.currentThread()
    return thread is not None and thread.loopLevel() > 0


def has_window() -> bool:
    """Return whether napari has a window, on the screen or soon."""
    if application() is None:
        return False
    from napari import current_viewer

    return current_viewer() is not None


def window_is_coming() -> bool:
    """Return whether napari has a window that is not on the screen yet."""
    if application() is None:
        return False
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        return False
    # The public `window` of a viewer has no word on visibility.
    return not viewer.window._qt_window.isVisible()  # noqa: SLF001


def later(milliseconds: int, do: Callable[[], None]) -> None:
    """Call `do` from the event loop after a while; at once where there is no event loop."""
    if application() is None:
        do()
        return
    from qtpy.QtCore import QTimer

    QTimer.singleShot(milliseconds, do)


def front_window() -> Any:
    """Return napari's window as the parent of dialogs, or None where it is not to be seen."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        return None
    parent = viewer.window._qt_window  # noqa: SLF001 - dialogs need the Qt widget
    return parent if parent.isVisible() else None
