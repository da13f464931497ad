"""Which layer is the reference and which are overlays: the one place that knows.

A role is a word in the layer's metadata, so that it goes where the layer goes. Whoever shows an
overlay says so here; whoever lists layers asks here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from napari.layers import Image

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

    The layer that was named; else the lowest visible image that is no overlay, else the lowest
    image that is none.
    """
    named = (layer for layer in viewer.layers if role_of(layer) == "reference")
    images = [a for a in viewer.layers if isinstance(a, Image) and not is_overlay(a)]
    shown = (layer for layer in images if layer.visible)
    return next(named, None) or next(shown, None) or next(iter(images), None)


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
