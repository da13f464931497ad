"""Values at pixels, against nibabel's and scipy's maths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_medvol.arrays import lazy_volume
from napari_medvol.budget import MemoryBudget
from napari_medvol.stores import PlaneStore
from napari_medvol.views.slices.planes import Grid, grid_of
from napari_medvol.views.slices.sampling import Sampler
from napari_medvol.views.slices.voxels import passing
from napari_medvol.volume import Axis, Volume
from tests.phantoms.sources import ArraySource
from tests.views.slices.scans import GRIDS, asked_of_scipy, noise

PLANES = ("axial", "coronal", "sagittal")


def _nudged(volume: Volume, grid: Grid, voxels: float) -> Grid:
    """Return the grid moved by so many voxels along each axis of the volume."""
    affine = grid.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ np.full(3, voxels)
    return replace(grid, affine=affine)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("code", GRIDS)
def test_values_between_voxels_are_scipys(code: str, plane: Any, interpolation: Any) -> None:
    volume = noise(code)
    grid = grid_of(volume, plane, 0.7)
    sampler = Sampler(volume, grid, interpolation, is_own=True)

    for number in range(0, grid.n_slices, 5):
        values, inside = sampler.values(number)
        expected, there = asked_of_scipy(
            volume, grid, number, {"linear": 1, "cubic": 3}[interpolation]
        )
        seen = np.ones(grid.shape, bool) if inside is None else inside
        np.testing.assert_allclose(values[seen], expected[seen], atol=1e-3)
        # The outermost planes of an oblique scan may pass its corners between two pixels.
        assert seen.any() == there.any()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("code", GRIDS)
def test_nearest_values_are_those_of_voxels(code: str, plane: Any) -> None:
    volume = noise(code)
    grid = grid_of(volume, plane)
    sampler = Sampler(volume, grid, "nearest", is_own=True)

    for number in range(grid.n_slices):
        values, inside = sampler.values(number)
        # Halfway between two voxels either is right.
        below, there = asked_of_scipy(volume, _nudged(volume, grid, -1e-6), number, 0)
        above, _ = asked_of_scipy(volume, _nudged(volume, grid, 1e-6), number, 0)
        seen = there if inside is None else inside & there
        wrong = (values != below) & (values != above) & seen
        assert wrong.sum() <= 0.01 * seen.sum()
        assert values.dtype == np.float64 or values.dtype == np.int16


def test_where_pixels_are_voxels_nothing_is_computed() -> None:
    volume = noise("PIR")
    sampler = Sampler(volume, grid_of(volume, "coronal", "voxel"), "cubic", is_own=True)

    values, inside = sampler.values(4)

    assert inside is None
    assert not sampler.is_interpolated
    np.testing.assert_array_equal(values, volume.data[4, :, ::-1])
    assert np.shares_memory(values, volume.data)


def test_another_scan_of_the_same_world_is_cut_at_the_same_place() -> None:
    reference, other = noise("LPS"), noise("RAS", (12, 9, 20))
    grid = grid_of(reference, "axial")
    sampler = Sampler(other, grid, "linear")

    for number in range(grid.n_slices):
        values, inside = sampler.values(number)
        expected, there = asked_of_scipy(other, grid, number, 1)
        np.testing.assert_array_equal(there if inside is None else inside, there)
        np.testing.assert_allclose(values[there], expected[there], atol=1e-9)


def test_labels_are_never_interpolated() -> None:
    labels = Volume(np.eye(9, dtype=np.uint8).reshape(9, 9, 1) * 7, np.eye(4), kind="labels")

    values, _ = Sampler(labels, grid_of(labels, "axial", 0.4), "cubic", True).values(0)

    assert set(np.unique(values)) == {0, 7}


def test_frames_count_with_the_first_extra_axis_fastest() -> None:
    data = np.arange(2 * 2 * 1 * 3 * 4).reshape(2, 2, 1, 3, 4).astype(np.int16)
    volume = Volume(data, np.diag([-1.0, -1, 1, 1]), (Axis("t"), Axis("echo")))
    sampler = Sampler(volume, grid_of(volume, "axial"), "linear", True)

    for frame in range(12):
        values, _ = sampler.values(0, frame)
        np.testing.assert_array_equal(values, data[:, :, 0, frame % 3, frame // 3].T)


def test_complex_values_are_magnitudes_and_colours_stay_colours() -> None:
    turned = Volume(np.full((2, 2, 1), 3 + 4j), np.eye(4))
    colours = np.random.default_rng(0).integers(0, 255, (4, 5, 2, 3)).astype(np.uint8)
    rgb = Volume(colours, np.diag([-1.0, -1, 1, 1]), (Axis("rgb"),))

    magnitude, _ = Sampler(turned, grid_of(turned, "axial"), "linear", True).values(0)
    seen, _ = Sampler(rgb, grid_of(rgb, "axial"), "linear", True).values(1)

    assert (magnitude == 5).all()
    np.testing.assert_array_equal(seen, colours[:, :, 1].transpose(1, 0, 2))


@pytest.mark.parametrize("plane", PLANES)
def test_a_lazy_scan_gives_what_it_holds_and_keeps_nothing(plane: Any) -> None:
    array = np.random.default_rng(0).integers(0, 999, (11, 12, 13)).astype(np.int16)
    source = ArraySource(array)
    data = lazy_volume(PlaneStore(source, MemoryBudget(10**9)))
    volume = Volume(data, np.diag([-1.0, -1, 1, 1]))
    whole = Volume(array.T, volume.affine)
    grid = grid_of(volume, plane)
    lazy, direct = (Sampler(v, grid, "linear", True) for v in (volume, whole))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda n: lazy.values(n)[0], range(grid.n_slices)))

    for number, values in enumerate(found):
        np.testing.assert_array_equal(values, direct.values(number)[0])
    assert data.store.progress == 0, "the scan's own store was not filled"
    assert set(source.reads.values()) == {1}, "each plane of the file was read once"


def test_what_is_in_memory_is_not_read_again() -> None:
    source = ArraySource(np.zeros((4, 5, 6), np.int16))
    data = lazy_volume(PlaneStore(source, MemoryBudget(10**9)))
    np.asarray(data)

    assert passing(data) is data
