"""Convert: layers, or a folder of scans, to another format, with the proof of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from magicgui.types import FileDialogMode
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    FileEdit,
    LineEdit,
    RadioButtons,
    Widget,
)
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from napari_medvol.batch import DEFAULT_TEMPLATE, convert, convert_volumes
from napari_medvol.errors import WriteError
from napari_medvol.formats import FORMATS
from napari_medvol.table import Table
from napari_medvol.viewer.widgets.panel import acting
from napari_medvol.viewer.widgets.working import WorkingPanel
from napari_medvol.viewer.writer import volumes_of
from napari_medvol.volume import Step

SELECTED: Final = "Selected layers"
VISIBLE: Final = "Visible layers"
FOLDER: Final = "A folder of scans"

_AS_IT_IS: Final = "as it is"
_DTYPES: Final = ("uint8", "int16", "uint16", "int32", "float32", "float64")
_ORIENTATIONS: Final = ("RAS", "LAS", "LPS")
_LAYER_TEMPLATE: Final = "{name}"

#: Columns of the result that fit beside a canvas; the whole table is for CSV.
_SHOWN: Final = ("input", "output", "status", "dtype", "largest error", "corners (mm)")


def _targets() -> list[tuple[str, tuple[str, str]]]:
    """Return what can be written: words for people, and the name of the format with a suffix."""
    found = []
    for row in FORMATS:
        if row.write is None:
            continue
        if row.writes_folders:
            found.append((f"{row.name}, a folder a series", (row.name, "")))
        found += [(f"{row.name} {suffix}", (row.name, suffix)) for suffix in row.writes]
    first = [one for one in found if one[1][1] in (".nii.gz", ".nii")]
    return sorted(first, key=lambda one: len(one[0]), reverse=True) + [
        one for one in found if one not in first
    ]


class ConvertWidget(WorkingPanel):
    """Choose what, whereto and how; look at what was written and how far it is from its source.

    Parameters
    ----------
    viewer : Viewer
    """

    stopped = "Stopped. What was written is whole; Convert goes on with the rest."

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Convert")
        self.source = RadioButtons(choices=[SELECTED, VISIBLE, FOLDER], label=" ")
        self.source.value = SELECTED
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label="Scans in")
        self.target = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label="Write to")
        self.format = ComboBox(choices=_targets(), label="As")
        self.template = LineEdit(value=_LAYER_TEMPLATE, label="Names")
        self.template.tooltip = (
            "Fields of the header in braces, such as {SeriesNumber}_{SeriesDescription};"
            " {folder}, {name}, {stem}, {index}"
        )
        self.dtype = ComboBox(choices=[_AS_IT_IS, *_DTYPES], label="Values")
        self.axes = ComboBox(choices=[_AS_IT_IS, *_ORIENTATIONS], label="Axes run to")
        self.bids = CheckBox(text="BIDS .json beside each", value=False)
        self.overwrite = CheckBox(text="Replace what is there", value=False)
        form: list[Widget] = [
            self.source, self.folder, self.target, self.format, self.template, self.dtype,
            self.axes, self.bids, self.overwrite, self.bar, self.buttons,
        ]  # fmt: skip
        self.extend(form)
        self.result: Table | None = None
        self.rows = _table_view()
        self.add_native(self.rows, stretch=1)
        self.connect(self.source.changed, self._on_source)
        self.connect(self.rows.itemSelectionChanged, self._say_problem)
        self._on_source()

    def _on_source(self, *_: Any) -> None:
        is_folder = self.source.value == FOLDER
        self.folder.enabled = is_folder
        templates = (_LAYER_TEMPLATE, DEFAULT_TEMPLATE)
        if self.template.value in templates:
            self.template.value = templates[is_folder]

    @acting
    def start(self, *_: Any) -> None:
        """Convert, in a thread."""
        if self.is_working:
            return
        job = self._job()
        self.result = None
        self.rows.setRowCount(0)
        self.work(job, self._show, "Converting …")

    def _job(self) -> Callable[..., Table]:
        """Return what converts, with everything that must be asked in this thread."""
        target = str(self.target.value)
        if not target or target == ".":
            raise WriteError("Convert", "no folder is named to write to", "Choose one")
        name, suffix = self.format.value
        asked: dict[str, Any] = {
            "template": self.template.value,
            "suffix": suffix,
            "format": name,
            "overwrite": self.overwrite.value,
            "steps": self._steps(),
            "sidecar": "bids" if self.bids.value else "auto",
        }
        if self.dtype.value != _AS_IT_IS:
            asked["dtype"] = self.dtype.value
        if self.source.value == FOLDER:
            scans = Path(str(self.folder.value))
            return lambda tell: convert(scans, target, progress=tell, **asked)
        volumes = volumes_of(self._layers())
        return lambda tell: convert_volumes(volumes, target, progress=tell, **asked)

    def _layers(self) -> list[Any]:
        layers = self.viewer.layers
        if self.source.value == VISIBLE:
            return [layer for layer in layers if layer.visible]
        return [layer for layer in layers if layer in layers.selection]

    def _steps(self) -> list[Step]:
        if self.axes.value == _AS_IT_IS:
            return []
        return [Step("orient", {"axcodes": self.axes.value})]

    def _show(self, table: Table) -> None:
        self.result = table
        at = [table.columns.index(name) for name in _SHOWN]
        self.rows.setRowCount(len(table.rows))
        for number, row in enumerate(table.rows):
            for column, place in enumerate(at):
                text = "" if row[place] is None else str(row[place])
                item = QTableWidgetItem(text)
                item.setToolTip(self._proof(table, number))
                self.rows.setItem(number, column, item)
        self.rows.resizeColumnsToContents()
        status = [row[table.columns.index("status")] for row in table.rows]
        counts = {word: status.count(word) for word in dict.fromkeys(status)}
        said = ", ".join(f"{count} {word}" for word, count in counts.items())
        self.say(f"{said}, each read back and compared", error="failed" in counts)

    @staticmethod
    def _proof(table: Table, number: int) -> str:
        """Return what is known of one output, in words."""
        facts = dict(zip(table.columns, table.rows[number], strict=True))
        return "\n".join(
            f"{name}: {value}" for name, value in facts.items() if value not in (None, "")
        )

    def _say_problem(self) -> None:
        chosen = self.rows.currentRow()
        if self.result is not None and 0 <= chosen < len(self.result.rows):
            self.say(self._proof(self.result, chosen))


def _table_view() -> QTableWidget:
    view = QTableWidget(0, len(_SHOWN))
    view.setHorizontalHeaderLabels(list(_SHOWN))
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    view.verticalHeader().hide()
    view.setMinimumHeight(90)
    return view
