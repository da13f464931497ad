from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol.batch import COLUMNS
from napari_medvol.errors import BatchError, FormatError, ReadError, StepError, WriteError
from napari_medvol.recipe import Recipe
from tests.batch.trees import HIDDEN, column, left_behind, outputs, voxels, write_ct, write_flat
from tests.phantoms.dicom import write_series


def test_one_series_becomes_one_file(tmp_path: Path) -> None:
    write_ct(tmp_path / "CT")

    table = mv.convert(tmp_path / "CT", tmp_path / "ct.nii.gz")

    [volume] = mv.read(tmp_path / "CT")
    image = nib.load(tmp_path / "ct.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(volume.data))
    np.testing.assert_allclose(image.affine, volume.affine, atol=1e-4)
    assert image.get_data_dtype() == np.int16
    assert table.columns == COLUMNS
    assert column(table, "status") == ["written"]
    assert column(table, "shape") == ["17×16×4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CT", "ct.nii.gz"]


def test_a_tree_keeps_its_folders_and_names_tell_the_series(tmp_path: Path) -> None:
    for number in range(3):
        write_ct(tmp_path / "in" / f"p{number}" / "ct", number)
    nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.eye(4)).to_filename(
        tmp_path / "in" / "p0" / "atlas.nii"
    )
    (tmp_path / "in" / "notes.txt").write_text("no scan")

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    assert list(outputs(tmp_path / "out")) == [
        "p0/atlas.nii.gz",
        "p0/ct/1_CT_0.nii.gz",
        "p1/ct/2_CT_1.nii.gz",
        "p2/ct/3_CT_2.nii.gz",
    ]
    assert column(table, "input") == ["p0/atlas.nii", "p0/ct", "p1/ct", "p2/ct"]
    assert set(column(table, "status")) == {"written"}


def test_a_folder_of_several_series_gives_a_file_each_and_equal_names_are_numbered(
    tmp_path: Path,
) -> None:
    same = {"SeriesNumber": 5, "SeriesDescription": "a"}
    write_flat(tmp_path / "in", range(3), elements=same)

    mv.convert(tmp_path / "in", tmp_path / "out", template="{SeriesNumber}_{SeriesDescription}")

    assert list(outputs(tmp_path / "out")) == ["5_a-2.nii.gz", "5_a-3.nii.gz", "5_a.nii.gz"]


def test_a_series_in_several_folders_is_one_scan(tmp_path: Path) -> None:
    write_ct(tmp_path / "in" / "a", slices=6)
    (tmp_path / "in" / "b").mkdir()
    for file in sorted((tmp_path / "in" / "a").iterdir())[3:]:
        file.rename(tmp_path / "in" / "b" / file.name)

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    assert column(table, "shape") == ["17×16×6"]
    assert list(outputs(tmp_path / "out")) == ["1_CT_0.nii.gz"]


def test_what_cannot_be_read_is_a_row_in_words_and_stops_nothing(tmp_path: Path) -> None:
    write_ct(tmp_path / "in" / "good")
    (tmp_path / "in" / "bad").mkdir()
    (tmp_path / "in" / "bad" / "x.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish")
    nib.Nifti1Image(np.ones((3, 4, 5)), np.eye(4)).to_filename(tmp_path / "in" / "fine.nii")
    (tmp_path / "in" / "cut.nii").write_bytes(b"\1" * 100)

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    status = dict(zip(column(table, "input"), column(table, "status"), strict=True))
    assert status["good"] == status["fine.nii"] == "written"
    assert status["bad/x.dcm"] == status["cut.nii"] == "failed"
    problems = dict(zip(column(table, "input"), column(table, "problem"), strict=True))
    assert "cut.nii" in problems["cut.nii"]
    assert not left_behind(tmp_path)


def test_a_series_whose_pixels_are_cut_off_fails_alone(tmp_path: Path) -> None:
    write_ct(tmp_path / "in" / "good", 1)
    write_ct(tmp_path / "in" / "short", 2)
    for file in (tmp_path / "in" / "short").iterdir():
        file.write_bytes(file.read_bytes()[:-300])

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    assert dict(zip(column(table, "input"), column(table, "status"), strict=True)) == {
        "good": "written",
        "short": "failed",
    }
    assert list(outputs(tmp_path / "out")) == ["good/2_CT_1.nii.gz"]


