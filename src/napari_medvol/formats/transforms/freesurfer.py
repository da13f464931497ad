"""FreeSurfer's ``.lta`` and MNI's ``.xfm``: from the source (moving) to the target (fixed).

LTA: FreeSurfer's ``transform.h`` (``LINEAR_VOX_TO_VOX`` 0, ``LINEAR_RAS_TO_RAS`` 1) and its
volume geometry, whose ``cras`` is the RAS+ of voxel shape / 2. XFM: the MNI transform format of
MINC, whose world is RAS+ mm (``mincresample``), "maps the data in the space of the first volume
to the space of the second", source to target (``minctracc``); FreeSurfer's ``talairach.xfm``
is one. ITK writes its own direction, fixed to moving, into files of that name, in LPS+ or RAS+
by its version (``itkMINCTransformIO.cxx``): they are told by a comment, and refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from napari_medvol.affines import Affine, apply_affine, zooms
from napari_medvol.errors import ReadError
from napari_medvol.formats.transforms import plain
from napari_medvol.volume import Volume

_VOX_TO_VOX: Final = 0
_RAS_TO_RAS: Final = 1
#: What ``itk::MINCTransformIO`` puts into the comment of every file.
_BY_ITK: Final = "ITK-XFM writer"
_KEYS: Final = ("volume", "voxelsize", "xras", "yras", "zras", "cras")


def is_lta(head: bytes) -> bool:
    """Return whether a file begins as a linear transform array."""
    return re.search(rb"^type\s*=\s*\d+", head, re.MULTILINE) is not None and b"nxforms" in head


def read_lta(path: Path, moving: Volume | None, fixed: Volume | None) -> Affine:
    """Return the matrix of an LTA as RAS+ mm, source to destination.

    Raises
    ------
    ReadError
        If it holds no single matrix, or is in voxels of volumes that nobody described.
    """
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    kind, count = (_number(lines, name, path) for name in ("type", "nxforms"))
    if count != 1:
        raise ReadError(str(path), f"it holds {count} matrices", "Choose a file with one")
    if kind not in (_VOX_TO_VOX, _RAS_TO_RAS):
        why = f"type {kind} is neither voxels to voxels (0) nor RAS to RAS (1)"
        raise ReadError(str(path), why, "Convert it: lta_convert --ltavox2vox")
    start = next((n for n, line in enumerate(lines) if line.split() == ["1", "4", "4"]), None)
    if start is None:
        raise ReadError(str(path), "the line 1 4 4 is missing", "The file is damaged")
    matrix = plain.matrix_of_words([row.split() for row in lines[start + 1 : start + 5]], path)
    if kind == _RAS_TO_RAS:
        return matrix
    source = _grid(lines, "src", moving, path)
    target = _grid(lines, "dst", fixed, path)
    return target @ matrix @ np.linalg.inv(source)


def write_lta(matrix: Affine, moving: Volume | None, fixed: Volume | None) -> str:
    """Return the content of an LTA, RAS to RAS; a scan that is not given is not described."""
    return (
        f"type      = {_RAS_TO_RAS} # LINEAR_RAS_TO_RAS\nnxforms   = 1\n"
        f"mean      = 0.0000 0.0000 0.0000\nsigma     = 1.0000\n1 4 4\n{plain.rows_of(matrix)}"
        f"src volume info\n{_described(moving)}dst volume info\n{_described(fixed)}"
    )


def _number(lines: list[str], name: str, path: Path) -> int:
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == name and value.split():
            try:
                return int(value.split()[0])
            except ValueError as error:
                raise ReadError(str(path), f"{name} is no number", "It is damaged") from error
    raise ReadError(str(path), f"it does not say {name}", "The file is damaged")


def _grid(lines: list[str], name: str, given: Volume | None, path: Path) -> Affine:
    """Return voxel index to RAS+ mm as the file describes a volume, else that of the scan."""
    start = next((n for n, line in enumerate(lines) if line == f"{name} volume info"), None)
    rows = [] if start is None else lines[start + 1 : start + 10]
    said = dict(line.split("=", 1) for line in rows if "=" in line)
    said = {key.strip(): value for key, value in said.items()}
    if said.get("valid", "0").split()[:1] == ["1"] and all(key in said for key in _KEYS):
        try:
            shape, sizes, x, y, z, centre = (
                np.array([float(word) for word in said[key].split()[:3]]) for key in _KEYS
            )
        except ValueError as error:
            raise ReadError(str(path), str(error), "The file is damaged") from error
        affine = np.eye(4)
        affine[:3, :3] = np.stack([x, y, z], axis=1) * sizes
        affine[:3, 3] = centre - affine[:3, :3] @ (shape / 2)
        return affine
    if given is not None:
        return np.array(given.affine)
    whose = "source" if name == "src" else "reference"
    why = f"it is in voxels, does not describe its {whose}, and that scan is missing"
    raise ReadError(str(path), why, "Choose the very scans that it was made with")


def _described(volume: Volume | None) -> str:
    if volume is None:
        return "valid = 0  # volume info invalid\n"
    sizes = zooms(volume.affine)
    directions = (volume.affine[:3, :3] / sizes).T
    centre = apply_affine(volume.affine, np.asarray(volume.shape[:3]) / 2)
    rows = [
        "valid = 1  # volume info valid",
        f"filename = {volume.name or 'unknown'}",
        f"volume = {' '.join(str(n) for n in volume.shape[:3])}",
        f"voxelsize = {_words(sizes)}",
        *(f"{name}ras   = {_words(row)}" for name, row in zip("xyz", directions, strict=True)),
        f"cras   = {_words(centre)}",
    ]
    return "\n".join(rows) + "\n"


def _words(values: Affine) -> str:
    return " ".join(repr(float(value) + 0.0) for value in values)


def read_xfm(path: Path, moving: Volume | None, fixed: Volume | None) -> Affine:
    """Return the matrix of an XFM, RAS+ mm of the source to RAS+ mm of the target.

    Several linear parts are applied one after another.

    Raises
    ------
    ReadError
        If a part is not linear, or incomplete, or ITK wrote the file.
    """
    said = path.read_text(encoding="utf-8")
    if re.search(rf"^\s*%\s*{_BY_ITK}", said, re.MULTILINE):
        why = (
            "ITK wrote it, fixed to moving, and by its version in LPS+ or in RAS+:"
            " nobody can tell which"
        )
        fix = f"Save it as .tfm, or delete its line {_BY_ITK} if it is RAS+, moving to fixed"
        raise ReadError(str(path), why, fix)
    text = re.sub(r"%.*", "", said)
    whole = np.eye(4)
    parts = re.split(r"Transform_Type\s*=", text)[1:]
    if not parts:
        raise ReadError(str(path), "it holds no transform", "Choose another file")
    for part in parts:
        kind = part.partition(";")[0].strip()
        if kind != "Linear":
            why = f"{kind} bends space: a field of displacements, no matrix"
            raise ReadError(str(path), why, "Only linear transforms can go into a header")
        whole = _linear(part, path) @ whole
    return whole


def _linear(part: str, path: Path) -> Affine:
    found = re.search(r"Linear_Transform\s*=([^;]*);", part)
    words = found[1].split() if found else []
    if len(words) != 12:
        raise ReadError(str(path), f"it holds {len(words)} numbers, not 12", "The file is damaged")
    rows = [words[n : n + 4] for n in (0, 4, 8)]
    matrix = plain.matrix_of_words([*rows, ["0", "0", "0", "1"]], path)
    is_inverted = re.search(r"Invert_Flag\s*=\s*True", part) is not None
    if is_inverted and np.linalg.det(matrix[:3, :3]) == 0:
        raise ReadError(str(path), "the matrix is singular", "It must be one that can be undone")
    return np.linalg.inv(matrix).astype(np.float64) if is_inverted else matrix


def write_xfm(matrix: Affine, moving: Volume | None, fixed: Volume | None) -> str:
    """Return the content of an XFM file."""
    rows = plain.rows_of(matrix[:3]).rstrip("\n")
    return (
        "MNI Transform File\n% RAS+ mm of the moving scan to RAS+ mm of the fixed scan\n\n"
        f"Transform_Type = Linear;\nLinear_Transform =\n{rows};\n"
    )
