"""The verb values: what voxels hold, changed; where they are stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_medvol.cli import parsing
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Step, Volume

VALUES_HELP: Final = """Change what voxels hold: type, range, window, scale, labels or image.

    One change at a time; a recipe does several. What would be lost is refused, or said.
    --rescale and --window set what is beyond their ends to the ends, and NaN to the lowest.

    \b
    napari-medvol values ct.nii.gz float.nii.gz --type float32
    napari-medvol values ct.nii.gz bytes.nii.gz --rescale uint8 --between -160,240
    napari-medvol values ct.nii.gz grey.nii.gz --window 40/400
    napari-medvol values CT/ grey.nii.gz --window lung
    napari-medvol values ct.nii.gz clipped.nii.gz --clip -1000,3000
    napari-medvol values map.nii.gz seconds.nii.gz --scale 0.001,0 --unit s
    napari-medvol values field.nii.gz whole.nii.gz --round
    napari-medvol values complex.nii.gz phase.nii.gz --part phase
    napari-medvol values mask.nii.gz labels.nii.gz --kind labels
    """


def values(
    volume: Any,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type", help="The same values as float32, int16, …; refused where one does not fit."
        ),
    ] = None,
    rescale: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Spread them over a whole integer type: uint8."),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH", help="With --rescale: the values at its ends; all by default."
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL/WIDTH",
            help="Bake a window in, 0 to 255: numbers, or a preset such as lung.",
        ),
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="Set what is beyond to the end; one may be empty."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(metavar="SLOPE,INTERCEPT", help="Value times slope plus intercept."),
    ] = None,
    unit: Annotated[str, typer.Option(help="With --scale: of the new values.")] = "",
    round_: Annotated[bool, typer.Option("--round", help="To whole numbers.")] = False,
    part: Annotated[
        str | None,
        typer.Option(help="Of complex values: magnitude, phase, real or imaginary."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Take it for labels, or for an image; nothing moves.")
    ] = None,
) -> Any:
    """Return the step that changes values."""
    from napari_medvol.volume import Step

    chosen = parsing.only_one(
        "values",
        type_=type_,
        rescale=rescale,
        window=window,
        clip=clip,
        scale=scale,
        round_=round_,
        part=part,
        kind=kind,
    )
    for option, typed, needed in (
        ("--between", between, "rescale"),
        ("--unit", unit, "scale"),
    ):
        if typed and chosen != needed:
            raise BatchError(option, "nothing uses it", f"Give --{needed} with it")
    makers = {
        "type_": lambda: Step("astype", {"dtype": type_}),
        "rescale": lambda: Step("rescale", {**_ends(between, "--between"), "dtype": rescale}),
        "window": lambda: _windowed(volume, str(window)),
        "clip": lambda: Step("clip", _ends(clip, "--clip")),
        "scale": lambda: _scaled(str(scale), unit),
        "round_": lambda: Step("round_values"),
        "part": lambda: Step("part", {"part": part}),
        "kind": lambda: Step("as_kind", {"kind": kind}),
    }
    return [makers[chosen]()]


def _ends(text: str | None, option: str) -> dict[str, float]:
    if text is None:
        return {}
    low, high = parsing.range_of(text, option)
    return {name: end for name, end in (("low", low), ("high", high)) if end is not None}


def _scaled(text: str, unit: str) -> Step:
    from napari_medvol.volume import Step

    slope, intercept = parsing.range_of(text, "--scale")
    if slope is None:
        raise BatchError("--scale", f"{text!r} has no slope", "Write it as --scale=0.5,-1024")
    params = {"slope": slope, "intercept": intercept or 0.0}
    return Step("scale", {**params, "unit": unit} if unit else params)


def _windowed(volume: Volume, text: str) -> Step:
    """Return the step that bakes in a window typed as level/width, or a preset's name."""
    from napari_medvol.views.windows import presets, windows_of_file
    from napari_medvol.volume import Step

    number = r"[-+]?\d+(?:\.\d+)?"
    if found := re.fullmatch(rf"({number})/({number})", text.replace(" ", "")):
        return Step("window", {"center": float(found[1]), "width": float(found[2])})
    known = {w.explanation: w for w in (*windows_of_file(volume), *presets(volume))}
    begins = [w for name, w in known.items() if text and name.lower().startswith(text.lower())]
    if not begins:
        names = f", or {', '.join(filter(None, known))}" if any(known) else ""
        raise BatchError("--window", f"{text!r} is no window", f"Write LEVEL/WIDTH{names}")
    return Step("window", {"center": begins[0].center, "width": begins[0].width})
