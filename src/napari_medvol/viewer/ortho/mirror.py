"""The layers of one viewer in others: added, removed and put in order as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_medvol.viewer.ortho.twins import Twins

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class Mirror:
    """Keeps the layers of other viewers like those of one that leads.

    Layers of the others that are no twins, such as a crop box drawn there, are left alone,
    above all twins.

    Parameters
    ----------
    viewer : ViewerModel
        The one that leads.
    on_turned : callable
        Called when another way of showing a layer was chosen.
    """

    def __init__(self, viewer: ViewerModel, on_turned: Callable[[], None]) -> None:
        self._viewer, self._on_turned = viewer, on_turned
        self._models: list[ViewerModel] = []
        self._twins: dict[Layer, Twins] = {}
        for layer in viewer.layers:
            self._twins[layer] = Twins(layer, viewer, on_turned)
        events = viewer.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self._on_removed)
        events.reordered.connect(self._on_reordered)
        viewer.layers.selection.events.changed.connect(self._select)

    def add(self, model: ViewerModel) -> None:
        """Fill a viewer with twins of all layers."""
        self._models.append(model)
        for index, layer in enumerate(self._viewer.layers):
            self._twins[layer].add(model, index)
        self._select()

    def remove(self, model: ViewerModel) -> None:
        """Take the twins out of a viewer again."""
        if model in self._models:
            self._models.remove(model)
            for twins in self._twins.values():
                twins.remove(model)

    def close(self) -> None:
        """Take all twins away; no callback is left."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.reordered.disconnect(self._on_reordered)
        self._viewer.layers.selection.events.changed.disconnect(self._select)
        for twins in self._twins.values():
            twins.close()
        self._twins.clear()
        self._models.clear()

    def twin(self, layer: Layer, model: ViewerModel) -> Layer | None:
        """Return the twin of a layer in a viewer."""
        twins = self._twins.get(layer)
        return None if twins is None else twins.of.get(model)

    def waiting(self) -> list[Layer]:
        """Return the layers that 3-D waits for."""
        return [layer for layer, twins in self._twins.items() if twins.is_waiting]

    def show_what_is_ready(self) -> None:
        """Show in 3-D the layers whose last voxel came in."""
        for twins in self._twins.values():
            if twins.is_waiting:
                twins.update_visible()

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        twins = self._twins[layer] = Twins(layer, self._viewer, self._on_turned)
        for model in self._models:
            twins.add(model, min(event.index, len(model.layers)))
        self._select()

    def _on_removed(self, event: Any) -> None:
        twins = self._twins.pop(event.value, None)
        if twins is not None:
            twins.close()

    def _on_reordered(self, event: Any = None) -> None:
        for model in self._models:
            for index, layer in enumerate(self._viewer.layers):
                twin = self.twin(layer, model)
                now = model.layers.index(twin)
                if now != index:
                    model.layers.move(now, index)

    def _select(self, event: Any = None) -> None:
        selection = self._viewer.layers.selection
        for model in self._models:
            twins = {twin for layer in selection if (twin := self.twin(layer, model))}
            if twins != set(model.layers.selection):
                model.layers.selection = twins
            active = selection.active
            twin = None if active is None else self.twin(active, model)
            if model.layers.selection.active is not twin:
                model.layers.selection.active = twin
