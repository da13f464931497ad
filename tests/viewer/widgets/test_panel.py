"""What every dock widget can rely on."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject
from qtpy.QtCore import Signal as QtSignal
from qtpy.QtWidgets import QApplication, QLabel, QScrollBar

from napari_medvol.errors import StepError
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.panel import LayerBox, Panel, acting
from napari_medvol.viewer.widgets.working import WorkingPanel
from tests.viewer.scenes import scan

pytestmark = pytest.mark.usefixtures("qapp")

IMAGE = np.zeros((3, 4, 5), np.uint8)


class Source:
    told = Signal(int)


class QtSource(QObject):
    told = QtSignal(int)


class EchoWidget(Panel):
    """A panel with everything that a panel can have."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.layer = LayerBox(self.viewer, label="Layer")
        self.heard: list[Any] = []
        self.append(self.layer)
        self.connect(self.viewer.dims.events.current_step, self.on_step)
        self.connect(self.viewer.layers.selection.events.changed, lambda event: self.say("new"))

    def on_step(self, event: Any) -> None:
        self.heard.append(event.value)

    @acting
    def divide(self, by: int) -> None:
        if by == 0:
            raise StepError("/folder/of/a/patient/ct.nii", "0 mm is no distance", "Give more")
        if by < 0:
            raise ValueError("a fault of ours")

    @acting
    def other(self, said: str = "") -> None:
        if said:
            self.say(said)


class WorkWidget(WorkingPanel):
    """A panel that has nothing to do of its own."""

    def start(self, *_: Any) -> None:
        pass


def settle() -> None:
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    QApplication.processEvents()


def callbacks(viewer: Any) -> int:
    emitters = (
        viewer.layers.events.inserted, viewer.layers.events.removed,
        viewer.layers.events.reordered, viewer.layers.events.renamed,
        viewer.dims.events.current_step, viewer.layers.selection.events.changed,
    )  # fmt: skip
    return sum(
        len(emitter.callbacks) if hasattr(emitter, "callbacks") else len(emitter)
        for emitter in emitters
    )


