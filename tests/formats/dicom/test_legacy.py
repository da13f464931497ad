"""Legacy converted enhanced files, made by highdicom from classic series. PS3.3 A.70 to A.72."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom.legacy as legacy
import numpy as np
import pytest
from pydicom import dcmread

from napari_medvol import Volume, read
from tests.formats.dicom.test_units import pet
from tests.phantoms.dicom import uid_of, write_series, write_slice

STORED = np.arange(6 * 4 * 5, dtype=np.int16).reshape(6, 4, 5)
OBLIQUE = (0.96, 0.28, 0.0, -0.168, 0.576, -0.8)
MADE = {
    "CT": legacy.LegacyConvertedEnhancedCTImage,
    "MR": legacy.LegacyConvertedEnhancedMRImage,
    "PT": legacy.LegacyConvertedEnhancedPETImage,
}


ASKED_FOR = {
    "AccessionNumber": "",
    "StudyID": "1",
    "PatientBirthDate": "",
    "PatientSex": "O",
    "ManufacturerModelName": "x",
    "SoftwareVersions": "1",
    "DeviceSerialNumber": "1",
}


def converted(folder: Path, modality: str, elements: dict[str, Any]) -> tuple[Volume, Volume]:
    """Write a series and its conversion; return what each reads as."""
    paths = write_series(
        folder / "classic",
        STORED,
        modality=modality,
        step=2.5 * np.cross(OBLIQUE[:3], OBLIQUE[3:]),
        orientation=OBLIQUE,
        spacing=(0.7, 0.9),
        rescale=(2.0, -5.0),
        elements={**ASKED_FOR, **elements},
    )
    return read_both(folder, paths, MADE[modality])


def read_both(folder: Path, paths: list[Path], kind: Any) -> tuple[Volume, Volume]:
    made = kind(
        [dcmread(path) for path in reversed(paths)], uid_of("legacy"), 9, uid_of("legacy", 1), 1
    )
    made.save_as(folder / "converted.dcm")
    (before,) = read(folder / "classic")
    (after,) = read(folder / "converted.dcm")
    return before, after


@pytest.mark.parametrize(
    ("modality", "elements", "unit"),
    [("CT", {}, "HU"), ("MR", {}, ""), ("PT", {"Units": "BQML"}, "Bq/ml")],
)
def test_a_converted_series_is_the_series(
    tmp_path: Path, modality: str, elements: dict[str, Any], unit: str
) -> None:
    before, after = converted(tmp_path, modality, elements)

    np.testing.assert_array_equal(np.asarray(after.data), np.asarray(before.data))
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-6)
    assert (before.unit, after.unit) == (unit, unit)
    assert after.report.warnings == ()


def test_echoes_of_a_converted_series_are_an_axis(tmp_path: Path) -> None:
    paths = [
        write_slice(
            tmp_path / "classic" / f"{echo}{k}.dcm",
            STORED[k] + 1000 * echo,
            modality="MR",
            position=(0, 0, 3 * k),
            instance=10 * echo + k + 1,
            rescale=None,
            elements={**ASKED_FOR, "EchoTime": f"{4.6 * (echo + 1):.1f}"},
        )
        for echo in range(3)
        for k in range(6)
    ]

    before, after = read_both(tmp_path, paths, MADE["MR"])

    np.testing.assert_array_equal(np.asarray(after.data), np.asarray(before.data))
    assert after.axes == before.axes
    assert after.axes[0].values == (4.6, 9.2, 13.8)


@pytest.mark.parametrize("kind", ["suvbw", "suvlbm", "suvbsa"])
def test_a_converted_pet_has_the_suv_of_the_series(tmp_path: Path, kind: str) -> None:
    needed = {k: v for k, v in ASKED_FOR.items() if k != "PatientSex"}
    paths = sorted(pet(tmp_path / "classic", **needed).iterdir())
    read_both(tmp_path, paths, MADE["PT"])

    (before,) = read(tmp_path / "classic", value=kind)
    (after,) = read(tmp_path / "converted.dcm", value=kind)

    np.testing.assert_allclose(np.asarray(after.data), np.asarray(before.data), rtol=1e-6)
    assert after.unit == before.unit
