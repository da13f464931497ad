"""What a click on a volume in 3-D means: the voxel that the eye sees there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.affines import apply_affine
from napari_medvol.viewer.coordinates import Matrix, millimetres, ras_of_ipl
from napari_medvol.viewer.volumes import layer_matrix

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Voxels between two samples of a ray.
_STEP: Final = 0.5


def seen_at(model: ViewerModel, position: ArrayLike, direction: ArrayLike) -> Matrix | None:
    """Return the place of the voxel that is seen along a ray, RAS+ mm, or None for none.

    The active layer is asked first, then the others from the top. Of an image the voxel is the
    one that its rendering shows: the brightest of a maximum projection, the darkest of a minimum
    projection, the first beyond the threshold of a surface, the first in the upper half of the
    window where the volume hides what lies behind. Of labels it is the first that is no
    background. What is drawn black or not at all is not seen.

    Parameters
    ----------
    model : ViewerModel
        In 3-D.
    position : (n,) array_like
        A point of the ray in the viewer's world.
    direction : (n,) array_like
        Away from the eye, in the viewer's world.
    """
    if model.dims.ndisplay != 3 or model.dims.ndim < 3:
        return None
    # Where units do not go together, napari draws each layer by its own numbers.
    for layer in _from_the_top(model):
        scale = millimetres(model.dims.units or layer.units)[-3:]
        start: Matrix = np.asarray(position, dtype=np.float64)[-3:] * scale
        away: Matrix = np.asarray(direction, dtype=np.float64)[-3:] * scale
        n = layer.ndim - 3
        affine = layer_matrix(layer)[n:, n:]
        to_voxels: Matrix = np.linalg.inv(affine).astype(np.float64)
        voxel = _voxel_seen(layer, to_voxels, start, away)
        if voxel is not None:
            return ras_of_ipl(apply_affine(affine, voxel))
    return None


def _from_the_top(model: ViewerModel) -> Iterator[Any]:
    from napari.layers import Image, Labels

    active = model.layers.selection.active
    layers = list(model.layers)[::-1]
    layers.sort(key=lambda layer: layer is not active)
    for layer in layers:
        is_seen = isinstance(layer, Image | Labels) and layer.visible and layer.opacity > 0
        if is_seen and layer.ndim >= 3 and not getattr(layer, "rgb", False):
            yield layer


def _voxel_seen(layer: Layer, to_voxels: Matrix, start: Matrix, away: Matrix) -> Matrix | None:
    values = _shown(layer)
    if values is None:
        return None
    begin = apply_affine(to_voxels, start)
    voxels = voxels_along(begin, to_voxels[:3, :3] @ away, values.shape)
    if not len(voxels):
        return None
    found = _first_seen(layer, values[tuple(voxels.T)])
    return None if found is None else voxels[found].astype(np.float64)


def _shown(layer: Any) -> NDArray[Any] | None:
    """Return the voxels that a layer draws, (z, y, x): in memory already, of the frame shown."""
    values = np.asarray(layer._slice.image.raw)  # noqa: SLF001 - the layer's data may be lazy
    if values.shape == (1, 1, 1) and tuple(layer.data.shape[-3:]) != (1, 1, 1):
        return None
    shown = layer._slice_input.displayed  # noqa: SLF001 - napari has them in the order it draws
    return values.transpose(np.argsort(shown)) if values.ndim == 3 else None


def voxels_along(begin: Matrix, away: Matrix, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the voxels that a ray passes, the nearest first.

    Parameters
    ----------
    begin : (3,) array
        A point of the ray, voxel indices.
    away : (3,) array
        Its direction, of any length but none.
    shape : tuple of three ints

    Returns
    -------
    (m, 3) array of int
    """
    ends = np.array(shape) - 0.5
    low, high = -np.inf, np.inf
    for axis in range(3):
        if abs(away[axis]) < 1e-12:
            if not -0.5 <= begin[axis] <= ends[axis]:
                return np.empty((0, 3), dtype=np.intp)
            continue
        near, far = sorted(
            ((-0.5 - begin[axis]) / away[axis], (ends[axis] - begin[axis]) / away[axis])
        )
        low, high = max(low, near), min(high, far)
    if not low < high or not np.isfinite([low, high]).all():
        return np.empty((0, 3), dtype=np.intp)
    count = int(np.ceil((high - low) * np.abs(away).max() / _STEP)) + 1
    points = begin + np.linspace(low, high, count)[:, np.newaxis] * away
    voxels = np.clip(np.floor(points + 0.5).astype(np.intp), 0, np.array(shape) - 1)
    is_new = np.ones(len(voxels), dtype=bool)
    is_new[1:] = (np.diff(voxels, axis=0) != 0).any(axis=1)
    return np.asarray(voxels[is_new])


def _first_seen(layer: Any, values: NDArray[Any]) -> int | None:
    """Return which of the values along a ray is seen."""
    if not hasattr(layer, "contrast_limits"):
        # Labels; a DirectLabelColormap may hide some, but who clicks there means none behind.
        return _first(values != layer.colormap.background_value)
    low, high = layer.contrast_limits
    values = values.astype(np.float64)
    rendering = str(layer.rendering)
    if rendering == "minip":
        lowest = np.where(np.isfinite(values), values, np.inf)
        at = int(np.argmin(lowest))
        return at if lowest[at] < high else None
    values = np.where(np.isfinite(values), values, -np.inf)
    if rendering == "iso":
        return _first(values > layer.iso_threshold)
    if rendering == "translucent":
        front = _first(values > (low + high) / 2)
        if front is not None:
            return front
    at = int(np.argmax(values))
    return at if values[at] > low else None


def _first(is_so: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(is_so)) if is_so.any() else None
