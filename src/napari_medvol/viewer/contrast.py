"""First contrast limits and colours of a volume, from what is cheap to read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray
from napari_medvol.stores import SequentialSource
from napari_medvol.views.windows import limits_of_window, windows_of_file
from napari_medvol.volume import Display, Volume

Limits = tuple[float, float]

_PERCENTILES: Final = (0.5, 99.5)
_HOUNSFIELD: Final = (-1024.0, 3071.0)
_SAMPLE: Final = 400_000
_WHERE: Final = (0.5, 0.25, 0.75, 0.375, 0.625)
_ACTIVITY: Final = ("bq/ml", "g/ml", "kbq/ml", "mbq/ml", "cm²/ml")
#: Dose below this share of the highest is not drawn over what lies below it.
_NO_DOSE: Final = 0.01


def contrast_limits(volume: Volume, part: str = "") -> Limits:
    """Return display limits that are never degenerate and ignore padding and NaN.

    The file's own limits come first, then its first window, then robust percentiles of a few
    planes.

    Parameters
    ----------
    volume : Volume
    part : {"", "magnitude", "phase"}
        Which part of complex values is shown.
    """
    if part == "phase":
        return -np.pi, np.pi
    if volume.is_rgb:
        return (0.0, 255.0) if volume.dtype.kind == "u" else (0.0, 1.0)
    offered = [] if part else _offered(volume)
    for low, high in offered:
        if np.isfinite([low, high]).all() and low < high:
            return float(low), float(high)
    if is_dose(volume):
        high = float(_sample(volume).max(initial=0.0))
        return (_NO_DOSE * high, high) if high > 0 else (0.0, 1.0)
    return limits_of(_sample(volume), volume.display.diverging)


def contrast_reach(volume: Volume, limits: Limits, part: str = "") -> Limits:
    """Return how far the sliders of the display range go: beyond what the first limits show.

    napari takes the first limits for the ends of its sliders, so that a CT opened in a soft
    tissue window could never be looked at in a bone window.
    """
    if part == "phase" or volume.is_rgb:
        return limits
    if volume.unit == "HU":
        low, high = _HOUNSFIELD
    else:
        values = _sample(volume)
        low, high = (float(values.min()), float(values.max())) if values.size else limits
        # A few planes do not hold the whole range.
        low, high = low - 0.25 * (high - low), high + 0.5 * (high - low)
        low, high = _held(low, high, volume.dtype)
    return min(low, limits[0]), max(high, limits[1])


def _held(low: float, high: float, dtype: np.dtype[Any]) -> Limits:
    """Return the part of a range that a type holds."""
    if dtype.kind not in "iu":
        return low, high
    info = np.iinfo(dtype)
    return max(low, float(info.min)), min(high, float(info.max))


def _offered(volume: Volume) -> list[Limits]:
    limits = [volume.display.limits] if volume.display.limits else []
    for window in windows_of_file(volume)[:1]:
        # A curve is a matter of the Window widget; a straight line has the same centre and slope.
        is_curve = window.function == "SIGMOID"
        limits.append(
            limits_of_window(window._replace(function="LINEAR_EXACT") if is_curve else window)
        )
    return limits


def limits_of(values: NDArray[Any], diverging: bool = False) -> Limits:
    """Return robust limits of `values`, which hold neither padding nor NaN."""
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, _PERCENTILES))
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if diverging:
        bound = max(abs(low), abs(high))
        low, high = -bound, bound
    # A width that float32 textures cannot resolve is as degenerate as none.
    if high - low <= abs(low) * 1e-6 or not np.isfinite(high - low):
        if low > 0:
            return 0.0, low  # One value alone is seen: brightest of what there is above nothing.
        return low, low + max(1.0, abs(low) * 1e-3)
    return low, high


def _sample(volume: Volume) -> NDArray[Any]:
    """Return some values of the volume that are tissue, flat."""
    data = volume.data
    if data.size == 0:
        return np.empty(0)
    if isinstance(data, LazyArray):
        # A compressed stream is read in order: the plane that is shown first is the one that
        # it has to reach anyway.
        is_stream = isinstance(data.store.source, SequentialSource)
        where, axis = (_WHERE[:1] if is_stream else _WHERE), 2
    else:
        where, axis = _WHERE, int(np.argmin(data.shape[:3]))
    n = data.shape[axis]
    numbers = list(dict.fromkeys(min(int(n * share), n - 1) for share in where))
    found: list[NDArray[Any]] = []
    for number in numbers:
        plane = _plane(data, axis, number)
        if plane is None:
            continue
        found.append(_tissue(plane, volume.display))
        values = np.concatenate(found)
        # Three planes; more only where those are one flat value, such as air.
        if len(found) >= 3 and values.size and values.min() < values.max():
            return values
    if found or not isinstance(data, LazyArray) or not data.store.errors:
        return np.concatenate(found) if found else np.empty(0)
    # A stream that is cut short before its middle: its beginning is there.
    plane = _plane(data, axis, n // 4)
    plane = _plane(data, axis, 0) if plane is None else plane
    return np.empty(0) if plane is None else _tissue(plane, volume.display)


def _plane(data: Any, axis: int, number: int) -> NDArray[Any] | None:
    """Return a few values of one plane, or None if it was left blank for what is wrong."""
    index: list[Any] = [slice(None)] * 3 + [0] * (data.ndim - 3)
    index[axis] = number
    plane: NDArray[Any] = np.asarray(data[tuple(index)])
    if isinstance(data, LazyArray) and data.store.errors and not plane.any():
        return None
    stride = max(1, int(np.sqrt(plane.size / _SAMPLE)))
    return plane[::stride, ::stride]


def _tissue(plane: NDArray[Any], display: Display) -> NDArray[Any]:
    values = plane.ravel()
    if values.dtype.kind == "c":
        values = np.abs(values)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)].astype(np.float64)
    if display.padding is not None:
        low, high = display.padding
        values = values[(values < low) | (values > high)]
    return values


def is_activity(volume: Volume) -> bool:
    """Return whether the values are a tracer's concentration: PET, SPECT."""
    unit = volume.unit.lower()
    return unit in _ACTIVITY or unit.startswith("suv")


