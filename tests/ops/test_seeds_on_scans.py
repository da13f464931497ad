"""The course's rows on a real CT: the same, where nobody chose the numbers.

The rows are those of ``test_seeds``; the other side is nibabel, numpy and scipy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol import Step, Volume, apply

nib = pytest.importorskip("nibabel")

BOX = (slice(20, 70), slice(31, 90), slice(5, 26))
CROP = Step("crop", {"start": [b.start for b in BOX], "stop": [b.stop for b in BOX]})


@pytest.fixture(scope="module", params=["CT_pitch", "example_ct_sm"])
def path(data: Path, request: pytest.FixtureRequest) -> Path:
    """Return a CT that leans by 16.5°, and one with the codes of the course's."""
    found = data / f"data/nii_{request.param}/{request.param}.nii.gz"
    if not found.is_file():
        pytest.skip(f"no real CT: {found.name} is absent, set MEDVOL_DATA")
    return found


@pytest.fixture(scope="module")
def image(path: Path):
    """Return what nibabel makes of it."""
    return nib.load(path)


@pytest.fixture(scope="module")
def whole(path: Path) -> Volume:
    """Return what we make of it."""
    (volume,) = mv.read(path)
    return volume


def test_rows_71_72_74_the_crop_is_nibabels_and_stays_in_its_place(whole: Volume, image) -> None:
    theirs = image.slicer[BOX]

    ours = apply(whole, [CROP])

    np.testing.assert_array_equal(ours.data, theirs.dataobj)
    np.testing.assert_allclose(ours.affine, theirs.affine, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ours.affine[:3, :3], image.affine[:3, :3])
    start = [part.start for part in BOX]
    before, after = image.affine @ [*start, 1], ours.affine @ [0, 0, 0, 1]
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)
    assert np.abs(before - image.affine @ [0, 0, 0, 1]).max() > 10


def test_rows_73_76_codes_and_header_are_kept(whole: Volume, image, tmp_path: Path) -> None:
    mv.write(apply(whole, [CROP]), tmp_path / "cropped.nii")

    old, new = image.header, nib.load(tmp_path / "cropped.nii").header
    kept = ("sform_code", "qform_code", "xyzt_units", "intent_code", "descrip", "datatype")
    assert {name: old[name].tolist() for name in kept} == {n: new[n].tolist() for n in kept}
    moved = image.affine @ [*(part.start for part in BOX), 1]
    for coded, matrix in (("sform_code", new.get_sform()), ("qform_code", new.get_qform())):
        if int(old[coded]):
            np.testing.assert_allclose(matrix[:3, 3], moved[:3], atol=2e-4)
    assert int(old["sform_code"]) or int(old["qform_code"])


def test_row_75_the_source_cannot_be_changed_through_its_crop(whole: Volume, image) -> None:
    cropped = np.asarray(apply(whole, [CROP]).data)

    with pytest.raises(ValueError, match="read-only"):
        cropped[0, 0, 0] = 12345

    np.testing.assert_array_equal(whole.data[20, 31, :9], image.dataobj[20, 31, :9])


def test_row_78_centres_are_aligned_by_a_translation(whole: Volume, image) -> None:
    centre, theirs = (
        nib.affines.apply_affine(one.affine, (np.array(one.shape) - 1) / 2)
        for one in (image, image.slicer[BOX])
    )
    expected = image.slicer[BOX].affine.copy()
    expected[:3, 3] += centre - theirs

    made = apply(whole, [CROP, Step("align_centres", {"centre": centre.tolist()})])

    assert np.abs(centre - theirs).max() > 1
    np.testing.assert_allclose(made.affine, expected, atol=1e-9)
    np.testing.assert_array_equal(made.affine[:3, :3], image.affine[:3, :3])


def test_row_79_a_pose_goes_to_the_header_or_is_baked(whole: Volume, image) -> None:
    from scipy.ndimage import affine_transform

    values = np.asarray(image.slicer[BOX].dataobj, dtype=np.float32)
    grid = image.slicer[BOX].affine
    cos, sin = np.cos(np.radians(7)), np.sin(np.radians(7))
    pose = np.array([[cos, -sin, 0, 3], [sin, cos, 0, -4], [0, 0, 1, 5], [0, 0, 0, 1]])

    cropped = apply(whole, [CROP, Step("astype", {"dtype": "float32"})])
    header = apply(cropped, [Step("move", {"matrix": pose.tolist()})])
    baked = apply(header, [Step("resample", {"shape": values.shape, "affine": grid.tolist()})])

    np.testing.assert_allclose(header.affine, pose @ grid, atol=1e-9)
    np.testing.assert_array_equal(header.data, values)
    to_old = np.linalg.inv(pose @ grid) @ grid
    index = np.moveaxis(np.indices(values.shape), 0, -1)
    at = nib.affines.apply_affine(to_old, index)
    inside = ((at >= 0) & (at <= np.array(values.shape) - 1)).all(-1)
    assert inside.mean() > 0.2
    expected = affine_transform(values, to_old[:3, :3], to_old[:3, 3], order=1)
    # 5 hundredths of a HU.
    assert np.abs(np.asarray(baked.data) - expected)[inside].max() < 0.05


def test_row_82_codes_sizes_and_obliquity_are_nibabels(whole: Volume, image) -> None:
    assert whole.axcodes == "".join(nib.aff2axcodes(image.affine))
    np.testing.assert_allclose(whole.zooms, nib.affines.voxel_sizes(image.affine), rtol=1e-6)
    lean = np.degrees(nib.affines.obliquity(image.affine)).max()
    assert whole.obliquity == pytest.approx(lean, abs=1e-4)


def test_row_90_the_blur_of_one_and_a_half_voxels_is_scipys_to_the_border(
    whole: Volume, image
) -> None:
    from scipy.ndimage import gaussian_filter

    values = np.asarray(image.slicer[BOX].dataobj, dtype=np.float64)
    smooth = gaussian_filter(values, 1.5)[2::4, 2::4, 2::4]
    cropped = apply(whole, [CROP])
    seeds = {"factors": (4, 4, 4), "start": (2, 2, 2), "blur": (1.5, 1.5, 1.5)}

    made = apply(replace(cropped, data=values), [Step("downsample", seeds)])

    np.testing.assert_array_equal(made.data, smooth)
    origin = nib.affines.apply_affine(image.affine, [part.start + 2 for part in BOX])
    np.testing.assert_allclose(made.affine[:3, 3], origin, atol=1e-9)
