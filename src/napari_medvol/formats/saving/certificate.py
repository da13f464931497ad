"""The proof of a write: the file was read back and compared with what it was made of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import WriteError
from napari_medvol.formats.saving.slabs import slabs
from napari_medvol.volume import Axis, Volume

Array = NDArray[Any]

#: mm. What 32-bit headers keep of a grid a metre across, and far below any voxel.
CORNERS_WITHIN: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was written, read back and compared.

    Parameters
    ----------
    files : tuple of str
        Every file that was written, what was asked for first.
    format : str
    shape : tuple of int
    dtype : str
        Of the stored numbers.
    slope, intercept : float
        ``real = stored * slope + intercept``.
    largest_error : float
        Largest difference of a value read back from its original, in the unit of the values.
    loss : str
        What was lost, in words; empty where every value came back.
    corner_displacement : float
        Largest distance of a corner voxel from its original place, mm.
    notes : tuple of str
        What the format could not keep, beside the values, and what else is worth a word.
    """

    files: tuple[str, ...]
    format: str
    shape: tuple[int, ...]
    dtype: str
    slope: float = 1.0
    intercept: float = 0.0
    largest_error: float = 0.0
    loss: str = ""
    corner_displacement: float = 0.0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Read as a person would."""
        first = self.files[0] if self.files else "nothing"
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        sizes = " × ".join(map(str, self.shape))
        values = self.loss or "every value came back"
        lines = [
            f"{first}{more}: {self.format}, {sizes} {self.dtype}",
            f"read back: {values}; largest difference {self.largest_error:.6g}",
            f"corners within {self.corner_displacement:.2g} mm",
            *self.notes,
        ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the certificate as a JSON object."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what was read back differs from what was written."""

    largest_error: float
    corner_displacement: float


def compared(volume: Volume, back: Volume, tolerance: float, what: str) -> Comparison:
    """Return how far `back` is from `volume`.

    Parameters
    ----------
    volume : Volume
        What was to be written.
    back : Volume
        What the file gives.
    tolerance : float
        Largest difference of values that was declared.
    what : str
        How the error names the file.

    Raises
    ------
    WriteError
        If shape, axes, place or values are not those that were to be written.
    """
    if volume.shape != back.shape:
        raise _failed(what, f"the shape {back.shape}", f"the shape {volume.shape}")
    for before, after in zip(volume.axes, back.axes, strict=True):
        if not _same_axis(before, after):
            raise _failed(what, f"the axis {after}", f"the axis {before}")
    moved = affines.corner_displacement(volume.affine, back.affine, volume.shape)
    if moved > CORNERS_WITHIN:
        raise _failed(what, f"corners {moved:.4g} mm off", "corners at their place")
    worst = 0.0
    for index, values in slabs(volume):
        error = _difference(values, np.asarray(back.data[index]))
        if not error <= tolerance:
            off = f"values {error:.6g} off at planes {index[2:]}"
            raise _failed(what, off, f"values within {tolerance:.6g}")
        worst = max(worst, error)
    return Comparison(worst, moved)


def _failed(what: str, found: str, wanted: str) -> WriteError:
    return WriteError(
        what,
        f"read back, it gave {found} instead of {wanted}; nothing was written",
        "This is a fault of the program: please report it, with the kind of scan",
    )


def _same_axis(one: Axis, other: Axis) -> bool:
    """Whether two axes put their indices at the same places, as far as both say."""
    if "rgb" in (one.name, other.name):
        return one.name == other.name
    if one.unit != other.unit or not one.unit:
        return True  # an axis of counts, or one whose unit the format has no word for
    return bool(np.isclose(one.step, other.step, rtol=1e-5, atol=1e-9)) and bool(
        np.isclose(one.start, other.start, rtol=1e-5, atol=1e-6)
    )


def _difference(values: Array, back: Array) -> float:
    """Return the largest difference; infinite where one is NaN or infinite and the other not."""
    if values.dtype == back.dtype and np.array_equal(
        values, back, equal_nan=values.dtype.kind in "fc"
    ):
        return 0.0
    if values.dtype.kind in "iub" and back.dtype.kind in "iub":
        if max(values.itemsize, back.itemsize) < 8:
            return float(np.abs(values.astype(np.int64) - back.astype(np.int64)).max())
        pairs = zip(values.ravel().tolist(), back.ravel().tolist(), strict=True)
        return float(max(abs(a - b) for a, b in pairs))
    wide: Any = np.complex128 if "c" in (values.dtype.kind, back.dtype.kind) else np.longdouble
    one, other = values.astype(wide), back.astype(wide)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return 0.0
    error = np.abs(one[~same] - other[~same])
    return float(error.max()) if np.isfinite(error).all() else float("inf")
