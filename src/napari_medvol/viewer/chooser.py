"""Which of several series: a table to choose from, by mouse or keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medvol.views.series import TITLES, series_rows
from napari_medvol.volume import Volume

_NUMBERS: Final = (TITLES.index("No."), TITLES.index("Files"))


class SeriesChooser(QDialog):
    """A table of scans. Several can be selected; Enter opens, Escape opens nothing.

    Parameters
    ----------
    volumes : sequence of Volume
    parent : QWidget, optional
    """

    def __init__(self, volumes: Sequence[Volume], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._volumes = list(volumes)
        self._all = False
        self.setWindowTitle("Open series")
        self.table = _table(self._volumes)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.open_button.setText("Open selected")
        self.all_button = self.buttons.addButton(
            f"Open all {len(volumes)}", QDialogButtonBox.ButtonRole.AcceptRole
        )
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(f"{len(volumes)} series. Select those to open."))
        layout.addWidget(self.table)
        layout.addWidget(self.buttons)
        self.all_button.clicked.connect(self._choose_all)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.table.itemDoubleClicked.connect(self.accept)
        self.table.itemSelectionChanged.connect(self._count)
        self.table.selectRow(_largest(self._volumes))
        self.table.setFocus()
        self.resize(980, min(120 + 30 * (len(volumes) + 1), 640))

    def chosen(self) -> list[Volume]:
        """Return the selected volumes, in the order of their series numbers."""
        if self._all:
            return self._volumes
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        picked = sorted(self.table.item(row, 0).data(Qt.ItemDataRole.UserRole) for row in rows)
        return [self._volumes[number] for number in picked]

    def _choose_all(self) -> None:
        self._all = True

    def _count(self) -> None:
        n_selected = len(self.table.selectionModel().selectedRows())
        self.open_button.setEnabled(n_selected > 0)
        self.open_button.setText(f"Open {n_selected} selected")


def _largest(volumes: Sequence[Volume]) -> int:
    """Return which volume has most voxels: seldom the localizer."""
    return max(range(len(volumes)), key=lambda n: volumes[n].data.size)


def _table(volumes: Sequence[Volume]) -> QTableWidget:
    rows = series_rows(volumes)
    table = QTableWidget(len(rows), len(TITLES))
    table.setHorizontalHeaderLabels(list(TITLES))
    for number, row in enumerate(rows):
        for column, value in enumerate(tuple[str | int, ...](row)):
            table.setItem(number, column, _item(column, value, number))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    # Tab leaves the table for the buttons instead of walking through the cells.
    table.setTabKeyNavigation(False)
    table.verticalHeader().setVisible(False)
    table.resizeColumnsToContents()
    table.horizontalHeader().setStretchLastSection(True)
    # No column at first: the order of the volumes stays until a title is clicked.
    table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    table.setSortingEnabled(True)
    return table


def _item(column: int, value: str | int, number: int) -> QTableWidgetItem:
    item = QTableWidgetItem()
    text = str(value)
    is_number = column in _NUMBERS and text.isdigit()
    # Kept as a number, so that series 10 sorts after series 9.
    item.setData(Qt.ItemDataRole.DisplayRole, int(text) if is_number else text.split("\n")[0])
    item.setData(Qt.ItemDataRole.UserRole, number)
    item.setToolTip(text)
    if is_number:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def choose(volumes: Sequence[Volume]) -> list[Volume]:
    """Ask which of `volumes` to open; an empty list means none."""
    from napari import current_viewer
    from napari.qt import get_current_stylesheet

    viewer = current_viewer()
    parent = viewer.window._qt_window if viewer is not None else None  # noqa: SLF001
    dialog = SeriesChooser(volumes, parent if parent is not None and parent.isVisible() else None)
    dialog.setStyleSheet(get_current_stylesheet())
    try:
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        return dialog.chosen() if accepted else []
    finally:
        dialog.deleteLater()
