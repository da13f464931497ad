"""The values of a layer in another unit: HU, Bq/ml, SUV, stored numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medvol.errors import LayerError
from napari_medvol.formats.dicom.offers import Offer, offers
from napari_medvol.formats.dicom.volumes import in_unit
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.notify import leave_bad_planes_blank
from napari_medvol.viewer.oblique import put, rename
from napari_medvol.viewer.opening import fill
from napari_medvol.viewer.shown import Shown, metadata, record_of
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Layer


def offers_of(layer: Layer) -> list[Offer]:
    """Return the ways to show the values of a layer, possible or not; none outside DICOM."""
    record = record_of(layer)
    if record is None or record.current(layer.data) is None:
        return []
    return offers(record.volume)


def show_values(layer: Layer, value: str) -> Volume:
    """Show a DICOM layer in another unit: same layer, same place, new values and contrast.

    Parameters
    ----------
    layer : Layer
    value : str
        As ``value`` of :func:`napari_medvol.read`: ``"real"``, ``"suvbw"``, ``"stored"``, …

    Returns
    -------
    Volume
        What the layer shows now. The findings of its report have the formula.

    Raises
    ------
    LayerError
        If the layer does not show a scan as it was read.
    ReadError
        If the scan lacks what the unit needs.
    """
    volume = in_unit(_record(layer).volume, value)
    put_values(layer, volume)
    return volume


def put_values(layer: Layer, volume: Volume) -> None:
    """Put the same scan with other values into a layer, drawing nothing in between."""
    before = _record(layer)
    now = before.current(layer.data)
    if now is None:
        raise _changed(layer)
    leave_bad_planes_blank(volume)
    ((_, options, _),) = layer_data(volume, oblique=before.oblique)
    after: Shown = options["metadata"]["medvol"]
    in_3d = before.face(2) is not before.face(3) and now is before.face(3)
    put(layer, now, after.face(3 if in_3d else 2))
    layer.metadata = {**layer.metadata, **metadata(after)}
    # Limits first: napari cuts limits to the reach, and widens the reach to the limits.
    layer.contrast_limits = options["contrast_limits"]
    if after.reach is not None:
        layer.contrast_limits_range = after.reach
    rename(layer, before, after)
    layer.refresh()
    fill([volume])


def _record(layer: Layer) -> Shown:
    record = record_of(layer)
    if record is None or record.volume.kind != "image":
        raise LayerError(
            f"layer {layer.name!r}",
            "does not show the image of a DICOM series",
            "Choose a layer that this plugin opened from DICOM files",
        )
    if record.current(layer.data) is None:
        raise _changed(layer)
    return record


def _changed(layer: Layer) -> LayerError:
    return LayerError(
        f"layer {layer.name!r}",
        "holds other voxels than were read",
        "Open the series again and choose the unit first",
    )
