"""Convert one scan, or a tree of thousands: the same road for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Literal

from napari_medvol.batch.names import DEFAULT_TEMPLATE
from napari_medvol.batch.plan import Naming
from napari_medvol.batch.report import COLUMNS, Row, report_path, saved, table_of
from napari_medvol.batch.schedulers import scheduler_of
from napari_medvol.batch.tree import Asked, TreeConversion
from napari_medvol.batch.work import written
from napari_medvol.errors import BatchError
from napari_medvol.formats import FORMATS, Choices, PathLike, WriteChoices, read
from napari_medvol.formats.places import places_of
from napari_medvol.formats.row import Progress, unheard
from napari_medvol.ops import operation_of
from napari_medvol.recipe import Recipe
from napari_medvol.table import Table
from napari_medvol.volume import Step

__all__ = ["COLUMNS", "convert"]

Names = Literal["template", "dicom2nifti"]

_READS: Final = tuple(f.name for f in fields(Choices))
_WRITES: Final = tuple(f.name for f in fields(WriteChoices))
_AS_DICOM2NIFTI: Final = {"codes": ("unknown", "aligned")}


def convert(
    source: PathLike | Sequence[PathLike],
    target: PathLike,
    *,
    template: str = DEFAULT_TEMPLATE,
    names: Names = "template",
    steps: Recipe | Sequence[Step] = (),
    suffix: str | None = None,
    format: str | None = None,
    scheduler: Any = None,
    workers: int | None = None,
    resume: bool = True,
    overwrite: bool = False,
    report: PathLike | None = None,
    progress: Progress = unheard,
    **choices: Any,
) -> Table:
    """Convert a scan, a series, or every scan of a tree.

    Each output is written aside, read back and compared before it is put in place. A scan that
    cannot be converted is a row that says why, and stops no other. What was done stays done: the
    same call again converts what is new, changed or unfinished.

    Parameters
    ----------
    source : path or sequence of paths
        A file, a folder with everything below it, or a list of files.
    target : path
        A file name such as ``ct.nii.gz`` for one scan; else a folder.
    template : str
        Name of each output below the folder, without suffix: fields of its header in braces,
        and ``{folder}`` (its place in the source), ``{stem}``, ``{name}``, ``{kind}``,
        ``{index}``. What a file system refuses is replaced; equal names are numbered.
        Nothing about the patient is in a name unless it is asked for (``{PatientID}``).
    names : {"template", "dicom2nifti"}
        ``"dicom2nifti"``: its names, axes (LAS) and codes (aligned, unknown).
    steps : Recipe or sequence of Step
        Applied to each volume before it is written.
    suffix : str, optional
        Of outputs in a folder, with its dot; ``.nii.gz`` by default.
    format : str, optional
        Name of the format to write; by default the one of the suffix.
    scheduler : str or distributed.Client, optional
        ``"sync"``, ``"threads"``, ``"processes"``, ``"distributed"`` (a cluster on this
        machine) or the address of a dask scheduler. By default threads.
    workers : int, optional
        By default one a processor.
    resume : bool
        Whether outputs that are there, of the same input, steps and choices, are kept. Inputs
        are known by names, sizes and times of modification, else by their bytes; outputs by
        their size and time, else by their bytes. The record is in ``.napari-medvol`` beside
        the outputs.
    overwrite : bool
        Whether files that others wrote may be replaced.
    report : path, optional
        The table is also written there: JSON if its name ends so, else CSV.
    progress : callable, optional
        Called with (scans done, scans in all); all is 0 while they are looked for. What it
        raises ends the conversion and reaches the caller.
    **choices
        What :func:`napari_medvol.read` and :func:`napari_medvol.write` may be asked for.

    Returns
    -------
    Table
        One row an output, in the order of the tree, of the columns ``COLUMNS``. Statuses:
        ``written``, ``there`` (done before), ``failed``, ``stopped``.

    Raises
    ------
    ReadError
        If there is no scan at the source.
    BatchError
        If template, choices, steps or scheduler make no sense.
    WriteError
        If one scan is to be written and cannot be.
    """
    asked = _asked(names, steps, format, choices)
    places = places_of(source)
    (place,) = places_of(target)
    told = report_path(report)
    if _is_file(place, format):
        given = places[0] if len(places) == 1 else places
        row = _convert_one(given, place, asked, overwrite, progress)
        table = table_of([row])
        saved(table, told)
        return table
    naming = Naming(template, _suffix(suffix, format), names == "dicom2nifti")
    naming.wanted  # noqa: B018 - a template that makes no sense is refused before any work
    conversion = TreeConversion(
        places, place, naming, asked, resume=resume, overwrite=overwrite, progress=progress
    )
    try:
        conversion.run(scheduler_of(scheduler, workers))
    finally:
        table = table_of(conversion.rows())
        saved(table, told)
    return table


def _asked(
    names: str,
    steps: Recipe | Sequence[Step],
    format: str | None,
    choices: Mapping[str, Any],
) -> Asked:
    if names not in ("template", "dicom2nifti"):
        raise BatchError("convert", f"names={names!r} is neither 'template' nor 'dicom2nifti'")
    unknown = sorted(set(choices) - {*_READS, *_WRITES})
    if unknown:
        known = ", ".join((*_READS, *_WRITES))
        raise BatchError("convert", f"there is no choice {unknown[0]!r}", f"Known: {known}")
    reads = {name: value for name, value in choices.items() if name in _READS}
    writes = {name: value for name, value in choices.items() if name in _WRITES}
    done = tuple(steps.steps if isinstance(steps, Recipe) else steps)
    if names == "dicom2nifti":
        writes = {**_AS_DICOM2NIFTI, **writes}
        done = (*done, Step("orient", {"axcodes": "LAS"}))
    for step in done:
        operation_of(step)
    try:
        Choices(**reads)
        WriteChoices(**writes)
    except ValueError as error:
        raise BatchError("convert", str(error)) from error
    return Asked(reads, writes, done, format)


def _is_file(target: Path, format: str | None) -> bool:
    suffixes = tuple(suffix for row in FORMATS for suffix in row.writes)
    return not target.is_dir() and target.name.lower().endswith(suffixes)


def _suffix(asked: str | None, format: str | None) -> str:
    """Return the suffix of outputs in a folder, with its dot; none where they are folders."""
    if asked is not None:
        return asked if asked.startswith(".") or not asked else f".{asked}"
    if format is None:
        return ".nii.gz"
    able = [row for row in FORMATS if row.write is not None]
    for row in able:
        if row.name.lower() == format.lower():
            return "" if row.writes_folders else row.writes[0]
    known = ", ".join(row.name for row in able)
    raise BatchError("convert", f"no format {format!r} is written", f"Known: {known}")


def _convert_one(
    source: Path | list[Path],
    target: Path,
    asked: Asked,
    overwrite: bool,
    progress: Progress,
) -> Row:
    """Convert the only scan at a source; what goes wrong is raised."""
    volumes = read(source, progress=lambda done, total: progress(0, 0), **asked.read)
    place = str(source if isinstance(source, Path) else source[0])
    if len(volumes) != 1:
        shown = "; ".join(volume.name for volume in volumes[:6])
        raise BatchError(
            place,
            f"it holds {len(volumes)} scans, and {target.name} is one file: {shown}",
            "Name a folder to write to, or choose one with series=",
        )
    done, _ = written(
        volumes[0],
        asked.steps,
        target,
        format=asked.format,
        overwrite=overwrite,
        progress=progress,
        **asked.write,
    )
    return Row.of(place, str(target), done)
