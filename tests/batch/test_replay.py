from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol.errors import BatchError, ReadError, StepError

RECIPE = """
[[input]]
path = "scan.nii"

[[step]]
op = "orient"
axcodes = "PIR"

[[step]]
op = "crop"
start = [0, 1, 0]
stop = [2, 3, 3]
"""


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.Nifti1Image(data, np.diag([1, 2, 3, 1])).to_filename(tmp_path / "scan.nii")
    return tmp_path / "scan.nii"


def _wanted() -> np.ndarray:
    """Return what nibabel makes of it."""
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1, 2, 3, 1]))
    turned = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("PIR")
    )
    return np.asarray(image.as_reoriented(turned).dataobj)[0:2, 1:3, 0:3]


def test_a_recipe_file_replays_on_its_own_inputs(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.toml").write_text(RECIPE)
    monkeypatch.chdir("/")

    [volume] = mv.replay(tmp_path / "r.toml")

    np.testing.assert_array_equal(np.asarray(volume.data), _wanted())
    assert volume.axcodes == "PIR"
    assert [step.op for step in volume.history] == ["orient", "crop"]


def test_text_and_recipes_replay_on_other_inputs(scan: Path) -> None:
    by_text = mv.replay(RECIPE, scan)
    by_value = mv.replay(mv.Recipe.from_toml(RECIPE), [scan, str(scan)])

    assert [len(by_text), len(by_value)] == [1, 2]
    for volume in (*by_text, *by_value):
        np.testing.assert_array_equal(np.asarray(volume.data), _wanted())


def test_the_history_of_a_volume_replays_to_the_same_bytes(scan: Path, tmp_path: Path) -> None:
    [volume] = mv.read(scan)
    changed = mv.apply(volume, [mv.Step("crop", {"start": (0, 0, 1), "stop": (2, 4, 5)})])
    (tmp_path / "r.toml").write_text(mv.Recipe.of(changed).to_toml())

    [again] = mv.replay(tmp_path / "r.toml")

    assert np.asarray(again.data).tobytes() == np.asarray(changed.data).tobytes()
    assert again.affine.tobytes() == changed.affine.tobytes()
    assert again.history == changed.history


def test_what_cannot_be_replayed_says_why(scan: Path, tmp_path: Path) -> None:
    steps = '[[step]]\nop = "crop"\nstart = [0, 0, 0]\nstop = [9, 9, 9]\n'

    with pytest.raises(BatchError, match="the recipe names no input"):
        mv.replay(steps)
    with pytest.raises(StepError, match=r"scan\.nii"):
        mv.replay(steps, scan)
    with pytest.raises(ReadError, match=r"none\.toml"):
        mv.replay(tmp_path / "none.toml")
    with pytest.raises(ReadError, match="no TOML"):
        mv.replay("[[step\nop = 1")
