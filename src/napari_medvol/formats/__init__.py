"""Files to values and back. ``FORMATS`` is the list of all formats; nothing else keeps one.

A new format is one new module and one new row. Rows do not know each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_medvol.errors import FormatError, ReadError, WriteError
from napari_medvol.formats import archives, by_nibabel, dicom, nifti, nrrd
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.places import PathLike, files_at, files_below, is_regular, places_of
from napari_medvol.formats.row import Format, Progress, unheard
from napari_medvol.formats.saving.certificate import Certificate
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.writing import target_of, written
from napari_medvol.volume import Volume

__all__ = [
    "FORMATS",
    "Certificate",
    "Choices",
    "Format",
    "PathLike",
    "WriteChoices",
    "format_of",
    "holds_a_scan",
    "read",
    "write",
]

#: In the order they are asked. A new format is a new module and a new row.
FORMATS: tuple[Format, ...] = (
    nifti.FORMAT,
    *by_nibabel.FORMATS,
    nrrd.FORMAT,
    dicom.FORMAT,  # last: claims by content, so it must look into the file
)

_LOOKED_INTO_AT_MOST = 200
_TOLD_EVERY = 64


def format_of(path: PathLike) -> Format | None:
    """Return the row that reads the file at `path`, or None. Cheap."""
    file = path if isinstance(path, Path) else Path(path)
    name = file.name.lower()
    # A row without patterns goes by its suffixes: most rows are done with by one comparison.
    for row in FORMATS:
        if (row.patterns or name.endswith(row.suffixes)) and row.matches(file):
            return row
    return None


def holds_a_scan(path: PathLike) -> bool:
    """Return whether a file, or one of the first files below a folder, is ours. Cheap."""
    place = places_of(path)[0]
    if archives.is_archive(place):
        members = archives.first_members(place)
        return any(head[128:] == b"DICM" or _is_named_so(name) for name, head in members)
    if not place.is_dir():
        return is_regular(place) and format_of(place) is not None
    files = files_below(place)
    return any(
        format_of(file) for file, _ in zip(files, range(_LOOKED_INTO_AT_MOST), strict=False)
    )


def _is_named_so(name: str) -> bool:
    suffixes = tuple(suffix for row in FORMATS for suffix in row.suffixes)
    return name.lower().endswith(suffixes)


def read(
    path: PathLike | Sequence[PathLike], *, progress: Progress = unheard, **choices: Any
) -> list[Volume]:
    """Return every scan in a file, a folder, or a list of files.

    Voxels stay on disk until they are asked for.

    Parameters
    ----------
    path : path or sequence of paths
        A file; a folder, searched through its subfolders; a ZIP file, which is a folder; or
        files that may belong together, such as the slices of a DICOM series.
    progress : callable, optional
        Called with (files done, files in all) now and then; all is 0 while files are still
        looked for. Whatever it raises ends the reading and reaches the caller.
    **choices
        The fields of :class:`~napari_medvol.formats.choices.Choices`: ``series``, ``gaps``,
        ``value``, ``mosaic``, ``form``, ``name``.

    Returns
    -------
    list of Volume
        At least one. DICOM series come in the order of their numbers.

    Raises
    ------
    ReadError
        If there is no such file, nothing in it is a scan, or it cannot be read; the error
        names the file.
    """
    asked = _checked(choices)
    places = places_of(path)
    groups = _grouped(places, progress)
    if not groups:
        raise FormatError(
            ", ".join(str(p) for p in places[:3]) or "an empty list",
            "holds no scan that a known format reads",
            "Known formats: " + ", ".join(row.name for row in FORMATS),
        )
    for row, _ in groups:
        if asked.value not in row.values:
            why = f"value={asked.value!r} is not for {row.name}"
            raise ReadError(str(places[0]), why, f"Known there: {', '.join(row.values)}")
    volumes = [
        volume
        for row, files, share in _shares(groups, progress)
        for volume in row.read(files, asked, share)
    ]
    if not volumes:
        raise FormatError(str(places[0]), "holds no image", "Look into the files' headers")
    place = _place_of(places)
    return [_with_choices(volume, place, asked) for volume in _named(volumes, asked.name, place)]


def _place_of(places: Sequence[Path]) -> str:
    if len(places) == 1:
        return str(places[0])
    return os.path.commonpath([place.parent for place in places])


def _named(volumes: list[Volume], name: str | None, place: str) -> list[Volume]:
    if name is None:
        return volumes
    named = [volume for volume in volumes if volume.name == name]
    if not named:
        there = ", ".join(repr(volume.name) for volume in volumes)
        raise ReadError(place, f"holds no volume named {name!r}", f"There are {there}")
    return named


def _with_choices(volume: Volume, place: str, choices: Choices) -> Volume:
    asked = {**choices.asked, **dict(volume.report.asked)}
    report = replace(volume.report, place=place, asked=tuple(asked.items()))
    return replace(volume, report=report)


def write(
    volume: Volume,
    path: PathLike,
    *,
    format: str | None = None,
    overwrite: bool = False,
    progress: Progress = unheard,
    **choices: Any,
) -> Certificate:
    """Write a volume, read it back, compare, and only then put it in place.

    Parameters
    ----------
    volume : Volume
    path : path
        Its name says the format: ``.nii.gz``, ``.mgz``, … or a folder for DICOM.
    format : str, optional
        Name of a format, whatever the path says.
    overwrite : bool
        Whether what is there may be replaced. The files that the volume was read from never are.
    progress : callable, optional
        Called with (work done, work in all). Whatever it raises ends the writing, leaves
        nothing, and reaches the caller.
    **choices
        The fields of :class:`~napari_medvol.formats.saving.choices.WriteChoices`: ``dtype``,
        ``scaling``, ``level``, ``version``, ``codes``, ``sidecar``, ``provenance``,
        ``multiframe``, ``like``, ``elements``.

    Returns
    -------
    Certificate
        What was written, and how far what was read back is from it.

    Raises
    ------
    WriteError
        If it cannot be written without a loss that was not asked for, or something is there
        already. Nothing is left behind.
    """
    try:
        asked = WriteChoices(**choices)
    except TypeError as error:
        known = ", ".join(WriteChoices.__dataclass_fields__)
        raise WriteError(
            "write", str(error).split("() ")[-1], f"Known choices: {known}"
        ) from error
    except ValueError as error:
        raise WriteError("write", str(error)) from error
    if not isinstance(volume, Volume):
        why = f"a Volume was expected, not {type(volume).__name__}"
        raise WriteError("write", why, "napari_medvol.volume_of(layer) gives that of a layer")
    (place,) = places_of(path)
    target = target_of(FORMATS, place, volume.kind, format)
    return written(
        target.row,
        volume,
        target.path,
        asked,
        overwrite=overwrite,
        progress=progress,
        rows=FORMATS,
    )


def _checked(choices: dict[str, Any]) -> Choices:
    try:
        return Choices(**choices)
    except TypeError as error:
        known = ", ".join(Choices.__dataclass_fields__)
        raise ReadError("read", str(error).split("() ")[-1], f"Known choices: {known}") from error
    except ValueError as error:
        raise ReadError("read", str(error)) from error


Groups = list[tuple[Format, list[Path]]]


def _shares(groups: Groups, progress: Progress) -> Iterator[tuple[Format, list[Path], Progress]]:
    """Yield each group with the progress of its own files, told as progress of all files."""
    total, before = sum(len(files) for _, files in groups), 0
    for row, files in groups:

        def share(done: int, of: int, before: int = before, count: int = len(files)) -> None:
            progress(before + done * count // max(of, 1), total)

        yield row, files, share
        before += len(files)


def _grouped(places: Sequence[Path], progress: Progress) -> Groups:
    """Return rows with their files: one call a file, or one for all that belong together."""
    groups: Groups = []
    together: dict[str, list[Path]] = {}
    looked_at = 0
    for place in places:
        for file in files_at(place):
            if looked_at % _TOLD_EVERY == 0:
                progress(looked_at, 0)
            looked_at += 1
            row = format_of(file)
            if row is None:
                if file == place and len(places) == 1:
                    _refuse(file)
            elif not row.together:
                groups.append((row, [file]))
            elif row.name in together:
                together[row.name].append(file)
            else:
                together[row.name] = [file]
                groups.append((row, together[row.name]))
    return groups


def _refuse(path: Path) -> None:
    raise FormatError(
        str(path),
        "is of no known format" if path.stat().st_size else "is empty (0 bytes)",
        "Known formats: " + ", ".join(row.name for row in FORMATS),
    )
