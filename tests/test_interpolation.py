from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from napari_medvol.interpolation import interpolated
from tests.phantoms.volumes import affine_along, rotated, sheared

MAPS = {
    "oblique": rotated(affine_along("RAS", (0.7, 0.8, 1.1)), 25),
    "tilted": sheared(affine_along("PIR", (0.9, 1.0, 0.6))),
    "straight": np.diag([0.5, -1.5, 1.0, 1.0]),
}
SHAPES = [(1, 40, 33), (40, 1, 33), (33, 40, 1), (18, 20, 22)]
VIEWS = [
    (slice(None), slice(None), slice(None)),
    (slice(None, None, -1), slice(None), slice(None, None, -1)),
    (slice(None, None, 2), slice(None, None, -3), slice(1, None)),
]


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", VIEWS, ids=str)
@pytest.mark.parametrize("dtype", ["int16", "float64", "uint8", "int32", "float32"])
@pytest.mark.parametrize("name", MAPS)
def test_scipy_interpolates_to_the_same_values(
    name: str, dtype: str, part: tuple[slice, ...], shape: tuple[int, int, int], nearest: bool
) -> None:
    data = np.random.default_rng(3).integers(0, 200, (24, 27, 30)).astype(dtype)
    voxels = data.transpose(2, 0, 1)[part]
    linear = MAPS[name][:3, :3]
    middle = (np.array(voxels.shape) - 1) / 2 + (0.123, 0.217, 0.331)
    offset = middle - linear @ ((np.array(shape) - 1) / 2)

    values = interpolated(voxels, linear, offset, shape, nearest)

    expected = affine_transform(
        voxels.astype(float),
        linear,
        offset,
        output_shape=shape,
        order=0 if nearest else 1,
        mode="nearest",
    )
    rounding = 0.51 if np.dtype(dtype).kind in "iu" and not nearest else 1e-2
    assert values.dtype == voxels.dtype
    assert values.shape == shape
    assert np.abs(values - expected).max() <= rounding


def test_on_its_own_grid_every_voxel_is_itself() -> None:
    data = np.random.default_rng(0).normal(size=(5, 6, 7))

    values = interpolated(data, np.eye(3), np.zeros(3), data.shape, nearest=False)

    np.testing.assert_allclose(values, data, rtol=1e-12)


def test_a_single_plane_has_no_neighbours_to_mix_with() -> None:
    data = np.arange(20.0).reshape(1, 4, 5)

    values = interpolated(data, np.eye(3), np.array([0.4, 0, 0.5]), (1, 4, 4), nearest=False)

    np.testing.assert_allclose(values, data[:, :, :4] + 0.5)


@pytest.mark.parametrize("nearest", [False, True])
def test_voxels_that_lie_unevenly_in_memory_are_read_too(nearest: bool) -> None:
    records = np.zeros((5, 6, 7), dtype=[("value", "i2"), ("flag", "u1")])
    records["value"] = np.arange(210).reshape(5, 6, 7)

    values = interpolated(records["value"], np.eye(3), np.zeros(3), (5, 6, 7), nearest)

    np.testing.assert_array_equal(values, records["value"])
