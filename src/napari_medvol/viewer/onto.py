"""An overlay on the grid of its reference: which array and which place it gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.reslice import ReslicedArray, world_grid
from napari_medvol.viewer.comparing import Comparison, compared
from napari_medvol.viewer.coordinates import Face, in_viewer_order
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.shown import Onto, Shown, record_of
from napari_medvol.viewer.volumes import movement, volume_of

if TYPE_CHECKING:
    from napari.layers import Layer

#: mm over the whole grid. Beyond it, a grid does not lie along the axes of the world.
_ONE_GRID: Final = 1e-6


def grid_of(reference: Layer) -> tuple[Affine, tuple[int, int, int], Affine]:
    """Return affine and shape of the grid that 2-D shows a reference on, and its correction.

    Returns
    -------
    (4, 4) array, three ints, (4, 4) array
        Index (z, y, x) to IPL mm as shown; IPL mm as shown to IPL mm as it is.
    """
    record = record_of(reference)
    face = None if record is None else record.current(reference.data)
    if record is None or face is None:
        native = in_viewer_order(volume_of(reference))
        space = native.data.shape[len(native.leading) :][:3]
        return (*_straight(native.affine, space), np.eye(4))
    motion, flat = movement(reference, face), record.face(2)
    affine = flat.affine if motion is None else motion[-4:, -4:] @ flat.affine
    space = flat.data.shape[len(flat.leading) :][:3]
    return (*_straight(affine, space), record.correction)


def _straight(affine: Affine, space: tuple[int, ...]) -> tuple[Affine, tuple[int, int, int]]:
    """Return a grid along the axes of the world: the same, or one that encloses it."""
    off = affine[:3, :3] - np.diag(np.diag(affine)[:3])
    if np.abs(off @ space).max() <= _ONE_GRID:
        z, y, x = space
        return affine, (z, y, x)
    return world_grid(affine, space)


def fresh_record(layer: Layer) -> Shown:
    """Return the record of what a layer shows now: moved, painted, or of somebody else."""
    record, volume = record_of(layer), volume_of(layer)
    if record is not None and volume is record.volume:
        return record
    part = "" if record is None else record.part
    made = layer_data(volume)
    shown: Shown = made[part == "phase" and len(made) > 1][1]["metadata"]["medvol"]
    return shown


def onto_reference(record: Shown, reference: Layer, comparison: Comparison | None = None) -> Shown:
    """Return the record of an overlay on the grid that a reference is shown on."""
    affine, shape, correction = grid_of(reference)
    native, n = record.native, len(record.native.leading)
    is_labels, is_rgb = record.volume.kind == "labels", record.volume.is_rgb
    whole = is_labels or is_rgb
    resliced = ReslicedArray(
        native.data,
        native.affine,
        n,
        nearest=is_labels,
        outside=0.0 if whole else np.nan,
        grid=(correction @ affine, shape),
        dtype=native.data.dtype if whole else np.result_type(native.data.dtype, np.float32),
    )
    data = compared(resliced, comparison or Comparison(), affine, n, reference)
    solid = np.linalg.inv(correction) @ native.affine
    onto = Onto(
        Face(data, affine, native.leading),
        native
        if np.array_equal(correction, np.eye(4))
        else Face(native.data, solid, native.leading),
        correction,
    )
    return replace(record, onto=onto)


def is_on(record: Shown, reference: Layer) -> bool:
    """Return whether an overlay lies on the grid that its reference is shown on now."""
    affine, shape, correction = grid_of(reference)
    onto = record.onto
    if onto is None or tuple(onto.flat.data.shape[len(onto.flat.leading) :][:3]) != shape:
        return False
    return np.array_equal(onto.flat.affine, affine) and np.array_equal(onto.correction, correction)