def test_panels_opened_used_and_closed_often_leave_nothing(
    make_napari_viewer: Callable[..., Any], openings: int
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(IMAGE)

    def use() -> None:
        panel = EchoWidget(viewer)
        dock = viewer.window.add_dock_widget(panel, name="Echo")
        viewer.dims.set_current_step(0, 1)
        viewer.dims.set_current_step(0, 2)
        viewer.add_labels(IMAGE)
        viewer.layers.pop()
        assert panel.heard
        dock.destroyOnClose()
        settle()
        assert panel.is_closed

    use()
    windows, connected = len(QApplication.topLevelWidgets()), callbacks(viewer)
    for _ in range(openings):
        use()

    assert len(QApplication.topLevelWidgets()) <= windows
    assert callbacks(viewer) == connected


def test_a_hidden_or_floating_panel_still_listens(make_napari_viewer: Callable[..., Any]) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(IMAGE)
    panel = EchoWidget(viewer)
    dock = viewer.window.add_dock_widget(panel, name="Echo")

    dock.hide()
    dock.setFloating(True)
    settle()
    dock.setFloating(False)
    dock.show()
    settle()
    viewer.dims.set_current_step(0, 2)

    assert not panel.is_closed
    assert panel.heard


def test_a_panel_that_moves_to_another_dock_stays_open(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer()
    panel = EchoWidget(viewer)
    dock = viewer.window.add_dock_widget(panel, name="Echo")

    viewer.window.remove_dock_widget(dock)
    viewer.window.add_dock_widget(panel, name="Echo again")
    settle()

    assert not panel.is_closed


def test_what_is_connected_to_any_kind_of_signal_ends_with_the_panel() -> None:
    viewer, panel_heard = ViewerModel(), []
    panel = Panel(viewer)
    ours, qts = Source(), QtSource()
    panel.connect(ours.told, panel_heard.append)
    panel.connect(qts.told, panel_heard.append)
    ours.told.emit(1)
    qts.told.emit(2)

    panel.close()
    ours.told.emit(3)
    qts.told.emit(4)
    panel.say("nobody reads it")

    assert panel_heard == [1, 2]
    assert panel.is_closed


def test_the_last_thing_done_is_undone_first_and_a_failing_one_stops_none() -> None:
    panel, done = Panel(ViewerModel()), []
    panel.at_close(lambda: done.append("first"))
    panel.at_close(lambda: [].remove(0))
    panel.at_close(lambda: done.append("last"))

    panel.close()
    panel.close()

    assert done == ["last", "first"]


def test_an_error_of_the_user_is_said_by_name_and_goes_when_it_works() -> None:
    panel = EchoWidget(ViewerModel())

    panel.divide(0)
    assert panel.status == "ct.nii: 0 mm is no distance. Give more."
    panel.divide(1)

    assert panel.status == ""
    panel.close()


def test_a_word_that_was_said_stays_when_another_handler_works() -> None:
    panel = EchoWidget(ViewerModel())

    panel.say("3 files written")
    panel.divide(1)

    assert panel.status == "3 files written"
    panel.close()


def test_a_fault_of_ours_is_not_hidden() -> None:
    panel = EchoWidget(ViewerModel())

    with pytest.raises(ValueError, match="a fault of ours"):
        panel.divide(-1)
    panel.close()


def test_forms_come_first_then_native_widgets_then_the_status_line() -> None:
    panel = Panel(ViewerModel())
    table = QLabel("table")
    panel.add_native(table)
    panel.append(LayerBox(panel.viewer, name="layer"))

    panel.say("done")
    panel.native.resize(300, 200)
    panel.show()
    settle()

    parts = [panel[0].native, table, panel.native.findChildren(QLabel)[-1]]
    assert parts[2].text() == "done"
    tops = [part.mapTo(panel.native, part.rect().topLeft()).y() for part in parts]
    assert tops == sorted(tops)
    panel.close()


def test_an_error_goes_when_any_handler_succeeds_and_what_it_says_itself_stays() -> None:
    panel = EchoWidget(ViewerModel())
    panel.divide(0)
    assert panel.failed

    panel.other()
    assert panel.status == ""

    panel.behind(fails_with(StepError("a", "b", "c")), lambda result: None)
    assert panel.status == "a: b. c."
    panel.divide(1)
    assert panel.status == ""

    panel.divide(0)
    panel.other("it is done")
    panel.divide(1)
    assert panel.status == "it is done"
    panel.close()


def fails_with(error: Exception) -> Callable[..., Any]:
    def fail(progress: Callable[[int, int], None]) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 7.00 GiB"), ["7.00 GiB", "Close other layers"]),
        (ValueError("a size of 3"), ["ValueError: a size of 3", "please report"]),
    ],
    ids=["no memory", "a fault"],
)
def test_what_a_library_raised_in_a_thread_is_said_in_words(
    error: Exception, words: list[str]
) -> None:
    panel, results = WorkWidget(ViewerModel(), "Work"), []

    panel.behind(fails_with(error), results.append)
    assert all(word in panel.status for word in words)

    panel.say("")
    panel.work(fails_with(error), results.append)
    end = time.monotonic() + 5
    while panel.is_working and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)

    assert all(word in panel.status for word in words)
    assert panel.failed
    assert panel.run.enabled
    assert results == []
    panel.close()


class TestLayerBox:
    def test_it_offers_layers_with_voxels_only(self) -> None:
        viewer = ViewerModel()
        image, labels = viewer.add_image(IMAGE), viewer.add_labels(IMAGE)
        viewer.add_points([[0, 0, 0]])
        viewer.add_shapes([[0, 0], [1, 1]], shape_type="line")

        assert LayerBox(viewer).choices == (image, labels)
        assert LayerBox(viewer, kinds=("labels",)).choices == (labels,)

    def test_it_begins_with_the_active_layer(self) -> None:
        viewer = ViewerModel()
        image = viewer.add_image(IMAGE)
        viewer.add_labels(IMAGE)
        viewer.layers.selection.active = image

        assert LayerBox(viewer).value is image

    def test_with_no_layer_its_value_is_none(self) -> None:
        viewer = ViewerModel()
        box = LayerBox(viewer)
        assert box.value is None

        image = viewer.add_image(IMAGE)

        assert box.value is image

    def test_it_keeps_its_layer_when_names_and_order_change(self) -> None:
        viewer = ViewerModel()
        one, two = viewer.add_image(IMAGE, name="one"), viewer.add_image(IMAGE, name="two")
        box = LayerBox(viewer)
        heard: list[Any] = []
        box.changed.connect(heard.append)
        box.value = two
        heard.clear()

        two.name = "three"
        one.name = "two"
        viewer.layers.move(0, 2)
        viewer.add_image(IMAGE)

        assert box.value is two
        assert box.current_choice == "three"
        assert heard == []

    def test_a_deleted_layer_is_told_of_and_the_first_one_left_is_chosen(self) -> None:
        viewer = ViewerModel()
        one, two = viewer.add_image(IMAGE), viewer.add_image(IMAGE)
        box = LayerBox(viewer)
        box.value = two
        heard: list[Any] = []
        box.changed.connect(heard.append)

        viewer.layers.remove(two)
        viewer.layers.remove(one)

        assert heard == [one, None]
        assert box.value is None

    def test_a_new_layer_under_the_old_name_is_a_new_layer(self) -> None:
        viewer = ViewerModel()
        old = viewer.add_image(IMAGE, name="ct")
        box = LayerBox(viewer)
        heard: list[Any] = []
        box.changed.connect(heard.append)

        new = viewer.add_image(IMAGE, name="other")
        viewer.layers.remove(old)
        new.name = "ct"

        assert box.value is new
        assert heard == [new]

    @pytest.mark.parametrize("nullable", [False, True])
    def test_layers_of_one_name_are_all_offered_whatever_they_were_called(
        self, nullable: bool
    ) -> None:
        viewer = ViewerModel()
        a, b, c = (viewer.add_image(IMAGE, name=name) for name in "abc")
        box = LayerBox(viewer, nullable=nullable)
        box.value = b

        for layer, name in ((a, "b"), (c, "b"), (b, "a"), (c, "a"), (a, "a (2)"), (a, "c")):
            layer.name = name
            assert box.value is b
            assert [layer for layer in box.choices if layer is not None] == [a, b, c]
        for layer in (a, b, c):
            box.value = layer
            assert box.value is layer

    def test_none_is_a_choice_only_where_it_was_asked_for(self) -> None:
        viewer = ViewerModel()
        image = viewer.add_image(IMAGE)
        box = LayerBox(viewer, nullable=True)
        assert box.value is None

        box.value = image
        viewer.layers.remove(image)

        assert box.value is None
        assert box.choices == (None,)


