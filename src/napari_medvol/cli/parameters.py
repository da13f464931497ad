"""What people type, and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_medvol.errors import BatchError

Source = Annotated[Path, typer.Argument(help="File, folder, ZIP or DICOMDIR.", show_default=False)]
Target = Annotated[
    Path,
    typer.Argument(help="File to write, such as ct.nii.gz, or a folder.", show_default=False),
]
Series = Annotated[
    list[str] | None,
    typer.Option(metavar="NUMBER|UID", help="Only this DICOM series; may be repeated."),
]
Gaps = Annotated[
    str | None, typer.Option(help="Uneven series: blank, interpolate, split or stack.")
]
Value = Annotated[str, typer.Option(help="Unit of values: real, stored, float, suvbw, …")]
Form = Annotated[str, typer.Option(help="Matrix of a NIfTI: auto, sform, qform or pixdim.")]
Dtype = Annotated[str | None, typer.Option(help="Type of stored numbers, such as int16, float32.")]
Scaling = Annotated[str, typer.Option(help="Values to integers: auto, none, or SLOPE,INTERCEPT.")]
Level = Annotated[int | None, typer.Option(help="Compression, 0 (fast) to 9 (small).")]
Codes = Annotated[
    str,
    typer.Option(
        help="NIfTI's qform and sform codes, one or two of auto, scanner, aligned, "
        "talairach, mni, unknown, as in unknown,aligned."
    ),
]
Sidecar = Annotated[
    str, typer.Option(help="JSON beside the image: auto, none, provenance or bids.")
]
Provenance = Annotated[
    bool, typer.Option("--provenance", help="Also keep the provenance inside the NIfTI.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def reading(series: list[str] | None, gaps: str | None, value: str, form: str) -> dict[str, Any]:
    """Return the choices of ``read`` that were typed."""
    asked = {"gaps": gaps, "value": value, "form": form}
    usual = {"gaps": None, "value": "real", "form": "auto"}
    typed = {name: one for name, one in asked.items() if one != usual[name]}
    return {**typed, "series": tuple(series)} if series else typed


def writing(
    dtype: str | None, scaling: str, level: int | None, codes: str, sidecar: str, provenance: bool
) -> dict[str, Any]:
    """Return the choices of ``write`` that were typed."""
    typed: dict[str, Any] = {}
    if dtype is not None:
        typed["dtype"] = dtype
    if scaling != "auto":
        typed["scaling"] = scaling if scaling == "none" else _pair(scaling)
    if level is not None:
        typed["level"] = level
    if codes != "auto":
        parts = tuple(codes.split(","))
        typed["codes"] = parts[0] if len(parts) == 1 else parts
    if sidecar != "auto":
        typed["sidecar"] = sidecar
    if provenance:
        typed["provenance"] = True
    return typed


def _pair(text: str) -> tuple[float, float]:
    try:
        slope, intercept = (float(part) for part in text.split(","))
    except ValueError as error:
        why = f"{text!r} is neither auto, none nor two numbers"
        raise BatchError("--scaling", why, "Write it as 0.5,-1024") from error
    return slope, intercept


def index_of(text: str, option: str) -> tuple[int, int, int]:
    """Return a voxel index typed as ``i,j,k``.

    Raises
    ------
    BatchError
        If it is none.
    """
    try:
        i, j, k = (int(part) for part in text.split(","))
    except ValueError as error:
        why = f"{text!r} is not three whole numbers"
        raise BatchError(option, why, "Write a voxel index as 103,160,0") from error
    return i, j, k


def point_of(text: str, option: str) -> list[float]:
    """Return a point typed as ``x,y,z``.

    Raises
    ------
    BatchError
        If it is none.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        why = f"{text!r} is not three numbers"
        raise BatchError(option, why, f"Write it as {option}=-12.5,30,0") from error
    return [x, y, z]


def matrix_of(path: Path) -> list[list[float]]:
    """Return the 4×4 numbers in a text file, with spaces or commas between them.

    Raises
    ------
    BatchError
        If it cannot be read, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ")
        rows = [[float(part) for part in line.split()] for line in text.splitlines()]
    except (OSError, ValueError) as error:
        raise BatchError(str(path), str(error), "Give a text file of 4×4 numbers") from error
    rows = [row for row in rows if row]
    if [len(row) for row in rows] != [4] * 4:
        raise BatchError(str(path), "it does not hold 4×4 numbers", "Give four lines of four")
    return rows


def parameter_of(text: str) -> tuple[str, Any]:
    """Return name and value typed as ``name=value``: TOML, else text as it stands.

    Raises
    ------
    BatchError
        If there is no name.
    """
    import tomllib

    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise BatchError(text, "it is no NAME=VALUE", "Write it as axcodes=RAS or start=[0,0,0]")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def box_of(text: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return start and stop of a box typed as numpy's slices: ``103:381,160:340,:``.

    Parameters
    ----------
    text : str
    shape : tuple of int
        Voxels along i, j, k: what open and negative ends mean.

    Raises
    ------
    BatchError
        If it is no box.
    """
    parts = text.split(",")
    try:
        ends = [[int(end) if end.strip() else None for end in part.split(":")] for part in parts]
    except ValueError:
        ends = []
    if len(ends) != 3 or any(len(pair) != 2 for pair in ends):
        why = f"{text!r} is not three ranges"
        raise BatchError("--box", why, "Write it as 103:381,160:340,: or -20:,:,0:10")
    pairs = zip(ends, shape[:3], strict=True)
    ranges = [slice(start, stop).indices(size) for (start, stop), size in pairs]
    return tuple(r[0] for r in ranges), tuple(r[1] for r in ranges)
