"""The bytes of an element to numbers and text. PS3.5 6.2."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from napari_medvol.formats.dicom.elements import quietly

BINARY: Final = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}
NOT_TEXT: Final = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "SQ"})


@lru_cache(maxsize=4096)
def numbers_in(raw: bytes, vr: str, order: str) -> tuple[float, ...]:
    """Return the numbers in the bytes of an element; ValueError if there are none."""
    code = BINARY.get(vr)
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


@lru_cache(maxsize=4096)
def decoded(raw: bytes, charset: bytes) -> str:
    """Return text in the character sets that (0008,0005) names. PS3.3 C.12.1.1.2."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    from pydicom.charset import convert_encodings, decode_bytes

    names = [name.strip() for name in charset.decode("ascii", "replace").split("\\")]
    try:
        with quietly():
            return str(decode_bytes(raw, convert_encodings(names), set(b"\\^=\r\n\t\f")))
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("latin-1")
