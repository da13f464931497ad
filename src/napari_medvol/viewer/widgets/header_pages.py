"""The pages of the header inspector, and what their rows say."""

from collections.abc import Sequence

import numpy as np
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from napari_medvol.headers import Element, Varying
from napari_medvol.views.differences import Difference
from napari_medvol.views.varies import curves


def spread(one: Varying) -> str:
    """Return the values of an element at a glance: from, to, how many."""
    found = curves(one)
    if len(found) == 1:
        low, high = np.nanmin(found[0].values), np.nanmax(found[0].values)
        return f"{low:.6g} to {high:.6g}"
    given = [value for value in one.values if value is not None]
    lacking = f", {len(one.values) - len(given)} without" if len(given) < len(one.values) else ""
    return f"{len(set(given))} different{lacking}: {given[0]} …"


def difference_rows(found: Sequence[Difference]) -> list[Element]:
    """Return differences as a tree by group: the one's value, then the other's."""
    if not found:
        return [Element("no difference", "The headers are the same")]
    rows: list[Element] = []
    for group in dict.fromkeys(row.group for row in found):
        rows.append(Element(group, "", differs=False))
        rows += [
            Element(row.name, _or_none(row.one), _or_none(row.other), depth=1)
            for row in found
            if row.group == group
        ]
    return rows


def _or_none(value: str | None) -> str:
    return "–" if value is None else value


def monospaced() -> QPlainTextEdit:
    """Return a box for text whose columns stand under each other."""
    text = QPlainTextEdit()
    text.setReadOnly(True)
    text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    return text


def row_of(*widgets: QWidget) -> QWidget:
    """Return widgets side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return row


def page_of(*widgets: QWidget) -> QWidget:
    """Return widgets one under the other."""
    page = QWidget()
    layout = QVBoxLayout(page)
    for widget in widgets:
        layout.addWidget(widget)
    return page
