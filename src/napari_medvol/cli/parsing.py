"""What people type, as the values that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medvol.errors import BatchError, ReadError


def pair_of(text: str) -> tuple[float, float]:
    """Return slope and intercept typed as ``SLOPE,INTERCEPT`` for ``--scaling``.

    Raises
    ------
    BatchError
        If it is no pair of numbers.
    """
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
        raise BatchError(option, why, "Write it as 103,160,0") from error
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


def three_of(text: str, option: str) -> list[float]:
    """Return three numbers, typed as ``1,1,2`` or as one for all.

    Raises
    ------
    BatchError
        If they are none.
    """
    return point_of(text if "," in text else f"{text},{text},{text}", option)


def range_of(text: str, option: str) -> tuple[float | None, float | None]:
    """Return two ends typed as ``LOW,HIGH``; one of them may be left out.

    Raises
    ------
    BatchError
        If they are none.
    """
    try:
        low, high = (float(part) if part.strip() else None for part in text.split(","))
    except ValueError as error:
        why = f"{text!r} is not two numbers"
        raise BatchError(option, why, f"Write it as {option}=-160,240 or {option}=0,") from error
    return low, high


def slice_of(text: str, option: str) -> tuple[int | None, int | None, int | None]:
    """Return start, stop and step typed as ``START:STOP`` or ``START:STOP:STEP``.

    Raises
    ------
    BatchError
        If it is no range.
    """
    try:
        ends = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        ends = []
    if len(ends) not in (2, 3):
        why = f"{text!r} is no range"
        raise BatchError(option, why, "Write it as 10:50, :50 or 10:50:2")
    start, stop, step = (*ends, None)[:3]
    return start, stop, step


def matrix_of(path: Path) -> list[list[float]]:
    """Return the 4×4 numbers in a text file: spaces or commas between, comments after ``#``.

    Raises
    ------
    BatchError
        If it cannot be read, or holds something else.
    """
    from napari_medvol.formats.transforms.plain import matrix_of_text

    try:
        rows: list[list[float]] = matrix_of_text(path.read_text("utf-8"), path).tolist()
    except ReadError as error:
        raise BatchError(str(path), error.why, error.fix) from error
    except (OSError, ValueError) as error:
        raise BatchError(str(path), str(error), "Give a text file of 4×4 numbers") from error
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
        Voxels along i, j, k: what open and negative ends mean. An end beyond stays as it was
        typed, for the operation to refuse.

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
    first = tuple(
        _from_start(pair[0], size, 0) for pair, size in zip(ends, shape[:3], strict=True)
    )
    last = tuple(
        _from_start(pair[1], size, size) for pair, size in zip(ends, shape[:3], strict=True)
    )
    return first, last


def _from_start(end: int | None, size: int, usual: int) -> int:
    """Return an end of a range counted from the first voxel; a negative one is from behind."""
    if end is None:
        return usual
    return end + size if end < 0 else end


def only_one(verb: str, **given: Any) -> str:
    """Return the name of the one option that was typed.

    Parameters
    ----------
    verb : str
    **given
        Options by name, with an underscore after those that Python keeps for itself; None or
        False where they were not typed.

    Raises
    ------
    BatchError
        If it was none, or several.
    """
    names = {name: f"--{name.rstrip('_').replace('_', '-')}" for name in given}
    typed = [name for name, value in given.items() if value is not None and value is not False]
    if len(typed) == 1:
        return typed[0]
    *others, last = names.values()
    why = f"it takes one of {', '.join(others)} and {last}"
    fix = f"See napari-medvol {verb} --help"
    if typed:
        why += f", not {' and '.join(names[name] for name in typed)} together"
        fix = "Do one after the other, or write a recipe (apply)"
    raise BatchError(verb, why, fix)
