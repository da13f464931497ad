"""Segmentations and structure sets: labels with names and colours, where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from napari_medvol import MedVolError, Volume, read
from napari_medvol.formats.dicom.painting import filled, layers_of
from tests.phantoms.dicom import write_series
from tests.phantoms.multiframe import write_structures

SHAPE = (6, 10, 12)  # slices, rows, columns
SPACING = (0.5, 0.8)


def write_ct(folder: Path) -> list[Path]:
    wanted = ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")
    return write_series(
        folder,
        np.zeros(SHAPE, np.int16),
        step=(0, 0, 2),
        origin=(-4, -3, 7),
        spacing=SPACING,
        elements=dict.fromkeys((*wanted, "ReferringPhysicianName"), ""),
    )


def masks() -> Any:
    """Return two segments (2, slices, rows, columns) that leave one another free."""
    out = np.zeros((2, *SHAPE), bool)
    out[0, 1:3, 2:5, 3:7] = True
    out[1, 4, 6:9, 1:4] = True
    return out


def write_seg(path: Path, images: list[Path], segments: Any, kind: str = "BINARY") -> None:
    """Write a segmentation with highdicom, a foreign writer."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription

    algorithm = AlgorithmIdentificationSequence("a", codes.DCM.ArtificialIntelligence, "1")
    described = [
        SegmentDescription(
            segment_number=n + 1,
            segment_label=f"organ {n + 1}",
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            display_color=CIELabColor.from_rgb(255, 0, 0) if n == 0 else None,
        )
        for n in range(len(segments))
    ]
    Segmentation(
        source_images=[pydicom.dcmread(p) for p in images],
        pixel_array=np.moveaxis(segments, 0, -1),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid="1.2.3.4",
        series_number=9,
        sop_instance_uid="1.2.3.4.5",
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    ).save_as(path)


def on_grid_of(ct: Volume, labels: Volume) -> Any:
    """Return labels (slices, rows, columns) laid on the grid of the CT."""
    out = np.zeros(SHAPE, int)
    data = np.asarray(labels.data)
    for index in np.argwhere(data):
        world = labels.affine @ [*index, 1]
        at = np.linalg.inv(ct.affine) @ world
        nearest = np.rint(at[:3]).astype(int)
        assert np.abs(at[:3] - nearest).max() < 1e-4
        out[tuple(nearest[::-1])] = data[tuple(index)]
    return out


def test_binary_segments_become_one_labels_volume(tmp_path: Path) -> None:
    images = write_ct(tmp_path)
    write_seg(tmp_path / "seg.dcm", images, masks())

    ct, labels = read(tmp_path)

    assert (ct.kind, labels.kind) == ("image", "labels")
    np.testing.assert_array_equal(on_grid_of(ct, labels), masks()[0] + 2 * masks()[1])
    assert [(label.value, label.name) for label in labels.labels] == [
        (1, "organ 1"),
        (2, "organ 2"),
    ]
    assert labels.labels[0].color is not None
    np.testing.assert_allclose(labels.labels[0].color, (1, 0, 0, 1), atol=0.02)
    assert labels.labels[1].color is None
    assert labels.frame_of_reference == ct.frame_of_reference


def test_segments_that_overlap_become_several_volumes(tmp_path: Path) -> None:
    images = write_ct(tmp_path)
    segments = masks()
    segments[1] = segments[0]
    segments[1, 2] = False
    write_seg(tmp_path / "seg.dcm", images, segments)

    ct, *layers = read(tmp_path)

    assert len(layers) == 2
    for n, layer in enumerate(layers):
        np.testing.assert_array_equal(on_grid_of(ct, layer), segments[n] * (n + 1))
    assert "overlap" in layers[0].report.warnings[0]


def test_fractional_segments_are_an_image_from_0_to_1(tmp_path: Path) -> None:
    images = write_ct(tmp_path)
    write_seg(tmp_path / "seg.dcm", images, masks() * 0.5, "FRACTIONAL")

    (volume,) = read(tmp_path / "seg.dcm")

    assert volume.kind == "image"
    assert volume.axes[0].values == ("organ 1", "organ 2")
    assert np.asarray(volume.data).max() == pytest.approx(0.5, abs=0.01)


def test_a_label_map_keeps_its_values(tmp_path: Path) -> None:
    images = write_ct(tmp_path)
    write_seg(tmp_path / "seg.dcm", images, masks(), "LABELMAP")

    ct, labels = read(tmp_path)

    np.testing.assert_array_equal(on_grid_of(ct, labels), masks()[0] + 2 * masks()[1])


def square(z: float, low: float, high: float) -> Any:
    corners = [(low, low, z), (high, low, z), (high, high, z), (low, high, z)]
    return np.array(corners, dtype=float)


def test_contours_become_labels_on_the_grid_of_their_image(tmp_path: Path) -> None:
    write_ct(tmp_path)
    regions = {
        "ring": [
            ("CLOSED_PLANAR", square(9, -3.9, 3.1)),
            ("CLOSED_PLANAR", square(9, -1.1, 0.9)),  # a hole
        ],
        "far": [("CLOSED_PLANAR", square(15, 3.3, 4.6))],
    }
    write_structures(tmp_path / "rs.dcm", regions)

    ct, labels = read(tmp_path)

    assert (labels.shape, labels.kind) == (ct.shape, "labels")
    np.testing.assert_array_equal(labels.affine, ct.affine)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    x, y = -4 + SPACING[1] * columns, -3 + SPACING[0] * rows

    def inside(low: float, high: float) -> Any:
        return (x > low) & (x < high) & (y > low) & (y < high)

    expected = np.zeros(SHAPE, int)
    expected[1][inside(-3.9, 3.1) & ~inside(-1.1, 0.9)] = 1
    expected[4][inside(3.3, 4.6)] = 2
    np.testing.assert_array_equal(np.asarray(labels.data).T, expected)
    assert [(label.name, label.color) for label in labels.labels] == [
        ("ring", (1.0, 0.0, 128 / 255, 1.0)),
        ("far", (1.0, 0.0, 128 / 255, 1.0)),
    ]
    assert len(labels.contours) == 3
    np.testing.assert_allclose(labels.contours[0].points[0], (3.9, 3.9, 9))


