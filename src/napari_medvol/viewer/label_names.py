"""Names and colours for the values of a labels layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medvol.errors import LayerError
from napari_medvol.viewer.layers import label_table
from napari_medvol.viewer.shown import metadata, record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.volume import Label, Step

if TYPE_CHECKING:
    from napari.layers import Layer


def name_labels(layer: Layer, labels: Sequence[Label]) -> int:
    """Give the values of a labels layer names and colours; the voxels stay as they are.

    napari's status bar shows the names, statistics list them, and they are written with the
    labels where the format can.

    Parameters
    ----------
    layer : Labels
    labels : sequence of Label

    Returns
    -------
    int
        How many names there are.

    Raises
    ------
    LayerError
        If the layer holds no labels.
    """
    from napari.layers import Labels

    if not isinstance(layer, Labels):
        raise LayerError(f"layer {layer.name!r}", "holds no labels", "Choose a labels layer")
    record = record_of(layer)
    volume = volume_of(layer) if record is None else record.volume
    step = Step("edit", {"layer": layer.name, "names": len(labels)})
    named = volume.derive(step, labels=tuple(labels))
    if record is not None:
        layer.metadata = {**layer.metadata, **metadata(replace(record, volume=named))}
    table = label_table(named)
    layer.features = table["features"]
    if "colormap" in table:
        layer.colormap = table["colormap"]
    return len(labels)
