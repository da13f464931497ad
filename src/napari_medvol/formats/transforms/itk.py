"""ITK transform files: LPS+ mm, from the fixed scan to the moving one.

Text files (``#Insight Transform File``) and ANTs' ``0GenericAffine.mat`` (MATLAB 4) are read
here; what else SimpleITK reads is asked of it where it is installed. Source: ITK Software Guide
2, chapter 3, and the ``ComputeMatrix`` of each class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine, swap_lps_ras
from napari_medvol.errors import ReadError
from napari_medvol.volume import Volume

Numbers = NDArray[np.float64]

_TEXT: Final = b"#Insight Transform File"
_HDF5: Final = b"\x89HDF"
_COMPOSITE: Final = "CompositeTransform"
_DEFORMS: Final = ("displacement", "bspline", "velocity", "thinplate", "splinekernel")


class _Stored(NamedTuple):
    """A transform as a file has it: class without its suffix, parameters, fixed parameters."""

    kind: str
    values: Numbers
    fixed: Numbers


def matches(head: bytes) -> bool:
    """Return whether a file begins as one of ITK's transforms."""
    is_matlab = b"Transform_" in head[:80] and head[:4] in (b"\0\0\0\0", b"\0\0\x03\xe8")
    return head.startswith((_TEXT, _HDF5)) or is_matlab


def read(path: Path, moving: Volume | None, fixed: Volume | None) -> Affine:
    """Return the matrix of an ITK file as RAS+ mm, moving to fixed.

    Raises
    ------
    ReadError
        If the transform is not linear, of no known type, or the file is not complete.
    """
    with path.open("rb") as stream:
        head = stream.read(len(_TEXT))
    if head.startswith(_HDF5):
        return _ras(_by_simpleitk(path, "an HDF5 file"), path)
    stored = list(_of_text(path) if head == _TEXT else _of_matlab(path))
    return _ras(_composed(stored, path), path)


def write(matrix: Affine, moving: Volume | None, fixed: Volume | None) -> str:
    """Return the content of a ``.tfm`` file with one affine transform."""
    lps = _in_other_convention(np.linalg.inv(matrix).astype(np.float64))
    values = " ".join(repr(float(v) + 0.0) for v in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    return (
        "#Insight Transform File V1.0\n#Transform 0\n"
        f"Transform: AffineTransform_double_3_3\nParameters: {values}\nFixedParameters: 0 0 0\n"
    )


def _ras(lps: Affine, path: Path) -> Affine:
    """Return LPS+ fixed to moving as RAS+ moving to fixed."""
    try:
        return np.linalg.inv(_in_other_convention(lps)).astype(np.float64)
    except np.linalg.LinAlgError as error:
        raise ReadError(
            str(path), "the matrix is singular", "A transform must be one that can be undone"
        ) from error


def _in_other_convention(motion: Affine) -> Affine:
    """Return a motion within LPS+ mm as the same within RAS+ mm, and back."""
    return swap_lps_ras(swap_lps_ras(motion).T).T


def _composed(stored: Sequence[_Stored], path: Path) -> Affine:
    if stored and stored[0].kind == _COMPOSITE:
        stored = stored[1:]
    elif len(stored) > 1:
        why = f"it holds {len(stored)} transforms that are no composite"
        raise ReadError(str(path), why, "Save them as one CompositeTransform")
    if not stored:
        raise ReadError(str(path), "it holds no transform", "Choose another file")
    # What was added last, and stands last, is applied first.
    whole = np.eye(4)
    for one in stored:
        whole = whole @ _matrix(one, path)
    return whole


def _matrix(stored: _Stored, path: Path) -> Affine:
    """Return one transform as a matrix, LPS+ fixed to moving."""
    kind = stored.kind
    if any(word in kind.lower() for word in _DEFORMS):
        raise ReadError(
            str(path),
            f"{kind} bends space: a field of displacements, no matrix",
            "Only linear transforms can go into a header; resample with the tool that made it",
        )
    if kind not in _KINDS:
        if kind == _COMPOSITE:
            raise ReadError(str(path), "it is a composite within a composite", "Save it flat")
        return _by_simpleitk(path, f"the transform {kind!r}")
    n, parts = _KINDS[kind]
    if len(stored.values) != n or not _has_centre(stored):
        lacks = f"{n} parameters, the file has {len(stored.values)}"
        if len(stored.values) == n:
            lacks = f"a centre of 3 numbers, the file has {len(stored.fixed)}"
        raise ReadError(str(path), f"{kind} has {lacks}", "The file is not complete")
    linear, translation = parts(stored.values, stored.fixed)
    centre = stored.fixed[:3] if len(stored.fixed) else np.zeros(3)
    if kind == "TranslationTransform":
        centre = np.zeros(3)
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = translation + centre - linear @ centre
    return matrix


def _has_centre(stored: _Stored) -> bool:
    """Whether the fixed parameters are there; transforms that nothing turns about have none."""
    is_free = stored.kind in ("TranslationTransform", "IdentityTransform")
    return len(stored.fixed) in ((0, 3, 4) if is_free else (3, 4))


Parts = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]


