"""The verb that makes pictures: export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli.sources import only_volume
from napari_medvol.cli.terminal import progress_of, show
from napari_medvol.errors import BatchError

EXPORT_HELP: Final = """Slices as pictures: upright, to scale, with a manifest.

    A run that was ended goes on where it was. Files that are there are never replaced unless
    --overwrite says so.

    \b
    napari-medvol export ct.nii.gz slices/ --plane axial --window lung
    napari-medvol export CT/ slices/ --bits 16 --masks organs.nii.gz
    napari-medvol export CT/ fused/ --overlay PET/ --format montage --letters
    napari-medvol export mri.nii slices/ --plane 0 --pixel 1 --name "Dim{axis}_Slice{index}"
    """

_Plane = Annotated[
    list[str] | None,
    typer.Option(help="axial, coronal, sagittal, or a voxel axis 0, 1, 2; may be repeated."),
]


def export(
    source: typed.Source,
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.", show_default=False)],
    plane: _Plane = None,
    slices: Annotated[
        str | None, typer.Option(help="Which: 12, or FIRST:STOP:STEP as 10:50:2; all by default.")
    ] = None,
    frame: Annotated[int | None, typer.Option(help="Of a series in time; all by default.")] = None,
    pixel: Annotated[str, typer.Option(help="smallest, voxel, or a number of mm.")] = "smallest",
    interpolation: Annotated[str, typer.Option(help="linear, nearest or cubic.")] = "linear",
    convention: Annotated[
        str, typer.Option(help="radiological or neurological.")
    ] = "radiological",
    window: Annotated[
        str | None, typer.Option(help="LOW,HIGH, full, percentile, or a preset such as lung.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="png, jpeg, tiff, stack (ImageJ), gif or montage.")
    ] = "png",
    bits: Annotated[int, typer.Option(help="8, or 16 for true values.")] = 8,
    quality: Annotated[int, typer.Option(help="Of JPEG, 1 to 100.")] = 90,
    grid: Annotated[str | None, typer.Option(help="Tiles of a montage: DOWNxACROSS.")] = None,
    fps: Annotated[float, typer.Option(help="Pictures a second of a GIF.")] = 10.0,
    letters: Annotated[bool, typer.Option("--letters", help="Draw R, L, A, P, S, I.")] = False,
    scale_bar: Annotated[bool, typer.Option("--scale-bar", help="Draw a scale bar.")] = False,
    position: Annotated[bool, typer.Option("--position", help="Draw the place, mm.")] = False,
    name: Annotated[
        str, typer.Option(help="Template: {plane}, {axis}, {index:04d}, {frame}, {position}.")
    ] = "",
    masks: Annotated[Path | None, typer.Option(help="Labels, on the same pixels.")] = None,
    overlay: Annotated[Path | None, typer.Option(help="A scan in colours over it.")] = None,
    colormap: Annotated[str | None, typer.Option(help="Of the overlay.")] = None,
    opacity: Annotated[float, typer.Option(help="Of the overlay, 0 to 1.")] = 1.0,
    blending: Annotated[
        str | None, typer.Option(help="Of the overlay: additive, translucent, …")
    ] = None,
    overlay_window: Annotated[
        str | None, typer.Option(help="As --window, of the overlay.")
    ] = None,
    allow_identifiers: Annotated[
        bool, typer.Option("--allow-identifiers", help="Names and pixels may name the patient.")
    ] = False,
    overwrite: typed.Overwrite = False,
    series: typed.Series = None,
    value: typed.Value = "real",
    as_json: typed.AsJson = False,
) -> None:
    """Write slices as pictures."""
    from napari_medvol.views.slices import Settings, prepared

    settings: dict[str, Any] = {
        "planes": _planes(plane),
        "slices": _slices(slices),
        "frames": "all" if frame is None else frame,
        "pixel_mm": _pixel(pixel),
        "interpolation": interpolation,
        "convention": convention,
        "window": _window(window, "--window"),
        "format": format,
        "depth": bits,
        "quality": quality,
        "grid": _grid(grid),
        "fps": fps,
        "letters": letters,
        "scale_bar": scale_bar,
        "position": position,
        "name": name,
    }
    scene: Any = only_volume(source, typed.reading(series, value=value))
    if overlay is not None:
        above = only_volume(overlay, typed.reading(value=value))
        is_labels = above.kind == "labels"
        look = {
            "colormap": colormap or (None if is_labels else "hot"),
            "limits": _window(overlay_window, "--overlay-window"),
            "opacity": opacity,
            "blending": blending or ("translucent" if is_labels else "additive"),
        }
        scene = [scene, (above, look)]
    export = prepared(
        scene,
        folder,
        Settings(**settings),
        masks=None if masks is None else only_volume(masks),
        identifiers="allow" if allow_identifiers else "refuse",
    )
    with progress_of("exporting") as progress:
        done = export(overwrite=overwrite, progress=progress)
    if as_json:
        said = {"files": [str(path) for path in done], "manifest": str(done.manifest)}
        said |= {"clipped_percent": done.clipped_percent, "notes": list(done.notes)}  # type: ignore[dict-item]
        show(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        show(str(done))


def _planes(asked: Sequence[str] | None) -> tuple[Any, ...]:
    from napari_medvol.views.planes import PLANES

    return tuple(int(p) if p.isdigit() else p for p in asked) if asked else PLANES


def _slices(text: str | None) -> Any:
    if text is None:
        return None
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or parts == [None]:
        raise BatchError("--slices", f"{text!r} is no range", "Write 12, 10:50 or 10:50:2")
    return [parts[0]] if len(parts) == 1 else slice(*parts)


def _pixel(text: str) -> Any:
    if text in ("smallest", "voxel"):
        return None if text == "smallest" else text
    try:
        return float(text.removesuffix("mm"))
    except ValueError as error:
        why = f"{text!r} is no size"
        raise BatchError("--pixel", why, "Write smallest, voxel or a number of mm") from error


def _window(text: str | None, option: str) -> Any:
    if text is None or "," not in text:
        return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BatchError(option, f"{text!r} is no window", f"Write {option}=-160,240") from error
    return low, high


def _grid(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        down, across = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise BatchError("--grid", f"{text!r} is no grid", "Write it as 4x5") from error
    return down, across
