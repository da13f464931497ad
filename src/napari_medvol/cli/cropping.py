"""The verb crop: a box typed, or fitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parsing
from napari_medvol.cli.sources import only_volume
from napari_medvol.cli.terminal import progress_of
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.views.boxes import Box
    from napari_medvol.volume import Volume

CROP_HELP: Final = """Keep a box of voxels, each where it was.

    The box is half-open: its stop is the first voxel left out. Or it is fitted to what is no
    air, to labels, or to where another scan lies.

    \b
    napari-medvol crop ct.nii.gz lung.nii.gz --box 103:381,160:340,:
    napari-medvol crop CT/ lung.nii.gz --start 103,160,0 --stop 381,340,175
    napari-medvol crop ct.nii.gz body.nii.gz --content --margin 10
    napari-medvol crop ct.nii.gz liver.nii.gz --label organs.nii.gz --number 5
    napari-medvol crop pet.nii.gz part.nii.gz --to ct-part.nii.gz
    """


# typer evaluates the annotations: types that cost an import are Any.
def crop(
    volume: Any,
    box: Annotated[
        str | None, typer.Option(help="As numpy slices from 0: 103:381,160:340,:")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First voxel, i,j,k from 0.")] = None,
    stop: Annotated[str | None, typer.Option(help="Voxel after the last, i,j,k.")] = None,
    content: Annotated[bool, typer.Option("--content", help="What is no air.")] = False,
    above: Annotated[
        float | None, typer.Option(help="With --content: air is up to this value.")
    ] = None,
    label: Annotated[
        Path | None, typer.Option(help="What this labels file marks, on whatever grid.")
    ] = None,
    number: Annotated[
        int | None, typer.Option(help="With --label: this label alone; all by default.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="The voxels that lie within this other scan.")
    ] = None,
    margin: Annotated[float, typer.Option(help="Kept around a fitted box, mm.")] = 0.0,
) -> Any:
    """Return the step that crops."""
    from napari_medvol.volume import Step

    typed = None if start is None and stop is None else (start, stop)
    chosen = parsing.only_one("crop", box=box, start=typed, content=content, label=label, to=to)
    _check_margin(margin, chosen)
    if chosen == "box":
        first, end = parsing.box_of(str(box), volume.shape)
    elif chosen == "start":
        first = parsing.index_of(start, "--start") if start else (0, 0, 0)
        end = parsing.index_of(stop, "--stop") if stop else volume.shape[:3]
    else:
        first, end = _fitted(volume, chosen, above, label or to, number, margin)
    return [Step("crop", {"start": first, "stop": end})]


def _check_margin(margin: float, chosen: str) -> None:
    if not 0 <= margin < float("inf"):
        raise BatchError("--margin", f"{margin:g} mm is no margin", "Give 0 or more")
    if margin and chosen in ("box", "start"):
        why = "a box that was typed is kept as it is"
        raise BatchError("--margin", why, "Use it with --content, --label or --to")


def _fitted(
    volume: Volume,
    chosen: str,
    above: float | None,
    other: Path | None,
    number: int | None,
    margin: float,
) -> Box:
    from napari_medvol.views import boxes

    if chosen == "content":
        with progress_of("fitting") as progress:
            return boxes.fit_to_content(volume, margin, above, progress)
    found = only_volume(other)
    if chosen == "label":
        with progress_of("fitting") as progress:
            return boxes.fit_to_label(volume, found, number, margin, progress)
    region = boxes.region_of(found.affine, boxes.whole(found.shape))
    box = boxes.box_within(volume.affine, volume.shape, region, volume.name)
    return boxes.grown(box, volume.shape, volume.zooms, margin)
