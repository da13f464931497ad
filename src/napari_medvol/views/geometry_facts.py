"""Where a scan lies: its matrix in both conventions, taken apart, and what else was offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.headers import Form
from napari_medvol.volume import Volume

Vector = NDArray[np.float64]

#: Of a matrix in print. Shares of its largest number below this one are noise.
_DIGITS: Final = 7
_NOISE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A matrix as T · R · Z · S: shear first, then zoom, rotation and translation.

    Parameters
    ----------
    translation : (3,) array
        mm.
    rotation : (3, 3) array
        Proper: its determinant is 1.
    zooms : (3,) array
        mm; the first is negative where the grid is left-handed.
    shears : (3,) array
        Of i by j, of i by k, of j by k: the upper triangle of S.
    """

    translation: Vector
    rotation: Vector
    zooms: Vector
    shears: Vector

    @property
    def angles(self) -> Vector:
        """Rotation about x, then y, then z, degrees; static axes."""
        r = self.rotation
        across = float(np.hypot(r[0, 0], r[1, 0]))
        if across < 1e-9:
            # y is turned by a right angle: x and z turn about the same line.
            return np.degrees([np.arctan2(-r[1, 2], r[1, 1]), np.arctan2(-r[2, 0], across), 0.0])
        return np.degrees(
            [
                np.arctan2(r[2, 1], r[2, 2]),
                np.arctan2(-r[2, 0], across),
                np.arctan2(r[1, 0], r[0, 0]),
            ]
        )

    @property
    def affine(self) -> Affine:
        """The parts multiplied again."""
        shear = np.eye(3)
        shear[np.triu_indices(3, 1)] = self.shears
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation @ np.diag(self.zooms) @ shear
        matrix[:3, 3] = self.translation
        return matrix


@dataclass(frozen=True, slots=True)
class FormDifference:
    """How far two matrices of a header are apart.

    Parameters
    ----------
    displacement : float
        Of the corner voxel that moves most, mm.
    angle : float
        Between the rotations, degrees.
    is_mirrored : bool
        Whether their handedness differs: one of them swaps left and right.
    """

    displacement: float
    angle: float
    is_mirrored: bool


def decomposed(affine: Affine) -> Decomposition:
    """Return a matrix taken apart into T · R · Z · S.

    Parameters
    ----------
    affine : (4, 4) array
    """
    rotation, upper = np.linalg.qr(affine[:3, :3])
    signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
    rotation, upper = rotation * signs, upper * signs[:, np.newaxis]
    zooms = np.diag(upper).copy()
    shears = (upper / zooms[:, np.newaxis])[np.triu_indices(3, 1)]
    if np.linalg.det(rotation) < 0:
        rotation[:, 0] *= -1
        zooms[0] *= -1
    return Decomposition(affine[:3, 3].copy(), rotation, zooms, shears)


def form_difference(one: Affine, other: Affine, shape: Sequence[int]) -> FormDifference:
    """Return how far two matrices of one grid are apart.

    Parameters
    ----------
    one, other : (4, 4) array
    shape : three ints
    """
    first, second = decomposed(one), decomposed(other)
    turn = first.rotation.T @ second.rotation
    cosine = min(1.0, max(-1.0, (float(np.trace(turn)) - 1) / 2))
    return FormDifference(
        affines.corner_displacement(one, other, shape),
        float(np.degrees(np.arccos(cosine))),
        bool(np.linalg.det(one[:3, :3]) * np.linalg.det(other[:3, :3]) < 0),
    )


def matrix_text(affine: Affine | None) -> str:
    """Return a matrix as four lines, columns aligned; what is no matrix in words.

    In seven digits, a tenth of a micrometre over a metre, so that it is seen whole.
    """
    if affine is None:
        return "no matrix (singular or not finite)"
    # What sine and cosine leave of a rotation by 90°.
    noise = _NOISE * float(np.abs(affine).max())
    cells = [[f"{0.0 if abs(v) < noise else float(v):.{_DIGITS}g}" for v in row] for row in affine]
    widths = [max(len(row[c]) for row in cells) for c in range(4)]
    lines = ("  ".join(v.rjust(w) for v, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"[ {line} ]" for line in lines)


def geometry_text(volume: Volume, forms: Sequence[Form] = (), *, lps: bool = False) -> str:
    """Return all that is known of where a scan lies, as text to read and to copy.

    Parameters
    ----------
    volume : Volume
    forms : sequence of Form
        The matrices that its header offers.
    lps : bool
        Write matrices to LPS+ mm, as DICOM and ITK have them; else to RAS+ mm.
    """
    parts = [
        _titled(f"Voxel index to {'LPS' if lps else 'RAS'}+ mm: {volume.axcodes}",
                matrix_text(_said(volume.affine, lps))),
        _titled("T · R · Z · S (shear, zoom, rotate, translate)",
                _apart(decomposed(_said(volume.affine, lps)))),
        *(_form_text(form, lps) for form in forms),
    ]  # fmt: skip
    given = [form for form in forms if form.affine is not None]
    if len(given) == 2 and given[0].affine is not None and given[1].affine is not None:
        found = form_difference(given[0].affine, given[1].affine, volume.shape)
        parts.append(_titled(f"{given[0].name} against {given[1].name}", _difference(found)))
    parts.append(_titled("How the grid was found", str(volume.report)))
    return "\n\n".join(parts)


def _said(affine: Affine, lps: bool) -> Affine:
    return affines.swap_lps_ras(affine) if lps else affine


def _titled(title: str, text: str) -> str:
    return f"{title}\n{text}"


def _form_text(form: Form, lps: bool) -> str:
    used = " — used" if form.is_used else ""
    matrix = None if form.affine is None else _said(form.affine, lps)
    return _titled(f"{form.name}, code {form.code}{used}", matrix_text(matrix))


def _apart(found: Decomposition) -> str:
    rows = (
        ("translation", found.translation, "mm"),
        ("rotation", found.angles, "° about x, y, z"),
        ("zooms", found.zooms, "mm"),
        ("shears", found.shears, "ij, ik, jk"),
    )
    return "\n".join(
        f"{name:<12} {', '.join(f'{_settled(v):.6g}' for v in values)}  {unit}"
        for name, values, unit in rows
    )


def _settled(value: float) -> float:
    """Return a number without the noise of a decomposition, and without minus zero."""
    return 0.0 if abs(value) < 1e-12 else float(value)


def _difference(found: FormDifference) -> str:
    text = f"up to {found.displacement:.4g} mm apart at the corners, turned by {found.angle:.4g}°"
    if found.is_mirrored:
        text += "\nopposite handedness: one of them mirrors the patient"
    return text
