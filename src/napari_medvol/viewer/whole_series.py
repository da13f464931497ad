"""One slice opened by hand stands for its whole series, as in other viewers.

People pick ``1-001.dcm`` and mean the scan. Dropping all 175 files calls the reader 175 times
with one file each: the first call opens the series, the others have nothing to add.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from napari_medvol.errors import MedVolError
from napari_medvol.formats import format_of, read
from napari_medvol.formats.row import Progress, counted, unheard
from napari_medvol.volume import Volume

#: Seconds after the last of them that the files of an opened series count as one drop.
_ONE_DROP: Final = 3.0
#: Slices of one series in a row after which a script is told of a better way.
_NOTICED: Final = 4


class Drop:
    """The files of the series that were opened for one of their slices a moment ago."""

    def __init__(self) -> None:
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        self._until = 0.0

    def holds(self, path: Path) -> bool:
        """Return whether `path` was opened with its series, or refused, just now."""
        if time.monotonic() > self._until:
            self._files.clear()
            self._folders.clear()
        file = path.absolute()
        if file not in self._files and file.parent not in self._folders:
            return False
        self.goes_on()
        return True

    def goes_on(self) -> None:
        """Wait for more files of this drop: the user took time over a question."""
        self._until = time.monotonic() + _ONE_DROP

    def refused(self, path: Path) -> None:
        """Take no more files of the folder of `path`: the user said stop."""
        self._folders.add(path.absolute().parent)
        self.goes_on()

    def opened(self, volumes: Sequence[Volume]) -> None:
        """Remember that the files of `volumes` are open now."""
        self._files |= {Path(file).absolute() for v in volumes for file in v.report.files}
        self.goes_on()


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
        self._uid, self._until = uid, now + _ONE_DROP
        self._count = self._count + 1 if goes_on else 1
        return self._count == _NOTICED


#: Of the whole process: napari calls the reader once a path.
ONE_BY_ONE: Final = OneByOne()


def with_their_series(
    path: Path, volumes: list[Volume], progress: Progress = unheard
) -> list[Volume]:
    """Return `volumes`, or the whole series if they are one slice of it.

    Parameters
    ----------
    path : Path
        The one file that was opened; only its own folder is looked into.
    volumes : list of Volume
        What it holds.
    progress : callable, optional
        As :func:`napari_medvol.read` takes it.
    """
    uid = _series_of_slice(volumes)
    if not uid:
        return volumes
    row = format_of(path)
    beside = [file for file in sorted(path.parent.iterdir()) if file.is_file()]
    alike = [file for file in counted(beside, progress) if format_of(file) is row]
    try:
        whole = read(alike, series=uid, progress=progress)
    except MedVolError:
        return volumes
    here = str(path.absolute())
    own = [v for v in whole if here in {str(Path(f).absolute()) for f in v.report.files}]
    if not own:
        return volumes
    DROP.opened(own)
    return own


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
    return next((f.value for f in volume.header if f.name == "SeriesInstanceUID"), "")
