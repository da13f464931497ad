"""Layouts: the headers of an earlier file's elements, to compare the next file with at once.

The files of a series differ in the lengths of a few elements only; a layout learns which and
steps over them. A file whose headers differ in any other way matches no layout and is walked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import (
    LONGEST_VALUE,
    SHORT_VR,
    UNDEFINED,
    Elements,
    Shared,
    WalkedElement,
    Where,
    Window,
    pixel_element,
)

#: A value longer than this is stepped over, not held in the window.
_LONGEST_INSIDE: Final = 2048
#: Headers with more elements, nested ones included, are not remembered.
LONGEST_PATH: Final = 2000
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


#: What the meaning of other elements rests on: where it differs, nothing is shared.
_DECISIVE: Final = frozenset({tags.SPECIFIC_CHARACTER_SET, tags.PIXEL_REPRESENTATION})
#: A run is cut where its bytes differ, once they differed from those of the file before this
#: often, and in more files than not.
_OFTEN: Final = 8
#: Runs that a layout is cut into at most, and sets of values in common that it remembers.
_MOST_RUNS: Final = 64


class Layouts:
    """What is known of the layouts of the files of one scan, the latest used first.

    Not for use from several threads at once.
    """

    _AT_MOST: Final = 64
    _TRIED: Final = 8

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], _Layout] = {}
        self._order: list[_Layout] = []

    def match(self, window: Window, size: int) -> Elements | None:
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

    def learn(self, path: list[WalkedElement], elements: Elements) -> None:
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


class _Run:
    """The bytes of a segment in the file before, and the values in them."""

    __slots__ = ("bytes", "changed", "values")

    def __init__(self) -> None:
        self.bytes = b""
        self.values: tuple[bytes, ...] = ()
        self.changed = 0


class _Layout:
    """The headers of a file's elements, as something to compare the next file with.

    Most of the bytes of a file are those of the file before: such runs are compared as a
    whole, and the values in them are taken over.
    """

    def __init__(self, path: list[WalkedElement], elements: Elements) -> None:
        self._elements = elements
        self._varies = {
            n
            for n, e in enumerate(path[:-1])
            if (e.length > _LONGEST_INSIDE or (e.top and e.tag in _OFTEN_VARIES))
            and e.length != UNDEFINED
        }
        self._path = path
        self._syntax = elements.values[elements.where[tags.TRANSFER_SYNTAX_UID][0]]
        self._compile()

    def relearn(self, path: list[WalkedElement]) -> None:
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
        self._index = Where()
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
        self._bounds = list(zip(starts, ends, strict=True))
        self._segments = [_compiled(self._path[a:b], self._path[b]) for a, b in self._bounds]
        self._runs = [_Run() for _ in self._segments]
        self._steps = [
            (s.span, s.span - s.tail, s.tail, s.longest, s.noticed, run, n)
            for n, (s, run) in enumerate(zip(self._segments, self._runs, strict=True))
        ]
        self._differing = frozenset(self._path[n].tag for n in ends[:-1] if self._path[n].top)
        self._n_found = 0
        self._shared: Shared | None = None
        self._known_shared: dict[tuple[tuple[bytes, ...], ...], Shared] = {}

    def match(  # noqa: C901  the hot loop of every scan is one function
        self, window: Window, size: int
    ) -> Elements | None:
        """Return the elements of the file in `window`, or None if it is laid out otherwise."""
        at = 132
        values: list[bytes] = []
        changed: list[tuple[int, bytes, tuple[bytes, ...]]] = []
        block, base, length = window.block, window.base, 0
        from_bytes = int.from_bytes
        for span, span_of_run, tail, longest, noticed, run, number in self._steps:
            index = at - base
            if index + span > len(block):
                if at + span > size:
                    return None
                index = window.hold(at, span)
                block, base = window.block, window.base
            at += span
            piece = block[index : index + span_of_run]
            if piece == run.bytes:
                values += run.values
            else:
                segment = self._segments[number]
                if segment.headers(block, index) != segment.expected:
                    return None
                found = segment.values(block, index) if segment.values is not None else ()
                values += found
                changed.append((number, piece, found))
            index += span
            length = from_bytes(block[index - tail : index], "little")
            if noticed:
                if length > longest:
                    values.append(b"")
                else:
                    if index + length > len(block):
                        index = window.hold(at, length)
                        block, base = window.block, window.base
                    values.append(block[index : index + length])
            at += length
        found_elements = self._found(values, at - length, length, size)
        if found_elements is not None:
            self._n_found += 1
            if changed:
                return found_elements._replace(shared=self._changed(changed))
        return found_elements

    def _found(self, values: list[bytes], offset: int, length: int, size: int) -> Elements | None:
        """Return the elements, if the last one is the pixels and the syntax is the same."""
        if values[self._index[tags.TRANSFER_SYNTAX_UID][0]] != self._syntax or offset > size:
            return None
        last = self._path[-1]
        pixels = pixel_element(last.tag, offset, length, last.vr)
        return Elements(
            self._index,
            tuple(values),
            pixels,
            self._elements.transfer_syntax,
            "<",
            offset,
            self._shared,
        )

    def _changed(self, changed: list[tuple[int, bytes, tuple[bytes, ...]]]) -> Shared | None:
        """Remember the runs that differ from the file before; return what the file shares."""
        differ: set[int] = set()
        for number, piece, values in changed:
            run = self._runs[number]
            run.changed += 1
            if run.changed > _OFTEN and 2 * run.changed > self._n_found:
                differ |= self._differing_in(number, run.bytes, piece)
            run.bytes, run.values = piece, values
        if differ and len(self._varies) + len(differ) < _MOST_RUNS:
            self._varies |= differ
            self._compile()
            return None
        if not self._differing.isdisjoint(_DECISIVE):
            return None
        key = tuple([run.values for run in self._runs])
        self._shared = self._known_shared.get(key)
        if self._shared is None:
            if len(self._known_shared) >= _MOST_RUNS:
                self._known_shared.clear()
            self._shared = self._known_shared[key] = Shared(self._differing)
        return self._shared

    def _differing_in(self, number: int, one: bytes, other: bytes) -> set[int]:
        """Return which elements of a run differ, by their numbers on the path."""
        found = set()
        start, stop = self._bounds[number]
        at = 0
        for n, e in enumerate(self._path[start:stop], start):
            end = at + e.head + (0 if e.length == UNDEFINED else e.length)
            if one[at:end] != other[at:end]:
                found.add(n)
            at = end
        return found


def _compiled(run: list[WalkedElement], last: WalkedElement) -> _Segment:
    headers, values, expected = "<", "<", []
    gap = 0
    any_wanted = False
    for e in run:
        inside = 0 if e.length == UNDEFINED else e.length
        headers += f"{e.head}s{inside}x"
        expected.append(e.header)
        if e.top and e.tag in tags.VR_OF:
            any_wanted = True
            if e.tag in tags.PRESENCE_ONLY or e.length == UNDEFINED:
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
        0 if last.tag in tags.PRESENCE_ONLY else LONGEST_VALUE,
        last.top and last.tag in tags.VR_OF,
    )


def _has_short_length(element: WalkedElement) -> bool:
    """Whether the element's length has two bytes."""
    return element.vr.encode() in SHORT_VR and element.header[4:6] == element.vr.encode()
