"""The Ortho views in a real window: mouse, wheel, keys, painting, and what closing leaves."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Layer
from napari.qt import QtViewer
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.errors import LayerError
from napari_medvol.viewer import ortho
from napari_medvol.viewer.dragging import bind_window_keys, drag_windows
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.widgets import ortho as views
from napari_medvol.viewer.widgets.ortho import OrthoWidget, open_on
from tests.phantoms.volumes import affine_along
from tests.viewer.scenes import framed, marked

AFFINE = affine_along("LPS", (2.0, 2.0, 2.0))
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def settle(qtbot: Any) -> Callable[[], None]:
    """Let Qt do what it put off, and draw."""
    return lambda: qtbot.wait(150)


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    made = make_napari_viewer(show=True)
    made.window._qt_window.resize(1000, 700)
    made.add_layer(Layer.create(*layer_data(marked(AFFINE))[0]))
    return made


@pytest.fixture
def widget(viewer: Any, settle: Callable[[], None]) -> Iterator[OrthoWidget]:
    # Where nobody asks for it, 3-D takes most of the time on a machine without graphics.
    views.show(viewer).options.volume = False
    opened = open_on(viewer)
    assert opened is not None
    settle()
    yield opened
    opened.close()
    settle()


def canvas_of(widget: OrthoWidget, view: Any) -> Any:
    return widget.panes[view].viewer.canvas.native


def on_canvas(widget: OrthoWidget, view: Any, ras: Any) -> QPoint:
    """Where a point of the patient is on the canvas, by vispy's own transform."""
    pane = widget.panes[view]
    world = napari_medvol.from_ras(pane.model, ras)
    y, x = (world[axis] for axis in pane.model.dims.displayed)
    canvas = pane.viewer.canvas
    place = (canvas.view.transform * canvas.view.scene.transform).map([x, y, 0, 1])
    return QPoint(round(place[0] / place[3]), round(place[1] / place[3]))


def wheel(native: Any, notches: float, modifiers: Any = NONE) -> None:
    at = QPointF(60, 60)
    turned = QPoint(0, round(120 * notches))
    event = QWheelEvent(
        at,
        QPointF(native.mapToGlobal(at.toPoint())),
        QPoint(),
        turned,
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(native, event)


def drag(native: Any, button: Any, start: QPoint, end: QPoint, wait: Callable[[], None]) -> None:
    QTest.mousePress(native, button, NONE, start)
    for share in (0.5, 1.0):
        QTest.mouseMove(native, start + (end - start) * share)
        wait()
    QTest.mouseRelease(native, button, NONE, end)


def test_a_click_moves_the_cursor_and_every_view_to_it(
    widget: OrthoWidget, viewer: Any, settle: Callable[[], None]
) -> None:
    target = apply_affine(AFFINE, (3, 5, 7))
    widget.ortho.ras = apply_affine(AFFINE, (7, 10, 7))
    settle()

    QTest.mouseClick(
        canvas_of(widget, "axial"),
        Qt.MouseButton.LeftButton,
        NONE,
        on_canvas(widget, "axial", target),
    )
    settle()

    np.testing.assert_allclose(widget.ortho.ras, target, atol=0.5)
    world = napari_medvol.from_ras(viewer, widget.ortho.ras)
    assert widget.ortho.models["sagittal"].dims.point[2] == pytest.approx(world[2])
    assert widget.ortho.models["coronal"].dims.point[1] == pytest.approx(world[1])
    np.testing.assert_allclose(viewer.dims.point, world, atol=1.0)


@pytest.mark.parametrize("where", ["side", "main"])
def test_a_click_on_a_volume_moves_the_cursor_and_a_drag_does_not(
    where: str, widget: OrthoWidget, viewer: Any, settle: Callable[[], None]
) -> None:
    target = apply_affine(AFFINE, (3, 5, 7))
    widget.ortho.options.volume = True
    viewer.layers[0].contrast_limits = (0, 1000)
    widget.ortho.ras = apply_affine(AFFINE, (7, 10, 7))
    if where == "main":
        viewer.dims.ndisplay = 3
        viewer.reset_view()
    settle()
    model = viewer if where == "main" else widget.ortho.models["volume"]
    qt = viewer.window._qt_viewer if where == "main" else widget.panes["volume"].viewer
    zyx = napari_medvol.from_ras(model, target)
    canvas = qt.canvas
    place = (canvas.view.transform * canvas.view.scene.transform).map([*zyx[::-1], 1])
    at = QPoint(round(place[0] / place[3]), round(place[1] / place[3]))

    native, before = canvas.native, widget.ortho.ras
    drag(native, Qt.MouseButton.LeftButton, at, at + QPoint(30, 0), settle)
    assert widget.ortho.ras == before
    drag(native, Qt.MouseButton.LeftButton, at + QPoint(30, 0), at, settle)
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, NONE, at)
    settle()

    np.testing.assert_allclose(widget.ortho.ras, target, atol=1e-6)


