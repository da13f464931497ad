"""From decoded samples to stored values: unused bits, sign, colour. PS3.5 8.1.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError
from napari_medvol.formats.dicom import colour, tags
from napari_medvol.formats.dicom.codecs import Samples
from napari_medvol.formats.dicom.codestreams import Codestream
from napari_medvol.formats.dicom.header import Header

Array = NDArray[Any]


def finish(
    array: Array, stream: Codestream | None, samples: Samples, header: Header, out: Array
) -> None:
    """Settle sign, unused bits and colour of decoded samples and write them into `out`.

    Parameters
    ----------
    array : (rows, columns) or (rows, columns, 3) array
        As decoded, native byte order.
    stream : Codestream or None
        What a compressed frame says of itself.
    samples : Samples
        What the header says.
    header : Header
        For the palette, and to name the file.
    out : array
        Of the same size; (rows, columns, 3) also for palette indices.

    Raises
    ------
    DecodeError
        If values do not fit the type that the header promised, or the palette is damaged.
    """
    if array.dtype.kind == "f":
        out[...] = array
        return
    if samples.per_pixel == 3:
        array = colour.to_rgb(array, samples, stream)
        _write(array, out, header)
        return
    settled = np.empty(array.shape, dtype=array.dtype)
    settle_bits(array, _precision(samples, stream, array), settled)
    if samples.signed != (settled.dtype.kind == "i"):
        settled = settled.view(f"{'i' if samples.signed else 'u'}{settled.itemsize}")
    if samples.photometric == "PALETTE COLOR":
        settled = colour.through_palette(settled, header)
    _write(settled, out, header)


def _precision(samples: Samples, stream: Codestream | None, array: Array) -> Samples:
    """Return the samples with the bits that the stream really has."""
    allocated = 8 * array.itemsize
    if stream is None:
        return samples._replace(allocated=allocated, high=min(samples.high, allocated - 1))
    bits = min(stream.precision, allocated)
    return samples._replace(allocated=allocated, stored=bits, high=bits - 1)


def settle_bits(array: Array, samples: Samples, out: Array) -> None:
    """Write `array` into `out` with unused bits cleared and the sign extended. PS3.5 8.1.1."""
    above = samples.allocated - 1 - samples.high
    unused = samples.allocated - samples.stored
    if array.dtype.kind == "f" or not unused:
        if out is not array and not np.shares_memory(out, array):
            out[...] = array.view(out.dtype)
        return
    kind = f"{'i' if samples.signed else 'u'}{array.itemsize}"
    source, target = array.view(kind), out.view(kind)
    if not samples.signed and above == unused:
        np.bitwise_and(source, np.array((1 << samples.stored) - 1, dtype=kind), out=target)
        return
    np.left_shift(source, above, out=target)
    np.right_shift(target, unused, out=target)


def _write(array: Array, out: Array, header: Header) -> None:
    if not np.can_cast(array.dtype, out.dtype, "safe") and array.size:
        info = np.iinfo(out.dtype)
        if array.min() < info.min or array.max() > info.max:
            raise DecodeError(
                str(header.path),
                f"values {array.min()} to {array.max()} do not fit the"
                f" {header.integer(tags.BITS_STORED)} bits that the header says",
                "Look into the header of the file",
            )
    out[...] = array
