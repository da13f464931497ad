"""Small volumes with a known voxel, for the tests of the viewer."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.volume import Volume

#: Every way that three axes can be permuted and flipped.
ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def oriented_affine(order: tuple[int, ...], signs: tuple[int, ...]) -> NDArray[np.float64]:
    """Voxel axis a runs along world axis order[a], in the sense signs[a]; zooms 1, 1.5, 2."""
    affine = np.zeros((4, 4))
    for axis, (world, sign, zoom) in enumerate(zip(order, signs, (1.0, 1.5, 2.0), strict=True)):
        affine[world, axis] = sign * zoom
    affine[:, 3] = (11.0, -23.0, 37.0, 1.0)
    return affine


def turned(degrees: float, axis: int = 0) -> NDArray[np.float64]:
    """Rotation about one world axis, 4×4."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    a, b = [n for n in range(3) if n != axis]
    matrix[a, a] = matrix[b, b] = c
    matrix[a, b], matrix[b, a] = -s, s
    return matrix


def marked(
    affine: NDArray[np.float64],
    voxel: tuple[int, int, int] = (3, 5, 7),
    shape: tuple[int, int, int] = (10, 14, 18),
    **more: Any,
) -> Volume:
    """A volume of zeros, int16, with 1000 in one voxel."""
    data = np.zeros(shape, dtype=np.int16)
    data[voxel] = 1000
    return Volume(data, affine, **{"name": "marked", **more})
