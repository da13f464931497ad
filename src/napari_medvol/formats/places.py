"""What a caller means by a path: whole, absolute, and of something that can be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari_medvol.errors import ReadError
from napari_medvol.formats import archives

PathLike = str | os.PathLike[str]

_CHECK = "Check the path and its permissions"


def places_of(path: Any) -> list[Path]:
    """Return the absolute paths that `path`, one or several, stands for.

    Absolute, because voxels are read later and the working directory may be another by then.

    Raises
    ------
    ReadError
        If it is no path.
    """
    if isinstance(path, str | bytes | os.PathLike):
        return [_place(path)]
    if isinstance(path, Sequence):
        return [_place(one) for one in path]
    raise ReadError(
        "read", f"a path was expected, not {type(path).__name__}", "Give a file or folder"
    )


def _place(path: Any) -> Path:
    if not isinstance(path, str | bytes | os.PathLike):
        why = f"a path was expected, not {type(path).__name__} ({path!r:.60})"
        raise ReadError("read", why, "Give a file, a folder, or a list of files")
    text = os.fsdecode(path)
    if not text or "\0" in text:
        why = "the path is empty" if not text else f"the path {text!r} holds a null character"
        raise ReadError("read", why, "Give a file, a folder, or a list of files")
    place = Path(text)
    if text.startswith("~") and not place.exists():
        place = place.expanduser()
    return place.absolute()


def files_at(place: Path) -> Iterator[Path]:
    """Yield the files at a place: itself, or those below a folder or in an archive.

    Below a folder sorted by name; hidden files and what is no regular file are left out.

    Raises
    ------
    ReadError
        If there is nothing at the place, it cannot be opened, or it is no regular file.
    """
    if archives.is_archive(place):
        place = archives.unpacked(place)
    if place.is_dir():
        _checked_folder(place)
        yield from files_below(place)
    else:
        yield _checked_file(place)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield regular files below `folder`, by name, the folder's own first; no hidden ones.

    Links to files are followed, links to folders are not: they may lead in circles.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted((e for e in found if e.name[0] != "."), key=lambda e: e.name)
    except OSError:
        # The folder itself was checked; one below it that is closed hides no other.
        return
    # What an entry is comes with the listing; a pipe must not even be opened.
    for entry in entries:
        if _says(entry.is_file):
            yield Path(entry.path)
    for entry in entries:
        if _says(partial(entry.is_dir, follow_symlinks=False)):
            yield from files_below(Path(entry.path))


def _says(asked: Callable[[], bool]) -> bool:
    """Return what an entry says of itself; False where it is gone, or a link leads in a circle."""
    try:
        return asked()
    except OSError:
        return False


def _checked_folder(folder: Path) -> None:
    try:
        with os.scandir(folder):
            return
    except OSError as error:
        raise ReadError(str(folder), error.strerror or str(error), _CHECK) from error


def _checked_file(path: Path) -> Path:
    try:
        # Asked before opening: opening a pipe waits for its other end for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ReadError(str(path), "is no regular file", "Give a file or a folder")
        with path.open("rb"):
            return path
    except OSError as error:
        raise ReadError(str(path), error.strerror or str(error), _CHECK) from error


def is_regular(path: Path) -> bool:
    """Return whether a path leads to a regular file that is there."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
