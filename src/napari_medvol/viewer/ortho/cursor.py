"""Where the user looks: one exact point of the patient for each viewer."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_medvol.errors import LayerError
from napari_medvol.viewer.coordinates import Matrix
from napari_medvol.viewer.places import from_ras, to_ras

if TYPE_CHECKING:
    from napari.components import ViewerModel

Point = tuple[float, float, float]

#: mm. A cursor that moved less did not move.
_STILL: Final = 1e-6

#: Steps of a slider: how near to one counts as on it, and how far rounding goes.
_ON_STEP: Final = 1e-6
_HALF: Final = 0.5 + 1e-6

_cursors: WeakKeyDictionary[Any, Cursor] = WeakKeyDictionary()


class Cursor:
    """The point at which all views of a viewer meet.

    The sliders of a window round ``viewer.dims.point`` to their steps; the cursor does not.
    While it follows its viewer, a slider that is moved moves the cursor along that axis. What
    napari does to the sliders when layers come, go or change their extent is undone as far as
    they reach, and moves no cursor; only the first layer of an empty viewer does.

    Parameters
    ----------
    viewer : ViewerModel

    Attributes
    ----------
    moved : Signal
        Emits where the cursor is now, (x, y, z) RAS+ mm, once for each move.
    """

    moved = Signal(tuple)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._ras = _point_of(viewer)
        self._pushing = False
        self._look()
        # Last: napari's sliders are moved by the same event, and are put back after it.
        viewer.dims.events.range.connect(self._on_range, position="last")

    @property
    def ras(self) -> Point:
        """Where the cursor is, RAS+ mm."""
        self._take_over()
        x, y, z = self._ras
        return float(x), float(y), float(z)

    def move_to(self, ras: ArrayLike) -> None:
        """Go to a point in RAS+ mm, or to the nearest one that the viewer's layers reach.

        Raises
        ------
        LayerError
            If `ras` is not three finite numbers.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        wanted = from_ras(viewer, ras)
        if not np.isfinite(wanted).all():
            raise LayerError("cursor", f"{ras!r} is no place", "Give three numbers in mm")
        self._go(viewer, to_ras(viewer, _within(viewer, wanted)))

    def step(self, axis: int, steps: float) -> None:
        """Go along one axis (0 z, 1 y, 2 x) of the viewer's world by slices of its finest layer.

        Positive numbers lead towards I, P and L.
        """
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndim < 3:
            return
        world = from_ras(viewer, self.ras)
        world[axis] += steps * viewer.dims.range[viewer.dims.ndim - 3 + axis].step
        self._go(viewer, to_ras(viewer, _within(viewer, world)))

    def follow(self) -> None:
        """Move when the viewer's sliders are moved."""
        viewer = self._viewer()
        if viewer is None:
            return
        self._take_over()
        for name in ("point", "current_step", "ndisplay", "units"):
            getattr(viewer.dims.events, name).connect(self._on_dims)

    def rest(self) -> None:
        """Stop following; what was connected is disconnected."""
        viewer = self._viewer()
        if viewer is None:
            return
        for name in ("point", "current_step", "ndisplay", "units"):
            getattr(viewer.dims.events, name).disconnect(self._on_dims)

    def _look(self) -> None:
        """Remember how the viewer stands: what differs from it later, somebody moved."""
        viewer = self._viewer()
        if viewer is not None:
            self._seen = tuple(viewer.dims.point)
            self._ranges = tuple(viewer.dims.range)
            self._is_empty = not viewer.layers

    def _on_range(self, event: Any = None) -> None:
        """Stay where the cursor is though the layers reach elsewhere now."""
        viewer = self._viewer()
        if viewer is None or self._pushing:
            return
        if self._is_empty:
            self._look()
            self._adopt(_point_of(viewer))
        elif viewer.layers:
            self._push(viewer)
        self._look()

    def _on_dims(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None or self._pushing:
            return
        if event is not None and event.type in ("ndisplay", "units"):
            self._push(viewer)
        else:
            self._take_over()

    def _take_over(self) -> None:
        """Adopt the axes along which somebody else moved the viewer."""
        viewer = self._viewer()
        if viewer is None or self._pushing or tuple(viewer.dims.point) == self._seen:
            return
        if tuple(viewer.dims.range) != self._ranges:
            # Layers are coming or going: the sliders are told, and this cursor after them.
            return
        now, seen = np.array(viewer.dims.point), np.array(self._seen)
        self._look()
        n = min(len(now), 3)
        world = from_ras(viewer, self._ras)
        moved = (now != seen)[-n:] & ~_is_rounded(viewer, world[-n:])
        world[-n:][moved] = now[-n:][moved]
        self._adopt(to_ras(viewer, world))

    def _go(self, viewer: ViewerModel, ras: Matrix) -> None:
        if np.abs(ras - self._ras).max() <= _STILL:
            return
        self._ras = ras
        self._push(viewer)
        self.moved.emit(self.ras)

    def _adopt(self, ras: Matrix) -> None:
        if np.abs(ras - self._ras).max() > _STILL:
            self._ras = ras
            self.moved.emit(self.ras)

    def _push(self, viewer: ViewerModel) -> None:
        """Stand on the cursor."""
        n = min(viewer.dims.ndim, 3)
        world = from_ras(viewer, self._ras)[-n:]
        first = viewer.dims.ndim - n
        if viewer.dims.ndisplay == 3 and n == 3:
            # napari would make the whole volume anew for a point that changes nothing of it.
            return
        self._pushing = True
        try:
            viewer.dims.set_point(list(range(first, first + n)), world.tolist())
        finally:
            self._pushing = False
            self._look()


def cursor_of(viewer: ViewerModel) -> Cursor:
    """Return the cursor of a viewer: always the same one."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _cursors:
        _cursors[viewer] = Cursor(viewer)
    return _cursors[viewer]


def _point_of(viewer: ViewerModel) -> Matrix:
    point = np.zeros(3)
    n = min(viewer.dims.ndim, 3)
    point[-n:] = viewer.dims.point[-n:]
    return to_ras(viewer, point)


def _is_rounded(viewer: ViewerModel, world: Matrix) -> NDArray[np.bool_]:
    """Return along which of the last axes the viewer stands on the slider's step next to a place.

    New sliders, such as those of a layer with more axes, round where they find the viewer.
    """
    n = len(world)
    starts = np.array([span.start for span in viewer.dims.range[-n:]])
    steps = np.array([span.step or 1.0 for span in viewer.dims.range[-n:]])
    at = (np.array(viewer.dims.point[-n:]) - starts) / steps
    is_on_step = np.abs(at - np.round(at)) < _ON_STEP
    return is_on_step & (np.abs(at - (world - starts) / steps) <= _HALF)


def _within(viewer: ViewerModel, world: Matrix) -> Matrix:
    n = min(viewer.dims.ndim, 3)
    ranges = viewer.dims.range[-n:]
    inside = world.copy()
    inside[-n:] = np.clip(world[-n:], [r.start for r in ranges], [r.stop for r in ranges])
    return inside