def test_wheel_and_keys_step_slices_towards_the_head(
    widget: OrthoWidget, settle: Callable[[], None]
) -> None:
    native = canvas_of(widget, "axial")
    start = np.array(widget.ortho.ras)

    def moved() -> list[float]:
        return np.round(np.subtract(widget.ortho.ras, start), 6).tolist()

    wheel(native, 1)
    assert moved() == [0, 0, 2]
    wheel(native, -2)
    assert moved() == [0, 0, -2]
    wheel(native, 0.5)
    assert moved() == [0, 0, -2]
    wheel(native, 0.5)
    assert moved() == [0, 0, 0]
    for key, expected in (
        ("PageUp", [0, 0, 2]),
        ("PageDown", [0, 0, 0]),
        ("Plus", [0, 0, 2]),
        ("Equal", [0, 0, 4]),
        ("Minus", [0, 0, 2]),
        ("Comma", [0, 0, 0]),
        ("Period", [0, 0, 2]),
        ("PageDown", [0, 0, 0]),
        ("Up", [0, 2, 0]),
        ("Left", [2, 2, 0]),
        ("Down", [2, 0, 0]),
        ("Right", [0, 0, 0]),
    ):
        QTest.keyClick(native, getattr(Qt.Key, f"Key_{key}"))
        assert moved() == expected, key


def test_neurological_arrows_go_where_they_point(widget: OrthoWidget) -> None:
    widget._controls["radiological"].value = "neurological"
    before = np.array(widget.ortho.ras)

    QTest.keyClick(canvas_of(widget, "axial"), Qt.Key.Key_Right)

    np.testing.assert_allclose(np.subtract(widget.ortho.ras, before), (2, 0, 0), atol=1e-9)


def test_dragging_zooms_and_moves_without_moving_the_cursor(
    widget: OrthoWidget, settle: Callable[[], None]
) -> None:
    native, before = canvas_of(widget, "coronal"), widget.ortho.ras
    camera = widget.ortho.models["coronal"].scene.camera
    zoom, centre = camera.zoom, camera.center
    start, end = QPoint(80, 80), QPoint(80, 50)

    drag(native, Qt.MouseButton.RightButton, start, end, settle)
    assert camera.zoom > 1.2 * zoom
    assert widget.ortho.models["axial"].scene.camera.zoom == pytest.approx(camera.zoom)
    centre = camera.center
    drag(native, Qt.MouseButton.MiddleButton, start, end, settle)
    assert camera.center[1] == pytest.approx(centre[1] + 30 / camera.zoom, abs=0.1)
    wheel(native, -1, Qt.KeyboardModifier.ControlModifier)
    assert widget.ortho.ras == before


def test_double_click_shows_one_view_and_back(
    widget: OrthoWidget, settle: Callable[[], None]
) -> None:
    native = canvas_of(widget, "sagittal")

    QTest.mouseDClick(native, Qt.MouseButton.LeftButton, NONE, QPoint(50, 50))
    settle()
    assert [v for v, pane in widget.panes.items() if pane.isVisible()] == ["sagittal"]
    QTest.mouseDClick(native, Qt.MouseButton.LeftButton, NONE, QPoint(50, 50))
    settle()
    assert all(pane.isVisible() for pane in widget.panes.values())


def crosshair_pixels(picture: NDArray[np.uint8], at: QPoint, gap: int) -> tuple[int, int]:
    """How many pixels are colored on the lines beyond the gap, and how many within it."""
    colored = np.ptp(picture[..., :3].astype(int), axis=-1) > 60
    row = colored[max(at.y() - 1, 0) : at.y() + 2].any(axis=0)
    within = slice(at.x() - gap + 3, at.x() + gap - 2)
    beyond = slice(at.x() + gap + 3, at.x() + gap + 23)
    return int(row[beyond].sum()), int(row[within].sum())


def test_the_crosshair_goes_through_the_cursor_with_a_gap(
    widget: OrthoWidget, settle: Callable[[], None]
) -> None:
    widget.ortho.ras = apply_affine(AFFINE, (4, 6, 8))
    settle()
    for view in ("axial", "coronal", "sagittal"):
        at = on_canvas(widget, view, widget.ortho.ras)
        beyond, within = crosshair_pixels(widget.panes[view].picture(), at, 12)
        assert (beyond, within) == (20, 0), view
    widget._controls["gap"].value = 0
    settle()
    at = on_canvas(widget, "axial", widget.ortho.ras)
    assert crosshair_pixels(widget.panes["axial"].picture(), at, 12)[1] > 15
    QTest.keyClick(canvas_of(widget, "axial"), Qt.Key.Key_H)
    settle()
    assert crosshair_pixels(widget.panes["axial"].picture(), at, 12) == (0, 0)
    assert widget._controls["crosshair"].value is False


