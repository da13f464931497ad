"""Real values to the numbers that a file can hold, and what is lost on the way, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import WriteError
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.slabs import Survey, slabs, survey
from napari_medvol.volume import Volume

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How real values are stored: ``real = stored * slope + intercept``.

    Parameters
    ----------
    dtype : dtype
        Of the stored numbers, native byte order.
    slope, intercept : float
    tolerance : float
        No value may come back further off than this, in the unit of the values.
    loss : str
        What is lost, in words; empty where every value comes back.
    """

    dtype: np.dtype[Any]
    slope: float = 1.0
    intercept: float = 0.0
    tolerance: float = 0.0
    loss: str = ""

    @property
    def is_scaled(self) -> bool:
        """Whether slope and intercept do anything."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def stored(self, values: Array) -> Array:
        """Return what is written for `values`: scaled, rounded to the nearest, never wrapped."""
        if not self.is_scaled and values.dtype == self.dtype:
            return values
        if self.dtype.kind not in "iu":
            with np.errstate(over="ignore"):
                return values.astype(self.dtype)
        if not self.is_scaled:
            whole = values if values.dtype.kind in "iub" else np.rint(values)
            return whole.astype(self.dtype)
        scaled = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        info = np.iinfo(self.dtype)
        return scaled.clip(info.min, info.max).astype(self.dtype)

    def real(self, stored: Array) -> Array:
        """Return the values that `stored` stands for, as float64 where they are scaled."""
        if not self.is_scaled:
            return stored
        return stored.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True, slots=True)
class Storable:
    """What a format can hold.

    Parameters
    ----------
    name : str
        Of the format, for the error.
    dtypes : tuple of dtype
    scaled : tuple of dtype
        Those that it can hold with a slope and an intercept.
    scales_unasked : bool
        Whether floats become scaled integers without being asked, as in DICOM, which has no
        other place for them.
    """

    name: str
    dtypes: tuple[np.dtype[Any], ...]
    scaled: tuple[np.dtype[Any], ...] = ()
    scales_unasked: bool = False


def dtypes(*codes: str) -> tuple[np.dtype[Any], ...]:
    """Return numpy types by their codes."""
    return tuple(np.dtype(code) for code in codes)


def encoding_of(volume: Volume, storable: Storable, choices: WriteChoices) -> Encoding:
    """Return how the values of a volume are to be stored.

    Without a type asked for: the type they have if the format holds it, else the smallest that
    holds every value. A type or scale that was asked for may lose precision, which is then
    said; values that it cannot reach are an error.

    Raises
    ------
    WriteError
        If no type of the format holds the values, or not the type asked for.
    """
    now = volume.dtype.newbyteorder("=")
    if choices.dtype is None and choices.scaling in ("auto", "none"):
        if now in storable.dtypes:
            return Encoding(now)
        return _smallest(volume, now, storable)
    asked = now if choices.dtype is None else np.dtype(choices.dtype)
    if asked not in storable.dtypes:
        raise WriteError(
            volume.name or "volume",
            f"{storable.name} holds no {asked}",
            f"It holds {', '.join(map(str, storable.dtypes))}",
        )
    if isinstance(choices.scaling, tuple):
        return _given(volume, asked, storable, choices.scaling)
    if asked == now:
        return Encoding(now)
    if asked.kind == "c" or now.kind == "c":
        return _complex(volume, now, asked)
    if asked.kind == "f":
        return _as_float(volume, now, asked)
    return _as_integers(volume, asked, storable, choices.scaling == "auto")


def _smallest(volume: Volume, now: np.dtype[Any], storable: Storable) -> Encoding:
    """Return the smallest type that holds every value exactly."""
    found = survey(volume)
    for dtype in sorted(storable.dtypes, key=lambda d: _preference(d, now)):
        if _holds(dtype, now, found) and _comes_back(volume, now, dtype):
            return Encoding(dtype)
    if storable.scales_unasked and now.kind == "f" and found.is_finite:
        return _scaled(
            volume, max(storable.scaled, key=lambda d: d.itemsize == 2), found, storable
        )
    raise _no_type(volume, now, found, storable)


def _preference(dtype: np.dtype[Any], now: np.dtype[Any]) -> tuple[bool, int, bool]:
    """Sort floats before integers for floats, small before large, and Analyze's types first.

    Those are unsigned of 8 bits and signed of 16 and 32: what the oldest readers know.
    """
    is_classic = (dtype.kind == "u") == (dtype.itemsize == 1)
    return (dtype.kind in "fc") != (now.kind in "fc"), dtype.itemsize, not is_classic


def _holds(dtype: np.dtype[Any], now: np.dtype[Any], found: Survey) -> bool:
    if now.kind == "c" or dtype.kind == "c":
        return now.kind == dtype.kind == "c"
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        within = info.min <= found.lowest and found.highest <= info.max
        return found.is_whole and found.is_finite and within
    return True


def _comes_back(volume: Volume, now: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    if dtype.kind in "iu" and now.kind in "iub":
        return True  # within its range, as was seen
    with np.errstate(over="ignore"):
        return all(_equal(v.astype(dtype).astype(v.dtype), v) for _, v in slabs(volume))


def _equal(one: Array, other: Array) -> bool:
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))


def _no_type(volume: Volume, now: np.dtype[Any], found: Survey, storable: Storable) -> WriteError:
    names = ", ".join(map(str, storable.dtypes))
    if now.kind == "c":
        why = f"{storable.name} holds no complex values"
        return WriteError(volume.name or "volume", why, "Write magnitude and phase apart")
    odd = f", {found.n_nan} NaN, {found.n_infinite} infinite" if not found.is_finite else ""
    why = (
        f"no type of {storable.name} ({names}) holds its {now} values"
        f" ({found.lowest:g} to {found.highest:g}{odd}) without loss"
    )
    fix = "Ask for a type, such as dtype='float32'; the largest error is then reported"
    if not any(d.kind == "f" for d in storable.dtypes):
        fix = "Replace what is no finite number, or write a format that holds floats (NIfTI)"
    return WriteError(volume.name or "volume", why, fix)


def _complex(volume: Volume, now: np.dtype[Any], asked: np.dtype[Any]) -> Encoding:
    if asked.kind != "c":
        why = f"complex values do not fit {asked}"
        raise WriteError(volume.name or "volume", why, "Write magnitude and phase apart")
    return _as_float(volume, now, asked)


def _as_float(volume: Volume, now: np.dtype[Any], asked: np.dtype[Any]) -> Encoding:
    """Return floats of the type asked for, with the rounding measured."""
    worst = 0.0
    for _, values in slabs(volume):
        with np.errstate(over="ignore"):
            back = values.astype(asked)
        if now.kind in "fc" and bool((np.isinf(back) & ~np.isinf(values)).any()):
            raise WriteError(
                volume.name or "volume",
                f"values up to {np.abs(values[np.isfinite(values)]).max():g} do not fit {asked}",
                "Ask for a wider type",
            )
        worst = max(worst, _apart(values, back))
    loss = f"rounded to {asked}, by {worst:.3g} at most" if worst else ""
    return Encoding(asked, tolerance=worst, loss=loss)


def _apart(values: Array, back: Array) -> float:
    """Return the largest difference of finite values, exactly."""
    if values.dtype.kind in "iub" and values.dtype.itemsize >= 8:
        # int64 against its float: subtracted as Python would, no wrap and no rounding.
        exact = values != back.astype(values.dtype)
        if not exact.any():
            return 0.0
        pairs = zip(values[exact].tolist(), back[exact].tolist(), strict=True)
        return float(max(abs(a - int(b)) for a, b in pairs))
    wide: Any = np.complex128 if back.dtype.kind == "c" else np.longdouble
    difference = np.abs(values.astype(wide) - back.astype(wide))
    finite = difference[np.isfinite(difference)]
    return float(finite.max()) if finite.size else 0.0


def _as_integers(
    volume: Volume, asked: np.dtype[Any], storable: Storable, may_scale: bool
) -> Encoding:
    found = survey(volume)
    if not found.is_finite:
        raise WriteError(
            volume.name or "volume",
            f"{found.n_nan} NaN and {found.n_infinite} infinite values do not fit {asked}",
            "Ask for dtype='float32'",
        )
    info = np.iinfo(asked)
    fits = info.min <= found.lowest and found.highest <= info.max
    if fits and found.is_whole:
        return Encoding(asked)
    if may_scale and asked in storable.scaled:
        return _scaled(volume, asked, found, storable)
    if fits:
        return Encoding(asked, tolerance=0.5, loss=f"rounded to whole numbers ({asked})")
    raise WriteError(
        volume.name or "volume",
        f"values from {found.lowest:g} to {found.highest:g} do not fit {asked}"
        f" ({info.min} to {info.max})",
        "Ask for a wider type, or let a slope and an intercept be chosen (scaling='auto')",
    )


#: Of a step: half of it is the nearest, a little more is the arithmetic of the reader.
_ROUNDING: Final = 0.501


#: Readers apply slopes in 32 bits.
_STEPS: Final = (1e-35, 1e33)


def _scaled(volume: Volume, asked: np.dtype[Any], found: Survey, storable: Storable) -> Encoding:
    """Return the integers that span the range of the values: the finest even steps."""
    info = np.iinfo(asked)
    span = float(found.highest) - float(found.lowest)
    slope = span / (int(info.max) - int(info.min)) or 1.0
    if not (slope == 1.0 or _STEPS[0] < slope < _STEPS[1]):
        why = (
            f"{storable.name} cannot span values from {found.lowest:g} to {found.highest:g}:"
            f" a slope of {slope:g} is beyond what readers compute with"
        )
        raise WriteError(volume.name or "volume", why, "Scale the values first, or write floats")
    slope, intercept = _exact(slope), float(found.lowest) - info.min * slope
    return _with_scale(asked, slope, intercept, found)


def _exact(slope: float) -> float:
    """Return the next larger number with few digits in binary: float32 headers keep it."""
    mantissa, exponent = np.frexp(slope)
    return float(np.ldexp(np.ceil(mantissa * 2**20) / 2**20, exponent))


def _with_scale(dtype: np.dtype[Any], slope: float, intercept: float, found: Survey) -> Encoding:
    largest = max(abs(float(found.lowest)), abs(float(found.highest)), abs(intercept))
    # Half a step, and what float32 fields for slope and intercept, as NIfTI-1 has, may add.
    tolerance = abs(slope) * _ROUNDING + largest * 2.0**-22
    loss = f"stored as {dtype} in steps of {abs(slope):.6g}: {abs(slope) / 2:.3g} off at most"
    return Encoding(dtype, slope, intercept, tolerance, loss)


def _given(
    volume: Volume, asked: np.dtype[Any], storable: Storable, scale: tuple[float, float]
) -> Encoding:
    slope, intercept = scale
    if asked not in storable.scaled or not np.isfinite(scale).all() or slope == 0:
        raise WriteError(
            volume.name or "volume",
            f"{storable.name} holds no {asked} with slope {slope:g} and intercept {intercept:g}",
            f"Scaled types: {', '.join(map(str, storable.scaled)) or 'none'}",
        )
    found = survey(volume)
    info = np.iinfo(asked)
    ends = sorted((float(v) - intercept) / slope for v in (found.lowest, found.highest))
    if not found.is_finite or ends[0] < info.min - 0.5 or ends[1] > info.max + 0.5:
        raise WriteError(
            volume.name or "volume",
            f"values from {found.lowest:g} to {found.highest:g}, {found.n_nan} NaN do not fit"
            f" {asked} with slope {slope:g} and intercept {intercept:g}",
            "Take another slope, or let one be chosen (scaling='auto')",
        )
    return _with_scale(asked, slope, intercept, found)


def same_scale(
    volume: Volume, dtype: np.dtype[Any], slope: float, intercept: float
) -> Encoding | None:
    """Return the encoding that the values came from, if they are still on its steps, else None.

    A volume that was read with a slope, and cropped or turned since, is then written with the
    very numbers that it was read from.
    """
    if dtype.kind not in "iu" or not slope or not np.isfinite([slope, intercept]).all():
        return None
    info = np.iinfo(dtype)
    encoding = Encoding(dtype, slope, intercept)
    precision = np.finfo(volume.dtype).eps if volume.dtype.kind == "f" else 0.0
    worst = 0.0
    for _, values in slabs(volume):
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            return None
        steps = (values.astype(np.float64) - intercept) / slope
        whole = np.rint(steps)
        if whole.min(initial=0) < info.min or whole.max(initial=0) > info.max:
            return None
        allowed = 4 * precision * max(abs(float(np.abs(values).max(initial=0))), abs(intercept))
        off = np.abs(encoding.real(whole) - values).max(initial=0)
        if off > allowed or allowed > abs(slope) / 4:
            return None
        worst = max(worst, float(allowed))
    return Encoding(dtype, slope, intercept, tolerance=worst)
