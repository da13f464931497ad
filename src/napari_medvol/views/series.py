"""The rows of the series chooser: what tells the scans of one folder apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from napari_medvol.volume import Volume

TITLES: Final = (
    "No.",
    "Description",
    "Modality",
    "Date",
    "Size",
    "Voxel size",
    "Files",
    "Found odd",
)


class SeriesRow(NamedTuple):
    """One scan, in words.

    Parameters
    ----------
    number : str
        Series Number (0020,0011), empty outside DICOM.
    description : str
    modality : str
        Modality (0008,0060), empty outside DICOM.
    date : str
        Series, acquisition or study date as YYYY-MM-DD.
    size : str
        Voxels along i, j, k and then the extra axes: ``"512 × 512 × 175"``.
    voxel_size : str
        mm along i, j, k, then the step of the extra axes with its unit.
    files : int
    problems : str
        What the reader warns of, one line each.
    """

    number: str
    description: str
    modality: str
    date: str
    size: str
    voxel_size: str
    files: int
    problems: str


def series_rows(volumes: Sequence[Volume]) -> list[SeriesRow]:
    """Return one row a volume, in the same order."""
    return [_row(volume) for volume in volumes]


def _row(volume: Volume) -> SeriesRow:
    said = {field.name: field.value for field in reversed(volume.header)}
    dates = (said.get(name, "") for name in ("SeriesDate", "AcquisitionDate", "StudyDate"))
    return SeriesRow(
        number=said.get("SeriesNumber", ""),
        description=volume.name,
        modality=said.get("Modality", ""),
        date=_readable_date(next((date for date in dates if date), "")),
        size=" × ".join(str(n) for n in _counts(volume)),
        voxel_size=_voxel_size(volume),
        files=len(volume.report.files),
        problems="\n".join(volume.report.warnings),
    )


def _counts(volume: Volume) -> tuple[int, ...]:
    return volume.shape[:-1] if volume.is_rgb else volume.shape


def _voxel_size(volume: Volume) -> str:
    text = " × ".join(f"{size:.4g}" for size in volume.zooms[:3]) + " mm"
    steps = [f"{axis.step:.4g} {axis.unit}" for axis in volume.axes if axis.unit]
    return ", ".join([text, *steps])


def _readable_date(date: str) -> str:
    """Return a DICOM date (PS3.5 6.2, VR DA: YYYYMMDD) with dashes; anything else as it is."""
    if len(date) == 8 and date.isdigit():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return date
