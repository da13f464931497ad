"""Files to values. ``FORMATS`` is the list of all formats; nothing else keeps one.

A new format is one new module and one new row. Rows do not know each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_medvol.errors import FormatError, ReadError
from napari_medvol.formats import archives, dicom, nibabel_images, nifti, nrrd
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.row import Format
from napari_medvol.volume import Volume

__all__ = ["FORMATS", "Choices", "Format", "format_of", "holds_a_scan", "read"]

PathLike = str | os.PathLike[str]

#: In the order they are asked. A new format is a new module and a new row.
FORMATS: tuple[Format, ...] = (
    nifti.FORMAT,
    *nibabel_images.FORMATS,
    nrrd.FORMAT,
    dicom.FORMAT,  # last: claims by content, so it must look into the file
)

_LOOKED_INTO_AT_MOST = 200


def format_of(path: PathLike) -> Format | None:
    """Return the row that reads the file at `path`, or None. Cheap."""
    file = Path(path)
    name = file.name.lower()
    # A row without patterns goes by its suffixes: most rows are done with by one comparison.
    asked = (row for row in FORMATS if row.patterns or name.endswith(row.suffixes))
    return next((row for row in asked if row.matches(file)), None)


def holds_a_scan(path: PathLike) -> bool:
    """Return whether a file, or one of the first files below a folder, is ours. Cheap."""
    place = Path(path)
    if archives.is_archive(place):
        members = archives.first_members(place)
        return any(head[128:] == b"DICM" or _is_named_so(name) for name, head in members)
    if not place.is_dir():
        return format_of(place) is not None
    files = _files_below(place)
    return any(
        format_of(file) for file, _ in zip(files, range(_LOOKED_INTO_AT_MOST), strict=False)
    )


def _is_named_so(name: str) -> bool:
    suffixes = tuple(suffix for row in FORMATS for suffix in row.suffixes)
    return name.lower().endswith(suffixes)


def read(path: PathLike | Sequence[PathLike], **choices: Any) -> list[Volume]:
    """Return every scan in a file, a folder, or a list of files.

    Voxels stay on disk until they are asked for.

    Parameters
    ----------
    path : path or sequence of paths
        A file; a folder, searched through its subfolders; a ZIP file, which is a folder; or
        files that may belong together, such as the slices of a DICOM series.
    **choices
        The fields of :class:`~napari_medvol.formats.choices.Choices`: ``series``, ``gaps``,
        ``value``, ``form``.

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
    places = [Path(path)] if isinstance(path, str | os.PathLike) else [Path(p) for p in path]
    groups = _grouped(places)
    if not groups:
        raise FormatError(
            ", ".join(str(p) for p in places[:3]) or "an empty list",
            "holds no scan that a known format reads",
            "Known formats: " + ", ".join(row.name for row in FORMATS),
        )
    volumes = [volume for row, files in groups for volume in row.read(files, asked)]
    if not volumes:
        raise FormatError(str(places[0]), "holds no image", "Look into the files' headers")
    return volumes


def _checked(choices: dict[str, Any]) -> Choices:
    try:
        return Choices(**choices)
    except TypeError as error:
        known = ", ".join(Choices.__dataclass_fields__)
        raise ReadError("read", str(error).split("() ")[-1], f"Known choices: {known}") from error


def _grouped(places: Sequence[Path]) -> list[tuple[Format, list[Path]]]:
    """Return rows with their files: one call a file, or one for all that belong together."""
    groups: list[tuple[Format, list[Path]]] = []
    together: dict[str, list[Path]] = {}
    for place in map(_unpacked, places):
        for file in _files_below(place) if place.is_dir() else [_existing(place)]:
            row = format_of(file)
            if row is None:
                if not place.is_dir() and len(places) == 1:
                    _refuse(file)
            elif not row.together:
                groups.append((row, [file]))
            elif row.name in together:
                together[row.name].append(file)
            else:
                together[row.name] = [file]
                groups.append((row, together[row.name]))
    return groups


def _unpacked(place: Path) -> Path:
    return archives.unpacked(place) if archives.is_archive(place) else place


def _existing(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ReadError(
            str(path), error.strerror or str(error), "Check the path and its permissions"
        ) from error


def _refuse(path: Path) -> None:
    raise FormatError(
        str(path),
        "is of no known format" if path.stat().st_size else "is empty (0 bytes)",
        "Known formats: " + ", ".join(row.name for row in FORMATS),
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield files below `folder`, sorted by name, hidden ones left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(root, name)
