"""Which of several series: pictures and words to choose from, by mouse or keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medvol.viewer.thumbnails import SIZE, Picture, Thumbnails
from napari_medvol.viewer.window import front_window
from napari_medvol.views.series import (
    TITLES,
    SeriesGroup,
    SeriesRow,
    largest,
    matches_words,
    series_groups,
    series_key,
    series_rows,
    shortened,
)
from napari_medvol.volume import Volume

_ODD: Final = TITLES.index("Found odd")
_NUMBERS: Final = (TITLES.index("No."), TITLES.index("Files"))
_LOOK_MS: Final = 80
#: Pictures that are kept; those of rows out of sight go first.
_KEPT: Final = 300
_WIDEST: Final = 320

#: Folder to what was opened of it last. Kept as long as napari runs and never written down:
#: such numbers name patients.
_opened_before: dict[str, frozenset[tuple[str, str]]] = {}


class SeriesChooser(QDialog):
    """The scans of a folder. Several can be selected; Enter opens, Escape opens nothing.

    Parameters
    ----------
    volumes : sequence of Volume
    parent : QWidget, optional
    before : set of keys
        What to select at first, as :func:`~napari_medvol.views.series.series_key` names it;
        the largest scan if none of it is there.
    """

    def __init__(
        self,
        volumes: Sequence[Volume],
        parent: QWidget | None = None,
        before: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        super().__init__(parent)
        self._volumes, self._rows = list(volumes), series_rows(volumes)
        self._all = False
        self._sections: list[QTreeWidgetItem] = []
        self.setWindowTitle("Open series")
        groups = series_groups(volumes)
        self.tree = _tree()
        self.items = self._fill(groups)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Show only series with these words")
        self.filter.setClearButtonEnabled(True)
        self._lay_out(groups)
        self.pictures = Thumbnails(self._volumes)
        self._pictured: dict[int, None] = {}
        self._look = QTimer(self)
        self._look.timeout.connect(self.update_pictures)
        self.finished.connect(self._stop)
        self._select(_numbers_of(volumes, before) or [largest(volumes)])
        self.tree.setFocus()

    def _lay_out(self, groups: Sequence[SeriesGroup]) -> None:
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.all_button = self.buttons.addButton("", QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        title = f"{len(self._volumes)} series. Select those to open."
        if len(groups) == 1 and groups[0].title:
            title = f"{groups[0].title}: {title}"
        # Plain: what a file says must not be taken for markup.
        label = QLabel(title)
        label.setTextFormat(Qt.TextFormat.PlainText)
        for widget in (label, self.filter, self.tree, self.buttons):
            layout.addWidget(widget)
        self.all_button.clicked.connect(self._choose_all)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.tree.itemDoubleClicked.connect(self._open_one)
        self.tree.itemSelectionChanged.connect(self._count)
        self.filter.textChanged.connect(self._show_matching)
        self._count()
        height = 170 + (SIZE + 6) * len(self._volumes) + 28 * len(groups)
        self.resize(1180, min(height, 720))

    def _fill(self, groups: Sequence[SeriesGroup]) -> list[QTreeWidgetItem]:
        items = {}
        for group in groups:
            parent: QTreeWidget | QTreeWidgetItem = self.tree
            if len(groups) > 1:
                parent = _section(self.tree, group.title)
                self._sections.append(parent)
            for number in group.members:
                items[number] = _item(parent, number, self._rows[number])
        self.tree.setRootIsDecorated(len(groups) > 1)
        self.tree.expandAll()
        for column in range(len(TITLES) - 1):
            self.tree.resizeColumnToContents(column)
            self.tree.setColumnWidth(column, min(self.tree.columnWidth(column), _WIDEST))
        # No column at first: the order of the volumes stays until a title is clicked.
        self.tree.header().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.tree.setSortingEnabled(True)
        return [items[number] for number in range(len(self._volumes))]

    def chosen(self) -> list[Volume]:
        """Return the selected volumes, in the order of their series numbers."""
        numbers = self._shown() if self._all else self._selected()
        return [self._volumes[number] for number in numbers]

    def _selected(self) -> list[int]:
        return [number for number, item in enumerate(self.items) if item.isSelected()]

    def _shown(self) -> list[int]:
        return [number for number, item in enumerate(self.items) if not item.isHidden()]

    def _select(self, numbers: Sequence[int]) -> None:
        if numbers:
            self.tree.setCurrentItem(self.items[numbers[0]])
        for number in numbers:
            self.items[number].setSelected(True)

    def _open_one(self, item: QTreeWidgetItem) -> None:
        if item.data(0, Qt.ItemDataRole.UserRole) is not None:
            self.accept()

    def _choose_all(self) -> None:
        self._all = True

    def _count(self) -> None:
        n_selected, n_shown = len(self._selected()), len(self._shown())
        self.open_button.setEnabled(n_selected > 0)
        self.open_button.setText(f"Open {n_selected} selected")
        self.all_button.setEnabled(n_shown > 0)
        self.all_button.setText(f"Open all {n_shown}")

    def _show_matching(self, words: str) -> None:
        """Hide what does not match; what is hidden is not opened either."""
        for item, row in zip(self.items, self._rows, strict=True):
            item.setHidden(not matches_words(row, words))
            if item.isHidden():
                item.setSelected(False)
        for section in self._sections:
            members = (section.child(n) for n in range(section.childCount()))
            section.setHidden(all(member.isHidden() for member in members))
        if not self._selected():
            self._select(self._shown()[:1])
        self._count()

    def showEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Begin to make pictures."""
        super().showEvent(event)
        self._look.start(_LOOK_MS)

    def update_pictures(self) -> None:
        """Ask for the pictures of the rows in sight, and show those that are there."""
        for number, picture in self.pictures.take():
            self._pictured[number] = None
            if picture is not None:
                self.items[number].setIcon(0, _icon(picture))
        in_sight = list(self._in_sight())
        self.pictures.want([number for number in in_sight if number not in self._pictured])
        spare = [number for number in self._pictured if number not in in_sight]
        for number in spare[: max(0, len(self._pictured) - _KEPT)]:
            del self._pictured[number]
            self.items[number].setIcon(0, _blank())

    def _in_sight(self) -> Iterator[int]:
        item, bottom = self.tree.itemAt(1, 1), self.tree.viewport().height()
        while item is not None and self.tree.visualItemRect(item).top() < bottom:
            number = item.data(0, Qt.ItemDataRole.UserRole)
            if number is not None:
                yield number
            item = self.tree.itemBelow(item)

    def _stop(self) -> None:
        self._look.stop()
        self.pictures.close()


