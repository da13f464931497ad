"""One slice opened by hand stands for its whole series, many make one volume.

People pick ``1-001.dcm`` and mean the scan; people who drop 60 files mean these 60. napari calls
the reader once a file: the first call opens all that was dropped with it, the others have nothing
to add.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from napari_medvol.errors import MedVolError
from napari_medvol.formats import dicom, format_of, read
from napari_medvol.formats.row import Progress, counted, unheard
from napari_medvol.volume import Volume

#: Seconds within which slices that a script opens count as one after the other.
_IN_A_ROW: Final = 3.0
#: Slices of one series in a row after which a script is told of a better way.
_NOTICED: Final = 4
#: Folders beside that of a slice that are looked into for the rest of its series.
_MOST_SIBLINGS: Final = 100


class Drop:
    """Which files of one drop, or one file dialog, were opened or refused together.

    A drop is known by the very list of its paths, so that the same file dropped again, after
    its layer was deleted or not, is opened again.
    """

    def __init__(self) -> None:
        self._together: Sequence[Any] | None = None
        self._files: set[Path] = set()

    def holds(self, path: Path, together: Sequence[Any]) -> bool:
        """Return whether `path` was opened, or refused, with another file of the drop."""
        return together is self._together and path.absolute() in self._files

    def took(self, files: Iterable[Path], together: Sequence[Any]) -> None:
        """Remember that `files` of the drop need no opening any more."""
        if together is not self._together:
            self._together, self._files = together, set()
        self._files.update(file.absolute() for file in files)


#: Of the whole process, as every file of a drop is a call of its own.
DROP: Final = Drop()


class OneByOne:
    """Single slices of one series that a script opens one after the other."""

    def __init__(self) -> None:
        self._uid, self._count, self._until = "", 0, 0.0

    def is_noticed(self, volumes: Sequence[Volume]) -> bool:
        """Return whether this is the fourth slice in a row: said once, not for every file."""
        uid, now = _series_of_slice(volumes), time.monotonic()
        goes_on = bool(uid) and uid == self._uid and now < self._until
        self._uid, self._until = uid, now + _IN_A_ROW
        self._count = self._count + 1 if goes_on else 1
        return self._count == _NOTICED


#: Of the whole process: napari calls the reader once a path.
ONE_BY_ONE: Final = OneByOne()


def slices_among(together: Sequence[Any], path: Path) -> list[Path]:
    """Return the files of a drop that may belong to `path`: the DICOM ones, if it is one.

    Parameters
    ----------
    together : sequence of path
    path : Path
        One of them.
    """
    if len(together) < 2 or not _is_dicom(path):
        return []
    return [file for file in map(Path, together) if file.is_file() and _is_dicom(file)]


def with_their_series(
    path: Path, volumes: list[Volume], progress: Progress = unheard
) -> list[Volume]:
    """Return `volumes`, or the whole series if they are one slice of it.

    Parameters
    ----------
    path : Path
        The one file that was opened. Its folder is looked into, and those of its siblings
        whose first or last file is of the series.
    volumes : list of Volume
        What it holds.
    progress : callable, optional
        As :func:`napari_medvol.read` takes it.
    """
    uid = _series_of_slice(volumes)
    if not uid:
        return volumes
    row = format_of(path)
    beside = [file for file in counted(_files_in(path.parent), progress) if format_of(file) is row]
    alike = [*beside, *_in_siblings(uid, path.parent, beside)]
    try:
        whole = read(alike, series=uid, progress=progress)
    except MedVolError:
        return volumes
    here = str(path.absolute())
    own = [v for v in whole if here in {str(Path(f).absolute()) for f in v.report.files}]
    return own or volumes


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.is_file())
    except OSError:
        return []


def _in_siblings(uid: str, folder: Path, known: Sequence[Path]) -> list[Path]:
    """Return the files of a series that lie in folders beside its own, without copies.

    Parameters
    ----------
    uid : str
        Series Instance UID.
    folder : Path
    known : sequence of Path
        DICOM files in `folder`.
    """
    from napari_medvol.formats.dicom import tags
    from napari_medvol.formats.dicom.scan import scan

    def of_series(files: Sequence[Path]) -> list[Any]:
        return [h for h in scan(files).headers if h.text(tags.SERIES_INSTANCE_UID) == uid]

    found: list[Path] = []
    for sibling in _siblings(folder.absolute()):
        files = [file for file in _files_in(sibling) if not file.name.startswith(".")]
        if of_series([file for file in dict.fromkeys(files[:1] + files[-1:]) if _is_dicom(file)]):
            found += [file for file in files if _is_dicom(file)]
    if not found:
        return []
    # The whole folder may be here twice.
    here = {h.text(tags.SOP_INSTANCE_UID) for h in of_series(known)}
    apart = {h.text(tags.SOP_INSTANCE_UID): h for h in of_series(found)}
    return [Path(header.path) for instance, header in apart.items() if instance not in here]


def _is_dicom(file: Path) -> bool:
    return format_of(file) is dicom.FORMAT


def _siblings(folder: Path) -> list[Path]:
    """Return the folders beside one; of very many the nearest by name."""
    try:
        beside = sorted(one for one in folder.parent.iterdir() if one.is_dir() and one != folder)
    except OSError:
        return []
    visible = [one for one in beside if not one.name.startswith(".")]
    at = sum(one < folder for one in visible)
    first = max(0, min(at - _MOST_SIBLINGS // 2, len(visible) - _MOST_SIBLINGS))
    return visible[first : first + _MOST_SIBLINGS]


def _series_of_slice(volumes: Sequence[Volume]) -> str:
    """Return the Series Instance UID (0020,000E) of a single slice, else nothing."""
    if len(volumes) != 1:
        return ""
    (volume,) = volumes
    n_planes = volume.data.size // (volume.shape[0] * volume.shape[1])
    if volume.is_rgb:
        n_planes //= volume.shape[-1]
    if n_planes != 1 or len(volume.report.files) != 1:
        return ""
    return volume.said("SeriesInstanceUID")
