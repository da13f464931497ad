"""The scan behind a layer as it is at this moment, without reading or copying its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import LayerError
from napari_medvol.viewer.coordinates import (
    Matrix,
    from_viewer,
    millimetres,
    ras_motion,
    ras_of_ipl,
    turn_of,
)
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import layer_matrix, movement
from napari_medvol.volume import Axis, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_known: WeakKeyDictionary[Any, tuple[Any, Volume]] = WeakKeyDictionary()


def live_volume(layer: Layer) -> Volume:
    """Return the scan of a layer for looking at single voxels.

    As :func:`~napari_medvol.viewer.volumes.volume_of`, but at the cost of a look: labels share
    the voxels that the brush paints, and data of other plugins stay where they are. Not for
    writing: no step says what was changed.

    Raises
    ------
    LayerError
        If the layer holds no voxels, or its transform leads nowhere.
    """
    key = _key(layer)
    known = _known.get(layer)
    if known is None or known[0] != key:
        known = (key, _volume(layer))
        _known[layer] = known
    return known[1]


def _key(layer: Layer) -> Any:
    """Return what a layer's scan depends on; comparing it costs microseconds."""
    return (
        id(layer.data),
        id(record_of(layer)),
        layer.scale.tobytes(),
        layer.translate.tobytes(),
        layer.rotate.tobytes(),
        layer.shear.tobytes(),
        layer.affine.affine_matrix.tobytes(),
        tuple(layer.units),
    )


def _volume(layer: Layer) -> Volume:
    from napari.layers import Image, Labels

    if not isinstance(layer, Image | Labels):
        raise LayerError(
            f"layer {layer.name!r}", "holds no voxels", "Choose an image or a labels layer"
        )
    record = record_of(layer)
    face = record.current(layer.data) if record is not None else None
    if record is None or face is None:
        return _of_foreign(layer)
    volume = record.volume
    if volume.kind == "labels":
        volume = replace(volume, data=turn_of(volume).back(record.native.data))
    motion = movement(layer, face)
    if motion is not None:
        affine = ras_motion(motion[-4:, -4:]) @ volume.affine
        volume = replace(volume, affine=affine)
    return volume


def _of_foreign(layer: Layer) -> Volume:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    rgb = bool(getattr(layer, "rgb", False))
    matrix, n = layer_matrix(layer), max(layer.ndim - 3, 0)
    axes = [Axis("t", float(matrix[a, a]) or 1.0, "", float(matrix[a, -1])) for a in range(n)]
    kind: Any = "labels" if hasattr(layer, "selected_label") else "image"
    return Volume(
        _InVolumeOrder(data, layer.ndim, rgb),  # type: ignore[arg-type]
        from_viewer(matrix[n:, n:]),
        (*axes[::-1], *([Axis("rgb")] if rgb else [])),
        kind=kind,
        name=layer.name,
    )


class _InVolumeOrder:
    """Somebody's array of any kind, indexed (i, j, k, extra …, colour).

    Parameters
    ----------
    data : array
        (… extra, z, y, x, colour), or (y, x) for a single plane.
    n_axes : int
        Axes but colour.
    rgb : bool
    """

    def __init__(self, data: Any, n_axes: int, rgb: bool) -> None:
        self._data, self._n = data, n_axes
        self.is_in_memory = isinstance(data, np.ndarray)
        space = tuple(int(n) for n in data.shape[:n_axes][::-1])
        colour = (int(data.shape[-1]),) if rgb else ()
        self.shape = (*space, *[1] * (3 - n_axes), *colour)
        self.ndim, self.dtype = len(self.shape), np.dtype(data.dtype)

    def __getitem__(self, index: Sequence[Any]) -> NDArray[Any]:
        wanted = tuple(index)[: self._n]
        found = np.asarray(self._data[wanted[::-1]])
        kept = sum(isinstance(part, slice) for part in wanted)
        turned = found.transpose((*range(kept)[::-1], *range(kept, found.ndim)))
        # A single plane has one voxel along k, whatever part of it is asked for.
        lacking = [1 for p in tuple(index)[self._n : 3] if isinstance(p, slice)]
        return turned.reshape((*turned.shape[:kept], *lacking, *turned.shape[kept:]))


def ras_under(viewer: ViewerModel, layer: Layer, point: Sequence[float]) -> Matrix:
    """Return what of the patient a layer shows at a point of the viewer's world, RAS+ mm.

    The same for all layers but for one that shows an oblique volume on its own grid.
    """
    world = np.asarray(point, dtype=np.float64)[-3:]
    world = np.concatenate([np.zeros(3 - len(world)), world])
    # Where units do not go together, napari draws each layer by its own numbers.
    units = viewer.dims.units or layer.units
    if len(units) >= 3:
        world = world * millimetres(units)
    record = record_of(layer)
    if record is not None and record.is_straightened:
        world = affines.apply_affine(record.correction, world)
    return ras_of_ipl(world)


def extra_under(viewer: ViewerModel, layer: Layer, point: Sequence[float]) -> tuple[int, ...]:
    """Return the index along a layer's extra axes, in the Volume's order, at a point."""
    n = layer.ndim - 3
    if n <= 0:
        return ()
    here = np.asarray(point, dtype=np.float64)[-layer.ndim :][:n]
    if len(here) < n or len(point) < layer.ndim:
        return (0,) * n
    factors = _unit_factors(viewer, layer, n)
    matrix = layer_matrix(layer)
    steps, starts = matrix.diagonal()[:n], matrix[:n, -1]
    index = np.floor((here * factors - starts) / np.where(steps, steps, 1.0) + 0.5 + 1e-9)
    return tuple(int(i) for i in index[::-1])


def _unit_factors(viewer: ViewerModel, layer: Layer, n: int) -> Matrix:
    """Return layer units per viewer unit of the leading axes; 1 where they do not compare."""
    import pint

    shown = viewer.dims.units
    if shown is None or len(shown) < layer.ndim:
        return np.ones(n)
    factors = []
    for ours, its in zip(shown[-layer.ndim :][:n], layer.units[:n], strict=True):
        try:
            factors.append(1.0 if ours == its else float((1 * ours).to(its).magnitude))
        except pint.DimensionalityError:
            factors.append(1.0)
    return np.array(factors)
