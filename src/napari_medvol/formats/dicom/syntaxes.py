"""Transfer syntaxes whose pixels are not compressed. PS3.5 annex A."""

from __future__ import annotations

from typing import Final

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
#: Retired GE: implicit little-endian header, big-endian pixels.
GE_BIG_ENDIAN_PIXELS: Final = "1.2.840.113619.5.2"
UNCOMPRESSED: Final = frozenset(
    {"", IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, GE_BIG_ENDIAN_PIXELS}
)
