"""Synthetic DICOM files: every element of the geometry and of the pixels is ours to choose."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pack_bits
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

Pixels = NDArray[Any]

IMPLICIT = str(ImplicitVRLittleEndian)
EXPLICIT = str(ExplicitVRLittleEndian)
DEFLATED = str(DeflatedExplicitVRLittleEndian)
BIG_ENDIAN = str(ExplicitVRBigEndian)
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

NATIVE = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
LOSSLESS = (
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_FIRST_ORDER,
    JPEG_LS,
    JPEG_2000_LOSSLESS,
    HTJ2K_LOSSLESS,
    HTJ2K_RPCL,
    HTJ2K,
    RLE,
    DEFLATED_FRAMES,
)

_SOP_CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
    "OT": SecondaryCaptureImageStorage,
}


def uid_of(*names: object) -> str:
    """Return a UID that is the same for the same names."""
    return generate_uid(entropy_srcs=[str(name) for name in names])


def compressed(plane: Pixels, syntax: str, bits: int) -> bytes:
    """Return one frame in a compressed transfer syntax.

    Parameters
    ----------
    plane : (rows, columns) or (rows, columns, 3) array
    syntax : str
    bits : int
        Bits Stored.
    """
    import imagecodecs

    plane = np.ascontiguousarray(plane)
    unsigned = plane.view(f"u{plane.itemsize}")
    encoders: dict[str, Callable[[], bytes]] = {
        JPEG_BASELINE: lambda: imagecodecs.jpeg8_encode(plane, level=95),
        JPEG_EXTENDED: lambda: imagecodecs.jpeg8_encode(plane, level=95, bitspersample=bits),
        JPEG_LOSSLESS: lambda: imagecodecs.ljpeg_encode(unsigned, bitspersample=bits),
        JPEG_LOSSLESS_FIRST_ORDER: lambda: _jpeg_lossless(unsigned, bits),
        JPEG_LS: lambda: imagecodecs.jpegls_encode(unsigned),
        JPEG_LS_NEAR: lambda: imagecodecs.jpegls_encode(unsigned, level=2),
        JPEG_2000_LOSSLESS: lambda: _jpeg_2000(plane, bits, reversible=True),
        JPEG_2000: lambda: _jpeg_2000(plane, bits, reversible=False),
        HTJ2K_LOSSLESS: lambda: imagecodecs.htj2k_encode(plane, reversible=True),
        HTJ2K_RPCL: lambda: imagecodecs.htj2k_encode(plane, reversible=True),
        HTJ2K: lambda: imagecodecs.htj2k_encode(plane, reversible=True),
        RLE: lambda: _rle(plane),
        DEFLATED_FRAMES: lambda: zlib.compress(plane.tobytes(), wbits=-15),
    }
    return encoders[syntax]()


def _jpeg_lossless(plane: Pixels, bits: int) -> bytes:
    import imagecodecs

    space = {"colorspace": "RGB", "outcolorspace": "RGB"} if plane.ndim == 3 else {}
    return imagecodecs.jpeg8_encode(plane, lossless=True, predictor=1, bitspersample=bits, **space)


def _jpeg_2000(plane: Pixels, bits: int, *, reversible: bool) -> bytes:
    import imagecodecs

    return imagecodecs.jpeg2k_encode(
        plane,
        level=0 if reversible else 60,
        codecformat="J2K",
        colorspace="SRGB" if plane.ndim == 3 else "GRAY",
        bitspersample=bits,
        reversible=reversible,
        mct=plane.ndim == 3,
    )


def _rle(plane: Pixels) -> bytes:
    """Return run-length segments, one a byte plane, most significant first. PS3.5 annex G."""
    import imagecodecs

    samples = plane[..., None] if plane.ndim == 2 else plane
    segments = []
    for sample in range(samples.shape[2]):
        octets = np.ascontiguousarray(samples[..., sample]).view(np.uint8)
        octets = octets.reshape(plane.shape[0], plane.shape[1], plane.itemsize)
        for byte in reversed(range(plane.itemsize)):
            rows = [imagecodecs.packbits_encode(row.tobytes()) for row in octets[..., byte]]
            segment = b"".join(rows)
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = 64 + np.cumsum([0, *map(len, segments)])[:-1]
    head = np.zeros(16, dtype="<u4")
    head[0], head[1 : 1 + len(offsets)] = len(segments), offsets
    return head.tobytes() + b"".join(segments)


def _encoded(frames: Sequence[Pixels], syntax: str, bits: int, allocated: int) -> bytes:
    """Return the value of Pixel Data."""
    if syntax not in NATIVE:
        return encapsulate([compressed(frame, syntax, bits) for frame in frames])
    if allocated == 1:
        return bytes(pack_bits(np.stack(frames).reshape(-1).astype(np.uint8)))
    order = ">" if syntax == BIG_ENDIAN else "<"
    data = b"".join(
        np.ascontiguousarray(f).astype(f.dtype.newbyteorder(order)).tobytes() for f in frames
    )
    return data + b"\0" * (len(data) % 2)


def slice_dataset(
    pixels: Pixels | Sequence[Pixels],
    *,
    position: Sequence[float] = (0.0, 0.0, 0.0),
    orientation: Sequence[float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    spacing: Sequence[float] = (1.0, 1.0),
    thickness: float = 1.0,
    modality: str = "CT",
    instance: int = 1,
    series: str = "series",
    bits_stored: int | None = None,
    bits_allocated: int | None = None,
    high_bit: int | None = None,
    rescale: tuple[float, float] | None = (1.0, 0.0),
    photometric: str = "",
    planar: int = 0,
    padding: int | None = None,
    syntax: str = EXPLICIT,
    elements: Mapping[str | int, Any] | None = None,
) -> FileDataset:
    """Return a complete file of one image.

    Parameters
    ----------
    pixels : (rows, columns) or (rows, columns, 3) array, or a sequence of them
        Stored values; a sequence makes a multi-frame file. Colour planes are interleaved here
        whatever `planar` says; native files are written as `planar` asks.
    position, orientation : sequence of float
        Image Position and Orientation (Patient), LPS+ mm.
    spacing : (float, float)
        Pixel Spacing: between rows, between columns, mm.
    thickness : float
        mm.
    modality : {"CT", "MR", "PT", "OT"}
    instance : int
        Instance Number.
    series : str
        Files of the same name share the series, study and frame of reference UIDs.
    bits_stored, bits_allocated, high_bit : int, optional
        By default all bits of the array's type.
    rescale : (slope, intercept), optional
    photometric : str, optional
        MONOCHROME2 or RGB by default.
    planar : int
    padding : int, optional
        Pixel Padding Value.
    syntax : str
        Transfer syntax UID.
    elements : mapping, optional
        Keyword, or tag of an element that is in the dictionary, to value; None deletes it.
    """
    frames = [pixels] if isinstance(pixels, np.ndarray) else list(pixels)
    first = frames[0]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = _SOP_CLASSES[modality]
    meta.MediaStorageSOPInstanceUID = uid_of(series, instance)
    ds = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax == IMPLICIT,
        is_little_endian=syntax != BIG_ENDIAN,
    )
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = _SOP_CLASSES[modality], meta.MediaStorageSOPInstanceUID
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20240102"
    ds.StudyTime, ds.ContentTime = "101112", f"1011{instance % 60:02d}.{instance:06d}"
    ds.Modality, ds.Manufacturer = modality, "Phantom"
    ds.SeriesDescription, ds.StudyDescription = series, "made for a test"
    ds.PatientName, ds.PatientID, ds.PatientPosition = "Phantom^Ada", "P1", "HFS"
    ds.SliceThickness = f"{thickness:g}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid_of(series, "study"), uid_of(series, "series")
    ds.FrameOfReferenceUID = uid_of(series, "frame")
    ds.SeriesNumber, ds.InstanceNumber = 1, instance
    ds.ImagePositionPatient = [f"{p:.10g}" for p in position]
    ds.ImageOrientationPatient = [f"{o:.10g}" for o in orientation]
    ds.PixelSpacing = [f"{s:.10g}" for s in spacing]
    _describe_pixels(ds, frames, bits_stored, bits_allocated, high_bit, photometric, planar)
    if rescale is not None:
        ds.RescaleSlope, ds.RescaleIntercept = (f"{value:.10g}" for value in rescale)
    if padding is not None:
        ds.add_new(0x00280120, "SS" if first.dtype.kind == "i" else "US", padding)
    _set_elements(ds, elements or {})
    if planar == 1 and first.ndim == 3 and syntax in NATIVE:
        frames = [frame.transpose(2, 0, 1) for frame in frames]
    if first.dtype.kind == "f":
        keyword = "FloatPixelData" if first.itemsize == 4 else "DoubleFloatPixelData"
        setattr(ds, keyword, _encoded(frames, syntax, 0, 0))
        return ds
    value = _encoded(frames, syntax, ds.BitsStored, ds.BitsAllocated)
    ds.add_new(0x7FE00010, "OB" if syntax not in NATIVE or ds.BitsAllocated <= 8 else "OW", value)
    if syntax not in NATIVE:
        ds["PixelData"].is_undefined_length = True
    return ds


def _describe_pixels(
    ds: Dataset,
    frames: Sequence[Pixels],
    bits_stored: int | None,
    bits_allocated: int | None,
    high_bit: int | None,
    photometric: str,
    planar: int,
) -> None:
    first = frames[0]
    ds.Rows, ds.Columns = first.shape[:2]
    ds.SamplesPerPixel = 1 if first.ndim == 2 else first.shape[2]
    ds.PhotometricInterpretation = photometric or ("MONOCHROME2" if first.ndim == 2 else "RGB")
    if first.ndim == 3:
        ds.PlanarConfiguration = planar
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    ds.BitsAllocated = bits_allocated or 8 * first.itemsize
    if first.dtype.kind == "f":
        return
    ds.BitsStored = bits_stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1 if high_bit is None else high_bit
    ds.PixelRepresentation = int(first.dtype.kind == "i")


def _set_elements(ds: Dataset, elements: Mapping[str | int, Any]) -> None:
    for name, value in elements.items():
        if value is None:
            if name in ds:
                del ds[name]
        elif isinstance(name, str):
            setattr(ds, name, value)
        else:
            ds.add_new(name, *value)


def write_slice(path: Path, pixels: Pixels | Sequence[Pixels], **choices: Any) -> Path:
    """Write a file of one image; see :func:`slice_dataset`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds = slice_dataset(pixels, **choices)
    if choices.get("syntax") != DEFLATED_FRAMES:
        ds.save_as(path, enforce_file_format=True)
        return path
    # pydicom does not write it yet: another of the same length stands in.
    ds.file_meta.TransferSyntaxUID = UID(JPEG_BASELINE)
    ds.save_as(path, enforce_file_format=True)
    stand_in, real = JPEG_BASELINE.encode(), DEFLATED_FRAMES.encode() + b"\0"
    path.write_bytes(path.read_bytes().replace(stand_in, real, 1))
    return path


def write_series(
    folder: Path,
    volume: Pixels,
    *,
    step: Sequence[float] = (0.0, 0.0, 1.0),
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    **choices: Any,
) -> list[Path]:
    """Write a file a slice.

    Parameters
    ----------
    folder : Path
    volume : (slices, rows, columns) array
        Stored values.
    step : (x, y, z)
        From slice to slice, LPS+ mm.
    origin : (x, y, z)
        Of the first slice, LPS+ mm.
    **choices
        For :func:`slice_dataset`.

    Returns
    -------
    list of Path
        In the order of the slices.
    """
    return [
        write_slice(
            folder / f"{number + 1:05d}.dcm",
            plane,
            instance=number + 1,
            position=np.add(origin, np.multiply(number, step)),
            **choices,
        )
        for number, plane in enumerate(volume)
    ]
