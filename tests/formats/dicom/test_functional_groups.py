"""Functional groups from the bytes of a header are what pydicom reads, or left to pydicom."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import Unsure
from napari_medvol.formats.dicom.functional_groups import (
    MEANINGS,
    frame_values,
    pydicoms_values,
    walked_values,
)
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.parsing import read_header
from tests.formats.dicom.hostile.mutations import MUTATIONS
from tests.formats.dicom.hostile.sources import quiet
from tests.formats.dicom.test_header import real_files, shipped_files
from tests.phantoms.multiframe import group, item, write_enhanced

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
N_FRAMES = 5


@pytest.fixture(autouse=True)
def quiet_pydicom() -> Iterator[None]:
    with quiet():
        yield


def header_of(path: Path) -> Header | None:
    try:
        header = read_header(path)
    except ReadError:
        return None
    if header is None or header.pixels is None:
        return None
    return header if tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE in header else None


def compared(header: Header) -> str:
    """Return who reads the groups: ``"walk"``, or ``"pydicom"``; fail if they differ."""
    try:
        walked = walked_values(header)
    except Unsure:
        return "pydicom"
    try:
        wanted = pydicoms_values(header.dataset())
    except ReadError as error:
        # Thousands of sequences in each other, elsewhere in the header, which the walk skips.
        if "RecursionError" in error.why:
            return "walk alone"
        raise
    assert shown(walked) == shown(wanted)
    return "walk"


def shown(values: list[dict[int, Any]]) -> list[str]:
    """Return values as text: not a number is then equal to itself."""
    return [repr(sorted(frame.items())) for frame in values]


def every_group(n: int) -> dict[str, Any]:
    """Return a frame's own groups: every element that is read, values of many lengths."""
    diffusion = item(DiffusionBValue=500.0 * n)
    if n:
        direction = group(DiffusionGradientOrientation=[0.0, 0.6, -0.8])
        diffusion.DiffusionGradientDirectionSequence = direction
    return {
        "FrameContentSequence": group(
            StackID="1" if n % 2 else "a b",
            InStackPositionNumber=n + 1,
            DimensionIndexValues=[1, n + 1, 3],
            TemporalPositionIndex=n + 1,
            FrameAcquisitionDateTime=f"2020010210111{n}.5+0100",
            FrameAcquisitionNumber=n,
        ),
        "PixelValueTransformationSequence": group(
            RescaleSlope=str(1 + n / 4), RescaleIntercept="-1024", RescaleType="HU"
        ),
        "FrameVOILUTSequence": group(WindowCenter=["40", "-600"], WindowWidth=["400", "1500"]),
        "MRImageFrameTypeSequence": group(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"]),
        "CTImageFrameTypeSequence": group(FrameType="DERIVED"),
        "MREchoSequence": group(EffectiveEchoTime=4.5 * n),
        "MRDiffusionSequence": [diffusion],
        "MRTimingAndRelatedParametersSequence": group(RepetitionTime="2000", FlipAngle=""),
        "CardiacSynchronizationSequence": group(
            NominalCardiacTriggerDelayTime=12.5, NominalPercentageOfCardiacPhase=n
        ),
        "CTReconstructionSequence": group(ConvolutionKernel=["B", "f"]),
        "SegmentIdentificationSequence": group(ReferencedSegmentNumber=n + 1),
        "DerivationImageSequence": [],
    }


def write_every_group(path: Path, syntax: str, *, undefined: bool) -> Path:
    frames = [((0, 0, 2.25 * n), every_group(n)) for n in range(N_FRAMES)]
    stored = np.arange(N_FRAMES * 12, dtype=np.int16).reshape(N_FRAMES, 3, 4)
    dimensions = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
    write_enhanced(path, frames, stored, dimensions=dimensions)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = syntax
    if undefined:
        _without_lengths(ds)
    ds.save_as(path, implicit_vr=syntax == IMPLICIT, little_endian=True)
    return path


def _without_lengths(ds: Any) -> None:
    for element in ds:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for part in element.value:
                part.is_undefined_length_sequence_item = True
                _without_lengths(part)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("undefined", [False, True], ids=["lengths", "delimiters"])
def test_every_group_is_read_from_the_bytes_as_pydicom_reads_it(
    syntax: str, undefined: bool, tmp_path: Path
) -> None:
    header = header_of(write_every_group(tmp_path / "e.dcm", syntax, undefined=undefined))

    assert header is not None
    assert compared(header) == "walk"
    values = frame_values(header)
    assert [frame[tags.IMAGE_POSITION_PATIENT] for frame in values] == [
        (0.0, 0.0, 2.25 * n) for n in range(N_FRAMES)
    ]
    assert values[2][tags.IMAGE_TYPE] == "DERIVED"
    assert values[2][tags.DIMENSION_INDEX_VALUES] == (3.0,)
    assert values[2][tags.ACQUISITION_TIME] == "101112.5"


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        (None, {"TemporalPositionIndex": 7}, (7.0,)),
        ({}, {"TemporalPositionIndex": 7}, (7.0,)),
        ({"StackID": "x"}, {"DimensionIndexValues": [4]}, None),
    ],
)
def test_the_content_of_a_frame_hides_the_shared_one_as_in_pydicom(
    own: dict[str, Any] | None,
    shared: dict[str, Any],
    expected: tuple[float, ...] | None,
    tmp_path: Path,
) -> None:
    path = write_every_group(tmp_path / "e.dcm", EXPLICIT, undefined=False)
    ds = pydicom.dcmread(path)
    ds.SharedFunctionalGroupsSequence[0].FrameContentSequence = group(**shared)
    for frame in ds.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence
        if own is not None:
            frame.FrameContentSequence = group(**own)
    ds.save_as(path)
    header = header_of(path)

    assert header is not None
    assert compared(header) == "walk"
    asked = tags.TEMPORAL_POSITION_IDENTIFIER if expected else tags.DIMENSION_INDEX_VALUES
    assert frame_values(header)[0].get(asked) == expected


