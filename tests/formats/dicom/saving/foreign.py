"""What other programs read in DICOM files: arrays (i, j, k, …) and affines to RAS+ mm."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

Read = tuple[NDArray[Any], NDArray[np.float64]]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def by_pydicom(files: Sequence[Path]) -> Read:
    """Read by the formula of PS3.3 C.7.6.2.1.1, sorted along the normal, one volume."""
    slices = [pydicom.dcmread(file) for file in files]
    row, column = np.reshape(slices[0].ImageOrientationPatient, (2, 3)).astype(float)
    normal = np.cross(row, column)
    slices.sort(key=lambda ds: float(np.dot(normal, np.array(ds.ImagePositionPatient, float))))
    positions = np.array([ds.ImagePositionPatient for ds in slices], float)
    affine = np.eye(4)
    affine[:3, 0] = row * float(slices[0].PixelSpacing[1])
    affine[:3, 1] = column * float(slices[0].PixelSpacing[0])
    steps = len(slices) - 1
    affine[:3, 2] = (
        (positions[-1] - positions[0]) / steps
        if steps
        else normal * float(slices[0].SliceThickness)
    )
    affine[:3, 3] = positions[0]
    planes = [
        ds.pixel_array * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0))
        for ds in slices
    ]
    array = np.stack(planes, axis=-1 if planes[0].ndim == 2 else 2)
    return array.swapaxes(0, 1), LPS_TO_RAS @ affine


def by_simpleitk(files: Sequence[Path]) -> Read:
    sitk = pytest.importorskip("SimpleITK")
    names = [str(file) for file in files]
    if len(files) > 1:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(files[0].parent))
    image = sitk.ReadImage(names if len(names) > 1 else names[0])
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    array = sitk.GetArrayFromImage(image)
    axes = (2, 1, 0, 3)[: array.ndim]
    return array.transpose(axes), LPS_TO_RAS @ affine


def by_dcm2niix(folder: Path, out: Path) -> list[Read]:
    """Convert every series below a folder, float values as DICOM means them."""
    dcm2niix = pytest.importorskip("dcm2niix")
    out.mkdir(exist_ok=True)
    call = [dcm2niix.bin, "-p", "n", "-b", "n", "-m", "n", "-f", "x%s", "-o", str(out)]
    done = subprocess.run([*call, str(folder)], capture_output=True, text=True)
    images = [nib.load(path) for path in sorted(out.glob("*.nii"))]
    assert images, done.stdout
    found = []
    for image in images:
        array = np.array(np.asanyarray(image.dataobj))
        if array.dtype.names:
            array = np.stack([array[name] for name in array.dtype.names], axis=-1)
        found.append((array, image.affine))
    return found


def by_highdicom(files: Sequence[Path]) -> Read:
    import highdicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(files) == 1 and "NumberOfFrames" in pydicom.dcmread(files[0]):
            volume = highdicom.imread(files[0]).get_volume(apply_real_world_transform=False)
        else:
            volume = highdicom.get_volume_from_series([pydicom.dcmread(f) for f in files])
    # Indexed (slice, row, column).
    affine = np.array(volume.affine)[:, [2, 1, 0, 3]]
    array = volume.array.transpose(2, 1, 0, *range(3, volume.array.ndim))
    return array, LPS_TO_RAS @ affine


def assert_same(one: Read, other: Read, *, within: float = 0.0, mm: float = 1e-3) -> None:
    """Compare two scans whatever the order of their axes: corners in mm, values."""
    (a, affine_a), (b, affine_b) = _canonical(*one), _canonical(*other)
    assert a.shape == b.shape
    corners = np.array(np.meshgrid(*([0, n - 1] for n in a.shape[:3]))).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    off = np.linalg.norm(((affine_a - affine_b) @ corners)[:3], axis=0).max()
    assert off <= mm, f"corners {off} mm apart"
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
    assert difference <= within, f"values {difference} apart"


def _canonical(array: NDArray[Any], affine: NDArray[np.float64]) -> Read:
    codes = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(array, codes)
    return turned, affine @ nib.orientations.inv_ornt_aff(codes, array.shape[:3])
