"""Change what voxels hold, not where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, floor
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import StepError
from napari_medvol.ops.asked import number, one_of
from napari_medvol.ops.chunks import (
    Tell,
    check_exact,
    holds_everywhere,
    mapped,
    share,
    unheard,
    value_range,
)
from napari_medvol.volume import Display, Step, Volume

Array = NDArray[Any]
Part = Literal["magnitude", "phase", "real", "imaginary"]
Kind = Literal["image", "labels"]

_PARTS: Final[dict[str, tuple[Callable[[Array], Array], str]]] = {
    "magnitude": (np.abs, ""),
    "phase": (np.angle, "rad"),
    "real": (np.real, ""),
    "imaginary": (np.imag, ""),
}


def astype(volume: Volume, dtype: str, *, progress: Tell = unheard) -> Volume:
    """Hold the same values in another type of numbers.

    Parameters
    ----------
    volume : Volume
    dtype : str
        numpy's name, such as ``"float32"``.
    progress : callable, optional
        Called with (done, in all). What it raises ends the work; the volume is as it was.

    Raises
    ------
    StepError
        If the type does not hold a value: it is no whole number, beyond the range, or an
        integer that a float would round. Floats may be rounded to narrower floats.
    """
    wanted = _dtype("astype", volume, dtype)
    if volume.dtype.kind == "c" and wanted.kind != "c":
        raise StepError(
            f"astype {volume.name!r}",
            f"complex values are no {wanted}",
            "Take a part of them first",
        )
    if wanted.kind in "iu":
        _check_whole(volume, wanted, share(progress, 0, 2))
        progress = share(progress, 1, 2)
    elif not _always_holds(wanted, volume.dtype):
        _check_real(volume, wanted, share(progress, 0, 2))
        progress = share(progress, 1, 2)
    data = mapped("astype", volume, wanted, lambda values: values.astype(wanted), progress)
    return volume.derive(Step("astype", {"dtype": str(wanted)}), data=data)


def _dtype(op: str, volume: Volume, name: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(name or "V1")
    except TypeError:
        dtype = np.dtype("V1")
    if dtype.kind not in "iufc":
        raise StepError(
            f"{op} {volume.name!r}", f"{name!r} is no type of numbers", "Name one, such as float32"
        )
    return dtype.newbyteorder("=")


def _check_whole(volume: Volume, dtype: np.dtype[Any], progress: Tell) -> None:
    if volume.dtype.kind == "b":
        return
    low, high = value_range(volume, share(progress, 0, 2))
    info = np.iinfo(dtype)
    is_whole = volume.dtype.kind in "iu" or holds_everywhere(
        volume, _is_whole, share(progress, 1, 2)
    )
    if not is_whole or low < info.min or high > info.max:
        what = "values that are no whole numbers" if not is_whole else f"{low:g} to {high:g}"
        raise StepError(
            f"astype {volume.name!r}",
            f"{what} do not fit {dtype} ({info.min} to {info.max})",
            "Use rescale, clip or round first",
        )


def _exact_up_to(dtype: np.dtype[Any]) -> int:
    """Return up to where a type of floats holds every integer."""
    return 2 ** int(np.finfo(dtype).nmant + 1)


def _always_holds(dtype: np.dtype[Any], given: np.dtype[Any]) -> bool:
    """Return whether a type of floats holds every value of another type, if rounded."""
    if given.kind in "iu":
        return int(np.iinfo(given).max) <= _exact_up_to(dtype)
    return given.kind == "b" or float(np.finfo(given).max) <= float(np.finfo(dtype).max)


def _check_real(volume: Volume, dtype: np.dtype[Any], progress: Tell) -> None:
    if volume.dtype.kind in "iu":
        low, high = value_range(volume, progress)
        limit = _exact_up_to(dtype)
        if low < -limit or high > limit:
            raise StepError(
                f"astype {volume.name!r}",
                f"{low} to {high} would be rounded: {dtype} holds every integer up to ±{limit}",
                "Take a wider type, or clip first",
            )
    elif not holds_everywhere(volume, lambda values: _reaches(values, dtype), progress):
        raise StepError(
            f"astype {volume.name!r}",
            f"a value is beyond {dtype}, which ends at {float(np.finfo(dtype).max):g}",
            "Take a wider type, or clip first",
        )


def _reaches(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return which values do not become infinite as `dtype`."""
    with np.errstate(over="ignore"):
        made: Array = ~np.isfinite(values) | np.isfinite(values.astype(dtype))
    return made


def round_values(volume: Volume, *, progress: Tell = unheard) -> Volume:
    """Round every value to the nearest whole number; halves go to the even one."""
    function = np.copy if volume.dtype.kind in "iub" else np.rint
    data = mapped("round_values", volume, volume.dtype, function, progress)
    return volume.derive(Step("round_values"), data=data)


