"""The table of the cursor inspector: a row a layer, as text."""

from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medvol.viewer.shown import record_of
from napari_medvol.views.probe import Probe

_TITLES: Final = (
    "Layer", "Value", "Linear", "Stored", "Label", "Voxel i, j, k", "RAS mm", "LPS mm", "File",
)  # fmt: skip
_NAME, _VOXEL, _FILE = 0, 5, 8


class Row(NamedTuple):
    """One layer in the table."""

    layer: Layer
    found: Probe
    is_reference: bool
    is_overlay: bool


class ProbeModel(QAbstractTableModel):
    """The rows of the table, topmost layer first."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._texts: list[tuple[str, ...]] = []

    def put(self, rows: list[Row]) -> None:
        """Show other rows; the selection stays where the layers do."""
        same = [row.layer for row in rows] == [row.layer for row in self.rows]
        if not same:
            self.beginResetModel()
        self.rows, self._texts = rows, [_texts(row) for row in rows]
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(_TITLES) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many layers there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Any, role: int) -> Any:  # noqa: N802
        """Return the title of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _TITLES[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, font and tooltip of a cell."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == Qt.ItemDataRole.FontRole and index.column() == _NAME:
            font = QFont()
            font.setBold(row.is_reference)
            font.setItalic(row.is_overlay)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row, index.column())
        return None


def _texts(row: Row) -> tuple[str, ...]:
    found = row.found
    voxel = ", ".join(f"{n:.2f}" for n in found.voxel)
    if found.extra:
        voxel += f" · {', '.join(map(str, found.extra))}"
    return (
        row.layer.name,
        _value(row) if found.inside else "outside",
        _number(found.linear, whole=False),
        _number(found.stored),
        found.label,
        voxel,
        _mm(found.ras),
        _mm(found.lps),
        _source(found),
    )


def _value(row: Row) -> str:
    found = row.found
    if found.value is None:
        return "not read yet"
    text = _number(found.value)
    return f"{text} {found.unit}" if found.unit else text


def _number(value: Any, whole: bool = True) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(_number(v) for v in value)
    if isinstance(value, complex):
        return f"{abs(value):.6g} ({value.real:.5g} {value.imag:+.5g}i)"
    if isinstance(value, float) and not (whole and value.is_integer() and abs(value) < 1e9):
        return f"{value:.6g}"
    return str(int(value)) if isfinite(value) else str(value)


def _mm(point: Any) -> str:
    return ", ".join(f"{n + 0.0:.2f}" for n in point)


def _source(found: Probe) -> str:
    source = found.source
    if source is None:
        return ""
    plane = f"slice {found.nearest[2]}"
    frame = f", frame {source.frame + 1}" if source.frame else ""
    return f"{Path(source.file).name} ({plane}{frame})"


def _tip(row: Row, column: int) -> str | None:
    if column == _FILE and row.found.source is not None:
        source = row.found.source
        return "\n".join(filter(None, [source.file, source.instance_uid]))
    if column == _VOXEL:
        return "Counted from 0; whole numbers are voxel centres. Further axes behind the dot."
    if column != _NAME:
        return None
    record = record_of(row.layer)
    files = record.volume.report.files if record is not None else ()
    role = "reference" if row.is_reference else "overlay" if row.is_overlay else ""
    return "\n".join(filter(None, [row.layer.name, role, files[0] if files else ""]))


def both_conventions(ras: Any) -> str:
    """Return a point of the patient in RAS and in LPS."""
    lps = np.asarray(ras) * (-1, -1, 1)
    return f"RAS {_mm(ras)} mm   ·   LPS {_mm(lps)} mm"


def probe_view(model: ProbeModel) -> QTableView:
    """Return the table on the screen."""
    table = QTableView()
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    # Sizing columns by their content at every move of the mouse would cost more than all else.
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    for column, width in enumerate((170, 110, 80, 70, 90, 165, 190, 190, 180)):
        table.setColumnWidth(column, width)
    return table
