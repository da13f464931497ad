"""A part of a panel that is a module of its own."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from magicgui.widgets import CheckBox, Container, Widget

from napari_medvol.viewer.widgets.panel import Panel

SomePanel = TypeVar("SomePanel", bound=Panel)


class Page(Generic[SomePanel]):
    """Parts of a panel's form with their handlers; the panel lays them out and speaks for them.

    Parameters
    ----------
    panel : Panel
    """

    def __init__(self, panel: SomePanel) -> None:
        self.panel = panel

    @property
    def spoken(self) -> int:
        """How many lines the panel wrote so far."""
        return self.panel.spoken

    @property
    def failed(self) -> bool:
        """Whether the panel's line is an error."""
        return self.panel.failed

    def say(self, text: str, error: bool = False) -> None:
        """Write the status line of the panel."""
        self.panel.say(text, error)

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect until the panel is closed."""
        self.panel.connect(emitter, callback)


def hiding() -> CheckBox:
    """Return the tick that all panels have which make a layer of a layer."""
    tick = CheckBox(text="Hide the source", value=True)
    tick.tooltip = (
        "The new layer shows the same tissue as its source, so that is hidden. Untick to see one"
        " over the other; the eye in the layer list shows it again."
    )
    return tick


def row(label: str, *parts: Widget) -> Container[Widget]:
    """Return parts side by side under one label."""
    made: Container[Widget] = Container(layout="horizontal", labels=False, label=label)
    made.extend(parts)
    made.margins = (0, 0, 0, 0)
    return made
