"""What a DICOM header says of the acquisition, in the words of BIDS; nobody is named in it.

Brain Imaging Data Structure 1.10, "Magnetic resonance imaging" and "Positron emission
tomography".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.affines import swap_lps_ras
from napari_medvol.errors import MedVolError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.factors import seconds_of
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.grid import normal_of
from napari_medvol.formats.dicom.saving.source import Source, header_of, source_of
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.gradients import Direction, parts_of, weighted_axis
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset


def _same(value: Any) -> Any:
    return value


def _seconds(value: Any) -> float:
    return round(float(value) / 1000, 9)


def _megabecquerel(value: Any) -> float:
    return float(value) / 1e6


def _texts(value: Any) -> list[str] | str:
    return value if isinstance(value, str) else [str(part) for part in value]


def _number(value: Any) -> float | int:
    number = float(value)
    return int(number) if number.is_integer() else number


#: Element to the name in BIDS, and how its value is made. None of them tells who it is, or when.
_FACTS: Final[tuple[tuple[str, str, Callable[[Any], Any]], ...]] = (
    ("Modality", "Modality", str),
    ("MagneticFieldStrength", "MagneticFieldStrength", _number),
    ("ImagingFrequency", "ImagingFrequency", _number),
    ("Manufacturer", "Manufacturer", str),
    ("ManufacturerModelName", "ManufacturersModelName", str),
    ("SoftwareVersions", "SoftwareVersions", _texts),
    ("ReceiveCoilName", "ReceiveCoilName", str),
    ("BodyPartExamined", "BodyPart", str),
    ("PatientPosition", "PatientPosition", str),
    ("SeriesDescription", "SeriesDescription", str),
    ("ProtocolName", "ProtocolName", str),
    ("ScanningSequence", "ScanningSequence", _texts),
    ("SequenceVariant", "SequenceVariant", _texts),
    ("ScanOptions", "ScanOptions", _texts),
    ("SequenceName", "SequenceName", str),
    ("MRAcquisitionType", "MRAcquisitionType", str),
    ("ImageType", "ImageType", _texts),
    ("SeriesNumber", "SeriesNumber", _number),
    ("SliceThickness", "SliceThickness", _number),
    ("SpacingBetweenSlices", "SpacingBetweenSlices", _number),
    ("EchoTime", "EchoTime", _seconds),
    ("RepetitionTime", "RepetitionTime", _seconds),
    ("InversionTime", "InversionTime", _seconds),
    ("FlipAngle", "FlipAngle", _number),
    ("EchoTrainLength", "EchoTrainLength", _number),
    ("PixelBandwidth", "PixelBandwidth", _number),
    ("PercentPhaseFieldOfView", "PercentPhaseFOV", _number),
    ("NumberOfPhaseEncodingSteps", "PhaseEncodingSteps", _number),
    ("ConvolutionKernel", "ConvolutionKernel", _texts),
    ("KVP", "KVP", _number),
    ("Units", "Units", str),
    ("DecayCorrection", "DecayCorrection", str),
    ("ReconstructionMethod", "ReconMethodName", str),
    ("AttenuationCorrectionMethod", "AttenuationCorrection", str),
)
_OF_SCANNER: Final = tuple(
    fact for fact in _FACTS if fact[0] in ("Manufacturer", "ManufacturerModelName")
)
_OF_TRACER: Final = (
    ("Radiopharmaceutical", "TracerName", str),
    ("RadionuclideTotalDose", "InjectedRadioactivity", _megabecquerel),
    ("RadionuclideHalfLife", "RadionuclideHalfLife", _number),
)
#: Elements that frames of an enhanced file have of their own.
_OF_FRAMES: Final = {
    "EchoTime": tags.ECHO_TIME,
    "RepetitionTime": tags.REPETITION_TIME,
    "FlipAngle": tags.FLIP_ANGLE,
    "SliceThickness": tags.SLICE_THICKNESS,
    "SpacingBetweenSlices": tags.SPACING_BETWEEN_SLICES,
    "ConvolutionKernel": tags.CONVOLUTION_KERNEL,
}
#: (0019,1029): when Siemens took each slice of a mosaic, ms. Conformance statement, "SIEMENS MR
#: HEADER".
_MOSAIC_TIMES: Final = 0x00191029


def facts(volume: Volume) -> dict[str, Any]:
    """Return what is known of the acquisition; nothing for a volume of another format.

    Parameters
    ----------
    volume : Volume

    Returns
    -------
    dict
        Names of BIDS to values: times in s, angles in degrees, field strength in T.
    """
    if not isinstance(volume.native, DicomNative):
        return {}
    source = source_of(volume, WriteChoices())
    assert source is not None
    lead = source.lead
    try:
        header = header_of(lead)
    except MedVolError:  # the files are gone: the volume in memory is still worth a file
        return {}
    found = _found(_FACTS, header, lead) | _found(_OF_SCANNER, _scanner(header), None)
    tracer = header.get("RadiopharmaceuticalInformationSequence")
    if tracer:
        found |= _found(_OF_TRACER, tracer[0], None)
    if "InjectedRadioactivity" in found:
        found["InjectedRadioactivityUnits"] = "MBq"
    _set_axis_values(found, volume)
    found |= _slice_timing(volume, source)
    return found


def _scanner(header: Dataset) -> Dataset:
    """Return what acquired the images, where the file was made by something else."""
    for item in header.get("ContributingEquipmentSequence") or []:
        purposes = item.get("PurposeOfReferenceCodeSequence") or []
        if "109101" in [purpose.get("CodeValue") for purpose in purposes]:  # of acquisition
            return item
    return header


def _found(
    wanted: tuple[tuple[str, str, Callable[[Any], Any]], ...], header: Dataset, lead: Frame | None
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword, name, make in wanted:
        value: Any = header.get(keyword)
        tag = _OF_FRAMES.get(keyword)
        if lead is not None and tag is not None and tag in lead.values:
            value = lead.text(tag)
        if value is None or value == "":
            continue
        try:
            found[name] = make(value)
        except (TypeError, ValueError):
            continue  # malformed, as some headers are: it says nothing
    return found


def _set_axis_values(found: dict[str, Any], volume: Volume) -> None:
    """Say what differs from volume to volume: echo times in s, flip angles."""
    for axis in volume.axes:
        if axis.name == "echo" and axis.unit == "ms" and axis.values is not None:
            found["EchoTime"] = [_seconds(value) for value in axis.values]
        elif axis.name == "inversion" and axis.values is not None:
            found["InversionTime"] = [_seconds(value) for value in axis.values]
        elif axis.name == "flip" and axis.values is not None:
            found["FlipAngle"] = list(axis.values)
        elif axis.name == "t" and axis.unit == "s" and found.get("Modality") == "PT":
            length = volume.shape[3 + volume.axes.index(axis)]
            starts = axis.values or [axis.start + n * axis.step for n in range(length)]
            found["FrameTimesStart"] = [float(start) for start in starts]


def _slice_timing(volume: Volume, source: Source) -> dict[str, Any]:
    """Return when each slice was taken, along the axis that slices were taken along."""
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
