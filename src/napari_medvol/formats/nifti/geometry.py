"""Where a NIfTI header puts its voxels: sform, qform, or the voxel sizes alone.

NIfTI world is RAS+; its unit is in ``xyzt_units``. nifti1.h, "3D image (volume) orientation and
location in space".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine, checked_affine, corner_displacement
from napari_medvol.errors import GeometryError, ReadError
from napari_medvol.formats.nifti.header import NiftiHeader
from napari_medvol.report import Finding, Severity

#: ``sform_code`` and ``qform_code``.
FORM_NAMES: Final = {
    0: "unknown",
    1: "scanner",
    2: "aligned",
    3: "talairach",
    4: "mni",
    5: "template",
}
#: Spatial part of ``xyzt_units`` to its name and its length in mm.
_LENGTHS: Final = {1: ("m", 1000.0), 2: ("mm", 1.0), 3: ("µm", 0.001)}

#: Two matrices that part by more than this share of a voxel are worth a word.
_FORMS_DIFFER_BY: Final = 0.1
_UNLIKELY_VOXEL_MM: Final = (0.01, 100.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """The affine of a file and how it was found.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel index (i, j, k) to RAS+ mm.
    form : {"sform", "qform", "pixdim"}
        What decided.
    sform, qform : (4, 4) array or None
        In mm; None where the numbers make no matrix.
    unit : str
        Length unit that the header names, or empty.
    findings : tuple of Finding
    """

    affine: Affine
    form: str
    sform: Affine | None
    qform: Affine | None
    unit: str
    findings: tuple[Finding, ...]


def grid_of(header: NiftiHeader, shape: Sequence[int], form: str, name: str) -> Grid:
    """Return where the voxels lie.

    Parameters
    ----------
    header : NiftiHeader
    shape : three ints
        Number of voxels along i, j, k.
    form : {"auto", "sform", "qform", "pixdim"}
        ``"auto"`` takes the sform if its code is above 0, else the qform if its code is above
        0, else the voxel sizes, as nibabel does.
    name : str
        How the error names the file.

    Raises
    ------
    ReadError
        If the matrix that decides is singular or not finite and no other one is offered, or
        rests on a voxel size that is 0 or not finite; ``"pixdim"`` takes 1 mm for it.
    """
    findings: list[Finding] = []
    unit, factor = _length_unit(header, findings)
    sizes, odd_sizes = _voxel_sizes(header, factor)
    with np.errstate(all="ignore"):  # what is not finite is refused below, in words
        candidates = {
            "sform": _usable(_sform(header, factor), name),
            "qform": _usable(qform_of(header, sizes, factor, findings), name),
            "pixdim": from_sizes(shape, sizes),
        }
    chosen = _chosen(header, candidates, form, name, findings)
    if chosen != "sform" and form != "pixdim":
        _refuse_no_lengths(header, shape, name)
    affine = candidates[chosen]
    assert affine is not None
    severity: Severity = "note" if chosen == "sform" else "warning"
    findings += [Finding(text, severity, "zooms") for text in odd_sizes]
    if not unit:
        _flag_unlikely(affine, findings)
    sform, qform = candidates["sform"], candidates["qform"]
    if sform is not None and qform is not None and _is_coded(header, "sform", "qform"):
        _compare(sform, qform, shape, findings)
    return Grid(affine, chosen, sform, qform, unit, tuple(findings))


def _length_unit(header: NiftiHeader, findings: list[Finding]) -> tuple[str, float]:
    code = header["xyzt_units"] & 0x07
    if code and code not in _LENGTHS:
        text = f"xyzt_units names the unknown length unit {code}; millimetres were assumed"
        findings.append(Finding(text, kind="units"))
    return _LENGTHS.get(code, ("", 1.0))


def _voxel_sizes(header: NiftiHeader, factor: float) -> tuple[NDArray[np.float64], list[str]]:
    """Return pixdim[1..3] in mm, made positive, and in words what had to be mended.

    Axes that the file lacks are 1 mm.
    """
    sizes, odd = np.ones(3), []
    for axis in range(min(int(header["dim"][0]), 3)):
        stored = float(header["pixdim"][axis + 1])
        size = abs(stored) if _is_length(stored) else 1.0
        if size != stored:
            odd.append(
                f"voxel size {stored:g} along {'ijk'[axis]} (pixdim[{axis + 1}]) is no length;"
                f" {size:g} was used"
            )
        sizes[axis] = size
    return sizes * factor, odd


def _is_length(stored: float) -> bool:
    """Return whether a voxel size says how long a voxel is; a minus sign is taken away."""
    return bool(np.isfinite(stored)) and stored != 0


def _refuse_no_lengths(header: NiftiHeader, shape: Sequence[int], name: str) -> None:
    """Refuse a grid whose voxels have no size along an axis where that moves some of them."""
    for axis in range(min(int(header["dim"][0]), 3)):
        stored = float(header["pixdim"][axis + 1])
        if shape[axis] > 1 and not _is_length(stored):
            raise ReadError(
                name,
                f"pixdim[{axis + 1}], the voxel size along {'ijk'[axis]}, is {stored:g} and no"
                f" sform places its {shape[axis]} voxels",
                'Read it with form="pixdim" to take 1 mm for it, or mend the header',
            )


def _sform(header: NiftiHeader, factor: float) -> Affine:
    matrix = np.eye(4)
    matrix[:3] = [header["srow_x"], header["srow_y"], header["srow_z"]]
    matrix[:3] *= factor
    return matrix


def qform_of(
    header: NiftiHeader, sizes: NDArray[np.float64], factor: float, findings: list[Finding]
) -> Affine:
    """Return the matrix of quaternion, offset, voxel sizes and qfac. nifti1.h, METHOD 2."""
    vector = np.array([header[f"quatern_{letter}"] for letter in "bcd"], dtype=np.float64)
    square = float(vector @ vector)
    if square > 1 + 1e-5 and _is_coded(header, "qform"):
        text = f"the quaternion (b, c, d) has length {square**0.5:g}; it was scaled to 1"
        findings.append(Finding(text, "note", "qform"))
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(vector) * sizes
    # A qfac of 0 is an old writer's: nifti1.h says to take it as 1.
    if header["pixdim"][0] < 0:
        matrix[:3, 2] *= -1
    matrix[:3, 3] = [header[f"qoffset_{letter}"] for letter in "xyz"]
    matrix[:3, 3] *= factor
    return matrix


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation of the unit quaternion with the vector part (b, c, d), a >= 0."""
    square = float(vector @ vector)
    if square >= 1:
        vector = vector / np.sqrt(square)
    a = np.sqrt(max(0.0, 1.0 - square))
    b, c, d = vector
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def from_sizes(shape: Sequence[int], sizes: NDArray[np.float64]) -> Affine:
    """Return nibabel's guess where a file says nothing: i to the left, centre at the origin."""
    matrix = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.asarray(shape[:3]) - 1) / 2)
    return matrix


