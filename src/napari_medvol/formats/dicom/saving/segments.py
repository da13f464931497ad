"""Labels as a DICOM segmentation, one binary segment a label. PS3.3 A.51, C.8.20.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import MedVolError, WriteError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.saving.classes import PATIENT_AND_STUDY
from napari_medvol.formats.dicom.saving.elements import decimal, save, set_element
from napari_medvol.formats.dicom.saving.places import Places, places_of
from napari_medvol.formats.dicom.saving.plan import refuse_elements
from napari_medvol.formats.dicom.saving.segment_frames import anchor, refer, unshare
from napari_medvol.formats.dicom.saving.source import Source, copied, plain, source_of
from napari_medvol.formats.dicom.saving.uids import Uids, uids_for
from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.encoding import Encoding
from napari_medvol.formats.saving.slabs import slabs
from napari_medvol.volume import Label, Volume

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom import Dataset

Array = NDArray[Any]

_MAKER: Final = "napari-medvol"
#: Segment Number (0062,0004) is a number of 16 bits.
_MOST_SEGMENTS: Final = 65535
_SEGMENTATIONS: Final = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})


def write_segments(
    volume: Volume, path: Path, choices: WriteChoices, progress: Progress
) -> tuple[Written, Volume]:
    """Write labels as a segmentation.

    Segments are counted from 1 as the standard wants it, in the order of the values; the
    names say which is which. Images of the source that lie in the plane of a frame are
    referenced.

    Returns
    -------
    (Written, Volume)
        And what the file gives back.

    Raises
    ------
    WriteError
        If nothing is labelled, there is more than one volume, or the grid has no place.
    """
    if volume.axes:
        why = f"a segmentation is of one volume, these labels have {len(volume.axes)} more axes"
        raise WriteError(volume.name or "labels", why, "Write each volume apart")
    places = places_of(volume)
    source = source_of(volume, choices)
    values = _values(volume)
    numbers = {value: number for number, value in enumerate(values, start=1)}
    pixels = _numbered(places.volume, numbers)
    progress(1, 3)
    uids = uids_for(volume, source.lead.text(tags.SERIES_INSTANCE_UID) if source else "", choices)
    with quietly():
        base = _base(volume, places, source, uids)
    labels = tuple(
        _label(volume, value)._replace(value=number) for value, number in numbers.items()
    )
    segmentation = _segmentation(base, pixels, places, labels, uids)
    unshare(segmentation)
    refer(segmentation, places, source)
    anchor(segmentation, places, pixels)
    if source is None and base.get("ReferencedSeriesSequence"):
        segmentation.ReferencedSeriesSequence = base.ReferencedSeriesSequence
    _set_algorithm(segmentation, choices)
    refuse_elements(choices)
    for keyword, value in choices.elements.items():
        if keyword not in ("SegmentAlgorithmType", "SegmentAlgorithmName", "Modality"):
            set_element(segmentation, keyword, value, asked=True)
    save(segmentation, path)
    progress(2, 3)
    expected = replace(places.volume, data=pixels.transpose(2, 1, 0), labels=labels)
    encoding = Encoding(np.dtype(np.uint8 if len(values) < 256 else np.uint16))
    return Written(encoding, _notes(numbers, source, base), (path,)), expected


def _values(volume: Volume) -> list[int]:
    """Return the values that label something, ascending."""
    found: set[int] = set()
    for _, values in slabs(volume):
        if values.dtype.kind not in "iub":
            why = f"labels are whole numbers, these are {values.dtype}"
            raise WriteError(volume.name or "labels", why, "Write them as an image, or round them")
        found.update(int(value) for value in np.unique(values))
    numbers = sorted(found - {0})
    if not numbers:
        why = "nothing is labelled, and a segmentation has at least one segment"
        raise WriteError(volume.name or "labels", why, "Paint something, or write NIfTI")
    if numbers[0] < 0 or len(numbers) > _MOST_SEGMENTS:
        why = f"labels run from {numbers[0]} to {numbers[-1]}, a segmentation has none below 0"
        raise WriteError(
            volume.name or "labels", why, "Give them values from 1 on, or write NIfTI"
        )
    return numbers


def _numbered(volume: Volume, numbers: dict[int, int]) -> Array:
    """Return the segment numbers, (k, j, i)."""
    shape = volume.shape[::-1]
    out = np.zeros(shape, np.uint8 if len(numbers) < 256 else np.uint16)
    known = np.array(list(numbers))
    for index, values in slabs(volume):
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)  # noqa: PLW2901
        at = np.searchsorted(known, values).clip(max=len(known) - 1)
        found = np.where(values == 0, 0, at + 1)
        out[index[2]] = found.transpose(2, 1, 0)
    return out


def _label(volume: Volume, value: int) -> Label:
    known = next((label for label in volume.labels if label.value == value), None)
    return known or Label(value, f"label {value}")


def _base(volume: Volume, places: Places, source: Source | None, uids: Uids) -> Dataset:
    """Return the image that the segmentation takes patient and study from."""
    base = copied(source.lead) if source else _own_header(volume)
    for keyword in PATIENT_AND_STUDY:
        if keyword not in base:
            setattr(base, keyword, None)
    base.StudyInstanceUID = base.get("StudyInstanceUID") or uids.of("study")
    world = base.get("FrameOfReferenceUID") or volume.frame_of_reference
    base.FrameOfReferenceUID = world or uids.of("frame of reference")
    base.SOPInstanceUID = base.get("SOPInstanceUID") or uids.of("no image")
    # highdicom goes by it: of the image only patient and study are taken.
    base.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    base.SeriesInstanceUID = base.get("SeriesInstanceUID") or uids.of("no series")
    base.Modality = base.get("Modality") or "OT"
    base.Rows, base.Columns = places.volume.shape[1], places.volume.shape[0]
    base.ImageOrientationPatient = [decimal(o) for o in places.orientation.ravel()]
    base.ImagePositionPatient = [decimal(p) for p in places.first]
    base.PixelSpacing = [decimal(s) for s in places.spacing]
    base.SliceThickness = decimal(places.between)
    for keyword in ("NumberOfFrames", "SharedFunctionalGroupsSequence", "SegmentSequence",
                    "PerFrameFunctionalGroupsSequence", "TotalPixelMatrixRows"):  # fmt: skip
        if keyword in base:
            delattr(base, keyword)
    return base


def _own_header(volume: Volume) -> Dataset:
    """Return the header of the segmentation or structure set that labels were read from."""
    from pydicom import Dataset, dcmread

    for file in volume.report.files[:1]:
        try:
            with quietly():
                header = plain(dcmread(file, stop_before_pixels=True))
        # Not DICOM, or gone: the labels then stand for themselves.
        except Exception:  # noqa: S112
            continue
        if header.get("SOPClassUID") in _SEGMENTATIONS:
            return header
    return Dataset()


def _segmentation(
    base: Dataset,
    pixels: Array,
    places: Places,
    labels: Sequence[Label],
    uids: Uids,
) -> Segmentation:
    from importlib.metadata import version

    import highdicom as hd

    series = base.get("SeriesNumber")
    orientation = [float(decimal(o)) for o in places.orientation.ravel()]
    try:
        with quietly():
            made = hd.seg.Segmentation(
                source_images=[base],
                pixel_array=pixels,
                segmentation_type="BINARY",
                segment_descriptions=[_described(label) for label in labels],
                series_instance_uid=uids.of("series"),
                series_number=int(series or 0) + 1000,
                sop_instance_uid=uids.of("segmentation"),
                instance_number=1,
                manufacturer=_MAKER,
                manufacturer_model_name=_MAKER,
                software_versions=version(_MAKER),
                device_serial_number="0",
                content_label="SEGMENTATION",
                pixel_measures=hd.PixelMeasuresSequence(
                    pixel_spacing=[float(decimal(s)) for s in places.spacing],
                    slice_thickness=float(decimal(places.between)),
                    spacing_between_slices=float(decimal(places.between)),
                ),
                plane_orientation=hd.PlaneOrientationSequence("PATIENT", orientation),
                plane_positions=[
                    hd.PlanePositionSequence(
                        "PATIENT", [float(decimal(p)) for p in places.position(k)]
                    )
                    for k in range(len(pixels))
                ],
            )
    except MedVolError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise WriteError(
            places.volume.name or "labels",
            f"highdicom makes no segmentation of it ({error})",
            "Write it as NIfTI",
        ) from error
    made.SeriesDescription = places.volume.name[:64] or "Segmentation"
    made.SpecificCharacterSet = "ISO_IR 192"
    _forget_the_time(made, base)
    dimensions = uids.of("dimensions")
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    return made


def _described(label: Label) -> SegmentDescription:
    """Return a segment: what it is, in the most general words of the standard, and its name."""
    import highdicom as hd
    from highdicom.color import CIELabColor
    from pydicom.sr.codedict import codes

    color = None
    if label.color is not None:
        red, green, blue = (round(255 * float(part)) for part in label.color[:3])
        color = CIELabColor.from_rgb(red, green, blue)
    return hd.seg.SegmentDescription(
        segment_number=label.value,
        segment_label=label.name[:64] or f"label {label.value}",
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type="MANUAL",
        display_color=color,
    )


def _set_algorithm(made: Dataset, choices: WriteChoices) -> None:
    """Say how the segments were made, if the caller does. PS3.3 C.8.20.4."""
    kind = str(choices.elements.get("SegmentAlgorithmType", "MANUAL"))
    name = choices.elements.get("SegmentAlgorithmName")
    if kind != "MANUAL" and not name:
        why = f"segments that are {kind} must name what made them"
        raise WriteError("elements", why, "Give SegmentAlgorithmName, too")
    for segment in made.SegmentSequence:
        set_element(segment, "SegmentAlgorithmType", kind, asked=True)
        if name:
            set_element(segment, "SegmentAlgorithmName", str(name), asked=True)


def _forget_the_time(made: Dataset, base: Dataset) -> None:
    """Replace the time of writing: the same input makes the same bytes."""
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime"):
        if keyword in made:
            delattr(made, keyword)
    for item in made.get("ContributingEquipmentSequence") or []:
        item.pop("ContributionDateTime", None)
    for what, fallback in (("Date", "19000101"), ("Time", "000000")):
        said = base.get(f"Content{what}") or base.get(f"Acquisition{what}")
        setattr(made, f"Content{what}", said or base.get(f"Study{what}") or fallback)


def _notes(numbers: dict[int, int], source: Source | None, base: Dataset) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if any(value != number for value, number in numbers.items()):
        shown = ", ".join(f"{v} is {n}" for v, n in list(numbers.items())[:8])
        more = " …" if len(numbers) > 8 else ""
        notes += (f"segments are counted from 1: label {shown}{more}",)
    if source is None and not base.get("PatientID") and not base.get("StudyDate"):
        notes += (
            "it refers to no image and is a study of its own; like= names the series it is of",
        )
    return notes
