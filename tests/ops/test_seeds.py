"""What a course on medical images does by hand with nibabel and numpy, number for number.

Each test names the row of this project's list of features. The other side is written as the
course writes it: nibabel's slicer and header, numpy, scipy; nothing of ours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol import Axis, Step, Volume, apply
from napari_medvol.errors import StepError
from napari_medvol.views.geometry_facts import decomposed

nib = pytest.importorskip("nibabel")

#: The course's CT: 512 × 512 × 175, LAS.
CT = np.array(
    [[-0.9765625, 0, 0, 249.51171875], [0, 0.9765625, 0, -33.01171875], [0, 0, 2, -553.5],
     [0, 0, 0, 1]]
)  # fmt: skip
BOX = {"start": (103, 160, 0), "stop": (381, 340, 175)}
TURN = np.array(
    [[1.9, -0.2, 0.1, -80], [0.25, 2.1, 0.2, -60], [-0.1, -0.2, 2.9, 30], [0, 0, 0, 1]]
)


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CT of the course's geometry and codes: sform aligned, qform unknown."""
    k, j, i = (axis.astype(np.int16) for axis in np.ogrid[:175, :512, :512])
    values = ((i * 3 + j * 5 - 1000) + k * 11).T
    image = nib.Nifti1Image(values, CT)
    image.set_sform(CT, 2)
    image.set_qform(None, 0)
    image.header["descrip"] = b"CT of the chest"
    image.header["cal_max"] = 1000
    image.header.set_xyzt_units("mm", "sec")
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kernel B31f"))
    path = tmp_path_factory.mktemp("seed") / "ct.nii"
    nib.save(image, path)
    return path


@pytest.fixture
def series() -> Volume:
    """Return an oblique series of 6 frames, every 2.5 s."""
    values = np.random.default_rng(5).integers(-500, 900, (11, 12, 13, 6)).astype(np.int16)
    return Volume(values, TURN, (Axis("t", 2.5, "s"),), name="BOLD")


def _image(volume: Volume):
    image = nib.Nifti1Image(np.asarray(volume.data), volume.affine)
    image.header.set_zooms(
        (*nib.affines.voxel_sizes(volume.affine), *(a.step for a in volume.axes))
    )
    return image


def test_row_71_the_crop_has_the_courses_shape_origin_and_voxels(seed: Path) -> None:
    theirs = nib.load(seed).slicer[103:381, 160:340, :]

    (ours,) = (apply(v, [Step("crop", BOX)]) for v in mv.read(seed))

    assert ours.shape == theirs.shape == (278, 180, 175)
    assert ours.affine[:3, 3].tolist() == [148.92578125, 123.23828125, -553.5]
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    np.testing.assert_array_equal(ours.data, theirs.dataobj)


def test_row_72_the_first_voxel_of_the_crop_lies_where_it_lay(seed: Path) -> None:
    (whole,) = mv.read(seed)
    cropped = apply(whole, [Step("crop", BOX)])

    before = nib.affines.apply_affine(nib.load(seed).affine, (103, 160, 0))
    after = nib.affines.apply_affine(cropped.affine, (0, 0, 0))

    np.testing.assert_array_equal(after, before)
    # The trap: with the old origin the picture would be shifted by so much.
    trap = nib.affines.apply_affine(whole.affine, (0, 0, 0)) - after
    np.testing.assert_allclose(trap, (100.5859375, -156.25, 0))


@pytest.mark.parametrize(("sform", "qform"), [(2, 0), (1, 1), (0, 1), (4, 2)])
def test_row_73_codes_are_kept_and_every_coded_matrix_moves(
    tmp_path: Path, sform: int, qform: int
) -> None:
    image = nib.Nifti1Image(np.arange(1000, dtype=np.int16).reshape(10, 10, 10), CT)
    image.set_sform(CT if sform else None, sform)
    image.set_qform(CT if qform else None, qform)
    nib.save(image, tmp_path / "in.nii")
    theirs = image.slicer[2:8, 1:9, 3:]

    (volume,) = mv.read(tmp_path / "in.nii")
    mv.write(
        apply(volume, [Step("crop", {"start": (2, 1, 3), "stop": (8, 9, 10)})]),
        tmp_path / "out.nii",
    )

    made = nib.load(tmp_path / "out.nii")
    assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (sform, qform)
    if sform:
        np.testing.assert_allclose(made.get_sform(), theirs.affine)
    if qform:
        np.testing.assert_allclose(made.get_qform(), theirs.affine, atol=1e-4)


