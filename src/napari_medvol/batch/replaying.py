"""A recipe once more, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_medvol.errors import BatchError, StepError
from napari_medvol.formats import PathLike, read
from napari_medvol.ops import apply
from napari_medvol.recipe import Recipe
from napari_medvol.volume import Volume


def replay(
    recipe: Recipe | PathLike, inputs: PathLike | Sequence[PathLike] | None = None
) -> list[Volume]:
    """Return what a recipe makes of its inputs, or of others.

    Parameters
    ----------
    recipe : Recipe, path or str
        A recipe, the file of one, or its text (TOML).
    inputs : path or sequence of paths, optional
        Files or folders, each for itself. By default those that the recipe names; their
        relative paths start where the recipe's file is.

    Returns
    -------
    list of Volume
        One for each volume that is read, lazy where the operations are.

    Raises
    ------
    BatchError
        If neither the recipe nor the caller names an input.
    ReadError
        If the recipe or an input cannot be read.
    StepError
        If a step names no operation, was made by hand, or refuses its parameters.
    """
    known, folder = recipe_of(recipe)
    volumes = []
    for one in _inputs(known, folder, inputs):
        asked = {str(name): value for name, value in one.items() if name != "path"}
        for volume in read(one["path"], **asked):
            try:
                volumes.append(apply(volume, known.steps))
            except StepError as error:
                what = f"{error.what}, for {one['path']}"
                raise StepError(what, error.why, error.fix) from error
    return volumes


def recipe_of(recipe: Recipe | PathLike) -> tuple[Recipe, Path]:
    """Return a recipe and the folder that its relative paths start from.

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    if isinstance(recipe, Recipe):
        return recipe, Path.cwd()
    text = str(recipe)
    if isinstance(recipe, str) and ("\n" in text or text.lstrip().startswith("[")):
        return Recipe.from_toml(text), Path.cwd()
    path = Path(text).expanduser().absolute()
    return Recipe.load(path), path.parent


def inputs_of(recipe: Recipe, folder: Path) -> list[dict[str, Any]]:
    """Return the inputs that a recipe names, their paths absolute."""
    return [{**one, "path": str(folder / Path(one["path"]).expanduser())} for one in recipe.inputs]


def _inputs(
    recipe: Recipe, folder: Path, inputs: PathLike | Sequence[PathLike] | None
) -> Sequence[Mapping[str, Any]]:
    if inputs is None:
        named = inputs_of(recipe, folder)
        if not named:
            raise BatchError(
                "replay", "the recipe names no input", "Name one: replay(recipe, 'scan.nii.gz')"
            )
        return named
    if isinstance(inputs, Sequence) and not isinstance(inputs, str):
        return [{"path": one} for one in inputs]
    return [{"path": inputs}]
