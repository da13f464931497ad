"""The verb resample: another grid for a scan; what it takes is said before it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parsing
from napari_medvol.cli.sources import grid_of
from napari_medvol.cli.terminal import tell
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Step, Volume

RESAMPLE_HELP: Final = """Give a scan another grid: that of another scan, or other voxels.

    What the scan shows stays where it is. Images are interpolated linearly, labels keep the
    nearest one or, with majority, the one that fills most of a voxel. The size of the result is
    said before it is made, and one that the memory could not hold is refused.

    \b
    napari-medvol resample pet.nii.gz on-ct.nii.gz --to ct.nii.gz
    napari-medvol resample ct.nii.gz iso.nii.gz --zooms 1
    napari-medvol resample ct.nii.gz small.nii.gz --factors 2,2,1
    napari-medvol resample organs.nii.gz small.nii.gz --factors 2,2,1 --interpolation majority
    napari-medvol resample oblique.nii.gz straight.nii.gz --world
    napari-medvol resample ct.nii.gz own.nii.gz --shape 256,256,100 --affine grid.txt
    """

_BLURS: Final = "auto, none, or three numbers of old voxels such as 1.5,1.5,0"


def resample(
    volume: Any,
    to: Annotated[Path | None, typer.Option(help="Onto the grid of this scan.")] = None,
    zooms: Annotated[
        str | None, typer.Option(help="To voxels of this size, mm: 1, or 1,1,2.")
    ] = None,
    factors: Annotated[
        str | None, typer.Option(help="Every n-th voxel along i, j, k: 2,2,1.")
    ] = None,
    world: Annotated[
        bool,
        typer.Option(
            "--world", help="An oblique scan onto the axes of its world; --zooms may go with it."
        ),
    ] = False,
    shape: Annotated[
        str | None, typer.Option(help="Onto this grid: voxels along i, j, k, with --affine.")
    ] = None,
    affine: Annotated[
        Path | None,
        typer.Option(help="With --shape: a file of 4×4 numbers, voxel to RAS+ mm."),
    ] = None,
    interpolation: Annotated[
        str, typer.Option(help="auto, nearest, linear, cubic or majority (labels).")
    ] = "auto",
    blur: Annotated[
        str,
        typer.Option(
            help=f"Gaussian before sampling, against aliasing: {_BLURS}. auto blurs images that "
            "get larger voxels by --zooms or --factors."
        ),
    ] = "auto",
    start: Annotated[
        str | None, typer.Option(help="With --factors: the first voxel kept, i,j,k.")
    ] = None,
    outside: Annotated[float, typer.Option(help="Value beyond the scan.")] = 0.0,
) -> Any:
    """Return the step that resamples."""
    alone = None if world else zooms
    chosen = parsing.only_one(
        "resample", to=to, zooms=alone, factors=factors, world=world, shape=shape
    )
    if (affine is None) != (shape is None):
        raise BatchError("resample", "--shape and --affine go together", "Give both")
    if start is not None and factors is None:
        raise BatchError("--start", "nothing uses it", "Give --factors with it")
    _check_interpolation(interpolation, chosen)
    sigma = _blur_of(blur)
    how: dict[str, Any] = {"interpolation": interpolation}
    if outside:
        how["outside"] = outside
    if chosen == "world":
        step = _along_world(zooms, blur, how)
    elif chosen == "zooms":
        step = _sized(volume, parsing.three_of(str(zooms), "--zooms"), blur, sigma, how)
    elif chosen == "factors":
        firsts = None if start is None else parsing.index_of(start, "--start")
        step = _thinned(volume, parsing.index_of(str(factors), "--factors"), firsts, sigma, how)
    else:
        step = _onto(to, shape, affine, sigma, how)
    _say_size(volume, step)
    return [step]


def _check_interpolation(name: str, chosen: str) -> None:
    from napari_medvol.ops.resample import INTERPOLATIONS

    if name not in INTERPOLATIONS:
        why = f"{name!r} is none of {', '.join(INTERPOLATIONS)}"
        raise BatchError("--interpolation", why, "Name one of them")
    if chosen == "factors" and name in ("linear", "cubic"):
        why = f"{name} has nothing to do: every n-th voxel is kept, none lies between"
        raise BatchError("--interpolation", why, "Leave it out, or give sizes with --zooms")


def _blur_of(text: str) -> list[float] | None:
    """Return the blur that was typed; None for the usual one."""
    if text in ("auto", "none"):
        return None if text == "auto" else [0.0, 0.0, 0.0]
    try:
        return parsing.three_of(text, "--blur")
    except BatchError as error:
        raise BatchError("--blur", f"{text!r} is no blur", f"Write {_BLURS}") from error


def _along_world(zooms: str | None, blur: str, how: dict[str, Any]) -> Step:
    from napari_medvol.volume import Step

    if blur not in ("auto", "none") or "outside" in how:
        why = "--world takes neither --blur nor --outside"
        raise BatchError("resample", why, "Leave them out, or give the grid with --shape")
    sizes = {} if zooms is None else {"zooms": parsing.three_of(zooms, "--zooms")}
    return Step("world_aligned", {**sizes, **how})


def _sized(
    volume: Volume,
    sizes: list[float],
    blur: str,
    sigma: Sequence[float] | None,
    how: dict[str, Any],
) -> Step:
    from napari_medvol.ops.grids import resized_grid
    from napari_medvol.volume import Step

    if blur in ("auto", "none") and "outside" not in how:
        return Step("resize", {"zooms": sizes, **how, "antialiased": blur == "auto"})
    # What resize has no word for is said as a grid.
    from napari_medvol import affines
    from napari_medvol.ops.resample import antialias

    shape, grid = resized_grid(volume, sizes)
    if sigma is None and volume.kind == "image":
        sigma = antialias(
            [s / old for s, old in zip(sizes, affines.zooms(volume.affine), strict=True)]
        )
    params = {"shape": shape, "affine": grid.tolist(), **how, "blur": list(sigma or (0, 0, 0))}
    return Step("resample", params)


def _thinned(
    volume: Volume,
    factors: Sequence[int],
    start: Sequence[int] | None,
    sigma: Sequence[float] | None,
    how: dict[str, Any],
) -> Step:
    from napari_medvol.ops.grids import thinned_grid
    from napari_medvol.volume import Step

    if "outside" in how:
        raise BatchError("--outside", "every n-th voxel lies inside", "Leave it out")
    if how["interpolation"] != "majority":
        # Every voxel that is kept is one of the old ones: nothing lies between voxels.
        asked = {"factors": list(factors), "start": start, "blur": sigma}
        return Step("downsample", {name: v for name, v in asked.items() if v is not None})
    shape, grid, _ = thinned_grid(volume, factors, start)
    return Step("resample", {"shape": shape, "affine": grid.tolist(), **how})


def _onto(
    to: Path | None,
    shape: str | None,
    affine: Path | None,
    sigma: Sequence[float] | None,
    how: dict[str, Any],
) -> Step:
    from napari_medvol.volume import Step

    if to is not None:
        grid = grid_of(to)
    else:
        sizes = list(parsing.index_of(str(shape), "--shape"))
        grid = {"shape": sizes, "affine": parsing.matrix_of(Path(affine or ""))}
    return Step("resample", {**grid, **how, **({} if sigma is None else {"blur": list(sigma)})})


def _say_size(volume: Volume, step: Step) -> None:
    """Say what the result takes, before it is made; what is too much is refused in time."""
    import numpy as np

    from napari_medvol.budget import BUDGET
    from napari_medvol.ops.grids import grid_after
    from napari_medvol.ops.resample import needed_bytes

    shape, grid = grid_after(volume, step)
    needed = needed_bytes(volume, shape)
    makes_sense = min(shape) >= 1 and abs(np.linalg.det(grid)) > 0
    if makes_sense and needed <= BUDGET.limit:
        sizes = " × ".join(map(str, (*shape, *volume.shape[3:])))
        tell(f"makes {sizes} {volume.dtype}, {needed / 2**20:,.1f} MiB")
