"""From the bytes of a DICOM file to the elements of interest, in plain Python.

Two ways lead there, both over little-endian data only. *Walking* goes from element to element
and records each element's header: the file's *layout*. *Matching* compares the recorded headers
of an earlier file with this one's, many at a time; the files of a series differ in the lengths
of a few elements only, which a layout learns to step over. What neither knows for sure is left
to pydicom by raising :class:`Unsure`.
"""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.files import ByteSource, Inflated, OpenFile

if TYPE_CHECKING:
    from pydicom import Dataset

_IMPLICIT: Final = "1.2.840.10008.1.2"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
#: All other transfer syntaxes of DICOM itself are explicit little-endian (PS3.5 A.4).
_STANDARD: Final = "1.2.840.10008.1.2."
_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"

_LONG_VR: Final = frozenset(b"OB OW OF OD OL OV SQ UC UN UR UT SV UV".split())
_SHORT_VR: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_WINDOW: Final = 1 << 14
#: Longer values of interest are malformed; only their presence is kept.
_LONGEST_VALUE: Final = 1 << 16
#: A value longer than this is stepped over, not held in the window.
_LONGEST_INSIDE: Final = 2048
#: Headers with more elements, nested ones included, are not remembered.
_LONGEST_PATH: Final = 2000

#: Elements whose length differs between the slices of most series; saves learning it.
_OFTEN_VARIES: Final = frozenset(
    {
        tags.MEDIA_STORAGE_SOP_INSTANCE_UID,
        tags.SOP_INSTANCE_UID,
        tags.CONTENT_TIME,
        tags.INSTANCE_NUMBER,
        tags.IMAGE_POSITION_PATIENT,
        tags.SLICE_LOCATION,
    }
)

_short = struct.Struct("<HH2sH").unpack_from
_plain = struct.Struct("<HHL").unpack_from
_long_length = struct.Struct("<L").unpack_from


class Unsure(Exception):  # noqa: N818  not an error: the way to pydicom
    """The walk met something that it does not know for sure."""


class CutOff(Unsure):
    """The file ends before its header does, or an element claims more than there is."""


class PixelElement(NamedTuple):
    """Where the pixels lie.

    Parameters
    ----------
    tag : int
        One of ``tags.PIXEL_TAGS``.
    offset : int
        First byte of the value.
    length : int or None
        Bytes, as the file says; None when they come in fragments (PS3.5 A.4).
    vr : str
    """

    tag: int
    offset: int
    length: int | None
    vr: str


class Elements(NamedTuple):
    """What is kept of a file.

    Parameters
    ----------
    where : dict
        Tag to (position in `values`, value representation). Shared between files of one layout.
    values : tuple of bytes
    pixels : PixelElement or None
    transfer_syntax : str
    order : {"<", ">"}
        Byte order of binary values.
    end : int
        Where the walk stopped.
    """

    where: dict[int, tuple[int, str]]
    values: tuple[bytes, ...]
    pixels: PixelElement | None
    transfer_syntax: str
    order: str
    end: int


class Start(NamedTuple):
    """How a file begins."""

    has_meta: bool


#: Python's warning filters are global: two threads that change them would undo each other.
_filters = threading.RLock()


