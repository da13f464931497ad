"""Which kind of DICOM object holds a volume, and what that kind must say. PS3.3 annex A."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari_medvol.errors import WriteError
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

#: Storage classes by modality, one file a slice.
CLASSIC: Final = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
#: One file of many frames.
ENHANCED: Final = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "MR": "1.2.840.10008.5.1.4.1.1.4.1"}
#: Anything else, colours too, as a capture that says where it lies.
CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
CAPTURE_WORDS: Final = "1.2.840.10008.5.1.4.1.1.7.3"
CAPTURE_COLOURS: Final = "1.2.840.10008.5.1.4.1.1.7.4"
CAPTURES: Final = frozenset({CAPTURE, CAPTURE_WORDS, CAPTURE_COLOURS})

#: Unit of the values to Units (0054,1001).
_PET_UNITS: Final = {
    "Bq/ml": "BQML", "g/ml": "GML", "SUVbw g/ml": "GML", "SUVlbm g/ml": "GML", "counts": "CNTS",
    "SUVbsa cm²/ml": "CM2ML", "cm²/ml": "CM2ML", "counts/s": "CPS", "%": "PCNT", "cm²": "CM2",
    "ml/min/ml": "MLMINML", "ml/min/g": "MLMING", "standard deviations": "STDDEV",
    "proportional to counts": "PROPCNTS", "proportional to counts/s": "PROPCPS", "": "NONE",
}  # fmt: skip
_SUV_TYPES: Final = {"SUVbw": "BW", "SUVlbm": "LBM", "SUVbsa": "BSA"}

#: Type 2 of the modules that all image objects have, empty where nothing is known.
PATIENT_AND_STUDY: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName", "StudyID", "Manufacturer",
    "PositionReferenceIndicator",
)  # fmt: skip
#: Type 1 and 2 of the classic objects. PS3.3 A.3.3, A.4.3, A.21.3, A.8.1.
_OF_CLASS: Final[dict[str, dict[str, Any]]] = {
    CLASSIC["CT"]: {"KVP": None, "AcquisitionNumber": None},
    CLASSIC["MR"]: {
        "ScanningSequence": "RM", "SequenceVariant": "NONE", "ScanOptions": None,
        "MRAcquisitionType": None, "RepetitionTime": None, "EchoTime": None,
        "EchoTrainLength": None, "InversionTime": None, "TriggerTime": None,
    },
    CLASSIC["PT"]: {
        "CollimatorType": None, "CorrectedImage": None, "CountsSource": "EMISSION",
        "DecayCorrection": "NONE", "RadiopharmaceuticalInformationSequence": [],
        "PatientOrientationCodeSequence": [], "PatientGantryRelationshipCodeSequence": [],
        "AcquisitionDate": None, "AcquisitionTime": None, "ActualFrameDuration": None,
        "FrameReferenceTime": 0,
    },
}  # fmt: skip


def modality_of(volume: Volume, choices: WriteChoices, known: str) -> tuple[str, tuple[str, ...]]:
    """Return the modality, and a note where it was only assumed.

    Parameters
    ----------
    volume : Volume
    choices : WriteChoices
        Its elements may name one.
    known : str
        That of the source, empty if there is none.
    """
    asked = str(choices.elements.get("Modality", "")) or known
    if asked:
        return asked, ()
    if volume.unit == "HU":
        return "CT", ()
    if volume.unit in ("Bq/ml", "g/ml") or volume.unit.startswith("SUV"):
        return "PT", ()
    assumed = "OT" if volume.is_rgb else "MR"
    text = (
        f"nothing says how it was made: Modality is {assumed}; elements={{'Modality': …}} sets it"
    )
    return assumed, (text,)


def class_of(volume: Volume, modality: str, *, multiframe: bool) -> str:
    """Return the SOP class of the files.

    Raises
    ------
    WriteError
        If many frames in one file would have to claim what is not known.
    """
    if not multiframe:
        return CAPTURE if volume.is_rgb else CLASSIC.get(modality, CAPTURE)
    if volume.is_rgb:
        return CAPTURE_COLOURS
    if modality == "PT":
        raise WriteError(
            volume.name or "volume",
            "a PET file of many frames must say how the table moved, and which corrections were"
            " made, which slices of a series do not tell",
            "Write one file a slice: a folder, without multiframe",
        )
    return ENHANCED.get(modality, CAPTURE_WORDS)


def fill_mandatory(dataset: Dataset, sop_class: str) -> None:
    """Add the mandatory elements that the kind of object has and the dataset lacks."""
    for keyword in PATIENT_AND_STUDY:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    for keyword, value in _OF_CLASS.get(sop_class, {}).items():
        if keyword not in dataset or (value is not None and dataset.get(keyword) in (None, "")):
            setattr(dataset, keyword, value)
    if sop_class in CAPTURES:
        dataset.ConversionType = "WSD"
    if "PatientPosition" not in dataset and sop_class not in CAPTURES:
        dataset.PatientPosition = None


def set_unit(dataset: Dataset, volume: Volume, modality: str, sop_class: str) -> None:
    """Say the unit of the values: Units and SUV Type of PET, Rescale Type of the others."""
    if volume.is_rgb:
        return
    if sop_class != CLASSIC["PT"]:
        dataset.RescaleType = volume.unit[:64] or "US"
        return
    dataset.Units = _PET_UNITS.get(volume.unit) or "NONE"
    kind = next((code for name, code in _SUV_TYPES.items() if volume.unit.startswith(name)), "")
    if kind:
        dataset.SUVType = kind
    elif dataset.Units != "GML" and "SUVType" in dataset:
        del dataset.SUVType
