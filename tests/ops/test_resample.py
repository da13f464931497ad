"""What a volume shows stays where it is, on whatever grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.ops import chunks
from napari_medvol.ops.resample import (
    antialias,
    downsample,
    needed_bytes,
    resample,
    resize,
    world_aligned,
)
from napari_medvol.volume import Axis, Volume
from tests.phantoms.geometry import grids
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated, sheared

SMOOTH = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(24, 20, 16)), 2) * 1000
OBLIQUE = rotated(affine_along("LAS", (1.5, 2.0, 2.5)), 18)


def ramp(affine, shape=(9, 8, 7)) -> Volume:
    """Return a volume whose values are x + 2y + 3z of world: linear sampling is exact in it."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return Volume(affines.apply_affine(affine, index) @ (1.0, 2.0, 3.0), affine, name="ramp")


@settings(max_examples=40)
@given(grids(), grids(), st.tuples(*[st.integers(1, 6)] * 3))
def test_a_linear_ramp_of_world_is_the_same_on_every_grid(old, new, shape) -> None:
    volume = ramp(old)
    # The new grid lies around the centre of the old one, so that some of it is inside.
    new = new.copy()
    middle = affines.apply_affine(old, (4, 3.5, 3))
    new[:3, :3] *= 0.3
    new[:3, 3] = middle - new[:3, :3] @ ((np.array(shape) - 1) / 2)

    made = resample(volume, shape, new, "linear", np.nan)

    index = np.argwhere(np.ones(shape, bool))
    world = affines.apply_affine(new, index)
    at = affines.apply_affine(np.linalg.inv(old), world)
    inside = ((at > 0) & (at < (8, 7, 6))).all(axis=1)
    values = np.asarray(made.data)[tuple(index.T)]
    scale = np.abs(world).max() + 1
    np.testing.assert_allclose(values[inside], (world @ (1, 2, 3))[inside], atol=1e-5 * scale)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("new", [OBLIQUE, affine_along("SPR", (1.1, 1.3, 0.7), (-50, 45, 10))])
def test_values_are_those_of_nibabel_and_scipy(interpolation: str, new) -> None:
    processing = pytest.importorskip("nibabel.processing")
    import nibabel as nib

    old = affine_along("LAS", (2.0, 1.5, 2.5))
    shape = (13, 11, 9)
    order = {"nearest": 0, "linear": 1, "cubic": 3}[interpolation]
    image = nib.Nifti1Image(SMOOTH, old)
    theirs = processing.resample_from_to(image, (shape, new), order=order, mode="nearest")

    ours = resample(Volume(SMOOTH, old), shape, new, interpolation, np.nan)

    inside = np.isfinite(np.asarray(ours.data))
    assert inside.mean() > 0.2
    tolerance = 1e-6 * np.abs(SMOOTH).max()
    difference = np.abs(np.asarray(ours.data) - theirs.get_fdata())[inside]
    # scipy breaks ties between two voxels by rounding noise.
    assert (difference > tolerance).mean() < (0.02 if order == 0 else 1e-9)


@pytest.mark.parametrize("new", [OBLIQUE, affine_along("LPS", (1.0, 1.0, 1.0), (1, 2, 3))])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_simpleitk_resamples_to_the_same(new, dtype) -> None:
    sitk = pytest.importorskip("SimpleITK")
    old = affine_along("LPS", (2.0, 1.5, 2.5))
    values = SMOOTH.astype(dtype)

    def geometry(image, affine):
        lps = affines.swap_lps_ras(affine)
        zooms = affines.zooms(affine)
        image.SetSpacing(zooms.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        image.SetDirection((lps[:3, :3] / zooms).ravel().tolist())
        return image

    shape = (13, 17, 9)
    moving = geometry(sitk.GetImageFromArray(values.T), old)
    grid = geometry(sitk.Image(shape, sitk.sitkFloat64), new)
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(moving, grid, sitk.Transform(), sitk.sitkLinear, -7, sitk.sitkFloat64)
    ).T

    ours = np.asarray(resample(Volume(values, old), shape, new, "linear", -7).data)

    assert ours.dtype == dtype
    difference = np.abs(ours - theirs)
    assert np.quantile(difference, 0.99) < (0.501 if dtype == np.int16 else 0.05)


