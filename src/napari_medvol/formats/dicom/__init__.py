"""DICOM: files to headers, headers to frames, frames to stacks, stacks to volumes.

``tags`` and ``header``, ``scan`` (find files) · ``frames`` (one image) · ``series``, ``factors``,
``repeats`` (what belongs together) · ``grid`` (where it lies) · ``pixels``, ``units`` (values) ·
``volumes`` (all of it, with the record).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_medvol.errors import ReadError, SeriesError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.row import Format, has_suffix
from napari_medvol.report import Finding
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari_medvol.formats.dicom.header import Header
    from napari_medvol.formats.dicom.scan import Scan

SUFFIXES: Final = (".dicom", ".dcm", ".ima", ".gdcm")
#: Names without a suffix, UID names, and names that scanners give. Never "*".
PATTERNS: Final = (
    *("[!.]" * n for n in range(1, 65)),
    "[0-2].[0-9]*.[0-9]*[0-9]",
    "[!.][!.].[0-9]*[0-9]",
)
#: Suffixes that never are DICOM, so that a folder full of them is not looked into.
_FOREIGN: Final = (
    ".json", ".txt", ".csv", ".tsv", ".xml", ".html", ".md", ".yaml", ".yml", ".toml", ".py",
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".pdf", ".zip", ".gz", ".bz2",
    ".bval", ".bvec", ".log", ".ini", ".cfg", ".mat", ".npy", ".npz",
)  # fmt: skip


def matches(path: Path) -> bool:
    """Return whether the file is DICOM, by its suffix or by its first bytes."""
    if has_suffix(path, SUFFIXES):
        return True
    if has_suffix(path, _FOREIGN):
        return False
    from napari_medvol.formats.dicom.header import is_dicom

    return is_dicom(path)


def read(paths: Sequence[Path], choices: Choices) -> list[Volume]:
    """Return the volumes that DICOM files make, in the order of their series numbers.

    Parameters
    ----------
    paths : sequence of Path
        Files of any number of patients, studies and series, in any order.
    choices : Choices

    Raises
    ------
    ReadError
        If no file holds an image; the error says what the files hold instead.
    SeriesError
        If the series that was asked for is not there.
    """
    from napari_medvol.formats.dicom.frames import frames_of
    from napari_medvol.formats.dicom.mosaic import is_mosaic, tiles_of
    from napari_medvol.formats.dicom.scan import scan
    from napari_medvol.formats.dicom.segmentation import is_segmentation, read_segmentation
    from napari_medvol.formats.dicom.series import stacks_of
    from napari_medvol.formats.dicom.volumes import volume_of_stack, with_names_apart

    found = scan(_with_directory(paths))
    usable = [header for header in found.headers if not header.problem or header.pixels]
    if not any(not header.problem for header in usable):
        raise _nothing(paths, found)
    chosen = _chosen(usable, choices)
    masks = [header for header in chosen if is_segmentation(header) and not header.problem]
    frames = [
        slice_
        for header in chosen
        if not is_segmentation(header)
        for frame in frames_of(header)
        for slice_ in (tiles_of(frame, choices.mosaic) if is_mosaic(header) else [frame])
    ]
    stacks = [s for s in stacks_of(frames, choices.gaps) if _has_pixels(s.repeats.table)]
    volumes = [volume_of_stack(stack, choices) for stack in stacks]
    volumes += [volume for header in masks for volume in read_segmentation(header)]
    findings = _about_the_rest(found)
    if findings:
        report = replace(volumes[0].report, findings=(*volumes[0].report.findings, *findings))
        volumes[0] = replace(volumes[0], report=report)
    return with_names_apart(volumes)


def _has_pixels(table: Sequence[Sequence[object]]) -> bool:
    return any(not frame.header.problem for row in table for frame in row)  # type: ignore[attr-defined]


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
    from napari_medvol.formats.dicom import tags

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
    if found.others:
        kinds = Counter(kind_of(header) for header in found.others)
        listed = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items()))
        findings.append(Finding(f"beside the images: {listed}", "note", "others"))
    return findings


def kind_of(header: Header) -> str:
    """Return the name of the SOP class of a file, for people."""
    from pydicom.uid import UID

    from napari_medvol.formats.dicom import tags

    uid = header.text(tags.SOP_CLASS_UID) or header.text(tags.MEDIA_STORAGE_SOP_CLASS_UID)
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
    return ReadError(where, "is not DICOM: no 'DICM' mark and no DICOM element at its start")


FORMAT = Format("DICOM", SUFFIXES, matches, read, patterns=PATTERNS, together=True)
