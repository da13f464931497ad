"""A verb an operation: one row of ``VERBS`` says what is typed and which steps it means."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Annotated, Any, Final

import typer

from napari_medvol.cli import aligning, cropping, framing, orienting, parsing, resampling, valuing
from napari_medvol.cli.terminal import show
from napari_medvol.cli.verbs import Verb, command_of

STEP_HELP: Final = """Run any operation, by its name in recipes and in Python.

    \b
    napari-medvol step --list
    napari-medvol step ct.nii.gz turned.nii.gz orient axcodes=RAS
    napari-medvol step ct.nii.gz part.nii.gz crop start=[0,0,0] stop=[9,9,9]
    """


def _list_operations(asked: bool) -> None:
    if asked:
        from napari_medvol.ops import OPERATIONS

        for name, operation in OPERATIONS.items():
            parameters = list(signature(operation).parameters.values())[1:]
            names = " ".join(p.name for p in parameters if p.kind is not Parameter.KEYWORD_ONLY)
            summary = (operation.__doc__ or "").strip().splitlines()[0]
            show(f"{f'{name} {names}':44}  {summary}")
        raise typer.Exit


def _step(
    volume: Any,
    op: Annotated[str, typer.Argument(help="Name of an operation.")],
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="What it takes, as recipes have it."),
    ] = None,
    listed: Annotated[
        bool,
        typer.Option(
            "--list",
            callback=_list_operations,
            is_eager=True,
            help="Say which operations there are, and what they take.",
        ),
    ] = False,
) -> Any:
    from napari_medvol.volume import Step

    return [Step(op, dict(map(parsing.parameter_of, parameters or ())))]


#: A new operation gets its verb here: ``step`` runs any, for those who know its name.
VERBS: Final[tuple[Verb, ...]] = (
    Verb("crop", ("crop",), cropping.crop, cropping.CROP_HELP),
    Verb("orient", ("orient",), orienting.orient, orienting.ORIENT_HELP),
    Verb("relabel", ("relabel", "forget_qform"), orienting.relabel, orienting.RELABEL_HELP),
    Verb(
        "align",
        ("align_centres", "set_origin", "move"),
        aligning.align,
        aligning.ALIGN_HELP,
        aligning.save_motion,
    ),
    Verb(
        "resample",
        ("resample", "resize", "downsample", "world_aligned"),
        resampling.resample,
        resampling.RESAMPLE_HELP,
    ),
    Verb(
        "values",
        ("astype", "round_values", "scale", "rescale", "window", "clip", "part", "as_kind"),
        valuing.values,
        valuing.VALUES_HELP,
    ),
    Verb("frames", ("frames", "frame", "over_frames"), framing.frames, framing.FRAMES_HELP),
    Verb("slab", ("slab",), framing.slab, framing.SLAB_HELP),
    Verb("step", (), _step, STEP_HELP),
)


def add_verbs(app: typer.Typer) -> None:
    """Add every row of ``VERBS`` to the application."""
    for verb in VERBS:
        app.command(verb.name, help=verb.help)(command_of(verb))
