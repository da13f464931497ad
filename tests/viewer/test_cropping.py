"""Layers cropped in the patient, from a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

import napari_medvol as mv
from napari_medvol.errors import StepError
from napari_medvol.viewer.cropping import crop_layers
from napari_medvol.viewer.histories import redo, undo
from napari_medvol.viewer.opening import show
from napari_medvol.views.boxes import region_between
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, numbered, rotated


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


def test_a_view_by_default_and_a_copy_by_choice(model: ViewerModel) -> None:
    source = numbered((6, 7, 8))
    layers = show(model, [source])

    (view,) = crop_layers(model, layers, (1, 2, 3), (4, 5, 6))
    (own,) = crop_layers(model, layers, (1, 2, 3), (4, 5, 6), copy=True)

    assert np.shares_memory(view.data, source.data)
    assert not np.shares_memory(own.data, source.data)
    before = source.data.copy()
    mv.volume_of(own).data[:] = -7
    np.testing.assert_array_equal(source.data, before)
    assert mv.volume_of(view).history[-1].op == "crop"
    assert layers[0].visible


def test_history_header_looks_and_place_are_kept(model: ViewerModel) -> None:
    source = numbered((6, 7, 8), affine=rotated(affine_along("PIR"), 12))
    (layer,) = show(model, [source])
    layer.colormap, layer.contrast_limits, layer.opacity = "magma", (3, 77), 0.4

    (made,) = crop_layers(model, [layer], (1, 2, 3), (4, 6, 7), hide=True)

    volume = mv.volume_of(made)
    assert volume.header == source.header
    np.testing.assert_allclose(volume.affine @ (0, 0, 0, 1), source.affine @ (1, 2, 3, 1))
    assert (made.colormap.name, list(made.contrast_limits), made.opacity) == (
        "magma",
        [3, 77],
        0.4,
    )
    assert not layer.visible
    assert layer in model.layers


def test_several_layers_are_cropped_to_the_same_part_of_the_patient(model: ViewerModel) -> None:
    first = numbered((20, 20, 20), affine=affine_along("LPS", (1, 1, 1), (0, 0, 0)))
    second = numbered((10, 12, 14), affine=affine_along("RAS", (2, 2, 2), (-21, -21, -2)))
    layers = show(model, [first, second])

    one, two = crop_layers(model, layers, (4, 4, 4), (12, 12, 12))

    assert mv.volume_of(one).shape == (8, 8, 8)
    cropped = mv.volume_of(two)
    index = np.argwhere(np.ones(cropped.shape, bool))
    world = nib.affines.apply_affine(cropped.affine, index)
    region = np.abs(nib.affines.apply_affine(np.linalg.inv(first.affine), world) - 7.5)
    assert (region <= 4).all()
    assert cropped.shape == (4, 4, 4)


@pytest.mark.parametrize("degrees", [0.0, 8.0, 33.0])
def test_of_a_turned_grid_all_voxels_in_the_box_are_kept_and_none_is_made_up(
    model: ViewerModel, degrees: float
) -> None:
    ct = numbered((40, 40, 40), affine=affine_along("LPS", (1, 1, 1), (0, 0, 0)))
    grid = rotated(affine_along("RAI", (2, 2, 2), (-60, -60, 60)), degrees)
    pet = numbered((40, 40, 40), np.int32, grid)
    layers = show(model, [ct, pet])

    _, made = crop_layers(model, layers, (10, 12, 14), (24, 26, 28))

    cropped = mv.volume_of(made)
    index = np.argwhere(np.ones(pet.shape, bool))
    in_ct = nib.affines.apply_affine(np.linalg.inv(ct.affine) @ pet.affine, index)
    inside = ((in_ct > (9.5, 11.5, 13.5)) & (in_ct < (23.5, 25.5, 27.5))).all(axis=1)
    assert inside.sum() > 100
    assert np.isin(np.asarray(pet.data)[tuple(index[inside].T)], cropped.data).all()
    start = cropped.history[-1].params["start"]
    stop = cropped.history[-1].params["stop"]
    expected = nib.Nifti1Image(np.asarray(pet.data), pet.affine).slicer[
        tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    ]
    np.testing.assert_allclose(cropped.affine, expected.affine)
    np.testing.assert_array_equal(cropped.data, np.asarray(expected.dataobj))
    # No more than the turned box's own bounding box needs.
    sides = np.abs(np.linalg.inv(pet.affine)[:3, :3] @ ct.affine[:3, :3]) @ (14, 14, 14)
    assert (np.array(cropped.shape) <= sides + 1).all()


def test_four_axes_and_colours_stay_whole(model: ViewerModel) -> None:
    frames = Volume(
        np.arange(5 * 6 * 7 * 3, dtype=np.int16).reshape(5, 6, 7, 3),
        affine_along("LPS"),
        (Axis("t", 2.0, "s"),),
    )
    rgb = Volume(np.ones((5, 6, 7, 3), np.uint8), affine_along("LPS"), (Axis("rgb"),))
    made = crop_layers(model, show(model, [frames, rgb]), (1, 1, 1), (4, 4, 4))
    assert [mv.volume_of(one).shape for one in made] == [(3, 3, 3, 3), (3, 3, 3, 3)]
    assert mv.volume_of(made[0]).zooms[3] == 2.0
    assert mv.volume_of(made[1]).is_rgb


def test_what_cannot_be_cropped_adds_nothing(model: ViewerModel) -> None:
    near, far = numbered((5, 5, 5)), numbered((5, 5, 5), affine=affine_along("RAS") + _shift(900))
    layers = show(model, [near, far])
    for start, stop, why in (
        ((0, 0, 0), (0, 3, 3), "is empty"),
        ((0, 0, 0), (9, 3, 3), "beyond"),
        ((0, 0, 0), (3, 3, 3), "holds no voxel"),
    ):
        with pytest.raises(StepError, match=why):
            crop_layers(model, layers, start, stop)
    with pytest.raises(StepError, match="no layer"):
        crop_layers(model, [], (0, 0, 0), (1, 1, 1))
    with pytest.raises(StepError, match="no box"):
        crop_layers(model, layers)
    assert len(model.layers) == 2


def test_a_region_in_mm_crops_each_layer(model: ViewerModel) -> None:
    layers = show(model, [numbered((9, 9, 9), affine=np.eye(4))])
    (made,) = crop_layers(model, layers, region=region_between((1.6, 0.4, 2), (4.4, 9, 3)))
    assert mv.volume_of(made).shape == (3, 8, 1)


def test_a_real_ct_is_cropped_as_nibabel_slices_it(
    model: ViewerModel, data: Path, tmp_path: Path
) -> None:
    found = next(iter(sorted(data.rglob("CT_pitch.nii*"))), None)
    if found is None:
        pytest.skip("no CT as NIfTI among the real scans")
    (layer,) = mv.open(model, found)
    stop = tuple(n - n // 4 for n in mv.volume_of(layer).shape[:3])
    start = tuple(n // 3 for n in stop)
    (made,) = crop_layers(model, [layer], start, stop)
    mv.write(mv.volume_of(made), tmp_path / "cropped.nii")

    expected = nib.load(found).slicer[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    back = nib.load(tmp_path / "cropped.nii")
    np.testing.assert_allclose(back.affine, expected.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(expected.dataobj))


def _shift(by: float) -> np.ndarray:
    shift = np.zeros((4, 4))
    shift[:3, 3] = by
    return shift


def test_a_crop_is_undone_and_redone(model: ViewerModel) -> None:
    (layer,) = show(model, [numbered((6, 7, 8))])
    (made,) = crop_layers(model, [layer], (1, 1, 1), (3, 4, 5), hide=True)
    assert not layer.visible

    undo(model)
    assert made not in model.layers
    assert layer.visible

    redo(model)
    assert made in model.layers
    assert not layer.visible


def test_the_crops_of_several_layers_go_and_come_back_at_one_go(model: ViewerModel) -> None:
    first, other, seg = (numbered((6, 7, 8)) for _ in range(3))
    layers = show(model, [first, other, replace(seg, kind="labels")])
    made = crop_layers(model, layers, (1, 1, 1), (3, 4, 5))
    assert list(model.layers) == [*layers, *made]

    undo(model)
    assert list(model.layers) == layers

    layers[1].name = "renamed"
    model.layers.remove(layers[0])
    redo(model)
    assert list(model.layers) == [*layers[1:], *made]
    undo(model)
    assert set(model.layers) == set(layers)
    assert layers[1].name == "renamed"


def test_a_complex_scan_is_cropped_once_and_keeps_both_its_layers(model: ViewerModel) -> None:
    values = np.arange(210).reshape(5, 6, 7) * (1 + 1j)
    layers = show(model, [Volume(values, affine_along("LPS"), name="echo")])

    made = crop_layers(model, layers, (1, 1, 1), (4, 4, 4))

    assert [one.name for one in made] == ["echo magnitude · cropped", "echo phase · cropped"]
    assert mv.volume_of(made[0]) is mv.volume_of(made[1])
    np.testing.assert_array_equal(mv.volume_of(made[0]).data, values[1:4, 1:4, 1:4])
