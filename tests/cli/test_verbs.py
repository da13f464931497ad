"""Every verb, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_from_to

from napari_medvol import OPERATIONS
from napari_medvol.cli import run
from napari_medvol.cli.operations import VERBS
from tests.batch.trees import outputs, voxels, write_ct

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a scan of each kind, and work there."""
    write_ct(tmp_path / "CT", 2)
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.Nifti1Image(data, np.diag([-1, 1, 2, 1])).to_filename(tmp_path / "scan.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_operation_can_be_run_by_its_name(capsys: Captured) -> None:
    assert run(["step", "--list"]) == 0

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(OPERATIONS)
    assert {op for verb in VERBS for op in verb.ops} <= set(OPERATIONS)


def test_step_runs_an_operation_as_its_own_verb_does(here: Path) -> None:
    box = ["start=[1,2,0]", "stop=[3,4,5]"]
    assert run(["step", "scan.nii.gz", "a.nii", "crop", *box]) == 0
    assert run(["crop", "scan.nii.gz", "b.nii", "--start", "1,2,0", "--stop", "3,4,5"]) == 0
    assert run(["step", "scan.nii.gz", "c.nii", "orient", "axcodes=PIR"]) == 0

    assert (here / "a.nii").read_bytes() == (here / "b.nii").read_bytes()
    assert nib.aff2axcodes(nib.load("c.nii").affine) == ("P", "I", "R")


@pytest.mark.parametrize(
    "verb", ["info", "open", "convert", "apply", "check", *(verb.name for verb in VERBS)]
)
def test_every_verb_has_help_with_examples(verb: str, capsys: Captured) -> None:
    assert run([verb, "--help"]) == 0

    assert f"\n  napari-medvol {verb} " in capsys.readouterr().out


def test_info_tells_of_one_scan_in_words(here: Path, capsys: Captured) -> None:
    assert run(["info", "scan.nii.gz"]) == 0

    out = capsys.readouterr().out
    assert "3 × 4 × 5" in out
    assert "LAS" in out
    assert "Geometry from" in out
    assert "sizeof_hdr" in out


def test_info_tells_of_several_scans_in_a_table(here: Path, capsys: Captured) -> None:
    write_ct(here / "more" / "a", 1)
    write_ct(here / "more" / "b", 5)

    assert run(["info", "more"]) == 0
    table = capsys.readouterr().out
    assert run(["info", "more", "--series", "6"]) == 0
    one = capsys.readouterr().out
    assert run(["info", "more", "--all"]) == 0
    everything = capsys.readouterr().out

    assert table.count("17 × 16 × 4") == 2
    assert "Geometry from ImagePositionPatient" not in table
    assert one.count("Geometry from ImagePositionPatient") == 1
    assert "CT 5" in one
    assert everything.count("Geometry from ImagePositionPatient") == 2


def test_info_is_json_for_programs(here: Path, capsys: Captured) -> None:
    assert run(["info", "CT", "--json"]) == 0

    [facts] = json.loads(capsys.readouterr().out)
    assert facts["shape"] == [17, 16, 4]
    assert facts["zooms"] == [0.9, 0.8, 2.5]
    assert facts["axcodes"] == "LPS"
    assert facts["report"]["spacing"] == pytest.approx(2.5)
    assert len(facts["report"]["files"]) == 4
    assert {"group": "Series", "name": "Modality", "value": "CT", "unit": ""} in facts["header"]


def test_convert_writes_what_is_asked_for(here: Path, capsys: Captured) -> None:
    command = ["convert", "CT", "ct.nii.gz", "--reorient", "LAS", "--dtype", "float32"]

    assert run([*command, "--codes", "unknown,aligned", "--level", "9", "--sidecar", "bids"]) == 0

    image = nib.load(here / "ct.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    assert image.get_data_dtype() == np.float32
    assert int(image.header["qform_code"]) == 0
    assert int(image.header["sform_code"]) == 2
    np.testing.assert_array_equal(image.get_fdata(), voxels(2).T[:, ::-1])
    assert json.loads((here / "ct.json").read_text(encoding="utf-8"))
    captured = capsys.readouterr()
    assert "17×16×4" in captured.out
    assert captured.err.strip() == "1 written"


def test_canonical_is_nibabels(here: Path) -> None:
    assert run(["convert", "CT", "ct.nii", "--reorient", "canonical"]) == 0

    image = nib.load(here / "ct.nii")
    assert nib.as_closest_canonical(image) is image


def test_convert_takes_a_tree_and_ends_with_1_if_something_failed(
    here: Path, capsys: Captured
) -> None:
    (here / "bad.nii").write_bytes(b"\1" * 50)
    command = ["convert", ".", "out", "-t", "{Modality}_{stem}", "-j", "1", "--report", "r.json"]

    assert run(command) == 1

    captured = capsys.readouterr()
    assert list(outputs(here / "out")) == ["CT_00001.nii.gz", "scan.nii.gz"]
    assert captured.err.strip() == "1 failed, 2 written"
    assert {row["status"] for row in json.loads((here / "r.json").read_text())} == {
        "failed",
        "written",
    }
    (here / "bad.nii").unlink()
    assert run([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["there", "there"]


def test_convert_never_replaces_a_file_unasked(here: Path, capsys: Captured) -> None:
    (here / "ct.nii").write_text("precious")

    assert run(["convert", "CT", "ct.nii"]) == 1
    assert (here / "ct.nii").read_text() == "precious"
    assert "is there already; nothing was written" in capsys.readouterr().err
    assert run(["convert", "CT", "ct.nii", "--overwrite"]) == 0


@pytest.mark.parametrize(
    "box",
    [
        ["--start", "1,2,0", "--stop", "3,4,5"],
        ["--box", "1:3,2:,:"],
        ["--box", "-2:,-2:4,0:5"],
        ["--start", "1,2,0"],
    ],
)
def test_crop_keeps_the_box(here: Path, box: list[str], capsys: Captured) -> None:
    assert run(["crop", "scan.nii.gz", "part.nii", *box]) == 0

    whole, part = nib.load("scan.nii.gz"), nib.load("part.nii")
    np.testing.assert_array_equal(part.dataobj, np.asarray(whole.dataobj)[1:3, 2:, :])
    np.testing.assert_allclose(part.affine, whole.slicer[1:3, 2:, :].affine)
    assert "every value came back" in capsys.readouterr().out


def test_orient_turns_the_axes(here: Path) -> None:
    assert run(["orient", "scan.nii.gz", "turned.mgz", "PIR"]) == 0

    image = nib.load("turned.mgz")
    assert nib.aff2axcodes(image.affine) == ("P", "I", "R")
    assert nib.as_closest_canonical(image).shape == (3, 4, 5)


def test_relabel_says_anew_where_the_axes_run(here: Path) -> None:
    assert run(["relabel", "scan.nii.gz", "mended.nii", "PIR", "--keep", "origin"]) == 0

    image = nib.load("mended.nii")
    assert nib.aff2axcodes(image.affine) == ("P", "I", "R")
    np.testing.assert_array_equal(image.dataobj, nib.load("scan.nii.gz").dataobj)
    np.testing.assert_allclose(image.affine[:3, 3], 0, atol=1e-6)


def _centre(path: str) -> list[float]:
    image = nib.load(path)
    return nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2).tolist()


def test_align_moves_to_a_scan_a_point_or_by_a_matrix(here: Path) -> None:
    (here / "m.txt").write_text("1 0 0 5\n0,1,0,-2\n0 0 1 .5\n\n0 0 0 1\n")
    assert run(["convert", "CT", "ct.nii"]) == 0

    assert run(["align", "scan.nii.gz", "a.nii", "--to", "ct.nii"]) == 0
    assert run(["align", "scan.nii.gz", "b.nii", "--centre", "1,2.5,-3"]) == 0
    assert run(["align", "scan.nii.gz", "c.nii", "--origin=-1,2,3"]) == 0
    assert run(["align", "scan.nii.gz", "d.nii", "--matrix", "m.txt"]) == 0

    assert _centre("a.nii") == pytest.approx(_centre("ct.nii"), abs=1e-4)
    assert _centre("b.nii") == pytest.approx([1, 2.5, -3], abs=1e-4)
    assert nib.load("c.nii").affine[:3, 3].tolist() == pytest.approx([-1, 2, 3], abs=1e-5)
    moved = np.subtract(_centre("d.nii"), _centre("scan.nii.gz"))
    assert moved.tolist() == pytest.approx([5, -2, 0.5], abs=1e-5)


def test_align_takes_the_transform_files_of_other_programs(here: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    # ITK leads from the fixed scan to the moving one, in LPS+: this moves by (5, -2, 0.5) RAS+.
    sitk.WriteTransform(sitk.TranslationTransform(3, (5, -2, -0.5)), "t.tfm")
    (here / "t.mat").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    assert run(["convert", "CT", "ct.nii"]) == 0

    assert run(["align", "scan.nii.gz", "a.nii", "--transform", "t.tfm"]) == 0
    assert run(["align", "scan.nii.gz", "b.nii", "--transform", "t.mat"]) != 0
    assert not (here / "b.nii").exists()
    fsl = ["align", "ct.nii", "c.nii", "--transform", "t.mat", "--reference", "ct.nii"]
    assert run(fsl) == 0
    assert run(["align", "scan.nii.gz", "d.nii", "--centres-of", "ct.nii"]) == 0

    moved = np.subtract(_centre("a.nii"), _centre("scan.nii.gz"))
    assert moved.tolist() == pytest.approx([5, -2, 0.5], abs=1e-5)
    np.testing.assert_allclose(nib.load("c.nii").affine, nib.load("ct.nii").affine, atol=1e-5)
    assert _centre("d.nii") == pytest.approx(_centre("ct.nii"), abs=1e-4)


def test_align_registers_onto_another_scan(here: Path) -> None:
    pytest.importorskip("SimpleITK")
    place = np.indices((40, 44, 36)).transpose(1, 2, 3, 0) - (20, 22, 18)
    values = 200.0 * ((place / (15, 18, 12)) ** 2).sum(-1).__le__(1)
    values += 500.0 * (((place - (5, 6, 2)) / (4, 5, 6)) ** 2).sum(-1).__le__(1)
    affine = np.diag([2.0, 2, 2, 1])
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), "fixed.nii")
    affine[:3, 3] = 6, -4, 5
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), "away.nii")

    assert run(["align", "away.nii", "back.nii", "--register", "fixed.nii"]) == 0

    np.testing.assert_allclose(nib.load("back.nii").affine[:3, 3], 0, atol=2)
    assert run(["align", "away.nii", "x.nii", "--register", "fixed.nii", "--motion", "bent"]) != 0
    assert not (here / "x.nii").exists()


