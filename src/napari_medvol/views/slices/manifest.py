"""The list of exported pictures: what each shows, where it lies, and its checksum."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

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
        self.entries: dict[tuple[str, int], Entry] = {}
        self._is_new = not self.path.exists()
        if not self._is_new:
            self._read()

    def is_done(self, file: str, settings: str) -> bool:
        """Return whether the folder has the very file that these settings made before."""
        entry = self.entries.get((file, 0))
        path = self.path.parent / file
        return (
            entry is not None
            and entry.settings == settings
            and path.is_file()
            and sha256_of(path) == entry.sha256
        )

    def of_file(self, file: str) -> list[Entry]:
        """Return the entries of a file, by page."""
        return sorted((e for e in self.entries.values() if e.file == file), key=lambda e: e.page)

    def add(self, entries: Sequence[Entry]) -> None:
        """Add the lines of one file, at once on disk: before the file gets its name.

        So each file that is there under its name has its line, whenever the work is ended.
        """
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                if self._is_new:
                    writer.writerow(COLUMNS)
                    self._is_new = False
                writer.writerows(astuple(entry) for entry in entries)
        except OSError as error:
            raise WriteError(
                str(self.path), str(error), "Close it if another program has it"
            ) from error
        self.entries |= {(entry.file, entry.page): entry for entry in entries}

    def tidy(self) -> None:
        """Write the manifest anew: one line a picture, only of files that are there."""
        there = {file for file, _ in self.entries if (self.path.parent / file).is_file()}
        kept = [entry for entry in self.entries.values() if entry.file in there]
        if not kept:
            self.path.unlink(missing_ok=True)
            return
        kept.sort(key=lambda e: (e.plane, e.frame, e.index, e.file, e.page))
        put(self.path, Table(COLUMNS, tuple(astuple(entry) for entry in kept)).to_csv().encode())

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
        for row in rows[1:]:
            entry = _entry(row)
            if entry is not None:
                self.entries[entry.file, entry.page] = entry


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
