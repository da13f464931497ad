"""An editor of colormaps: points on a bar, each with a colour and an opacity."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QColorDialog, QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from napari_medvol.colormap import Colormap, Stop
from napari_medvol.viewer.widgets.colour_bar import draw_colours

_MARGIN: Final = 10
_BAR: Final = 34
_REACH: Final = 7
#: A map of more points is thinned to this many, evenly, so that they can be taken hold of.
_MOST: Final = 9


class StopsBar(QWidget):
    """A bar of colours whose control points can be dragged, added, recoloured and removed."""

    changed = Signal()

    def __init__(self, colormap: Colormap) -> None:
        super().__init__()
        self.name, self.limits = colormap.name, colormap.limits
        self.stops = list(handy(colormap).stops)
        self._held: int | None = None
        self.setMinimumSize(320, _BAR + 26)

    def colormap(self) -> Colormap:
        """Return the map as it is drawn."""
        return Colormap(
            self.name, tuple(sorted(self.stops, key=lambda s: s.position)), self.limits
        )

    def shift(self, number: int, position: float) -> None:
        """Move a point between its neighbours; the two ends stay."""
        if 0 < number < len(self.stops) - 1:
            low, high = self.stops[number - 1].position, self.stops[number + 1].position
            self.stops[number] = self.stops[number]._replace(
                position=min(max(position, low), high)
            )
            self._tell()

    def add(self, position: float) -> int:
        """Add a point of the colour that is there; return its number."""
        color = self.colormap().colors(position)
        number = int(np.searchsorted([s.position for s in self.stops], position))
        number = min(max(number, 1), len(self.stops) - 1)
        self.stops.insert(number, Stop(position, *(float(c) for c in color)))
        self._tell()
        return number

    def remove(self, number: int) -> None:
        """Remove a point; the two ends stay."""
        if 0 < number < len(self.stops) - 1:
            del self.stops[number]
            self._tell()

    def recolour(self, number: int, rgba: tuple[float, float, float, float]) -> None:
        """Give a point another colour and opacity."""
        self.stops[number] = Stop(self.stops[number].position, *rgba)
        self._tell()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of a point, add one, or remove one with the right button."""
        number = self._near(event.position().x())
        if event.button() == Qt.MouseButton.RightButton:
            if number is not None:
                self.remove(number)
            return
        self._held = self.add(self._share(event.position().x())) if number is None else number

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move the point that is held."""
        if self._held is not None:
            self.shift(self._held, self._share(event.position().x()))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        self._held = None

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Ask for the colour of a point."""
        number = self._near(event.position().x())
        if number is None:
            return
        before = QColor.fromRgbF(*self.stops[number][1:])
        chosen = QColorDialog.getColor(
            before, self, "Colour", QColorDialog.ColorDialogOption.ShowAlphaChannel
        )
        if chosen.isValid():
            self.recolour(number, chosen.getRgbF())

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the colours, and a handle for each point."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(_MARGIN, 4, self.width() - 2 * _MARGIN, _BAR)
        draw_colours(painter, bar, self.colormap().colors(np.linspace(0, 1, 256)))
        painter.setPen(QPen(self.palette().windowText().color(), 1.5))
        for stop in self.stops:
            x = bar.left() + stop.position * bar.width()
            painter.setBrush(QColor.fromRgbF(stop.red, stop.green, stop.blue))
            points = [
                (x, bar.bottom() + 1),
                (x - 6, bar.bottom() + 14),
                (x + 6, bar.bottom() + 14),
            ]
            painter.drawPolygon(QPolygonF([QPointF(*point) for point in points]))
        painter.end()

    def _share(self, x: float) -> float:
        return min(max((x - _MARGIN) / max(self.width() - 2 * _MARGIN, 1), 0.0), 1.0)

    def _near(self, x: float) -> int | None:
        width = self.width() - 2 * _MARGIN
        away = [abs(_MARGIN + stop.position * width - x) for stop in self.stops]
        nearest = int(np.argmin(away))
        return nearest if away[nearest] <= _REACH else None

    def _tell(self) -> None:
        self.update()
        self.changed.emit()


class ColormapDialog(QDialog):
    """Edit a colormap while the layer shows it; Cancel gives back what there was."""

    def __init__(
        self, colormap: Colormap, show: Callable[[Colormap], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Colormap {colormap.name}")
        self.before, self._show = colormap, show
        self.bar = StopsBar(colormap)
        self.bar.changed.connect(self._on_changed)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        hint = QLabel(
            "Click to add a point, drag to move it, double-click for its colour and opacity,"
            " right-click to remove it."
        )
        hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        for part in (self.bar, hint, buttons):
            layout.addWidget(part)

    def reject(self) -> None:
        """Give back the colours that there were."""
        self._show(self.before)
        super().reject()

    def _on_changed(self) -> None:
        self._show(self.bar.colormap())


def handy(colormap: Colormap) -> Colormap:
    """Return a map of few enough points to be edited."""
    if len(colormap.stops) <= _MOST:
        return colormap
    shares = np.linspace(0, 1, _MOST)
    colors = colormap.colors(shares)
    stops = (
        Stop(float(p), *(float(c) for c in row)) for p, row in zip(shares, colors, strict=True)
    )
    return Colormap(colormap.name, tuple(stops), colormap.limits)
