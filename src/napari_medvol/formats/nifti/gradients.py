"""Directions of diffusion weighting that came with a NIfTI, in the patient."""

from __future__ import annotations

from napari_medvol.formats.nifti.geometry import grid_of
from napari_medvol.formats.nifti.header import NiftiHeader
from napari_medvol.formats.saving.gradients import Direction, in_patient, parts_of, weighted_axis
from napari_medvol.volume import Volume


def directions(volume: Volume) -> tuple[Direction, ...] | None:
    """Return the directions of the axis ``b`` of a volume read from NIfTI, LPS+.

    Side files give them along the axes of the image as it was read (FSL's convention), which
    a crop or a turn since then does not change.
    """
    native, axis = volume.native, weighted_axis(volume)
    if not isinstance(native, NiftiHeader) or axis is None:
        return None
    used = [name for name, _ in volume.report.used if name in ("sform", "qform", "pixdim")]
    shape = tuple(int(n) for n in native["dim"][1:4])
    grid = grid_of(native, shape, used[0] if used else "auto", volume.name)
    return tuple(in_patient(parts_of(axis)[1], grid.affine))
