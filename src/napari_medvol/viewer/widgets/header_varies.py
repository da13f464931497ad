"""The page of the header inspector with what changes over the slices of a scan."""

from collections.abc import Sequence
from typing import Any, Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter

from napari_medvol.headers import Element, Varying
from napari_medvol.table import Table
from napari_medvol.viewer.widgets.curve_plot import CurvePlot
from napari_medvol.viewer.widgets.element_tree import ElementTree
from napari_medvol.viewer.widgets.header_pages import spread
from napari_medvol.viewer.widgets.page import Page
from napari_medvol.viewer.widgets.panel import Panel
from napari_medvol.views.varies import curves, varying_table

_WIDE: Final = 320


class VariesPage(Page[Panel]):
    """A tree of the elements, and the chosen one over the slices.

    Parameters
    ----------
    panel : Panel
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.tree, self.plot = ElementTree(("Name", "Values", "Unit")), CurvePlot()
        self.tree.setColumnWidth(0, _WIDE)
        self.widget = QSplitter(Qt.Orientation.Vertical)
        self.widget.addWidget(self.tree)
        self.widget.addWidget(self.plot)
        self._found: Sequence[Varying] = ()
        self.connect(self.tree.selectionModel().currentChanged, self._plot_current)

    def clear(self, words: str = "") -> None:
        """Show no curve, but what is going on."""
        self._found = ()
        self.plot.put((), words)

    def show(self, found: Sequence[Varying]) -> None:
        """List what varies, and draw the first that can be drawn."""
        self._found = found
        rows = [
            Element(one.name, spread(one), one.unit, one.tag, differs=bool(curves(one)))
            for one in found
        ]
        self.tree.put(rows or [Element("nothing", "All slices have the same header")])
        self.plot.put((), "Choose a row to see it over the slices" if found else "")
        first = next((n for n, one in enumerate(found) if curves(one)), None)
        if first is not None:
            self.tree.setCurrentIndex(self.tree.elements.index(first, 0))

    def table(self) -> Table:
        """Return the values of every element on every slice."""
        return varying_table(self._found)

    def _plot_current(self, *_: Any) -> None:
        index = self.tree.currentIndex()
        if not index.isValid() or not self._found:
            return
        number = self.tree.elements.number(index)
        if number < len(self._found):
            one = self._found[number]
            drawn = curves(one)
            self.plot.put(drawn, one.name if drawn else f"{one.name}: text, not drawn")
