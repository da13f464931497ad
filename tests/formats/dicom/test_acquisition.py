"""What a DICOM series says of its acquisition, in the words of BIDS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

import napari_medvol as mv
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Volume
from tests.phantoms.dicom import uid_of, write_series

WHO = ("Phantom", "Ada", "P1", "19010203", "20240102", "101112", "General Hospital", "SN-77")
#: When each slice was taken, s: odd ones first.
TIMES = (0.0, 1.0, 0.5, 1.5)


@pytest.fixture
def bold(tmp_path: Path) -> Volume:
    """Two volumes of four slices, interleaved."""
    for repeat in range(2):
        for k, time in enumerate(TIMES):
            (path,) = write_series(
                tmp_path / "bold" / f"{repeat}{k}",
                np.full((1, 6, 5), 10 * repeat + k, np.int16),
                origin=(0, 0, 3.0 * k),
                modality="MR",
                series="bold",
                elements={
                    "InstanceNumber": 4 * repeat + k + 1, "TemporalPositionIdentifier": repeat + 1,
                    "AcquisitionTime": f"1011{10 + 2 * repeat + time:08.5f}",
                    "SOPInstanceUID": uid_of(repeat, k), "RepetitionTime": "2000",
                    "EchoTime": "30", "FlipAngle": "75", "MagneticFieldStrength": "3",
                    "PatientBirthDate": "19010203", "InstitutionName": "General Hospital",
                    "DeviceSerialNumber": "SN-77", "ScanningSequence": "EP",
                },
            )  # fmt: skip
            assert pydicom.dcmread(path).InstanceNumber == 4 * repeat + k + 1
    (volume,) = mv.read(tmp_path / "bold")
    return volume


def said(volume: Volume, folder: Path) -> dict[str, Any]:
    mv.write(volume, folder / "x.nii.gz", sidecar="bids", overwrite=True)
    return json.loads((folder / "x.json").read_text(encoding="utf-8"))


def test_times_are_in_seconds_and_nobody_is_named(bold: Volume, tmp_path: Path) -> None:
    found = said(bold, tmp_path)

    assert (found["RepetitionTime"], found["EchoTime"], found["FlipAngle"]) == (2, 0.03, 75)
    assert (found["Modality"], found["MagneticFieldStrength"]) == ("MR", 3)
    assert (found["Manufacturer"], found["SeriesDescription"]) == ("Phantom", "bold")
    del found["Manufacturer"], found["napari-medvol"]
    text = json.dumps(found)
    assert not [word for word in WHO if word in text]


@pytest.mark.parametrize(
    ("change", "direction", "times"),
    [
        (lambda v: v, None, TIMES),
        (lambda v: orient(v, "RAI"), None, TIMES[::-1]),
        (lambda v: orient(v, "SRA"), "i", TIMES),
        (lambda v: crop(v, (0, 0, 1), (5, 6, 4)), None, TIMES[1:]),
    ],
    ids=["as read", "upside down", "turned", "cropped"],
)
def test_slice_timing_follows_the_slices(
    change: Any, direction: str | None, times: Any, bold: Volume, tmp_path: Path
) -> None:
    found = said(change(bold), tmp_path)
    assert found["SliceTiming"] == pytest.approx(list(times))
    assert found.get("SliceEncodingDirection") == direction


def test_a_volume_that_is_not_dicom_says_where_it_comes_from(tmp_path: Path) -> None:
    volume = Volume(np.zeros((3, 4, 5), np.int16), np.eye(4))
    assert set(said(volume, tmp_path)) == {"napari-medvol"}


@pytest.mark.parametrize(
    "scan", ["mosaic_axasc35", "mosaic_sagdesc36", "mosaic_corint36", "enh_xa60_epbold"]
)
def test_real_scans_have_the_times_of_dcm2niix(scan: str, data: Path, tmp_path: Path) -> None:
    import subprocess

    import nibabel as nib

    dcm2niix = pytest.importorskip("dcm2niix")
    (volume,) = mv.read(data / "data" / scan)
    call = [dcm2niix.bin, "-f", "theirs", "-b", "y", "-o", str(tmp_path)]
    subprocess.run([*call, str(data / "data" / scan)], capture_output=True, check=False)
    theirs = json.loads((tmp_path / "theirs.json").read_text(encoding="utf-8"))

    found = said(volume, tmp_path)

    names = ("EchoTime", "RepetitionTime", "FlipAngle", "SeriesDescription", "SliceThickness")
    assert {name: found[name] for name in names} == {name: theirs[name] for name in names}
    step = nib.load(tmp_path / "theirs.nii").affine[:3, 2]
    same_way = step @ np.asarray(volume.affine)[:3, 2] > 0
    times = theirs["SliceTiming"][:: 1 if same_way else -1]
    # Scanners tell multiples of 2.5 ms, and which of two volumes is asked makes that much.
    assert found["SliceTiming"] == pytest.approx(times, abs=0.0026)