def test_resample_takes_the_grid_of_another_scan_or_other_voxels(here: Path) -> None:
    data = np.random.default_rng(0).integers(0, 999, (9, 10, 11), np.int16)
    nib.save(nib.Nifti1Image(data, np.diag([1.0, 2, 3, 1])), here / "m.nii")
    finer = np.diag([0.5, 1.0, 1.5, 1])
    finer[:3, 3] = [1, 2, 1.5]
    nib.save(nib.Nifti1Image(np.zeros((8, 9, 10), np.int16), finer), here / "grid.nii")
    onto = ["--dtype", "float32", "--interpolation", "linear"]

    assert run(["resample", "m.nii", "a.nii", "--to", "grid.nii", *onto]) == 0
    assert run(["resample", "m.nii", "b.nii", "--zooms", "2", *onto]) == 0
    assert run(["resample", "m.nii", "c.nii", "--factors", "2,1,1"]) == 0
    assert run(["resample", "m.nii", "d.nii", "--world"]) == 0

    theirs = resample_from_to(nib.load("m.nii"), nib.load("grid.nii"), order=1)
    ours = nib.load("a.nii")
    # nibabel keeps int16 and cuts the fractions off.
    assert np.abs(ours.get_fdata() - theirs.get_fdata()).max() <= 1
    np.testing.assert_allclose(ours.affine, finer, atol=1e-5)
    assert nib.load("b.nii").header.get_zooms() == (2, 2, 2)
    assert nib.load("c.nii").header.get_zooms() == (2, 2, 3)
    np.testing.assert_allclose(nib.load("d.nii").affine, np.diag([1, 2, 3, 1]), atol=1e-5)


