"""Which layer is the reference and which are overlays: the one place that knows.

A role is a word in the layer's metadata, so that it goes where the layer goes. Whoever shows an
overlay says so here; whoever lists layers asks here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from napari.layers import Image

from napari_medvol.viewer.shown import record_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Role = Literal["", "reference", "overlay"]

_KEY: Final = "medvol role"


def role_of(layer: Layer) -> Role:
    """Return what was said of a layer: nothing, ``"reference"`` or ``"overlay"``."""
    role: Role = layer.metadata.get(_KEY, "")
    return role


def is_overlay(layer: Layer) -> bool:
    """Return whether a layer was laid over another."""
    return role_of(layer) == "overlay"


def reference_of(viewer: ViewerModel) -> Layer | None:
    """Return the layer that the others are compared with, or None without one.

    The layer that was named; else the lowest visible image that is no overlay, a scan rather
    than a plain array; else the lowest image that is none, likewise.
    """
    named = next((layer for layer in viewer.layers if role_of(layer) == "reference"), None)
    if named is not None:
        return named
    images = [a for a in viewer.layers if isinstance(a, Image) and not is_overlay(a)]
    shown = [layer for layer in images if layer.visible]
    scans = [layer for layer in shown if record_of(layer) is not None]
    hidden_scans = [layer for layer in images if record_of(layer) is not None]
    found = scans or shown or hidden_scans or images
    return found[0] if found else None


def make_reference(viewer: ViewerModel, layer: Layer) -> None:
    """Make a layer the reference; the one before is a layer like others."""
    for other in viewer.layers:
        if role_of(other) == "reference":
            set_role(other, "")
    set_role(layer, "reference")


def set_role(layer: Layer, role: Role) -> None:
    """Say what a layer is; ``""`` makes it a layer like others."""
    kept = {key: value for key, value in layer.metadata.items() if key != _KEY}
    layer.metadata = {**kept, _KEY: role} if role else kept
