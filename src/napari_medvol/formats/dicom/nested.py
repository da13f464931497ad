"""Sequences inside a header, in plain Python, over little-endian bytes. PS3.5 7.5.

As in :mod:`~napari_medvol.formats.dicom.walk`, what is not known for sure is left to pydicom.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from napari_medvol.formats.dicom.elements import LONG_VR, SHORT_VR, UNDEFINED, Unsure
from napari_medvol.formats.dicom.values import BINARY

#: Bytes of a header that are looked into at once; a larger one is damaged, or a rarity.
LARGEST_HEADER: Final = 1 << 27
#: Sequences in sequences; functional groups have three.
_DEEPEST: Final = 16
_HEADS: Final = {**dict.fromkeys(SHORT_VR, 8), **dict.fromkeys(LONG_VR, 12)}
#: Kinds of items whose headers are remembered.
_MOST_PATTERNS: Final = 4096
_ITEM: Final = 0xE000FFFE
_ITEM_END: Final = 0xE00DFFFE
_SEQUENCE_END: Final = 0xE0DDFFFE
#: So that a header at the very end can be unpacked with what follows it.
_PADDING: Final = bytes(12)

_explicit = struct.Struct("<L2sHL").unpack_from
_plain = struct.Struct("<LL").unpack_from

#: A decimal string as all readers understand it. PS3.5 6.2.
_DECIMAL: Final = rb" *[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)? *"
_is_decimals = re.compile(_DECIMAL + rb"(?:\\" + _DECIMAL + rb")*\0?").fullmatch
#: Text without a doubt about its parts or its character set.
_is_plain = re.compile(rb"[ -~]+").fullmatch


#: Of an element: its VR (two letters; none in implicit files), the first byte of its value,
#: and the one after its last. A sequence's delimiter is not part of it.
Span = tuple[bytes, int, int]
#: By tag, as :func:`key_of` has it.
Spans = dict[int, Span]


class _Pattern(NamedTuple):
    """The headers of an item's elements, and where their values lie from the item's start."""

    headers: Callable[[bytes, int], tuple[bytes, ...]]
    expected: tuple[bytes, ...]
    spans: tuple[tuple[int, bytes, int, int], ...]


def key_of(tag: int) -> int:
    """Return the tag as it is read from four little-endian bytes at once."""
    return (tag & 0xFFFF) << 16 | tag >> 16


class Nested:
    """The sequences in one header.

    Parameters
    ----------
    block : bytes
        The header up to its pixels, from the start of the file.
    explicit : bool
        Whether elements say their value representation.
    """

    def __init__(self, block: bytes, *, explicit: bool) -> None:
        self.block = block + _PADDING
        self._end = len(block)
        self._element = self._explicit_element if explicit else self._implicit_element
        self.explicit = explicit
        self._patterns: dict[bytes, _Pattern] = {}

    def items(self, start: int, stop: int) -> list[Spans]:
        """Return the elements of every item of the sequence with the value from `start`.

        Parameters
        ----------
        start : int
        stop : int
            Behind its last byte; ``UNDEFINED``: at the sequence's delimiter.

        Raises
        ------
        Unsure
            If pydicom should decide.
        """
        found, end = self._items(start, stop, 0)
        if stop not in (UNDEFINED, end):
            raise Unsure("items that do not end where their sequence does")
        return found

    def is_sequence(self, span: Span) -> bool:
        """Return whether the element is one, as far as the file says."""
        return span[0] == b"SQ" or not self.explicit

    def value(self, span: Span, vr: str) -> tuple[float, ...] | tuple[str, ...]:
        """Return the numbers or texts of an element; none where it is empty.

        Parameters
        ----------
        span : Span
        vr : str
            What the element has by the standard.

        Raises
        ------
        Unsure
            If it has another in this file, or its bytes leave a doubt.
        """
        if self.explicit and span[0] != vr.encode():
            raise Unsure(f"{span[0]!r} where the standard has {vr}")
        raw = self.block[span[1] : span[2]]
        if not raw:
            return ()
        code = BINARY.get(vr)
        if code is not None:
            return _unpacked(raw, code)
        if vr == "DS":
            return _decimals(raw)
        return _texts(raw)

    def _items(self, at: int, stop: int, depth: int) -> tuple[list[Spans], int]:
        """Return the items, and where the sequence ends: after its delimiter, if it has one."""
        if depth > _DEEPEST:
            raise Unsure("sequences in sequences")
        found: list[Spans] = []
        last = self._end if stop == UNDEFINED else stop
        while at < last:
            tag, length = _plain(self.block, at)
            at += 8
            if tag == _SEQUENCE_END and stop == UNDEFINED:
                return found, at
            if tag != _ITEM or (length != UNDEFINED and at + length > last):
                raise Unsure("no item in a sequence, or one that is too long")
            spans, at = self._elements(at, length, depth)
            found.append(spans)
        if stop == UNDEFINED:
            raise Unsure("a sequence without its end")
        return found, at

    def _elements(self, at: int, length: int, depth: int) -> tuple[Spans, int]:
        """Return the elements of an item and where it ends: after its delimiter, if any."""
        open_end = length == UNDEFINED
        last = self._end if open_end else at + length
        # Its length, the first tag and, in explicit files, the length of the first value.
        begins = self.block[at - 4 : at + 8]
        pattern = self._patterns.get(begins)
        if pattern is not None and pattern.headers(self.block, at) == pattern.expected:
            return {key: (vr, at + a, at + b) for key, vr, a, b in pattern.spans}, last
        spans: Spans = {}
        first = at
        while at < last:
            tag, vr, start, length = self._element(self.block, at)
            if tag & 0xFFFF == 0xFFFE:
                if tag == _ITEM_END and open_end:
                    return spans, at + 8
                raise Unsure("a delimiter among elements")
            at = start + length
            if length == UNDEFINED:
                if vr != b"SQ" and self.explicit:
                    raise Unsure("undefined length")
                _, at = self._items(start, UNDEFINED, depth + 1)
                spans[tag] = (vr, start, at - 8)
            else:
                spans[tag] = (vr, start, at)
        if open_end or at != last:
            raise Unsure("elements that do not end where their item does")
        self._learn(begins, first, last, spans)
        return spans, at

    def _learn(self, begins: bytes, first: int, last: int, spans: Spans) -> None:
        """Remember the headers in an item of known length: those of other frames are like it."""
        headers, at = "<", first
        for _, start, stop in spans.values():
            if start - at not in (8, 12):
                return  # something between the elements: a delimiter, or a tag that comes twice
            headers += f"{start - at}s{stop - start}x"
            at = stop
        if not spans or at != last or len(self._patterns) >= _MOST_PATTERNS:
            return
        unpacked = struct.Struct(headers).unpack_from
        self._patterns[begins] = _Pattern(
            unpacked,
            unpacked(self.block, first),
            tuple([(key, vr, a - first, b - first) for key, (vr, a, b) in spans.items()]),
        )

    @staticmethod
    def _explicit_element(block: bytes, at: int) -> tuple[int, bytes, int, int]:
        """Return key, VR, first byte and length of the value. PS3.5 7.1.2."""
        tag, vr, short, long = _explicit(block, at)
        head = _HEADS.get(vr, 0)
        if head == 8:
            return tag, vr, at + 8, short
        if head == 0 and tag & 0xFFFF != 0xFFFE:
            raise Unsure(f"value representation {vr!r}")
        return tag, vr, at + 12, long

    @staticmethod
    def _implicit_element(block: bytes, at: int) -> tuple[int, bytes, int, int]:
        """Return key, no VR, first byte and length of the value. PS3.5 7.1.3."""
        tag, length = _plain(block, at)
        return tag, b"", at + 8, length


def _unpacked(raw: bytes, code: str) -> tuple[float, ...]:
    count, rest = divmod(len(raw), struct.calcsize("=" + code))
    if rest:
        raise Unsure(f"{len(raw)} bytes hold no whole numbers")
    return tuple(map(float, struct.unpack(f"<{count}{code}", raw)))


def _decimals(raw: bytes) -> tuple[float, ...]:
    if not _is_decimals(raw):
        raise Unsure(f"{raw[:40]!r} are no plain decimals")
    values = tuple(map(float, raw.rstrip(b" \0").split(b"\\")))
    if not all(-1e308 < value < 1e308 for value in values):
        raise Unsure(f"{raw[:40]!r} is too large")
    return values


def _texts(raw: bytes) -> tuple[str, ...]:
    text = raw.rstrip(b" \0")
    if not text:
        return ()
    # Whether blanks before a backslash count depends on the value representation.
    if not _is_plain(text) or b" \\" in text:
        raise Unsure(f"{raw[:40]!r} is no plain text")
    return tuple(text.decode("ascii").split("\\"))
