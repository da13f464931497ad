"""Docks beside a large one: a column next to it, not slices of its height."""

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

#: Share of the window's width for the large dock, and pixels of width for the others.
_SHARE: Final = 0.42
_COLUMN: Final = 340


class Beside(QObject):
    """Keeps docks that are opened in the area of one dock in a column beside it.

    napari puts one dock below another, and a few of them leave each a stripe. Where a user
    drags a dock, there it stays; docks in tabs are left alone, and so is the window of a screen
    that is too narrow for one column more.

    Parameters
    ----------
    dock : QDockWidget
        The large one.
    window : QMainWindow
    """

    def __init__(self, dock: QDockWidget, window: QMainWindow) -> None:
        super().__init__(dock)
        self._dock: Callable[[], QDockWidget | None] = weakref.ref(dock)
        self._window = weakref.ref(window)
        self._placed: list[weakref.ReferenceType[QDockWidget]] = []
        window.installEventFilter(self)
        # Later: a dock that was just added is not shown yet.
        QTimer.singleShot(0, self._take_place)

    def end(self) -> None:
        """Leave the window alone."""
        window, self._dock = self._window(), _nothing
        if window is not None:
            window.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Hear of new docks; Qt's name."""
        if event is not None and event.type() == QEvent.Type.ChildAdded:
            child = event.child()
            if isinstance(child, QDockWidget):
                self._when_shown(child)
        return False

    def _when_shown(self, other: QDockWidget) -> None:
        """Put a dock into the column once it has its place in the window."""
        reference = weakref.ref(other)

        def once(is_visible: bool) -> None:
            shown = reference()
            if is_visible and shown is not None:
                shown.visibilityChanged.disconnect(once)
                QTimer.singleShot(0, lambda: self._put_beside(reference()))

        other.visibilityChanged.connect(once)

    def _take_place(self) -> None:
        """Send the docks that were there first into the column."""
        with suppress(RuntimeError):
            for other in self._others():
                self._put_beside(other)

    def _put_beside(self, other: Any) -> None:
        dock, window = self._dock(), self._window()
        with suppress(RuntimeError):
            if dock is None or window is None or other not in self._others():
                return
            placed = [reference() for reference in self._placed]
            if not self._has_room(window, other):
                return
            column = [one for one in self._others() if one in placed and one is not other]
            if column:
                window.splitDockWidget(column[-1], other, Qt.Orientation.Vertical)
            else:
                window.splitDockWidget(dock, other, Qt.Orientation.Horizontal)
            widths = [round(_SHARE * window.width()), _COLUMN]
            window.resizeDocks([dock, other], widths, Qt.Orientation.Horizontal)
            self._placed.append(weakref.ref(other))

    def _has_room(self, window: QMainWindow, other: QDockWidget) -> bool:
        """Return whether a further column leaves the window on its screen."""
        screen = window.screen()
        if self._placed or screen is None:
            return True
        least = window.minimumSizeHint().width() + other.minimumSizeHint().width()
        return least <= max(screen.availableGeometry().width(), window.width())

    def _others(self) -> list[QDockWidget]:
        """Return the docks that share the area, in the order in which they came."""
        dock, window = self._dock(), self._window()
        if dock is None or window is None:
            return []
        area = window.dockWidgetArea(dock)
        return [
            one
            for one in window.findChildren(QDockWidget)
            if one is not dock
            and window.dockWidgetArea(one) == area
            and not (one.isHidden() or one.isFloating() or window.tabifiedDockWidgets(one))
        ]


def _nothing() -> None:
    """Stand in for a dock that is gone."""
