"""Elements, items and files, as pydicom writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medvol.errors import WriteError
from napari_medvol.formats.dicom.elements import quietly

if TYPE_CHECKING:
    from pydicom import Dataset


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence. PS3.3 table 8.8-1."""
    return item_of(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def item_of(**elements: Any) -> Dataset:
    """Return an item of a sequence, by keywords."""
    from pydicom import Dataset

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def decimal(value: float) -> str:
    """Return a number as DICOM's decimal string of at most 16 characters."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value) + 0.0)


def set_element(dataset: Dataset, keyword: str, value: Any, *, asked: bool = False) -> None:
    """Set an element by keyword, numbers as the element has them.

    Raises
    ------
    WriteError
        If a value that was asked for is none of its element.
    """
    from pydicom.config import RAISE
    from pydicom.datadict import dictionary_VR
    from pydicom.valuerep import validate_value

    vr = dictionary_VR(keyword)
    if vr == "DS" and value is not None:
        many = value if isinstance(value, list | tuple) else [value]
        value = [decimal(v) if isinstance(v, int | float) else v for v in many]
        value = value[0] if len(value) == 1 else value
    try:
        if asked and value is not None and vr != "SQ":
            for one in value if isinstance(value, list | tuple) else [value]:
                validate_value(vr, str(one) if vr in ("IS", "DS") else one, RAISE)
        setattr(dataset, keyword, value)
    except (TypeError, ValueError) as error:
        if not asked:
            raise
        why = f"{value!r} is no value of {keyword} ({vr}): {error}"
        raise WriteError("elements", why, "Look into PS3.6 for its type") from error


def save(dataset: Dataset, path: Path) -> None:
    """Write a dataset as a file, uncompressed, little endian."""
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    with quietly():
        dcmwrite(path, dataset, enforce_file_format=True)
