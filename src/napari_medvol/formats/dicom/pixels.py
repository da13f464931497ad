"""The stored values of frames in DICOM files, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats.dicom import codecs, colour, encapsulated, tags
from napari_medvol.formats.dicom.codecs import Samples
from napari_medvol.formats.dicom.codestreams import Codestream
from napari_medvol.formats.dicom.files import Inflated, OpenFile
from napari_medvol.formats.dicom.header import Header, deflated_start
from napari_medvol.formats.dicom.problems import bits_allocated
from napari_medvol.formats.dicom.syntaxes import (
    BIG_ENDIAN,
    DEFLATED,
    GE_BIG_ENDIAN_PIXELS,
    UNCOMPRESSED,
)

Array = NDArray[Any]

__all__ = ["FrameSource", "samples_of", "stored_dtype"]

_FLOATS: Final = {tags.FLOAT_PIXEL_DATA: "f4", tags.DOUBLE_FLOAT_PIXEL_DATA: "f8"}
_COPY_AGAIN: Final = "Copy the file again from its source"


def samples_of(header: Header) -> Samples:
    """Return how the samples of a file are stored; what the file omits is assumed. PS3.3 C.7.6.3.

    Raises
    ------
    DecodeError
        If the file has no pixels, or says what no image can be.
    """
    if header.pixels is None:
        raise DecodeError(str(header.path), header.problem or "no pixel data", _COPY_AGAIN)
    allocated = bits_allocated(header)
    stored = header.integer(tags.BITS_STORED) or allocated
    stored = allocated if not 0 < stored <= allocated else stored
    high = header.integer(tags.HIGH_BIT)
    if high is None or not stored <= high + 1 <= allocated:
        high = stored - 1
    samples = Samples(
        rows=header.integer(tags.ROWS) or 0,
        columns=header.integer(tags.COLUMNS) or 0,
        per_pixel=header.integer(tags.SAMPLES_PER_PIXEL) or 1,
        photometric=header.text(tags.PHOTOMETRIC_INTERPRETATION) or "MONOCHROME2",
        planar=header.integer(tags.PLANAR_CONFIGURATION) or 0,
        allocated=allocated,
        stored=stored,
        high=high,
        signed=header.integer(tags.PIXEL_REPRESENTATION) == 1,
    )
    why = _fault(samples)
    if why:
        raise DecodeError(str(header.path), why, "Look into the header of the file")
    return samples


def _fault(samples: Samples) -> str:
    if samples.rows <= 0 or samples.columns <= 0:
        return f"{samples.rows} rows × {samples.columns} columns hold no pixel"
    if samples.per_pixel not in (1, 3):
        return f"{samples.per_pixel} samples per pixel are not supported, 1 and 3 are"
    if samples.allocated not in (1, 8, 16, 32, 64):
        return f"{samples.allocated} bits allocated are not supported"
    return ""


def stored_dtype(header: Header) -> np.dtype[Any]:
    """Return the smallest type that holds the stored values of a file, native byte order."""
    samples = samples_of(header)
    assert header.pixels is not None
    if header.pixels.tag in _FLOATS:
        return np.dtype(_FLOATS[header.pixels.tag])
    if samples.photometric == "PALETTE COLOR":
        return colour.palette_dtype(header)
    n_bytes = next(n for n in (1, 2, 4, 8) if samples.stored <= 8 * n)
    signed = samples.signed and samples.per_pixel == 1
    return np.dtype(f"{'i' if signed else 'u'}{n_bytes}")


class FrameSource:
    """Frames of DICOM files as the planes of a scan.

    Parameters
    ----------
    planes : sequence of (Header, int) or None
        One file and zero-based frame a plane, in C order of `outer`; None for a plane that no
        file holds.
    outer : tuple of int
    name : str
        How errors name the scan.
    blank : float
        Stored value of planes that no file holds.

    Attributes
    ----------
    inner : tuple of int
        (rows, columns) or (rows, columns, 3).
    dtype : dtype
        Of the stored values, sign and unused bits settled, native byte order.
    workers : int
        How many threads are worth their while.

    Raises
    ------
    ReadError
        If the files differ in rows, columns or colour.
    """

    def __init__(
        self,
        planes: Sequence[tuple[Header, int] | None],
        outer: tuple[int, ...],
        *,
        name: str,
        blank: float = 0,
    ) -> None:
        self.planes = tuple(planes)
        self.outer = tuple(outer)
        self.name = name
        self.blank = blank
        if len(self.planes) != prod(self.outer):
            raise ReadError(name, f"{len(self.planes)} planes do not fill {self.outer}")
        headers = list({id(p[0]): p[0] for p in self.planes if p is not None}.values())
        self.inner, self.dtype, self._samples = _common(headers, name)
        compressed = any(h.transfer_syntax not in UNCOMPRESSED for h in headers)
        self.workers = 2 if compressed else 1
        self._frames: dict[int, encapsulated.Frames] = {}

    def read_plane(self, number: int, out: Array) -> None:
        """Write the stored values of plane `number` into `out`.

        Raises
        ------
        DecodeError
            If the frame cannot be decoded; names the file and what to install.
        """
        plane = self.planes[number]
        if plane is None:
            out[...] = self.blank
            return
        header, frame = plane
        if header.problem:
            raise DecodeError(str(header.path), header.problem, _COPY_AGAIN)
        try:
            with OpenFile(header.path) as file:
                if header.transfer_syntax in UNCOMPRESSED:
                    _read_native(file, header, self._samples[id(header)], frame, out)
                else:
                    self._read_compressed(file, header, frame, out)
        except DecodeError:
            raise
        except ReadError as error:
            raise DecodeError(error.what, error.why, error.fix) from error

    def _read_compressed(self, file: OpenFile, header: Header, frame: int, out: Array) -> None:
        frames = self._frames.get(id(header))
        if frames is None:
            frames = self._frames[id(header)] = encapsulated.frames_of(file, header)
        samples = self._samples[id(header)]
        try:
            array, stream = codecs.decode(
                header.transfer_syntax, frames.read(file, frame), samples
            )
        except codecs.Refused as error:
            raise DecodeError(
                str(header.path),
                f"frame {frame + 1} in {codecs.name_of(header.transfer_syntax)}"
                f" cannot be decoded ({error})",
                codecs.how_to_install(header.transfer_syntax),
            ) from error
        _finish(array, stream, samples, header, out)


def _common(
    headers: Sequence[Header], name: str
) -> tuple[tuple[int, ...], np.dtype[Any], dict[int, Samples]]:
    """Return the shape of a plane, a type for the values of all files, and each file's samples."""
    inner: tuple[int, ...] = ()
    dtypes: list[np.dtype[Any]] = []
    known: dict[Any, Samples] = {}
    samples: dict[int, Samples] = {}
    for header in headers:
        key = (header.stored(_LAYOUT_TAGS), header.order, header.pixels and header.pixels.tag)
        if key not in known:
            known[key] = samples_of(header)
            dtypes.append(stored_dtype(header))
            shape = _plane_shape(known[key])
            if inner and shape != inner:
                raise ReadError(
                    name,
                    f"planes of {inner} and of {shape} pixels, the latter in {header.path}",
                    "Read the files as separate scans",
                )
            inner = shape
        samples[id(header)] = known[key]
    if not samples:
        raise ReadError(name, "no file holds any of its planes")
    return inner, np.result_type(*dtypes), samples


