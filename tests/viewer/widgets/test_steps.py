"""Resample, Values and History: used as a person would, whatever is in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.processing import resample_from_to
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_medvol as mv
from napari_medvol import volume_of
from napari_medvol.budget import BUDGET
from napari_medvol.ops import apply
from napari_medvol.recipe import Recipe
from napari_medvol.viewer.derived import derive_layer
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.reorienting import forget_qform, place_by
from napari_medvol.viewer.widgets.history import HistoryWidget
from napari_medvol.viewer.widgets.resample import FACTORS, ONTO, SIZES, WORLD, ResampleWidget
from napari_medvol.viewer.widgets.stepping import SteppingPanel
from napari_medvol.viewer.widgets.values import ACTS, SPLIT, ValuesWidget
from napari_medvol.volume import Label, Step, Volume, Window
from tests.phantoms.volumes import affine_along
from tests.viewer.lives import leaves_nothing
from tests.viewer.scenes import (
    CT,
    ODD,
    PET,
    of_nibabel,
    scan,
    seg,
    settle,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("qapp")

WIDGETS = [ResampleWidget, ValuesWidget, HistoryWidget]


def wait(panel: SteppingPanel) -> None:
    wait_for(lambda: not panel.is_working)


def done(panel: SteppingPanel) -> Any:
    """Press the button, wait, and give the first layer that was made."""
    panel.run.changed.emit(True)
    wait(panel)
    return panel.made[0]


def use(panel: SteppingPanel) -> None:
    if isinstance(panel, ResampleWidget):
        for grid in (SIZES, FACTORS, ONTO, WORLD):
            panel.grid.value = grid
            panel.start()
            wait(panel)
        panel.grid.value = SIZES
        panel.make_isotropic()
        panel.zooms.value = "nonsense"
        panel.start()
    elif isinstance(panel, ValuesWidget):
        for act in ACTS:
            panel.act.value = act
            panel.preview()
            panel.start()
            wait(panel)
    elif isinstance(panel, HistoryWidget):
        panel.refresh()
        for _ in range(2):
            panel.undo()
        panel.redo()
        panel.copy("to_python")
        panel.copy("to_toml")
    settle()


@pytest.mark.parametrize("state", ODD)
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_whatever_is_in_the_viewer_nothing_but_a_word_comes_of_it(
    widget: type[SteppingPanel], state: str
) -> None:
    viewer = ViewerModel()
    ODD[state](viewer)
    panel = widget(viewer)

    use(panel)
    if state == "deleted layers":
        viewer.layers.clear()
        use(panel)

    panel.close()
    settle()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_opened_used_and_closed_often_it_leaves_nothing(
    make_napari_viewer: Callable[..., Any], widget: type[SteppingPanel], openings: int
) -> None:
    viewer = make_napari_viewer()
    show(viewer, [scan(), seg()])

    def briefly(panel: SteppingPanel) -> None:
        if isinstance(panel, ResampleWidget):
            panel.grid.value = FACTORS
        elif isinstance(panel, ValuesWidget):
            panel.act.value = "Clip"
        elif isinstance(panel, HistoryWidget):
            panel.refresh()

    leaves_nothing(viewer, widget, briefly, openings)


# Resample


def test_onto_the_grid_of_a_layer_is_what_nibabel_makes_and_undo_brings_the_layer_back() -> None:
    viewer = ViewerModel()
    smooth = np.add.outer(np.add.outer(np.arange(20.0), np.arange(22.0)), np.arange(12.0))
    pet = Volume(smooth, CT, name="PET")
    layer, grid = show(viewer, [pet, scan(PET, (9, 8, 7), name="grid")])
    panel = ResampleWidget(viewer)
    panel.layer.value = layer
    panel.grid.value, panel.other.value = ONTO, grid
    panel.blur.value = "0"

    made = done(panel)

    theirs = resample_from_to(of_nibabel(pet), ((9, 8, 7), PET), order=1, mode="constant")
    mine = np.asarray(volume_of(made).data)
    inside = resample_from_to(of_nibabel(Volume(smooth * 0 + 1, CT)), ((9, 8, 7), PET), order=1)
    whole = np.asarray(inside.dataobj) > 1 - 1e-9
    assert whole.sum() > 100
    np.testing.assert_allclose(mine[whole], np.asarray(theirs.dataobj)[whole], atol=1e-9)
    np.testing.assert_allclose(volume_of(made).affine, PET)
    assert not layer.visible
    history = HistoryWidget(viewer)
    history.undo()
    assert list(viewer.layers) == [layer, grid]
    assert layer.visible
    for one in (panel, history):
        one.close()


def test_isotropic_is_the_finest_side_and_factors_say_their_blur() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan()])
    panel = ResampleWidget(viewer)
    panel.make_isotropic()
    assert panel.zooms.value == "1"
    assert panel.about.text().startswith("20 × 22 × 12 → 20 × 22 × 24, 1 × 1 × 1 mm")

    panel.grid.value = FACTORS
    panel.factors.value = "4 4 4"
    assert panel.blur.value == "1.936 1.936 1.936"  # 0.5·√15
    panel.blur.value = "1.5"
    made = volume_of(done(panel))

    assert made.history[-1].op == "downsample"
    assert made.history[-1].params["blur"] == [1.5, 1.5, 1.5]
    again = apply(volume_of(layer), made.history)
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(made.data))
    np.testing.assert_allclose(made.affine @ [0, 0, 0, 1], CT @ [2, 2, 2, 1])
    assert made.zooms[:3] == pytest.approx((4, 4, 8))
    panel.close()


def test_an_oblique_scan_comes_to_lie_along_the_axes_of_its_world() -> None:
    viewer = ViewerModel()
    show(viewer, [scan(PET)])
    panel = ResampleWidget(viewer)
    panel.grid.value = WORLD

    assert volume_of(done(panel)).obliquity == pytest.approx(0, abs=1e-9)
    panel.close()


def test_two_hundred_gigabytes_are_refused_with_the_number_before_they_are_taken() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan()])
    panel = ResampleWidget(viewer)
    panel.zooms.value = "0.0036 0.0036 0.0072"

    assert "GiB, more than the" in panel.about.text()
    assert not panel.run.enabled
    panel.start()
    wait(panel)

    needed = round(20 / 0.0036) * round(22 / 0.0036) * round(24 / 0.0072) * 2
    assert needed > 200e9
    assert needed > BUDGET.limit
    assert f"would take {needed / 2**30:.3g} GiB" in panel.status
    assert list(viewer.layers) == [layer]
    assert layer.visible
    panel.zooms.value = "0.0001"
    assert "PiB, more than the" in panel.about.text()
    panel.zooms.value = "2"
    assert panel.run.enabled
    panel.close()


def test_a_cancelled_one_leaves_the_layer_as_it_was() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan()])
    before = volume_of(layer)
    panel = ResampleWidget(viewer)
    panel.zooms.value = "0.1 0.1 0.2"
    panel.interpolation.value = "cubic"

    panel.start()
    assert panel.is_working
    panel.stop()
    wait(panel)

    assert panel.status == "Stopped; the layers are as they were."
    assert list(viewer.layers) == [layer]
    assert volume_of(layer) is before
    assert layer.visible
    panel.close()


def test_labels_keep_their_kind_names_and_values() -> None:
    viewer = ViewerModel()
    show(viewer, [seg()])
    panel = ResampleWidget(viewer)
    panel.interpolation.value = "majority"
    panel.zooms.value = "2"

    made = volume_of(done(panel))

    assert made.kind == "labels"
    assert set(np.unique(np.asarray(made.data))) == {0, 1, 4}
    assert made.labels == (Label(1, "liver"),)
    panel.close()


# Values


def values_of(viewer: Any, act: str) -> ValuesWidget:
    panel = ValuesWidget(viewer)
    panel.act.value = act
    return panel


def test_float32_of_int16_is_exact() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan()])
    panel = values_of(viewer, "Type of numbers")
    panel.preview()
    assert "nothing is lost" in panel.loss_said.text()

    made = volume_of(done(panel))

    assert made.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(made.data), np.asarray(volume_of(layer).data))
    panel.close()


def test_a_preset_is_baked_in_and_what_it_clips_is_said_first() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan(unit="HU")])
    values = np.asarray(volume_of(layer).data)
    panel = values_of(viewer, "Window baked in")
    panel.parts["preset"].value = next(  # type: ignore[attr-defined]
        w
        for w in panel.parts["preset"].choices
        if isinstance(w, Window) and w.width == 1800  # type: ignore[attr-defined]
    )
    panel.preview()
    assert panel.loss is not None
    assert panel.loss.clipped == int(((values < -500) | (values > 1299)).sum())

    made = volume_of(done(panel))

    assert made.dtype == np.uint8
    greys = np.rint((values.clip(-500, 1299) + 500) * (255 / 1799))
    np.testing.assert_array_equal(np.asarray(made.data), greys)
    assert made.history[-1].params == {"center": 400.0, "width": 1800.0}
    panel.close()


def test_frames_are_picked_shortened_averaged_and_split_with_their_time() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan(shape=(5, 6, 7, 4))])
    values = np.asarray(volume_of(layer).data)
    panel = values_of(viewer, "Range of frames")
    assert "t: 4 every 2.5 s" in panel.about.text()
    panel.parts["first"].value = 1  # type: ignore[attr-defined]
    part = volume_of(done(panel))
    assert part.zooms == pytest.approx((1, 1, 2, 2.5))
    np.testing.assert_array_equal(np.asarray(part.data), values[..., 1:])

    panel.layer.value = layer
    panel.act.value = "Over all frames"
    panel.parts["how"].value = "sd"  # type: ignore[attr-defined]
    sd = volume_of(done(panel))
    np.testing.assert_allclose(np.asarray(sd.data), values.std(axis=3), rtol=1e-6)

    panel.layer.value = layer
    panel.act.value = SPLIT
    done(panel)
    assert len(panel.made) == 4
    assert panel.status.startswith("4 layers were made")
    np.testing.assert_array_equal(np.asarray(volume_of(panel.made[2]).data), values[..., 2])
    panel.close()


def test_a_slab_goes_across_the_plane_that_is_named_whatever_the_voxel_axes() -> None:
    viewer = ViewerModel()
    volume = scan(affine_along("SRA", (1.0, 2.0, 3.0)))
    show(viewer, [volume])
    panel = values_of(viewer, "Thick slabs")
    panel.parts["slab_how"].value = "max"  # type: ignore[attr-defined]
    panel.parts["n"].value = 20  # type: ignore[attr-defined]

    made = volume_of(done(panel))

    assert made.shape == (1, 22, 12)  # axial: across S, the first voxel axis
    np.testing.assert_array_equal(np.asarray(made.data)[0], np.asarray(volume.data).max(axis=0))
    panel.close()


def test_labels_of_an_image_lie_where_it_lies() -> None:
    viewer = ViewerModel()
    show(viewer, [Volume(np.asarray(seg().data), PET, name="mask")])

    made = volume_of(done(values_of(viewer, "Image ↔ labels")))

    assert made.kind == "labels"
    np.testing.assert_array_equal(made.affine, PET)


# History


def test_the_history_is_copied_saved_and_done_to_another(tmp_path: Path) -> None:
    viewer = ViewerModel()
    mv.write(scan(), tmp_path / "ct.nii")
    (layer,) = mv.open(viewer, tmp_path / "ct.nii")
    steps = [
        Step("crop", {"start": (1, 1, 1), "stop": (9, 9, 9)}),
        Step("astype", {"dtype": "float32"}),
    ]
    made = derive_layer(viewer, layer, steps)
    panel = HistoryWidget(viewer)
    panel.layer.value = made
    assert [panel.steps.item(row, 0).text() for row in range(2)] == ["crop", "astype"]
    assert "start (1, 1, 1)" in panel.steps.item(0, 1).text()
    changed = {
        panel.changes.item(row, 0).text(): panel.changes.item(row, 2).text()
        for row in range(panel.changes.rowCount())
    }
    assert any("float32" in value for value in changed.values())

    panel.copy("to_python")
    script: dict[str, Any] = {}
    exec(QApplication.clipboard().text(), script)
    np.testing.assert_array_equal(
        np.asarray(script["volume"].data), np.asarray(volume_of(made).data)
    )
    panel.save_recipe(tmp_path / "steps.toml")
    assert [step.op for step in Recipe.load(tmp_path / "steps.toml").steps] == ["crop", "astype"]
    viewer.layers.selection = {layer}
    panel.apply_recipe(tmp_path / "steps.toml")
    wait(panel)

    again = volume_of(panel.made[0])
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert np.asarray(again.data).tobytes() == np.asarray(volume_of(made).data).tobytes()
    assert panel.undo_last.enabled
    panel.close()


def test_how_a_scan_was_read_is_the_first_line_and_can_be_copied_alone(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1, 2, 3, 1]))
    image.set_qform(np.diag([1, 2, 3, 1]), 1)
    nib.save(image, tmp_path / "a.nii")
    viewer = ViewerModel()
    (layer,) = mv.open(viewer, tmp_path / "a.nii")
    panel = HistoryWidget(viewer)
    assert not panel.python.enabled

    placed = place_by(viewer, layer, "pixdim")
    panel.layer.value = placed
    assert (panel.steps.rowCount(), panel.steps.item(0, 0).text()) == (1, "read")
    assert "form pixdim" in panel.steps.item(0, 1).text()
    assert panel.python.enabled
    assert panel.toml.enabled
    assert panel.save.enabled
    panel.copy("to_python")
    script: dict[str, Any] = {}
    exec(QApplication.clipboard().text(), script)
    np.testing.assert_array_equal(script["volume"].affine, volume_of(placed).affine)

    panel.layer.value = forget_qform(viewer, placed)
    steps = [panel.steps.item(row, 0).text() for row in range(panel.steps.rowCount())]
    assert steps == ["read", "forget qform"]
    panel.close()


def test_a_bad_recipe_is_said_and_changes_nothing(tmp_path: Path) -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan()])
    (tmp_path / "bad.toml").write_text('[[step]]\nop = "explode"\n', encoding="utf-8")
    panel = HistoryWidget(viewer)

    panel.apply_recipe(tmp_path / "bad.toml")
    wait(panel)
    assert "no operation has this name" in panel.status
    panel.apply_recipe(tmp_path / "missing.toml")

    assert "cannot be read" in panel.status
    assert list(viewer.layers) == [layer]
    panel.close()


def test_control_z_undoes_while_the_panel_has_the_focus(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer(show=True)
    (layer,) = show(viewer, [scan()])
    made = derive_layer(viewer, layer, [Step("orient", {"axcodes": "RAS"})])
    panel = HistoryWidget(viewer)
    viewer.window.add_dock_widget(panel, name="History")
    panel.steps.setFocus()
    viewer.window._qt_window.activateWindow()
    QTest.qWait(50)

    QTest.keyClick(panel.steps, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    assert made not in viewer.layers
    assert panel.status == "Undone: CT · RAS"
    assert panel.redo_last.enabled
