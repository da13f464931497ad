"""History: what was done to a scan, undone, redone, copied, saved, done to others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from magicgui.widgets import PushButton
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QLabel,
    QShortcut,
    QTableWidget,
    QTableWidgetItem,
)

from napari_medvol.errors import StepError, WriteError
from napari_medvol.recipe import Recipe
from napari_medvol.viewer.histories import journal_of, redo, undo
from napari_medvol.viewer.parts import one_a_scan
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.page import row
from napari_medvol.viewer.widgets.panel import LayerBox, acting
from napari_medvol.viewer.widgets.stepping import Job, SteppingPanel, applying
from napari_medvol.views.differences import image_differences
from napari_medvol.volume import Step, Volume

_RECIPES: Final = "Recipes (*.toml)"
_LONGEST: Final = 60


class HistoryWidget(SteppingPanel):
    """The steps of a layer; undo, redo; recipes.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Apply a recipe …")
        self.run.tooltip = "To the selected layers"
        self.layer = LayerBox(self.viewer, label="Layer")
        self.undo_last = PushButton(text="Undo", tooltip="Ctrl+Z while this panel has the focus")
        self.redo_last = PushButton(text="Redo", tooltip="Ctrl+Shift+Z")
        self.python = PushButton(text="Copy as Python")
        self.toml = PushButton(text="Copy as TOML")
        self.save = PushButton(text="Save recipe …")
        self.extend(
            [
                self.layer,
                row("", self.undo_last, self.redo_last),
                row("", self.python, self.toml, self.save),
                self.in_place,
                self.hide_source,
                self.bar,
                self.buttons,
            ]
        )
        self.steps = _grid("Step", "With")
        self.changes = _grid("Since loaded", "Before", "Now")
        self.add_native(self.steps, stretch=2)
        self.add_native(QLabel("Changed since it was loaded"))
        self.add_native(self.changes, stretch=1)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        self.connect(self.layer.changed, self._on_layer)
        self.connect(journal_of(self.viewer).events.changed, self._on_journal)
        self.connect(self.undo_last.changed, self.undo)
        self.connect(self.redo_last.changed, self.redo)
        self.connect(self.python.changed, lambda: self.copy("to_python"))
        self.connect(self.toml.changed, lambda: self.copy("to_toml"))
        self.connect(self.save.changed, self._ask_where)
        # Only here: napari's own Ctrl+Z undoes the brush.
        for keys, act in (("Ctrl+Z", self.undo), ("Ctrl+Shift+Z", self.redo)):
            shortcut = QShortcut(QKeySequence(keys), self.native)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)

    # -- what is shown ------------------------------------------------------------------------

    @acting
    def refresh(self, *_: Any) -> None:
        """Show the steps of the layer, and what they changed."""
        journal = journal_of(self.viewer)
        self.undo_last.enabled, self.redo_last.enabled = bool(journal.done), bool(journal.undone)
        volume = None if self.layer.value is None else volume_of(self.layer.value)
        for button in (self.python, self.toml, self.save):
            button.enabled = volume is not None and bool(volume.history or volume.report.asked)
        _fill(self.steps, [] if volume is None else _lines(volume))
        _fill(self.changes, [] if volume is None else self._changes(volume))

    def _on_layer(self, *_: Any) -> None:
        self.say("")
        self.refresh()

    def _on_journal(self, *_: Any) -> None:
        active = self.viewer.layers.selection.active
        if active is not None and active in self.layer.choices:
            self.layer.value = active
        self.refresh()

    def _changes(self, volume: Volume) -> list[tuple[str, ...]]:
        loaded = journal_of(self.viewer).origin_of(self.layer.value)
        if loaded is None:
            return []
        return [
            (row.name, row.one or "", row.other or "") for row in image_differences(loaded, volume)
        ]

    # -- undo and redo --------------------------------------------------------------------------

    def undo(self, *_: Any) -> None:
        """Take the last result of a widget away."""
        said = undo(self.viewer)
        self.say(f"Undone: {said}" if said else "There is nothing to undo.")

    def redo(self, *_: Any) -> None:
        """Bring back what was undone last."""
        said = redo(self.viewer)
        self.say(f"Done again: {said}" if said else "There is nothing to do again.")

    # -- recipes --------------------------------------------------------------------------------

    @acting
    def copy(self, form: str) -> None:
        """Copy the history as text: ``"to_python"`` or ``"to_toml"``."""
        text = getattr(self._recipe(), form)()
        QApplication.clipboard().setText(text)
        self.say(f"{len(text.splitlines())} lines were copied.")

    def _recipe(self) -> Recipe:
        layer = self.layer.value
        if layer is None:
            raise StepError("History", "there is no image or labels layer", "Open a scan")
        return Recipe.of(volume_of(layer))

    def _ask_where(self, *_: Any) -> None:
        name, _filter = QFileDialog.getSaveFileName(
            self.native, "Save the recipe", "recipe.toml", _RECIPES
        )
        if name:
            self.save_recipe(name)

    @acting
    def save_recipe(self, path: str | Path) -> None:
        """Write the history to a file that appears whole or not at all."""
        text = self._recipe().to_toml()
        path = Path(path)
        aside = path.with_name(f".{path.name}.part")
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            raise WriteError(str(path), str(error), "Choose another folder") from error
        self.say(f"{path.name} was written.")

    @acting
    def start(self, *_: Any) -> None:
        """Ask for a recipe, and apply it to the selected layers."""
        name, _filter = QFileDialog.getOpenFileName(self.native, "A recipe", "", _RECIPES)
        if name:
            self.apply_recipe(name)

    @acting
    def apply_recipe(self, path: str | Path) -> None:
        """Apply the steps of a file to the selected layers, or to the chosen one."""
        steps = Recipe.load(path).steps
        if not steps:
            raise StepError(str(path), "it has no step, so it would change nothing")
        self.begin(lambda: self._jobs_of(steps))

    def _jobs_of(self, steps: tuple[Step, ...]) -> list[Job]:
        selected = self.viewer.layers.selection
        layers = [a for a in self.layer.choices if a in selected] or [self.layer.value]
        if layers == [None]:
            raise StepError("History", "there is no image or labels layer", "Open a scan")
        return [applying(layer, steps) for layer in one_a_scan(self.viewer, layers)]


def _lines(volume: Volume) -> list[tuple[str, ...]]:
    """Return how a scan was read, where that was asked for, and its steps."""
    asked = ", ".join(f"{name} {_value(value)}" for name, value in volume.report.asked)
    return [*([("read", asked)] if asked else []), *map(_words, volume.history)]


def _words(step: Step) -> tuple[str, str]:
    said = ", ".join(f"{name} {_value(value)}" for name, value in step.params.items())
    return step.op.replace("_", " "), said


def _value(value: Any) -> str:
    """Return a parameter for people: short numbers, matrices by their size."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) or not np.iterable(value):
        return str(value)
    parts = [_value(one) for one in value]
    text = f"({', '.join(parts)})"
    return text if len(text) <= 4 * _LONGEST else f"{text[: 4 * _LONGEST]}…"


def _grid(*names: str) -> QTableWidget:
    view = QTableWidget(0, len(names))
    view.setHorizontalHeaderLabels(list(names))
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.horizontalHeader().setStretchLastSection(True)
    view.setMinimumHeight(70)
    return view


def _fill(view: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    view.setRowCount(len(rows))
    for number, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            view.setItem(number, column, item)
    view.resizeColumnsToContents()
