"""What the readers of DICOM headers share: their words, and the part of a file in memory."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final, NamedTuple

from napari_medvol.formats.dicom.files import ByteSource

#: Value representations with a length of four bytes, and of two. PS3.5 7.1.2.
LONG_VR: Final = frozenset(b"OB OW OF OD OL OV SQ UC UN UR UT SV UV".split())
SHORT_VR: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)
#: The length that says: until a delimiter. PS3.5 7.1.1.
UNDEFINED: Final = 0xFFFFFFFF
#: Longer values of interest are malformed; only their presence is kept.
LONGEST_VALUE: Final = 1 << 16
_READ_ON: Final = 1 << 14


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


Values = tuple[bytes, ...]
#: Value representations of the elements asked for (None: absent), and the bytes of those there.
Stored = tuple[tuple[str | None, ...], Values]


class Where(dict[int, tuple[int, str]]):
    """Tag to (position among the values, value representation).

    Shared between files of one layout, so that how to take several values at once is worked
    out once for all of them. Must not change any more once values were taken.
    """

    __slots__ = ("_ways",)

    def __init__(self) -> None:
        super().__init__()
        self._ways: dict[Sequence[int], tuple[tuple[str | None, ...], Callable[..., Any]]] = {}

    def take(self, wanted: tuple[int, ...], values: Values) -> Stored:
        """Return what is stored of several elements: equal for equals."""
        way = self._ways.get(wanted)
        if way is None:
            way = self._ways[wanted] = self._way(wanted)
        return way[0], way[1](values)

    def _way(self, wanted: tuple[int, ...]) -> tuple[tuple[str | None, ...], Callable[..., Any]]:
        places = [self[tag][0] for tag in wanted if tag in self]
        kinds = tuple([self[tag][1] if tag in self else None for tag in wanted])
        if len(places) > 1:
            return kinds, itemgetter(*places)
        # itemgetter makes no tuple of one, and cannot be of none.
        return kinds, lambda values: tuple([values[place] for place in places])


class Shared:
    """What was worked out of the values that files have in common, byte for byte.

    Parameters
    ----------
    differing : set of int
        Tags whose values are not part of it.

    Attributes
    ----------
    stored : dict
        Several tags to what :meth:`Where.take` gives.
    texts, numbers : dict
        Tag to what the header says.
    """

    __slots__ = ("differing", "numbers", "stored", "texts")

    def __init__(self, differing: frozenset[int] = frozenset()) -> None:
        self.differing = differing
        self.stored: dict[tuple[int, ...], Stored] = {}
        self.texts: dict[int, str] = {}
        self.numbers: dict[int, tuple[float, ...]] = {}


class Elements(NamedTuple):
    """What is kept of a file.

    Parameters
    ----------
    where : Where
    values : tuple of bytes
    pixels : PixelElement or None
    transfer_syntax : str
    order : {"<", ">"}
        Byte order of binary values.
    end : int
        Where the walk stopped.
    shared : Shared or None
        None: with no other file.
    """

    where: Where
    values: Values
    pixels: PixelElement | None
    transfer_syntax: str
    order: str
    end: int
    shared: Shared | None = None


class WalkedElement(NamedTuple):
    """One header on the way: of an element, an item or a delimiter, at any depth."""

    tag: int
    vr: str
    head: int
    header: bytes
    length: int
    top: bool


class Window:
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
            self.block = self.source.read_at(max(_READ_ON, n_bytes), at)
            self.base = at
            return 0
        return index


def pixel_element(tag: int, offset: int, length: int, vr: str) -> PixelElement:
    """Return where the pixels lie, by the parts of their element's header."""
    return PixelElement(tag, offset, None if length == UNDEFINED else length, vr or "OW")


#: Python's warning filters are global: two threads that change them would undo each other.
_filters = threading.RLock()


@contextmanager
def quietly() -> Iterator[None]:
    """Keep pydicom's warnings from the user: what matters of them is in the report."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
