"""Boxes of voxels: where they lie in the patient, what they hold, how a plane cuts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.errors import StepError
from napari_medvol.volume import Volume

Index = tuple[int, int, int]
Vector = NDArray[np.float64]
Progress = Callable[[int, int], None]

#: Voxels. A centre so near to a border counts as lying on it: float noise of two affines.
_ON_BORDER: Final = 1e-4
#: HU midway between air and water.
_AIR_HU: Final = -500.0
#: Share of the way from the dark to the bright end of the values above which there is tissue.
_TISSUE: Final = 0.1
_SLAB: Final = 16
#: Values that the dark and the bright end are taken from.
_SAMPLED: Final = 200_000


class Box(NamedTuple):
    """Voxels ``start <= index < stop`` of a grid, (i, j, k)."""

    start: Index
    stop: Index

    @property
    def shape(self) -> Index:
        """Number of voxels along i, j, k; below 1 where the box is empty."""
        i, j, k = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k

    def __str__(self) -> str:
        """As Python slices."""
        return ", ".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))


class Reading(NamedTuple):
    """What a crop becomes.

    Parameters
    ----------
    shape : tuple of int
        Extra axes included.
    origin : (3,) array
        Voxel (0, 0, 0) of the crop, RAS+ mm.
    size : (3,) array
        Edges of the box along i, j, k, mm.
    memory : int
        Bytes of its voxels.
    """

    shape: tuple[int, ...]
    origin: Vector
    size: Vector
    memory: int


def box_of(start: Sequence[float], stop: Sequence[float]) -> Box:
    """Return a box of six numbers that are whole."""
    i, j, k = (round(n) for n in start)
    x, y, z = (round(n) for n in stop)
    return Box((i, j, k), (x, y, z))


def whole(shape: Sequence[int]) -> Box:
    """Return the box of all voxels."""
    return box_of((0, 0, 0), shape[:3])


def reading(volume: Volume, box: Box) -> Reading:
    """Return what the crop of a volume to a box becomes; nothing is read."""
    shape = (*(max(n, 0) for n in box.shape), *volume.shape[3:])
    return Reading(
        shape,
        affines.apply_affine(volume.affine, box.start),
        affines.zooms(volume.affine) * shape[:3],
        int(np.prod(shape, dtype=np.int64)) * volume.dtype.itemsize,
    )


def region_of(affine: Affine, box: Box) -> Affine:
    """Return a box as a region of the patient: the unit cube to RAS+ mm, (4, 4).

    The region reaches from border to border of the outermost voxels, half a voxel beyond their
    centres.
    """
    place = np.eye(4)
    place[:3, :3] = np.diag(box.shape)
    place[:3, 3] = np.asarray(box.start) - 0.5
    region: Affine = affine @ place
    return region


def region_between(low: ArrayLike, high: ArrayLike) -> Affine:
    """Return the region between two corners in RAS+ mm, its sides along the world's axes."""
    ends = np.sort(np.asarray([low, high], dtype=np.float64), axis=0)
    region = np.diag([*(ends[1] - ends[0]), 1.0])
    region[:3, 3] = ends[0]
    return region


def box_within(affine: Affine, shape: Sequence[int], region: Affine, name: str = "layer") -> Box:
    """Return the box of a grid that holds every voxel whose centre is in a region of the patient.

    Where the grid is turned against the region (:func:`turned_by`), a box of its voxels cannot
    be the region: it is that of the region's bounding box along the axes of the grid, so that
    nothing of the region is lost and what lies around its corners comes with it. What is
    outside the grid is left out.

    Parameters
    ----------
    affine : (4, 4) array
        Of the grid, RAS+ mm.
    shape : ints
        Of the grid.
    region : (4, 4) array
        As :func:`region_of` gives it.
    name : str
        How the error names the grid.

    Raises
    ------
    StepError
        If no voxel is left.
    """
    cube = np.array(list(product((0.0, 1.0), repeat=3)))
    world = affines.apply_affine(region, cube)
    index = affines.apply_affine(np.linalg.inv(affine).astype(np.float64), world)
    start = np.ceil(index.min(axis=0) - _ON_BORDER)
    stop = np.ceil(index.max(axis=0) - _ON_BORDER)
    box = box_of(np.clip(start, 0, shape[:3]), np.clip(stop, 0, shape[:3]))
    if min(box.shape) < 1:
        found = box_of(start, stop)
        why = f"the box holds no voxel of it: {found} of {' × '.join(map(str, shape[:3]))}"
        raise StepError(f"crop {name!r}", why, "Move the box onto it, or leave it out")
    return box


