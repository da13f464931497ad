"""Volumes with something to find, and where a viewer shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.volume import Axis, Volume

PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}

Affine = NDArray[np.float64]


def marked(affine: Affine, voxel: tuple[int, ...] = (3, 5, 7), **more: Any) -> Volume:
    """Zeros, int16, of shape (10, 14, 18), with 1000 in one voxel."""
    data = np.zeros((10, 14, 18), dtype=np.int16)
    data[voxel] = 1000
    return Volume(data, affine, **{"name": "marked", **more})


def blob(
    affine: Affine,
    ras: tuple[float, float, float],
    shape: tuple[int, int, int] = (40, 44, 36),
    sigma: float = 3.0,
) -> Volume:
    """A Gaussian of 1000, `sigma` mm wide, at a place in the patient: float32."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    away = ((apply_affine(affine, index) - ras) ** 2).sum(axis=-1)
    return Volume((1000 * np.exp(-away / (2 * sigma**2))).astype(np.float32), affine, name="blob")


def around(affine: Affine, ras: tuple[float, ...], shape: tuple[int, int, int]) -> Affine:
    """The affine moved so that the middle of the grid lies 6 mm off `ras`."""
    moved = affine.copy()
    middle = apply_affine(affine, (np.array(shape) - 1) / 2)
    moved[:3, 3] += np.add(ras, (2.0, -4.0, 4.0)) - middle
    return moved


def framed(affine: Affine, n_frames: int = 4) -> Volume:
    """Four axes, (5, 6, 7, n), every voxel its own value, 2.5 s a frame from 1 s on."""
    data = np.arange(5 * 6 * 7 * n_frames, dtype=np.int16).reshape(5, 6, 7, n_frames)
    return Volume(data, affine, axes=(Axis("t", 2.5, "s", 1.0),), name="framed")


def seen_off(viewer: ViewerModel, layer: Layer, ras: tuple[float, ...], plane: str) -> Affine:
    """Return how far, (z, y, x) mm, what `plane` shows lies from where it truly is.

    Measured with napari's own reading of what it draws: along both displayed axes, and along
    the slider.
    """
    place = napari_medvol.from_ras(viewer, ras)
    viewer.dims.order = PLANES[plane]
    slider = PLANES[plane][0]
    steps = np.arange(-9, 9.01, 0.3)
    off = np.zeros(3)
    for axis in range(3):
        values = []
        viewer.dims.set_point(slider, place[slider])
        for step in steps:
            point = place.copy()
            point[axis] += step
            if axis == slider:
                viewer.dims.set_point(slider, point[slider])
            value = layer.get_value(point, world=True)
            values.append(0.0 if value is None else max(float(value), 0.0))
        total = sum(values)
        off[axis] = np.inf if total == 0 else np.dot(values, steps) / total
    return off
