"""The list of exported pictures: what each shows, where it lies, and its checksum."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, Final

from napari_medvol.errors import WriteError
from napari_medvol.table import Table

NAME: Final = "manifest.csv"
#: What a file is called until it is whole.
PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture. The order of the fields is that of the columns.

    Parameters
    ----------
    file : str
        Relative to the folder, folders separated by ``/``.
    page : int
        Within a stack, an animation or a montage; 0 otherwise.
    plane : str
    axis : int
        Voxel axis that is cut across, or nearest to it.
    index : int
        Voxel index along `axis`, or number of an interpolated plane.
    frame : int
    position_mm : float
        Along R, A or S, whichever the plane is cut across.
    r_mm, a_mm, s_mm : float
        Middle of the picture, RAS+.
    width, height : int
        Pixels.
    pixel_width_mm, pixel_height_mm : float
    resampling : str
        ``"none"`` where every pixel is a voxel.
    clipped_percent : float
        Of the values: beyond what the picture can show.
    sha256 : str
        Of the file.
    settings : str
        Checksum of everything else that decides what the picture looks like.
    """

    file: str
    page: int
    plane: str
    axis: int
    index: int
    frame: int
    position_mm: float
    r_mm: float
    a_mm: float
    s_mm: float
    width: int
    height: int
    pixel_width_mm: float
    pixel_height_mm: float
    resampling: str
    clipped_percent: float
    sha256: str
    settings: str


COLUMNS: Final = tuple(field.name for field in fields(Entry))
_row_of: Final = attrgetter(*COLUMNS)
_TYPES: Final = {"str": str, "int": int, "float": float}


class Manifest:
    """The manifest of a folder. Lines are added while pictures are made.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    WriteError
        If the folder has a file of this name that is no manifest of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.entries: dict[str, list[Entry]] = {}
        self._is_new = not self.path.exists()
        self._file: IO[str] | None = None
        self._writer: Any = None
        if not self._is_new:
            self._read()

    def is_done(self, file: str, settings: str) -> bool:
        """Return whether the folder has the very file that these settings made before."""
        entries = self.entries.get(file)
        path = self.path.parent / file
        return (
            entries is not None
            and entries[0].settings == settings
            and path.is_file()
            and sha256_of(path) == entries[0].sha256
        )

    def add(self, entries: list[Entry]) -> None:
        """Add the lines of one file, at once on disk: before the file gets its name.

        So each file that is there under its name has its line, whenever the work is ended.

        Parameters
        ----------
        entries : list of Entry
            All pages of one file.
        """
        try:
            if self._file is None:
                self._file = self.path.open("a", newline="", encoding="utf-8")
                self._writer = csv.writer(self._file)
                if self._is_new:
                    self._writer.writerow(COLUMNS)
            self._writer.writerows(map(_row_of, entries))
            self._file.flush()
        except OSError as error:
            raise WriteError(
                str(self.path), error.strerror or str(error), "Close it if a program has it open"
            ) from error
        self.entries[entries[0].file] = entries

    def tidy(self) -> None:
        """Write the manifest anew: one line a picture, only of files that are there."""
        if self._file is not None:
            self._file.close()
            self._file = None
        kept = [
            entry
            for file, entries in self.entries.items()
            if (self.path.parent / file).is_file()
            for entry in entries
        ]
        if not kept:
            self.path.unlink(missing_ok=True)
            return
        kept.sort(key=lambda e: (e.plane, e.frame, e.index, e.file, e.page))
        put(self.path, Table(COLUMNS, tuple(map(_row_of, kept))).to_csv().encode())

    def _read(self) -> None:
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise WriteError(str(self.path), str(error), "Choose another folder") from error
        if not rows or tuple(rows[0]) != COLUMNS:
            raise WriteError(
                str(self.path), "it is no list of exported slices", "Choose another folder"
            )
        pages = {(e.file, e.page): e for row in rows[1:] if (e := _entry(row)) is not None}
        for (name, _), entry in sorted(pages.items()):
            self.entries.setdefault(name, []).append(entry)


def sha256_of(path: Path) -> str:
    """Return the checksum of a file, read a piece at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise WriteError(
            str(path), os.strerror(error.errno or 0), "Choose another folder"
        ) from error


def _entry(row: Sequence[str]) -> Entry | None:
    """Return a line, or None for one that was cut off when a run was ended."""
    if len(row) != len(COLUMNS):
        return None
    try:
        values = [_TYPES[str(f.type)](text) for f, text in zip(fields(Entry), row, strict=True)]
    except ValueError:
        return None
    return Entry(*values)
