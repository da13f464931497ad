"""The verb export, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medvol.cli import run

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with scans, and work there."""
    affine = np.diag([-1.0, -1, 2, 1])
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.Nifti1Image(data, affine).to_filename(tmp_path / "scan.nii.gz")
    nib.Nifti1Image((data % 3).astype(np.uint8), affine).to_filename(tmp_path / "over.nii")
    (tmp_path / "two").mkdir()
    for name in ("a.nii", "b.nii"):
        nib.Nifti1Image(data, affine).to_filename(tmp_path / "two" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_slices_are_written_and_counted(here: Path, capsys: Captured) -> None:
    assert run(["export", "scan.nii.gz", "out"]) == 0

    assert capsys.readouterr().out.startswith("12 pictures in 12 files in out")
    assert len(list((here / "out").glob("*.png"))) == 12


def test_what_is_typed_is_what_is_done(here: Path, capsys: Captured) -> None:
    words = "--plane 2 --slices 1:5:2 --pixel voxel --window 0,59 --bits 16 --json"
    words += " --name Dim{axis}_Slice{index}"

    assert run(["export", "scan.nii.gz", "out", *words.split()]) == 0

    said = json.loads(capsys.readouterr().out)
    assert [Path(file).name for file in said["files"]] == ["Dim2_Slice1.png", "Dim2_Slice3.png"]
    with Image.open(said["files"][1]) as image:
        values = np.arange(60).reshape(3, 4, 5)[:, :, 3].T
        np.testing.assert_array_equal(np.asarray(image), values)


def test_an_overlay_in_colours_in_a_montage(here: Path) -> None:
    words = "--overlay over.nii --format montage --plane axial --grid 1x5 --opacity 0.5"

    assert run(["export", "scan.nii.gz", "out", *words.split(), "--overlay-window", "full"]) == 0

    with Image.open(here / "out" / "axial.png") as image:
        assert image.size == (5 * 3 + 4 * 2, 4)
        assert image.mode == "RGB"


def test_a_montage_of_a_long_scan_has_twenty_tiles(here: Path, capsys: Captured) -> None:
    nib.Nifti1Image(np.zeros((4, 4, 90), np.uint8), np.eye(4)).to_filename(here / "long.nii")

    assert run(["export", "long.nii", "out", "--plane", "axial", "--format", "montage"]) == 0

    assert capsys.readouterr().out.startswith("20 pictures in 1 file in out")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--slices a:b", "--slices: 'a:b' is no range"),
        ("--pixel small", "--pixel: 'small' is no size"),
        ("--window 1,x", "--window: '1,x' is no window"),
        ("--grid 4", "--grid: '4' is no grid"),
        ("--overlay two", "two: it holds 2 scans"),
    ],
)
def test_what_makes_no_sense_is_said(here: Path, words: str, why: str, capsys: Captured) -> None:
    assert run(["export", "scan.nii.gz", "out", *words.split()]) == 2

    assert why in capsys.readouterr().err
    assert not (here / "out").exists()


def test_files_that_are_there_are_not_replaced(here: Path, capsys: Captured) -> None:
    assert run(["export", "scan.nii.gz", "out", "--plane", "axial"]) == 0
    assert run(["export", "scan.nii.gz", "out", "--plane", "axial", "--window", "full"]) == 1
    assert "there already" in capsys.readouterr().err
    assert run(["export", "scan.nii.gz", "out", "--window", "full", "--overwrite"]) == 0
