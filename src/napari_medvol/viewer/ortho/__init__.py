"""Axial, coronal, sagittal and 3-D at once, beside a viewer: models, mouse and canvases.

The widget *Ortho views* is the face of this room, and opens it in a window::

    from napari_medvol.viewer.widgets import ortho as widget

    widget.show(viewer, point=(10, 20, -30))    # opens the widget, cursor at RAS+ mm
    widget.picture(viewer, "views.png")

Once it is open, the functions here find it::

    from napari_medvol.viewer import ortho

    ortho.move_to(viewer, (0, 0, 0))
    ortho.cursor_of(viewer).moved.connect(print)  # told of every move, RAS+ mm
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from napari_medvol.viewer.ortho.cursor import Cursor, Point, cursor_of
from napari_medvol.viewer.ortho.models import VIEWS, Options, Ortho, View
from napari_medvol.viewer.ortho.opened import ortho_of, side_viewers

if TYPE_CHECKING:
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
    "side_viewers",
]


def move_to(viewer: ViewerModel, point: ArrayLike) -> None:
    """Move the cursor of a viewer, and its sliders, to a point in RAS+ mm.

    Raises
    ------
    LayerError
        If `point` is not three finite numbers.
    """
    cursor_of(viewer).move_to(point)
