"""Sizes and places that ultrasound and nuclear medicine tell in their own way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence as Items

from napari_medvol import Volume, read
from tests.phantoms.dicom import slice_dataset, write_slice
from tests.phantoms.multiframe import item

UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}


def only(path: Path) -> Volume:
    (volume,) = read(path)
    return volume


def region(x1: int, dx: float, dy: float, units: int = 3) -> Any:
    return item(
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=x1,
        RegionLocationMaxY1=40,
        PhysicalUnitsXDirection=units,
        PhysicalUnitsYDirection=units,
        PhysicalDeltaX=dx,
        PhysicalDeltaY=dy,
    )


def ultrasound(path: Path, *regions: Any) -> Volume:
    elements = {**UNPLACED, "SequenceOfUltrasoundRegions": Items(regions)}
    write_slice(path, np.zeros((40, 60), np.uint8), modality="OT", elements=elements)
    return only(path)


def test_ultrasound_is_sized_by_its_region(tmp_path: Path) -> None:
    volume = ultrasound(tmp_path / "us.dcm", region(60, 0.02, -0.03))

    assert volume.zooms[:2] == pytest.approx((0.2, 0.3))
    assert ("SequenceOfUltrasoundRegions", "0.3\\0.2") in volume.report.used
    assert volume.report.warnings == ()


def test_regions_of_another_scale_are_told_of(tmp_path: Path) -> None:
    volume = ultrasound(tmp_path / "us.dcm", region(20, 0.5, 0.5), region(60, 0.02, 0.02))

    assert volume.zooms[:2] == pytest.approx((0.2, 0.2))
    assert "2 ultrasound regions of different scale" in volume.report.warnings[0]


@pytest.mark.parametrize("bad", [region(60, 0.02, 0.02, units=4), region(60, 0.0, 0.02)])
def test_regions_that_are_no_lengths_leave_the_size_open(tmp_path: Path, bad: Any) -> None:
    volume = ultrasound(tmp_path / "us.dcm", bad)

    assert "no pixel spacing" in volume.report.warnings[0]


def nuclear(path: Path, kind: str, **elements: Any) -> Path:
    frames = [np.full((4, 5), n, np.uint16) for n in range(6)]
    detector = item(
        ImagePositionPatient=[-10, -20, 100], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
    )
    dataset = slice_dataset(
        frames,
        spacing=(4, 3),
        modality="OT",
        rescale=None,
        elements={
            **{k: None for k in UNPLACED if k != "PixelSpacing"},
            "ImageType": ["ORIGINAL", "PRIMARY", kind, "EMISSION"],
            "DetectorInformationSequence": Items([detector]),
            "Modality": "NM",
            **elements,
        },
    )
    uid = "1.2.840.10008.5.1.4.1.1.20"
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uid
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("between", [4.5, -4.5])
def test_a_reconstructed_spect_is_stacked_by_its_slice_vector(
    tmp_path: Path, between: float
) -> None:
    vector = [3, 2, 1, 6, 5, 4]
    path = nuclear(
        tmp_path / "nm.dcm", "RECON TOMO", SpacingBetweenSlices=str(between), SliceVector=vector
    )

    volume = only(path)

    assert volume.shape == (5, 4, 6)
    for frame, slice_number in enumerate(vector):
        z = 100 + between * (slice_number - 1)
        index = np.linalg.inv(volume.affine) @ [10, 20, z, 1]
        np.testing.assert_allclose(index[:2], 0, atol=1e-9)
        assert volume.data[0, 0, round(index[2])] == frame
    assert "4.5 mm apart by SpacingBetweenSlices" in str(volume.report)


def test_projections_are_frames_not_slices(tmp_path: Path) -> None:
    volume = only(nuclear(tmp_path / "nm.dcm", "TOMO", SpacingBetweenSlices="4"))

    assert volume.shape == (5, 4, 1, 6)


def test_an_overlay_plane_is_noted(tmp_path: Path) -> None:
    elements = {0x60003000: ("OW", bytes(8))}
    write_slice(tmp_path / "x.dcm", np.zeros((8, 8), np.int16), elements=elements)

    assert "overlay" in {f.kind for f in only(tmp_path / "x.dcm").report.findings}