def _affine(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return p[:9].reshape(3, 3), p[9:]


def _euler(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    x, y, z = (_about(axis, float(angle)) for axis, angle in enumerate(p[:3]))
    is_zyx = len(fixed) > 3 and fixed[3] != 0
    return (z @ y @ x if is_zyx else z @ x @ y), p[3:]


def _about(axis: int, angle: float) -> Numbers:
    turn = np.eye(3)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    turn[one, one] = turn[other, other] = np.cos(angle)
    turn[other, one] = np.sin(angle)
    turn[one, other] = -turn[other, one]
    return turn


def _versor(p: Numbers) -> Numbers:
    """Return the rotation of a unit quaternion given by its vector part."""
    x, y, z = p[:3]
    w = np.sqrt(max(0.0, 1.0 - float(p[:3] @ p[:3])))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _rigid(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return _versor(p), p[3:]


def _turn_only(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return _versor(p), np.zeros(3)


def _similarity(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return _versor(p) * p[6], p[3:6]


def _scale(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return np.diag(p), np.zeros(3)


def _translation(p: Numbers, fixed: Numbers) -> tuple[Numbers, Numbers]:
    return np.eye(3), p


#: Class without its suffix to number of parameters, and the matrix and translation they make.
_KINDS: Final[dict[str, tuple[int, Parts]]] = {
    "AffineTransform": (12, _affine),
    "MatrixOffsetTransformBase": (12, _affine),
    "Euler3DTransform": (6, _euler),
    "VersorRigid3DTransform": (6, _rigid),
    "VersorTransform": (3, _turn_only),
    "Similarity3DTransform": (7, _similarity),
    "ScaleTransform": (3, _scale),
    "TranslationTransform": (3, _translation),
    "IdentityTransform": (0, lambda p, fixed: (np.eye(3), np.zeros(3))),
}


def _of_text(path: Path) -> Iterator[_Stored]:
    text = path.read_text(encoding="utf-8")
    for block in re.split(r"^Transform:", text, flags=re.MULTILINE)[1:]:
        name, *lines = block.splitlines()
        said = dict(line.split(":", 1) for line in lines if ":" in line and line[0] != "#")
        kind = _kind(name, path)
        if kind != _COMPOSITE and "FixedParameters" not in said:
            # ITK always writes them, last: without them nobody knows the centre of a rotation.
            raise ReadError(str(path), "it ends before FixedParameters", "The file is damaged")
        yield _Stored(
            kind,
            _numbers(said.get("Parameters", ""), path),
            _numbers(said.get("FixedParameters", ""), path),
        )


def _of_matlab(path: Path) -> Iterator[_Stored]:
    """Give the transforms of ANTs' ``.mat``: a variable named after a class, and ``fixed``."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.stat().st_size:
        raise ReadError(str(path), "the file is empty", "Choose another file")
    try:
        found: dict[str, Any] = loadmat(path)
    except (MatReadError, ValueError, NotImplementedError, TypeError) as error:
        why = f"it is no whole transform of ITK, neither as text nor of MATLAB: {error}"
        raise ReadError(str(path), why, "Save it anew, as a .tfm text file") from error
    names = [name for name in found if "Transform" in name]
    fixed = np.asarray(found.get("fixed", ()), dtype=np.float64).ravel()
    for name in names:
        yield _Stored(_kind(name, path), np.asarray(found[name], np.float64).ravel(), fixed)


def _kind(name: str, path: Path) -> str:
    kind, _, rest = name.strip().partition("_")
    if rest and not rest.endswith("3_3"):
        why = f"{name.strip()} is not one from three dimensions to three"
        raise ReadError(str(path), why, "Choose a transform of volumes")
    return kind


def _numbers(text: str, path: Path) -> Numbers:
    try:
        return np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise ReadError(str(path), str(error), "The file is damaged") from error


def _by_simpleitk(path: Path, what: str) -> Affine:
    """Return a linear transform of any kind as SimpleITK applies it."""
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation's name
    except ImportError as error:
        raise ReadError(
            str(path),
            f"{what} needs SimpleITK, which is not installed",
            'Install it: pip install "napari-medvol[registration]"',
        ) from error
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        why = f"nobody knows {what}, or the file is not complete"
        raise ReadError(str(path), why, "Save it anew, as an affine in .tfm") from error
    if not transform.IsLinear() or transform.GetDimension() != 3:
        why = f"{what} bends space, or is none of three dimensions: it is no matrix"
        raise ReadError(str(path), why, "Only linear transforms can go into a header")
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, 3] = origin
    for axis, step in enumerate(np.eye(3).tolist()):
        matrix[:3, axis] = np.array(transform.TransformPoint(step)) - origin
    return matrix
