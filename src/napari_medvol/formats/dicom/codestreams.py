"""What compressed frames say of themselves, before anything is decoded."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_TS: Final = "1.2.840.10008.1.2."
_JPEG: Final = frozenset(_TS + end for end in ("4.50", "4.51", "4.57", "4.70"))
_JPEG_LS: Final = frozenset((_TS + "4.80", _TS + "4.81"))
_JPEG_2000: Final = frozenset(
    _TS + end for end in ("4.90", "4.91", "4.92", "4.93", "4.201", "4.202", "4.203")
)
#: Start of frame: all but the markers between them that mean something else; JPEG-LS.
_FRAME_MARKERS: Final = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


class Codestream(NamedTuple):
    """What a compressed frame says of itself.

    Parameters
    ----------
    rows, columns, per_pixel : int
    precision : int
        Bits of a sample.
    signed : bool
    is_ybr : bool or None
        Whether the colours are YCbCr; None where the stream does not say.
    """

    rows: int
    columns: int
    per_pixel: int
    precision: int
    signed: bool = False
    is_ybr: bool | None = None


def codestream(syntax: str, frame: bytes) -> Codestream | None:
    """Return what the stream's own header says, None if it has none or is not understood."""
    if syntax in _JPEG or syntax in _JPEG_LS:
        return _jpeg_header(frame)
    if syntax in _JPEG_2000:
        return _jpeg_2000_header(frame)
    return None


def _jpeg_header(frame: bytes) -> Codestream | None:
    """Return what the markers before the scan say. ISO/IEC 10918-1 annex B, 14495-1 annex C."""
    at = frame.find(b"\xff\xd8") + 2
    is_ybr: bool | None = None
    while at >= 2 and at + 4 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", frame, at + 2)
        body = frame[at + 4 : at + 2 + length]
        if marker == 0xE0 and body[:4] == b"JFIF":
            is_ybr = True
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            is_ybr = body[11] != 0
        elif marker in _FRAME_MARKERS and len(body) >= 6:
            precision, rows, columns, n = struct.unpack_from(">BHHB", body)
            identifiers = body[6 : 6 + 3 * n : 3]
            if identifiers in (b"RGB", b"rgb"):
                is_ybr = False
            return Codestream(rows, columns, n, precision, False, is_ybr)
        at += 2 + length
    return None


def _jpeg_2000_header(frame: bytes) -> Codestream | None:
    """Return what the SIZ marker says. ISO/IEC 15444-1 A.5.1."""
    at = frame.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 45 > len(frame):
        return None
    x1, y1, x0, y0 = struct.unpack_from(">4L", frame, at + 8)
    (n,) = struct.unpack_from(">H", frame, at + 40)
    depth = frame[at + 42]
    return Codestream(y1 - y0, x1 - x0, n, (depth & 0x7F) + 1, bool(depth & 0x80))
