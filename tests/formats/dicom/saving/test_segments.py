"""Labels as DICOM segmentations: names, colours, places and the images they were drawn on."""

from __future__ import annotations

import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

import napari_medvol as mv
from napari_medvol.errors import WriteError
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Axis, Label, Volume
from tests.conftest import GRIDS
from tests.formats.dicom.saving import foreign, standard
from tests.formats.dicom.saving.test_images import ct, read_of  # noqa: F401 - a fixture

RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.5, 1.0, 1.0)
SHAPE = (5, 6, 7)


def labels_on(volume: Volume) -> Volume:
    """Return labels 3, 7 and 200 on the grid of a volume; nothing in its first and last slice."""
    values = np.zeros(volume.shape, np.uint8)
    values[1:3, 1:4, 1:3] = 3
    values[3:5, 2:5, 2:5] = 7
    values[0, 0, 5] = 200
    names = (Label(3, "liver", RED), Label(7, "Niere, längs", BLUE), Label(9, "absent"))
    return Volume(
        values, volume.affine, kind="labels", labels=names, name="organs",
        frame_of_reference=volume.frame_of_reference,
    )  # fmt: skip


def segments_by_highdicom(path: Path) -> foreign.Read:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = hd.seg.segread(path).get_volume(combine_segments=True, rescale_fractional=False)
    affine = foreign.LPS_TO_RAS @ np.array(volume.affine)[:, [2, 1, 0, 3]]
    return volume.array.transpose(2, 1, 0), affine


def counted(labels: Volume) -> np.ndarray:
    values = np.asarray(labels.data)
    out = np.zeros(values.shape, np.uint8)
    for number, value in enumerate(np.unique(values[values > 0]), start=1):
        out[values == value] = number
    return out


@pytest.mark.parametrize("way", ["as it is", "cropped", "turned", "flipped"])
def test_segments_come_back_with_names_colours_and_place(
    way: str,
    ct: Volume,  # noqa: F811
    tmp_path: Path,
) -> None:
    labels = labels_on(ct)
    labels = {
        "as it is": lambda: labels,
        "cropped": lambda: crop(labels, (0, 1, 1), (5, 5, 6)),
        "turned": lambda: orient(labels, "SPL"),
        "flipped": lambda: orient(labels, "RAS"),
    }[way]()

    certificate = mv.write(labels, tmp_path / "seg.dcm", like=ct)

    assert "label 3 is 1, 7 is 2" in certificate.notes[0]
    (back,) = mv.read(tmp_path / "seg.dcm")
    expected = counted(labels), np.array(labels.affine)
    foreign.assert_same(expected, read_of(back))
    names = [(1, "liver"), (2, "Niere, längs"), (3, "label 200")]
    assert [(label.value, label.name) for label in back.labels] == names[: expected[0].max()]
    for label, color in zip(back.labels, (RED, BLUE), strict=False):
        assert np.allclose(label.color, color, atol=0.01)
    foreign.assert_same(expected, segments_by_highdicom(tmp_path / "seg.dcm"))
    assert (back.kind, back.frame_of_reference) == ("labels", ct.frame_of_reference)


def test_a_segmentation_names_the_images_it_was_drawn_on(
    ct: Volume,  # noqa: F811
    tmp_path: Path,
) -> None:
    mv.write(labels_on(ct), tmp_path / "seg.dcm", like=ct)

    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    images = [pydicom.dcmread(file) for file in sorted((tmp_path / "ct").iterdir())]
    at = {image.SOPInstanceUID: np.array(image.ImagePositionPatient, float) for image in images}
    assert ds.StudyInstanceUID == images[0].StudyInstanceUID
    assert (str(ds.PatientName), ds.Modality) == ("Phantom^Ada", "SEG")
    (series,) = ds.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == images[0].SeriesInstanceUID
    n_named = 0
    for frame in ds.PerFrameFunctionalGroupsSequence:
        position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        for derivation in frame.get("DerivationImageSequence") or []:
            (image,) = derivation.SourceImageSequence
            assert np.allclose(at[image.ReferencedSOPInstanceUID], position, atol=1e-6)
            n_named += 1
    assert n_named == 2 + 3 + 1, "slices of each segment"
    assert standard.faults(ds) == []


