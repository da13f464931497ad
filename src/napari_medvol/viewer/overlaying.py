"""One scan over another: drawn on the other's grid in 2-D, transparent below a threshold."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from napari_medvol.errors import LayerError
from napari_medvol.report import Finding
from napari_medvol.viewer.colormaps import colormap_by_name
from napari_medvol.viewer.comparing import Comparison, usual_reach
from napari_medvol.viewer.laid import (
    KEY,
    Laid,
    Limits,
    checked,
    laid_of,
    needed,
    range_of,
    remember,
    repaint,
)
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
        If there is no reference, it is the layer itself, one of them holds no volume, or
        napari cannot draw the limits or the threshold: then nothing was changed.
    MedVolError
        If nobody knows the colormap.
    """
    base = colormap_by_name(colormap) if isinstance(colormap, str) else colormap
    reference = reference or _other(viewer, layer)
    _check(viewer, layer, reference)
    made = onto_reference(fresh_record(layer), reference)
    laid = laid_of(layer)
    before = laid.before if laid else {name: getattr(layer, name) for name in _look(layer)}
    usual = laid.limits if laid else before.get("contrast_limits", (0.0, 1.0))
    is_grey = "colormap" in before
    ends = range_of(usual if limits is None else limits)
    now = checked(Laid(before, base if is_grey else None, ends, threshold, opacity))
    if is_overlay(reference):
        separate(viewer, reference)
    make_reference(viewer, reference)
    set_role(layer, "overlay")
    remember(layer, now)
    _show(viewer, layer, made)
    layer.blending = blending
    _above(viewer, layer, reference)
    layer.visible = reference.visible = True
    repaint(layer)
    _follow(viewer, reference)
    return overlay_findings(volume_of(reference), volume_of(layer))


def separate(viewer: ViewerModel, layer: Layer) -> None:
    """Make an overlay a layer of its own again: its own voxels, its look as it was before."""
    laid, record = laid_of(layer), record_of(layer)
    set_role(layer, "")
    layer.metadata = {key: value for key, value in layer.metadata.items() if key != KEY}
    if record is not None and record.onto is not None:
        _show(viewer, layer, replace(record, onto=None))
    if laid is not None:
        for name, value in laid.before.items():
            setattr(layer, name, value)
    layer.refresh()


def overlays(viewer: ViewerModel) -> Iterator[Layer]:
    """Return the layers that are overlays, the lowest first."""
    return (layer for layer in viewer.layers if is_overlay(layer) and laid_of(layer) is not None)


def compare(viewer: ViewerModel, layer: Layer, comparison: Comparison) -> None:
    """Show an overlay as a chessboard, a wipe, the difference from its reference, or whole.

    Raises
    ------
    LayerError
        If the layer is no overlay, or the two cannot be compared so.
    """
    laid, reference = needed(layer), reference_of(viewer)
    if reference is None:
        raise LayerError(f"layer {layer.name!r}", "there is no reference", "Choose one")
    made = onto_reference(_record(layer), reference, comparison)
    if comparison.mode == "difference" and comparison.reach is None and made.onto is not None:
        comparison = replace(comparison, reach=usual_reach(made.onto.flat.data))
    remember(layer, replace(laid, comparison=comparison))
    _show(viewer, layer, made)
    repaint(layer)
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
