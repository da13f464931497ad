"""A hand on the mouse: what Qt sends a canvas, and where on it a point of the patient is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from napari._vispy.canvas import VispyCanvas
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

import napari_medvol as mv
from tests.viewer.scenes import settle

Place = tuple[float, float]


def canvas_of(model: Any) -> Any:
    """Return the canvas of a viewer or side viewer."""
    return next(one for one in VispyCanvas._instances if one.viewer is model)


def pixel_of(model: Any, ras: Any) -> Place:
    """Return where on the canvas a point of the patient is, by the camera and napari's world."""
    world = mv.from_ras(model, ras)
    shown = [axis - model.dims.ndim + 3 for axis in model.dims.displayed]
    middle = np.array(canvas_of(model).view.rect.size)[::-1] / 2
    camera = model.scene.camera
    row, column = middle + (world[shown] - np.array(camera.center[-2:])) * camera.zoom
    return float(column), float(row)


def look_at(model: Any, one: Any, other: Any, pixels: float) -> None:
    """Zoom until two points of the patient are so far apart: a mouse has whole pixels."""
    points = [mv.from_ras(model, point) for point in (one, other)]
    shown = [axis - model.dims.ndim + 3 for axis in model.dims.displayed]
    camera = model.scene.camera
    camera.zoom = pixels / np.abs(points[1] - points[0])[shown].max()
    camera.center = (0.0, *np.mean(points, axis=0)[shown])
    settle(0.05)


def come_to_rest(model: Any, quiet_s: float = 0.4, at_most_s: float = 15.0) -> None:
    """Wait until docks have their places: pixels of points stay the same from now on."""
    end = time.monotonic() + at_most_s
    seen, since = None, time.monotonic()
    while time.monotonic() < end:
        settle(0.05)
        camera = model.scene.camera
        now = (canvas_of(model).view.rect.size, tuple(camera.center), camera.zoom)
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > quiet_s:
            return
    raise AssertionError(f"the canvas did not come to rest: {seen}")


def mouse(model: Any, kind: QEvent.Type, at: Place, held: bool, keys: Any = None) -> None:
    """Send the canvas what Qt sends it for the left button."""
    native = canvas_of(model).native
    place, left, none = QPointF(*at), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    event = QMouseEvent(
        kind,
        place,
        native.mapToGlobal(place),
        none if kind == QEvent.Type.MouseMove else left,
        left if held else none,
        keys or Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(native, event)
    settle(0.02)


def press_and_let_go(model: Any, at: Place) -> None:
    """Click."""
    mouse(model, QEvent.Type.MouseButtonPress, at, True)
    mouse(model, QEvent.Type.MouseButtonRelease, at, False)


def drag(model: Any, start: Place, *through: Place, keys: Any = None) -> None:
    """Press, move in steps from point to point, let go."""
    mouse(model, QEvent.Type.MouseMove, start, False, keys)
    mouse(model, QEvent.Type.MouseButtonPress, start, True, keys)
    here = start
    for there in through:
        for share in (0.3, 0.7, 1.0):
            at = (here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1]))
            mouse(model, QEvent.Type.MouseMove, at, True, keys)
        here = there
    mouse(model, QEvent.Type.MouseButtonRelease, here, False, keys)
    settle(0.05)