def turned_by(affine: Affine, region: Affine) -> float:
    """Return the largest angle, degrees, of a side of a region to the nearest axis of a grid.

    Parameters
    ----------
    affine : (4, 4) array
        Of the grid, RAS+ mm.
    region : (4, 4) array
        As :func:`region_of` gives it.
    """
    axes = np.eye(4)
    axes[:3, :3] = affine[:3, :3] / affines.zooms(affine)
    seen: Affine = np.linalg.inv(axes) @ region
    return float(affines.obliquity(seen).max())


def checked(volume: Volume, box: Box) -> Box:
    """Return the box.

    Raises
    ------
    StepError
        If it is empty or not inside the volume.
    """
    sizes = volume.shape[:3]
    if all(0 <= a < b <= n for a, b, n in zip(box.start, box.stop, sizes, strict=True)):
        return box
    is_empty = min(box.shape) < 1
    raise StepError(
        f"crop {volume.name!r}",
        f"the box {box} {'is empty' if is_empty else 'reaches beyond the voxels'}"
        f" of {' × '.join(map(str, sizes))}",
        "Indices count from 0, the stop voxel is excluded",
    )


def grown(box: Box, shape: Sequence[int], zooms: Sequence[float], margin: float) -> Box:
    """Return a box with a margin in mm all around, rounded up to voxels, within the grid."""
    more = np.ceil(margin / np.asarray(zooms[:3]) - _ON_BORDER)
    return box_of(
        np.clip(np.asarray(box.start) - more, 0, shape[:3]),
        np.clip(np.asarray(box.stop) + more, 0, shape[:3]),
    )


def tissue_above(volume: Volume) -> float:
    """Return the value above which a voxel is no air.

    −500 in HU; else a tenth of the way from the 2nd to the 99th percentile of a sample.
    """
    if volume.unit == "HU":
        return _AIR_HU
    steps = max(1, round((volume.data.size / _SAMPLED) ** (1 / 3)))
    at = tuple(slice(None, None, steps) for _ in range(3))
    values = np.abs(np.asarray(volume.data[at]))
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    dark, bright = np.percentile(values, [2, 99])
    return float(dark + _TISSUE * (bright - dark))


def fit_to_content(
    volume: Volume,
    margin: float = 0.0,
    above: float | None = None,
    progress: Progress | None = None,
) -> Box:
    """Return the smallest box that holds every voxel that is no air, with a margin.

    Parameters
    ----------
    volume : Volume
        Labels: every voxel but background. Of extra axes every frame counts.
    margin : float
        mm.
    above : float, optional
        What is no air; :func:`tissue_above` by default.
    progress : callable, optional
        Told (slices done, slices in all).

    Raises
    ------
    StepError
        If there is none.
    """
    limit = 0.0 if volume.kind == "labels" else tissue_above(volume)
    limit = limit if above is None else above
    box = _bounds(volume, lambda values: values > limit, progress)
    if box is None:
        raise StepError(
            f"fit to {volume.name!r}",
            f"no voxel is above {limit:g} {volume.unit}".rstrip(),
            "Draw the box by hand",
        )
    return grown(box, volume.shape, volume.zooms, margin)


def fit_to_label(
    volume: Volume,
    labels: Volume,
    value: int | None = None,
    margin: float = 0.0,
    progress: Progress | None = None,
) -> Box:
    """Return the box of a volume's voxels that holds a label of another grid, with a margin.

    Parameters
    ----------
    volume : Volume
    labels : Volume
        On any grid.
    value : int, optional
        The label; every one but background by default.
    margin : float
        mm.
    progress : callable, optional

    Raises
    ------
    StepError
        If nothing has this label, or it lies outside the volume.
    """
    box = _bounds(labels, lambda v: v == value if value is not None else v != 0, progress)
    if box is None:
        what = "nothing is labelled" if value is None else f"nothing has the label {value}"
        raise StepError(f"fit to {labels.name!r}", what, "Choose another label")
    found = box_within(
        volume.affine, volume.shape, region_of(labels.affine, box), volume.name or "layer"
    )
    return grown(found, volume.shape, volume.zooms, margin)


