"""Turn the voxel axes without moving a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Final

import numpy as np

from napari_medvol import affines, arrays
from napari_medvol.errors import StepError
from napari_medvol.volume import Step, Volume

#: World axis that a letter names: x, y or z of RAS+.
WORLD_AXIS: Final = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}
_POSITIVE: Final = "RAS"
Point = tuple[float, float, float]


def orient(volume: Volume, axcodes: str = "RAS") -> Volume:
    """Permute and flip the voxel axes until their positive ends are `axcodes`.

    The voxels stay where they are in world: only the order in which they are stored changes. An
    oblique volume keeps its obliquity.

    Parameters
    ----------
    volume : Volume
    axcodes : str
        Letters of the positive ends of (i, j, k), as nibabel names them: ``"LPS"`` is what
        DICOM and ITK call RAI ("from" letters).

    Returns
    -------
    Volume
        Its data are a view: nothing is read or copied.

    Raises
    ------
    StepError
        If `axcodes` does not name each of the three directions once.
    """
    codes = checked_codes("orient", volume, axcodes)
    now = affines.orientation(volume.affine)
    wanted = [WORLD_AXIS[letter] for letter in codes]
    order = [int(np.flatnonzero(now[:, 0] == world)[0]) for world in wanted]
    signs = [1, 1, 1]
    for axis, letter in zip(order, codes, strict=True):
        signs[axis] = 1 if (letter in _POSITIVE) == (now[axis, 1] > 0) else -1
    data = volume.data
    for axis in range(3):
        if signs[axis] < 0:
            data = arrays.flip(data, axis)
    affine = affines.reoriented(volume.affine, volume.shape, order, signs)
    affine[:3, 3], rest = _first_voxel(volume, signs)
    return volume.derive(
        Step("orient", {"axcodes": codes}),
        data=arrays.transpose(data, [*order, *range(3, data.ndim)]),
        affine=affine,
        rest=rest,
    )


def _first_voxel(volume: Volume, signs: Sequence[int]) -> tuple[Point, Point]:
    """Return where the first voxel is once axes are flipped, and what float64 loses of that."""
    flipped = [axis for axis in range(3) if signs[axis] < 0]
    places: list[float] = []
    rests: list[float] = []
    for row, rest in zip(volume.affine[:3], volume.rest, strict=True):
        terms = [row[3], rest, *(row[axis] * (volume.shape[axis] - 1) for axis in flipped)]
        place = fsum(terms)
        places.append(place)
        rests.append(fsum([*terms, -place]))
    return (places[0], places[1], places[2]), (rests[0], rests[1], rests[2])


def checked_codes(op: str, volume: Volume, axcodes: str) -> str:
    """Return three letters in upper case.

    Raises
    ------
    StepError
        If they do not name each of the three directions once.
    """
    codes = str(axcodes).upper()
    if sorted(WORLD_AXIS.get(letter, 9) for letter in codes) != [0, 1, 2]:
        raise StepError(
            f"{op} {volume.name!r}",
            f"{axcodes!r} does not name each of right/left, anterior/posterior and"
            " superior/inferior once",
            "Give three letters of R L A P S I, such as RAS or LPS",
        )
    return codes