def _numbers_of(volumes: Sequence[Volume], keys: frozenset[tuple[str, str]]) -> list[int]:
    return [number for number, volume in enumerate(volumes) if series_key(volume) in keys]


def _tree() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setColumnCount(len(TITLES))
    tree.setHeaderLabels(list(TITLES))
    tree.setIconSize(QSize(SIZE, SIZE))
    tree.setUniformRowHeights(False)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    tree.header().setStretchLastSection(True)
    return tree


def _section(tree: QTreeWidget, title: str) -> QTreeWidgetItem:
    section = QTreeWidgetItem(tree, [title])
    section.setFirstColumnSpanned(True)
    # Opened through its members, never by itself.
    section.setFlags(Qt.ItemFlag.ItemIsEnabled)
    font = section.font(0)
    font.setBold(True)
    section.setFont(0, font)
    return section


def _item(parent: QTreeWidget | QTreeWidgetItem, number: int, row: SeriesRow) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent)
    for column, value in enumerate(tuple[str | int, ...](row)):
        text = str(value)
        is_number = column in _NUMBERS and text.isdigit()
        # Kept as a number, so that series 10 sorts after series 9.
        shown = (
            int(text) if is_number else shortened(text) if column == _ODD else text.split("\n")[0]
        )
        item.setData(column, Qt.ItemDataRole.DisplayRole, shown)
        item.setToolTip(column, text)
        if is_number:
            item.setTextAlignment(
                column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
    item.setData(0, Qt.ItemDataRole.UserRole, number)
    item.setIcon(0, _blank())
    return item


def _blank() -> QIcon:
    pixmap = QPixmap(SIZE, SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    return QIcon(pixmap)


def _icon(picture: Picture) -> QIcon:
    """Return the picture in the middle of a black square, so that all rows are alike."""
    from qtpy.QtGui import QPainter

    rows, columns = picture.shape[:2]
    image = QImage(
        picture.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888
    ).copy()
    pixmap = QPixmap(SIZE, SIZE)
    pixmap.fill(Qt.GlobalColor.black)
    painter = QPainter(pixmap)
    painter.drawImage((SIZE - columns) // 2, (SIZE - rows) // 2, image)
    painter.end()
    icon = QIcon(pixmap)
    # Without it a selected row tints its picture.
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


def choose(volumes: Sequence[Volume], place: Path) -> list[Volume]:
    """Ask which of `volumes` to open; an empty list means none.

    Parameters
    ----------
    volumes : sequence of Volume
    place : Path
        Where they are from: the next time, what was opened of it is selected.
    """
    from napari.qt import get_current_stylesheet

    where = str(place.absolute())
    before = _opened_before.get(where, frozenset())
    dialog = SeriesChooser(volumes, front_window(), before)
    dialog.setStyleSheet(get_current_stylesheet())
    try:
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return []
        chosen = dialog.chosen()
    finally:
        dialog.deleteLater()
    _opened_before[where] = frozenset(map(series_key, chosen))
    return chosen
