"""DICOM made for the benchmarks: large studies, compressed series, a file of many frames."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inputs import ct

_PATCHED = b"9" * 30


def study(folder: Path, n_files: int, n_series: int = 20) -> None:
    """Write a study of small images, one folder a series; only what differs is written anew.

    Numbers and positions have the lengths that they have in real files, so that headers differ
    in length.
    """
    from pydicom.uid import ExplicitVRLittleEndian

    per_series = n_files // n_series
    rng = np.random.default_rng(3)
    for series in range(n_series):
        place = folder / f"S{rng.integers(1 << 20):06x}{series:02d}"
        place.mkdir()
        ds = _header(series)
        ds.Rows = ds.Columns = 16
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{_PATCHED.decode()}"
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.InstanceNumber, ds.SliceLocation, ds.ImagePositionPatient = 1, 1, [-1, -1, -1]
        ds.PixelData = rng.integers(0, 4096, 256, dtype=np.uint16).tobytes()
        ds.save_as(place / "template", enforce_file_format=True)
        template = (place / "template").read_bytes()
        (place / "template").unlink()
        for number, k in enumerate(rng.permutation(per_series)):
            _write_slice(place / f"IM{number:05d}.dcm", template, series, int(k))


def _write_slice(path: Path, template: bytes, series: int, k: int) -> None:
    uid = f"2.25.{10**29 + series * 10**6 + k}".encode()
    block = template.replace(b"2.25." + _PATCHED, uid)
    for tag, vr, old, new in (
        (0x00200013, b"IS", b"1 ", str(k + 1)),
        (0x00200032, b"DS", b"-1.0\\-1.0\\-1.0", f"-249.51171875\\-250\\{k * 1.25 - 300:g}"),
        (0x00201041, b"DS", b"1.0 ", f"{k * 1.25 - 300:g}"),
    ):
        stored = new.encode() + b" " * (len(new) % 2)
        before = _element(tag, vr, old)
        assert block.count(before) == 1
        block = block.replace(before, _element(tag, vr, stored))
    path.write_bytes(block)


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _header(series: int) -> Any:
    """Return the header of a CT image, without its pixels, its place and its names."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage

    ds = Dataset()
    ds.file_meta, ds.preamble = FileMetaDataset(), b"\0" * 128
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyDate, ds.StudyTime, ds.Manufacturer = "20200102", "101112.5", "Made up"
    ds.StudyDescription, ds.SeriesDescription = "CHEST", f"Series {series + 1}"
    ds.PatientName, ds.PatientID, ds.PatientPosition = "Phantom^Made", "P1", "HFS"
    ds.SliceThickness, ds.KVP, ds.ConvolutionKernel = 1.25, 120, "B60f"
    ds.StudyInstanceUID, ds.FrameOfReferenceUID = "2.25.71", "2.25.72"
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.StudyID = f"2.25.73.{series}", series + 1, "1"
    ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.9765625, 0.9765625]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    return ds


def _j2k(plane: Any) -> bytes:
    import imagecodecs

    return bytes(
        imagecodecs.jpeg2k_encode(
            plane, level=0, reversible=True, codecformat="j2k", bitspersample=12
        )
    )


def _jls(plane: Any) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(plane))


def _rle(plane: Any) -> bytes:
    """Return the two byte planes, the high one first, packed row by row. PS3.5 Annex G."""
    from imagecodecs import packbits_encode

    halves = np.ascontiguousarray(plane, "<u2").view(np.uint8).reshape(*plane.shape, 2)
    segments = [b"".join(packbits_encode(row.tobytes()) for row in halves[..., n]) for n in (1, 0)]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    starts = struct.pack("<16L", 2, 64, 64 + len(segments[0]), *[0] * 13)
    return starts + b"".join(segments)


#: Transfer syntax and encoder of one plane.
CODECS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "jls": ("1.2.840.10008.1.2.4.80", _jls),
    "j2k": ("1.2.840.10008.1.2.4.90", _j2k),
    "rle": ("1.2.840.10008.1.2.5", _rle),
}


def compressed_series(folder: Path, codec: str, n_slices: int = 60) -> None:
    """Write one file a slice, 512 × 512, 12 bits, compressed without loss."""
    from pydicom.encaps import encapsulate

    syntax, encode = CODECS[codec]
    names = np.random.default_rng(1).permutation(n_slices)
    ds = _header(0)
    ds.Rows = ds.Columns = 512
    ds.file_meta.TransferSyntaxUID = syntax
    for k, plane in enumerate(ct(n_slices)):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.9{k:04d}"
        ds.InstanceNumber, ds.ImagePositionPatient = k + 1, [-249.5, -250, -100.0 + k * 1.25]
        ds.PixelData = encapsulate([encode(plane)])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        ds.save_as(folder / f"IM{names[k]:05d}.dcm", enforce_file_format=True)


def enhanced(path: Path, n_frames: int = 600) -> None:
    """Write an Enhanced CT of 256 × 256 pixels, uncompressed, a place for each frame."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian

    ds = _header(0)
    meta = ds.file_meta
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = "2.25.74"
    for keyword in ("ImageOrientationPatient", "PixelSpacing", "RescaleIntercept", "RescaleSlope",
                    "RescaleType", "SliceThickness", "WindowCenter", "WindowWidth"):  # fmt: skip
        delattr(ds, keyword)
    ds.Rows = ds.Columns = 256
    ds.NumberOfFrames, ds.InstanceNumber = n_frames, 1

    def item(**values: Any) -> Any:
        made = Dataset()
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    ds.SharedFunctionalGroupsSequence = Sequence([
        item(
            PixelMeasuresSequence=[item(PixelSpacing=[0.9765625] * 2, SliceThickness=1)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelValueTransformationSequence=[
                item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU")
            ],
        )
    ])  # fmt: skip
    ds.PerFrameFunctionalGroupsSequence = Sequence([
        item(
            FrameContentSequence=[
                item(StackID="1", InStackPositionNumber=k + 1, DimensionIndexValues=[1, k + 1])
            ],
            PlanePositionSequence=[item(ImagePositionPatient=[-125, -125, -300.0 + k])],
        )
        for k in range(n_frames)
    ])  # fmt: skip
    ds.PixelData = np.ascontiguousarray(ct(n_frames)[:, ::2, ::2]).tobytes()
    ds.save_as(path, enforce_file_format=True)
