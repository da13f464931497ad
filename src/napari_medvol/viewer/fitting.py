"""Fitting layers into the view, also where others have more axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.viewer.coordinates import Matrix, millimetres

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Share of the canvas that stays empty around the layers: napari's own.
MARGIN: Final = 0.05


def fit(viewer: ViewerModel, layers: Sequence[Layer], *, margin: float = MARGIN) -> None:
    """Zoom and move the view so that it holds the layers; all of them if none is named.

    napari 0.9 does it itself, but raises where another layer of the viewer has more axes than
    those that are asked for (a 4-D scan beside a CT).

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layers : sequence of Layer
    margin : float
        Share of the canvas that stays empty around the layers.
    """
    n_axes = max((layer.ndim for layer in layers), default=viewer.dims.ndim)
    missing = viewer.dims.ndim - n_axes
    if not missing:
        viewer.fit_to_view(layers=list(layers) or None, margin=margin)
        return
    shown = [axis - missing for axis in viewer.dims.displayed]
    if min(shown) < 0:
        return  # An axis that they lack is across the screen: any view holds them.
    low, high = _extent(viewer, layers, n_axes)
    sizes = np.maximum((high - low)[shown], 1e-9)
    room = np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=np.float64)
    viewer.scene.camera.center = tuple(((low + high) / 2)[shown].tolist())
    if viewer.dims.ndisplay == 2:
        zoom = float((room / sizes).min())
    else:
        # Whichever way it is turned.
        zoom = float(room.min() / np.linalg.norm(sizes))
    viewer.scene.camera.zoom = zoom * (1 - margin)


def _extent(viewer: ViewerModel, layers: Sequence[Layer], n_axes: int) -> tuple[Matrix, Matrix]:
    """Return the ends of the layers, edges of voxels, along the viewer's last `n_axes`."""
    low, high = np.full(n_axes, np.inf), np.full(n_axes, -np.inf)
    for layer in layers:
        factor = np.ones(layer.ndim)
        n_space = min(layer.ndim, 3)
        here, there = millimetres(layer.units), millimetres(viewer.dims.units)
        factor[-n_space:] = here[-n_space:] / there[-n_space:]
        half = np.abs(np.asarray(layer.extent.step, dtype=np.float64)) / 2
        ends = np.stack([layer.extent.world[0] - half, layer.extent.world[1] + half]) * factor
        low[-layer.ndim :] = np.minimum(low[-layer.ndim :], ends[0])
        high[-layer.ndim :] = np.maximum(high[-layer.ndim :], ends[1])
    return low, high
