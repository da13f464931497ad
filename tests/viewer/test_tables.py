"""Tables in a window: slice to file, and second opinions."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.utils.notifications import Notification
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_medvol
from napari_medvol import opinion
from napari_medvol.errors import ReadError
from napari_medvol.table import Table
from napari_medvol.viewer.tables import TableDialog, save_as_csv
from tests.phantoms.dicom import write_series

pytestmark = pytest.mark.usefixtures("qapp")

TABLE = Table(("a", "b (mm)"), ((1, None), ("ü", 2.5)))


def run(command: str) -> None:
    get_app_model().commands.execute_command(f"napari-medvol.{command}").result()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Answer the file dialog with a name without a suffix; return what was offered."""
    offered: list[str] = []

    def answer(parent: Any, title: str, name: str, kinds: str) -> tuple[str, str]:
        offered.append(name)
        return str(tmp_path / "out" / "table"), kinds

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return offered


def test_which_slice_came_from_which_file_is_saved(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, asked: list[str]
) -> None:
    files = write_series(tmp_path / "ct", np.zeros((4, 5, 6), np.int16), step=(0, 0, -2))
    viewer = make_napari_viewer(show=True)
    napari_medvol.open(viewer, tmp_path / "ct")

    run("save_slice_table")

    assert asked == ["series slices.csv"]
    text = (tmp_path / "out" / "table.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["file"] for row in rows] == [path.as_posix() for path in files[::-1]]
    assert [float(row["position (mm)"]) for row in rows] == [-6, -4, -2, 0]


def test_a_layer_without_slices_in_files_is_told(
    make_napari_viewer: Callable[..., Any], told: list[Notification], asked: list[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((3, 4, 5)), name="mine")

    run("save_slice_table")
    run("second_opinion")

    assert [n.message for n in told] == [
        "mine was not made of slices in files.",
        "None of the selected layers was read from files.",
    ]
    assert not asked


def test_no_file_chosen_is_no_file_and_a_folder_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: list[Notification], asked: list[str]
) -> None:
    assert save_as_csv(TABLE, 'a/b:"c".csv') == tmp_path / "out" / "table.csv"
    assert asked == ["a_b__c_.csv"]
    (tmp_path / "out" / "table.csv").unlink()
    (tmp_path / "out").rmdir()
    assert save_as_csv(TABLE, "x") is None
    assert told[-1].severity.name == "ERROR"
    assert told[-1].message.startswith("table.csv: ")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    assert save_as_csv(TABLE, "x") is None


def test_the_dialog_waits_without_holding_the_window_then_shows_copies_and_saves(
    qtbot: Any, asked: list[str], tmp_path: Path
) -> None:
    def make(tell: Callable[[int, int], None]) -> Table:
        for n in range(20):
            tell(n, 20)
            time.sleep(0.01)
        return TABLE

    dialog = TableDialog("A table", make, "How to read it")
    qtbot.addWidget(dialog)
    dialog.show()

    assert dialog.table is None
    assert not dialog.copy_button.isEnabled()
    qtbot.waitUntil(lambda: dialog.table is TABLE, timeout=5000)
    cells = [[dialog.view.item(r, c).text() for c in range(2)] for r in range(2)]
    assert cells == [["1", "–"], ["ü", "2.5"]]
    assert dialog.label.text() == "How to read it"
    dialog.copy_button.click()
    assert QApplication.clipboard().text() == "a\tb (mm)\n1\t\nü\t2.5"
    dialog.save_button.click()
    assert asked == ["A table.csv"]
    assert (tmp_path / "out" / "table.csv").is_file()


def test_an_error_is_shown_in_words(qtbot: Any) -> None:
    def make(tell: Callable[[int, int], None]) -> Table:
        raise ReadError("a.dcm", "is gone")

    dialog = TableDialog("A table", make)
    qtbot.addWidget(dialog)

    qtbot.waitUntil(lambda: "a.dcm: is gone" in dialog.label.text(), timeout=5000)
    assert not dialog.save_button.isEnabled()


def test_a_dialog_that_is_closed_ends_its_work(qtbot: Any) -> None:
    ended = threading.Event()

    def make(tell: Callable[[int, int], None]) -> Table:
        try:
            while True:
                tell(0, 1)
                time.sleep(0.01)
        finally:
            ended.set()

    dialog = TableDialog("A table", make)
    dialog.show()
    dialog.reject()

    assert ended.wait(5)


def test_a_second_opinion_is_asked_on_the_files_of_the_layer(
    make_napari_viewer: Callable[..., Any],
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_series(tmp_path, np.zeros((4, 5, 6), np.int16), step=(0, 0, 2))
    viewer = make_napari_viewer(show=True)
    (layer,) = napari_medvol.open(viewer, tmp_path)
    layer.translate = np.add(layer.translate, 40)  # what was read is asked about, not this
    seen: list[int] = []

    def engine(volume: Any, folder: Path) -> list[opinion.Grid]:
        seen.append(len(list(folder.iterdir())))
        moved = volume.affine.copy()
        moved[2, 3] += 3
        return [opinion.Grid(volume.shape[:3], moved)]

    monkeypatch.setattr(opinion, "ENGINES", {"shifted": engine})
    run("second_opinion")

    (dialog,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, TableDialog))
    qtbot.waitUntil(lambda: dialog.table is not None, timeout=5000)
    assert dialog.table.rows == (("series", "shifted", 3.0, "6×5×4", "disagrees"),)
    assert seen == [4]
    dialog.reject()


def test_opinions_tell_how_many_engines_were_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, np.zeros((2, 3, 4), np.int16), step=(0, 0, 2))
    monkeypatch.setattr(opinion, "ENGINES", {"a": lambda *_: [], "b": lambda *_: []})
    told: list[tuple[int, int]] = []

    table = opinion.opinions_on(
        napari_medvol.read(tmp_path), lambda done, total: told.append((done, total))
    )

    assert told == [(0, 2), (1, 2)]
    assert [row[1] for row in table.rows] == ["a", "b"]
