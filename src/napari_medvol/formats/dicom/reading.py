"""The road from DICOM files to volumes: scan, group, place, and say what was odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError, SeriesError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.dicom import SUFFIXES, matches, tags
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.frames import Alike, Frame, frames_of
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.mosaic import is_mosaic, tiles_of
from napari_medvol.formats.dicom.pause import NO_COLLECTION
from napari_medvol.formats.dicom.rtstruct import is_structure_set, read_structures
from napari_medvol.formats.dicom.scan import Scan, scan
from napari_medvol.formats.dicom.segmentation import is_segmentation, read_segmentation
from napari_medvol.formats.dicom.series import Stack, stacks_of
from napari_medvol.formats.dicom.volumes import volume_of_stack, with_names_apart, with_ways_apart
from napari_medvol.formats.row import Progress, has_suffix, unheard
from napari_medvol.report import Finding
from napari_medvol.volume import Volume

#: Units that every image has.
_ALWAYS_THERE: Final = ("real", "float", "stored")


def read(paths: Sequence[Path], choices: Choices, progress: Progress = unheard) -> list[Volume]:
    """Return the volumes that DICOM files make, in the order of their series numbers.

    Segmentations and structure sets come after the images, as labels. Where series are asked
    for, so are theirs: regions of a series that was not asked for are left out.

    Parameters
    ----------
    paths : sequence of Path
        Files of any number of patients, studies and series, in any order.
    choices : Choices
    progress : callable, optional
        Told (files done, files in all) while headers are read.

    Raises
    ------
    ReadError
        If no file holds an image; the error says what the files hold instead.
    SeriesError
        If the series that was asked for is not there.
    """
    found = scan(_with_directory(paths), progress=progress)
    structures = [header for header in found.others if is_structure_set(header)]
    usable = [header for header in found.headers if not header.problem or header.pixels]
    refused: list[ReadError] = []
    alone = bool(structures) and all(header.problem for header in usable)
    if not alone and all(header.problem for header in usable):
        raise _nothing(paths, found)
    asked = _chosen([*usable, *structures], choices)
    drawn = [header for header in asked if is_structure_set(header)]
    shown = [] if alone else [header for header in asked if not is_structure_set(header)]
    volumes = _images(shown, choices, refused) if shown else []
    grids = _grids(drawn, shown, [] if alone else usable, choices) if drawn else []
    regions = [
        region
        for header in drawn
        for region in _or_refused(partial(read_structures, header, [*volumes, *grids]), refused)
    ]
    opened = [*volumes, *regions]
    if not opened:
        raise refused[0] if refused else _nothing(paths, found)
    told = _with_findings(opened, [*_about_the_rest(found), *_said(refused)])
    series = {header.text(tags.SERIES_INSTANCE_UID) for header in usable}
    return with_ways_apart(with_names_apart(told), series)


def _images(headers: Sequence[Header], choices: Choices, refused: list[ReadError]) -> list[Volume]:
    """Return the volumes that can be opened; `refused` grows by why others cannot."""
    masks = [header for header in headers if is_segmentation(header)]
    apart = set(map(id, masks))
    alike: Alike = {}
    with NO_COLLECTION:
        frames = [
            frame
            for header in headers
            if id(header) not in apart
            for frame in _frames(header, choices, alike)
        ]
        stacks = [s for s in stacks_of(frames, choices.gaps) if _has_pixels(s.repeats.held)]
    # A unit that was asked for and cannot be had is an error, whatever else there is.
    errors = refused if choices.value in _ALWAYS_THERE else None
    makers = [partial(_one_volume, stack, choices) for stack in stacks]
    makers += [partial(read_segmentation, header) for header in masks if not header.problem]
    return [volume for make in makers for volume in _or_refused(make, errors)]


def _one_volume(stack: Stack, choices: Choices) -> list[Volume]:
    with NO_COLLECTION:
        return [volume_of_stack(stack, choices)]


def _or_refused(make: Callable[[], list[Volume]], refused: list[ReadError] | None) -> list[Volume]:
    """Return what is made: what cannot be read does not stop the rest, if there is a list."""
    try:
        return make()
    except ReadError as error:
        if refused is None:
            raise
        refused.append(error)
        return []


def _said(refused: Sequence[ReadError]) -> list[Finding]:
    return [Finding(f"not opened: {error}", "warning", "unreadable") for error in refused]


def _frames(header: Header, choices: Choices, alike: Alike) -> list[Frame]:
    try:
        frames = frames_of(header, alike)
    except ReadError as error:
        header.problem = error.why
        frames = frames_of(header)
    if not is_mosaic(header) or header.problem:
        return frames
    return [tile for frame in frames for tile in tiles_of(frame, choices.mosaic)]


def _has_pixels(frames: Sequence[Frame]) -> bool:
    return any(not frame.header.problem for frame in frames)


def _grids(
    drawn: Sequence[Header], shown: Sequence[Header], usable: Sequence[Header], choices: Choices
) -> list[Volume]:
    """Return images that were not asked for, whose grids regions may want all the same."""
    if not usable:
        return _images_beside(drawn, choices)
    known = set(map(id, shown))
    rest = [header for header in usable if id(header) not in known]
    return _images(rest, replace(choices, value="real"), []) if rest else []


def _images_beside(structures: Sequence[Header], choices: Choices) -> list[Volume]:
    """Return the images in the folders of structure sets: labels want their grid."""
    folders = dict.fromkeys(Path(header.path).parent for header in structures)
    beside = [p for folder in folders for p in sorted(folder.iterdir()) if p.is_file()]
    found = scan([path for path in beside if matches(path)])
    return _images([header for header in found.headers if not header.problem], choices, [])


def _with_findings(volumes: list[Volume], findings: list[Finding]) -> list[Volume]:
    """Return the volumes, the first with what is to be said of all the files."""
    if not findings or not volumes:
        return volumes
    first = volumes[0]
    report = replace(first.report, findings=(*first.report.findings, *findings))
    return [replace(first, report=report), *volumes[1:]]


def _with_directory(paths: Sequence[Path]) -> list[Path]:
    """Return the files that a DICOMDIR stands for, if one was given by itself.

    The files below its folder, not its records: a DICOMDIR may be stale. PS3.10 8.6 puts the
    files of a file-set below the DICOMDIR.
    """
    if len(paths) != 1 or paths[0].name.upper() != "DICOMDIR":
        return list(paths)
    return sorted(p for p in paths[0].parent.rglob("*") if p.is_file() and p != paths[0])


def _chosen(headers: list[Header], choices: Choices) -> list[Header]:
    if choices.series is None:
        return headers
    wanted = {choices.series} if isinstance(choices.series, str) else set(choices.series)
    chosen = [
        header
        for header in headers
        if {header.text(tags.SERIES_INSTANCE_UID), header.text(tags.SERIES_NUMBER)} & wanted
    ]
    if not chosen:
        there = sorted({h.text(tags.SERIES_NUMBER) for h in headers})
        raise SeriesError(
            f"series {', '.join(sorted(wanted))}",
            "is not among the files",
            f"Series numbers there: {', '.join(there)}",
        )
    return chosen


def _about_the_rest(found: Scan) -> list[Finding]:
    findings = []
    if found.unreadable:
        shown = "; ".join(f"{path.name} ({why})" for path, why in found.unreadable[:5])
        count = len(found.unreadable)
        total = count + len(found.headers)
        text = f"{count} of {total} files unreadable: {shown}"
        findings.append(Finding(text, "warning", "unreadable"))
    without = [h for h in found.headers if h.problem and not h.pixels]
    if without:
        shown = "; ".join(f"{Path(h.path).name} ({h.problem})" for h in without[:5])
        text = f"{len(without)} of {len(found.headers)} unreadable: {shown}"
        findings.append(Finding(text, "warning", "unreadable"))
    strangers = [path for path in found.not_dicom if has_suffix(path, SUFFIXES)]
    if strangers:
        shown = ", ".join(f"{path.name} ({_size(path)} bytes)" for path in strangers[:5])
        text = f"{len(strangers)} files are named as DICOM and are not: {shown}"
        findings.append(Finding(text, "warning", "not DICOM"))
    if found.others:
        kinds = Counter(kind_of(header) for header in found.others)
        listed = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items()))
        findings.append(Finding(f"beside the images: {listed}", "note", "others"))
    return findings


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def kind_of(header: Header) -> str:
    """Return the name of the SOP class of a file, for people."""
    from pydicom.uid import UID

    uid = header.text(tags.SOP_CLASS_UID) or header.text(tags.MEDIA_STORAGE_SOP_CLASS_UID)
    with quietly():
        return UID(uid).name.removesuffix(" Storage") if uid else "unknown object"


def _nothing(paths: Sequence[Path], found: Scan) -> ReadError:
    where = str(paths[0]) if len(paths) == 1 else str(paths[0].parent)
    for header in found.headers:
        return ReadError(
            str(header.path) if len(found.headers) == 1 else where,
            header.problem,
            "Copy the file again from where it came",
        )
    if found.others:
        return ReadError(
            where, f"holds no image but {kind_of(found.others[0])}", "Open the images"
        )
    if found.unreadable:
        path, why = found.unreadable[0]
        return ReadError(str(path), why, "Copy the file again from where it came")
    why = "is not DICOM: no 'DICM' mark and no DICOM element at its start"
    return ReadError(where, why, "Look whether the file is what its name says, and complete")