def scale(
    volume: Volume,
    slope: float = 1.0,
    intercept: float = 0.0,
    unit: str = "",
    *,
    progress: Tell = unheard,
) -> Volume:
    """Replace every value by ``value × slope + intercept``.

    Parameters
    ----------
    volume : Volume
    slope, intercept : float
    unit : str
        Of the new values.
    progress : callable, optional

    Raises
    ------
    StepError
        If slope or intercept is not finite, or slope is 0, the volume holds labels or complex
        values, or a value would be beyond the type.
    """
    _check_measured("scale", volume)
    slope = number("scale", volume, "slope", slope)
    intercept = number("scale", volume, "intercept", intercept)
    if slope == 0:
        why = f"slope {slope:g} and intercept {intercept:g} make no scale"
        raise StepError(f"scale {volume.name!r}", why, "Give finite numbers, a slope other than 0")
    check_exact("scale", volume)
    is_small = volume.dtype.itemsize <= 2 or volume.dtype == np.float32
    real = np.dtype(np.float32 if is_small else np.float64)

    def scaled(values: Array) -> Array:
        with np.errstate(over="ignore"):
            made = (values.astype(np.float64) * slope + intercept).astype(real)
        if not (np.isfinite(made) | ~np.isfinite(values)).all():
            why = f"slope {slope:g} and intercept {intercept:g} take a value beyond {real}"
            raise StepError(f"scale {volume.name!r}", why, "Take a smaller slope, or clip first")
        return made

    data = mapped("scale", volume, real, scaled, progress)
    params = {"slope": slope, "intercept": intercept, "unit": str(unit)}
    return volume.derive(Step("scale", params), data=data, unit=str(unit), display=Display())


def _check_measured(op: str, volume: Volume) -> None:
    if volume.dtype.kind == "c":
        why, fix = "its values are complex", "Take a part of them first"
    elif volume.kind == "labels":
        why = "its values are labels: the numbers are names of regions"
        fix = "Take it for an image first (as_kind)"
    else:
        return
    raise StepError(f"{op} {volume.name!r}", why, fix)


def rescale(
    volume: Volume,
    low: float | None = None,
    high: float | None = None,
    dtype: str = "uint8",
    *,
    progress: Tell = unheard,
) -> Volume:
    """Spread the values from `low` to `high` over the whole range of an integer type.

    Values beyond are set to its ends, infinite ones too; NaN, which no integer stands for,
    becomes the lowest. The unit is gone afterwards.

    Parameters
    ----------
    volume : Volume
    low, high : float, optional
        By default the lowest and the highest value.
    dtype : str
        An integer type; 0 to 255 for ``"uint8"``.
    progress : callable, optional

    Raises
    ------
    StepError
        If low is not below high, the type holds no integers, or the volume holds labels or
        complex values.
    """
    _check_measured("rescale", volume)
    wanted = _dtype("rescale", volume, dtype)
    if wanted.kind not in "iu":
        why = f"{dtype!r} is no type of integers, so it has no ends to spread to"
        raise StepError(f"rescale {volume.name!r}", why, "Use scale for floats")
    if wanted.itemsize > 4:
        why = f"{wanted} has more values than float64, in which it is calculated, tells apart"
        raise StepError(f"rescale {volume.name!r}", why, "Take a type of at most 32 bits")
    check_exact("rescale", volume)
    found = (0.0, 0.0)
    if low is None or high is None:
        found = value_range(volume, share(progress, 0, 2))
        progress = share(progress, 1, 2)
    first = float(found[0] if low is None else number("rescale", volume, "low", low))
    last = float(found[1] if high is None else number("rescale", volume, "high", high))
    if not first < last or not np.isfinite(last - first):
        why = f"there is no range from {first:g} to {last:g} to spread"
        raise StepError(f"rescale {volume.name!r}", why, "Give low below high")
    info = np.iinfo(wanted)
    factor = (float(info.max) - float(info.min)) / (last - first)

    def spread(values: Array) -> Array:
        real = np.nan_to_num(values.astype(np.float64), nan=first)
        return np.rint((real.clip(first, last) - first) * factor + float(info.min))

    params = {"low": first, "high": last, "dtype": str(wanted)}
    data = mapped("rescale", volume, wanted, spread, progress)
    return volume.derive(Step("rescale", params), data=data, unit="", display=Display())


def window(volume: Volume, center: float, width: float, *, progress: Tell = unheard) -> Volume:
    """Bake a display window in: 0 to 255, as a screen shows it.

    PS3.3 C.11.2.1.2.1, LINEAR: the first grey above 0 lies at ``center − 0.5 − (width − 1) / 2``.
    NaN becomes 0, black; infinite values 0 or 255.

    Parameters
    ----------
    volume : Volume
    center, width : float
        In the unit of the values.
    progress : callable, optional

    Raises
    ------
    StepError
        If the width is less than 1.
    """
    center = number("window", volume, "center", center)
    width = number("window", volume, "width", width)
    if not width > 1:
        why = f"a width of {width:g} leaves no greys"
        raise StepError(f"window {volume.name!r}", why, "Give a width above 1")
    half = (width - 1) / 2
    baked = rescale(volume, center - 0.5 - half, center - 0.5 + half, progress=progress)
    step = Step("window", {"center": center, "width": width})
    return replace(baked, history=(*volume.history, step))


