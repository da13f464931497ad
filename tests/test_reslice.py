from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest

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
