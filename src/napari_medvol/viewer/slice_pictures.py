"""Small pictures of what each layer holds on the slice that a viewer shows."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.viewer.coordinates import millimetres

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Picture = NDArray[np.uint8]

#: Pixels of the longer side.
SIZE: Final = 96


def slice_picture(viewer: ViewerModel, layer: Layer, size: int = SIZE) -> Callable[[], Picture]:
    """Return what makes a picture, (height, width, 4), of a layer on the slice that is shown.

    Asking is quick and for the main thread; making may read a slice and may run in another.
    Visible or not, an image or labels is drawn with its colours as it would be seen alone; of
    other layers, and in 3-D, the picture is napari's thumbnail. Off the layer it is black.
    """
    index = None if viewer.dims.ndisplay != 2 else _index(viewer, layer, size)
    if index is None:
        thumbnail = np.array(layer.thumbnail)
        return lambda: thumbnail
    part, order, extent = index
    if part is None:
        return lambda: _black(size)
    data, colour = layer.data, _colouring(layer)

    def make() -> Picture:
        plane = np.asarray(data[part])
        rows, columns = order
        plane = plane.transpose((rows, columns, *range(2, plane.ndim)))
        return _stretched(_over_black(colour(plane)), extent, size)

    return make


def _index(viewer: ViewerModel, layer: Layer, size: int) -> Any:
    """Return index, order of the two axes left, and their extents; None for other layers."""
    from napari.layers import Image, Labels

    if not isinstance(layer, Image | Labels) or layer.multiscale or layer.ndim < 2:
        return None
    missing = viewer.dims.ndim - layer.ndim
    shown = [axis - missing for axis in viewer.dims.order[-2:]]
    if min(shown) < 0:
        return None
    point = np.array(viewer.dims.point[missing:])
    n = min(layer.ndim, 3)
    point[-n:] *= millimetres(viewer.dims.units)[-n:] / millimetres(layer.units)[-n:]
    at = np.floor(np.asarray(layer.world_to_data(point)) + 0.5).astype(int)
    shape = layer.data.shape[: layer.ndim]
    steps = [ceil(shape[axis] / size) for axis in shown]
    index: list[Any] = [int(a) for a in at]
    for axis, step in zip(shown, steps, strict=True):
        index[axis] = slice(None, None, max(step, 1))
    inside = all(0 <= at[a] < shape[a] for a in range(layer.ndim) if a not in shown)
    order = (0, 1) if shown[0] < shown[1] else (1, 0)
    extent = [abs(shape[axis] * layer.scale[axis]) for axis in shown]
    return (tuple(index) if inside else None), order, extent


def _colouring(layer: Layer) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what maps values to RGBA, 0 to 1, as the layer looks now."""
    if getattr(layer, "rgb", False):
        return _of_colour
    colormap = layer.colormap
    if not hasattr(layer, "contrast_limits"):
        return lambda plane: np.asarray(colormap.map(plane))
    (low, high), gamma = layer.contrast_limits, layer.gamma

    def colour(plane: NDArray[Any]) -> NDArray[Any]:
        shares = (plane.astype(np.float64) - low) / (high - low)
        return np.asarray(colormap.map(np.clip(shares, 0, 1) ** gamma))

    return colour


def _of_colour(plane: NDArray[Any]) -> NDArray[Any]:
    share = plane.astype(np.float64) / (255 if plane.dtype.kind in "iu" else 1)
    if share.shape[-1] == 3:
        share = np.concatenate([share, np.ones((*share.shape[:-1], 1))], axis=-1)
    return np.clip(share, 0, 1)


def _over_black(rgba: NDArray[Any]) -> Picture:
    out = np.full(rgba.shape, 255, dtype=np.uint8)
    out[..., :3] = np.clip(rgba[..., :3] * rgba[..., 3:] * 255 + 0.5, 0, 255)
    return out


def _stretched(picture: Picture, extent: list[float], size: int) -> Picture:
    """Return a picture in the proportions of the patient, its longer side `size` pixels."""
    longest = max(*extent, 1e-9)
    sides = [max(round(size * length / longest), 1) for length in extent]
    rows, columns = (
        np.minimum((np.arange(side) + 0.5) * n / side, n - 1).astype(int)
        for side, n in zip(sides, picture.shape[:2], strict=True)
    )
    return np.ascontiguousarray(picture[rows[:, np.newaxis], columns])


def _black(size: int) -> Picture:
    picture = np.zeros((size, size, 4), dtype=np.uint8)
    picture[..., 3] = 255
    return picture