def test_segments_as_highdicom_reads_them(
    ct: Volume,  # noqa: F811
    tmp_path: Path,
) -> None:
    mv.write(labels_on(ct), tmp_path / "seg.dcm", like=ct)

    seg = hd.seg.segread(tmp_path / "seg.dcm")

    assert seg.number_of_segments == 3
    assert seg.segmentation_type == hd.seg.SegmentationTypeValues.BINARY
    found = seg.get_segment_description(2)
    assert found.segment_label == "Niere, längs"
    assert found.algorithm_type == hd.seg.SegmentAlgorithmTypeValues.MANUAL


@pytest.mark.parametrize("grid", GRIDS)
def test_labels_without_a_source_are_a_study_of_their_own(grid: str, tmp_path: Path) -> None:
    values = np.zeros(SHAPE, np.uint16)
    values[2, 3, 3:5] = 1
    labels = Volume(values, GRIDS[grid], kind="labels", name="mask")

    certificate = mv.write(labels, tmp_path / "seg.dcm")

    assert "refers to no image" in certificate.notes[0]
    assert "ReferencedSeriesSequence" not in pydicom.dcmread(tmp_path / "seg.dcm")
    (back,) = mv.read(tmp_path / "seg.dcm")
    foreign.assert_same(read_of(labels), read_of(back))
    if grid != "tilted":
        foreign.assert_same(read_of(labels), segments_by_highdicom(tmp_path / "seg.dcm"))


def test_one_plane_of_labels(tmp_path: Path) -> None:
    values = np.zeros((5, 6, 1), bool)
    values[2, 3] = True
    mv.write(Volume(values, GRIDS["LPS"], kind="labels", name="m"), tmp_path / "seg.dcm")
    (back,) = mv.read(tmp_path / "seg.dcm")
    assert np.array_equal(np.asarray(back.data), values)


def test_a_segmentation_is_written_again_with_its_study(
    ct: Volume,  # noqa: F811
    tmp_path: Path,
) -> None:
    mv.write(labels_on(ct), tmp_path / "one.dcm", like=ct)
    (labels,) = mv.read(tmp_path / "one.dcm")

    certificate = mv.write(labels, tmp_path / "two.dcm")

    assert certificate.notes == ()
    one, two = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("one", "two"))
    assert (one.StudyInstanceUID, one.PatientID) == (two.StudyInstanceUID, two.PatientID)
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.ReferencedSeriesSequence == two.ReferencedSeriesSequence


def test_the_same_labels_make_the_same_bytes(
    ct: Volume,  # noqa: F811
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        mv.write(labels_on(ct), tmp_path / f"{name}.dcm", like=ct)
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()


def test_how_segments_were_made_is_said(tmp_path: Path) -> None:
    labels = Volume(np.ones(SHAPE, np.uint8), GRIDS["RAS"], kind="labels")
    made = {"SegmentAlgorithmType": "AUTOMATIC", "SegmentAlgorithmName": "threshold"}
    mv.write(labels, tmp_path / "seg.dcm", elements=made)
    segment = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.SegmentAlgorithmName == "threshold"
    with pytest.raises(WriteError, match="must name what made them"):
        mv.write(labels, tmp_path / "x.dcm", elements={"SegmentAlgorithmType": "AUTOMATIC"})


@pytest.mark.parametrize(
    ("values", "axes", "words"),
    [
        (np.zeros(SHAPE, np.uint8), (), "nothing is labelled"),
        (np.full(SHAPE, -3, np.int16), (), "none below 0"),
        (np.ones(SHAPE, np.float32), (), "whole numbers"),
        (np.ones((*SHAPE, 2), np.uint8), (Axis("t"),), "one volume"),
    ],
    ids=["empty", "negative", "floats", "4-D"],
)
def test_labels_that_cannot_be_segments_are_refused(
    values: np.ndarray, axes: tuple[Axis, ...], words: str, tmp_path: Path
) -> None:
    labels = Volume(values, GRIDS["RAS"], axes, kind="labels")
    with pytest.raises(WriteError, match=words):
        mv.write(labels, tmp_path / "seg.dcm")
    assert not any(tmp_path.iterdir())


def test_what_highdicom_refuses_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ValueError("no such plane")

    monkeypatch.setattr(hd.seg, "Segmentation", refuse)
    labels = Volume(np.ones(SHAPE, np.uint8), GRIDS["RAS"], kind="labels")
    with pytest.raises(WriteError, match="highdicom makes no segmentation of it"):
        mv.write(labels, tmp_path / "seg.dcm")
    assert not any(tmp_path.iterdir())
