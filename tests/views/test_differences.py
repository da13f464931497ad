"""Two scans compared."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

import napari_medvol
from napari_medvol.formats.inspecting import full_header
from napari_medvol.ops.crop import crop
from napari_medvol.views.differences import (
    COLUMNS,
    differences,
    differences_table,
    header_differences,
    image_differences,
    voxel_difference,
)
from napari_medvol.volume import Volume
from tests.phantoms.dicom import write_series


def saved(path: Path, dtype: type, **changes: object) -> Volume:
    values = np.arange(60).reshape(3, 4, 5)
    image = nib.Nifti1Image(values.astype(dtype), np.diag([2, 3, 4, 1]))
    for name, value in changes.items():
        image.header[name] = value
    nib.save(image, path)
    (volume,) = napari_medvol.read(path)
    return volume


def test_int16_and_float32_differ_in_datatype_and_bitpix_alone(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "a.nii", np.int16), saved(tmp_path / "b.nii", np.float32)

    found = differences(one, other, full_header(one), full_header(other))

    assert [(row.name, row.one, row.other) for row in found] == [
        ("datatype", "4", "16"), ("bitpix", "16", "32"),
    ]  # fmt: skip
    compared = voxel_difference(one, other)
    assert compared is not None
    assert str(compared) == "All 60 values are equal"


def test_nifti_1_and_2_are_told_in_the_same_words(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.nii", np.int16)
    image = nib.Nifti2Image(np.asarray(one.data), one.affine)
    nib.save(image, tmp_path / "b.nii")
    (other,) = napari_medvol.read(tmp_path / "b.nii")

    names = {row.name for row in header_differences(full_header(one), full_header(other))}

    assert {"sizeof_hdr", "magic"} <= names
    assert not {"dim", "datatype", "srow_x"} & names


def test_two_dicom_series_differ_element_by_element(tmp_path: Path) -> None:
    pixels = np.zeros((3, 6, 8), np.int16)
    write_series(tmp_path / "a", pixels, elements={"KVP": "120", "PatientID": "7"})
    write_series(tmp_path / "b", pixels, elements={"KVP": "80", "PatientID": "7"})
    (one,), (other,) = napari_medvol.read(tmp_path / "a"), napari_medvol.read(tmp_path / "b")

    found = {
        row.name: row for row in differences(one, other, full_header(one), full_header(other))
    }

    assert found["KVP (0018,0060)"][2:] == ("120", "80")
    assert not any(name.startswith("PatientID") for name in found)


def test_scans_of_two_formats_are_compared_in_shared_words(tmp_path: Path) -> None:
    write_series(
        tmp_path / "a", np.zeros((5, 4, 3), np.int16), elements={"RepetitionTime": "2000"}
    )
    (dicom,) = napari_medvol.read(tmp_path / "a")
    image = nib.Nifti1Image(np.zeros((3, 4, 5, 2), np.float32), dicom.affine)
    image.header.set_zooms((*nib.affines.voxel_sizes(dicom.affine), 2.0))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "b.nii")
    (nifti,) = napari_medvol.read(tmp_path / "b.nii")

    found = {
        row.name: row for row in differences(dicom, nifti, full_header(dicom), full_header(nifti))
    }

    assert found["type"][2:] == ("DICOM", "NIfTI-1")
    assert found["data type on disk"][2:] == ("int16", "float32")
    assert "repetition time" not in found, found.get("repetition time")
    assert "dimensions" not in found
    assert not any(name.startswith("affine") for name in found)


def test_units_are_made_the_same_before_they_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "sub_bold.nii"
    one = saved(path, np.int16)
    path.with_suffix(".json").write_text('{"RepetitionTime": 2.0, "EchoTime": 0.03}')
    (bids,) = napari_medvol.read(path)
    write_series(
        tmp_path / "a", np.zeros((5, 4, 3), np.int16),
        elements={"RepetitionTime": "2000", "EchoTime": "35"},
    )  # fmt: skip
    (dicom,) = napari_medvol.read(tmp_path / "a")

    found = {r.name: r for r in differences(bids, dicom, full_header(bids), full_header(dicom))}

    assert "repetition time" not in found
    assert found["echo time"][2:] == ("30 ms", "35 ms")
    assert one.shape == bids.shape


def test_a_cropped_scan_is_compared_by_what_it_is_now(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.nii", np.int16)
    cropped = crop(one, (1, 1, 0), (3, 4, 5))

    found = {r.name: r for r in differences(one, cropped, full_header(one), full_header(cropped))}

    assert found["dimensions"][2:] == ("3 × 4 × 5", "2 × 3 × 5")
    assert found["origin, RAS"][2:] == ("0, 0, 0 mm", "2, 3, 0 mm")
    assert found["changed since it was read"][2:] == (None, "crop")
    assert "datatype" not in found


def test_a_scan_does_not_differ_from_itself_wherever_it_lies(data: Path, tmp_path: Path) -> None:
    source = next((data / "data" / "nb_test_mgz").glob("*.mgz"))
    (tmp_path / source.name).write_bytes(source.read_bytes())
    (one,), (other,) = napari_medvol.read(source), napari_medvol.read(tmp_path / source.name)

    assert differences(one, other, full_header(one), full_header(other)) == ()
    assert image_differences(one, other) == ()


def test_voxels_are_compared_one_by_one() -> None:
    data = np.arange(60.0).reshape(3, 4, 5)
    data[0, 0, 0] = np.nan
    changed = data.copy()
    changed[1, 1, 1] += 2.5
    changed[2, 2, 2] = np.nan
    one, other = Volume(data, np.eye(4)), Volume(changed, np.eye(4))
    steps: list[int] = []

    found = voxel_difference(one, other, lambda done, total: steps.append(done))

    assert found is not None
    assert found == (2, 60, 2.5)
    assert str(found) == "2 of 60 values differ, by up to 2.5"
    assert steps == [0, 1, 2, 3, 4]
    assert voxel_difference(one, Volume(data[:2], np.eye(4))) is None


def test_differences_go_to_a_table(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "a.nii", np.int16), saved(tmp_path / "b.nii", np.float32)

    table = differences_table(differences(one, other, full_header(one), full_header(other)))

    assert table.columns == COLUMNS
    assert table.rows[0] == ("NIfTI-1 header", "datatype", "4", "16")
