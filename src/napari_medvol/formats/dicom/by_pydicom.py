"""Headers by pydicom: for files that the walk leaves to it, and for complete headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.errors import MedVolError, ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import (
    LONG_VR,
    LONGEST_VALUE,
    SHORT_VR,
    UNDEFINED,
    Elements,
    PixelElement,
    Where,
    pixel_element,
    quietly,
)
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

if TYPE_CHECKING:
    from pydicom import Dataset

_EXPLICIT_PIXELS: Final = frozenset((b"OW\0\0", b"OB\0\0", b"OF\0\0", b"OD\0\0", b"UN\0\0"))


#: Headers have hundreds of elements; megabytes of zeros read as one every eight bytes.
_MOST_ELEMENTS: Final = 20_000
_COMPLETE: Final = "Look whether the file is complete; copy it again from its source"


def dataset_of(file: OpenFile) -> tuple[Dataset, int]:
    """Return the dataset before the pixels, and where the pixel element begins.

    Raises
    ------
    ReadError
        If pydicom cannot read the file.
    """
    from pydicom.filereader import read_partial

    force = file.read_at(4, 128) != b"DICM"
    if not force and file.read_at(2, 132) == b"\0\0":
        # pydicom would read megabytes of zeros as command elements, one every eight bytes.
        why = "the DICOM header is damaged: it begins with group 0000"
        raise ReadError(str(file.path), why, _COMPLETE)
    n_read = 0

    def at_the_pixels(tag: int, vr: str | None, length: int) -> bool:
        nonlocal n_read
        n_read += 1
        if n_read > _MOST_ELEMENTS:
            raise ValueError(f"more than {_MOST_ELEMENTS} elements, which no image has")
        return int(tag) in tags.PIXEL_TAGS

    try:
        with file.stream() as stream, quietly():
            dataset = read_partial(stream, stop_when=at_the_pixels, force=force)
            return dataset, stream.tell()
    # pydicom lets errors of many types through for damaged files.
    except Exception as error:
        raise ReadError(
            str(file.path),
            f"the DICOM header cannot be read ({type(error).__name__}: {error})",
            _COMPLETE,
        ) from error


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what pydicom raises when damaged values are asked for into an error in words.

    pydicom converts a value when it is asked for, and raises what the conversion raises.
    """
    try:
        with quietly():
            yield
    except MedVolError:
        raise
    except Exception as error:
        raise ReadError(
            str(path),
            f"its header holds what cannot be ({type(error).__name__}: {error})",
            "Look into the header of the file",
        ) from error


def elements_of(file: OpenFile) -> Elements:
    """Return the same elements as the walk, found by pydicom.

    Raises
    ------
    ReadError
        If pydicom cannot read the file.
    """
    dataset, at = dataset_of(file)
    implicit, little = (
        bool(dataset.original_encoding[0]),
        dataset.original_encoding[1] is not False,
    )
    index = Where()
    values: list[bytes] = []
    meta = getattr(dataset, "file_meta", None)
    for tag, kept in tags.VR_OF.items():
        element = dataset.get_item(tag, keep_deferred=True)
        if element is None and meta is not None:
            element = meta.get_item(tag, keep_deferred=True)
        if element is None:
            continue
        vr = str(element.VR or "UN")
        raw = b"" if tag in tags.PRESENCE_ONLY else _raw_of(element.value)
        index[tag] = (len(values), kept if vr == "UN" else vr)
        values.append(raw if len(raw) <= LONGEST_VALUE else b"")
    syntax = str(getattr(meta, "TransferSyntaxUID", "") or "")
    if not syntax:
        syntax = IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN
    pixels = None
    if syntax != DEFLATED:
        pixels = _pixels_at(file, at, implicit, "<" if little else ">")
    return Elements(index, tuple(values), pixels, syntax, "<" if little else ">", at)


def _raw_of(value: Any) -> bytes:
    """Return the bytes of a raw element, or the text of one that pydicom has converted."""
    from pydicom.multival import MultiValue

    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    parts = value if isinstance(value, list | tuple | MultiValue) else [value]
    return "\\".join(map(str, parts)).encode("latin-1", "replace") if value else b""


def _pixels_at(file: OpenFile, at: int, implicit: bool, order: str) -> PixelElement | None:
    """Return the pixel element that begins at `at`, if there is one."""
    header = file.read_at(12, at)
    if len(header) < 8:
        return None
    group, element = struct.unpack_from(order + "HH", header)
    tag = group << 16 | element
    if tag not in tags.PIXEL_TAGS:
        return None
    if implicit and header[4:8] in _EXPLICIT_PIXELS:
        # The transfer syntax says implicit, the elements are explicit: pydicom has seen it,
        # and still calls the encoding implicit. As a length all of these would be odd.
        implicit = False
    if implicit or header[4:6] not in SHORT_VR | LONG_VR:
        length = struct.unpack_from(order + "L", header, 4)[0]
        if not implicit and length != UNDEFINED and at + 8 + length > file.size + 1:
            # Neither a type nor a length: the element is damaged.
            return None
        return pixel_element(tag, at + 8, length, "")
    vr = header[4:6]
    if vr in SHORT_VR:
        length = struct.unpack_from(order + "H", header, 6)[0]
        return pixel_element(tag, at + 8, length, vr.decode())
    if len(header) < 12:
        return None
    return pixel_element(tag, at + 12, struct.unpack_from(order + "L", header, 8)[0], vr.decode())
