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
from napari_medvol.volume import Volume

#: Seconds after the last of them that the files of an opened series count as one drop.
_ONE_DROP: Final = 3.0


class Drop:
    """The files of the series that were opened for one of their slices a moment ago."""

    def __init__(self) -> None:
        self._files: set[Path] = set()
        self._until = 0.0

    def holds(self, path: Path) -> bool:
        """Return whether `path` was opened with its series just now."""
        if time.monotonic() > self._until:
            self._files.clear()
        if path.absolute() not in self._files:
            return False
        self._until = time.monotonic() + _ONE_DROP
        return True

    def opened(self, volumes: Sequence[Volume]) -> None:
        """Remember that the files of `volumes` are open now."""
        self._files |= {Path(file).absolute() for v in volumes for file in v.report.files}
        self._until = time.monotonic() + _ONE_DROP


#: Of the whole process, as every file of a drop is a call of its own.
DROP: Final = Drop()


def with_their_series(path: Path, volumes: list[Volume]) -> list[Volume]:
    """Return `volumes`, or the whole series if they are one slice of it.

    Parameters
    ----------
    path : Path
        The one file that was opened; only its own folder is looked into.
    volumes : list of Volume
        What it holds.
    """
    uid = _series_of_slice(volumes)
    if not uid:
        return volumes
    row = format_of(path)
    beside = [file for file in sorted(path.parent.iterdir()) if file.is_file()]
    try:
        whole = read([file for file in beside if format_of(file) is row], series=uid)
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