def test_apply_replays_a_recipe_as_it_stands_or_on_something_else(here: Path) -> None:
    (here / "r.toml").write_text(
        '[[input]]\npath = "scan.nii.gz"\n[[step]]\nop = "orient"\naxcodes = "RAS"\n'
        '[[step]]\nop = "crop"\nstart = [0, 0, 0]\nstop = [2, 2, 2]\n[output]\npath = "o.nii"\n'
    )

    assert run(["apply", "r.toml"]) == 0
    assert run(["apply", "r.toml", "CT", "ct.nii.gz"]) == 0
    assert run(["apply", "r.toml", "CT", "folder", "-j", "1"]) == 0

    canonical = nib.as_closest_canonical(nib.load("scan.nii.gz"))
    np.testing.assert_array_equal(nib.load("o.nii").dataobj, canonical.dataobj[:2, :2, :2])
    assert nib.load("ct.nii.gz").shape == (2, 2, 2)
    assert "3_CT_2.nii.gz" in outputs(here / "folder")


def test_check_ends_with_1_if_an_engine_disagrees(here: Path, capsys: Captured) -> None:
    image = nib.load("scan.nii.gz")
    image.set_qform(np.diag([-1, 1, 2, 1]), code=1)
    moved = np.diag([-1.0, 1, 2, 1])
    moved[0, 3] = 3.0
    image.set_sform(moved, code=2)
    nib.save(image, here / "two.nii")

    assert run(["check", "scan.nii.gz"]) == 0
    assert run(["check", "two.nii"]) == 1
    assert "3 mm off, more than 0.05 mm" in capsys.readouterr().err
    assert run(["check", "two.nii", "--within", "4"]) == 0


