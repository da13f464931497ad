"""Directions of diffusion weighting in the patient, whoever wrote them."""

from __future__ import annotations

from napari_medvol.errors import MedVolError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.grid import normal_of
from napari_medvol.formats.dicom.saving.source import header_of
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.formats.saving.gradients import Direction, parts_of, weighted_axis
from napari_medvol.volume import Volume


def directions(volume: Volume) -> tuple[Direction, ...] | None:
    """Return the directions of the axis ``b`` of a volume read from DICOM, LPS+.

    The standard's element and those of Siemens and Philips are in the patient. GE gives them
    along frequency, phase and slice of the image, the last reversed, in files of one image.
    """
    axis = weighted_axis(volume)
    if not isinstance(volume.native, DicomNative) or axis is None:
        return None
    found = [one if any(one) else () for one in parts_of(axis)[1]]
    lead = next((f for f in volume.native.frames if f is not None), None)
    if lead is None or not _is_along_the_image(lead):
        return tuple(found)
    assert lead.orientation is not None
    row, column = lead.orientation
    slice_ = normal_of(lead.orientation)
    is_row = _phase_encoding(lead) == "ROW"
    turned: list[Direction] = []
    for one in found:
        if not one:
            turned.append(())
            continue
        frequency, phase, through = one
        along = phase * row - frequency * column if is_row else frequency * row + phase * column
        # The sign that dcm2niix takes; for diffusion it means nothing.
        turned.append(tuple((through * slice_ - along).tolist()))
    return tuple(turned)


def _is_along_the_image(frame: Frame) -> bool:
    if tags.DIFFUSION_GRADIENT_ORIENTATION in frame.values or frame.orientation is None:
        return False  # an enhanced file, in the standard's words
    return frame.text(tags.MANUFACTURER).upper().startswith("GE")


def _phase_encoding(frame: Frame) -> str:
    try:
        return str(header_of(frame).get("InPlanePhaseEncodingDirection") or "")
    except MedVolError:
        return ""
