from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.report import Finding, GeometryReport
from napari_medvol.views.series import TITLES, SeriesRow, series_rows
from napari_medvol.volume import Axis, Field, Volume
from tests.phantoms.volumes import affine_along


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
