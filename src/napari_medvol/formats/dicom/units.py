"""Stored values to real ones: rescale, unit, display; PS3.3 C.11.1 and C.7.6.3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import Rescaled, real_dtype
from napari_medvol.errors import DecodeError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame, different
from napari_medvol.formats.dicom.grid import Blend
from napari_medvol.report import Finding
from napari_medvol.stores import PlaneSource
from napari_medvol.volume import Display, Window

Array = NDArray[Any]
Scale = tuple[float, float]

_PET_UNITS: Final = {
    "BQML": "Bq/ml",
    "GML": "g/ml",
    "CNTS": "counts",
    "CM2ML": "cm²/ml",
    "PROPCNTS": "proportional to counts",
    "PROPCPS": "proportional to counts/s",
    "CPS": "counts/s",
    "PCNT": "%",
    "NONE": "",
    "CM2": "cm²",
    "MLMINML": "ml/min/ml",
    "MLMING": "ml/min/g",
    "STDDEV": "standard deviations",
}
_UNSPECIFIED: Final = ("", "US", "UNSPECIFIED")
_SCALE_NAMES: Final = ("RescaleSlope", "RescaleIntercept")
_SCALE_TAGS: Final = (tags.RESCALE_SLOPE, tags.RESCALE_INTERCEPT)
#: Slopes and intercepts beyond these leave nothing of the values in single precision.
_SMALLEST: Final = 1e-25
_LARGEST: Final = 1e25
#: Planes that are looked at before values are promised to fit the stored type once rescaled.
_PROBED: Final = 3


def scale_of(frame: Frame) -> Scale:
    """Return (slope, intercept); (1, 0) where the file gives none that can be used."""
    slope = frame.number_of(tags.RESCALE_SLOPE)
    intercept = frame.number_of(tags.RESCALE_INTERCEPT)
    if slope is None or not _SMALLEST <= abs(slope) <= _LARGEST:
        slope = 1.0
    if intercept is None or not abs(intercept) <= _LARGEST:
        intercept = 0.0
    return slope, intercept


def scale_findings(frames: Sequence[Frame]) -> list[Finding]:
    """Return what is to be said of slopes and intercepts that cannot be used."""
    wrong = [fault for frame in different(frames, _SCALE_TAGS) for fault in _scale_faults(frame)]
    if not wrong:
        return []
    listed = ", ".join(dict.fromkeys(wrong[:5]))
    text = f"{listed} cannot be: taken as 1 and 0 where it is so"
    return [Finding(text, "warning", "scale")]


def _scale_faults(frame: Frame) -> list[str]:
    return [
        f"{name} {frame.text(tag)!r}"
        for name, tag, used in zip(_SCALE_NAMES, _SCALE_TAGS, scale_of(frame), strict=True)
        if frame.text(tag) and frame.number_of(tag) != used
    ]


def unit_of(frame: Frame) -> str:
    """Return the unit of the rescaled values, empty if the file does not say."""
    units = frame.text(tags.UNITS).upper()
    if units:
        return _PET_UNITS.get(units, units)
    kind = frame.text(tags.RESCALE_TYPE)
    if kind.upper() not in _UNSPECIFIED:
        return kind
    # RescaleType may be left out of a CT image only where the values are HU. PS3.3 C.8.2.1.
    is_ct = frame.text(tags.MODALITY) == "CT" and bool(frame.numbers(tags.RESCALE_SLOPE))
    return "HU" if is_ct and kind == "" else ""


def stored_range(frame: Frame, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the range that Bits Stored (0028,0101) allows."""
    if dtype.kind not in "iu":
        return -np.inf, np.inf
    bits = int(frame.number_of(tags.BITS_STORED) or 8 * dtype.itemsize)
    bits = min(max(bits, 1), 8 * dtype.itemsize)
    if dtype.kind == "i":
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def padding_of(frame: Frame) -> tuple[float, float] | None:
    """Return the stored values that mean "no tissue", as an inclusive range.

    Pixel Padding Value (0028,0120) and Pixel Padding Range Limit (0028,0121) are in stored
    units and of the pixels' own sign (PS3.3 C.7.5.1.1.2).
    """
    value = frame.number_of(tags.PIXEL_PADDING_VALUE)
    if value is None:
        return None
    limit = frame.number_of(tags.PIXEL_PADDING_RANGE_LIMIT)
    ends = [_signed(frame, end) for end in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _signed(frame: Frame, value: float) -> float:
    """Return a value that a careless writer gave as unsigned with the sign of the pixels."""
    bits = int(frame.number_of(tags.BITS_ALLOCATED) or 16)
    signed = frame.number_of(tags.PIXEL_REPRESENTATION) == 1
    return value - 2.0**bits if signed and value >= 2.0 ** (bits - 1) else value


def blank_of(frame: Frame) -> float:
    """Return the stored value for slices that no file holds: padding, air, or zero."""
    padding = padding_of(frame)
    if padding is not None:
        return padding[0]
    if unit_of(frame) == "HU":
        slope, intercept = scale_of(frame)
        return (-1024 - intercept) / slope
    return 0.0


def display_of(frame: Frame, scale: Scale, over_real: float | None) -> Display:
    """Return what the file says about showing it, in the unit of the volume.

    Parameters
    ----------
    frame : Frame
    scale : (slope, intercept)
        Stored values to the unit of the volume.
    over_real : float or None
        Factor from rescaled values, which windows are in (PS3.3 C.11.2.1.2), to that unit;
        None where there is none, and then windows are left out.
    """
    padding = padding_of(frame)
    if padding is not None:
        low, high = sorted(end * scale[0] + scale[1] for end in padding)
        padding = (low, high)
    inverted = frame.text(tags.PHOTOMETRIC_INTERPRETATION) == "MONOCHROME1"
    windows = () if over_real is None else _windows(frame, over_real)
    return Display(windows=windows, padding=padding, inverted=inverted)


def _windows(frame: Frame, factor: float) -> tuple[Window, ...]:
    centers = frame.numbers(tags.WINDOW_CENTER)
    widths = frame.numbers(tags.WINDOW_WIDTH)
    names = frame.text(tags.WINDOW_CENTER_WIDTH_EXPLANATION).split("\\")
    function = frame.text(tags.VOI_LUT_FUNCTION) or "LINEAR"
    return tuple(
        Window(
            center * factor,
            width * factor,
            names[n].strip() if n < len(names) else "",
            function,
        )
        for n, (center, width) in enumerate(zip(centers, widths, strict=False))
        if np.isfinite(center) and np.isfinite(width) and width > 0
    )


class RealValues(Rescaled):
    """Planes in real values, in a type that the reader looked for rather than computed.

    Sixteen stored bits and an intercept of -1024 would need 32 bits if the file used them
    all, which no scanner does; so a few planes are looked at, the promise is kept plane by
    plane, and a plane that breaks it is an error, never a wrong value.
    """

    def read_plane(self, number: int, out: Array) -> None:
        """Write the real values of plane `number` into `out`."""
        slope, intercept = self._scale_of(number)
        stored = np.empty(self.inner, dtype=self.stored.dtype)
        self.stored.read_plane(number, stored)
        low, high = sorted(float(v) * slope + intercept for v in (stored.min(), stored.max()))
        room = np.iinfo(self.dtype)
        if low < room.min or high > room.max:
            raise DecodeError(
                f"{self.name}, plane {number}",
                f"its values run from {low:g} to {high:g}, outside {self.dtype}, which the"
                " planes looked at on opening fitted",
                "Read it with value='float'",
            )
        super().rescale(stored, number, out)


def real_values(
    source: PlaneSource,
    frames: Sequence[Frame | None],
    scale: Callable[[Frame], Scale],
    *,
    always_float: bool = False,
) -> PlaneSource:
    """Return `source` with slope and intercept applied plane by plane.

    Parameters
    ----------
    source : PlaneSource
        Of stored values.
    frames : sequence of Frame or None
        One per plane; None for a plane that no file holds.
    scale : callable
        Frame to (slope, intercept).
    always_float : bool
        Floating point even where integers would hold the values.
    """
    held = [frame for frame in frames if frame is not None]
    fallback = scale(held[0])
    scales = [scale(frame) if frame is not None else fallback for frame in frames]
    if always_float:
        dtype = np.dtype(np.float64 if source.dtype.itemsize > 2 else np.float32)
        return Rescaled(source, scales.__getitem__, dtype)
    if set(scales) == {(1.0, 0.0)}:
        return source
    low, high = stored_range(held[0], source.dtype)
    dtype = real_dtype(source.dtype, low, high, scales)
    shifted = all(slope == 1 for slope, _ in scales)
    if dtype.kind in "iu" and dtype.itemsize == 4 and source.dtype.itemsize == 2 and shifted:
        probed = real_dtype(source.dtype, *_probed_range(source, frames), scales)
        if probed.itemsize < dtype.itemsize:
            return RealValues(source, scales.__getitem__, probed)
    return Rescaled(source, scales.__getitem__, dtype)


def _probed_range(source: PlaneSource, frames: Sequence[Frame | None]) -> tuple[float, float]:
    """Return the range of the stored values of a few planes, and of the padding."""
    held = [number for number, frame in enumerate(frames) if frame is not None]
    padding = padding_of(frames[held[0]]) if frames[held[0]] is not None else None  # type: ignore[arg-type]
    ends = list(padding or ())
    picked = {held[round(n * (len(held) - 1) / (_PROBED - 1))] for n in range(_PROBED)}
    plane = np.empty(source.inner, dtype=source.dtype)
    for number in sorted(picked):
        try:
            source.read_plane(number, plane)
        except DecodeError:
            continue
        ends += [float(plane.min()), float(plane.max())]
    return (min(ends), max(ends)) if ends else (0.0, 0.0)


class Blended:
    """Planes of an even grid between unevenly spaced ones, linear along the slice axis.

    Parameters
    ----------
    source : PlaneSource
        ``outer`` ends in the slices as they are.
    slots : sequence of int or Blend
        One per slice of the even grid.
    """

    def __init__(self, source: PlaneSource, slots: Sequence[int | Blend | None]) -> None:
        self._source, self._slots = source, slots
        self._n_slices = source.outer[-1]
        self.outer = (*source.outer[:-1], len(slots))
        self.inner, self.dtype, self.name = source.inner, source.dtype, source.name
        self.workers = getattr(source, "workers", 1)

    def read_plane(self, number: int, out: Array) -> None:
        """Write the interpolated plane `number` into `out`; integers are rounded."""
        repeat, k = divmod(number, len(self._slots))
        slot = self._slots[k]
        first = repeat * self._n_slices
        if not isinstance(slot, Blend):
            assert slot is not None
            self._source.read_plane(first + slot, out)
            return
        low, high = np.empty((2, *self.inner), dtype=self.dtype)
        self._source.read_plane(first + slot.low, low)
        self._source.read_plane(first + slot.high, high)
        mixed = low.astype(np.float64)
        mixed += slot.weight * (high.astype(np.float64) - mixed)
        if self.dtype.kind in "iu":
            np.rint(mixed, out=mixed)
        out[...] = mixed
