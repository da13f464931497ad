"""What tells who the patient is."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset

import napari_medvol
from napari_medvol.formats.inspecting import full_header
from napari_medvol.headers import Element
from napari_medvol.views.identifiers import are_direct, identifiers
from tests.phantoms.dicom import write_series

#: The fields that a hospital's course asks to look for, and some more.
IDENTIFYING = {
    "PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "19700131",
    "OtherPatientIDs": "4712", "PatientAddress": "Main Street 1", "AccessionNumber": "A99",
    "PatientTelephoneNumbers": "555", "PatientMotherBirthName": "Roe^Mary",
    "InstitutionName": "St. Elsewhere", "InstitutionAddress": "Hill 2", "StationName": "CT01",
    "ReferringPhysicianName": "House^G", "PerformingPhysicianName": "Grey^M",
    "OperatorsName": "Smith^J", "PhysiciansOfRecord": "Who^D", "StudyID": "S1",
    "PatientComments": "afraid of needles", "Occupation": "baker", "DeviceSerialNumber": "77",
    "MilitaryRank": "captain", "AdditionalPatientHistory": "fell", "EthnicGroup": "x-men",
    "RequestingPhysician": "Ross^D", "CurrentPatientLocation": "ward 3",
    "NameOfPhysiciansReadingStudy": "Wilson^J", "CountryOfResidence": "Atlantis",
}  # fmt: skip
GONE = dict.fromkeys(IDENTIFYING, "") | {
    "PatientName": "ANONYMOUS", "PatientID": "", "AccessionNumber": "0", "StationName": "XXXX",
    "InstitutionName": "Removed", "OperatorsName": "^^", "StudyDate": "", "StudyTime": "",
}  # fmt: skip


def names(found: object) -> set[str]:
    return {one.name for one in found}  # type: ignore[attr-defined]


def of_series(folder: Path, elements: dict[str, object]) -> object:
    write_series(folder, np.zeros((2, 6, 8), np.int16), elements=elements)
    (volume,) = napari_medvol.read(folder)
    return identifiers(full_header(volume), volume.report.files)


def test_every_identifying_element_is_found(tmp_path: Path) -> None:
    found = of_series(tmp_path, IDENTIFYING)

    assert set(IDENTIFYING) <= names(found)
    assert are_direct(found)


def test_what_was_taken_away_is_no_identifier(tmp_path: Path) -> None:
    found = of_series(tmp_path, GONE)

    assert not names(found) & set(IDENTIFYING)
    assert not are_direct(found)


def test_names_inside_sequences_are_found(tmp_path: Path) -> None:
    item, inner = Dataset(), Dataset()
    inner.PersonName = "Nested^Nurse"
    item.ScheduledPerformingPhysicianName = "Deep^Doctor"
    item.ScheduledPerformingPhysicianIdentificationSequence = [inner]
    found = of_series(tmp_path, {**GONE, "RequestAttributesSequence": [item]})

    values = {one.value for one in found}  # type: ignore[attr-defined]
    assert {"Nested^Nurse", "Deep^Doctor"} <= values


def test_the_patients_name_in_a_path_is_found(tmp_path: Path) -> None:
    found = of_series(
        tmp_path / "scans of jane doe", {"PatientName": "Doe^Jane", "PatientID": "1"}
    )

    (path,) = (one for one in found if one.kind == "path")  # type: ignore[attr-defined]
    assert "PatientName" in path.name
    assert "jane doe" in path.value


def test_text_burned_into_the_picture_is_told() -> None:
    burned = (Element("BurnedInAnnotation", "YES", tag="(0028,0301)"),)

    assert are_direct(identifiers(burned))
    assert not identifiers((burned[0]._replace(value="NO"),))


def test_dates_alone_point_to_nobody_but_a_date_of_birth_does() -> None:
    dates = (Element("StudyDate", "20200101"), Element("AcquisitionTime", "101112"))

    assert len(identifiers(dates)) == 2
    assert not are_direct(identifiers(dates))
    assert are_direct(identifiers((Element("PatientBirthDate", "19700131"),)))


@pytest.mark.parametrize(
    ("field", "text", "is_told"),
    [
        ("descrip", "Jane Doe 4711", True),
        ("aux_file", "doe_jane.mat", True),
        ("db_name", "4711", True),
        ("descrip", "FSL5.0", False),
        ("descrip", "spm - 3D normalized", False),
        ("descrip", "TE=35", False),
        ("descrip", "", False),
    ],
)
def test_free_text_of_nifti_is_told_unless_a_program_wrote_it(
    tmp_path: Path, field: str, text: str, is_told: bool
) -> None:
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4))
    image.header[field] = text.encode()
    nib.save(image, tmp_path / "a.nii")
    (volume,) = napari_medvol.read(tmp_path / "a.nii")

    assert (field in names(identifiers(full_header(volume)))) == is_told


def test_a_comment_and_a_side_file_of_nifti_are_looked_through(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"scan of Jane"))
    nib.save(image, tmp_path / "a.nii")
    (tmp_path / "a.json").write_text(json.dumps({"InstitutionName": "St. Elsewhere"}))
    (volume,) = napari_medvol.read(tmp_path / "a.nii")

    found = identifiers(full_header(volume))

    assert {one.value for one in found} == {"scan of Jane", "St. Elsewhere"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("history", "Mon Jan 1 jane@host> mincresample /data/doe/a.mnc"),
        ("full_name", "Doe_Jane"),
        ("patient_name", "Doe, Jane"),
        ("physician_name", "House"),
        ("patient_id", "4711"),
        ("HISTORY_NOTE", "[jane@host: 2020] 3dcopy"),
    ],
)
def test_words_of_other_formats_are_known(name: str, value: str) -> None:
    assert are_direct(identifiers((Element(name, value),)))


def test_a_real_par_file_names_its_patient(data: Path) -> None:
    (volume,) = napari_medvol.read(data / "data" / "par_varscale")

    assert {"patient_name", "exam_date"} <= names(identifiers(full_header(volume)))
