"""Colour samples to RGB, by pydicom's functions. PS3.3 C.7.6.3.1.2, C.7.9."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError
from napari_medvol.formats.dicom.codecs import Samples
from napari_medvol.formats.dicom.codestreams import Codestream
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.header import Header

if TYPE_CHECKING:
    from pydicom import Dataset

Array = NDArray[Any]

#: Uncompressed with one pair of colour samples for two pixels.
SUBSAMPLED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
#: R, G, B to Y, Cb, Cr of the retired narrow range, before 16, 128, 128 are added.
_PARTIAL: Final = np.array(
    [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
)


def expanded(flat: Array, samples: Samples) -> Array:
    """Return (rows, columns, 3) of samples stored as Y Y Cb Cr."""
    from pydicom.pixels.utils import expand_ybr422

    full = expand_ybr422(flat.astype(flat.dtype.newbyteorder("<")).tobytes(), samples.allocated)
    return np.frombuffer(full, dtype=f"<u{samples.allocated // 8}").reshape(
        samples.rows, samples.columns, 3
    )


def to_rgb(array: Array, samples: Samples, stream: Codestream | None) -> Array:
    """Return RGB of decoded colour samples (rows, columns, 3).

    The stream's own word, where it gives one, counts more than the header's (as in pydicom).
    """
    from pydicom.pixels.processing import convert_color_space

    photometric = samples.photometric
    if photometric.startswith("YBR_PARTIAL"):
        return _from_partial(array)
    is_ybr = photometric in ("YBR_FULL", "YBR_FULL_422")
    if stream is not None and stream.is_ybr is not None:
        is_ybr = stream.is_ybr
    if not is_ybr:
        return array
    with quietly():
        return convert_color_space(np.ascontiguousarray(array), "YBR_FULL", "RGB")


def _from_partial(array: Array) -> Array:
    shifted = array.astype(np.float32) - np.array([16, 128, 128], dtype=np.float32)
    rgb = shifted @ np.linalg.inv(_PARTIAL).T.astype(np.float32)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def palette_dtype(header: Header) -> np.dtype[Any]:
    """Return uint8, or uint16 where the colours of the palette need it."""
    return np.dtype(np.uint16 if _palette(str(header.path), header)[1] else np.uint8)


def through_palette(indices: Array, header: Header) -> Array:
    """Return the RGB colours (rows, columns, 3) of palette indices."""
    from pydicom.pixels.processing import apply_color_lut

    dataset, needs_16 = _palette(str(header.path), header)
    try:
        with quietly():
            rgb = apply_color_lut(indices, dataset)
    except (ValueError, AttributeError, NotImplementedError, IndexError) as error:
        raise DecodeError(str(header.path), f"the colour palette is damaged ({error})") from error
    if rgb.dtype.itemsize == 2 and not needs_16:
        rgb = (rgb >> 8).astype(np.uint8)
    return rgb


@lru_cache(maxsize=16)
def _palette(path: str, header: Header) -> tuple[Dataset, bool]:
    """Return a dataset with the palette, and whether its colours need more than 8 bits."""
    from pydicom.pixels.processing import apply_color_lut

    kept = header.dataset()
    try:
        with quietly():
            n, first, _ = kept.RedPaletteColorLookupTableDescriptor
            every = np.arange(int(first), int(first) + (int(n) or 65536), dtype=np.int64)
            colours = apply_color_lut(every.astype(np.int32), kept)
    except (ValueError, AttributeError, NotImplementedError, IndexError, TypeError) as error:
        raise DecodeError(path, f"the colour palette is damaged ({error})") from error
    if colours.dtype.itemsize == 1:
        return kept, False
    low, high = colours & 0xFF, colours >> 8
    return kept, not bool(np.all((low == 0) | (low == high)))
