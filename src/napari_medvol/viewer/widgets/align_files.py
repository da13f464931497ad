"""A scan moved by what a file of a registration says, and its pose written into one."""

from pathlib import Path
from typing import Any, Final

from magicgui.widgets import ComboBox, Label, PushButton, Widget
from qtpy.QtWidgets import QFileDialog

from napari_medvol.formats.transforms import DIALECTS, read_transform, write_transform
from napari_medvol.viewer.widgets.align_panel import AligningPanel
from napari_medvol.viewer.widgets.page import Page, row
from napari_medvol.viewer.widgets.panel import acting

_FILES: Final = "Transforms (*.tfm *.txt *.csv *.mat *.lta *.xfm *.h5)"


class FilesPage(Page[AligningPanel]):
    """Load and save a transform, in the dialect of a program.

    Parameters
    ----------
    panel : AligningPanel
    """

    def __init__(self, panel: AligningPanel) -> None:
        super().__init__(panel)
        self.kind = ComboBox(choices=["auto", *DIALECTS], label="File")
        self.says = Label(value="", label="")
        self.load, self.save = PushButton(text="Load …"), PushButton(text="Save …")
        self.parts: list[Widget] = [self.kind, self.says, row("", self.load, self.save)]
        self.connect(self.kind.changed, self._on_kind)
        self.connect(self.load.changed, self._ask_file)
        self.connect(self.save.changed, self._ask_where)
        self._on_kind()

    def _on_kind(self, *_: Any) -> None:
        row = DIALECTS.get(self.kind.value)
        known = "; ".join(f"{row.suffixes[0]}: {row.says}" for row in DIALECTS.values())
        self.says.value = row.says if row else "by what the file says, then by its suffix"
        self.says.tooltip = self.kind.tooltip = known

    def _ask_file(self, *_: Any) -> None:
        name, _ = QFileDialog.getOpenFileName(self.panel.native, "Load a transform", "", _FILES)
        if name:
            self.load_file(name)

    def _ask_where(self, *_: Any) -> None:
        name, _ = QFileDialog.getSaveFileName(self.panel.native, "Save the transform", "", _FILES)
        if name:
            self.save_file(name, overwrite=True)

    @acting
    def load_file(self, path: str | Path) -> None:
        """Give the layer the pose that a file holds, from where it was."""
        moving = self.panel.alignment()
        matrix = read_transform(
            path, moving=moving.base, fixed=self.panel.fixed_or_none(), dialect=self.kind.value
        )
        self.panel.change(moving.move_to, matrix)

    @acting
    def save_file(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the pose into a file."""
        moving = self.panel.alignment()
        written = write_transform(
            moving.matrix,
            path,
            moving=moving.base,
            fixed=self.panel.fixed_or_none(),
            dialect=self.kind.value,
            overwrite=overwrite,
        )
        self.say(f"{written.name} is written")
