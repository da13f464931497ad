"""Every operation has a verb, and the verb does what Python does, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol.cli import run
from napari_medvol.cli.operations import VERBS
from napari_medvol.volume import Step

Captured = pytest.CaptureFixture[str]

GRID = [[0.9, 0, 0, 1], [0, 1.9, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a scan of each kind, and work there."""
    rng = np.random.default_rng(0)
    affine = np.array([[-1, 0.1, 0, 5], [0, 2, 0.2, -4], [0, 0, 3, 7], [0, 0, 0, 1.0]])
    image = rng.integers(-500, 500, (8, 9, 10), np.int16)
    nib.save(nib.Nifti1Image(image, affine), tmp_path / "scan.nii")
    nib.save(nib.Nifti1Image(image / 7, affine), tmp_path / "real.nii")
    nib.save(nib.Nifti1Image((image + 1j).astype(np.complex64), affine), tmp_path / "complex.nii")
    marks = np.zeros((8, 9, 10), np.uint8)
    marks[2:5, 3:7, 4:6], marks[5, 3, 4] = 2, 3
    nib.save(nib.Nifti1Image(marks, affine), tmp_path / "marks.nii")
    series = nib.Nifti1Image(rng.integers(0, 99, (4, 5, 6, 7), np.int16), affine)
    series.header.set_zooms((1, 2, 3, 2.5))
    series.header.set_xyzt_units("mm", "sec")
    nib.save(series, tmp_path / "bold.nii")
    nib.save(nib.Nifti1Image(image, np.diag([1.0, 2, 3, 1])), tmp_path / "other.nii")
    both = nib.Nifti1Image(image, np.diag([1.0, 2, 3, 1]))
    both.set_qform(np.diag([1.0, 2, 4, 1]), 1)
    both.set_sform(both.affine, 2)
    nib.save(both, tmp_path / "both.nii")
    (tmp_path / "grid.txt").write_text("\n".join(" ".join(map(str, row)) for row in GRID))
    monkeypatch.chdir(tmp_path)
    return tmp_path


OTHER = {"shape": [8, 9, 10], "affine": np.diag([1.0, 2, 3, 1]).tolist()}
MOVE = Step("move", {"matrix": GRID})

