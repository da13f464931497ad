"""Align: a scan moved by every means, shown at its place, kept, baked, undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol import volume_of
from napari_medvol.affines import apply_affine, corner_displacement
from napari_medvol.formats.transforms import read_transform
from napari_medvol.ops.move import centre_of, move
from napari_medvol.viewer.aligning import Alignment, around, rotation
from napari_medvol.viewer.histories import redo, undo
from napari_medvol.viewer.laid import laid_of
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.ortho.cursor import cursor_of
from napari_medvol.viewer.overlaying import overlay
from napari_medvol.viewer.widgets.align import AlignWidget
from napari_medvol.volume import Step, Volume
from tests.phantoms.volumes import affine_along
from tests.viewer.hands import come_to_rest, look_at, pixel_of
from tests.viewer.hands import drag as drag_by_hand
from tests.viewer.lives import leaves_nothing, puts_up_with
from tests.viewer.scenes import (
    CT,
    ODD,
    PET,
    PLANES,
    blob,
    of_nibabel,
    scan,
    seen_off,
    seg,
    settle,
    wait_for,
)
from tests.viewer.scenes import around as lying_around

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def pair() -> Any:
    viewer = ViewerModel()
    fixed, moving = show(viewer, [scan(name="CT"), scan(PET, name="PET")])
    panel = AlignWidget(viewer)
    assert (panel.reference.value, panel.layer.value) == (fixed, moving)
    yield viewer, fixed, moving, panel
    panel.close()


def test_the_centres_of_the_course_in_the_widget(tmp_path: Path) -> None:
    full = np.diag([-0.9765625, 0.9765625, 2.0, 1.0])
    full[:3, 3] = 249.51171875, -33.01171875, -553.5
    part = full.copy()
    part[:3, 3] = apply_affine(full, (103, 160, 0))
    viewer = ViewerModel()
    volumes = [
        Volume(np.zeros((512, 512, 175), np.int8), full, name="full"),
        Volume(np.zeros((278, 180, 175), np.int8), part, name="crop"),
    ]
    show(viewer, volumes)
    panel = AlignWidget(viewer)
    assert centre_of(panel.alignment().volume).tolist() == [13.671875, 210.640625, -379.5]

    panel.by_hand.align_centres()
    assert [box.value for box in panel.by_hand.shifts] == pytest.approx(
        [-13.67, 5.86, 0], abs=0.01
    )
    panel.apply()

    moved = volume_of(panel.layer.value)
    assert centre_of(moved).tolist() == [0, 216.5, -379.5]
    assert moved.history == (Step("align_centres", {"centre": [0.0, 216.5, -379.5]}),)
    napari_medvol.write(moved, tmp_path / "moved.nii")
    saved = nib.load(tmp_path / "moved.nii")
    middle = (np.array(saved.shape) - 1) / 2
    np.testing.assert_allclose(apply_affine(saved.affine, middle), (0, 216.5, -379.5), atol=1e-4)
    panel.close()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("laid", [False, True], ids=["layer", "overlay"])
def test_a_layer_that_is_turned_is_seen_where_it_went(plane: str, laid: bool) -> None:
    ras, shape = (26.0, 30.0, 16.0), (40, 44, 36)
    affine = lying_around(affine_along("RPI", (2.0, 2.0, 2.5)), ras, shape)
    viewer = ViewerModel()
    base, layer = show(viewer, [scan(affine, shape, name="base"), blob(affine, ras, shape)])
    layer.visible = True
    if laid:
        overlay(viewer, layer, base)
    alignment = Alignment(viewer, layer)
    turn = around((20, 25, 10), rotation((9, -14, 20)))

    alignment.move_to(turn)

    went = apply_affine(turn, ras)
    assert np.linalg.norm(went - ras) > 2
    assert np.abs(seen_off(viewer, layer, tuple(went), plane)).max() < 0.6
    np.testing.assert_allclose(volume_of(layer).affine, turn @ affine, atol=1e-9)


@pytest.mark.parametrize("kind", ["image", "labels", "4-D", "oblique", "a quarter turn"])
def test_reset_gives_back_the_very_scan(kind: str) -> None:
    volume = {
        "labels": seg(),
        "4-D": scan(shape=(8, 9, 10, 3)),
        "oblique": scan(PET),
    }.get(kind, scan())
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])
    before = volume_of(layer)
    shown = np.asarray(layer.data), layer.scale.copy(), layer.translate.copy()
    alignment = Alignment(viewer, layer)

    alignment.turn_to((5, 6, 90 if kind == "a quarter turn" else 7), (1, 2, 3))
    alignment.shift((10, 20, 30))
    moved = volume_of(layer)
    assert corner_displacement(moved.affine, before.affine, before.shape) > 5
    np.testing.assert_array_equal(np.asarray(moved.data), np.asarray(before.data))
    assert alignment.angles == pytest.approx([5, 6, 90 if kind == "a quarter turn" else 7])
    alignment.reset()

    assert volume_of(layer) is before
    np.testing.assert_array_equal(np.asarray(layer.data), shown[0])
    np.testing.assert_array_equal(layer.scale, shown[1])
    np.testing.assert_array_equal(layer.translate, shown[2])


def test_numbers_move_and_turn_about_the_cursor(pair: Any) -> None:
    viewer, _, layer, panel = pair
    before = volume_of(layer)
    cursor_of(viewer).move_to(np.add(centre_of(before), (3, 1, -2)))
    stays = np.array(cursor_of(viewer).ras)

    panel.by_hand.turns[2].value = 20

    matrix = panel.alignment().matrix
    np.testing.assert_allclose(apply_affine(matrix, stays), stays, atol=1e-9)
    np.testing.assert_allclose(matrix, around(stays, rotation((0, 0, 20))), atol=1e-9)
    here = panel.alignment().offset
    panel.by_hand.shifts[0].value = here[0] + 12.5
    np.testing.assert_allclose(panel.alignment().offset, np.add(here, (12.5, 0, 0)), atol=0.01)
    assert panel.by_hand.turns[2].value == pytest.approx(20)
    assert volume_of(layer).history[-1].op == "move"
    assert "0.939693" in panel.found.text()
    panel.by_hand.reset()
    assert [box.value for box in (*panel.by_hand.shifts, *panel.by_hand.turns)] == [0] * 6
    assert volume_of(layer) is before


def test_origin_is_typed(pair: Any) -> None:
    panel = pair[3]

    panel.by_hand.origin.value = "1.5, -2 3"
    panel.by_hand.set_origin()
    panel.apply()

    moved = volume_of(panel.layer.value)
    assert moved.affine[:3, 3].tolist() == pytest.approx([1.5, -2, 3])
    assert moved.history[-1].op == "set_origin"
    panel.by_hand.origin.value = "1, two, 3"
    panel.by_hand.set_origin()
    assert "not three numbers" in panel.status


def mouse(kind: str, position: Any, keys: tuple[str, ...]) -> Any:
    told = SimpleNamespace(
        type=kind,
        position=tuple(position),
        pos=(0, 0),
        button=1,
        modifiers=list(keys),
        handled=False,
        is_dragging=kind == "mouse_move",
        view_direction=None,
    )
    return ReadOnlyWrapper(told, exceptions=("handled",))


def drag(viewer: ViewerModel, points: list[Any], *keys: str) -> None:
    """Drag between points of the patient."""
    places = [napari_medvol.from_ras(viewer, point) for point in points]
    mouse_press_callbacks(viewer, mouse("mouse_press", places[0], keys))
    for place in places[1:]:
        mouse_move_callbacks(viewer, mouse("mouse_move", place, keys))
    mouse_release_callbacks(viewer, mouse("mouse_release", places[-1], keys))


@pytest.mark.parametrize(("plane", "axis"), [("axial", 2), ("coronal", 1), ("sagittal", 0)])
def test_the_mouse_moves_and_turns_in_the_plane(pair: Any, plane: str, axis: int) -> None:
    viewer, _, layer, panel = pair
    viewer.dims.order = PLANES[plane]
    here = np.array(cursor_of(viewer).ras)
    one, other = (np.eye(3)[a] for a in range(3) if a != axis)

    drag(viewer, [here, here + 4 * one, here + 7 * one - 2 * other], "Control")
    np.testing.assert_allclose(panel.alignment().offset, 7 * one - 2 * other, atol=1e-9)
    panel.by_hand.reset()
    # A quarter turn of the mouse about the cursor, from one axis to the other, in two moves.
    drag(
        viewer, [here + 9 * one, here + 9 * one + 9 * other, here + 9 * other], "Control", "Shift"
    )

    matrix = panel.alignment().matrix
    np.testing.assert_allclose(apply_affine(matrix, here), here, atol=1e-9)
    np.testing.assert_allclose(matrix[:3, :3] @ one, other, atol=1e-9)
    np.testing.assert_allclose(matrix[:3, axis], np.eye(3)[axis], atol=1e-9)
    assert viewer.scene.camera.mouse_pan
    assert any(abs(box.value) == pytest.approx(90) for box in panel.by_hand.turns)
    panel.by_hand.reset()
    before = volume_of(layer)
    drag(viewer, [here, here + 5 * one])
    panel.by_hand.drags.value = False
    drag(viewer, [here, here + 5 * one], "Control")
    assert volume_of(layer) is before


@pytest.mark.parametrize("where", ["axial", "coronal", "ortho"])
def test_a_hand_moves_and_turns_it_on_the_canvas_live_and_it_is_saved(
    make_napari_viewer: Callable[..., Any], where: str, tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    _, layer = show(viewer, [scan(name="CT"), scan(PET, name="PET")])
    layer.visible = True
    panel = AlignWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Align")
    model = viewer if where != "ortho" else napari_medvol.ortho_views(viewer).models["sagittal"]
    if model is viewer:
        viewer.dims.order = PLANES[where]
    come_to_rest(model)
    before = volume_of(layer)
    one, other = {"axial": (0, 1), "coronal": (0, 2), "ortho": (1, 2)}[where]
    here = np.array(centre_of(before))
    cursor_of(viewer).move_to(here)
    here = np.array(cursor_of(viewer).ras)
    right, up = 12 * np.eye(3)[one], 12 * np.eye(3)[other]
    look_at(model, here, here + right, 120)
    shown = viewer.screenshot(canvas_only=True, flash=False)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

    drag_by_hand(model, pixel_of(model, here), pixel_of(model, here + right), keys=control)
    np.testing.assert_allclose(panel.moving.offset, right, atol=0.15)
    assert [box.value for box in panel.by_hand.shifts] == pytest.approx(right, abs=0.15)
    assert volume_of(layer).affine[one, 3] == pytest.approx(before.affine[one, 3] + 12, abs=0.15)
    assert where == "ortho" or (shown != viewer.screenshot(canvas_only=True, flash=False)).any()
    panel.by_hand.reset()
    path = [pixel_of(model, here + by) for by in (right, right + up, up)]
    drag_by_hand(model, *path, keys=control | shift)

    matrix = panel.moving.matrix
    np.testing.assert_allclose(apply_affine(matrix, here), here, atol=1e-9)
    np.testing.assert_allclose(matrix[:3, one], np.eye(3)[other], atol=0.02)
    panel.files.save_file(tmp_path / "pose.tfm")
    sitk = pytest.importorskip("SimpleITK")
    saved = sitk.ReadTransform(str(tmp_path / "pose.tfm"))
    lps = np.diag([-1, -1, 1])
    # ITK's transform goes from the reference to what moves, in LPS.
    back = lps @ np.array(saved.TransformPoint((lps @ (here + up)).tolist()))
    np.testing.assert_allclose(apply_affine(matrix, back), here + up, atol=1e-6)
    panel.by_hand.reset()
    assert volume_of(layer) is before


def test_a_file_is_loaded_and_saved_and_what_is_wrong_leaves_the_layer(
    pair: Any, tmp_path: Path
) -> None:
    _, fixed, layer, panel = pair
    before = volume_of(layer)
    for name, text, why in (
        ("s.txt", "1 0 0 0\n0 0 0 0\n0 0 1 0\n0 0 0 1\n", "singular"),
        (
            "b.tfm",
            "#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\n"
            "Parameters: 0\nFixedParameters: 0\n",
            "bends",
        ),
        ("n.tfm", None, "No such file"),
    ):
        if text:
            (tmp_path / name).write_text(text)
        panel.files.load_file(tmp_path / name)
        assert why in panel.status
        assert volume_of(layer) is before
    (tmp_path / "flirt.mat").write_text("1 0 0 5\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    panel.reference.value = None
    panel.files.load_file(tmp_path / "flirt.mat")
    assert "the reference is missing" in panel.status
    assert volume_of(layer) is before
    panel.reference.value = fixed
    panel.files.load_file(tmp_path / "flirt.mat")
    expected = read_transform(tmp_path / "flirt.mat", moving=before, fixed=volume_of(fixed))
    np.testing.assert_allclose(volume_of(layer).affine, expected @ before.affine, atol=1e-9)

    for name in ("t.tfm", "t.txt", "t.lta", "t.xfm", "t.mat"):
        panel.files.save_file(tmp_path / name)
        assert panel.status == f"{name} is written"
        panel.by_hand.reset()
        panel.files.load_file(tmp_path / name)
        np.testing.assert_allclose(panel.alignment().matrix, expected, atol=1e-9)
    panel.files.kind.value = "fsl"
    assert "moving to fixed" in panel.files.says.value


def test_what_is_kept_is_undone_and_redone(pair: Any) -> None:
    viewer, fixed, layer, panel = pair
    before = volume_of(layer)
    overlay(viewer, layer, fixed, colormap="cool", opacity=0.3)
    before = volume_of(layer)
    panel.by_hand.shifts[1].value = 14

    panel.apply()

    kept = panel.layer.value
    moved = volume_of(kept)
    np.testing.assert_allclose(moved.affine[:3, 3] - before.affine[:3, 3], (0, 14, 0), atol=1e-9)
    assert layer not in viewer.layers
    assert laid_of(kept).opacity == 0.3
    assert not panel.keep.enabled
    undo(viewer)
    assert volume_of(layer) is before
    assert kept not in viewer.layers
    redo(viewer)
    assert volume_of(kept) is moved


def test_magnitude_and_phase_go_together_stay_together_and_come_back(tmp_path: Path) -> None:
    viewer = ViewerModel()
    values = np.random.default_rng(1).normal(size=(8, 9, 10, 2)).astype(np.float32)
    echo = Volume(values[..., 0] + 1j * values[..., 1], CT, name="echo")
    fixed, magnitude, phase = show(viewer, [scan(name="CT"), echo])
    panel = AlignWidget(viewer)
    panel.layer.value = phase

    panel.by_hand.shifts[0].value = 9
    for layer in (magnitude, phase):
        assert volume_of(layer).affine[0, 3] == pytest.approx(CT[0, 3] + 9)
    np.testing.assert_allclose(magnitude.extent.world, phase.extent.world)
    panel.apply()

    assert fixed is viewer.layers[0]
    kept = list(viewer.layers)[1:]
    assert [layer.name for layer in kept] == ["echo magnitude", "echo phase"]
    assert panel.layer.value is kept[1]
    assert volume_of(kept[0]) is volume_of(kept[1])
    kept[0].save(str(tmp_path / "moved.nii"), plugin="napari-medvol")
    back = nib.load(tmp_path / "moved.nii")
    shifted = CT.copy()
    shifted[0, 3] += 9
    np.testing.assert_allclose(back.affine, shifted, atol=1e-4)
    np.testing.assert_allclose(np.asarray(back.dataobj), echo.data, atol=1e-6)
    undo(viewer)
    assert list(viewer.layers) == [fixed, magnitude, phase]
    assert volume_of(magnitude) is volume_of(phase) is echo
    redo(viewer)
    assert list(viewer.layers) == [fixed, *kept]
    panel.close()


def test_baking_gives_the_grid_of_the_reference_and_puts_the_layer_back(pair: Any) -> None:
    viewer, fixed, layer, panel = pair
    before = volume_of(layer)
    panel.by_hand.shifts[0].value = 3
    moved = volume_of(layer)

    panel.resample()
    wait_for(lambda: len(viewer.layers) == 3)

    baked = volume_of(panel.layer.value)
    np.testing.assert_array_equal(baked.affine, volume_of(fixed).affine)
    assert baked.shape == volume_of(fixed).shape
    assert [step.op for step in baked.history] == ["move", "resample"]
    from nibabel.processing import resample_from_to

    image = of_nibabel(moved)
    onto = (baked.shape, volume_of(fixed).affine)
    expected = np.asarray(resample_from_to(image, onto, order=1).dataobj)
    inner = (expected != 0) & (np.asarray(baked.data) != 0)
    assert inner.sum() > 200
    np.testing.assert_allclose(np.asarray(baked.data)[inner], expected[inner], atol=0.51)
    assert volume_of(layer) is before
    assert not layer.visible


def parts(affine: Any, shape: tuple[int, int, int], name: str) -> Volume:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    at = apply_affine(affine, index)
    values = np.random.default_rng(1).normal(0, 3, shape).astype(np.float32)
    for centre, radii, value in (((0, 0, 0), (40, 50, 35), 100), ((12, 15, 5), (12, 9, 14), 500)):
        values[(((at - centre) / np.array(radii)) ** 2).sum(axis=-1) <= 1] += value
    return Volume(values, affine, name=name)


@pytest.fixture
def heads() -> Any:
    pytest.importorskip("SimpleITK")
    shape = (56, 64, 40)
    affine = affine_along("LPS", (2.0, 2.0, 2.5), (55, 63, -49))
    true = parts(affine, shape, "moving")
    away = np.array(around((0, 0, 0), rotation((3, -2, 5))))
    away[:3, 3] += (6, -7, 4)
    viewer = ViewerModel()
    _, layer = show(viewer, [parts(affine, shape, "fixed"), move(true, away)])
    panel = AlignWidget(viewer)
    yield layer, panel, true
    panel.close()


def test_registration_runs_beside_the_window_and_is_drawn(heads: Any) -> None:
    layer, panel, true = heads

    panel.start()
    assert panel.cancel.enabled
    gaps, last = [], time.monotonic()
    while panel._task.is_alive():
        QApplication.processEvents()
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
        time.sleep(0.002)
    wait_for(lambda: not panel.cancel.enabled)

    moved = volume_of(layer)
    assert corner_displacement(moved.affine, true.affine, true.shape) < 2
    assert moved.history[-1].op == "move"
    assert max(gaps) < 1.0
    assert len(panel.registration.plot.points) > 10
    assert panel.registration.plot.words.startswith("mutual information")
    assert not panel.registration.plot.grab().isNull()
    assert "mutual information" in panel.status


def test_a_cancelled_registration_leaves_the_layer(heads: Any) -> None:
    layer, panel, _ = heads
    before = volume_of(layer)

    panel.start()
    task = panel._task
    wait_for(lambda: panel.registration.points)
    panel.stop()
    wait_for(lambda: not task.is_alive())
    settle(0.3)

    assert volume_of(layer) is before
    assert "cancelled" in panel.status
    assert not panel.cancel.enabled


def test_closing_while_it_registers_ends_it(heads: Any) -> None:
    _, panel, _ = heads

    panel.start()
    task = panel._task
    panel.close()

    wait_for(lambda: not task.is_alive())


def test_without_simpleitk_the_widget_says_what_to_install(
    pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    _, _, layer, panel = pair
    before = volume_of(layer)

    panel.start()

    assert 'pip install "napari-medvol[registration]"' in panel.status
    assert volume_of(layer) is before


def test_what_somebody_else_did_to_the_layer_is_where_it_begins(pair: Any) -> None:
    _, _, layer, panel = pair
    panel.by_hand.shifts[0].value = 5
    layer.translate = np.add(layer.translate, (0, 0, 7))
    before = volume_of(layer)

    panel.by_hand.shifts[0].value = 2

    np.testing.assert_allclose(
        volume_of(layer).affine[:3, 3] - before.affine[:3, 3], (2, 0, 0), atol=1e-6
    )


def use(panel: AlignWidget) -> None:
    panel.by_hand.align_centres()
    panel.by_hand.shifts[0].value = panel.by_hand.shifts[0].value + 4
    panel.by_hand.turns[1].value = 10
    panel.by_hand.set_origin()
    panel.by_hand.drags.value = False
    panel.by_hand.drags.value = True
    panel.by_hand.reset()
    panel.by_hand.shifts[2].value = 6
    panel.apply()
    panel.resample()
    settle(0.1)
    panel.native.grab()


@pytest.mark.parametrize("state", ODD)
def test_whatever_is_in_the_viewer_nothing_but_a_word_comes_of_it(state: str) -> None:
    puts_up_with(state, AlignWidget, use)


@pytest.mark.timeout(240)
def test_opened_used_and_closed_often_it_leaves_nothing(
    make_napari_viewer: Callable[..., Any], openings: int
) -> None:
    viewer = make_napari_viewer()
    show(viewer, [scan(name="CT"), scan(PET, name="PET")])

    def briefly(panel: AlignWidget) -> None:
        panel.by_hand.align_centres()
        panel.by_hand.turns[0].value = 5
        panel.by_hand.reset()

    leaves_nothing(viewer, AlignWidget, briefly, openings)
