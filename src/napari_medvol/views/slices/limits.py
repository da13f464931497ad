"""Which values of a volume become black and white in pictures of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import StepError
from napari_medvol.views.histogram import histogram
from napari_medvol.views.slices.voxels import passing
from napari_medvol.views.windows import limits_of_window, presets, windows_of_file
from napari_medvol.volume import Volume

Limits = tuple[float, float]
#: Two values, ``"full"``, ``"percentile"`` or ``"percentile 1 99"``, the name of a preset, or None
#: for what the file offers.
Asked = tuple[float, float] | str | None

_PERCENTILES: Final = (0.5, 99.5)


def limits_of(volume: Volume, window: Asked = None) -> Limits:
    """Return the values that become black and white.

    Parameters
    ----------
    volume : Volume
    window : (low, high), str or None
        Values in the unit of the volume; ``"full"``, the lowest and highest value there is;
        ``"percentile"``, 0.5 to 99.5 % of a sample of the values, or ``"percentile 1 99"``;
        the name of a preset of :func:`~napari_medvol.views.windows.presets` or of a window of
        the file. None is the display range or first window of the file, else percentiles.

    Raises
    ------
    StepError
        If there is no such window, or it is not one for these values.
    """
    if window is None:
        return _offered(volume) or _percentiles(volume, _PERCENTILES)
    if isinstance(window, str):
        return _named(volume, window)
    low, high = (float(v) for v in window)
    if not (np.isfinite([low, high]).all() and low < high):
        raise StepError(
            f"slices of {volume.name!r}",
            f"the window {low:g} to {high:g} has no width",
            "Give the lower value first",
        )
    return low, high


def extremes(volume: Volume) -> Limits:
    """Return the lowest and highest finite value, read plane by plane; (0, 0) without any."""
    low, high = np.inf, -np.inf
    for values in _planes(volume):
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _named(volume: Volume, window: str) -> Limits:
    name, *numbers = window.casefold().split()
    if window.casefold() == "full":
        return _wide(*extremes(volume))
    if name == "percentile":
        return _percentiles(volume, _shares(volume, numbers))
    known = {w.explanation.casefold(): w for w in (*windows_of_file(volume), *presets(volume))}
    if window.casefold() in known:
        return limits_of_window(known[window.casefold()])
    unit = volume.unit or "no known unit"
    raise StepError(
        f"slices of {volume.name!r}",
        f"there is no window {window!r} for values of {unit}",
        f"Give two values, or: {', '.join(['full', 'percentile', *known])}",
    )


def _shares(volume: Volume, numbers: list[str]) -> Limits:
    try:
        low, high = (float(n) for n in numbers) if numbers else _PERCENTILES
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low < high <= 100:
        raise StepError(
            f"slices of {volume.name!r}",
            f"the percentiles {' '.join(numbers)!r} are not two of 0 to 100",
            'Give them as "percentile 1 99"',
        )
    return low, high


def _offered(volume: Volume) -> Limits | None:
    offered = [volume.display.limits] if volume.display.limits else []
    offered += [limits_of_window(window) for window in windows_of_file(volume)[:1]]
    for low, high in offered:
        if np.isfinite([low, high]).all() and low < high:
            return float(low), float(high)
    return None


def _percentiles(volume: Volume, shares: Limits) -> Limits:
    counted = histogram(replace(volume, data=passing(volume.data)))
    low, high = counted.between(*shares)
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    if volume.display.diverging:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return _wide(low, high)


def _wide(low: float, high: float) -> Limits:
    return (low, high) if low < high else (low, low + 1.0)


def _planes(volume: Volume) -> Iterator[NDArray[Any]]:
    data = passing(volume.data)
    extra = volume.shape[3 : 3 + len(volume.axes) - volume.is_rgb]
    for *frame, number in product(*(range(n) for n in extra), range(volume.shape[2])):
        values = np.asarray(data[(slice(None), slice(None), number, *frame)])
        yield np.abs(values) if values.dtype.kind == "c" else values
