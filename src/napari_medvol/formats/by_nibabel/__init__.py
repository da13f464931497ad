"""MGH, MINC, AFNI, PAR/REC, ECAT7 and Analyze: one loop over what nibabel reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from napari_medvol.affines import checked_affine
from napari_medvol.errors import GeometryError, MedVolError, ReadError
from napari_medvol.formats.by_nibabel import browsing
from napari_medvol.formats.by_nibabel.bricks import open_afni, open_par
from napari_medvol.formats.by_nibabel.ecat import open_ecat
from napari_medvol.formats.by_nibabel.flat import ANALYZE_SIZE, open_analyze, open_mgh
from napari_medvol.formats.by_nibabel.minc import open_minc
from napari_medvol.formats.by_nibabel.opened import Opened, heard
from napari_medvol.formats.by_nibabel.writing import PAIR, write_analyze, write_mgh
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.naming import (
    missing_partner,
    names_labels,
    partner,
    stem_of,
    with_compression,
)
from napari_medvol.formats.row import Format, Progress, counted, has_suffix
from napari_medvol.formats.streams import COMPRESSED_SUFFIXES, head_of, reading
from napari_medvol.report import Finding, GeometryReport
from napari_medvol.volume import Field, Kind, Volume


@dataclass(frozen=True, slots=True)
class _Family:
    """One format that nibabel knows.

    Parameters
    ----------
    name : str
    parts : tuple of str
        Suffixes of its files, the header's first; all of them make one scan.
    compressions : tuple of str
        Suffixes that may follow.
    open : callable
        Header file, image file, and the value asked for, to what is in them.
    is_one : callable
        First bytes of the header file, decompressed, to whether they are of this format.
    alternatives : bool
        Whether `parts` are spellings of one file rather than files of a pair.
    """

    name: str
    parts: tuple[str, ...]
    compressions: tuple[str, ...]
    open: Callable[[Path, Path, str], Opened]
    is_one: Callable[[bytes], bool]
    alternatives: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        return with_compression(self.parts, self.compressions)

    def files(self, path: Path) -> tuple[Path | None, Path | None]:
        """Return header and image file; the same one where a scan is a single file."""
        if self.alternatives:
            return path, path
        first, last = self.parts[0], self.parts[-1]
        return (
            partner(path, first, self.parts, self.compressions),
            partner(path, last, self.parts, self.compressions),
        )


def _is_analyze(head: bytes) -> bool:
    size = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    return ANALYZE_SIZE in size and head[344:347] not in (b"n+1", b"ni1")


def _is_par(head: bytes) -> bool:
    return b"DATA DESCRIPTION FILE" in head


def _is_afni(head: bytes) -> bool:
    return b"type" in head and b"name" in head


#: Suffixes alone tell these formats.
def _is_any(head: bytes) -> bool:
    return True


_FAMILIES: Final = (
    _Family("MGH", ("mgz", "mgh"), COMPRESSED_SUFFIXES, open_mgh, _is_any, alternatives=True),
    _Family("MINC", ("mnc",), COMPRESSED_SUFFIXES, open_minc, _is_any, alternatives=True),
    _Family("AFNI", ("head", "brik"), (*COMPRESSED_SUFFIXES, ".z"), open_afni, _is_afni),
    _Family("PAR/REC", ("par", "rec"), (), open_par, _is_par),
    _Family("ECAT7", ("v",), (), open_ecat, lambda head: head[:6] == b"MATRIX", alternatives=True),
    _Family("Analyze", ("hdr", "img"), COMPRESSED_SUFFIXES, open_analyze, _is_analyze),
)


def _matches(family: _Family, path: Path) -> bool:
    """Return whether the file is of this family, by its name and its header's first bytes."""
    if not has_suffix(path, family.suffixes):
        return False
    if family.is_one is _is_any:
        return True
    header = family.files(path)[0]
    try:
        return header is not None and family.is_one(head_of(header, ANALYZE_SIZE))
    except MedVolError:
        return False


def _read(
    family: _Family, paths: Sequence[Path], choices: Choices, progress: Progress
) -> list[Volume]:
    """Return one volume a scan; both files of a pair are one scan."""
    pairs = {}
    for path in paths:
        header, image = family.files(path)
        if header is None or image is None:
            part = family.parts[0 if header is None else -1]
            raise missing_partner(path, part, family.parts)
        pairs[header] = image
    scans = counted(list(pairs.items()), progress)
    return [_volume(family, header, image, choices) for header, image in scans]


def _volume(family: _Family, header: Path, image: Path, choices: Choices) -> Volume:
    findings: list[Finding] = []
    stem = stem_of(header, family.suffixes)
    try:
        with reading(header), heard(findings):
            opened = family.open(header, image, choices.value)
        affine = checked_affine(opened.affine, str(header))
    except GeometryError as error:
        raise ReadError(error.what, error.why, "The file's header is damaged") from error
    except MedVolError:
        raise
    # nibabel's classes meet damaged files with exceptions of a dozen kinds.
    except Exception as error:
        raise ReadError(
            str(header),
            f"it is no {family.name} file that can be read ({type(error).__name__}: {error})",
            "Copy or download the file again",
        ) from error
    return Volume(
        data=opened.data,
        affine=affine,
        axes=opened.axes,
        kind=_kind(stem, opened),
        unit=opened.unit,
        header=(*_file_rows(family, header, opened), *opened.rows),
        native=opened.native,
        name=stem,
        report=GeometryReport(
            source=opened.source,
            files=tuple(map(str, opened.files)),
            findings=(*opened.findings, *findings),
        ),
    )


def _kind(stem: str, opened: Opened) -> Kind:
    is_colour = any(axis.name in ("rgb", "component") for axis in opened.axes)
    integers = opened.data.dtype.kind in "iu" and not is_colour
    return "labels" if integers and names_labels(stem) else "image"


def _file_rows(family: _Family, header: Path, opened: Opened) -> list[Field]:
    rows: list[Any] = [
        ("type", family.name),
        ("path", header),
        ("shape", opened.data.shape),
        ("data type in memory", opened.data.dtype),
        ("geometry from", opened.source),
        ("affine", opened.affine.tolist()),
    ]
    return [Field("File", name, str(value)) for name, value in rows]


#: nibabel writes ECAT only back from a whole ECAT image, and the others not at all.
_WRITERS: Final = {
    "MGH": (write_mgh, (".mgz", ".mgh")),
    "Analyze": (write_analyze, PAIR),
}

FORMATS: tuple[Format, ...] = tuple(
    Format(
        family.name,
        family.suffixes,
        partial(_matches, family),
        partial(_read, family),
        together=True,
        elements=partial(browsing.elements, family.name),
        varying=partial(browsing.varying, family.name),
        write=_WRITERS.get(family.name, (None, ()))[0],
        writes=_WRITERS.get(family.name, (None, ()))[1],
    )
    for family in _FAMILIES
)
