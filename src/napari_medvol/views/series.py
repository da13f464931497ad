"""The rows of the series chooser: what tells the scans of one folder apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
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


#: Characters of a column that is read at a glance.
_GIST: Final = 48


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


def shortened(text: str) -> str:
    """Return the gist of what was found odd: the first line up to its first aside.

    The whole belongs into a tooltip; how many further lines there are is said.
    """
    first, *others = text.split("\n")
    gist = re.split(r" \(|; |: ", first, maxsplit=1)[0]
    if len(gist) > _GIST:
        gist = gist[:_GIST].rsplit(" ", 1)[0]
    gist = f"{gist} …" if gist != first else gist
    return f"{gist} (+{len(others)})" if others else gist


def matches_words(row: SeriesRow, words: str) -> bool:
    """Return whether every one of `words` is somewhere in the row, whatever the case."""
    text = "\n".join(str(value) for value in row).casefold()
    return all(word in text for word in words.casefold().split())


class SeriesGroup(NamedTuple):
    """The scans of one study of one patient, or of one folder where files name neither.

    Parameters
    ----------
    title : str
        Name and identity of the patient and date and description of the study, as they are
        in the files.
    members : tuple of int
        Numbers of the volumes, in their order.
    """

    title: str
    members: tuple[int, ...]


def series_groups(volumes: Sequence[Volume]) -> list[SeriesGroup]:
    """Return the groups of volumes in the order in which patients, and studies, are met."""
    patients: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for number, volume in enumerate(volumes):
        *patient, study = _group_key(volume)
        patients.setdefault(tuple(patient), {}).setdefault(study, []).append(number)
    return [
        SeriesGroup(_group_title([volumes[n] for n in members]), tuple(members))
        for studies in patients.values()
        for members in studies.values()
    ]


def largest(volumes: Sequence[Volume]) -> int:
    """Return which of `volumes` has most voxels, images before labels: seldom the localizer."""
    return max(
        range(len(volumes)), key=lambda n: (volumes[n].kind == "image", volumes[n].data.size)
    )


def series_key(volume: Volume) -> tuple[str, str]:
    """Return what a series is known by when its folder is opened again.

    Its Series Instance UID (0020,000E), outside DICOM its first file; and its name, as one
    series may make several volumes.
    """
    uid = volume.said("SeriesInstanceUID")
    return uid or next(iter(volume.report.files), ""), volume.name


def _said(volume: Volume) -> dict[str, str]:
    return {field.name: field.value for field in reversed(volume.header)}


def _group_key(volume: Volume) -> tuple[str, ...]:
    said = _said(volume)
    key = tuple(said.get(name, "") for name in ("PatientID", "PatientName", "StudyInstanceUID"))
    return key if any(key) else (_folder(volume),)


def _folder(volume: Volume) -> str:
    return str(Path(volume.report.files[0]).parent) if volume.report.files else ""


def _group_title(volumes: Sequence[Volume]) -> str:
    said: dict[str, str] = {}
    for volume in reversed(volumes):
        said |= {name: value for name, value in _said(volume).items() if value}
    name, identity = said.get("PatientName", ""), said.get("PatientID", "")
    patient = f"{name} ({identity})" if name and identity not in ("", name) else name or identity
    date = _readable_date(said.get("StudyDate", ""))
    study = " ".join(filter(None, [date, said.get("StudyDescription", "")]))
    return " · ".join(filter(None, [patient, study])) or Path(_folder(volumes[0])).name


def _row(volume: Volume) -> SeriesRow:
    said = _said(volume)
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
    # Values of their own (echo times, b-values) are no steps.
    even = [axis for axis in volume.axes if axis.unit and axis.values is None]
    steps = [f"{axis.step:.4g} {axis.unit}" for axis in even]
    return ", ".join([text, *steps])


def _readable_date(date: str) -> str:
    """Return a DICOM date (PS3.5 6.2, VR DA: YYYYMMDD) with dashes; anything else as it is."""
    if len(date) == 8 and date.isdigit():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return date
