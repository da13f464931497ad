"""The anatomical planes of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.viewer.coordinates import Face
from napari_medvol.viewer.fitting import fit
from napari_medvol.views.planes import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

#: Order of the last three axes (z, y, x): the first is the slider's.
_ORDERS: Final[dict[Plane, tuple[int, int, int]]] = {
    "axial": (0, 1, 2),
    "coronal": (1, 0, 2),
    "sagittal": (2, 0, 1),
}

#: A scan this much thinner than it is wide shows little across.
_SLAB: Final = 1 / 4


def show_plane(viewer: ViewerModel, plane: Plane) -> None:
    """Show one anatomical plane in 2-D, head up, the patient's left on the right.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    plane : {"axial", "coronal", "sagittal"}

    Raises
    ------
    LayerError
        If nothing in the viewer has three axes.
    """
    n_leading = viewer.dims.ndim - 3
    if n_leading < 0:
        raise LayerError(f"{plane} view", "nothing in the viewer has three axes", "Open a scan")
    viewer.dims.ndisplay = 2
    viewer.dims.order = plane_order(plane, viewer.dims.ndim)
    # What is hidden, such as a localizer, would make the rest small.
    fit(viewer, [layer for layer in viewer.layers if layer.visible])


def plane_order(plane: Plane, ndim: int) -> tuple[int, ...]:
    """Return the ``dims.order`` that shows a plane of `ndim` ≥ 3 axes (…, z, y, x)."""
    n_leading = ndim - 3
    return (*range(n_leading), *(n_leading + axis for axis in _ORDERS[plane]))


def plane_of_slab(face: Face) -> Plane | None:
    """Return the plane in which a thin slab was acquired, if that is not the axial one."""
    n = len(face.leading)
    extent = np.abs(face.affine[:3, :3]) @ np.array(face.data.shape[n : n + 3])
    thin = int(np.argmin(extent))
    others = [extent[axis] for axis in range(3) if axis != thin]
    if thin == 0 or extent[thin] > _SLAB * min(others):
        return None
    return "coronal" if thin == 1 else "sagittal"