def clip(
    volume: Volume,
    low: float | None = None,
    high: float | None = None,
    *,
    progress: Tell = unheard,
) -> Volume:
    """Set what is below `low` to it, and what is above `high`.

    Parameters
    ----------
    volume : Volume
    low, high : float, optional
    progress : callable, optional

    Raises
    ------
    StepError
        If neither is given, low is above high, or values are complex.
    """
    low = None if low is None else number("clip", volume, "low", low)
    high = None if high is None else number("clip", volume, "high", high)
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        said = ("nothing" if end is None else f"{end:g}" for end in (low, high))
        why = f"there is no range from {' to '.join(said)}"
        raise StepError(f"clip {volume.name!r}", why, "Give low, high, or both, low first")
    if volume.dtype.kind == "c":
        raise StepError(
            f"clip {volume.name!r}", "complex values have no order", "Take a part of them first"
        )
    ends = _reachable(volume.dtype, low, high)
    data = mapped("clip", volume, volume.dtype, lambda values: np.clip(values, *ends), progress)
    return volume.derive(Step("clip", {"low": low, "high": high}), data=data)


def _reachable(dtype: np.dtype[Any], low: float | None, high: float | None) -> tuple[Any, Any]:
    """Return the ends as values of the type: inwards to whole numbers, no further than it goes."""
    if dtype.kind == "f":
        most = float(np.finfo(dtype).max)
        reached = (
            None if end is None else min(max(float(end), -most), most) for end in (low, high)
        )
        return tuple(reached)  # type: ignore[return-value]
    least, greatest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    first = least if low is None else min(max(ceil(low), least), greatest)
    last = greatest if high is None else min(max(floor(high), least), greatest)
    return dtype.type(first), dtype.type(last)


def part(volume: Volume, part: Part = "magnitude", *, progress: Tell = unheard) -> Volume:
    """Return one part of complex values.

    Parameters
    ----------
    volume : Volume
    part : {"magnitude", "phase", "real", "imaginary"}
    progress : callable, optional

    Raises
    ------
    StepError
        If the values are not complex, or there is no such part.
    """
    function, unit = _PARTS[one_of("part", volume, part, tuple(_PARTS))]
    if volume.dtype.kind != "c":
        why = f"its {volume.dtype} values are not complex"
        raise StepError(f"part {volume.name!r}", why, "Leave this step out")
    real = np.empty(0, volume.dtype).real.dtype
    data = mapped("part", volume, real, function, progress)
    return volume.derive(
        Step("part", {"part": part}), data=data, unit=unit or volume.unit, display=Display()
    )


def as_kind(volume: Volume, kind: Kind, *, progress: Tell = unheard) -> Volume:
    """Take an image for labels, or labels for an image; nothing moves.

    Parameters
    ----------
    volume : Volume
    kind : {"image", "labels"}
    progress : callable, optional

    Raises
    ------
    StepError
        If values are no whole numbers, and so no labels.
    """
    if kind not in ("image", "labels"):
        why = f"{kind!r} is neither image nor labels"
        raise StepError(f"as_kind {volume.name!r}", why, "Name one of the two")
    step = Step("as_kind", {"kind": kind})
    if kind == "image":
        return volume.derive(step, kind=kind, labels=(), contours=())
    if (
        volume.is_rgb
        or volume.dtype.kind not in "iubf"
        or not _all_whole(volume, share(progress, 0, 3))
    ):
        why = "its values are no whole numbers, so they name no regions"
        raise StepError(f"as_kind {volume.name!r}", why, "Round them first, or set a threshold")
    data = volume.data
    if volume.dtype.kind not in "iu":
        ends = value_range(volume, share(progress, 1, 3))
        smallest = np.result_type(*(np.min_scalar_type(int(end)) for end in ends))
        if smallest.kind not in "iu":
            why = f"its values, {ends[0]:g} to {ends[1]:g}, are beyond every type of integers"
            raise StepError(f"as_kind {volume.name!r}", why, "Clip them first")
        data = mapped("as_kind", volume, smallest, lambda v: v, share(progress, 2, 3))
    return volume.derive(step, kind=kind, data=data, unit="", display=Display())


def _all_whole(volume: Volume, progress: Tell) -> bool:
    return volume.dtype.kind in "iub" or holds_everywhere(volume, _is_whole, progress)


def _is_whole(values: Array) -> Array:
    whole: Array = np.isfinite(values) & (values == np.rint(values))
    return whole
