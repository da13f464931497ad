"""What widgets made of layers: shown beside or instead of their source, undone and redone.

No operation changes a Volume, so undoing computes nothing: the source comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from napari.utils.events import EmitterGroup

from napari_medvol.ops import apply
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.opening import layers_of
from napari_medvol.viewer.roles import role_of, set_role
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Results kept for undo and redo: each may be as large as its source.
_KEPT: Final = 20

#: After these a value means what it meant, so contrast and colours still fit.
_SAME_VALUES: Final = frozenset(
    {
        "crop", "orient", "relabel", "move", "set_origin", "align_centres", "resample", "resize",
        "downsample", "world_aligned", "astype", "round_values", "clip", "frames", "frame",
        "slab", "edit",
    }
)  # fmt: skip
_DRAWN: Final = ("opacity", "blending", "interpolation2d", "interpolation3d", "rendering", "gamma")
_CONTRAST: Final = ("contrast_limits_range", "contrast_limits")
_VALUED: Final = ("colormap", *_CONTRAST)


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """One result: which layers it is, and which one they came from.

    Parameters
    ----------
    said : str
        What was done, for people.
    source : Layer
    made : tuple of Layer
    was_visible : bool
        Whether the source was drawn before.
    in_place : bool
        Whether the results stand instead of the source, else beside it.
    hides : bool
        Whether the source is hidden where the results stand beside it.
    """

    said: str
    source: Layer
    made: tuple[Layer, ...]
    was_visible: bool
    in_place: bool = False
    hides: bool = True


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
        origin = self.origin_of(deed.source)
        if origin is not None:
            self._origins |= dict.fromkeys(deed.made, origin)
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


def derive_layer(
    viewer: ViewerModel, layer: Layer, steps: Iterable[Step], *, in_place: bool = False
) -> Layer:
    """Apply steps to the scan of a layer, show the result, and remember it for :func:`undo`.

    Where the work is long, apply the steps in a thread and give the result to
    :func:`show_result`.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Layer
    steps : iterable of Step
    in_place : bool
        Whether the result takes the place of the layer; else it is a new layer above, and the
        source is hidden.

    Returns
    -------
    Layer

    Raises
    ------
    LayerError, StepError
        If the layer holds no scan, or an operation refuses; the layer is as it was.
    """
    result = apply(volume_of(layer), steps)
    return show_result(viewer, layer, result, in_place=in_place)[0]


def show_result(
    viewer: ViewerModel,
    source: Layer,
    results: Volume | Sequence[Volume],
    *,
    in_place: bool = False,
    name: str = "",
) -> list[Layer]:
    """Show what was made of a layer, and remember it for :func:`undo`.

    Colours and contrast are those of the source where values mean what they meant.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    source : Layer
    results : Volume or sequence of Volume
    in_place : bool
        As for :func:`derive_layer`.
    name : str
        Of new layers; by default the source's and what was done.

    Returns
    -------
    list of Layer
        One a volume, two for complex values.
    """
    from napari.layers import Layer

    viewer = getattr(viewer, "__wrapped__", viewer)
    volumes = [results] if isinstance(results, Volume) else list(results)
    follow(viewer)
    said = _said(source, volumes[0])
    made = []
    for one in layers_of(volumes):
        layer = Layer.create(*one)
        layer.name = name or (source.name if in_place else f"{source.name} {said}")
        _look_alike(source, layer)
        made.append(layer)
    deed = Deed(said, source, tuple(made), bool(source.visible), in_place)
    _do(viewer, deed)
    journal_of(viewer).write(deed)
    return made


def remember(
    viewer: ViewerModel, source: Layer, made: Sequence[Layer], said: str, *, was_visible: bool
) -> None:
    """Remember for :func:`undo` what is in the viewer already.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    source : Layer
    made : sequence of Layer
        Results, which were added.
    said : str
        What was done, for people.
    was_visible : bool
        Whether the source was drawn before; that it is hidden now is undone and redone, too.
    """
    hides = was_visible and not source.visible
    deed = Deed(said, source, tuple(made), was_visible, hides=hides)
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
    return f"{deed.said} of {deed.source.name}"


def _do(viewer: Any, deed: Deed) -> None:
    place = _place(viewer, [deed.source])
    names = [layer.name for layer in deed.made]
    for number, layer in enumerate(deed.made):
        # Before the source goes: a viewer that is empty for a moment forgets where it was.
        _put(viewer, layer, place + 1 + number)
    if deed.in_place:
        _take(viewer, deed.source)
        _name(deed.made, names)
    elif deed.hides:
        deed.source.visible = False
    viewer.layers.selection.active = deed.made[0]


def _undo(viewer: Any, deed: Deed) -> None:
    name = deed.source.name
    _put(viewer, deed.source, _place(viewer, deed.made))
    for layer in deed.made:
        _take(viewer, layer)
    _name([deed.source], [name])
    deed.source.visible = deed.was_visible
    viewer.layers.selection.active = deed.source


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


def _take(viewer: Any, layer: Layer) -> None:
    if layer in viewer.layers:
        viewer.layers.remove(layer)


def _said(source: Layer, result: Volume) -> str:
    """Return the new steps of a result in a few words."""
    record = record_of(source)
    before = 0 if record is None else len(record.volume.history)
    ops = [step.op for step in result.history[before:] if step.op != "edit"]
    return ", ".join(op.replace("_", " ") for op in ops) or "result"


def _look_alike(source: Layer, layer: Layer) -> None:
    if type(source) is not type(layer):
        return
    names = [*_DRAWN, *(_VALUED if _is_comparable(source, layer) else ())]
    for name in names:
        # A look that does not fit, such as contrast where there is colour, is left as it is.
        with suppress(AttributeError, TypeError, ValueError):
            setattr(layer, name, getattr(source, name))
    if role_of(source) == "reference":
        set_role(layer, "reference")


def _is_comparable(source: Layer, layer: Layer) -> bool:
    before, after = record_of(source), record_of(layer)
    if after is None:
        return False
    known = 0 if before is None else len(before.volume.history)
    part = "" if before is None else before.part
    return part == after.part and all(
        step.op in _SAME_VALUES for step in after.volume.history[known:]
    )
