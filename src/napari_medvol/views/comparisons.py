"""Two scans on one grid, to be compared: tiles of both, one beside the other, the difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medvol.arraylike import ArrayLike

Values = NDArray[Any]


class _Seen(ArrayLike):
    """Values of an array where a mask of places shows them, and nothing (NaN, 0) elsewhere.

    Parameters
    ----------
    data : array
        (… extra axes, z, y, x), float or labels; numpy or lazy.
    n_extra : int
        Axes before z, y, x.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, data: Any, n_extra: int = 0) -> None:
        self.data, self.n_extra = data, n_extra
        self.shape, self.dtype = tuple(data.shape), np.dtype(data.dtype)

    def __getitem__(self, index: Any) -> Values:
        if _is_of_points(index):
            # What a brush asks for is what it is about to write.
            return np.asarray(self.data[index])
        part = np.array(self.data[index])
        places, kept = _places(index, self.shape)
        space = places[self.n_extra : self.n_extra + 3]
        mask = self._shown(space)
        # The extra axes, and colour after them, are of one mask.
        whole = mask.reshape(
            (1,) * self.n_extra + mask.shape + (1,) * (len(places) - self.n_extra - 3)
        )
        hidden = ~np.broadcast_to(whole, [len(p) for p in places])[kept]
        part[hidden] = np.nan if self.dtype.kind == "f" else 0
        return part

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write to the array behind, so that what is compared can be painted."""
        self.data[index] = value

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Values:
        if copy is False:
            raise ValueError("what is masked cannot become numpy without a copy")
        return self[(slice(None),) * len(self.shape)].astype(dtype or self.dtype, copy=False)

    def _shown(self, space: list[range]) -> NDArray[np.bool_]:
        """Return where the values are seen, for indices along z, y, x."""
        raise NotImplementedError


class Checkered(_Seen):
    """Every second tile of an array, like the black fields of a chessboard.

    Within a slice the tiles are squares that do not change from slice to slice; a request for
    a whole volume gets cubes.

    Parameters
    ----------
    data, n_extra
        As of every comparison.
    tile : three ints
        Voxels of a tile along z, y, x.
    """

    def __init__(self, data: Any, tile: tuple[int, int, int], n_extra: int = 0) -> None:
        super().__init__(data, n_extra)
        self.tile = tuple(max(int(n), 1) for n in tile)

    def _shown(self, space: list[range]) -> NDArray[np.bool_]:
        number = np.zeros([len(part) for part in space], dtype=np.intp)
        for axis, (part, n) in enumerate(zip(space, self.tile, strict=True)):
            if len(part) == 1:
                continue
            shape = [-1 if a == axis else 1 for a in range(3)]
            number += (np.asarray(part) // n).reshape(shape)
        return number % 2 == 1


class Swiped(_Seen):
    """An array beyond a line: to its right, or below it.

    Parameters
    ----------
    data, n_extra
        As of every comparison.
    share : float
        Where the line lies, 0 to 1, from the left or from the top.
    is_vertical : bool
        The line is vertical: it moves from left to right.
    """

    def __init__(
        self, data: Any, share: float, is_vertical: bool = True, n_extra: int = 0
    ) -> None:
        super().__init__(data, n_extra)
        self.share, self.is_vertical = share, is_vertical

    def _shown(self, space: list[range]) -> NDArray[np.bool_]:
        in_plane = [axis for axis, part in enumerate(space) if len(part) > 1] or [2]
        axis = in_plane[-1] if self.is_vertical else in_plane[0]
        n = self.shape[self.n_extra + axis]
        beyond = np.asarray(space[axis]) + 0.5 >= self.share * n
        shape = [-1 if a == axis else 1 for a in range(3)]
        return np.broadcast_to(beyond.reshape(shape), [len(part) for part in space])


class Difference(ArrayLike):
    """One array minus another of the same space: float, lazily.

    Parameters
    ----------
    of, minus : array
        (… extra axes, z, y, x). The extra axes of `minus` are those of `of`, or it has fewer:
        then the same is taken from each frame.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, of: Any, minus: Any) -> None:
        self.of, self.minus = of, minus
        self.shape = tuple(of.shape)
        self.dtype = np.result_type(of.dtype, minus.dtype, np.float32)
        n = len(minus.shape)
        if n > len(self.shape) or tuple(minus.shape) != self.shape[len(self.shape) - n :]:
            raise ValueError(f"{minus.shape} cannot be taken from {self.shape}")

    def __getitem__(self, index: Any) -> Values:
        parts = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (self.ndim - len(parts) + 1)
        parts += [slice(None)] * (self.ndim - len(parts))
        n_more = self.ndim - len(self.minus.shape)
        of = np.asarray(self.of[tuple(parts)], dtype=self.dtype)
        return of - np.asarray(self.minus[tuple(parts[n_more:])], dtype=self.dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Values:
        if copy is False:
            raise ValueError("a difference cannot become numpy without a copy")
        return self[...].astype(dtype or self.dtype, copy=False)


def _is_of_points(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray | list) for part in parts)


def _places(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Return the indices of each axis, and the index that drops the axes that were ints."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    ranges = [
        range(n)[part] if isinstance(part, slice) else range(int(part) % n, int(part) % n + 1)
        for part, n in zip(parts, shape, strict=True)
    ]
    return ranges, tuple(slice(None) if isinstance(part, slice) else 0 for part in parts)