def test_check_that_could_ask_nobody_is_no_agreement(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("napari_medvol.opinion.ENGINES", {})

    assert run(["check", "scan.nii.gz"]) == 1
    assert "no other program could say" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        ("info nowhere.nii", 1, "No such file"),
        ("convert notes.txt x.nii", 1, "Known formats"),
        ("convert CT x.nii --dtype int99", 2, "no type of numbers"),
        ("convert CT x.nii --scaling 1", 2, "neither auto, none nor two numbers"),
        ("convert CT x.nii --set Nothing", 2, "KEYWORD=VALUE"),
        ("convert CT x.polaroid --format Polaroid", 2, "no format"),
        ("convert CT x --scheduler tcp", 2, "is unknown"),
        ("crop CT x.nii", 2, "it takes one of --box, --start, --content"),
        ("crop CT x.nii --box 1:2,3:4", 2, "is not three ranges"),
        ("crop CT x.nii --box a:2,3:4,:", 2, "is not three ranges"),
        ("crop CT x.nii --start 1,2 --stop 4,5,6", 2, "is not three whole numbers"),
        ("crop CT x.nii --start 5,5,5 --stop 4,5,6", 2, "is empty or not inside"),
        ("crop . x.nii --box :,:,:", 2, "it holds 2 scans"),
        ("orient CT x.nii ABC", 2, "does not name each"),
        ("step CT x.nii melt", 2, "no operation has this name"),
        ("step CT x.nii crop start", 2, "it is no NAME=VALUE"),
        ("step CT x.nii crop start=[0,0,0]", 2, "missing a required argument"),
        ("resample CT x.nii", 2, "it takes one of"),
        ("resample CT x.nii --to CT --zooms 1", 2, "it takes one of"),
        ("resample CT x.nii --zooms a", 2, "is not three numbers"),
        ("align CT x.nii", 2, "it takes one of"),
        ("align CT x.nii --centre 1,2", 2, "is not three numbers"),
        ("align CT x.nii --matrix notes.txt", 2, "notes.txt"),
        ("align CT x.nii --matrix none.txt", 2, "none.txt"),
        ("align CT x.nii --matrix short.txt", 2, "not 4 rows of 4"),
        ("apply steps.toml", 2, "names no input"),
        ("apply steps.toml CT", 2, "names no output"),
        ("apply none.toml CT x.nii", 1, "cannot be read"),
        ("open nowhere.nii", 2, "there is no such file"),
    ],
)
def test_an_error_is_a_sentence_on_stderr(
    here: Path, command: str, code: int, why: str, capsys: Captured
) -> None:
    (here / "notes.txt").write_text("no scan")
    (here / "short.txt").write_text("1 2 3 4\n")
    (here / "steps.toml").write_text('[[step]]\nop = "orient"\naxcodes = "RAS"\n')

    assert run(command.split()) == code

    captured = capsys.readouterr()
    assert why in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.err.strip().endswith(".")
    assert not captured.out
    assert not (here / "x.nii").exists()


@pytest.mark.parametrize("command", ["bogus", "convert", "convert CT x.nii --dtipe int16", ""])
def test_a_command_that_makes_no_sense_ends_with_2(command: str, capsys: Captured) -> None:
    assert run(command.split()) == 2


def test_the_version_is_told(capsys: Captured) -> None:
    import napari_medvol

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == napari_medvol.__version__


def test_what_nobody_foresaw_is_a_sentence_too(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("napari_medvol.formats.read", fail)

    assert run(["info", "scan.nii.gz"]) == 1
    assert "unexpected ZeroDivisionError: by zero. Please report it" in capsys.readouterr().err
    monkeypatch.setenv("NAPARI_MEDVOL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["info", "scan.nii.gz"])