def test_row_74_only_the_translation_differs_and_the_cursor_stays() -> None:
    values = np.random.default_rng(1).integers(0, 1000, (256, 8, 256)).astype(np.int16)
    image = nib.Nifti1Image(values, TURN)
    theirs = image.slicer[40:216, :, 50:226]

    ours = apply(
        Volume(values, TURN), [Step("crop", {"start": (40, 0, 50), "stop": (216, 8, 226)})]
    )

    np.testing.assert_array_equal(ours.affine[:3, :3], TURN[:3, :3])
    np.testing.assert_allclose(ours.affine[:3, 3], theirs.affine[:3, 3], atol=1e-9)
    cursor = nib.affines.apply_affine(TURN, (100, 3, 120))
    i, j, k = np.rint(nib.affines.apply_affine(np.linalg.inv(ours.affine), cursor)).astype(int)
    assert ours.data[i, j, k] == values[100, 3, 120] == theirs.dataobj[i, j, k]


def test_row_75_the_source_cannot_be_changed_through_its_crop(seed: Path) -> None:
    (whole,) = mv.read(seed)
    cropped = np.asarray(apply(whole, [Step("crop", BOX)]).data)
    before = int(nib.load(seed).dataobj[103, 160, 0])

    with pytest.raises(ValueError, match="read-only"):
        cropped[0, 0, 0] = 12345
    own = np.array(cropped)
    own[0, 0, 0] = 12345

    assert int(whole.data[103, 160, 0]) == before
    assert int(nib.load(seed).dataobj[103, 160, 0]) == before


def test_row_76_the_header_is_kept_but_for_shape_and_place(seed: Path, tmp_path: Path) -> None:
    (whole,) = mv.read(seed)
    mv.write(apply(whole, [Step("crop", BOX)]), tmp_path / "cropped.nii")

    old, new = nib.load(seed), nib.load(tmp_path / "cropped.nii")
    changed = {
        name
        for name in old.header
        if not np.array_equal(np.nan_to_num(old.header[name]), np.nan_to_num(new.header[name]))
        if old.header[name].dtype.kind != "S"
    } | {
        n for n in old.header if old.header[n].dtype.kind == "S" and old.header[n] != new.header[n]
    }

    # The numbers of the qform are unknown to both, the sform has moved.
    assert changed <= {"dim", "srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z"}
    assert {"dim", "srow_x", "srow_y"} <= changed
    assert [e.get_content() for e in new.header.extensions] == [b"kernel B31f"]
    assert type(new) is type(old)


def test_row_78_centres_are_aligned_by_a_translation(seed: Path, tmp_path: Path) -> None:
    full = nib.load(seed)
    crop = full.slicer[103:381, 160:340, :]
    centre1, centre2 = (
        nib.affines.apply_affine(im.affine, (np.array(im.shape) - 1) / 2) for im in (full, crop)
    )
    np.testing.assert_array_equal(centre1, (0, 216.5, -379.5))
    np.testing.assert_array_equal(centre2, (13.671875, 210.640625, -379.5))
    expected = crop.affine.copy()
    expected[:3, 3] += centre1 - centre2

    (whole,) = mv.read(seed)
    steps = [Step("crop", BOX), Step("align_centres", {"centre": centre1.tolist()})]
    mv.write(apply(whole, steps), tmp_path / "aligned.nii")

    made = nib.load(tmp_path / "aligned.nii")
    np.testing.assert_allclose(made.affine, expected)
    np.testing.assert_array_equal(made.affine[:3, :3], CT[:3, :3])
    assert int(made.header["sform_code"]) == 2


def test_row_79_a_pose_goes_to_the_header_or_is_baked(tmp_path: Path) -> None:
    from scipy.ndimage import affine_transform

    values = np.random.default_rng(2).normal(size=(20, 22, 18)).astype(np.float32)
    angle = np.radians(12)
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:3, 3] = 3, -4, 5

    header = apply(Volume(values, TURN), [Step("move", {"matrix": pose.tolist()})])
    mv.write(header, tmp_path / "moved.nii")
    baked = apply(header, [Step("resample", {"shape": values.shape, "affine": TURN.tolist()})])

    made = nib.load(tmp_path / "moved.nii")
    np.testing.assert_allclose(made.affine, pose @ TURN, atol=1e-5)
    np.testing.assert_array_equal(made.dataobj, values)
    to_old = np.linalg.inv(pose @ TURN) @ TURN
    index = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), -1)
    at = nib.affines.apply_affine(to_old, index)
    inside = ((at >= 0) & (at <= np.array(values.shape) - 1)).all(-1)
    assert inside.mean() > 0.3
    expected = affine_transform(values, to_old[:3, :3], to_old[:3, 3], order=1)
    np.testing.assert_allclose(np.asarray(baked.data)[inside], expected[inside], atol=1e-5)


