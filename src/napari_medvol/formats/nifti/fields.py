"""Every field of a NIfTI header: what is in it, what that means, and whether it is usual.

Meanings are those of nifti1.h and nifti2.h, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from napari_medvol.errors import MedVolError
from napari_medvol.formats.nifti.geometry import FORM_NAMES, grid_of
from napari_medvol.formats.nifti.header import NiftiHeader, readable
from napari_medvol.formats.nifti.rows import extension_row, meaning_of, number_text
from napari_medvol.headers import Element, Form
from napari_medvol.volume import Volume

_MEANINGS: Final = {
    "sizeof_hdr": "bytes of the header",
    "data_type": "of Analyze; not used",
    "db_name": "of Analyze; not used",
    "extents": "of Analyze; not used",
    "session_error": "of Analyze; not used",
    "regular": "of Analyze; not used",
    "dim_info": "which axes are frequency, phase and slice",
    "dim": "number of axes, then their lengths",
    "intent_p1": "first parameter of the intent",
    "intent_p2": "second parameter of the intent",
    "intent_p3": "third parameter of the intent",
    "bitpix": "bits per voxel",
    "slice_start": "first slice of the timing",
    "pixdim": "qfac, then steps along the axes",
    "vox_offset": "byte where the voxels begin",
    "scl_slope": "real value = stored × slope + inter; 0 or NaN: not scaled",
    "scl_inter": "real value = stored × slope + inter",
    "slice_end": "last slice of the timing",
    "cal_max": "brightest value shown",
    "cal_min": "darkest value shown",
    "slice_duration": "time for one slice",
    "toffset": "time of the first volume",
    "glmax": "of Analyze; not used",
    "glmin": "of Analyze; not used",
    "descrip": "free text",
    "aux_file": "name of another file",
    "quatern_b": "rotation of the qform",
    "quatern_c": "rotation of the qform",
    "quatern_d": "rotation of the qform",
    "qoffset_x": "place of voxel 0, 0, 0 by the qform",
    "qoffset_y": "place of voxel 0, 0, 0 by the qform",
    "qoffset_z": "place of voxel 0, 0, 0 by the qform",
    "srow_x": "first row of the sform",
    "srow_y": "second row of the sform",
    "srow_z": "third row of the sform",
    "intent_name": "name of the values",
    "magic": "what kind of file it is",
    "unused_str": "not used",
}
_MAGICS: Final = {
    "n+1": "header and voxels in one file",
    "ni1": "voxels in the .img file",
    "n+2": "header and voxels in one file",
    "ni2": "voxels in the .img file",
}


def elements(volume: Volume, plane: int) -> tuple[Element, ...] | None:
    """Return every field and extension; None for a volume of another format."""
    header = volume.native
    if not isinstance(header, NiftiHeader):
        return None
    usual = _usual(header.version)
    found = [Element(f"NIfTI-{header.version} header", f"{len(header.fields)} fields")]
    found += [_element(header, name, usual) for name in header.fields]
    if header.extensions:
        found.append(Element("Extensions", str(len(header.extensions))))
    for number, extension in enumerate(header.extensions, 1):
        row = extension_row(number, extension)
        found.append(Element(row.name, row.value, depth=1, differs=True))
    return (*found, *_beside(volume))


def _beside(volume: Volume) -> list[Element]:
    """Return what side files say: groups of the volume's header that are none of the file's."""
    ours = {"File", "Geometry", "Acquisition", "Statistic", "Extensions"}
    found: list[Element] = []
    group = ""
    for row in volume.header:
        if row.group in ours or row.group.startswith("NIfTI-"):
            continue
        if row.group != group:
            group = row.group
            found.append(Element(group, ""))
        found.append(Element(row.name, row.value, row.unit, depth=1))
    return found


def _element(header: NiftiHeader, name: str, usual: Mapping[str, Any]) -> Element:
    value = header[name]
    text = _text(value)
    meaning = meaning_of(name, value) if not isinstance(value, bytes | tuple) else ""
    if name == "magic":
        meaning = _MAGICS.get(text[:3], "no known kind")
    elif name == "scl_slope":
        is_scaled = np.isfinite(value) and value
        meaning = _MEANINGS[name] if is_scaled else "not scaled"
    return Element(
        name,
        text,
        meaning or _MEANINGS.get(name, ""),
        depth=1,
        differs=not _same(value, usual.get(name)),
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return readable(value.split(b"\0")[0])
    if isinstance(value, tuple):
        return ", ".join(number_text(v) for v in value)
    return number_text(value)


@cache
def _usual(version: int) -> dict[str, Any]:
    """Return the fields of an empty header as nibabel makes it."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    kind: Any = Nifti1Header if version == 1 else Nifti2Header
    record = kind().structarr
    return {name: record[name].tolist() for name in record.dtype.names}


def _same(value: Any, usual: Any) -> bool:
    if usual is None:
        return not any(value) if isinstance(value, bytes) else not value
    if isinstance(value, bytes):
        return value.rstrip(b"\0") == bytes(usual).rstrip(b"\0")
    return bool(np.array_equal(np.atleast_1d(value), np.atleast_1d(usual), equal_nan=True))


def forms(volume: Volume) -> tuple[Form, ...]:
    """Return sform and qform of the file; none for a volume of another format."""
    header = volume.native
    if not isinstance(header, NiftiHeader):
        return ()
    lengths = [max(int(n), 1) for n in header["dim"][1:4]]
    try:
        grid = grid_of(header, lengths, "pixdim", volume.name)
    except MedVolError:
        return ()
    used = volume.report.source.partition(" ")[0]
    return tuple(
        Form(form, _code(header, form), matrix, form == used)
        for form, matrix in (("sform", grid.sform), ("qform", grid.qform))
    )


def _code(header: NiftiHeader, form: str) -> str:
    code = header[f"{form}_code"]
    return f"{code} ({FORM_NAMES.get(code, 'no known code')})"
