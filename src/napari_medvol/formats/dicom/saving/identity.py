"""Whose series it is, and how it came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.saving.classes import ENHANCED
from napari_medvol.formats.dicom.saving.elements import code, item_of
from napari_medvol.formats.dicom.saving.plan import Plan
from napari_medvol.formats.dicom.saving.source import reference
from napari_medvol.volume import Step

if TYPE_CHECKING:
    from pydicom import Dataset

#: Series numbers of derived series: far from those of a scanner.
_DERIVED: Final = 1000
#: More source images than this are not listed in every image.
_MOST_REFERENCES: Final = 64
_LONGEST: Final = 64
_LONGEST_TEXT: Final = 1024
#: How files say what made them.
MAKER: Final = "napari-medvol"


def set_identity(dataset: Dataset, plan: Plan) -> None:
    """Set study, series and equipment."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality = plan.modality
    dataset.SeriesInstanceUID = plan.series_uid
    if not dataset.get("StudyInstanceUID"):
        dataset.StudyInstanceUID = plan.uids.of("study")
    lead = plan.source.lead if plan.source else None
    number = lead.number_of(tags.SERIES_NUMBER) if lead else None
    dataset.SeriesNumber = int(number) + _DERIVED if number is not None else 1
    dataset.SeriesDescription = plan.volume.name[:_LONGEST] or None
    if lead is None:
        dataset.Manufacturer = MAKER
    elif _is_taken_for_its_scanner(dataset, plan):
        _say_who_acquired(dataset, plan.sop_class in ENHANCED.values())


def _is_taken_for_its_scanner(dataset: Dataset, plan: Plan) -> bool:
    """Whether readers would look for a vendor's own ways in the files.

    In files of many frames they know each vendor's order of frames; in files of one image they
    take GE's directions of diffusion weighting for directions along the image.
    """
    if plan.sop_class in ENHANCED.values():
        return True
    is_ge = str(dataset.get("Manufacturer", "")).upper().startswith("GE")
    return is_ge and "b" in [axis.name for axis in plan.volume.axes]


def _say_who_acquired(dataset: Dataset, in_words: bool) -> None:
    """Name the scanner as what acquired the images, not as what made the file.

    PS3.3 C.7.5.1: the manufacturer is that of what produced the composite instances. Only in
    words in files of many frames: dcm2niix finds a manufacturer in nested items, too.
    """
    keywords = ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions")
    said = {keyword: dataset.get(keyword) for keyword in keywords if dataset.get(keyword)}
    if said and in_words:
        names = [str(said[keyword]) for keyword in keywords[:2] if keyword in said]
        dataset.AcquisitionDeviceProcessingDescription = f"acquired by {' '.join(names)}"[:64]
    elif said:
        purpose = [code("109101", "DCM", "Acquisition Equipment")]
        others = list(dataset.get("ContributingEquipmentSequence") or [])
        scanner = item_of(PurposeOfReferenceCodeSequence=purpose, **said)
        dataset.ContributingEquipmentSequence = [*others, scanner]
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.Manufacturer = dataset.ManufacturerModelName = MAKER


def set_origin(dataset: Dataset, plan: Plan, sources: Iterable[Frame]) -> None:
    """Set from which images it was derived, how, and by what. PS3.3 C.7.6.1.1.3, C.12.1.1.5."""
    if plan.source is None:
        dataset.DerivationDescription = description_of(plan.volume.history)
        return
    found = tuple(sources) or plan.source.distinct()
    if len(found) <= _MOST_REFERENCES:
        dataset.SourceImageSequence = references(found)
    dataset.DerivationDescription = description_of(plan.volume.history)
    others = list(dataset.get("ContributingEquipmentSequence") or [])
    if plan.sop_class in ENHANCED.values():
        others = []  # see _say_who_acquired
    dataset.ContributingEquipmentSequence = [*others, _equipment()]


def references(frames: Sequence[Frame]) -> list[Any]:
    """Return the items that refer to source images. PS3.3 table 10-3."""
    items: dict[tuple[str, str], Any] = {}
    for frame in frames:
        sop_class, instance, number = reference(frame)
        if not sop_class or not instance:
            continue
        item = items.get((sop_class, instance))
        if item is None:
            item = items[sop_class, instance] = item_of(
                ReferencedSOPClassUID=sop_class,
                ReferencedSOPInstanceUID=instance,
                PurposeOfReferenceCodeSequence=[
                    code("121322", "DCM", "Source image for image processing operation")
                ],
            )
            numbers: list[int] = []
        else:
            said = item.get("ReferencedFrameNumber")
            numbers = list(said) if isinstance(said, Iterable) else [said] if said else []
        if number is not None:
            numbers.append(number)
            item.ReferencedFrameNumber = numbers if len(numbers) > 1 else numbers[0]
    return list(items.values())


def _equipment() -> Dataset:
    from importlib.metadata import version

    return item_of(
        PurposeOfReferenceCodeSequence=[code("109103", "DCM", "Modifying Equipment")],
        Manufacturer=MAKER,
        ManufacturerModelName=MAKER,
        SoftwareVersions=version(MAKER),
    )


def description_of(history: Sequence[Step]) -> str:
    """Return what was done, in words that fit Derivation Description (0008,2111)."""
    steps = [f"{step.op}({_words(step)})" for step in history]
    text = f"{MAKER}: {', '.join(steps) or 'copied'}"
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 2] + " …"


def _words(step: Step) -> str:
    return ", ".join(f"{name}={value}" for name, value in step.params.items()).replace("\\", "/")
