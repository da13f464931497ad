"""Every element of DICOM files, read when somebody looks: trees, and what changes over slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.errors import MedVolError
from napari_medvol.formats.dicom.by_pydicom import dataset_of
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.formats.row import Progress, counted
from napari_medvol.headers import Element, Varying
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

_LONGEST: Final = 1000
_DEEPEST: Final = 20
_PER_FRAME: Final = 0x52009230
_SHARED_BYTES: Final = 64

#: Keywords with a unit that the standard fixes. PS3.6, PS3.3.
_UNITS: Final = {
    "RepetitionTime": "ms", "EchoTime": "ms", "EffectiveEchoTime": "ms", "InversionTime": "ms",
    "TriggerTime": "ms", "FrameReferenceTime": "ms", "ActualFrameDuration": "ms",
    "FrameAcquisitionDuration": "ms", "ExposureTime": "ms", "XRayTubeCurrent": "mA",
    "KVP": "kV", "Exposure": "mAs", "SliceLocation": "mm", "SliceThickness": "mm",
    "SpacingBetweenSlices": "mm", "ImagePositionPatient": "mm", "TableHeight": "mm",
    "FlipAngle": "°", "GantryDetectorTilt": "°", "DiffusionBValue": "s/mm²",
    "PixelBandwidth": "Hz", "ImagingFrequency": "MHz", "CTDIvol": "mGy", "PatientWeight": "kg",
}  # fmt: skip


def elements(volume: Volume, plane: int) -> tuple[Element, ...] | None:
    """Return every element of the file behind a plane; None for a volume of another format.

    Sequences are told in full: a stem, one branch an item, its elements behind it. Of private
    elements the creator is told.

    Raises
    ------
    ReadError
        If the file cannot be read any more.
    """
    path = _path_of(volume, plane)
    return None if path is None else tuple(_told(_dataset(path)))


def _path_of(volume: Volume, plane: int) -> Path | None:
    native = volume.native
    if isinstance(native, DicomNative):
        frames = native.frames
        frame = frames[plane] if 0 <= plane < len(frames) else None
        return Path((frame or native.stack.first).header.path)
    if native is None and volume.report.files and _is_said_to_be_dicom(volume):
        return Path(volume.report.files[0])
    return None


def _is_said_to_be_dicom(volume: Volume) -> bool:
    """Return whether rows of the header are DICOM's: regions keep no native header."""
    return any(row.name in ("SOPClassUID", "SeriesInstanceUID") for row in volume.header)


def _dataset(path: Path) -> Dataset:
    with OpenFile(path) as file:
        return dataset_of(file)[0]


def _told(dataset: Dataset) -> Iterator[Element]:
    meta = getattr(dataset, "file_meta", None)
    if meta:
        yield Element("File meta information", "", "PS3.10 7.1")
        yield from _elements(meta, 1)
    yield Element("Dataset", "", "PS3.3")
    yield from _elements(dataset, 1)


def _elements(dataset: Dataset, depth: int) -> Iterator[Element]:
    # By tag: a damaged element must not end the list.
    for tag in sorted(dataset.keys()):
        element = _element(dataset, tag)
        if element is None:
            yield Element("?", "cannot be read", tag=_tag(tag), depth=depth)
            continue
        if element.VR == "SQ":
            yield from _sequence(element, depth)
        else:
            yield _leaf(element, depth)


def _element(dataset: Dataset, tag: Any) -> DataElement | None:
    """Return an element as pydicom converts it, None where it cannot be."""
    with quietly():
        try:
            return dataset[tag]
        # pydicom raises whatever a conversion raises.
        except Exception:
            return None


def _sequence(element: DataElement, depth: int) -> Iterator[Element]:
    items = list(element.value or ())
    count = f"{len(items)} item" + "s" * (len(items) != 1)
    tag = _tag(element.tag)
    yield Element(_name(element), count, _meaning(element), tag, "SQ", str(len(items)), depth)
    if depth > _DEEPEST:
        return
    for number, item in enumerate(items, 1):
        yield Element(f"item {number}", "", depth=depth + 1)
        yield from _elements(item, depth + 2)


def _leaf(element: DataElement, depth: int) -> Element:
    return Element(
        _name(element),
        _text(element.value),
        _meaning(element),
        _tag(element.tag),
        str(element.VR),
        str(_vm(element)),
        depth,
    )


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _vm(element: DataElement) -> int:
    value = element.value
    return 1 if isinstance(value, bytes) and value else int(element.VM)


