"""What widgets made of layers: shown beside or instead of their source, undone and redone.

No operation changes a Volume, so undoing computes nothing: the source comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from napari.utils.events import EmitterGroup

from napari_medvol.viewer.shown import record_of
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Results kept for undo and redo: each may be as large as its source.
_KEPT: Final = 20
_CONTRAST: Final = ("contrast_limits_range", "contrast_limits")


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was made of one layer.

    Parameters
    ----------
    source : Layer
    made : tuple of Layer
    was_visible : bool
        Whether the source was drawn before.
    """

    source: Layer
    made: tuple[Layer, ...]
    was_visible: bool


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """What was done at one go, and is undone at one go.

    Parameters
    ----------
    said : str
        What it was, for people.
    results : tuple of Result
        One a source, at least one.
    in_place : bool
        Whether the results stand instead of their sources, else beside them.
    hides : bool
        Whether sources are hidden where the results stand beside them.
    on_top : bool
        Whether results stand above all layers, else above their sources.
    """

    said: str
    results: tuple[Result, ...]
    in_place: bool = False
    hides: bool = True
    on_top: bool = False


class Journal:
    """What was done in one viewer, the last at the end; ``events.changed`` tells of news."""

    def __init__(self) -> None:
        self.done: list[Deed] = []
        self.undone: list[Deed] = []
        self.events = EmitterGroup(source=self, changed=None)
        self._origins: WeakKeyDictionary[Any, Volume] = WeakKeyDictionary()

    def write(self, deed: Deed) -> None:
        """Add what was done last; what was undone before is forgotten."""
        self.done = [*self.done, deed][-_KEPT:]
        self.undone.clear()
        for result in deed.results:
            origin = self.origin_of(result.source)
            if origin is not None:
                self._origins |= dict.fromkeys(result.made, origin)
        self.events.changed()

    def origin_of(self, layer: Layer) -> Volume | None:
        """Return the scan that a layer goes back to, as it was opened; None of others' layers."""
        record = record_of(layer)
        return self._origins.get(layer, None if record is None else record.volume)


_journals: WeakKeyDictionary[Any, Journal] = WeakKeyDictionary()


def journal_of(viewer: ViewerModel) -> Journal:
    """Return the journal of a viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    return _journals.setdefault(viewer, Journal())


def perform(viewer: ViewerModel, deed: Deed) -> None:
    """Show what was made, and remember it for :func:`undo`."""
    _do(getattr(viewer, "__wrapped__", viewer), deed)
    journal_of(viewer).write(deed)


def undo(viewer: ViewerModel) -> str:
    """Take the last result away and bring its source back; return what was undone, or nothing."""
    journal = journal_of(viewer)
    return _turned(viewer, journal.done, journal.undone, _undo)


def redo(viewer: ViewerModel) -> str:
    """Bring back what was undone last; return what it is, or nothing."""
    journal = journal_of(viewer)
    return _turned(viewer, journal.undone, journal.done, _do)


def _turned(
    viewer: Any, origin: list[Deed], target: list[Deed], act: Callable[[Any, Deed], None]
) -> str:
    if not origin:
        return ""
    deed = origin[-1]
    act(getattr(viewer, "__wrapped__", viewer), deed)
    target.append(origin.pop())
    journal_of(viewer).events.changed()
    names = ", ".join(result.source.name for result in deed.results)
    return f"{names} · {deed.said}"


def _do(viewer: Any, deed: Deed) -> None:
    for result in deed.results:
        source, names = result.source, [layer.name for layer in result.made]
        place = len(viewer.layers) if deed.on_top else _place(viewer, [source]) + 1
        for number, layer in enumerate(result.made):
            # Before the source goes: a viewer that is empty for a moment forgets where it was.
            _put(viewer, layer, place + number)
        if deed.in_place:
            _take(viewer, [source])
            _name(result.made, names)
        elif deed.hides:
            source.visible = False
    viewer.layers.selection.active = deed.results[0].made[0]


def _undo(viewer: Any, deed: Deed) -> None:
    for result in deed.results:
        source, name = result.source, result.source.name
        _put(viewer, source, _place(viewer, result.made))
        _take(viewer, result.made)
        _name([source], [name])
        source.visible = result.was_visible
    viewer.layers.selection.active = deed.results[0].source


def _place(viewer: Any, layers: Sequence[Layer]) -> int:
    """Return where the first of some layers lies; the top, if none is there any more."""
    return next(
        (at for at, layer in enumerate(viewer.layers) if any(layer is one for one in layers)),
        len(viewer.layers),
    )


def _put(viewer: Any, layer: Layer, place: int) -> None:
    if layer in viewer.layers:
        return
    look = {name: getattr(layer, name) for name in _CONTRAST if hasattr(layer, name)}
    viewer.layers.insert(min(place, len(viewer.layers)), layer)
    # Whoever follows the viewer gives layers that come the reach of their values, which cuts
    # contrast limits that the user set beyond.
    for name, value in look.items():
        setattr(layer, name, value)


def _name(layers: Sequence[Layer], names: Sequence[str]) -> None:
    """Give layers the names that napari changed while another layer had them."""
    for layer, name in zip(layers, names, strict=True):
        layer.name = name


def _take(viewer: Any, layers: Iterable[Layer]) -> None:
    for layer in layers:
        if layer in viewer.layers:
            viewer.layers.remove(layer)