@pytest.mark.parametrize(
    ("group_", "keyword", "vr", "raw"),
    [
        ("PlanePositionSequence", "ImagePositionPatient", "DS", b"1\\2\\x "),
        ("PlanePositionSequence", "ImagePositionPatient", "DS", b"1\\\\2 "),
        ("PlanePositionSequence", "ImagePositionPatient", "DS", b"1\\2\\1e999"),
        ("PlanePositionSequence", "ImagePositionPatient", "LO", b"1\\2\\3 "),
        ("FrameContentSequence", "StackID", "SH", b"\xe9t\xe9 "),
        ("FrameContentSequence", "StackID", "SH", b"a \\b "),
    ],
)
def test_what_leaves_a_doubt_is_pydicoms(
    group_: str, keyword: str, vr: str, raw: bytes, tmp_path: Path
) -> None:
    path = write_every_group(tmp_path / "e.dcm", EXPLICIT, undefined=False)
    ds = pydicom.dcmread(path)
    raw += b" " * (len(raw) % 2)
    part = ds.PerFrameFunctionalGroupsSequence[1][group_][0]
    tag = pydicom.tag.Tag(keyword)
    part._dict[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    ds.save_as(path)
    header = header_of(path)

    assert header is not None
    assert compared(header) == "pydicom"
    assert shown(frame_values(header)) == shown(pydicoms_values(header.dataset()))


def test_the_meanings_have_the_types_of_the_standard() -> None:
    assert all(dictionary_VR(row.group) == "SQ" for row in MEANINGS)
    assert all(dictionary_VR(row.element) == row.vr for row in MEANINGS)


def test_the_groups_of_files_at_hand_are_pydicoms() -> None:
    headers = [header for path in shipped_files() if (header := header_of(path))]
    assert headers

    for header in headers:
        compared(header)


def test_the_groups_of_real_scans_are_pydicoms(data: Path) -> None:
    headers = [header for path in real_files() if (header := header_of(path))]
    assert len(headers) > 5

    assert "walk" in {compared(header) for header in headers}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_damaged_groups_are_pydicoms_or_refused_by_both(syntax: str, tmp_path: Path) -> None:
    path = tmp_path / "e.dcm"
    read_by: list[str] = []
    for undefined in (False, True):
        content = write_every_group(path, syntax, undefined=undefined).read_bytes()
        for seed in range(250):
            rng = random.Random(seed)
            try:
                path.write_bytes(rng.choice(MUTATIONS)(rng, content))
            except (ValueError, IndexError, OverflowError, struct.error):
                continue
            header = header_of(path)
            if header is not None and not header.problem:
                read_by.append(compared(header))

    assert read_by.count("walk") > 100
    assert "pydicom" in read_by