def test_work_is_done_behind_and_ends_with_the_panel() -> None:
    panel, results = Panel(ViewerModel()), []
    go_on = threading.Event()

    def slow(progress: Callable[[int, int], None]) -> int:
        go_on.wait(5)
        progress(1, 2)
        return 7

    panel.behind(lambda progress: 3, results.append)
    assert results == [3]

    panel.behind(slow, results.append)
    go_on.set()
    end = time.monotonic() + 5
    while len(results) < 2 and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    assert results == [3, 7]

    go_on.clear()
    task = panel.behind(slow, results.append)
    panel.close()
    go_on.set()
    task.join(5)
    settle()
    assert results == [3, 7]


def test_an_error_of_work_behind_is_said() -> None:
    panel = Panel(ViewerModel())

    def fail(progress: Callable[[int, int], None]) -> None:
        raise StepError("a", "b", "c")

    panel.behind(fail, lambda result: None)

    assert panel.status == "a: b. c."
    panel.close()


def test_what_stretches_has_all_the_height_that_a_dock_leaves(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 900)
    panel = EchoWidget(viewer)
    picture = QLabel("a picture")
    panel.add_native(picture, stretch=1)
    viewer.window.add_dock_widget(panel, name="Echo", area="right")
    settle()

    assert picture.height() > 0.7 * panel.native.height()
    assert panel.native.height() > 500
    viewer.window.remove_dock_widget(panel.native)
    settle()


def test_what_fits_does_not_scroll_and_the_status_line_is_right_below(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 900)
    panel = EchoWidget(viewer)
    text = QLabel("words " * 60)
    text.setWordWrap(True)
    panel.add_native(text)
    viewer.window.add_dock_widget(panel, name="Echo", area="right")
    panel.say("done")
    settle()

    (line,) = (one for one in panel.native.findChildren(QLabel) if one.text() == "done")
    bars = panel.native.findChildren(QScrollBar)
    below = line.mapTo(panel.native, line.rect().topLeft()).y()
    end = text.mapTo(panel.native, text.rect().bottomLeft()).y()
    assert max(bar.maximum() for bar in bars) == 0
    assert 0 < below - end < 40
    viewer.window.remove_dock_widget(panel.native)
    settle()


PANELS = ("Crop", "Reorient", "Align", "Resample", "Values", "History", "Header", "Cursor")


def test_eight_panels_one_below_another_fit_a_small_screen(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1600, 1000)
    show(viewer, [scan()])

    for name in PANELS:
        viewer.window.add_plugin_dock_widget("napari-medvol", name)
    settle()

    assert window.height() <= 1000
    assert window.minimumSizeHint().height() <= 800
    viewer.window.remove_dock_widget("all")
    settle()


def test_only_a_path_is_cut_to_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel(ViewerModel())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.nii").touch()
    monkeypatch.chdir(tmp_path)
    for what, said in (
        (str(tmp_path / "gone.nii"), "gone.nii"),
        ("in/a.nii", "a.nii"),
        ("window '40/0'", "window '40/0'"),
        ("a/b" * 2000, "a/b" * 2000),
        ("a\0/b", "a\0/b"),
    ):
        panel.say_error(StepError(what, "fails"))
        assert panel.status == f"{said}: fails."
    panel.close()
