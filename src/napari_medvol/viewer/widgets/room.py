"""The room that a panel has: what does not fit scrolls, so that no window outgrows its screen."""

from typing import Final

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

#: Pixels of height that a dock keeps: some lines of a form.
_LEAST: Final = 60
#: Pixels that napari's style draws round what scrolls, above and below.
_BORDER: Final = 4


class Room(QScrollArea):
    """A column of widgets that is as wide as they need and scrolls down.

    It asks for the height that they would like, and bears much less: docks one below another
    share the height of the window instead of making it taller than the screen.

    Parameters
    ----------
    layout : QVBoxLayout
        Of another widget; it is taken over with all that is in it, and may be filled later.
    """

    def __init__(self, layout: QVBoxLayout) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addStretch(0)
        inside = _Inside()
        inside.setLayout(layout)
        self.setWidget(inside)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Put a widget under what is there; one that stretches has all the height left over."""
        layout = self.widget().layout()
        layout.insertWidget(layout.count() - 1, widget, stretch)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what the widgets would like."""
        return self.widget().sizeHint() + QSize(0, _BORDER)

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height that the widgets need at a width: texts are wrapped."""
        inside = self.widget()
        # As narrow as with a scroll bar: else that would come because it is there.
        width -= self.verticalScrollBar().sizeHint().width()
        needed = inside.heightForWidth(width) if inside.hasHeightForWidth() else -1
        least = max(inside.sizeHint().height(), inside.minimumSizeHint().height())
        return max(needed, least) + _BORDER

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return their width, with a scroll bar, and little height."""
        least = self.widget().minimumSizeHint()
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(least.width() + bar, min(least.height(), _LEAST))


class _Inside(QWidget):
    """What scrolls; the room hears when it wants another size."""

    def event(self, event: QEvent | None) -> bool:
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            room = self.parent() and self.parent().parent()
            if isinstance(room, Room):
                room.updateGeometry()
        return done
