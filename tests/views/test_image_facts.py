"""What a scan is at a glance."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol
from napari_medvol.errors import StepError
from napari_medvol.headers import Element
from napari_medvol.ops.crop import crop
from napari_medvol.views.image_facts import image_facts, itk_code, stored_scale, value_range
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.dicom import write_series
from tests.phantoms.volumes import affine_along, rotated

#: FEATURES' course: the chest CT that dicom2nifti wrote.
SEED = np.array(
    [[-0.9765625, 0, 0, 249.51171875], [0, 0.9765625, 0, -33.01171875], [0, 0, 2, -553.5],
     [0, 0, 0, 1]]
)  # fmt: skip


def told(volume: Volume, **more: object) -> dict[str, Element]:
    return {fact.name: fact for fact in image_facts(volume, **more)}  # type: ignore[arg-type]


def test_the_courses_ct_is_told_as_the_course_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii"
    nib.save(nib.Nifti1Image(np.zeros((512, 512, 175), np.int16), SEED), path)
    (volume,) = napari_medvol.read(path)

    facts = told(volume)

    assert (facts["type"].value, facts["type"].meaning) == ("NIfTI-1", "Nifti1Image")
    assert facts["data type on disk"].value == "int16"
    assert facts["dimensions"].value == "512 × 512 × 175"
    assert facts["voxel size"].value == "0.9765625 × 0.9765625 × 2 mm"
    assert facts["orientation"].value == "LAS"
    assert facts["orientation, ITK"].value == "RPI"
    assert facts["origin, RAS"].value == "249.511719, -33.0117188, -553.5 mm"
    assert facts["origin, LPS"].value == "-249.511719, 33.0117188, -553.5 mm"
    assert facts["centre, RAS"].value == "0, 216.5, -379.5 mm"


@pytest.mark.parametrize(("ours", "theirs"), [("LPS", "RAI"), ("RAS", "LPI"), ("PIR", "ASL")])
def test_itk_snap_names_where_the_axes_come_from(ours: str, theirs: str) -> None:
    assert itk_code(ours) == theirs
    facts = told(Volume(np.zeros((2, 3, 4)), affine_along(ours)))
    assert (facts["orientation"].value, facts["orientation, ITK"].value) == (ours, theirs)


def test_the_angles_of_an_oblique_grid_are_those_of_nibabel() -> None:
    affine = rotated(affine_along("LAS", (1, 2, 3)), 12)

    facts = told(Volume(np.zeros((2, 3, 4)), affine))

    expected = np.degrees(nib.affines.obliquity(affine))
    shown = [float(text.rstrip("°")) for text in facts["obliquity"].value.split(", ")]
    np.testing.assert_allclose(shown, expected, rtol=1e-4)
    assert "askew" in facts["obliquity"].meaning
    is_right = np.linalg.det(affine[:3, :3]) > 0
    assert facts["handedness"].value == ("right" if is_right else "left")


def test_time_has_its_step_and_its_start() -> None:
    axes = (Axis("t", 2.5, "s", 1.0), Axis("echo", unit="ms", values=(12.0, 30.0)))
    facts = told(Volume(np.zeros((2, 3, 4, 5, 2)), np.eye(4), axes=axes))

    assert facts["length of t"].value == "5"
    assert (facts["step of t"].value, facts["step of t"].meaning) == ("2.5 s", "from 1")
    assert facts["values of echo"].value == "12.0, 30.0 ms"


def test_a_scaled_series_tells_slope_intercept_and_both_types(tmp_path: Path) -> None:
    pixels = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    write_series(tmp_path, pixels, elements={"RescaleSlope": 0.25, "RescaleIntercept": -10})
    (volume,) = napari_medvol.read(tmp_path)

    facts = told(volume, limits=value_range(volume))

    assert facts["scaling"].value == "stored × 0.25 + -10"
    assert facts["data type on disk"].value == "int16"
    assert facts["data type in memory"].value == "float32"
    assert facts["range"].value.startswith("-10 to 37.75")


def test_slopes_that_change_are_told_so(data: Path) -> None:
    (pet,) = napari_medvol.read(data / "data" / "pet_like_pmod_4slopes")

    assert stored_scale(pet) == "slope and intercept change from plane to plane"


def test_the_range_is_of_what_is_finite_and_can_be_stopped() -> None:
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    data[0, 0, 0], data[2, 3, 4] = np.nan, np.inf
    volume = Volume(data, np.eye(4))
    steps: list[tuple[int, int]] = []

    assert value_range(volume, lambda *step: steps.append(step)) == (1.0, 58.0)
    assert steps == [(k, 5) for k in range(5)]
    assert value_range(Volume(np.full((2, 2, 2), np.nan), np.eye(4))) is None

    def stop(done: int, total: int) -> None:
        raise StepError("range", "stopped")

    with pytest.raises(StepError, match="stopped"):
        value_range(volume, stop)


def test_a_volume_that_was_changed_says_so() -> None:
    volume = Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4), labels=(Label(1, "a"),))

    facts = told(crop(volume, (1, 1, 1), (3, 3, 3)))

    assert facts["changed since it was read"].value == "crop"
    assert facts["dimensions"].value == "2 × 2 × 2"
    assert facts["labels"].value == "1"
