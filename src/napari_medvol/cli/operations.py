"""A verb an operation: one row of ``VERBS`` says what is typed and which step it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli.terminal import progress_of, show
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Step, Volume


@dataclass(frozen=True, slots=True)
class Verb:
    """An operation on the command line.

    Parameters
    ----------
    name : str
        The verb.
    ops : tuple of str
        The operations that it may stand for: names in ``OPERATIONS``.
    step : callable
        The volume, and by name what is typed, to the step. Its parameters after the first are
        those of the verb, annotated as typer wants them.
    help : str
        One line, then examples.
    """

    name: str
    ops: tuple[str, ...]
    step: Callable[..., Step]
    help: str


# typer evaluates the annotations: types that cost an import are Any.
def _crop(
    volume: Any,
    start: Annotated[str | None, typer.Option(help="First voxel, i,j,k from 0.")] = None,
    stop: Annotated[str | None, typer.Option(help="Voxel after the last, i,j,k.")] = None,
    box: Annotated[
        str | None, typer.Option(help="Both at once, as numpy slices: 103:381,160:340,:")
    ] = None,
) -> Any:
    from napari_medvol.volume import Step

    if (box is None) == (start is None and stop is None):
        raise BatchError("crop", "it takes --box, or --start and --stop", "See crop --help")
    if box is not None:
        first, end = typed.box_of(box, volume.shape)
        return Step("crop", {"start": first, "stop": end})
    first = typed.index_of(start, "--start") if start else (0, 0, 0)
    end = typed.index_of(stop, "--stop") if stop else volume.shape[:3]
    return Step("crop", {"start": first, "stop": end})


def _orient(
    volume: Any,
    axcodes: Annotated[
        str, typer.Argument(help="Positive ends of i, j, k: three letters of R L A P S I.")
    ],
) -> Any:
    return orientation(axcodes)


def orientation(axcodes: str) -> Step:
    """Return the step that turns axes; ``canonical`` is RAS, as nibabel has it."""
    from napari_medvol.volume import Step

    return Step("orient", {"axcodes": "RAS" if axcodes == "canonical" else axcodes})


def _relabel(
    volume: Any,
    axcodes: Annotated[
        str, typer.Argument(help="Where i, j, k are to run to: three letters of R L A P S I.")
    ],
    keep: Annotated[
        str, typer.Option(help="What stays where it is: centre, or origin as in ITK-SNAP.")
    ] = "centre",
) -> Any:
    from napari_medvol.volume import Step

    return Step("relabel", {"axcodes": axcodes, "keep": keep})


def _align(
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
        Path | None, typer.Option(help="Move by a file of 4×4 numbers, RAS+ mm to RAS+ mm.")
    ] = None,
    transform: Annotated[
        Path | None,
        typer.Option(help="Move by a file of ITK, ANTs, FSL, FreeSurfer or MNI; .mat is FSL's."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The scan that --transform leads to: FSL needs it.")
    ] = None,
    register: Annotated[
        Path | None, typer.Option(help="Look for the motion onto this scan (SimpleITK).")
    ] = None,
    motion: Annotated[str, typer.Option(help="With --register: rigid or affine.")] = "rigid",
) -> Any:
    from napari_medvol.volume import Step

    given = [o for o in (to, centre, origin, matrix, transform, register) if o is not None]
    if len(given) != 1:
        why = "it takes one of --to, --centre, --origin, --matrix, --transform and --register"
        raise BatchError("align", why, "See align --help")
    if transform is not None:
        return _transformed(volume, transform, reference)
    if register is not None:
        return _registered(volume, register, motion)
    if matrix is not None:
        return Step("move", {"matrix": typed.matrix_of(matrix)})
    if origin is not None:
        return Step("set_origin", {"origin": typed.point_of(origin, "--origin")})
    if centre is not None:
        return Step("align_centres", {"centre": typed.point_of(centre, "--centre")})
    from napari_medvol.ops.move import centre_of

    return Step("align_centres", {"centre": centre_of(only_volume(to, {})).tolist()})


def _transformed(volume: Volume, transform: Path, reference: Path | None) -> Step:
    from napari_medvol.formats.transforms import read_transform
    from napari_medvol.volume import Step

    fixed = None if reference is None else only_volume(reference, {})
    matrix = read_transform(transform, moving=volume, fixed=fixed)
    return Step("move", {"matrix": matrix.tolist()})


def _registered(volume: Volume, reference: Path, motion: Any) -> Step:
    from napari_medvol.registration import register
    from napari_medvol.volume import Step

    fixed = only_volume(reference, {})
    with progress_of("registering") as progress:
        found = register(volume, fixed, motion, progress=progress)
    return Step("move", {"matrix": found.matrix.tolist()})


def _resample(
    volume: Any,
    to: Annotated[Path | None, typer.Option(help="Onto the grid of this scan.")] = None,
    zooms: Annotated[
        str | None, typer.Option(help="To voxels of this size, mm: 1, or 1,1,2.")
    ] = None,
    factors: Annotated[
        str | None, typer.Option(help="Every n-th voxel along i, j, k: 2,2,1.")
    ] = None,
    world: Annotated[
        bool, typer.Option("--world", help="An oblique scan onto the axes of its world.")
    ] = False,
    interpolation: Annotated[
        str, typer.Option(help="auto, nearest, linear, cubic or majority (labels).")
    ] = "auto",
) -> Any:
    from napari_medvol.volume import Step

    given = [one for one in (to, zooms, factors, world or None) if one is not None]
    if len(given) != 1:
        why = "it takes one of --to, --zooms, --factors and --world"
        raise BatchError("resample", why, "See resample --help")
    how = {"interpolation": interpolation}
    if world:
        return Step("world_aligned", how)
    if factors is not None:
        return Step("downsample", {"factors": typed.index_of(factors, "--factors")})
    if zooms is not None:
        sizes = zooms if "," in zooms else f"{zooms},{zooms},{zooms}"
        return Step("resize", {"zooms": typed.point_of(sizes, "--zooms"), **how})
    other = only_volume(to, {})
    grid = {"shape": list(other.shape[:3]), "affine": other.affine.tolist()}
    return Step("resample", {**grid, **how})


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

    return Step(op, dict(map(typed.parameter_of, parameters or ())))


#: A new operation gets its verb here, if it is to have one of its own: ``step`` runs any.
VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "crop",
        ("crop",),
        _crop,
        """Keep a box of voxels, each where it was.

        \b
        napari-medvol crop ct.nii.gz lung.nii.gz --box 103:381,160:340,:
        napari-medvol crop CT/ lung.nii.gz --start 103,160,0 --stop 381,340,175
        """,
    ),
    Verb(
        "orient",
        ("orient",),
        _orient,
        """Turn the voxel axes without moving a voxel.

        \b
        napari-medvol orient ct.nii.gz turned.nii.gz LAS
        napari-medvol orient CT/ turned.mgz RAS
        """,
    ),
    Verb(
        "relabel",
        ("relabel",),
        _relabel,
        """Say anew where the voxel axes run: every voxel is elsewhere afterwards.

        It mends a file whose orientation is wrong. Left and right may be swapped.

        \b
        napari-medvol relabel wrong.nii.gz mended.nii.gz PIR
        """,
    ),
    Verb(
        "align",
        ("align_centres", "set_origin", "move"),
        _align,
        """Move a scan: its centre or origin to a point, by a matrix, or onto another.

        \b
        napari-medvol align mr.nii.gz moved.nii.gz --to ct.nii.gz
        napari-medvol align mr.nii.gz moved.nii.gz --centre 0,0,0
        napari-medvol align mr.nii.gz moved.nii.gz --matrix mr-to-ct.txt
        napari-medvol align mr.nii.gz moved.nii.gz --transform mr-to-ct.tfm
        napari-medvol align mr.nii.gz moved.nii.gz --transform flirt.mat --reference ct.nii.gz
        napari-medvol align mr.nii.gz moved.nii.gz --register ct.nii.gz
        """,
    ),
    Verb(
        "resample",
        ("resample", "resize", "downsample", "world_aligned"),
        _resample,
        """Give a scan another grid: that of another scan, or other voxels.

        \b
        napari-medvol resample pet.nii.gz on-ct.nii.gz --to ct.nii.gz
        napari-medvol resample ct.nii.gz iso.nii.gz --zooms 1
        napari-medvol resample ct.nii.gz small.nii.gz --factors 2,2,1
        """,
    ),
    Verb(
        "step",
        (),
        _step,
        """Run any operation, by its name in recipes and in Python.

        \b
        napari-medvol step --list
        napari-medvol step ct.nii.gz turned.nii.gz orient axcodes=RAS
        napari-medvol step ct.nii.gz part.nii.gz crop start=[0,0,0] stop=[9,9,9]
        """,
    ),
)


def add_verbs(app: typer.Typer) -> None:
    """Add every row of ``VERBS`` to the application."""
    for verb in VERBS:
        app.command(verb.name, help=verb.help)(command_of(verb))


def command_of(verb: Verb) -> Callable[..., None]:
    """Return the function that typer makes a command of: source, target, what the verb takes."""

    def command(**given: Any) -> None:
        own = {name: given[name] for name in own_names}
        _run(verb, own, given)

    own_parameters = list(signature(verb.step, eval_str=True).parameters.values())[1:]
    own_names = [parameter.name for parameter in own_parameters]
    shared = list(signature(_shared, eval_str=True).parameters.values())
    places, options = shared[:2], shared[2:]
    ordered = [*places, *own_parameters, *options]
    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in ordered]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _shared(
    source: typed.Source,
    target: typed.Target,
    series: typed.Series = None,
    gaps: typed.Gaps = None,
    value: typed.Value = "real",
    form: typed.Form = "auto",
    dtype: typed.Dtype = None,
    scaling: typed.Scaling = "auto",
    level: typed.Level = None,
    codes: typed.Codes = "auto",
    sidecar: typed.Sidecar = "auto",
    provenance: typed.Provenance = False,
    overwrite: typed.Overwrite = False,
) -> None:
    """Say what every operation's verb takes."""


def _run(verb: Verb, own: dict[str, Any], given: dict[str, Any]) -> None:
    from napari_medvol.formats import write
    from napari_medvol.ops import apply

    names = ("dtype", "scaling", "level", "codes", "sidecar", "provenance")
    writes = typed.writing(**{name: given[name] for name in names})
    reads = typed.reading(*(given[name] for name in ("series", "gaps", "value", "form")))
    volume = only_volume(given["source"], reads)
    changed = apply(volume, [verb.step(volume, **own)])
    with progress_of(verb.name) as progress:
        certificate = write(
            changed, given["target"], overwrite=given["overwrite"], progress=progress, **writes
        )
    show(str(certificate))


def only_volume(source: Any, reads: dict[str, Any]) -> Volume:
    """Return the only scan at a source.

    Raises
    ------
    BatchError
        If there are several.
    """
    from napari_medvol.formats import read

    with progress_of("reading") as progress:
        volumes = read(source, progress=progress, **reads)
    if len(volumes) != 1:
        shown = "; ".join(volume.name for volume in volumes[:6])
        raise BatchError(
            str(source), f"it holds {len(volumes)} scans: {shown}", "Choose one with --series"
        )
    return volumes[0]
