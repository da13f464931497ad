"""4×4 matrices from voxel index (i, j, k) to world millimetres, and nothing else.

Inside this package world is RAS+ (x to the patient's Right, y to Anterior, z to Superior),
always in mm, and an index names the **centre** of a voxel. LPS+, which DICOM and ITK speak,
is one function away: :func:`swap_lps_ras`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.errors import GeometryError

Affine = NDArray[np.float64]
Orientation = NDArray[np.int64]

_POSITIVE: Final = "RAS"
_NEGATIVE: Final = "LPI"
_LPS_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
_LPS_RAS.flags.writeable = False


def checked_affine(affine: ArrayLike, name: str) -> Affine:
    """Return `affine` as a read-only (4, 4) float64 array that can be inverted.

    Parameters
    ----------
    affine : (4, 4) array_like
        Voxel index to world, mm.
    name : str
        How the error names the thing that carries the matrix.

    Raises
    ------
    GeometryError
        If the shape is wrong, a value is not finite, the last row is not ``0 0 0 1``, or the
        three columns do not span space.
    """
    matrix = np.array(affine, dtype=np.float64)
    why = _fault(matrix)
    if why:
        raise GeometryError(
            name, why, "Give a 4×4 matrix whose columns are the steps between voxels in mm"
        )
    matrix.flags.writeable = False
    return matrix


def _fault(matrix: Affine) -> str:
    if matrix.shape != (4, 4):
        return f"the affine has shape {matrix.shape}, not (4, 4)"
    if not np.isfinite(matrix).all():
        return "the affine holds values that are not finite"
    if not np.array_equal(matrix[3], (0, 0, 0, 1)):
        return f"the last row of the affine is {matrix[3].tolist()}, not [0, 0, 0, 1]"
    sizes = zooms(matrix)
    if (sizes == 0).any():
        return f"the affine is singular: its voxel sizes are {sizes.tolist()} mm"
    if abs(np.linalg.det(matrix[:3, :3] / sizes)) < 1e-6:
        return "the affine is singular: its three axes lie in one plane"
    return ""


def apply_affine(affine: Affine, points: ArrayLike) -> NDArray[np.float64]:
    """Return world coordinates of `points`.

    Parameters
    ----------
    affine : (4, 4) array
    points : (..., 3) array_like
        Voxel indices, fractions allowed.

    Returns
    -------
    (..., 3) array of float64
        In the world of `affine`, mm.

    Examples
    --------
    >>> apply_affine(np.diag([2.0, 3, 4, 1]), [1, 1, 1]).tolist()
    [2.0, 3.0, 4.0]
    """
    return np.asarray(points, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]


def zooms(affine: Affine) -> NDArray[np.float64]:
    """Return the voxel sizes along i, j, k in mm: the norms of the affine's columns."""
    return np.sqrt((np.asarray(affine, dtype=np.float64)[:3, :3] ** 2).sum(axis=0))


def orientation(affine: Affine) -> Orientation:
    """Return which world axis each voxel axis runs along, and in which sense.

    The assignment is the best of all six, by the product of direction cosines, so it is
    always a permutation, also for strongly oblique or sheared grids where a greedy choice
    gives one world axis twice.

    Returns
    -------
    (3, 2) array of int
        Row a: (world axis 0, 1 or 2 of voxel axis a; +1 or -1).

    Examples
    --------
    >>> orientation(np.diag([-1.0, 1, 2, 1])).tolist()
    [[0, -1], [1, 1], [2, 1]]
    """
    cosines = affine[:3, :3] / zooms(affine)
    axes = np.arange(3)
    # Rounded so that an exact tie (45°) is always broken the same way: by the order of
    # permutations, never by the last bit.
    best = max(
        permutations(range(3)),
        key=lambda world: round(float(np.abs(cosines[list(world), axes]).prod()), 9),
    )
    signs = np.where(cosines[list(best), axes] < 0, -1, 1)
    return np.stack([np.array(best), signs], axis=1)


