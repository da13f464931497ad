"""The crop box dragged with the mouse, in the viewer and in the ortho views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from vispy.app import use_app
from vispy.scene import SceneCanvas

import napari_medvol
import napari_medvol as mv
from napari_medvol import affines
from napari_medvol.viewer import ortho
from napari_medvol.viewer.box.drawing import Outline
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.crop import CropWidget
from napari_medvol.views.boxes import Box
from tests.phantoms.volumes import affine_along, numbered, rotated
from tests.viewer.hands import Place, come_to_rest, drag, look_at, pixel_of, press_and_let_go
from tests.viewer.scenes import PLANES, settle

SEED = np.array(
    [
        [-0.9765625, 0, 0, 249.51171875],
        [0, 0.9765625, 0, -33.01171875],
        [0, 0, 2, -553.5],
        [0, 0, 0, 1],
    ]
)


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    return make_napari_viewer(show=True)


def opened(viewer: Any) -> CropWidget:
    panel = CropWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Crop")
    settle(0.05)
    return panel


def pixel(model: Any, panel: CropWidget, index: tuple[float, ...]) -> Place:
    """Where on the canvas a point of the layer's voxels is."""
    return pixel_of(model, place(panel, index))


def place(panel: CropWidget, index: Any) -> Any:
    return affines.apply_affine(panel.state.affine, index)


@pytest.mark.parametrize("plane", PLANES)
def test_a_corner_a_side_and_the_inside_are_dragged_in_every_plane(
    viewer: Any, plane: str
) -> None:
    show(viewer, [numbered((40, 44, 36), affine=affine_along("PIR", (1, 1.5, 2)))])
    panel = opened(viewer)
    viewer.dims.order = PLANES[plane]
    settle(0.05)
    centre = viewer.scene.camera.center
    # Voxel axes that this plane shows: i runs to P, j to I, k to R.
    a, b, across = {"axial": (0, 2, 1), "coronal": (1, 2, 0), "sagittal": (0, 1, 2)}[plane]
    low = [-0.5, -0.5, -0.5]
    low[across] = 0.0
    to = list(low)
    to[a], to[b] = 5.5, 7.5

    drag(viewer, pixel(viewer, panel, low), pixel(viewer, panel, to))

    start = [0, 0, 0]
    start[a], start[b] = 6, 8
    assert panel.box == Box(tuple(start), (40, 44, 36))

    side, to_side = list(to), list(to)
    side[a] = panel.state.shape[a] - 0.5
    side[b] = 20.0
    to_side[a], to_side[b] = side[a] - 10.2, 25.0
    drag(viewer, pixel(viewer, panel, side), pixel(viewer, panel, to_side))
    stop = [40, 44, 36]
    stop[a] -= 10
    assert panel.box == Box(tuple(start), tuple(stop))

    inside = [15.0, 15.0, 15.0]
    there = list(inside)
    there[a] += 3.9
    drag(viewer, pixel(viewer, panel, inside), pixel(viewer, panel, there))
    start[a] += 4
    stop[a] += 4
    assert panel.box == Box(tuple(start), tuple(stop))
    assert viewer.scene.camera.center == centre
    assert viewer.scene.camera.mouse_pan


def test_the_box_is_dragged_in_an_ortho_view_and_the_cursor_stays(viewer: Any) -> None:
    show(viewer, [numbered((40, 44, 36), affine=affine_along("LPS", (1, 1, 1)))])
    panel = opened(viewer)
    views = napari_medvol.ortho_views(viewer)
    model = views.models["coronal"]
    come_to_rest(model)
    at = views.ras

    drag(
        model,
        pixel(model, panel, (-0.5, 20, -0.5)),
        pixel(model, panel, (9.5, 20, 4.5)),
    )

    assert panel.box == Box((10, 0, 5), (40, 44, 36))
    assert views.ras == at
    # A click into the box goes where one beside it goes.
    there = pixel(model, panel, (20, 20, 20))
    drag(model, there, there)
    before = panel.box
    press_and_let_go(model, there)
    assert panel.box == before
    expected = affines.apply_affine(panel.state.affine, (20, 20, 20))
    np.testing.assert_allclose(views.ras, expected, atol=1.01)


