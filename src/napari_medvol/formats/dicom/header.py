"""The header of one DICOM file: the elements that are asked for, and where the pixels lie.

pydicom needs 1.5 ms a file, so the walk of :mod:`~napari_medvol.formats.dicom.walk` comes
first; whatever it does not know for sure goes to pydicom and gives the same :class:`Header`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags, walk
from napari_medvol.formats.dicom.files import ByteSource, Inflated, OpenFile
from napari_medvol.formats.dicom.walk import CutOff, Elements, Layouts, PixelElement, Unsure

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Header", "PixelElement", "is_dicom", "read_header"]

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
#: Retired GE: implicit little-endian header, big-endian pixels.
GE_BIG_ENDIAN_PIXELS: Final = "1.2.840.113619.5.2"
UNCOMPRESSED: Final = frozenset(
    {"", IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, GE_BIG_ENDIAN_PIXELS}
)

#: Bytes of the first read of a file: most headers are shorter.
FIRST_READ: Final = 8192
_SNIFFED: Final = 1024
_BINARY: Final = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}
_NOT_TEXT: Final = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "SQ"})
_COMPLETE: Final = "Look whether the file is complete; copy it again from its source"
_SEQUENCE_DELIMITER: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


class Header:
    """The elements of one DICOM file that are named in :mod:`tags`, and where its pixels are.

    Attributes
    ----------
    path : Path
    transfer_syntax : str
        UID; empty for files without meta information.
    pixels : PixelElement or None
        Offsets count from the start of the file (of the inflated stream, if deflated).
    problem : str
        Why the pixels cannot be used as an image, in words; empty if they can.
    size : int
        Bytes of the file when it was read.
    order : {"<", ">"}
        Byte order of binary values in the header.
    """

    __slots__ = (
        "_index",
        "_malformed",
        "_values",
        "order",
        "path",
        "pixels",
        "problem",
        "size",
        "transfer_syntax",
    )

    def __init__(self, path: Path, elements: Elements, size: int) -> None:
        self.path = path
        self.transfer_syntax = elements.transfer_syntax
        self.pixels = elements.pixels
        self.size = size
        self.problem = ""
        self._index = elements.where
        self._values = elements.values
        self.order = elements.order
        self._malformed: tuple[str, ...] = ()

    def __contains__(self, tag: int) -> bool:
        """Whether the file has the element, empty or not."""
        return tag in self._index

    def __repr__(self) -> str:
        """Name the file and what it shows."""
        return f"<Header of {self.path}: {self.text(tags.MODALITY) or 'no modality'}>"

    @property
    def is_image(self) -> bool:
        """Whether the file has pixels, or says how many there should be."""
        return self.pixels is not None or tags.ROWS in self

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ends within its header."""
        return self.problem.startswith("truncated in the header")

    @property
    def malformed(self) -> tuple[str, ...]:
        """Elements that were asked for as numbers and held none, in words."""
        return self._malformed

    def raw(self, tag: int) -> bytes | None:
        """Return the stored bytes; None when absent, empty where only presence is kept."""
        at = self._index.get(tag)
        return None if at is None else self._values[at[0]]

    def stored(self, wanted: Sequence[int]) -> tuple[tuple[bytes, str] | None, ...]:
        """Return the bytes and value representations of several elements: equal for equals."""
        index, values = self._index, self._values
        places = [index.get(tag) for tag in wanted]
        return tuple([at and (values[at[0]], at[1]) for at in places])

    def vr(self, tag: int) -> str:
        """Return the value representation, two letters; empty when absent."""
        at = self._index.get(tag)
        if at is None:
            return ""
        vr = at[1]
        if vr == "US or SS":
            signed = (self.raw(tags.PIXEL_REPRESENTATION) or b"")[:1] == b"\x01"
            return "SS" if signed else "US"
        return vr

    def text(self, tag: int) -> str:
        """Return the value without padding, backslashes kept; ``""`` when absent."""
        raw = self.raw(tag)
        if not raw:
            return ""
        vr = self.vr(tag)
        if vr in _NOT_TEXT:
            return ""
        if vr in _BINARY or vr == "AT":
            return "\\".join(f"{n:g}" if n % 1 else str(int(n)) for n in self.numbers(tag))
        text = _decoded(raw, self.raw(tags.SPECIFIC_CHARACTER_SET) or b"").strip(" \0\t\r\n")
        return text.rstrip("=") if vr == "PN" else text

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a multi-valued element; ``()`` when absent or empty."""
        text = self.text(tag)
        return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the values as numbers; ``()`` when absent, empty or malformed.

        What is malformed is told by :attr:`malformed`.
        """
        raw = self.raw(tag)
        if not raw:
            return ()
        vr = self.vr(tag)
        if vr in _NOT_TEXT:
            return ()
        try:
            return _numbers(raw, vr, self.order)
        except ValueError:
            note = f"{tags.name_of(tag)} holds {raw[:40]!r}, which is no number"
            if note not in self._malformed:
                self._malformed += (note,)
            return ()

    def number(self, tag: int) -> float | None:
        """Return the first value as a number; None when absent, empty or malformed."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Return the first value as an integer; None when it is none."""
        value = self.number(tag)
        return int(value) if value is not None and value.is_integer() else None

    def dataset(self) -> Dataset:
        """Return the complete header as pydicom reads it, without the pixels.

        Raises
        ------
        ReadError
            If pydicom cannot read the file.
        """
        with OpenFile(self.path) as file:
            return _pydicom_dataset(file)[0]


