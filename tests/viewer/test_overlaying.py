from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from scipy.ndimage import map_coordinates

from napari_medvol import from_ras, open, to_ras, volume_of
from napari_medvol.affines import apply_affine
from napari_medvol.errors import LayerError, MedVolError
from napari_medvol.viewer.comparing import MODES, Comparison
from napari_medvol.viewer.coordinates import matrix_of
from napari_medvol.viewer.laid import laid_of, recolour
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.overlaying import compare, overlay, overlays, relay, separate
from napari_medvol.viewer.roles import is_overlay, reference_of
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import PLANES, settle

CT = affine_along("LPS", (1.0, 1.2, 2.5), (30.0, 40.0, -50.0))
PET = rotated(affine_along("RAI", (4.0, 4.2, 3.1), (-40.0, -30.0, 60.0)), 9)
CT_SHAPE, PET_SHAPE = (50, 44, 30), (20, 18, 24)


def scan(
    affine: np.ndarray, shape: tuple[int, ...], dtype: Any = np.float32, **more: Any
) -> Volume:
    values = np.random.default_rng(4).uniform(0, 1000, shape).astype(dtype)
    axes = tuple(Axis("t") for _ in shape[3:])
    return Volume(values, affine, axes=axes, **more)


def both(
    pet: np.ndarray = PET, ct: np.ndarray = CT, dtype: Any = np.float32, how: str = "resample"
) -> tuple[ViewerModel, Layer, Layer]:
    viewer = ViewerModel()
    below, above = show(
        viewer,
        [scan(ct, CT_SHAPE, np.int16, name="CT"), scan(pet, PET_SHAPE, dtype, name="PET")],
        oblique=how,  # type: ignore[arg-type]
    )
    return viewer, below, above


def expected(pet: Volume, ras: np.ndarray) -> np.ndarray:
    """What scipy finds in the native voxels at places of the patient; NaN where there are none."""
    at = apply_affine(np.linalg.inv(pet.affine), ras)
    data = np.asarray(pet.data, np.float64)
    values = map_coordinates(data, np.moveaxis(at, -1, 0), order=1, mode="nearest")
    n = np.array(pet.shape[:3])
    return np.where(((at < -0.5) | (at > n - 0.5)).any(axis=-1), np.nan, values)