def test_a_side_of_an_askew_box_moves_the_face_it_belongs_to(viewer: Any) -> None:
    affine = rotated(affine_along("LPS", (1, 1, 1)), 20, (0, 0, 1))
    show(viewer, [numbered((40, 44, 36), affine=affine)])
    panel = opened(viewer)
    look_at(viewer, place(panel, (39.5, 22, 18)), place(panel, (19.5, 22, 18)), 120)
    drag(
        viewer,
        pixel(viewer, panel, (39.5, 22, 18)),
        pixel(viewer, panel, (29.5, 22, 18)),
    )
    assert panel.box == Box((0, 0, 0), (30, 44, 36))


def box_pixels(viewer: Any) -> int:
    shot = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    yellow = (shot[..., 0] > 200) & (shot[..., 1] > 150) & (shot[..., 2] < 90)
    return int(yellow.sum())


def test_the_box_is_drawn_and_gone_when_the_widget_closes_and_is_never_a_layer(
    viewer: Any, tmp_path: Path
) -> None:
    (layer,) = show(viewer, [numbered((40, 44, 36))])
    assert box_pixels(viewer) == 0
    panel = opened(viewer)
    panel.state.box = Box((8, 8, 8), (30, 30, 30))
    settle(0.05)
    assert box_pixels(viewer) > 200
    assert list(viewer.layers) == [layer]
    viewer.dims.ndisplay = 3
    settle(0.2)
    assert box_pixels(viewer) > 50
    viewer.dims.ndisplay = 2
    panel.close()
    settle(0.05)
    assert box_pixels(viewer) == 0
    assert viewer.mouse_drag_callbacks == [] or all(
        "BoxOnCanvas" not in repr(one) for one in viewer.mouse_drag_callbacks
    )


@pytest.mark.usefixtures("qapp")
def test_a_canvas_that_qt_deleted_first_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a script ends with the window open."""
    canvas = SceneCanvas(app=use_app("pyqt6"), show=False)
    outline = Outline(canvas.central_widget.add_view().scene)
    touched: list[Any] = []
    monkeypatch.setattr(canvas, "update", lambda *_: touched.append(canvas))
    canvas.native.deleteLater()
    settle()

    outline.remove()
    assert touched == []


def test_the_seeds_crop_is_dragged_applied_saved_and_read_by_nibabel(
    viewer: Any, tmp_path: Path
) -> None:
    """FEATURES 71 to 74: the numbers of the seed, from a box that was dragged and typed."""
    rng = np.random.default_rng(4)
    values = np.zeros((512, 512, 175), np.uint8)
    values[100:390, 150:350] = rng.integers(0, 255, (290, 200, 1))
    image = nib.Nifti1Image(values, SEED)
    image.set_sform(SEED, 1)
    image.set_qform(SEED, 1)
    nib.save(image, tmp_path / "seed.nii")
    (layer,) = mv.open(viewer, tmp_path / "seed.nii")
    viewer.window.resize(1100, 900)
    panel = opened(viewer)
    viewer.reset_view()
    settle(0.05)

    for start, end in (
        ((-0.5, -0.5, 80), (102.5, 159.5, 80)),
        ((511.5, 511.5, 80), (380.5, 339.5, 80)),
    ):
        look_at(viewer, place(panel, start), place(panel, end), 400)
        drag(viewer, pixel(viewer, panel, start), pixel(viewer, panel, end))
    assert str(panel.box) == "103:381, 160:340, 0:175"
    panel.crop()

    assert "278 × 180 × 175" in panel.status
    saved = tmp_path / "out.nii"
    assert str(saved) in viewer.layers[-1].save(str(saved), plugin="napari-medvol")
    back, sliced = nib.load(saved), image.slicer[103:381, 160:340, :]
    assert back.shape == (278, 180, 175)
    np.testing.assert_array_equal(back.affine[:3, 3], (148.92578125, 123.23828125, -553.5))
    np.testing.assert_array_equal(back.affine, sliced.affine)
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(sliced.dataobj))
    assert (int(back.header["qform_code"]), int(back.header["sform_code"])) == (1, 1)
    np.testing.assert_allclose(
        mv.volume_of(viewer.layers[-1]).affine @ (0, 0, 0, 1), SEED @ (103, 160, 0, 1)
    )
    assert not layer.visible


REAL = {"oblique": "data/nii_CT_pitch/CT_pitch.nii.gz"}


def scan_file(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A phantom of which every voxel is its own, or a CT of a patient."""
    if kind in REAL:
        path = request.getfixturevalue("data") / REAL[kind]
        if not path.exists():
            pytest.skip(f"{path.name} is not among the real scans")
        return Path(path)
    affine = affine_along("LAS", (1.1, 1.2, 2.0))
    values = np.arange(60 * 70 * 40, dtype=np.int32).reshape(60, 70, 40)
    image = nib.Nifti1Image(values, affine)
    image.set_qform(affine, 1)
    nib.save(image, tmp_path / "phantom.nii")
    return tmp_path / "phantom.nii"


