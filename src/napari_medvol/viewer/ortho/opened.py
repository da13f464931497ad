"""Which viewers have Ortho views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medvol.viewer.ortho.models import OPENED, Ortho

if TYPE_CHECKING:
    from napari.components import ViewerModel


def ortho_of(viewer: ViewerModel) -> Ortho | None:
    """Return the Ortho views of a viewer, or None where they are not open."""
    held = OPENED.get(getattr(viewer, "__wrapped__", viewer))
    ortho = None if held is None else held()
    return None if ortho is None or ortho.is_closed else ortho


def side_viewers(viewer: ViewerModel) -> list[ViewerModel]:
    """Return the side viewers of a viewer, those of the planes first; empty where none is open.

    Layers that are added to them are drawn there, above the viewer's own.
    """
    ortho = ortho_of(viewer)
    if ortho is None:
        return []
    return [ortho.models[view] for view in ("axial", "coronal", "sagittal", "volume")]
