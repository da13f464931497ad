"""A histogram with the limits of a window, which can be dragged."""

from typing import Any, Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medvol.views.histogram import Histogram
from napari_medvol.views.windows import windowed
from napari_medvol.volume import Window

_HEIGHT: Final = 120
_MARGIN: Final = 8
_TEXT: Final = 16
#: Pixels from a limit within which the mouse takes hold of it.
_REACH: Final = 8
_SHORTEST: Final = 2.0

_BARS = QColor("#8f9aa5")
_CURVE = QColor("#f0b429")
_LIMIT = QColor("#ffffff")


class HistogramCanvas(QWidget):
    """Bars of a histogram, the curve of a window over them, its limits as handles.

    Dragging a limit moves it; dragging between them moves both. The counts are drawn as their
    logarithm, so that a tumour is seen beside the air.
    """

    limits_changed = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.histogram: Histogram | None = None
        self.window_shown: Window | None = None
        self.limits: tuple[float, float] | None = None
        self._held = ""
        self._last = 0.0
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMouseTracking(True)
        self.setToolTip("Drag a limit, or what is between them")

    def show_histogram(self, histogram: Histogram | None) -> None:
        """Draw the bars of a histogram, or none."""
        self.histogram = histogram
        self.update()

    def show_window(self, window: Window | None, limits: tuple[float, float] | None) -> None:
        """Draw the curve and the limits of a window, or none."""
        self.window_shown, self.limits = window, limits
        self.update()

    def span(self) -> tuple[float, float]:
        """Return the values at the left and right edge: all that were counted, and the limits."""
        ends = list(self.limits or ())
        if self.histogram is not None and self.histogram.counts.sum():
            ends += [float(self.histogram.edges[0]), float(self.histogram.edges[-1])]
        if not ends or not np.isfinite(ends).all():
            return 0.0, 1.0
        low, high = min(ends), max(ends)
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    def x_of(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        low, high = self.span()
        return _MARGIN + (value - low) / (high - low) * max(self.width() - 2 * _MARGIN, 1)

    def value_at(self, x: float) -> float:
        """Return the value at a pixel."""
        low, high = self.span()
        return low + (x - _MARGIN) / max(self.width() - 2 * _MARGIN, 1) * (high - low)

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of the limit that is near, or of both."""
        if self.limits is None or event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        away = [abs(self.x_of(limit) - x) for limit in self.limits]
        if min(away) <= _REACH:
            self._held = "low" if away[0] <= away[1] else "high"
        elif self.x_of(self.limits[0]) < x < self.x_of(self.limits[1]):
            self._held = "both"
        self._last = self.value_at(x)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move what is held."""
        if self.limits is None or not self._held:
            return
        value = self.value_at(event.position().x())
        (low, high), shift = self.limits, value - self._last
        least = (self.span()[1] - self.span()[0]) * _SHORTEST / max(self.width(), 1)
        if self._held in ("low", "both"):
            low += shift
        if self._held in ("high", "both"):
            high += shift
        if high - low < least:
            return
        self._last = value
        self.limits_changed.emit(low, high)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        self._held = ""

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw bars, curve, limits and the ends of the axis."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bottom = float(self.height() - _TEXT)
        if self.histogram is not None and self.histogram.counts.any():
            self._draw_bars(painter, self.histogram, bottom)
        if self.window_shown is not None:
            self._draw_curve(painter, self.window_shown, bottom)
        for limit in self.limits or ():
            painter.setPen(QPen(_LIMIT, 1.5))
            x = self.x_of(limit)
            painter.drawLine(QPointF(x, 2), QPointF(x, bottom))
            painter.setBrush(_LIMIT)
            painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 8)]))
        self._draw_ends(painter)
        painter.end()

    def _draw_bars(self, painter: QPainter, histogram: Histogram, bottom: float) -> None:
        heights = np.log1p(histogram.counts) / np.log1p(histogram.counts.max()) * (bottom - 10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_BARS)
        lefts = [self.x_of(float(edge)) for edge in histogram.edges]
        for left, right, height in zip(lefts[:-1], lefts[1:], heights, strict=True):
            painter.drawRect(QRectF(left, bottom - height, max(right - left, 1.0), height))

    def _draw_curve(self, painter: QPainter, window: Window, bottom: float) -> None:
        xs = np.arange(_MARGIN, max(self.width() - _MARGIN, _MARGIN + 1), 2, dtype=np.float64)
        ys = windowed([self.value_at(x) for x in xs], window)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(_CURVE, 1.5))
        points = [QPointF(x, bottom - y * (bottom - 10)) for x, y in zip(xs, ys, strict=True)]
        painter.drawPolyline(QPolygonF(points))

    def _draw_ends(self, painter: QPainter) -> None:
        painter.setPen(self.palette().windowText().color())
        low, high = self.span()
        line = QRectF(_MARGIN, self.height() - _TEXT, self.width() - 2 * _MARGIN, _TEXT)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, f"{low:.4g}")
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, f"{high:.4g}")
