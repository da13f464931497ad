"""One layer alone, and back; the last two in turn."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class Solo:
    """Shows one layer of a viewer alone, and gives back what was visible before.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._before: dict[weakref.ref[Layer], bool] = {}
        self._pair: list[weakref.ref[Layer]] = []

    @property
    def layer(self) -> Layer | None:
        """The layer that is shown alone, or None."""
        if not self._before or not self._pair:
            return None
        layer = self._pair[-1]()
        visible = [one for one in self._viewer.layers if one.visible]
        return layer if len(visible) == 1 and visible[0] is layer else None

    def toggle(self, layer: Layer) -> None:
        """Show a layer alone; again, and everything is as it was before."""
        if self.layer is layer:
            self.end()
        else:
            self.show(layer)

    def show(self, layer: Layer) -> None:
        """Show a layer alone."""
        if self.layer is None:
            self._before = {weakref.ref(one): one.visible for one in self._viewer.layers}
        for one in self._viewer.layers:
            one.visible = one is layer
        self._viewer.layers.selection.active = layer
        others = [r for r in self._pair if r() not in (None, layer)]
        self._pair = [*others[-1:], weakref.ref(layer)]

    def end(self) -> None:
        """Show what was visible before; layers that came since stay as they are."""
        for reference, was_visible in self._before.items():
            layer = reference()
            if layer is not None:
                layer.visible = was_visible
        self._before = {}

    def switch(self, *_: Any) -> None:
        """Show the other one of the last two: A, B, A, … At first, the two highest layers."""
        pair = [r() for r in self._pair if r() in self._viewer.layers]
        if len(pair) < 2:
            others = [one for one in reversed(self._viewer.layers) if one not in pair]
            pair = [*others[: 2 - len(pair)], *pair]
        if pair:
            self.show(pair[0])