def test_int16_is_within_5_hundredths_of_the_exact_value() -> None:
    values = (SMOOTH * 3).astype(np.int16)
    old, new = affine_along("LPS", (1, 1, 2)), affine_along("LPS", (0.7, 0.9, 1.3))
    exact = resample(Volume(values.astype(np.float64), old), (20, 20, 20), new).data

    floats = resample(Volume(values.astype(np.float32), old), (20, 20, 20), new).data
    whole = resample(Volume(values, old), (20, 20, 20), new).data

    assert np.abs(np.asarray(floats) - exact).max() < 0.05
    assert np.abs(np.asarray(whole) - exact).max() < 0.55


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_the_own_grid_turned_gives_the_own_voxels(codes: str) -> None:
    from napari_medvol.ops.orient import orient

    volume = Volume(SMOOTH, OBLIQUE)
    turned = orient(volume, codes)

    made = resample(volume, turned.shape, turned.affine)

    np.testing.assert_allclose(made.data, turned.data, atol=1e-9)


def test_every_frame_and_colour_is_resampled() -> None:
    series = Volume(np.stack([SMOOTH, SMOOTH + 5], axis=3), OBLIQUE, (Axis("t", 2, "s"),))
    colours = Volume(
        (np.stack([SMOOTH] * 3, axis=3) % 255).astype(np.uint8), OBLIQUE, (Axis("rgb"),)
    )
    shape, grid = (5, 6, 7), affines.cropped(OBLIQUE, (3.5, 2.5, 1.5))

    made = resample(series, shape, grid)
    assert made.shape == (5, 6, 7, 2)
    np.testing.assert_allclose(made.data[..., 1], made.data[..., 0] + 5)
    assert made.axes == series.axes
    assert resample(colours, shape, grid).shape == (5, 6, 7, 3)


class TestLabels:
    """Labels are never made up."""

    BLOCKS = np.kron(np.arange(27).reshape(3, 3, 3), np.ones((4, 4, 4), int)).astype(np.int16)

    def test_nearest_by_default_and_no_new_labels(self) -> None:
        volume = Volume(self.BLOCKS, OBLIQUE, kind="labels")

        made = resample(volume, (9, 9, 9), rotated(OBLIQUE, 30))

        assert set(np.unique(made.data)) <= set(range(27))
        assert made.history[-1].params["interpolation"] == "nearest"

    def test_majority_gives_the_label_that_fills_most(self) -> None:
        values = np.array([1, 1, 2, 2, 2, 1], np.uint8).reshape(6, 1, 1)
        volume = Volume(values, np.eye(4), kind="labels")
        coarse = np.diag([3.0, 1, 1, 1])
        coarse[0, 3] = 1

        made = resample(volume, (2, 1, 1), coarse, "majority")

        assert np.asarray(made.data).ravel().tolist() == [1, 2]
        by_nearest = resample(volume, (2, 1, 1), coarse)
        assert np.asarray(by_nearest.data).ravel().tolist() == [1, 2]

    @pytest.mark.parametrize("how", ["linear", "cubic"])
    def test_between_two_labels_there_is_none(self, how: str) -> None:
        with pytest.raises(StepError, match="would make some up"):
            resample(Volume(self.BLOCKS, OBLIQUE, kind="labels"), (3, 3, 3), OBLIQUE, how)


class TestMasks:
    """Bool voxels are inside or outside."""

    CUBE = np.pad(np.ones((2, 2, 2), bool), 2)

    @pytest.mark.parametrize("size", [0.5, 0.25, 1 / 3, 2.0])
    @pytest.mark.parametrize("kind", ["image", "labels"])
    def test_their_volume_stays_whatever_the_voxel_size(self, size: float, kind: str) -> None:
        made = resize(Volume(self.CUBE, OBLIQUE, kind=kind), affines.zooms(OBLIQUE) * size)

        assert made.dtype == bool
        # In voxels of before.
        assert abs(made.data.sum() * size**3 - 8) <= 0.5

    @pytest.mark.parametrize("how", ["linear", "cubic"])
    @pytest.mark.parametrize("turn", [0, 12])
    def test_what_lies_between_is_inside_from_a_half_on(self, how: str, turn: float) -> None:
        finer = rotated(np.diag([0.5, 0.5, 0.5, 1.0]), turn)
        real = resample(Volume(self.CUBE.astype(np.float64), np.eye(4)), (11, 11, 11), finer, how)

        made = resample(Volume(self.CUBE, np.eye(4)), (11, 11, 11), finer, how)

        clear = np.abs(np.asarray(real.data) - 0.5) > 1e-5
        np.testing.assert_array_equal(made.data[clear], (np.asarray(real.data) > 0.5)[clear])
        assert made.data.any()

    def test_a_value_outside_that_is_neither_is_refused(self) -> None:
        with pytest.raises(StepError, match=r"outside is 2, which bool \(0 to 1\)"):
            resample(Volume(self.CUBE, np.eye(4)), (3, 3, 3), OBLIQUE, outside=2)