def test_what_is_painted_in_one_view_is_in_all_and_can_be_undone(
    widget: OrthoWidget, viewer: Any, settle: Callable[[], None]
) -> None:
    widget.ortho.options.volume = True
    image = viewer.layers[0]
    labels = viewer.add_labels(
        np.zeros(image.data.shape, dtype=np.uint8),
        scale=image.scale,
        translate=image.translate,
        units=image.units,
    )
    labels.mode, labels.brush_size = "paint", 3
    ras = apply_affine(AFFINE, (4, 6, 8))
    widget.ortho.ras = ras
    settle()

    at = on_canvas(widget, "coronal", ras)
    drag(canvas_of(widget, "coronal"), Qt.MouseButton.LeftButton, at, at + QPoint(4, 0), settle)
    settle()

    np.testing.assert_allclose(widget.ortho.ras, ras)
    assert (labels.data > 0).sum() >= 9
    for view, model in widget.ortho.models.items():
        shown = np.asarray(model.layers[1]._slice.image.raw)
        assert (shown > 0).any(), view
    viewer.layers[1].undo()
    settle()
    assert not labels.data.any()
    for view, model in widget.ortho.models.items():
        assert not np.asarray(model.layers[1]._slice.image.raw).any(), view


def test_a_picture_of_the_views_has_the_mark_in_each(
    widget: OrthoWidget, viewer: Any, settle: Callable[[], None], tmp_path: Path
) -> None:
    ortho.move_to(viewer, apply_affine(AFFINE, (3, 5, 7)))
    viewer.layers[0].contrast_limits = (0, 1000)
    settle()

    pixels = views.picture(viewer, tmp_path / "views.png")

    for view in ("axial", "coronal", "sagittal"):
        at = on_canvas(widget, view, widget.ortho.ras)
        assert (widget.panes[view].picture()[at.y(), at.x(), :3] > 200).all(), view
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "views.png")), pixels)


def test_a_slider_moves_its_view(widget: OrthoWidget) -> None:
    slider = widget.panes["sagittal"]._slider
    assert slider is not None
    before, value = widget.ortho.ras, slider.value()

    slider.setValue(value - 2)

    assert widget.ortho.ras[0] == pytest.approx(before[0] + 4)


