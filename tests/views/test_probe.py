"""What a scan holds at a point."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import napari_medvol
from napari_medvol.arrays import lazy_volume
from napari_medvol.errors import StepError
from napari_medvol.views.probe import (
    COLUMNS,
    parse_place,
    point_at,
    probe,
    probe_table,
    ras_of_place,
    voxel_at,
)
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.dicom import write_series
from tests.phantoms.sources import ArraySource, StreamSource
from tests.phantoms.volumes import affine_along, rotated

OBLIQUE = rotated(affine_along("PIR", (1.1, 0.9, 2.5)), 17)


def noise(shape: tuple[int, ...] = (9, 8, 7)) -> np.ndarray:
    return np.random.default_rng(7).normal(100, 20, shape).astype(np.float32)


def test_a_voxel_centre_has_whole_numbers_and_the_voxels_own_value(volume: Volume) -> None:
    for voxel in ((0, 0, 0), (4, 5, 6), (2, 1, 3)):
        found = probe(volume, nib.affines.apply_affine(volume.affine, voxel))

        np.testing.assert_allclose(found.voxel, voxel, atol=1e-9)
        assert found.inside
        assert found.nearest == voxel
        assert found.value == volume.data[voxel]
        assert found.linear == pytest.approx(float(volume.data[voxel]))


def test_the_linear_value_is_that_of_scipy_also_beyond_the_outermost_centres() -> None:
    volume = Volume(noise(), OBLIQUE)
    random = np.random.default_rng(3)
    voxels = random.uniform(-0.5, np.array(volume.shape) - 0.5, (200, 3))
    expected = map_coordinates(np.asarray(volume.data, np.float64), voxels.T, order=1,
                               mode="nearest")  # fmt: skip

    found = [probe(volume, point_at(volume, voxel)) for voxel in voxels]

    assert all(one.inside for one in found)
    np.testing.assert_allclose([one.linear for one in found], expected, atol=1e-5)
    nearest = np.floor(voxels + 0.5).astype(int)
    assert [one.value for one in found] == [volume.data[tuple(n)] for n in nearest]


def test_outside_has_a_voxel_index_but_no_value() -> None:
    volume = Volume(noise(), OBLIQUE, unit="HU")

    found = probe(volume, point_at(volume, (-0.51, 3, 3)))

    assert not found.inside
    assert (found.value, found.linear, found.stored, found.source) == (None, None, None, None)
    np.testing.assert_allclose(found.voxel, (-0.51, 3, 3), atol=1e-9)
    assert probe(volume, point_at(volume, (-0.5, 3, 3))).inside
    assert probe(volume, point_at(volume, (8.5, 7.5, 6.5))).nearest == (9, 8, 7)


def test_the_voxel_under_a_voxel_of_another_scan_is_exact(data: Path) -> None:
    (ct,) = napari_medvol.read(data / "data" / "sts002_ct")
    (pet,) = napari_medvol.read(data / "data" / "sts002_pet")
    for ijk in ((0, 0, 0), (103, 160, 7), (255.25, 3.5, 20)):
        expected = np.linalg.inv(pet.affine) @ ct.affine @ [*ijk, 1]

        found = probe(pet, point_at(ct, ijk))

        np.testing.assert_allclose(found.voxel, expected[:3], rtol=0, atol=1e-9)


def test_the_first_voxel_of_the_epi_and_the_origin_have_their_known_values(data: Path) -> None:
    (epi,) = napari_medvol.read(next((data / "data" / "nii_functional").glob("*.nii*")))
    image = nib.load(epi.report.files[0])
    raw = np.asarray(image.dataobj)

    first = probe(epi, ras_of_place(epi, parse_place("0 0 0")))
    middle = probe(epi, ras_of_place(epi, parse_place("0 0 0 mm")), (3,))

    assert first.value == pytest.approx(raw[0, 0, 0, 0], rel=1e-6)
    np.testing.assert_allclose(middle.voxel, (np.linalg.pinv(image.affine) @ (0, 0, 0, 1))[:3])
    expected = raw[(*middle.nearest, 3)] if middle.inside else None
    assert middle.value == (expected if expected is None else pytest.approx(expected, rel=1e-6))


def test_extra_axes_choose_the_frame_and_end_where_the_scan_ends() -> None:
    data = np.arange(5 * 6 * 7 * 4 * 2).reshape(5, 6, 7, 4, 2)
    volume = Volume(data, np.eye(4), axes=(Axis("t", 2.0, "s"), Axis("echo")))

    assert probe(volume, (1, 2, 3), (3, 1)).value == data[1, 2, 3, 3, 1]
    assert probe(volume, (1, 2, 3)).value == data[1, 2, 3, 0, 0]
    assert not probe(volume, (1, 2, 3), (4, 0)).inside


def test_colour_has_a_value_for_each_sample_and_nothing_between() -> None:
    data = np.arange(4 * 4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 4, 3)
    found = probe(Volume(data, np.eye(4), axes=(Axis("rgb"),)), (1, 2, 3))

    assert found.value == tuple(data[1, 2, 3].tolist())
    assert (found.linear, found.stored) == (None, None)


def test_labels_have_names_and_nothing_between() -> None:
    data = np.zeros((4, 4, 4), np.uint8)
    data[1, 1, 1] = 17
    volume = Volume(
        data, np.eye(4), kind="labels", labels=(Label(0, "air"), Label(17, "hippocampus"))
    )

    found = probe(volume, (1.2, 0.9, 1))

    assert (found.value, found.label, found.linear) == (17, "hippocampus", None)


def test_not_a_number_next_door_does_not_reach_a_voxel_centre() -> None:
    data = noise()
    data[5, 4, 3] = np.nan
    volume = Volume(data, np.eye(4))

    assert probe(volume, (4, 4, 3)).linear == pytest.approx(float(data[4, 4, 3]))
    assert np.isnan(probe(volume, (4.5, 4, 3)).linear or 0.0)


def test_a_dicom_voxel_tells_its_stored_number_and_its_file(tmp_path: Path) -> None:
    pixels = [np.arange(48, dtype=np.int16).reshape(6, 8) + 100 * k for k in range(4)]
    write_series(tmp_path, pixels, elements={"RescaleSlope": 0.25, "RescaleIntercept": -10})
    (volume,) = napari_medvol.read(tmp_path)

    found = probe(volume, point_at(volume, (3, 2, 1)))

    k = found.nearest[2]
    assert found.source is not None
    assert Path(found.source.file).is_file()
    assert found.stored == (found.value + 10) * 4
    assert found.stored in (pixels[k][2, 3], pixels[3 - k][2, 3])


def test_a_nifti_voxel_tells_its_stored_number(tmp_path: Path) -> None:
    raw = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = nib.Nifti1Image(raw, np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    image.dataobj_scaled = None
    path = tmp_path / "scaled.nii"
    nib.save(image, path)
    header = bytearray(path.read_bytes())
    header[112:120] = np.array([0.5, 3], "<f4").tobytes()
    header[352:] = raw.tobytes(order="F")
    path.write_bytes(header)
    (volume,) = napari_medvol.read(path)

    found = probe(volume, point_at(volume, (1, 2, 3)))

    assert found.stored == raw[1, 2, 3]
    assert found.value == raw[1, 2, 3] * 0.5 + 3


def test_what_a_stream_has_not_read_yet_is_not_waited_for() -> None:
    values = noise((5, 8, 9))
    source = StreamSource(values)
    volume = Volume(lazy_volume(source), np.eye(4))

    early = probe(volume, (1, 2, 3), wait=False)
    assert early.inside
    assert (early.value, early.linear, source.order) == (None, None, [])
    late = probe(volume, (1, 2, 3))
    now = probe(volume, (1, 2, 3), wait=False)

    assert late.value == now.value == values[3, 2, 1]


def test_a_plane_that_cannot_be_read_has_no_value() -> None:
    volume = Volume(lazy_volume(ArraySource(noise((5, 8, 9)), broken=[3])), np.eye(4))

    found = probe(volume, (1, 2, 3))

    assert found.inside
    assert (found.value, found.linear) == (None, None)
    assert probe(volume, (1, 2, 1)).value is not None


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("26 30 16", "voxel", (26, 30, 16)),
        ("26, 30.5, 16", "voxel", (26, 30.5, 16)),
        ("[26;30;16] voxel", "voxel", (26, 30, 16)),
        ("26 30 16 4", "voxel", (26, 30, 16, 4)),
        ("0 0 0 mm", "ras", (0, 0, 0)),
        ("-12.5 40 7 RAS", "ras", (-12.5, 40, 7)),
        ("lps 1 2 3", "lps", (1, 2, 3)),
        ("1 2 3 mm LPS", "lps", (1, 2, 3)),
    ],
)
def test_places_are_understood_as_people_write_them(
    text: str, kind: str, numbers: tuple[float, ...]
) -> None:
    place = parse_place(text)

    assert (place.kind, place.numbers) == (kind, numbers)


@pytest.mark.parametrize(
    "text", ["", "1 2", "1 2 3 4 mm", "a b c", "1 2 3 inch", "1 2 nan",
     "1 2 3 ras lps", "1 2 x3"]
)  # fmt: skip
def test_what_is_no_place_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StepError, match="26 30 16"):
        parse_place(text)


def test_lps_is_the_same_point_with_two_signs_turned() -> None:
    volume = Volume(noise(), OBLIQUE)

    ras = ras_of_place(volume, parse_place("1 -2 3 lps"))

    np.testing.assert_allclose(ras, (-1, 2, 3))
    np.testing.assert_allclose(probe(volume, ras).lps, (1, -2, 3))
    np.testing.assert_allclose(voxel_at(volume, point_at(volume, (2, 3, 4))), (2, 3, 4))


def test_a_voxel_of_no_scan_is_refused() -> None:
    with pytest.raises(StepError, match="no scan"):
        ras_of_place(None, parse_place("1 2 3"))


def test_the_table_pastes_into_a_spreadsheet() -> None:
    volume = Volume(noise(), np.eye(4), unit="HU")

    lines = probe_table([("CT\tof chest", probe(volume, (1, 2, 3)))]).to_tsv().splitlines()

    assert lines[0].split("\t") == list(COLUMNS)
    cells = dict(zip(COLUMNS, lines[1].split("\t"), strict=True))
    assert cells["layer"] == "CT of chest"
    assert (cells["unit"], cells["i"], cells["x LPS (mm)"]) == ("HU", "1.0", "-1.0")
    assert float(cells["value"]) == pytest.approx(float(volume.data[1, 2, 3]))


@pytest.mark.parametrize("text", ["1e308 0 0 mm", "0 0 -1000001 lps"])
def test_a_point_more_than_a_kilometre_away_is_no_place(text: str) -> None:
    with pytest.raises(StepError, match="more than 1 km"):
        parse_place(text)


def test_a_point_just_within_a_kilometre_is_a_place() -> None:
    assert parse_place("1000000 0 0 mm").numbers == (1e6, 0, 0)
