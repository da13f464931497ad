"""One scan over another: drawn on the other's grid in 2-D, transparent below a threshold."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import numpy as np

from napari_medvol.errors import LayerError
from napari_medvol.report import Finding
from napari_medvol.viewer.colormaps import colormap_by_name, shape_colours
from napari_medvol.viewer.comparing import Comparison, usual_reach
from napari_medvol.viewer.oblique import put, rename
from napari_medvol.viewer.onto import fresh_record, is_on, onto_reference
from napari_medvol.viewer.roles import (
    is_overlay,
    make_reference,
    reference_of,
    role_of,
    set_role,
)
from napari_medvol.viewer.shown import Shown, metadata, record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.window import application, later
from napari_medvol.views.overlays import overlay_findings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Limits = tuple[float, float]

_KEY: Final = "medvol overlay"

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


def overlay(
    viewer: ViewerModel,
    layer: Layer,
    reference: Layer | None = None,
    *,
    colormap: Any = "hot",
    opacity: float = 0.5,
    limits: Limits | None = None,
    threshold: float | None = None,
    blending: str = "translucent_no_depth",
) -> tuple[Finding, ...]:
    """Lay a layer over the reference: resliced onto its grid in 2-D, native in 3-D.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Image or Labels
    reference : Layer, optional
        By default the one that was named, else the lowest other image: a scan rather than a
        plain array, a visible one rather than a hidden one.
    colormap : str or Colormap
        A name in any case, or one of napari's maps; unused for labels and colour.
    opacity : float
        0 to 1.
    limits : (float, float), optional
        Range of the colours; by default the contrast limits of the layer.
    threshold : float, optional
        Values up to this one are transparent.
    blending : str
        One of napari's.

    Returns
    -------
    tuple of Finding
        What speaks against it: different frames of reference, unknown orientation, …

    Raises
    ------
    LayerError
        If there is no reference, it is the layer itself, or one of them holds no volume.
    MedVolError
        If nobody knows the colormap.
    """
    base = colormap_by_name(colormap) if isinstance(colormap, str) else colormap
    reference = reference or _other(viewer, layer)
    _check(viewer, layer, reference)
    made = onto_reference(fresh_record(layer), reference)
    laid = laid_of(layer)
    before = laid.before if laid else {name: getattr(layer, name) for name in _look(layer)}
    if is_overlay(reference):
        separate(viewer, reference)
    make_reference(viewer, reference)
    set_role(layer, "overlay")
    usual = laid.limits if laid else before.get("contrast_limits", (0.0, 1.0))
    is_grey = "colormap" in before
    _remember(
        layer,
        Laid(before, base if is_grey else None, _range(limits or usual), threshold, opacity),
    )
    _show(viewer, layer, made)
    layer.blending = blending
    _above(viewer, layer, reference)
    layer.visible = reference.visible = True
    _repaint(layer)
    _follow(viewer, reference)
    return overlay_findings(volume_of(reference), volume_of(layer))


def separate(viewer: ViewerModel, layer: Layer) -> None:
    """Make an overlay a layer of its own again: its own voxels, its look as it was before."""
    laid, record = laid_of(layer), record_of(layer)
    set_role(layer, "")
    layer.metadata = {key: value for key, value in layer.metadata.items() if key != _KEY}
    if record is not None and record.onto is not None:
        _show(viewer, layer, replace(record, onto=None))
    if laid is not None:
        for name, value in laid.before.items():
            setattr(layer, name, value)
    layer.refresh()


def laid_of(layer: Layer) -> Laid | None:
    """Return how a layer is laid over another, or None."""
    laid = layer.metadata.get(_KEY)
    return laid if isinstance(laid, Laid) else None


def overlays(viewer: ViewerModel) -> Iterator[Layer]:
    """Return the layers that are overlays, the lowest first."""
    return (layer for layer in viewer.layers if is_overlay(layer) and laid_of(layer) is not None)


def recolour(layer: Layer, **changes: Any) -> None:
    """Change ``base``, ``limits``, ``threshold`` or ``opacity`` of an overlay; nothing is read.

    While the difference from the reference is shown, ``limits`` are those of the difference,
    which lie about 0: the end that was moved counts for both.

    Raises
    ------
    LayerError
        If the layer is no overlay.
    """
    laid = _needed(layer)
    if laid.base is None:
        # Labels and colour have colours of their own.
        changes = {name: value for name, value in changes.items() if name == "opacity"}
    if "limits" in changes:
        changes["limits"] = _range(changes["limits"])
        if laid.is_difference:
            reach = _reach_of(laid.shown_limits, changes.pop("limits"))
            changes["comparison"] = replace(laid.comparison, reach=reach)
    _remember(layer, replace(laid, **changes))
    _repaint(layer)


def compare(viewer: ViewerModel, layer: Layer, comparison: Comparison) -> None:
    """Show an overlay as a chessboard, a wipe, the difference from its reference, or whole.

    Raises
    ------
    LayerError
        If the layer is no overlay, or the two cannot be compared so.
    """
    laid, reference = _needed(layer), reference_of(viewer)
    if reference is None:
        raise LayerError(f"layer {layer.name!r}", "there is no reference", "Choose one")
    made = onto_reference(_record(layer), reference, comparison)
    if comparison.mode == "difference" and comparison.reach is None and made.onto is not None:
        comparison = replace(comparison, reach=usual_reach(made.onto.flat.data))
    _remember(layer, replace(laid, comparison=comparison))
    _show(viewer, layer, made)
    _repaint(layer)
    layer.refresh()


def relay(viewer: ViewerModel) -> None:
    """Put every overlay onto the grid that the reference has now; the same grid is left alone."""
    reference = reference_of(viewer)
    for layer in list(overlays(viewer)):
        record, laid = record_of(layer), laid_of(layer)
        if reference is None or reference is layer:
            separate(viewer, layer)
        elif record is not None and laid is not None and not is_on(record, reference):
            _show(viewer, layer, onto_reference(record, reference, laid.comparison))
            layer.refresh()


#: Viewers whose layers are watched, and references whose place is.
_viewers: WeakSet[Any] = WeakSet()
_references: WeakSet[Any] = WeakSet()

_PLACE_EVENTS: Final = ("data", "scale", "translate", "rotate", "shear", "affine")


def _follow(viewer: ViewerModel, reference: Layer) -> None:
    """Keep overlays on the grid of their reference: turned, moved, given other data, or gone."""
    held = weakref.ref(viewer)
    if viewer not in _viewers:
        _viewers.add(viewer)
        viewer.layers.events.removed.connect(lambda event: _on_removed(held(), event.value))
    if reference not in _references:
        _references.add(reference)
        for name in _PLACE_EVENTS:
            getattr(reference.events, name).connect(lambda: _on_place(held))


def _on_removed(viewer: ViewerModel | None, layer: Layer) -> None:
    if viewer is not None and role_of(layer) == "reference":
        for above in list(overlays(viewer)):
            separate(viewer, above)


def _on_place(held: weakref.ref[ViewerModel]) -> None:
    """Look at the grid later: what changes a layer changes its array and its place in turn."""

    def relay_now() -> None:
        viewer = held()
        if viewer is not None:
            relay(viewer)

    if application() is not None:
        later(0, relay_now)


def _show(viewer: ViewerModel, layer: Layer, made: Shown) -> None:
    """Give a layer another record, and the face of it that the viewer needs."""
    before = record_of(layer)
    now = None if before is None else before.current(layer.data)
    wanted = made.face(viewer.dims.ndisplay)
    moved = before is None or now is None or before.volume is not made.volume
    layer.metadata = {**layer.metadata, **metadata(made)}
    if before is not None:
        rename(layer, before, made)
    # What was moved is in the new record: it must not be moved twice.
    put(layer, None if moved else now, wanted)


def _look(layer: Layer) -> tuple[str, ...]:
    """Return what an overlay changes about a layer's look."""
    if hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False):
        return ("colormap", "contrast_limits", "opacity", "blending")
    return ("opacity", "blending")


