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
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.native import FLOATS, read_native
from napari_medvol.formats.dicom.problems import bits_allocated
from napari_medvol.formats.dicom.settle import finish
from napari_medvol.formats.dicom.syntaxes import UNCOMPRESSED

Array = NDArray[Any]

__all__ = ["FrameSource", "samples_of", "stored_dtype"]

#: Bytes of a frame that are worth a second look.
_MUCH: Final = 1 << 26
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
    is_grey = samples.per_pixel == 1 and samples.photometric != "PALETTE COLOR"
    if header.pixels.tag in FLOATS and not is_grey:
        # PS3.3 C.7.6.24.
        why = why or "floating point pixels have one sample, and no palette"
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
    if header.pixels.tag in FLOATS:
        return np.dtype(FLOATS[header.pixels.tag])
    if samples.photometric == "PALETTE COLOR":
        return colour.palette_dtype(header)
    n_bytes = next(n for n in (1, 2, 4, 8) if samples.stored <= 8 * n)
    signed = samples.signed and samples.per_pixel == 1
    return np.dtype(f"{'i' if signed else 'u'}{n_bytes}")


def fitting(value: float, dtype: np.dtype[Any]) -> float:
    """Return the nearest value that the type holds."""
    if dtype.kind not in "iu":
        return value
    room = np.iinfo(dtype)
    return int(np.clip(np.rint(value), float(room.min), float(room.max)))


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
        if len(self.planes) != prod(self.outer):
            raise ReadError(name, f"{len(self.planes)} planes do not fill {self.outer}")
        headers = list({id(p[0]): p[0] for p in self.planes if p is not None}.values())
        self.inner, self.dtype, self._samples = _common(headers, name)
        self.blank = fitting(blank, self.dtype)
        compressed = any(h.transfer_syntax not in UNCOMPRESSED for h in headers)
        self.workers = 2 if compressed else 1
        self._frames: dict[int, encapsulated.Frames] = {}

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the stored values, sign and unused bits settled."""
        return self.dtype

    def scale_of(self, number: int) -> tuple[float, float]:
        """Return slope and intercept: the values are the stored ones."""
        return 1.0, 0.0

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
                    read_native(file, header, self._samples[id(header)], frame, out)
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
        finish(array, stream, samples, header, out)


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
            _refuse_impossible(header, known[key])
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


def _refuse_impossible(header: Header, samples: Samples) -> None:
    """Refuse rows and columns that a compressed frame contradicts, before room is made for them.

    Only where that is much room: it costs a read.
    """
    n_bytes = samples.rows * samples.columns * samples.per_pixel * samples.allocated // 8
    if n_bytes <= _MUCH or header.transfer_syntax in UNCOMPRESSED:
        return
    with OpenFile(header.path) as file:
        frame = encapsulated.frames_of(file, header).read(file, 0)
    why = codecs.size_fault(header.transfer_syntax, frame, samples)
    if why:
        raise DecodeError(str(header.path), why, "Look into the header of the file")


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
