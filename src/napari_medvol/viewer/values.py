"""The values of a layer in another unit: HU, Bq/ml, SUV, stored numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.formats.dicom.offers import Offer, line_between, offers
from napari_medvol.formats.dicom.volumes import in_unit
from napari_medvol.viewer.contrast import Limits
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.notify import leave_bad_planes_blank, tell
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


def show_values(
    layer: Layer, value: str, *, made_by: Callable[[Volume, str], Volume] = in_unit
) -> Volume:
    """Show a DICOM layer in another unit: same layer, same place, new values and contrast.

    Contrast limits that the user set are kept, in the new unit, where one line leads from the
    old values to the new ones.

    Parameters
    ----------
    layer : Layer
    value : str
        As ``value`` of :func:`napari_medvol.read`: ``"real"``, ``"suvbw"``, ``"stored"``, …
    made_by : callable
        What makes the volume in the unit: a window does it in a thread.

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
    volume = made_by(_record(layer).volume, value)
    _put(layer, volume)
    return volume


def _put(layer: Layer, volume: Volume) -> None:
    """Put the same scan with other values into a layer, drawing nothing in between."""
    before = _record(layer)
    now = before.current(layer.data)
    if now is None:
        raise _changed(layer)
    leave_bad_planes_blank(volume)
    ((_, options, _),) = layer_data(volume, oblique=before.oblique)
    after: Shown = options["metadata"]["medvol"]
    limits = _limits(layer, before, after)
    in_3d = before.face(2) is not before.face(3) and now is before.face(3)
    put(layer, now, after.face(3 if in_3d else 2))
    layer.metadata = {**layer.metadata, **metadata(after)}
    # Limits first: napari cuts limits to the reach, and widens the reach to the limits.
    layer.contrast_limits = limits
    low, high = after.reach or limits
    layer.contrast_limits_range = min(low, limits[0]), max(high, limits[1])
    rename(layer, before, after)
    layer.refresh()
    fill([volume])


def _limits(layer: Layer, before: Shown, after: Shown) -> Limits:
    """Return the contrast limits in the new unit: the user's own, or those of a new layer."""
    assert after.limits is not None
    now = tuple(map(float, layer.contrast_limits))
    # The layer may hold them in single precision.
    if before.limits is None or np.allclose(now, before.limits, rtol=1e-5, atol=0):
        return after.limits
    line = line_between(before.volume, after.volume)
    if line is None:
        tell(f"{layer.name}: the contrast was set anew, it cannot be converted slice by slice.")
        return after.limits
    low, high = sorted(limit * line[0] + line[1] for limit in now)
    return low, high


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
