"""A volume into files: written aside, read back, compared, and only then put in place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError, WriteError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.naming import stem_of
from napari_medvol.formats.places import files_below
from napari_medvol.formats.row import Format, Progress, unheard
from napari_medvol.formats.saving.certificate import Certificate, compared
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.gradients import weighted_axis, with_directions
from napari_medvol.formats.saving.staging import flushing, staged
from napari_medvol.recipe import Recipe
from napari_medvol.volume import Volume


def written(
    row: Format,
    volume: Volume,
    target: Path,
    choices: WriteChoices,
    *,
    overwrite: bool,
    progress: Progress,
    rows: Sequence[Format] = (),
) -> Certificate:
    """Write a volume with the writer of a format, and return the proof.

    Parameters
    ----------
    row : Format
        One that writes.
    volume : Volume
    target : Path
        Absolute.
    choices : WriteChoices
    overwrite : bool
    progress : callable
        Called with (work done, work in all).
    rows : sequence of Format
        Those that may know what the volume was read from.

    Raises
    ------
    WriteError
        If it cannot be written whole, or what was read back is not what was to be written.
    """
    assert row.write is not None
    _refuse_unwritable(volume)
    _refuse_source(volume, target)
    _refuse_unreadable(volume)
    if overwrite and target.is_dir():
        _refuse_folder(row, target)
    volume = _with_directions(volume, rows)
    total = 2 * max(prod(volume.shape[2:]), 1)
    with staged(target, overwrite) as folder:
        made = row.write(volume, folder / target.name, choices, _part(progress, total))
        _refuse_unreadable(volume)
        expected = made.expected or volume
        with flushing(folder):
            back = _read_back(row, volume, made.reads or (folder / target.name,), str(target))
            found = compared(expected, back, made.encoding.tolerance, str(target))
        notes = made.notes
        if back.kind != expected.kind:
            notes += (f"its name makes readers take the {volume.kind} for {back.kind}",)
        del back
        _add_sidecar(volume, folder / target.name, row, choices, rows)
        _refuse_side_files(volume, folder, target, rows)
        files = _files_below(folder, target)
        progress(total, total)
    return Certificate(
        files=files,
        format=row.name,
        shape=volume.shape,
        dtype=str(made.encoding.dtype),
        slope=made.encoding.slope,
        intercept=made.encoding.intercept,
        largest_error=found.largest_error,
        loss=made.encoding.loss,
        corner_displacement=found.corner_displacement,
        notes=notes,
    )


def _part(progress: Progress, total: int) -> Progress:
    """Tell of writing as the first half of the work: the second is reading back."""
    return lambda done, of: progress(min(done * total // (2 * max(of, 1)), total // 2), total)


def _refuse_source(volume: Volume, target: Path) -> None:
    """Refuse to write over the files that the voxels may still be read from."""
    place = target.resolve()
    for file in volume.report.files:
        source = Path(file).resolve()
        if source == place or place in source.parents:
            raise WriteError(
                str(target),
                f"{volume.name!r} was read from it, and files that were read are never changed",
                "Choose another name",
            )


def _refuse_folder(row: Format, target: Path) -> None:
    """Refuse to replace a folder whose files are there once, before any work is done."""
    why = row.why_kept(target) if row.why_kept is not None else ""
    if why:
        raise WriteError(
            str(target), f"{why}; nothing was written", "Choose another folder, or empty this one"
        )


def _refuse_side_files(volume: Volume, folder: Path, target: Path, rows: Sequence[Format]) -> None:
    """Refuse to replace what lies beside a source under its name: its JSON, its gradients."""
    suffixes = [suffix for row in rows for suffix in row.suffixes]
    sources = {
        file.parent / stem_of(file, suffixes)
        for file in (Path(name).resolve() for name in volume.report.files)
    }
    for entry in folder.iterdir():
        beside = target.parent / entry.name
        place = beside.resolve()
        stem = place.parent / place.stem
        if entry.is_file() and entry.name != target.name and beside.exists() and stem in sources:
            raise WriteError(
                str(beside),
                f"it belongs to what {volume.name!r} was read from; nothing was written",
                "Choose another name, or sidecar='none'",
            )


def _refuse_unwritable(volume: Volume) -> None:
    """Refuse what is no scan to any format: no voxel, or voxels that are no numbers."""
    what = volume.name or "volume"
    if volume.dtype.kind not in "biufc":
        why = f"its values are of type {volume.dtype}, and voxels are numbers"
        raise WriteError(what, why, "Convert the data to numbers")
    if not prod(volume.shape):
        why = f"it holds no voxel: its shape is {volume.shape}"
        raise WriteError(what, why, "Write a volume with at least one voxel along each axis")


def _refuse_unreadable(volume: Volume) -> None:
    """Refuse planes that the viewer shows blank because their files could not be read."""
    errors = volume.data.store.errors if isinstance(volume.data, LazyArray) else {}
    if errors:
        first = next(iter(errors.values()))
        raise WriteError(
            volume.name or "volume",
            f"{len(errors)} of its planes could not be read ({first.what}: {first.why})"
            " and would be written as zeros",
            "Mend or leave out the file, and open the scan again",
        )


def _read_back(row: Format, volume: Volume, paths: Sequence[Path], what: str) -> Volume:
    files = [file for path in paths for file in (files_below(path) if path.is_dir() else [path])]
    try:
        volumes = row.read(files, Choices(), unheard)
    except MedVolError as error:
        raise WriteError(
            what,
            f"it could not be read back ({error.why}); nothing was written",
            "This is a fault of the program: please report it, with the kind of scan",
        ) from error
    if len(volumes) != 1:
        why = f"read back, it gave {len(volumes)} volumes instead of one; nothing was written"
        raise WriteError(what, why, "Please report it, with the kind of scan")
    return volumes[0]


def _files_below(folder: Path, target: Path) -> tuple[str, ...]:
    """Return where the files below a folder will be, what was asked for before what is beside."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (path.parts[0] != target.name, path))
    return tuple(str(target.parent / path) for path in files)


