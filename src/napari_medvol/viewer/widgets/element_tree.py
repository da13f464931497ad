"""A tree of header elements that is filtered as somebody types."""

from collections.abc import Sequence
from typing import Any, Final

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt
from qtpy.QtGui import QFont, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QApplication, QTreeView

from napari_medvol.headers import Element

_TITLES: Final = ("Name", "Value", "Meaning", "Tag", "VR", "VM")
_WIDTHS: Final = (230, 260, 220, 90, 34, 34)
_NO_PARENT: Final = -1
#: A tree with fewer rows is shown with all its branches open.
_OPEN_AT_FIRST: Final = 400
#: So many matches are shown with the branches open that lead to them.
_OPEN_MATCHES: Final = 2000
_LONGEST: Final = 200
#: Pixels that the first column takes of itself.
_WIDEST_NAME: Final = 320


class ElementModel(QAbstractItemModel):
    """Elements as Qt wants a tree, filtered: nothing is made for a row before it is drawn.

    It filters by itself. A ``QSortFilterProxyModel`` asks Python for every row again, which
    for ten thousand rows takes five times as long as the whole of :meth:`set_words`.

    Qt's internal id of a row is the number of its element.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: Sequence[Element] = ()
        self.titles: Sequence[str] = _TITLES
        self.words = ""
        self.n_matches = 0
        self._parents: list[int] = []
        self._texts: list[str] | None = None
        self._kept: list[bool] | None = None
        self._children: dict[int, list[int]] = {}
        self._row_in_parent: list[int] = []
        self._bold = QFont()
        self._bold.setBold(True)

    def put(self, elements: Sequence[Element]) -> None:
        """Show other elements, filtered by the same words."""
        self.elements, self._texts, self._parents = elements, None, []
        above: list[int] = []
        for number, element in enumerate(elements):
            del above[element.depth :]
            self._parents.append(above[-1] if above else _NO_PARENT)
            above.append(number)
        self.set_words(self.words)

    def set_words(self, words: str) -> None:
        """Show only what has every one of `words`, the stems above it, and what is below.

        Whatever the case; no words hide nothing.
        """
        self.words = words
        self.beginResetModel()
        self._kept = self._matching(words.casefold().split())
        self._children, self._row_in_parent = {}, [0] * len(self.elements)
        for number, parent in enumerate(self._parents):
            if self._kept is None or self._kept[number]:
                siblings = self._children.setdefault(parent, [])
                self._row_in_parent[number] = len(siblings)
                siblings.append(number)
        self.endResetModel()

    def _matching(self, words: Sequence[str]) -> list[bool] | None:
        parents = self._parents
        if not words:
            self.n_matches = len(self.elements)
            return None
        if self._texts is None:
            self._texts = ["\n".join(_cells(element)).casefold() for element in self.elements]
        kept = [all(word in text for word in words) for text in self._texts]
        self.n_matches = sum(kept)
        matched = list(kept)
        for number, parent in enumerate(parents):
            # Stems come first: by now it is known whether the one above was matched.
            if parent != _NO_PARENT and matched[parent]:
                matched[number] = kept[number] = True
        for number in range(len(kept) - 1, -1, -1):
            if kept[number] and parents[number] != _NO_PARENT:
                kept[parents[number]] = True
        return kept

    def shown(self) -> list[Element]:
        """Return the elements that the words leave, in order."""
        if self._kept is None:
            return list(self.elements)
        return [e for e, kept in zip(self.elements, self._kept, strict=True) if kept]

    def number(self, index: QModelIndex) -> int:
        """Return the number of the element in a row; −1 for none."""
        return int(index.internalId()) if index.isValid() else _NO_PARENT

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return Qt's index of a cell."""
        children = self._branches(parent)
        if not (0 <= row < len(children) and 0 <= column < len(_TITLES)):
            return QModelIndex()
        return self.createIndex(row, column, children[row])

    def stems(self) -> list[QModelIndex]:
        """Return Qt's indices of the outermost rows that have branches."""
        return [
            self.createIndex(row, 0, number)
            for row, number in enumerate(self._children.get(_NO_PARENT, ()))
            if number in self._children
        ]

    def parent(self, index: QModelIndex) -> QModelIndex:
        """Return Qt's index of the stem of a row."""
        parent = self._parents[index.internalId()] if index.isValid() else _NO_PARENT
        if parent == _NO_PARENT:
            return QModelIndex()
        return self.createIndex(self._row_in_parent[parent], 0, parent)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many branches a row has."""
        return len(self._branches(parent))

    def _branches(self, parent: QModelIndex) -> Sequence[int]:
        # Only the first column has branches, or Qt would find them once a column.
        if parent.column() > 0:
            return ()
        return self._children.get(self.number(parent), ())

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: N802, B008
        """Return whether a row has branches: asked for every row, so it must be quick."""
        return parent.column() <= 0 and self.number(parent) in self._children

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many columns there are."""
        return len(_TITLES)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802
        """Return the title of a column."""
        return self.titles[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, font and tooltip of a cell; bold is what differs from the default."""
        element = self.elements[index.internalId()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(element)[index.column()][:_LONGEST].replace("\n", " ")
        if role == Qt.ItemDataRole.ToolTipRole:
            return _cells(element)[index.column()] or None
        if role == Qt.ItemDataRole.FontRole and element.differs:
            return self._bold
        return None


def _cells(element: Element) -> tuple[str, ...]:
    return element.name, element.value, element.meaning, element.tag, element.vr, element.vm


class ElementTree(QTreeView):
    """The tree on the screen.

    Parameters
    ----------
    titles : sequence of str
        Of the first columns, where they hold something else than name, value, meaning.
    """

    def __init__(self, titles: Sequence[str] = _TITLES) -> None:
        super().__init__()
        self.elements = ElementModel()
        self.set_titles(titles)
        self.setModel(self.elements)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)

    def set_titles(self, titles: Sequence[str]) -> None:
        """Name the first columns otherwise."""
        self.elements.titles = (*titles, *_TITLES[len(titles) :])

    def put(self, elements: Sequence[Element]) -> None:
        """Show other elements, filtered by the same words."""
        self.elements.put(tuple(elements))
        for column, cells in enumerate(zip(*map(_cells, elements), strict=True)):
            self.setColumnHidden(column, column > 1 and not any(cells))
        self._open()
        if len(elements) <= _OPEN_AT_FIRST:
            # As wide as the names are, so that most is left to the values.
            self.resizeColumnToContents(0)
            self.setColumnWidth(0, min(self.columnWidth(0), _WIDEST_NAME))

    def set_words(self, words: str) -> None:
        """Show only what has every one of `words`."""
        self.elements.set_words(words)
        self._open()

    def _open(self) -> None:
        few = _OPEN_MATCHES if self.elements.words.split() else _OPEN_AT_FIRST
        if self.elements.n_matches <= few:
            self.expandAll()
        else:
            # Qt's expandToDepth asks for every row, and most of thousands have no branches.
            for index in self.elements.stems():
                self.expand(index)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Copy what is selected."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(self.selected_text())
            return
        super().keyPressEvent(event)

    def selected_text(self) -> str:
        """Return the selected rows with tabs between the cells."""
        numbers = sorted(self.elements.number(i) for i in self.selectionModel().selectedRows())
        rows = [self.elements.elements[number] for number in numbers]
        return "\n".join("\t".join(_cells(element)) for element in rows)
