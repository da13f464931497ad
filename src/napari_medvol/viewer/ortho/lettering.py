"""What is written on a view: letters at its borders, and where its slice lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.viewer.coordinates import Matrix, ras_motion
from napari_medvol.viewer.ortho.cursor import Point
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import movement
from napari_medvol.views.planes import Plane, borders, caption, own_caption

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_BORDERS: Final = {
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}
_LETTER_SIZE: Final = 13.0
_CAPTION_SIZE: Final = 9.0
_LETTER_COLOR: Final = (1.0, 0.85, 0.3, 1.0)

#: Pixels. A view that is smaller has no room for letters; room for half of those at the middle
#: of its upper border and some air; width of a sign of the caption.
_LEAST: Final = 110
_HALF_LETTERS: Final = 26
_SIGN: Final = 7.0


def prepare(model: ViewerModel, is_plane: bool) -> None:
    """Give a side viewer what is to be written on it."""
    from napari.components.overlays import TextOverlay

    overlays = model.canvas.overlays
    for name, position in _BORDERS.items() if is_plane else ():
        overlays[f"medvol_{name}"] = TextOverlay(
            position=position, font_size=_LETTER_SIZE, color=_LETTER_COLOR, visible=True
        )
    overlays["medvol_caption"] = TextOverlay(
        position="top_left", font_size=_CAPTION_SIZE, visible=True
    )
    if not is_plane:
        overlays["medvol_caption"].text = "3-D"


def write_letters(
    model: ViewerModel, plane: Plane, *, mirrored: bool, turn: Matrix | None, shown: bool
) -> None:
    """Write R, L, A, P, S, I at the borders of a view that is large enough."""
    overlays = model.canvas.overlays
    found = borders(plane, mirrored=mirrored, turn=turn)
    has_room = min(model.canvas.size) >= _LEAST
    for name in _BORDERS:
        overlays[f"medvol_{name}"].text = getattr(found, name)
        overlays[f"medvol_{name}"].visible = shown and has_room


def write_caption(model: ViewerModel, plane: Plane, ras: Point, layer: Layer | None) -> None:
    """Write where the slice lies; of a layer on its own grid, which of its slices it is.

    Only the place where the whole would run into the letters.
    """
    overlays = model.canvas.overlays
    turn = turn_of_layer(layer)
    if layer is None or turn is None:
        texts = [caption(plane, ras), caption(plane, ras, short=True)]
    else:
        affine = _as_shown(layer)
        short = own_caption(plane, affine, turn, ras, short=True)
        texts = [own_caption(plane, affine, turn, ras), short, short.partition(" · ")[0]]
    room = model.canvas.size[1] / 2 - _HALF_LETTERS
    fitting = [text for text in texts if _SIGN * len(text) <= room]
    overlays["medvol_caption"].text = fitting[0] if fitting else texts[-1]
    overlays["medvol_caption"].visible = min(model.canvas.size) >= _LEAST


def turn_of_layer(layer: Layer | None) -> Matrix | None:
    """Return how a layer on its own grid is turned: RAS+ as shown to RAS+ as it lies."""
    record = None if layer is None else record_of(layer)
    if record is None or not record.is_straightened:
        return None
    return ras_motion(record.correction)[:3, :3]


def _as_shown(layer: Layer) -> Affine:
    """Return voxel to RAS+ mm of a layer on its own grid, where the views show it."""
    record = record_of(layer)
    assert record is not None
    face = record.current(layer.data)
    motion = None if face is None else movement(layer, face)
    back = ras_motion(np.linalg.inv(record.correction).astype(np.float64))
    if motion is None:
        return back @ record.volume.affine
    # A layer that was moved by hand is moved where it is shown, not where it lies.
    return ras_motion(motion[-4:, -4:]) @ back @ record.volume.affine
