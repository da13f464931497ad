"""The header inspector: image, geometry, every element, what varies, and differences."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from magicgui.widgets import Container, PushButton
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
)

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import LayerError, WriteError
from napari_medvol.formats.inspecting import forms, full_header, varying
from napari_medvol.headers import Element, Varying, elements_table
from napari_medvol.table import Table
from napari_medvol.viewer.live import live_volume
from napari_medvol.viewer.waiting import Task
from napari_medvol.viewer.widgets.element_tree import ElementTree
from napari_medvol.viewer.widgets.header_difference import DifferencePage
from napari_medvol.viewer.widgets.header_pages import (
    monospaced,
    page_of,
    row_of,
)
from napari_medvol.viewer.widgets.header_varies import VariesPage
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.views.differences import (
    Difference,
    differences,
    voxel_difference,
)
from napari_medvol.views.geometry_facts import geometry_text
from napari_medvol.views.identifiers import Identifier, are_direct, identifiers
from napari_medvol.views.image_facts import image_facts, value_range
from napari_medvol.views.varies import placed
from napari_medvol.volume import Volume

_IMAGE, _GEOMETRY, _HEADER, _VARIES, _DIFFERENCE, _IDENTIFIERS = range(6)
_TABS: Final = ("Image", "Geometry", "Header", "Varies", "Difference", "Identifiers")
_TYPING_MS: Final = 60
#: Pixels that the tabs and a matrix need.
_WIDTH: Final = 460
_BADGE: Final = "color: white; background: #b5542f; border-radius: 4px; padding: 3px 8px"


class HeaderWidget(Panel):
    """Everything that is known of the scan of a layer, in tabs that read when they are opened.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, name="layer", label="Layer")
        self.other = LayerBox(self.viewer, nullable=True, name="other", label="Compare with")
        self.extend([self.layer, self.other])
        self._lay_out()
        self._volume: Volume | None = None
        self._header: tuple[Element, ...] | None = None
        self._limits: tuple[float, float] | None = None
        self._made: set[int] = set()
        self._identifying: tuple[Identifier, ...] = ()
        self._generation = 0
        self._tasks: list[Task[Any]] = []
        self._heard: list[Any] = []
        self._connect()
        self._on_layer()

    def _lay_out(self) -> None:
        self.badge = QPushButton()
        self.badge.setStyleSheet(_BADGE)
        self.badge.setVisible(False)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Show only rows with these words")
        self.filter.setClearButtonEnabled(True)
        self.image, self.header = ElementTree(), ElementTree()
        self.identifying = ElementTree(("Name", "Value", "What it tells"))
        self.varies, self.difference = VariesPage(self), DifferencePage(self)
        self.geometry, self.lps = monospaced(), QCheckBox("LPS (DICOM, ITK) instead of RAS")
        self.plane, self.plane_label = QSpinBox(), QLabel("Plane")
        self.tabs = QTabWidget()
        pages = (
            self.image,
            page_of(self.lps, self.geometry),
            page_of(row_of(self.plane_label, self.plane), self.header),
            self.varies.widget,
            self.difference.widget,
            self.identifying,
        )
        for title, page in zip(_TABS, pages, strict=True):
            self.tabs.addTab(page, title)
        self.native.setMinimumWidth(_WIDTH)
        self.copy = PushButton(text="Copy", tooltip="What the tab shows")
        self.csv, self.json = PushButton(text="CSV …"), PushButton(text="JSON …")
        buttons = Container(
            widgets=[self.copy, self.csv, self.json], layout="horizontal", labels=False
        )
        self.add_native(self.badge)
        self.add_native(self.filter)
        self.add_native(self.tabs, stretch=1)
        self.add_native(buttons.native)
        self._buttons = buttons

    def _connect(self) -> None:
        self._typed = QTimer(self.native)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPING_MS)
        self._typed.timeout.connect(self._apply_filter)
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.other.changed, self._on_other)
        self.connect(self.filter.textChanged, lambda text: self._typed.start())
        self.connect(self.tabs.currentChanged, self._show_tab)
        self.connect(self.lps.toggled, self._show_geometry)
        self.connect(self.plane.valueChanged, self._on_plane)
        self.connect(self.badge.clicked, lambda: self.tabs.setCurrentIndex(_IDENTIFIERS))
        self.connect(self.difference.compare.clicked, self._compare_voxels)
        self.connect(self.copy.changed, self._copy)
        self.connect(self.csv.changed, lambda: self._save("csv"))
        self.connect(self.json.changed, lambda: self._save("json"))
        self.at_close(self._stop_hearing)

    # -- which scan -----------------------------------------------------------------------

    def _on_layer(self, *_: Any) -> None:
        self._stop_hearing()
        layer = self.layer.value
        if layer is not None:
            names = ("data", "scale", "translate", "rotate", "affine", "name")
            self._heard = [getattr(layer.events, name) for name in names]
            for event in self._heard:
                event.connect(self.refresh)
        self.refresh()

    def _stop_hearing(self) -> None:
        for event in self._heard:
            event.disconnect(self.refresh)
        self._heard = []

    def refresh(self, *_: Any) -> None:
        """Read the chosen layer anew, as far as its tab shows it."""
        self._generation += 1
        for task in self._tasks:
            task.cancel()
        self._volume, self._header, self._limits = None, None, None
        self._made, self._identifying = set(), ()
        self._show_badge()
        self.varies.clear()
        self._take(self.layer.value)
        n_planes = self._n_planes()
        self.plane.blockSignals(True)
        self.plane.setRange(0, max(n_planes - 1, 0))
        self.plane.setValue(0)
        self.plane.blockSignals(False)
        for widget in (self.plane, self.plane_label):
            widget.setVisible(n_planes > 1)
        self._show_tab()

    def _n_planes(self) -> int:
        return 0 if self._volume is None else len(self._volume.report.slices)

    @acting
    def _take(self, layer: Layer | None) -> None:
        if layer is not None:
            self._volume = live_volume(layer)

    # -- tabs, made when they are opened --------------------------------------------------

    def _show_tab(self, *_: Any) -> None:
        tab = self.tabs.currentIndex()
        self._apply_filter()
        if tab in self._made:
            return
        self._made.add(tab)
        if self._volume is None:
            self._show_nothing()
            return
        self._with_header(self._after_header)
        if tab == _IMAGE:
            self.image.put(image_facts(self._volume, self._limits))
            self._look_for_range(self._volume)
        elif tab == _GEOMETRY:
            self._show_geometry()
        elif tab == _VARIES:
            self._look_for_varying(self._volume)
        elif tab == _DIFFERENCE:
            self._show_differences()

    def _do(self, work: Any, then: Any) -> None:
        """Do work in a thread; it ends when another scan is chosen."""
        self._tasks = [task for task in self._tasks if task.is_alive()]
        self._tasks.append(self.behind(work, then))

    def _show_nothing(self) -> None:
        nothing = (Element("no scan", "Open one, or choose its layer"),)
        for tree in self._trees().values():
            tree.put(nothing)
        self.geometry.setPlainText("")

    def _with_header(self, then: Any) -> None:
        """Call `then` once the whole header is there: of DICOM, a file is read for it."""
        volume, generation = self._volume, self._generation
        if volume is None:
            return
        if self._header is not None:
            then()
            return
        plane = self.plane.value()

        def take(header: tuple[Element, ...]) -> None:
            if generation == self._generation:
                self._header = header
                then()

        self._do(lambda progress: full_header(volume, plane), take)

    def _after_header(self) -> None:
        header = self._header or ()
        if self.header.elements.elements is not header:
            self.header.put(header)
        files = self._volume.report.files if self._volume is not None else ()
        self._identifying = identifiers(header, files[:1])
        self._show_badge()
        none = Element("none found", "In private elements and in the picture there may be some")
        rows = [Element(i.name, i.value, i.kind, i.tag) for i in self._identifying]
        self.identifying.put(rows or [none])

    def _show_badge(self) -> None:
        names = list(dict.fromkeys(i.name for i in self._identifying))
        self.badge.setVisible(are_direct(self._identifying))
        self.badge.setText(f"⚠ contains identifiers ({len(names)})")
        self.badge.setToolTip("\n".join(names))

    def _on_plane(self, *_: Any) -> None:
        self._header = None
        self._with_header(self._after_header)

    def _look_for_range(self, volume: Volume) -> None:
        if not _is_within_memory(volume.data):
            return
        generation = self._generation

        def take(limits: tuple[float, float] | None) -> None:
            if generation == self._generation and not self.is_closed:
                self._limits = limits
                self.image.put(image_facts(volume, limits))

        self._do(lambda progress: value_range(volume, progress), take)

    def _show_geometry(self, *_: Any) -> None:
        if self._volume is not None:
            text = geometry_text(self._volume, forms(self._volume), lps=self.lps.isChecked())
            self.geometry.setPlainText(text)

    def _look_for_varying(self, volume: Volume) -> None:
        generation = self._generation
        self.varies.clear("Reading the headers of all slices …")

        def take(found: tuple[Varying, ...]) -> None:
            if generation == self._generation and not self.is_closed:
                self.varies.show((*placed(volume), *found))

        self._do(lambda progress: varying(volume, progress), take)

    def _on_other(self, *_: Any) -> None:
        self._made.discard(_DIFFERENCE)
        if self.other.value is not None:
            self.tabs.setCurrentIndex(_DIFFERENCE)
        if self.tabs.currentIndex() == _DIFFERENCE:
            self._show_tab()

    @acting
    def _show_differences(self) -> None:
        if self._volume is None or self.other.value is None:
            self.difference.clear()
            return
        one, other, generation = self._volume, live_volume(self.other.value), self._generation
        self.difference.begin(self.layer.value.name, self.other.value.name)

        def take(found: tuple[Difference, ...]) -> None:
            if generation == self._generation and not self.is_closed:
                self.difference.show(found)

        self._do(
            lambda progress: differences(one, other, full_header(one), full_header(other)), take
        )

    def _compare_voxels(self, *_: Any) -> None:
        if self._volume is None or self.other.value is None:
            return
        one, other = self._volume, live_volume(self.other.value)
        self.difference.said.setText("Comparing …")
        self._do(
            lambda progress: voxel_difference(one, other, progress),
            lambda found: self.difference.compared(one, other, found),
        )

    # -- filter and export ----------------------------------------------------------------

    def _trees(self) -> dict[int, ElementTree]:
        return {
            _IMAGE: self.image,
            _HEADER: self.header,
            _VARIES: self.varies.tree,
            _DIFFERENCE: self.difference.tree,
            _IDENTIFIERS: self.identifying,
        }

    def _apply_filter(self) -> None:
        tree = self._trees().get(self.tabs.currentIndex())
        if tree is not None and tree.elements.words != self.filter.text():
            tree.set_words(self.filter.text())

    def table(self) -> Table:
        """Return what the open tab shows, filtered, as a table."""
        tab = self.tabs.currentIndex()
        if tab == _GEOMETRY:
            lines = self.geometry.toPlainText().splitlines()
            return Table(("geometry",), tuple((line,) for line in lines))
        if tab == _VARIES:
            return self.varies.table()
        if tab == _DIFFERENCE:
            return self.difference.table()
        return elements_table(self._trees()[tab].elements.shown())

    @acting
    def _copy(self, *_: Any) -> None:
        tree = self._trees().get(self.tabs.currentIndex())
        chosen = tree.selected_text() if tree is not None else ""
        if self.tabs.currentIndex() == _GEOMETRY:
            # Qt parts the lines of a selection by U+2029.
            chosen = self.geometry.textCursor().selectedText().replace("\u2029", "\n")
            chosen = chosen or self.geometry.toPlainText()
        text, n = chosen, len(chosen.splitlines())
        if not chosen:
            table = self.table()
            text, n = table.to_tsv(), len(table.rows)
        if not n:
            raise LayerError("copy", "there is nothing in this tab", "Choose a layer")
        QApplication.clipboard().setText(text)
        self.say("1 row copied" if n == 1 else f"{n} rows copied")

    @acting
    def _save(self, kind: str) -> None:
        layer = self.layer.value
        if layer is None:
            raise LayerError("export", "there is no scan", "Open one, or choose its layer")
        name = f"{layer.name} {_TABS[self.tabs.currentIndex()].lower()}.{kind}".replace("/", "-")
        chosen, _ = QFileDialog.getSaveFileName(self.native, "Export", name, f"*.{kind}")
        if chosen:
            self.export(Path(chosen))

    def export(self, path: Path) -> None:
        """Write what the open tab shows to a ``.csv`` or ``.json`` file.

        Raises
        ------
        WriteError
            If the file cannot be written.
        """
        table = self.table()
        text = table.to_json() if path.suffix.lower() == ".json" else table.to_csv()
        try:
            path.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            why = error.strerror or str(error)
            raise WriteError(str(path), why, "Choose another folder") from error
        self.say(f"{len(table.rows)} rows written to {path.name}")


def _is_within_memory(data: Any) -> bool:
    """Return whether all voxels may be read: a scan beyond memory is not read for two numbers."""
    if isinstance(data, LazyArray):
        return data.store.stays_in_memory
    return bool(getattr(data, "is_in_memory", isinstance(data, np.ndarray)))
