"""Side files beside a NIfTI: shown when they make sense, told in words when they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import Volume, read

SHAPE = (4, 5, 6, 3)


def write(
    folder: Path, shape: tuple[int, ...] = SHAPE, *, tr: float = 2.0, unit: str = "sec"
) -> Path:
    """Write a scan whose side files are called ``dwi.…``."""
    image = nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    if len(shape) > 3:
        image.header.set_zooms((1, 1, 1, tr))
    path = folder / "dwi.nii.gz"
    nib.save(image, path)
    return path


def said(folder: Path, content: Any, **about: Any) -> Volume:
    path = write(folder, **about)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "dwi.json").write_text(text, encoding="utf-8")
    (volume,) = read(path)
    return volume


def rows(volume: Volume) -> dict[str, tuple[str, str]]:
    return {f.name: (f.value, f.unit) for f in volume.header if f.group == "BIDS JSON"}


def odd(volume: Volume) -> list[str]:
    return [f.text for f in volume.report.findings if f.kind == "sidecar"]


def test_the_json_becomes_header_rows_with_units(tmp_path: Path) -> None:
    volume = said(
        tmp_path,
        {
            "RepetitionTime": 2.0,
            "Manufacturer": "Größe",
            "SliceTiming": [0, 0.5, 1, 0.25, 0.75, 1.25],
            "Nested": {"a": [1, {"b": None}]},
            "Deidentified": True,
        },
    )

    assert rows(volume) == {
        "RepetitionTime": ("2.0", "s"),
        "Manufacturer": ("Größe", ""),
        "SliceTiming": ("0, 0.5, 1, 0.25, 0.75, 1.25", "s"),
        "Nested": ('{"a": [1, {"b": null}]}', ""),
        "Deidentified": ("true", ""),
    }
    assert odd(volume) == []


def test_without_side_files_nothing_changes(tmp_path: Path) -> None:
    (volume,) = read(write(tmp_path))

    assert rows(volume) == {}
    assert odd(volume) == []
    assert volume.axes[0].name == "t"


def test_the_side_file_of_another_scan_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "dwi2.json").write_text('{"EchoTime": 1}')
    (volume,) = read(write(tmp_path))

    assert rows(volume) == {}


@pytest.mark.parametrize("repetition", [2.0, 2.0004, 1.99])
def test_times_that_agree_are_not_worth_a_word(tmp_path: Path, repetition: float) -> None:
    assert odd(said(tmp_path, {"RepetitionTime": repetition})) == []


def test_a_time_that_the_header_contradicts_is_told(tmp_path: Path) -> None:
    (text,) = odd(said(tmp_path, {"RepetitionTime": 3}))

    assert text == "dwi.json says RepetitionTime 3 s, the header of the scan 2 s"


def test_a_header_without_a_unit_of_time_is_told(tmp_path: Path) -> None:
    (text,) = odd(said(tmp_path, {"RepetitionTime": 2}, unit="unknown"))

    assert text == "dwi.json says RepetitionTime 2 s; the scan says no time in seconds"


def test_slice_times_that_do_not_fit_are_told(tmp_path: Path) -> None:
    (text,) = odd(said(tmp_path, {"SliceTiming": [0, 1], "SliceEncodingDirection": "j-"}))

    assert text == "dwi.json gives 2 slice times, the scan has 5 slices"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[1, 2]", "holds no names with values"),
        ("[" * 100_000, "is no JSON"),
        ('{"RepetitionTime": ' + "9" * 5000 + "}", "is no JSON"),
    ],
)
def test_a_malformed_json_is_told_and_the_scan_opens(
    tmp_path: Path, content: str, words: str
) -> None:
    volume = said(tmp_path, content)

    assert words in " ".join(odd(volume))
    assert volume.shape == SHAPE


@pytest.mark.parametrize(
    "value", ['"2"', "true", "null", "[2]", "NaN", "Infinity", "1" + "0" * 400]
)
def test_a_repetition_time_that_is_no_number_is_only_shown(tmp_path: Path, value: str) -> None:
    volume = said(tmp_path, f'{{"RepetitionTime": {value}}}')

    assert odd(volume) == []
    assert "RepetitionTime" in rows(volume)


def test_a_side_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "dwi.json").write_bytes(b"\xff\xfe\x00{")

    assert odd(read(path)[0]) == ["dwi.json is no text in UTF-8 and was not used"]


def test_a_side_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "dwi.json").mkdir()

    (text,) = odd(read(path)[0])
    assert text.startswith("dwi.json cannot be read (")


def test_a_huge_side_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_medvol.formats.nifti.sidecars._LARGEST", 1 << 20)
    path = write(tmp_path)
    (tmp_path / "dwi.json").write_bytes(b" " * ((1 << 20) + 1))

    assert odd(read(path)[0]) == ["dwi.json is larger than 1 MiB and was not read"]


def gradients(
    folder: Path, bval: str | None, bvec: str | None, shape: tuple[int, ...] = SHAPE
) -> Volume:
    path = write(folder, shape)
    for suffix, text in (("bval", bval), ("bvec", bvec)):
        if text is not None:
            (folder / f"dwi.{suffix}").write_text(text)
    (volume,) = read(path)
    return volume


def test_weights_and_directions_make_the_axis_of_b(tmp_path: Path) -> None:
    volume = gradients(tmp_path, "0 1000 1000\n", "0 1 0\n0 0 0.6\n0 0 -0.8\n")

    (axis,) = volume.axes
    assert (axis.name, axis.unit) == ("b", "s/mm²")
    assert axis.values == ((0.0, ()), (1000.0, (1.0, 0.0, 0.0)), (1000.0, (0.0, 0.6, -0.8)))
    assert odd(volume) == []
    assert volume.shape == SHAPE


def test_a_column_of_weights_and_a_row_a_volume_are_taken_too(tmp_path: Path) -> None:
    shape = (*SHAPE[:3], 4)
    volume = gradients(tmp_path, "0\n5\n5\n5\n", "0,0,0\n1,0,0\n0,1,0\n0,0,1\n", shape)

    assert volume.axes[0].values is not None
    assert volume.axes[0].values[2] == (5.0, (0.0, 1.0, 0.0))
    assert odd(volume) == ["dwi.bvec has a row a volume, not three"]


def test_weights_alone_have_no_directions(tmp_path: Path) -> None:
    assert gradients(tmp_path, "0 5 9", None).axes[0].values == ((0.0, ()), (5.0, ()), (9.0, ()))


@pytest.mark.parametrize(
    ("bval", "bvec", "words"),
    [
        ("0 1", "0 1\n0 0\n0 0", "dwi.bval has 2 b-values, the scan 3 volumes: not used"),
        ("0 1 2", "0 1\n0 0\n0 0", "dwi.bvec has 3 rows of 2 numbers, 3 rows of 3 are wanted"),
        ("0 1 2", "0 1 2\n0 0\n0 0 0", "dwi.bvec has 3 rows of 2/3 numbers, 3 rows of 3"),
        ("0 x 2", None, "dwi.bval holds no numbers"),
        ("0 nan 2", None, "dwi.bval holds no numbers"),
        ("", None, "dwi.bval holds no numbers"),
        ("0 1\n2 3", None, "dwi.bval has 2 rows, not one: not used"),
        (None, "0 1 2\n0 0 0\n0 0 0", "dwi.bvec has no dwi.bval beside it: not used"),
    ],
)
def test_weights_that_do_not_fit_are_told_and_time_stays(
    tmp_path: Path, bval: str | None, bvec: str | None, words: str
) -> None:
    volume = gradients(tmp_path, bval, bvec)

    assert words in " ".join(odd(volume))
    assert volume.axes[0].name == "t"


def test_weights_beside_one_volume_are_told_or_pass(tmp_path: Path) -> None:
    one = gradients(tmp_path, "0", None, SHAPE[:3])
    assert (one.axes, odd(one)) == ((), [])

    three = gradients(tmp_path, "0 1 2", None, SHAPE[:3])
    assert odd(three) == ["dwi.bval has 3 b-values, the scan 1 volumes: not used"]


def test_side_files_of_a_pair_are_found_by_its_stem(tmp_path: Path) -> None:
    image = nib.Nifti1Pair(np.zeros((2, 3, 4), np.int16), np.eye(4))
    nib.save(image, tmp_path / "t1.img")
    (tmp_path / "t1.json").write_text('{"FlipAngle": 9}')

    (volume,) = read(tmp_path / "t1.img")

    assert rows(volume) == {"FlipAngle": ("9", "°")}
