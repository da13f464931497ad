"""Which grid an operation puts a volume on, before a voxel is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.ops.asked import finite_numbers, whole_numbers
from napari_medvol.volume import Step, Volume

Matrix = NDArray[np.float64]
Grid = tuple[list[int], Matrix]

#: Millimetres, and voxels in one: what is beyond is a slip, and overflows further on.
_LARGEST: Final = 1e9
#: Voxels, in longest sides of the volume.
_WIDEST: Final = 10


def grid_after(volume: Volume, step: Step) -> Grid:
    """Return shape (i, j, k) and affine of what a step that resamples would make.

    Parameters
    ----------
    volume : Volume
    step : Step
        Of ``resample``, ``resize``, ``downsample`` or ``world_aligned``.

    Raises
    ------
    StepError
        If its numbers make no grid, or it does not resample.
    """
    given = step.params
    if step.op == "resample":
        return list(given["shape"]), np.asarray(given["affine"], dtype=np.float64)
    if step.op == "resize":
        return resized_grid(volume, given["zooms"])
    if step.op == "downsample":
        return thinned_grid(volume, given["factors"], given.get("start"))[:2]
    if step.op == "world_aligned":
        return world_aligned_grid(volume, given.get("zooms"))
    raise StepError(f"step {step.op!r}", "it does not resample")


def resized_grid(volume: Volume, zooms: Any) -> Grid:
    """Return the grid along the same axes, about the same centre, with voxels of `zooms` mm."""
    sizes = sizes_of("resize", volume, zooms)
    extent = np.asarray(volume.shape[:3]) * affines.zooms(volume.affine)
    shape = [max(1, round(float(n))) for n in extent / sizes]
    return shape, centred_grid(volume.affine, volume.shape, sizes, shape)


def centred_grid(
    affine: Matrix, shape: Sequence[int], sizes: Any, new_shape: Sequence[int]
) -> Matrix:
    """Return the affine of a grid with the same centre and directions, and voxels of `sizes`."""
    grid = np.array(affine, dtype=np.float64)
    grid[:3, :3] *= np.asarray(sizes) / affines.zooms(affine)
    middle, new_middle = (
        (np.asarray(s[:3], dtype=np.float64) - 1) / 2 for s in (shape, new_shape)
    )
    grid[:3, 3] = affines.apply_affine(affine, middle) - grid[:3, :3] @ new_middle
    return grid


def thinned_grid(
    volume: Volume, factors: Sequence[int], start: Sequence[int] | None = None
) -> tuple[list[int], Matrix, list[int]]:
    """Return the grid of every `factors`-th voxel, and the first voxel of it."""
    steps = whole_numbers(factors, 3) or (0, 0, 0)
    firsts = tuple(f // 2 for f in steps) if start is None else whole_numbers(start, 3)
    lengths = volume.shape[:3]
    if firsts is None or not all(
        1 <= f <= _LARGEST and 0 <= a < n for f, a, n in zip(steps, firsts, lengths, strict=True)
    ):
        first = "half of them" if start is None else f"voxel {start!r}"
        raise StepError(
            f"downsample {volume.name!r}",
            f"factors {factors!r} from {first} leave nothing of {lengths}",
            "Give three factors of 1 or more, and a first voxel inside",
        )
    shape = [len(range(a, n, f)) for a, n, f in zip(firsts, lengths, steps, strict=True)]
    grid = np.array(affines.cropped(volume.affine, firsts))
    grid[:3, :3] *= steps
    return shape, grid, list(firsts)


def world_aligned_grid(volume: Volume, zooms: Any = None) -> Grid:
    """Return the smallest grid along the axes of world that holds a volume."""
    sizes = (
        affines.zooms(volume.affine) if zooms is None else sizes_of("world_aligned", volume, zooms)
    )
    axes = affines.orientation(volume.affine)
    direction = np.zeros((3, 3))
    direction[axes[:, 0], np.arange(3)] = axes[:, 1]
    inside = direction.T @ affines.apply_affine(volume.affine, affines.corners(volume.shape)).T
    # A corner voxel reaches half its size beyond its centre; centres are what grids count.
    low, high = inside.min(axis=1), inside.max(axis=1)
    shape = [max(1, int(np.ceil(round(float(n), 6))) + 1) for n in (high - low) / sizes]
    slack = (np.asarray(shape) - 1) * sizes - (high - low)
    grid = np.eye(4)
    grid[:3, :3] = direction * sizes
    grid[:3, 3] = direction @ (low - slack / 2)
    return shape, grid


def sizes_of(op: str, volume: Volume, given: Any) -> Matrix:
    """Return three voxel sizes, mm, of one or three; none far beyond the volume itself."""
    alone = finite_numbers((given,), 1) or finite_numbers(given, 1)
    sizes = 3 * alone if alone else finite_numbers(given, 3)
    if sizes is None or not all(1 / _LARGEST <= size <= _LARGEST for size in sizes):
        why = f"{given!r} is no voxel size"
        raise StepError(f"{op} {volume.name!r}", why, "Give one or three numbers above 0, mm")
    longest = float((np.asarray(volume.shape[:3]) * affines.zooms(volume.affine)).max())
    if max(sizes) > _WIDEST * longest:
        why = f"a voxel of {max(sizes):g} mm is beyond {_WIDEST} times the volume's"
        why += f" {longest:g} mm"
        raise StepError(f"{op} {volume.name!r}", why, "Give smaller voxel sizes, mm")
    return np.array(sizes)
