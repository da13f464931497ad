"""Letters, a scale bar and the place of a slice, drawn into pictures of it."""

from __future__ import annotations

from math import floor, log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.views.planes import caption
from napari_medvol.views.slices.planes import Grid

Picture = NDArray[Any]

#: Share of the shorter side that a line of text is high, and its least and most pixels.
_TEXT: Final = (0.045, 9, 40)
#: Share of the width that the scale bar is at most.
_BAR: Final = 0.3


class Annotator:
    """Draws what was asked for into 8-bit pictures of one grid.

    Parameters
    ----------
    grid : Grid
    letters : bool
        R, L, A, P, S, I at the borders.
    scale_bar : bool
        A bar of 1, 2 or 5 times a power of ten mm.
    position : bool
        Where the slice is, mm along R, A or S.
    """

    def __init__(self, grid: Grid, letters: bool, scale_bar: bool, position: bool) -> None:
        self._grid = grid
        self._letters, self._scale_bar, self._position = letters, scale_bar, position
        share, least, most = _TEXT
        self._size = int(min(max(min(grid.shape) * share, least), most))

    @property
    def draws(self) -> bool:
        """Whether there is anything to draw."""
        return self._letters or self._scale_bar or self._position

    def drawn(self, picture: Picture, number: int) -> Picture:
        """Return a copy of a picture with everything drawn into it."""
        if not self.draws:
            return picture
        from PIL import Image, ImageDraw, ImageFont

        image = Image.fromarray(np.ascontiguousarray(picture))
        white, black = (255, 0) if image.mode == "L" else ((255,) * 3, (0,) * 3)
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(self._size)
        style: dict[str, Any] = {
            "font": font,
            "fill": white,
            "stroke_width": 1,
            "stroke_fill": black,
        }
        rows, columns = self._grid.shape
        edge = max(self._size // 3, 2)
        if self._letters:
            at = self._grid.borders
            draw.text((columns / 2, edge), at.top, anchor="ma", **style)
            draw.text((columns / 2, rows - edge), at.bottom, anchor="md", **style)
            draw.text((edge, rows / 2), at.left, anchor="lm", **style)
            draw.text((columns - edge, rows / 2), at.right, anchor="rm", **style)
        if self._position:
            text = caption(self._grid.plane, self._grid.centre(number))
            is_wide = draw.textlength(text, font) + edge > columns / 2 - self._size
            top = edge + (1.4 * self._size if is_wide and self._letters else 0)
            draw.text((edge, top), text, anchor="la", **style)
        if self._scale_bar:
            mm = bar_length(columns * self._grid.pixel_mm[1])
            length = mm / self._grid.pixel_mm[1]
            right, bottom = columns - edge - 1, rows - edge - 1
            thick = max(self._size // 6, 1)
            bar = (round(right - length), bottom - thick, right, bottom)
            draw.rectangle((bar[0] - 1, bar[1] - 1, bar[2] + 1, bar[3] + 1), fill=black)
            draw.rectangle(bar, fill=white)
            draw.text((right, bottom - thick - 1), f"{mm:g} mm", anchor="rd", **style)
        return np.asarray(image)


def bar_length(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten, mm: the longest that fits a picture's width, mm."""
    most = width * _BAR
    power = 10.0 ** floor(log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most))
