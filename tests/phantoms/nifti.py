"""NIfTI files for tests, their headers packed by nibabel so that our own layout is checked."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

try:
    from compression import zstd
except ImportError:
    from backports import zstd

CODES = {
    "uint8": 2,
    "int16": 4,
    "int32": 8,
    "float32": 16,
    "complex64": 32,
    "float64": 64,
    "int8": 256,
    "uint16": 512,
    "uint32": 768,
    "int64": 1024,
    "uint64": 1280,
    "complex128": 1792,
}


def header_bytes(
    shape: tuple[int, ...], code: int, *, version: int = 1, order: str = "<", **fields: Any
) -> bytes:
    """Return the header of a single file without orientation; `fields` overrule."""
    made = {1: nib.Nifti1Header, 2: nib.Nifti2Header}[version](endianness=order, check=False)
    record = made.structarr
    record["dim"] = [len(shape), *shape] + [1] * (7 - len(shape))
    record["datatype"] = code
    record["bitpix"] = nib.nifti1.data_type_codes.dtype[code].itemsize * 8
    record["pixdim"] = 1
    record["vox_offset"] = 352 if version == 1 else 544
    record["magic"] = b"n+1" if version == 1 else b"n+2"
    if version == 2:
        record["eol_check"] = (13, 10, 26, 10)
    for name, value in fields.items():
        record[name] = value
    return bytes(made.binaryblock)


def affine_fields(affine: np.ndarray, code: int = 1) -> dict[str, Any]:
    """Return the header fields of an sform."""
    rows = {f"srow_{letter}": affine[n] for n, letter in enumerate("xyz")}
    return {"sform_code": code, **rows}


def packed(array: np.ndarray, order: str = "<") -> bytes:
    """Return the voxels as a file has them: first axis fastest, in the byte order given."""
    return array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")


def write_nifti(path: Path, array: np.ndarray, *, extension: bytes = b"", **choices: Any) -> Path:
    """Write a single file, compressed as its suffix says."""
    order = choices.get("order", "<")
    code = choices.pop("code", None) or CODES[array.dtype.name]
    content = header_bytes(array.shape, code, **choices)
    content += extension or b"\0\0\0\0"
    path.write_bytes(compressor_of(path)(content + packed(array, order)))
    return path


def compressor_of(path: Path) -> Callable[[bytes], bytes]:
    """Return what compresses for the suffix of `path`."""
    if path.suffix == ".zst":
        return zstd.compress
    return {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)


def counted(shape: tuple[int, ...], dtype: str = "int16") -> np.ndarray:
    """Return an array in which neighbouring voxels differ along every axis."""
    n = int(np.prod(shape))
    return (
        (np.arange(n) % 251 - (0 if dtype.startswith("u") else 100)).astype(dtype).reshape(shape)
    )
