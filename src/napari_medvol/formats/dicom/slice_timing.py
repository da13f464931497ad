"""When the slices of a volume in time were taken, in the words of BIDS.

Brain Imaging Data Structure 1.10, "Magnetic resonance imaging", Timing Parameters.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.affines import swap_lps_ras
from napari_medvol.errors import MedVolError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.factors import seconds_of
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.saving.source import Source
from napari_medvol.volume import Volume

#: (0019,1029): when Siemens took each slice of a mosaic, ms. Conformance statement, "SIEMENS MR
#: HEADER".
_MOSAIC_TIMES: Final = 0x00191029


def slice_timing(volume: Volume, source: Source) -> dict[str, Any]:
    """Return when each slice was taken, along the axis that slices were taken along.

    Parameters
    ----------
    volume : Volume
        Of a series in time; nothing is known of others.
    source : Source
        The images that it was read from.

    Returns
    -------
    dict
        ``SliceTiming``, s after the first slice, and ``SliceEncodingDirection`` where that is
        not k; empty where the images do not tell.
    """
    if len(volume.axes) != 1 or volume.axes[0].name != "t":
        return {}
    times = _mosaic_times(source) or _clock_times(source)
    if times is None:
        return {}
    placed = _slice_axis(volume, source)
    if placed is None:
        return {}
    axis, slices = placed
    first = min(times)
    found: dict[str, Any] = {"SliceTiming": [round(times[k] - first, 6) for k in slices]}
    if axis != 2:
        found["SliceEncodingDirection"] = "ijk"[axis]
    return found


def _mosaic_times(source: Source) -> list[float] | None:
    from napari_medvol.formats.dicom.by_pydicom import translated

    lead = source.lead
    if lead.tile is None:
        return None
    tiles = [frame.tile for frame in source.frames[: source.n_slices] if frame is not None]
    try:
        with translated(lead.header.path):
            value = lead.header.dataset()[_MOSAIC_TIMES].value
            times = [float(part) / 1000 for part in value]
    except (MedVolError, KeyError):
        return None
    if len(times) != source.n_slices or len(tiles) != source.n_slices:
        return None
    return [times[tile.number] for tile in tiles if tile is not None]


def _clock_times(source: Source) -> list[float] | None:
    """Return when the slices of one volume were taken, where each image has a time of its own."""
    repeat = 1 if len(source.frames) > source.n_slices else 0
    frames = source.frames[repeat * source.n_slices : (repeat + 1) * source.n_slices]
    repetition = source.lead.number_of(tags.REPETITION_TIME) or 0.0
    for tag in (tags.ACQUISITION_TIME, tags.TRIGGER_TIME):
        times = [_time(frame, tag) for frame in frames]
        known = [time for time in times if time is not None]
        if len(known) != len(frames) or not 0 < max(known) - min(known) < repetition / 1000:
            continue
        return known
    return None


def _time(frame: Frame | None, tag: int) -> float | None:
    if frame is None:
        return None
    if tag == tags.TRIGGER_TIME:
        value = frame.number_of(tag)
        return None if value is None else value / 1000
    return seconds_of(frame.text(tag))


def _slice_axis(volume: Volume, source: Source) -> tuple[int, list[int]] | None:
    """Return the voxel axis that slices are stacked along, and the slice at each index."""
    normal = source.normal
    if normal is None:
        return None
    lps = swap_lps_ras(volume.affine)
    cosines = np.abs(normal @ (lps[:3, :3] / affines.zooms(volume.affine)))
    axis = int(np.argmax(cosines))
    slices = []
    for n in range(volume.shape[axis]):
        at = source.at(lps[:3, 3] + n * lps[:3, axis], normal)
        if len(at) != 1:
            return None
        slices.append(at[0])
    return axis, slices
