"""Small pictures of scans, made in a thread for the rows that are looked at."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.viewer.contrast import colours, contrast_limits
from napari_medvol.viewer.coordinates import in_viewer_order, turn_of
from napari_medvol.viewer.layers import label_table
from napari_medvol.volume import Axis, Volume

Picture = NDArray[np.uint8]

SIZE: Final = 64


def thumbnail(volume: Volume, size: int = SIZE) -> Picture:
    """Return a picture of the middle slice as it was acquired, upright, coloured as its layer.

    Head or front is up and the patient's left on the right, as in the viewer; the pixels of
    the picture are square millimetres. Reads the planes that the layer's contrast needs.

    Parameters
    ----------
    volume : Volume
    size : int
        Longest side, pixels.

    Returns
    -------
    (rows, columns, 4) uint8 array
        RGBA.
    """
    plane = _one_slice(volume)
    turned = in_viewer_order(plane)
    flat = 2 - turn_of(plane).order.index(2)
    values = np.take(np.asarray(turned.data), 0, axis=flat)
    sizes = np.delete(np.linalg.norm(turned.affine[:3, :3], axis=0), flat)
    return _coloured(volume, _resampled(values, sizes, size, volume.kind == "labels"))


def _one_slice(volume: Volume) -> Volume:
    """Return one plane (i, j) as a volume: the middle one, or the fullest one of labels."""
    data, n_extra = volume.data, len(volume.axes) - volume.is_rgb
    number = int(data.shape[2] * 0.5)
    if volume.kind == "labels" and isinstance(data, np.ndarray):
        filled = np.count_nonzero(data, axis=tuple(a for a in range(data.ndim) if a != 2))
        number = int(np.argmax(filled)) if filled.any() else number
    index: Any = (slice(None), slice(None), slice(number, number + 1), *[0] * n_extra)
    axes = (Axis("rgb"),) if volume.is_rgb else ()
    return Volume(np.asarray(data[index]), volume.affine, axes=axes)


def _resampled(
    values: NDArray[Any], sizes: NDArray[np.float64], size: int, is_labels: bool
) -> NDArray[Any]:
    """Return the slice with square pixels, at most `size` a side; means, for images."""
    extent = np.array(values.shape[:2]) * sizes
    shape = np.maximum(np.rint(size * extent / extent.max()), 1).astype(int)
    if values.dtype.kind == "c":
        values = np.abs(values)
    if not is_labels:
        values = values.astype(np.float32)
        for axis in (0, 1):
            share = values.shape[axis] // shape[axis]
            if share > 1:
                values = _means(values, axis, share)
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(shape, values.shape, strict=False)
    )
    return values[rows[:, np.newaxis], columns]


def _means(values: NDArray[Any], axis: int, share: int) -> NDArray[Any]:
    count = values.shape[axis] // share
    kept = np.take(values, np.arange(count * share), axis=axis)
    shape = (*values.shape[:axis], count, share, *values.shape[axis + 1 :])
    return kept.reshape(shape).mean(axis=axis + 1)


def _coloured(volume: Volume, values: NDArray[Any]) -> Picture:
    from napari.utils.colormaps import ensure_colormap, label_colormap

    if volume.kind == "labels":
        table = label_table(volume).get("colormap") or label_colormap(49)
        rgba = np.asarray(table.map(values.astype(np.int32)))
    else:
        low, high = contrast_limits(volume)
        unit = np.clip((values - low) / (high - low), 0, 1)
        if volume.is_rgb:
            rgba = np.concatenate([unit[..., :3], np.ones((*unit.shape[:2], 1))], axis=-1)
        else:
            colormap = ensure_colormap(colours(volume)["colormap"])
            rgba = np.asarray(colormap.map(unit.ravel())).reshape(*unit.shape, 4)
    return np.rint(255 * np.nan_to_num(rgba)).astype(np.uint8)


class Thumbnails:
    """Pictures made one after the other in a thread, those that were asked for last first.

    Parameters
    ----------
    volumes : sequence of Volume
    make : callable
        Volume to picture.
    """

    def __init__(
        self, volumes: Sequence[Volume], make: Callable[[Volume], Picture] = thumbnail
    ) -> None:
        self._volumes, self._make = list(volumes), make
        self._wanted: list[int] = []
        self._made: deque[tuple[int, Picture | None]] = deque()
        self._closed = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="medvol thumbnails", daemon=True)

    def want(self, numbers: Sequence[int]) -> None:
        """Ask for the pictures of these volumes; what was asked for before is forgotten."""
        with self._condition:
            self._wanted = list(numbers)
            self._condition.notify()
        if not self._thread.is_alive() and not self._closed:
            self._thread.start()

    def take(self) -> list[tuple[int, Picture | None]]:
        """Return what was made since the last time; None where no picture can be made."""
        return [self._made.popleft() for _ in range(len(self._made))]

    def close(self) -> None:
        """Make no more pictures: the one that is being made is the last."""
        with self._condition:
            self._closed, self._wanted = True, []
            self._condition.notify()

    def join(self, timeout: float) -> None:
        """Wait until the last picture is done."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
                number = self._wanted.pop(0)
            try:
                picture = self._make(self._volumes[number])
            # A scan that cannot be pictured can still be chosen.
            except Exception:
                picture = None
            self._made.append((number, picture))
