"""Docks beside a large one, in a window of Qt alone."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow

from napari_medvol.viewer.widgets.beside import Beside

_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea


@pytest.fixture
def window(qtbot: Any) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.setCentralWidget(QLabel("canvas"))
    made.resize(900, 500)
    made.show()
    return made


def docked(window: QMainWindow, name: str, width: int = 100) -> QDockWidget:
    dock, label = QDockWidget(name), QLabel(name)
    label.setMinimumSize(width, 60)
    dock.setWidget(label)
    window.addDockWidget(_RIGHT, dock)
    return dock


def test_docks_before_and_after_share_a_column(window: QMainWindow, qtbot: Any) -> None:
    before = docked(window, "before")
    large = docked(window, "large", 200)
    beside = Beside(large, window)
    after = docked(window, "after")

    def is_so() -> bool:
        column = (before.geometry(), after.geometry())
        is_right = all(one.left() > large.geometry().right() for one in column)
        return is_right and column[1].top() > column[0].bottom()

    qtbot.waitUntil(is_so, timeout=5000)
    assert large.height() > 0.9 * window.height()
    beside.end()


def test_a_screen_that_is_too_narrow_has_them_below(window: QMainWindow, qtbot: Any) -> None:
    large = docked(window, "large", 200)
    Beside(large, window)
    other = docked(window, "other", window.screen().size().width())
    qtbot.waitUntil(other.isVisible, timeout=5000)
    qtbot.wait(50)

    assert other.geometry().top() > large.geometry().bottom()
