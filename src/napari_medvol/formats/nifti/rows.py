"""A NIfTI header as rows for people: what the file is, both matrices, every field, extensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from napari_medvol.affines import Affine, axcodes
from napari_medvol.formats.nifti.geometry import FORM_NAMES, Grid
from napari_medvol.formats.nifti.header import Extension, NiftiHeader, readable
from napari_medvol.formats.nifti.voxels import VOXEL_TYPES, VoxelType
from napari_medvol.volume import Axis, Field

INTENT_NAMES: Final = {
    0: "none",
    2: "correlation",
    3: "t test",
    4: "F test",
    5: "z score",
    6: "chi-squared",
    7: "beta",
    8: "binomial",
    9: "gamma",
    10: "Poisson",
    11: "normal",
    12: "non-central F test",
    13: "non-central chi-squared",
    14: "logistic",
    15: "Laplace",
    16: "uniform",
    17: "non-central t test",
    18: "Weibull",
    19: "chi",
    20: "inverse Gaussian",
    21: "extreme value type I",
    22: "p value",
    23: "-ln(p)",
    24: "-log10(p)",
    1001: "estimate",
    1002: "label",
    1003: "brain structure label",
    1004: "matrix",
    1005: "symmetric matrix",
    1006: "displacement vector",
    1007: "vector",
    1008: "point set",
    1009: "triangle",
    1010: "quaternion",
    1011: "dimensionless",
    2001: "time series",
    2002: "node index",
    2003: "RGB vector",
    2004: "RGBA vector",
    2005: "shape",
    2006: "FNIRT displacement field",
    2007: "FNIRT cubic spline coefficients",
    2008: "FNIRT DCT coefficients",
    2009: "FNIRT quadratic spline coefficients",
    2016: "TOPUP cubic spline coefficients",
    2017: "TOPUP quadratic spline coefficients",
    2018: "TOPUP field",
}

#: Intent to what intent_p1, intent_p2 and intent_p3 mean. nifti1.h.
_PARAMETERS: Final = {
    2: ("degrees of freedom",),
    3: ("degrees of freedom",),
    4: ("numerator degrees of freedom", "denominator degrees of freedom"),
    6: ("degrees of freedom",),
    7: ("a", "b"),
    8: ("number of trials", "probability per trial"),
    9: ("shape", "scale"),
    10: ("mean",),
    11: ("mean", "standard deviation"),
    12: (
        "numerator degrees of freedom",
        "denominator degrees of freedom",
        "numerator noncentrality",
    ),
    13: ("degrees of freedom", "noncentrality"),
    14: ("location", "scale"),
    15: ("location", "scale"),
    16: ("lower end", "upper end"),
    17: ("degrees of freedom", "noncentrality"),
    18: ("location", "scale", "power"),
    19: ("degrees of freedom",),
    20: ("mu", "lambda"),
    21: ("location", "scale"),
    1004: ("rows", "columns"),
    1005: ("rows",),
}

_SLICE_ORDERS: Final = {
    0: "unknown",
    1: "sequential, increasing",
    2: "sequential, decreasing",
    3: "alternating, increasing",
    4: "alternating, decreasing",
    5: "alternating, increasing from the second",
    6: "alternating, decreasing from the second",
}

#: Registered extension codes. https://nifti.nimh.nih.gov/nifti-1/documentation/faq
_EXTENSION_NAMES: Final = {
    0: "ignore",
    2: "DICOM",
    4: "AFNI",
    6: "comment",
    8: "XCEDE",
    10: "JIMDIMINFO",
    12: "workflow forwards",
    14: "FreeSurfer",
    16: "PyPickle",
    18: "MIND identifier",
    20: "b value",
    22: "spherical direction",
    24: "tensor component",
    26: "spherical harmonics",
    30: "Caret",
    32: "CIFTI",
    34: "variable frame timing",
    38: "eval",
    40: "Matlab",
    42: "Quantiphyse",
    44: "MRS",
}

_LENGTH_UNITS: Final = {0: "unknown", 1: "m", 2: "mm", 3: "µm"}
_TIME_UNITS: Final = {0: "unknown", 8: "s", 16: "ms", 24: "µs", 32: "Hz", 40: "ppm", 48: "rad/s"}
_LONGEST_TEXT: Final = 4000


def header_rows(
    header: NiftiHeader,
    grid: Grid,
    path: Path,
    kind: VoxelType,
    shape: Sequence[int],
    axes: Sequence[Axis],
    scale: tuple[float, float],
) -> tuple[Field, ...]:
    """Return rows in four groups: the file, its geometry, its fields by name, its extensions."""
    return (
        *_file_rows(header, path, kind, shape, axes, scale),
        *_geometry_rows(header, grid),
        *_acquisition_rows(header),
        *_statistic_rows(header),
        *(Field(f"NIfTI-{header.version} header", n, _value(header, n)) for n in header.fields),
        *(extension_row(number, e) for number, e in enumerate(header.extensions, 1)),
    )


def _file_rows(
    header: NiftiHeader,
    path: Path,
    kind: VoxelType,
    shape: Sequence[int],
    axes: Sequence[Axis],
    scale: tuple[float, float],
) -> list[Field]:
    order = "little" if header.byte_order == "<" else "big"
    rows = [
        Field("File", "type", f"NIfTI-{header.version}{' pair' if header.is_pair else ''}"),
        Field("File", "path", str(path)),
        Field("File", "shape", str(tuple(shape))),
        Field("File", "stored data type", kind.name),
        Field("File", "byte order", f"{order}-endian"),
        Field("File", "scale", f"stored × {scale[0]:g} + {scale[1]:g}"),
    ]
    rows += [
        Field("File", f"step along {axis.name}", f"{axis.step:g}", axis.unit)
        for axis in axes
        if axis.name != "rgb" and axis.values is None
    ]
    rows += [
        Field("File", name, header.text(name))
        for name in ("descrip", "aux_file", "db_name", "intent_name")
        if name in header.fields and header.text(name)
    ]
    return rows


def _geometry_rows(header: NiftiHeader, grid: Grid) -> list[Field]:
    rows = [Field("Geometry", "used", grid.form)]
    for form, matrix in (("sform", grid.sform), ("qform", grid.qform)):
        rows.append(Field("Geometry", f"{form} code", _value(header, f"{form}_code")))
        rows.append(Field("Geometry", form, _matrix(matrix), "mm"))
    qfac = header["pixdim"][0]
    rows += [
        Field("Geometry", "affine", _matrix(grid.affine), "mm"),
        Field("Geometry", "axis codes", axcodes(grid.affine)),
        Field("Geometry", "length unit of the file", grid.unit or "unknown, taken as mm"),
        Field("Geometry", "qfac (pixdim[0])", f"{qfac:g}" + (", taken as 1" if not qfac else "")),
    ]
    return rows


def _acquisition_rows(header: NiftiHeader) -> list[Field]:
    """Return axis letters of the scanner and the timing of the slices. nifti1.h, ``dim_info``."""
    rows = []
    info = header["dim_info"]
    for name, bits in (("frequency", info), ("phase", info >> 2), ("slice", info >> 4)):
        if bits & 3:
            rows.append(Field("Acquisition", f"{name} axis", "ijk"[(bits & 3) - 1]))
    if header["slice_code"] or header["slice_duration"]:
        code = header["slice_code"]
        unit = _TIME_UNITS.get(header["xyzt_units"] & 0x38, "")
        span = f"{header['slice_start']} to {header['slice_end']}"
        rows += [
            Field("Acquisition", "slice order", _SLICE_ORDERS.get(code, f"unknown code {code}")),
            Field("Acquisition", "slices timed", span),
            Field("Acquisition", "slice duration", f"{header['slice_duration']:g}", unit),
        ]
    return rows


def _statistic_rows(header: NiftiHeader) -> list[Field]:
    names = _PARAMETERS.get(header["intent_code"], ())
    rows = [
        Field("Statistic", name, f"{header[f'intent_p{number}']:g}")
        for number, name in enumerate(names, 1)
    ]
    if 2 <= header["intent_code"] <= 24:
        rows.insert(0, Field("Statistic", "kind", INTENT_NAMES[header["intent_code"]]))
    return rows


def _value(header: NiftiHeader, name: str) -> str:
    """Return a field as text, with its meaning where it is a code."""
    value = header[name]
    if isinstance(value, bytes):
        return readable(value.split(b"\0")[0])
    if isinstance(value, tuple):
        return "[" + ", ".join(number_text(v) for v in value) + "]"
    meaning = meaning_of(name, value)
    return f"{value} ({meaning})" if meaning else number_text(value)


def meaning_of(name: str, value: Any) -> str:
    """Return what the number of a code field stands for; empty for other fields."""
    if name in ("sform_code", "qform_code"):
        return FORM_NAMES.get(value, "no known code")
    if name == "datatype":
        return VOXEL_TYPES[value].name
    if name == "intent_code":
        return INTENT_NAMES.get(value, "no known code")
    if name == "slice_code":
        return _SLICE_ORDERS.get(value, "no known code")
    if name == "xyzt_units":
        return ", ".join(
            table.get(value & mask, "no known code")
            for table, mask in ((_LENGTH_UNITS, 0x07), (_TIME_UNITS, 0x38))
        )
    return ""


def number_text(value: Any) -> str:
    """Return a number with the digits that a float32 has."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _matrix(matrix: Affine | None) -> str:
    if matrix is None:
        return "no matrix (singular or not finite)"
    return (
        "["
        + ", ".join(f"[{', '.join(number_text(float(v) + 0.0) for v in r)}]" for r in matrix)
        + "]"
    )


def extension_row(number: int, extension: Extension) -> Field:
    """Return an extension by its registered name, with its text where it is one."""
    name = _EXTENSION_NAMES.get(extension.code, "no registered name")
    text = readable(extension.content.rstrip(b"\0"))
    if not text.isprintable() and not text.replace("\n", "").replace("\t", "").isprintable():
        text = f"{len(extension.content)} bytes"
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"
    return Field("Extensions", f"{number}: code {extension.code} ({name})", text)
