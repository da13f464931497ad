"""Volumes in memory to files with names of a template: the layers of a viewer, for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from napari_medvol.batch.names import TakenNames, facts_of, filled
from napari_medvol.batch.report import Row, table_of
from napari_medvol.batch.work import Outcome, written
from napari_medvol.errors import MedVolError
from napari_medvol.formats import PathLike
from napari_medvol.formats.places import places_of
from napari_medvol.formats.row import Progress, unheard
from napari_medvol.ops import operation_of
from napari_medvol.recipe import Recipe
from napari_medvol.table import Table
from napari_medvol.volume import Step, Volume


def convert_volumes(
    volumes: Sequence[Volume],
    target: PathLike,
    *,
    template: str = "{name}",
    steps: Recipe | Sequence[Step] = (),
    suffix: str = ".nii.gz",
    format: str | None = None,
    overwrite: bool = False,
    progress: Progress = unheard,
    **choices: Any,
) -> Table:
    """Write volumes into a folder; one that cannot be written is a row that says why.

    Parameters
    ----------
    volumes : sequence of Volume
    target : path
        A folder.
    template, steps, suffix, format, overwrite
        As :func:`napari_medvol.convert` has them.
    progress : callable, optional
        Called with (work done, work in all). What it raises ends the writing.
    **choices
        What :func:`napari_medvol.write` may be asked for.

    Returns
    -------
    Table
        One row a volume, of the columns ``COLUMNS``.

    Raises
    ------
    BatchError
        If the template makes no sense.
    StepError
        If a step names no operation or does not fit it.
    """
    (folder,) = places_of(target)
    done = tuple(steps.steps if isinstance(steps, Recipe) else steps)
    for step in done:
        operation_of(step)
    names = TakenNames()
    rows = []
    for number, volume in enumerate(volumes, 1):
        facts = facts_of(volume, PurePosixPath())
        name = names.give(filled(template, facts, number) + suffix)

        def tell(made: int, of: int, before: int = number - 1) -> None:
            progress(before * of + made, of * len(volumes))

        try:
            outcome, _ = written(
                volume,
                done,
                folder / name,
                format=format,
                overwrite=overwrite,
                progress=tell,
                **choices,
            )
        except MedVolError as error:
            outcome = Outcome("failed", "", str(error))
        rows.append(Row.of(volume.name, name, outcome))
    return table_of(rows)
