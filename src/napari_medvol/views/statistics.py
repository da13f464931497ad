"""What lies under each label: volume in ml, and mean, SD, least and greatest value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol import arrays
from napari_medvol.errors import MedVolError
from napari_medvol.reslice import ReslicedArray
from napari_medvol.table import Table
from napari_medvol.volume import Volume

Values = NDArray[Any]

#: Voxels. Two grids that put no corner further apart are the same.
_SAME: float = 1e-4


@dataclass(slots=True)
class _Sums:
    """What is known of one label so far (Chan, Golub, LeVeque 1983)."""

    n_voxels: int = 0
    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    def add(self, n: int, mean: float, squares: float, lowest: float, highest: float) -> None:
        """Take in `n` more values, of this mean and sum of squares about it."""
        total = self.n + n
        off = mean - self.mean
        self.squares += squares + off * off * self.n * n / total
        self.mean += off * n / total
        self.n = total
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)

    def row(self) -> tuple[float | None, ...]:
        """Return mean, SD, least, greatest and how many values; None for what has no meaning."""
        if not self.n:
            return None, None, None, None, 0
        deviation = sqrt(self.squares / (self.n - 1)) if self.n > 1 else None
        return self.mean, deviation, self.lowest, self.highest, self.n


def label_statistics(
    labels: Volume,
    image: Volume | None = None,
    frame: Sequence[int] = (),
    progress: Callable[[int, int], Any] | None = None,
) -> Table:
    """Return one row a label: voxels, ml, and the values of an image under it.

    Slice by slice, so that lazy scans stay lazy; slices without labels are not read of the
    image. An image on another grid is interpolated linearly at the centres of the labels'
    voxels. Values that are not finite, and places outside the image, do not count.

    Parameters
    ----------
    labels : Volume
        Of kind ``"labels"``; its native voxels are counted. 0 is background.
    image : Volume, optional
        Without it, only volumes.
    frame : ints
        Index along the extra axes of the image, and of the labels where they have as many.
        By default the first.
    progress : callable, optional
        Told how many slices are done, of how many; what it raises ends the work.

    Returns
    -------
    Table
        ``SD`` is that of a sample (n − 1), as SimpleITK's; ``values`` is n.

    Raises
    ------
    MedVolError
        If the labels are no labels, the image is one of colour, or the frame is not in it.
    """
    _check(labels, image)
    voxels = _at_frame(labels, frame if len(frame) == len(labels.axes) else ())
    source = None if image is None else _values_at(labels, image, frame)
    sums: dict[int, _Sums] = {}
    n_slices = labels.shape[2]
    for k in range(n_slices):
        _take_in(sums, np.asarray(voxels[:, :, k]), source, k)
        if progress is not None:
            progress(k + 1, n_slices)
    return _table(labels, image, sums)


def _check(labels: Volume, image: Volume | None) -> None:
    if labels.kind != "labels" or labels.dtype.kind not in "iub":
        raise MedVolError(
            labels.name or "labels",
            f"it is {labels.dtype} values of kind {labels.kind!r}, no labels",
            "Choose a labels layer, or convert this one: right click > Convert to Labels",
        )
    if image is not None and (image.is_rgb or image.dtype.kind not in "iubf"):
        what = "colours" if image.is_rgb else f"{image.dtype} values"
        raise MedVolError(image.name or "image", f"it holds {what}", "Choose an image of numbers")


def _at_frame(volume: Volume, frame: Sequence[int]) -> Any:
    """Return the three space axes of one frame, lazily."""
    extra = volume.shape[3:]
    at = [int(n) for n in frame] if frame else [0] * len(extra)
    if len(at) != len(extra) or any(not 0 <= a < n for a, n in zip(at, extra, strict=False)):
        raise MedVolError(
            volume.name or "image", f"frame {tuple(at)} is not in {extra}", "Choose another frame"
        )
    return arrays.view(volume.data, (slice(None), slice(None), slice(None), *at))


def _values_at(labels: Volume, image: Volume, frame: Sequence[int]) -> Any:
    """Return the image as an array on the grid of the labels, lazily."""
    data = _at_frame(image, frame if len(frame) == len(image.axes) else ())
    shape = labels.shape[:3]
    if image.shape[:3] == shape and _same_place(labels, image):
        return data
    return ReslicedArray(
        data,
        image.affine,
        outside=np.nan,
        grid=(labels.affine, shape),
        dtype=np.result_type(image.dtype, np.float32),
    )


def _same_place(one: Volume, other: Volume) -> bool:
    between = np.linalg.inv(one.affine) @ other.affine - np.eye(4)
    return bool((np.abs(between[:3]) @ [*one.shape[:3], 1]).max() <= _SAME)


def _take_in(sums: dict[int, _Sums], plane: Values, source: Any, k: int) -> None:
    """Add the labels of one slice, and the values under them."""
    found = np.nonzero(plane)
    if not found[0].size:
        return
    # The box around them: no more of the image is read or interpolated.
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in found)
    inside = plane[box]
    chosen = inside != 0
    names, which = np.unique(inside[chosen], return_inverse=True)
    for name, n in zip(names, np.bincount(which, minlength=len(names)), strict=True):
        sums.setdefault(int(name), _Sums()).n_voxels += int(n)
    if source is None:
        return
    values = np.asarray(source[(*box, k)], dtype=np.float64)[chosen]
    finite = np.isfinite(values)
    for number, *row in _per_label(which[finite], values[finite], len(names)):
        sums[int(names[number])].add(*row)


def _per_label(which: Values, values: Values, n_labels: int) -> Iterator[tuple[Any, ...]]:
    """Yield number, n, mean, sum of squares about it, least and greatest of each label."""
    n = np.bincount(which, minlength=n_labels)
    means = np.bincount(which, values, n_labels) / np.maximum(n, 1)
    squares = np.bincount(which, (values - means[which]) ** 2, n_labels)
    lowest, highest = np.full(n_labels, np.inf), np.full(n_labels, -np.inf)
    np.minimum.at(lowest, which, values)
    np.maximum.at(highest, which, values)
    for number in np.flatnonzero(n):
        yield (
            number,
            int(n[number]),
            *(float(column[number]) for column in (means, squares, lowest, highest)),
        )


def _table(labels: Volume, image: Volume | None, sums: dict[int, _Sums]) -> Table:
    ml = float(abs(np.linalg.det(labels.affine[:3, :3]))) / 1000
    names = {label.value: label.name for label in labels.labels}
    columns = ["label", "name", "voxels", "volume (ml)"]
    if image is not None:
        unit = f" ({image.unit})" if image.unit else ""
        columns += [f"{name}{unit}" for name in ("mean", "SD", "min", "max")] + ["values"]
    rows = []
    for value, of in sorted(sums.items()):
        row: list[Any] = [value, names.get(value, ""), of.n_voxels, of.n_voxels * ml]
        rows.append((*row, *(of.row() if image is not None else ())))
    return Table(tuple(columns), tuple(rows))
