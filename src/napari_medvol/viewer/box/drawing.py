"""Lines and squares of a crop box in the scene of a canvas."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.views.boxes import Box, Section

if TYPE_CHECKING:
    from napari.components import ViewerModel

Vertices = NDArray[np.float32]

_BRIGHT: Final = (1.0, 0.78, 0.1, 1.0)
_DIM: Final = (1.0, 0.78, 0.1, 0.35)
_HANDLE: Final = 9.0
_WIDTH: Final = 2
#: Above every layer and the crosshair.
_ORDER: Final = 1_000_001


def scene_of(viewer: ViewerModel) -> Any:
    """Return the scene in which a viewer draws its world, or None for one without a canvas."""
    import sys

    module = sys.modules.get("napari._vispy.canvas")
    if module is None:
        return None
    # napari has no public way to draw what is no layer.
    canvases = module.VispyCanvas._instances  # noqa: SLF001
    model = getattr(viewer, "__wrapped__", viewer)
    canvas = next((one for one in canvases if one.viewer is model), None)
    return None if canvas is None else canvas.view.scene


class Outline:
    """What is drawn of a box in one scene.

    Parameters
    ----------
    scene : vispy SubScene
        In the coordinates of the world that its viewer displays, x first.
    """

    def __init__(self, scene: Any) -> None:
        from vispy.scene.visuals import Line, Markers

        start = np.zeros((2, 3), dtype=np.float32)
        self._line = Line(pos=start, connect="segments", width=_WIDTH, method="gl", parent=scene)
        self._handles = Markers(pos=start, parent=scene)
        for visual in (self._line, self._handles):
            visual.set_gl_state("translucent", depth_test=False, blend=True)
            visual.order = _ORDER
            visual.visible = False

    def hide(self) -> None:
        """Draw nothing."""
        self._line.visible = self._handles.visible = False

    def remove(self) -> None:
        """Take it out of the scene, unless that is gone."""
        if _is_there(self._line.canvas):
            self._line.parent = self._handles.parent = None

    def draw_section(self, seen: Section, shown: list[int]) -> None:
        """Draw an outline with a handle at every corner and at the middle of every side.

        Parameters
        ----------
        seen : Section
        shown : two ints
            Axes of the world down and along the screen.
        """
        color = _BRIGHT if seen.is_cut else _DIM
        ends, handles = [], [corner.point for corner in seen.corners]
        for one, other, _ in seen.edges():
            ends += [one, other]
            handles.append((one + other) / 2)
        self._line.set_data(pos=_screen(ends, shown), color=color)
        self._handles.set_data(
            pos=_screen(handles, shown),
            size=_HANDLE,
            symbol="square",
            face_color=color,
            edge_color=(0, 0, 0, color[3]),
            edge_width=1,
        )
        self._line.visible = self._handles.visible = True

    def draw_edges(self, box: Box, to_world: Affine, shown: list[int]) -> None:
        """Draw the twelve edges; `to_world` takes voxel index to (z, y, x)."""
        corners = np.array(list(product(*zip(*box, strict=True)))) - 0.5
        world = affines.apply_affine(to_world, corners)
        pairs = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
        ends = [world[n] for pair in pairs for n in pair]
        self._line.set_data(pos=_screen(ends, shown), color=_BRIGHT)
        self._line.visible, self._handles.visible = True, False


def _is_there(canvas: Any) -> bool:
    """Return whether Qt still has a canvas: where Python ends, Qt deletes it first."""
    try:
        canvas.native.isVisible()
    except (AttributeError, RuntimeError):
        return False
    return True


def _screen(points: list[Any], shown: list[int]) -> Vertices:
    """Return points in vispy's order, x first; in a plane its depth is 0."""
    drawn = np.array(points, dtype=np.float32)[:, shown][:, ::-1]
    if drawn.shape[1] == 2:
        drawn = np.pad(drawn, ((0, 0), (0, 1)))
    return np.ascontiguousarray(drawn)