@contextmanager
def quietly() -> Iterator[None]:
    """Keep pydicom's warnings from the user: what matters of them is in the report."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- is it DICOM? --------------------------------------------------------------------------


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
        return Start(has_meta=True)
    if any(_begins_a_dataset(block, size, order) for order in "<>"):
        return Start(has_meta=False)
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
        if vr in _SHORT_VR:
            length = struct.unpack_from(order + "H", block, at + 6)[0]
            at += 8 + length
        elif vr in _LONG_VR or order == ">":
            return False
        else:
            length = struct.unpack_from(order + "L", block, at + 4)[0]
            at += 8 + length
        if length % 2 or length > 512 or at > size:
            return False
        previous = tag
    return True


# -- walking -------------------------------------------------------------------------------


class _Element(NamedTuple):
    """One header on the way: of an element, an item or a delimiter, at any depth."""

    tag: int
    vr: str
    head: int
    header: bytes
    length: int
    top: bool


class _Window:
    """The part of the file in memory; moves on when asked beyond its end."""

    __slots__ = ("base", "block", "source")

    def __init__(self, source: ByteSource, block: bytes) -> None:
        self.source = source
        self.block = block
        self.base = 0

    def hold(self, at: int, n_bytes: int) -> int:
        """Return the index in `block` of byte `at`, with `n_bytes` after it if there are."""
        index = at - self.base
        if index < 0 or index + n_bytes > len(self.block):
            self.block = self.source.read_at(max(_WINDOW, n_bytes), at)
            self.base = at
            return 0
        return index


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
    window = _Window(file, block)
    if layouts is not None:
        found = layouts.match(window, file.size)
        if found is not None:
            return found
        window = _Window(file, block)
    walked, elements = _walk(window, file.size)
    if layouts is not None and elements.pixels is not None and len(walked) < _LONGEST_PATH:
        layouts.learn(walked, elements)
    return elements


def read_inflated(inflated: Inflated, meta: Elements) -> Elements:
    """Return the elements of a deflated file: its meta information and what is inflated."""
    walk = _Walk(_Window(inflated, b""), 1 << 62)
    walk.values = list(meta.values)
    walk.index = dict(meta.where)
    walk.walk_dataset(0, _explicit_element)
    return walk.elements(_DEFLATED)


def _walk(window: _Window, size: int) -> tuple[list[_Element], Elements]:
    walk = _Walk(window, size)
    at = walk.walk_meta()
    syntax = walk.transfer_syntax()
    if syntax == _DEFLATED:
        walk.at = at
        return walk.path, walk.elements(syntax)
    if syntax == _BIG_ENDIAN or not (syntax + ".").startswith(_STANDARD):
        raise Unsure(f"transfer syntax {syntax!r}")
    index = window.hold(at, 8)
    if len(window.block) - index >= 8:
        looks_explicit = window.block[index + 4 : index + 6] in _SHORT_VR | _LONG_VR
        if looks_explicit == (syntax == _IMPLICIT):
            raise Unsure("the value representations contradict the transfer syntax")
    walk.walk_dataset(at, _implicit_element if syntax == _IMPLICIT else _explicit_element)
    return walk.path, walk.elements(syntax)


def _explicit_element(block: bytes, index: int) -> tuple[int, str, int, int]:
    """Return tag, VR, header size and value length of the element at `index`. PS3.5 7.1.2."""
    group, element, vr, length = _short(block, index)
    tag = group << 16 | element
    if vr in _SHORT_VR:
        return tag, vr.decode("ascii"), 8, length
    if vr in _LONG_VR:
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

    def __init__(self, window: _Window, size: int) -> None:
        self.window = window
        self.size = size
        self.at = 0
        self.path: list[_Element] = []
        self.index: dict[int, tuple[int, str]] = {}
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
        self._note(_Element(tag, vr, head, block[index : index + head], length, True))
        if tag in tags.PIXEL_TAGS:
            self.pixels = _pixel_element(tag, at + head, length, vr)
            return at + head
        if length == _UNDEFINED:
            return self._skip_sequence(at + head, tag, vr, element_at)
        if tag >> 16 == 0xFFFE:
            raise Unsure(f"{tags.name_of(tag)} outside a sequence")
        if at + head + length > self.size:
            raise CutOff(_too_long(tag, length, self.size - at - head))
        if tag in tags.VR_OF:
            self._keep(tag, vr, at + head, length)
        return at + head + length

    def _note(self, element: _Element) -> None:
        if len(self.path) < _LONGEST_PATH:
            self.path.append(element)

    def _keep(self, tag: int, vr: str, at: int, length: int) -> None:
        value = b""
        if tag not in tags.PRESENCE_ONLY and length <= _LONGEST_VALUE:
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
        self._note(_Element(tag, vr, head, block[index : index + head], length, False))
        at += head
        if tag in (_SEQUENCE_END, _ITEM_END):
            open_items.pop()
            return at
        if length != _UNDEFINED:
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


def _pixel_element(tag: int, offset: int, length: int, vr: str) -> PixelElement:
    return PixelElement(tag, offset, None if length == _UNDEFINED else length, vr or "OW")


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


# -- matching ------------------------------------------------------------------------------


class Layouts:
    """What is known of the layouts of the files of one scan, the latest used first.

    Not for use from several threads at once.
    """

    _AT_MOST: Final = 64
    _TRIED: Final = 8

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], _Layout] = {}
        self._order: list[_Layout] = []

    def match(self, window: _Window, size: int) -> Elements | None:
        """Return the elements of the file, if it is laid out like one before."""
        block = window.block
        for number, layout in enumerate(self._order[: self._TRIED]):
            found = layout.match(window, size)
            if found is not None:
                if number:
                    self._order.insert(0, self._order.pop(number))
                return found
            window.block, window.base = block, 0
        return None

    def learn(self, path: list[_Element], elements: Elements) -> None:
        """Remember the way through a file that matched no layout."""
        shape = (elements.transfer_syntax, *[(e.tag, e.vr, e.top) for e in path])
        layout = self._known.get(shape)
        if layout is None:
            layout = self._known[shape] = _Layout(path, elements)
            self._order.insert(0, layout)
            for old in self._order[self._AT_MOST :]:
                self._known = {k: v for k, v in self._known.items() if v is not old}
            del self._order[self._AT_MOST :]
        else:
            layout.relearn(path)


class _Segment(NamedTuple):
    """A run of elements of known lengths, then the header of one whose length varies.

    Parameters
    ----------
    span : int
        Bytes of all that.
    headers : callable
        Block and index to the headers in the run; they must equal `expected`.
    expected : tuple of bytes
    values : callable or None
        Block and index to the values of interest in the run.
    tail : int
        How many bytes at the end of the span are the length of what follows.
    longest : int
        The value that follows is kept up to this length.
    noticed : bool
        Whether what follows is of interest.
    """

    span: int
    headers: Callable[[bytes, int], tuple[Any, ...]]
    expected: tuple[bytes, ...]
    values: Callable[[bytes, int], tuple[Any, ...]] | None
    tail: int
    longest: int
    noticed: bool


class _Layout:
    """The headers of a file's elements, as something to compare the next file with."""

    def __init__(self, path: list[_Element], elements: Elements) -> None:
        self._elements = elements
        self._varies = {
            n
            for n, e in enumerate(path[:-1])
            if (e.length > _LONGEST_INSIDE or (e.top and e.tag in _OFTEN_VARIES))
            and e.length != _UNDEFINED
        }
        self._path = path
        self._syntax = elements.values[elements.where[tags.TRANSFER_SYNTAX_UID][0]]
        self._compile()

    def relearn(self, path: list[_Element]) -> None:
        """Step over the lengths in which `path` differs, from now on."""
        self._varies |= {
            n
            for n, (one, other) in enumerate(zip(self._path, path, strict=True))
            if one.header != other.header
        }
        self._path = path
        self._compile()

    def _compile(self) -> None:
        # Positions follow the path, so duplicates of a tag do no harm: the last one counts.
        self._index: dict[int, tuple[int, str]] = {}
        position = 0
        for e in self._path[:-1]:
            if e.top and e.tag in tags.VR_OF:
                self._index[e.tag] = (
                    position,
                    tags.VR_OF[e.tag] if e.vr in ("", "UN") else e.vr,
                )
                position += 1
        ends = [*sorted(self._varies), len(self._path) - 1]
        starts = [0, *[end + 1 for end in ends[:-1]]]
        self._segments = [
            _compiled(self._path[a:b], self._path[b]) for a, b in zip(starts, ends, strict=True)
        ]

    def match(  # noqa: C901  the hot loop of every scan is one function
        self, window: _Window, size: int
    ) -> Elements | None:
        """Return the elements of the file in `window`, or None if it is laid out otherwise."""
        at = 132
        values: list[bytes] = []
        block, base, length = window.block, window.base, 0
        for span, headers, expected, kept_values, tail, longest, noticed in self._segments:
            index = at - base
            if index + span > len(block):
                if at + span > size:
                    return None
                index = window.hold(at, span)
                block, base = window.block, window.base
            if headers(block, index) != expected:
                return None
            if kept_values is not None:
                values += kept_values(block, index)
            at += span
            index += span
            length = int.from_bytes(block[index - tail : index], "little")
            if noticed:
                if length > longest:
                    values.append(b"")
                else:
                    if index + length > len(block):
                        index = window.hold(at, length)
                        block, base = window.block, window.base
                    values.append(block[index : index + length])
            at += length
        return self._found(values, at - length, length, size)

    def _found(self, values: list[bytes], offset: int, length: int, size: int) -> Elements | None:
        """Return the elements, if the last one is the pixels and the syntax is the same."""
        if values[self._index[tags.TRANSFER_SYNTAX_UID][0]] != self._syntax or offset > size:
            return None
        last = self._path[-1]
        pixels = _pixel_element(last.tag, offset, length, last.vr)
        return Elements(
            self._index, tuple(values), pixels, self._elements.transfer_syntax, "<", offset
        )


