"""Crop and Reorient: opened, used, closed, whatever is in the viewer."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

import napari_medvol as mv
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.crop import SELECTED, VISIBLE, CropWidget
from napari_medvol.viewer.widgets.panel import Panel
from napari_medvol.viewer.widgets.reorient import FROM, RELABEL, ReorientWidget
from napari_medvol.viewer.widgets.resample import ResampleWidget
from napari_medvol.viewer.widgets.values import ValuesWidget
from napari_medvol.views.boxes import Box
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, numbered, rotated

pytestmark = pytest.mark.usefixtures("qapp")

WIDGETS = [CropWidget, ReorientWidget]
LPS = affine_along("LPS", (1, 1, 2))


def settle(until: Callable[[], bool] = lambda: True) -> None:
    end = time.monotonic() + 5
    while True:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if until() or time.monotonic() > end:
            return


def nothing(viewer: ViewerModel) -> None:
    pass


def points(viewer: ViewerModel) -> None:
    viewer.add_points(np.zeros((2, 3)))


def plane(viewer: ViewerModel) -> None:
    viewer.add_image(np.arange(30.0).reshape(5, 6))


def foreign(viewer: ViewerModel) -> None:
    viewer.add_image(np.arange(120.0).reshape(4, 5, 6), scale=(2, 1, 1))


def four_axes(viewer: ViewerModel) -> None:
    show(viewer, [numbered((5, 6, 7, 3))])


def odd(viewer: ViewerModel) -> None:
    show(viewer, [Volume(np.full((4, 4, 4), np.nan), np.eye(4)), Volume(np.ones((4, 4, 4)), LPS)])


def colours(viewer: ViewerModel) -> None:
    show(viewer, [Volume(np.ones((4, 5, 6, 3), np.uint8), LPS, (Axis("rgb"),))])


def deleted(viewer: ViewerModel) -> None:
    show(viewer, [numbered((5, 6, 7))])


@pytest.mark.parametrize("made", WIDGETS)
@pytest.mark.parametrize(
    "fill", [nothing, points, plane, foreign, four_axes, odd, colours, deleted]
)
def test_whatever_is_there_every_button_ends_in_a_sensible_state(
    made: type[Panel], fill: Callable[[ViewerModel], None]
) -> None:
    viewer = ViewerModel()
    fill(viewer)
    panel: Any = made(viewer)
    if fill is deleted:
        viewer.layers.clear()
        assert panel.layer.value is None
    buttons = (
        [*panel.fits.values(), panel.run]
        if made is CropWidget
        else [panel.run, panel.canonical, panel.place, panel.unset]
    )
    for button in buttons:
        button.changed.emit(True)
        settle()
    assert (panel.layer.value is None) == (fill in (nothing, points, deleted))
    viewer.layers.clear()
    panel.close()


@pytest.mark.parametrize("made", WIDGETS)
def test_many_openings_leave_nothing_behind(made: type[Panel], openings: int) -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((5, 6, 7))])

    def count() -> tuple[int, ...]:
        settle()
        gc.collect()
        settle()
        return (
            len(QApplication.topLevelWidgets()),
            len(viewer.mouse_drag_callbacks),
            *(len(e.callbacks) for e in viewer.layers.events.emitters.values()),
            *(len(e.callbacks) for e in viewer.dims.events.emitters.values()),
            *(len(e.callbacks) for e in layer.events.emitters.values()),
            len(viewer.layers.selection.events.changed.callbacks),
        )

    def use() -> None:
        panel: Any = made(viewer)
        if made is CropWidget:
            panel.voxels[0][0].value = 2
        else:
            panel.code.value = "PIR"
            settle(lambda: bool(panel.after.planes))
        panel.close()

    use()
    before = count()
    for _ in range(openings):
        use()
    assert count() == before
    assert list(viewer.layers) == [layer]


def test_numbers_in_voxels_and_mm_are_one_box() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((10, 12, 14), affine=affine_along("LPS", (1, 2, 3), (0, 0, 0)))])
    panel = CropWidget(viewer)

    panel.voxels[1][0].value = 3
    assert panel.box == Box((0, 3, 0), (10, 12, 14))
    assert [part.value for part in panel.mm[1]] == [-23.0, -5.0]
    panel.mm[2][1].value = 10.5
    assert panel.box == Box((0, 3, 0), (10, 12, 4))
    assert "[0:10, 3:12, 0:4]" in panel.reading.text()
    assert "10 × 9 × 4" in panel.reading.text()
    assert "origin 0, -6, 0 (RAS mm)" in panel.reading.text()
    panel.close()


def test_millimetres_of_an_askew_layer_are_for_reading() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((10, 12, 14), affine=rotated(LPS, 15))])
    panel = CropWidget(viewer)
    assert not panel.mm[0].enabled
    assert "lie askew" in panel.mm[0].tooltip
    assert "R, A, S are to be read only" in panel.reading.text()
    show(viewer, [numbered((10, 12, 14), affine=LPS)])
    panel.layer.value = viewer.layers[1]
    assert panel.mm[0].enabled
    assert "read only" not in panel.reading.text()
    panel.close()


def test_what_was_said_goes_with_the_next_act_and_with_the_layer() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((10, 12, 14), affine=LPS), numbered((5, 6, 7))])
    panel = CropWidget(viewer)
    label, all_of_it = (panel.fits[name].changed.emit for name in ("Label", "Whole"))
    label(True)
    assert "no labels layer" in panel.status
    all_of_it(True)
    assert panel.status == ""

    show(viewer, [Volume(np.zeros((10, 12, 14), np.uint8), LPS, kind="labels")])
    panel.seg.value = viewer.layers[2]
    panel.layer.value = viewer.layers[0]
    label(True)
    settle(lambda: bool(panel.status))
    assert panel.failed
    panel.seg.value.data = np.ones_like(panel.seg.value.data)
    label(True)
    assert panel.status == ""

    panel.crop()
    assert "10 × 12 × 14" in panel.status
    panel.layer.value = viewer.layers[1]
    assert panel.status == ""
    panel.close()


@pytest.mark.parametrize("hides", [True, False])
def test_one_tick_hides_the_source_in_all_that_make_a_layer(hides: bool) -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((5, 6, 7))])
    for made in (CropWidget, ReorientWidget, ResampleWidget, ValuesWidget):
        panel: Any = made(viewer)
        assert panel.hide_source.value
        panel.layer.value, panel.hide_source.value = layer, hides
        layer.visible = True
        before = len(viewer.layers)
        panel.run.changed.emit(True)
        settle(lambda: len(viewer.layers) > before)  # noqa: B023 - it is called here
        assert layer.visible != hides, made
        panel.close()


@pytest.mark.parametrize(
    ("at", "value", "why"), [((0, 0), 10, "is empty"), ((2, 1), 90, "reaches beyond")]
)
def test_a_box_that_cannot_be_is_said_and_adds_no_layer(
    at: tuple[int, int], value: int, why: str
) -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((10, 12, 14))])
    panel = CropWidget(viewer)
    panel.voxels[at[0]][at[1]].value = value
    panel.crop()
    assert why in panel.status
    assert why in panel.reading.text()
    assert len(viewer.layers) == 1
    panel.close()


def test_fits_to_a_label_to_another_layer_and_to_what_is_no_air() -> None:
    viewer = ViewerModel()
    values = np.zeros((20, 20, 20), np.int16)
    values[3:9, 4:10, 5:11] = 500
    seg = np.zeros((20, 20, 20), np.uint8)
    seg[10:12, 10:12, 10:12] = 4
    small = numbered((4, 4, 4), affine=LPS @ _moved(6, 7, 8))
    image, labels, other = show(
        viewer, [Volume(values, LPS), Volume(seg, LPS, kind="labels"), small]
    )
    viewer.layers.selection.active = image
    panel = CropWidget(viewer)
    panel.margin.value = 0
    panel.seg.value, panel.value.value, panel.other.value = labels, 4, other

    panel.fit_to_content()
    settle(lambda: panel.box == Box((3, 4, 5), (9, 10, 11)))
    assert panel.box == Box((3, 4, 5), (9, 10, 11))
    panel.fit_to_label()
    settle(lambda: panel.box == Box((10, 10, 10), (12, 12, 12)))
    assert panel.box == Box((10, 10, 10), (12, 12, 12))
    panel.fit_to_other()
    assert panel.box == Box((6, 7, 8), (10, 11, 12))

    viewer.layers.selection = {image, labels}
    panel.which.value = SELECTED
    panel.crop()
    assert [mv.volume_of(one).shape for one in viewer.layers[-2:]] == [(4, 4, 4)] * 2
    panel.close()


def test_the_angle_of_a_turned_grid_is_read_out_and_of_no_other() -> None:
    viewer = ViewerModel()
    straight = [
        numbered((20, 20, 20), affine=LPS),
        numbered((9, 9, 9), affine=LPS @ np.diag([2, 2, 2, 1])),
    ]
    show(viewer, [*straight, numbered((20, 20, 20), affine=rotated(LPS, 12, (0, 0, 1)))])
    viewer.layers.selection.active = viewer.layers[0]
    panel = CropWidget(viewer)
    for layer in viewer.layers:
        layer.visible = True

    panel.which.value = VISIBLE

    told = panel.reading.text().splitlines()
    assert [line for line in told if "turned" in line] == [
        "turned by 12.0°: holds the whole box, and more around its corners"
    ]
    assert told[-1].startswith("turned")
    panel.close()


def test_what_the_canvas_shows_is_a_box() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((40, 40, 20), affine=affine_along("LPS", (1, 1, 1), (0, 0, 0)))])
    panel = CropWidget(viewer)
    viewer.canvas.size = (200, 100)
    viewer.scene.camera.zoom = 10.0
    viewer.scene.camera.center = (0, 20.0, 20.0)
    panel.fit_to_field()
    # 20 mm down, 10 mm along the screen, round voxel (20, 20).
    assert panel.box.shape == (10, 20, 20) if panel.box else False
    assert panel.box.start == (15, 10, 0)
    panel.close()


def test_both_conventions_give_the_same_axes() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((5, 6, 7), affine=LPS)])
    panel = ReorientWidget(viewer)
    panel.sense.value, panel.code.value = FROM, "ASL"
    assert "“to” PIR = ITK-SNAP “from” ASL" in panel.both.text()
    settle(lambda: bool(panel.after.planes))
    assert (panel.before.planes[0].right, panel.before.planes[0].top) == ("L", "P")
    assert (panel.after.planes[0].right, panel.after.planes[0].top) == ("P", "I")
    panel.reorient()

    made = mv.volume_of(viewer.layers[-1])
    expected = nib.Nifti1Image(mv.volume_of(layer).data, LPS)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(LPS), nib.orientations.axcodes2ornt("PIR")
    )
    expected = expected.as_reoriented(turn)
    np.testing.assert_array_equal(made.data, np.asarray(expected.dataobj))
    np.testing.assert_allclose(made.affine, expected.affine)
    panel.close()


def test_relabelling_needs_a_tick_and_a_code_that_is_one() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((5, 6, 7), affine=LPS)])
    panel = ReorientWidget(viewer)
    panel.code.value = "RRA"
    assert "'RRA'" in panel.status
    panel.reorient()
    assert len(viewer.layers) == 1
    panel.what.value, panel.code.value = RELABEL, "LAS"
    assert "color" in panel.warning.styleSheet()
    assert not panel.run.enabled
    assert "Tick" in panel.run.tooltip
    panel.reorient()
    assert "Tick" in panel.status
    assert len(viewer.layers) == 1
    panel.sure.value = True
    assert panel.run.enabled
    assert panel.status == ""
    panel.reorient()
    assert mv.volume_of(viewer.layers[-1]).axcodes == "LAS"
    assert not panel.sure.value
    panel.close()


def test_relabelling_says_what_an_oblique_scan_loses() -> None:
    viewer = ViewerModel()
    show(viewer, [numbered((5, 6, 7), affine=LPS), numbered((5, 6, 7), affine=rotated(LPS, 15))])
    panel = ReorientWidget(viewer)
    panel.what.value, panel.layer.value = RELABEL, viewer.layers[1]
    lost = mv.volume_of(viewer.layers[1]).obliquity
    assert f"lies askew by {np.max(lost):.1f}°: that is lost" in panel.warning.text()

    panel.layer.value = viewer.layers[0]
    assert "askew" not in panel.warning.text()
    panel.close()


def test_the_matrix_of_the_header_is_chosen_and_the_qform_forgotten(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), None)
    sform, qform = affine_along("LAS"), affine_along("LAS", origin=(1, 2, 3))
    image.set_sform(sform, 1)
    image.set_qform(qform, 1)
    nib.save(image, tmp_path / "a.nii")
    viewer = ViewerModel()
    (layer,) = mv.open(viewer, tmp_path / "a.nii")
    panel = ReorientWidget(viewer)
    panel.form.value = "qform"

    panel.use_form()
    np.testing.assert_allclose(mv.volume_of(viewer.layers[-1]).affine, qform)
    panel.layer.value = layer
    panel.unset_qform()
    mv.write(mv.volume_of(viewer.layers[-1]), tmp_path / "b.nii")
    back = nib.load(tmp_path / "b.nii")
    assert (int(back.header["qform_code"]), int(back.header["sform_code"])) == (0, 1)
    before, after = ((tmp_path / n).read_bytes() for n in ("a.nii", "b.nii"))
    assert [n for n in range(len(before)) if before[n] != after[n]] == [252]
    panel.close()


def _moved(*by: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix
