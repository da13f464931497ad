"""A measure over iterations, drawn while it is being climbed."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medvol.registration import Reached

_COLOUR: Final = "#4fa3e0"
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 22, 8


class MetricPlot(QWidget):
    """Mutual information at every iteration; a dashed line where finer voxels begin."""

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[Reached, ...] = ()
        self.setMinimumHeight(110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVisible(False)

    def put(self, points: Sequence[Reached]) -> None:
        """Draw the iterations that there are."""
        self.points = tuple(points)
        self.setVisible(bool(self.points))
        self.update()

    @property
    def words(self) -> str:
        """What is written above the curve."""
        if not self.points:
            return ""
        last = self.points[-1]
        return f"mutual information {last.value:.4g}, level {last.level + 1}"

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        values = np.array([point.value for point in self.points])
        if np.isfinite(values).any():
            self._draw(painter, values)
        painter.end()

    def _draw(self, painter: QPainter, values: Any) -> None:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        box = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        span = high - low or 1.0
        painter.setPen(QPen(ink, 0.5))
        painter.drawText(
            QRectF(4, 2, self.width() - 8, 18), Qt.AlignmentFlag.AlignLeft, self.words
        )
        painter.drawRect(box)
        for text, y in ((f"{high:.4g}", box.top()), (f"{low:.4g}", box.bottom() - 14)):
            painter.drawText(QRectF(0, y, _LEFT - 6, 16), Qt.AlignmentFlag.AlignRight, text)
        steps = max(len(values) - 1, 1)
        before: QPointF | None = None
        for number, value in enumerate(values):
            x = box.left() + box.width() * number / steps
            here = QPointF(x, box.bottom() - box.height() * (float(value) - low) / span)
            if number and self.points[number].level != self.points[number - 1].level:
                painter.setPen(QPen(ink, 0.5, Qt.PenStyle.DashLine))
                painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            elif before is not None:
                painter.setPen(QPen(QColor(_COLOUR), 1.5))
                painter.drawLine(before, here)
            before = here
