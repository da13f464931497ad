"""Tables in a window: to read, to copy, to save as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medvol.errors import MedVolError
from napari_medvol.formats.row import Progress
from napari_medvol.table import Table
from napari_medvol.viewer import notify
from napari_medvol.viewer.waiting import CancelledError, Task

_POLL_MS: Final = 100


class TableDialog(QDialog):
    """A table that is being made in a thread, and then can be copied and saved.

    Parameters
    ----------
    title : str
    make : callable
        Takes a progress callable, gives the table. Runs in a thread: no Qt, no napari.
    note : str
        How to read the table.
    parent : QWidget, optional
    """

    def __init__(
        self,
        title: str,
        make: Callable[[Progress], Table],
        note: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.table: Table | None = None
        self._name = title
        self.label, self.bar, self.view = QLabel(title), QProgressBar(), QTableWidget()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self._note = note
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.hide()
        self._add_buttons()
        layout = QVBoxLayout(self)
        for widget in (self.label, self.bar, self.view, self.buttons):
            layout.addWidget(widget)
        self.resize(760, 300)
        self.task = Task(make)
        self._poll = QTimer(self)
        self._poll.timeout.connect(self._look)
        self._poll.start(_POLL_MS)
        self.finished.connect(self._stop)
        self.task.start()

    def _add_buttons(self) -> None:
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        action = QDialogButtonBox.ButtonRole.ActionRole
        self.copy_button = self.buttons.addButton("Copy", action)
        self.save_button = self.buttons.addButton("Save as CSV…", action)
        for button, do in ((self.copy_button, self.copy), (self.save_button, self.save)):
            button.setEnabled(False)
            button.clicked.connect(do)
        self.buttons.rejected.connect(self.reject)

    def _look(self) -> None:
        self.bar.setMaximum(self.task.total)
        self.bar.setValue(self.task.done)
        if self.task.is_alive():
            return
        self._poll.stop()
        self.bar.hide()
        try:
            self._show(self.task.result())
        except CancelledError:
            self.reject()
        except MedVolError as error:
            self.label.setText(str(error))

    def _show(self, table: Table) -> None:
        self.table = table
        self.label.setText(self._note or self._name)
        self.view.setColumnCount(len(table.columns))
        self.view.setRowCount(len(table.rows))
        self.view.setHorizontalHeaderLabels(list(table.columns))
        for number, row in enumerate(table.rows):
            for column, value in enumerate(row):
                text = "–" if value is None else str(value)
                self.view.setItem(number, column, QTableWidgetItem(text))
        self.view.resizeColumnsToContents()
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.show()
        self.copy_button.setEnabled(True)
        self.save_button.setEnabled(True)

    def copy(self) -> None:
        """Put the table on the clipboard, with tabs between the columns."""
        from qtpy.QtWidgets import QApplication

        if self.table is not None:
            rows = [self.table.columns, *self.table.rows]
            lines = ["\t".join("" if v is None else str(v) for v in row) for row in rows]
            QApplication.clipboard().setText("\n".join(lines))

    def save(self) -> None:
        """Ask for a file and write the table there."""
        if self.table is not None:
            save_as_csv(self.table, f"{self._name}.csv", self)

    def _stop(self) -> None:
        self._poll.stop()
        self.task.cancel()


def save_as_csv(table: Table, name: str, parent: Any = None) -> Path | None:
    """Ask for a file and write the table there; None if the user asked for none.

    Parameters
    ----------
    table : Table
    name : str
        Offered as the file's name.
    parent : QWidget, optional
    """
    safe = "".join("_" if letter in '/\\:*?"<>|' else letter for letter in name)
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save table", safe, "CSV (*.csv)")
    if not chosen:
        return None
    path = Path(chosen)
    path = path if path.suffix else path.with_suffix(".csv")
    try:
        # With a mark, without which spreadsheets take UTF-8 for something else.
        path.write_text(table.to_csv(), encoding="utf-8-sig", newline="")
    except OSError as error:
        notify.fail(MedVolError(str(path), error.strerror or str(error), "Choose another folder"))
        return None
    notify.tell(f"{len(table.rows)} rows are in {path.name}.")
    return path
