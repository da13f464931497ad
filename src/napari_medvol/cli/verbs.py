"""What all verbs of operations do alike: read one scan, change it, write it, say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli.groups import Group, expanded
from napari_medvol.cli.sources import only_volume, refuse_existing
from napari_medvol.cli.terminal import progress_of, show

if TYPE_CHECKING:
    from napari_medvol.volume import Step, Volume

SavedRecipe = Annotated[
    Path | None,
    typer.Option("--recipe", help="Also write the steps here (TOML), for apply."),
]


@dataclass(frozen=True, slots=True)
class Verb:
    """An operation on the command line.

    Parameters
    ----------
    name : str
        The verb.
    ops : tuple of str
        The operations that it may stand for: names in ``OPERATIONS``.
    change : callable
        The volume, and by name what is typed, to the steps. Its parameters after the first are
        those of the verb, annotated as typer wants them.
    help : str
        One line, then examples.
    also : callable, optional
        Writes what else was asked for, once the scan is written: takes the volume before, the
        one after, whether files may be replaced, and what was typed.
    """

    name: str
    ops: tuple[str, ...]
    change: Callable[..., Sequence[Step]]
    help: str
    also: Callable[[Volume, Volume, bool, dict[str, Any]], None] | None = None


def command_of(verb: Verb) -> Callable[..., None]:
    """Return the function that typer makes a command of."""
    return expanded(partial(_run, verb), change=Group(verb.change, later=1))


def _run(
    verb: Verb,
    source: typed.Source,
    target: typed.Target,
    *,
    change: Any,
    reads: typed.Reads,
    writes: typed.Writes,
    recipe: SavedRecipe = None,
    overwrite: typed.Overwrite = False,
    as_json: typed.AsJson = False,
) -> None:
    from napari_medvol.formats import write
    from napari_medvol.ops import apply

    refuse_existing(recipe, overwrite)
    volume = only_volume(source, reads)
    steps = change(volume)
    with progress_of(verb.name) as progress:
        changed = apply(volume, steps, progress=progress)
        certificate = write(changed, target, overwrite=overwrite, progress=progress, **writes)
    if verb.also is not None:
        verb.also(volume, changed, overwrite, change.keywords)
    if recipe is not None:
        _save_recipe(recipe, changed, {"path": str(source.absolute()), **reads}, target)
    show(certificate.to_json() if as_json else str(certificate))


def _save_recipe(path: Path, volume: Volume, read: dict[str, Any], target: Path) -> None:
    from napari_medvol.formats.saving.staging import staged
    from napari_medvol.recipe import Recipe

    text = Recipe(volume.history, (read,), str(target.absolute())).to_toml()
    with staged(path, overwrite=True) as folder:
        (folder / path.name).write_text(text, encoding="utf-8")
