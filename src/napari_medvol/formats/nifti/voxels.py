"""Number types of NIfTI voxels, and how stored values become real ones. nifti1.h, ``datatype``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats.nifti.header import NiftiHeader
from napari_medvol.formats.planes import Scale, scaled_dtype
from napari_medvol.report import Finding

Array = NDArray[Any]


class VoxelType(NamedTuple):
    """One NIfTI ``datatype``.

    Parameters
    ----------
    name : str
        As nifti1.h has it, in lower case.
    stored : str
        numpy code of one sample, without byte order.
    colours : int
        Samples a voxel where it is a colour, else 0.
    memory : str
        numpy code of the sample in memory where it is not the stored one.
    """

    name: str
    stored: str
    colours: int = 0
    memory: str = ""


VOXEL_TYPES: Final = {
    2: VoxelType("uint8", "u1"),
    4: VoxelType("int16", "i2"),
    8: VoxelType("int32", "i4"),
    16: VoxelType("float32", "f4"),
    32: VoxelType("complex64", "c8"),
    64: VoxelType("float64", "f8"),
    128: VoxelType("rgb24", "u1", colours=3),
    256: VoxelType("int8", "i1"),
    512: VoxelType("uint16", "u2"),
    768: VoxelType("uint32", "u4"),
    1024: VoxelType("int64", "i8"),
    1280: VoxelType("uint64", "u8"),
    1536: VoxelType("float128", "V16", memory="f8"),
    1792: VoxelType("complex128", "c16"),
    2048: VoxelType("complex256", "V32", memory="c16"),
    2304: VoxelType("rgba32", "u1", colours=4),
}


def voxel_type(header: NiftiHeader, name: str) -> VoxelType:
    """Return the type of the voxels.

    Raises
    ------
    ReadError
        If the code is none of NIfTI's, or its one-bit type.
    """
    code = header["datatype"]
    if code not in VOXEL_TYPES:
        raise ReadError(
            name,
            f"the data type {code} of its voxels is none that NIfTI readers know",
            "Convert the file with the program that wrote it",
        )
    return VOXEL_TYPES[code]


def scale_of(header: NiftiHeader, findings: list[Finding]) -> tuple[float, float]:
    """Return (slope, intercept); (1, 0) where the header names none.

    nifti1.h: a ``scl_slope`` of 0 means no scaling; a slope that is not finite can mean nothing
    else.
    """
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if voxel_type(header, "").colours or slope == 0 or np.isnan(slope):
        return 1.0, 0.0
    if not np.isfinite(slope) or not np.isfinite(intercept):
        text = (
            f"scl_slope {slope:g} and scl_inter {intercept:g} make no scale;"
            " stored values are shown"
        )
        findings.append(Finding(text, kind="scale"))
        return 1.0, 0.0
    return slope, intercept


def memory_dtype(kind: VoxelType, scale: tuple[float, float]) -> np.dtype[Any]:
    """Return the type of the real values."""
    return scaled_dtype(np.dtype(kind.memory or kind.stored), [scale])


@dataclass(frozen=True, slots=True)
class Widened:
    """Real values of numbers that numpy has no portable type for: 16 bytes a float."""

    name: str
    scale: Scale
    byte_order: str

    def __call__(self, raw: Array, number: int, out: Array) -> None:
        """Write the real values of `raw` into `out`."""
        samples = np.ascontiguousarray(raw).view(np.uint8).reshape(-1, 16)
        if self.byte_order == ">":
            samples = samples[:, ::-1]
        values = from_extended(samples, self.name).view(out.dtype).reshape(raw.shape)
        self.scale(values, number, out)


def from_extended(samples: NDArray[np.uint8], name: str) -> NDArray[np.float64]:
    """Return 80-bit extended floats, as x86 stores them in 16 bytes, as float64.

    Parameters
    ----------
    samples : (n, 16) array of uint8
        Little-endian: 64 bits of mantissa with its leading 1, 15 of exponent, 1 of sign, padding.
    name : str
        How the error names the file.

    Raises
    ------
    DecodeError
        If a value is no 80-bit float: other machines put a 128-bit float into the 16 bytes.
    """
    packed = np.ascontiguousarray(samples)
    mantissa = packed[:, :8].copy().view("<u8")[:, 0]
    head = packed[:, 8:10].copy().view("<u2")[:, 0]
    exponent = (head & 0x7FFF).astype(np.int64)
    if ((exponent > 0) & (mantissa >> np.uint64(63) == 0)).any():
        raise DecodeError(
            name,
            "its 128-bit floats are not the 80-bit kind of x86 machines",
            "Convert the file to float64 with the program that wrote it",
        )
    special = exponent == 0x7FFF
    with np.errstate(over="ignore"):
        exponents = np.where(special, 0, exponent - 16383 - 63).clip(-20000, 20000)
        values = np.ldexp(mantissa.astype(np.float64), exponents.astype(np.int32))
    values[special] = np.where(mantissa[special] << np.uint64(1) == 0, np.inf, np.nan)
    return np.where(head >> 15, -values, values)
