"""What a hostile file may say in each element."""

from __future__ import annotations

import struct

import numpy as np

from tests.phantoms import dicom as phantom


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
    0x00280002: [*_COUNTS, _us(4)],
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
    0x00540022: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0"), (b"OB", b"\1\2")],
    0x00540080: [_us(0, 0, 0, 0), _us(4, 3, 2, 1), _us(1, 9, 60000, 2), (b"LO", b"no")],
    0x00620002: [(b"SQ", b""), (b"SQ", b"\xfe\xff\0\xe0\0\0\0\0")],
    0x00620001: _texts(b"CS", "", "FRACTIONAL", "LABELMAP", "BINARY", "?"),
    0x0062000E: [_us(0), (b"US", b"")],
    0x7FE00010: [(b"OW", b""), (b"OW", b"\1\2\3"), (b"OB", b"\xfe\xff\0\xe0\0\0\0\0")],
}
