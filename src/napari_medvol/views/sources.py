"""From a voxel to the file it came from."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from napari_medvol.errors import StepError
from napari_medvol.report import SliceSource
from napari_medvol.table import Table
from napari_medvol.volume import Volume


def source_of(volume: Volume, index: Sequence[int]) -> SliceSource:
    """Return the file, frame and SOP Instance UID that a voxel came from.

    Parameters
    ----------
    volume : Volume
        As it was read, or changed by operations since: a plane that was interpolated leads to
        the nearest file.
    index : sequence of int
        (i, j, k) and then the extra axes; extra axes left out count as 0. Whole numbers: what
        lies between two voxels may lie between two files.

    Returns
    -------
    SliceSource
        With an empty `file` where no file holds the plane: a missing slice, or one that was
        interpolated. Printed, it says so, and where the plane lies.

    Raises
    ------
    StepError
        If the index is no voxel of the volume, or the volume was moved by hand, or made of
        several planes each, since it was read.
    """
    what = f"source of voxel {tuple(index)} of {volume.name!r}"
    n_axes = len(volume.shape) - volume.is_rgb
    sizes = volume.shape[:n_axes]
    whole = (*_whole(index, what), *([0] * (n_axes - len(index))))
    if len(whole) != n_axes or not all(0 <= a < n for a, n in zip(whole, sizes, strict=True)):
        raise StepError(what, f"the volume has shape {sizes}", "Indices count from 0")
    rows = volume.report.slices
    if not rows:
        return SliceSource(tuple(whole[2:]), _only_file(volume, what))
    if volume.history:
        plane = _plane_as_read(volume, whole, what)
        return next((row for row in rows if row.plane == plane), SliceSource(plane, ""))
    plane = tuple(whole[2:])
    # Readers list planes as the data have them, k fastest: then there is nothing to look for.
    number = int(np.ravel_multi_index(plane, sizes[2:], order="F"))
    if number < len(rows) and rows[number].plane == plane:
        return rows[number]
    return next((row for row in rows if row.plane == plane), SliceSource(plane, ""))


def _whole(index: Sequence[float], what: str) -> tuple[int, ...]:
    """Return whole numbers, whatever their type."""
    try:
        if all(float(n).is_integer() for n in index):
            return tuple(int(n) for n in index)
    except (TypeError, ValueError):
        pass
    why = "a voxel has whole numbers as its index"
    raise StepError(what, why, "Round it to the voxel that you mean")


def _only_file(volume: Volume, what: str) -> str:
    """Return the one file behind a volume whose planes are not told apart."""
    files = volume.report.files
    steps = ", ".join(step.op for step in volume.history)
    if volume.history and len(files) > 1:
        raise StepError(what, f"each plane is made of several files' ({steps})")
    return files[0] if files else ""


def _plane_as_read(volume: Volume, index: Sequence[int], what: str) -> tuple[int, ...]:
    """Return the plane, as it was read, in which a voxel of a changed volume lies."""
    steps = ", ".join(step.op for step in volume.history)
    if volume.report.affine is None or any(step.op == "edit" for step in volume.history):
        raise StepError(what, f"the volume was changed since it was read ({steps})")
    back = np.linalg.inv(volume.report.affine) @ volume.affine
    k = float((back @ [*index[:3], 1.0])[2])
    return (round(k), *index[3:])


def slices_table(volume: Volume) -> Table:
    """Return one row per plane: index, file, frame, UID, position and residual.

    Parameters
    ----------
    volume : Volume
    """
    names = [axis.name for axis in volume.axes if axis.name != "rgb"]
    columns = ("k", *names, "file", "frame", "SOPInstanceUID", "position (mm)", "residual (mm)")
    rows = tuple(
        (
            *row.plane,
            *([0] * (1 + len(names) - len(row.plane))),
            Path(row.file).as_posix() if row.file else None,
            row.frame if row.file else None,
            row.instance_uid or None,
            round(row.position, 4) if isfinite(row.position) else None,
            round(row.residual, 5) if row.file else None,
        )
        for row in volume.report.slices
    )
    return Table(columns, rows)