@lru_cache(maxsize=4096)
def _numbers(raw: bytes, vr: str, order: str) -> tuple[float, ...]:
    """Return the numbers in the bytes of an element; ValueError if there are none."""
    code = _BINARY.get(vr)
    if code is not None:
        count, rest = divmod(len(raw), struct.calcsize("=" + code))
        if rest:
            raise ValueError
        return tuple(map(float, struct.unpack(f"{order}{count}{code}", raw)))
    if vr == "AT":
        if len(raw) % 4:
            raise ValueError
        halves = struct.unpack(f"{order}{len(raw) // 2}H", raw)
        return tuple(float(g << 16 | e) for g, e in zip(halves[::2], halves[1::2], strict=True))
    text = raw.strip(b" \0")
    if not text:
        return ()
    if b"_" in text:  # Python's, not DICOM's
        raise ValueError
    values = tuple([float(part.strip(b" \0")) for part in text.split(b"\\")])
    if not all(-1e308 < value < 1e308 for value in values):
        raise ValueError
    return values


def _decoded(raw: bytes, charset: bytes) -> str:
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    from pydicom.charset import convert_encodings, decode_bytes

    names = [name.strip() for name in charset.decode("ascii", "replace").split("\\")]
    try:
        with walk.quietly():
            return str(decode_bytes(raw, convert_encodings(names), set(b"\\^=\r\n\t\f")))
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("latin-1")


def is_dicom(path: Path) -> bool:
    """Return whether the file begins as DICOM does. Reads at most 1 KiB."""
    try:
        with OpenFile(path) as file:
            return walk.start_of(file.read_at(_SNIFFED, 0), file.size) is not None
    except ReadError:
        return False


def read_header(path: Path, layouts: Layouts | None = None) -> Header | None:
    """Return the header of a DICOM file, or None if the file is not DICOM at all.

    Parameters
    ----------
    path : Path
    layouts : Layouts, optional
        What is known of the files read before; makes the next of a series cheap.

    Raises
    ------
    ReadError
        If the file cannot be opened, or says that it is DICOM and is not.
    """
    with OpenFile(path) as file:
        return header_of(file, layouts)


def header_of(file: OpenFile, layouts: Layouts | None = None) -> Header | None:
    """Return the header of an open file; see :func:`read_header`."""
    block = file.read_at(FIRST_READ, 0)
    start = walk.start_of(block, file.size)
    if start is None:
        return None
    elements, source, cut = _elements(file, block, start, layouts)
    header = Header(file.path, elements, file.size)
    header.problem = _problem(header, source)
    if cut and header.pixels is None:
        header.problem = f"truncated in the header: {cut}"
    return header


def _elements(
    file: OpenFile, block: bytes, start: walk.Start, layouts: Layouts | None
) -> tuple[Elements, ByteSource, str]:
    """Return the elements, where their pixels are to be found, and why the header is cut off."""
    if not start.has_meta:
        return _pydicom_elements(file), file, ""
    cut = ""
    try:
        elements = walk.read(file, block, layouts)
        if elements.transfer_syntax == DEFLATED:
            return *_inflated_elements(file, elements), ""
    except CutOff as error:
        cut = str(error)
    except Unsure:
        pass
    else:
        return elements, file, ""
    return _pydicom_elements(file), file, cut


def _inflated_elements(file: OpenFile, meta: Elements) -> tuple[Elements, ByteSource]:
    """Return the elements of a deflated file; pydicom would inflate all of it to memory."""
    inflated = Inflated(file, meta.end)
    try:
        elements = walk.read_inflated(inflated, meta)
    except Unsure as error:
        raise ReadError(
            str(file.path), f"the deflated header cannot be read ({error})", _COMPLETE
        ) from error
    if inflated.end() == 0:
        raise ReadError(str(file.path), "the deflated header is damaged", _COMPLETE)
    return elements, inflated


def deflated_start(file: OpenFile) -> int:
    """Return where the deflated stream of a file begins."""
    return walk.read(file, file.read_at(FIRST_READ, 0)).end


