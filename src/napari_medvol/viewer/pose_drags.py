"""The mouse that moves and turns a layer on its way to another place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.affines import Affine
from napari_medvol.errors import MedVolError
from napari_medvol.viewer import notify
from napari_medvol.viewer.aligning import Alignment, about_axis, around, translation
from napari_medvol.viewer.places import to_ras

if TYPE_CHECKING:
    from napari.components import ViewerModel

Vector = NDArray[np.float64]

#: Modifiers of a drag with the left button.
MOVES: Final = frozenset({"Control"})
TURNS: Final = frozenset({"Control", "Shift"})

_SPACE: Final = 3


def drag_pose(
    model: ViewerModel,
    alignment: Callable[[], Alignment | None],
    pivot: Callable[[], ArrayLike],
    after: Callable[[], None] = lambda: None,
) -> Callable[[], None]:
    """Let the left button with Ctrl move the layer in plane, with Ctrl and Shift turn it.

    Parameters
    ----------
    model : Viewer or ViewerModel
        Whose canvas it is; side viewers, too.
    alignment : callable
        Gives what is to be moved, or None.
    pivot : callable
        Gives the point that stays when turning, RAS+ mm.
    after : callable, optional
        Called after every move of the mouse that moved the layer.

    Returns
    -------
    callable
        Ends it.
    """

    def drag(model: ViewerModel, event: Any) -> Iterator[None]:
        keys = frozenset(event.modifiers)
        if event.button != 1 or keys not in (MOVES, TURNS) or model.dims.ndisplay != 2:
            return
        try:
            moving = alignment()
        except MedVolError as error:
            notify.fail(error)
            return
        if moving is not None:
            turns = partial(_turned, model, pivot())
            motion = turns if keys == TURNS else partial(_shifted, model)
            yield from _dragged(model, moving, event, motion, after)

    model.mouse_drag_callbacks.insert(0, drag)
    return partial(_without, model.mouse_drag_callbacks, drag)


def _dragged(
    model: ViewerModel,
    moving: Alignment,
    event: Any,
    motion: Callable[[Vector, Vector], Affine],
    after: Callable[[], None],
) -> Iterator[None]:
    start, before = to_ras(model, event.position), moving.matrix
    camera = getattr(model, "scene", model).camera
    pans, camera.mouse_pan = camera.mouse_pan, False
    event.handled = True
    try:
        yield
        while event.type == "mouse_move":
            moving.move_to(motion(start, to_ras(model, event.position)) @ before)
            after()
            event.handled = True
            yield
    finally:
        camera.mouse_pan = pans


def _shifted(model: ViewerModel, start: Vector, now: Vector) -> Affine:
    """Return the motion in the plane: napari may go to another one as a layer is moved."""
    normal = line_of_sight(model)
    by = now - start
    return translation(by - normal * (by @ normal))


def _turned(model: ViewerModel, pivot: ArrayLike, start: Vector, now: Vector) -> Affine:
    """Return the turn, about the line of sight through a point, that the mouse made."""
    normal = line_of_sight(model)
    centre = np.asarray(pivot, dtype=np.float64)
    one, other = (p - centre - normal * ((p - centre) @ normal) for p in (start, now))
    angle = np.arctan2(normal @ np.cross(one, other), one @ other)
    return around(centre, about_axis(normal, float(angle)))


def line_of_sight(model: ViewerModel) -> Vector:
    """Return the axis across the plane that a viewer shows, a unit vector in RAS+."""
    ndim = model.dims.ndim
    step = np.zeros(_SPACE)
    step[model.dims.order[-_SPACE] - (ndim - _SPACE)] = 1.0
    away = to_ras(model, step) - to_ras(model, np.zeros(_SPACE))
    return away / np.linalg.norm(away)


def _without(callbacks: list[Any], callback: Any) -> None:
    if callback in callbacks:
        callbacks.remove(callback)
