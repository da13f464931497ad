"""Affines and volumes whose geometry is known because we chose it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.volume import Axis, Volume

Affine = NDArray[np.float64]

#: All 48 ways that voxel axes can run along world axes.
ORIENTATIONS = tuple(
    "".join(pair[flip] for pair, flip in zip(axes, flips, strict=True))
    for axes in permutations(("RL", "AP", "SI"))
    for flips in product((0, 1), repeat=3)
)


def affine_along(
    axcodes: str,
    zooms: Sequence[float] = (1.0, 2.0, 3.0),
    origin: Sequence[float] = (-10.0, 20.0, 5.0),
) -> Affine:
    """Return the affine whose voxel axes run towards `axcodes`, by the letters' meaning."""
    towards = {
        "R": (1, 0, 0),
        "L": (-1, 0, 0),
        "A": (0, 1, 0),
        "P": (0, -1, 0),
        "S": (0, 0, 1),
        "I": (0, 0, -1),
    }
    affine = np.eye(4)
    for axis, (code, zoom) in enumerate(zip(axcodes, zooms, strict=True)):
        affine[:3, axis] = np.multiply(towards[code], zoom)
    affine[:3, 3] = origin
    return affine


def rotated(affine: Affine, degrees: float, about: Sequence[float] = (1, 2, 3)) -> Affine:
    """Return `affine` followed by a rotation of world about an axis through its origin."""
    x, y, z = np.asarray(about, dtype=float) / np.linalg.norm(about)
    angle = np.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn @ affine


def sheared(affine: Affine, factor: float = 0.27) -> Affine:
    """Return `affine` with slices that slip along j as k grows, as under a tilted gantry."""
    shear = np.eye(4)
    shear[1, 2] = factor
    return affine @ shear


def numbered(
    shape: Sequence[int], dtype: Any = np.int16, affine: Affine | None = None, **more: Any
) -> Volume:
    """Return a volume in which every voxel has its own value, as far as `dtype` allows."""
    values = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    axes = tuple(Axis(name) for name in "tuvw"[: len(shape) - 3])
    return Volume(
        values, affine_along("LPS") if affine is None else affine, axes=axes, name="p", **more
    )
