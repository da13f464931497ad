"""The layers of one viewer in others: added, removed and put in order as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from psygnal import Signal

from napari_medvol.viewer.arriving import arrival_of
from napari_medvol.viewer.ortho.twins import Twins
from napari_medvol.viewer.window import is_live, later

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


#: ms between the views that a new layer is put into.
_BREATH_MS: Final = 10


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

    Attributes
    ----------
    added : Signal
        Emits when a view got a layer a while after the viewer did; True for the last one.
    """

    added = Signal(bool)

    def __init__(self, viewer: ViewerModel, on_turned: Callable[[], None]) -> None:
        self._viewer, self._on_turned = viewer, on_turned
        self._models: list[ViewerModel] = []
        self._twins: dict[Layer, Twins] = {}
        self._to_come: list[tuple[Layer, ViewerModel]] = []
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
        self._to_come.clear()

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
        if not is_live():
            for model in self._models:
                self._add(twins, model)
            self._select()
            return
        # Each view takes as long as a layer of napari does: the window answers in between.
        is_first = not self._to_come
        self._to_come += [(layer, model) for model in self._models]
        if is_first:
            later(0, self._add_next)

    def finish(self) -> None:
        """Put all layers where they belong, and wait for the planes that they show."""
        while self._to_come:
            self._add_next(goes_on=False)
        for twins in self._twins.values():
            for twin in twins.of.values():
                arrival = arrival_of(twin)
                if arrival is not None:
                    arrival.finish()

    def _add_next(self, goes_on: bool = True) -> None:
        """Put a layer into the view whose turn it is."""
        while self._to_come:
            layer, model = self._to_come.pop(0)
            twins = self._twins.get(layer)
            if twins is not None and model in self._models and model not in twins.of:
                self._add(twins, model)
                self._select()
                self.added.emit(not self._to_come)
                break
        if self._to_come and goes_on:
            later(_BREATH_MS, self._add_next)

    def _add(self, twins: Twins, model: ViewerModel) -> None:
        """Put a twin above those of the layers that lie below its layer."""
        layers = list(self._viewer.layers)
        below = layers[: layers.index(twins.layer)]
        twins.add(model, sum(model in self._twins[layer].of for layer in below))

    def _on_removed(self, event: Any) -> None:
        twins = self._twins.pop(event.value, None)
        if twins is not None:
            twins.close()

    def _on_reordered(self, event: Any = None) -> None:
        for model in self._models:
            twins = [self.twin(layer, model) for layer in self._viewer.layers]
            for index, twin in enumerate(twin for twin in twins if twin is not None):
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
