"""A bar of the colours of a layer, with their values and unit."""

from typing import Any, Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

_HEIGHT: Final = 46
_BAR: Final = 18
_MARGIN: Final = 8
_CHECK: Final = 6


class ColourBar(QWidget):
    """Colours from one end of a range to the other, over a board that shows what is transparent.

    What lies below a threshold is drawn as it is on the canvas: not at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._colors: np.ndarray[Any, Any] | None = None
        self._limits = (0.0, 1.0)
        self._threshold: float | None = None
        self._unit = ""
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_colours(
        self,
        colors: Any,
        limits: tuple[float, float],
        unit: str = "",
        threshold: float | None = None,
    ) -> None:
        """Draw these colours, (n, 4) from 0 to 1, or None for an empty bar."""
        self._colors = None if colors is None else np.array(colors, dtype=np.float64)
        self._limits, self._unit, self._threshold = limits, unit, threshold
        if self._colors is not None and threshold is not None:
            values = np.linspace(*limits, len(self._colors))
            self._colors[values <= threshold, 3] = 0
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the bar, the threshold, and three values with their unit."""
        painter = QPainter(self)
        bar = QRectF(_MARGIN, 4, max(self.width() - 2 * _MARGIN, 1), _BAR)
        if self._colors is not None:
            draw_colours(painter, bar, self._colors)
            self._draw_values(painter, bar)
        painter.setPen(self.palette().windowText().color())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar)
        painter.end()

    def _draw_values(self, painter: QPainter, bar: QRectF) -> None:
        low, high = self._limits
        painter.setPen(self.palette().windowText().color())
        line = QRectF(bar.left(), bar.bottom() + 2, bar.width(), _HEIGHT - _BAR - 6)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, f"{low:.4g}")
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, f"{high:.4g} {self._unit}".strip())
        painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, f"{(low + high) / 2:.4g}")
        if self._threshold is not None and low < self._threshold < high:
            x = bar.left() + (self._threshold - low) / (high - low) * bar.width()
            painter.setPen(QPen(QColor("white"), 2))
            painter.drawLine(QPointF(x, bar.top() - 3), QPointF(x, bar.bottom() + 3))


def draw_colours(painter: QPainter, bar: QRectF, colors: np.ndarray[Any, Any]) -> None:
    """Draw one row of colours into a rectangle, over a chessboard."""
    for row in range(int(bar.height() // _CHECK) + 1):
        for column in range(int(bar.width() // _CHECK) + 1):
            field = QRectF(
                bar.left() + column * _CHECK, bar.top() + row * _CHECK, _CHECK, _CHECK
            ).intersected(bar)
            painter.fillRect(field, QColor("#666" if (row + column) % 2 else "#999"))
    pixels = np.ascontiguousarray(np.clip(colors * 255 + 0.5, 0, 255).astype(np.uint8)[np.newaxis])
    n = pixels.shape[1]
    image = QImage(pixels.tobytes(), n, 1, 4 * n, QImage.Format.Format_RGBA8888)
    painter.drawImage(bar, image)
