"""From one compressed frame to its samples. PS3.5 A.4, PS3.5 8.2.

imagecodecs decodes (it lets go of the interpreter lock); the plugins of pydicom that happen to
be installed are asked where it refuses.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.formats.dicom.codestreams import Codestream, codestream
from napari_medvol.formats.dicom.elements import quietly

Array = NDArray[Any]


class Samples(NamedTuple):
    """How the samples of a frame are stored. PS3.3 C.7.6.3.

    Parameters
    ----------
    rows, columns, per_pixel : int
    photometric : str
    planar : int
        0: colour by pixel, 1: colour by plane; for uncompressed and RLE data.
    allocated, stored, high : int
        Bits of the container, bits that count, and the highest of them.
    signed : bool
    """

    rows: int
    columns: int
    per_pixel: int
    photometric: str
    planar: int
    allocated: int
    stored: int
    high: int
    signed: bool


class Codec(NamedTuple):
    """How one transfer syntax is decoded.

    Parameters
    ----------
    name : str
        For people.
    decode : callable
        Frame and its samples to (rows, columns) or (rows, columns, samples).
    install : str
        What brings a decoder.
    """

    name: str
    decode: Callable[[bytes, Samples], Array]
    install: str


#: Bytes that a byte can stand for: run lengths make 128 of two, deflate 1032 of one.
_MOST_PACKED: Final = 1032
#: Bytes that a run-length segment may hold beyond its pixels without a second try.
_SPILLED: Final = 128


class Refused(Exception):  # noqa: N818  the next decoder is asked
    """A decoder does not take the frame."""


def decode(syntax: str, frame: bytes, samples: Samples) -> tuple[Array, Codestream | None]:
    """Return the samples of one compressed frame and what its stream says.

    Parameters
    ----------
    syntax : str
        Transfer syntax UID.
    frame : bytes
    samples : Samples

    Returns
    -------
    array (rows, columns) or (rows, columns, samples)
        As they come out: colours not converted, sign not settled.
    Codestream or None
        None where the syntax has no stream header (RLE, deflated frames).

    Raises
    ------
    Refused
        With the reasons of all that were asked.
    """
    stream = codestream(syntax, frame)
    if stream is not None:
        _check_size((stream.rows, stream.columns, stream.per_pixel), samples)
    if syntax in _JPEG_LS and _END_OF_IMAGE not in frame:
        # CharLS takes seconds to say so.
        raise Refused("the stream is cut off: it has no end of image")
    reasons = []
    codec = CODECS.get(syntax)
    if codec is not None:
        try:
            return _checked(codec.decode(frame, samples), samples), stream
        # Decoders raise what they like for damaged data.
        except Exception as error:
            reasons.append(f"{type(error).__name__}: {error}")
    try:
        return _checked(_by_pydicom(syntax, frame, samples), samples), stream
    except Exception as error:
        reasons.append(f"pydicom: {error}")
        raise Refused("; ".join(_one_line(reason) for reason in reasons)) from error


def size_fault(syntax: str, frame: bytes, samples: Samples) -> str:
    """Return why a compressed frame is not of the size in the header; ``""`` if it may be."""
    stream = codestream(syntax, frame)
    if stream is not None:
        try:
            _check_size((stream.rows, stream.columns, stream.per_pixel), samples)
        except Refused as error:
            return str(error)
        return ""
    n_bytes = samples.rows * samples.columns * samples.per_pixel * samples.allocated // 8
    if n_bytes <= _MOST_PACKED * len(frame):
        return ""
    return f"{len(frame)} compressed bytes cannot hold {samples.rows} × {samples.columns} pixels"


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:300]


def _check_size(found: tuple[int, int, int], samples: Samples) -> None:
    wanted = (samples.rows, samples.columns, samples.per_pixel)
    if found != wanted:
        raise Refused(
            f"the compressed frame has {found[0]} rows × {found[1]} columns × {found[2]} samples,"
            f" the header says {wanted[0]} × {wanted[1]} × {wanted[2]}"
        )


def _checked(array: Array, samples: Samples) -> Array:
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    if (
        shape
        == (samples.per_pixel, samples.rows, samples.columns)
        != (
            samples.rows,
            samples.columns,
            samples.per_pixel,
        )
    ):
        array = array.transpose(1, 2, 0)
        shape = array.shape
    if len(shape) != 3:
        raise Refused(f"the decoder returned an array of shape {array.shape}")
    _check_size((shape[0], shape[1], shape[2]), samples)
    return array[..., 0] if array.ndim == 3 and samples.per_pixel == 1 else array


# -- decoders ------------------------------------------------------------------------------


def _jpeg_8(frame: bytes, samples: Samples) -> Array:
    import imagecodecs

    if samples.per_pixel == 1:
        return imagecodecs.jpeg8_decode(frame)
    # The same space on both sides: no conversion by a guess of the decoder.
    return imagecodecs.jpeg8_decode(frame, colorspace="YCBCR", outcolorspace="YCBCR")


def _jpeg_lossless(frame: bytes, samples: Samples) -> Array:
    import imagecodecs

    try:
        return _jpeg_8(frame, samples)  # the fastest of the three by far
    except imagecodecs.Jpeg8Error:
        pass
    try:
        return imagecodecs.jpegsof3_decode(frame)
    except imagecodecs.Jpegsof3Error:
        return imagecodecs.ljpeg_decode(frame)


def _jpeg_ls(frame: bytes, samples: Samples) -> Array:
    import imagecodecs

    return imagecodecs.jpegls_decode(frame)


def _jpeg_2000(frame: bytes, samples: Samples) -> Array:
    import imagecodecs

    return imagecodecs.jpeg2k_decode(frame)


def _htj2k(frame: bytes, samples: Samples) -> Array:
    import imagecodecs

    return imagecodecs.htj2k_decode(frame)


def _rle(frame: bytes, samples: Samples) -> Array:
    """Return the samples of run-length segments, one a byte plane. PS3.5 annex G."""
    n_bytes = samples.allocated // 8
    n_pixels = samples.rows * samples.columns
    n_segments, *offsets = struct.unpack_from("<16L", frame)
    if n_segments != n_bytes * samples.per_pixel or not n_segments:
        raise Refused(f"{n_segments} RLE segments, {n_bytes * samples.per_pixel} expected")
    ends = [*offsets[1:n_segments], len(frame)]
    room = np.empty((n_segments, n_pixels + _SPILLED), dtype=np.uint8)
    segments = []
    for number, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        segment = _unpacked(frame[start:end], room[number])[:n_pixels]
        if len(segment) < n_pixels:
            raise Refused(f"RLE segment {number} holds {len(segment)} of {n_pixels} bytes")
        segments.append(segment)
    planes = [
        _joined(segments[first : first + n_bytes]) for first in range(0, n_segments, n_bytes)
    ]
    shape = (samples.rows, samples.columns)
    if samples.per_pixel == 1:
        return planes[0].reshape(shape)
    return np.stack([plane.reshape(shape) for plane in planes], axis=-1)


def _unpacked(packed: bytes, room: Array) -> Array:
    """Return the bytes of a run-length segment, in `room` if they fit."""
    import imagecodecs

    try:
        found = imagecodecs.packbits_decode(packed, out=room.data)
    except imagecodecs.PackbitsError:
        # A segment may be padded with runs; or it is damaged, which is then said again.
        found = imagecodecs.packbits_decode(packed)
    return np.frombuffer(found, dtype=np.uint8)


def _joined(segments: Sequence[Array]) -> Array:
    """Return numbers of which each segment holds a byte, the most significant first."""
    if len(segments) == 1:
        return segments[0]
    dtype = np.dtype(f"u{len(segments)}")
    joined = np.left_shift(segments[0], 8, dtype=dtype)
    for segment in segments[1:-1]:
        joined |= segment
        joined <<= 8
    joined |= segments[-1]
    return joined


def _deflated_frame(frame: bytes, samples: Samples) -> Array:
    """Return the samples of a deflated frame. PS3.5 A.4.13."""
    import zlib

    n_bytes = samples.rows * samples.columns * samples.per_pixel * samples.allocated // 8
    raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, n_bytes)
    flat = np.frombuffer(raw, dtype=f"<u{samples.allocated // 8}")
    if samples.per_pixel == 1:
        return flat.reshape(samples.rows, samples.columns)
    if samples.planar == 1:
        return flat.reshape(samples.per_pixel, samples.rows, samples.columns).transpose(1, 2, 0)
    return flat.reshape(samples.rows, samples.columns, samples.per_pixel)


def _by_pydicom(syntax: str, frame: bytes, samples: Samples) -> Array:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options: dict[str, Any] = {
        "rows": samples.rows,
        "columns": samples.columns,
        "samples_per_pixel": samples.per_pixel,
        "photometric_interpretation": samples.photometric,
        "bits_allocated": samples.allocated,
        "bits_stored": samples.stored,
        "pixel_representation": int(samples.signed),
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }
    if samples.per_pixel > 1:
        options["planar_configuration"] = samples.planar
    decoder = get_decoder(syntax)
    # GDCM ends the whole process when a stream contradicts its header.
    plugins = [name for name in decoder.available_plugins if name != "gdcm"]
    if not plugins:
        raise Refused("no plugin of pydicom is installed for it")
    reasons = []
    for plugin in plugins:
        try:
            with quietly():
                array, _ = decoder.as_array(  # type: ignore[no-untyped-call, unused-ignore]
                    encapsulate([frame], has_bot=False),
                    index=0,
                    raw=True,
                    decoding_plugin=plugin,
                    **options,
                )
            return np.asarray(array)
        # The plugins raise what they like.
        except Exception as error:
            reasons.append(f"{plugin}: {error}")
    raise Refused("; ".join(reasons))


_TS: Final = "1.2.840.10008.1.2."
_JPEG_LS: Final = (_TS + "4.80", _TS + "4.81")
_END_OF_IMAGE: Final = b"\xff\xd9"
_IMAGECODECS: Final = "pip install imagecodecs"
CODECS: Final[dict[str, Codec]] = {
    _TS + "4.50": Codec("JPEG Baseline", _jpeg_8, _IMAGECODECS),
    _TS + "4.51": Codec("JPEG Extended", _jpeg_8, _IMAGECODECS),
    _TS + "4.57": Codec("JPEG Lossless", _jpeg_lossless, _IMAGECODECS),
    _TS + "4.70": Codec("JPEG Lossless, first-order prediction", _jpeg_lossless, _IMAGECODECS),
    _TS + "4.80": Codec("JPEG-LS Lossless", _jpeg_ls, _IMAGECODECS),
    _TS + "4.81": Codec("JPEG-LS Near-lossless", _jpeg_ls, _IMAGECODECS),
    _TS + "4.90": Codec("JPEG 2000 Lossless", _jpeg_2000, _IMAGECODECS),
    _TS + "4.91": Codec("JPEG 2000", _jpeg_2000, _IMAGECODECS),
    _TS + "4.201": Codec("HTJ2K Lossless", _htj2k, _IMAGECODECS),
    _TS + "4.202": Codec("HTJ2K Lossless RPCL", _htj2k, _IMAGECODECS),
    _TS + "4.203": Codec("HTJ2K", _htj2k, _IMAGECODECS),
    _TS + "5": Codec("RLE Lossless", _rle, _IMAGECODECS),
    _TS + "8.1": Codec("Deflated Image Frame", _deflated_frame, ""),
}


def name_of(syntax: str) -> str:
    """Return the name of a transfer syntax, for people."""
    codec = CODECS.get(syntax)
    if codec is not None:
        return codec.name
    from pydicom.uid import UID

    with quietly():
        name = UID(syntax).name
    return f"{name} ({syntax})" if name != syntax else syntax or "no transfer syntax"


def how_to_install(syntax: str) -> str:
    """Return what to install for a transfer syntax."""
    codec = CODECS.get(syntax)
    if codec is not None and codec.install:
        return f"Try: {codec.install}"
    return "Convert the file to an uncompressed transfer syntax, for example with gdcmconv --raw"