def is_dose(volume: Volume) -> bool:
    """Return whether the values are a radiation dose: Modality (0008,0060) RTDOSE."""
    return any(row.name == "Modality" and row.value == "RTDOSE" for row in volume.header)


def colours(volume: Volume, part: str = "") -> dict[str, Any]:
    """Return napari's ``colormap``, and ``blending`` and ``opacity`` where they matter."""
    if part == "phase":
        return {"colormap": "twilight_shifted"}
    display = volume.display
    if display.colormap:
        name = known_colormap(display.colormap)
        if name:
            return {"colormap": name}
    if is_dose(volume):
        return {"colormap": dose_colormap(), "blending": "translucent", "opacity": 0.5}
    if display.inverted:
        return {"colormap": "gray_r"}
    if display.diverging:
        return {"colormap": "PiYG"}
    if is_activity(volume):
        # Added to what lies below: over a CT it is a fused picture at once, alone it looks
        # as ever.
        return {"colormap": "hot", "blending": "additive"}
    return {"colormap": "gray"}


def dose_colormap() -> Any:
    """Return blue to red, and nothing at all where there is next to no dose."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    colors = ensure_colormap("turbo").colors
    return Colormap(colors, name="dose", low_color=(0, 0, 0, 0))


def known_colormap(name: str) -> str:
    """Return napari's spelling of a colormap's name, whatever its case; empty if unknown."""
    from napari.utils.colormaps import AVAILABLE_COLORMAPS, ensure_colormap

    for known in AVAILABLE_COLORMAPS:
        if known.lower() == name.lower():
            return known
    for spelling in (name, name.lower()):
        try:
            ensure_colormap(spelling)
        except (KeyError, ValueError):
            continue
        return spelling
    return ""
