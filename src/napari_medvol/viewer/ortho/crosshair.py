"""The crosshair: lines through the cursor, with a gap where the structure is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.viewer.coordinates import Matrix
from napari_medvol.views.planes import letters

if TYPE_CHECKING:
    from napari.components import ViewerModel

Vertices = NDArray[np.float32]

_IN_VOLUME: Final = (0.9, 0.9, 0.9, 0.9)

#: Color of the lines along which each plane is seen edge-on: axis z, y, x of the world.
_EDGE_ON: Final = ((0.95, 0.35, 0.30, 0.9), (0.35, 0.85, 0.40, 0.9), (0.95, 0.85, 0.25, 0.9))

#: Where the low and the high end of the world's axes z, y, x point to, RAS+: it is IPL.
_ENDS: Final = ((0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0))
_LETTER_COLOR: Final = (1.0, 0.85, 0.3, 1.0)
_LETTER_SIZE: Final = 10.0

#: Cosine of the angle to the line of sight below which an axis is seen end-on.
_END_ON: Final = 0.95

#: Letters stand off the box by so much of its diagonal.
_BEFORE: Final = 0.05

#: Lines reach so many times the extent of the layers beyond it.
_BEYOND: Final = 20.0


def segments(centre: Matrix, low: Matrix, high: Matrix, gap: float) -> Vertices:
    """Return the ends of the lines through a point, two for each axis.

    Parameters
    ----------
    centre : (n,) array
        The cursor, world, in the order of the displayed axes (rows before columns).
    low, high : (n,) array
        Where the lines begin and end.
    gap : float
        Half of what is left out at the centre, in units of the world.

    Returns
    -------
    (4 n, n) array of float32
        Pairs of ends, in the order of the axes, coordinates in vispy's order (x first).
    """
    ends = []
    for axis in range(len(centre)):
        before, after = centre.copy(), centre.copy()
        before[axis], after[axis] = min(low[axis], centre[axis]), max(high[axis], centre[axis])
        for end in (before, after):
            inner = centre.copy()
            towards = np.sign(end[axis] - centre[axis])
            inner[axis] += towards * min(gap, abs(end[axis] - centre[axis]))
            ends += [end, inner]
    return np.array(ends, dtype=np.float32)[:, ::-1]


class Crosshair:
    """The lines in one canvas.

    Parameters
    ----------
    scene : vispy SubScene
        In the coordinates of the world that `model` displays.
    model : ViewerModel
    """

    def __init__(self, scene: Any, model: ViewerModel) -> None:
        from vispy.scene.visuals import Line

        self._model = model
        self._drawn: Vertices | None = None
        self._line = Line(
            pos=np.zeros((2, model.dims.ndisplay), dtype=np.float32),
            connect="segments",
            method="gl",
            parent=scene,
        )
        self._line.set_gl_state("translucent", depth_test=False)
        self._line.order = 1_000_000
        self._line.visible = False

    def draw(self, at: Matrix, gap: int, shown: bool) -> None:
        """Draw through a point (n,) of the displayed world axes, with `gap` in pixels."""
        model = self._model
        is_shown = shown and len(model.layers) > 0 and len(at) == model.dims.ndisplay
        if self._line.visible != is_shown:
            self._line.visible = is_shown
        if not is_shown:
            return
        spans = [model.dims.range[axis] for axis in model.dims.displayed]
        low, high = np.array([s.start for s in spans]), np.array([s.stop for s in spans])
        if model.dims.ndisplay == 2:
            beyond = _BEYOND * (high - low).max()
            low, high = low - beyond, high + beyond
        vertices = segments(at, low, high, gap / max(model.scene.camera.zoom, 1e-9))
        if self._drawn is not None and np.array_equal(vertices, self._drawn):
            return
        self._drawn = vertices
        self._line.set_data(pos=vertices, color=_colors(model))

    def remove(self) -> None:
        """Take the lines out of the scene."""
        self._line.parent = None


def _colors(model: ViewerModel) -> Vertices:
    """Return the colors of the ends: in a plane, that of the plane which the line stands for."""
    dims = model.dims
    if dims.ndisplay == 3:
        return np.tile(np.array(_IN_VOLUME, dtype=np.float32), (12, 1))
    axes = [axis - dims.ndim + 3 for axis in dims.displayed][::-1]
    return np.repeat(np.array([_EDGE_ON[axis] for axis in axes], dtype=np.float32), 4, axis=0)


class Corners:
    """The letters R, L, A, P, S, I around the volumes of a 3-D canvas.

    Parameters
    ----------
    scene : vispy SubScene
    model : ViewerModel
    font : FontInfo
        Of the canvas.
    """

    def __init__(self, scene: Any, model: ViewerModel, font: Any) -> None:
        from vispy.scene.visuals import Text

        self._model = model
        self._drawn: Vertices | None = None
        self._text = Text(
            text=[letters(end) for end in _ENDS],
            pos=np.zeros((len(_ENDS), 3), dtype=np.float32),
            color=_LETTER_COLOR,
            font_size=_LETTER_SIZE,
            face=font.face,
            font_manager=font.font_manager,
            parent=scene,
        )
        self._text.set_gl_state("translucent", depth_test=False)
        self._text.order = 1_000_001
        self._text.visible = False

    def draw(self, shown: bool, turn: Matrix | None = None) -> None:
        """Put each letter before the face of the volumes that looks its way.

        Parameters
        ----------
        shown : bool
        turn : (3, 3) array, optional
            RAS+ direction as shown to RAS+ direction in the patient.
        """
        dims = self._model.dims
        is_shown = shown and len(self._model.layers) > 0 and dims.ndim >= 3
        if self._text.visible != is_shown:
            self._text.visible = is_shown
        if not is_shown:
            return
        spans = [dims.range[axis] for axis in dims.displayed]
        places = face_centres(
            np.array([span.start for span in spans]), np.array([span.stop for span in spans])
        )
        # Two letters on one spot cannot be read.
        end_on = np.abs(self._model.scene.camera.view_direction) > _END_ON
        places = places[~np.repeat(end_on, 2)]
        to_patient = np.eye(3) if turn is None else turn
        texts = [letters(to_patient @ end) for n, end in enumerate(_ENDS) if not end_on[n // 2]]
        is_same = self._drawn is not None and np.array_equal(places, self._drawn)
        if not is_same or list(self._text.text) != texts:
            self._drawn = places
            self._text.text = texts
            self._text.pos = places

    def remove(self) -> None:
        """Take the letters out of the scene."""
        self._text.parent = None


def face_centres(low: Matrix, high: Matrix) -> Vertices:
    """Return points before the six faces of a box, in the order of the letters S I A P R L.

    Parameters
    ----------
    low, high : (3,) array
        Corners (z, y, x) of the box, world.

    Returns
    -------
    (6, 3) array of float32
        (x, y, z), as vispy has them.
    """
    away = _BEFORE * float(np.linalg.norm(high - low))
    points = []
    for axis in range(3):
        for end, sign in ((low, -1.0), (high, 1.0)):
            point = (low + high) / 2
            point[axis] = end[axis] + sign * away
            points.append(point)
    return np.array(points, dtype=np.float32)[:, ::-1]
