"""From element to element of a DICOM header, in plain Python, over little-endian data.

What the walk does not know for sure is left to pydicom, by raising
:class:`~napari_medvol.formats.dicom.elements.Unsure`.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import (
    LONG_VR,
    LONGEST_VALUE,
    SHORT_VR,
    UNDEFINED,
    CutOff,
    Elements,
    PixelElement,
    Unsure,
    WalkedElement,
    Where,
    Window,
    pixel_element,
)
from napari_medvol.formats.dicom.files import ByteSource, Inflated, OpenFile
from napari_medvol.formats.dicom.layouts import LONGEST_PATH, Layouts
from napari_medvol.formats.dicom.syntaxes import BIG_ENDIAN, DEFLATED, IMPLICIT

#: The transfer syntaxes of DICOM itself: all others of them are explicit little-endian.
_STANDARD: Final = "1.2.840.10008.1.2."
#: Of pixel data; implicit files say none. A damaged one makes the length elsewhere. PS3.5 8.
_PIXEL_VRS: Final = frozenset({"", "OB", "OW", "OF", "OD", "UN"})
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD

_READ_ON: Final = 1 << 16

_short = struct.Struct("<HH2sH").unpack_from
_plain = struct.Struct("<HHL").unpack_from
_long_length = struct.Struct("<L").unpack_from


class Place(NamedTuple):
    """Value representation (empty in implicit files), first byte and length of a value."""

    vr: str
    offset: int
    length: int


def read(file: OpenFile, block: bytes, layouts: Layouts | None = None) -> Elements:
    """Return the elements of a file with meta information.

    Parameters
    ----------
    file : OpenFile
    block : bytes
        Its first bytes.
    layouts : Layouts, optional
        Of the files read before.

    Raises
    ------
    Unsure
        If pydicom should decide.
    """
    window = Window(file, block)
    if layouts is not None:
        found = layouts.match(window, file.size)
        if found is not None:
            return found
        window = Window(file, block)
    walked, elements = _walk(window, file.size)
    if layouts is not None and elements.pixels is not None and len(walked) < LONGEST_PATH:
        layouts.learn(walked, elements)
    return elements


def read_inflated(inflated: Inflated, meta: Elements) -> Elements:
    """Return the elements of a deflated file: its meta information and what is inflated."""
    walk = _Walk(Window(inflated, b""), 1 << 62)
    walk.values = list(meta.values)
    walk.index.update(meta.where)
    walk.walk_dataset(0, _explicit_element)
    return walk.elements(DEFLATED)


def places(file: OpenFile, wanted: frozenset[int]) -> tuple[dict[int, Place], bool]:
    """Return where the values of some elements lie, and whether the file is explicit.

    Raises
    ------
    Unsure
        If pydicom should decide.
    """
    walk = _Walk(Window(file, file.read_at(_READ_ON, 0)), file.size, wanted)
    elements = _walked(walk)
    if elements.transfer_syntax == DEFLATED:
        raise Unsure("deflated")
    return walk.places, elements.transfer_syntax != IMPLICIT


def _walk(window: Window, size: int) -> tuple[list[WalkedElement], Elements]:
    walk = _Walk(window, size)
    return walk.path, _walked(walk)


def _walked(walk: _Walk) -> Elements:
    window = walk.window
    at = walk.walk_meta()
    syntax = walk.transfer_syntax()
    if syntax == DEFLATED:
        walk.at = at
        return walk.elements(syntax)
    if syntax == BIG_ENDIAN or not (syntax + ".").startswith(_STANDARD):
        raise Unsure(f"transfer syntax {syntax!r}")
    index = window.hold(at, 8)
    if len(window.block) - index >= 8:
        looks_explicit = window.block[index + 4 : index + 6] in SHORT_VR | LONG_VR
        if looks_explicit == (syntax == IMPLICIT):
            raise Unsure("the value representations contradict the transfer syntax")
    walk.walk_dataset(at, _implicit_element if syntax == IMPLICIT else _explicit_element)
    return walk.elements(syntax)


def _explicit_element(block: bytes, index: int) -> tuple[int, str, int, int]:
    """Return tag, VR, header size and value length of the element at `index`. PS3.5 7.1.2."""
    group, element, vr, length = _short(block, index)
    tag = group << 16 | element
    if vr in SHORT_VR:
        return tag, vr.decode("ascii"), 8, length
    if vr in LONG_VR:
        if index + 12 > len(block):
            raise CutOff("the file ends in the header of an element")
        return tag, vr.decode("ascii"), 12, _long_length(block, index + 8)[0]
    if group == 0xFFFE:
        return tag, "", 8, _long_length(block, index + 4)[0]
    raise Unsure(f"value representation {vr!r}")


def _implicit_element(block: bytes, index: int) -> tuple[int, str, int, int]:
    """Return tag, VR, header size and value length of the element at `index`. PS3.5 7.1.3."""
    group, element, length = _plain(block, index)
    tag = group << 16 | element
    return tag, tags.VR_OF.get(tag, ""), 8, length


class _Walk:
    """One way through one file."""

    def __init__(self, window: Window, size: int, wanted: frozenset[int] = frozenset()) -> None:
        self.window = window
        self.size = size
        self.wanted = wanted
        self.places: dict[int, Place] = {}
        self.at = 0
        self.path: list[WalkedElement] = []
        self.index = Where()
        self.values: list[bytes] = []
        self.pixels: PixelElement | None = None

    def elements(self, transfer_syntax: str) -> Elements:
        return Elements(self.index, tuple(self.values), self.pixels, transfer_syntax, "<", self.at)

    def transfer_syntax(self) -> str:
        at = self.index.get(tags.TRANSFER_SYNTAX_UID)
        if at is None:
            raise Unsure("no transfer syntax")
        return self.values[at[0]].strip(b" \0").decode("ascii", "replace")

    def walk_meta(self) -> int:
        """Walk through group 0002 (always explicit little-endian); return where it ends."""
        at = 132
        while True:
            index = self.window.hold(at, 12)
            block = self.window.block
            if len(block) - index < 8 or block[index : index + 2] != b"\x02\x00":
                return at
            at = self._step(at, index, _explicit_element)

    def walk_dataset(self, at: int, element_at: Any) -> None:
        """Walk to the pixels or to the end of the file."""
        while at < self.size:
            index = self.window.hold(at, 12)
            if len(self.window.block) - index < 8:
                if len(self.window.block) == index and at == self.window.source.end():
                    break
                raise CutOff("the file ends in the header of an element")
            at = self._step(at, index, element_at)
            if self.pixels is not None:
                break
        self.at = at

    def _step(self, at: int, index: int, element_at: Any) -> int:
        """Note the element at `at` and return where the next one begins."""
        block = self.window.block
        tag, vr, head, length = element_at(block, index)
        self._note(WalkedElement(tag, vr, head, block[index : index + head], length, True))
        if tag in tags.PIXEL_TAGS:
            if vr not in _PIXEL_VRS:
                raise Unsure(f"pixel data of type {vr!r}")
            self.pixels = pixel_element(tag, at + head, length, vr)
            return at + head
        if tag in self.wanted:
            self.places[tag] = Place(vr, at + head, length)
        if length == UNDEFINED:
            return self._skip_sequence(at + head, tag, vr, element_at)
        if tag >> 16 == 0xFFFE:
            raise Unsure(f"{tags.name_of(tag)} outside a sequence")
        if at + head + length > self.size:
            raise CutOff(_too_long(tag, length, self.size - at - head))
        if tag in tags.VR_OF:
            self._keep(tag, vr, at + head, length)
        return at + head + length

    def _note(self, element: WalkedElement) -> None:
        if len(self.path) < LONGEST_PATH:
            self.path.append(element)

    def _keep(self, tag: int, vr: str, at: int, length: int) -> None:
        value = b""
        if tag not in tags.PRESENCE_ONLY and length <= LONGEST_VALUE:
            index = self.window.hold(at, length)
            value = self.window.block[index : index + length]
            if len(value) < length:
                raise CutOff("the file ends in a value")
        self.index[tag] = (len(self.values), tags.VR_OF[tag] if vr in ("", "UN") else vr)
        self.values.append(value)

    def _skip_sequence(self, at: int, tag: int, vr: str, element_at: Any) -> int:
        """Return where a sequence of undefined length ends. PS3.5 7.5."""
        if vr != "SQ" and not (vr == "" and element_at is _implicit_element):
            raise Unsure(f"undefined length of {tags.name_of(tag)}")
        if tag in tags.VR_OF:
            self._keep(tag, "SQ", at, 0)
        open_items = [False]
        while open_items:
            at = self._step_inside(at, open_items, element_at)
        return at

    def _step_inside(self, at: int, open_items: list[bool], element_at: Any) -> int:
        """Step over one header inside sequences; return where the next one begins.

        `open_items` says of every level that is open whether it is an item or a sequence.
        """
        index = self.window.hold(at, 12)
        block = self.window.block
        if len(block) - index < 8:
            raise CutOff("the file ends in a sequence")
        if open_items[-1] and block[index : index + 2] != b"\xfe\xff":
            tag, vr, head, length = element_at(block, index)
        else:
            tag, vr, head = _delimiter(block, index, open_items[-1]), "", 8
            length = _long_length(block, index + 4)[0]
        self._note(WalkedElement(tag, vr, head, block[index : index + head], length, False))
        at += head
        if tag in (_SEQUENCE_END, _ITEM_END):
            open_items.pop()
            return at
        if length != UNDEFINED:
            if at + length > self.size:
                raise CutOff(_too_long(tag, length, self.size - at))
            return at + length
        if tag != _ITEM and vr != "SQ" and element_at is _explicit_element:
            raise Unsure(f"undefined length of {tags.name_of(tag)} in a sequence")
        open_items.append(tag == _ITEM)
        return at


def _too_long(tag: int, length: int, left: int) -> str:
    return f"element {tags.name_of(tag)} claims {length} bytes, {left} are left"


def _delimiter(block: bytes, index: int, in_item: bool) -> int:
    """Return the tag at `index`, which may only be that of an item or a delimiter."""
    group, element = struct.unpack_from("<HH", block, index)
    tag = group << 16 | element
    if tag != _ITEM_END if in_item else tag not in (_ITEM, _SEQUENCE_END):
        raise Unsure(f"{tags.name_of(tag)} in a sequence")
    return tag


class Fragment(NamedTuple):
    """First byte and length of an item of encapsulated pixel data."""

    offset: int
    length: int


def fragments(source: ByteSource, offset: int) -> tuple[list[Fragment], bool]:
    """Return the items of encapsulated pixel data and whether they end as they should.

    The first is the basic offset table. PS3.5 A.4.
    """
    found: list[Fragment] = []
    at, end = offset, source.end()
    while at + 8 <= end:
        group, element, length = _plain(source.read_at(8, at), 0)
        tag = group << 16 | element
        if tag != _ITEM:
            return found, tag == _SEQUENCE_END
        found.append(Fragment(at + 8, length))
        at += 8 + length
    return found, False