def _pydicom_dataset(file: OpenFile) -> tuple[Dataset, int]:
    """Return the dataset before the pixels, and where the pixel element begins."""
    from pydicom import dcmread

    force = file.read_at(4, 128) != b"DICM"
    try:
        with file.stream() as stream, walk.quietly():
            dataset = dcmread(stream, stop_before_pixels=True, force=force)
            return dataset, stream.tell()
    # pydicom lets errors of many types through for damaged files.
    except Exception as error:
        raise ReadError(
            str(file.path),
            f"the DICOM header cannot be read ({type(error).__name__}: {error})",
            _COMPLETE,
        ) from error


def _pydicom_elements(file: OpenFile) -> Elements:
    """Return the same elements as the walk, found by pydicom."""
    dataset, at = _pydicom_dataset(file)
    implicit, little = dataset.original_encoding
    return walk.of_dataset(dataset, file, at, bool(implicit), little is not False)


def _problem(header: Header, source: ByteSource) -> str:
    """Return why the pixels cannot be used, with numbers; ``""`` if they can."""
    if header.pixels is None:
        return "no pixel data"
    rows, columns, expected = _sizes(header.stored(_SIZE_TAGS), header.order, header.pixels.tag)
    if rows is None or columns is None:
        return "no Rows or Columns"
    if rows <= 0 or columns <= 0:
        return f"{rows} rows × {columns} columns hold no pixel"
    if header.pixels.length is None:
        return _encapsulated_problem(header, source)
    if header.transfer_syntax not in UNCOMPRESSED:
        return "the transfer syntax says compressed, the pixel data are not in fragments"
    return _native_problem(header.pixels, expected, source)


def _native_problem(pixels: PixelElement, expected: int, source: ByteSource) -> str:
    offset, length = pixels.offset, pixels.length or 0
    if length < expected:
        return f"pixel data too short: {expected} bytes expected, {length} found"
    if not source.reaches(offset + expected):
        found = max(0, source.end() - offset)
        return f"truncated: {max(expected, length)} bytes of pixel data expected, {found} found"
    return ""


_SIZE_TAGS: Final = (
    tags.ROWS,
    tags.COLUMNS,
    tags.SAMPLES_PER_PIXEL,
    tags.NUMBER_OF_FRAMES,
    tags.PHOTOMETRIC_INTERPRETATION,
    tags.BITS_ALLOCATED,
)


@lru_cache(maxsize=256)
def _sizes(
    stored: tuple[tuple[bytes, str] | None, ...], order: str, pixel_tag: int
) -> tuple[int | None, int | None, int]:
    """Return rows, columns and the bytes that the uncompressed pixels of all frames take.

    PS3.5 8.1.1. The files of a series share them, hence the cache.
    """
    known = [(tag, *kept) for tag, kept in zip(_SIZE_TAGS, stored, strict=True) if kept]
    header = Header(
        Path(),
        Elements(
            {tag: (n, vr) for n, (tag, _, vr) in enumerate(known)},
            tuple(value for _, value, _ in known),
            PixelElement(pixel_tag, 0, 0, ""),
            "",
            order,
            0,
        ),
        0,
    )
    rows, columns = header.integer(tags.ROWS), header.integer(tags.COLUMNS)
    n_values = (
        (rows or 0)
        * (columns or 0)
        * (header.integer(tags.SAMPLES_PER_PIXEL) or 1)
        * max(1, header.integer(tags.NUMBER_OF_FRAMES) or 1)
    )
    if header.text(tags.PHOTOMETRIC_INTERPRETATION) in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        n_values = n_values * 2 // 3
    return rows, columns, -(-n_values * bits_allocated(header) // 8)


def bits_allocated(header: Header) -> int:
    """Return Bits Allocated: fixed for float pixels, 16 where the file does not say."""
    assert header.pixels is not None
    fixed = {tags.FLOAT_PIXEL_DATA: 32, tags.DOUBLE_FLOAT_PIXEL_DATA: 64}
    return fixed.get(header.pixels.tag) or header.integer(tags.BITS_ALLOCATED) or 16


def _encapsulated_problem(header: Header, source: ByteSource) -> str:
    assert header.pixels is not None
    if header.transfer_syntax in UNCOMPRESSED:
        return "the transfer syntax says uncompressed, the pixel data are in fragments"
    size = source.end()
    if source.read_at(8, size - 8) == _SEQUENCE_DELIMITER:
        return ""
    found, ends_well = walk.fragments(source, header.pixels.offset)
    if ends_well:
        return ""
    n_whole = sum(fragment.offset + fragment.length <= size for fragment in found[1:])
    return (
        f"truncated: the pixel fragments end after {n_whole} whole ones, without their delimiter"
    )
