"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from napari_medvol.errors import WriteError

#: .target.host.pid.random.part: hidden, so that nobody reading the folder takes it for a scan.
_STALE: Final = re.compile(r"\.(?P<host>[^.]*)\.(?P<pid>\d+)\.[^.]*\.part")


@contextlib.contextmanager
def staged(target: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder beside `target` to write into, and publish what is in it at the end.

    Every file in the folder goes to its name beside the target when the block ends without an
    error: flushed to the disk first, then renamed, so that whoever looks sees the old file or
    the new one. After an error, also one of power, the old files stand as they were.

    Parameters
    ----------
    target : Path
        The main file, or the folder, that is to be.
    overwrite : bool
        Whether what is there may be replaced.

    Yields
    ------
    Path
        A new folder on the same disk.

    Raises
    ------
    WriteError
        If something is there already, the folder cannot be written, or the disk is full.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_existing([target], overwrite)
        _sweep(target)
        prefix = f".{target.name[:60]}.{_host()}.{os.getpid()}."
        folder = Path(tempfile.mkdtemp(".part", prefix, target.parent))
    try:
        with writing(target):
            yield folder
            _publish(folder, target.parent, overwrite)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def flushing(folder: Path) -> Iterator[None]:
    """Bring what is in `folder` to the disk while the block does something else.

    What fails is found again, and told, when the files are put in place.
    """

    def flush() -> None:
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                _flush(entry)

    thread = threading.Thread(target=flush, name="medvol-flush")
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what the operating system says about `target` into a ``WriteError``."""
    try:
        yield
    except OSError as error:
        fixes = {
            errno.ENOSPC: "Free some space, or write elsewhere",
            errno.EDQUOT: "Free some space, or write elsewhere",
            errno.EACCES: "Choose a folder that you may write to",
            errno.EPERM: "Choose a folder that you may write to",
            errno.EROFS: "Choose a folder that you may write to",
        }
        first = _first(error)
        why = first.strerror or (str(first).splitlines() or [type(first).__name__])[0]
        fix = fixes.get(first.errno or 0, "Check the path and the disk")
        raise WriteError(str(target), f"{why}; nothing was written", fix) from error


def _first(error: OSError) -> OSError:
    """Return what the system said, where a library has put its own words around it."""
    while error.errno is None and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return error


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "host"


def _sweep(target: Path) -> None:
    """Remove what writers of this target left that were killed."""
    for left in target.parent.glob(f".{_escaped(target.name[:60])}.*.part"):
        parts = _STALE.fullmatch(left.name[1 + len(target.name[:60]) :])
        if parts and parts["host"] == _host() and not _is_alive(int(parts["pid"])):
            shutil.rmtree(left, ignore_errors=True)


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would need rights; the folder is hidden and small
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _publish(folder: Path, beside: Path, overwrite: bool) -> None:
    """Move every entry of `folder` beside it: one rename where there is one entry."""
    entries = sorted(folder.iterdir())
    targets = [beside / entry.name for entry in entries]
    _refuse_existing(targets, overwrite)
    for entry, there in zip(entries, targets, strict=True):
        _refuse_others(entry, there)
    for entry in entries:
        _flush(entry)
    if len(entries) == 1 and not targets[0].is_dir():
        entries[0].replace(targets[0])
    else:
        _swap(entries, targets, folder)
    _flush_folder(beside)


def _swap(entries: list[Path], targets: list[Path], folder: Path) -> None:
    """Move several files, or a folder over one: the old ones aside first, back on failure.

    New beside old halves of a pair would be a wrong picture, so between two renames there is
    rather nothing: the old files are then in the hidden folder.
    """
    aside = folder / ".before"
    aside.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for target in targets:
            if target.exists():
                target.replace(aside / target.name)
                moved.append((aside / target.name, target))
        for entry, target in zip(entries, targets, strict=True):
            entry.replace(target)
            moved.append((target, entry))
    except BaseException:
        for now, before in reversed(moved):
            now.replace(before)
        raise


def _refuse_existing(targets: list[Path], overwrite: bool) -> None:
    there = [target for target in targets if target.exists() or target.is_symlink()]
    if there and not overwrite:
        raise WriteError(
            str(there[0]), "is there already; nothing was written", "Ask for overwrite=True"
        )


def _refuse_others(entry: Path, target: Path) -> None:
    """Refuse to replace a folder that holds more than what the new one is made of.

    Files of the kinds that are written may be replaced; a whole folder of somebody's may not,
    for what else is in it would be gone.
    """
    if not (entry.is_dir() and target.is_dir()):
        return
    kinds = {path.suffix.lower() for path in entry.iterdir()}
    for path in sorted(target.iterdir()):
        if path.is_dir() or path.suffix.lower() not in kinds:
            raise WriteError(
                str(target),
                f"it holds {path.name!r}, which would be lost with it; nothing was written",
                "Choose another folder, or empty this one",
            )


def _flush(entry: Path) -> None:
    """Bring a file, or the files below a folder, to the disk: a rename may be faster."""
    files = [path for path in entry.rglob("*") if path.is_file()] if entry.is_dir() else [entry]
    for path in files:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders; the files are safe already
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
