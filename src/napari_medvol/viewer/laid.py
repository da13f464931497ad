"""How an overlay looks: its colours, their range, its threshold, as napari is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.viewer.colormaps import colormap_by_name, shape_colours
from napari_medvol.viewer.comparing import Comparison
from napari_medvol.views.windows import check_limits

if TYPE_CHECKING:
    from napari.layers import Layer

Limits = tuple[float, float]

#: Where the metadata of a layer say how it is laid.
KEY: Final = "medvol overlay"

#: Of a colormap, and of one whose colours fill only a part of the limits.
_STEPS: Final = 256
FINE_STEPS: Final = 1024
#: Above a threshold beyond the range one colour is left: so far that napari, which wants 256
#: steps of float32 between its limits, does not scale the values.
_STEP: Final = 1e-4
_SHADES: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """How a layer is laid over another, and how it looked before.

    Parameters
    ----------
    before : dict
        Colormap, contrast limits, opacity, blending of the layer as it was.
    base : napari.utils.Colormap or None
        Colours from one end of `limits` to the other; None for labels and colour.
    limits : (float, float)
        Range of the colours.
    threshold : float or None
        Values up to this one are transparent.
    opacity : float
    comparison : Comparison
    """

    before: dict[str, Any]
    base: Any
    limits: Limits
    threshold: float | None
    opacity: float
    comparison: Comparison = field(default_factory=Comparison)

    @property
    def shown_limits(self) -> Limits:
        """Range of the colours that are on the canvas: of a difference, that of its own."""
        reach = self.comparison.reach
        if self.comparison.mode == "difference" and reach is not None:
            return -reach, reach
        return self.limits

    @property
    def shown_base(self) -> Any:
        """Colours that are on the canvas, for all of :attr:`shown_limits`."""
        return colormap_by_name("coolwarm") if self.is_difference else self.base

    @property
    def is_difference(self) -> bool:
        """Whether what is on the canvas is the difference from the reference."""
        return self.comparison.mode == "difference"


def laid_of(layer: Layer) -> Laid | None:
    """Return how a layer is laid over another, or None."""
    laid = layer.metadata.get(KEY)
    return laid if isinstance(laid, Laid) else None


def recolour(layer: Layer, **changes: Any) -> None:
    """Change ``base``, ``limits``, ``threshold`` or ``opacity`` of an overlay; nothing is read.

    While the difference from the reference is shown, ``limits`` are those of the difference,
    which lie about 0: the end that was moved counts for both.

    Raises
    ------
    LayerError
        If the layer is no overlay, or napari cannot draw the limits or the threshold.
    """
    laid = needed(layer)
    if laid.base is None:
        # Labels and colour have colours of their own.
        changes = {name: value for name, value in changes.items() if name == "opacity"}
    if "limits" in changes:
        changes["limits"] = range_of(changes["limits"])
        if laid.is_difference:
            reach = _reach_of(laid.shown_limits, changes.pop("limits"))
            changes["comparison"] = replace(laid.comparison, reach=reach)
    remember(layer, checked(replace(laid, **changes)))
    repaint(layer)


def repaint(layer: Layer) -> None:
    """Give napari the colours, limits and opacity that an overlay is to have."""
    laid = needed(layer)
    comparison = laid.comparison
    layer.opacity = laid.opacity if comparison.mode in ("overlay", "blink") else 1.0
    if laid.base is None:
        return
    base, (low, high) = laid.shown_base, laid.shown_limits
    start, end = slider_limits(laid)
    put_limits(layer, start, end)
    if laid.threshold is None or laid.is_difference:
        layer.colormap = base
    else:
        n = _STEPS if start >= low else FINE_STEPS
        shares = (np.linspace(start, end, n) - low) / (high - low)
        shape_colours(layer, base, np.clip(shares, 0, 1), clear_below=True)


def slider_limits(laid: Laid) -> Limits:
    """Return the contrast limits that napari gets.

    napari hides what lies below its lower limit: with a threshold, that is the threshold,
    wherever the range of the colours begins.
    """
    low, high = laid.shown_limits
    if laid.threshold is None or laid.is_difference:
        return low, high
    start = laid.threshold
    # All that is left above it has the last colour.
    return start, max(high, start + max(abs(start), high - low) * _STEP)


def put_limits(layer: Layer, low: float, high: float) -> None:
    """Give a layer contrast limits; napari's sliders reach as far as they must."""
    reach, before = layer.contrast_limits_range, layer.contrast_limits
    if low < reach[0] or high > reach[1]:
        layer.contrast_limits_range = (min(low, reach[0]), max(high, reach[1]))
    layer.contrast_limits = (low, high)
    if _is_scaled(*before) or _is_scaled(low, high):
        # napari 0.9 scales the values as well, but not those that it holds already.
        layer.refresh()


def _is_scaled(low: float, high: float) -> bool:
    """Return whether napari's float32 has too few steps between two limits."""
    steps = np.abs(np.spacing(np.array([low, high], dtype=np.float32))).max()
    return bool(high - low < _SHADES * steps)


def _reach_of(before: Limits, after: Limits) -> float:
    """Return how far a range about 0 reaches of which one end was moved."""
    low, high = (abs(now - then) for now, then in zip(after, before, strict=True))
    return abs(after[1] if high >= low else after[0]) or before[1]


def range_of(limits: Limits) -> Limits:
    """Return limits that are apart, as napari wants them."""
    low, high = float(limits[0]), float(limits[1])
    check_limits("range of the overlay", low, high, LayerError)
    return low, high


def checked(laid: Laid) -> Laid:
    """Return how a layer is to be laid, if napari can draw it so.

    Raises
    ------
    LayerError
        If the threshold or the limits are no finite numbers, or further than float32 reaches.
    """
    check_limits("range of the overlay", *laid.shown_limits, LayerError)
    if laid.threshold is not None:
        if not np.isfinite(laid.threshold):
            raise LayerError(
                "threshold of the overlay",
                f"{laid.threshold:g} is no finite number",
                "Give one, or take the threshold away",
            )
        check_limits(
            f"overlay transparent up to {laid.threshold:g}", *slider_limits(laid), LayerError
        )
    return laid


def remember(layer: Layer, laid: Laid) -> None:
    """Write into a layer how it is laid."""
    layer.metadata = {**layer.metadata, KEY: laid}


def needed(layer: Layer) -> Laid:
    """Return how an overlay is laid.

    Raises
    ------
    LayerError
        If the layer is none.
    """
    laid = laid_of(layer)
    if laid is None:
        raise LayerError(f"layer {layer.name!r}", "is no overlay", "Lay it over a reference first")
    return laid
