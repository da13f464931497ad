"""Voxels that somebody computed, in the space of the scan that they were computed from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike

from napari_medvol import volume as volumes
from napari_medvol.errors import StepError
from napari_medvol.viewer.coordinates import Turn, from_viewer, turn_of
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import layer_matrix, volume_of
from napari_medvol.volume import Display, Kind, Volume

if TYPE_CHECKING:
    from napari.layers import Layer

_SPACE = 3


@overload
def like(
    source: Volume, data: ArrayLike, *, kind: Kind | None = None, name: str = ""
) -> Volume: ...
@overload
def like(source: Layer, data: ArrayLike, *, kind: Kind | None = None, name: str = "") -> Layer: ...
def like(
    source: Any, data: ArrayLike, *, kind: Kind | None = None, name: str = ""
) -> Volume | Layer:
    """Return new voxels in the space of a scan, its header kept.

    As ``image.__class__(data, image.affine, image.header)`` of nibabel.

    Parameters
    ----------
    source : Volume or Layer
    data : array
        Of the same shape along i, j, k. For a Volume in its order, (i, j, k, extra axes …,
        colour); for a layer in napari's, as ``layer.data``: (… extra axes, z, y, x, colour).
        Extra axes and colour may be left out, or have another length.
    kind : {"image", "labels"}, optional
        That of the source by default.
    name : str
        That of the source by default.

    Returns
    -------
    Volume or Layer
        What `source` is. A layer is in no viewer yet: ``viewer.add_layer(layer)``.

    Raises
    ------
    StepError
        If the shape is another.
    LayerError
        If a layer holds no voxels.
    """
    if isinstance(source, Volume):
        return volumes.like(source, data, kind=kind, name=name)
    return _layer_like(source, data, kind, name)


def _layer_like(source: Layer, data: ArrayLike, kind: Kind | None, name: str) -> Layer:
    from napari.layers import Layer

    scan, values = volume_of(source), np.asarray(data)
    record = record_of(source)
    colour = bool(getattr(source, "rgb", False)) and values.ndim > min(source.ndim, _SPACE)
    space = tuple(source.data.shape[: source.ndim])[-_SPACE:]
    found = values.shape[: values.ndim - colour][-_SPACE:]
    if found != space:
        raise StepError(
            f"like {source.name!r}",
            f"the data have the shape {values.shape}, the layer has {tuple(source.data.shape)}",
            "Give an array in the order of layer.data",
        )
    values = values[np.newaxis] if source.ndim == len(space) == _SPACE - 1 else values
    n_extra = values.ndim - colour - _SPACE
    face = None if record is None else record.current(source.data)
    on_own_grid = record is not None and (face is None or face.data is record.native.data)
    turn = Turn((0, 1, 2), (1, 1, 1), n_extra)
    if on_own_grid:
        assert record is not None
        turn = replace(turn_of(record.volume), n_extra=n_extra)
    ordered = turn.back(values)
    if record is not None and not on_own_grid:
        # What 2-D shows of a scan that lies askew is on a grid of its own.
        n = source.ndim - _SPACE
        affine = from_viewer(record.correction @ layer_matrix(source)[n:, n:])
        empty = np.broadcast_to(np.zeros((), scan.dtype), (*ordered.shape[:3], *scan.shape[3:]))
        scan = replace(scan, data=empty, affine=affine, contours=())
    made = volumes.like(scan, ordered, kind=kind, name=name)
    oblique = "resample" if record is None else record.oblique
    array, options, type_name = layer_data(made, oblique=oblique)[0]
    if "contrast_limits" in options:
        # Those of the file were for its own values.
        plain = layer_data(replace(made, display=Display()))[0][1]
        options["contrast_limits"] = plain["contrast_limits"]
    return Layer.create(array, {**options, "name": name or source.name}, type_name)