def _compiled(run: list[_Element], last: _Element) -> _Segment:
    headers, values, expected = "<", "<", []
    gap = 0
    any_wanted = False
    for e in run:
        inside = 0 if e.length == _UNDEFINED else e.length
        headers += f"{e.head}s{inside}x"
        expected.append(e.header)
        if e.top and e.tag in tags.VR_OF:
            any_wanted = True
            if e.tag in tags.PRESENCE_ONLY or e.length == _UNDEFINED:
                values += f"{gap + e.head}x0s{inside}x"
            else:
                values += f"{gap + e.head}x{inside}s"
            gap = 0
        else:
            gap += e.head + inside
    tail = 2 if _has_short_length(last) else 4
    headers += f"{last.head - tail}s"
    expected.append(last.header[: last.head - tail])
    return _Segment(
        struct.calcsize(headers) + tail,
        struct.Struct(headers).unpack_from,
        tuple(expected),
        struct.Struct(values).unpack_from if any_wanted else None,
        tail,
        0 if last.tag in tags.PRESENCE_ONLY else _LONGEST_VALUE,
        last.top and last.tag in tags.VR_OF,
    )


def _has_short_length(element: _Element) -> bool:
    """Whether the element's length has two bytes."""
    return element.vr.encode() in _SHORT_VR and element.header[4:6] == element.vr.encode()


