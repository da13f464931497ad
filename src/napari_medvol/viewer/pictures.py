"""What a viewer shows, as scans and looks that pictures are made of without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.viewer.parts import PartOfComplex
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.views.slices import Look
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.layers import Layer

#: Entries of a table of colours.
_ENTRIES: Final = 1024
_SCANS: Final = ("image", "labels")


def visible_scene(viewer: Any, *, every_frame: bool = False) -> list[tuple[Volume, Look]]:
    """Return the visible image and labels layers as scans with looks, the lowest first.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    every_frame : bool
        Leave open which frame is shown; else each scan has the frame that the viewer shows.

    Raises
    ------
    LayerError
        If no such layer is visible.
    """
    layers = [layer for layer in viewer.layers if layer.visible and is_scan(layer)]
    if not layers:
        raise LayerError("slices", "no image or labels layer is visible", "Show a layer")
    return [
        (scan_of(layer), look_of(layer, None if every_frame else frame_of(viewer, layer)))
        for layer in layers
    ]


def not_drawn(viewer: Any) -> list[str]:
    """Return the names of visible layers that are no scans: shapes, points, surfaces."""
    return [layer.name for layer in viewer.layers if layer.visible and not is_scan(layer)]


def is_scan(layer: Layer) -> bool:
    """Return whether a layer holds voxels."""
    return layer.as_layer_data_tuple()[2] in _SCANS


def scan_of(layer: Layer) -> Volume:
    """Return the scan of a layer; of complex values the part that the layer shows."""
    volume, record = volume_of(layer), record_of(layer)
    if record is None or not record.part or volume.dtype.kind != "c":
        return volume
    part = PartOfComplex(volume.data, record.part)
    return volume.derive(Step("edit", {"part": record.part}), data=part)


def look_of(layer: Layer, frame: int | None = None) -> Look:
    """Return how a layer looks, but for whether it is visible.

    Parameters
    ----------
    layer : Image or Labels
    frame : int or None
        Which one, as :func:`frame_of` counts.
    """
    common: dict[str, Any] = {
        "opacity": float(layer.opacity),
        "blending": str(layer.blending),
        "frame": frame,
    }
    if not hasattr(layer, "contrast_limits"):
        return Look(colormap=layer.colormap.map, **common)
    if layer.rgb:
        return Look(**common)
    low, high = (float(v) for v in layer.contrast_limits)
    colours = np.asarray(layer.colormap.map(np.linspace(0, 1, _ENTRIES)))
    below = layer.colormap.low_color
    return Look(
        colormap=colours,
        limits=(low, high),
        gamma=float(layer.gamma),
        below=None if below is None else _rgba(below),
        **common,
    )


def frame_of(viewer: Any, layer: Layer) -> int | None:
    """Return which frame of a layer is shown, counted as the Volume's first extra axis runs.

    Returns
    -------
    int or None
        None where the layer has no extra axes.
    """
    n_extra = layer.ndim - 3
    if n_extra <= 0:
        return None
    place = layer.world_to_data(viewer.dims.point[-layer.ndim :])[:n_extra]
    shape = layer.data.shape[:n_extra]
    at = [min(max(round(float(p)), 0), n - 1) for p, n in zip(place, shape, strict=True)]
    # napari has the extra axes in reverse, so its last one runs fastest.
    return int(np.ravel_multi_index(at, shape))


def _rgba(color: Any) -> tuple[float, float, float, float]:
    red, green, blue, alpha = (float(part) for part in color)
    return red, green, blue, alpha