def _plane_shape(samples: Samples) -> tuple[int, ...]:
    is_colour = samples.per_pixel == 3 or samples.photometric == "PALETTE COLOR"
    return (samples.rows, samples.columns, *((3,) if is_colour else ()))


_LAYOUT_TAGS: Final = (
    tags.ROWS,
    tags.COLUMNS,
    tags.SAMPLES_PER_PIXEL,
    tags.PHOTOMETRIC_INTERPRETATION,
    tags.PLANAR_CONFIGURATION,
    tags.BITS_ALLOCATED,
    tags.BITS_STORED,
    tags.HIGH_BIT,
    tags.PIXEL_REPRESENTATION,
)


# -- uncompressed --------------------------------------------------------------------------


def _read_native(file: OpenFile, header: Header, samples: Samples, frame: int, out: Array) -> None:
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
        _finish(_arranged(flat, samples), None, samples, header, out)
        return
    plain = samples.per_pixel == 1 and samples.photometric != "PALETTE COLOR"
    if plain and stored.isnative and stored.itemsize == out.itemsize and out.flags.c_contiguous:
        _read_into(file, header, offset, out)
        _settle_bits(out.view(stored), samples, out)
        return
    flat = np.empty(n_values, dtype=stored)
    _read_into(file, header, offset, flat)
    array = _arranged(flat, samples)
    _finish(array.astype(array.dtype.newbyteorder("="), copy=False), None, samples, header, out)


def _native_dtype(header: Header, samples: Samples) -> np.dtype[Any]:
    assert header.pixels is not None
    big = header.transfer_syntax in (BIG_ENDIAN, GE_BIG_ENDIAN_PIXELS)
    code = _FLOATS.get(header.pixels.tag) or (
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
    _finish(_arranged(bits, samples), None, samples._replace(allocated=8), header, out)


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
            _COPY_AGAIN,
        )


# -- from samples to stored values ---------------------------------------------------------


def _finish(
    array: Array, stream: Codestream | None, samples: Samples, header: Header, out: Array
) -> None:
    """Settle sign, unused bits and colour of decoded samples and write them into `out`."""
    if array.dtype.kind == "f":
        out[...] = array
        return
    if samples.per_pixel == 3:
        array = colour.to_rgb(array, samples, stream)
        _write(array, out, header)
        return
    settled = np.empty(array.shape, dtype=array.dtype)
    _settle_bits(array, _precision(samples, stream, array), settled)
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


def _settle_bits(array: Array, samples: Samples, out: Array) -> None:
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
