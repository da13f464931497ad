"""The header of one DICOM file: the elements that are asked for, and where the pixels lie.

pydicom needs 1.5 ms a file, so the walk of :mod:`~napari_medvol.formats.dicom.walk` comes
first; whatever it does not know for sure goes to pydicom and gives the same :class:`Header`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import by_pydicom, tags, walk
from napari_medvol.formats.dicom.elements import CutOff, Elements, PixelElement, Unsure
from napari_medvol.formats.dicom.files import ByteSource, Inflated, OpenFile
from napari_medvol.formats.dicom.layouts import Layouts
from napari_medvol.formats.dicom.problems import problem_of, trailing
from napari_medvol.formats.dicom.sniff import Start, start_of
from napari_medvol.formats.dicom.syntaxes import DEFLATED
from napari_medvol.formats.dicom.values import BINARY, NOT_TEXT, decoded, numbers_in

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Header", "PixelElement", "is_dicom", "read_header"]

#: Bytes of the first read of a file: most headers are shorter.
FIRST_READ: Final = 8192
_SNIFFED: Final = 1024
_COMPLETE: Final = "Look whether the file is complete; copy it again from its source"


class Header:
    """The elements of one DICOM file that are named in :mod:`tags`, and where its pixels are.

    Attributes
    ----------
    path : Path
    transfer_syntax : str
        UID; empty for files without meta information.
    pixels : PixelElement or None
        Offsets count from the start of the file (of the inflated stream, if deflated).
    problem : str
        Why the pixels cannot be used as an image, in words; empty if they can.
    size : int
        Bytes of the file when it was read.
    order : {"<", ">"}
        Byte order of binary values in the header.
    """

    __slots__ = (
        "_index",
        "_malformed",
        "_values",
        "order",
        "path",
        "pixels",
        "problem",
        "size",
        "transfer_syntax",
    )

    def __init__(self, path: Path, elements: Elements, size: int) -> None:
        self.path = path
        self.transfer_syntax = elements.transfer_syntax
        self.pixels = elements.pixels
        self.size = size
        self.problem = ""
        self._index = elements.where
        self._values = elements.values
        self.order = elements.order
        self._malformed: tuple[str, ...] = ()

    def __contains__(self, tag: int) -> bool:
        """Whether the file has the element, empty or not."""
        return tag in self._index

    def __repr__(self) -> str:
        """Name the file and what it shows."""
        return f"<Header of {self.path}: {self.text(tags.MODALITY) or 'no modality'}>"

    @property
    def is_image(self) -> bool:
        """Whether the file has pixels, or says how many there should be."""
        return self.pixels is not None or tags.ROWS in self

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ends within its header."""
        return self.problem.startswith("truncated in the header")

    @property
    def malformed(self) -> tuple[str, ...]:
        """Elements that were not taken for what they are, in words."""
        return self._malformed

    def note(self, what: str) -> None:
        """Remember something malformed, once."""
        if what and what not in self._malformed:
            self._malformed += (what,)

    def raw(self, tag: int) -> bytes | None:
        """Return the stored bytes; None when absent, empty where only presence is kept."""
        at = self._index.get(tag)
        return None if at is None else self._values[at[0]]

    def stored(self, wanted: Sequence[int]) -> tuple[tuple[bytes, str] | None, ...]:
        """Return the bytes and value representations of several elements: equal for equals."""
        index, values = self._index, self._values
        places = [index.get(tag) for tag in wanted]
        return tuple([at and (values[at[0]], at[1]) for at in places])

    def vr(self, tag: int) -> str:
        """Return the value representation, two letters; empty when absent."""
        at = self._index.get(tag)
        if at is None:
            return ""
        vr = at[1]
        if vr == "US or SS":
            signed = (self.raw(tags.PIXEL_REPRESENTATION) or b"")[:1] == b"\x01"
            return "SS" if signed else "US"
        return vr

    def text(self, tag: int) -> str:
        """Return the value without padding, backslashes kept; ``""`` when absent."""
        raw = self.raw(tag)
        if not raw:
            return ""
        vr = self.vr(tag)
        if vr in NOT_TEXT:
            return ""
        if vr in BINARY or vr == "AT":
            return "\\".join(f"{n:g}" if n % 1 else str(int(n)) for n in self.numbers(tag))
        text = decoded(raw, self.raw(tags.SPECIFIC_CHARACTER_SET) or b"").strip(" \0\t\r\n")
        return text.rstrip("=") if vr == "PN" else text

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a multi-valued element; ``()`` when absent or empty."""
        text = self.text(tag)
        return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the values as numbers; ``()`` when absent, empty or malformed.

        What is malformed is told by :attr:`malformed`.
        """
        raw = self.raw(tag)
        if not raw:
            return ()
        vr = self.vr(tag)
        if vr in NOT_TEXT:
            return ()
        try:
            return numbers_in(raw, vr, self.order)
        except ValueError:
            self.note(f"{tags.name_of(tag)} holds {raw[:40]!r}, which is no number")
            return ()

    def number(self, tag: int) -> float | None:
        """Return the first value as a number; None when absent, empty or malformed."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: int) -> int | None:
        """Return the first value as an integer; None when it is none."""
        value = self.number(tag)
        return int(value) if value is not None and value.is_integer() else None

    def dataset(self) -> Dataset:
        """Return the complete header as pydicom reads it, without the pixels.

        Raises
        ------
        ReadError
            If pydicom cannot read the file.
        """
        with OpenFile(self.path) as file:
            return by_pydicom.dataset_of(file)[0]


def is_dicom(path: Path) -> bool:
    """Return whether the file begins as DICOM does. Reads at most 1 KiB."""
    try:
        with OpenFile(path) as file:
            return start_of(file.read_at(_SNIFFED, 0), file.size) is not None
    except ReadError:
        return False


def read_header(path: Path, layouts: Layouts | None = None) -> Header | None:
    """Return the header of a DICOM file, or None if the file is not DICOM at all.

    Parameters
    ----------
    path : Path
    layouts : Layouts, optional
        What is known of the files read before; makes the next of a series cheap.

    Raises
    ------
    ReadError
        If the file cannot be opened, or says that it is DICOM and is not.
    """
    with OpenFile(path) as file:
        return header_of(file, layouts)


def header_of(file: OpenFile, layouts: Layouts | None = None) -> Header | None:
    """Return the header of an open file; see :func:`read_header`."""
    block = file.read_at(FIRST_READ, 0)
    start = start_of(block, file.size)
    if start is None:
        return None
    elements, source, cut = _elements(file, block, start, layouts)
    header = Header(file.path, elements, file.size)
    header.problem = problem_of(header, source)
    header.note(trailing(header, source))
    if cut and header.pixels is None:
        header.problem = f"truncated in the header: {cut}"
    return header


def _elements(
    file: OpenFile, block: bytes, start: Start, layouts: Layouts | None
) -> tuple[Elements, ByteSource, str]:
    """Return the elements, where their pixels are to be found, and why the header is cut off."""
    if not start.has_meta:
        return by_pydicom.elements_of(file), file, ""
    cut = ""
    try:
        elements = walk.read(file, block, layouts)
        if elements.transfer_syntax == DEFLATED:
            return *_inflated_elements(file, elements), ""
    except CutOff as error:
        cut = str(error)
    except Unsure:
        pass
    else:
        return elements, file, ""
    return by_pydicom.elements_of(file), file, cut


def _inflated_elements(file: OpenFile, meta: Elements) -> tuple[Elements, ByteSource]:
    """Return the elements of a deflated file; pydicom would inflate all of it to memory."""
    inflated = Inflated(file, meta.end)
    try:
        elements = walk.read_inflated(inflated, meta)
    except Unsure as error:
        raise ReadError(
            str(file.path), f"the deflated header cannot be read ({error})", _COMPLETE
        ) from error
    if inflated.end() == 0:
        raise ReadError(str(file.path), "the deflated header is damaged", _COMPLETE)
    return elements, inflated


def deflated_start(file: OpenFile) -> int:
    """Return where the deflated stream of a file begins."""
    return walk.read(file, file.read_at(FIRST_READ, 0)).end