def test_row_81_an_affine_is_what_it_was_built_of() -> None:
    turns = np.radians((12.0, -7.0, 31.0))
    x, y, z = np.eye(3), np.eye(3), np.eye(3)
    for turn, at, matrix in zip(turns, ((1, 2), (2, 0), (0, 1)), (x, y, z), strict=True):
        cos, sin = np.cos(turn), np.sin(turn)
        matrix[np.ix_(at, at)] = [[cos, -sin], [sin, cos]]
    zooms, shears = np.diag((0.5, 0.8, 2.5)), np.array([[1, 0.1, 0.2], [0, 1, -0.3], [0, 0, 1]])
    built = nib.affines.from_matvec(z @ y @ x @ zooms @ shears, (10, -20, 30))

    parts = decomposed(built)

    np.testing.assert_allclose(parts.translation, (10, -20, 30))
    np.testing.assert_allclose(parts.angles, (12, -7, 31), atol=1e-9)
    np.testing.assert_allclose(parts.zooms, (0.5, 0.8, 2.5))
    np.testing.assert_allclose(parts.shears, (0.1, 0.2, -0.3), atol=1e-12)
    np.testing.assert_allclose(parts.affine, built, atol=1e-6)


@pytest.mark.parametrize("affine", [CT, TURN, TURN[:, [2, 0, 1, 3]] * [-1, 1, 1, 1]])
def test_row_82_codes_sizes_and_obliquity_are_nibabels(affine) -> None:
    volume = Volume(np.zeros((3, 4, 5)), affine)

    assert volume.axcodes == "".join(nib.aff2axcodes(affine))
    np.testing.assert_allclose(volume.zooms, nib.affines.voxel_sizes(affine))
    assert volume.obliquity == pytest.approx(
        np.degrees(nib.affines.obliquity(affine)).max(), abs=1e-6
    )


