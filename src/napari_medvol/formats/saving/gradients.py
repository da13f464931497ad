"""Directions of diffusion weighting, from the patient to the axes of an image and back.

FSL's convention, which BIDS took over: a direction is along the voxel axes i, j, k, with i
reversed where the axes are right-handed (the determinant of the affine is positive).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.volume import Axis, Volume

Direction = tuple[float, ...]
_LPS = np.array([-1.0, -1.0, 1.0])


def along_axes(directions: Sequence[Direction], affine: Affine) -> list[Direction]:
    """Return directions in the patient (LPS+) as FSL has them for an image on a grid."""
    to_axes = np.linalg.inv(_axes_of(affine))
    return [_unit(to_axes @ (_LPS * one)) if len(one) == 3 else () for one in directions]


def in_patient(directions: Sequence[Direction], affine: Affine) -> list[Direction]:
    """Return directions as FSL has them for an image on a grid in the patient, LPS+."""
    axes = _axes_of(affine)
    return [_unit(_LPS * (axes @ np.array(one))) if len(one) == 3 else () for one in directions]


def _axes_of(affine: Affine) -> NDArray[np.float64]:
    """Return what FSL takes for the axes of an image, as columns in RAS+."""
    axes = np.asarray(affine)[:3, :3] / affines.zooms(affine)
    if np.linalg.det(axes) > 0:
        axes[:, 0] *= -1
    return np.asarray(axes, dtype=np.float64)


def _unit(vector: Any) -> Direction:
    length = float(np.linalg.norm(vector))
    return tuple((np.asarray(vector) / length).tolist()) if length > 1e-6 else ()


def weighted_axis(volume: Volume) -> Axis | None:
    """Return the axis ``b`` with a b-value for every volume, None if there is none."""
    if not volume.axes or volume.axes[0].name != "b" or volume.axes[0].values is None:
        return None
    axis = volume.axes[0]
    return axis if len(axis.values or ()) == volume.shape[3] else None


def parts_of(axis: Axis) -> tuple[list[float], list[Direction]]:
    """Return the b-values of an axis, s/mm², and their directions, empty where there is none."""
    pairs = [value if isinstance(value, tuple) else (value, ()) for value in axis.values or ()]
    return [float(pair[0]) for pair in pairs], [tuple(pair[1]) for pair in pairs]


def with_directions(volume: Volume, directions: Sequence[Direction]) -> Volume:
    """Return the volume with other directions of its first axis, ``b``."""
    axis = volume.axes[0]
    values = tuple(zip(parts_of(axis)[0], directions, strict=True))
    return replace(volume, axes=(replace(axis, values=values), *volume.axes[1:]))


def write_gradients(volume: Volume, image: Path, stem: str) -> None:
    """Write ``.bval`` and ``.bvec`` beside an image, if it has an axis ``b``.

    Parameters
    ----------
    volume : Volume
        Its directions in the patient, LPS+.
    image : Path
    stem : str
        Name of the image without suffixes.
    """
    axis = weighted_axis(volume)
    if axis is None or len(volume.axes) > 1:
        return
    b_values, directions = parts_of(axis)
    rows = [one or (0.0, 0.0, 0.0) for one in along_axes(directions, volume.affine)]
    weights = " ".join(f"{b:g}" for b in b_values)
    vectors = "".join(" ".join(f"{one[n] + 0.0:.6g}" for one in rows) + "\n" for n in range(3))
    image.with_name(f"{stem}.bval").write_text(weights + "\n", encoding="utf-8")
    image.with_name(f"{stem}.bvec").write_text(vectors, encoding="utf-8")
