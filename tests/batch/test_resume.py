"""The same call again does what is new, changed or unfinished, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nibabel as nib
import pytest

import napari_medvol as mv
from napari_medvol.batch.ledger import FOLDER, Ledger
from tests.batch.trees import column, outputs, voxels, write_ct
from tests.phantoms.dicom import write_series


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Return a folder with two scans, ``in``, and what they were converted to, ``out``."""
    for number in range(2):
        write_ct(tmp_path / "in" / f"ct{number}", number)
    mv.convert(tmp_path / "in", tmp_path / "out")
    return tmp_path


def _again(place: Path, **choices: object) -> list[str]:
    return column(mv.convert(place / "in", place / "out", **choices), "status")  # type: ignore[arg-type]


def test_what_is_done_is_not_done_again_and_keeps_its_row(done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "out").rglob("*.gz")}

    table = mv.convert(done / "in", done / "out")

    assert column(table, "status") == ["there", "there"]
    assert column(table, "shape") == ["17×16×4"] * 2
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_came_into_the_tree_is_converted_and_the_others_keep_their_names(
    tmp_path: Path,
) -> None:
    flat = "{SeriesDescription}"
    write_ct(tmp_path / "in" / "b", 1, elements={"SeriesDescription": "same"})
    mv.convert(tmp_path / "in", tmp_path / "out", template=flat)
    first = outputs(tmp_path / "out")
    write_ct(tmp_path / "in" / "a", 2, elements={"SeriesDescription": "same"})

    table = mv.convert(tmp_path / "in", tmp_path / "out", template=flat)

    assert column(table, "status") == ["written", "there"]
    assert column(table, "output") == ["same-2.nii.gz", "same.nii.gz"]
    assert first.items() <= outputs(tmp_path / "out").items()


def test_an_input_that_changed_is_converted_again(done: Path) -> None:
    write_series(
        done / "in" / "ct0",
        voxels(7),
        series="CT 0",
        step=(0, 0, 2.5),
        spacing=(0.8, 0.9),
        elements={"SeriesNumber": 1},
    )

    assert _again(done) == ["written", "there"]
    image = nib.load(done / "out" / "ct0" / "1_CT_0.nii.gz")
    assert (image.dataobj == voxels(7).T).all()


def test_an_input_that_was_only_touched_or_copied_is_known_by_its_content(done: Path) -> None:
    for file in (done / "in" / "ct0").iterdir():
        os.utime(file, ns=(1, 1))

    assert _again(done) == ["there", "there"]
    moved = done / "moved"
    shutil.copytree(done / "in", moved, copy_function=shutil.copyfile)
    assert column(mv.convert(moved, done / "out"), "status") == ["there", "there"]


def test_other_steps_or_choices_are_another_conversion(done: Path) -> None:
    first = outputs(done / "out")

    assert _again(done, dtype="float32") == ["written", "written"]
    assert _again(done, dtype="float32") == ["there", "there"]
    assert _again(done, steps=[mv.Step("orient", {"axcodes": "RAS"})], sidecar="none") == [
        "written",
        "written",
    ]
    assert _again(done) == ["written", "written"]
    assert outputs(done / "out") == first


def test_an_output_that_is_gone_is_made_again(done: Path) -> None:
    (done / "out" / "ct1" / "2_CT_1.nii.gz").unlink()

    assert _again(done) == ["there", "written"]


def test_an_output_that_somebody_changed_is_kept_and_told_of(done: Path) -> None:
    file = done / "out" / "ct0" / "1_CT_0.nii.gz"
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")

    table = mv.convert(done / "in", done / "out")

    assert column(table, "status") == ["failed", "there"]
    assert "was changed since it was converted" in column(table, "problem")[0]
    assert file.read_bytes().endswith(b"\xff")
    assert _again(done, overwrite=True) == ["written", "there"]
    assert _again(done) == ["there", "there"]


def test_an_output_that_was_only_touched_is_known_by_its_bytes(done: Path) -> None:
    os.utime(done / "out" / "ct0" / "1_CT_0.nii.gz", ns=(1, 1))

    assert _again(done) == ["there", "there"]


def test_what_others_wrote_is_never_replaced_unless_asked(tmp_path: Path) -> None:
    write_ct(tmp_path / "in" / "ct0")
    mine = tmp_path / "out" / "ct0" / "1_CT_0.nii.gz"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")

    for _ in range(2):
        table = mv.convert(tmp_path / "in", tmp_path / "out")
        assert column(table, "status") == ["failed"]
        assert "is there already" in column(table, "problem")[0]
        assert mine.read_text() == "precious"
    assert _again(tmp_path, overwrite=True) == ["written"]


def test_without_resume_everything_is_done_again(done: Path) -> None:
    assert _again(done, resume=False) == ["written", "written"]


def test_a_run_that_was_killed_between_writing_and_noting_is_finished(done: Path) -> None:
    path = done / "out" / FOLDER / "converted.jsonl"
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    # Two begun, one written noted, the other's file there but its note torn in the middle.
    path.write_text("\n".join([*lines[:3], lines[3][:100]]))

    statuses = _again(done)

    assert sorted(statuses) == ["there", "written"]
    assert _again(done) == ["there", "there"]


def test_a_scan_that_failed_is_tried_again(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")
    whole = {file: file.read_bytes() for file in (tmp_path / "in").iterdir()}
    for file, content in whole.items():
        file.write_bytes(content[:-200])

    assert _again(tmp_path) == ["failed"]
    for file, content in whole.items():
        file.write_bytes(content)
    assert _again(tmp_path) == ["written"]


def test_a_ledger_of_another_kind_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "converted.jsonl").write_text('[1]\n{"output": "a"}\nnonsense\n')

    assert Ledger(tmp_path).names() == {}
