"""The verbs of axes beyond space, and of thick slabs: frames, split, slab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli import parsing
from napari_medvol.cli.sources import only_volume
from napari_medvol.cli.terminal import progress_of, show
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Volume

FRAMES_HELP: Final = """Pick a frame of a series, a range of them, or their mean.

    Along time, or whatever other axis there is. A range keeps the time between frames
    (TR). split takes all frames apart.

    \b
    napari-medvol frames bold.nii.gz one.nii.gz --pick 10
    napari-medvol frames bold.nii.gz steady.nii.gz --range 5:
    napari-medvol frames bold.nii.gz mean.nii.gz --over mean
    napari-medvol frames dwi.nii.gz b0.nii.gz --pick 0 --axis b
    """

SPLIT_HELP: Final = """Take the frames of a series apart, each a scan of its own in a folder.

    \b
    napari-medvol split bold.nii.gz frames/
    napari-medvol split bold.nii.gz frames/ -t "{stem}_{index:03d}" --suffix .mgz
    """

SLAB_HELP: Final = """Make thick slabs: every few planes averaged, or projected (MIP).

    \b
    napari-medvol slab ct.nii.gz thick.nii.gz --plane axial --planes 5
    napari-medvol slab ct.nii.gz mip.nii.gz --plane coronal --planes 20 --every 5 --how max
    """

Axis = Annotated[str, typer.Option(help="Name of the axis, as info tells it.")]


def frames(
    volume: Any,
    pick: Annotated[
        int | None, typer.Option(help="One frame, from 0; -1 is the last. The axis is gone.")
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", metavar="START:STOP:STEP", help="From START to before STOP."),
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="All in one: mean, sd, min, max, sum or median.")
    ] = None,
    axis: Axis = "t",
) -> Any:
    """Return the step that picks or joins frames."""
    from napari_medvol.volume import Step

    chosen = parsing.only_one("frames", pick=pick, range_=range_, over=over)
    if chosen == "pick":
        return [Step("frame", {"index": pick, "axis": axis})]
    if chosen == "over":
        return [Step("over_frames", {"how": over, "axis": axis})]
    start, stop, every = parsing.slice_of(str(range_), "--range")
    if every == 0:
        raise BatchError("--range", f"{range_!r} has a step of 0", "Give 1 or more")
    params = {"start": start or 0, "stop": stop, "step": every or 1, "axis": axis}
    return [Step("frames", {name: one for name, one in params.items() if one is not None})]


def split(
    source: typed.Source,
    target: Annotated[Path, typer.Argument(help="A folder.", show_default=False)],
    *,
    axis: Axis = "t",
    template: typed.Template = "{stem}_{index:03d}",
    suffix: typed.Suffix = ".nii.gz",
    reads: typed.Reads,
    writes: typed.Writes,
    overwrite: typed.Overwrite = False,
    as_json: typed.AsJson = False,
) -> None:
    """Write every frame of a series."""
    from napari_medvol.batch import convert_volumes
    from napari_medvol.ops.frames import split as apart

    volumes = apart(only_volume(source, reads), axis)
    with progress_of("split") as progress:
        table = convert_volumes(
            volumes,
            target,
            template=template,
            suffix=suffix or ".nii.gz",
            overwrite=overwrite,
            progress=progress,
            **writes,
        )
    show(table.to_json() if as_json else str(table))
    if any(row[table.columns.index("status")] != "written" for row in table.rows):
        raise typer.Exit(1)


def slab(
    volume: Any,
    planes: Annotated[int, typer.Option(help="How many make a slab.", show_default=False)],
    plane: Annotated[
        str, typer.Option(help="axial, coronal, sagittal, or a voxel axis 0, 1, 2.")
    ] = "axial",
    every: Annotated[
        int | None, typer.Option(help="Planes from one slab to the next; --planes by default.")
    ] = None,
    how: Annotated[str, typer.Option(help="mean, max (MIP) or min (MinIP).")] = "mean",
) -> Any:
    """Return the step that makes slabs."""
    from napari_medvol.volume import Step

    params = {"axis": _across(volume, plane), "n": planes, "step": every, "how": how}
    return [Step("slab", {name: one for name, one in params.items() if one is not None})]


def _across(volume: Volume, plane: str) -> int:
    """Return the voxel axis that runs across a plane."""
    from napari_medvol import affines

    across = {"sagittal": 0, "coronal": 1, "axial": 2}
    if plane in ("0", "1", "2"):
        return int(plane)
    if plane not in across:
        why = f"{plane!r} is no plane"
        raise BatchError("--plane", why, "Write axial, coronal, sagittal, 0, 1 or 2")
    along = [int(axis) for axis in affines.orientation(volume.affine)[:, 0]]
    return along.index(across[plane])