def drag_face(
    viewer: Any, model: Any, panel: CropWidget, shown: tuple[int, int], axis: int, border: int
) -> None:
    """Drag the start of the box along a voxel axis to a border, in a plane through its middle.

    Parameters
    ----------
    shown : two ints
        Axes of the patient, R A S, that the plane shows.
    """
    affine, box = panel.state.affine, panel.box
    middle = (np.add(box.start, box.stop) - 1) / 2
    middle[axis] = box.start[axis] - 0.5
    here = place(panel, middle)
    ortho.cursor_of(viewer).move_to(here)
    settle(0.05)
    index_per_mm = np.linalg.inv(affine)[axis, :3]
    along = max(shown, key=lambda world: abs(index_per_mm[world]))
    there = here.copy()
    there[along] += (border - box.start[axis]) / index_per_mm[along]
    look_at(model, here, there, 90)
    drag(model, pixel_of(model, here), pixel_of(model, there))


@pytest.mark.parametrize("kind", ["phantom", *REAL])
def test_what_is_dragged_in_any_view_is_saved_as_nibabel_slices_it(
    viewer: Any, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = scan_file(kind, tmp_path, request)
    image = nib.load(path)
    (layer,) = mv.open(viewer, path)
    panel = opened(viewer)
    views = napari_medvol.ortho_views(viewer)
    come_to_rest(viewer)
    come_to_rest(views.models["sagittal"])
    start = [0, 0, 0]
    # The voxel axes of all these scans run along R, A and S, nearly.
    for number, (plane, model, shown) in enumerate(
        (
            ("axial", viewer, (0, 1)),
            ("coronal", viewer, (0, 2)),
            ("sagittal", views.models["sagittal"], (1, 2)),
        )
    ):
        if model is viewer:
            viewer.dims.order = PLANES[plane]
            viewer.reset_view()
            settle(0.05)
        for axis in shown:
            start[axis] += 9 + axis
            drag_face(viewer, model, panel, shown, axis, start[axis])
            assert panel.box.start == tuple(start), plane

        panel.crop()
        saved = tmp_path / f"{number}.nii"
        viewer.layers[-1].save(str(saved), plugin="napari-medvol")

        back = nib.load(saved)
        expected = image.slicer[tuple(slice(n, None) for n in start)]
        assert back.shape == expected.shape
        np.testing.assert_allclose(back.affine, expected.affine, atol=1e-4)
        np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(expected.dataobj))
        assert back.get_data_dtype() == image.get_data_dtype()
        for code in ("qform_code", "sform_code"):
            assert int(back.header[code]) == int(image.header[code])
    assert panel.layer.value is layer
