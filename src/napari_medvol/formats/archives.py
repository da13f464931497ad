"""A ZIP file is a folder: unpacked once, out of the way, and gone when the program ends."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError

SUFFIXES: Final = (".zip",)
_HEAD: Final = 132
_LOOKED_AT: Final = 50
_SPARE_BYTES: Final = 2**30

_unpacked: dict[tuple[str, int, int], Path] = {}
_lock = threading.Lock()


def is_archive(path: Path) -> bool:
    """Return whether the file is a ZIP archive, by its name and first bytes."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def first_members(path: Path) -> list[tuple[str, bytes]]:
    """Return the names and first bytes of some files in the archive, to tell what it holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [m for m in archive.infolist() if _is_wanted(m)][:_LOOKED_AT]
            return [(member.filename, _head(archive, member)) for member in files]
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return []


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & 1:
        return b""
    with archive.open(member) as file:
        return file.read(_HEAD)


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    parts = Path(member.filename).parts
    hidden = any(p.startswith((".", "__MACOSX")) and p != ".." for p in parts)
    return not member.is_dir() and not hidden


def unpacked(path: Path) -> Path:
    """Return a folder with the files of the archive.

    The same archive is unpacked once as long as the program runs; slices are then read from
    the folder as they are asked for.

    Raises
    ------
    ReadError
        If the archive is damaged, encrypted, or larger than the free disk.
    """
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    with _lock:
        if key not in _unpacked:
            _unpacked[key] = _unpack(path)
        return _unpacked[key]


def _unpack(path: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="medvol-zip-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_wanted(member)]
            _refuse(path, folder, members)
            for member in members:
                # zipfile keeps names inside the folder, whatever they say.
                archive.extract(member, folder)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ReadError(
            str(path), f"the archive cannot be unpacked: {error}", "Unpack it with another program"
        ) from error
    except ReadError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _refuse(path: Path, folder: Path, members: list[zipfile.ZipInfo]) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise ReadError(str(path), "the archive is encrypted", "Unpack it with its password first")
    needed = sum(member.file_size for member in members)
    free = shutil.disk_usage(folder).free
    if needed + _SPARE_BYTES > free:
        raise ReadError(
            str(path),
            f"unpacked it takes {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free in"
            f" {folder.parent}",
            "Unpack it elsewhere and open the folder",
        )
