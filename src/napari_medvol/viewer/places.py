"""Points of napari's world in the patient, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.errors import LayerError
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

    Raises
    ------
    LayerError
        If the first is neither a layer nor a viewer, or the point has fewer than three numbers.
    """
    units, correction = _world(layer_or_viewer)
    world: Matrix = _numbers("to_ras", point)[..., -3:] * _scale(units)
    return ras_of_ipl(affines.apply_affine(correction, world))


def from_ras(layer_or_viewer: Layer | ViewerModel, point: ArrayLike) -> Matrix:
    """Return the point (z, y, x) of napari's world that lies at RAS+ mm: :func:`to_ras` back.

    Parameters
    ----------
    layer_or_viewer : Layer or ViewerModel
    point : (…, 3) array_like
        RAS+ mm.

    Raises
    ------
    LayerError
        If the first is neither a layer nor a viewer, or a point has not three numbers.
    """
    units, correction = _world(layer_or_viewer)
    ras = _numbers("from_ras", point)
    if ras.shape[-1] != 3:
        raise LayerError(
            "from_ras", f"a point has {ras.shape[-1]} numbers", "Give (x, y, z) in RAS+ mm"
        )
    world = affines.apply_affine(np.linalg.inv(correction).astype(np.float64), ipl_of_ras(ras))
    back: Matrix = world / _scale(units)
    return back


def _numbers(asked: str, point: ArrayLike) -> Matrix:
    """Return points as an array of at least three numbers each."""
    try:
        numbers: Matrix = np.asarray(point, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise LayerError(asked, f"{point!r} is no point", "Give three numbers") from error
    if numbers.ndim == 0 or numbers.shape[-1] < 3:
        count = numbers.shape[-1] if numbers.ndim else 1
        raise LayerError(asked, f"a point of {count} has no (z, y, x)", "Give three numbers")
    return numbers


def _scale(units: Any) -> Matrix:
    """Return mm per unit of (z, y, x), also of a world that has only two axes."""
    scale = np.ones(3)
    found = millimetres(units)
    scale[3 - len(found) :] = found
    return scale


def _world(layer_or_viewer: Any) -> tuple[Any, Affine]:
    """Return the units of a world, and IPL mm as it looks there to IPL mm as it is."""
    dims = getattr(layer_or_viewer, "dims", None)
    if dims is not None:
        return dims.units, np.eye(4)
    layer = layer_or_viewer
    if not isinstance(getattr(layer, "metadata", None), dict) or not hasattr(layer, "units"):
        raise LayerError(
            "points of the patient",
            f"a {type(layer).__name__} is neither a layer nor a viewer",
            "Give a layer or a viewer first, then the point",
        )
    record = record_of(layer)
    return layer.units, np.eye(4) if record is None else record.correction
