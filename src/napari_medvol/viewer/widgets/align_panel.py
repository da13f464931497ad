"""What every way of moving a scan needs: which scan, onto which, and where it is now."""

from collections.abc import Callable
from typing import Any

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QLabel

from napari_medvol.errors import LayerError
from napari_medvol.viewer.aligning import Alignment, pose_text
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.panel import LayerBox, acting
from napari_medvol.viewer.widgets.working import WorkingPanel
from napari_medvol.volume import Volume


class AligningPanel(WorkingPanel):
    """A layer on its way onto another; ``posed`` tells its pages when it was moved.

    Parameters
    ----------
    viewer : Viewer
    verb : str
        What the button of long work says.
    """

    posed = Signal()

    def __init__(self, viewer: Any, verb: str) -> None:
        super().__init__(viewer, verb)
        self.layer = LayerBox(self.viewer, label="Move")
        self.reference = LayerBox(self.viewer, nullable=True, label="Onto")
        self.found = QLabel()
        self.found.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        #: What is on its way; None until it is moved.
        self.moving: Alignment | None = None
        self.connect(self.layer.changed, lambda *_: self.say(""))
        self.connect(self.layer.changed, self.forget)

    def choose(self) -> None:
        """Begin with the lowest layer as the reference, the highest as what moves."""
        offered = [layer for layer in self.layer.choices if layer is not None]
        if len(offered) > 1:
            self.reference.value, self.layer.value = offered[0], offered[-1]
        self.forget()

    def alignment(self) -> Alignment:
        """Return the chosen layer on its way, from where it is now if somebody else moved it.

        Raises
        ------
        LayerError
            If no layer is chosen, or it holds no volume.
        """
        layer = self.layer.value
        if layer is None:
            raise LayerError("align", "no layer is chosen", "Open a scan first")
        known = self.moving
        if known is None or known.layer is not layer or known.is_stale:
            self.moving = Alignment(self.viewer, layer)
        assert self.moving is not None
        return self.moving

    def fixed(self) -> Volume:
        """Return the scan of the reference.

        Raises
        ------
        LayerError
            If none is chosen, or it is the layer that moves.
        """
        layer = self.reference.value
        if layer is None or layer is self.layer.value:
            why = (
                "there is no reference" if layer is None else "a layer is no reference for itself"
            )
            raise LayerError("align", why, "Choose another layer under Onto")
        return volume_of(layer)

    def fixed_or_none(self) -> Volume | None:
        """Return the scan of the reference; None where there is none."""
        return None if self.reference.value in (None, self.layer.value) else self.fixed()

    @acting
    def forget(self, *_: Any) -> None:
        """Begin anew with the chosen layer, from where it is."""
        self.moving = None
        self.refresh()

    def change(self, do: Callable[..., Any], *args: Any) -> None:
        """Move the layer, and show where it is."""
        do(*args)
        self.refresh()

    def refresh(self) -> None:
        """Show the pose in numbers."""
        self.found.setText("" if self.moving is None else pose_text(self.moving.matrix))
        self.posed.emit()
