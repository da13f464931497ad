"""How the voxels of a scan are stored: its middle planes as they are, with letters."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import axcodes
from napari_medvol.volume import Volume

#: All 48 ways in which voxel axes can run along the patient's, by their positive ends.
CODES: Final = tuple(
    "".join(pair[flip] for pair, flip in zip(axes, flips, strict=True))
    for axes in permutations(("RL", "AP", "SI"))
    for flips in product((0, 1), repeat=3)
)

_OTHER_END: Final = dict(zip("RLAPSI", "LRPAIS", strict=True))


class StoredPlane(NamedTuple):
    """The middle plane of two voxel axes: the first to the right, the second upwards.

    Parameters
    ----------
    pixels : (rows, columns) array of uint8
        The second axis reversed down the rows.
    left, right, top, bottom : str
        R, L, A, P, S or I.
    aspect : float
        Height of a pixel in widths.
    axes : str
        Names of the two axes, such as ``"ij"``.
    """

    pixels: NDArray[np.uint8]
    left: str
    right: str
    top: str
    bottom: str
    aspect: float
    axes: str


def other_ends(codes: str) -> str:
    """Return the letters of the ends that axes come from: ITK-SNAP's ``ASL`` is ``PIR``.

    What names no direction stays as it is.
    """
    return "".join(_OTHER_END.get(letter, letter) for letter in codes.upper())


def stored_planes(volume: Volume) -> tuple[StoredPlane, ...]:
    """Return the three middle planes of a volume as its array has them: ij, ik, jk.

    Of extra axes the first index, of colours their mean. Reads these planes alone.
    """
    letters = axcodes(volume.affine)
    return tuple(_plane(volume, a, b, letters) for a, b in ((0, 1), (0, 2), (1, 2)))


def _plane(volume: Volume, a: int, b: int, letters: str) -> StoredPlane:
    across = 3 - a - b
    at: list[Any] = [slice(None)] * 3 + [0] * (volume.data.ndim - 3)
    at[across] = slice(volume.shape[across] // 2, volume.shape[across] // 2 + 1)
    if volume.is_rgb:
        at[-1] = slice(None)
    values = np.asarray(volume.data[tuple(at)])
    values = values.mean(axis=-1) if volume.is_rgb else values
    values = np.abs(values) if values.dtype.kind == "c" else values
    drawn = np.squeeze(values, axis=across).T[::-1]
    return StoredPlane(
        _grey(drawn.astype(np.float64)),
        _OTHER_END[letters[a]],
        letters[a],
        letters[b],
        _OTHER_END[letters[b]],
        volume.zooms[b] / volume.zooms[a],
        "ijk"[a] + "ijk"[b],
    )


def _grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(seen, [1, 99])
    if low == high:
        low, high = float(seen.min()), float(seen.max())
    scaled = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    grey: NDArray[np.uint8] = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(grey)