def _name(element: DataElement) -> str:
    return element.keyword or str(element.name).strip("[]")


def _meaning(element: DataElement) -> str:
    """Return what people call the element, or what its UID or its private creator is."""
    if element.tag.is_private:
        creator = getattr(element, "private_creator", None)
        return f"private: {creator}" if creator else "private"
    if element.VR == "UI" and element.value and isinstance(element.value, str):
        from pydicom.uid import UID

        known = UID(element.value).name
        if known != element.value:
            return str(known)
    return str(element.name)


def _text(value: Any) -> str:
    """Return a value as text, several with backslashes between, bytes by their number."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        shown = value.rstrip(b"\0 ")
        if len(shown) <= _SHARED_BYTES and shown.isascii() and shown.decode().isprintable():
            return shown.decode()
        return f"{len(value)} bytes: {value[:16].hex(' ')}" + " …" * (len(value) > 16)
    if isinstance(value, str):
        text = value
    elif isinstance(value, Sequence):
        text = "\\".join(map(str, value))
    else:
        text = str(value)
    text = text.rstrip("\0")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def varying(volume: Volume, progress: Progress) -> tuple[Varying, ...]:
    """Return the elements that differ from plane to plane; nothing for other formats.

    Of files of one image, all elements; of multi-frame files, those of each frame (Per-Frame
    Functional Groups Sequence, PS3.3 C.7.6.16). Opens every file once.
    """
    native = volume.native
    if not isinstance(native, DicomNative):
        return ()
    held = [(n, frame) for n, frame in enumerate(native.frames) if frame is not None]
    files: dict[Path, list[tuple[int, int]]] = {}
    for n, frame in held:
        files.setdefault(Path(frame.header.path), []).append((n, frame.number))
    told: dict[int, dict[str, tuple[str, str]]] = {}
    for path, wanted in counted(list(files.items()), progress):
        told |= _of_file(path, wanted)
    planes = _planes(volume, len(native.frames))
    order = sorted(told)
    names = dict.fromkeys(name for n in order for name in told[n])
    return tuple(_varying(name, [(planes[n], told[n].get(name)) for n in order])
                 for name in names
                 if len({(told[n].get(name) or ("", None))[1] for n in order}) > 1)  # fmt: skip


def _varying(name: str, found: list[tuple[tuple[int, ...], tuple[str, str] | None]]) -> Varying:
    tag = next(entry[0] for _, entry in found if entry is not None)
    return Varying(
        name,
        tuple(None if entry is None else entry[1] for _, entry in found),
        tuple(plane for plane, _ in found),
        tag,
        _UNITS.get(name.rpartition(" > ")[2].partition("[")[0], ""),
    )


def _planes(volume: Volume, n_planes: int) -> list[tuple[int, ...]]:
    """Return the index after (i, j) of each plane, k fastest."""
    rows = volume.report.slices
    if len(rows) == n_planes:
        return [row.plane for row in rows]
    return [(n,) for n in range(n_planes)]


def _of_file(path: Path, wanted: list[tuple[int, int]]) -> dict[int, dict[str, tuple[str, str]]]:
    """Return name to (tag, value) of each of the planes that a file holds."""
    try:
        dataset = _dataset(path)
    except MedVolError:
        # A file that went away leaves its planes out; the others can still be told.
        return {}
    groups = _element(dataset, _PER_FRAME) if _PER_FRAME in dataset else None
    if groups is None:
        shared = dict(_flat(dataset, ""))
        return {n: shared for n, _ in wanted}
    items = groups.value
    return {n: dict(_flat(items[f], "")) for n, f in wanted if f < len(items)}


def _flat(dataset: Dataset, stem: str, depth: int = 0) -> Iterator[tuple[str, tuple[str, str]]]:
    for tag in sorted(dataset.keys()):
        element = _element(dataset, tag)
        if element is None or depth > _DEEPEST:
            continue
        name = f"{stem}{_name(element)}"
        if element.tag.is_private:
            name = f"{name} {_tag(tag)}"
        if element.VR != "SQ":
            yield name, (_tag(tag), _text(element.value))
            continue
        items = list(element.value or ())
        for number, item in enumerate(items, 1):
            which = f"[{number}]" if len(items) > 1 else ""
            yield from _flat(item, f"{name}{which} > ", depth + 1)
