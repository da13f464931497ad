"""A small plot of numbers along the slices of a scan."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medvol.views.varies import Curve

_COLOURS: Final = ("#4fa3e0", "#e0913e", "#66b966", "#c96bc9", "#d9534f", "#9a9a9a")
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 12, 22, 24
_DOT: Final = 2.0
_DOTS_UP_TO: Final = 200


class CurvePlot(QWidget):
    """Curves over the number of the plane. The plane under the mouse is told in words."""

    def __init__(self) -> None:
        super().__init__()
        self.curves: Sequence[Curve] = ()
        self.title = ""
        self._at: int | None = None
        self.setMouseTracking(True)
        self.setMinimumHeight(150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def put(self, curves: Sequence[Curve], title: str = "") -> None:
        """Draw other curves."""
        self.curves, self.title, self._at = curves, title, None
        self.update()

    def limits(self) -> tuple[float, float]:
        """Return lowest and highest value that is drawn."""
        finite = [c.values[np.isfinite(c.values)] for c in self.curves]
        values = np.concatenate(finite) if finite else np.zeros(0)
        if not values.size:
            return 0.0, 1.0
        low, high = float(values.min()), float(values.max())
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def words_at(self, plane: int) -> str:
        """Return the values of a plane."""
        told = []
        for curve in self.curves:
            if plane < len(curve.values):
                label = f"{curve.label}: " if curve.label else ""
                told.append(f"{label}{curve.values[plane]:.6g} {curve.unit}".rstrip())
        return f"plane {plane}   {'   '.join(told)}" if told else ""

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Tell the plane under the mouse."""
        n = max((len(curve.values) for curve in self.curves), default=0)
        box = self._box()
        if n and box.width() > 0:
            share = (event.position().x() - box.left()) / box.width()
            self._at = int(np.clip(round(share * max(n - 1, 1)), 0, n - 1))
            self.update()

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Tell nothing any more."""
        self._at = None
        self.update()

    def _box(self) -> QRectF:
        return QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(ink)
        if not self.curves:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.title)
        else:
            self._draw(painter, ink)
        painter.end()

    def _draw(self, painter: QPainter, ink: QColor) -> None:
        box, (low, high) = self._box(), self.limits()
        words = self.title if self._at is None else self.words_at(self._at)
        painter.drawText(QRectF(4, 2, self.width() - 8, 18), Qt.AlignmentFlag.AlignLeft, words)
        painter.setPen(QPen(ink, 0.5))
        painter.drawRect(box)
        n = max(len(curve.values) for curve in self.curves)
        for text, y in ((f"{high:.6g}", box.top()), (f"{low:.6g}", box.bottom() - 14)):
            area = QRectF(0, y - 1, _LEFT - 6, 16)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight, text)
        below = QRectF(box.left(), box.bottom() + 4, box.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, str(n - 1))
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, "plane")
        for number, curve in enumerate(self.curves):
            _draw_curve(painter, curve, box, (low, high), n, _COLOURS[number % len(_COLOURS)])
        if self._at is not None:
            x = box.left() + box.width() * self._at / max(n - 1, 1)
            painter.setPen(QPen(ink, 0.5, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))


def _draw_curve(
    painter: QPainter,
    curve: Curve,
    box: QRectF,
    limits: tuple[float, float],
    n: int,
    colour: str,
) -> None:
    low, high = limits
    painter.setPen(QPen(QColor(colour), 1.5))
    before: QPointF | None = None
    for plane, value in enumerate(curve.values):
        if not np.isfinite(value):
            before = None
            continue
        x = box.left() + box.width() * plane / max(n - 1, 1)
        y = box.bottom() - box.height() * (float(value) - low) / (high - low)
        point = QPointF(x, y)
        if before is not None:
            painter.drawLine(before, point)
        if n <= _DOTS_UP_TO:
            painter.drawEllipse(point, _DOT, _DOT)
        before = point
