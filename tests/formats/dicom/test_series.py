"""Every way in which the slices of a series may lie, each opened right and said in words."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from napari_medvol import MedVolError, Volume, read
from tests.phantoms.dicom import write_slice

ROWS, COLUMNS = 6, 9
SPACING = (0.7, 0.4)  # between rows, between columns
OBLIQUE = (0.96, 0.28, 0.0, -0.168, 0.576, -0.8)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class Slice(NamedTuple):
    """One image as it was written, and where: the truth that a volume is held against."""

    position: tuple[float, float, float]
    pixels: Any
    orientation: Sequence[float] = AXIAL


def image(number: int, dtype: str = "int16") -> Any:
    """Return an image whose every pixel differs, also from those of other numbers."""
    return (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) + 100 * number).astype(dtype)


def write(
    folder: Path, positions: Sequence[Sequence[float]], first: int = 1, **choices: Any
) -> list[Slice]:
    """Write one slice at each position, instance numbers from `first` on."""
    slices = []
    for number, position in enumerate(positions, start=first):
        pixels = image(number)
        asked = {"spacing": SPACING, "rescale": (1, 0), **choices}
        write_slice(
            folder / f"{number:03d}.dcm", pixels, position=position, instance=number, **asked
        )
        slices.append(Slice(tuple(position), pixels, asked.get("orientation", AXIAL)))  # type: ignore[arg-type]
    return slices


def along_z(*heights: float) -> list[tuple[float, float, float]]:
    return [(-20.0, 10.0, z) for z in heights]


def world_of(one: Slice, row: int, column: int) -> Any:
    """Return RAS+ mm of a pixel, by the equation of PS3.3 C.7.6.2.1.1 written out."""
    r, c = np.array(one.orientation[:3]), np.array(one.orientation[3:])
    lps = np.array(one.position) + r * SPACING[1] * column + c * SPACING[0] * row
    return lps * (-1, -1, 1)


def value_at(volume: Volume, world: Any) -> Any:
    """Return the values at a point, which must be the centre of a voxel."""
    index = np.linalg.inv(volume.affine) @ [*world, 1]
    nearest = np.rint(index[:3]).astype(int)
    assert np.abs(index[:3] - nearest).max() < 1e-4, f"{world} is no voxel centre: {index[:3]}"
    assert (nearest >= 0).all()
    return np.asarray(volume.data)[tuple(nearest)]


def assert_every_pixel_is_at_its_place(volume: Volume, slices: Sequence[Slice]) -> None:
    for one in slices:
        for row, column in ((0, 0), (ROWS - 1, COLUMNS - 1), (2, 7)):
            assert value_at(volume, world_of(one, row, column)) == one.pixels[row, column]


def kinds(volume: Volume) -> set[str]:
    return {finding.kind for finding in volume.report.findings}


def only(folder: Path, **choices: Any) -> Volume:
    (volume,) = read(folder, **choices)
    return volume


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE, (0, 1, 0, 0, 0, -1), (-1, 0, 0, 0, 1, 0)])
def test_slices_lie_along_their_normal(tmp_path: Path, orientation: Sequence[float]) -> None:
    normal = np.cross(orientation[:3], orientation[3:])
    slices = write(tmp_path, [normal * 1.5 * n for n in range(5)], orientation=orientation)

    volume = only(tmp_path)

    assert volume.shape == (COLUMNS, ROWS, 5)
    assert_every_pixel_is_at_its_place(volume, slices)
    assert volume.report.spacing == pytest.approx(1.5)
    assert volume.report.warnings == ()


def test_order_of_names_and_instance_numbers_means_nothing(tmp_path: Path) -> None:
    positions = along_z(*np.arange(0, 14, 2.0))
    straight, shuffled, backwards = (tmp_path / n for n in ("straight", "shuffled", "backwards"))
    write(straight, positions)
    shuffled.mkdir()
    names = [f"{n}.dcm" for n in range(7)]
    random.Random(4).shuffle(names)
    for path, name in zip(sorted(straight.iterdir()), names, strict=True):
        shutil.copy(path, shuffled / name)
    for number, position in enumerate(positions):
        asked = {"instance": 7 - number, "position": position, "spacing": SPACING}
        write_slice(backwards / f"{number}.dcm", image(number + 1), **asked)

    reference = only(straight)
    for folder in (shuffled, backwards):
        other = only(folder)
        np.testing.assert_array_equal(other.affine, reference.affine)
        np.testing.assert_array_equal(other.data, reference.data)


def test_a_series_in_two_folders_is_one_volume(tmp_path: Path) -> None:
    slices = write(tmp_path / "a", along_z(0, 2, 4)) + write(
        tmp_path / "b" / "deep", along_z(6, 8, 10), first=4
    )

    assert_every_pixel_is_at_its_place(only(tmp_path), slices)
    assert only(tmp_path).shape[2] == 6


def test_spacing_is_from_positions_and_thickness_is_ignored(tmp_path: Path) -> None:
    elements = {"SpacingBetweenSlices": "5"}
    slices = write(tmp_path, along_z(0, 2, 4, 6), thickness=5, elements=elements)

    volume = only(tmp_path)

    assert volume.zooms == pytest.approx((0.4, 0.7, 2))
    assert_every_pixel_is_at_its_place(volume, slices)
    assert ("SliceThickness", "5") in volume.report.ignored
    assert ("SpacingBetweenSlices", "5") in volume.report.ignored


def test_jitter_is_accepted_and_reported(tmp_path: Path) -> None:
    write(tmp_path, along_z(0, 2.02, 4, 5.98, 8, 10.02, 12))

    volume = only(tmp_path)

    assert volume.zooms[2] == pytest.approx(2.0)
    assert volume.report.largest_residual == pytest.approx(0.02)
    assert "jitter" in kinds(volume)


def test_a_missing_slice_is_left_blank_and_later_ones_keep_their_place(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4, 8, 10, 12), padding=-2000)

    volume = only(tmp_path)

    assert volume.shape[2] == 7
    assert_every_pixel_is_at_its_place(volume, slices)
    assert (np.asarray(volume.data)[:, :, 3] == -2000).all()
    assert volume.report.slices[3].file == ""
    (warning,) = volume.report.warnings
    assert "1 of 7 slices is missing" in warning
    assert "after 4.00 mm" in warning


def test_blank_slices_of_a_ct_are_air(tmp_path: Path) -> None:
    write(tmp_path, along_z(0, 2, 6, 8), rescale=(1, -24))

    assert (np.asarray(only(tmp_path).data)[:, :, 2] == -1024).all()


def test_a_gap_can_be_interpolated_split_or_stacked(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4, 8, 10))

    filled = only(tmp_path, gaps="interpolate")
    np.testing.assert_array_equal(
        np.asarray(filled.data)[:, :, 3], ((image(3) + image(4)) / 2).T.astype(int)
    )
    parts = read(tmp_path, gaps="split")
    assert [part.shape[2] for part in parts] == [3, 2]
    assert_every_pixel_is_at_its_place(parts[0], slices[:3])
    assert_every_pixel_is_at_its_place(parts[1], slices[3:])
    stack = only(tmp_path, gaps="stack")
    assert stack.shape[2] == 5
    assert "wrong by up to 1.00 mm" in stack.report.warnings[0]


def test_parts_far_apart_are_volumes_of_their_own(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 1, 2, 202, 203))

    low, high = read(tmp_path)

    assert_every_pixel_is_at_its_place(low, slices[:3])
    assert_every_pixel_is_at_its_place(high, slices[3:])
    assert "199 slices are missing" in low.report.warnings[0]


def test_uneven_spacing_is_interpolated_where_it_must_be(tmp_path: Path) -> None:
    heights = [0, 2, 4, 6, 11, 16, 21]
    slices = write(tmp_path, along_z(*heights))

    volume = only(tmp_path)

    assert_every_pixel_is_at_its_place(volume, [slices[0], slices[-1]])
    z = volume.affine[2, 3] + volume.affine[2, 2] * np.arange(volume.shape[2])
    expected = np.interp(z, heights, [image(n + 1)[2, 3] for n in range(7)])
    np.testing.assert_allclose(np.asarray(volume.data)[3, 2], np.rint(expected))
    assert "interpolated" in kinds(volume)
    parts = read(tmp_path, gaps="split")
    assert [part.shape[2] for part in parts] == [4, 3]
    assert_every_pixel_is_at_its_place(parts[1], slices[4:])


def test_gantry_tilt_shears_the_grid_and_moves_no_voxel(tmp_path: Path) -> None:
    angle = np.radians(15)
    orientation = (1, 0, 0, 0, np.cos(angle), -np.sin(angle))
    slices = write(tmp_path, along_z(*(4.0 * n for n in range(10))), orientation=orientation)

    volume = only(tmp_path)

    assert_every_pixel_is_at_its_place(volume, slices)
    assert volume.report.tilt == pytest.approx(15, abs=1e-4)
    assert volume.affine[2, 2] * 9 == pytest.approx(36.00)
    assert "15.00° off their normal" in volume.report.warnings[0]


def test_a_localizer_among_the_slices_is_a_volume_of_its_own(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4, 6))
    scout = {"orientation": (0, 1, 0, 0, 0, -1), "spacing": (2, 2)}
    write_slice(
        tmp_path / "scout.dcm",
        image(9),
        position=(0, -50, 50),
        instance=99,
        elements={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        **scout,  # type: ignore[arg-type]
    )

    main, localizer = read(tmp_path)

    assert_every_pixel_is_at_its_place(main, slices)
    assert localizer.shape == (COLUMNS, ROWS, 1)
    assert "localizer" in kinds(localizer)
    assert "2 geometries" in main.report.warnings[0]


def test_two_sizes_under_one_series_are_two_volumes(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4))
    for n in range(3):
        small = np.full((3, 4), n, np.int16)
        write_slice(tmp_path / f"small{n}.dcm", small, position=(0, 0, 5 * n), instance=50 + n)

    large, small_volume = read(tmp_path)

    assert_every_pixel_is_at_its_place(large, slices)
    assert small_volume.shape == (4, 3, 3)


def test_exact_copies_are_left_out(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4))
    shutil.copy(tmp_path / "002.dcm", tmp_path / "copy.dcm")

    volume = only(tmp_path)

    assert volume.shape[2] == 3
    assert_every_pixel_is_at_its_place(volume, slices)
    assert "exact copy" in volume.report.warnings[0]


def test_a_copy_under_another_uid_is_known_by_its_pixels(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4))
    asked = {"position": slices[1].position, "spacing": SPACING, "instance": 77}
    write_slice(tmp_path / "copy.dcm", slices[1].pixels, **asked)  # type: ignore[arg-type]

    volume = only(tmp_path)

    assert volume.shape == (COLUMNS, ROWS, 3)
    assert "duplicate" in kinds(volume)


def test_slices_that_share_a_uid_by_mistake_are_all_kept(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(0, 2, 4), elements={"SOPInstanceUID": "1.2.3"})

    assert_every_pixel_is_at_its_place(only(tmp_path), slices)


def test_a_single_slice_takes_its_thickness_and_says_so(tmp_path: Path) -> None:
    slices = write(tmp_path, along_z(7), thickness=5)

    volume = only(tmp_path / "001.dcm")

    assert volume.shape == (COLUMNS, ROWS, 1)
    assert volume.zooms[2] == 5
    assert_every_pixel_is_at_its_place(volume, slices)
    assert any("thickness" in f.text for f in volume.report.findings if f.kind == "single")


def test_orientation_that_is_not_orthonormal_is_straightened_and_said(tmp_path: Path) -> None:
    write(tmp_path, along_z(0, 2, 4), orientation=(1, 0, 0, 0.02, 1, 0))

    volume = only(tmp_path)

    linear = volume.affine[:3, :2] / volume.zooms[:2]
    assert linear[:, 0] @ linear[:, 1] == pytest.approx(0, abs=1e-12)
    assert "orientation" in kinds(volume)


@pytest.mark.parametrize("element", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_an_image_without_a_place_is_still_shown(tmp_path: Path, element: str) -> None:
    write_slice(tmp_path / "x.dcm", image(1), spacing=SPACING, elements={element: None})

    volume = only(tmp_path / "x.dcm")

    np.testing.assert_array_equal(np.asarray(volume.data)[:, :, 0].T, image(1))
    assert volume.zooms[:2] == pytest.approx((0.4, 0.7))
    assert volume.axcodes == "LPS"
    assert "position" in kinds(volume)


def test_pixel_spacing_of_an_xray_is_at_the_detector(tmp_path: Path) -> None:
    elements = {
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "PixelSpacing": None,
        "ImagerPixelSpacing": ["0.3", "0.2"],
        "EstimatedRadiographicMagnificationFactor": "2",
    }
    write_slice(tmp_path / "x.dcm", image(1), modality="OT", elements=elements)

    volume = only(tmp_path / "x.dcm")

    assert volume.zooms[:2] == pytest.approx((0.1, 0.15))
    assert any("at the detector" in f.text for f in volume.report.findings)


def test_no_spacing_at_all_is_a_warning(tmp_path: Path) -> None:
    elements = {"PixelSpacing": None}
    write_slice(tmp_path / "x.dcm", image(1), elements=elements)

    assert "no pixel spacing" in only(tmp_path / "x.dcm").report.warnings[0]


def test_positions_that_are_no_line_are_split(tmp_path: Path) -> None:
    positions = [(0, 0, 0), (0, 0, 2), (0, 0, 4), (30, 0, 6), (30, 0, 8), (30, 0, 10)]
    slices = write(tmp_path, positions)

    low, high = read(tmp_path)

    assert_every_pixel_is_at_its_place(low, slices[:3])
    assert_every_pixel_is_at_its_place(high, slices[3:])
    assert "do not lie on one line" in low.report.warnings[0]


def test_every_plane_knows_its_file(tmp_path: Path) -> None:
    write(tmp_path, along_z(4, 0, 2))

    report = only(tmp_path).report

    assert [Path(row.file).name for row in report.slices] == ["002.dcm", "003.dcm", "001.dcm"]
    assert [row.position for row in report.slices] == pytest.approx([0, 2, 4])
    assert all(row.instance_uid for row in report.slices)
    assert len(report.files) == 3


def test_series_can_be_chosen_by_number_or_uid(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": "1.2.3"}
    write(tmp_path / "b", along_z(0, 2), series="b", elements={"SeriesNumber": 7, **study})
    write(tmp_path / "c", along_z(0, 2), series="a", elements=study)

    assert [v.name for v in read(tmp_path)] == ["a", "b"]
    (chosen,) = read(tmp_path, series="7")
    assert chosen.name == "b"
    uid = next(row.value for row in chosen.header if row.name == "SeriesInstanceUID")
    assert read(tmp_path, series=uid)[0].name == "b"
    with pytest.raises(MedVolError, match=r"series 8: is not among the files.*1, 7"):
        read(tmp_path, series="8")


def test_names_that_occur_twice_are_numbered(tmp_path: Path) -> None:
    write(tmp_path / "a", along_z(0, 2), series="a", elements={"SeriesDescription": "same"})
    write(tmp_path / "b", along_z(0, 2), series="b", elements={"SeriesDescription": "same"})

    assert [v.name for v in read(tmp_path)] == ["same [1]", "same [2]"]


def test_a_dicomdir_stands_for_its_folder(tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    files = FileSet()
    write(tmp_path / "in", along_z(0, 2, 4), elements={"StudyID": "1"})
    for path in (tmp_path / "in").iterdir():
        files.add(path)
    files.write(tmp_path / "out")
    files._stage["t"].cleanup()  # or pydicom leaves it to the garbage collector, with a warning

    volume = only(tmp_path / "out" / "DICOMDIR")

    assert volume.shape == (COLUMNS, ROWS, 3)
    np.testing.assert_array_equal(volume.data, only(tmp_path / "in").data)


@pytest.mark.parametrize("name", ["IM0001", "1.2.840.1234.5", "MR.1.2.3.ima", "图像 1", "a.b.dcm"])
def test_names_of_files_do_not_matter(tmp_path: Path, name: str) -> None:
    write(tmp_path, along_z(0))
    (tmp_path / "001.dcm").rename(tmp_path / name)

    np.testing.assert_array_equal(np.asarray(only(tmp_path / name).data)[:, :, 0].T, image(1))
    np.testing.assert_array_equal(np.asarray(only(tmp_path).data)[:, :, 0].T, image(1))


def test_no_volume_is_of_two_patients(tmp_path: Path) -> None:
    positions = along_z(0, 2, 4, 6)
    for n, position in enumerate(positions):
        write_slice(
            tmp_path / f"{n}.dcm",
            image(n),
            position=position,
            instance=n + 1,
            spacing=SPACING,
            elements={"PatientID": "AB"[n % 2], "PatientName": "AB"[n % 2]},
        )

    volumes = read(tmp_path)

    assert [v.shape[2] for v in volumes] == [2, 2]
    assert all("images of 2 patients" in v.report.warnings[0] for v in volumes)
    for volume, members in zip(volumes, ([0, 2], [1, 3]), strict=True):
        truth = [Slice(positions[n], image(n)) for n in members]
        assert_every_pixel_is_at_its_place(volume, truth)


def test_patients_stay_apart_where_every_uid_was_removed(tmp_path: Path) -> None:
    uids = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    for patient in "AB":
        write(
            tmp_path / patient,
            along_z(0, 2, 4),
            elements={**dict.fromkeys(uids), "PatientID": patient},
        )

    assert [v.shape for v in read(tmp_path)] == [(COLUMNS, ROWS, 3)] * 2


def test_a_patient_that_some_files_do_not_name_is_one_patient(tmp_path: Path) -> None:
    write(tmp_path, along_z(0, 2))
    write(tmp_path, along_z(4, 6), first=3, elements={"PatientID": "", "PatientName": ""})

    assert only(tmp_path).shape[2] == 4


def displaced(folder: Path, heights: Sequence[float], **choices: Any) -> list[Volume]:
    """Write a slice at each height, every pixel of it its height times 100, and read them."""
    for number, height in enumerate(heights):
        write_slice(
            folder / f"{number:03d}.dcm",
            np.full((4, 5), round(100 * height), np.int16),
            position=(0, 0, height),
            instance=number + 1,
        )
    return read(folder, **choices)


@pytest.mark.parametrize("off", [0.3, -0.3, 0.06])
@pytest.mark.parametrize("number", [1, 7, 18])
def test_one_displaced_slice_of_twenty_leaves_the_others_as_they_are(
    tmp_path: Path, number: int, off: float
) -> None:
    heights = [float(k) for k in range(20)]
    heights[number] += off

    (volume,) = displaced(tmp_path, heights)

    np.testing.assert_allclose(volume.affine, np.diag([-1, -1, 1, 1]), atol=1e-12)
    # Values grow with height: interpolated at its place, the slice has the value of the place.
    np.testing.assert_array_equal(np.asarray(volume.data)[0, 0], 100 * np.arange(20))
    assert [row.plane[0] for row in volume.report.slices if not row.file] == [number]
    (finding,) = (f for f in volume.report.findings if f.kind == "displaced")
    assert finding.severity == "warning"
    assert f"the one at {heights[number]:.2f} mm by {abs(off):.3f} mm" in finding.text
    assert volume.report.largest_residual == pytest.approx(abs(off))


@pytest.mark.parametrize(("number", "off"), [(0, -0.3), (19, 0.3)])
def test_a_displaced_slice_at_an_end_does_not_stretch_the_others(
    tmp_path: Path, number: int, off: float
) -> None:
    heights = [float(k) for k in range(20)]
    heights[number] += off

    (volume,) = displaced(tmp_path, heights)

    np.testing.assert_allclose(volume.affine[2], [0, 0, 1, 0], atol=1e-12)
    np.testing.assert_array_equal(np.asarray(volume.data)[0, 0], 100 * np.arange(20))


def test_a_displaced_slice_can_be_had_as_it_was_read(tmp_path: Path) -> None:
    heights = [float(k) for k in range(20)]
    heights[7] += 0.3

    (volume,) = displaced(tmp_path, heights, gaps="stack")

    assert np.asarray(volume.data)[0, 0, 7] == 730
    assert all(row.file for row in volume.report.slices)


@pytest.mark.parametrize(
    ("heights", "kind"),
    [
        ([*range(10), *range(11, 21)], "gap"),  # one is missing
        ([*range(19), 20], "gap"),  # the last but one is missing
        ([0, *range(2, 21)], "gap"),
        ([0, 1, 2, 3.3, 4, 5, 6.3, *range(7, 20)], "interpolated"),  # two of twenty are too many
        ([0, 1, 2.3, 3, 4], "interpolated"),  # too few to say what is usual
        ([0.3, *range(1, 20)], "interpolated"),  # nothing lies beyond it to interpolate from
        ([k + 0.03 * (k % 2) * (k > 1) for k in range(20)], "jitter"),
        ([5 * k + 0.2 * (k % 2) for k in range(20)], "interpolated"),  # nothing is missing
    ],
)
def test_what_is_no_displaced_slice_is_treated_as_ever(
    tmp_path: Path, heights: Sequence[float], kind: str
) -> None:
    (volume,) = displaced(tmp_path, heights)

    assert kind in kinds(volume)
    assert "displaced" not in kinds(volume)


def test_a_slice_beside_the_line_of_the_others_is_no_displaced_slice(tmp_path: Path) -> None:
    for k in range(20):
        write_slice(
            tmp_path / f"{k}.dcm",
            np.zeros((4, 5), np.int16),
            position=(0.3 * (k == 7), 0, k),
            instance=k + 1,
        )

    assert all("displaced" not in kinds(volume) for volume in read(tmp_path))


def test_a_gap_between_jittering_slices_is_a_gap(tmp_path: Path) -> None:
    places = [2 * k + 0.02 * (-1) ** k for k in range(12) if k not in (4, 5)]
    for number, z in enumerate(places, 1):
        pixels = np.full((4, 5), number, np.int16)
        write_slice(tmp_path / f"{number}.dcm", pixels, position=(0, 0, z), instance=number)

    (volume,) = read(tmp_path)

    assert volume.shape == (5, 4, 12)
    assert volume.zooms[2] == pytest.approx(2, abs=0.01)
    kept = np.asarray(volume.data)[0, 0]
    assert np.delete(kept, (4, 5)).tolist() == list(range(1, 11))
    assert any("missing" in text for text in volume.report.warnings)