#: What is typed, and the steps that it means.
SAME: list[tuple[str, Sequence[Step]]] = [
    ("crop scan.nii --box 1:4,2:,:", [Step("crop", {"start": (1, 2, 0), "stop": (4, 9, 10)})]),
    ("crop scan.nii --stop 4,5,6", [Step("crop", {"start": (0, 0, 0), "stop": (4, 5, 6)})]),
    (
        "crop scan.nii --label marks.nii",
        [Step("crop", {"start": (2, 3, 4), "stop": (6, 7, 6)})],
    ),
    (
        "crop scan.nii --label marks.nii --number 3 --margin 3",
        [Step("crop", {"start": (2, 1, 3), "stop": (8, 6, 6)})],
    ),
    (
        "crop marks.nii --content",
        [Step("crop", {"start": (2, 3, 4), "stop": (6, 7, 6)})],
    ),
    ("orient scan.nii PIR", [Step("orient", {"axcodes": "PIR"})]),
    ("orient scan.nii ASL --from", [Step("orient", {"axcodes": "PIR"})]),
    ("relabel scan.nii PIR", [Step("relabel", {"axcodes": "PIR"})]),
    (
        "relabel scan.nii ASL --from --keep origin",
        [Step("relabel", {"axcodes": "PIR", "keep": "origin"})],
    ),
    ("relabel both.nii --forget-qform", [Step("forget_qform")]),
    ("align scan.nii --matrix grid.txt", [MOVE]),
    (
        "align scan.nii --matrix grid.txt --bake other.nii",
        [MOVE, Step("resample", OTHER)],
    ),
    ("align scan.nii --origin=-1,2,3", [Step("set_origin", {"origin": (-1, 2, 3)})]),
    ("align scan.nii --centre 1,2,3", [Step("align_centres", {"centre": (1, 2, 3)})]),
    ("resample scan.nii --to other.nii", [Step("resample", OTHER)]),
    (
        "resample scan.nii --to other.nii --blur 1 --outside -5 --interpolation cubic",
        [
            Step(
                "resample",
                {**OTHER, "blur": (1, 1, 1), "outside": -5, "interpolation": "cubic"},
            )
        ],
    ),
    (
        "resample scan.nii --shape 7,6,5 --affine grid.txt",
        [Step("resample", {"shape": (7, 6, 5), "affine": GRID})],
    ),
    ("resample scan.nii --zooms 2", [Step("resize", {"zooms": (2, 2, 2)})]),
    (
        "resample scan.nii --zooms 2,3,3 --blur none --interpolation nearest",
        [
            Step(
                "resize",
                {"zooms": (2, 3, 3), "antialiased": False, "interpolation": "nearest"},
            )
        ],
    ),
    ("resample scan.nii --factors 2,2,1", [Step("downsample", {"factors": (2, 2, 1)})]),
    (
        "resample scan.nii --factors 4,4,4 --start 2,2,2 --blur 1.5",
        [Step("downsample", {"factors": (4, 4, 4), "start": (2, 2, 2), "blur": (1.5, 1.5, 1.5)})],
    ),
    ("resample scan.nii --world", [Step("world_aligned")]),
    ("resample scan.nii --world --zooms 2", [Step("world_aligned", {"zooms": (2, 2, 2)})]),
    ("values scan.nii --type float32", [Step("astype", {"dtype": "float32"})]),
    ("values scan.nii --rescale uint8", [Step("rescale")]),
    (
        "values scan.nii --rescale uint16 --between=-160,240",
        [Step("rescale", {"low": -160, "high": 240, "dtype": "uint16"})],
    ),
    ("values scan.nii --window 40/400", [Step("window", {"center": 40, "width": 400})]),
    ("values scan.nii --clip=-100,", [Step("clip", {"low": -100})]),
    ("values scan.nii --clip=-100,200", [Step("clip", {"low": -100, "high": 200})]),
    (
        "values scan.nii --scale 0.5,-3 --unit s",
        [Step("scale", {"slope": 0.5, "intercept": -3, "unit": "s"})],
    ),
    ("values scan.nii --scale 2,", [Step("scale", {"slope": 2})]),
    ("values real.nii --round", [Step("round_values")]),
    ("values complex.nii --part phase", [Step("part", {"part": "phase"})]),
    ("values scan.nii --kind labels", [Step("as_kind", {"kind": "labels"})]),
    ("frames bold.nii --pick -1", [Step("frame", {"index": -1})]),
    ("frames bold.nii --range 2::2", [Step("frames", {"start": 2, "step": 2})]),
    ("frames bold.nii --over sd", [Step("over_frames", {"how": "sd"})]),
    ("slab scan.nii --planes 5 --how max", [Step("slab", {"axis": 2, "n": 5, "how": "max"})]),
    (
        "slab scan.nii --planes 3 --every 1 --plane sagittal",
        [Step("slab", {"axis": 0, "n": 3, "step": 1})],
    ),
]


@pytest.mark.parametrize(("typed", "steps"), SAME, ids=[typed for typed, _ in SAME])
def test_a_verb_writes_what_the_operation_makes_in_python_byte_for_byte(
    here: Path, typed: str, steps: Sequence[Step]
) -> None:
    verb, source, *options = typed.split()
    assert run([verb, source, "cli.nii", *options]) == 0

    [volume] = mv.read(source)
    mv.write(mv.apply(volume, steps), "python.nii")
    assert (here / "cli.nii").read_bytes() == (here / "python.nii").read_bytes()
    told, meant = (_history(here / f"{name}.json") for name in ("cli", "python"))
    assert told == meant
    assert len(told) == len(steps)


def _history(sidecar: Path) -> tuple[Step, ...]:
    said = json.loads(sidecar.read_text(encoding="utf-8"))
    return mv.Recipe.from_toml(said["napari-medvol"]["recipe"]).steps


