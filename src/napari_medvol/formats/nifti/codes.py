"""One field of a NIfTI header changed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from napari_medvol.errors import StepError
from napari_medvol.formats.nifti.geometry import grid_of
from napari_medvol.formats.nifti.header import NiftiHeader, field_offset
from napari_medvol.volume import Field, Volume


def without_qform(volume: Volume) -> Volume:
    """Return a volume whose header says of its qform that it is unknown, the numbers kept.

    ``qform_code`` becomes 0 (nifti1.h); every other byte of the header stays, in the file that
    is written, too. It mends files whose qform disagrees with a sform that is right.

    Parameters
    ----------
    volume : Volume
        From a NIfTI file, placed by its sform.

    Raises
    ------
    StepError
        If it is of another format, its sform does not place it, or its qform is unknown already.
    """
    native = volume.native
    fault = _fault(volume, native)
    if fault or not isinstance(native, NiftiHeader):
        raise StepError(f"qform of {volume.name!r}", fault, "Choose a NIfTI scan with both forms")
    raw, (at, kind) = bytearray(native.raw), field_offset(native, "qform_code")
    raw[at : at + kind.itemsize] = np.zeros(1, kind).tobytes()
    fields = MappingProxyType({**native.fields, "qform_code": 0})
    header = tuple(
        Field(row.group, row.name, "0 (unknown)", row.unit) if row.name == "qform_code" else row
        for row in volume.header
    )
    changed = replace(native, raw=bytes(raw), fields=fields)
    return replace(volume, native=changed, header=header)


def _fault(volume: Volume, native: object) -> str:
    if not isinstance(native, NiftiHeader):
        return "it does not come from a NIfTI file"
    if native["qform_code"] <= 0:
        return "its qform is unknown already"
    shape = tuple(int(n) for n in native["dim"][1:4])
    if native["sform_code"] <= 0 or grid_of(native, shape, "auto", volume.name).form != "sform":
        return "no sform places it: without the qform it would lie nowhere"
    return ""
