"""Every entry of a header that nibabel reads, with its meaning where the format defines one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from napari_medvol.formats.by_nibabel.opened import as_text
from napari_medvol.formats.row import Progress
from napari_medvol.headers import Element, Varying
from napari_medvol.volume import Volume

#: https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat
_MGH: Final = {
    "version": "1 for all MGH files",
    "dims": "lengths of the axes",
    "type": "0 uint8, 1 int32, 3 float32, 4 int16",
    "dof": "degrees of freedom",
    "goodRASFlag": "1: the file tells the orientation",
    "delta": "voxel sizes, mm",
    "Mdc": "directions of i, j and k, RAS+, one a row",
    "Pxyz_c": "centre of the volume, RAS+ mm",
    "tr": "repetition time, ms",
    "flip_angle": "radians",
    "te": "echo time, ms",
    "ti": "inversion time, ms",
    "fov": "field of view, mm; not used",
}
#: AFNI README.attributes.
_AFNI: Final = {
    "DATASET_DIMENSIONS": "lengths of i, j, k",
    "DATASET_RANK": "space axes, sub-bricks",
    "ORIENT_SPECIFIC": "directions of the axes",
    "ORIGIN": "centre of the first voxel, DICOM order, mm",
    "DELTA": "voxel sizes with sign, DICOM order, mm",
    "IJK_TO_DICOM": "voxel index to LPS+ mm as displayed",
    "IJK_TO_DICOM_REAL": "voxel index to LPS+ mm",
    "BRICK_TYPES": "0 byte, 1 short, 3 float, 5 complex",
    "BRICK_FLOAT_FACS": "factor of each sub-brick; 0: none",
    "BRICK_LABS": "name of each sub-brick",
    "BRICK_STATS": "lowest and highest of each sub-brick",
    "BRICK_STATAUX": "statistic of each sub-brick",
    "TAXIS_NUMS": "time points, slices, unit",
    "TAXIS_FLOATS": "start, step, duration",
    "HISTORY_NOTE": "commands that made the file",
    "IDCODE_STRING": "identifier of the dataset",
    "SCENE_DATA": "space, function type, byte order",
}
#: Analyze 7.5 (dbh.h) and SPM's use of it.
_ANALYZE: Final = {
    "sizeof_hdr": "bytes of the header",
    "dim": "number of axes, then their lengths",
    "datatype": "2 uint8, 4 int16, 8 int32, 16 float32, 64 float64",
    "bitpix": "bits per voxel",
    "pixdim": "steps along the axes",
    "vox_offset": "byte where the voxels begin",
    "scl_slope": "real value = stored × slope (SPM)",
    "scl_inter": "real value = stored × slope + inter (SPM2)",
    "origin": "voxel of the origin, counted from 1 (SPM)",
    "patient_id": "patient",
    "exp_date": "date",
    "exp_time": "time",
    "descrip": "free text",
    "orient": "of Analyze; programs do not agree on it",
}
_MEANINGS: Final = {"MGH": _MGH, "AFNI": _AFNI, "Analyze": _ANALYZE}

_PAR_UNITS: Final = {"echo_time": "ms", "dyn_scan_begin_time": "s", "slice thickness": "mm",
                     "slice gap": "mm", "trigger_time": "ms", "image_flip_angle": "°",
                     "diffusion_b_factor": "s/mm²"}  # fmt: skip


def elements(family: str, volume: Volume, plane: int) -> tuple[Element, ...] | None:
    """Return every entry of the header; None for a volume of another format."""
    if not _is_of(family, volume):
        return None
    meanings = _MEANINGS.get(family, {})
    found: list[Element] = []
    group = ""
    for row in volume.header:
        if row.group != group:
            group = row.group
            found.append(Element(group, ""))
        meaning = meanings.get(row.name, row.unit) if group != "File" else row.unit
        found.append(Element(row.name, row.value, meaning, depth=1))
    return tuple(found)


def varying(family: str, volume: Volume, progress: Progress) -> tuple[Varying, ...]:
    """Return the columns of a PAR file that change, or what ECAT frames do not share."""
    if not _is_of(family, volume):
        return ()
    if family == "PAR/REC":
        return _par_columns(volume)
    return _ecat_frames(volume) if family == "ECAT7" else ()


def _is_of(family: str, volume: Volume) -> bool:
    return any(
        row.group == "File" and row.name == "type" and row.value == family for row in volume.header
    )


def _par_columns(volume: Volume) -> tuple[Varying, ...]:
    header: Any = volume.native
    rows = header.image_defs[header.get_sorted_slice_indices()]
    n_slices = int(header.get_data_shape()[2])
    planes = tuple(
        (n % n_slices,) if len(rows) == n_slices else (n % n_slices, n // n_slices)
        for n in range(len(rows))
    )
    return tuple(
        Varying(name, values, planes, unit=_PAR_UNITS.get(name, ""))
        for name in rows.dtype.names
        if len(set(values := tuple(as_text(np.asarray(row)) for row in rows[name]))) > 1
    )


def _ecat_frames(volume: Volume) -> tuple[Varying, ...]:
    """Return what the frames' own headers do not share, once a frame."""
    prefix = "ECAT frame "
    frames: dict[str, dict[str, str]] = {}
    for row in volume.header:
        if row.group.startswith(prefix):
            frames.setdefault(row.group, {})[row.name] = row.value
    names = dict.fromkeys(name for frame in frames.values() for name in frame)
    planes = tuple((0, n) for n in range(len(frames)))
    return tuple(
        Varying(name, values, planes)
        for name in names
        if len(set(values := tuple(frame.get(name) for frame in frames.values()))) > 1
    )
