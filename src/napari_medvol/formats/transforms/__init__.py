"""Files that say how one scan is moved onto another: one matrix, whatever wrote it.

Inside this package a transform is one 4×4 matrix, RAS+ mm of the **moving** scan before to
RAS+ mm after, which is that of the **fixed** scan: what the operation ``move`` takes. ITK stores
the opposite direction in LPS+; FSL stores neither, but voxels times their size.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from napari_medvol.affines import Affine, checked_affine
from napari_medvol.errors import GeometryError, ReadError, WriteError
from napari_medvol.formats.transforms import freesurfer, fsl, itk, plain
from napari_medvol.volume import Volume

__all__ = ["DIALECTS", "dialect_of", "read_transform", "write_transform"]

Scan = Volume | None


class Dialect(NamedTuple):
    """A way of writing a matrix into a file.

    Parameters
    ----------
    suffixes : tuple of str
        The first is what a saved file gets.
    says : str
        Direction and units of what stands in the file, for people.
    read : callable
        Path, moving and fixed scan to a matrix.
    write : callable
        Matrix, moving and fixed scan to the content of a file.
    """

    suffixes: tuple[str, ...]
    says: str
    read: Callable[[Path, Scan, Scan], Affine]
    write: Callable[[Affine, Scan, Scan], str]


#: Name to row: what is typed on the command line and chosen in the widget.
DIALECTS: Final[dict[str, Dialect]] = {
    "itk": Dialect(
        (".tfm", ".h5"),
        "ITK, ANTs, Slicer: LPS+ mm, fixed to moving",
        itk.read,
        itk.write,
    ),
    "fsl": Dialect(
        (".mat",),
        "FSL FLIRT: scaled voxels, moving to fixed; both scans are needed",
        fsl.read,
        fsl.write,
    ),
    "lta": Dialect(
        (".lta",), "FreeSurfer: moving to fixed", freesurfer.read_lta, freesurfer.write_lta
    ),
    "xfm": Dialect(
        (".xfm",),
        "MNI, FreeSurfer: RAS+ mm, moving (source) to fixed (target)",
        freesurfer.read_xfm,
        freesurfer.write_xfm,
    ),
    "matrix": Dialect(
        (".txt", ".csv"), "4×4 numbers: RAS+ mm, moving to fixed", plain.read, plain.write
    ),
}


def read_transform(
    path: str | os.PathLike[str],
    *,
    moving: Volume | None = None,
    fixed: Volume | None = None,
    dialect: str = "auto",
) -> Affine:
    """Return the matrix in a file, RAS+ mm of the moving scan to RAS+ mm of the fixed one.

    Parameters
    ----------
    path : str or Path
    moving, fixed : Volume, optional
        The scan that is moved and the one that it is moved onto. FSL's matrices are nothing
        without both; FreeSurfer's only where the file does not describe them.
    dialect : str
        A name in ``DIALECTS``; by default told from what the file says, then from its name.

    Returns
    -------
    (4, 4) array of float64

    Raises
    ------
    ReadError
        If the file cannot be read, holds no linear transform, or a scan that it needs is
        missing.
    """
    file = Path(path)
    row = DIALECTS[_known(dialect_of(file) if dialect == "auto" else dialect, ReadError, file)]
    try:
        matrix = row.read(file, moving, fixed)
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(str(file), str(error), "Choose a file that holds a transform") from error
    try:
        return checked_affine(_settled(matrix), "matrix")
    except GeometryError as error:
        why = error.why.replace("affine", "matrix").replace("voxel sizes", "scales")
        raise ReadError(str(file), why, "A transform must be one that can be undone") from error


def write_transform(
    matrix: Any,
    path: str | os.PathLike[str],
    *,
    moving: Volume | None = None,
    fixed: Volume | None = None,
    dialect: str = "auto",
    overwrite: bool = False,
) -> Path:
    """Write a matrix as a transform file; it appears whole or not at all.

    Parameters
    ----------
    matrix : (4, 4) numbers
        RAS+ mm of the moving scan to RAS+ mm of the fixed one.
    path : str or Path
        Its suffix chooses the dialect: ``.tfm``, ``.mat`` (FSL), ``.lta``, ``.xfm``, ``.txt``.
    moving, fixed : Volume, optional
        As for :func:`read_transform`.
    dialect : str
        A name in ``DIALECTS``.
    overwrite : bool

    Returns
    -------
    Path

    Raises
    ------
    WriteError
        If the matrix cannot be undone, the suffix says nothing, a scan is missing, or the file
        is there already.
    """
    from napari_medvol.formats.saving.staging import staged

    file = Path(path)
    name = _by_suffix(file) if dialect == "auto" else dialect
    row = DIALECTS[_known(name, WriteError, file)]
    try:
        checked = np.array(checked_affine(matrix, "matrix"))
    except (GeometryError, TypeError, ValueError) as error:
        why = error.why.replace("affine", "matrix") if isinstance(error, GeometryError) else error
        raise WriteError(str(file), str(why), "Give four rows of four numbers") from error
    try:
        content = row.write(checked, moving, fixed)
    except ReadError as error:
        raise WriteError(str(file), error.why, error.fix) from error
    with staged(file, overwrite) as folder:
        (folder / file.name).write_text(content, encoding="utf-8")
    return file


def dialect_of(path: Path) -> str:
    """Return which of ``DIALECTS`` a file is in, or an empty text."""
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        head = b""
    if itk.matches(head):
        return "itk"
    if b"MNI Transform File" in head:
        return "xfm"
    if freesurfer.is_lta(head):
        return "lta"
    return _by_suffix(path)


def _by_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return next((name for name, row in DIALECTS.items() if suffix in row.suffixes), "")


def _known(name: str, error: type[ReadError | WriteError], path: Path) -> str:
    if name in DIALECTS:
        return name
    suffixes = ", ".join(row.suffixes[0] for row in DIALECTS.values())
    why = f"nobody knows the kind of transform {name!r}" if name else "it is no known transform"
    raise error(str(path), why, f"Known suffixes: {suffixes}; kinds: {', '.join(DIALECTS)}")


def _settled(matrix: Affine) -> Affine:
    """Return a matrix whose last row is exactly 0 0 0 1 where it is so but for noise."""
    last_row = (0.0, 0.0, 0.0, 1.0)
    if matrix.shape == (4, 4) and np.allclose(matrix[3], last_row, rtol=0, atol=1e-9):
        matrix = matrix.copy()
        matrix[3] = last_row
    return matrix
