"""NRRD and MetaImage through SimpleITK, where it is installed.

NRRD: https://teem.sourceforge.net/nrrd/format.html. Header rows come from the file's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine, checked_affine, swap_lps_ras
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import GeometryError, ReadError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.naming import names_labels, stem_of
from napari_medvol.formats.row import Format, Progress, counted, has_suffix
from napari_medvol.formats.streams import reading
from napari_medvol.report import Finding, GeometryReport
from napari_medvol.volume import Axis, Field, Label, Volume

Array = NDArray[Any]

_SUFFIXES: Final = (".nrrd", ".nhdr", ".mha", ".mhd")
_LONGEST_HEADER: Final = 1 << 16

#: SimpleITK's names of pixel types to numpy's, vectors being of the same samples.
_NUMBERS: Final = {
    "8-bit signed integer": "i1",
    "8-bit unsigned integer": "u1",
    "16-bit signed integer": "i2",
    "16-bit unsigned integer": "u2",
    "32-bit signed integer": "i4",
    "32-bit unsigned integer": "u4",
    "64-bit signed integer": "i8",
    "64-bit unsigned integer": "u8",
    "32-bit float": "f4",
    "64-bit float": "f8",
    "complex of 32-bit float": "c8",
    "complex of 64-bit float": "c16",
}


class _Info(NamedTuple):
    """What SimpleITK says before it reads voxels; lengths and steps with i first."""

    lengths: tuple[int, ...]
    steps: tuple[float, ...]
    affine: Affine
    dtype: np.dtype[Any]
    n_components: int


def matches(path: Path) -> bool:
    """Return whether the file is NRRD or MetaImage, by its name."""
    return has_suffix(path, _SUFFIXES)


def read(paths: Sequence[Path], choices: Choices, progress: Progress) -> list[Volume]:
    """Return one volume a file.

    Raises
    ------
    ReadError
        If SimpleITK is not installed, or cannot read the file.
    """
    return [_volume(path) for path in counted(paths, progress)]


FORMAT = Format("NRRD", _SUFFIXES, matches, read)


class _WholeFile:
    """All voxels as one plane: SimpleITK decompresses a file as a whole.

    Parameters
    ----------
    path : Path
    inner : tuple of int
        Shape of the array that SimpleITK gives, slowest axis first, components last.
    dtype : dtype
    """

    outer: tuple[int, ...] = ()

    def __init__(self, path: Path, inner: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.name = path, str(path)
        self.inner, self.dtype = inner, dtype

    def read_plane(self, number: int, out: Array) -> None:
        """Write all voxels into `out`."""
        with _speaking(self.path) as itk:
            image = itk.ReadImage(str(self.path))
            out[...] = itk.GetArrayViewFromImage(image).reshape(out.shape)


def _volume(path: Path) -> Volume:
    info = _info(path)
    fields = _header_of(path)
    stem = stem_of(path, _SUFFIXES)
    is_colour = info.dtype == np.uint8 and info.n_components in (3, 4)
    inner = info.lengths[::-1] + ((info.n_components,) if info.n_components > 1 else ())
    data = LazyArray(_WholeFile(path, inner, info.dtype))
    n_axes = len(info.lengths)
    order = [*range(n_axes)[::-1], *([n_axes] if info.n_components > 1 else [])]
    axes = [Axis("t", step=step) for step in info.steps[3:]]
    if info.n_components > 1:
        axes.append(Axis("rgb" if is_colour else "component"))
    is_labels = info.dtype.kind in "iu" and info.n_components == 1 and names_labels(stem)
    return Volume(
        data=data.transpose(order),
        affine=info.affine,
        axes=tuple(axes),
        kind="labels" if is_labels else "image",
        labels=_segments(dict(fields)) if is_labels else (),
        header=_rows(path, info, fields),
        native=tuple(fields),
        name=stem,
        report=_report(path, dict(fields)),
    )


def _info(path: Path) -> _Info:
    with _speaking(path) as itk:
        reader = itk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        n = reader.GetDimension()
        size, spacing = reader.GetSize(), reader.GetSpacing()
        direction = np.reshape(reader.GetDirection(), (n, n))
        origin = reader.GetOrigin()
        number = itk.GetPixelIDValueAsString(reader.GetPixelIDValue()).removeprefix("vector of ")
        n_components = reader.GetNumberOfComponents()
    if number not in _NUMBERS:
        raise ReadError(str(path), f"its pixel type, {number}, is none that can be shown")
    k = min(n, 3)
    affine = np.eye(4)
    affine[:k, :k] = direction[:k, :k] * spacing[:k]
    affine[:k, 3] = origin[:k]
    try:
        checked = checked_affine(swap_lps_ras(affine), str(path))
    except GeometryError as error:
        raise ReadError(error.what, error.why, "The file's header is damaged") from error
    lengths = tuple(int(s) for s in size) + (1,) * (3 - n)
    steps = tuple(float(s) for s in spacing) + (1.0,) * (3 - n)
    return _Info(lengths, steps, checked, np.dtype(_NUMBERS[number]), int(n_components))


@contextmanager
def _speaking(path: Path) -> Iterator[Any]:
    """Give SimpleITK, quiet, and turn what it raises into a ``ReadError``."""
    try:
        itk: Any = import_module("SimpleITK")
    except ImportError as error:
        raise ReadError(
            str(path),
            "NRRD and MetaImage files are read with SimpleITK, which is not installed",
            'Run: pip install "napari-medvol[registration]"',
        ) from error
    with reading(path), path.open("rb"):
        pass
    was_loud = itk.ProcessObject.GetGlobalWarningDisplay()
    itk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield itk
    except RuntimeError as error:
        reason = re.sub(r"\s+", " ", str(error).rsplit("ERROR:", 1)[-1]).strip(" !.")
        raise ReadError(
            str(path), f"SimpleITK cannot read it ({reason})", "Copy or download the file again"
        ) from error
    finally:
        itk.ProcessObject.SetGlobalWarningDisplay(was_loud)


def _header_of(path: Path) -> list[tuple[str, str]]:
    """Return the lines of the text header as (name, value)."""
    with reading(path), path.open("rb") as file:
        text = file.read(_LONGEST_HEADER).decode("latin-1")
    is_meta = has_suffix(path, (".mha", ".mhd"))
    found = []
    for line in text.splitlines():
        name, separator, value = line.partition("=" if is_meta else ":")
        if is_meta and separator:
            found.append((name.strip(), value.strip()))
            if name.strip() == "ElementDataFile":
                break
        elif not is_meta and not line.strip():
            break
        elif separator and not line.startswith("#"):
            found.append((name.strip(), value.removeprefix("=").strip()))
    return found


def _segments(fields: dict[str, str]) -> tuple[Label, ...]:
    """Return the names that 3D Slicer writes into ``.seg.nrrd``."""
    found = []
    for number in range(len(fields)):
        name = fields.get(f"Segment{number}_Name")
        if name is None:
            break
        value = int(fields.get(f"Segment{number}_LabelValue", number + 1))
        rgb = [float(c) for c in fields.get(f"Segment{number}_Color", "").split()]
        color = (rgb[0], rgb[1], rgb[2], 1.0) if len(rgb) == 3 else None
        found.append(Label(value, name, color))
    return tuple(found)


def _rows(path: Path, info: _Info, fields: list[tuple[str, str]]) -> tuple[Field, ...]:
    is_meta = has_suffix(path, (".mha", ".mhd"))
    return (
        Field("File", "type", "MetaImage" if is_meta else "NRRD"),
        Field("File", "path", str(path)),
        Field("File", "shape", str(info.lengths)),
        Field("File", "stored data type", str(info.dtype)),
        Field("Geometry", "affine", str(info.affine.tolist()), "mm"),
        *(Field("Header", name, value) for name, value in fields),
    )


def _report(path: Path, fields: dict[str, str]) -> GeometryReport:
    is_meta = has_suffix(path, (".mha", ".mhd"))
    deciding = ("TransformMatrix", "Offset") if is_meta else ("space", "space directions")
    used = tuple((name, fields[name]) for name in deciding if name in fields)
    findings: tuple[Finding, ...] = ()
    if deciding[0] not in fields:
        text = (
            "there is no orientation in the file: left and right cannot be told; i was taken to"
            " run to the left, j to posterior, k to superior"
        )
        findings = (Finding(text, kind="no orientation"),)
    source = ", ".join(deciding) if used else "voxel sizes alone"
    return GeometryReport(source=source, files=(str(path),), used=used, findings=findings)