def test_a_script_opens_finds_and_asks(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    assert ortho.ortho_of(viewer) is None
    assert ortho.side_viewers(viewer) == []
    with pytest.raises(LayerError, match="not open"):
        views.picture(viewer)
    volume = marked(AFFINE)
    viewer.add_layer(Layer.create(*layer_data(volume)[0]))
    heard: list[Any] = []
    ortho.cursor_of(viewer).moved.connect(heard.append)

    shown = views.show(viewer, apply_affine(AFFINE, (3, 5, 7)))

    assert views.show(viewer) is shown is ortho.ortho_of(viewer)
    assert len(ortho.side_viewers(viewer)) == 4
    np.testing.assert_allclose(heard[-1], apply_affine(AFFINE, (3, 5, 7)))
    ortho.cursor_of(viewer).moved.disconnect(heard.append)
    open_on(viewer).close()  # type: ignore[union-attr]


def test_it_lives_with_whatever_is_opened(
    make_napari_viewer: Any, settle: Callable[[], None]
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 650)
    shown = views.show(viewer)
    settle()
    viewer.add_image(np.zeros((20, 30)))
    settle()
    viewer.add_image(np.full((5, 6, 7), np.nan), contrast_limits=(0, 1))
    viewer.add_image(np.ones((5, 6, 7)), contrast_limits=(0, 1))
    viewer.add_layer(Layer.create(*layer_data(framed(AFFINE))[0]))
    viewer.add_shapes([np.array([[0, 0, 0], [0, 2, 2], [0, 3, 4.0]])], shape_type="path")
    settle()
    for native in (pane.viewer.canvas.native for pane in open_on(viewer).panes.values()):  # type: ignore[union-attr]
        QTest.mouseClick(native, Qt.MouseButton.LeftButton, NONE, QPoint(40, 40))
        wheel(native, 1)
    settle()
    viewer.layers.remove(viewer.layers[1])
    viewer.layers.clear()
    settle()
    assert all(not model.layers for model in shown.models.values())
    open_on(viewer).close()  # type: ignore[union-attr]
    settle()


_MOUSE = ("drag", "move", "wheel", "double_click")


@pytest.mark.timeout(600)
def test_opened_and_closed_often_nothing_grows(viewer: Any, qtbot: Any, openings: int) -> None:
    def counted() -> tuple[int, ...]:
        groups = [viewer.events, viewer.dims.events, viewer.layers.events]
        groups += [viewer.layers.selection.events, viewer.cursor.events]
        groups += [layer.events for layer in viewer.layers]
        return (
            *(sum(len(e.callbacks) for e in (g, *g.emitters.values())) for g in groups),
            *(len(getattr(viewer, f"mouse_{name}_callbacks")) for name in _MOUSE),
            len(QApplication.topLevelWidgets()),
            len(QtViewer._instances),
        )

    before: tuple[int, ...] = ()
    for number in range(openings + 1):
        if number == 1:
            # The viewer itself is followed from the first time on, for good.
            gc.collect()
            qtbot.wait(300)
            before = counted()
        shown = views.show(viewer)
        shown.cursor.step(0, 1)
        viewer.window.remove_dock_widget(open_on(viewer).native)  # type: ignore[union-attr]
        del shown
        qtbot.wait(20)
    gc.collect()
    qtbot.wait(300)
    assert all(now <= then for now, then in zip(counted(), before, strict=True))


def test_its_dock_stays_in_the_window(viewer: Any, qtbot: Any) -> None:
    """In a window of their own Qt gives the canvases empty contexts."""
    views.show(viewer)
    qtbot.wait(50)
    dock = open_on(viewer).native.parent()  # type: ignore[union-attr]

    assert not dock.features() & dock.DockWidgetFeature.DockWidgetFloatable
    assert not dock.features() & dock.DockWidgetFeature.DockWidgetMovable
    assert dock.features() & dock.DockWidgetFeature.DockWidgetClosable
    assert not dock.titleBarWidget().float_button.isVisible()


def test_layers_that_come_and_go_leave_the_cursor_and_the_user_moves_it(
    widget: OrthoWidget, viewer: Any
) -> None:
    """The window's sliders round and clip when their ranges change."""
    wanted = (-18.3, 7.7, 19.4)
    widget.ortho.ras = wanted
    heard: list[Any] = []
    widget.ortho.cursor.moved.connect(heard.append)

    plain = viewer.add_image(np.zeros((40, 50, 60)), scale=(3, 3, 3), units=("mm",) * 3)
    plain.translate = (-5.3, 2.0, 7.0)
    frames = viewer.add_image(np.zeros((3, 8, 9, 10)), units=("s", "mm", "mm", "mm"))
    viewer.layers.remove(frames)
    viewer.layers.remove(plain)

    assert (widget.ortho.ras, heard) == (wanted, [])
    at = np.array(napari_medvol.from_ras(viewer, wanted))
    np.testing.assert_allclose(viewer.dims.point, at, atol=1.0)
    viewer.dims.set_current_step(0, 2)
    assert heard == [widget.ortho.ras]
    assert widget.ortho.ras[:2] == wanted[:2]
    assert widget.ortho.ras[2] == pytest.approx(-viewer.dims.point[0])


def test_windows_are_dragged_and_chosen_over_a_view_while_the_viewer_lets_them(
    widget: OrthoWidget, viewer: Any, settle: Callable[[], None]
) -> None:
    layer, native = viewer.layers[0], canvas_of(widget, "sagittal")
    layer.contrast_limits = (0, 500)
    place = widget.ortho.ras
    end_drags, end_keys = drag_windows(viewer), bind_window_keys(viewer)

    shift_drag(native, QPoint(50, 25))
    assert layer.contrast_limits == pytest.approx([0, 600])
    assert widget.ortho.models["axial"].layers[0].contrast_limits == layer.contrast_limits
    assert widget.ortho.ras == place
    opened = record_of(layer).limits  # type: ignore[union-attr]
    QTest.keyClick(native, Qt.Key.Key_0)
    assert layer.contrast_limits == pytest.approx(opened)

    end_drags()
    end_keys()
    layer.contrast_limits = (0, 500)
    shift_drag(native, QPoint(50, 25))
    QTest.keyClick(native, Qt.Key.Key_0)
    assert layer.contrast_limits == [0, 500]


def shift_drag(native: Any, by: QPoint) -> None:
    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    start = QPoint(60, 60)
    QTest.mousePress(native, left, shift, start)
    at = QPointF(start + by)
    on_screen = QPointF(native.mapToGlobal(start + by))
    none = Qt.MouseButton.NoButton
    moved = QMouseEvent(QEvent.Type.MouseMove, at, on_screen, none, left, shift)
    QApplication.sendEvent(native, moved)
    QTest.mouseRelease(native, left, shift, start + by)


def test_every_view_keeps_a_size_that_can_be_used(widget: OrthoWidget) -> None:
    for pane in widget.panes.values():
        least = pane.viewer.minimumSize()
        assert least.width() == 200
        assert least.height() == (
            200 if QApplication.primaryScreen().size().height() > 800 else 120
        )
    assert widget.native.minimumHeight() > 2 * widget.panes["axial"].viewer.minimumHeight()
