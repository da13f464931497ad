"""Which of several series: what a person sees and does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_medvol.report import Finding, GeometryReport
from napari_medvol.viewer import chooser
from napari_medvol.viewer.chooser import SeriesChooser, choose
from napari_medvol.viewer.thumbnails import SIZE
from napari_medvol.volume import Field, Volume

pytestmark = pytest.mark.usefixtures("qapp")


def series(
    number: int, n_slices: int, *odd: str, patient: str = "P1", study: str = "S1"
) -> Volume:
    data = np.full((8, 8, n_slices), number, np.int16)
    data[:, :4] = 0
    return Volume(
        data,
        np.diag([-1.0, -1.0, 1.0, 1.0]),
        name=f"series {number}",
        header=(
            Field("Patient", "PatientID", patient),
            Field("Study", "StudyInstanceUID", study),
            Field("Study", "StudyDate", "20240131"),
            Field("Series", "SeriesNumber", str(number)),
            Field("Series", "SeriesInstanceUID", f"1.2.{number}"),
        ),
        report=GeometryReport(findings=tuple(map(Finding, odd))),
    )


@pytest.fixture
def volumes() -> list[Volume]:
    return [series(2, 3), series(9, 30), series(10, 5, "a gap of 4 mm", "tilted")]


@pytest.fixture
def opened(qtbot: Any) -> Iterator[Any]:
    """Give a function that opens a chooser; its threads have ended after the test."""
    dialogs: list[SeriesChooser] = []

    def open_chooser(*args: Any) -> SeriesChooser:
        dialog = SeriesChooser(*args)
        qtbot.addWidget(dialog)
        dialogs.append(dialog)
        dialog.show()
        return dialog

    yield open_chooser
    for dialog in dialogs:
        dialog.done(0)
        dialog.pictures.join(5)


def shown(dialog: SeriesChooser) -> list[str]:
    """Return the numbers of the rows from top to bottom; a section is its title."""
    found, item = [], dialog.tree.itemAt(1, 1)
    while item is not None:
        found.append(item.text(0))
        item = dialog.tree.itemBelow(item)
    return found


def test_the_largest_series_is_offered_and_enter_opens_it(
    qtbot: Any, opened: Any, volumes: list[Volume]
) -> None:
    dialog = opened(volumes)

    assert dialog.open_button.text() == "Open 1 selected"
    qtbot.keyClick(dialog, Qt.Key.Key_Return)

    assert dialog.result() == 1
    assert dialog.chosen() == [volumes[1]]


def test_several_series_are_chosen_by_keyboard(
    qtbot: Any, opened: Any, volumes: list[Volume]
) -> None:
    dialog = opened(volumes)

    qtbot.keyClick(dialog.tree, Qt.Key.Key_Up)
    qtbot.keyClick(dialog.tree, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)

    assert dialog.chosen() == volumes[:2]
    assert dialog.open_button.text() == "Open 2 selected"


def test_all_series_are_one_click(qtbot: Any, opened: Any, volumes: list[Volume]) -> None:
    dialog = opened(volumes)

    qtbot.mouseClick(dialog.all_button, Qt.MouseButton.LeftButton)

    assert dialog.result() == 1
    assert dialog.chosen() == volumes


def test_nothing_selected_cannot_be_opened(opened: Any, volumes: list[Volume]) -> None:
    dialog = opened(volumes)

    dialog.tree.clearSelection()

    assert not dialog.open_button.isEnabled()


def test_series_numbers_sort_as_numbers_and_the_choice_stays_right(
    opened: Any, volumes: list[Volume]
) -> None:
    dialog = opened(volumes)
    dialog.tree.sortByColumn(0, Qt.SortOrder.DescendingOrder)

    assert shown(dialog) == ["10", "9", "2"]
    dialog.tree.setCurrentItem(dialog.tree.topLevelItem(0))

    assert dialog.chosen() == [volumes[2]]
    assert dialog.items[2].text(7) == "a gap of 4 mm (+1)"
    assert dialog.items[2].toolTip(7) == "a gap of 4 mm\ntilted"


def test_patients_and_studies_have_sections_that_cannot_be_opened_themselves(
    qtbot: Any, opened: Any
) -> None:
    dialog = opened(
        [series(1, 3), series(2, 4, patient="P2"), series(3, 5, study="S2"), series(4, 6)]
    )

    one, two = "P1 · 2024-01-31", "P2 · 2024-01-31"
    assert shown(dialog) == [one, "1", "4", one, "3", two, "2"]
    section = dialog.tree.topLevelItem(0)
    dialog.tree.setCurrentItem(section)
    dialog.tree.itemDoubleClicked.emit(section, 0)
    assert not section.isSelected()
    assert dialog.isVisible()
    dialog.tree.itemDoubleClicked.emit(dialog.items[3], 1)
    assert not dialog.isVisible()


def test_words_show_what_matches_and_what_is_hidden_is_not_opened(qtbot: Any, opened: Any) -> None:
    volumes = [series(1, 3), series(2, 4, "a GAP of 4 mm", patient="P2"), series(3, 5, "a gap")]
    dialog = opened(volumes)
    assert dialog.chosen() == [volumes[2]]

    dialog.filter.setText("gap OF")

    assert shown(dialog) == ["P2 · 2024-01-31", "2"]
    assert dialog.chosen() == [volumes[1]]
    assert dialog.all_button.text() == "Open all 1"
    dialog.filter.setText("nothing like this")
    assert shown(dialog) == []
    assert not dialog.open_button.isEnabled()
    assert not dialog.all_button.isEnabled()
    dialog.filter.setText("gap")
    qtbot.mouseClick(dialog.all_button, Qt.MouseButton.LeftButton)
    assert dialog.chosen() == volumes[1:]


def test_rows_in_sight_get_pictures_and_only_so_many_are_kept(
    qtbot: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "_KEPT", 15)
    dialog = opened([series(n, 2) for n in range(60)])
    bar = dialog.tree.verticalScrollBar()

    def has_picture(number: int) -> bool:
        image = dialog.items[number].icon(0).pixmap(SIZE, SIZE).toImage()
        return image.pixelColor(SIZE // 2, SIZE - 4).alpha() > 0

    bar.setValue(0)
    qtbot.waitUntil(lambda: has_picture(1), timeout=5000)
    assert not has_picture(59)
    bar.setValue(bar.maximum())
    qtbot.waitUntil(lambda: has_picture(59), timeout=5000)
    for place in np.linspace(0, bar.maximum(), 9):
        bar.setValue(int(place))
        qtbot.wait(250)

    pictured = [number for number in range(60) if has_picture(number)]
    assert len(pictured) <= 15
    assert 59 in pictured


def test_a_scan_that_cannot_be_pictured_can_still_be_chosen(
    qtbot: Any, opened: Any, volumes: list[Volume]
) -> None:
    class Broken(np.ndarray):
        def __getitem__(self, index: Any) -> Any:
            raise OSError("the disk is gone")

    broken = Volume(volumes[0].data.view(Broken), np.eye(4), name="broken")
    dialog = opened([broken, volumes[1]])

    qtbot.waitUntil(lambda: dialog._pictured.keys() == {0, 1}, timeout=5000)
    dialog.tree.setCurrentItem(dialog.items[0])

    assert dialog.chosen() == [broken]


def test_what_was_opened_of_a_folder_is_selected_the_next_time(
    volumes: list[Volume], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "_opened_before", {})
    selected: list[list[Volume]] = []

    def ask(place: str, number: int | None) -> list[Volume]:
        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            selected.append(dialog.chosen())
            if number is None:
                dialog.reject()
            else:
                dialog.tree.setCurrentItem(dialog.items[number])
                dialog.accept()

        QTimer.singleShot(200, answer)
        return choose(volumes, Path(place))

    assert ask("here", 0) == [volumes[0]]
    assert ask("here", None) == []
    assert ask("there", 2) == [volumes[2]]
    assert ask("here", 0) == [volumes[0]]
    assert selected == [[volumes[1]], [volumes[0]], [volumes[1]], [volumes[0]]]
