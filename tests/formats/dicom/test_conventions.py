"""Every row of the table of conventions: ours is right, by the judge that judges all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import conventions
from benchmarks.convention_rows import ROWS, Row
from benchmarks.conventions import Output, ours, verdict
from tests.conftest import ROOT

EVEN = ROWS[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_convention_is_kept(row: Row, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    truth = row.write(folder)
    assert truth.ramp is not None or len(truth.points) >= 4 or len(truth.apart) >= 2

    assert verdict(ours(folder), truth) == "right"


@pytest.fixture
def read(tmp_path: Path) -> tuple[Output, conventions.Truth]:
    truth = EVEN.write(tmp_path)
    (output,) = ours(tmp_path)
    return output, truth


def test_the_judge_tells_a_shift(read: tuple[Output, conventions.Truth]) -> None:
    output, truth = read
    moved = output.affine.copy()
    moved[0, 3] += 0.3

    assert verdict([Output(output.array, moved)], truth) == "off by 0.30 mm"


def test_the_judge_tells_a_mirror(read: tuple[Output, conventions.Truth]) -> None:
    output, truth = read

    assert verdict([Output(output.array[::-1], output.affine)], truth).startswith("off by")


def test_the_judge_tells_wrong_and_lost_values(read: tuple[Output, conventions.Truth]) -> None:
    output, truth = read
    half = output.array.copy()
    half[:, :, 5:] = 0

    assert verdict([Output(output.array * 2 + 7000, output.affine)], truth) == "values wrong"
    assert verdict([Output(half, output.affine)], truth) == "20 of 40 values lost"
    assert verdict([], truth) == "nothing"


def test_the_judge_looks_at_every_file(read: tuple[Output, conventions.Truth]) -> None:
    output, truth = read
    moved = output.affine.copy()
    moved[2, 3] -= 2

    found = verdict([output, Output(output.array, moved)], truth)

    assert found == "one file right, another off by 2.00 mm"


def test_the_judge_tells_stretched_slices(tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.name.startswith("uneven"))
    truth = row.write(tmp_path)
    heights = np.array([*range(0, 10, 2), *range(13, 34, 5)]) + 40.0
    array = np.broadcast_to(100 * heights, (16, 12, 10))
    affine = np.diag([1, 1, (heights[-1] - heights[0]) / 9, 1])
    affine[2, 3] = heights[0]

    assert verdict([Output(array, affine)], truth).startswith("off by")


def test_the_judge_tells_wrong_sizes(tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.name.startswith("ultrasound"))
    truth = row.write(tmp_path)
    (output,) = ours(tmp_path)
    larger = output.affine @ np.diag([1.5, 1, 1, 1])

    said = verdict([Output(output.array, larger)], truth)

    assert said == "sizes 1.50 times the true ones"
    assert verdict([Output(output.array + 1, output.affine)], truth) == "values wrong"


def test_a_dtype_and_an_extent_may_be_asked_for(read: tuple[Output, conventions.Truth]) -> None:
    output, truth = read
    truth.dtype = "int16"
    assert verdict([output], truth) == "right"
    assert verdict([Output(output.array.astype(float), output.affine)], truth) == (
        "right, but float64"
    )
    truth.extent = 5.0
    assert verdict([output], truth) == "slice of 2 mm, not 5 mm"


def test_the_page_lists_the_rows_that_there_are() -> None:
    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")

    assert [row.name for row in ROWS if f"\n| {row.name} | right |" not in page] == []


def test_refusals_are_shortened_and_name_no_folder() -> None:
    text = "Exception in /tmp/x:\nsitk::ERROR: /tmp/x/series | 4.dcm   is odd.\nmore"

    assert conventions._short(text, "/tmp/x") == "sitk::ERROR: /series / 4.dcm is odd"
    assert conventions._short("", "/tmp/x") == "without a word"
    assert len(conventions._short("w " * 99, "/tmp/x")) == 68
