"""One layer in many viewers: a twin for each, of the same array, kept alike both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.viewer.arriving import arrival_of, is_at_hand
from napari_medvol.viewer.oblique import settle
from napari_medvol.viewer.ortho.items import HAS_ITEMS, copy_items, is_of_items
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import movement
from napari_medvol.viewer.window import later

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_TRANSFORMS: Final = ("scale", "translate", "rotate", "shear", "affine")

#: What belongs to one canvas, follows from the rest, or is handled by itself.
_OWN: Final = frozenset(
    {
        *_TRANSFORMS,
        *("data", "metadata", "name", "visible", "mode", "editable", "locked"),
        *("cursor", "cursor_size", "help", "mouse_pan", "mouse_zoom", "thumbnail"),
        *("scale_factor", "auto_contrast", "properties", "current_properties"),
        # deprecated by napari
        *("n_dimensional", "out_of_slice_display", "interpolation"),
    }
)

#: What only the viewer's own layer says.
_ONE_WAY: Final = ("editable", "locked", "metadata")


class Twins:
    """The twins of one layer.

    What is done to the layer or to any twin is done to all: colormap, contrast, opacity,
    place, brush, voxels. Arrays are shared, never copied, so that what is painted in one is
    there in all and needs only to be drawn.

    Parameters
    ----------
    layer : Layer
        Of the viewer that leads.
    viewer : ViewerModel
        That viewer.
    on_turned : callable
        Called when another way of showing the layer was chosen.
    """

    def __init__(self, layer: Layer, viewer: ViewerModel, on_turned: Callable[[], None]) -> None:
        self.layer, self._viewer, self._on_turned = layer, viewer, on_turned
        self.of: dict[ViewerModel, Layer] = {}
        self._shared = _shared_properties(layer)
        self._busy = False
        self._unsettled = False
        self._to_draw: set[Layer] = set()
        self._drawn_at: dict[Layer, Any] = {}
        layer.events.connect(self._on_event)

    def add(self, model: ViewerModel, index: int) -> None:
        """Put a twin of the layer into a viewer, at `index` of its layers."""
        twin = twin_of(self.layer, model.dims.ndisplay)
        if self._visible_in(model):
            with twin._block_refresh():  # noqa: SLF001 - it is sliced when it is in its viewer
                twin.visible = True
        model.layers.insert(index, twin)
        drawn = getattr(twin, "_slice", None)
        if twin.visible and getattr(drawn, "empty", False):
            # A viewer that stands at the origin takes a new layer for sliced already.
            twin.refresh()
        self.of[model] = twin
        self._equip(twin, model)
        twin.events.connect(self._on_event)

    def remove(self, model: ViewerModel) -> None:
        """Take the twin out of a viewer."""
        twin = self.of.pop(model, None)
        if twin is None:
            return
        twin.events.disconnect(self._on_event)
        self._drawn_at.pop(twin, None)
        if twin in model.layers:
            model.layers.remove(twin)

    def close(self) -> None:
        """Take all twins away, and leave the layer as it was."""
        self.layer.events.disconnect(self._on_event)
        for model in list(self.of):
            self.remove(model)

    @property
    def is_waiting(self) -> bool:
        """Whether a 3-D twin waits for voxels that are still being read."""
        return any(
            self.layer.visible and model.dims.ndisplay == 3 and not twin.visible
            for model, twin in self.of.items()
        )

    def update_visible(self) -> None:
        """Show what became ready to be shown."""
        with self._working():
            for model, twin in self.of.items():
                twin.visible = self._visible_in(model)

    def _visible_in(self, model: ViewerModel) -> bool:
        if model.dims.ndisplay == 2 or not self.layer.visible:
            return bool(self.layer.visible)
        record = record_of(self.layer)
        face = record.current(self.layer.data) if record else None
        return is_at_hand(
            self.layer.data if face is None or record is None else record.face(3).data
        )

    def _equip(self, twin: Layer, model: ViewerModel) -> None:
        """Give a new twin what a layer is not made with: the brush, the tool, the history."""
        for name in sorted(self._shared, key=lambda name: name != "contrast_limits_range"):
            _set(twin, name, getattr(self.layer, name))
        for name in ("editable", "locked"):
            _set(twin, name, getattr(self.layer, name))
        if model.dims.ndisplay == 2:
            _set(twin, "mode", self.layer.mode)
        _share_history(self.layer, twin)

    @contextmanager
    def _working(self) -> Iterator[None]:
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _on_event(self, event: Any) -> None:
        source = event.source
        if self._busy or (source is not self.layer and source not in self.of.values()):
            return
        with self._working():
            self._handle(source, event.type, event)

    def _handle(self, source: Layer, name: str, event: Any) -> None:
        if name in self._shared:
            self._spread(source, name)
        elif name in _TRANSFORMS or (name == "data" and not is_of_items(source)):
            self._place_all(source)
        elif name == "data":
            self._copy_items(source, event)
        elif name in ("labels_update", "paint"):
            self._draw_others(source, whole=name == "paint")
        elif name == "set_data":
            self._on_drawn(source)
        elif name == "name":
            self._rename(source)
        else:
            self._handle_own(source, name)

    def _handle_own(self, source: Layer, name: str) -> None:
        if name == "visible":
            self._on_visible(source)
        elif name == "mode":
            for other in self._others(source, volumes=False):
                _set(other, name, source.mode)
        elif name in _ONE_WAY and source is self.layer:
            for other in self._others(source):
                _set(other, name, getattr(source, name))
            if name == "metadata":
                self._on_turned()

    def _rename(self, source: Layer) -> None:
        if source is not self.layer:
            # napari gives it a number where the leading viewer has another of that name.
            self.layer.name = source.name
        for twin in self.of.values():
            twin.name = self.layer.name

    def _others(self, source: Layer, volumes: bool = True) -> list[Layer]:
        twins = [twin for model, twin in self.of.items() if volumes or model.dims.ndisplay == 2]
        return [layer for layer in (self.layer, *twins) if layer is not source]

    def _spread(self, source: Layer, name: str) -> None:
        value = getattr(source, name)
        for other in self._others(source):
            fits = name not in HAS_ITEMS or not is_of_items(source)
            if fits or len(other.data) == len(source.data):
                _set(other, name, value)

    def _on_visible(self, source: Layer) -> None:
        if source is not self.layer:
            self.layer.visible = source.visible
        for model, twin in self.of.items():
            twin.visible = self._visible_in(model)
        if self._unsettled:
            self._place_all(self.layer)

    # -- place and voxels -------------------------------------------------------------------

    def _place_all(self, source: Layer) -> None:
        if source._refresh_blocked:  # noqa: SLF001 - half of a change made in one go
            self._unsettled = True
            return
        self._unsettled = False
        for model, twin in self.of.items():
            if twin is not source:
                place(source, twin, model.dims.ndisplay)
        if source is not self.layer:
            place(source, self.layer, self._viewer.dims.ndisplay)
        for twin in self.of.values():
            _share_history(self.layer, twin)

    def _copy_items(self, source: Layer, event: Any) -> None:
        if str(getattr(event, "action", "changed")) in ("adding", "changing", "removing"):
            return
        for other in self._others(source):
            copy_items(source, other)

    # -- drawing ----------------------------------------------------------------------------

    def _on_drawn(self, source: Layer) -> None:
        """Draw the others if a layer was drawn again where it stood: its voxels changed."""
        if self._unsettled and source is self.layer:
            self._place_all(source)
        dims = self._dims_of(source)
        now = (dims.point, dims.order, dims.ndisplay, id(source.data))
        before, self._drawn_at[source] = self._drawn_at.get(source), now
        arrival = arrival_of(source)
        if arrival is not None and arrival.is_drawing:
            # The others wait for planes of their own.
            return
        if before == now and not is_of_items(source):
            self._draw_others(source, whole=True)

    def _dims_of(self, layer: Layer) -> Any:
        for model, twin in self.of.items():
            if twin is layer:
                return model.dims
        return self._viewer.dims

    def _draw_others(self, source: Layer, whole: bool) -> None:
        """Draw the others, the 3-D ones only once a stroke is whole; a turn of the loop later."""
        others = self._others(source, volumes=whole)
        is_first = not self._to_draw
        self._to_draw.update(others)
        if is_first and others:
            later(0, self._draw)

    def _draw(self) -> None:
        layers, self._to_draw = self._to_draw, set()
        with self._working():
            for layer in layers:
                if layer is self.layer or layer in self.of.values():
                    layer.refresh(extent=False, highlight=False, thumbnail=layer is self.layer)


def twin_of(layer: Layer, ndisplay: int) -> Layer:
    """Return a layer that shows the same array as another in `ndisplay` dimensions.

    Hidden: a layer that is visible when it is made reads a plane that nobody asked for.
    """
    from napari.layers import Layer

    data, state, _ = layer.as_layer_data_tuple()
    twin = Layer.create(data, {**state, "visible": False}, _kind(layer))
    # Drawn when it comes into its viewer: until then it takes itself for two-dimensional.
    with twin._block_refresh():  # noqa: SLF001 - napari has no other way to wait
        place(layer, twin, ndisplay)
    return twin


def place(source: Layer, target: Layer, ndisplay: int) -> None:
    """Give a layer the place and the array of another, as `ndisplay` dimensions need it."""
    if target.metadata.get("medvol") is not source.metadata.get("medvol"):
        target.metadata = source.metadata
    record = record_of(source)
    now = None if record is None else record.current(source.data)
    if record is None or now is None or record.face(ndisplay) is now:
        _copy_place(source, target, ndisplay)
        return
    wanted, motion = record.face(ndisplay), movement(source, now)
    matrix = wanted.matrix if motion is None else motion @ wanted.matrix
    is_drawn = ndisplay == 3 and target.data is wanted.data
    settle(target, wanted.data, matrix)
    target.refresh(data_displayed=not is_drawn, thumbnail=not is_drawn)


def _copy_place(source: Layer, target: Layer, ndisplay: int) -> None:
    changed = [
        name
        for name in _TRANSFORMS
        if not np.array_equal(getattr(source, name), getattr(target, name))
    ]
    has_other_data = not is_of_items(source) and target.data is not source.data
    if not (changed or has_other_data):
        return
    with target._block_refresh():  # noqa: SLF001 - there is no public way to change all at once
        if has_other_data:
            target.data = source.data
        for name in changed:
            setattr(target, name, getattr(source, name))
    # A place alone draws nothing anew in 3-D: whole volumes would go to the graphics card.
    is_drawn = ndisplay == 3 and not has_other_data and not is_of_items(source)
    target.refresh(data_displayed=not is_drawn, thumbnail=not is_drawn)


def _shared_properties(layer: Layer) -> frozenset[str]:
    """Return the names of what a layer tells of with an event and lets be set."""
    return frozenset(
        name
        for name in layer.events.emitters
        if name not in _OWN and getattr(getattr(type(layer), name, None), "fset", None) is not None
    )


def _kind(layer: Layer) -> str:
    """Return napari's name for the kind of a layer, also of a subclass from elsewhere."""
    return next(
        cls.__name__.lower() for cls in type(layer).__mro__ if cls.__module__.startswith("napari.")
    )


def _set(layer: Layer, name: str, value: Any) -> None:
    if _is_same(getattr(layer, name), value):
        return
    if isinstance(value, np.ndarray) and value.ndim == 0:
        # napari gives the current size of points as an array that it does not take.
        value = value.item()
    # A tool or rendering that a layer of this viewer cannot take is left as it is.
    with suppress(AttributeError, TypeError, ValueError, NotImplementedError):
        setattr(layer, name, value)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    # What cannot be compared, such as tables, is set again.
    with suppress(TypeError, ValueError):
        return one is other or bool(one == other)
    return False


def _share_history(layer: Layer, twin: Layer) -> None:
    """Let a stroke be undone from any view that shows the same array."""
    if getattr(layer, "_undo_history", None) is not None and twin.data is layer.data:
        twin._undo_history = layer._undo_history  # noqa: SLF001 - napari has no shared history
        twin._redo_history = layer._redo_history  # noqa: SLF001
