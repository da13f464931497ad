"""Damaged and lying DICOM: sources, mutations, and the judge of what is read from them.

``python -m tests.formats.dicom.hostile FIRST STOP [SOURCE]`` reads mutants of all sources and
prints the complaints; the tests run a part of the same.
"""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data

from napari_medvol import MedVolError, Volume, read
from napari_medvol.formats.dicom import sniff
from tests.formats.dicom.test_regions import masks, write_ct, write_seg
from tests.phantoms import dicom as phantom
from tests.phantoms.multiframe import (
    group,
    item,
    write_dose,
    write_enhanced,
    write_mosaic,
    write_structures,
)

#: What one mutant may take.
SECONDS, MEMORY = 5.0, 1 << 30

VOLUME = (np.arange(4 * 6 * 8).reshape(4, 6, 8) * 7 - 300).astype(np.int16)
_SHIPPED = Path(pydicom.data.__file__).parent


# -- sources -------------------------------------------------------------------------------


def _classic(syntax: str, dtype: str = "i2", **choices: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        volume = (VOLUME % 900).astype(dtype)
        phantom.write_series(
            folder, volume, step=(0, 0, 2), spacing=(0.5, 0.8), syntax=syntax, **choices
        )

    return write


def _colour(folder: Path) -> None:
    phantom.write_slice(folder / "a.dcm", np.dstack([VOLUME[0] % 256] * 3).astype(np.uint8))


def _loop(folder: Path) -> None:
    phantom.write_slice(
        folder / "a.dcm",
        [p.astype(np.uint8) for p in VOLUME % 256],
        modality="OT",
        elements={"ImagePositionPatient": None, "ImageOrientationPatient": None},
    )


def _pet(folder: Path) -> None:
    for n, plane in enumerate(VOLUME):
        phantom.write_slice(
            folder / f"{n}.dcm",
            plane,
            modality="PT",
            position=(0, 0, 3 * n),
            instance=n + 1,
            rescale=(0.5 + 0.1 * n, 0),
            elements={"Units": "BQML"},
        )


def _times(folder: Path) -> None:
    for n in range(8):
        phantom.write_slice(
            folder / f"{n}.dcm",
            VOLUME[n % 4] + 1000 * (n // 4),
            modality="MR",
            position=(0, 0, 3 * (n % 4)),
            instance=n + 1,
            rescale=None,
            elements={"TemporalPositionIdentifier": n // 4 + 1, "EchoTime": "3"},
        )


def _enhanced(folder: Path) -> None:
    frames = [
        (
            (0, 0, 2 * n),
            {
                "FrameContentSequence": group(DimensionIndexValues=[1, n + 1], StackID="1"),
                "PixelValueTransformationSequence": group(
                    RescaleSlope=str(1 + n), RescaleIntercept="5", RescaleType="US"
                ),
            },
        )
        for n in range(4)
    ]
    write_enhanced(
        folder / "e.dcm",
        frames,
        VOLUME,
        spacing=(0.5, 0.8),
        dimensions=("StackID", "InStackPositionNumber"),
    )


def _mosaic(folder: Path) -> None:
    for n in range(2):
        place = {"position": (-3, -4, 5), "spacing": (0.5, 0.8), "between": 2.5}
        write_mosaic(folder / f"{n}.dcm", VOLUME + n, instance=n + 1, **place)


def _csa(tags_: dict[str, list[str]]) -> bytes:
    """Return a CSA2 header, as nibabel's ``csareader`` describes it."""
    out = b"SV10\4\3\2\1" + struct.pack("<2L", len(tags_), 77)
    for name, items in tags_.items():
        out += struct.pack("<64s4s4s", name.encode(), struct.pack("<l", len(items)), b"FD\0\0")
        out += struct.pack("<3l", 1, len(items), 77)
        for text in items:
            raw = text.encode() + b"\0"
            padded = raw + b"\0" * (-len(raw) % 4)
            out += struct.pack("<4l", len(raw), len(raw), 77, len(raw)) + padded
    return out


def _mosaic_csa(folder: Path) -> None:
    write_mosaic(
        folder / "m.dcm", VOLUME, position=(0, 0, 0), spacing=(1, 1), between=2, say_count=False
    )
    ds = pydicom.dcmread(folder / "m.dcm")
    ds.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    said = {"NumberOfImagesInMosaic": ["4"], "SliceNormalVector": ["0.0", "0.0", "1.0"]}
    ds.add_new(0x00291010, "OB", _csa(said))
    ds.save_as(folder / "m.dcm")


def _segmentation(folder: Path) -> None:
    images = write_ct(folder / "ct")
    write_seg(folder / "seg.dcm", images, masks())


def _structures(folder: Path) -> None:
    write_ct(folder / "ct")
    square = np.array([[-2, -1, 9], [1, -1, 9], [1, 1, 9], [-2, 1, 9]], float)
    write_structures(folder / "rs.dcm", {"a": [("CLOSED_PLANAR", square)]})


def _dose(folder: Path) -> None:
    planes = (VOLUME + 400).astype(np.uint16)
    write_dose(folder / "d.dcm", planes, [0, 2, 4, 6], 0.01, spacing=(0.5, 0.8))


def _philips(folder: Path) -> None:
    phantom.write_series(
        folder,
        VOLUME,
        modality="MR",
        rescale=(2, 3),
        elements={
            0x20050010: ("LO", "Philips MR Imaging DD 001"),
            0x2005100E: ("FL", 0.25),
            "RealWorldValueMappingSequence": [
                item(RealWorldValueSlope=2.0, RealWorldValueIntercept=1.0)
            ],
        },
    )


def _ultrasound(folder: Path) -> None:
    region = item(
        RegionSpatialFormat=1,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.05,
        PhysicalDeltaY=0.05,
    )
    phantom.write_slice(
        folder / "u.dcm",
        VOLUME[0].astype(np.uint8),
        modality="OT",
        elements={
            "PixelSpacing": None,
            "ImagePositionPatient": None,
            "ImageOrientationPatient": None,
            "SequenceOfUltrasoundRegions": [region],
        },
    )


def _shipped(folder: Path) -> None:
    """Write nothing: :func:`originals` lists the files that pydicom ships, one a mutant."""


SOURCES: dict[str, Callable[[Path], None]] = {
    "explicit": _classic(phantom.EXPLICIT),
    "implicit": _classic(phantom.IMPLICIT, "u2", bits_stored=12, padding=7),
    "big endian": _classic(phantom.BIG_ENDIAN),
    "deflated": _classic(phantom.DEFLATED),
    "rle": _classic(phantom.RLE),
    "jpeg-ls": _classic(phantom.JPEG_LS, "u2"),
    "jpeg 2000": _classic(phantom.JPEG_2000_LOSSLESS, "u2"),
    "htj2k": _classic(phantom.HTJ2K_LOSSLESS, "u2"),
    "jpeg lossless": _classic(phantom.JPEG_LOSSLESS_FIRST_ORDER, "u2"),
    "jpeg": _classic(phantom.JPEG_BASELINE, "u1"),
    "monochrome1": _classic(phantom.EXPLICIT, "u2", photometric="MONOCHROME1", bits_stored=10),
    "float": _classic(phantom.EXPLICIT, "f4"),
    "colour": _colour,
    "loop": _loop,
    "pet": _pet,
    "times": _times,
    "enhanced": _enhanced,
    "mosaic": _mosaic,
    "mosaic csa": _mosaic_csa,
    "segmentation": _segmentation,
    "structures": _structures,
    "dose": _dose,
    "philips": _philips,
    "ultrasound": _ultrasound,
    "shipped": _shipped,
}


@cache
def originals(source: str) -> dict[str, bytes]:
    """Return the files of a source by name."""
    if source == "shipped":
        paths = sorted(p for p in _SHIPPED.rglob("*") if p.is_file() and sniff_is_small(p))
        return {f"{n}-{p.name}": p.read_bytes() for n, p in enumerate(paths)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with quiet():
            SOURCES[source](folder)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def sniff_is_small(path: Path) -> bool:
    if path.stat().st_size > 60_000:
        return False
    return sniff.start_of(path.read_bytes()[:1024], path.stat().st_size) is not None


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- mutations -----------------------------------------------------------------------------

LENGTHS = (0, 1, 3, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def _us(*values: int) -> tuple[bytes, bytes]:
    return b"US", struct.pack(f"<{len(values)}H", *values)


def _text(vr: bytes, text: str) -> tuple[bytes, bytes]:
    raw = text.encode("latin-1")
    return vr, raw + b" " * (len(raw) % 2)


def _texts(vr: bytes, *texts: str) -> list[tuple[bytes, bytes]]:
    return [_text(vr, text) for text in texts]


_COUNTS = [_us(n) for n in (0, 1, 2, 3, 65535)]
_COUNTS += [
    (b"US", b""),
    (b"US", b"\1"),
    (b"SS", b"\xfb\xff"),
    (b"DS", b"-6"),
    (b"US", b"\6\0" * 9),
]
_SIZES = _texts(b"DS", "0", "-1", "nan", "inf", "1e-300", "1e300", "1e999", "", "x", "1,5", "1\\2")
_PAIRS = _texts(b"DS", "0\\0", "-1\\-1", "nan\\1", "inf\\inf", "1e-300\\1e-300", "1e300\\1e300")
_PAIRS += _texts(b"DS", "1", "", "x\\y", "1\\1\\1", "0.8\\0.5", "1\\0", "1e-7\\1e7")
_PLACES = _texts(b"DS", "nan\\0\\0", "0\\0\\inf", "1e308\\1e308\\1e308", "1\\2", "", "a\\b\\c")
_PLACES += _texts(
    b"DS", "1e200\\0\\0", "0\\0\\1e15", "0\\0\\2.5", "0\\0\\-0", "7\\0\\2", "1\\2\\3\\4"
)
_TURNS = _texts(b"DS", "0\\0\\0\\0\\0\\0", "1\\0\\0\\1\\0\\0", "nan\\0\\0\\0\\1\\0", "1\\0\\0", "")
_TURNS += _texts(b"DS", "1e-5\\0\\0\\0\\1e-5\\0", "1e300\\0\\0\\0\\1e300\\0", "2\\0\\0\\0\\2\\0")
_TURNS += _texts(
    b"DS", "0\\1\\0\\1\\0\\0", "0.9\\0.1\\0\\0.1\\0.9\\0", "1e-170\\0\\0\\0\\1e-170\\0"
)
_FRAMES = _texts(b"IS", "0", "-1", "2147483647", "99999999999", "1e9", "2", "5", "", "x", "3.5")
_WORDS = _texts(
    b"LO", "", "\x1b$B\xff\xff\x1b", "\\" * 60, "x" * 70000, "\xe4\xf6\0\xfc", "a^b=c=d"
)
_DATES = _texts(b"DA", "99999999", "2024-01-02", "x", "", "00000000", "20240231")
_TIMES = _texts(b"TM", "999999.9", "x", "", "-1", "24", "1e5", "10:11:12")
_UIDS = _texts(b"UI", "", "1.2.3", "x" * 300, "1.2.840.10008.5.1.4.1.1.66.4", "é")
_UIDS += _texts(b"UI", "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.481.2")
_KINDS = _texts(b"CS", "", "MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL_422", "YBR_FULL", "?")
_TYPES = _texts(
    b"CS", "", "ORIGINAL\\PRIMARY\\MOSAIC", "LOCALIZER", "\\\\\\", "DERIVED\\LOCALIZER"
)
_SYNTAXES = _texts(
    b"UI",
    *phantom.NATIVE,
    phantom.RLE,
    phantom.JPEG_LS,
    phantom.JPEG_2000,
    phantom.JPEG_BASELINE,
    phantom.DEFLATED_FRAMES,
    "1.2.840.10008.1.2.4.102",
    "1.2.840.113619.5.2",
    "9.9",
    "",
)
_VECTORS = _texts(
    b"DS", "0", "0\\0\\0\\0", "0\\nan\\4\\6", "6\\4\\2\\0", "0\\2\\1\\6", "0\\2\\4", "", "z"
)
_VECTORS += _texts(b"DS", "0\\1e300\\2\\3", "\\".join("1" * 9000))
_CHARSETS = _texts(
    b"CS", "junk", "\\".join(["ISO 2022 IR 87"] * 50), "ISO_IR 192\\", "", "\xff\xff"
)

#: Tag to what a hostile file may say there: (value representation, bytes).
HOSTILE: dict[int, list[tuple[bytes, bytes]]] = {
    0x00280010: _COUNTS,
    0x00280011: _COUNTS,
    0x00280002: _COUNTS + [_us(4)],
    0x00280100: [_us(n) for n in (0, 1, 7, 8, 12, 16, 24, 32, 64, 65535)],
    0x00280101: [_us(n) for n in (0, 1, 5, 8, 12, 99, 65535)],
    0x00280102: [_us(n) for n in (0, 3, 7, 15, 200, 65535)],
    0x00280103: [_us(n) for n in (0, 1, 2, 65535)],
    0x00280006: [_us(n) for n in (0, 1, 7, 65535)],
    0x00280120: [_us(0), _us(65535), (b"SS", b"\0\x80"), (b"US", b""), (b"OB", b"\1\2\3")],
    0x00280121: [_us(0), _us(65535), (b"SS", b"\xff\x7f")],
    0x00280004: _KINDS,
    0x00280008: _FRAMES,
    0x00280030: _PAIRS,
    0x00181164: _PAIRS,
    0x00280034: _texts(b"IS", "0\\0", "1\\0", "-1\\1", "x", "2\\1"),
    0x00180050: _SIZES,
    0x00180088: _SIZES,
    0x00181114: _SIZES,
    0x00181120: _SIZES,
    0x00200032: _PLACES,
    0x00200037: _TURNS,
    0x00281052: _SIZES,
    0x00281053: _SIZES,
    0x00281050: _SIZES + _PAIRS,
    0x00281051: _SIZES + _PAIRS,
    0x00281055: _WORDS,
    0x00200013: _FRAMES,
    0x00200011: _FRAMES,
    0x00200100: _FRAMES,
    0x00180081: _SIZES,
    0x00180080: _SIZES,
    0x00080008: _TYPES,
    0x00080005: _CHARSETS,
    0x00080016: _UIDS,
    0x00080018: _UIDS,
    0x0020000D: _UIDS,
    0x0020000E: _UIDS,
    0x00200052: _UIDS,
    0x00080020: _DATES,
    0x00080022: _DATES,
    0x00080032: _TIMES,
    0x00080033: _TIMES,
    0x00100010: _WORDS,
    0x0008103E: _WORDS,
    0x00541001: _texts(b"CS", "", "BQML", "CNTS", "GML", "?"),
    0x0019100A: _COUNTS,
    0x00190010: _texts(b"LO", "SIEMENS MR HEADER", ""),
    0x00291010: [(b"OB", b""), (b"OB", b"SV10" + b"\xff" * 900), (b"OB", b"\1\0\0\0" * 40)],
    0x20010010: _texts(b"LO", "Philips Imaging DD 001"),
    0x20011003: [(b"FL", struct.pack("<f", v)) for v in (np.nan, np.inf, -5.0)],
    0x2005100E: [(b"FL", struct.pack("<f", v)) for v in (np.nan, np.inf, 0.0, -1.0)],
    0x00189087: [(b"FD", struct.pack("<d", v)) for v in (np.nan, np.inf, 1e308, -1.0)],
    0x3004000C: _VECTORS,
    0x3004000E: _SIZES,
    0x00280009: [(b"AT", b"\x04\x30\x0c\0"), (b"AT", b"\1")],
    0x00020010: _SYNTAXES,
    0x52009229: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0"), (b"OB", b"\1\2")],
    0x52009230: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0" * 3), (b"OB", b"\1\2")],
    0x00186011: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0"), (b"LO", b"no")],
    0x00283000: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0")],
    0x00281101: [_us(0, 0, 16), _us(65535, 65535, 8), _us(4)],
    0x30060039: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0")],
    0x30060020: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0")],
    0x00620002: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0")],
    0x00620001: _texts(b"CS", "", "FRACTIONAL", "LABELMAP", "BINARY", "?"),
    0x0062000E: [_us(0), (b"US", b"")],
    0x7FE00010: [(b"OW", b""), (b"OW", b"\1\2\3"), (b"OB", b"\xfe\xff\0\xe0\0\0\0\0")],
}
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT")


def encoded(tag: int, vr: bytes, raw: bytes, *, implicit: bool = False) -> bytes:
    """Return an element, little-endian."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit and tag >> 16 != 2:
        return head + struct.pack("<L", len(raw)) + raw
    if vr in _LONG:
        return head + vr + b"\0\0" + struct.pack("<L", len(raw)) + raw
    return head + vr + struct.pack("<H", min(len(raw), 65534)) + raw


@cache
def elements_of(content: bytes) -> tuple[tuple[int, int, int, int], ...]:
    """Return (tag, start, value, end) of the top-level elements, as pydicom finds them."""
    with quiet():
        ds = pydicom.dcmread(pydicom.filebase.BytesIO(content), force=True)
    implicit = ds.original_encoding[0]
    found = []
    for part in (ds.file_meta, ds):
        for tag in part.keys():  # noqa: SIM118 - iterating would convert the values
            raw = part.get_item(tag)
            at = getattr(raw, "value_tell", None)
            if at is None or not 132 < at < len(content):
                continue
            short = (implicit and tag.group != 2) or str(raw.VR).encode() not in _LONG
            length = getattr(raw, "length", 0)
            end = len(content) if length == 0xFFFFFFFF else at + length
            found.append((int(tag), at - (8 if short else 12), at, end))
    return tuple(sorted(found, key=lambda one: one[1]))


def _is_implicit(content: bytes) -> bool:
    return b"1.2.840.10008.1.2\0" in content[:600]


def flipped(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    end = min(len(data), rng.choice((600, 2500, len(data))))
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(128, end)] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng: random.Random, content: bytes) -> bytes:
    """Cut at the boundary of an element, or a few bytes beside it."""
    edges = [edge for _, *places in elements_of(content) for edge in places]
    return content[: max(0, rng.choice(edges or [len(content) // 2]) + rng.randrange(-4, 5))]


def wrong_length(rng: random.Random, content: bytes) -> bytes:
    _, start, value, _ = rng.choice(elements_of(content))
    data = bytearray(content)
    if value - start == 12 or _is_implicit(content):
        data[value - 4 : value] = struct.pack("<L", rng.choice(LENGTHS))
    else:
        data[value - 2 : value] = struct.pack("<H", rng.choice(LENGTHS) & 0xFFFF)
    return bytes(data)


def any_length(rng: random.Random, content: bytes) -> bytes:
    """Write a hostile number anywhere: also into lengths of items and fragments."""
    at = rng.randrange(132, max(133, len(content) - 4))
    return content[:at] + struct.pack("<L", rng.choice(LENGTHS)) + content[at + 4 :]


def wrong_item(rng: random.Random, content: bytes) -> bytes:
    """Change the length of an item or a delimiter."""
    at = [m.start() for m in re.finditer(rb"\xfe\xff[\x00\x0d\xdd]\xe0", content, re.DOTALL)]
    if not at:
        return wrong_length(rng, content)
    place = rng.choice(at) + 4
    return content[:place] + struct.pack("<L", rng.choice(LENGTHS)) + content[place + 4 :]


def hostile_value(rng: random.Random, content: bytes) -> bytes:
    """Replace an element, or put in a new one, in its place in the order of tags."""
    there = elements_of(content)
    tags_there = [one[0] for one in there if one[0] in HOSTILE]
    tag = rng.choice(tags_there if tags_there and rng.random() < 0.8 else list(HOSTILE))
    vr, raw = rng.choice(HOSTILE[tag])
    new = encoded(tag, vr, raw, implicit=_is_implicit(content))
    for known, start, _, end in there:
        if known == tag:
            return content[:start] + new + content[end:]
        if known > tag:
            return content[:start] + new + content[start:]
    return content + new


def two_hostile(rng: random.Random, content: bytes) -> bytes:
    return hostile_value(rng, hostile_value(rng, content))


def hostile_number(rng: random.Random, content: bytes) -> bytes:
    """Replace a number in text, at any depth, by one of the same length."""
    found = [m.span() for m in re.finditer(rb"(?<=[\\ \x00-\x0c])-?\d+(\.\d+)?(?=[\\ ])", content)]
    if not found:
        return hostile_value(rng, content)
    start, end = rng.choice(found)
    text = rng.choice((b"nan", b"inf", b"-9", b"0", b"1e99", b"1e-99", b"x", b"", b"9999999999"))
    return content[:start] + text.ljust(end - start)[: end - start] + content[end:]


def twice(rng: random.Random, content: bytes) -> bytes:
    """Repeat an element right behind itself or at the end."""
    _, start, _, end = rng.choice(elements_of(content))
    at = rng.choice((end, len(content)))
    return content[:at] + content[start:end] + content[at:]


def disordered(rng: random.Random, content: bytes) -> bytes:
    """Exchange two neighbours, or take one away."""
    there = elements_of(content)
    n = rng.randrange(len(there) - 1)
    (_, a, _, b), (_, c, _, d) = there[n], there[n + 1]
    kept = content[c:d] + content[a:b] if rng.random() < 0.6 else content[c:d]
    return content[:a] + kept + content[d:]


def wrong_vr(rng: random.Random, content: bytes) -> bytes:
    _, start, value, _ = rng.choice(elements_of(content))
    data = bytearray(content)
    if value - start in (8, 12) and not _is_implicit(content):
        data[start + 4 : start + 6] = rng.choice((b"US", b"DS", b"SQ", b"UN", b"OB", b"zz", b"AT"))
    return bytes(data)


def nested(rng: random.Random, content: bytes) -> bytes:
    """Put in sequences inside sequences, with or without their ends."""
    depth = rng.choice((3, 200, 3000))
    tag = rng.choice((0x00081115, 0x00186011, 0x00540016, 0x00283000))
    open_ = encoded(tag, b"SQ", b"", implicit=_is_implicit(content))[:-4] + b"\xff" * 4
    open_ += b"\xfe\xff\0\xe0" + b"\xff" * 4
    close = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    new = open_ * depth + close * (depth if rng.random() < 0.7 else rng.randrange(depth))
    at = next((start for known, start, _, _ in elements_of(content) if known > tag), len(content))
    return content[:at] + new + content[at:]


def stirred(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(132, len(content))
    junk = rng.randbytes(rng.randrange(1, 40))
    return content[:at] + junk + content[at + rng.choice((0, len(junk))) :]


def deflated(content: bytes) -> bytes:
    """Return an explicit little-endian file with its dataset deflated. PS3.5 A.5."""
    syntax = b"\x02\0\x10\0UI"
    at = content.find(syntax)
    stop = content.find(b"\x08\0", at + 28)
    if at < 0 or stop < 0:
        return content
    uid = phantom.DEFLATED.encode()
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(content[stop:]) + packer.flush()
    return (
        content[:at] + syntax + struct.pack("<H", len(uid)) + uid + content[at + 28 : stop] + body
    )


MUTATIONS = (
    flipped,
    flipped,
    cut,
    cut,
    wrong_length,
    any_length,
    wrong_item,
    hostile_value,
    hostile_value,
    hostile_value,
    two_hostile,
    hostile_number,
    twice,
    disordered,
    wrong_vr,
    nested,
    stirred,
)


def mutant(source: str, seed: int) -> tuple[str, dict[str, bytes]]:
    """Return what was done, and the files: one of them, or all in the same way, damaged."""
    rng = random.Random(f"{source} {seed}")
    # Half of the deflated ones are damaged before they are deflated.
    deflate = source == "deflated" and rng.random() < 0.5
    files = dict(originals("explicit" if deflate else source))
    if source == "shipped":
        name = rng.choice(sorted(files))
        files = {name: files[name]}
    mutation = rng.choice(MUTATIONS)
    names = sorted(files) if rng.random() < 0.3 else [rng.choice(sorted(files))]
    again = rng.random()
    for name in names:
        try:
            files[name] = mutation(random.Random(f"{seed} {again}"), files[name])
        except Exception:
            files[name] = stirred(rng, files[name])
    if deflate:
        files = {name: deflated(content) for name, content in files.items()}
    return f"{mutation.__name__} of {', '.join(names)}", files


# -- the judge -----------------------------------------------------------------------------


class TooSlowError(BaseException):
    """Not an Exception: nobody may swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def complaints(folder: Path, usual: frozenset[str] = frozenset()) -> tuple[str, list[str]]:
    """Return what came of a folder (``"refused"``, ``"said"``, ``"opened"``), and the faults.

    Parameters
    ----------
    folder : Path
    usual : set of str
        Findings that the undamaged files have too: they are no word about the damage.
    """
    begun = time.perf_counter()
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            volumes = read(folder)
            arrays = [np.asarray(volume.data) for volume in volumes]
    except TooSlowError:
        return "hang", [f"took longer than {SECONDS} s"]
    except MedVolError as error:
        words = str(error)
        empty = not error.why.strip() or "Traceback" in words
        return "refused", [f"an error without words: {words!r}"] if empty else []
    except (Exception, RecursionError) as error:
        return "crash", [f"{type(error).__name__}: {error} {_where(error)}"]
    faults = []
    if (took := time.perf_counter() - begun) > SECONDS:
        faults.append(f"took {took:.1f} s")
    said = {f.text for v in volumes for f in v.report.findings} - usual
    for volume, array in zip(volumes, arrays, strict=True):
        if array.shape != volume.shape or array.dtype != volume.dtype:
            faults.append(f"{volume.shape} {volume.dtype} became {array.shape} {array.dtype}")
        if not np.isfinite(volume.affine).all():
            faults.append("the affine is not finite")
    if said:
        return "said", faults
    with quiet(), time_limit(60):
        for volume, array in zip(volumes, arrays, strict=True):
            faults += _against_pydicom(volume, array)
    return "opened", faults


def _where(error: BaseException) -> str:
    trace, last = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "napari_medvol" in code.co_filename:
            last = f"[{Path(code.co_filename).name}:{trace.tb_lineno}]"
        trace = trace.tb_next
    return last


def _against_pydicom(volume: Volume, array: Any) -> list[str]:
    """Return where an image that was opened without a word is not what pydicom reads."""
    if volume.kind != "image" or volume.report.source.startswith("Plane"):
        return []
    faults = []
    known: dict[str, Any] = {}
    for one in volume.report.slices:
        if not one.file:
            continue
        if one.file not in known:
            known[one.file] = _pydicom(Path(one.file))
        ds, pixels = known[one.file]
        if ds is None or "MOSAIC" in str(ds.get("ImageType")):
            continue
        try:
            faults += _place_faults(volume, one, ds)
            real = _real(ds, pixels, one.frame)
        except (AttributeError, TypeError, ValueError, IndexError):
            continue  # nothing that pydicom could be asked for
        if real is not None and not volume.is_rgb:
            plane = array[(slice(None), slice(None), *one.plane)].T
            faults += _value_faults(plane, real, one)
    return faults[:3]


def _pydicom(path: Path) -> tuple[Any, Any]:
    try:
        ds = pydicom.dcmread(path, force=True)
        list(ds.iterall())
    except Exception:
        return None, None
    try:
        # GDCM ends the process when it meets a damaged stream.
        is_rle = ds.file_meta.get("TransferSyntaxUID") == phantom.RLE
        ds.pixel_array_options(decoding_plugin="pydicom" if is_rle else "")
        if ds.file_meta.get("TransferSyntaxUID") not in (*phantom.NATIVE, phantom.RLE):
            return ds, None
        return ds, ds.pixel_array
    except Exception:
        return ds, None


def _functional(ds: Any, frame: int, group_: str, keyword: str) -> Any:
    for holder in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        items = ds.get(holder) or []
        index = frame if holder.startswith("Per") else 0
        if index < len(items) and items[index].get(group_):
            value = items[index][group_][0].get(keyword)
            if value is not None:
                return value
    return ds.get(keyword)


def _real(ds: Any, pixels: Any, frame: int) -> Any:
    if pixels is None:
        return None
    plane = pixels[frame] if int(ds.get("NumberOfFrames") or 1) > 1 else pixels
    if plane.ndim != 2 or ds.get("PhotometricInterpretation") not in (
        "MONOCHROME2",
        "MONOCHROME1",
    ):
        return None
    transform = "PixelValueTransformationSequence"
    slope = _functional(ds, frame, transform, "RescaleSlope")
    if "GridFrameOffsetVector" in ds and "DoseGridScaling" in ds:
        slope = ds.DoseGridScaling
    intercept = _functional(ds, frame, transform, "RescaleIntercept")
    try:
        slope = 1.0 if slope in (None, "") else float(slope)
        intercept = 0.0 if intercept in (None, "") else float(intercept)
    except (TypeError, ValueError):
        return None
    return plane * slope + intercept


def _value_faults(ours: Any, theirs: Any, one: Any) -> list[str]:
    if ours.shape != theirs.shape:
        return [f"{Path(one.file).name}: {ours.shape}, pydicom has {theirs.shape}"]
    tolerance = 1e-5 * np.abs(theirs).max(initial=1.0)
    if np.allclose(ours, theirs, atol=tolerance, rtol=1e-5, equal_nan=True):
        return []
    return [f"{Path(one.file).name}: values {ours.flat[:3]}, pydicom has {theirs.flat[:3]}"]


def _place_faults(volume: Volume, one: Any, ds: Any) -> list[str]:
    spacing = _functional(ds, one.frame, "PixelMeasuresSequence", "PixelSpacing")
    faults = []
    position = _functional(ds, one.frame, "PlanePositionSequence", "ImagePositionPatient")
    if position is None or len(position) != 3 or not volume.report.spacing:
        return []
    if spacing is not None and len(spacing) == 2:
        theirs = [float(spacing[1]), float(spacing[0])]
        if not np.allclose(volume.zooms[:2], theirs, rtol=2e-3):
            faults.append(f"{Path(one.file).name}: zooms {volume.zooms[:2]}, pydicom {theirs}")
    lps = np.array([float(p) for p in position])
    if "GridFrameOffsetVector" in ds:
        offsets = [float(v) for v in np.atleast_1d(ds.GridFrameOffsetVector)]
        lps = lps + (0, 0, offsets[one.frame] - offsets[0])
    at = (volume.affine @ [0, 0, one.plane[0], 1])[:3]
    off = np.linalg.norm(at - lps * (-1, -1, 1))
    if not off <= 0.06:
        faults.append(f"{Path(one.file).name}: {off:.3f} mm from where pydicom has it")
    return faults


# -- a run ---------------------------------------------------------------------------------


def usual_findings(source: str, folder: Path) -> frozenset[str]:
    """Return what is said of the undamaged files."""
    if source == "shipped":
        return frozenset()
    for name, content in originals(source).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    volumes = read(folder)
    return frozenset(f.text for v in volumes for f in v.report.findings)


def run(seeds: range, sources: list[str]) -> Iterator[dict[str, Any]]:
    """Read mutants one after the other; yield what came of each."""
    for source in sources:
        with tempfile.TemporaryDirectory() as name:
            usual = usual_findings(source, Path(name))
        for seed in seeds:
            what, files = mutant(source, seed)
            print(json.dumps({"begun": f"{source} {seed}"}), flush=True)
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                for file, content in files.items():
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_bytes(content)
                outcome, faults = complaints(folder, usual)
            yield {
                "source": source,
                "seed": seed,
                "what": what,
                "outcome": outcome,
                "faults": [fault.replace(name, "") for fault in faults],
            }


def limit_memory() -> None:
    """Allow the process what it has now and the memory of one mutant."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


def main() -> None:
    first, stop = int(sys.argv[1]), int(sys.argv[2])
    sources = sys.argv[3:] or list(SOURCES)
    for source in sources:
        originals(source)
    import nibabel.nicom.csareader  # noqa: F401 - what is imported now is not a mutant's memory

    limit_memory()
    for row in run(range(first, stop), sources):
        print(json.dumps(row), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak_kib": peak}), flush=True)


if __name__ == "__main__":
    main()