def seen(viewer: ViewerModel, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel of the slice that the viewer shows, and where in the patient napari puts it."""
    index = [np.arange(n) for n in layer.data.shape]
    point = np.asarray(layer.world_to_data(viewer.dims.point))
    for axis in viewer.dims.not_displayed:
        index[axis] = np.array([round(point[axis])])
    grid = np.stack(np.meshgrid(*index, indexing="ij"), axis=-1)
    values = np.asarray(layer.data[tuple(slice(i[0], i[-1] + 1) for i in index)])
    matrix = matrix_of(layer)
    world = grid.reshape(-1, grid.shape[-1]) @ matrix[:-1, :-1].T + matrix[:-1, -1]
    return values.ravel(), to_ras(layer, world)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.float64])
def test_a_pixel_of_the_overlay_is_the_value_of_its_scan_at_that_point(
    plane: str, dtype: Any
) -> None:
    viewer, ct, pet = both(dtype=dtype)

    overlay(viewer, pet, ct)
    viewer.dims.order = PLANES[plane]
    values, ras = seen(viewer, pet)

    assert pet.data.shape == ct.data.shape
    np.testing.assert_array_equal(pet.scale, ct.scale)
    np.testing.assert_array_equal(pet.translate, ct.translate)
    oracle = expected(volume_of(pet), ras)
    assert np.isfinite(oracle).sum() > 100
    np.testing.assert_allclose(values, oracle, rtol=0, atol=1e-5 * 1000)


@pytest.mark.parametrize("how", ["resample", "native"])
def test_over_an_oblique_reference_it_lies_on_the_grid_that_is_shown(how: str) -> None:
    tilted = rotated(CT, 14, about=(1, 0, 2))
    viewer, ct, pet = both(ct=tilted, how=how)

    overlay(viewer, pet, ct)
    values, ras = seen(viewer, pet)
    below, ras_below = seen(viewer, ct)

    assert pet.data.shape == ct.data.shape
    np.testing.assert_allclose(ras, ras_below, atol=1e-6)
    np.testing.assert_allclose(values, expected(volume_of(pet), ras), rtol=0, atol=1e-2)
    if how == "native":
        np.testing.assert_allclose(below, expected(volume_of(ct), ras), atol=1e-2)
    else:
        assert pet.name == "PET"


def test_turning_the_reference_turns_what_lies_on_it() -> None:
    viewer, ct, pet = both(ct=rotated(CT, 14))
    overlay(viewer, pet, ct)
    before = pet.data

    assert toggle(ct, 2) == "native"
    relay(viewer)
    values, ras = seen(viewer, pet)

    assert pet.data is not before
    assert pet.data.shape == ct.data.shape
    np.testing.assert_allclose(values, expected(volume_of(pet), ras), rtol=0, atol=1e-2)
    again = pet.data
    relay(viewer)
    assert pet.data is again


@pytest.mark.parametrize("how", ["resample", "native"])
def test_3d_shows_the_native_voxels_over_the_reference_and_2d_comes_back(how: str) -> None:
    viewer, ct, pet = both(ct=rotated(CT, 14), how=how)
    overlay(viewer, pet, ct)
    flat = pet.data

    viewer.dims.ndisplay = 3
    corner = np.array(pet.data.shape) - 1.0
    voxel = apply_affine(
        np.linalg.inv(volume_of(pet).affine), to_ras(pet, pet.data_to_world(corner))
    )

    assert pet.data.shape == tuple(reversed(PET_SHAPE)) or sorted(pet.data.shape) == sorted(
        PET_SHAPE
    )
    assert np.allclose(np.minimum(abs(voxel), abs(voxel - np.array(PET_SHAPE) + 1)), 0, atol=1e-6)
    viewer.dims.ndisplay = 2
    assert pet.data is flat


def test_volume_of_an_overlay_is_the_very_scan() -> None:
    viewer, ct, pet = both()
    volume = volume_of(pet)

    for mode in MODES:
        overlay(viewer, pet, ct)
        compare(viewer, pet, Comparison(mode))
        assert volume_of(pet) is volume


def test_the_colours_are_those_asked_for_in_any_case() -> None:
    viewer, ct, pet = both()

    overlay(viewer, pet, ct, colormap="Hot", opacity=0.5, limits=(100, 900))

    assert (pet.colormap.name, pet.opacity) == ("hot", 0.5)
    assert tuple(pet.contrast_limits) == (100, 900)
    assert pet.colormap.low_color is None
    assert is_overlay(pet)
    assert reference_of(viewer) is ct


def test_a_threshold_makes_what_is_below_it_transparent_and_moves_no_colour() -> None:
    viewer, ct, pet = both()
    overlay(viewer, pet, ct, colormap="viridis", limits=(0, 1000))
    plain = pet.colormap

    recolour(pet, threshold=400.0)

    low, high = pet.contrast_limits
    assert (low, high) == (400, 1000)
    values = np.array([300.0, 400.0, 401.0, 600.0, 850.0, 1000.0])
    colours = pet.colormap.map((values - low) / (high - low))
    np.testing.assert_array_equal(colours[:2, 3], 0)
    np.testing.assert_allclose(colours[2:], plain.map(values / 1000)[2:], atol=0.01)
    before, first = len(AVAILABLE_COLORMAPS), pet.colormap
    for value in (100.0, 200.0, 300.0):
        recolour(pet, threshold=value)
        assert pet.contrast_limits[0] == value
    assert len(AVAILABLE_COLORMAPS) == before
    # Another object: whoever shows the layer elsewhere has to see that it changed.
    assert pet.colormap is not first
    recolour(pet, threshold=None)
    assert tuple(pet.contrast_limits) == (0, 1000)
    assert pet.colormap.low_color is None


@pytest.mark.parametrize("threshold", [-5.0, 0.0, 1000.0, 5000.0])
def test_any_threshold_leaves_limits_that_napari_takes(threshold: float) -> None:
    viewer, ct, pet = both()

    overlay(viewer, pet, ct, limits=(0, 1000), threshold=threshold)

    low, high = pet.contrast_limits
    assert low < high
    assert low >= min(threshold, 0)


@pytest.mark.parametrize(
    ("threshold", "drawn"), [(800, (900,)), (2000, ()), (500, (900, 800, 600))]
)
def test_nothing_up_to_a_threshold_is_drawn_and_all_above_it(
    threshold: float, drawn: tuple[float, ...]
) -> None:
    viewer, below, above = both()

    overlay(viewer, above, below, colormap="gray", limits=(100, 500), threshold=threshold)

    colours = colours_of(above, np.array([-900.0, 0, 300, 500, 600, 800, 900]))
    for value, rgba in zip((-900, 0, 300, 500, 600, 800, 900), colours, strict=True):
        assert (rgba == (1 if value in drawn else 0)).all(), value


def test_the_canvas_draws_what_is_above_the_threshold_and_forgets_the_one_before(
    make_napari_viewer: Any,
) -> None:
    viewer = make_napari_viewer(show=True)
    plane = np.tile(np.linspace(0, 22, 64, dtype=np.float32)[:, None, None], (1, 64, 3))
    affine = affine_along("RAS")
    below, above = show(viewer, [Volume(plane * 0, affine), Volume(plane, affine)])
    below.visible = False
    overlay(viewer, above, below, colormap="gray", limits=(0, 12), opacity=1, threshold=0)
    below.visible = False

    def bright() -> int:
        settle(0.2)
        picture = viewer.screenshot(canvas_only=True, flash=False)
        return int((np.asarray(picture)[..., 0] > 250).sum())

    beyond = bright()
    counts = {}
    for threshold in (20.0, 2000.0, 6.0, -5.0):
        recolour(above, threshold=threshold)
        counts[threshold] = bright() / beyond

    assert counts[20.0] == pytest.approx(2 / 10, abs=0.05)
    assert counts[2000.0] == 0
    assert counts[6.0] == counts[-5.0] == pytest.approx(1, abs=0.05)


def test_below_the_range_and_above_the_threshold_is_the_lowest_colour() -> None:
    viewer, below, above = both()

    overlay(viewer, above, below, colormap="gray", limits=(0.5, 12.5), threshold=-5)

    colours = colours_of(above, np.array([-6.0, -5.0, -4.0, 0.0, 6.5, 12.5]))
    expected = [(0, 0, 0, 0), (0, 0, 0, 0), *((g, g, g, 1) for g in (0, 0, 0.5, 1))]
    np.testing.assert_allclose(colours, expected, atol=2e-3)
    laid = laid_of(above)
    assert laid is not None
    assert laid.limits == (0.5, 12.5)


def colours_of(layer: Layer, values: np.ndarray) -> np.ndarray:
    """What napari draws of values."""
    low, high = layer.contrast_limits
    found: np.ndarray = layer.colormap.map(np.clip((values - low) / (high - low), 0, 1))
    return found


def test_a_scan_lies_below_rather_than_a_plain_array() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 5, 6)), name="plain")
    below, above = show(viewer, [scan(CT, CT_SHAPE, name="CT"), scan(PET, PET_SHAPE, name="PET")])

    overlay(viewer, above)

    assert reference_of(viewer) is below


def test_separate_gives_everything_back() -> None:
    viewer, ct, pet = both()
    pet.colormap, pet.opacity, pet.contrast_limits, pet.blending = "PiYG", 0.9, (7, 99), "additive"
    before = {name: getattr(pet, name) for name in ("opacity", "contrast_limits", "blending")}
    data, affine = pet.data, pet.affine.affine_matrix.copy()

    overlay(viewer, pet, ct, threshold=50)
    overlay(viewer, pet, ct, colormap="PET")
    compare(viewer, pet, Comparison("difference"))
    separate(viewer, pet)

    assert pet.data is data
    np.testing.assert_array_equal(pet.affine.affine_matrix, affine)
    assert {name: getattr(pet, name) for name in before} == before
    assert pet.colormap.name == "PiYG"
    assert not is_overlay(pet)
    assert laid_of(pet) is None


def test_a_moved_overlay_is_resliced_where_it_was_moved_to() -> None:
    viewer, ct, pet = both()
    pet.affine = rotated(np.eye(4), 5, about=(1, 0, 0)) @ pet.affine.affine_matrix
    moved = volume_of(pet)

    overlay(viewer, pet, ct)
    values, ras = seen(viewer, pet)

    np.testing.assert_allclose(volume_of(pet).affine, moved.affine, atol=1e-9)
    np.testing.assert_allclose(values, expected(moved, ras), rtol=0, atol=1e-2)


def test_labels_are_taken_from_the_nearest_voxel_and_can_be_painted() -> None:
    viewer = ViewerModel()
    seg = Volume(
        np.random.default_rng(0).integers(0, 4, PET_SHAPE).astype(np.uint8), PET, kind="labels"
    )
    ct, labels = show(viewer, [scan(CT, CT_SHAPE), seg])

    overlay(viewer, labels, ct, opacity=0.7)
    values, _ = seen(viewer, labels)
    assert set(np.unique(values)) <= {0, 1, 2, 3}
    place = tuple(int(n) for n in np.argwhere(np.asarray(labels.data) == 3)[0])
    labels.data_setitem(tuple(np.array([p]) for p in place), 9)

    assert labels.data[place] == 9
    assert (volume_of(labels).data == 9).sum() == 1
    for mode in ("checkerboard", "swipe"):
        compare(viewer, labels, Comparison(mode))  # type: ignore[arg-type]
        labels.data_setitem(tuple(np.array([p]) for p in place), 8)
    assert (volume_of(labels).data == 8).sum() == 1
    with pytest.raises(LayerError, match="numbers only"):
        compare(viewer, labels, Comparison("difference"))


def test_the_difference_is_the_resliced_one_minus_the_reference() -> None:
    viewer, ct, pet = both()
    overlay(viewer, pet, ct)

    compare(viewer, pet, Comparison("difference"))
    values, ras = seen(viewer, pet)
    below, _ = seen(viewer, ct)

    np.testing.assert_allclose(values, expected(volume_of(pet), ras) - below, atol=1e-2)
    low, high = pet.contrast_limits
    assert low == -high < 0
    compare(viewer, pet, Comparison())
    assert pet.contrast_limits[0] >= 0


def test_a_board_and_a_wipe_show_part_of_it_opaque_and_the_rest_not() -> None:
    viewer, ct, pet = both()
    overlay(viewer, pet, ct, opacity=0.3)
    whole = np.isfinite(seen(viewer, pet)[0])

    for comparison in (Comparison("checkerboard", tile=4), Comparison("swipe", share=0.3)):
        compare(viewer, pet, comparison)
        part = np.isfinite(seen(viewer, pet)[0])
        assert pet.opacity == 1.0
        assert 0.2 < part.sum() / whole.sum() < 0.8
        assert not (part & ~whole).any()
    compare(viewer, pet, Comparison("blink"))
    assert pet.opacity == 0.3


def test_frames_of_an_overlay_stay() -> None:
    viewer = ViewerModel()
    ct, fmri = show(viewer, [scan(CT, CT_SHAPE), scan(PET, (*PET_SHAPE, 3))])

    overlay(viewer, fmri, ct)
    viewer.dims.set_point(0, 2)

    assert fmri.data.shape == (3, *ct.data.shape)
    for mode in MODES:
        compare(viewer, fmri, Comparison(mode))
    separate(viewer, fmri)
    overlay(viewer, ct, fmri)
    with pytest.raises(LayerError, match="Make the one with frames the overlay"):
        compare(viewer, ct, Comparison("difference"))


def test_layers_of_others_can_be_above_and_below() -> None:
    viewer = ViewerModel()
    below = viewer.add_image(np.ones((10, 20, 30)), scale=(3, 2, 1), name="below")
    values = np.random.default_rng(0).uniform(0, 1, (12, 22, 32)).astype(np.float32)
    above = viewer.add_image(values, scale=(2.9, 1.9, 0.9), translate=(0.5, 0.5, 0.5))

    overlay(viewer, above, below)
    mine, ras = seen(viewer, above)

    assert above.data.shape == (10, 20, 30)
    np.testing.assert_allclose(mine, expected(volume_of(above), ras), atol=1e-5)


def test_what_cannot_lie_over_it_is_said() -> None:
    viewer, ct, pet = both()
    flat = viewer.add_image(np.zeros((5, 5)), name="X-ray")
    with pytest.raises(LayerError, match="cannot lie over itself"):
        overlay(viewer, ct, ct)
    with pytest.raises(LayerError, match="has 2 axes"):
        overlay(viewer, flat, ct)
    with pytest.raises(LayerError, match="has 2 axes"):
        overlay(viewer, pet, flat)
    with pytest.raises(LayerError, match="not in this viewer"):
        overlay(viewer, pet, Image(np.zeros((3, 3, 3))))
    with pytest.raises(MedVolError, match="no such map"):
        overlay(viewer, pet, ct, colormap="hotter")
    with pytest.raises(LayerError, match="limits would be 5 and 5"):
        overlay(viewer, pet, ct, limits=(5, 5))
    for refused in (recolour, lambda layer: compare(viewer, layer, Comparison())):
        with pytest.raises(LayerError, match="is no overlay"):
            refused(ct)
    alone = ViewerModel()
    (only,) = show(alone, [scan(CT, CT_SHAPE)])
    with pytest.raises(LayerError, match="no other image"):
        overlay(alone, only)
    assert list(overlays(viewer)) == []


def test_without_its_reference_an_overlay_is_a_layer_again() -> None:
    viewer, ct, pet = both()
    overlay(viewer, pet, ct)

    viewer.layers.remove(ct)

    assert not is_overlay(pet)
    assert sorted(pet.data.shape) != sorted(CT_SHAPE)


def test_an_overlay_lies_above_its_reference_and_both_are_seen() -> None:
    viewer, ct, pet = both()
    pet.visible = False

    overlay(viewer, ct, pet)

    assert [layer.name for layer in viewer.layers] == ["PET", "CT"]
    assert pet.visible
    assert ct.visible


def test_a_viewer_with_an_overlay_can_be_forgotten() -> None:
    viewer, ct, pet = both()
    overlay(viewer, pet, ct)
    held = weakref.ref(viewer)

    del viewer, ct, pet
    gc.collect()

    assert held() is None


def test_different_frames_of_reference_are_told() -> None:
    viewer = ViewerModel()
    scans = [scan(CT, CT_SHAPE, frame_of_reference=f"1.2.{n}", name="x") for n in range(2)]
    below, above = show(viewer, scans)

    assert [found.kind for found in overlay(viewer, above, below)] == ["frame of reference"]


@pytest.mark.parametrize(
    "look",
    [
        {"threshold": np.nan},
        {"threshold": np.inf},
        {"threshold": 1e39},
        {"limits": (0, 1e39)},
        {"limits": (-3e38, 3e38)},
        {"limits": (0, np.nan)},
    ],
)
def test_a_look_that_float32_cannot_draw_is_refused_and_changes_nothing(
    look: dict[str, Any],
) -> None:
    viewer, ct, pet = both()
    before = (tuple(pet.contrast_limits), pet.colormap, pet.data)

    with pytest.raises(LayerError):
        overlay(viewer, pet, ct, **look)
    assert laid_of(pet) is None
    assert not is_overlay(pet)

    overlay(viewer, pet, ct, limits=(0, 900), threshold=100)
    laid, limits = laid_of(pet), tuple(pet.contrast_limits)
    with pytest.raises(LayerError):
        recolour(pet, **look)
    assert laid_of(pet) is laid
    assert tuple(pet.contrast_limits) == limits
    separate(viewer, pet)
    assert (tuple(pet.contrast_limits), pet.colormap) == before[:2]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"mode": "zz"}, "is unknown"),
        ({"mode": "checkerboard", "tile": 0}, "mm above 0"),
        ({"mode": "checkerboard", "tile": -1}, "mm above 0"),
        ({"mode": "checkerboard", "tile": np.nan}, "mm above 0"),
        ({"mode": "swipe", "share": 1.5}, "from 0 to 1"),
        ({"mode": "difference", "reach": np.inf}, "above 0"),
        ({"tile": "wide"}, "mm above 0"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused_in_words(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(LayerError, match=why):
        Comparison(**wrong)


def test_a_real_pet_lies_over_its_ct(data: Path) -> None:
    viewer = ViewerModel()
    (ct,) = open(viewer, data / "data" / "sts002_ct")
    (pet,) = open(viewer, data / "data" / "sts002_pet")

    assert overlay(viewer, pet, ct, colormap="Hot", opacity=0.5) == ()
    viewer.dims.set_point(0, from_ras(viewer, volume_of(ct).affine[:3, 3])[0] - 60)
    values, ras = seen(viewer, pet)

    oracle = expected(volume_of(pet), ras)
    assert np.isfinite(oracle).sum() > 10_000
    np.testing.assert_allclose(values, oracle, rtol=0, atol=1e-5 * np.nanmax(oracle))
    for layer in (ct, pet):
        # What is still read behind would hold files open after the test.
        np.asarray(volume_of(layer).data)
