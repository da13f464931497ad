"""Where the pixels of slices lie: anatomical planes as grids of pixels in patient space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import floor
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.errors import StepError
from napari_medvol.views.planes import PLANES, Borders, Plane, borders, letters, slice_axis
from napari_medvol.volume import Volume

Convention = Literal["radiological", "neurological"]

CONVENTIONS: Final[tuple[Convention, ...]] = ("radiological", "neurological")

#: World axis (x, y, z) and sense of each letter.
_TOWARDS: Final = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}

#: Voxels. Axes that move no voxel of a plane further than this out of it lie within it.
_IN_PLANE: Final = 0.05
#: Pixels. Extents that are whole numbers but for float noise gain no pixel.
_NOISE: Final = 1e-4
#: Pixels of a picture that is enlarged: most programs open no larger one.
_MOST: Final = 2**27

PixelSize = float | Literal["voxel"] | None


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The pictures of one plane through a volume.

    Parameters
    ----------
    plane : str
        ``"axial"``, ``"coronal"`` or ``"sagittal"``: for a voxel axis of an oblique volume,
        the nearest of them.
    axis : int
        Voxel axis that is cut across; the nearest one for a plane through an oblique volume.
    shape : (int, int)
        Rows and columns of each picture.
    n_slices : int
    affine : (4, 4) array
        (row, column, number of the slice), pixel centre, to RAS+ mm. The number is the voxel
        index along `axis` where the plane is one of voxels.
    is_of_voxels : bool
        Whether every slice is a plane of voxels: nothing is interpolated across it.
    """

    plane: Plane
    axis: int
    shape: tuple[int, int]
    n_slices: int
    affine: Affine
    is_of_voxels: bool

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance of neighbouring pixels down the picture, and across it, mm."""
        rows, columns, _ = affines.zooms(self.affine)
        return float(rows), float(columns)

    @property
    def step_mm(self) -> float:
        """Distance of neighbouring slices along the normal, mm."""
        normal = np.cross(self.affine[:3, 0], self.affine[:3, 1])
        return float(abs(self.affine[:3, 2] @ normal) / np.linalg.norm(normal))

    @property
    def borders(self) -> Borders:
        """The letters R, L, A, P, S, I at the borders of the picture."""
        down, right = self.affine[:3, 0], self.affine[:3, 1]
        return Borders(letters(-right), letters(right), letters(-down), letters(down))

    def centre(self, number: int) -> NDArray[np.float64]:
        """Return RAS+ mm of the middle of picture `number`, (3,)."""
        rows, columns = self.shape
        return affines.apply_affine(self.affine, ((rows - 1) / 2, (columns - 1) / 2, number))

    def position(self, number: int) -> float:
        """Return where picture `number` lies along R, A or S, mm: its middle, if oblique."""
        return float(self.centre(number)[across(self.plane)])

    def number_at(self, position: float) -> int:
        """Return the number of the slice nearest to a place along R, A or S, mm."""
        first, step = self.position(0), self.position(1) - self.position(0)
        return min(max(round((position - first) / step), 0), self.n_slices - 1)


def grid_of(
    volume: Volume,
    plane: Plane | int,
    pixel_mm: PixelSize = None,
    convention: Convention = "radiological",
) -> Grid:
    """Return where the slices of one plane lie.

    Head or front is up. Radiological has the patient's right on the left of axial and coronal
    pictures, neurological on the right; sagittal ones look to the left in both.

    Parameters
    ----------
    volume : Volume
    plane : {"axial", "coronal", "sagittal"} or int
        An int is the voxel axis that is cut across: its planes of voxels, upright, also where
        they lie askew. An anatomical plane is true: through an oblique volume it is
        interpolated, in steps of the voxel size across it.
    pixel_mm : float, "voxel" or None
        Size of the square pixels, mm; ``"voxel"`` is a pixel a voxel, not square where voxels
        are not; None the smaller voxel size within the plane.
    convention : {"radiological", "neurological"}

    Raises
    ------
    StepError
        If there is no such plane or convention, or the pixel size is not above 0.
    """
    what = f"slices of {volume.name!r}"
    if convention not in CONVENTIONS:
        raise StepError(what, f"{convention!r} is no convention", f"Known: {_or(CONVENTIONS)}")
    if plane not in PLANES and plane not in (0, 1, 2):
        raise StepError(what, f"there is no plane {plane!r}", f"Known: {_or(PLANES)}, 0, 1, 2")
    axes = affines.orientation(volume.affine)
    worlds = [int(world) for world in axes[:, 0]]
    is_anatomical = isinstance(plane, str)
    if isinstance(plane, str):
        name, axis = plane, slice_axis(volume.affine, plane)
    else:
        axis = int(plane)
        name = next(p for p in PLANES if across(p) == worlds[axis])
    senses = _senses(name, convention)
    along = [worlds.index(world) for world, _ in senses]
    pixel = _pixel(what, pixel_mm, affines.zooms(volume.affine)[along])
    if not is_anatomical or _lies_within(volume, axis, along):
        flips = [sense * int(axes[a, 1]) for a, (_, sense) in zip(along, senses, strict=True)]
        return _drawable(what, volume, _of_voxels(volume, name, axis, along, flips, pixel))
    return _drawable(what, volume, _of_world(volume, name, axis, senses, pixel))


@cache
def across(plane: Plane) -> int:
    """Return the world axis 0, 1 or 2 (x, y, z) that a plane is cut across."""
    return 3 - sum(world for world, _ in _senses(plane, "radiological"))


def _senses(plane: Plane, convention: Convention) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the world axis and sense in which rows run down, and columns to the right."""
    is_mirrored = convention == "neurological" and plane != "sagittal"
    at = borders(plane, mirrored=is_mirrored)
    return _TOWARDS[at.bottom], _TOWARDS[at.right]