def test_what_was_odd_is_in_the_report(tmp_path: Path) -> None:
    write_ct(tmp_path / "in", slices=6)
    (tmp_path / "in" / "00003.dcm").unlink()

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    [problem] = column(table, "problem")
    assert "missing" in problem


def test_steps_and_choices_reach_every_scan(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")
    steps = [
        mv.Step("orient", {"axcodes": "RAS"}),
        mv.Step("crop", {"start": (1, 2, 0), "stop": (9, 8, 3)}),
    ]

    mv.convert(tmp_path / "in", tmp_path / "out", steps=steps, dtype="float32", sidecar="none")
    mv.convert(
        tmp_path / "in",
        tmp_path / "recipe",
        steps=Recipe(tuple(steps)),
        suffix="mgz",
        sidecar="none",
    )

    [volume] = mv.read(tmp_path / "in")
    wanted = mv.apply(volume, steps)
    image = nib.load(tmp_path / "out" / "1_CT_0.nii.gz")
    np.testing.assert_array_equal(image.get_fdata(), np.asarray(wanted.data))
    np.testing.assert_allclose(image.affine, wanted.affine, atol=1e-4)
    assert image.get_data_dtype() == np.float32
    assert nib.load(tmp_path / "recipe" / "1_CT_0.mgz").shape == (8, 6, 3)


def test_a_chosen_series_is_the_only_one_converted(tmp_path: Path) -> None:
    write_flat(tmp_path / "in", range(3))

    mv.convert(tmp_path / "in", tmp_path / "two.nii.gz", series="2")

    image = nib.load(tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), voxels(1).T)


def test_several_scans_do_not_go_into_one_file(tmp_path: Path) -> None:
    write_ct(tmp_path / "in" / "a", 1)
    write_ct(tmp_path / "in" / "b", 2)

    with pytest.raises(BatchError, match="holds 2 scans"):
        mv.convert(tmp_path / "in", tmp_path / "ct.nii.gz")
    assert not (tmp_path / "ct.nii.gz").exists()


def test_an_archive_is_a_scan_or_several(tmp_path: Path) -> None:
    write_ct(tmp_path / "ct", 1)
    write_ct(tmp_path / "ct2", 2)
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "both.zip", "w") as archive:
        for folder in ("ct", "ct2"):
            for file in (tmp_path / folder).iterdir():
                archive.write(file, f"{folder}/{file.name}")

    table = mv.convert(tmp_path / "in", tmp_path / "out")

    assert column(table, "status") == ["written", "written"]
    assert len(outputs(tmp_path / "out")) == 2


def test_a_list_of_files_is_a_source(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")
    files = sorted((tmp_path / "in").iterdir())

    table = mv.convert(files, tmp_path / "out")

    assert column(table, "shape") == ["17×16×4"]


def test_outputs_of_other_runs_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    tree, away = tmp_path / "tree", tmp_path / "away"
    write_ct(tree / "ct")
    write_ct(away / "ct", 7)
    mv.convert(tree, tree / "first", scheduler="sync", suffix=".mgz")
    mv.convert(away, tree / "guest", scheduler="sync", suffix=".mgz")

    # What was made of this tree is in it already; what was made of another one is not.
    found = column(mv.convert(tree, tree / "second", scheduler="sync"), "input")
    assert found == ["ct", "guest/ct/8_CT_7.mgz"]
    # Asked for by name, outputs are inputs like any other.
    assert len(mv.convert(tree / "first", tmp_path / "third", scheduler="sync").rows) == 1


def test_outputs_are_known_whatever_way_leads_to_them(tmp_path: Path) -> None:
    tree, link = tmp_path / "tree", tmp_path / "link"
    write_ct(tree / "ct")
    link.symlink_to(tree, target_is_directory=True)

    for source, target in [(tree, tree), (link, tree), (tree, link), (link, link / "in")]:
        mv.convert(source, target, scheduler="sync", format="DICOM")
        table = mv.convert(source, target, scheduler="sync", format="DICOM")
        assert column(table, "status") == ["there"]
        assert column(table, "input") == ["ct"]


def test_outputs_among_the_inputs_are_not_converted_again(tmp_path: Path) -> None:
    write_ct(tmp_path / "beside" / "ct")
    write_ct(tmp_path / "below" / "ct")

    tables = [
        mv.convert(tmp_path / source, tmp_path / target)
        for source, target in [("beside", "beside"), ("below", "below/nifti")]
        for _ in range(2)
    ]

    assert [column(table, "status") for table in tables] == [["written"], ["there"]] * 2


def test_two_volumes_of_one_series_are_two_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for size in (8, 12):
        values = rng.integers(0, 99, (3, size, size), np.int16)
        one = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "SeriesDescription": "loc"}
        write_series(tmp_path / "in" / f"s{size}", values, series=f"s{size}", elements=one)

    table = mv.convert(tmp_path / "in", tmp_path / "out", template="{SeriesDescription}")

    assert sorted(column(table, "shape")) == ["12×12×3", "8×8×3"]
    assert column(table, "output") == ["loc.nii.gz", "loc-2.nii.gz"]


