"""Volumes to MGH, MGZ and SPM's Analyze: nibabel makes the header, the voxels are one block."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.errors import WriteError
from napari_medvol.formats.naming import with_compression
from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.blocks import put_voxels
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.compressed import compressing
from napari_medvol.formats.saving.encoding import Storable, dtypes, encoding_of
from napari_medvol.formats.streams import COMPRESSED_SUFFIXES
from napari_medvol.volume import Volume

#: Numbers that FreeSurfer's own programs write; type codes 0, 4, 1 and 3 of the header.
_MGH: Final = Storable("MGH", dtypes("u1", "i2", "i4", "f4"))
_MGH_OFFSET: Final = 284

#: Analyze 7.5, DT_UNSIGNED_CHAR to DT_DOUBLE.
_ANALYZE: Final = Storable("Analyze", dtypes("u1", "i2", "i4", "f4", "f8", "c8"))
_COLOURS: Final = Storable("Analyze's colours", dtypes("u1"))
_RGB24: Final = 128
_LONGEST: Final = 32767

PAIR: Final = with_compression(("hdr", "img"), COMPRESSED_SUFFIXES)


def write_mgh(volume: Volume, target: Path, choices: WriteChoices, progress: Progress) -> Written:
    """Write a volume as MGH, or MGZ where the name says so.

    Of an MGH source TR, TE, TI and flip angle are kept.

    Raises
    ------
    WriteError
        If MGH does not hold the values, colours, or more than one axis beside space.
    """
    if volume.is_rgb or len(volume.shape) > 4:
        raise WriteError(
            volume.name or "volume",
            f"MGH has i, j, k and frames, and no colours; the shape here is {volume.shape}",
            "Write NIfTI, or its parts apart",
        )
    encoding = encoding_of(volume, _MGH, choices)
    header, notes = _mgh_header(volume, encoding.dtype)
    with compressing(target, choices.level) as put:
        block = header.binaryblock
        # Header, zeros up to the voxels, and behind them the five numbers of the footer.
        front = block[: header._hdrdtype.itemsize]  # noqa: SLF001 - nibabel names it nowhere else
        put(front.ljust(_MGH_OFFSET, b"\0"))
        put_voxels(volume, encoding, put, progress, ">")
        put(block[len(front) :])
    return Written(encoding, notes)


def _mgh_header(volume: Volume, dtype: np.dtype[Any]) -> tuple[Any, tuple[str, ...]]:
    from nibabel.freesurfer.mghformat import MGHHeader

    native = volume.native
    header = MGHHeader(native.binaryblock if isinstance(native, MGHHeader) else None)
    header.set_data_shape(volume.shape)
    header.set_data_dtype(dtype)
    sizes = affines.zooms(volume.affine)
    header["delta"] = sizes
    # Rows are the directions of i, j, k; the centre is voxel n / 2, not (n - 1) / 2.
    header["Mdc"] = (volume.affine[:3, :3] / sizes).T
    header["Pxyz_c"] = affines.apply_affine(volume.affine, np.asarray(volume.shape[:3]) / 2)
    header["goodRASFlag"] = 1
    notes: tuple[str, ...] = ()
    if volume.axes:
        axis = volume.axes[0]
        if axis.unit in ("s", "ms"):
            header["tr"] = axis.step * (1000 if axis.unit == "s" else 1)
        if axis.start or axis.values or axis.unit not in ("", "s", "ms"):
            notes = (f"MGH keeps no start, unit or values of the axis {axis.name!r}",)
    return header, notes


def write_analyze(
    volume: Volume, target: Path, choices: WriteChoices, progress: Progress
) -> Written:
    """Write a volume as SPM's Analyze: ``.hdr``, ``.img``, and its place in a ``.mat``.

    Raises
    ------
    WriteError
        If Analyze does not hold the values or the lengths of the axes.
    """
    if max(volume.shape) > _LONGEST or len(volume.shape) - volume.is_rgb > 4:
        raise WriteError(
            volume.name or "volume",
            f"Analyze has four axes of at most {_LONGEST}; the shape here is {volume.shape}",
            "Write NIfTI",
        )
    encoding = encoding_of(volume, _COLOURS if volume.is_rgb else _ANALYZE, choices)
    header_path, image_path, matrix_path = _analyze_paths(target)
    with compressing(header_path, choices.level) as put:
        put(_analyze_header(volume, encoding.dtype).binaryblock)
    with compressing(image_path, choices.level) as put:
        put_voxels(volume, encoding, put, progress)
    _write_matrix(volume, matrix_path)
    notes: tuple[str, ...] = ()
    if volume.axes and not volume.is_rgb:
        notes = (f"Analyze keeps no unit of the axis {volume.axes[0].name!r}",)
    return Written(encoding, notes)


def _analyze_paths(target: Path) -> tuple[Path, Path, Path]:
    lower = target.name.lower()
    suffix = next((s for s in PAIR if lower.endswith(s)), "")
    if not suffix:
        raise WriteError(str(target), "Analyze is a pair of files", "Name it .hdr or .img")
    stem, compression = target.name[: -len(suffix)], suffix[4:]
    names = (f"{stem}.hdr{compression}", f"{stem}.img{compression}", f"{stem}.mat")
    header, image, matrix = (target.with_name(name) for name in names)
    return header, image, matrix


def _analyze_header(volume: Volume, dtype: np.dtype[Any]) -> Any:
    from nibabel.spm2analyze import Spm2AnalyzeHeader

    header = Spm2AnalyzeHeader(endianness="<")
    shape = volume.shape[: len(volume.shape) - volume.is_rgb]
    header.set_data_shape(shape)
    if volume.is_rgb:
        header["datatype"], header["bitpix"] = _RGB24, 24
    else:
        header.set_data_dtype(dtype)
    steps = [axis.step for axis in volume.axes if axis.name != "rgb"]
    header.set_zooms([*affines.zooms(volume.affine), *steps])
    header["scl_slope"] = 1.0
    return header


def _write_matrix(volume: Volume, path: Path) -> None:
    """Write the affine as SPM99 does: voxels count from 1, and M once more with i reversed."""
    from scipy.io import savemat

    from_one = np.eye(4)
    from_one[:3, 3] = -1
    matrix = np.asarray(volume.affine) @ from_one
    with path.open("xb") as file:
        # MATLAB 4 writes no date: the same volume gives the same bytes.
        savemat(file, {"M": np.diag([-1, 1, 1, 1]) @ matrix, "mat": matrix}, format="4")
