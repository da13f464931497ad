"""Windows: which values are black, which are white, and the curve between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.errors import MedVolError
from napari_medvol.views.histogram import Histogram
from napari_medvol.volume import Volume, Window

Limits = tuple[float, float]

FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

#: Widths of a sigmoid that its limits reach to either side: 0.03 % of the brightness is beyond.
_SIGMOID_REACH: Final = 2.0

#: napari draws in float32: limits, and what lies between them, that it can hold.
_REACH: Final = float(np.finfo(np.float32).max)

#: Level and width as taught, in the order of the number keys.
_CT: Final = (
    ("lung", -600, 1500),
    ("mediastinum", 40, 400),
    ("bone", 400, 1800),
    ("brain", 40, 80),
    ("subdural", 75, 215),
    ("stroke", 32, 8),
    ("liver", 80, 150),
    ("abdomen", 60, 400),
    ("angiography", 300, 600),
    ("temporal bone", 600, 2800),
)
_SUV: Final = (("SUV 0–5", 2.5, 5), ("SUV 0–7", 3.5, 7), ("SUV 0–10", 5, 10), ("SUV 0–20", 10, 20))


def windowed(values: ArrayLike, window: Window) -> NDArray[np.float64]:
    """Return brightness, 0 to 1, of `values`: the VOI LUT function of PS3.3 C.11.2.1.2 and .3.

    Parameters
    ----------
    values : array_like
        Real values, of any shape.
    window : Window
        Its function is one of :data:`FUNCTIONS`.

    Raises
    ------
    MedVolError
        If the function is unknown, or the width is too small for it.
    """
    x = np.asarray(values, dtype=np.float64)
    _check(window)
    if window.function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (x - window.center) / window.width))
    low, high = limits_of_window(window)
    if low == high:
        return np.where(x > low, 1.0, 0.0)
    return np.clip((x - low) / (high - low), 0, 1)


def limits_of_window(window: Window) -> Limits:
    """Return the values that begin to be brighter than black, and that are white.

    Of a sigmoid, which has no such values, those within which all but 0.03 % of the brightness
    lies at either end.

    Raises
    ------
    MedVolError
        As :func:`windowed`.
    """
    _check(window)
    center, width = float(window.center), float(window.width)
    if window.function == "SIGMOID":
        return center - _SIGMOID_REACH * width, center + _SIGMOID_REACH * width
    if window.function == "LINEAR":
        # The window is `width` stored values wide, so its ends lie width - 1 apart.
        return center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    return center - width / 2, center + width / 2


def window_of_limits(low: float, high: float, function: str = "LINEAR_EXACT") -> Window:
    """Return the window whose :func:`limits_of_window` are `low` and `high`."""
    if function == "SIGMOID":
        return Window((low + high) / 2, (high - low) / (2 * _SIGMOID_REACH), "", function)
    if function == "LINEAR":
        return Window((low + high) / 2 + 0.5, high - low + 1, "", function)
    return Window((low + high) / 2, high - low, "", function)


def check_limits(
    what: str, low: float, high: float, error: type[MedVolError] = MedVolError
) -> None:
    """Refuse limits that nothing can be drawn with.

    Parameters
    ----------
    what : str
        What the limits are of, for the words of the error.
    low, high : float
    error : type of MedVolError

    Raises
    ------
    MedVolError
        Of the type given: if one of them is no finite number, `low` is not below `high`, or
        float32, in which they are drawn, does not reach as far.
    """
    why = f"its limits would be {low:g} and {high:g}"
    if not (np.isfinite([low, high]).all() and low < high):
        raise error(what, why, "Swap or widen them")
    if max(abs(low), abs(high), high - low) > _REACH:
        raise error(what, f"{why}, and pictures reach to ±{_REACH:.1e}", "Take smaller numbers")


def _check(window: Window) -> None:
    what = f"window {window.center:g}/{window.width:g}"
    if window.function not in FUNCTIONS:
        raise MedVolError(
            what,
            f"the VOI LUT function {window.function!r} is unknown",
            f"The standard has {', '.join(FUNCTIONS)}",
        )
    # PS3.3 C.11.2.1.2: at least 1 for LINEAR, more than 0 for the others.
    is_wide = window.width >= 1 if window.function == "LINEAR" else window.width > 0
    if not is_wide or not np.isfinite([window.center, window.width]).all():
        least = "at least 1" if window.function == "LINEAR" else "more than 0"
        raise MedVolError(what, f"{window.function} needs a width of {least}", "Give a width")


def presets(volume: Volume) -> tuple[Window, ...]:
    """Return the windows that are usual for the unit of a volume, named; none where none are."""
    unit = volume.unit.lower()
    rows: tuple[tuple[str, float, float], ...] = ()
    if unit == "hu":
        rows = _CT
    elif unit.startswith("suv") or unit == "g/ml":
        rows = _SUV
    return tuple(Window(center, width, name, "LINEAR_EXACT") for name, center, width in rows)


def windows_of_file(volume: Volume) -> tuple[Window, ...]:
    """Return the windows that the file offers, each with a name, those that make sense, once."""
    named = []
    for number, window in enumerate(dict.fromkeys(volume.display.windows), 1):
        function = window.function if window.function in FUNCTIONS else "LINEAR"
        whole = window._replace(
            function=function, explanation=window.explanation or f"window {number} of the file"
        )
        try:
            _check(whole)
        except MedVolError:
            continue
        named.append(whole)
    return tuple(named)


_NUMBER: Final = r"([-+−]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)"
_SPACE: Final = r"\s*"
_ONE: Final = re.compile(rf"([a-zA-Z]+){_SPACE}[=:]?{_SPACE}{_NUMBER}{_SPACE}")
_LEVEL_WIDTH: Final = re.compile(rf"{_NUMBER}{_SPACE}/{_SPACE}{_NUMBER}{_SPACE}")
_PERCENT: Final = re.compile(rf"{_NUMBER}{_SPACE}(?:-|–|to|\.\.|\s){_SPACE}{_NUMBER}{_SPACE}%")
_TWO: Final = re.compile(rf"{_NUMBER}{_SPACE}(?:to|–|\.\.|;|\s){_SPACE}{_NUMBER}{_SPACE}")

_FIX: Final = (
    "Write 'max 1000', 'min -200', 'level 40', 'width 400', '40/400' (level/width), '-160 240'"
    " (from, to), '2-98 %', 'full' or the name of a preset"
)


def window_from_text(
    text: str,
    now: Window,
    offered: Sequence[Window] = (),
    histogram: Histogram | None = None,
) -> Window:
    """Return the window that somebody typed: a text of :func:`limits_from_text`.

    A level and a width are those of the window, whatever its function makes of them; limits are
    what the function shows from black to white. A name brings the function of its own.

    Raises
    ------
    MedVolError
        As :func:`limits_from_text`.
    """
    text = text.strip()
    if _tells_width(text, offered):
        around = _around(now.center, now.width)
        low, high = limits_from_text(text, around, (), histogram)
        return now._replace(center=(low + high) / 2, width=high - low, explanation="")
    if window := _named(text, offered):
        return window
    limits = limits_from_text(text, limits_of_window(now), (), histogram)
    return window_of_limits(*limits, now.function)


def _tells_width(text: str, offered: Sequence[Window]) -> bool:
    if _LEVEL_WIDTH.fullmatch(text):
        return True
    found = _ONE.fullmatch(text)
    if found is None or _named(text, offered):
        return False
    names = ("level", "center", "centre", "width")
    return any(name.startswith(found[1].lower()) for name in names)


def _named(text: str, offered: Sequence[Window]) -> Window | None:
    """Return the first window whose name begins with a text that is no number."""
    begins = (w for w in offered if text and w.explanation.lower().startswith(text.lower()))
    is_number = any(form.fullmatch(text) for form in (_PERCENT, _LEVEL_WIDTH, _TWO))
    return None if is_number or text.lower() == "full" else next(begins, None)


def limits_from_text(
    text: str,
    now: Limits,
    offered: Sequence[Window] = (),
    histogram: Histogram | None = None,
) -> Limits:
    """Return the limits that somebody typed, such as ``max 1000``.

    Parameters
    ----------
    text : str
        ``max 1000``, ``min -200``, ``level 40``, ``width 400``, ``40/400`` (level/width),
        ``-160 240`` or ``-160 to 240`` (from, to), ``2-98 %``, ``full``, or how the name of a
        window in `offered` begins.
    now : (float, float)
        The limits that what is not said keeps.
    offered : sequence of Window
    histogram : Histogram, optional
        For percentages and ``full``.

    Raises
    ------
    MedVolError
        If the text is none of that, :func:`check_limits` refuses the limits, or percentages
        are not from 0 to 100, the lower one first.
    """
    low, high = _typed(text.strip(), now, offered, histogram)
    check_limits(f"window {text!r}", low, high)
    return low, high


def _typed(
    text: str, now: Limits, offered: Sequence[Window], histogram: Histogram | None
) -> Limits:
    low, high = now
    if found := _PERCENT.fullmatch(text):
        return _of_share(text, _number(found[1]), _number(found[2]), histogram)
    if found := _LEVEL_WIDTH.fullmatch(text):
        return _around(_number(found[1]), _number(found[2]))
    if found := _TWO.fullmatch(text):
        return _number(found[1]), _number(found[2])
    if text.lower() == "full":
        return _of_all(text, histogram)
    if window := _named(text, offered):
        return limits_of_window(window)
    found = _ONE.fullmatch(text)
    word, value = (found[1].lower(), _number(found[2])) if found else ("", 0.0)
    answers: dict[str, Limits] = {
        "min": (value, high),
        "max": (low, value),
        "level": _around(value, high - low),
        "width": _around((low + high) / 2, value),
    }
    answers |= {"center": answers["level"], "centre": answers["level"]}
    known = [name for name in answers if word and name.startswith(word)]
    if not known:
        raise MedVolError(f"window {text!r}", "is not understood", _FIX)
    return answers[known[0]]


def _of_share(text: str, low: float, high: float, histogram: Histogram | None) -> Limits:
    if not 0 <= low < high <= 100:
        raise MedVolError(
            f"window {text!r}",
            f"it would be from {low:g} % to {high:g} % of the values",
            "Write two percentages from 0 to 100, the lower one first",
        )
    return _of_values(text, histogram).between(low, high)


def _of_values(text: str, histogram: Histogram | None) -> Histogram:
    if histogram is None or not histogram.n_read:
        raise MedVolError(f"window {text!r}", "there are no values to count", "Give numbers")
    return histogram


def _of_all(text: str, histogram: Histogram | None) -> Limits:
    values = _of_values(text, histogram)
    if not values.is_whole:
        raise MedVolError(
            f"window {text!r}",
            f"only {values.n_planes} of {values.n_planes_total} slices were read",
            "Count every voxel first",
        )
    if not values.lowest < values.highest:
        raise MedVolError(
            f"window {text!r}",
            f"the value is {values.lowest:g} everywhere",
            "There is nothing to spread over the colours",
        )
    return values.lowest, values.highest


def _around(center: float, width: float) -> Limits:
    return center - width / 2, center + width / 2


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "."))
