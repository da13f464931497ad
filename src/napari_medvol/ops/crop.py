"""Keep a box of voxels."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medvol import affines, arrays
from napari_medvol.errors import StepError
from napari_medvol.ops.asked import whole_numbers
from napari_medvol.volume import Step, Volume


def crop(volume: Volume, start: Sequence[int], stop: Sequence[int]) -> Volume:
    """Keep the voxels ``start <= index < stop``; every kept voxel stays where it was in world.

    Parameters
    ----------
    volume : Volume
    start, stop : three ints
        Half-open box of voxel indices (i, j, k), counted from 0. Extra axes stay whole.

    Returns
    -------
    Volume
        Its data are a view: nothing is read or copied.

    Raises
    ------
    StepError
        If the box is empty, not inside the volume, or not three whole numbers each.
    """
    first, end = _index(volume, "start", start), _index(volume, "stop", stop)
    sizes = volume.shape[:3]
    if not all(0 <= a < b <= n for a, b, n in zip(first, end, sizes, strict=True)):
        raise StepError(
            f"crop {volume.name!r}",
            f"the box {_box(first, end)} is empty or not inside the shape {_by(sizes)}",
            "Indices count from 0, the stop voxel is excluded",
        )
    box = tuple(slice(a, b) for a, b in zip(first, end, strict=True))
    return volume.derive(
        Step("crop", {"start": first, "stop": end}),
        data=arrays.view(volume.data, box),
        affine=affines.cropped(volume.affine, first),
    )


def _index(volume: Volume, name: str, given: Sequence[int]) -> tuple[int, int, int]:
    index = whole_numbers(given, 3)
    if index is None:
        raise StepError(
            f"crop {volume.name!r}",
            f"{name} is {given!r}, not three whole numbers",
            "Give a voxel index (i, j, k)",
        )
    i, j, k = index
    return i, j, k


def _box(start: Sequence[int], stop: Sequence[int]) -> str:
    return ", ".join(f"{a}:{b}" for a, b in zip(start, stop, strict=True))


def _by(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
