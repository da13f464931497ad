"""DICOM: files to headers, headers to frames, frames to stacks, stacks to volumes.

``tags``, ``walk``, ``header``, ``scan`` (find files) · ``frames``, ``functional_groups``,
``mosaic`` (one image) · ``series``, ``factors``, ``repeats`` (what belongs together) · ``grid``
(where it lies) · ``pixels``, ``codecs``, ``units`` (values) · ``volumes`` (all of it, with the
record) · ``segmentation``, ``rtstruct``, ``painting`` (regions) · ``browsing`` (every
element) · ``reading`` (the whole road) · ``saving`` (writing).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from napari_medvol.formats.choices import Choices
from napari_medvol.formats.row import Format, Progress, Written, has_suffix
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.headers import Element, Varying
from napari_medvol.volume import Volume

SUFFIXES: Final = (".dicom", ".dcm", ".ima", ".gdcm")
#: Names without a suffix, UID names, numbers as suffix (``IMG.001``), and names that scanners
#: and segmentations have. Never "*".
PATTERNS: Final = (
    *("[!.]" * n for n in range(1, 65)),
    "[0-2].[0-9]*.[0-9]*[0-9]",
    "[!.][!.].[0-9]*[0-9]",
    *("*." + "[0-9]" * n for n in range(1, 6)),
    "*.seg",
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
    from napari_medvol.formats.dicom.parsing import is_dicom

    return is_dicom(path)


def read(paths: Sequence[Path], choices: Choices, progress: Progress) -> list[Volume]:
    """Return the volumes that DICOM files make; see :mod:`~.reading`."""
    from napari_medvol.formats.dicom import reading

    return reading.read(paths, choices, progress)


def elements(volume: Volume, plane: int) -> tuple[Element, ...] | None:
    """Return every element of the file behind a plane; see :mod:`~.browsing`."""
    from napari_medvol.formats.dicom import browsing

    return browsing.elements(volume, plane)


def varying(volume: Volume, progress: Progress) -> tuple[Varying, ...]:
    """Return the elements that differ from plane to plane; see :mod:`~.browsing`."""
    from napari_medvol.formats.dicom import browsing

    return browsing.varying(volume, progress)


def write(volume: Volume, target: Path, choices: WriteChoices, progress: Progress) -> Written:
    """Write a volume as DICOM; see :mod:`~.saving`."""
    from napari_medvol.formats.dicom import saving

    return saving.write(volume, target, choices, progress)


def why_kept(folder: Path) -> str:
    """Return why a folder must not be replaced; see :mod:`~.saving.own`."""
    from napari_medvol.formats.dicom.saving import own

    return own.why_kept(folder)


def facts(volume: Volume) -> dict[str, Any]:
    """Return the acquisition in the words of BIDS; see :mod:`~.acquisition`."""
    from napari_medvol.formats.dicom import acquisition

    return acquisition.facts(volume)


def directions(volume: Volume) -> tuple[tuple[float, ...], ...] | None:
    """Return the directions of diffusion weighting, LPS+; see :mod:`~.weighting`."""
    from napari_medvol.formats.dicom import weighting

    return weighting.directions(volume)


#: The keys of ``conversions.CONVERSIONS``, here so that asking needs no import (a test holds
#: them equal).
VALUES: Final = ("real", "float", "stored", "suvbw", "suvlbm", "suvbsa", "fp", "rwv")

FORMAT = Format(
    "DICOM",
    SUFFIXES,
    matches,
    read,
    patterns=PATTERNS,
    together=True,
    values=VALUES,
    write=write,
    writes=(".dcm",),
    writes_folders=True,
    facts=facts,
    directions=directions,
    elements=elements,
    varying=varying,
    why_kept=why_kept,
)
