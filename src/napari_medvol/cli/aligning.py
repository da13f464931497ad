"""The verb align: a scan moved to a point, by a matrix, or onto another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parsing
from napari_medvol.cli.sources import grid_of, only_volume, refuse_existing
from napari_medvol.cli.terminal import progress_of
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Step, Volume

ALIGN_HELP: Final = """Move a scan: its centre or origin to a point, by a matrix, or onto another.

    Its voxels stay as they are; the header says where they lie now. With --bake they are
    interpolated at the voxels of another scan instead. All points are RAS+ mm.

    \b
    napari-medvol align mr.nii.gz moved.nii.gz --to ct.nii.gz
    napari-medvol align mr.nii.gz moved.nii.gz --centre 0,0,0
    napari-medvol align mr.nii.gz moved.nii.gz --matrix mr-to-ct.txt
    napari-medvol align mr.nii.gz moved.nii.gz --transform mr-to-ct.tfm
    napari-medvol align mr.nii.gz moved.nii.gz --transform flirt.mat --reference ct.nii.gz
    napari-medvol align mr.nii.gz moved.nii.gz --register ct.nii.gz --save mr-to-ct.tfm
    napari-medvol align mr.nii.gz on-ct.nii.gz --register ct.nii.gz --bake ct.nii.gz
    """


def align(
    volume: Any,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", "--centres-of", help="Bring the centre of the grid to that of this scan."
        ),
    ] = None,
    centre: Annotated[
        str | None, typer.Option(help="Bring the centre of the grid to x,y,z (RAS+ mm).")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Bring the centre of voxel 0,0,0 to x,y,z (RAS+ mm).")
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option(
            help="Move by a file of 4×4 numbers, RAS+ mm of the scan before to after; what is "
            "a file for --transform is read as one."
        ),
    ] = None,
    transform: Annotated[
        Path | None,
        typer.Option(
            help="Move by a file of ITK, ANTs, FSL, FreeSurfer or MNI (.xfm: source to target); "
            ".mat is FSL's."
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The scan that --transform leads to: FSL needs it.")
    ] = None,
    register: Annotated[
        Path | None, typer.Option(help="Look for the motion onto this scan (SimpleITK).")
    ] = None,
    motion: Annotated[str, typer.Option(help="With --register: rigid or affine.")] = "rigid",
    bake: Annotated[
        Path | None, typer.Option(help="Interpolate the moved scan on the grid of this one.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Also write the motion: .tfm, .mat (FSL), .lta, .xfm or .txt."),
    ] = None,
) -> Any:
    """Return the steps that move a scan."""
    from napari_medvol.volume import Step

    chosen = parsing.only_one(
        "align",
        to=to,
        centre=centre,
        origin=origin,
        matrix=matrix,
        transform=transform,
        register=register,
    )
    if reference is not None and transform is None and matrix is None and save is None:
        raise BatchError("--reference", "nothing uses it", "Give --transform or --save with it")
    refuse_existing(save, overwrite=False)
    makers = {
        "to": lambda: _to_centre_of(to),
        "centre": lambda: Step(
            "align_centres", {"centre": parsing.point_of(str(centre), "--centre")}
        ),
        "origin": lambda: Step(
            "set_origin", {"origin": parsing.point_of(str(origin), "--origin")}
        ),
        "matrix": lambda: _by_matrix(volume, Path(matrix or ""), reference),
        "transform": lambda: _transformed(volume, Path(transform or ""), reference),
        "register": lambda: _registered(volume, register, motion),
    }
    steps = [makers[chosen]()]
    return [*steps, Step("resample", grid_of(bake))] if bake is not None else steps


def save_motion(before: Volume, after: Volume, overwrite: bool, given: dict[str, Any]) -> None:
    """Write the motion of a scan as a transform file, if one was asked for."""
    from napari_medvol.formats.transforms import write_transform
    from napari_medvol.ops import apply

    path = given["save"]
    if path is None:
        return
    onto = next(
        (given[name] for name in ("reference", "register", "to", "bake") if given[name]), 0
    )
    # What is baked lies on another grid: the motion is that of the step before.
    moved = apply(before, after.history[len(before.history) :][:1])
    import numpy as np

    write_transform(
        moved.affine @ np.linalg.inv(before.affine),
        path,
        moving=before,
        fixed=only_volume(onto) if onto else None,
        overwrite=overwrite,
    )


def _to_centre_of(other: Path | None) -> Step:
    from napari_medvol.ops.move import centre_of
    from napari_medvol.volume import Step

    return Step("align_centres", {"centre": centre_of(only_volume(other)).tolist()})


def _by_matrix(volume: Volume, matrix: Path, reference: Path | None) -> Step:
    from napari_medvol.formats.transforms import dialect_of
    from napari_medvol.volume import Step

    if dialect_of(matrix) in ("itk", "lta", "xfm"):
        return _transformed(volume, matrix, reference)
    return Step("move", {"matrix": parsing.matrix_of(matrix)})


def _transformed(volume: Volume, transform: Path, reference: Path | None) -> Step:
    from napari_medvol.formats.transforms import read_transform
    from napari_medvol.volume import Step

    fixed = None if reference is None else only_volume(reference)
    matrix = read_transform(transform, moving=volume, fixed=fixed)
    return Step("move", {"matrix": matrix.tolist()})


def _registered(volume: Volume, reference: Any, motion: Any) -> Step:
    from napari_medvol.registration import register
    from napari_medvol.volume import Step

    fixed = only_volume(reference)
    with progress_of("registering") as progress:
        found = register(volume, fixed, motion, progress=progress)
    return Step("move", {"matrix": found.matrix.tolist()})
