"""Points of napari's world in the patient, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.viewer.coordinates import Matrix, ipl_of_ras, millimetres, ras_of_ipl
from napari_medvol.viewer.shown import record_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def to_ras(layer_or_viewer: Layer | ViewerModel, point: ArrayLike) -> Matrix:
    """Return where a point of napari's world lies in the patient.

    Parameters
    ----------
    layer_or_viewer : Layer or ViewerModel
        A viewer for points of the viewer, such as ``viewer.cursor.position``; a layer for
        points of that layer's world, ``layer.data_to_world(…)``. The two differ where the
        viewer holds layers of several units, and where a layer shows an oblique volume on its
        own grid: then the layer's answer is where its voxels truly are.
    point : (…, n) array_like
        n ≥ 3; the last three are (z, y, x), what comes before is not used.

    Returns
    -------
    (…, 3) array
        RAS+ mm.
    """
    units, correction = _world(layer_or_viewer)
    world: Matrix = np.asarray(point, dtype=np.float64)[..., -3:] * millimetres(units)
    return ras_of_ipl(affines.apply_affine(correction, world))


def from_ras(layer_or_viewer: Layer | ViewerModel, point: ArrayLike) -> Matrix:
    """Return the point (z, y, x) of napari's world that lies at RAS+ mm: :func:`to_ras` back.

    Parameters
    ----------
    layer_or_viewer : Layer or ViewerModel
    point : (…, 3) array_like
        RAS+ mm.
    """
    units, correction = _world(layer_or_viewer)
    world = affines.apply_affine(np.linalg.inv(correction).astype(np.float64), ipl_of_ras(point))
    back: Matrix = world / millimetres(units)
    return back


def _world(layer_or_viewer: Any) -> tuple[Any, Affine]:
    """Return the units of a world, and IPL mm as it looks there to IPL mm as it is."""
    dims = getattr(layer_or_viewer, "dims", None)
    if dims is not None:
        return dims.units, np.eye(4)
    layer = layer_or_viewer
    record = record_of(layer)
    return layer.units, np.eye(4) if record is None else record.correction
