"""The conversion that this project began with: a CT of a lung, DICOM to NIfTI."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from tests.batch.trees import column
from tests.phantoms.dicom import write_series

#: What dicom2nifti wrote of it, once: LAS, int16.
LAS = [
    [-0.9765625, 0, 0, 249.51171875],
    [0, 0.9765625, 0, -33.01171875],
    [0, 0, 2, -553.5],
    [0, 0, 0, 1],
]
SHAPE = (512, 512, 175)


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the geometry, the type and the names of that CT."""
    folder = tmp_path_factory.mktemp("seed") / "ct"
    base = np.add.outer(np.arange(512), np.arange(512)).astype(np.int16)
    planes = np.stack([base + k for k in range(SHAPE[2])])
    write_series(
        folder,
        planes,
        origin=(-249.51171875, -466.01171875, -553.5),
        step=(0, 0, 2.0),
        spacing=(0.9765625, 0.9765625),
        rescale=(1.0, -1024.0),
        series="CT Lung  3.0  B31f",
        elements={"SeriesNumber": 3},
    )
    return folder


def test_int16_stays_int16_and_the_axes_are_those_of_the_files(ct: Path, tmp_path: Path) -> None:
    mv.convert(ct, tmp_path / "ct.nii.gz")

    image = nib.load(tmp_path / "ct.nii.gz")
    assert image.shape == SHAPE
    assert image.get_data_dtype() == np.int16
    assert image.header.get_slope_inter() in ((1.0, 0.0), (None, None))
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    assert image.affine[1, 3] == 466.01171875
    assert image.affine[0, 3] == 249.51171875
    values = np.asarray(image.dataobj[:, :, 170])
    np.testing.assert_array_equal(values[3, 5], 3 + 5 + 170 - 1024)
    assert int(image.header["qform_code"]) == int(image.header["sform_code"]) == 1


def test_reoriented_to_las_it_has_the_affine_of_dicom2nifti(ct: Path, tmp_path: Path) -> None:
    mv.convert(ct, tmp_path / "las.nii", steps=[mv.Step("orient", {"axcodes": "LAS"})])

    image = nib.load(tmp_path / "las.nii")
    np.testing.assert_array_equal(image.affine, LAS)
    assert image.get_data_dtype() == np.int16
    assert image.dataobj[3, 511 - 5, 170] == 3 + 5 + 170 - 1024


def test_names_and_codes_may_be_those_of_dicom2nifti(ct: Path, tmp_path: Path) -> None:
    table = mv.convert(ct, tmp_path, names="dicom2nifti", sidecar="none")

    assert column(table, "output") == ["3_ct_lung__30__b31f.nii.gz"]
    image = nib.load(tmp_path / "3_ct_lung__30__b31f.nii.gz")
    np.testing.assert_array_equal(image.affine, LAS)
    assert int(image.header["sform_code"]) == 2
    assert int(image.header["qform_code"]) == 0


def test_float32_differs_from_int16_in_datatype_and_bitpix_alone(ct: Path, tmp_path: Path) -> None:
    mv.convert(ct, tmp_path / "int16.nii")
    mv.convert(ct, tmp_path / "float32.nii", dtype="float32")

    small, large = (nib.load(tmp_path / f"{name}.nii") for name in ("int16", "float32"))
    keys = [k for k in small.header if small.header[k].tobytes() != large.header[k].tobytes()]
    assert keys == ["datatype", "bitpix"]
    assert large.get_data_dtype() == np.float32
    np.testing.assert_array_equal(small.dataobj[:, :, 7], large.dataobj[:, :, 7])


def test_dicom2nifti_puts_the_same_voxels_at_the_same_place_under_the_same_name(
    tmp_path: Path,
) -> None:
    convert_directory = pytest.importorskip("dicom2nifti").convert_directory
    rng = np.random.default_rng(0)
    write_series(
        tmp_path / "ct",
        rng.integers(0, 3000, (6, 9, 8), np.int16),
        origin=(-20, -30.5, 7),
        step=(0, 0, 2.5),
        spacing=(0.75, 0.5),
        rescale=(1.0, -1024.0),
        series="Thorax  +C, 1.0 (B30f)",
        elements={"SeriesNumber": 3},
    )
    (tmp_path / "theirs").mkdir()

    convert_directory(str(tmp_path / "ct"), str(tmp_path / "theirs"))
    mv.convert(tmp_path / "ct", tmp_path / "ours", names="dicom2nifti", sidecar="none")

    [theirs] = (tmp_path / "theirs").iterdir()
    their, our = nib.load(theirs), nib.load(tmp_path / "ours" / theirs.name)
    np.testing.assert_allclose(our.affine, their.affine, atol=1e-5)
    np.testing.assert_array_equal(our.get_fdata(), their.get_fdata())
    for code in ("qform_code", "sform_code"):
        assert int(our.header[code]) == int(their.header[code])
