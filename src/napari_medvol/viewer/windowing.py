"""The window of a layer: set and read through napari's contrast limits and colormap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.viewer.colormaps import is_shaped, shape_colours
from napari_medvol.viewer.laid import laid_of, put_limits, recolour
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.views.histogram import histogram
from napari_medvol.views.windows import (
    FUNCTIONS,
    check_limits,
    limits_of_window,
    presets,
    window_from_text,
    window_of_limits,
    windowed,
    windows_of_file,
)
from napari_medvol.volume import Volume, Window

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Limits = tuple[float, float]

#: What the colours of a layer are when its curve is a sigmoid: the colormap below the curve.
_sigmoids: WeakKeyDictionary[Layer, Any] = WeakKeyDictionary()

#: The window that a layer was given last, and the limits that napari made of it.
_given: WeakKeyDictionary[Layer, tuple[Window, Limits]] = WeakKeyDictionary()

#: A step from black to white, as a share of its value: float32 has to tell both sides apart.
_NARROWEST = 1e-6


def has_window(layer: Any) -> bool:
    """Return whether a layer has limits of brightness: an image that is not of colour."""
    return hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False)


def window_of(layer: Layer) -> Window:
    """Return the window that a layer is shown with.

    The one that it was given, or was opened with, to the digit, as long as nothing else moved
    its limits; else the one of its limits.

    Raises
    ------
    LayerError
        If the layer has none: labels, colour, points.
    """
    _check(layer)
    function, limits, known = function_of(layer), _limits(layer), _known(layer)
    if known is not None and known[1] == limits and known[0].function == function:
        return known[0]
    return window_of_limits(*limits, function)


def function_of(layer: Layer) -> str:
    """Return the VOI LUT function that a layer is shown with."""
    if layer in _sigmoids and is_shaped(layer):
        return "SIGMOID"
    known = _known(layer)
    return "LINEAR" if known is not None and known[0].function == "LINEAR" else "LINEAR_EXACT"


def set_window(layer: Layer, window: Window | str) -> None:
    """Show a layer with a window; napari's sliders follow, and reach as far as they must.

    SIGMOID, of which napari knows nothing, becomes the layer's colormap in 256 steps over two
    widths to either side of the centre.

    Parameters
    ----------
    layer : Image
    window : Window or str
        A text such as ``"40/400"`` or ``"max 1000"``, as
        :func:`~napari_medvol.views.windows.window_from_text` takes it. ``"full"`` reads the
        whole scan, percentages a sample.

    Raises
    ------
    LayerError
        If the layer has no window.
    MedVolError
        If the function is unknown, the width is too small for it, or the limits are further
        than float32 reaches.
    """
    _check(layer)
    if isinstance(window, str):
        window = _from_text(layer, window)
    low, high = limits_of_window(window)
    if low == high:
        high = low + (abs(low) or 1.0) * _NARROWEST
    check_limits(f"window {window.center:g}/{window.width:g}", low, high)
    base = _base(layer)
    if window.function == "SIGMOID":
        brightness = windowed(np.linspace(low, high, 256), window)
        first, last = brightness[0], brightness[-1]
        _sigmoids[layer] = base
        shape_colours(layer, base, (brightness - first) / (last - first))
    elif _sigmoids.pop(layer, None) is not None:
        layer.colormap = base
    # First: who hears of the new limits asks for the window.
    _given[layer] = window._replace(explanation=""), (low, high)
    _set_limits(layer, low, high)


def _from_text(layer: Layer, text: str) -> Window:
    is_full = text.strip().lower() == "full"
    counted = histogram(values_of(layer), whole=is_full) if is_full or "%" in text else None
    usual, of_file = offered_windows(layer)
    return window_from_text(text, window_of(layer), (*usual, *of_file), counted)


def set_limits(layer: Layer, low: float, high: float) -> None:
    """Show a layer from black at `low` to white at `high`, with the function that it has.

    Raises
    ------
    LayerError
        If the layer has no window.
    MedVolError
        If `low` is not below `high`, or float32 does not reach as far.
    """
    _check(layer)
    check_limits(f"window of {layer.name!r}", low, high)
    set_window(layer, window_of_limits(low, high, function_of(layer)))


def offered_windows(layer: Layer) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
    """Return the usual windows for the unit of a layer, and those that its file offers."""
    record = record_of(layer)
    if record is None or record.part:
        return (), ()
    return presets(record.volume), windows_of_file(record.volume)


def values_of(layer: Layer) -> Volume:
    """Return the volume whose values are to be counted: of a complex one, the part shown.

    Raises
    ------
    LayerError
        If the layer holds no voxels.
    """
    record, volume = record_of(layer), volume_of(layer)
    if record is None or record.part != "phase":
        return volume
    # Counted by their magnitude they would be another picture.
    return Volume(np.asarray(record.native.data), np.eye(4), volume.axes, name=volume.name)


def windowed_layer(viewer: ViewerModel) -> Layer | None:
    """Return the layer that keys and drags are for: the active one, else the highest visible."""
    active = viewer.layers.selection.active
    if active is not None and has_window(active):
        return active
    return next((one for one in reversed(viewer.layers) if one.visible and has_window(one)), None)


def _base(layer: Layer) -> Any:
    laid = laid_of(layer)
    if laid is not None:
        return laid.base
    base = _sigmoids.get(layer)
    return base if base is not None and is_shaped(layer) else layer.colormap


def _known(layer: Layer) -> tuple[Window, Limits] | None:
    """Return the window that a layer was given or opened with, and the limits it made."""
    if layer in _given:
        return _given[layer]
    record = record_of(layer)
    if record is None or record.part or record.limits is None:
        return None
    for window in windows_of_file(record.volume)[:1]:
        if window.function != "SIGMOID" and limits_of_window(window) == tuple(record.limits):
            return window._replace(explanation=""), limits_of_window(window)
    return None


def _limits(layer: Layer) -> Limits:
    laid = laid_of(layer)
    low, high = laid.shown_limits if laid is not None else layer.contrast_limits
    return float(low), float(high)


def _set_limits(layer: Layer, low: float, high: float) -> None:
    if laid_of(layer) is not None:
        recolour(layer, limits=(low, high))
        return
    put_limits(layer, low, high)


def _check(layer: Any) -> None:
    if not has_window(layer):
        name = getattr(layer, "name", layer)
        raise LayerError(f"layer {name!r}", "has no window", "Choose an image of numbers")


__all__ = [
    "FUNCTIONS",
    "function_of",
    "has_window",
    "offered_windows",
    "set_limits",
    "set_window",
    "values_of",
    "window_of",
    "windowed_layer",
]
