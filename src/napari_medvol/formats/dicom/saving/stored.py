"""Values to stored numbers of 16 bits, with a slope and an intercept of each image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import WriteError
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.encoding import Encoding, Storable, dtypes, encoding_of
from napari_medvol.formats.saving.slabs import survey
from napari_medvol.volume import Volume

Array = NDArray[Any]

#: CT, MR and PET images have 16 bits a pixel. PS3.3 C.8.2.1.1.4, C.8.3.1.1.4, C.8.9.4.1.6.
_NUMBERS: Final = Storable("DICOM", dtypes("i2", "u2"), dtypes("i2", "u2"), scales_unasked=True)
#: Multi-frame captures hold no negative numbers. PS3.3 C.8.6.3.1.
_UNSIGNED: Final = Storable("a DICOM capture", dtypes("u2"), dtypes("u2"), scales_unasked=True)
_COLOURS: Final = Storable("DICOM's colours", dtypes("u1"))


@dataclass(frozen=True, slots=True)
class Stored:
    """How the values of each image are stored.

    Parameters
    ----------
    encoding : Encoding
        Of all images, or of the first where they differ.
    by_plane : dict
        (k, extra indices …) to slope and intercept, where they differ.
    """

    encoding: Encoding
    by_plane: dict[tuple[int, ...], tuple[float, float]] | None = None

    def scale(self, plane: tuple[int, ...]) -> tuple[float, float]:
        """Return slope and intercept of an image."""
        if self.by_plane is None:
            return self.encoding.slope, self.encoding.intercept
        return self.by_plane[plane]

    def pixels(self, values: Array, plane: tuple[int, ...]) -> Array:
        """Return what is stored for an image of shape (i, j) or (i, j, 3), rows first."""
        slope, intercept = self.scale(plane)
        encoding = replace(self.encoding, slope=slope, intercept=intercept)
        stored = encoding.stored(values).swapaxes(0, 1)
        return np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))


def stored_of(
    volume: Volume, modality: str, choices: WriteChoices, *, unsigned: bool = False
) -> Stored:
    """Return how the values of a volume are stored.

    Whole numbers that fit stay as they are. Values of a source whose images have a slope each
    (PET) come back to the source's own numbers, where they are still on its steps. Other
    floating point values get one slope and one intercept, of which PET has none.

    Raises
    ------
    WriteError
        If 16 bits do not hold the values, or some are no finite numbers.
    """
    if volume.is_rgb:
        if volume.shape[-1] != 3:
            why = "DICOM has no transparency, its colours have four samples"
            raise WriteError(volume.name or "volume", why, "Keep red, green and blue")
        return Stored(encoding_of(volume, _COLOURS, choices))
    storable = _UNSIGNED if unsigned else _NUMBERS
    is_asked = choices.dtype is not None or choices.scaling != "auto"
    if volume.dtype.kind == "f" and not is_asked:
        kept = _as_in_source(volume, modality, storable)
        if kept is not None:
            return kept
    if volume.dtype.kind in "iu" and volume.dtype not in storable.dtypes and not is_asked:
        kept = _shifted(volume, modality, storable)
        if kept is not None:
            return kept
    encoding = encoding_of(volume, storable, choices)
    if modality == "PT" and encoding.intercept and not isinstance(choices.scaling, tuple):
        # Rescale Intercept of PET is 0. PS3.3 C.8.9.4.1.9.
        encoding = _without_intercept(volume, choices)
    slope, intercept = as_decimal(encoding.slope), as_decimal(encoding.intercept)
    return Stored(replace(encoding, slope=slope, intercept=intercept))


def as_decimal(value: float) -> float:
    """Return the number that 16 characters keep. PS3.5 6.2, DS."""
    from pydicom.valuerep import format_number_as_ds

    return float(format_number_as_ds(float(value)))


def _shifted(volume: Volume, modality: str, storable: Storable) -> Stored | None:
    """Return 16 bits with an intercept for whole numbers that lie near each other."""
    found = survey(volume)
    low, high = int(found.lowest), int(found.highest)
    for dtype in storable.dtypes:
        info = np.iinfo(dtype)
        if info.min <= low and high <= info.max:
            return Stored(Encoding(dtype))
    if modality == "PT" or high - low > 65535 or max(abs(low), abs(high)) >= 2**31:
        return None
    return Stored(Encoding(np.dtype(np.uint16), 1.0, float(low)))


def _without_intercept(volume: Volume, choices: WriteChoices) -> Encoding:
    found = survey(volume)
    dtype = np.dtype(choices.dtype or (np.uint16 if found.lowest >= 0 else np.int16))
    info = np.iinfo(dtype)
    slope = max(found.highest / info.max, found.lowest / info.min if info.min else 0.0)
    # A little more, so that rounding to a decimal does not make the range too short.
    slope = as_decimal(slope * (1 + 1e-9)) or 1.0
    return encoding_of(volume, _NUMBERS, replace(choices, dtype=dtype, scaling=(slope, 0.0)))


def _as_in_source(volume: Volume, modality: str, storable: Storable) -> Stored | None:
    """Return the source's own numbers, if every image is on the steps of its slope."""
    data = volume.data
    if not isinstance(data, LazyArray):
        return None
    scales: dict[tuple[int, ...], tuple[float, float]] = {}
    low, high, worst = 0.0, 0.0, 0.0
    precision = 4 * float(np.finfo(volume.dtype).eps)
    for extra in np.ndindex(*volume.shape[3:]):
        for k in range(volume.shape[2]):
            index = (slice(None), slice(None), k, *extra)
            said = data.scale_at(index)
            if said is None or not said[0] or (modality == "PT" and said[1]):
                return None
            slope, intercept = as_decimal(said[0]), as_decimal(said[1])
            values = np.asarray(data[index], dtype=np.float64)
            whole = np.rint((values - intercept) / slope)
            allowed = precision * max(float(np.abs(values).max(initial=0.0)), abs(intercept))
            off = float(np.abs(whole * slope + intercept - values).max(initial=0.0))
            if not off <= allowed or allowed > abs(slope) / 4:
                return None
            low, high = min(low, whole.min()), max(high, whole.max())
            worst = max(worst, allowed)
            scales[k, *extra] = (slope, intercept)
    for dtype in storable.dtypes:
        info = np.iinfo(dtype)
        if info.min <= low and high <= info.max:
            slope, intercept = next(iter(scales.values()))
            same = len(set(scales.values())) == 1
            encoding = Encoding(dtype, slope, intercept, tolerance=worst)
            return Stored(encoding, None if same else scales)
    return None
