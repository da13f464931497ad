"""Scans that are cut into slices, and what another program makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_medvol.views.slices.planes import Grid
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated

Array = NDArray[Any]

GRIDS = {
    "RAS": affine_along("RAS", (0.8, 1.1, 2.5)),
    "LPS": affine_along("LPS", (0.8, 1.1, 2.5)),
    "PIR": affine_along("PIR", (0.8, 1.1, 2.5)),
    "oblique": rotated(affine_along("LAS", (0.8, 1.1, 2.5)), 15),
}


def noise(code: str, shape: tuple[int, ...] = (23, 26, 17), **more: Any) -> Volume:
    """Return a CT of noise, HU."""
    values = np.random.default_rng(0).integers(-1000, 1500, shape).astype(np.int16)
    return Volume(values, GRIDS[code], unit="HU", name="noise", **more)


def asked_of_scipy(volume: Volume, grid: Grid, number: int, order: int) -> tuple[Array, Array]:
    """Return the values of a picture and where the scan is, from nibabel's and scipy's maths.

    Only the affine of the grid is taken from us: pixel to RAS+ mm.
    """
    rows, columns = grid.shape
    pixels = np.stack(np.meshgrid(range(rows), range(columns), [number], indexing="ij"), axis=-1)
    voxels = apply_affine(np.linalg.inv(volume.affine) @ grid.affine, pixels.reshape(-1, 3)).T
    values = map_coordinates(
        np.asarray(volume.data, np.float64), voxels, order=order, mode="nearest"
    )
    ends = np.array(volume.shape[:3])[:, np.newaxis]
    inside = ((voxels >= -0.5) & (voxels <= ends - 0.5)).all(axis=0)
    return values.reshape(rows, columns), inside.reshape(rows, columns)
