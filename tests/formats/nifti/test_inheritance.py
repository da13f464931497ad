"""Side files of upper folders of a BIDS dataset; BIDS 1.10, "The Inheritance Principle"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import Volume, read
from napari_medvol.formats.nifti.inheritance import side_files

SCAN = "sub-01_task-rest_run-2_bold"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset whose folder of functional scans is ``sub-01/func``."""
    said(tmp_path / "dataset_description.json", Name="x", BIDSVersion="1.10.0")
    (tmp_path / "sub-01" / "func").mkdir(parents=True)
    return tmp_path


def said(path: Path, **content: Any) -> None:
    path.write_text(json.dumps(content))


def scan(root: Path, name: str = SCAN) -> Volume:
    image = nib.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((1, 1, 1, 2.0))
    path = root / "sub-01" / "func" / f"{name}.nii.gz"
    nib.save(image, path)
    (volume,) = read(path)
    return volume


def rows(volume: Volume) -> dict[str, str]:
    return {f.name: f.value for f in volume.header if f.group == "BIDS JSON"}


def test_names_of_all_levels_are_taken_and_the_nearest_wins(root: Path) -> None:
    func = root / "sub-01" / "func"
    said(root / "bold.json", EchoTime=0.01, FlipAngle=10, Manufacturer="root")
    said(root / "task-rest_bold.json", EchoTime=0.02, FlipAngle=20)
    said(root / "sub-01" / "sub-01_bold.json", EchoTime=0.03)
    said(func / f"{SCAN}.json", SeriesDescription="own")

    volume = scan(root)

    assert rows(volume) == {
        "EchoTime": "0.03",
        "FlipAngle": "20",
        "Manufacturer": "root",
        "SeriesDescription": "own",
    }
    assert not [f for f in volume.report.findings if f.kind == "sidecar"]
    (note,) = (f for f in volume.report.findings if f.kind == "inherited")
    assert note.text.endswith("sub-01_bold.json, task-rest_bold.json, bold.json")


@pytest.mark.parametrize(
    "name",
    [
        "task-nback_bold.json",  # another task
        "run-1_bold.json",  # another run
        "task-rest_sbref.json",  # another kind of image
        "acq-fast_bold.json",  # an entity that the scan lacks
        "task-rest_bold.tsv",
        "xbold.json",
    ],
)
def test_files_of_other_scans_are_not_taken(root: Path, name: str) -> None:
    said(root / name, EchoTime=0.02)

    assert rows(scan(root)) == {}


def test_a_scan_s_own_folder_counts_too(root: Path) -> None:
    said(root / "sub-01" / "func" / "sub-01_task-rest_bold.json", EchoTime=0.02)

    assert rows(scan(root)) == {"EchoTime": "0.02"}


def test_above_the_root_and_outside_a_dataset_nothing_is_looked_for(root: Path) -> None:
    said(root / "bold.json", EchoTime=0.02)
    said(root / "sub-01" / "dataset_description.json", Name="derived")
    assert rows(scan(root)) == {}

    (root / "sub-01" / "dataset_description.json").unlink()
    (root / "dataset_description.json").unlink()
    assert rows(scan(root)) == {}


def test_the_nearest_gradients_are_taken_whole(root: Path) -> None:
    (root / "dwi.bval").write_text("0 1000")
    (root / "dwi.bvec").write_text("0 1\n0 0\n0 0\n")
    (root / "sub-01" / "sub-01_dwi.bval").write_text("0 2000")

    volume = scan(root, "sub-01_dwi")

    (axis,) = volume.axes
    assert (axis.name, axis.values) == ("b", ((0.0, ()), (2000.0, (1.0, 0.0, 0.0))))


def test_what_disagrees_is_told_with_the_name_of_the_file_that_says_it(root: Path) -> None:
    said(root / "task-rest_bold.json", RepetitionTime=3.0, SliceTiming=[0, 1])
    said(root / "sub-01" / "func" / f"{SCAN}.json", EchoTime=0.03)

    texts = [f.text for f in scan(root).report.findings if f.kind == "sidecar"]

    assert len(texts) == 2
    assert all(text.startswith("task-rest_bold.json ") for text in texts)


def test_a_damaged_file_above_does_not_hide_the_others(root: Path) -> None:
    (root / "bold.json").write_text("{")
    said(root / "task-rest_bold.json", EchoTime=0.02)

    volume = scan(root)

    assert rows(volume) == {"EchoTime": "0.02"}
    assert any(text.startswith("bold.json is no JSON") for text in volume.report.warnings)


def test_a_folder_that_cannot_be_listed_is_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> list[Path]:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    folder = root / "sub-01" / "func"

    assert side_files(folder, SCAN, [".json"]) == {".json": [folder / f"{SCAN}.json"]}