def test_row_82_a_strongly_oblique_grid_has_three_letters() -> None:
    """ITK-SNAP refuses such grids: a greedy choice names one direction twice."""
    cos, sin = np.cos(np.radians(30)), np.sin(np.radians(30))
    about_x = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    about_z = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    affine = nib.affines.from_matvec(about_x @ about_y @ about_z, (0, 0, 0))
    greedy = np.abs(affine[:3, :3]).argmax(axis=0)
    assert len(set(greedy)) == 2

    codes = Volume(np.zeros((2, 2, 2)), affine).axcodes

    assert sorted("RAS"["RLAPSI".index(c) // 2] for c in codes) == ["A", "R", "S"]


def test_row_83_zooms_carry_the_repetition_time(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((8, 8, 4, 5), np.int16), CT)
    image.header.set_zooms((0.9765625, 0.9765625, 2.0, 2.2))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "bold.nii")
    raw = nib.load(tmp_path / "bold.nii").header

    (volume,) = mv.read(tmp_path / "bold.nii")

    assert volume.zooms == tuple(float(z) for z in raw.get_zooms())
    assert (volume.axes[0].name, volume.axes[0].unit) == ("t", "s")
    assert volume.axes[0].step == pytest.approx(2.2, abs=1e-6)
    assert int(raw["xyzt_units"]) & 7 == 2


def test_row_86_values_are_spread_over_0_to_255_and_kept_as_bytes(tmp_path: Path) -> None:
    values = np.random.default_rng(4).normal(300, 90, (9, 8, 7)).astype(np.float32)
    wide = values.astype(np.float64)
    expected = np.rint((wide - wide.min()) / (wide.max() - wide.min()) * 255).astype(np.uint8)

    mv.write(apply(Volume(values, TURN), [Step("rescale")]), tmp_path / "bytes.nii")

    made = nib.load(tmp_path / "bytes.nii")
    assert made.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(made.dataobj, expected)
    assert (expected.min(), expected.max()) == (0, 255)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_row_87_parts_of_a_proxy_are_read_as_they_are_asked(suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(6).integers(-99, 99, (16, 17, 8, 4)).astype(np.int16)
    image = nib.Nifti1Image(values, TURN)
    image.header.set_slope_inter(2.0, 10.0)
    nib.save(image, tmp_path / f"bold{suffix}")
    proxy = nib.load(tmp_path / f"bold{suffix}").dataobj

    (volume,) = mv.read(tmp_path / f"bold{suffix}")
    lazy = volume.data

    assert not isinstance(lazy, np.ndarray)
    for part in ((0,), (..., slice(1, 3)), (..., 0), (slice(None, None, 2), 3), (5, 6, 7, 3)):
        np.testing.assert_array_equal(lazy[part], np.asarray(proxy[part]))


def test_row_88_types_that_do_not_hold_the_values_are_refused(tmp_path: Path) -> None:
    """``np.uint8(proxy)`` wraps around without a word."""
    values = np.array([[[0, 255, 256, 1000]]], np.int16)
    volume = Volume(values, np.eye(4), name="CT")

    floats = apply(volume, [Step("astype", {"dtype": "float32"})])
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats.data, values)
    with pytest.raises(StepError, match=r"0 to 1000 do not fit uint8 \(0 to 255\)"):
        apply(volume, [Step("astype", {"dtype": "uint8"})])

    turning = (values * np.exp(1j * 0.5)).astype(np.complex64)
    nib.save(nib.Nifti1Image(turning, np.eye(4)), tmp_path / "complex.nii")
    (whole,) = mv.read(tmp_path / "complex.nii")
    for name, function in (("magnitude", np.abs), ("phase", np.angle), ("real", np.real),
                           ("imaginary", np.imag)):  # fmt: skip
        made = apply(whole, [Step("part", {"part": name})])
        np.testing.assert_allclose(made.data, function(turning), rtol=1e-6)


def test_row_89_slope_and_intercept_lose_less_than_a_step(tmp_path: Path) -> None:
    """The course's example: 500 to 2000 in 16 bits, slope 1500 / 65536."""
    values = np.linspace(500, 2000, 30 * 31 * 32).reshape(30, 31, 32)

    mv.write(Volume(values, np.eye(4)), tmp_path / "scaled.nii", dtype="uint16", scaling="auto")

    made = nib.load(tmp_path / "scaled.nii")
    slope, intercept = made.dataobj.slope, made.dataobj.inter
    assert made.get_data_dtype() == np.uint16
    assert slope == pytest.approx(1500 / 65536, rel=1e-4)
    assert intercept == pytest.approx(500, abs=slope)
    assert np.abs(made.get_fdata() - values).max() < slope
    (stored,) = mv.read(tmp_path / "scaled.nii", value="stored")
    np.testing.assert_array_equal(stored.data, made.dataobj.get_unscaled())


def test_row_90_downsampling_after_a_blur_of_one_and_a_half_voxels(tmp_path: Path) -> None:
    from scipy.ndimage import gaussian_filter

    values = np.random.default_rng(7).normal(size=(31, 32, 33)).astype(np.float32)
    smooth = gaussian_filter(values, 1.5)[2::4, 2::4, 2::4]
    expected = TURN @ np.diag((4, 4, 4, 1))
    expected[:3, 3] = nib.affines.apply_affine(TURN, (2, 2, 2))
    seeds = {"factors": (4, 4, 4), "start": (2, 2, 2), "blur": (1.5, 1.5, 1.5)}

    made = apply(Volume(values, TURN), [Step("downsample", seeds)])
    default = apply(Volume(values, TURN), [Step("downsample", {"factors": (4, 4, 4)})])
    sharp = apply(Volume(values, TURN), [Step("downsample", {**seeds, "blur": (0, 0, 0)})])

    np.testing.assert_allclose(made.data, smooth, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made.affine, expected, atol=1e-9)
    np.testing.assert_allclose(made.zooms, 4 * nib.affines.voxel_sizes(TURN))
    sigma = 0.5 * np.sqrt(4**2 - 1)
    by_default = gaussian_filter(values, sigma)[2::4, 2::4, 2::4]
    np.testing.assert_allclose(default.data, by_default, rtol=1e-5, atol=1e-6)
    assert default.history[-1].params["blur"] == [sigma] * 3
    np.testing.assert_array_equal(sharp.data, values[2::4, 2::4, 2::4])


def test_row_91_the_first_frames_keep_their_time_and_one_has_none(
    series: Volume, tmp_path: Path
) -> None:
    image = _image(series)
    some, one = image.slicer[..., :5], image.slicer[..., 0]

    first = apply(series, [Step("frames", {"stop": 5})])
    alone = apply(series, [Step("frame", {"index": 0})])

    np.testing.assert_array_equal(first.data, some.dataobj)
    np.testing.assert_array_equal(alone.data, one.dataobj)
    np.testing.assert_allclose(first.zooms, some.header.get_zooms(), rtol=1e-6)
    np.testing.assert_allclose(alone.zooms, one.header.get_zooms(), rtol=1e-6)
    mv.write(first, tmp_path / "first.nii")
    np.testing.assert_allclose(
        nib.load(tmp_path / "first.nii").header.get_zooms(), some.header.get_zooms(), rtol=1e-6
    )
    for how, function in (("mean", np.mean), ("sd", np.std)):
        made = apply(series, [Step("over_frames", {"how": how})])
        np.testing.assert_allclose(made.data, function(image.get_fdata(), axis=3), rtol=1e-5)
        np.testing.assert_array_equal(made.affine, series.affine)
