"""Export slices, used as a person does."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.widgets.export import ExportWidget
from napari_medvol.viewer.widgets.slices_form import (
    ALL,
    CURRENT,
    KINDS,
    ONE,
    OTHER,
    RANGE,
    VISIBLE,
)
from napari_medvol.volume import Axis, Field, Volume
from tests.phantoms.volumes import affine_along

pytestmark = pytest.mark.usefixtures("qapp")

GRID = affine_along("LPS", (1.0, 1.0, 2.0))


def settle(seconds: float = 0.0) -> None:
    until = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if time.monotonic() >= until:
            return


def wait_for(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not done() and time.monotonic() < until:
        settle(0.02)
    assert done()


def scan(shape: tuple[int, ...] = (9, 8, 7), **more: Any) -> Volume:
    values = np.arange(np.prod(shape)).reshape(shape).astype(np.int16)
    axes = (Axis("t"),) if len(shape) > 3 else ()
    return Volume(values, GRID, axes, unit="HU", name="scan", **more)


def viewer_with(*volumes: Volume) -> ViewerModel:
    viewer = ViewerModel()
    for volume in volumes:
        for data, options, kind in layer_data(volume):
            (viewer.add_labels if kind == "labels" else viewer.add_image)(data, **options)
    return viewer


def labels() -> Volume:
    return Volume(np.ones((9, 8, 7), np.uint8) * 3, GRID, kind="labels", name="regions")


def finished(widget: ExportWidget, folder: Path) -> str:
    widget.form.folder.value = folder
    widget.run.native.click()
    wait_for(lambda: not widget.is_working)
    return widget.status


def opened(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_what_is_visible_becomes_pictures_of_the_chosen_planes(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan(), labels()))
    widget.form.planes["coronal"].value = True
    widget.form.masks.value = widget.viewer.layers["regions"]

    said = finished(widget, tmp_path)

    assert said.startswith("30 pictures in 30 files")
    assert len(list(tmp_path.glob("axial_*.png"))) == 7
    assert len(list(tmp_path.glob("coronal_*.png"))) == 8
    assert opened(tmp_path / "axial_0003.png").shape == (8, 9, 3)
    assert (opened(tmp_path / "masks" / "axial_0003.png") == 3).all()
    assert finished(widget, tmp_path).count("30 of them there already") == 1
    widget.close()


def test_one_layers_data_keep_their_values(tmp_path: Path) -> None:
    volume = scan()
    widget = ExportWidget(viewer_with(volume, labels()))
    widget.form.what.value = ONE
    widget.form.layer.value = widget.viewer.layers["scan"]
    widget.form.kind.value = "PNG, 16 bits: true values"

    finished(widget, tmp_path)

    np.testing.assert_array_equal(opened(tmp_path / "axial_0002.png"), volume.data[:, :, 2].T)
    widget.close()


def test_one_layer_looks_as_its_contrast_says(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan()))
    widget.viewer.layers[0].contrast_limits = (100, 300)
    widget.form.what.value = ONE

    finished(widget, tmp_path)

    values = np.asarray(scan().data)[:, :, 4].T
    expected = np.rint(np.clip((values - 100) * (255 / 200), 0, 255))
    np.testing.assert_array_equal(opened(tmp_path / "axial_0004.png"), expected)
    widget.close()


def test_the_slices_the_step_and_the_pixel_size_are_chosen(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan()))
    form = widget.form
    form.which.value, form.first.value, form.last.value, form.step.value = RANGE, 1, 5, 2
    form.pixel.value, form.pixel_mm.value = OTHER, 0.5
    form.kind.value = "JPEG"

    finished(widget, tmp_path / "a")
    form.which.value = CURRENT
    widget.viewer.dims.set_point(0, widget.viewer.layers[0].data_to_world((1, 0, 0))[0])
    finished(widget, tmp_path / "b")
    form.which.value, form.step.value = ALL, 3
    finished(widget, tmp_path / "c")

    assert sorted(p.name for p in (tmp_path / "a").glob("*.jpg")) == [
        f"axial_000{n}.jpg" for n in (1, 3, 5)
    ]
    assert opened(tmp_path / "a" / "axial_0001.jpg").shape[:2] == (16, 18)
    # The layer runs from head to feet, the scan from feet to head.
    assert [p.name for p in (tmp_path / "b").glob("*.jpg")] == ["axial_0005.jpg"]
    assert len(list((tmp_path / "c").glob("*.jpg"))) == 3
    widget.close()


def test_the_frame_that_is_shown_or_all(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan((4, 4, 2, 3))))
    widget.form.what.value = ONE
    widget.viewer.dims.set_point(0, 2)

    finished(widget, tmp_path / "one")
    widget.form.frames.value = ALL
    finished(widget, tmp_path / "all")

    assert len(list((tmp_path / "one").glob("*.png"))) == 2
    assert len(list((tmp_path / "all").glob("*.png"))) == 6
    np.testing.assert_array_equal(
        opened(tmp_path / "one" / "axial_0001.png"),
        opened(tmp_path / "all" / "axial_0001_t0002.png"),
    )
    widget.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_written(kind: str, tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan()))
    widget.form.what.value, widget.form.kind.value = ONE, kind

    said = finished(widget, tmp_path)

    assert said.startswith("7 pictures"), said
    assert widget.result is not None
    for path in widget.result:
        with Image.open(path) as image:
            image.load()
    widget.close()


def test_what_cannot_be_done_is_said_and_the_widget_goes_on(tmp_path: Path) -> None:
    viewer = viewer_with(scan(header=(Field("Patient", "PatientName", "MEIER"),)))
    widget = ExportWidget(viewer)

    widget.run.native.click()
    assert "no folder is chosen" in widget.status
    widget.form.template.value = "Meier_{index}"
    assert "would hold PatientName" in finished(widget, tmp_path)
    widget.form.allow.value = True
    assert finished(widget, tmp_path).startswith("7 pictures")
    widget.form.convention.value = "neurological"
    assert "there already" in finished(widget, tmp_path)
    widget.form.overwrite.value = True
    assert finished(widget, tmp_path).startswith("7 pictures")
    for box in widget.form.planes.values():
        box.value = False
    assert "no plane is asked for" in finished(widget, tmp_path)
    widget.close()


def test_cancel_leaves_whole_files_and_export_goes_on(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan((64, 64, 400))))
    widget.form.folder.value = tmp_path
    widget.run.native.click()
    assert not widget.run.enabled
    wait_for(lambda: widget._task is None or widget._task.done > 3)

    widget.cancel.native.click()
    wait_for(lambda: not widget.is_working)

    assert widget.status.startswith("Stopped after"), widget.status
    # It may finish the picture that it is at.
    wait_for(lambda: not list(tmp_path.glob(".*")))
    made = list(tmp_path.glob("*.png"))
    assert 0 < len(made) < 400
    for path in made:
        with Image.open(path) as image:
            image.verify()
    settle(0.3)
    assert "of them there already" in finished(widget, tmp_path)
    widget.close()


def test_the_preview_is_the_picture_that_will_be(tmp_path: Path) -> None:
    widget = ExportWidget(viewer_with(scan((40, 30, 5))))
    wait_for(lambda: "axial_0002.png: 40 × 30" in widget.caption.text())

    image = widget.picture.pixmap().toImage()

    assert (image.width(), image.height()) == (256, 192)
    left, right = image.pixelColor(5, 90).red(), image.pixelColor(250, 90).red()
    assert right > left + 100, "values grow along i, to the patient's left"
    widget.viewer.layers.clear()
    wait_for(lambda: widget.caption.text() == "")
    widget.close()


@pytest.mark.parametrize(
    "layer",
    [
        lambda viewer: None,
        lambda viewer: viewer.add_image(np.eye(6)),
        lambda viewer: viewer.add_points(np.zeros((1, 3))),
        lambda viewer: viewer.add_image(np.zeros((3, 4, 5))),
        lambda viewer: viewer.add_image(np.full((3, 4, 5), np.nan), contrast_limits=(0, 1)),
        lambda viewer: viewer.add_image(np.zeros((2, 3, 4, 5))),
        lambda viewer: viewer.add_image(np.zeros((3, 4, 5, 3), np.uint8), rgb=True),
    ],
    ids=["nothing", "2-D", "points", "constant", "NaN", "4-D", "colours"],
)
@pytest.mark.parametrize("what", [VISIBLE, ONE])
def test_whatever_is_there_the_widget_has_a_sensible_state(
    layer: Callable[[Any], Any], what: str, tmp_path: Path
) -> None:
    viewer = ViewerModel()
    added = layer(viewer)
    widget = ExportWidget(viewer)
    widget.form.what.value = what
    settle(0.5)

    said = finished(widget, tmp_path)

    is_scan = added is not None and added.as_layer_data_tuple()[2] == "image"
    assert ("pictures in" in said) == is_scan, said
    if added is not None:
        viewer.layers.remove(added)
        settle(0.3)
        assert "layer" in finished(widget, tmp_path)
    widget.close()


def test_opened_used_and_closed_often_it_leaves_nothing(
    make_napari_viewer: Callable[..., Any], openings: int
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((3, 4, 5), np.uint8))
    emitters = [viewer.dims.events.point, viewer.layers.events.inserted]

    def use() -> None:
        dock, widget = viewer.window.add_plugin_dock_widget("napari-medvol", "Export slices")
        widget.form.kind.value = "JPEG"
        viewer.dims.set_current_step(0, 1)
        settle()
        viewer.window.remove_dock_widget(dock)
        widget.close()
        settle()
        gc.collect()

    use()
    before = [len(emitter.callbacks) for emitter in emitters], len(QApplication.topLevelWidgets())
    for _ in range(openings - 1):
        use()

    after = [len(emitter.callbacks) for emitter in emitters], len(QApplication.topLevelWidgets())
    assert after[0] == before[0]
    assert after[1] <= before[1] + 1
