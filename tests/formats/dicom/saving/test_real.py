"""Real series, changed and written as DICOM: other programs find every voxel at its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

import napari_medvol as mv
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Label, Volume
from tests.formats.dicom.saving import foreign, standard
from tests.formats.dicom.saving.test_images import files_in, read_of
from tests.formats.dicom.saving.test_segments import segments_by_highdicom

SERIES = ("sts002_ct", "sts002_pet", "sts008_mr_t1", "mr_ge_sag_oblique", "mr_philips_cor_oblique",
          "mr_hitachi_oblique", "mr_sag_compressed_jpeg", "seg_24x38x3")  # fmt: skip


def scan_of(data: Path, name: str) -> Volume:
    return next(v for v in mv.read(data / "data" / name) if v.kind == "image")


@pytest.mark.parametrize("way", ["as it is", "cropped", "turned"])
@pytest.mark.parametrize("name", SERIES)
def test_a_derived_series(name: str, way: str, data: Path, tmp_path: Path) -> None:
    scan = scan_of(data, name)
    _, _, n = scan.shape[:3]
    volume = {
        "as it is": lambda: scan,
        "cropped": lambda: crop(scan, (3, 5, 1), (20, 24, n)),
        "turned": lambda: orient(crop(scan, (0, 0, 0), (20, 22, n)), "RAS"),
    }[way]()

    certificate = mv.write(volume, tmp_path / "out")

    assert certificate.loss == ""
    files = files_in(tmp_path / "out")
    within = 1e-3 if volume.dtype.kind == "f" else 0.0
    foreign.assert_same(read_of(volume), foreign.by_pydicom(files), within=within)
    foreign.assert_same(read_of(volume), foreign.by_simpleitk(files), within=within)
    if name != "sts002_pet":  # dcm2niix brings slopes of slices to one, 19 Bq/ml off
        (converted,) = foreign.by_dcm2niix(tmp_path / "out", tmp_path / "nii")
        # dcm2niix counts in 32 bits: 2 µm on this CT, of the source itself, too.
        foreign.assert_same(read_of(volume), converted, within=within, mm=2e-3)
    source = pydicom.dcmread(scan.report.files[0], stop_before_pixels=True)
    for file in files:
        ds = pydicom.dcmread(file)
        assert ds.StudyInstanceUID == source.StudyInstanceUID
        assert ds.SeriesInstanceUID != source.SeriesInstanceUID
        assert standard.faults(ds) == []


@pytest.mark.parametrize("name", [name for name in SERIES if name != "sts002_pet"])
def test_one_file_of_many_frames(name: str, data: Path, tmp_path: Path) -> None:
    scan = scan_of(data, name)

    assert mv.write(scan, tmp_path / "x.dcm").largest_error == 0

    foreign.assert_same(read_of(scan), foreign.by_simpleitk([tmp_path / "x.dcm"]))
    (converted,) = foreign.by_dcm2niix(tmp_path, tmp_path / "nii")
    foreign.assert_same(read_of(scan), converted, mm=2e-3)
    assert standard.faults(pydicom.dcmread(tmp_path / "x.dcm")) == []


@pytest.mark.parametrize("name", ["sts002_ct", "sts002_pet", "mr_hitachi_oblique"])
def test_through_nifti_and_back(name: str, data: Path, tmp_path: Path) -> None:
    scan = scan_of(data, name)
    mv.write(orient(scan, "RAS"), tmp_path / "x.nii.gz")
    (nifti,) = mv.read(tmp_path / "x.nii.gz")

    certificate = mv.write(nifti, tmp_path / "out", like=scan)

    within = certificate.slope / 2 + 1e-3 if certificate.loss else 0.0
    # A NIfTI header keeps places in 32 bits.
    foreign.assert_same(
        read_of(scan), foreign.by_pydicom(files_in(tmp_path / "out")), within=within, mm=1e-3
    )
    named = {
        item.ReferencedSOPInstanceUID
        for file in files_in(tmp_path / "out")
        for item in pydicom.dcmread(file).SourceImageSequence
    }
    assert len(named) == scan.shape[2]


@pytest.mark.parametrize("name", ["fmri_siemens_classic", "mosaic_axasc35", "enh_philips_fmri"])
@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_a_series_in_time(name: str, target: str, data: Path, tmp_path: Path) -> None:
    scan = scan_of(data, name)

    assert mv.write(scan, tmp_path / target).loss == ""

    (back,) = mv.read(tmp_path / target)
    assert [axis.name for axis in back.axes] == [axis.name for axis in scan.axes]
    (converted,) = foreign.by_dcm2niix(tmp_path / target, tmp_path / "nii")
    within = 1e-3 if scan.dtype.kind == "f" else 0.0
    foreign.assert_same(read_of(scan), converted, within=within)


def test_labels_on_a_real_ct(data: Path, tmp_path: Path) -> None:
    scan = scan_of(data, "sts002_ct")
    values = (np.asarray(scan.data) > 200).astype(np.uint8)
    values[np.asarray(scan.data) < -900] = 2
    labels = Volume(
        values, scan.affine, kind="labels", name="by threshold",
        labels=(Label(1, "bone", (1.0, 1.0, 0.8, 1.0)), Label(2, "air")),
    )  # fmt: skip

    mv.write(labels, tmp_path / "seg.dcm", like=scan)

    foreign.assert_same(read_of(labels), segments_by_highdicom(tmp_path / "seg.dcm"))
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    known = {ds.SOPInstanceUID for ds in map(pydicom.dcmread, scan.report.files)}
    named = {
        item.ReferencedSOPInstanceUID
        for series in ds.ReferencedSeriesSequence
        for item in series.ReferencedInstanceSequence
    }
    assert named
    assert named <= known
