"""The series of ``benchmarks/conventions.py``: how each is written, and what is where in it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword

from tests.phantoms import dicom as phantom
from tests.phantoms.multiframe import (
    group,
    write_dose,
    write_enhanced,
    write_mosaic,
    write_structures,
)

ROWS_, COLUMNS = 12, 16
SPACING = (0.7, 0.9)  # between rows, between columns
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (0.96, 0.28, 0.0, -0.168, 0.576, -0.8)
ORIGIN = (-20.0, -13.0, 40.0)


class Apart(NamedTuple):
    """Two values and how far apart they are, mm, in images that have no place."""

    one: float
    other: float
    distance: float


class Point(NamedTuple):
    """A value and where it was put, RAS+ mm."""

    world: NDArray[np.float64]
    value: float


@dataclass
class Truth:
    """What a series holds, by its writer.

    Parameters
    ----------
    points : list of Point
        Every value occurs once in the series.
    ramp : callable, optional
        World points (…, 3) to values, where they change by 100 a mm along z.
    dtype : str
        What the values need, if that is asked.
    extent : float
        Size of a slice along its normal, mm, if that is asked.
    also : mapping
        Other meanings of the values that are no error, name to factor.
    apart : list of Apart
        In place of points, for images that have a size but no place.
    """

    points: list[Point] = field(default_factory=list)
    ramp: Callable[[Any], Any] | None = None
    dtype: str = ""
    extent: float = 0.0
    also: Mapping[str, float] = field(default_factory=dict)
    apart: list[Apart] = field(default_factory=list)


class Row(NamedTuple):
    """A convention and the series that tells who keeps it."""

    name: str
    write: Callable[[Path], Truth]


def image(number: int, dtype: str = "int16", step: int = 200) -> Any:
    """Return an image whose every pixel differs, also from those of other numbers."""
    return (np.arange(ROWS_ * COLUMNS).reshape(ROWS_, COLUMNS) + step * number + 3).astype(dtype)


def points_of(
    pixels: Any,
    position: Sequence[float],
    orientation: Sequence[float] = AXIAL,
    spacing: Sequence[float] = SPACING,
) -> list[Point]:
    """Return some pixels of an image and where they are, by the equation of PS3.3 C.7.6.2.1.1."""
    r, c = np.array(orientation[:3]), np.array(orientation[3:])
    out = []
    for row, column in ((0, 0), (0, pixels.shape[1] - 1), (pixels.shape[0] - 1, 3), (5, 7)):
        lps = np.array(position) + r * spacing[1] * column + c * spacing[0] * row
        out.append(Point(lps * (-1, -1, 1), float(pixels[row, column])))
    return out


def stack(
    folder: Path,
    positions: Sequence[Sequence[float]],
    *,
    first: int = 0,
    orientation: Sequence[float] = AXIAL,
    dtype: str = "int16",
    real: Callable[[Any, int], Any] = lambda pixels, n: pixels,
    own: Callable[[int], dict[str, Any]] = lambda n: {},
    names: Callable[[int], str] = lambda n: f"{n:04d}.dcm",
    **choices: Any,
) -> list[Point]:
    """Write a slice at each position; return points of all.

    Parameters
    ----------
    folder : Path
    positions : sequence of (x, y, z)
        LPS+ mm.
    first : int
        Number of the first slice, for values, names and instance numbers.
    orientation : sequence of float
    dtype : str
        Of stored values.
    real : callable
        Stored pixels and number of the slice to real values.
    own : callable
        Number of the slice to choices of :func:`write_slice` that it has of its own.
    names : callable
    **choices
        For :func:`write_slice`.
    """
    points = []
    for n, position in enumerate(positions, start=first):
        pixels = image(n, dtype)
        asked = {
            "spacing": SPACING,
            "thickness": 2.0,
            "instance": n + 1,
            "elements": _CT | choices.get("elements", {}),
            **{k: v for k, v in choices.items() if k != "elements"},
            **own(n),
        }
        phantom.write_slice(
            folder / names(n), pixels, position=position, orientation=orientation, **asked
        )
        points += points_of(real(pixels, n), position, orientation)
    return points


#: What converters want to see before they believe that it is a scan.
_CT: dict[str | int, Any] = {"StudyID": "1", "PatientBirthDate": "", "PatientSex": "O"}


def along_z(*heights: float) -> list[tuple[float, float, float]]:
    return [(ORIGIN[0], ORIGIN[1], ORIGIN[2] + z) for z in heights]


EVEN = along_z(*np.arange(0, 20, 2.0))


def _sorted(folder: Path) -> Truth:
    order = list(range(10))
    random.Random(3).shuffle(order)
    return Truth(
        stack(folder, EVEN, own=lambda n: {"instance": 10 - n}, names=lambda n: f"{order[n]}.dcm")
    )


def _spacing(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN, thickness=5.0, elements={"SpacingBetweenSlices": "5"}))


def _jitter(folder: Path) -> Truth:
    off = [0, 0.02, -0.02, 0.02, 0, -0.02, 0.02, 0, 0.02, 0]
    return Truth(stack(folder, along_z(*(2.0 * n + d for n, d in enumerate(off)))))


def _missing(folder: Path) -> Truth:
    return Truth(stack(folder, [p for n, p in enumerate(EVEN) if n != 4]))


def _uneven(folder: Path) -> Truth:
    heights = [*np.arange(0, 10, 2.0), *np.arange(13, 34, 5.0)]
    for n, position in enumerate(along_z(*heights)):
        pixels = np.full((ROWS_, COLUMNS), round(100 * position[2]), np.int16)
        phantom.write_slice(
            folder / f"{n}.dcm",
            pixels,
            position=position,
            spacing=SPACING,
            thickness=2,
            instance=n + 1,
            elements=_CT,
        )
    return Truth(ramp=lambda world: 100 * world[..., 2])


def _tilted(folder: Path) -> Truth:
    angle = np.radians(15)
    orientation = (1, 0, 0, 0, np.cos(angle), np.sin(angle))
    elements = {"GantryDetectorTilt": "15"}
    return Truth(
        stack(folder, along_z(*np.arange(0, 40, 4.0)), orientation=orientation, elements=elements)
    )


def _repeated(
    folder: Path, elements: Callable[[int], dict[str, Any]], count: int = 3
) -> list[Point]:
    points = []
    for repeat in range(count):
        points += stack(
            folder,
            EVEN,
            first=10 * repeat,
            modality="MR",
            rescale=None,
            elements=elements(repeat),
        )
    return points


def _times(folder: Path) -> Truth:
    def elements(t: int) -> dict[str, Any]:
        said = {"TemporalPositionIdentifier": t + 1, "NumberOfTemporalPositions": 3}
        return said | {"AcquisitionTime": f"1011{10 + 2 * t}", "RepetitionTime": "2000"}

    return Truth(_repeated(folder, elements))


def _echoes(folder: Path) -> Truth:
    return Truth(
        _repeated(folder, lambda e: {"EchoTime": f"{4.6 * (e + 1):.1f}", "EchoNumbers": e + 1})
    )


def _copies(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    shutil.copy(folder / "0003.dcm", folder / "0003 copy.dcm")
    return Truth(points)


def _localizer(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    points += stack(
        folder,
        [(-5.0, 3.0, 60.0)],
        first=20,
        orientation=(0, 1, 0, 0, 0, -1),
        elements={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    )
    return Truth(points)


def _two_geometries(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    for n in range(10):
        pixels = (np.arange(8 * 10).reshape(8, 10) + 5000 + 100 * n).astype(np.int16)
        position = (-9.0, 4.0, 100.0 + 3 * n)
        phantom.write_slice(
            folder / f"b{n}.dcm",
            pixels,
            position=position,
            spacing=(1.5, 1.25),
            thickness=3,
            instance=n + 30,
            elements=_CT,
        )
        points += points_of(pixels, position, spacing=(1.5, 1.25))
    return Truth(points)


def _few(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN[:3]))


def _single(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN[:1], thickness=5.0), extent=5.0)


def _enhanced(folder: Path) -> Truth:
    order = list(range(10))
    random.Random(5).shuffle(order)
    pixels = np.stack([image(n) for n in order])
    frames = [
        (
            EVEN[n],
            {
                "FrameContentSequence": group(
                    StackID="1", InStackPositionNumber=n + 1, DimensionIndexValues=[1, n + 1]
                )
            },
        )
        for n in order
    ]
    write_enhanced(
        folder / "enhanced.dcm",
        frames,
        pixels,
        spacing=SPACING,
        dimensions=("StackID", "InStackPositionNumber"),
    )
    # What readers that go by the dimensions ask for. PS3.3 C.7.6.17.
    ds = pydicom.dcmread(folder / "enhanced.dcm")
    uid = phantom.uid_of("dimensions")
    ds.DimensionOrganizationSequence = group(DimensionOrganizationUID=uid)
    for dimension in ds.DimensionIndexSequence:
        dimension.FunctionalGroupPointer = tag_for_keyword("FrameContentSequence")
        dimension.DimensionOrganizationUID = uid
    ds.save_as(folder / "enhanced.dcm")
    return Truth([p for n in range(10) for p in points_of(image(n), EVEN[n])])


def _mosaic(folder: Path) -> Truth:
    slices = np.stack([image(n) for n in range(10)])
    write_mosaic(
        folder / "m.dcm", slices, position=ORIGIN, spacing=SPACING, between=2.0, say_count=True
    )
    ds = pydicom.dcmread(folder / "m.dcm")
    for keyword, value in _CT.items():
        setattr(ds, str(keyword), value)
    ds.SliceThickness = "2"
    ds.save_as(folder / "m.dcm")
    return Truth([p for n in range(10) for p in points_of(slices[n], EVEN[n])])


def _philips(folder: Path) -> Truth:
    elements = {
        "Manufacturer": "Philips Medical Systems",
        0x20050010: ("LO", "Philips MR Imaging DD 001"),
        0x2005100D: ("FL", 0.0),
        0x2005100E: ("FL", 0.0625),
    }
    points = stack(
        folder,
        EVEN,
        modality="MR",
        rescale=(2.5, 0),
        elements=elements,
        real=lambda pixels, n: pixels * 2.5,
    )
    return Truth(points, also={"Philips' floating point": 1 / (2.5 * 0.0625)})


def _pet(folder: Path) -> Truth:
    def slope(n: int) -> float:
        return 0.5 + 0.11 * n

    points = stack(
        folder,
        EVEN,
        modality="PT",
        dtype="uint16",
        own=lambda n: {"rescale": (slope(n), 0)},
        elements={"Units": "BQML", "SeriesType": ["STATIC", "IMAGE"], "NumberOfSlices": 10},
        real=lambda pixels, n: pixels * slope(n),
    )
    counts: dict[float, int] = {}
    for point in points:
        counts[round(point.value, 6)] = counts.get(round(point.value, 6), 0) + 1
    return Truth([p for p in points if counts[round(p.value, 6)] == 1])


def _monochrome1(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN, photometric="MONOCHROME1", dtype="uint16", bits_stored=12))


def _padding(folder: Path) -> Truth:
    points = []
    for n, position in enumerate(EVEN):
        pixels = image(n)
        pixels[4, 4:6] = -2000
        asked = {"spacing": SPACING, "thickness": 2, "instance": n + 1, "elements": _CT}
        phantom.write_slice(
            folder / f"{n}.dcm",
            pixels,
            position=position,
            padding=-2000,
            rescale=(1, -1024),
            **asked,
        )
        points += points_of(pixels.astype(float) - 1024, position)
        lps = np.add(position, (4 * SPACING[1], 4 * SPACING[0], 0))
        points.append(Point(lps * (-1, -1, 1), -3024.0))
    return Truth(points)


def _junk_bits(folder: Path) -> Truth:
    """12 bits stored, signed, with an overlay's bits above them."""
    points = []
    for n, position in enumerate(EVEN):
        values = image(n).astype(np.int32) - 1000
        stored = (values & 0x0FFF) | (0x5000 if n % 2 else 0xA000)
        phantom.write_slice(
            folder / f"{n}.dcm",
            stored.astype(np.uint16).view(np.int16),
            position=position,
            spacing=SPACING,
            thickness=2,
            instance=n + 1,
            bits_stored=12,
            rescale=None,
            modality="MR",
            elements=_CT,
        )
        points += points_of(values, position)
    return Truth(points)


