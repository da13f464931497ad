"""The header of one DICOM file: the elements that are asked for, and where the pixels lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medvol.formats.dicom import by_pydicom, tags
from napari_medvol.formats.dicom.elements import Elements, PixelElement
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.values import BINARY, NOT_TEXT, decoded, numbers_in

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Header", "PixelElement"]


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
