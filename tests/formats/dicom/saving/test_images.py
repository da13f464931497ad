"""Volumes as DICOM images: read back by other programs at the same place with the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

import napari_medvol as mv
from napari_medvol.errors import WriteError
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Axis, Display, Volume, Window
from tests.conftest import GRIDS
from tests.formats.dicom.saving import foreign, standard
from tests.phantoms.dicom import uid_of, write_series
from tests.phantoms.volumes import affine_along, numbered, rotated, sheared

SHAPE = (5, 6, 7)
SHEARED = GRIDS["LPS"] @ np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def values(dtype: str) -> np.ndarray[Any, Any]:
    count = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return (count * (0.37 if dtype.startswith("f") else 1) - (50 if dtype != "u2" else 0)).astype(
        dtype
    )


def files_in(place: Path) -> list[Path]:
    return sorted(place.glob("*.dcm")) if place.is_dir() else [place]


def read_of(volume: Volume) -> foreign.Read:
    return np.asarray(volume.data), np.array(volume.affine)


@pytest.fixture
def ct(tmp_path: Path) -> Volume:
    """A CT of 7 slices, oblique, each with its own tube current."""
    grid = rotated(affine_along("LPS", (0.7, 0.8, 2.5)), 12)
    lps = foreign.LPS_TO_RAS @ grid
    pixels = np.random.default_rng(0).integers(0, 3000, (7, 6, 5)).astype(np.uint16)
    paths = write_series(
        tmp_path / "ct",
        pixels,
        step=lps[:3, 2],
        origin=lps[:3, 3],
        orientation=[*lps[:3, 0] / 0.7, *lps[:3, 1] / 0.8],
        spacing=(0.8, 0.7),
        thickness=2.0,
        rescale=(1.0, -1024.0),
        elements={"KVP": "120", "PatientBirthDate": "19010203", "WindowCenter": "40",
                  "WindowWidth": "400", "LargestImagePixelValue": 2999},
    )  # fmt: skip
    for number, path in enumerate(paths):
        ds = pydicom.dcmread(path)
        ds.XRayTubeCurrent = 100 + number
        ds.add_new(0x00091001, "LO", "private")
        ds.save_as(path)
    (volume,) = mv.read(tmp_path / "ct")
    return volume


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_other_programs_find_every_voxel_at_its_place(
    grid: str, target: str, tmp_path: Path
) -> None:
    volume = Volume(values("i2"), GRIDS[grid], name=grid)

    certificate = mv.write(volume, tmp_path / target)

    files = files_in(tmp_path / target)
    assert len(files) == (7 if target == "folder" else 1)
    assert (certificate.largest_error, certificate.loss) == (0.0, "")
    assert certificate.corner_displacement < 1e-6
    (back,) = mv.read(tmp_path / target)
    foreign.assert_same(read_of(volume), read_of(back))
    if target == "folder":
        foreign.assert_same(read_of(volume), foreign.by_pydicom(files))
    # Of a tilted gantry, SimpleITK drops the shear, dcm2niix shortens the step, highdicom refuses.
    if grid != "tilted":
        (converted,) = foreign.by_dcm2niix(tmp_path / target, tmp_path / "nii")
        foreign.assert_same(read_of(volume), converted)
        foreign.assert_same(read_of(volume), foreign.by_simpleitk(files))
        foreign.assert_same(read_of(volume), foreign.by_highdicom(files))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("modality", ["MR", "CT", "PT", "OT"])
def test_values_come_back_exactly_or_within_what_is_declared(
    dtype: str, modality: str, tmp_path: Path
) -> None:
    volume = Volume(values(dtype), GRIDS["oblique"], name=dtype)

    certificate = mv.write(volume, tmp_path / "x", elements={"Modality": modality})

    step = certificate.slope
    within = 0.501 * step + 1e-5 if dtype.startswith("f") else 0.0
    assert bool(certificate.loss) == dtype.startswith("f")
    assert certificate.largest_error <= within
    files = files_in(tmp_path / "x")
    foreign.assert_same(read_of(volume), foreign.by_pydicom(files), within=within)
    foreign.assert_same(read_of(volume), foreign.by_simpleitk(files), within=within)


@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_large_whole_numbers_near_each_other_need_no_rounding(target: str, tmp_path: Path) -> None:
    volume = Volume(values("i4") + 100_000, GRIDS["RAS"], name="far from 0")

    certificate = mv.write(volume, tmp_path / target)

    assert (certificate.dtype, certificate.slope, certificate.intercept) == ("uint16", 1, 99_950)
    assert certificate.largest_error == 0
    foreign.assert_same(read_of(volume), foreign.by_highdicom(files_in(tmp_path / target)))


@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_colours_stay_colours(target: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    volume = Volume(pixels, GRIDS["oblique"], (Axis("rgb"),), name="colours")

    certificate = mv.write(volume, tmp_path / target)

    assert certificate.largest_error == 0
    files = files_in(tmp_path / target)
    ds = pydicom.dcmread(files[0])
    assert (ds.PhotometricInterpretation, ds.SamplesPerPixel) == ("RGB", 3)
    assert standard.faults(ds) == []
    (converted,) = foreign.by_dcm2niix(tmp_path / target, tmp_path / "nii")
    foreign.assert_same(read_of(volume), converted)
    if target == "folder":
        foreign.assert_same(read_of(volume), foreign.by_simpleitk(files))
        foreign.assert_same(read_of(volume), foreign.by_pydicom(files))


@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_a_series_in_time_keeps_its_order_and_its_step(target: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 999, (*SHAPE, 4)).astype(np.int16)
    volume = Volume(pixels, GRIDS["LAS"], (Axis("t", 2.5, "s"),), name="bold")

    mv.write(volume, tmp_path / target, elements={"RepetitionTime": 2500})

    (back,) = mv.read(tmp_path / target)
    assert (back.axes[0].name, back.axes[0].step, back.axes[0].unit) == ("t", 2.5, "s")
    (converted,) = foreign.by_dcm2niix(tmp_path / target, tmp_path / "nii")
    foreign.assert_same(read_of(volume), converted)


AXES = {
    "echo": Axis("echo", unit="ms", values=(5.0, 12.5, 20.0)),
    "echo backwards": Axis("echo", unit="ms", values=(20.0, 12.5, 5.0)),
    "b": Axis("b", unit="s/mm²", values=((0, ()), (1000, (0, 0.6, 0.8)), (1000, (1, 0, 0)))),
    "b with two b = 0": Axis("b", unit="s/mm²", values=((0, ()), (0, ()), (700, (1, 0, 0)))),
    "inversion": Axis("inversion", unit="ms", values=(50.0, 400.0, 1100.0)),
    "flip": Axis("flip", unit="°", values=(5.0, 10.0, 15.0)),
    "phase": Axis("phase", unit="%", values=(0.0, 30.0, 60.0)),
    "type": Axis("type", values=("I", "M", "P")),
    "uneven time": Axis("t", 2.0, "s", values=(0.0, 2.0, 7.0)),
    "late": Axis("t", 0.04, "s", start=0.1),
    "unknown": Axis("segment", values=("a", "b", "c")),
}


@pytest.mark.parametrize("target", ["folder", "one.dcm"])
@pytest.mark.parametrize("name", AXES)
def test_every_axis_comes_back(name: str, target: str, tmp_path: Path) -> None:
    axis = AXES[name]
    pixels = np.random.default_rng(3).integers(0, 999, (*SHAPE, 3)).astype(np.int16)
    volume = Volume(pixels, GRIDS["oblique"], (axis,), name=name)

    mv.write(volume, tmp_path / target)

    (back,) = mv.read(tmp_path / target)
    same = pixels[..., ::-1] if "backwards" in name else pixels
    foreign.assert_same((same, np.array(volume.affine)), read_of(back))
    if axis.name in ("echo", "flip", "phase", "type") and target == "folder":
        assert back.axes[0].values == tuple(sorted(axis.values or ()))
    if axis.name == "b":
        found = [value[0] for value in back.axes[0].values or ()]
        assert found == [value[0] for value in axis.values or ()]


def test_two_axes_come_back_in_the_order_of_readers(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 999, (*SHAPE, 3, 2)).astype(np.int16)
    axes = (Axis("echo", unit="ms", values=(5.0, 10.0, 15.0)), Axis("t", 2.0, "s"))

    mv.write(Volume(pixels, GRIDS["RAS"], axes, name="two"), tmp_path / "x")

    (back,) = mv.read(tmp_path / "x")
    assert [axis.name for axis in back.axes] == ["t", "echo"]
    foreign.assert_same((pixels.swapaxes(3, 4), GRIDS["RAS"]), read_of(back))


def test_axes_without_elements_are_refused(tmp_path: Path) -> None:
    axes = (Axis("coil"), Axis("segment"))
    volume = Volume(np.zeros((*SHAPE, 2, 2), np.int16), GRIDS["RAS"], axes)
    with pytest.raises(WriteError, match="'coil', 'segment'"):
        mv.write(volume, tmp_path / "x")
    assert not any(tmp_path.iterdir())


def test_columns_and_rows_must_meet_at_a_right_angle(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"149\.036|meet at \d+\.\d+°.*mm off"):
        mv.write(Volume(values("i2"), SHEARED), tmp_path / "x")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full(SHAPE, np.nan, np.float32), "NaN"),
        (np.array([0, 2**40] * 105).reshape(SHAPE), "without loss"),
        (np.ones(SHAPE, np.complex64), "complex"),
    ],
    ids=["NaN", "far apart", "complex"],
)
def test_what_16_bits_do_not_hold_is_refused(array: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=words):
        mv.write(Volume(array, GRIDS["RAS"]), tmp_path / "x")
    assert not any(tmp_path.iterdir())


def test_transparency_has_no_place(tmp_path: Path) -> None:
    volume = Volume(np.zeros((*SHAPE, 4), np.uint8), GRIDS["RAS"], (Axis("rgb"),))
    with pytest.raises(WriteError, match="transparency"):
        mv.write(volume, tmp_path / "x")


CASES = [(modality, "folder") for modality in ("CT", "MR", "PT", "OT")]
CASES += [(modality, "one.dcm") for modality in ("CT", "MR", "OT")]


@pytest.mark.parametrize(("modality", "target"), CASES)
def test_what_the_standard_asks_for_is_there(modality: str, target: str, tmp_path: Path) -> None:
    volume = Volume(np.abs(values("i2")), GRIDS["oblique"], name="x")
    mv.write(volume, tmp_path / target, elements={"Modality": modality})
    for file in files_in(tmp_path / target):
        ds = pydicom.dcmread(file)
        faults = standard.faults(ds, ("frame-of-reference",))
        if modality == "PT":  # an unknown time of the series is not made up
            faults = [fault for fault in faults if "SeriesDate" not in fault]
            faults = [fault for fault in faults if "SeriesTime" not in fault]
        assert faults == []


def test_a_pet_of_many_frames_would_claim_what_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="table moved"):
        mv.write(numbered(SHAPE, np.int16), tmp_path / "x.dcm", elements={"Modality": "PT"})


def test_a_derived_series_belongs_to_its_study(ct: Volume, tmp_path: Path) -> None:
    part = crop(ct, (1, 1, 2), (5, 6, 6))

    mv.write(part, tmp_path / "out")

    sources = [pydicom.dcmread(f) for f in files_in(tmp_path / "ct")]
    written = [pydicom.dcmread(f) for f in files_in(tmp_path / "out")]
    old, new = sources[0], written[0]
    kept = ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "KVP",
            "FrameOfReferenceUID", "StudyDate", "Manufacturer", "PatientPosition")  # fmt: skip
    for keyword in kept:
        assert new.get(keyword) == old.get(keyword), keyword
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    assert len({ds.SeriesInstanceUID for ds in written}) == 1
    uids = {ds.SOPInstanceUID for ds in written}
    assert len(uids) == 4
    assert not uids & {ds.SOPInstanceUID for ds in sources}
    assert list(new.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    assert "crop(start=(1, 1, 2)" in new.DerivationDescription
    assert "LargestImagePixelValue" not in new
    assert not [element for element in new if element.tag.is_private]
    assert (new.WindowCenter, new.WindowWidth, new.RescaleType) == (40, 400, "HU")
    for n, ds in enumerate(written):
        (reference,) = ds.SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == sources[n + 2].SOPInstanceUID
        assert ds.XRayTubeCurrent == 102 + n, "of the slice that it comes from"
        assert ds.SliceThickness == 2.0
        assert standard.faults(ds) == []


def test_planes_across_the_slices_say_only_what_all_slices_say(ct: Volume, tmp_path: Path) -> None:
    mv.write(orient(ct, "PIL"), tmp_path / "out")

    ds = pydicom.dcmread(files_in(tmp_path / "out")[0])
    assert ds.KVP == 120
    assert "XRayTubeCurrent" not in ds
    assert len(ds.SourceImageSequence) == 7
    assert float(ds.SliceThickness) == pytest.approx(0.7)
    foreign.assert_same(read_of(ct), foreign.by_pydicom(files_in(tmp_path / "out")))


@pytest.mark.parametrize("way", ["cropped", "turned", "flipped", "both"])
@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_after_operations_the_voxels_are_where_they_were(
    way: str, target: str, ct: Volume, tmp_path: Path
) -> None:
    volume = {
        "cropped": lambda: crop(ct, (1, 0, 3), (4, 5, 7)),
        "turned": lambda: orient(ct, "ASR"),
        "flipped": lambda: orient(ct, "RAS"),
        "both": lambda: crop(orient(ct, "SPL"), (1, 1, 1), (6, 5, 4)),
    }[way]()

    certificate = mv.write(volume, tmp_path / "out" / target)

    assert certificate.largest_error == 0
    files = files_in(tmp_path / "out" / target)
    foreign.assert_same(read_of(volume), foreign.by_simpleitk(files))
    foreign.assert_same(read_of(volume), foreign.by_highdicom(files))
    (converted,) = foreign.by_dcm2niix(tmp_path / "out", tmp_path / "nii")
    foreign.assert_same(read_of(volume), converted)


def test_through_nifti_and_back_every_voxel_is_where_it_was(ct: Volume, tmp_path: Path) -> None:
    mv.write(ct, tmp_path / "x.nii.gz")
    (nifti,) = mv.read(tmp_path / "x.nii.gz")

    mv.write(nifti, tmp_path / "out", like=ct)

    foreign.assert_same(read_of(ct), foreign.by_pydicom(files_in(tmp_path / "out")))
    ds = pydicom.dcmread(files_in(tmp_path / "out")[0])
    assert ds.StudyInstanceUID == uid_of("series", "study")
    assert ds.XRayTubeCurrent == 100
    assert ds.FrameOfReferenceUID == ct.frame_of_reference


def test_the_same_input_and_recipe_make_the_same_bytes(ct: Volume, tmp_path: Path) -> None:
    for name in ("one", "two"):
        mv.write(crop(ct, (1, 1, 1), (4, 4, 4)), tmp_path / name, sidecar="none")
    mv.write(crop(ct, (1, 1, 1), (4, 4, 5)), tmp_path / "other", sidecar="none")

    one, two = (files_in(tmp_path / name) for name in ("one", "two"))
    assert [f.read_bytes() for f in one] == [f.read_bytes() for f in two]
    other = {pydicom.dcmread(f).SOPInstanceUID for f in files_in(tmp_path / "other")}
    assert not other & {pydicom.dcmread(f).SOPInstanceUID for f in one}


def test_changed_voxels_make_other_uids(tmp_path: Path) -> None:
    volume = numbered(SHAPE, np.int16)
    painted = np.array(volume.data)
    painted[0, 0, 0] += 1
    mv.write(volume, tmp_path / "one")
    mv.write(Volume(painted, volume.affine, name="p"), tmp_path / "two")
    uids = [pydicom.dcmread(files_in(tmp_path / name)[0]).SeriesInstanceUID for name in
            ("one", "two")]  # fmt: skip
    assert uids[0] != uids[1]


def test_pet_slices_keep_a_slope_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for number in range(4):
        write_series(
            tmp_path / "pet",
            rng.integers(0, 30000, (1, 6, 5)).astype(np.int16),
            origin=(0, 0, 3.0 * number),
            modality="PT",
            rescale=(0.1 + number / 7, 0.0),
            elements={"InstanceNumber": number + 1, "Units": "BQML", "DecayCorrection": "START",
                      "SOPInstanceUID": uid_of("pet", number), "FrameReferenceTime": "0"},
        )  # fmt: skip
        path = tmp_path / "pet" / "00001.dcm"
        path.rename(path.with_name(f"s{number}.dcm"))
    (pet,) = mv.read(tmp_path / "pet")

    certificate = mv.write(crop(pet, (0, 0, 1), (5, 6, 4)), tmp_path / "out")

    assert (certificate.loss, certificate.largest_error) == ("", 0)
    sources = {pydicom.dcmread(f).SOPInstanceUID: f for f in files_in(tmp_path / "pet")}
    for file in files_in(tmp_path / "out"):
        ds = pydicom.dcmread(file)
        old = pydicom.dcmread(sources[ds.SourceImageSequence[0].ReferencedSOPInstanceUID])
        assert ds.PixelData == old.PixelData
        assert (ds.RescaleSlope, ds.RescaleIntercept) == (old.RescaleSlope, 0)
        assert (ds.Units, ds.DecayCorrection, ds.NumberOfSlices) == ("BQML", "START", 3)


def test_display_and_unit_are_said(tmp_path: Path) -> None:
    display = Display(windows=(Window(40, 400, "soft"), Window(300, 1500, "bone")),
                      padding=(-2000.0, -2000.0))  # fmt: skip
    volume = Volume(values("i2"), GRIDS["LPS"], unit="HU", display=display, name="ct")

    mv.write(volume, tmp_path / "x")

    (back,) = mv.read(tmp_path / "x")
    assert (back.unit, back.display.padding) == ("HU", (-2000.0, -2000.0))
    assert [(w.center, w.width, w.explanation) for w in back.display.windows] == [
        (40, 400, "soft"),
        (300, 1500, "bone"),
    ]


def test_elements_are_set_as_asked(tmp_path: Path) -> None:
    asked = {"PatientName": "Doe^Jané", "SeriesDescription": "mine", "SeriesNumber": 7}
    mv.write(numbered(SHAPE, np.int16), tmp_path / "x", elements=asked)
    ds = pydicom.dcmread(files_in(tmp_path / "x")[0])
    assert (str(ds.PatientName), ds.SeriesDescription, ds.SeriesNumber) == ("Doe^Jané", "mine", 7)


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Colour": 1}, "no keyword"),
        ({"Rows": 5}, "decided by the voxels"),
        ({"SeriesNumber": "seven"}, "no value of SeriesNumber"),
    ],
)
def test_elements_that_cannot_be_are_refused(
    elements: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(WriteError, match=words):
        mv.write(numbered(SHAPE, np.int16), tmp_path / "x", elements=elements)
    assert not any(tmp_path.iterdir())


def test_like_must_be_dicom(tmp_path: Path) -> None:
    volume = numbered(SHAPE, np.int16)
    with pytest.raises(WriteError, match="not read from DICOM"):
        mv.write(volume, tmp_path / "x", like=volume)


def test_a_source_that_is_gone_is_named(ct: Volume, tmp_path: Path) -> None:
    part = Volume(np.asarray(ct.data), ct.affine, native=ct.native, name="kept in memory")
    files_in(tmp_path / "ct")[3].unlink()
    with pytest.raises(WriteError, match=r"00004\.dcm.*can no longer be read"):
        mv.write(part, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_one_slice_in_one_file_is_a_plain_image(tmp_path: Path) -> None:
    mv.write(numbered((5, 6, 1), np.int16), tmp_path / "x.dcm")
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.SOPClassUID.name == "MR Image Storage"


def test_the_source_is_never_written_over(ct: Volume, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="never changed"):
        mv.write(ct, tmp_path / "ct", overwrite=True)


def test_two_axes_of_counts_do_not_fit_one_file(tmp_path: Path) -> None:
    axes = (Axis("t", 2.0, "s"), Axis("coil"))
    volume = Volume(np.zeros((*SHAPE, 2, 2), np.int16), GRIDS["RAS"], axes)
    with pytest.raises(WriteError, match="cannot tell its axes"):
        mv.write(volume, tmp_path / "x.dcm")
    assert not any(tmp_path.iterdir())


def test_an_image_has_no_more_columns_than_16_bits_count(tmp_path: Path) -> None:
    long = np.broadcast_to(np.int16(3), (65536, 1, 1))
    with pytest.raises(WriteError, match="at most 65535"):
        mv.write(Volume(long, GRIDS["RAS"]), tmp_path / "x")


def test_pixels_beyond_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_medvol.formats.dicom.saving.enhanced._LONGEST", 100)
    with pytest.raises(WriteError, match="do not fit one file"):
        mv.write(numbered(SHAPE, np.int16), tmp_path / "x.dcm")
    assert not any(tmp_path.iterdir())


def test_the_scanner_is_named_in_files_of_many_frames(ct: Volume, tmp_path: Path) -> None:
    mv.write(ct, tmp_path / "x.dcm")
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.Manufacturer == "napari-medvol"
    assert "Phantom" in ds.AcquisitionDeviceProcessingDescription


def test_slices_that_slip_are_told_of(tmp_path: Path) -> None:
    tilted = numbered((6, 5, 4), np.int16, sheared(affine_along("LPS")))

    certificate = mv.write(tilted, tmp_path / "tilted")

    assert any("as under a tilted gantry" in note for note in certificate.notes)
    straight = mv.write(numbered((6, 5, 4), np.int16), tmp_path / "straight")
    assert not any("gantry" in note for note in straight.notes)
