"""From a voxel back to its file."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medvol import MedVolError, Step, apply, read, source_of
from napari_medvol.views.sources import slices_table
from tests.phantoms.dicom import write_series, write_slice


def test_a_voxel_knows_file_frame_and_instance(tmp_path: Path) -> None:
    write_series(tmp_path, np.zeros((4, 5, 6), np.int16), step=(0, 0, -2))
    (volume,) = read(tmp_path)

    source = source_of(volume, (1, 2, 3))

    import pydicom

    assert Path(source.file).name == "00001.dcm"
    assert source.instance_uid == pydicom.dcmread(source.file).SOPInstanceUID
    assert (source.frame, source.position) == (0, 0.0)


def test_extra_axes_lead_to_their_own_file(tmp_path: Path) -> None:
    for t in range(2):
        for k in range(3):
            n = 3 * t + k + 1
            pixels = np.zeros((4, 5), np.int16)
            write_slice(tmp_path / f"{n}.dcm", pixels, position=(0, 0, k), instance=n)
    (volume,) = read(tmp_path)

    assert Path(source_of(volume, (0, 0, 2, 1)).file).name == "6.dcm"
    assert Path(source_of(volume, (0, 0, 2)).file).name == "3.dcm"


def test_a_missing_slice_has_no_file(tmp_path: Path) -> None:
    paths = write_series(tmp_path, np.zeros((5, 4, 4), np.int16))
    paths[2].unlink()
    (volume,) = read(tmp_path)

    missing = source_of(volume, (0, 0, 2))
    apart = source_of(volume, (0, 0, 3)).position - source_of(volume, (0, 0, 1)).position
    assert missing.file == ""
    assert missing.position == pytest.approx(source_of(volume, (0, 0, 1)).position + apart / 2)
    said = f"plane 2: no file holds it, {missing.position:.4g} mm along the slice normal"
    assert str(missing) == said
    assert str(source_of(volume, (0, 0, 3))).startswith(f"plane 3: {paths[3]}, ")
    assert "\n4 slices sorted by" in str(volume.report)
    assert "; 1 plane is in no file\n" in str(volume.report)


def test_whole_numbers_of_any_type_are_an_index_and_fractions_are_none(tmp_path: Path) -> None:
    write_series(tmp_path, np.zeros((5, 4, 4), np.int16))
    (volume,) = read(tmp_path)

    assert source_of(volume, (0.0, np.int8(1), np.float32(2))) == source_of(volume, (0, 1, 2))  # type: ignore[arg-type]
    for index in ((0.5, 0, 1), (0, 0, 1.5), (0, 0, float("nan")), ("a", 0, 0)):
        with pytest.raises(MedVolError, match="whole numbers"):
            source_of(volume, index)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [(0, 0, 5), (-1, 0, 0), (0, 0, 0, 0)])
def test_an_index_outside_is_an_error(tmp_path: Path, index: tuple[int, ...]) -> None:
    write_series(tmp_path, np.zeros((5, 4, 4), np.int16))
    (volume,) = read(tmp_path)

    with pytest.raises(MedVolError, match=r"the volume has shape \(4, 4, 5\)"):
        source_of(volume, index)


@pytest.mark.parametrize("codes", ["LPS", "RAI", "SPR", "AIL"])
def test_a_turned_cropped_and_moved_volume_still_knows_its_files(
    codes: str, tmp_path: Path
) -> None:
    values = np.arange(5 * 4 * 6, dtype=np.int16).reshape(5, 4, 6)
    write_series(tmp_path, values, step=(0, 0.5, -2))
    (volume,) = read(tmp_path)
    steps = [
        Step("orient", {"axcodes": codes}),
        Step("crop", {"start": (1, 1, 1), "stop": (4, 4, 4)}),
        Step("relabel", {"axcodes": "PIR"}),
        Step("set_origin", {"origin": (10, 20, 30)}),
    ]

    changed = apply(volume, steps)

    import pydicom

    for index in [(0, 0, 0), (2, 1, 0), (1, 2, 2)]:
        source = pydicom.dcmread(source_of(changed, index).file)
        assert np.asarray(changed.data)[index] in source.pixel_array


def test_frames_that_are_left_lead_to_their_own_files(tmp_path: Path) -> None:
    for time in range(3):
        for k in range(2):
            n = 2 * time + k + 1
            pixels = np.full((4, 5), n, np.int16)
            write_slice(tmp_path / f"{n}.dcm", pixels, position=(0, 0, k), instance=n)
    (volume,) = read(tmp_path)
    part = apply(volume, [Step("frames", {"start": 1})])

    assert part.shape == (5, 4, 2, 2)
    assert Path(source_of(part, (0, 0, 1, 1)).file).name == "6.dcm"


@pytest.mark.parametrize(
    "step", [Step("edit", {"layer": "x"}), Step("over_frames"), Step("unheard of")]
)
def test_what_no_number_tells_is_not_guessed(step: Step, tmp_path: Path) -> None:
    write_series(tmp_path, np.zeros((5, 4, 4), np.int16))
    (volume,) = read(tmp_path)
    report = replace(volume.report, affine=None)
    if step.op == "over_frames":
        report = replace(report, slices=())

    with pytest.raises(MedVolError, match=step.op):
        source_of(volume.derive(step, report=report), (0, 0, 0))


def test_the_map_goes_to_csv_and_json(tmp_path: Path) -> None:
    write_series(tmp_path, np.zeros((3, 4, 4), np.int16), step=(0, 0, 2))
    (volume,) = read(tmp_path)

    table = slices_table(volume)

    rows = list(csv.DictReader(table.to_csv().splitlines()))
    assert [row["position (mm)"] for row in rows] == ["0.0", "2.0", "4.0"]
    assert json.loads(table.to_json())[1]["k"] == 1
    assert "00003.dcm" in str(table).splitlines()[3]