class TestWideIntegers:
    """float64, in which is calculated, ends at 2⁵³."""

    QUARTER = affines.cropped(np.eye(4), (0.25, 0, 0))

    @pytest.mark.parametrize("dtype", ["int64", "uint64"])
    @pytest.mark.parametrize("how", ["linear", "cubic"])
    def test_what_cannot_be_calculated_with_is_refused(self, dtype: str, how: str) -> None:
        most = np.iinfo(dtype).max
        volume = Volume(np.full((3, 3, 3), most, dtype), np.eye(4))

        with pytest.raises(StepError, match=f"{most}, are calculated with in float64"):
            resample(volume, (3, 3, 3), self.QUARTER, how)

    @pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
    @pytest.mark.parametrize("turn", [0, 5])
    def test_what_is_only_picked_stays_as_it_is(self, dtype: str, turn: float) -> None:
        most = int(np.iinfo(dtype).max)
        volume = Volume(np.full((3, 3, 3), most, dtype), np.eye(4))
        hows = ["nearest", "majority"] + ["linear", "cubic"] * (np.dtype(dtype).itemsize == 4)

        for how in hows:
            made = resample(volume, (3, 3, 3), rotated(self.QUARTER, turn), how, most)
            assert np.unique(made.data).tolist() == [most]

    def test_what_is_blurred_is_rounded_on_any_grid(self) -> None:
        values = np.full((5, 5, 5), 7, np.int16)

        made = resample(
            Volume(values, np.eye(4)), (3, 3, 3), rotated(np.eye(4), 5), "nearest", 7, (1, 1, 1)
        )

        assert np.unique(made.data).tolist() == [7]


class TestSizes:
    """Other voxel sizes along the same axes."""

    def test_isotropic_voxels_keep_centre_and_extent(self) -> None:
        volume = ramp(OBLIQUE, (20, 15, 12))

        made = resize(volume, (1.0,), antialiased=False)

        np.testing.assert_allclose(made.zooms, 1.0)
        extent = np.multiply(volume.shape, volume.zooms)
        assert np.abs(np.multiply(made.shape, made.zooms) - extent).max() <= 0.5
        middles = [
            affines.apply_affine(v.affine, (np.array(v.shape) - 1) / 2) for v in (volume, made)
        ]
        np.testing.assert_allclose(*middles, atol=1e-9)
        assert dict(made.history[-1].params)["zooms"] == [1.0, 1.0, 1.0]

    def test_the_downsampling_of_nibabels_tutorial(self) -> None:
        """Blur of 1.5 voxels, then every fourth voxel from the third on."""
        values = SMOOTH.astype(np.float64)
        seed = ndimage.gaussian_filter(values, 1.5)[2::4, 2::4, 2::4]

        made = downsample(Volume(values, OBLIQUE), (4, 4, 4), (2, 2, 2), (1.5, 1.5, 1.5))

        np.testing.assert_allclose(made.data, seed)
        np.testing.assert_allclose(
            made.affine[:3, 3], affines.apply_affine(OBLIQUE, (2, 2, 2)), atol=1e-9
        )
        np.testing.assert_allclose(made.zooms, np.multiply(affines.zooms(OBLIQUE), 4))

    def test_the_default_blur_is_that_of_a_voxel_as_wide(self) -> None:
        assert antialias((1, 2, 4)) == (0, 0.5 * 3**0.5, 0.5 * 15**0.5)
        made = downsample(Volume(SMOOTH, OBLIQUE), (2, 1, 1))
        assert made.history[-1].params["blur"] == [0.5 * 3**0.5, 0, 0]

    def test_what_has_no_high_frequencies_is_not_made_to_alias(self) -> None:
        stripes = np.zeros((32, 4, 4))
        stripes[::2] = 100

        plain = downsample(Volume(stripes, np.eye(4)), (4, 1, 1), (0, 0, 0), (0, 0, 0))
        blurred = downsample(Volume(stripes, np.eye(4)), (4, 1, 1), (0, 0, 0))

        assert np.asarray(plain.data).std() + abs(np.asarray(plain.data).mean() - 50) == 50
        assert np.abs(np.asarray(blurred.data)[1:-1] - 50).max() < 1

    @pytest.mark.parametrize("affine", [OBLIQUE, sheared(OBLIQUE), affine_along("PIR")])
    def test_a_world_aligned_grid_holds_the_whole_volume(self, affine) -> None:
        volume = Volume(SMOOTH + 100, affine)

        made = world_aligned(volume)

        assert made.obliquity < 1e-6
        assert made.axcodes == volume.axcodes
        at = affines.apply_affine(
            np.linalg.inv(made.affine) @ volume.affine, affines.corners(volume.shape)
        )
        assert (at > -1e-6).all()
        assert (at < np.array(made.shape) - 1 + 1e-6).all()


