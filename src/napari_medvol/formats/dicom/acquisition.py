"""What a DICOM header says of the acquisition, in the words of BIDS; nobody is named in it.

Brain Imaging Data Structure 1.10, "Magnetic resonance imaging" and "Positron emission
tomography".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.errors import MedVolError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.saving.source import header_of, source_of
from napari_medvol.formats.dicom.slice_timing import slice_timing
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.formats.saving.choices import WriteChoices
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
    found |= slice_timing(volume, source)
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
