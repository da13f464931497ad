"""What an operation on values would lose, before it is done."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.volume import Step, Volume

_AT_ONCE: Final = 1 << 22


class Loss(NamedTuple):
    """How many values would not be what they are.

    Parameters
    ----------
    values : int
        How many there are.
    clipped : int
        Beyond the new range: set to its ends, or refused.
    rounded : int
        Within it, but between the values that the new type or step can hold.
    undefined : int
        Not a number, infinite.
    low, high : float
        Lowest and highest finite value now.
    """

    values: int
    clipped: int
    rounded: int
    undefined: int
    low: float
    high: float

    def __str__(self) -> str:
        """One line, for people."""
        if not self.values:
            return "There are no values."
        parts = [f"Values {self.low:g} to {self.high:g}"]
        counts = {"clipped": self.clipped, "rounded": self.rounded, "undefined": self.undefined}
        parts += [
            f"{count:,} {word} ({100 * count / self.values:.3g} %)"
            for word, count in counts.items()
            if count
        ]
        return "; ".join(parts if len(parts) > 1 else [*parts, "nothing is lost"])


def loss_of(
    volume: Volume, step: Step, progress: Callable[[int, int], None] = lambda done, total: None
) -> Loss:
    """Return what a step on values would lose.

    A step that spreads a range over integers (``rescale``, ``window``) rounds every value that
    falls between two of them; one that takes another range of the axes loses nothing.

    Parameters
    ----------
    volume : Volume
        Real values.
    step : Step
        Of ``astype``, ``rescale``, ``window``, ``clip`` or ``round_values``; others lose none.
    progress : callable, optional
        Called with (planes done, planes in all).
    """
    low, high = _range(volume)
    ends, spread = _fate(volume, step, low, high)
    clipped = rounded = undefined = 0
    for number, values in enumerate(_parts(volume)):
        progress(number, volume.shape[2])
        finite = values[np.isfinite(values)]
        undefined += values.size - finite.size
        within = (finite >= ends[0]) & (finite <= ends[1])
        clipped += int(finite.size - within.sum())
        if spread is not None:
            kept = finite[within].astype(np.float64)
            rounded += int((~_is_kept(spread(kept), kept)).sum())
    return Loss(volume.data.size, clipped, rounded, undefined, low, high)


_Spread = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _fate(
    volume: Volume, step: Step, low: float, high: float
) -> tuple[tuple[float, float], _Spread | None]:
    """Return which values stay within the range, and what they become: in their own unit."""
    given = step.params
    if step.op == "clip":
        first, last = given.get("low"), given.get("high")
        return (-np.inf if first is None else first, np.inf if last is None else last), None
    if step.op == "round_values":
        return (-np.inf, np.inf), np.rint
    if step.op == "astype":
        return _fate_of_type(np.dtype(given["dtype"]))
    if step.op == "window":
        center, half = given["center"] - 0.5, (given["width"] - 1) / 2
        return (center - half, center + half), _greys(center - half, center + half, 255)
    if step.op == "rescale":
        first = low if given.get("low") is None else given["low"]
        last = high if given.get("high") is None else given["high"]
        info = np.iinfo(given.get("dtype", "uint8"))
        return (first, last), _greys(first, last, int(info.max) - int(info.min))
    return (-np.inf, np.inf), None


def _fate_of_type(dtype: np.dtype[Any]) -> tuple[tuple[float, float], _Spread | None]:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return (float(info.min), float(info.max)), np.rint
    reach = float(np.finfo(dtype).max)
    return (-reach, reach), lambda values: values.astype(dtype).astype(np.float64)


def _greys(low: float, high: float, steps: int) -> _Spread:
    """Return what values are again when they have been one of so many greys."""
    size = (high - low) / steps if high > low else 1.0
    return lambda values: np.rint((values - low) / size) * size + low


def _is_kept(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(after - before) <= 1e-9 * np.maximum(np.abs(before), 1.0))


def _range(volume: Volume) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for values in _parts(volume):
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _parts(volume: Volume) -> Any:
    step = max(1, _AT_ONCE // max(prod(volume.shape) // volume.shape[2], 1))
    for first in range(0, volume.shape[2], step):
        values = np.asarray(volume.data[:, :, first : first + step])
        yield np.abs(values) if values.dtype.kind == "c" else values