def test_points_are_kept_as_contours_and_said(tmp_path: Path) -> None:
    write_ct(tmp_path)
    regions = {
        "spot": [("POINT", np.array([[0, 0, 9.0]]))],
        "body": [("CLOSED_PLANAR", square(9, -2, 2)), ("CLOSED_PLANAR", square(99, -2, 2))],
    }
    write_structures(tmp_path / "rs.dcm", regions)

    labels = read(tmp_path)[-1]

    texts = {f.kind: f.text for f in labels.report.findings}
    assert "1 contours are points" in texts["open"]
    assert "1 of 3 contours do not lie on a slice" in texts["outside"]


def test_contours_may_name_their_images_themselves(tmp_path: Path) -> None:
    from tests.phantoms.multiframe import group

    images = write_ct(tmp_path)
    path = write_structures(tmp_path / "rs.dcm", {"a": [("CLOSED_PLANAR", square(9, -2, 2))]})
    dataset = pydicom.dcmread(path)
    del dataset.ReferencedFrameOfReferenceSequence
    del dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID
    named = pydicom.dcmread(images[1]).SOPInstanceUID
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourImageSequence = group(ReferencedSOPInstanceUID=named)
    dataset.save_as(path)

    ct, labels = read(tmp_path)

    np.testing.assert_array_equal(labels.affine, ct.affine)
    assert labels.shape == ct.shape
    assert labels.report.findings == ()


def test_a_structure_set_finds_the_image_beside_it(tmp_path: Path) -> None:
    write_ct(tmp_path)
    write_structures(tmp_path / "rs.dcm", {"a": [("CLOSED_PLANAR", square(9, -2, 2))]})

    (labels,) = read(tmp_path / "rs.dcm")

    assert labels.shape == SHAPE[::-1]
    assert labels.report.warnings == ()


def test_a_series_that_is_asked_for_comes_without_the_regions_of_others(tmp_path: Path) -> None:
    from napari_medvol import Recipe

    write_ct(tmp_path)
    write_structures(tmp_path / "rs.dcm", {"a": [("CLOSED_PLANAR", square(9, -2, 2))]})
    ct, labels = read(tmp_path)
    image_uid, regions_uid = (
        next(row.value for row in one.header if row.name == "SeriesInstanceUID")
        for one in (ct, labels)
    )

    (alone,) = read(tmp_path, series=image_uid)
    (regions,) = read(tmp_path, series=regions_uid)

    assert (alone.kind, regions.kind) == ("image", "labels")
    # The image is not given, but its grid is.
    np.testing.assert_array_equal(regions.affine, ct.affine)
    np.testing.assert_array_equal(regions.data, labels.data)
    for one in (ct, labels, alone, regions):
        names: dict[str, Any] = {}
        exec(Recipe.of(one).to_python(), names)
        assert names["volume"].kind == one.kind


def test_a_structure_set_without_its_image_gets_a_grid_of_its_own(tmp_path: Path) -> None:
    contours = [("CLOSED_PLANAR", square(z, -5, 5)) for z in (0.0, 3.0, 6.0)]
    write_structures(tmp_path / "rs.dcm", {"a": contours})

    (labels,) = read(tmp_path / "rs.dcm")

    assert labels.zooms == (1, 1, 3)
    volume_ml = np.asarray(labels.data).sum() * 3
    assert volume_ml == pytest.approx(3 * 100 * 3, rel=0.15)
    assert "is not here" in labels.report.warnings[0]


def test_a_structure_set_without_contours_says_so(tmp_path: Path) -> None:
    write_structures(tmp_path / "rs.dcm", {"a": []})

    with pytest.raises(MedVolError, match=r"rs\.dcm: a structure set without contours"):
        read(tmp_path / "rs.dcm")


def test_filling_agrees_with_testing_every_pixel() -> None:
    rng = np.random.default_rng(5)
    polygon = rng.uniform(-3, 23, (9, 2))

    mask = filled([polygon], 17, 21)

    for row in range(17):
        for column in range(21):
            inside = False
            for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
                if (y1 > row) != (y2 > row):
                    inside ^= column < (x2 - x1) * (row - y1) / (y2 - y1) + x1
            assert mask[row, column] == inside, (row, column)


def test_layers_are_as_few_as_overlaps_allow() -> None:
    one, two = np.zeros((2, 4, 4), bool)
    one[:2], two[1:] = True, True

    layers = layers_of((2, 4, 4), {5: [(0, one)], 7: [(0, two)], 300: [(1, one)]})

    assert [values for _, values in layers] == [[5, 300], [7]]
    assert layers[0][0].dtype == np.uint16
    np.testing.assert_array_equal(layers[0][0][0], one * 5)
    np.testing.assert_array_equal(layers[1][0][0], two * 7)
