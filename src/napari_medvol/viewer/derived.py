"""What an operation made of a layer, as a layer of its own that looks like it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from napari.layers import Image, Layer

from napari_medvol.viewer.following import follow
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.settings import oblique_setting
from napari_medvol.viewer.shown import record_of
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LOOKS: Final = (
    "contrast_limits_range", "contrast_limits", "gamma", "colormap", "opacity", "blending",
    "interpolation2d", "interpolation3d", "rendering",
)  # fmt: skip
_LABELS: Final = ("opacity", "blending", "colormap", "features")


def add_like(viewer: ViewerModel, layer: Layer, volume: Volume, name: str) -> Layer:
    """Add a volume that was made of a layer's as a new layer above all, with its looks.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Layer
        The source: colormap, contrast and opacity, and how an oblique volume is shown, are
        taken from it.
    volume : Volume
        Of the same kind and unit.
    name : str
    """
    follow(viewer)
    record = record_of(layer)
    oblique = oblique_setting() if record is None else record.oblique
    made = layer_data(volume, oblique=oblique)
    part = "" if record is None else record.part
    data, options, kind = made[-1] if part == "phase" else made[0]
    added = viewer.add_layer(Layer.create(data, {**options, "name": name, "visible": True}, kind))
    for look in _LOOKS if isinstance(layer, Image) else _LABELS:
        if hasattr(added, look) and hasattr(layer, look):
            # Colours of an RGB image have no window; a layer of others may have odd limits.
            with suppress(ValueError, TypeError, AttributeError):
                setattr(added, look, getattr(layer, look))
    return added
