"""Many slices in one file: enhanced multi-frame, mosaic, dose."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import Volume, read
from tests.phantoms.dicom import write_slice
from tests.phantoms.multiframe import group, write_dose, write_enhanced, write_mosaic

SHAPE = (6, 4, 5)  # slices, rows, columns


def stored(*shape: int) -> Any:
    return np.arange(np.prod(shape)).reshape(shape).astype(np.int16)


def only(path: Path, **choices: Any) -> Volume:
    (volume,) = read(path, **choices)
    return volume


def test_frames_of_an_enhanced_file_are_sorted_by_place_not_by_number(tmp_path: Path) -> None:
    order = random.Random(3).sample(range(6), 6)
    frames = [((1, 2, 2.5 * k), {}) for k in order]
    write_enhanced(tmp_path / "e.dcm", frames, stored(*SHAPE)[order], spacing=(0.5, 0.8))

    volume = only(tmp_path)

    np.testing.assert_array_equal(np.asarray(volume.data).T, stored(*SHAPE))
    expected = [[-0.8, 0, 0, -1], [0, -0.5, 0, -2], [0, 0, 2.5, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.affine, expected)
    assert [row.frame for row in volume.report.slices] == [order.index(k) for k in range(6)]


def test_orientation_of_a_frame_stands_above_the_shared_one(tmp_path: Path) -> None:
    own = {"PlaneOrientationSequence": group(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])}
    frames = [((3.0 * k, 0, 0), own) for k in range(6)]
    write_enhanced(tmp_path / "e.dcm", frames, stored(*SHAPE))

    volume = only(tmp_path)

    # The normal points to the patient's right: slices ascend along it.
    np.testing.assert_array_equal(np.asarray(volume.data).T, stored(*SHAPE)[::-1])
    assert volume.axcodes == "PIR"


def test_each_frame_has_its_own_slope(tmp_path: Path) -> None:
    frames = [
        (
            (0, 0, k),
            {
                "PixelValueTransformationSequence": group(
                    RescaleSlope=str(1 + k / 2), RescaleIntercept="-5", RescaleType="US"
                )
            },
        )
        for k in range(6)
    ]
    write_enhanced(tmp_path / "e.dcm", frames, stored(*SHAPE))

    slopes = (1 + np.arange(6) / 2)[:, None, None]
    np.testing.assert_allclose(np.asarray(only(tmp_path).data).T, stored(*SHAPE) * slopes - 5)


@pytest.mark.parametrize(
    ("axis", "groups"),
    [
        ("t", lambda n: {"FrameContentSequence": group(TemporalPositionIndex=n + 1)}),
        ("echo", lambda n: {"MREchoSequence": group(EffectiveEchoTime=5.0 * (n + 1))}),
        ("b", lambda n: {"MRDiffusionSequence": group(DiffusionBValue=1000.0 * n)}),
        (
            "type",
            lambda n: {
                "MRImageFrameTypeSequence": group(
                    FrameType=["ORIGINAL", "PRIMARY", "T1", ("M", "PHASE MAP")[n]]
                )
            },
        ),
    ],
)
def test_frames_at_one_place_make_an_axis(tmp_path: Path, axis: str, groups: Any) -> None:
    cells = [(n, k) for k in range(6) for n in range(2)]
    frames = [((0, 0, 2.0 * k), groups(n)) for n, k in cells]
    truth = stored(2, *SHAPE)
    write_enhanced(tmp_path / "e.dcm", frames, np.stack([truth[cell] for cell in cells]))

    volume = only(tmp_path)

    assert volume.axes[0].name == axis
    np.testing.assert_array_equal(np.asarray(volume.data).T, truth)


def test_dimension_indices_tell_frames_apart_when_nothing_else_does(tmp_path: Path) -> None:
    cells = [(n, k) for n in (1, 0) for k in range(6)]
    frames = [
        ((0, 0, 2.0 * k), {"FrameContentSequence": group(DimensionIndexValues=[1, k + 1, n + 1])})
        for n, k in cells
    ]
    truth = stored(2, *SHAPE)
    write_enhanced(
        tmp_path / "e.dcm",
        frames,
        np.stack([truth[cell] for cell in cells]),
        dimensions=("StackID", "InStackPositionNumber", "EffectiveEchoTime"),
    )

    volume = only(tmp_path)

    np.testing.assert_array_equal(np.asarray(volume.data).T, truth)
    assert "DimensionIndexValues" in volume.report.sort_key


def test_dimension_indices_order_frames_also_without_their_pointers(tmp_path: Path) -> None:
    cells = [(n, k) for k in (3, 0, 5, 1, 4, 2) for n in ((1, 0), (0, 1))[k % 2]]
    frames = [
        ((0, 0, 2.0 * k), {"FrameContentSequence": group(DimensionIndexValues=[1, k + 1, n + 1])})
        for n, k in cells
    ]
    truth = stored(2, *SHAPE)
    write_enhanced(tmp_path / "e.dcm", frames, np.stack([truth[cell] for cell in cells]))

    np.testing.assert_array_equal(np.asarray(only(tmp_path).data).T, truth)


def test_one_enhanced_file_a_time_point_makes_one_volume(tmp_path: Path) -> None:
    truth = stored(3, *SHAPE)
    for t in range(3):
        content = {"FrameContentSequence": group(TemporalPositionIndex=t + 1)}
        path = tmp_path / f"{t}.dcm"
        write_enhanced(path, [((0, 0, k), content) for k in range(6)], truth[t])
        import pydicom

        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = f"1.2.{t}"
        dataset.save_as(path)

    np.testing.assert_array_equal(np.asarray(only(tmp_path).data).T, truth)


def test_a_mosaic_is_laid_out_as_slices_at_their_place(tmp_path: Path) -> None:
    for t in range(2):
        write_mosaic(
            tmp_path / f"{t}.dcm",
            stored(*SHAPE) + 1000 * t,
            position=(-10, 20, 5),
            spacing=(2, 3),
            between=4,
            instance=t + 1,
        )

    volume = only(tmp_path)

    assert volume.shape == (5, 4, 6, 2)
    truth = np.stack([stored(*SHAPE), stored(*SHAPE) + 1000])
    np.testing.assert_array_equal(np.asarray(volume.data).T, truth)
    expected = [[-3, 0, 0, 10], [0, -2, 0, -20], [0, 0, 4, 5], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.affine, expected)
    assert volume.zooms[3] == 2.0
    assert "direction of the mosaic's slices" in volume.report.warnings[0]


def test_a_mosaic_that_does_not_say_how_many_slices_asks(tmp_path: Path) -> None:
    path = tmp_path / "m.dcm"
    asked = {"position": (0, 0, 0), "spacing": (1, 1), "between": 2}
    write_mosaic(path, stored(*SHAPE), say_count=False, **asked)  # type: ignore[arg-type]

    tiles = only(path)
    assert tiles.shape == (15, 12, 1)
    assert "read(…, mosaic=n)" in tiles.report.warnings[0]
    np.testing.assert_array_equal(np.asarray(only(path, mosaic=6).data).T, stored(*SHAPE))


def test_a_mosaic_whose_count_cannot_be_is_shown_as_tiles(tmp_path: Path) -> None:
    path = tmp_path / "m.dcm"
    asked = {"position": (0, 0, 0), "spacing": (1, 1), "between": 2}
    write_mosaic(path, stored(*SHAPE), **asked)  # type: ignore[arg-type]

    tiles = only(path, mosaic=60)

    assert tiles.shape == (15, 12, 1)
    assert "do not divide into 8×8 tiles" in tiles.report.warnings[0]


@pytest.mark.parametrize("first", [0.0, -40.0])
def test_a_dose_lies_where_its_offsets_say(tmp_path: Path, first: float) -> None:
    planes = stored(3, 4, 5).astype(np.uint32)
    offsets = [first, first + 2.5, first + 5]
    write_dose(tmp_path / "d.dcm", planes, offsets, 0.01, position=(5, 6, -40), spacing=(2, 2))

    volume = only(tmp_path)

    np.testing.assert_allclose(np.asarray(volume.data).T, planes * 0.01)
    np.testing.assert_allclose(volume.affine[:3, 2:], [[0, -5], [0, -6], [2.5, -40]])
    assert volume.unit == "Gy"


def test_a_dose_with_planes_unlike_its_offsets_is_not_placed(tmp_path: Path) -> None:
    write_dose(tmp_path / "d.dcm", stored(3, 4, 5).astype(np.uint32), [0, 2], 1)

    assert "2 values for 3 planes" in only(tmp_path).report.warnings[0]


def test_a_dose_lies_over_its_ct(tmp_path: Path) -> None:
    for k in range(5):
        write_slice(tmp_path / f"ct{k}.dcm", stored(8, 8), position=(0, 0, k), instance=k)
    dose = stored(2, 4, 4).astype(np.uint32)
    write_dose(tmp_path / "d.dcm", dose, [0, 2], 1, position=(1, 1, 1), spacing=(2, 2))

    by_name = {v.unit: v for v in read(tmp_path)}

    ct, gray = by_name["HU"], by_name["Gy"]
    index = np.linalg.inv(ct.affine) @ gray.affine @ [1, 1, 1, 1]
    np.testing.assert_allclose(index[:3], (3, 3, 3), atol=1e-9)
    assert ct.frame_of_reference == gray.frame_of_reference