def test_every_operation_has_a_verb_and_is_tried_here() -> None:
    of_verbs = {op for verb in VERBS for op in verb.ops}
    tried = {step.op for _, steps in SAME for step in steps}

    assert of_verbs == set(mv.OPERATIONS)
    assert tried == set(mv.OPERATIONS)


def test_labels_are_thinned_by_majority(here: Path) -> None:
    command = ["resample", "marks.nii", "m.nii", "--factors", "2,2,2"]

    assert run([*command, "--interpolation", "majority"]) == 0

    assert set(np.unique(nib.load("m.nii").dataobj)) <= {0, 2, 3}
    assert nib.load("m.nii").shape == (4, 4, 5)


def test_what_resampling_takes_is_said_before(here: Path, capsys: Captured) -> None:
    assert run(["resample", "scan.nii", "a.nii", "--zooms", "0.5,1,1.5"]) == 0

    assert capsys.readouterr().err.strip() == "makes 16 × 18 × 20 int16, 0.0 MiB"


def test_the_same_crop_by_the_place_of_another_scan(here: Path) -> None:
    assert run(["crop", "scan.nii", "part.nii", "--box", "1:4,2:5,3:6"]) == 0
    assert run(["crop", "real.nii", "alike.nii", "--to", "part.nii"]) == 0

    part, alike = nib.load("part.nii"), nib.load("alike.nii")
    np.testing.assert_allclose(part.affine, alike.affine, atol=1e-5)
    np.testing.assert_allclose(alike.get_fdata(), part.get_fdata() / 7, rtol=1e-6)


