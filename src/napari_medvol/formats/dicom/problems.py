"""Why the pixels of a file cannot be used, told by its header and its size alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from napari_medvol.formats.dicom import tags, walk
from napari_medvol.formats.dicom.elements import PixelElement, Stored
from napari_medvol.formats.dicom.files import ByteSource
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.syntaxes import UNCOMPRESSED
from napari_medvol.formats.dicom.values import numbers_in

_SEQUENCE_DELIMITER: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_ORDERS: Final[dict[str, Literal["little", "big"]]] = {"<": "little", ">": "big"}
#: MPEG-2, MPEG-4, HEVC: many frames in one stream. PS3.5 A.4.5 to A.4.10.
_VIDEO: Final = "1.2.840.10008.1.2.4.10"
_FLOAT_BITS: Final = {tags.FLOAT_PIXEL_DATA: 32, tags.DOUBLE_FLOAT_PIXEL_DATA: 64}


def problem_of(header: Header, source: ByteSource) -> str:
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


def trailing(header: Header, source: ByteSource) -> str:
    """Return what is to be said of elements behind native pixels that belong before them."""
    if header.pixels is None or header.pixels.length is None:
        return ""
    end = header.pixels.offset + header.pixels.length
    # Most files end here: nothing is read for them.
    group = source.read_at(2, end) if source.end() - end >= 8 else b""
    if len(group) < 2 or not 0 < int.from_bytes(group, _ORDERS[header.order]) < 0x7FE0:
        return ""
    return "elements that stand behind the pixel data instead of before it"


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
def _sizes(stored: Stored, order: str, pixel_tag: int) -> tuple[int | None, int | None, int]:
    """Return rows, columns and the bytes that the uncompressed pixels of all frames take.

    PS3.5 8.1.1. The files of a series share them, hence the cache.
    """
    kinds, there = stored
    kept = iter(there)
    known = {
        tag: (next(kept), vr) for tag, vr in zip(_SIZE_TAGS, kinds, strict=True) if vr is not None
    }

    def first(tag: int) -> int | None:
        try:
            values = numbers_in(*known[tag], order) if tag in known else ()
        except ValueError:
            return None
        return int(values[0]) if values and values[0].is_integer() else None

    rows, columns = first(tags.ROWS), first(tags.COLUMNS)
    n_values = (
        (rows or 0)
        * (columns or 0)
        * (first(tags.SAMPLES_PER_PIXEL) or 1)
        * max(1, first(tags.NUMBER_OF_FRAMES) or 1)
    )
    photometric, _ = known.get(tags.PHOTOMETRIC_INTERPRETATION, (b"", ""))
    if photometric.strip(b" \0") in (b"YBR_FULL_422", b"YBR_PARTIAL_422"):
        n_values = n_values * 2 // 3
    bits = _FLOAT_BITS.get(pixel_tag) or first(tags.BITS_ALLOCATED) or 16
    return rows, columns, -(-n_values * bits // 8)


def bits_allocated(header: Header) -> int:
    """Return Bits Allocated: fixed for float pixels, 16 where the file does not say."""
    assert header.pixels is not None
    return _FLOAT_BITS.get(header.pixels.tag) or header.integer(tags.BITS_ALLOCATED) or 16


def _encapsulated_problem(header: Header, source: ByteSource) -> str:
    assert header.pixels is not None
    if header.transfer_syntax in UNCOMPRESSED:
        return "the transfer syntax says uncompressed, the pixel data are in fragments"
    size = source.end()
    frames = header.integer(tags.NUMBER_OF_FRAMES) or 1
    if frames > 1 and not header.transfer_syntax.startswith(_VIDEO):
        # A frame has a fragment at least. PS3.5 A.4.
        n_fragments = len(walk.fragments(source, header.pixels.offset)[0]) - 1
        if frames > n_fragments:
            return f"{frames} frames are said to be in {n_fragments} pixel fragments"
    elif frames > size:
        return f"{frames} frames are said to be in a file of {size} bytes"
    if source.read_at(8, size - 8) == _SEQUENCE_DELIMITER:
        return ""
    found, ends_well = walk.fragments(source, header.pixels.offset)
    if ends_well:
        return ""
    n_whole = sum(fragment.offset + fragment.length <= size for fragment in found[1:])
    return (
        f"truncated: the pixel fragments end after {n_whole} whole ones, without their delimiter"
    )
