"""The life of a widget: opened, used and closed, whatever is in the viewer."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_medvol.viewer.widgets.panel import Panel
from tests.viewer.scenes import ODD, callbacks, settle

P = TypeVar("P", bound=Panel)


def puts_up_with(state: str, widget: Callable[[ViewerModel], P], use: Callable[[P], None]) -> None:
    """Use a widget in an odd viewer, in 2-D and 3-D: nothing may be raised."""
    viewer = ViewerModel()
    ODD[state](viewer)
    panel = widget(viewer)

    use(panel)
    if state == "deleted layers":
        viewer.layers.clear()
        use(panel)
    viewer.dims.ndisplay = 3
    use(panel)
    viewer.dims.ndisplay = 2
    settle()

    panel.close()
    settle()


def leaves_nothing(
    viewer: Any, widget: Callable[[Any], P], use: Callable[[P], None], openings: int
) -> None:
    """Dock, use and close a widget so often: neither windows nor callbacks may be left."""

    def once() -> None:
        panel = widget(viewer)
        dock = viewer.window.add_dock_widget(panel, name="x")
        use(panel)
        settle()
        dock.destroyOnClose()
        settle()
        assert panel.is_closed

    once()
    once()
    gc.collect()
    windows, connected = len(QApplication.topLevelWidgets()), callbacks(viewer)
    for _ in range(openings):
        once()
    gc.collect()
    settle()

    assert len(QApplication.topLevelWidgets()) <= windows
    assert callbacks(viewer) <= connected