def test_split_writes_every_frame_and_keeps_its_place(here: Path, capsys: Captured) -> None:
    assert run(["split", "bold.nii", "frames", "--suffix", ".nii"]) == 0

    whole = nib.load("bold.nii")
    names = sorted(path.name for path in (here / "frames").glob("*.nii"))
    assert names == [f"bold_{n:03d}.nii" for n in range(1, 8)]
    for number, name in enumerate(names):
        image = nib.load(here / "frames" / name)
        np.testing.assert_array_equal(image.dataobj, np.asarray(whole.dataobj)[..., number])
        np.testing.assert_allclose(image.affine, whole.affine, atol=1e-6)
    assert capsys.readouterr().out.count("written") == 7
    assert run(["split", "bold.nii", "frames", "--suffix", ".nii", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert {row["status"] for row in rows} == {"failed"}


def test_forgetting_the_qform_changes_its_code_alone(here: Path) -> None:
    image = nib.load("scan.nii")
    image.set_qform(np.diag([1, 2, 3, 1]), code=1)
    image.set_sform(image.affine, code=1)
    nib.save(image, "two.nii")

    assert run(["convert", "two.nii", "as-it-is.nii"]) == 0
    assert run(["relabel", "two.nii", "one.nii", "--forget-qform"]) == 0

    before, after = (Path(name).read_bytes() for name in ("as-it-is.nii", "one.nii"))
    changed = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == [252]  # qform_code, nifti1.h
    assert int(nib.load("one.nii").header["qform_code"]) == 0


def test_a_motion_is_saved_for_other_programs(here: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    moved = ["align", "scan.nii", "a.nii", "--matrix", "grid.txt", "--save", "m.tfm"]

    assert run(moved) == 0
    baked = ["--matrix", "grid.txt", "--save", "n.txt", "--bake", "other.nii"]
    assert run(["align", "scan.nii", "b.nii", *baked]) == 0
    assert run(["align", "scan.nii", "c.nii", "--transform", "m.tfm"]) == 0

    np.testing.assert_allclose(np.loadtxt("n.txt"), GRID, atol=1e-9)
    np.testing.assert_allclose(nib.load("c.nii").affine, nib.load("a.nii").affine, atol=1e-5)
    # ITK leads from after to before, in LPS+.
    point = np.array([10.0, 20, 30])
    lps = np.array(sitk.ReadTransform("m.tfm").TransformPoint((-point[0], -point[1], point[2])))
    there = np.linalg.inv(GRID) @ [*point, 1]
    np.testing.assert_allclose(lps * [-1, -1, 1], there[:3], atol=1e-9)


@pytest.mark.parametrize("name", ["m.txt", "m.tfm", "itk.txt", "m.lta", "m.xfm"])
def test_what_align_saved_is_a_matrix_for_align(here: Path, name: str) -> None:
    saved = "m.tfm" if name == "itk.txt" else name
    assert run(["align", "scan.nii", "a.nii", "--matrix", "grid.txt", "--save", saved]) == 0
    Path(saved).rename(name)

    assert run(["align", "scan.nii", "b.nii", "--matrix", name]) == 0

    np.testing.assert_allclose(nib.load("b.nii").affine, nib.load("a.nii").affine, atol=1e-5)


def test_a_matrix_that_is_no_file_of_numbers_is_refused(here: Path, capsys: Captured) -> None:
    (here / "odd.txt").write_text("# RAS+ mm\n1 0 0\n")

    assert run(["align", "scan.nii", "a.nii", "--matrix", "odd.txt"]) == 2
    assert "4 rows of 4" in capsys.readouterr().err


def test_too_little_memory_is_said_and_not_to_be_reported(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 29.8 GiB")

    monkeypatch.setattr("napari_medvol.ops.apply", fails)

    assert run(["orient", "scan.nii", "a.nii", "LPS"]) == 1
    said = capsys.readouterr().err
    assert "not enough memory (Unable to allocate 29.8 GiB)" in said
    assert "report" not in said


def test_letters_of_no_orientation_are_refused_before_a_tree_is_begun(
    here: Path, capsys: Captured
) -> None:
    assert run(["convert", "scan.nii", "a.nii", "--reorient", "RRA"]) == 2
    assert "does not name each" in capsys.readouterr().err
    assert run(["convert", "scan.nii", "a.nii", "--reorient", "lps"]) == 0


def test_the_image_comes_first_in_what_was_written(here: Path, capsys: Captured) -> None:
    assert run(["orient", "scan.nii", "z.nii", "LPS"]) == 0

    assert capsys.readouterr().out.splitlines()[0].startswith(f"{here / 'z.nii'} and 1 more")


def test_the_steps_are_kept_as_a_recipe_that_apply_repeats(here: Path) -> None:
    command = ["values", "scan.nii", "a.nii", "--clip=0,100", "--recipe", "r.toml"]

    assert run(command) == 0
    assert run(["apply", "r.toml", "scan.nii", "b.nii"]) == 0
    assert (here / "a.nii").read_bytes() == (here / "b.nii").read_bytes()
    assert run([*command, "--overwrite"]) == 0
    for name in ("a.nii", "a.json"):
        (here / name).unlink()
    assert run(["apply", "r.toml"]) == 0
    assert (here / "a.nii").read_bytes() == (here / "b.nii").read_bytes()


def test_a_verb_tells_programs_what_it_did(here: Path, capsys: Captured) -> None:
    assert run(["values", "scan.nii", "a.nii", "--type", "float32", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["dtype"] == "float32"
    assert said["largest_error"] == 0
    assert {Path(file).name for file in said["files"]} == {"a.nii", "a.json"}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("crop scan.nii --box 3:3,:,:", "is empty or not inside"),
        ("crop scan.nii --box 90:95,:,:", "is empty or not inside"),
        ("crop scan.nii --box 0:9999,:,:", "0:9999, 0:9, 0:10 is empty or not inside"),
        ("crop scan.nii --box -9:,:,:", "-1:8, 0:9, 0:10 is empty or not inside"),
        ("crop scan.nii --start 0,0,0 --stop 9,9,99", "is empty or not inside"),
        ("crop scan.nii --box :,:,: --content", "not --box and --content together"),
        ("crop scan.nii --label marks.nii --number 9", "nothing has the label 9"),
        ("crop scan.nii --box :,:,: --margin 3", "kept as it is"),
        ("crop scan.nii --content --margin -3", "is no margin"),
        ("orient scan.nii RRA", "does not name each"),
        ("relabel scan.nii RRA", "does not name each"),
        ("relabel scan.nii", "it takes one of"),
        ("relabel scan.nii --forget-qform", "its qform is unknown already"),
        ("relabel scan.nii RAS --keep corner", "neither 'centre' nor 'origin'"),
        ("align scan.nii --matrix singular.txt", "the matrix"),
        ("align scan.nii --centre 1,2,nan", "not three finite numbers"),
        ("align scan.nii --to other.nii --origin 0,0,0", "not --to and --origin together"),
        ("align scan.nii --to other.nii --save grid.txt", "is there already"),
        ("align scan.nii --to other.nii --reference scan.nii", "nothing uses it"),
        ("resample scan.nii --zooms 0", "is no voxel size"),
        ("resample scan.nii --zooms 1,0,1", "is no voxel size"),
        ("resample scan.nii --factors 0,1,1", "leave nothing"),
        ("resample scan.nii --zooms 0.003", "GiB are allowed"),
        ("resample scan.nii --shape 6000,6000,3000 --affine grid.txt", "would take 201 GiB"),
        ("resample scan.nii --shape 6,6,6 --affine singular.txt", "the affine"),
        ("resample scan.nii --shape 6,0,6 --affine grid.txt", "is no shape"),
        ("resample scan.nii --shape 6,6,6", "go together"),
        ("resample scan.nii --zooms 1e-7", "GiB are allowed"),
        ("resample scan.nii --zooms 2 --interpolation bogus", "'bogus' is none of auto"),
        ("resample scan.nii --factors 2,2,2 --interpolation bogus", "'bogus' is none of"),
        ("resample scan.nii --factors 2,2,2 --interpolation cubic", "none lies between"),
        ("resample scan.nii --zooms 2 --blur much", "is no blur"),
        ("resample scan.nii --zooms 2 --start 1,1,1", "nothing uses it"),
        ("resample scan.nii --world --blur 1", "--world takes neither"),
        ("resample marks.nii --shape 6,6 --affine grid.txt", "not three whole numbers"),
        ("values scan.nii", "it takes one of"),
        ("values scan.nii --round --kind labels", "not --round and --kind together"),
        ("values scan.nii --type uint8", "do not fit uint8"),
        ("values scan.nii --type colour", "is no type of numbers"),
        ("values scan.nii --rescale float32", "no type of integers"),
        ("values scan.nii --rescale uint8 --between 5,5", "there is no range"),
        ("values scan.nii --clip 5", "is not two numbers"),
        ("values scan.nii --clip 5,1", "there is no range"),
        ("values scan.nii --window lung", "is no window"),
        ("values scan.nii --window 40/0.5", "leaves no greys"),
        ("values scan.nii --scale ,3", "has no slope"),
        ("values scan.nii --scale 0,3", "make no scale"),
        ("values scan.nii --round --unit s", "nothing uses it"),
        ("values scan.nii --part phase", "are not complex"),
        ("values real.nii --kind labels", "name no regions"),
        ("frames scan.nii --pick 0", "it has no axis 't'"),
        ("frames bold.nii --pick 7", "there is no frame 7"),
        ("frames bold.nii --range 5:2", "leaves nothing"),
        ("frames bold.nii --range 1:5:0", "a step of 0"),
        ("frames bold.nii --range 1", "is no range"),
        ("frames bold.nii --over mode", "is none of"),
        ("frames bold.nii --over mean --axis echo", "it has no axis 'echo'"),
        ("split scan.nii", "it has no axis 't'"),
        ("slab scan.nii --planes 99", "do not fit the shape"),
        ("slab scan.nii --planes 2 --plane oblique", "is no plane"),
        ("slab scan.nii --planes 2 --how mode", "none of mean, max, min"),
        ("slab marks.nii --planes 2 --recipe grid.txt", "is there already"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_2_and_leaves_no_file(
    here: Path, typed: str, why: str, capsys: Captured
) -> None:
    (here / "singular.txt").write_text("1 0 0 0\n1 0 0 0\n0 0 1 0\n0 0 0 1\n")
    before = {path: path.read_bytes() for path in here.iterdir()}
    verb, source, *options = typed.split()

    assert run([verb, source, "x.nii", *options]) == 2

    captured = capsys.readouterr()
    assert why in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not captured.out
    assert {path: path.read_bytes() for path in here.iterdir()} == before