def _integers(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN, rescale=(1, 0)), dtype="int16")


def _colour(planar: int) -> Callable[[Path], Truth]:
    def write(folder: Path) -> Truth:
        points = []
        for n, position in enumerate(EVEN):
            number = image(n).astype(np.int64)
            rgb = np.stack([number % 256, number // 256, number % 7], axis=-1).astype(np.uint8)
            phantom.write_slice(
                folder / f"{n}.dcm",
                rgb,
                planar=planar,
                position=position,
                spacing=SPACING,
                thickness=2,
                instance=n + 1,
                rescale=None,
                modality="MR",
                elements=_CT,
            )
            value = (rgb.astype(np.int64) * (1, 256, 65536)).sum(axis=-1)
            points += points_of(value, position)
        return Truth(points)

    return write


def _oblique(folder: Path) -> Truth:
    normal = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    positions = [np.array(ORIGIN) + 1.5 * n * normal for n in range(10)]
    return Truth(stack(folder, positions, orientation=OBLIQUE))


def _dicomdir(folder: Path) -> Truth:
    from pydicom.fileset import FileSet

    made = folder.with_name("to be filed")
    points = stack(made, EVEN)
    files = FileSet()
    for path in sorted(made.iterdir()):
        files.add(path)
    files.write(folder)
    files._stage["t"].cleanup()
    shutil.rmtree(made)
    return Truth(points)


def _nameless(folder: Path) -> Truth:
    return Truth(stack(folder, EVEN, names=lambda n: f"1.2.840.{n}"))


def _in_syntax(syntax: str) -> Callable[[Path], Truth]:
    def write(folder: Path) -> Truth:
        return Truth(stack(folder, EVEN, syntax=syntax, dtype="uint16", bits_stored=12))

    return write


def _others(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    square = np.array([[0, 0, 40], [4, 0, 40], [4, 4, 40.0]])
    write_structures(folder / "structures.dcm", {"a": [("CLOSED_PLANAR", square)]})
    report = pydicom.dcmread(folder / "0000.dcm")
    for keyword in ("PixelData", "Rows", "Columns", "ImagePositionPatient"):
        del report[keyword]
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    report.SOPInstanceUID, report.SeriesInstanceUID = "1.2.3.4", "1.2.3.5"
    report.Modality = "SR"
    report.save_as(folder / "report.dcm")
    return Truth(points)


def _without_pixels(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    ds = pydicom.dcmread(folder / "0004.dcm")
    del ds.PixelData
    ds.save_as(folder / "0004.dcm")
    return Truth([p for p in points if not 800 <= p.value - 3 < 1000])


def _truncated(folder: Path) -> Truth:
    points = stack(folder, EVEN)
    path = folder / "0004.dcm"
    path.write_bytes(path.read_bytes()[:-200])
    return Truth([p for p in points if not 800 <= p.value - 3 < 1000])


def _dose(folder: Path) -> Truth:
    planes = np.stack([image(n, "uint16") for n in range(10)])
    offsets = [2.5 * n for n in range(10)]
    write_dose(folder / "dose.dcm", planes, offsets, 0.01, position=ORIGIN, spacing=SPACING)
    places = along_z(*offsets)
    return Truth([p for n in range(10) for p in points_of(planes[n] * 0.01, places[n])])


def _lost_image(folder: Path) -> Truth:
    points = _repeated(
        folder, lambda e: {"EchoTime": f"{4.6 * (e + 1):.1f}", "EchoNumbers": e + 1}
    )
    (folder / "0014.dcm").unlink()
    gone = {p.value for p in points_of(image(14), EVEN[4])}
    return Truth([p for p in points if p.value not in gone])


def _displaced(folder: Path) -> Truth:
    heights = np.arange(20.0)
    heights[7] += 0.3
    for n, position in enumerate(along_z(*heights)):
        phantom.write_slice(
            folder / f"{n}.dcm",
            np.full((ROWS_, COLUMNS), round(100 * position[2]), np.int16),
            position=position,
            spacing=SPACING,
            thickness=1,
            instance=n + 1,
            elements=_CT,
        )
    return Truth(ramp=lambda world: 100 * world[..., 2])


def _parametric_map(folder: Path) -> Truth:
    pixels = np.stack([image(n, "uint16") for n in range(10)])
    frames: list[tuple[Any, dict[str, Any]]] = [(position, {}) for position in EVEN]
    write_enhanced(folder / "map.dcm", frames, pixels, spacing=SPACING)
    ds = pydicom.dcmread(folder / "map.dcm")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.30"
    ds.Modality = "MR"
    (code,) = group(CodeValue="mm2/s", CodingSchemeDesignator="UCUM", CodeMeaning="mm2/s")
    (mapping,) = group(
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=65535,
        RealWorldValueSlope=0.25,
        RealWorldValueIntercept=0.0,
        LUTLabel="ADC",
        MeasurementUnitsCodeSequence=[code],
    )
    ds.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping]
    ds.save_as(folder / "map.dcm")
    return Truth([p for n in range(10) for p in points_of(pixels[n] * 0.25, EVEN[n])])


def _unplaced(
    pixels: Any, name: Path, modality: str, sop_class: str, spacing: Any, elements: dict[str, Any]
) -> Truth:
    """Write one image without a place; return how far apart some of its pixels are."""
    nowhere = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}
    ds = phantom.slice_dataset(
        pixels, modality="OT", rescale=None, elements={**_CT, **nowhere, **elements}
    )
    ds.Modality = modality
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.save_as(name, enforce_file_format=True)
    down, across = spacing
    corner = float(pixels[0, 0])
    return Truth(
        apart=[
            Apart(corner, float(pixels[0, 10]), 10 * across),
            Apart(corner, float(pixels[8, 0]), 8 * down),
        ]
    )


def _ultrasound(folder: Path) -> Truth:
    region = group(
        RegionSpatialFormat=1,
        RegionDataType=1,
        RegionFlags=0,
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=COLUMNS - 1,
        RegionLocationMaxY1=ROWS_ - 1,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.04,
        PhysicalDeltaY=0.06,
    )
    pixels = image(0, "uint8", 0)
    elements = {"SequenceOfUltrasoundRegions": region}
    uid = "1.2.840.10008.5.1.4.1.1.6.1"
    return _unplaced(pixels, folder / "us.dcm", "US", uid, (0.6, 0.4), elements)


def _angiography(folder: Path) -> Truth:
    elements = {
        "ImagerPixelSpacing": ["0.4", "0.3"],
        "DistanceSourceToDetector": "1200",
        "DistanceSourceToPatient": "800",
        "EstimatedRadiographicMagnificationFactor": "1.5",
    }
    uid = "1.2.840.10008.5.1.4.1.1.12.1"
    spacing = (0.4 / 1.5, 0.3 / 1.5)
    return _unplaced(image(0, "uint16"), folder / "xa.dcm", "XA", uid, spacing, elements)


def _nuclear(folder: Path) -> Truth:
    """Write reconstructed slices, the frames in another order than the slices."""
    slices = list(range(10))
    random.Random(7).shuffle(slices)
    frames = [image(n, "uint16") for n in range(10)]
    detector = group(ImagePositionPatient=list(ORIGIN), ImageOrientationPatient=list(AXIAL))
    ds = phantom.slice_dataset(
        frames,
        spacing=SPACING,
        modality="OT",
        rescale=None,
        elements={
            **_CT,
            "ImagePositionPatient": None,
            "ImageOrientationPatient": None,
            "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
            "DetectorInformationSequence": detector,
            "SliceVector": [n + 1 for n in slices],
            "NumberOfSlices": 10,
            "SpacingBetweenSlices": "2.5",
            "SliceThickness": "4",
        },
    )
    ds.Modality = "NM"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
    ds.save_as(folder / "nm.dcm", enforce_file_format=True)
    places = along_z(*(2.5 * n for n in slices))
    return Truth([p for n in range(10) for p in points_of(frames[n], places[n])])


_SYNTAXES = {
    "implicit little-endian": phantom.IMPLICIT,
    "explicit big-endian": phantom.BIG_ENDIAN,
    "deflated": phantom.DEFLATED,
    "JPEG lossless (.57)": phantom.JPEG_LOSSLESS,
    "JPEG lossless (.70)": phantom.JPEG_LOSSLESS_FIRST_ORDER,
    "JPEG-LS": phantom.JPEG_LS,
    "JPEG 2000": phantom.JPEG_2000_LOSSLESS,
    "HTJ2K": phantom.HTJ2K_LOSSLESS,
    "RLE": phantom.RLE,
}

ROWS: tuple[Row, ...] = (
    Row("order by position: names shuffled, instance numbers reversed", _sorted),
    Row("spacing from positions: thickness and SpacingBetweenSlices 5, true 2 mm", _spacing),
    Row("positions jitter by 0.02 mm", _jitter),
    Row("one slice missing", _missing),
    Row("uneven spacing, 2 mm then 5 mm", _uneven),
    Row("gantry tilt of 15°", _tilted),
    Row("three times at each position", _times),
    Row("three echoes at each position", _echoes),
    Row("one image of three echoes lost", _lost_image),
    Row("one slice of 20 displaced by 0.3 mm", _displaced),
    Row("an exact copy of a slice", _copies),
    Row("a localizer in the series", _localizer),
    Row("two geometries under one series", _two_geometries),
    Row("three slices", _few),
    Row("a single slice of 5 mm", _single),
    Row("enhanced multi-frame, frames in any order", _enhanced),
    Row("Siemens mosaic without CSA header", _mosaic),
    Row("Philips MR with private scaling", _philips),
    Row("PET with a slope of its own for each slice", _pet),
    Row("MONOCHROME1", _monochrome1),
    Row("padding of −2000, stored, under an intercept of −1024", _padding),
    Row("12 signed bits stored in 16, junk above", _junk_bits),
    Row("slope 1, intercept 0: int16 stays int16", _integers),
    Row("RGB, colour by pixel", _colour(0)),
    Row("RGB, colour by plane", _colour(1)),
    Row("oblique, LPS to RAS", _oblique),
    Row("a DICOMDIR and its files", _dicomdir),
    Row("names without extension", _nameless),
    *(Row(f"transfer syntax: {name}", _in_syntax(uid)) for name, uid in _SYNTAXES.items()),
    Row("RT dose: planes by offset, values by scaling", _dose),
    Row("nuclear medicine: slices by their vector", _nuclear),
    Row("ultrasound: size by its region", _ultrasound),
    Row("X-ray angiography: spacing at the detector, magnified", _angiography),
    Row("parametric map: values by its mapping", _parametric_map),
    Row("beside a structure set and a report", _others),
    Row("one slice without pixel data", _without_pixels),
    Row("one slice truncated", _truncated),
)