class TestLimits:
    """What cannot be is refused before it is begun."""

    @pytest.mark.parametrize(
        ("act", "why"),
        [
            (lambda v: resample(v, (5, 5, 5), np.zeros((4, 4))), "the affine"),
            (lambda v: resample(v, (5, 5), np.eye(4)), "no shape of three axes"),
            (lambda v: resample(v, (5, 0, 5), np.eye(4)), "no shape of three axes"),
            (lambda v: resample(v, (5, 5, 5), np.eye(4), "sinc"), "'sinc' is none of"),
            (lambda v: resample(v, (5, 5, 5), np.eye(4), "majority"), "majority is for labels"),
            (
                lambda v: resample(v, (5, 5, 5), np.eye(4), blur=(-1, 0, 0)),
                "no standard deviation",
            ),
            (lambda v: resize(v, (0.0,)), "no voxel size"),
            (lambda v: resize(v, (1.0, 2.0)), "no voxel size"),
            (lambda v: resize(v, 1e9), r"1e\+09 mm is beyond 10 times the volume's 40 mm"),
            (lambda v: resize(v, 1e-7), "× 400000000 float64, would take"),
            (lambda v: resample(v, (10**9,) * 3, np.eye(4)), "1000000000 × .* would take"),
            (lambda v: downsample(v, (10**9, 1, 1), (0, 0, 0)), r"a blur of 5e\+08 voxels"),
            (lambda v: resize(v, "fine"), "no voxel size"),
            (lambda v: world_aligned(v, np.nan), "no voxel size"),
            (lambda v: downsample(v, (0, 1, 1)), "leave nothing"),
            (lambda v: downsample(v, (2, 2, 2), (99, 0, 0)), "leave nothing"),
            (lambda v: resample(v, (3000, 3000, 3000), np.eye(4)), "would take 201 GiB"),
        ],
    )
    def test_it_says_what_is_wrong(self, act, why: str) -> None:
        with pytest.raises(StepError, match=why):
            act(Volume(SMOOTH, OBLIQUE, name="CT"))

    def test_the_memory_is_known_before(self, monkeypatch) -> None:
        volume = Volume(SMOOTH.astype(np.float32), OBLIQUE)
        assert needed_bytes(volume, (10, 10, 10)) == 4000
        monkeypatch.setattr(chunks.BUDGET, "limit", 3999)

        with pytest.raises(StepError, match="10 × 10 × 10 float32"):
            resample(volume, (10, 10, 10), OBLIQUE)

    def test_cancelling_ends_it(self) -> None:
        class StopError(Exception):
            pass

        def stop(done: int, total: int) -> None:
            if done:
                raise StopError

        with pytest.raises(StopError):
            resample(Volume(SMOOTH, OBLIQUE), (20, 20, 20), affine_along("LPS"), progress=stop)

    def test_labels_cannot_be_blurred(self) -> None:
        volume = Volume((SMOOTH > 0).astype(np.uint8), OBLIQUE, kind="labels")

        with pytest.raises(StepError, match="labels cannot be blurred"):
            resample(volume, (3, 3, 3), OBLIQUE, blur=(1, 1, 1))
