"""Say that the voxel axes run elsewhere: the data stay, the patient turns."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.ops.move import moved_report
from napari_medvol.ops.orient import WORLD_AXIS, checked_codes
from napari_medvol.volume import Step, Volume

Keep = Literal["centre", "origin"]


def relabel(volume: Volume, axcodes: str, keep: Keep = "centre") -> Volume:
    """Let the voxel axes run towards `axcodes`, whatever the file said: world changes.

    The opposite of :func:`~napari_medvol.ops.orient.orient`: no voxel is touched, but each is
    elsewhere in the patient afterwards, and left and right may be swapped. It mends files whose
    orientation is wrong or missing. Any obliquity is dropped; voxel sizes stay.

    Parameters
    ----------
    volume : Volume
    axcodes : str
        Letters of the positive ends of (i, j, k), as nibabel names them. ITK-SNAP's "Reorient
        Image" names the ends that they come *from*: its ``ASL`` is ``PIR`` here.
    keep : {"centre", "origin"}
        What stays where it is: the centre of the grid, voxel (n − 1) / 2, or voxel (0, 0, 0),
        as in ITK-SNAP.

    Raises
    ------
    StepError
        If `axcodes` does not name each of the three directions once, or `keep` is neither.
    """
    codes = checked_codes("relabel", volume, axcodes)
    if keep not in ("centre", "origin"):
        raise StepError(
            f"relabel {volume.name!r}",
            f"keep={keep!r} is neither 'centre' nor 'origin'",
            "Name one of the two",
        )
    affine = np.eye(4)
    for axis, letter in enumerate(codes):
        sign = 1 if letter in "RAS" else -1
        affine[:3, axis] = 0
        affine[WORLD_AXIS[letter], axis] = sign * affines.zooms(volume.affine)[axis]
    kept = np.zeros(3) if keep == "origin" else (np.asarray(volume.shape[:3]) - 1) / 2
    affine[:3, 3] = affines.apply_affine(volume.affine, kept) - affine[:3, :3] @ kept
    motion = affine @ np.linalg.inv(volume.affine)
    return volume.derive(
        Step("relabel", {"axcodes": codes, "keep": keep}),
        affine=affine,
        contours=(),
        report=moved_report(volume.report, motion),
    )