def test_the_report_is_written_as_csv_or_json(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")

    mv.convert(tmp_path / "in", tmp_path / "out", report=tmp_path / "r" / "report.csv")
    table = mv.convert(tmp_path / "in", tmp_path / "out2", report=tmp_path / "report.json")

    head, row = (tmp_path / "r" / "report.csv").read_text(encoding="utf-8").splitlines()
    assert head.split(",")[:3] == ["input", "output", "status"]
    assert "written" in row
    assert json.loads((tmp_path / "report.json").read_text())[0]["shape"] == "17×16×4"
    assert column(table, "largest error") == [0.0]


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WriteError, match="the report cannot be written"):
        mv.convert(tmp_path / "in", tmp_path / "out", report=tmp_path / "file" / "r.csv")


def test_progress_is_told_and_can_end_the_work(tmp_path: Path) -> None:
    for number in range(4):
        write_ct(tmp_path / "in" / str(number), number)
    told: list[tuple[int, int]] = []

    class EnoughError(Exception): ...

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2 and total:
            raise EnoughError

    with pytest.raises(EnoughError):
        mv.convert(tmp_path / "in", tmp_path / "out", progress=progress, scheduler="sync")

    assert (4, 0) in told
    assert told[-1] == (2, 4)
    assert len(outputs(tmp_path / "out")) == 2
    assert not list((tmp_path / "out" / HIDDEN).glob("stop-*"))
    mv.convert(tmp_path / "in", tmp_path / "out")
    assert len(outputs(tmp_path / "out")) == 4


@pytest.mark.parametrize(
    ("asked", "error", "why"),
    [
        ({"template": "{Modalty}"}, BatchError, "no scan says its Modalty"),
        ({"template": "{"}, BatchError, "template"),
        ({"dtypes": "int16"}, BatchError, "there is no choice 'dtypes'"),
        ({"sidecar": "yes"}, BatchError, "sidecar='yes' is none of"),
        ({"gaps": "mend"}, BatchError, "gaps='mend' is none of"),
        ({"names": "mine"}, BatchError, "names='mine'"),
        ({"format": "Polaroid"}, BatchError, "no format 'Polaroid' is written"),
        ({"scheduler": "fast"}, BatchError, "'fast' is unknown"),
        ({"workers": 0}, BatchError, "0 is no number of workers"),
        ({"steps": [mv.Step("melt")]}, StepError, "no operation has this name"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    tmp_path: Path, asked: dict[str, object], error: type[Exception], why: str
) -> None:
    write_ct(tmp_path / "in")

    with pytest.raises(error, match=why):
        mv.convert(tmp_path / "in", tmp_path / "out", **asked)  # type: ignore[arg-type]
    assert not outputs(tmp_path / "out")


def test_a_source_without_scans_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no scan")

    with pytest.raises(FormatError, match="holds no scan"):
        mv.convert(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ReadError, match="No such file"):
        mv.convert(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_target_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    write_ct(tmp_path / "in")
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WriteError, match="file/out"):
        mv.convert(tmp_path / "in", tmp_path / "file" / "out")
