"""The page of the header inspector that compares two layers."""

from collections.abc import Sequence
from typing import Final

from qtpy.QtWidgets import QLabel, QPushButton

from napari_medvol.headers import Element
from napari_medvol.table import Table
from napari_medvol.viewer.widgets.element_tree import ElementTree
from napari_medvol.viewer.widgets.header_pages import difference_rows, page_of, row_of
from napari_medvol.viewer.widgets.page import Page
from napari_medvol.viewer.widgets.panel import Panel
from napari_medvol.views.differences import Difference, VoxelDifference, differences_table
from napari_medvol.volume import Volume

_WIDE: Final = 320


class DifferencePage(Page[Panel]):
    """What two headers say differently, and whether the voxels differ.

    Parameters
    ----------
    panel : Panel
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.tree = ElementTree(("Name", "Layer", "Compared with"))
        self.tree.setColumnWidth(0, _WIDE)
        self.compare, self.said = QPushButton("Compare voxels"), QLabel()
        self.widget = page_of(row_of(self.compare, self.said), self.tree)
        self._found: Sequence[Difference] = ()

    def clear(self) -> None:
        """Show that there is nothing to compare."""
        self._found = ()
        self.said.setText("")
        self.tree.put([Element("nothing to compare", 'Choose a layer at "Compare with"')])

    def begin(self, one: str, other: str) -> None:
        """Name the two layers whose headers are being read."""
        self._found = ()
        self.said.setText("")
        self.tree.set_titles(("Name", one, other))

    def show(self, found: Sequence[Difference]) -> None:
        """List the differences of the headers."""
        self._found = found
        self.tree.put(difference_rows(found))

    def table(self) -> Table:
        """Return the differences."""
        return differences_table(self._found)

    def compared(self, one: Volume, other: Volume, found: VoxelDifference | None) -> None:
        """Say whether the values of two scans are equal."""
        if not self.panel.is_closed:
            words = f"Shapes differ: {one.shape} and {other.shape}"
            self.said.setText(words if found is None else str(found))