def _usable(matrix: Affine, name: str) -> Affine | None:
    try:
        return checked_affine(matrix, name)
    except GeometryError:
        return None


def _is_coded(header: NiftiHeader, *forms: str) -> bool:
    return all(header[f"{form}_code"] > 0 for form in forms)


def _chosen(
    header: NiftiHeader,
    candidates: dict[str, Affine | None],
    form: str,
    name: str,
    findings: list[Finding],
) -> str:
    if form != "auto":
        if candidates[form] is None:
            raise _no_matrix(header, form, name)
        return form
    offered = [f for f in ("sform", "qform") if _is_coded(header, f)]
    if not offered:
        text = (
            "there is no orientation in the file: left and right cannot be told"
            " (sform_code and qform_code are 0)"
        )
        findings.append(Finding(text, kind="no orientation"))
        return "pixdim"
    good = [f for f in offered if candidates[f] is not None]
    if not good:
        raise _no_matrix(header, offered[0], name)
    if good[0] != offered[0]:
        text = "the sform is singular or not finite; the qform was used instead"
        findings.append(Finding(text, kind="sform"))
    return good[0]


def _no_matrix(header: NiftiHeader, form: str, name: str) -> ReadError:
    if form == "sform":
        numbers: Any = [list(header[f"srow_{letter}"]) for letter in "xyz"]
    else:
        numbers = {k: header[k] for k in header.fields if k.startswith(("quatern", "qoffset"))}
    return ReadError(
        name,
        f"its {form} is singular or not finite: {numbers}",
        'Read it with form="pixdim" to go by the voxel sizes alone',
    )


def _flag_unlikely(affine: Affine, findings: list[Finding]) -> None:
    sizes = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if sizes.min() < _UNLIKELY_VOXEL_MM[0] or sizes.max() > _UNLIKELY_VOXEL_MM[1]:
        text = (
            "the file names no length unit, millimetres were assumed:"
            f" voxels of {' × '.join(f'{s:g}' for s in sizes)} mm are unlikely"
        )
        findings.append(Finding(text, kind="units"))


def _compare(sform: Affine, qform: Affine, shape: Sequence[int], findings: list[Finding]) -> None:
    apart = corner_displacement(sform, qform, shape)
    voxel = float(np.sqrt((sform[:3, :3] ** 2).sum(axis=0)).min())
    if apart > _FORMS_DIFFER_BY * voxel:
        text = (
            f"sform and qform differ by up to {apart:.3g} mm at the corners of the volume;"
            " the sform is used unless asked otherwise, other programs may use the qform"
        )
        findings.append(Finding(text, kind="forms differ"))
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        text = (
            "sform and qform have opposite handedness: one of them mirrors the patient,"
            " left and right may be swapped"
        )
        findings.append(Finding(text, kind="handedness"))
