"""Many files to their headers, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.layouts import Layouts
from napari_medvol.formats.dicom.parsing import FIRST_READ, header_of
from napari_medvol.formats.dicom.pause import NO_COLLECTION

#: Files that are open at once, so that the disk can work ahead.
_AHEAD: Final = 32
#: Files between two searches for garbage, a multiple of the above.
_AT_ONCE: Final = 2048


@dataclass(slots=True)
class Scan:
    """What a set of files holds.

    Parameters
    ----------
    headers : list of Header
        Images, also those whose pixels have a ``problem``, in the order of the files.
    others : list of Header
        DICOM, but no image: reports, structure sets, presentation states, DICOMDIR, …
    unreadable : list of (Path, str)
        DICOM files whose header cannot be read, or files that cannot be opened, and why.
    not_dicom : list of Path
    """

    headers: list[Header] = field(default_factory=list)
    others: list[Header] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    not_dicom: list[Path] = field(default_factory=list)


def scan(paths: Sequence[Path], *, progress: Callable[[int, int], None] | None = None) -> Scan:
    """Return the headers of all files; one that cannot be read does not stop the others.

    Parameters
    ----------
    paths : sequence of Path
        Files, not folders.
    progress : callable, optional
        Called with (files done, files in all) now and then.
    """
    found = Scan()
    layouts = Layouts()
    for start in range(0, len(paths), _AT_ONCE):
        with NO_COLLECTION:
            for ahead in range(start, min(start + _AT_ONCE, len(paths)), _AHEAD):
                if progress is not None:
                    progress(ahead, len(paths))
                _scan_some(paths[ahead : ahead + _AHEAD], layouts, found)
    if progress is not None:
        progress(len(paths), len(paths))
    return found


def _scan_some(paths: Sequence[Path], layouts: Layouts, found: Scan) -> None:
    for path, file in _opened(paths, found):
        try:
            header = header_of(file, layouts)
        except ReadError as error:
            found.unreadable.append((path, error.why))
            continue
        _sort_in(found, path, header)


def _sort_in(found: Scan, path: Path, header: Header | None) -> None:
    if header is None:
        found.not_dicom.append(path)
    elif header.is_image:
        found.headers.append(header)
    elif header.is_cut_off:
        found.unreadable.append((path, header.problem))
    else:
        found.others.append(header)


def _opened(paths: Sequence[Path], found: Scan) -> Iterator[tuple[Path, OpenFile]]:
    """Yield the files that can be opened, all on their way from the disk, each then closed."""
    files: list[tuple[Path, OpenFile]] = []
    try:
        for path in paths:
            try:
                file = OpenFile(path)
            except ReadError as error:
                found.unreadable.append((path, error.why))
                continue
            file.expect(FIRST_READ)
            files.append((path, file))
        yield from files
    finally:
        for _, file in files:
            file.close()