def _pixel(what: str, asked: Any, sizes: NDArray[np.float64]) -> tuple[float, float]:
    """Return the size of a pixel down and across, mm; `sizes` are those of the voxels."""
    if asked == "voxel":
        return float(sizes[0]), float(sizes[1])
    if asked is None:
        return (float(sizes.min()),) * 2
    if isinstance(asked, str) or not (np.isfinite(asked) and asked > 0):
        raise StepError(what, f"{asked!r} is no size of a pixel", 'Give mm above 0, or "voxel"')
    return (float(asked),) * 2


def _drawable(what: str, volume: Volume, grid: Grid) -> Grid:
    """Refuse pictures enlarged beyond what programs open and memories hold."""
    height, width = grid.shape
    if height * width > max(_MOST, int(np.prod(np.sort(volume.shape[:3])[1:]))):
        raise StepError(
            what, f"its pictures would be {width:,} × {height:,} pixels", "Give more mm a pixel"
        )
    return grid


def _lies_within(volume: Volume, axis: int, along: Sequence[int]) -> bool:
    """Return whether the voxels across `axis` lie in one anatomical plane, unturned in it."""
    for a in along:
        column = np.array(volume.affine[:3, a])
        column[np.argmax(np.abs(column))] = 0
        smallest = affines.zooms(volume.affine).min()
        if np.linalg.norm(column) * (volume.shape[a] - 1) > 2 * _IN_PLANE * smallest:
            return False
    return True


def _of_voxels(
    volume: Volume,
    name: Plane,
    axis: int,
    along: Sequence[int],
    flips: Sequence[int],
    pixel: tuple[float, float],
) -> Grid:
    zooms = affines.zooms(volume.affine)
    to_voxel = np.zeros((4, 4))
    to_voxel[axis, 2] = to_voxel[3, 3] = 1
    shape = []
    for column, (a, flip, mm) in enumerate(zip(along, flips, pixel, strict=True)):
        n_voxels = volume.shape[a]
        n_pixels = max(round(n_voxels * zooms[a] / mm), 1)
        step = flip * mm / zooms[a]
        to_voxel[a, column] = step
        to_voxel[a, 3] = (n_voxels - 1) / 2 - step * (n_pixels - 1) / 2
        shape.append(n_pixels)
    rows, columns = shape
    affine = volume.affine @ to_voxel
    return Grid(name, axis, (rows, columns), volume.shape[axis], affine, True)


def _of_world(
    volume: Volume,
    name: Plane,
    axis: int,
    senses: Sequence[tuple[int, int]],
    pixel: tuple[float, float],
) -> Grid:
    """Return true planes through a volume that lies askew, as many as hold all of it."""
    zooms = affines.zooms(volume.affine)
    ends = np.where(affines.corners(volume.shape) > 0, np.array(volume.shape[:3]) - 0.5, -0.5)
    points = affines.apply_affine(volume.affine, ends)
    low, high = points.min(axis=0), points.max(axis=0)
    affine = np.eye(4)
    affine[:3, :3] = 0
    counts = []
    steps = (*((world, s * mm) for (world, s), mm in zip(senses, pixel, strict=True)),)
    for column, (world, step) in enumerate((*steps, (across(name), float(zooms[axis])))):
        n = max(-floor(-((high[world] - low[world]) / abs(step) - _NOISE)), 1)
        affine[world, column] = step
        affine[world, 3] = (low[world] + high[world]) / 2 - step * (n - 1) / 2
        counts.append(n)
    return Grid(name, axis, (counts[0], counts[1]), counts[2], affine, False)


def _or(words: Sequence[str]) -> str:
    return ", ".join(words)
