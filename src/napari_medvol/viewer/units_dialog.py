"""Which unit: what is possible to choose from, and why the rest is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_medvol.formats.dicom.offers import Offer
from napari_medvol.viewer.window import front_window


class UnitsDialog(QDialog):
    """The ways to show the values of a layer, each with its formula.

    Parameters
    ----------
    name : str
        Of what is shown.
    offers : sequence of Offer
    now : str
        The choice that is shown now.
    parent : QWidget, optional
    """

    def __init__(
        self, name: str, offers: Sequence[Offer], now: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Show values as")
        layout = QVBoxLayout(self)
        layout.addWidget(_text(f"Show the values of {name}"))
        self._group = QButtonGroup(self)
        self.choices: dict[str, QRadioButton] = {}
        for offer in offers:
            if not offer.why_not:
                self._add(layout, offer, now)
        refused = refusals(offers)
        if refused:
            layout.addWidget(_text("Not possible here:\n" + "\n".join(refused), small=True))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout.addWidget(self.buttons)
        self.resize(560, self.sizeHint().height())

    def _add(self, layout: Any, offer: Offer, now: str) -> None:
        unit = f" ({offer.unit})" if offer.unit else ""
        # An ampersand would underline the letter after it.
        button = QRadioButton((offer.title + unit).replace("&", "&&"))
        button.setChecked(offer.value == now)
        self._group.addButton(button)
        self.choices[offer.value] = button
        layout.addWidget(button)
        if offer.formula:
            layout.addWidget(_text(offer.formula, small=True))

    def chosen(self) -> str:
        """Return the choice, empty if there is none."""
        return next((v for v, button in self.choices.items() if button.isChecked()), "")


def refusals(offers: Sequence[Offer]) -> list[str]:
    """Return one line a reason: what is not possible for it, and the reason."""
    titles: dict[str, list[str]] = {}
    for offer in offers:
        if offer.why_not:
            titles.setdefault(offer.why_not, []).append(offer.title)
    return [f"{', '.join(names)}: {why}" for why, names in titles.items()]


def _text(text: str, *, small: bool = False) -> QLabel:
    label = QLabel(text)
    # What a file says must not be taken for markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if small:
        label.setStyleSheet("font-size: 11px; margin-left: 22px; color: gray;")
    return label


def ask_unit(name: str, offers: Sequence[Offer], now: str) -> str:
    """Ask how to show the values of `name`; empty if the user wants no change."""
    from napari.qt import get_current_stylesheet

    dialog = UnitsDialog(name, offers, now, front_window())
    dialog.setStyleSheet(get_current_stylesheet())
    try:
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        return dialog.chosen() if accepted else ""
    finally:
        dialog.deleteLater()
