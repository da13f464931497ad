"""Every test of the viewer starts as if it were the user's first day."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import napari._qt.qt_main_window  # noqa: F401 - hundreds of modules, before they are frozen
import pytest
from napari.utils.notifications import Notification, notification_manager
from npe2 import PluginManager

from napari_medvol.viewer import notify


@pytest.fixture(autouse=True)
def nothing_was_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what is told only once be told again."""
    monkeypatch.setattr(notify, "_told", set())


@pytest.fixture(autouse=True, scope="session")
def plugins_are_found() -> None:
    """Let npe2 find the installed plugins, as a window does when it opens."""
    PluginManager.instance().discover()


@pytest.fixture(autouse=True, scope="session")
def what_was_imported_is_not_looked_through_for_waste(plugins_are_found: None) -> Iterator[None]:
    """Spare time: napari looks for waste among all objects when any layer is removed."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def told() -> Iterator[list[Notification]]:
    """Collect the notifications of a test."""
    heard: list[Notification] = []

    def hear(notification: Notification) -> None:
        heard.append(notification)

    notification_manager.notification_ready.connect(hear)
    yield heard
    notification_manager.notification_ready.disconnect(hear)
