"""Long work: the window lives, says how far it is, and can say stop."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import Notification
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QLabel, QProgressBar

from napari_medvol import formats
from napari_medvol.errors import ReadError
from napari_medvol.viewer import waiting
from napari_medvol.viewer.waiting import CancelledError, waited_for
from napari_medvol.viewer.whole_series import DROP
from tests.phantoms.dicom import write_series
from tests.viewer.test_window import open_by_hand

pytestmark = pytest.mark.usefixtures("qapp")

Tell = Callable[[int, int], None]


def test_the_result_and_the_error_come_through() -> None:
    def broken(tell: Tell) -> None:
        raise ReadError("a", "is broken")

    assert waited_for("Reading", lambda tell: threading.current_thread().name) == "medvol task"
    with pytest.raises(ReadError, match="is broken"):
        waited_for("Reading", broken)


def test_without_qt_the_work_is_simply_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "qtpy")

    assert waited_for("Reading", lambda tell: threading.current_thread()) is (
        threading.current_thread()
    )


def test_long_work_says_how_far_it_is_and_its_dialog_goes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE_MS", 20)
    seen: list[tuple[str, int, int]] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is not None:
            bar = dialog.findChild(QProgressBar)
            seen.append((dialog.findChild(QLabel).text(), bar.value(), bar.maximum()))

    def work(tell: Tell) -> int:
        for step in ((0, 0), (64, 0), (1200, 3000), (3000, 3000)):
            for _ in range(40):
                tell(*step)
                time.sleep(0.01)
        return 7

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)

    assert waited_for("Reading CT", work) == 7

    timer.stop()
    assert QApplication.activeModalWidget() is None
    texts = {text for text, _, _ in seen}
    assert {
        "Reading CT: 64 files found",
        "Reading CT: 1,200 of 3,000 files",
        "Reading CT: sorting 3,000 files",
    } <= texts
    assert {(1200, 3000), (3000, 3000)} <= {(value, maximum) for _, value, maximum in seen}
    # Qt shows a bar without an end as busy.
    assert {maximum for text, _, maximum in seen if "found" in text} == {0}


def test_short_work_shows_no_dialog(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_dialog(*_: object) -> None:
        raise AssertionError("a dialog for nothing")

    monkeypatch.setattr(waiting, "_progress_dialog", no_dialog)

    assert waited_for("Reading", lambda tell: time.sleep(0.1)) is None


def cancel_when_it_shows() -> QTimer:
    """Click Cancel in the progress dialog as soon as there is one."""
    timer = QTimer()

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is not None:
            buttons = dialog.findChild(QDialogButtonBox)
            buttons.button(QDialogButtonBox.StandardButton.Cancel).click()

    timer.timeout.connect(look)
    timer.start(20)
    return timer


def test_cancel_ends_the_wait_at_once_and_the_work_at_its_next_word() -> None:
    ended = threading.Event()

    def work(tell: Tell) -> None:
        try:
            while True:
                tell(1, 10)
                time.sleep(0.01)
        finally:
            ended.set()

    timer = cancel_when_it_shows()
    with pytest.raises(CancelledError):
        waited_for("Reading", work)
    timer.stop()

    assert ended.wait(5)


def test_work_that_ends_while_its_dialog_is_made_is_not_waited_for_for_ever(
    make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_napari_viewer(show=True)
    monkeypatch.setattr(waiting, "_PATIENCE_MS", 0)
    made = waiting._progress_dialog

    def late(title: str, task: Any, counts: str) -> Any:
        task.join()
        return made(title, task, counts)

    monkeypatch.setattr(waiting, "_progress_dialog", late)

    def work(tell: Callable[[int, int], None]) -> int:
        time.sleep(0.2)
        return 7

    assert waiting.waited_for("Reading", work) == 7


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 3,000 small slices: 30 series of 100."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(30):
        write_series(
            folder / str(number),
            np.zeros((100, 4, 4), np.int16),
            step=(0, 0, 1),
            series=f"s{number}",
        )
    return folder


def test_the_window_lives_while_three_thousand_files_are_read(
    make_napari_viewer: Callable[..., Any], many_files: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    QApplication.processEvents()
    # What earlier tests left behind would be searched for garbage all the while.
    gc.collect()
    gc.freeze()
    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
        dialog = QApplication.activeModalWidget()
        if dialog is not None and hasattr(dialog, "tree"):
            timer.stop()
            assert len(dialog.items) == 30
            dialog.reject()

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(5)
    try:
        open_by_hand(viewer, many_files)
    finally:
        gc.unfreeze()

    # The last gap is the making of the chooser.
    reading = sorted(gaps[:-1])
    assert len(reading) > 20
    assert reading[int(0.97 * len(reading))] < 0.1
    # A machine that does other things as well may hold up a moment or two.
    assert reading[-1] < 0.5


def test_a_folder_can_be_given_up(
    make_napari_viewer: Callable[..., Any],
    many_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: list[Notification],
) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE_MS", 20)
    viewer = make_napari_viewer(show=True)

    timer = cancel_when_it_shows()
    open_by_hand(viewer, many_files)
    timer.stop()

    assert not viewer.layers
    assert not told
    # It can be opened again at once.
    assert not DROP.holds(many_files, [str(many_files)])


def test_given_up_once_the_other_files_of_the_drop_are_left_alone(
    make_napari_viewer: Callable[..., Any], many_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE_MS", 20)
    viewer = make_napari_viewer(show=True)
    slices = sorted((many_files / "3").iterdir())

    calls: list[Any] = []

    def slow(paths: Any, *, progress: Tell, **_: Any) -> Any:
        calls.append(paths)
        while True:
            progress(0, 100)
            time.sleep(0.01)

    monkeypatch.setattr(formats, "read", slow)
    timer = cancel_when_it_shows()
    open_by_hand(viewer, *slices[:40])
    timer.stop()

    assert calls == [slices[:40]]
    assert not viewer.layers


def test_three_hundred_dropped_files_are_one_layer(
    make_napari_viewer: Callable[..., Any], tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    slices = write_series(tmp_path, np.zeros((300, 4, 5), np.int16), step=(0, 0, 1))

    open_by_hand(viewer, *slices)

    (layer,) = viewer.layers
    assert layer.data.shape == (300, 4, 5)
