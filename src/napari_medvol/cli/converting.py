"""The verbs convert and apply."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli.groups import Group
from napari_medvol.cli.orienting import orientation
from napari_medvol.cli.sources import only_volume
from napari_medvol.cli.terminal import progress_of, show, tell
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.recipe import Recipe
    from napari_medvol.table import Table
    from napari_medvol.volume import Step

Recipes = Annotated[Path | None, typer.Option("--steps", help="A recipe (TOML) to apply first.")]


def _dicom(
    multiframe: Annotated[
        bool, typer.Option("--multiframe", help="DICOM: one file instead of one a slice.")
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(help="DICOM: the scan whose patient and study the new series belongs to."),
    ] = None,
    elements: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEYWORD=VALUE", help="DICOM: an element; may be repeated."),
    ] = None,
) -> dict[str, Any]:
    """Return the choices of writing DICOM that were typed."""
    asked: dict[str, Any] = {"multiframe": True} if multiframe else {}
    if elements:
        pairs = [element.partition("=") for element in elements]
        if not all(sign for _, sign, _ in pairs):
            why = f"{elements!r} are not all KEYWORD=VALUE"
            raise BatchError("--set", why, "Write it as SeriesDescription=Lung")
        asked["elements"] = {keyword: value for keyword, _, value in pairs}
    if like is not None:
        asked["like"] = only_volume(like)
    return asked


CONVERT_HELP: Final = """Convert a scan, a series, or every scan of a tree.

    Each output is read back and compared before it is put in place. In a tree, a scan that
    fails stops no other, and the same command again does only what is new, changed or
    unfinished.

    \b
    napari-medvol convert CT/ ct.nii.gz
    napari-medvol convert CT/ ct.nii.gz --reorient LAS --dtype float32 --sidecar bids
    napari-medvol convert studies/ nifti/ --report report.csv -j 4
    napari-medvol convert studies/ nifti/ -t "{PatientID}/{SeriesNumber:03d}_{Modality}"
    napari-medvol convert studies/ nifti/ --names dicom2nifti
    napari-medvol convert studies/ nifti/ --scheduler tcp://host:8786
    """

APPLY_HELP: Final = """Apply the steps of a recipe (TOML) to a scan, or to every scan of a tree.

    Without SOURCE the recipe's own inputs, without TARGET its own output.

    \b
    napari-medvol apply lung.toml
    napari-medvol apply lung.toml CT/ lung.nii.gz
    napari-medvol apply lung.toml studies/ cropped/ --workers 4
    """


def convert(
    source: typed.Source,
    target: typed.Target,
    *,
    names: Annotated[
        str, typer.Option(help="template, or dicom2nifti: its names, axes (LAS) and codes.")
    ] = "template",
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format to write, whatever the suffix says.")
    ] = None,
    reorient: Annotated[
        str | None, typer.Option(help="Turn axes first: LAS, RAS, … or canonical (RAS).")
    ] = None,
    steps: Recipes = None,
    reads: typed.Reads,
    writes: typed.Writes,
    dicom: Annotated[dict[str, Any], Group(_dicom)],
    runs: typed.Runs,
    as_json: typed.AsJson = False,
) -> None:
    """Convert a scan, a series, or a tree."""
    run(
        source,
        target,
        as_json=as_json,
        names=names,
        format=format_name,
        steps=_steps(steps, reorient),
        **runs,
        **reads,
        **writes,
        **dicom,
    )


def apply(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML).", show_default=False)],
    source: Annotated[
        Path | None, typer.Argument(help="File or folder; else the recipe's.")
    ] = None,
    target: Annotated[
        Path | None, typer.Argument(help="File or folder; else the recipe's.")
    ] = None,
    *,
    writes: typed.Writes,
    runs: typed.Runs,
    as_json: typed.AsJson = False,
) -> None:
    """Apply a recipe."""
    from napari_medvol.batch.replaying import inputs_of, recipe_of

    known, folder = recipe_of(recipe)
    inputs = inputs_of(known, folder) if source is None else [{"path": str(source)}]
    if target is None and known.output:
        target = folder / known.output
    if not inputs or target is None:
        lacks = "input" if not inputs else "output"
        raise BatchError(
            str(recipe), f"the recipe names no {lacks}", "Name it: apply RECIPE SOURCE TARGET"
        )
    for one in inputs:
        asked = {name: value for name, value in one.items() if name != "path"}
        path = Path(one["path"])
        run(path, target, as_json=as_json, steps=known, **runs, **{**writes, **asked})


def run(source: Path, target: Path, *, as_json: bool, **how: Any) -> None:
    """Convert, show what became of it, and end with 1 if something failed."""
    from napari_medvol.batch import convert as converted

    with progress_of("converting") as progress:
        table = converted(source, target, progress=progress, **how)
    show(table.to_json() if as_json else str(_without_empty(table)))
    status, problem = (table.columns.index(name) for name in ("status", "problem"))
    counts = Counter(row[status] for row in table.rows)
    odd = sum(bool(row[problem]) and row[status] in ("written", "there") for row in table.rows)
    said = [f"{count} {name}" for name, count in sorted(counts.items())]
    tell(", ".join([*said, f"{odd} with something odd"] if odd else said))
    if counts["failed"] or counts["stopped"]:
        raise typer.Exit(1)


def _without_empty(table: Table) -> Table:
    """Return the table without the columns that say nothing, line breaks as semicolons."""
    from napari_medvol.table import Table

    kept = [n for n in range(len(table.columns)) if any(row[n] for row in table.rows)]
    rows = (tuple(_on_one_line(row[n]) for n in kept) for row in table.rows)
    return Table(tuple(table.columns[n] for n in kept), tuple(rows))


def _on_one_line(value: Any) -> Any:
    return value.replace("\n", "; ") if isinstance(value, str) else value


def _steps(path: Path | None, reorient: str | None) -> Recipe | list[Step]:
    from napari_medvol.recipe import Recipe

    steps = list(Recipe.load(path).steps) if path is not None else []
    return [*steps, orientation(reorient)] if reorient else steps
