"""NIfTI-1 and NIfTI-2: one file or a pair, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError, ReadError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.naming import (
    missing_partner,
    names_labels,
    partner,
    stem_of,
    with_compression,
)
from napari_medvol.formats.nifti import fields
from napari_medvol.formats.nifti.axes import axes_of, vector_axis
from napari_medvol.formats.nifti.geometry import FORM_NAMES, Grid, grid_of
from napari_medvol.formats.nifti.header import HEAD_SIZE, NiftiHeader, is_nifti, read_header
from napari_medvol.formats.nifti.rows import header_rows
from napari_medvol.formats.nifti.sidecars import with_sidecars
from napari_medvol.formats.nifti.voxels import (
    VoxelType,
    Widened,
    memory_dtype,
    scale_of,
    voxel_type,
)
from napari_medvol.formats.nifti.writing import write
from napari_medvol.formats.planes import Decode, Layout, Scale, lazy_block
from napari_medvol.formats.row import Format, Progress, counted, has_suffix
from napari_medvol.formats.streams import COMPRESSED_SUFFIXES, head_of
from napari_medvol.report import Finding, GeometryReport
from napari_medvol.volume import Display, Kind, Volume

_PARTS: Final = ("hdr", "img")
_SINGLE: Final = with_compression(["nii"], COMPRESSED_SUFFIXES)
_PAIR: Final = with_compression(_PARTS, COMPRESSED_SUFFIXES)


#: Statistics around zero: correlation, t, z, normal, logistic, Laplace, noncentral t. Not F,
#: chi-squared or p, which have one sign. nifti1.h, intent codes.
_SIGNED_STATISTICS: Final = frozenset({2, 3, 5, 11, 14, 15, 17})


class _Scan(NamedTuple):
    """The files of one scan: the same path twice, or header and image of a pair."""

    header: Path
    image: Path

    @property
    def is_pair(self) -> bool:
        return self.header != self.image


def matches(path: Path) -> bool:
    """Return whether the file is NIfTI, by its name; for ``.hdr`` and ``.img`` by its header."""
    if has_suffix(path, _SINGLE):
        return True
    if not has_suffix(path, _PAIR):
        return False
    header = partner(path, "hdr", _PARTS, COMPRESSED_SUFFIXES) or path
    try:
        return is_nifti(head_of(header, HEAD_SIZE))
    except MedVolError:
        return False


def read(paths: Sequence[Path], choices: Choices, progress: Progress) -> list[Volume]:
    """Return one volume a scan; both files of a pair are one scan.

    Raises
    ------
    ReadError
        If a file is missing, cut short, corrupt, or says nothing that makes sense.
    """
    scans = list(dict.fromkeys(_scan_of(path) for path in paths))
    return [_volume(scan, choices) for scan in counted(scans, progress)]


def directions(volume: Volume) -> tuple[tuple[float, ...], ...] | None:
    """Return the directions of diffusion weighting, LPS+; see :mod:`~.gradients`."""
    from napari_medvol.formats.nifti import gradients

    return gradients.directions(volume)


FORMAT = Format(
    "NIfTI",
    (*_SINGLE, *_PAIR),
    matches,
    read,
    together=True,
    write=write,
    writes=(*_SINGLE, *_PAIR),
    directions=directions,
    elements=fields.elements,
    forms=fields.forms,
)


def _scan_of(path: Path) -> _Scan:
    if has_suffix(path, _SINGLE):
        return _Scan(path, path)
    header, image = (partner(path, part, _PARTS, COMPRESSED_SUFFIXES) for part in _PARTS)
    if header is None:
        # Some writers name a single file .img.
        return _Scan(path, path)
    if image is None:
        raise missing_partner(path, "img", _PARTS)
    return _Scan(header, image)


def _volume(scan: _Scan, choices: Choices) -> Volume:
    header, findings = read_header(scan.header, scan.is_pair)
    name, stem = str(scan.header), stem_of(scan.header, FORMAT.suffixes)
    _refuse_cifti(header, name)
    shape = _shape(header, name, findings)
    kind = voxel_type(header, name)
    grid = grid_of(header, shape, choices.form, name)
    findings += grid.findings
    scale = scale_of(header, findings)
    if choices.value == "stored":
        scale = (1.0, 0.0)
    if kind.memory:
        text = f"{kind.name} values are shown as {np.dtype(kind.memory)}: precision was reduced"
        findings.append(Finding(text, kind="precision"))
    data = _data(scan, header, shape, kind, scale, findings)
    axes = axes_of(header, shape, kind, findings)
    volume = Volume(
        data=data,
        affine=grid.affine,
        axes=axes,
        kind=_kind(header, stem, data.dtype, kind, scale),
        display=_display(header),
        header=header_rows(header, grid, scan.header, kind, shape, axes, scale),
        native=header,
        name=stem,
        report=_report(scan, header, grid, findings),
    )
    return with_sidecars(volume, scan.header.parent, stem)


def _refuse_cifti(header: NiftiHeader, name: str) -> None:
    if 3000 <= header["intent_code"] < 3100:
        raise ReadError(
            name,
            f"it is CIFTI-2 (intent {header['intent_code']}): values of surface and volume"
            " points, not an image",
            "Save its volume part as NIfTI, with Connectome Workbench for one",
        )


def _shape(header: NiftiHeader, name: str, findings: list[Finding]) -> tuple[int, ...]:
    """Return the shape (i, j, k, …), with ones for the axes that the file lacks below three."""
    dim = header["dim"]
    if not 1 <= dim[0] <= 7:
        raise ReadError(
            name,
            f"its header is damaged: dim[0], the number of axes, is {dim[0]}, not 1 to 7",
            "Copy or download the file again",
        )
    shape = list(dim[1 : dim[0] + 1])
    if shape[0] < 1:
        why = f"its header is damaged: dim[1] is {shape[0]}, not at least 1"
        raise ReadError(name, why, "Copy or download the file again")
    for axis, length in enumerate(shape):
        if length < 1:
            text = f"dim[{axis + 1}] is {length}; an axis of one index was assumed"
            findings.append(Finding(text, kind="dim"))
            shape[axis] = 1
    return tuple(shape + [1] * (3 - len(shape)))


def _data(
    scan: _Scan,
    header: NiftiHeader,
    shape: tuple[int, ...],
    kind: VoxelType,
    scale: tuple[float, float],
    findings: list[Finding],
) -> LazyArray:
    stored = np.dtype(kind.stored).newbyteorder(header.byte_order)
    dtype = memory_dtype(kind, scale)
    decode: Decode | None = None if scale == (1.0, 0.0) else Scale(*scale)
    if kind.memory:
        decode = Widened(str(scan.image), Scale(*scale), header.byte_order)
    layout = Layout(
        shape=(kind.colours, *shape) if kind.colours else shape,
        stored=stored,
        dtype=dtype,
        offset=_offset(scan, header, findings),
        decode=decode,
        n_inner=3 if kind.colours else 2,
    )
    block = lazy_block(scan.image, layout)
    return block.transpose([*range(1, block.ndim), 0]) if kind.colours else block


def _offset(scan: _Scan, header: NiftiHeader, findings: list[Finding]) -> int:
    """Return where the voxels begin; behind the header at least. nifti1.h, ``vox_offset``."""
    stored = header["vox_offset"]
    first = 0 if scan.is_pair else len(header.raw) + 4
    if np.isfinite(stored) and stored >= first:
        return int(stored)
    text = f"vox_offset is {stored:g}, inside the header; the voxels were read from {first} on"
    findings.append(Finding(text, kind="vox_offset"))
    return first


def _kind(
    header: NiftiHeader,
    stem: str,
    dtype: np.dtype[Any],
    kind: VoxelType,
    scale: tuple[float, float],
) -> Kind:
    """Return labels if the header says so, or the name does and the values are plain integers."""
    if dtype.kind not in "iu" or kind.colours or vector_axis(header) is not None:
        return "image"
    # 1002 label, 1003 name of a brain structure (nifti1.h, intent codes).
    is_said = header["intent_code"] in (1002, 1003)
    is_plain = header["intent_code"] == 0 and scale == (1.0, 0.0)
    return "labels" if is_said or (is_plain and names_labels(stem)) else "image"


def _display(header: NiftiHeader) -> Display:
    low, high = header["cal_min"], header["cal_max"]
    limits = (low, high) if np.isfinite([low, high]).all() and low < high else None
    return Display(limits=limits, diverging=header["intent_code"] in _SIGNED_STATISTICS)


def _report(
    scan: _Scan, header: NiftiHeader, grid: Grid, findings: Iterable[Finding]
) -> GeometryReport:
    code = header.fields.get(f"{grid.form}_code", 0)
    names = {"sform": "sform", "qform": "qform", "pixdim": "voxel sizes alone"}
    described = {
        form: f"code {header[f'{form}_code']} ({FORM_NAMES.get(header[f'{form}_code'], '?')}):"
        f" {'no matrix' if matrix is None else matrix[:3].tolist()}"
        for form, matrix in (("sform", grid.sform), ("qform", grid.qform))
    }
    return GeometryReport(
        source=names[grid.form] + (f" ({FORM_NAMES.get(code, code)})" if code else ""),
        files=tuple(dict.fromkeys(map(str, scan))),
        used=tuple((k, v) for k, v in described.items() if k == grid.form),
        ignored=tuple((k, v) for k, v in described.items() if k != grid.form),
        findings=tuple(findings),
    )
