"""The numbers of the tutorials that this project comes from, on scans of their shapes."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import read
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.layers import layer_data
from tests.phantoms.dicom import write_series

CT_AFFINE = np.array(
    [
        [-0.9765625, 0, 0, 249.51171875],
        [0, 0.9765625, 0, -33.01171875],
        [0, 0, 2, -553.5],
        [0, 0, 0, 1],
    ]
)


def ct_voxels() -> np.ndarray:
    """Return stored values (slices, rows, columns), 0 to 4095 as a CT has them."""
    rng = np.random.default_rng(56)
    values = np.zeros((175, 512, 512), np.uint16)
    values[::7, 100:400:3, 150:380:5] = rng.integers(0, 4096, (25, 100, 46))
    return values


def test_the_lung_ct_from_dicom(tmp_path: Path) -> None:
    write_series(
        tmp_path,
        ct_voxels(),
        origin=(-249.51171875, -466.01171875, -553.5),
        step=(0, 0, 2),
        spacing=(0.9765625, 0.9765625),
        bits_stored=12,
        rescale=(1, -1024),
    )

    (volume,) = read(tmp_path)

    assert volume.shape == (512, 512, 175)
    assert volume.dtype == np.int16
    assert volume.zooms == (0.9765625, 0.9765625, 2.0)
    assert volume.axcodes == "LPS"
    # The tutorial's converter flipped the rows (LAS); unflipped, the first row is anterior.
    expected = CT_AFFINE.copy()
    expected[1] = [0, -0.9765625, 0, 466.01171875]
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(volume.data).T, ct_voxels().astype(int) - 1024)


def test_the_lung_ct_from_nifti(tmp_path: Path) -> None:
    values = (ct_voxels().transpose(2, 1, 0).astype(np.int32) - 1024).astype(np.int16)
    image = nib.Nifti1Image(values, CT_AFFINE)
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "3_ct_lung__30__b31f.nii.gz")

    (volume,) = read(tmp_path / "3_ct_lung__30__b31f.nii.gz")

    assert (volume.shape, volume.dtype) == ((512, 512, 175), np.int16)
    np.testing.assert_array_equal(volume.affine, CT_AFFINE)
    assert volume.axcodes == "LAS"
    ((data, meta, kind),) = layer_data(volume)
    assert (data.shape, kind) == ((175, 512, 512), "image")
    np.testing.assert_allclose(meta["scale"], (2, 0.9765625, 0.9765625))
    np.testing.assert_array_equal(np.asarray(volume.data), values)


def test_the_epi_and_its_centre(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(80, 20, (53, 61, 33)).astype(np.float32)
    values[0, 0, 0] = 10.755071640014648
    affine = np.array([[3.0, 0, 0, -78], [0, 3, 0, -76], [0, 0, 3, -64], [0, 0, 0, 1]])
    nib.Nifti1Image(values, affine).to_filename(tmp_path / "epi.nii.gz")

    (volume,) = read(tmp_path / "epi.nii.gz")

    assert volume.shape == (53, 61, 33)
    assert volume.data[0, 0, 0] == np.float32(10.755071640014648)
    np.testing.assert_array_equal(apply_affine(volume.affine, (26, 30, 16)), (0, 14, -16))


def test_the_real_anatomy(data: Path) -> None:
    path = data / "data/nii_someones_anatomy/someones_anatomy.nii.gz"

    (volume,) = read(path)

    assert volume.shape == (57, 67, 56)
    assert volume.zooms == pytest.approx((2.75, 2.75, 2.75))
    np.testing.assert_array_equal(volume.affine, nib.load(path).affine)
    # Scaled: single precision here, double in nibabel.
    np.testing.assert_allclose(volume.data, np.asanyarray(nib.load(path).dataobj), rtol=2e-7)


@pytest.mark.parametrize(("unit", "step"), [("sec", 2.0), ("msec", 2000.0)])
def test_repetition_time_is_in_seconds_whatever_the_file_says(
    tmp_path: Path, unit: str, step: float
) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6, 7), np.int16), np.diag([3, 3, 3, 1]))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = step
    image.to_filename(tmp_path / "bold.nii")

    (volume,) = read(tmp_path / "bold.nii")

    assert volume.zooms == (3, 3, 3, 2.0)
    assert (volume.axes[0].name, volume.axes[0].unit) == ("t", "s")
    ((data, meta, _),) = layer_data(volume)
    assert data.shape == (7, 6, 5, 4)
    assert meta["scale"][0] == 2.0
    assert str(meta["units"][0]) in {"s", "second"}