def _repaint(layer: Layer) -> None:
    """Give napari the colours, limits and opacity that an overlay is to have."""
    laid = _needed(layer)
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


def _range(limits: Limits) -> Limits:
    """Return limits that are apart, as napari wants them."""
    low, high = float(limits[0]), float(limits[1])
    if not (np.isfinite([low, high]).all() and low < high):
        raise LayerError(
            "range of the overlay",
            f"{low:g} is not below {high:g}",
            "Give a lower and an upper end",
        )
    return low, high


def _remember(layer: Layer, laid: Laid) -> None:
    layer.metadata = {**layer.metadata, _KEY: laid}


def _needed(layer: Layer) -> Laid:
    laid = laid_of(layer)
    if laid is None:
        raise LayerError(f"layer {layer.name!r}", "is no overlay", "Lay it over a reference first")
    return laid


def _record(layer: Layer) -> Shown:
    record = record_of(layer)
    return fresh_record(layer) if record is None else record


def _other(viewer: ViewerModel, layer: Layer) -> Layer:
    """Return the layer that is to be below."""
    from napari.layers import Image

    named = reference_of(viewer)
    if named is not None and named is not layer and role_of(named) == "reference":
        return named
    others = [one for one in viewer.layers if isinstance(one, Image) and one is not layer]
    if not others:
        raise LayerError(
            f"layer {layer.name!r}", "there is no other image to lay it over", "Open one"
        )
    return min(others, key=lambda one: (is_overlay(one), record_of(one) is None, not one.visible))


def _check(viewer: ViewerModel, layer: Layer, reference: Layer) -> None:
    if layer is reference:
        raise LayerError(f"layer {layer.name!r}", "cannot lie over itself", "Choose two layers")
    for one in (layer, reference):
        if one not in viewer.layers:
            raise LayerError(f"layer {one.name!r}", "is not in this viewer", "Choose another")
        if one.ndim < 3:
            raise LayerError(
                f"layer {one.name!r}",
                f"has {one.ndim} axes, a volume has three",
                "Choose a volume",
            )


def _above(viewer: ViewerModel, layer: Layer, reference: Layer) -> None:
    """Move a layer up to just above its reference, if it is below."""
    at, below = viewer.layers.index(layer), viewer.layers.index(reference)
    if at < below:
        viewer.layers.move(at, below + 1)
