"""A series as one file of many frames: Enhanced CT and MR, multi-frame captures. PS3.3 A.38, A.36.

The image is derived, so what the standard asks of original images alone (how it was acquired,
element by element) may be left out, and what is not known is not claimed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.errors import WriteError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.saving.appearance import describe_pixels, set_padding
from napari_medvol.formats.dicom.saving.classes import CAPTURES, ENHANCED, fill_mandatory
from napari_medvol.formats.dicom.saving.dimensions import dimensions_of, set_dimensions
from napari_medvol.formats.dicom.saving.elements import decimal, save, set_element
from napari_medvol.formats.dicom.saving.groups import component_of, frame_groups, shared_groups
from napari_medvol.formats.dicom.saving.identity import set_identity, set_origin
from napari_medvol.formats.dicom.saving.images import world_of
from napari_medvol.formats.dicom.saving.plan import Plan, plan_of, template_of
from napari_medvol.formats.dicom.saving.source import text_of
from napari_medvol.formats.dicom.saving.stale import drop_stale
from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

#: Groups of the source that describe patient, study and procedure.
_KEPT_GROUPS: Final = frozenset({0x0008, 0x0010, 0x0032, 0x0038, 0x0040})
_KEPT: Final = frozenset(
    {
        "BodyPartExamined", "ProtocolName", "DeviceSerialNumber", "SoftwareVersions",
        "PatientPosition", "MagneticFieldStrength", "MRAcquisitionType", "StudyID",
        "StudyInstanceUID", "AcquisitionNumber", "PositionReferenceIndicator", "Laterality",
        "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod",
        "BurnedInAnnotation",
    }
)  # fmt: skip
_CLASSIC_ONLY: Final = frozenset({"AcquisitionTime", "AcquisitionDate", "SeriesType"})
#: Bytes that the length of an element can say. PS3.5 7.1.2.
_LONGEST: Final = 2**32 - 2


def write_enhanced(
    volume: Volume, path: Path, choices: WriteChoices, progress: Progress
) -> tuple[Written, Volume]:
    """Write a volume as one file of many frames.

    Returns
    -------
    (Written, Volume)
        And what the file gives back.

    Raises
    ------
    WriteError
        If the kind of object would have to claim what is not known, or is longer than 4 GB.
    """
    plan = plan_of(volume, choices, multiframe=True)
    with quietly():
        dataset = _header(plan)
    images = list(plan.images())
    frames = plan.pixels()
    first = next(frames)
    length = first.nbytes * len(images)
    if length > _LONGEST:
        why = f"{length / 2**30:.1f} GiB of pixels do not fit one file (4 GiB)"
        raise WriteError(volume.name or "volume", why, "Write one file a slice: a folder")
    describe_pixels(dataset, plan, first)
    if not plan.volume.is_rgb:
        set_padding(dataset, plan, *plan.stored.scale(_first(plan)))
    dataset.NumberOfFrames = len(images)
    dimensions = dimensions_of(plan)
    with quietly():
        dataset.SharedFunctionalGroupsSequence = [shared_groups(plan)]
        dataset.PerFrameFunctionalGroupsSequence = [
            frame_groups(plan, image, dimensions) for image in images
        ]
    save(dataset, path)
    with path.open("ab") as file:
        code = b"OB" if first.itemsize == 1 else b"OW"
        padded = length + length % 2
        file.write(b"\xe0\x7f\x10\x00" + code + b"\0\0" + padded.to_bytes(4, "little"))
        file.write(first.data)
        for number, pixels in enumerate(frames, start=1):
            progress(number, len(images))
            file.write(pixels.data)
        file.write(b"\0" * (padded - length))
    return Written(plan.stored.encoding, plan.notes, (path,)), plan.volume


def _first(plan: Plan) -> tuple[int, ...]:
    return (0, *(0 for _ in plan.extra_shape))


def _header(plan: Plan) -> Dataset:
    dataset = template_of(plan)
    drop_stale(dataset)
    for element in list(dataset):
        kept = element.tag.group in _KEPT_GROUPS or element.keyword in _KEPT
        if not kept or element.keyword in _CLASSIC_ONLY:
            del dataset[element.tag]
    dataset.SOPClassUID = plan.sop_class
    dataset.SOPInstanceUID = plan.uids.of("image")
    dataset.InstanceNumber = 1
    dataset.FrameOfReferenceUID = world_of(plan)
    set_identity(dataset, plan)
    set_origin(dataset, plan, plan.source.distinct() if plan.source else ())
    _set_times(dataset, plan)
    set_dimensions(dataset, plan)
    dataset.AcquisitionContextSequence = []
    if plan.sop_class in CAPTURES:
        _set_capture(dataset, plan)
    else:
        _set_enhanced(dataset, plan)
    for keyword, value in plan.choices.elements.items():
        set_element(dataset, keyword, value, asked=True)
    fill_mandatory(dataset, plan.sop_class)
    return dataset


def _set_times(dataset: Dataset, plan: Plan) -> None:
    """Set when the content was made: as the source has it, else when its file was.

    Not the time of writing: the same input makes the same bytes.
    """
    lead = plan.source.lead if plan.source else None
    dates = (tags.CONTENT_DATE, tags.ACQUISITION_DATE, tags.SERIES_DATE, tags.STUDY_DATE)
    times = (tags.CONTENT_TIME, tags.ACQUISITION_TIME, tags.SERIES_TIME, tags.STUDY_TIME)
    date = next((said for tag in dates if (said := text_of(lead, tag))), "")
    time = next((said for tag in times if (said := text_of(lead, tag))), "")
    made = made_at(plan.volume)
    dataset.ContentDate = date or f"{made:%Y%m%d}"
    dataset.ContentTime = time or ("000000" if date else f"{made:%H%M%S}")


def made_at(volume: Volume) -> datetime:
    """Return when the file was changed that a volume was read from; now if there is none."""
    for file in volume.report.files:
        try:
            return datetime.fromtimestamp(Path(file).stat().st_mtime, UTC)
        except OSError:
            continue
    return datetime.now(UTC)


def _set_capture(dataset: Dataset, plan: Plan) -> None:
    """Set what multi-frame captures must say. PS3.3 C.8.6.3."""
    dataset.FrameIncrementPointer = 0x52009230
    dataset.BurnedInAnnotation = dataset.get("BurnedInAnnotation") or "NO"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    if not plan.volume.is_rgb:
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.RescaleSlope = decimal(plan.stored.encoding.slope)
        dataset.RescaleIntercept = decimal(plan.stored.encoding.intercept)
        dataset.RescaleType = plan.volume.unit[:64] or "US"


def _set_enhanced(dataset: Dataset, plan: Plan) -> None:
    """Set what Enhanced CT and MR images must say. PS3.3 C.8.15.2, C.8.13.1."""
    from importlib.metadata import version

    maker = "napari-medvol"
    defaults: dict[str, Any] = {
        "Manufacturer": maker,
        "ManufacturerModelName": maker,
        "DeviceSerialNumber": "0",
        "SoftwareVersions": version(maker),
        "LossyImageCompression": "00",
        "BurnedInAnnotation": "NO",
    }
    for keyword, value in defaults.items():
        if dataset.get(keyword) in (None, ""):
            setattr(dataset, keyword, value)
    dataset.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.ContentQualification = "RESEARCH"
    if plan.sop_class == ENHANCED["MR"]:
        dataset.ComplexImageComponent = component_of(plan)
        dataset.AcquisitionContrast = "UNKNOWN"
