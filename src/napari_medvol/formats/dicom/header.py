"""The header of one DICOM file: the elements that are asked for, and where the pixels lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_medvol.formats.dicom import by_pydicom, tags
from napari_medvol.formats.dicom.elements import Elements, PixelElement, Shared, Stored
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.values import BINARY, NOT_TEXT, decoded, numbers_in

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Header", "PixelElement"]

_PADDING: Final = " \0\t\r\n"


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
    suv_inputs : dict of str or None
        What SUV are computed from, by keyword, once somebody has looked into the whole header.
    """

    __slots__ = (
        "_index",
        "_malformed",
        "_shared",
        "_values",
        "order",
        "path",
        "pixels",
        "problem",
        "size",
        "suv_inputs",
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
        self._shared = elements.shared or Shared()
        self.order = elements.order
        self._malformed: tuple[str, ...] = ()
        self.suv_inputs: dict[str, str] | None = None

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

    def stored(self, wanted: tuple[int, ...]) -> Stored:
        """Return the value representations and bytes of several elements: equal for equals."""
        found = self._shared.stored.get(wanted)
        if found is None:
            found = self._index.take(wanted, self._values)
            if self._shared.differing.isdisjoint(wanted):
                self._shared.stored[wanted] = found
        return found

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
        known = self._shared.texts.get(tag)
        if known is not None:
            return known
        text = self._text(tag)
        # What is malformed must be noted for each file: its text is empty.
        if (text or not self.raw(tag)) and tag not in self._shared.differing:
            self._shared.texts[tag] = text
        return text

    def _text(self, tag: int) -> str:
        at = self._index.get(tag)
        raw = None if at is None else self._values[at[0]]
        if at is None or not raw:
            return ""
        vr = at[1]
        if vr in NOT_TEXT:
            return ""
        if vr in BINARY or vr in ("AT", "US or SS"):
            return "\\".join(f"{n:g}" if n % 1 else str(int(n)) for n in self.numbers(tag))
        charset = self._index.get(tags.SPECIFIC_CHARACTER_SET)
        text = decoded(raw, b"" if charset is None else self._values[charset[0]]).strip(_PADDING)
        return text.rstrip("=") if vr == "PN" else text

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a multi-valued element; ``()`` when absent or empty."""
        text = self.text(tag)
        return tuple(part.strip(" \0") for part in text.split("\\")) if text else ()

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the values as numbers; ``()`` when absent, empty or malformed.

        What is malformed is told by :attr:`malformed`.
        """
        known = self._shared.numbers.get(tag)
        if known is not None:
            return known
        values = self._numbers(tag)
        if (values or not self.raw(tag)) and tag not in self._shared.differing:
            self._shared.numbers[tag] = values
        return values

    def _numbers(self, tag: int) -> tuple[float, ...]:
        at = self._index.get(tag)
        raw = None if at is None else self._values[at[0]]
        if at is None or not raw:
            return ()
        vr = at[1] if at[1] != "US or SS" else self.vr(tag)
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