def _with_directions(volume: Volume, rows: Sequence[Format]) -> Volume:
    """Return the volume with directions of diffusion weighting in the patient, LPS+."""
    if weighted_axis(volume) is None:
        return volume
    told = (row.directions(volume) for row in rows if row.directions is not None)
    found = next((one for one in told if one is not None), None)
    return volume if found is None else with_directions(volume, found)


def _add_sidecar(
    volume: Volume, target: Path, row: Format, choices: WriteChoices, rows: Sequence[Format]
) -> None:
    """Write how it was acquired, if asked, and where it comes from into the JSON beside it."""
    asked = choices.sidecar
    # DICOM says in its own elements what a series was derived by.
    if asked == "none" or (asked == "auto" and (not volume.history or row.writes_folders)):
        return
    path = target.parent / _sidecar_name(target, row)
    content: dict[str, Any] = {}
    if path.exists():  # the format wrote what it knows
        content = json.loads(path.read_text(encoding="utf-8"))
    if asked == "bids":
        known = (one.facts(volume) for one in rows if one.facts is not None)
        content |= next((found for found in known if found), {})
    content["napari-medvol"] = provenance(volume)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _sidecar_name(target: Path, row: Format) -> str:
    """Return BIDS's name beside a NIfTI; elsewhere one that no other format takes."""
    stem = stem_of(target, row.writes)
    return f"{stem}.json" if row.name == "NIfTI" else f"{target.name}.json"


def provenance(volume: Volume) -> dict[str, Any]:
    """Return what made a volume: the program, its input, and the recipe as TOML."""
    from importlib.metadata import version

    recipe = Recipe.of(volume)
    return {
        "version": version("napari-medvol"),
        "input": [str(one["path"]) for one in recipe.inputs],
        "recipe": recipe.to_toml(),
    }


@dataclass(frozen=True, slots=True)
class Target:
    """Where a volume is to go, and the row that writes it."""

    row: Format
    path: Path


def target_of(rows: Sequence[Format], path: Path, kind: str, name: str | None) -> Target:
    """Return the row that writes to `path`, by the name of the path or as asked.

    Parameters
    ----------
    rows : sequence of Format
    path : Path
        Absolute.
    kind : {"image", "labels"}
    name : str or None
        The name of a format, whatever the path says.

    Raises
    ------
    WriteError
        If no row writes such a target.
    """
    able = [row for row in rows if row.write is not None and kind in row.kinds]
    if name is not None:
        named = [row for row in able if row.name.lower() == name.lower()]
        if not named:
            raise _nothing_writes(rows, path, f"no format {name!r} writes {kind}")
        return Target(named[0], path)
    lower = path.name.lower()
    for row in able:
        if lower.endswith(row.writes or ("\0",)):
            return Target(row, path)
    if not path.suffix or path.is_dir():
        for row in able:
            if row.writes_folders:
                return Target(row, path)
    raise _nothing_writes(rows, path, f"no format writes {kind} to a name like this")


def _nothing_writes(rows: Sequence[Format], path: Path, why: str) -> WriteError:
    known = [
        f"{row.name} ({', '.join(row.writes) or 'a folder'})"
        for row in rows
        if row.write is not None
    ]
    return WriteError(str(path), why, f"What can be written: {'; '.join(known)}")
