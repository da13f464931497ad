"""Window, Overlay, Statistics, Layer strip: opened, used, closed, whatever is in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_medvol import open as open_scans
from napari_medvol import volume_of
from napari_medvol.colormap import Colormap, Stop
from napari_medvol.formats.colour_tables import write_colormap
from napari_medvol.viewer.colormaps import own_colormap
from napari_medvol.viewer.laid import laid_of
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.overlaying import overlay
from napari_medvol.viewer.widgets.colormap_editor import ColormapDialog, StopsBar
from napari_medvol.viewer.widgets.histogram_canvas import HistogramCanvas
from napari_medvol.viewer.widgets.overlay import OverlayWidget
from napari_medvol.viewer.widgets.panel import Panel
from napari_medvol.viewer.widgets.statistics import StatisticsWidget
from napari_medvol.viewer.widgets.strip import StripWidget
from napari_medvol.viewer.widgets.window import WindowWidget
from napari_medvol.viewer.windowing import function_of
from napari_medvol.views.histogram import histogram
from napari_medvol.volume import Axis, Display, Volume, Window
from tests.viewer.lives import leaves_nothing, puts_up_with
from tests.viewer.scenes import CT, ODD, PET, scan, seg, settle, wait_for

pytestmark = pytest.mark.usefixtures("qapp")

WIDGETS = [WindowWidget, OverlayWidget, StatisticsWidget, StripWidget]


def use(panel: Panel) -> None:
    """Do everything that a widget offers."""
    if isinstance(panel, WindowWidget):
        for text in ("max 1000", "40/400", "2-98 %", "full", "bone", "nonsense"):
            panel.type(text)
        panel.show_all()
        panel.function.value = "SIGMOID"
        panel.function.value = "LINEAR"
        panel.drags.value = not panel.drags.value
    elif isinstance(panel, OverlayWidget):
        panel.toggle()
        panel.set_colormap("Hot")
        panel.clears.value = True
        panel._on_look()
        for mode in ("blink", "checkerboard", "swipe", "difference", "overlay"):
            panel.mode.value = mode
        panel.bar_shown.value = True
        panel.check_mirror()
        panel.toggle()
    elif isinstance(panel, StatisticsWidget):
        panel.show_statistics()
        panel.measure("ruler")
        panel.measure("angle")
        panel.copy_table()
    elif isinstance(panel, StripWidget):
        panel.draw()
        for row in range(panel.list.count()):
            panel._on_click(panel.list.item(row))
        panel.solo.switch()
        panel.solo.end()
    settle()
    panel.native.grab()


@pytest.mark.parametrize("state", ODD)
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_whatever_is_in_the_viewer_nothing_but_a_word_comes_of_it(
    widget: type[Panel], state: str
) -> None:
    puts_up_with(state, widget, use)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_opened_used_and_closed_often_it_leaves_nothing(
    make_napari_viewer: Callable[..., Any], widget: type[Panel], openings: int
) -> None:
    viewer = make_napari_viewer()
    show(viewer, [scan(name="CT"), scan(PET, name="PET"), seg()])

    def briefly(panel: Panel) -> None:
        if isinstance(panel, StripWidget):
            panel.draw()
        elif isinstance(panel, WindowWidget):
            panel.type("max 1000")
        elif isinstance(panel, OverlayWidget):
            panel.toggle()
            panel.mode.value = "blink"
            panel.mode.value = "overlay"
            panel.toggle()
        elif isinstance(panel, StatisticsWidget):
            panel.show_statistics()
            panel.measure("ruler")

    leaves_nothing(viewer, widget, briefly, openings)


# Window


def windowed_ct(**more: Any) -> tuple[ViewerModel, Layer, WindowWidget]:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan(unit="HU", name="CT", **more)])
    panel = WindowWidget(viewer)
    wait_for(lambda: panel._histogram is not None)
    return viewer, layer, panel


def test_max_1000_and_enter_acts_at_once() -> None:
    _, layer, panel = windowed_ct()
    low = layer.contrast_limits[0]
    panel.command.value = "max 1000"

    panel.command.native.returnPressed.emit()

    assert tuple(layer.contrast_limits) == pytest.approx((low, 1000))
    assert panel.numbers["max"].value == "1000"
    panel.close()


def test_a_number_is_taken_on_enter_and_naparis_sliders_are_followed() -> None:
    _, layer, panel = windowed_ct()

    panel.numbers["width"].value = "400"
    panel.numbers["width"].native.editingFinished.emit()
    panel.numbers["level"].value = "40"
    panel.numbers["level"].native.editingFinished.emit()
    assert tuple(layer.contrast_limits) == pytest.approx((-160, 240))
    assert panel.preset.value.strip("123456789 ").startswith("mediastinum")
    layer.contrast_limits = (-500, 1300)

    assert [panel.numbers[n].value for n in ("min", "max", "level", "width")] == [
        "-500", "1300", "400", "1800",
    ]  # fmt: skip
    panel.numbers["min"].value = "abc"
    panel.numbers["min"].native.editingFinished.emit()
    assert "not understood" in panel.status
    assert panel.numbers["min"].value == "-500"
    panel.close()


def test_presets_and_the_windows_of_the_file_can_be_chosen() -> None:
    _, layer, panel = windowed_ct(display=Display(windows=(Window(50, 351, "SOFT"),)))
    names = panel.preset.choices

    assert names[1].startswith("1  lung")
    assert names[-1] == "SOFT  50/351"
    panel.preset.value = names[1]
    assert tuple(layer.contrast_limits) == (-1350, 150)
    panel.preset.value = names[-1]
    assert tuple(layer.contrast_limits) == pytest.approx((-125.5, 224.5))
    panel.close()


def test_the_curve_is_a_sigmoid_and_back() -> None:
    _, layer, panel = windowed_ct()
    panel.type("40/400")

    panel.function.value = "SIGMOID"
    assert function_of(layer) == "SIGMOID"
    assert panel.numbers["width"].value == "400"
    panel.type("width 200")
    assert panel.numbers["level"].value == "40"
    assert panel.numbers["width"].value == "200"
    panel.function.value = "LINEAR_EXACT"

    assert tuple(layer.contrast_limits) == pytest.approx((-60, 140))
    panel.close()


def test_a_curve_that_was_refused_is_not_shown_as_chosen() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.linspace(0, 0.5, 60).reshape(3, 4, 5), name="narrow")
    panel = WindowWidget(viewer)
    panel.function.value = "SIGMOID"
    panel.function.value = "LINEAR"

    assert "width of at least 1" in panel.status
    assert function_of(layer) == "SIGMOID"
    assert panel.function.value == "SIGMOID"
    panel.close()


def test_another_active_image_is_followed_and_the_old_one_left_alone() -> None:
    viewer, layer, panel = windowed_ct()
    before = len(layer.events.contrast_limits.callbacks)
    (second,) = show(viewer, [scan(name="second")])

    viewer.layers.selection.active = second

    assert panel.layer.value is second
    assert len(layer.events.contrast_limits.callbacks) == before - 1
    viewer.layers.remove(second)
    assert panel.layer.value is layer
    panel.close()


def press(widget: Any, kind: str, x: float, button: Any = Qt.MouseButton.LeftButton) -> None:
    types = {
        "press": (QEvent.Type.MouseButtonPress, widget.mousePressEvent),
        "move": (QEvent.Type.MouseMove, widget.mouseMoveEvent),
        "release": (QEvent.Type.MouseButtonRelease, widget.mouseReleaseEvent),
    }
    event, act = types[kind]
    point = QPointF(x, 10)
    act(QMouseEvent(event, point, point, button, button, Qt.KeyboardModifier.NoModifier))


def test_a_limit_in_the_histogram_is_dragged_and_so_is_what_lies_between() -> None:
    _, layer, panel = windowed_ct()
    canvas = panel.canvas
    canvas.resize(400, 150)
    panel.type("-200 200")

    press(canvas, "press", canvas.x_of(200))
    press(canvas, "move", canvas.x_of(500))
    press(canvas, "release", 0)
    assert layer.contrast_limits[1] == pytest.approx(500, abs=8)
    assert layer.contrast_limits[0] == pytest.approx(-200)
    press(canvas, "press", canvas.x_of(100))
    press(canvas, "move", canvas.x_of(200))
    press(canvas, "release", 0)

    low, high = layer.contrast_limits
    assert (low, high) == pytest.approx((-100, 600), abs=16)
    press(canvas, "press", canvas.x_of(-100))
    press(canvas, "move", canvas.x_of(5000))
    assert layer.contrast_limits[0] < layer.contrast_limits[1]
    panel.close()


def test_bars_are_as_high_as_there_are_values() -> None:
    canvas = HistogramCanvas()
    canvas.resize(400, 150)
    data = np.concatenate([np.zeros(900), np.full(100, 100.0)]).reshape(10, 10, 10)
    canvas.show_histogram(histogram(Volume(data.astype(np.int16), CT)))

    pixels = canvas.grab().toImage()
    grey = [
        sum(pixels.pixelColor(int(x), y).red() == 0x8F for y in range(130))
        for x in (canvas.x_of(0.2), canvas.x_of(50.0), canvas.x_of(100.0))
    ]
    assert grey[0] > grey[2] > 0 == grey[1]
    canvas.deleteLater()


# Overlay


def fused() -> tuple[ViewerModel, Layer, Layer, OverlayWidget]:
    viewer = ViewerModel()
    ct, pet = show(viewer, [scan(name="CT"), scan(PET, name="PET", unit="g/ml")])
    return viewer, ct, pet, OverlayWidget(viewer)


def test_the_two_layers_are_chosen_and_one_press_lays_one_over_the_other() -> None:
    _, ct, pet, panel = fused()
    assert (panel.reference.value, panel.layer.value) == (ct, pet)

    panel.toggle()
    assert laid_of(pet) is not None
    assert (pet.colormap.name, pet.opacity) == ("hot", 0.5)
    assert panel.lay.text == "Separate"
    panel.toggle()

    assert laid_of(pet) is None
    assert panel.lay.text == "Overlay"
    panel.close()


def test_a_widget_that_was_there_before_the_scans_takes_one_of_each() -> None:
    viewer = ViewerModel()
    panel = OverlayWidget(viewer)
    show(viewer, [scan(name="CT")])
    show(viewer, [scan(PET, name="PET")])
    ct, pet = viewer.layers
    assert panel.reference.value is ct
    assert panel.layer.value is pet

    panel.toggle()
    assert panel.status == ""
    assert laid_of(pet) is not None
    panel.close()


def test_what_napari_changes_is_taken_over() -> None:
    _, _, pet, panel = fused()
    panel.toggle()

    pet.opacity = 0.8
    pet.contrast_limits = (0, 700)
    pet.colormap = "viridis"
    assert panel.opacity.value == 0.8
    assert (panel.low.value, panel.high.value) == ("0", "700")
    assert panel.names.currentText() == "viridis"
    panel.clears.value = True
    panel.threshold.value = "100"
    panel.threshold.native.editingFinished.emit()
    assert pet.contrast_limits[0] == 100
    pet.contrast_limits = (200, 700)

    laid = laid_of(pet)
    assert laid is not None
    assert (laid.threshold, laid.limits) == (200, (0, 700))
    assert panel.threshold.value == "200"
    assert laid.base.name == "viridis"
    panel.close()


def test_wrong_numbers_are_said_and_not_taken() -> None:
    _, _, pet, panel = fused()
    panel.toggle()
    before = pet.contrast_limits

    panel.low.value = "much"
    panel.low.native.editingFinished.emit()
    assert "is no number" in panel.status
    assert pet.contrast_limits == before
    panel.set_colormap("no such")
    assert "no such map" in panel.status
    panel.close()


def test_a_map_is_loaded_saved_and_edited(tmp_path: Path) -> None:
    _, _, pet, panel = fused()
    panel.toggle()
    own = Colormap("mine", (Stop(0, 0, 0, 0, 0), Stop(1, 0, 1, 0, 0.5)), (10.0, 90.0))

    panel.load_colormap(write_colormap(own, tmp_path / "mine"))
    assert tuple(pet.contrast_limits) == (10, 90)
    np.testing.assert_allclose(pet.colormap.map(0.5), [[0, 0.5, 0, 0.25]], atol=1e-3)
    panel.save_colormap(tmp_path / "again.json")
    assert (tmp_path / "again.json").is_file()
    panel.load_colormap(tmp_path / "absent.json")
    assert "No such file" in panel.status

    shown: list[Colormap] = []
    dialog = ColormapDialog(own_colormap(pet.colormap), shown.append)
    dialog.bar.recolour(0, (1.0, 0.0, 0.0, 1.0))
    assert shown[-1].stops[0].red == 1.0
    dialog.reject()
    assert shown[-1] is dialog.before
    dialog.deleteLater()
    panel.close()


def test_points_of_a_map_are_added_moved_and_removed_but_never_its_ends() -> None:
    bar = StopsBar(Colormap("x", (Stop(0, 0, 0, 0), Stop(1, 1, 1, 1))))
    bar.resize(420, 60)

    press(bar, "press", 210)
    assert len(bar.stops) == 3
    assert bar.stops[1].red == pytest.approx(0.5)
    press(bar, "move", 310)
    press(bar, "release", 0)
    assert bar.stops[1].position == pytest.approx(0.75)
    bar.shift(0, 0.5)
    bar.remove(0)
    assert bar.stops[0].position == 0
    press(bar, "press", 310, Qt.MouseButton.RightButton)

    assert len(bar.stops) == 2
    bar.grab()
    bar.deleteLater()


def test_blinking_comes_and_goes_and_ends_visible() -> None:
    _, _, pet, panel = fused()
    panel.toggle()

    panel.mode.value = "blink"
    panel._on_blink()
    assert not pet.visible
    panel.mode.value = "overlay"
    assert pet.visible
    panel.mode.value = "blink"
    panel._on_blink()
    panel.close()
    assert pet.visible


def test_what_speaks_against_it_is_written_under_it() -> None:
    viewer = ViewerModel()
    show(viewer, [scan(frame_of_reference=f"1.{n}", name=f"scan {n}") for n in (1, 2)])
    panel = OverlayWidget(viewer)

    panel.toggle()

    assert "different frames of reference" in panel.findings.text()
    panel.check_mirror()
    assert panel.status == "Left and right agree."
    panel.close()


def test_an_overlay_of_before_is_found_again() -> None:
    viewer = ViewerModel()
    first, second, third = show(viewer, [scan(name=name) for name in "abc"])
    overlay(viewer, second, third, colormap="PET", threshold=3, opacity=0.25)

    panel = OverlayWidget(viewer)

    assert (panel.reference.value, panel.layer.value) == (third, second)
    assert (panel.opacity.value, panel.threshold.value) == (0.25, "3")
    assert panel.names.currentText() == "PET"
    assert first.visible
    panel.close()


# Statistics


def test_a_table_of_labels_goes_to_csv(tmp_path: Path) -> None:
    viewer = ViewerModel()
    show(viewer, [scan(name="CT", unit="HU"), seg()])
    panel = StatisticsWidget(viewer)

    panel.show_statistics()
    panel.save_csv(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()

    assert panel.grid.rowCount() == 2
    assert panel.grid.item(0, 1).text() == "liver"
    assert lines[0].startswith("label,name,voxels,volume (ml),mean (HU)")
    assert lines[1].startswith("1,liver,105,0.21,")
    assert "voxel by voxel" in panel.about.text()
    panel.save_csv(tmp_path / "none" / "out.csv")
    assert "No such file" in panel.status
    panel.copy_table()
    assert QApplication.clipboard().text().startswith("label\tname")
    panel.close()


def test_the_frame_that_is_shown_is_measured() -> None:
    viewer = ViewerModel()
    data = np.zeros((20, 22, 12, 3), np.int16) + np.array([5, 6, 7], np.int16)
    show(viewer, [Volume(data, CT, axes=(Axis("t", 2.0, "s"),), name="fMRI"), seg()])
    panel = StatisticsWidget(viewer)
    viewer.dims.set_current_step(0, 2)

    panel.show_statistics()

    assert panel.table is not None
    assert panel.table.rows[0][4] == 7
    assert "frame 2" in panel.about.text()
    panel.close()


def test_names_of_labels_are_read_and_shown(tmp_path: Path) -> None:
    viewer = ViewerModel()
    _, labels = show(viewer, [scan(), seg()])
    panel = StatisticsWidget(viewer)
    table = tmp_path / "dseg.tsv"
    table.write_text("index\tname\tcolor\n1\tGM\t#ff0000\n4\tWM\t#00ff00\n")

    panel.load_names(table)
    panel.show_statistics()

    assert panel.table is not None
    assert [row[1] for row in panel.table.rows] == ["GM", "WM"]
    np.testing.assert_allclose(labels.colormap.map(4), [0, 1, 0, 1], atol=1e-6)
    panel.load_names(tmp_path / "absent.tsv")
    assert "No such file" in panel.status
    panel.close()


def test_without_labels_a_word_says_so() -> None:
    panel = StatisticsWidget(ViewerModel())

    panel.show_statistics()
    assert "there are no labels" in panel.status
    panel.copy_table()
    assert "there is none yet" in panel.status
    panel.close()


def test_measures_are_listed_as_they_are_drawn() -> None:
    viewer = ViewerModel()
    show(viewer, [scan()])
    panel = StatisticsWidget(viewer)
    panel.measure("ruler")
    shapes = viewer.layers["Measures"]

    shapes.add_lines([np.array([[0, 0, 0], [0, 30, 40]])])

    assert panel.measures.rowCount() == 1
    assert panel.measures.item(0, 2).text() == "50"
    panel.copy_table()
    assert "50" in QApplication.clipboard().text()
    panel.close()


# Layer strip


def test_every_layer_has_a_picture_of_the_slice_and_a_click_shows_it_alone() -> None:
    viewer = ViewerModel()
    ct, pet, labels = show(viewer, [scan(name="CT"), scan(PET, name="PET"), seg()])
    ct.visible = pet.visible = True
    overlay(viewer, pet, ct)
    panel = StripWidget(viewer)
    panel.draw()
    wait_for(lambda: panel._task is None)

    assert [panel.list.item(n).text() for n in range(3)] == ["(seg)", "PET", "CT"]
    assert all(not panel.list.item(n).icon().isNull() for n in range(3))
    assert panel.list.item(1).font().italic()
    assert panel.list.item(2).font().bold()
    panel._on_click(panel.list.item(0))
    assert [one.visible for one in (ct, pet, labels)] == [False, False, True]
    panel._on_click(panel.list.item(0))
    assert [one.visible for one in (ct, pet, labels)] == [True, True, False]
    panel.close()


def test_a_new_layer_gets_a_picture_and_a_key_switches_between_two() -> None:
    viewer = ViewerModel()
    ct, pet = show(viewer, [scan(name="CT"), scan(PET, name="PET")])
    panel = StripWidget(viewer)
    show(viewer, [seg()])
    assert panel.list.count() == 3
    (key,) = [call for name, call in viewer.keymap.items() if str(name) == "W"]

    panel.solo.show(ct)
    panel.solo.show(pet)
    key(viewer)
    assert (ct.visible, pet.visible) == (True, False)
    key(viewer)

    assert (ct.visible, pet.visible) == (False, True)
    panel.close()
    assert not [name for name in viewer.keymap if str(name) == "W"]


def test_a_strip_that_is_closed_hides_nothing() -> None:
    viewer = ViewerModel()
    ct, pet = show(viewer, [scan(name="CT"), scan(PET, name="PET")])
    ct.visible = pet.visible = True
    panel = StripWidget(viewer)
    panel.solo.show(ct)
    assert not pet.visible

    panel.close()
    assert pet.visible

    panel = StripWidget(viewer)
    panel.solo.show(ct)
    ct.visible = False
    panel.close()
    assert (ct.visible, pet.visible) == (False, False)


def test_a_low_strip_shows_whole_pictures_with_whole_names() -> None:
    viewer = ViewerModel()
    show(viewer, [scan(name="IBSI_1_STS_002_PET_image")])
    panel = StripWidget(viewer)

    item = panel.list.item(0)
    assert item.text().replace("\u200b", "") == "IBSI_1_STS_002_PET_image"
    assert panel.list.minimumHeight() >= panel.list.visualItemRect(item).height()
    assert panel.list.fontMetrics().height() * 2 < panel.list.gridSize().height() - 96
    panel.close()


# The course: a CT and its PET in a real window


def coloured(viewer: Any) -> int:
    """How many pixels of the canvas are more red than grey."""
    settle(0.3)
    picture = np.asarray(viewer.screenshot(canvas_only=True, flash=False)).astype(int)
    return int((picture[..., 0] - picture[..., 2] > 40).sum())


def test_the_course_of_a_ct_and_its_pet(
    make_napari_viewer: Callable[..., Any], data: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    (ct,) = open_scans(viewer, data / "data" / "sts002_ct")
    (pet,) = open_scans(viewer, data / "data" / "sts002_pet")
    pet.visible = False
    panels = [widget(viewer) for widget in WIDGETS]
    for panel in panels:
        viewer.window.add_dock_widget(panel, name=type(panel).__name__)
    window, laying, _, strip = panels
    assert isinstance(window, WindowWidget)
    assert isinstance(laying, OverlayWidget)
    assert isinstance(strip, StripWidget)
    assert coloured(viewer) == 0

    laying.reference.value, laying.layer.value = ct, pet
    laying.set_colormap("Hot")
    laying.opacity.value = 0.5
    laying.toggle()
    assert (pet.colormap.name, pet.opacity, pet.data.shape) == ("hot", 0.5, ct.data.shape)
    assert coloured(viewer) > 500
    assert laying.findings.text() == ""

    window.layer.value = ct
    viewer.layers.selection.active = ct
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_2)
    settle(0.1)
    assert tuple(ct.contrast_limits) == (-160, 240)
    QTest.keyClick(canvas, Qt.Key.Key_W)
    QTest.keyClick(canvas, Qt.Key.Key_W)
    settle(0.1)
    strip.solo.end()
    window.command.value = "max 1000"
    window.command.native.returnPressed.emit()
    assert ct.contrast_limits[1] == 1000
    assert window.status == ""

    strip.draw()
    wait_for(lambda: strip._task is None)
    strip.solo.toggle(ct)
    assert coloured(viewer) == 0
    strip.solo.toggle(ct)
    assert coloured(viewer) > 500
    laying.toggle()
    assert volume_of(pet).shape == (30, 27, 48)
    for panel in panels:
        panel.close()
    settle()