# -- pydicom -------------------------------------------------------------------------------


def of_dataset(
    dataset: Dataset, file: OpenFile, at: int, implicit: bool, little: bool
) -> Elements:
    """Return the elements that pydicom found, with the pixel element that begins at `at`."""
    index: dict[int, tuple[int, str]] = {}
    values: list[bytes] = []
    meta = getattr(dataset, "file_meta", None)
    for tag, kept in tags.VR_OF.items():
        element = dataset.get_item(tag, keep_deferred=True)
        if element is None and meta is not None:
            element = meta.get_item(tag, keep_deferred=True)
        if element is None:
            continue
        vr = str(element.VR or "UN")
        raw = b"" if tag in tags.PRESENCE_ONLY else _raw_of(element.value)
        index[tag] = (len(values), kept if vr == "UN" else vr)
        values.append(raw if len(raw) <= _LONGEST_VALUE else b"")
    syntax = str(getattr(meta, "TransferSyntaxUID", "") or "")
    if not syntax:
        syntax = _IMPLICIT if implicit else _EXPLICIT if little else _BIG_ENDIAN
    pixels = None
    if syntax != _DEFLATED:
        pixels = _pixels_at(file, at, implicit, "<" if little else ">")
    return Elements(index, tuple(values), pixels, syntax, "<" if little else ">", at)


def _raw_of(value: Any) -> bytes:
    """Return the bytes of a raw element, or the text of one that pydicom has converted."""
    from pydicom.multival import MultiValue

    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    parts = value if isinstance(value, list | tuple | MultiValue) else [value]
    return "\\".join(map(str, parts)).encode("latin-1", "replace") if value else b""


def _pixels_at(file: OpenFile, at: int, implicit: bool, order: str) -> PixelElement | None:
    """Return the pixel element that begins at `at`, if there is one."""
    header = file.read_at(12, at)
    if len(header) < 8:
        return None
    group, element = struct.unpack_from(order + "HH", header)
    tag = group << 16 | element
    if tag not in tags.PIXEL_TAGS:
        return None
    if implicit or header[4:6] not in _SHORT_VR | _LONG_VR:
        return _pixel_element(tag, at + 8, struct.unpack_from(order + "L", header, 4)[0], "")
    vr = header[4:6]
    if vr in _SHORT_VR:
        length = struct.unpack_from(order + "H", header, 6)[0]
        return _pixel_element(tag, at + 8, length, vr.decode())
    if len(header) < 12:
        return None
    return _pixel_element(tag, at + 12, struct.unpack_from(order + "L", header, 8)[0], vr.decode())
