"""Many files to their headers, in one pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.header import Header, read_header
from napari_medvol.formats.dicom.walk import Layouts

_HEADER_BYTES: Final = 8192
_AHEAD: Final = 64


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
    for number, path in enumerate(paths):
        if number % _AHEAD == 0:
            _read_ahead(paths[number : number + _AHEAD])
            if progress is not None:
                progress(number, len(paths))
        try:
            header = read_header(path, layouts)
        except ReadError as error:
            found.unreadable.append((path, error.why))
            continue
        if header is None:
            found.not_dicom.append(path)
        elif header.is_image:
            found.headers.append(header)
        else:
            found.others.append(header)
    if progress is not None:
        progress(len(paths), len(paths))
    return found


def _read_ahead(paths: Sequence[Path]) -> None:
    """Ask the system to fetch the beginnings of files that will be read next."""
