"""Small scans of every kind, to be damaged."""

from __future__ import annotations

import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data

from napari_medvol.formats.dicom import sniff
from tests.formats.dicom.test_regions import masks, write_ct, write_seg
from tests.phantoms import dicom as phantom
from tests.phantoms.multiframe import (
    group,
    item,
    write_dose,
    write_enhanced,
    write_mosaic,
    write_structures,
)

VOLUME = (np.arange(4 * 6 * 8).reshape(4, 6, 8) * 7 - 300).astype(np.int16)
_SHIPPED = Path(pydicom.data.__file__).parent


def _classic(syntax: str, dtype: str = "i2", **choices: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        volume = (VOLUME % 900).astype(dtype)
        phantom.write_series(
            folder, volume, step=(0, 0, 2), spacing=(0.5, 0.8), syntax=syntax, **choices
        )

    return write


def _colour(folder: Path) -> None:
    phantom.write_slice(folder / "a.dcm", np.dstack([VOLUME[0] % 256] * 3).astype(np.uint8))


def _loop(folder: Path) -> None:
    phantom.write_slice(
        folder / "a.dcm",
        [p.astype(np.uint8) for p in VOLUME % 256],
        modality="OT",
        elements={"ImagePositionPatient": None, "ImageOrientationPatient": None},
    )


def _pet(folder: Path) -> None:
    for n, plane in enumerate(VOLUME):
        phantom.write_slice(
            folder / f"{n}.dcm",
            plane,
            modality="PT",
            position=(0, 0, 3 * n),
            instance=n + 1,
            rescale=(0.5 + 0.1 * n, 0),
            elements={"Units": "BQML"},
        )


def _times(folder: Path) -> None:
    for n in range(8):
        phantom.write_slice(
            folder / f"{n}.dcm",
            VOLUME[n % 4] + 1000 * (n // 4),
            modality="MR",
            position=(0, 0, 3 * (n % 4)),
            instance=n + 1,
            rescale=None,
            elements={"TemporalPositionIdentifier": n // 4 + 1, "EchoTime": "3"},
        )


def _incomplete(folder: Path) -> None:
    """Write echoes of which one image is lost."""
    for n in range(11):
        phantom.write_slice(
            folder / f"{n}.dcm",
            VOLUME[n % 4] + 1000 * (n // 4),
            modality="MR",
            position=(0, 0, 3 * (n % 4)),
            instance=n + 1,
            rescale=None,
            elements={"EchoTime": str(5 + n // 4)},
        )


def _displaced(folder: Path) -> None:
    for n in range(10):
        phantom.write_slice(
            folder / f"{n}.dcm",
            VOLUME[n % 4] + 100 * n,
            position=(0, 0, 3 * n + 0.5 * (n == 6)),
            instance=n + 1,
        )


def _parametric_map(folder: Path) -> None:
    table = group(
        RealWorldValueLUTData=[n / 7 for n in range(3000)],
        LUTLabel="x",
        MeasurementUnitsCodeSequence=group(
            CodeValue="mm2/s", CodingSchemeDesignator="UCUM", CodeMeaning="x"
        ),
    )
    table[0].add_new("RealWorldValueFirstValueMapped", "SS", -1000)
    table[0].add_new("RealWorldValueLastValueMapped", "SS", 1999)
    write_enhanced(
        folder / "m.dcm",
        [((0, 0, 2 * n), {}) for n in range(4)],
        VOLUME,
        shared={"RealWorldValueMappingSequence": table},
    )
    ds = pydicom.dcmread(folder / "m.dcm")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.30"
    ds.save_as(folder / "m.dcm")


def _enhanced(folder: Path) -> None:
    frames = [
        (
            (0, 0, 2 * n),
            {
                "FrameContentSequence": group(DimensionIndexValues=[1, n + 1], StackID="1"),
                "PixelValueTransformationSequence": group(
                    RescaleSlope=str(1 + n), RescaleIntercept="5", RescaleType="US"
                ),
            },
        )
        for n in range(4)
    ]
    write_enhanced(
        folder / "e.dcm",
        frames,
        VOLUME,
        spacing=(0.5, 0.8),
        dimensions=("StackID", "InStackPositionNumber"),
    )


def _mosaic(folder: Path) -> None:
    for n in range(2):
        place = {"position": (-3, -4, 5), "spacing": (0.5, 0.8), "between": 2.5}
        write_mosaic(folder / f"{n}.dcm", VOLUME + n, instance=n + 1, **place)


def _csa(tags_: dict[str, list[str]]) -> bytes:
    """Return a CSA2 header, as nibabel's ``csareader`` describes it."""
    out = b"SV10\4\3\2\1" + struct.pack("<2L", len(tags_), 77)
    for name, items in tags_.items():
        out += struct.pack("<64s4s4s", name.encode(), struct.pack("<l", len(items)), b"FD\0\0")
        out += struct.pack("<3l", 1, len(items), 77)
        for text in items:
            raw = text.encode() + b"\0"
            padded = raw + b"\0" * (-len(raw) % 4)
            out += struct.pack("<4l", len(raw), len(raw), 77, len(raw)) + padded
    return out


def _mosaic_csa(folder: Path) -> None:
    write_mosaic(
        folder / "m.dcm", VOLUME, position=(0, 0, 0), spacing=(1, 1), between=2, say_count=False
    )
    ds = pydicom.dcmread(folder / "m.dcm")
    ds.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    said = {"NumberOfImagesInMosaic": ["4"], "SliceNormalVector": ["0.0", "0.0", "1.0"]}
    ds.add_new(0x00291010, "OB", _csa(said))
    ds.save_as(folder / "m.dcm")


def _segmentation(folder: Path) -> None:
    images = write_ct(folder / "ct")
    write_seg(folder / "seg.dcm", images, masks())


def _structures(folder: Path) -> None:
    write_ct(folder / "ct")
    square = np.array([[-2, -1, 9], [1, -1, 9], [1, 1, 9], [-2, 1, 9]], float)
    write_structures(folder / "rs.dcm", {"a": [("CLOSED_PLANAR", square)]})


def _dose(folder: Path) -> None:
    planes = (VOLUME + 400).astype(np.uint16)
    write_dose(folder / "d.dcm", planes, [0, 2, 4, 6], 0.01, spacing=(0.5, 0.8))


def _philips(folder: Path) -> None:
    phantom.write_series(
        folder,
        VOLUME,
        modality="MR",
        rescale=(2, 3),
        elements={
            0x20050010: ("LO", "Philips MR Imaging DD 001"),
            0x2005100E: ("FL", 0.25),
            "RealWorldValueMappingSequence": [
                item(RealWorldValueSlope=2.0, RealWorldValueIntercept=1.0)
            ],
        },
    )


def _ultrasound(folder: Path) -> None:
    region = item(
        RegionSpatialFormat=1,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.05,
        PhysicalDeltaY=0.05,
    )
    phantom.write_slice(
        folder / "u.dcm",
        VOLUME[0].astype(np.uint8),
        modality="OT",
        elements={
            "PixelSpacing": None,
            "ImagePositionPatient": None,
            "ImageOrientationPatient": None,
            "SequenceOfUltrasoundRegions": [region],
        },
    )


def _nuclear(folder: Path) -> None:
    detector = item(ImagePositionPatient=[0, 0, 5], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    phantom.write_slice(
        folder / "n.dcm",
        list(VOLUME.astype(np.uint16)),
        modality="OT",
        elements={
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.20",
            "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
            "ImagePositionPatient": None,
            "ImageOrientationPatient": None,
            "SpacingBetweenSlices": "3",
            "SliceVector": [1, 2, 3, 4],
            "DetectorInformationSequence": [detector],
        },
    )


def _shipped(folder: Path) -> None:
    """Write nothing: :func:`originals` lists the files that pydicom ships, one a mutant."""


SOURCES: dict[str, Callable[[Path], None]] = {
    "explicit": _classic(phantom.EXPLICIT),
    "implicit": _classic(phantom.IMPLICIT, "u2", bits_stored=12, padding=7),
    "big endian": _classic(phantom.BIG_ENDIAN),
    "deflated": _classic(phantom.DEFLATED),
    "rle": _classic(phantom.RLE),
    "jpeg-ls": _classic(phantom.JPEG_LS, "u2"),
    "jpeg 2000": _classic(phantom.JPEG_2000_LOSSLESS, "u2"),
    "htj2k": _classic(phantom.HTJ2K_LOSSLESS, "u2"),
    "jpeg lossless": _classic(phantom.JPEG_LOSSLESS_FIRST_ORDER, "u2"),
    "jpeg": _classic(phantom.JPEG_BASELINE, "u1"),
    "monochrome1": _classic(phantom.EXPLICIT, "u2", photometric="MONOCHROME1", bits_stored=10),
    "float": _classic(phantom.EXPLICIT, "f4"),
    "colour": _colour,
    "loop": _loop,
    "pet": _pet,
    "times": _times,
    "incomplete": _incomplete,
    "displaced": _displaced,
    "parametric map": _parametric_map,
    "enhanced": _enhanced,
    "mosaic": _mosaic,
    "mosaic csa": _mosaic_csa,
    "segmentation": _segmentation,
    "structures": _structures,
    "dose": _dose,
    "philips": _philips,
    "ultrasound": _ultrasound,
    "nuclear": _nuclear,
    "shipped": _shipped,
}


@cache
def originals(source: str) -> dict[str, bytes]:
    """Return the files of a source by name."""
    if source == "shipped":
        paths = sorted(p for p in _SHIPPED.rglob("*") if p.is_file() and sniff_is_small(p))
        return {f"{n}-{p.name}": p.read_bytes() for n, p in enumerate(paths)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with quiet():
            SOURCES[source](folder)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def sniff_is_small(path: Path) -> bool:
    if path.stat().st_size > 60_000:
        return False
    return sniff.start_of(path.read_bytes()[:1024], path.stat().st_size) is not None


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
