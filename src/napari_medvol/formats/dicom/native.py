"""Uncompressed frames, read from where they lie. PS3.5 8.1."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError
from napari_medvol.formats.dicom import colour, tags
from napari_medvol.formats.dicom.codecs import Samples
from napari_medvol.formats.dicom.files import Inflated, OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.parsing import deflated_start
from napari_medvol.formats.dicom.settle import finish, settle_bits
from napari_medvol.formats.dicom.syntaxes import BIG_ENDIAN, DEFLATED, GE_BIG_ENDIAN_PIXELS

Array = NDArray[Any]

#: Pixel elements that hold floating point values. PS3.3 C.7.6.24, C.7.6.25.
FLOATS: Final = {tags.FLOAT_PIXEL_DATA: "f4", tags.DOUBLE_FLOAT_PIXEL_DATA: "f8"}


def read_native(file: OpenFile, header: Header, samples: Samples, frame: int, out: Array) -> None:
    """Write the stored values of an uncompressed frame into `out`.

    One positioned read straight into `out` where type and layout agree.

    Raises
    ------
    DecodeError
        If the file ends before the frame does.
    """
    assert header.pixels is not None
    if samples.allocated == 1:
        _read_bits(file, header, samples, frame, out)
        return
    stored = _native_dtype(header, samples)
    if samples.photometric in colour.SUBSAMPLED:
        n_values = samples.rows * samples.columns * 2
    else:
        n_values = samples.rows * samples.columns * samples.per_pixel
    offset = header.pixels.offset + frame * n_values * stored.itemsize
    if _is_swapped_words(header, samples):
        flat = _read_swapped(file, header, frame * n_values, n_values)
        finish(_arranged(flat, samples), None, samples, header, out)
        return
    plain = samples.per_pixel == 1 and samples.photometric != "PALETTE COLOR"
    if plain and stored.isnative and stored.itemsize == out.itemsize and out.flags.c_contiguous:
        _read_into(file, header, offset, out)
        settle_bits(out.view(stored), samples, out)
        return
    flat = np.empty(n_values, dtype=stored)
    _read_into(file, header, offset, flat)
    array = _arranged(flat, samples)
    finish(array.astype(array.dtype.newbyteorder("="), copy=False), None, samples, header, out)


def _native_dtype(header: Header, samples: Samples) -> np.dtype[Any]:
    assert header.pixels is not None
    big = header.transfer_syntax in (BIG_ENDIAN, GE_BIG_ENDIAN_PIXELS)
    code = FLOATS.get(header.pixels.tag) or (
        f"{'i' if samples.signed else 'u'}{samples.allocated // 8}"
    )
    return np.dtype((">" if big else "<") + code)


def _is_swapped_words(header: Header, samples: Samples) -> bool:
    """Whether bytes were written as the halves of big-endian words. PS3.5 8.1.2."""
    assert header.pixels is not None
    return (
        header.transfer_syntax == BIG_ENDIAN
        and samples.allocated == 8
        and header.pixels.vr == "OW"
    )


def _read_swapped(file: OpenFile, header: Header, first: int, n_values: int) -> Array:
    """Return bytes from position `first` of the pixel data, each pair swapped back."""
    assert header.pixels is not None
    start, stop = first // 2 * 2, -(-(first + n_values) // 2) * 2
    words = np.empty(stop - start, dtype=np.uint8)
    _read_into(file, header, header.pixels.offset + start, words)
    return words.reshape(-1, 2)[:, ::-1].reshape(-1)[first - start :][:n_values]


def _arranged(flat: Array, samples: Samples) -> Array:
    """Return (rows, columns) or (rows, columns, 3). PS3.3 C.7.6.3.1.3."""
    rows, columns, n = samples.rows, samples.columns, samples.per_pixel
    if samples.photometric in colour.SUBSAMPLED:
        return colour.expanded(flat, samples)
    if n == 1:
        return flat.reshape(rows, columns)
    if samples.planar == 1:
        return flat.reshape(n, rows, columns).transpose(1, 2, 0)
    return flat.reshape(rows, columns, n)


def _read_bits(file: OpenFile, header: Header, samples: Samples, frame: int, out: Array) -> None:
    """Read a frame of one bit a pixel; frames may begin within a byte. PS3.5 8.1.1, D.2."""
    assert header.pixels is not None
    n_bits = samples.rows * samples.columns * samples.per_pixel
    first = frame * n_bits
    packed = np.empty((first + n_bits + 7) // 8 - first // 8, dtype=np.uint8)
    _read_into(file, header, header.pixels.offset + first // 8, packed)
    bits = np.unpackbits(packed, bitorder="little")[first % 8 :][:n_bits]
    finish(_arranged(bits, samples), None, samples._replace(allocated=8), header, out)


def _read_into(file: OpenFile, header: Header, offset: int, out: Array) -> None:
    """Fill `out` with the bytes at `offset`, straight from the file where that is possible."""
    if header.transfer_syntax == DEFLATED:
        assert header.pixels is not None
        source = Inflated(file, deflated_start(file))
        data = source.read_at(out.nbytes, offset)
        n_read = len(data)
        if n_read == out.nbytes:
            out.reshape(-1).view(np.uint8)[:] = np.frombuffer(data, dtype=np.uint8)
    else:
        n_read = file.read_into(out, offset)
    if n_read != out.nbytes:
        raise DecodeError(
            str(header.path),
            f"truncated: {out.nbytes} bytes of pixel data expected, {n_read} found",
            "Copy the file again from its source",
        )
