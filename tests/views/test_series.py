from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from napari_medvol.report import Finding, GeometryReport
from napari_medvol.views.series import (
    TITLES,
    SeriesGroup,
    SeriesRow,
    largest,
    matches_words,
    series_groups,
    series_key,
    series_rows,
    shortened,
)
from napari_medvol.volume import Axis, Field, Volume
from tests.phantoms.volumes import affine_along


def test_values_of_an_axis_are_no_step() -> None:
    echoes = Axis("echo", unit="ms", values=(5.0, 10.5))
    volume = Volume(np.zeros((4, 5, 6, 2)), np.eye(4), axes=(echoes,))

    assert series_rows([volume])[0].voxel_size == "1 × 1 × 1 mm"


def test_a_row_says_what_tells_one_series_from_another() -> None:
    header = (
        Field("Series", "SeriesNumber", "4"),
        Field("Series", "Modality", "PT"),
        Field("Study", "StudyDate", "20240131"),
        Field("Series", "SeriesDate", "20240229"),
    )
    findings = (
        Finding("2 slices are missing"),
        Finding("a note", "note"),
        Finding("tilted by 3°"),
    )
    volume = Volume(
        np.zeros((4, 5, 6, 7)),
        affine_along("LPS", (0.9765625, 2.0, 3.5)),
        axes=(Axis("t", 2.0, "s"),),
        header=header,
        name="Galligas Lung",
        report=GeometryReport(files=("a", "b", "c"), findings=findings),
    )

    assert series_rows([volume]) == [
        SeriesRow(
            number="4",
            description="Galligas Lung",
            modality="PT",
            date="2024-02-29",
            size="4 × 5 × 6 × 7",
            voxel_size="0.9766 × 2 × 3.5 mm, 2 s",
            files=3,
            problems="2 slices are missing\ntilted by 3°",
        )
    ]


def test_what_is_not_known_is_empty_and_colour_is_no_size() -> None:
    volume = Volume(np.zeros((4, 5, 6, 3), np.uint8), np.eye(4), axes=(Axis("rgb"),))

    (row,) = series_rows([volume])

    assert (row.number, row.modality, row.date, row.problems) == ("", "", "", "")
    assert row.size == "4 × 5 × 6"
    assert row.files == 0


@pytest.mark.parametrize(
    ("said", "shown"), [("20240131", "2024-01-31"), ("2024.01.31", "2024.01.31")]
)
def test_dates_are_made_readable_where_they_are_dates(said: str, shown: str) -> None:
    header = (Field("Study", "StudyDate", said),)

    (row,) = series_rows([Volume(np.zeros((1, 1, 1)), np.eye(4), header=header)])

    assert row.date == shown


def test_there_is_a_title_for_every_column_and_rows_keep_their_order() -> None:
    volumes = [Volume(np.zeros((1, 1, n)), np.eye(4), name=str(n)) for n in (3, 1, 2)]

    assert len(TITLES) == len(SeriesRow._fields)
    assert [row.description for row in series_rows(volumes)] == ["3", "1", "2"]


def of_study(name: str, **said: str) -> Volume:
    header = tuple(Field("Study", keyword, value) for keyword, value in said.items())
    report = GeometryReport(files=(f"/scans/{name}/1.dcm",))
    return Volume(np.zeros((1, 1, 1)), np.eye(4), name=name, header=header, report=report)


def test_scans_are_grouped_by_patient_and_study_with_what_the_files_say() -> None:
    one = {"PatientID": "007", "PatientName": "Doe^Jane", "StudyInstanceUID": "1.1"}
    volumes = [
        of_study("ct", **one, StudyDate="20240131", StudyDescription="Chest"),
        of_study("other", PatientID="008", StudyInstanceUID="2.1"),
        of_study("later", **{**one, "StudyInstanceUID": "1.2"}),
        of_study("seg", **one),
        of_study("nifti a"),
    ]

    assert series_groups(volumes) == [
        SeriesGroup("Doe^Jane (007) · 2024-01-31 Chest", (0, 3)),
        SeriesGroup("Doe^Jane (007)", (2,)),
        SeriesGroup("008", (1,)),
        SeriesGroup("nifti a", (4,)),
    ]


def test_a_name_that_is_the_identity_is_said_once() -> None:
    said = {"PatientID": "STS_002", "PatientName": "STS_002"}

    assert series_groups([of_study("ct", **said)])[0].title == "STS_002"
    assert series_groups([Volume(np.zeros((1, 1, 1)), np.eye(4))])[0].title == ""


def test_all_words_have_to_be_in_the_row_in_any_case_and_order() -> None:
    (row,) = series_rows([of_study("Galligas Lung", Modality="PT", SeriesNumber="4")])

    assert matches_words(row, "lung pt")
    assert matches_words(row, "  ")
    assert matches_words(row, "GALL")
    assert not matches_words(row, "lung ct")


def test_a_series_is_known_again_by_its_uid_or_its_file_and_its_name() -> None:
    assert series_key(of_study("a", SeriesInstanceUID="1.2")) == ("1.2", "a")
    assert series_key(of_study("a")) == ("/scans/a/1.dcm", "a")
    assert series_key(Volume(np.zeros((1, 1, 1)), np.eye(4), name="b")) == ("", "b")


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        ("", ""),
        ("tilted by 3°", "tilted by 3°"),
        ("2 geometries (size, spacing); each is a volume", "2 geometries …"),
        ("12 slices are missing: blank\nodd\nodder", "12 slices are missing … (+2)"),
        (
            "a very long text without any aside goes on and on",
            "a very long text without any aside goes on and …",
        ),
    ],
)
def test_what_was_found_odd_is_said_in_a_few_words(text: str, gist: str) -> None:
    assert shortened(text) == gist


def test_the_largest_image_comes_before_any_labels() -> None:
    def volume(n: int, kind: Literal["image", "labels"]) -> Volume:
        return Volume(np.zeros((n, n, n), np.uint8), np.eye(4), kind=kind)

    assert largest([volume(2, "image"), volume(9, "labels"), volume(5, "image")]) == 2
    assert largest([volume(2, "labels"), volume(3, "labels")]) == 1
