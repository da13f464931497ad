"""What other engines say of the same files."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import second_opinion
from tests.phantoms.dicom import write_series


def verdicts(path: Path) -> dict[str, tuple[float | None, str]]:
    table = second_opinion(path)
    return {row[1]: (row[2], row[4]) for row in table.rows}


def test_engines_agree_on_a_plain_series(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    stored = np.random.default_rng(1).integers(0, 99, (6, 16, 16)).astype(np.int16)
    write_series(tmp_path, stored, step=(0, 0, 2), origin=(-9, 4, 7), spacing=(2, 3))

    assert verdicts(tmp_path)["SimpleITK"] == (pytest.approx(0, abs=1e-3), "agrees")


def test_a_dropped_tilt_is_measured_at_the_corners(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    angle = np.radians(15)
    orientation = (1, 0, 0, 0, np.cos(angle), -np.sin(angle))
    stored = np.zeros((10, 16, 16), np.int16)
    write_series(tmp_path, stored, step=(0, 0, 4), orientation=orientation)

    distance, verdict = verdicts(tmp_path)["SimpleITK"]

    # ITK stacks along the normal: the last slice is 36 mm · 2 · sin(15°/2) off.
    assert distance == pytest.approx(36 * 2 * np.sin(angle / 2), rel=0.02)
    assert verdict == "disagrees"


def test_a_stack_stretched_over_a_gap_does_not_pass_for_the_same(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    paths = write_series(tmp_path, np.zeros((8, 16, 16), np.int16), step=(0, 0, 2))
    paths[3].unlink()

    assert verdicts(tmp_path)["SimpleITK"][1] == "same corners, other voxels"


def test_sform_against_qform(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([2, 2, 2, 1]))
    image.set_sform(np.diag([2, 2, 2, 1]), 4)
    moved = np.diag([2.0, 2, 2, 1])
    moved[0, 3] = 30
    image.set_qform(moved, 1)
    image.to_filename(tmp_path / "x.nii")

    found = verdicts(tmp_path / "x.nii")

    assert found["nibabel"] == (0.0, "agrees")
    # Corners of theirs 30 mm to the right of ours; 6 mm of that lie within the grid.
    assert found["other NIfTI form"] == (pytest.approx(30.0), "disagrees")


def test_an_engine_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    write_series(tmp_path, np.zeros((3, 16, 16), np.int16))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)

    assert verdicts(tmp_path)["SimpleITK"][1] == "not installed (SimpleITK)"