def _bounds(
    volume: Volume,
    holds: Callable[[NDArray[Any]], Any],
    progress: Progress | None,
) -> Box | None:
    """Return the smallest box of the voxels for which `holds`; a few slices at a time."""
    sizes = volume.shape[:3]
    seen = [np.zeros(n, dtype=np.bool_) for n in sizes]
    for first in range(0, sizes[2], _SLAB):
        if progress is not None:
            progress(first, sizes[2])
        values: NDArray[Any] = np.asarray(volume.data[:, :, first : first + _SLAB])
        if values.dtype.kind == "c":
            values = np.abs(values)
        found = holds(values)
        found = found.any(axis=tuple(range(3, found.ndim))) if found.ndim > 3 else found
        seen[0] |= found.any(axis=(1, 2))
        seen[1] |= found.any(axis=(0, 2))
        seen[2][first : first + _SLAB] = found.any(axis=(0, 1))
    if not seen[0].any():
        return None
    ends = [np.flatnonzero(line)[[0, -1]] for line in seen]
    return box_of([e[0] for e in ends], [e[1] + 1 for e in ends])


class Face(NamedTuple):
    """A face of a box: across voxel axis 0, 1 or 2, at its start or its stop."""

    axis: int
    is_stop: bool


def with_face(box: Box, face: Face, index: float, shape: Sequence[int]) -> Box:
    """Return a box one of whose faces is at the voxel border nearest to `index`.

    It stays within the grid and at least a voxel thick.

    Parameters
    ----------
    box : Box
    face : Face
    index : float
        Along the face's axis; whole numbers are voxel centres.
    shape : ints
    """
    start, stop = list(box.start), list(box.stop)
    border, axis = int(np.floor(index + 1.0)), face.axis
    if face.is_stop:
        stop[axis] = min(max(border, start[axis] + 1), shape[axis])
    else:
        start[axis] = max(min(border, stop[axis] - 1), 0)
    return box_of(start, stop)


def moved(box: Box, by: ArrayLike, shape: Sequence[int]) -> Box:
    """Return a box moved by whole voxels (3,), its size kept, no further than the grid."""
    start, stop = np.asarray(box.start), np.asarray(box.stop)
    far = np.clip(np.rint(by), np.minimum(-start, 0), np.maximum(shape[:3] - stop, 0))
    return box_of(start + far, stop + far)


class Corner(NamedTuple):
    """Where a plane cuts an edge of a box: a point (3,) and the faces that meet there."""

    point: Vector
    faces: frozenset[Face]


class Section(NamedTuple):
    """What a plane shows of a box.

    Parameters
    ----------
    corners : tuple of Corner
        Of a convex outline, in turn.
    is_cut : bool
        Whether the plane cuts the box; else these are of the nearest plane that does.
    """

    corners: tuple[Corner, ...]
    is_cut: bool

    def edges(self) -> Iterator[tuple[Vector, Vector, frozenset[Face]]]:
        """Yield the ends of each side of the outline, and the face that it belongs to."""
        for one, other in zip(self.corners, (*self.corners[1:], *self.corners[:1]), strict=True):
            yield one.point, other.point, one.faces & other.faces


def section(box: Box, to_world: Affine, across: int, at: float) -> Section:
    """Return the outline in which a plane of a world cuts a box.

    Parameters
    ----------
    box : Box
        Not empty.
    to_world : (4, 4) array
        Voxel index (i, j, k) to some world, such as a viewer's.
    across : {0, 1, 2}
        Axis of that world across the plane.
    at : float
        Where along it the plane lies.
    """
    signs = list(product((False, True), repeat=3))
    ends = np.array(
        [[b if s else a for a, b, s in zip(*box, sign, strict=True)] for sign in signs]
    )
    world = affines.apply_affine(to_world, ends - 0.5)
    low, high = world[:, across].min(), world[:, across].max()
    # A plane through a corner or along a face has no clear outline: just inside, it has.
    inside = float(np.clip(at, low + 1e-4 * (high - low), high - 1e-4 * (high - low)))
    found = list(_cut(signs, world, across, inside))
    shown = [axis for axis in range(3) if axis != across]
    points = np.array([corner.point[shown] for corner in found])
    around = points - points.mean(axis=0)
    turn = np.argsort(np.arctan2(around[:, 1], around[:, 0]))
    return Section(tuple(found[n] for n in turn), bool(low <= at <= high))


def _cut(signs: list[tuple[bool, ...]], world: Vector, across: int, at: float) -> Iterator[Corner]:
    for n, sign in enumerate(signs):
        for axis in (a for a in range(3) if not sign[a]):
            m = signs.index(tuple(True if a == axis else s for a, s in enumerate(sign)))
            one, other = world[n], world[m]
            before, after = one[across] - at, other[across] - at
            if (before < 0) != (after < 0):
                point = one + (other - one) * (before / (before - after))
                yield Corner(point, frozenset(Face(a, sign[a]) for a in range(3) if a != axis))
