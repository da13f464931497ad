"""The table of the cursor inspector: a row a layer, as text."""

from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QTableView

from napari_medvol.viewer.shown import record_of
from napari_medvol.views.probe import Probe

_TITLES: Final = (
    "Layer", "Value", "Label", "Voxel i, j, k", "RAS mm", "LPS mm", "File", "Stored", "Linear",
)  # fmt: skip
_NAME, _VALUE, _VOXEL, _RAS, _LPS, _FILE = 0, 1, 3, 4, 5, 6
#: Columns that are there whatever they hold.
_ALWAYS: Final = (_NAME, _VALUE, _VOXEL, _RAS, _LPS)
#: mm or voxels: hundredths of more are 300 digits at worst.
_FAR: Final = 1e6
_WIDTHS: Final = (125, 90, 80, 145, 155, 155, 140, 70, 80)


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
        self.texts: list[tuple[str, ...]] = []

    def put(self, rows: list[Row]) -> None:
        """Show other rows; the selection stays where the layers do."""
        same = [row.layer for row in rows] == [row.layer for row in self.rows]
        if not same:
            self.beginResetModel()
        self.rows, self.texts = rows, [_texts(row) for row in rows]
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
            return self.texts[index.row()][index.column()]
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
    voxel = ", ".join(_short(n) for n in found.voxel)
    if found.extra:
        voxel += f" · {', '.join(map(str, found.extra))}"
    return (
        row.layer.name,
        _value(row) if found.inside else "outside",
        found.label,
        voxel,
        mm_text(found.ras),
        mm_text(found.lps),
        _source(found),
        _number(found.stored),
        _number(found.linear, whole=False),
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


def mm_text(point: Any) -> str:
    """Return a point to a hundredth of a millimetre; beyond 1 km, to six digits."""
    return ", ".join(_short(n) for n in point)


def _short(number: float) -> str:
    return f"{number + 0.0:.2f}" if abs(number) < _FAR else f"{number:g}"


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
    if column in (_RAS, _LPS):
        return mm_text(row.found.ras if column == _RAS else row.found.lps)
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
    return f"RAS {mm_text(ras)} mm   ·   LPS {mm_text(lps)} mm"


class _Names(QStyledItemDelegate):
    """Names cut at their start: scans of one patient begin alike, and differ at the end."""

    def initStyleOption(self, option: Any, index: Any) -> None:  # noqa: N802 - Qt's name
        """Say how a cell is drawn."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideLeft


class ProbeView(QTableView):
    """The table on the screen: columns that no layer has anything for are hidden."""

    def __init__(self, model: ProbeModel) -> None:
        super().__init__()
        self._probes = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._names = _Names(self)
        self.setItemDelegateForColumn(_NAME, self._names)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        # Sizing columns by their content at every move of the mouse would cost more than all else.
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
            self.setColumnHidden(column, column not in _ALWAYS)
        model.modelReset.connect(self._on_reset)
        model.dataChanged.connect(self._show_used)

    def _on_reset(self) -> None:
        for column in range(len(_TITLES)):
            self.setColumnHidden(column, column not in _ALWAYS)
        self._show_used()

    def _show_used(self, *_: Any) -> None:
        """Show a column once it holds something; it stays while the layers do."""
        for column, cells in enumerate(zip(*self._probes.texts, strict=True)):
            if self.isColumnHidden(column) and any(cells):
                self.setColumnHidden(column, False)
