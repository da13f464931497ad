"""Modality tables (LUT) in place of rescale slope and intercept; pydicom applies them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_modality_lut

from napari_medvol import Volume, read
from tests.phantoms.dicom import write_slice

STORED = np.arange(-10, 50).reshape(6, 10)


def table(
    values: Any, first: int, *, signed: bool = True, bits: int = 16, kind: str = "OD"
) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(values), first, bits])
    item.add_new("LUTData", "OW", np.asarray(values, "<u2").tobytes())
    item.ModalityLUTType = kind
    return item


def image(path: Path, *items: Dataset, stored: Any = STORED, **choices: Any) -> Volume:
    elements = {"ModalityLUTSequence": list(items), **choices.pop("elements", {})}
    write_slice(path, stored, modality="OT", rescale=None, elements=elements, **choices)
    (volume,) = read(path)
    return volume


def values(volume: Volume) -> Any:
    return np.asarray(volume.data)[:, :, 0].T


@pytest.mark.parametrize(
    ("dtype", "first"),
    [("int16", -10), ("int16", -3), ("int16", 0), ("int16", 7), ("uint16", 0), ("uint16", 7)],
)
def test_values_are_those_of_the_table_and_of_its_ends_beyond(
    tmp_path: Path, dtype: str, first: int
) -> None:
    stored = (STORED + (10 if dtype == "uint16" else 0)).astype(dtype)
    item = table((np.arange(40) * 37) % 4096, first, signed=dtype == "int16")
    path = tmp_path / "x.dcm"

    volume = image(path, item, stored=stored)

    np.testing.assert_array_equal(values(volume), apply_modality_lut(stored, dcmread(path)))
    assert volume.unit == "OD"
    assert volume.report.warnings == ()
    (raw,) = read(path, value="stored")
    np.testing.assert_array_equal(values(raw), stored)


def test_windows_are_in_the_values_of_the_table(tmp_path: Path) -> None:
    windows = {"WindowCenter": "1000", "WindowWidth": "500"}
    path = tmp_path / "x.dcm"

    volume = image(path, table(range(60), -10), stored=STORED.astype(np.int16), elements=windows)

    assert [(w.center, w.width) for w in volume.display.windows] == [(1000, 500)]
    (raw,) = read(path, value="stored")
    assert raw.display.windows == ()


def test_a_table_that_is_too_short_leaves_the_values_stored_with_a_word(tmp_path: Path) -> None:
    item = table(range(60), -10)
    item.LUTDescriptor = [90, -10, 16]

    volume = image(tmp_path / "x.dcm", item, stored=STORED.astype(np.int16))

    np.testing.assert_array_equal(values(volume), STORED)
    assert "its modality table has 60 values" in volume.report.warnings[0]


def test_slices_with_and_without_a_table_are_stored_with_a_word(tmp_path: Path) -> None:
    stored = STORED.astype(np.int16)
    for k in range(2):
        elements = {} if k else {"ModalityLUTSequence": [table(range(60), -10)]}
        write_slice(
            tmp_path / f"{k}.dcm",
            stored,
            modality="MR",
            rescale=None,
            position=(0, 0, k),
            instance=k + 1,
            elements=elements,
        )

    (volume,) = read(tmp_path)

    np.testing.assert_array_equal(values(volume), STORED)
    assert any("others have none" in text for text in volume.report.warnings)


def test_a_table_of_hounsfield_units_says_so(tmp_path: Path) -> None:
    volume = image(
        tmp_path / "x.dcm", table(range(60), -10, kind="HU"), stored=STORED.astype(np.int16)
    )

    assert volume.unit == "HU"