def axcodes(affine: Affine) -> str:
    """Return the letters of the positive end of each voxel axis, such as ``"LPS"``.

    Examples
    --------
    >>> axcodes(np.diag([-1.0, -1, 2, 1]))
    'LPS'
    """
    return "".join(
        (_POSITIVE if sign > 0 else _NEGATIVE)[axis] for axis, sign in orientation(affine)
    )


def obliquity(affine: Affine) -> NDArray[np.float64]:
    """Return the angle of each voxel axis to its nearest world axis, in degrees.

    Examples
    --------
    >>> obliquity(np.diag([1.0, 2, 3, 1])).tolist()
    [0.0, 0.0, 0.0]
    """
    across = affine[:3, :3] / zooms(affine)
    nearest = (orientation(affine)[:, 0], np.arange(3))
    along = np.abs(across[nearest])
    across[nearest] = 0
    return np.degrees(np.arctan2(np.linalg.norm(across, axis=0), along))


def swap_lps_ras(affine: Affine) -> Affine:
    """Return the same grid in the other convention: LPS+ becomes RAS+, RAS+ becomes LPS+.

    Examples
    --------
    >>> swap_lps_ras(np.diag([1.0, 2, 3, 1])).diagonal().tolist()
    [-1.0, -2.0, 3.0, 1.0]
    """
    return _LPS_RAS @ affine


def cropped(affine: Affine, start: Sequence[float]) -> Affine:
    """Return the affine of the array that begins at voxel `start`.

    Parameters
    ----------
    affine : (4, 4) array
    start : three numbers
        Voxel index (i, j, k) of the first kept voxel.
    """
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, start)
    return moved


def reoriented(
    affine: Affine, shape: Sequence[int], order: Sequence[int], signs: Sequence[int]
) -> Affine:
    """Return the affine of the array after flips and a permutation of its first three axes.

    Parameters
    ----------
    affine : (4, 4) array
    shape : three ints
        Shape (i, j, k) before.
    order : three ints
        ``order[a]`` is the old axis that becomes new axis `a`, as in ``numpy.transpose``.
    signs : three ints
        +1, or -1 where the **old** axis is reversed first.

    Returns
    -------
    (4, 4) array
        Every voxel keeps its place in world.
    """
    flip = np.eye(4)
    for axis, sign in enumerate(signs):
        if sign < 0:
            flip[axis, axis] = -1
            flip[axis, 3] = shape[axis] - 1
    permute = np.zeros((4, 4))
    permute[3, 3] = 1
    permute[list(order), np.arange(3)] = 1
    return affine @ flip @ permute


def corners(shape: Sequence[int]) -> NDArray[np.float64]:
    """Return the voxel indices of the centres of the eight corner voxels, (8, 3)."""
    ends = [(0.0, float(n - 1)) for n in shape[:3]]
    return np.array([[i, j, k] for i in ends[0] for j in ends[1] for k in ends[2]])


def corner_displacement(one: Affine, other: Affine, shape: Sequence[int]) -> float:
    """Return how far apart, in mm, two affines put the worst corner voxel of a grid.

    Both maps are affine, so no voxel of the grid is displaced further than a corner.
    """
    points = corners(shape)
    shift = apply_affine(one, points) - apply_affine(other, points)
    return float(np.linalg.norm(shift, axis=1).max())


def without_rotation(affine: Affine, shape: Sequence[int]) -> Affine:
    """Return the axis-aligned affine nearest to a closest-canonical one.

    The voxel sizes and the grid's centre stay; rotation and shear go.

    Parameters
    ----------
    affine : (4, 4) array
        With each voxel axis nearest to the world axis of the same number.
    shape : three ints
    """
    signs = np.where(np.diag(affine)[:3] < 0, -1, 1)
    straight = np.diag([*(signs * zooms(affine)), 1.0])
    centre = (np.asarray(shape[:3], dtype=np.float64) - 1) / 2
    straight[:3, 3] = apply_affine(affine, centre) - apply_affine(straight, centre)
    return straight
