"""The values of a volume at the pixels of a slice, and nothing about how they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol.interpolation import interpolated
from napari_medvol.views.slices.planes import Grid
from napari_medvol.views.slices.voxels import Frame, Voxels
from napari_medvol.volume import Volume

Array = NDArray[Any]
Matrix = NDArray[np.float64]
Interpolation = Literal["nearest", "linear", "cubic"]

INTERPOLATIONS: Final[tuple[Interpolation, ...]] = ("nearest", "linear", "cubic")

#: Voxels: pixels this near to voxel centres show the voxels, nothing is computed.
_EXACT: Final = 1e-4
#: As :mod:`~napari_medvol.reslice`: a place halfway between voxels is always the same one.
_TIE: Final = 1e-6
#: Voxels that a spline needs around what it is asked for; beyond, their weight is below 1e-6.
_SPLINE: Final = 12
#: Voxels that are interpolated askew at a time.
_BOX: Final = 2_000_000


class Sampler:
    """The values of one volume at the pixels of the pictures of a grid.

    May be asked by several threads at once.

    Parameters
    ----------
    volume : Volume
        Also one that lies elsewhere than the grid: what matters is the world.
    grid : Grid
    interpolation : {"nearest", "linear", "cubic"}
        Cubic is the spline of scipy. Labels are always nearest. Where pixels lie on voxel
        centres nothing is interpolated.
    is_own : bool
        Whether the grid was made for the volume: pixels that stick out of it by less than half
        a pixel show its border.
    """

    def __init__(
        self, volume: Volume, grid: Grid, interpolation: Interpolation, is_own: bool = False
    ) -> None:
        self.volume, self.grid = volume, grid
        self.interpolation = "nearest" if volume.kind == "labels" else interpolation
        self._to_voxel = _rounded(np.linalg.inv(volume.affine) @ grid.affine)
        self._axes = _aligned(self._to_voxel)
        self._slack = 0.5 if is_own else 0.0
        across = 3 - sum(self._axes) if self._axes else grid.axis
        self._voxels = Voxels(volume, across, is_thin=self._axes is not None)
        #: Whether some pixels lie between voxels.
        self.is_interpolated = True
        self._along: list[Matrix] = []
        if self._axes is not None:
            self._along = [
                self._to_voxel[axis, column] * np.arange(n)
                for column, (axis, n) in enumerate(zip(self._axes, grid.shape, strict=True))
            ]
            at = self._positions(0)
            self.is_interpolated = not all(_is_whole(at[axis]) for axis in self._axes)

    def values(self, number: int, frame: int = 0) -> tuple[Array, NDArray[np.bool_] | None]:
        """Return the values of picture `number`.

        Parameters
        ----------
        number : int
            Of the slice, as the grid counts.
        frame : int
            Number along the extra axes, the first of them fastest.

        Returns
        -------
        values : (rows, columns) or (rows, columns, samples) array
            In the volume's type where nothing is interpolated, else float64; magnitudes of
            complex values.
        inside : (rows, columns) array of bool, or None
            Where the volume is; None is everywhere.
        """
        if self.volume.is_rgb:
            samples = range(self.volume.shape[-1])
            parts = [self._sampled(number, frame, sample) for sample in samples]
            return np.stack([values for values, _ in parts], axis=-1), parts[0][1]
        return self._sampled(number, frame, None)

    def _sampled(
        self, number: int, frame: int, sample: int | None
    ) -> tuple[Array, NDArray[np.bool_] | None]:
        voxels = self._voxels.at(frame, sample)
        if self._axes is not None:
            return self._along_axes(voxels, self._axes, number)
        return self._askew(voxels, number)

    def _positions(self, number: int) -> list[Matrix]:
        """Return the voxel index along each axis: of the rows, the columns, the slice."""
        assert self._axes is not None
        offset = self._to_voxel[:3, 2] * number + self._to_voxel[:3, 3]
        found = [offset[axis : axis + 1] for axis in range(3)]
        for axis, along in zip(self._axes, self._along, strict=True):
            found[axis] = offset[axis] + along
        return found

    def _along_axes(
        self, voxels: Frame, axes: tuple[int, int], number: int
    ) -> tuple[Array, NDArray[np.bool_] | None]:
        shape, positions = self.volume.shape[:3], self._positions(number)
        inside = _inside_box(positions, shape, axes, self._to_voxel, self._slack)
        across = 3 - sum(axes)
        if inside is not None and not inside.any():
            return np.zeros(self.grid.shape, dtype=self.volume.dtype), inside
        reach = _SPLINE if self.interpolation == "cubic" else 1
        box, steps = [], []
        for at, n in zip(positions, shape, strict=True):
            within = np.clip(at, 0, n - 1)
            margin = 0 if _is_whole(at) else reach
            first = max(int(np.floor(within.min() + _EXACT)) - margin, 0)
            last = min(int(np.ceil(within.max() - _EXACT)) + margin, n - 1)
            box.append(slice(first, last + 1))
            # A spline goes on beyond the border, as scipy's does.
            steps.append((at if self.interpolation == "cubic" else within) - first)
        values = _between(voxels[tuple(box)], steps, self.interpolation)
        cut: list[Any] = [slice(None)] * 3
        cut[across] = 0
        plane = values[tuple(cut)]
        return (plane if axes[0] < axes[1] else plane.T), inside

    def _askew(self, voxels: Frame, number: int) -> tuple[Array, NDArray[np.bool_]]:
        """Interpolate a plane that cuts the voxel axes at an angle, some rows at a time."""
        rows, columns = self.grid.shape
        offset = self._to_voxel[:3, 2] * number + self._to_voxel[:3, 3]
        values = np.zeros((rows, columns), dtype=np.float64)
        inside = np.empty((rows, columns), dtype=bool)
        start = 0
        while start < rows:
            n = self._rows_at_once(offset, start)
            part = slice(start, start + n)
            first = offset + self._to_voxel[:3, 0] * start
            inside[part] = self._is_inside(first, n)
            if inside[part].any():
                values[part] = self._block(voxels, first, n)
            start += n
        return values, inside

    def _rows_at_once(self, offset: Matrix, start: int) -> int:
        n = self.grid.shape[0] - start
        while n > 1:
            low, high = self._reach(offset + self._to_voxel[:3, 0] * start, n)
            if np.prod(high - low + 1) <= _BOX:
                break
            n = (n + 1) // 2
        return n

    def _reach(self, first: Matrix, n: int) -> tuple[Matrix, Matrix]:
        """Return the lowest and highest voxel index that `n` rows touch."""
        ends = [
            first + self._to_voxel[:3, 0] * row + self._to_voxel[:3, 1] * column
            for row in (0, n - 1)
            for column in (0, self.grid.shape[1] - 1)
        ]
        top = np.array(self.volume.shape[:3]) - 1.0
        return np.clip(np.min(ends, axis=0), 0, top), np.clip(np.max(ends, axis=0), 0, top)

    def _indices(self, first: Matrix, n: int) -> list[Matrix]:
        row, column = np.ogrid[:n, : self.grid.shape[1]]
        m = self._to_voxel
        return [first[d] + m[d, 0] * row + m[d, 1] * column for d in range(3)]

    def _is_inside(self, first: Matrix, n: int) -> NDArray[np.bool_]:
        inside = np.ones((n, self.grid.shape[1]), dtype=bool)
        for at, size in zip(self._indices(first, n), self.volume.shape, strict=False):
            inside &= (at >= -0.5 - _TIE) & (at <= size - 0.5 + _TIE)
        return inside

    def _block(self, voxels: Frame, first: Matrix, n: int) -> Array:
        margin = _SPLINE if self.interpolation == "cubic" else 1
        low, high = self._reach(first, n)
        box = tuple(
            slice(max(int(np.floor(a)) - margin, 0), min(int(np.ceil(b)) + margin + 1, size))
            for a, b, size in zip(low, high, self.volume.shape, strict=False)
        )
        start = np.array([part.start for part in box])
        if self.interpolation == "cubic":
            from scipy.ndimage import map_coordinates

            at = [i - s for i, s in zip(self._indices(first, n), start, strict=True)]
            return map_coordinates(
                voxels[box].astype(np.float64), np.broadcast_arrays(*at), order=3, mode="nearest"
            )
        is_nearest = self.interpolation == "nearest"
        linear = np.column_stack([self._to_voxel[:3, :2], np.zeros(3)])
        block = voxels[box] if is_nearest else voxels[box].astype(np.float64)
        offset = first - start + (_TIE if is_nearest else 0.0)
        return interpolated(block, linear, offset, (n, self.grid.shape[1], 1), is_nearest)[..., 0]


def _rounded(matrix: Matrix) -> Matrix:
    """Return the matrix with what is float noise made exactly whole or zero."""
    whole = np.rint(matrix)
    return np.where(np.abs(matrix - whole) < 1e-9 * np.abs(matrix).max(), whole, matrix)


def _aligned(to_voxel: Matrix) -> tuple[int, int] | None:
    """Return the voxel axes that rows and columns run along, or None where they run askew."""
    axes = []
    for column in (0, 1):
        steps = np.abs(to_voxel[:3, column])
        axis = int(np.argmax(steps))
        if np.delete(steps, axis).max() > 1e-6 * steps[axis]:
            return None
        axes.append(axis)
    return (axes[0], axes[1]) if axes[0] != axes[1] else None


def _is_whole(at: Matrix) -> bool:
    if len(at) == 1:
        return abs(float(at[0]) - round(float(at[0]))) < _EXACT
    return bool(np.abs(at - np.rint(at)).max() < _EXACT)


def _inside_box(
    positions: Sequence[Matrix],
    shape: Sequence[int],
    axes: tuple[int, int],
    to_voxel: Matrix,
    slack: float,
) -> NDArray[np.bool_] | None:
    """Return where pixels lie within the voxels, None for everywhere."""
    inside, sticks_out = [], False
    for axis, (at, n) in enumerate(zip(positions, shape, strict=True)):
        step = abs(to_voxel[axis, axes.index(axis)]) if axis in axes else 0.0
        edge = 0.5 + slack * step + _TIE
        # They run evenly, so that the ends tell.
        sticks_out |= not all(-edge <= end <= n - 1 + edge for end in (at[0], at[-1]))
        inside.append((at >= -edge) & (at <= n - 1 + edge))
    if not sticks_out:
        return None
    across = 3 - sum(axes)
    rows, columns = inside[axes[0]], inside[axes[1]]
    return rows[:, np.newaxis] & columns & inside[across]


def _between(values: Array, steps: Sequence[Matrix], interpolation: Interpolation) -> Array:
    """Return values at fractions of an index, axis by axis: where the grid is not turned."""
    fractional = [axis for axis, at in enumerate(steps) if not _is_whole(at)]
    if interpolation == "cubic" and fractional:
        return _spline(values, steps)
    for axis, at in enumerate(steps):
        if axis not in fractional or interpolation == "nearest":
            index = np.floor(at + 0.5 + _TIE) if axis in fractional else np.rint(at)
            values = _taken(values, index.astype(np.intp), axis)
    for axis in fractional if interpolation == "linear" else ():
        low = np.minimum(steps[axis].astype(np.intp), max(values.shape[axis] - 2, 0))
        weight = np.expand_dims(steps[axis] - low, [a for a in range(3) if a != axis])
        high = np.minimum(low + 1, values.shape[axis] - 1)
        # In float64: the same pixels as any other program that computes exactly.
        below = values.take(low, axis=axis).astype(np.float64)
        values = below + weight * (values.take(high, axis=axis) - below)
    return values


def _taken(values: Array, index: NDArray[np.intp], axis: int) -> Array:
    """Return the values at `index`, as a view where it counts up or down."""
    stride = int(index[1] - index[0]) if len(index) > 1 else 1
    is_even = stride and np.array_equal(index, index[0] + stride * np.arange(len(index)))
    if not is_even:
        return values.take(index, axis=axis)
    stop = int(index[0]) + stride * len(index)
    part = [slice(None)] * 3
    part[axis] = slice(int(index[0]), None if stop < 0 else stop, stride)
    return values[tuple(part)]


def _spline(values: Array, steps: Sequence[Matrix]) -> Array:
    from scipy.ndimage import map_coordinates

    at = np.meshgrid(*steps, indexing="ij")
    return map_coordinates(values.astype(np.float64), at, order=3, mode="nearest")
