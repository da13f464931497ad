"""Computed voxels in the space of their scan."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from napari.components import ViewerModel

import napari_medvol as mv
from napari_medvol.affines import apply_affine
from napari_medvol.errors import StepError
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.dicom import write_series
from tests.phantoms.volumes import affine_along, numbered, rotated

SPACES = {
    "RAS": affine_along("RAS"),
    "PIR": affine_along("PIR"),
    "oblique": rotated(affine_along("LAS"), 15),
}
#: What belongs to the stored numbers, not to the scan.
STORED = {"scl_slope", "scl_inter", "vox_offset", "datatype", "bitpix"}


def saved_image(
    path: Path, affine: np.ndarray, shape: tuple[int, ...] = (5, 6, 7)
) -> nib.Nifti1Image:
    image = nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)
    image.set_sform(affine, 2)
    image.set_qform(affine, 1)
    image.header["descrip"] = b"made by a scanner"
    image.header["cal_max"] = 99
    image.header["intent_name"] = b"T1"
    image.header.set_xyzt_units("mm", "sec")
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    nib.save(image, path)
    return nib.load(path)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_a_volume_keeps_its_header_as_nibabel_keeps_it(
    space: str, dtype: type, tmp_path: Path
) -> None:
    image = saved_image(tmp_path / "a.nii", SPACES[space])
    (scan,) = mv.read(tmp_path / "a.nii")
    values = (np.asarray(image.dataobj) % 13 * 3).astype(dtype)
    theirs = image.__class__(values, image.affine, image.header)
    theirs.set_data_dtype(dtype)

    made = mv.like(scan, values)
    mv.write(made, tmp_path / "ours.nii")

    nib.save(theirs, tmp_path / "theirs.nii")
    ours, theirs = nib.load(tmp_path / "ours.nii"), nib.load(tmp_path / "theirs.nii")
    np.testing.assert_array_equal(ours.get_fdata(), theirs.get_fdata())
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert ours.get_data_dtype() == theirs.get_data_dtype() == dtype
    for field in set(theirs.header) - STORED:
        np.testing.assert_array_equal(ours.header[field], theirs.header[field], err_msg=field)
    assert [one.get_content() for one in ours.header.extensions][:1] == [b"kept"]
    assert made.history[-1].op == "edit"
    assert made.header == scan.header


@pytest.mark.parametrize("space", SPACES)
def test_a_layer_of_computed_voxels_lies_where_its_source_lies(space: str) -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((9, 10, 8), np.float32, SPACES[space])])

    made = viewer.add_layer(mv.like(layer, np.asarray(layer.data) * 2, name="twice"))

    point = mv.from_ras(viewer, apply_affine(SPACES[space], (4, 5, 3)))
    assert made.name == "twice"
    value = layer.get_value(point, world=True)
    assert value > 0
    assert made.get_value(point, world=True) == pytest.approx(2 * value)
    np.testing.assert_allclose(made.extent.world, layer.extent.world)
    assert mv.volume_of(made).header == mv.volume_of(layer).header
    if space != "oblique":
        np.testing.assert_allclose(mv.volume_of(made).affine, SPACES[space])
        np.testing.assert_array_equal(mv.volume_of(made).data, mv.volume_of(layer).data * 2)


def test_an_oblique_layer_on_its_own_grid_gives_its_own_voxels() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((9, 10, 8), np.float32, SPACES["oblique"])])
    toggle(layer, 2)

    made = mv.volume_of(mv.like(layer, np.asarray(layer.data) + 1))

    np.testing.assert_allclose(made.affine, SPACES["oblique"])
    np.testing.assert_array_equal(made.data, mv.volume_of(layer).data + 1)


def test_a_layer_that_was_moved_and_one_of_others_are_sources_too() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((5, 6, 7))])
    layer.translate = np.add(layer.translate, (0, 0, 9))
    made = mv.like(layer, np.asarray(layer.data) + 1)
    np.testing.assert_allclose(mv.volume_of(made).affine, mv.volume_of(layer).affine)
    np.testing.assert_array_equal(mv.volume_of(made).data, mv.volume_of(layer).data + 1)

    theirs = viewer.add_image(np.arange(60.0).reshape(3, 4, 5), scale=(3, 2, 1), name="cells")
    made = viewer.add_layer(mv.like(theirs, theirs.data + 1))
    np.testing.assert_allclose(made.extent.world, theirs.extent.world)
    np.testing.assert_array_equal(np.asarray(made.data), theirs.data + 1)
    flat = viewer.add_image(np.arange(20.0).reshape(4, 5))
    assert mv.volume_of(mv.like(flat, flat.data)).shape == (5, 4, 1)


def test_axes_may_be_left_out_or_have_another_length() -> None:
    axes = (Axis("t", 2.5, "s", values=(1, 2, 3)),)
    scan = Volume(np.zeros((4, 5, 6, 3)), np.eye(4), axes, labels=(), unit="HU")

    assert mv.like(scan, np.ones((4, 5, 6))).axes == ()
    longer = mv.like(scan, np.ones((4, 5, 6, 8)))
    assert longer.axes == (Axis("t", 2.5, "s"),)
    assert longer.unit == "HU"
    colour = Volume(np.zeros((4, 5, 6, 3), np.uint8), np.eye(4), (Axis("rgb"),))
    assert mv.like(colour, np.ones((4, 5, 6))).axes == ()
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan])
    assert mv.volume_of(mv.like(layer, np.mean(layer.data, axis=0))).shape == (4, 5, 6)


def test_labels_of_an_image_have_its_place_and_nothing_of_its_values() -> None:
    scan = Volume(np.zeros((4, 5, 6)), np.eye(4), unit="HU")
    seg = mv.like(scan, np.ones((4, 5, 6), np.uint8), kind="labels", name="mask")
    assert (seg.kind, seg.unit, seg.name) == ("labels", "", "mask")
    named = Volume(np.zeros((4, 5, 6), int), np.eye(4), kind="labels", labels=(Label(1, "a"),))
    assert mv.like(named, np.ones((4, 5, 6), int)).labels == named.labels
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan])
    assert mv.like(layer, np.ones((6, 5, 4), np.uint8), kind="labels").selected_label == 1


@pytest.mark.parametrize("shape", [(6, 5, 4), (4, 5), (4, 5, 6, 2, 2)])
def test_another_shape_is_refused_with_both_named(shape: tuple[int, ...]) -> None:
    scan = Volume(np.zeros((4, 5, 6)), np.eye(4), name="CT")
    with pytest.raises(StepError, match="CT"):
        mv.like(scan, np.zeros(shape))
    viewer = ViewerModel()
    (layer,) = show(viewer, [scan])
    with pytest.raises(StepError, match=r"\(6, 5, 4\)"):
        mv.like(layer, np.zeros((4, 5, 6)))


def test_computed_voxels_of_a_series_become_a_series_of_the_same_study(tmp_path: Path) -> None:
    write_series(tmp_path / "in", np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8))
    (scan,) = mv.read(tmp_path / "in")

    mv.write(mv.like(scan, np.asarray(scan.data) + 7), tmp_path / "out")

    (back,) = mv.read(tmp_path / "out")
    np.testing.assert_array_equal(back.data, np.asarray(scan.data) + 7)
    np.testing.assert_allclose(back.affine, scan.affine)
    first, new = (
        pydicom.dcmread(sorted((tmp_path / name).rglob("*.dcm"))[0]) for name in ("in", "out")
    )
    assert new.StudyInstanceUID == first.StudyInstanceUID
    assert new.SeriesInstanceUID != first.SeriesInstanceUID
    assert back.frame_of_reference == scan.frame_of_reference
