"""Whether a file is DICOM, by its first bytes."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from napari_medvol.formats.dicom.elements import LONG_VR, SHORT_VR


class Start(NamedTuple):
    """How a file begins."""

    has_meta: bool


_WITH_META: Final = Start(has_meta=True)
_WITHOUT_META: Final = Start(has_meta=False)


def start_of(block: bytes, size: int) -> Start | None:
    """Return how the file begins, or None if it is not DICOM.

    Either there is a preamble and ``DICM`` (PS3.10 7.1), or the file is older than that and
    begins with group 0002 or 0008: then the first two elements must make sense.

    Parameters
    ----------
    block : bytes
        The first bytes of the file, 132 or more.
    size : int
        Of the whole file.
    """
    if block[128:132] == b"DICM":
        return _WITH_META
    if any(_begins_a_dataset(block, size, order) for order in "<>"):
        return _WITHOUT_META
    return None


def _begins_a_dataset(block: bytes, size: int, order: str) -> bool:
    at, previous = 0, 0
    for _ in range(2):
        if at + 12 > min(len(block), size):
            return False
        group, element = struct.unpack_from(order + "HH", block, at)
        tag = group << 16 | element
        if group not in (0x0002, 0x0008) or element > 0x2200 or (tag <= previous and at):
            return False
        vr = block[at + 4 : at + 6]
        if vr in SHORT_VR:
            length = struct.unpack_from(order + "H", block, at + 6)[0]
            at += 8 + length
        elif vr in LONG_VR or order == ">":
            return False
        else:
            length = struct.unpack_from(order + "L", block, at + 4)[0]
            at += 8 + length
        if length % 2 or length > 512 or at > size:
            return False
        previous = tag
    return True
