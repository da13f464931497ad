"""Volumes and values under labels as a table; rulers and angles in millimetres."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import Container, PushButton
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_medvol.errors import StepError, WriteError
from napari_medvol.formats.label_tables import freesurfer_table, read_labels
from napari_medvol.table import Table
from napari_medvol.viewer.label_names import name_labels
from napari_medvol.viewer.measuring import Tool, draw_measures, measures_layer, measures_table
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.waiting import CancelledError, waited_for
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.statistics import label_statistics
from napari_medvol.volume import Volume

_LABELS, _MEASURES = range(2)
_NO_LABELS = (
    "Needs a labels layer: open a segmentation, or paint one with napari's own Labels layer."
    " Rulers and angles need none."
)
_HOW_TO_COMPUTE = "Compute lists each label: its volume in ml, and the values that lie under it."
_HOW_TO_MEASURE = (
    "Press Ruler and draw a line, or Angle and click three points. Each is listed here, in mm"
    " and degrees of the patient."
)
_TABLES = "Tables of labels (*.txt *.label *.xml *.lut *.ctbl *.tsv)"


class StatisticsWidget(Panel):
    """A table of what lies under each label, and of what was measured on the canvas.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.seg = LayerBox(self.viewer, kinds=("labels",), label="Labels")
        self.image = LayerBox(self.viewer, kinds=("image",), nullable=True, label="Values of")
        self.compute = PushButton(text="Compute", tooltip="In the labels' own voxels")
        self.names = PushButton(text="Names …", tooltip="Names and colours of labels from a file")
        self.copy, self.save = PushButton(text="Copy"), PushButton(text="Save CSV …")
        self.copy.tooltip = self.save.tooltip = "The table that is open"
        self.ruler, self.angle = PushButton(text="Ruler"), PushButton(text="Angle")
        self.extend(
            [
                self.seg,
                self.image,
                _row(self.compute, self.names),
                _row(self.ruler, self.angle),
                _row(self.copy, self.save),
            ]
        )
        self.table: Table | None = None
        self.grid, self.measures = _grid(), _grid()
        self.about, self.hint = _text(""), _text(_HOW_TO_MEASURE)
        self.tabs = QTabWidget()
        self.tabs.addTab(_page(self.about, self.grid), "Labels")
        self.tabs.addTab(_page(self.hint, self.measures), "Measures")
        self.add_native(self.tabs, stretch=1)
        self._measured: Layer | None = None
        self.connect(self.compute.changed, self.show_statistics)
        self.connect(self.names.changed, self._ask_names)
        self.connect(self.copy.changed, self.copy_table)
        self.connect(self.save.changed, self._ask_where)
        self.connect(self.ruler.changed, lambda: self.measure("ruler"))
        self.connect(self.angle.changed, lambda: self.measure("angle"))
        self.connect(self.seg.changed, self._on_labels)
        self.connect(self.viewer.layers.events.inserted, self._on_layers)
        self.connect(self.viewer.layers.events.removed, self._on_layers)
        self.at_close(self._forget)
        if self.image.value is None and len(self.image.choices) > 1:
            self.image.value = next(one for one in self.image.choices if one is not None)
        self._on_labels()
        self._on_layers()

    def _on_labels(self, *_: Any) -> None:
        """Say what is needed before there is a table."""
        has_labels = self.seg.value is not None
        self.compute.enabled = self.names.enabled = has_labels
        if self.table is None:
            self.about.setText(_HOW_TO_COMPUTE if has_labels else _NO_LABELS)
        self.grid.setVisible(self.table is not None)

    def _on_layers(self, *_: Any) -> None:
        """Follow the layer of measures, whoever made it or took it away."""
        layer = measures_layer(self.viewer)
        if layer is self._measured:
            return
        self._forget()
        self._measured = layer
        if layer is not None:
            layer.events.features.connect(self._on_measures)
        self._on_measures()

    @acting
    def show_statistics(self, *_: Any) -> None:
        """Count the voxels of each label and the values under it, slice by slice."""
        labels = self._segmentation()
        seg = volume_of(labels)
        image = None if self.image.value is None else volume_of(self.image.value)
        frame = () if image is None else self._frame(image)
        try:
            self.table = waited_for(
                f"Measuring {labels.name}",
                lambda progress: label_statistics(seg, image, frame, progress),
                "slices",
            )
        except CancelledError:
            return
        _fill(self.grid, self.table)
        self.grid.show()
        self.tabs.setCurrentIndex(_LABELS)
        self.about.setText(_about(self.table, seg, image, frame))

    def _frame(self, image: Volume) -> tuple[int, ...]:
        """Return which frame of the image the viewer shows."""
        extra = image.shape[3 : image.data.ndim - image.is_rgb]
        steps = self.viewer.dims.current_step
        # The viewer has the extra axes in reverse, before the three of space.
        shown = steps[: len(steps) - 3][::-1][: len(extra)]
        shown = (*shown, *(0 for _ in range(len(extra) - len(shown))))
        return tuple(min(int(at), n - 1) for at, n in zip(shown, extra, strict=True))

    @acting
    def measure(self, tool: Tool) -> None:
        """Draw rulers or angles on the canvas."""
        draw_measures(self.viewer, tool)
        self._on_layers()
        self.tabs.setCurrentIndex(_MEASURES)
        self.say("Draw a line." if tool == "ruler" else "Click three points; the last twice.")

    def _on_measures(self, *_: Any) -> None:
        table = None if self._measured is None else measures_table(self._measured)
        has_rows = table is not None and bool(table.rows)
        if table is not None:
            _fill(self.measures, table)
        self.measures.setVisible(has_rows)
        self.hint.setVisible(not has_rows)

    def _forget(self) -> None:
        if self._measured is not None:
            self._measured.events.features.disconnect(self._on_measures)
        self._measured = None

    @acting
    def load_names(self, path: str | Path) -> None:
        """Give the labels names and colours from a file."""
        count = name_labels(self._segmentation(), read_labels(path))
        self.say(f"{count} names of {Path(path).name}")

    def _ask_names(self, *_: Any) -> None:
        known = freesurfer_table()
        path, _kind = QFileDialog.getOpenFileName(
            self.native, "Names of labels", str(known or ""), _TABLES
        )
        if path:
            self.load_names(path)

    @acting
    def copy_table(self, *_: Any) -> None:
        """Put the table that is open on the clipboard, for a spreadsheet."""
        table = self._table()
        lines = [table.columns, *table.rows]
        text = "\n".join("\t".join("" if v is None else str(v) for v in line) for line in lines)
        QApplication.clipboard().setText(text)
        self.say(f"Copied {_rows(len(table.rows))}.")

    @acting
    def save_csv(self, path: str | Path) -> None:
        """Write the table that is open as CSV."""
        text, file = self._table().to_csv(), Path(path)
        part = file.with_name(f".{file.name}.part")
        try:
            part.write_text(text, encoding="utf-8", newline="")
            part.replace(file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise WriteError(str(file), str(error.strerror or error), "Choose a folder") from error
        self.say(f"Saved as {file.name}.")

    def _ask_where(self, *_: Any) -> None:
        name = "measures.csv" if self.tabs.currentIndex() == _MEASURES else "statistics.csv"
        path, _kind = QFileDialog.getSaveFileName(self.native, "Save", name, "*.csv")
        if path:
            self.save_csv(path)

    def _table(self) -> Table:
        """Return the table of the open tab."""
        if self.tabs.currentIndex() == _LABELS:
            if self.table is None:
                raise StepError("table of labels", "there is none yet", "Press Compute")
            return self.table
        table = None if self._measured is None else measures_table(self._measured)
        if table is None or not table.rows:
            raise StepError("measures", "there are none yet", "Press Ruler and draw a line")
        return table

    def _segmentation(self) -> Layer:
        if self.seg.value is None:
            raise StepError("statistics", "there are no labels", "Open or make a labels layer")
        return self.seg.value


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _text(words: str) -> QLabel:
    label = QLabel(words)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _page(label: QLabel, grid: QTableWidget) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.addWidget(label)
    layout.addWidget(grid, 1)
    # What is written stays at the top while the table is hidden.
    layout.addStretch(0)
    return page


def _row(*parts: PushButton) -> Container[PushButton]:
    return Container(widgets=list(parts), layout="horizontal", labels=False, label="")


def _grid() -> QTableWidget:
    grid = QTableWidget(0, 0)
    grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    grid.verticalHeader().setVisible(False)
    return grid


def _fill(grid: QTableWidget, table: Table) -> None:
    """Write a table into a grid, numbers to the right."""
    grid.setColumnCount(len(table.columns))
    grid.setHorizontalHeaderLabels(list(table.columns))
    grid.setRowCount(len(table.rows))
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    for row, values in enumerate(table.rows):
        for column, value in enumerate(values):
            item = QTableWidgetItem(_written(value))
            if isinstance(value, int | float):
                item.setTextAlignment(right)
            grid.setItem(row, column, item)
    grid.resizeColumnsToContents()


def _written(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _about(table: Table, seg: Volume, image: Volume | None, frame: Sequence[int]) -> str:
    """Say how the numbers came about."""
    if not table.rows:
        return f"{seg.name or 'The layer'} holds no label but background."
    if image is None:
        return "Volumes in the labels' own voxels."
    same = image.shape[:3] == seg.shape[:3] and abs(image.affine - seg.affine).max() < 1e-4
    how = "voxel by voxel" if same else "interpolated at the centres of the labels' voxels"
    of = f", frame {' '.join(str(n) for n in frame)}" if frame else ""
    return f"Values of {image.name or 'the image'}{of}: {how}. SD of a sample (n − 1)."
