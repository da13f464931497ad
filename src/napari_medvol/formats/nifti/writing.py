"""Volumes to NIfTI-1 and NIfTI-2: one file or a pair, plain or compressed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_medvol.errors import WriteError
from napari_medvol.formats.naming import names_labels, stem_of, with_compression
from napari_medvol.formats.nifti.header import Extension, NiftiHeader
from napari_medvol.formats.nifti.making import header_for
from napari_medvol.formats.nifti.voxels import scale_of, voxel_type
from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.blocks import put_voxels
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.compressed import compressing
from napari_medvol.formats.saving.encoding import (
    Encoding,
    Storable,
    dtypes,
    encoding_of,
    same_scale,
)
from napari_medvol.formats.saving.gradients import write_gradients
from napari_medvol.formats.streams import COMPRESSED_SUFFIXES
from napari_medvol.recipe import Recipe
from napari_medvol.volume import Volume

_SMALL: Final = dtypes("u1", "i1", "u2", "i2", "u4", "i4")
_LARGE: Final = dtypes("u8", "i8")
_FLOATS: Final = dtypes("f4", "f8", "c8", "c16")

#: Scaled 64-bit integers are no finer than the 64-bit floats that readers make of them.
_ALL: Final = Storable("NIfTI", (*_SMALL, *_LARGE, *_FLOATS), scaled=_SMALL)
#: Few programs read labels of 64 bits, and no atlas needs them.
_LABELS: Final = Storable("NIfTI", _SMALL)
_COLOURS: Final = Storable("NIfTI's colours", dtypes("u1"))

#: nifti1.h, extension codes: 6 is plain text.
_COMMENT: Final = 6
_PAIR_SUFFIXES: Final = with_compression(("hdr", "img"), COMPRESSED_SUFFIXES)


def write(volume: Volume, target: Path, choices: WriteChoices, progress: Progress) -> Written:
    """Write a volume as NIfTI.

    Parameters
    ----------
    volume : Volume
        Of a NIfTI source, its header and extensions are kept.
    target : Path
        ``.nii`` or either file of a pair, plain or compressed.
    choices : WriteChoices
    progress : callable

    Raises
    ------
    WriteError
        If NIfTI does not hold the values, has no place for the axes, or version 1 no numbers
        large enough for the sizes.
    """
    header_path, image_path = _paths(target)
    is_pair = header_path != image_path
    encoding = _encoding(volume, choices)
    header, notes = header_for(volume, encoding, choices, is_pair)
    if volume.kind == "labels" and int(header["intent_code"]) not in (1002, 1003):
        stem = stem_of(target, (".nii", *_PAIR_SUFFIXES))
        header["intent_code"] = 0 if names_labels(stem) else 1002
    extensions = _extensions(volume, choices)
    front = _front(header, extensions, is_pair)
    with compressing(image_path, choices.level) as put:
        if not is_pair:
            put(front)
        put_voxels(volume, encoding, put, progress)
    if is_pair:
        with compressing(header_path, choices.level) as put:
            put(front)
    suffixes = (*_PAIR_SUFFIXES, *with_compression(("nii",), COMPRESSED_SUFFIXES))
    write_gradients(volume, target, stem_of(target, suffixes))
    return Written(encoding, notes)


def _paths(target: Path) -> tuple[Path, Path]:
    """Return the files of header and voxels: the same one twice, or a pair."""
    name = target.name
    lower = name.lower()
    for suffix in _PAIR_SUFFIXES:
        if lower.endswith(suffix):
            stem, ending = name[: -len(suffix)], name[-len(suffix) :]
            parts = ("HDR", "IMG") if ending[1:4].isupper() else ("hdr", "img")
            header, image = (target.with_name(f"{stem}.{p}{ending[4:]}") for p in parts)
            return header, image
    return target, target


def _encoding(volume: Volume, choices: WriteChoices) -> Encoding:
    if volume.is_rgb:
        return encoding_of(volume, _COLOURS, choices)
    if volume.kind == "labels" and choices.dtype is None and volume.dtype.itemsize == 8:
        try:
            return encoding_of(volume, _LABELS, choices)
        except WriteError:
            return encoding_of(volume, _ALL, choices)
    kept = _kept_scale(volume) if choices.dtype is None and choices.scaling == "auto" else None
    return kept or encoding_of(volume, _ALL, choices)


def _kept_scale(volume: Volume) -> Encoding | None:
    """Return the file's own slope and type, if the values are still on its steps."""
    native = volume.native
    if not isinstance(native, NiftiHeader) or volume.dtype.kind != "f":
        return None
    slope, intercept = scale_of(native, [])
    stored = np.dtype(voxel_type(native, "").stored)
    if (slope, intercept) == (1.0, 0.0):
        return None
    return same_scale(volume, stored, slope, intercept)


def _extensions(volume: Volume, choices: WriteChoices) -> tuple[Extension, ...]:
    native = volume.native
    kept = native.extensions if isinstance(native, NiftiHeader) else ()
    if not choices.provenance:
        return kept
    recipe = Recipe.of(volume)
    files = [str(one["path"]) for one in recipe.inputs]
    text = json.dumps({"napari-medvol": {"input": files, "recipe": recipe.to_toml()}})
    return (*kept, Extension(_COMMENT, text.encode()))


def _front(header: Any, extensions: tuple[Extension, ...], is_pair: bool) -> bytes:
    """Return the bytes before the voxels. nifti1.h, "extended header"."""
    chain = b"".join(_chained(one) for one in extensions)
    size = len(header.binaryblock) + 4 + len(chain)
    # NIfTI-2 recommends, and SPM asks of NIfTI-1, an offset that is a multiple of 16.
    padding = 0 if is_pair else -size % 16
    header["vox_offset"] = 0 if is_pair else size + padding
    flag = b"\1\0\0\0" if chain else b"\0\0\0\0"
    front: bytes = header.binaryblock + flag + chain + b"\0" * padding
    return front


def _chained(extension: Extension) -> bytes:
    content = extension.content
    size = 8 + len(content)
    size += -size % 16
    head = np.array([size, extension.code], dtype="<i4").tobytes()
    return (head + content).ljust(size, b"\0")
