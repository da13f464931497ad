"""What there is to convert: the scans of a tree, folder by folder, from headers alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, Final

from napari_medvol.batch.names import facts_of, plain_facts
from napari_medvol.errors import MedVolError
from napari_medvol.formats import format_of, read
from napari_medvol.formats.archives import is_archive
from napari_medvol.formats.places import files_at, files_below
from napari_medvol.volume import Volume

_REFUSED: Final = "not opened: "


@dataclass(frozen=True, slots=True)
class Group:
    """Files that one look answers: those of a folder that may belong together, or one file.

    Parameters
    ----------
    number : int
        In the order in which the tree is walked.
    paths : tuple of str
        Absolute.
    root : str
        The source, which places are told relative to.
    choices : mapping
        For :func:`napari_medvol.read`.
    wanted : tuple of str
        Fields that the template of names asks for.
    """

    number: int
    paths: tuple[str, ...]
    root: str
    choices: Mapping[str, Any] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A scan to convert, or files that give none.

    Parameters
    ----------
    order : (int, int)
        Number of the group, number within it.
    paths : tuple of str
        What :func:`napari_medvol.read` is to be given.
    place : str
        File or folder, relative to the source, for people.
    series : str
        Series Instance UID (0020,000E); empty outside DICOM.
    facts : tuple of mapping
        What a template needs of each of its volumes.
    signature : str
        Changes when a name, a size or a time of modification of the files does.
    problem : str
        Why there is nothing to convert, in words.
    """

    order: tuple[int, int]
    paths: tuple[str, ...]
    place: str
    series: str = ""
    facts: tuple[Mapping[str, str], ...] = ()
    signature: str = ""
    problem: str = ""


def groups_at(
    places: Sequence[Path],
    root: Path,
    without: Path,
    choices: Mapping[str, Any],
    wanted: tuple[str, ...],
) -> Iterator[Group]:
    """Yield the groups of files at some places, while the tree is walked.

    Parameters
    ----------
    places : sequence of Path
    root : Path
    without : Path
        A folder that is left out: where the outputs go.
    choices, wanted
        For each :class:`Group`.

    Raises
    ------
    ReadError
        If there is nothing at a place.
    """
    number = 0
    for place in places:
        for _, files in groupby(_files(place, without), lambda file: file.parent):
            for paths in _that_belong_together(files):
                yield Group(number, tuple(map(str, paths)), str(root), choices, wanted)
                number += 1


def _files(place: Path, without: Path) -> Iterator[Path]:
    files = files_below(place) if place.is_dir() else _one(place)
    left_out = _as_below(place, without)
    for file in files:
        if left_out not in file.parents:
            yield file


def _as_below(place: Path, folder: Path) -> Path:
    """Return a folder by the way that a walk from `place` comes to it, past links."""
    there, start = folder.resolve(), place.resolve()
    return place / there.relative_to(start) if there.is_relative_to(start) else folder


def _one(place: Path) -> Iterator[Path]:
    if is_archive(place):
        yield place
    else:
        yield from files_at(place)  # which looks whether it can be read


def _that_belong_together(files: Iterable[Path]) -> Iterator[list[Path]]:
    together: dict[str, list[Path]] = {}
    for file in files:
        row = format_of(file)
        if row is not None and row.together:
            together.setdefault(row.name, []).append(file)
        elif row is not None or is_archive(file):
            yield [file]
    yield from together.values()


def look(group: Group) -> list[Found]:
    """Return the scans of a group; what cannot be read is one with a problem.

    One DICOM series is one scan, whatever number of volumes it makes: they are read together.
    """
    paths, root = [Path(path) for path in group.paths], Path(group.root)
    volumes, problems = _read_what_can_be(paths, group.choices)
    found: list[Found] = []
    for (series, *_), members in _by_scan(volumes, paths).items():
        files = _paths_of(members, paths)
        folder = PurePosixPath(_relative(_folder_of(files), root))
        found.append(
            Found(
                (group.number, len(found)),
                tuple(map(str, files)),
                _place_of(files, root),
                series,
                tuple(plain_facts(facts_of(v, folder), group.wanted) for v in members),
                signature_of(files),
            )
        )
    for files, why in [*problems, *_left_out(volumes, paths)]:
        place = _place_of(files, root)
        order = (group.number, len(found))
        found.append(Found(order, tuple(map(str, files)), place, problem=why))
    return found


def _read_what_can_be(
    paths: Sequence[Path], choices: Mapping[str, Any]
) -> tuple[list[Volume], list[tuple[list[Path], str]]]:
    """Return the volumes in files, and which files give none, and why.

    A reader that is given many scans at once raises for the first that it cannot read and names
    its file; that one is put aside and the others are asked for again.
    """
    left = list(paths)
    problems: list[tuple[list[Path], str]] = []
    while left:
        try:
            return read(left[0] if len(left) == 1 else left, **choices), problems
        except MedVolError as error:
            culprits = [path for path in left if _is_of(path, error.what)] or left
            problems.append((culprits, str(error)))
        except Exception as error:  # one bad folder does not stop the others
            culprits = left
            problems.append((culprits, unexpected(error)))
        left = [path for path in left if path not in culprits]
    return [], problems


def unexpected(error: Exception) -> str:
    """Return in words what nobody foresaw."""
    return f"unexpected {type(error).__name__}: {error}. Please report it, with the kind of scan."


def _is_of(path: Path, what: str) -> bool:
    """Return whether an error speaks of a file, or of the other one of its pair."""
    named = Path(what)
    return path.parent == named.parent and path.name.split(".")[0] == named.name.split(".")[0]


def _by_scan(
    volumes: Sequence[Volume], given: Sequence[Path]
) -> dict[tuple[str, ...], list[Volume]]:
    """Return volumes by what must be read together: a series, else the files."""
    if len(given) == 1 and volumes:
        all_series = {volume.said("SeriesInstanceUID") for volume in volumes}
        return {(all_series.pop() if len(all_series) == 1 else "",): list(volumes)}
    scans: dict[tuple[str, ...], list[Volume]] = {}
    for volume in volumes:
        series = volume.said("SeriesInstanceUID")
        key = (series,) if series else ("", *volume.report.files)
        scans.setdefault(key, []).append(volume)
    return scans


def _paths_of(volumes: Sequence[Volume], given: Sequence[Path]) -> list[Path]:
    if len(given) == 1:
        return list(given)  # by its own name also where it is an archive or refers to others
    return [Path(f) for f in dict.fromkeys(f for v in volumes for f in v.report.files)]


def _left_out(volumes: Sequence[Volume], paths: list[Path]) -> Iterator[tuple[list[Path], str]]:
    """Yield what a reader left out of the others' company, and why."""
    for volume in volumes:
        for finding in volume.report.findings:
            if finding.text.startswith(_REFUSED):
                yield paths, finding.text.removeprefix(_REFUSED)


def joined(parts: Sequence[Found], group: Group) -> list[Found]:
    """Return one series whose files lie in several folders, found once more as a whole."""
    paths = tuple(path for part in parts for path in part.paths)
    return look(Group(parts[0].order[0], paths, group.root, group.choices, group.wanted))


def signature_of(paths: Sequence[Path]) -> str:
    """Return what changes when a name, a size or a time of modification of the files does."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        try:
            status = path.stat()
        except OSError:
            continue
        digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _folder_of(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def _place_of(files: Sequence[Path], root: Path) -> str:
    return _relative(files[0] if len(files) == 1 else _folder_of(files), root)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
