from __future__ import annotations

import time
from copy import deepcopy
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_medvol.affines import apply_affine, zooms
from napari_medvol.arrays import LazyArray
from napari_medvol.reslice import ReslicedArray, world_grid
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated, sheared

OBLIQUE = rotated(affine_along("RAS", (1.0, 1.5, 2.0)), 17)
SHAPE = (20, 16, 12)


def ramp(affine: np.ndarray, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Values linear in world, which linear interpolation has to give back exactly."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return apply_affine(affine, index) @ (3.0, -2.0, 1.0) + 100.0


def inside(array: ReslicedArray, affine: np.ndarray, margin: float) -> tuple[np.ndarray, ...]:
    """World and mask of the grid's voxels that lie `margin` voxels inside the data."""
    grid = np.stack(np.meshgrid(*map(np.arange, array.shape), indexing="ij"), axis=-1)
    world = apply_affine(array.affine, grid)
    at = apply_affine(np.linalg.inv(affine), world)
    return world, ((at >= margin) & (at <= np.array(SHAPE) - 1 - margin)).all(axis=-1)


@pytest.mark.parametrize("affine", [OBLIQUE, sheared(affine_along("LPS")), rotated(OBLIQUE, 60)])
def test_a_value_linear_in_world_is_given_back_at_its_world_place(affine: np.ndarray) -> None:
    array = ReslicedArray(ramp(affine), affine, outside=-1e6)

    world, mask = inside(array, affine, 0.0)
    expected = world @ (3.0, -2.0, 1.0) + 100.0

    assert mask.sum() > 500
    np.testing.assert_allclose(np.asarray(array)[mask], expected[mask], atol=1e-6)


def test_what_lies_outside_the_voxels_is_the_outside_value_and_only_that() -> None:
    array = ReslicedArray(np.ones(SHAPE), OBLIQUE, outside=-7.0)
    values = np.asarray(array)

    _, within = inside(array, OBLIQUE, -0.5)

    np.testing.assert_allclose(values[within], 1)
    assert (values[~within] == -7).all()
    assert within.any()
    assert (~within).any()


def test_the_grid_encloses_every_voxel_with_its_outer_half() -> None:
    affine, shape = world_grid(OBLIQUE, SHAPE)
    ends = np.array(list(product(*[(-0.5, n - 0.5) for n in SHAPE])))
    at = apply_affine(np.linalg.inv(affine), apply_affine(OBLIQUE, ends))

    assert (at >= -0.5 - 1e-9).all()
    assert (at <= np.array(shape) - 0.5 + 1e-9).all()
    assert (at.min(axis=0) < 0.5 + 1e-9).all()


@pytest.mark.parametrize(("sizes", "step"), [((0.4, 0.4, 5.0), 0.4), ((3.0, 3.0, 3.0), 1.0)])
def test_the_grid_steps_by_the_smallest_voxel_and_a_millimetre_at_most(
    sizes: tuple[float, float, float], step: float
) -> None:
    affine, _ = world_grid(rotated(affine_along("RAS", sizes), 10), (8, 8, 8))

    np.testing.assert_allclose(zooms(affine), step)
    np.testing.assert_allclose(affine[:3, 3] / step, np.rint(affine[:3, 3] / step), atol=1e-9)


INDICES = [
    (slice(3, 4), slice(None), slice(None)),
    (7, slice(None), slice(None)),
    (slice(None), 5, slice(None)),
    (slice(None), slice(None), -2),
    (3, 4, 5),
    (slice(8, 2, -2), slice(None, None, 3), slice(1, 9)),
    (..., 4),
    5,
    (slice(5, 5), slice(None), slice(None)),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_a_part_is_the_same_part_of_the_whole(index: object) -> None:
    array = ReslicedArray(ramp(OBLIQUE), OBLIQUE)
    expected = np.asarray(array)[index]

    part = array[index]

    assert part.shape == expected.shape
    np.testing.assert_allclose(part, expected)


@pytest.mark.parametrize("index", [(99, 0, 0), (0, 0, 0, 0)])
def test_an_index_beyond_the_array_is_an_index_error(index: tuple[int, ...]) -> None:
    with pytest.raises(IndexError):
        ReslicedArray(ramp(OBLIQUE), OBLIQUE)[index]


def test_labels_are_never_mixed() -> None:
    labels = np.random.default_rng(1).choice(np.array([0, 3, 200], np.uint8), SHAPE)

    values = np.asarray(ReslicedArray(labels, OBLIQUE, nearest=True))

    assert set(np.unique(values)) == {0, 3, 200}
    assert values.dtype == np.uint8


def test_further_axes_and_colour_keep_their_places() -> None:
    moving = np.stack([ramp(OBLIQUE), -ramp(OBLIQUE)])
    coloured = np.stack([moving, moving + 5, moving * 0], axis=-1)
    one = ReslicedArray(ramp(OBLIQUE), OBLIQUE)

    both = ReslicedArray(coloured, OBLIQUE, 1)

    assert both.shape == (2, *one.shape, 3)
    np.testing.assert_allclose(both[1, 6, :, :, 0][one[6] != 0], -one[6][one[6] != 0])
    np.testing.assert_allclose(both[0, 6, ..., 2], 0)
    assert both[:, 6].shape == (2, *one.shape[1:], 3)


@pytest.mark.parametrize("dtype", ["bool", "float16", ">i2", ">f4", "uint64", "int8"])
def test_every_type_of_voxel_can_be_interpolated(dtype: str) -> None:
    array = ReslicedArray(np.ones(SHAPE, dtype), OBLIQUE)

    plane = array[len(array) // 2]

    assert plane.dtype == np.dtype(dtype)
    assert plane.max() == 1


@pytest.mark.parametrize(("dtype", "given", "held"), [("uint8", -1000, 0), ("int16", 1e6, 32767)])
def test_an_outside_value_that_the_type_cannot_hold_becomes_its_nearest(
    dtype: str, given: float, held: int
) -> None:
    assert ReslicedArray(np.ones(SHAPE, dtype), OBLIQUE, outside=given)[0, 0, 0] == held


def test_a_plane_reads_only_the_planes_that_it_cuts() -> None:
    affine = rotated(affine_along("RAS", (1.0, 1.0, 1.0)), 4, about=(1, 0, 0))
    source = ArraySource(np.ones((60, 20, 22), np.int16))
    lazy = LazyArray(source).transpose(2, 1, 0)
    array = ReslicedArray(lazy, affine)

    array[:, :, array.shape[2] // 2]

    assert 0 < len(source.reads) <= 6


def test_a_whole_scan_asked_at_once_is_answered_coarsely_but_in_place() -> None:
    shape = (260, 250, 240)
    affine = rotated(np.eye(4), 20)
    data = np.zeros(shape, np.float32)
    data[100:116, 150:166, 60:76] = 1000
    array = ReslicedArray(data, affine)
    start = time.perf_counter()

    values = array[:, :, :]

    assert time.perf_counter() - start < 12
    assert values.shape == array.shape
    found = apply_affine(array.affine, np.argwhere(values > 500).mean(axis=0))
    np.testing.assert_allclose(found, apply_affine(affine, (107.5, 157.5, 67.5)), atol=1.0)


def test_numpy_gets_a_copy_or_an_error() -> None:
    array = ReslicedArray(np.ones((3, 3, 3)), OBLIQUE)

    assert np.asarray(array, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        array.__array__(copy=False)  # what numpy 2 calls for asarray(copy=False)


def test_it_says_what_it_is_and_how_large() -> None:
    array = ReslicedArray(np.ones((3, 3, 3)), OBLIQUE)

    assert repr(array).startswith("<ReslicedArray (")
    assert array.ndim == 3
    assert array.size == np.prod(array.shape)
    assert len(array) == array.shape[0]


@pytest.fixture
def labels() -> ReslicedArray:
    values = np.random.default_rng(1).choice(np.array([0, 3, 7], np.uint8), SHAPE)
    return ReslicedArray(values, OBLIQUE, nearest=True)


def test_arrays_of_indices_name_single_points(labels: ReslicedArray) -> None:
    whole = np.asarray(labels)
    at = np.argwhere(whole >= 0)[::17].T

    np.testing.assert_array_equal(labels[tuple(at)], whole[tuple(at)])
    np.testing.assert_array_equal(labels[-1, np.array([4, -2]), 5], whole[-1, [4, -2], 5])
    assert labels[tuple(at[:, :0])].shape == (0,)


def test_an_oblique_plane_of_numbers_is_asked_by_points_too() -> None:
    array = ReslicedArray(ramp(OBLIQUE), OBLIQUE)
    whole = np.asarray(array)

    np.testing.assert_allclose(array[[3, 4], [5, 6], [7, 8]], whole[[3, 4], [5, 6], [7, 8]])


@pytest.mark.parametrize(
    "index",
    [
        (np.array([0, 99]), np.array([0]), np.array([0])),
        (np.array([0]), np.array([0])),
        (np.array([0]), slice(None), np.array([0])),
        (np.array([0.5]), np.array([0]), np.array([0])),
    ],
)
def test_indices_that_name_no_points_are_index_errors(
    labels: ReslicedArray, index: tuple[object, ...]
) -> None:
    with pytest.raises(IndexError):
        labels[index]


def test_paint_reaches_the_voxels_that_lie_nearest_and_no_others(labels: ReslicedArray) -> None:
    before = labels.data.copy()
    middle = tuple(n // 2 for n in labels.shape)
    box = tuple(slice(m - 2, m + 3) for m in middle)
    here = np.stack(np.meshgrid(*(range(*b.indices(99)) for b in box), indexing="ij"), -1)
    exact = apply_affine(np.linalg.inv(OBLIQUE), apply_affine(labels.affine, here.reshape(-1, 3)))
    nearest = np.unique(np.floor(exact + 0.5).astype(int), axis=0)

    labels[box] = 9

    assert (labels[box] == 9).all()
    np.testing.assert_array_equal(np.unique(np.argwhere(labels.data == 9), axis=0), nearest)
    assert (labels.data != before).sum() == len(nearest)


def test_old_values_set_again_undo_what_was_painted(labels: ReslicedArray) -> None:
    """As napari does: points by mask within a box, later strokes undone first."""
    before, rng, done = labels.data.copy(), np.random.default_rng(2), []
    for stroke in range(6):
        box = (slice(6, 7), slice(4 + stroke, 14 + stroke), slice(3, 12))
        region = np.array(labels[box])
        mask = (rng.random(region.shape) < 0.4) & (region != 5)
        done.append((box, mask, region[mask]))
        region[mask] = 5
        labels[box] = region
    assert (labels.data == 5).any()

    for box, mask, old in reversed(done):
        region = np.array(labels[box])
        region[mask] = old
        labels[box] = region

    np.testing.assert_array_equal(labels.data, before)


def test_paint_beyond_the_voxels_is_dropped(labels: ReslicedArray) -> None:
    before = labels.data.copy()
    there = np.asarray(ReslicedArray(np.ones(SHAPE, np.uint8), OBLIQUE, nearest=True)) > 0
    assert not there[0, 0, 0]

    labels[...] = np.where(there, np.asarray(labels), 9)

    assert labels[0, 0, 0] == 0
    np.testing.assert_array_equal(labels.data, before)


def test_points_and_further_axes_are_painted_where_they_are() -> None:
    array = ReslicedArray(np.zeros((2, *SHAPE), np.int32), OBLIQUE, 1, nearest=True)
    at = tuple(n // 2 for n in array.shape[1:])

    array[(np.array([1]), *(np.array([a]) for a in at))] = 4

    assert array[(1, *at)] == 4
    assert (array.data[1] == 4).sum() == 1
    assert not array.data[0].any()


def test_what_is_interpolated_or_frozen_is_not_painted() -> None:
    frozen = np.zeros(SHAPE, np.uint8)
    frozen.flags.writeable = False

    for voxels, nearest in ((np.zeros(SHAPE), False), (frozen, True)):
        array = ReslicedArray(voxels, OBLIQUE, nearest=nearest)
        with pytest.raises(ValueError, match="read-only"):
            array[5, 5, 5] = 1


def test_a_deep_copy_of_labels_is_painted_by_itself(labels: ReslicedArray) -> None:
    middle = tuple(n // 2 for n in labels.shape)
    twin = deepcopy(labels)

    twin[middle] = 9

    assert twin[middle] == 9
    assert labels[middle] != 9
    interpolated = ReslicedArray(ramp(OBLIQUE), OBLIQUE)
    assert deepcopy(interpolated) is interpolated


def test_a_place_halfway_between_voxels_is_painted_where_it_is_seen() -> None:
    # Along x nothing is turned, and places of the grid lie just between the voxels.
    affine = rotated(affine_along("RAS", (1.0, 1.0, 1.0)), 10, about=(1, 0, 0))
    affine[0, 3] = 0.5
    labels = ReslicedArray(np.zeros((8, 20, 22), np.uint8), affine, nearest=True)
    middle = tuple(n // 2 for n in labels.shape)

    for x in range(1, labels.shape[0] - 1):
        labels[(x, *middle[1:])] = x + 1
        assert labels[(x, *middle[1:])] == x + 1


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64])
def test_another_grid_and_float_values_are_what_scipy_finds_at_those_points(dtype: Any) -> None:
    voxels = np.random.default_rng(5).integers(0, 250, (14, 12, 11)).astype(dtype)
    affine = rotated(np.diag([2.0, 1.5, 1.2, 1.0]), 17)
    grid = np.diag([0.7, 1.3, 0.9, 1.0])
    grid[:3, 3] = (-3.0, 2.0, 1.0)
    result = ReslicedArray(
        voxels, affine, grid=(grid, (20, 21, 22)), outside=np.nan, dtype=np.float32
    )

    index = np.indices((20, 21, 22)).reshape(3, -1)
    at = (np.linalg.inv(affine) @ grid @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    expected = map_coordinates(voxels.astype(np.float64), at, order=1, mode="nearest")
    n = np.array(voxels.shape)[:, np.newaxis]
    outside = ((at < -0.5) | (at > n - 0.5)).any(axis=0)
    expected[outside] = np.nan

    assert 100 < outside.sum() < outside.size - 100
    np.testing.assert_allclose(
        np.asarray(result).ravel(), expected, rtol=0, atol=1e-5 * float(voxels.max())
    )
    np.testing.assert_array_equal(result[:, 3], np.asarray(result)[:, 3])
