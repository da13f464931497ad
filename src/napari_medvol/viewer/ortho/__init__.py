"""Axial, coronal, sagittal and 3-D at once, beside a viewer.

The widget *Ortho views* is the face of this room; a script uses the functions here::

    from napari_medvol.viewer import ortho

    ortho.show(viewer, point=(10, 20, -30))     # opens the widget, cursor at RAS+ mm
    ortho.move_to(viewer, (0, 0, 0))
    ortho.cursor_of(viewer).moved.connect(print)  # told of every move, RAS+ mm
    ortho.picture(viewer, "views.png")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.errors import LayerError
from napari_medvol.viewer.ortho.cursor import Cursor, Point, cursor_of
from napari_medvol.viewer.ortho.models import VIEWS, Options, Ortho, View

if TYPE_CHECKING:
    from napari import Viewer
    from napari.components import ViewerModel

__all__ = [
    "VIEWS",
    "Cursor",
    "Options",
    "Ortho",
    "Point",
    "View",
    "cursor_of",
    "move_to",
    "ortho_of",
    "picture",
    "show",
    "side_viewers",
]

_NAME = "Ortho views"


def show(viewer: Viewer, point: ArrayLike | None = None) -> Ortho:
    """Open the Ortho views of a viewer, or find them where they are open.

    Parameters
    ----------
    viewer : Viewer
    point : (3,) array_like, optional
        Where to put the cursor, RAS+ mm.

    Returns
    -------
    Ortho
        Its models, cursor and options.

    Raises
    ------
    LayerError
        If the viewer has no window, or `point` is no point.
    """
    widget = _widget_of(viewer)
    if widget is None:
        window = getattr(viewer, "window", None)
        if window is None:
            raise LayerError(
                _NAME,
                f"a {type(viewer).__name__} has no window",
                "Give a napari.Viewer, or use Ortho(viewer) for the models alone",
            )
        from napari_medvol.viewer.widgets.ortho import OrthoWidget

        widget = OrthoWidget(viewer)
        window.add_dock_widget(widget, name=_NAME, area="right")
    if point is not None:
        widget.ortho.ras = point
    ortho: Ortho = widget.ortho
    return ortho


def ortho_of(viewer: ViewerModel) -> Ortho | None:
    """Return the Ortho views of a viewer, or None where they are not open."""
    widget = _widget_of(viewer)
    return None if widget is None else widget.ortho


def side_viewers(viewer: ViewerModel) -> list[ViewerModel]:
    """Return the side viewers of a viewer, those of the planes first; empty where none is open.

    Layers that are added to them are drawn there, above the viewer's own.
    """
    ortho = ortho_of(viewer)
    if ortho is None:
        return []
    return [ortho.models[view] for view in ("axial", "coronal", "sagittal", "volume")]


def move_to(viewer: ViewerModel, point: ArrayLike) -> None:
    """Move the cursor of a viewer, and its sliders, to a point in RAS+ mm.

    Raises
    ------
    LayerError
        If `point` is not three finite numbers.
    """
    cursor_of(viewer).move_to(point)


def picture(viewer: ViewerModel, path: str | Path | None = None) -> NDArray[np.uint8]:
    """Return what the Ortho views of a viewer show, and save it if a path is given.

    Parameters
    ----------
    viewer : Viewer
    path : str or Path, optional
        ``.png`` or what else Pillow writes.

    Returns
    -------
    (height, width, 4) array of uint8

    Raises
    ------
    LayerError
        If the Ortho views are not open.
    """
    widget = _widget_of(viewer)
    if widget is None:
        raise LayerError(_NAME, "the views are not open", "Open them first: ortho.show(viewer)")
    pixels: NDArray[np.uint8] = widget.picture()
    if path is not None:
        from PIL import Image

        Image.fromarray(pixels).save(path)
    return pixels


def _widget_of(viewer: Any) -> Any:
    """Return the open widget of a viewer; none is made, and Qt is not imported for it."""
    import sys

    module = sys.modules.get("napari_medvol.viewer.widgets.ortho")
    return None if module is None else module.open_on(viewer)
