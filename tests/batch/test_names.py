from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medvol.batch.names import (
    DEFAULT_TEMPLATE,
    TakenNames,
    as_dicom2nifti,
    cleaned,
    facts_of,
    fields_of,
    filled,
)
from napari_medvol.errors import BatchError
from napari_medvol.report import GeometryReport
from napari_medvol.volume import Field, Volume

FACTS = {
    "folder": "study/ct",
    "SeriesNumber": "3",
    "SeriesDescription": "CT Lung  3.0  B31f",
    "Modality": "CT",
    "PatientID": "P/1",
    "name": "CT Lung",
    "stem": "1-001",
}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (DEFAULT_TEMPLATE, "study/ct/3_CT_Lung_3.0_B31f"),
        ("{SeriesNumber:03d}-{Modality}", "003-CT"),
        ("{index:04}_{stem}", "0007_1-001"),
        ("{PatientID}/{Modality}", "P_1/CT"),
        ("{ProtocolName}_{Modality}_{EchoTime}", "CT"),
        ("{ProtocolName}", "CT_Lung"),
        ("{{{Modality}}}", "{CT}"),
    ],
)
def test_a_template_is_filled_with_what_is_known(template: str, name: str) -> None:
    assert filled(template, FACTS, 7) == name


def test_a_value_with_a_slash_makes_no_folder_but_the_folder_does() -> None:
    facts = {**FACTS, "SeriesDescription": "T1/T2"}

    assert filled("{folder}/{SeriesDescription}", facts, 1) == "study/ct/T1_T2"


@pytest.mark.parametrize("template", ["{", "{0}", "{a.b}", "{}", "}"])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(BatchError, match="template"):
        fields_of(template)


@pytest.mark.parametrize("template", ["../{stem}", "a/../../{stem}", "/out/{stem}", "..\\{stem}"])
def test_a_template_that_leads_out_of_the_folder_is_refused(template: str) -> None:
    with pytest.raises(BatchError, match="leads out of the folder of the outputs"):
        filled(template, FACTS, 1)


def test_a_value_leads_nowhere() -> None:
    facts = {**FACTS, "SeriesDescription": "../../x", "folder": "../.."}

    assert filled("{folder}/{SeriesDescription}", facts, 1) == "x"


def test_a_number_format_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BatchError, match="template"):
        filled("{Modality:03d}", FACTS, 1)


@given(st.text())
def test_a_cleaned_name_is_one_that_every_file_system_takes(text: str) -> None:
    name = cleaned(text)

    assert not set(name) & set('<>:"/\\|?*\0\n\t ')
    assert len(name.encode()) <= 120
    assert name == name.strip(". ")
    assert name.split(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1")
    assert cleaned(name) == name or name.startswith("_")


def test_equal_names_are_numbered_whatever_their_case() -> None:
    names = TakenNames(["taken"])

    given_names = [names.give(name) for name in ("a", "A", "a", "a-2", "Taken", "b")]

    assert given_names == ["a", "A-2", "a-3", "a-2-2", "Taken-2", "b"]


@given(st.lists(st.sampled_from(["a", "A", "a-2", "a-3", "b"])))
def test_no_two_given_names_are_the_same(wanted: list[str]) -> None:
    names = TakenNames()

    given_names = [names.give(name).casefold() for name in wanted]

    assert len(set(given_names)) == len(given_names)


@pytest.mark.parametrize(
    "facts",
    [
        {"SeriesNumber": "3", "SeriesDescription": "CT Lung  3.0  B31f"},
        {"SeriesNumber": "12", "SeriesDescription": "Schädel – T1 (MPRAGE), 1mm³ -- x"},
        {"SeriesNumber": "4", "ProtocolName": "fl3d/VIBE"},
        {"SeriesNumber": "5"},
        {"SeriesInstanceUID": "1.2.840.99"},
    ],
)
def test_names_as_dicom2nifti_gives_them(facts: dict[str, str]) -> None:
    convert_dir = pytest.importorskip("dicom2nifti.convert_dir")
    number, described = facts.get("SeriesNumber"), facts.get("SeriesDescription")
    # Its own lines of convert_directory, with its own function.
    theirs = convert_dir._remove_accents
    wanted = theirs(number) if number else theirs(facts["SeriesInstanceUID"])
    if number and (described := described or facts.get("ProtocolName")):
        wanted = theirs(f"{wanted}_{described}")

    assert as_dicom2nifti(facts) == wanted


def test_nothing_about_the_patient_is_in_a_name_unless_asked_for() -> None:
    header = (
        Field("Patient", "PatientName", "Ada"),
        Field("Patient", "PatientID", "P1"),
        Field("Series", "SeriesNumber", "2"),
    )
    report = GeometryReport(files=("/data/IM1.dcm",))
    volume = Volume(np.zeros((1, 1, 1)), np.eye(4), header=header, name="head", report=report)

    facts = facts_of(volume, PurePosixPath("a"))

    assert filled(DEFAULT_TEMPLATE, facts, 1) == "a/2"
    assert filled("{PatientID}_{stem}", facts, 1) == "P1_IM1"
