"""Directions of diffusion weighting: FSL's files beside an image, whatever its grid."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

import napari_medvol as mv
from napari_medvol.formats.saving.gradients import along_axes, in_patient
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Axis, Volume
from tests.conftest import GRIDS
from tests.formats.dicom.saving import foreign
from tests.phantoms.dicom import uid_of, write_series

#: b-values and directions in the patient, LPS+.
WEIGHTS = (0.0, 0.0, 1000.0, 1000.0, 2000.0)
DIRECTIONS = ((), (), (1.0, 0.0, 0.0), (0.0, 0.6, 0.8), (0.36, 0.48, -0.8))


def world_of(bvec: Path, image: Path) -> NDArray[np.float64]:
    """Return (3, n) directions in RAS+ by FSL's definition, from the files alone."""
    affine = nib.load(image).affine
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    vectors = np.loadtxt(bvec)
    if np.linalg.det(axes) > 0:
        vectors = vectors * np.array([[-1.0], [1.0], [1.0]])
    return axes @ vectors


def expected() -> NDArray[np.float64]:
    full = np.array([one or (0.0, 0.0, 0.0) for one in DIRECTIONS])
    return (full * (-1, -1, 1)).T


def weighted(grid: str) -> Volume:
    values = tuple(zip(WEIGHTS, DIRECTIONS, strict=True))
    pixels = np.random.default_rng(0).integers(0, 900, (4, 5, 6, 5)).astype(np.int16)
    return Volume(pixels, GRIDS[grid], (Axis("b", unit="s/mm²", values=values),), name="dti")


@pytest.mark.parametrize("grid", ["RAS", "LAS", "LPS", "PIR", "oblique"])
def test_directions_lead_the_same_way_on_every_grid(grid: str, tmp_path: Path) -> None:
    mv.write(weighted(grid), tmp_path / "x.nii.gz")

    found = world_of(tmp_path / "x.bvec", tmp_path / "x.nii.gz")
    assert np.abs(found - expected()).max() < 1e-5
    assert np.array_equal(np.loadtxt(tmp_path / "x.bval"), WEIGHTS)


@pytest.mark.parametrize("grid", ["RAS", "LAS", "oblique"])
def test_read_turned_and_written_again_they_still_do(grid: str, tmp_path: Path) -> None:
    mv.write(weighted(grid), tmp_path / "x.nii")
    (volume,) = mv.read(tmp_path / "x.nii")

    for codes in ("LPS", "SRA"):
        part = crop(orient(volume, codes), (0, 1, 1), (3, 4, 4))
        mv.write(part, tmp_path / f"{codes}.nii")
        found = world_of(tmp_path / f"{codes}.bvec", tmp_path / f"{codes}.nii")
        assert np.abs(found - expected()).max() < 1e-5


@pytest.mark.parametrize("target", ["folder", "one.dcm"])
def test_they_survive_dicom_and_dcm2niix_agrees(target: str, tmp_path: Path) -> None:
    mv.write(weighted("oblique"), tmp_path / "x.nii")
    (nifti,) = mv.read(tmp_path / "x.nii")
    mv.write(orient(nifti, "PIR"), tmp_path / target)

    (back,) = mv.read(tmp_path / target)
    assert [value[0] for value in back.axes[0].values or ()] == list(WEIGHTS)
    mv.write(back, tmp_path / "y.nii")
    assert np.abs(world_of(tmp_path / "y.bvec", tmp_path / "y.nii") - expected()).max() < 1e-3
    foreign.by_dcm2niix(tmp_path / target, tmp_path / "nii")
    theirs = world_of(tmp_path / "nii" / "x1.bvec", tmp_path / "nii" / "x1.nii")
    assert np.abs(theirs - expected()).max() < 1e-3


@pytest.mark.parametrize("encoding", ["ROW", "COL"])
def test_directions_along_the_image_as_ge_has_them(encoding: str, tmp_path: Path) -> None:
    turn = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]])
    for number, (b, own) in enumerate([(0, (0, 0, 0)), (1000, (0.48, 0.6, 0.64))]):
        folder = tmp_path / f"v{number}"
        write_series(
            folder, np.full((3, 8, 8), 100 + number, np.int16), step=(0, 0, 2.0),
            orientation=turn.ravel(), modality="MR",
            elements={
                "Manufacturer": "GE MEDICAL SYSTEMS", "InPlanePhaseEncodingDirection": encoding,
                0x00190010: ("LO", "GEMS_ACQU_01"), 0x00430010: ("LO", "GEMS_PARM_01"),
                0x001910BB: ("DS", str(own[0])), 0x001910BC: ("DS", str(own[1])),
                0x001910BD: ("DS", str(own[2])), 0x00431039: ("IS", [b, 0, 0, 0]),
                "ScanningSequence": "EP", "EchoTime": "80", "RepetitionTime": "5000",
            },
        )  # fmt: skip
        for n, path in enumerate(sorted(folder.iterdir())):
            import pydicom

            ds = pydicom.dcmread(path)
            ds.InstanceNumber = 3 * number + n + 1
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid_of(number, n)
            (tmp_path / "ge").mkdir(exist_ok=True)
            ds.save_as(tmp_path / "ge" / f"{3 * number + n}.dcm")
    (volume,) = mv.read(tmp_path / "ge")

    mv.write(volume, tmp_path / "ours.nii")

    foreign.by_dcm2niix(tmp_path / "ge", tmp_path / "nii")
    ours = world_of(tmp_path / "ours.bvec", tmp_path / "ours.nii")
    theirs = world_of(tmp_path / "nii" / "x1.bvec", tmp_path / "nii" / "x1.nii")
    off = min(np.abs(ours - theirs).max(), np.abs(ours + theirs).max())
    assert off < 1e-3, (ours, theirs)


def test_there_and_back_is_nothing() -> None:
    for grid in GRIDS.values():
        if np.abs(grid[:3, :3].T @ grid[:3, :3] - np.diag([1, 4, 9])).max() > 1e-6:
            continue  # sheared axes are no directions of a rotation
        back = in_patient(along_axes(DIRECTIONS, grid), grid)
        assert [len(one) for one in back] == [len(one) for one in DIRECTIONS]
        assert all(np.allclose(a, b) for a, b in zip(back, DIRECTIONS, strict=True))


@pytest.mark.parametrize("scan", ["dti_ge_ico", "dti_ge_oblique_R3", "dti_philips_oblique"])
def test_real_scans_have_the_directions_of_dcm2niix(scan: str, data: Path, tmp_path: Path) -> None:
    (volume,) = mv.read(data / "data" / scan)
    (_,) = foreign.by_dcm2niix(data / "data" / scan, tmp_path / "nii")
    (theirs,) = (tmp_path / "nii").glob("*.bvec")

    for codes in ("LPS", "PIR"):
        mv.write(orient(volume, codes), tmp_path / f"{codes}.nii")
        ours = world_of(tmp_path / f"{codes}.bvec", tmp_path / f"{codes}.nii")
        known = world_of(theirs, theirs.with_suffix(".nii"))
        # Opposite directions weight alike.
        off = np.minimum(np.abs(ours - known).max(axis=0), np.abs(ours + known).max(axis=0))
        assert off.max() < 1e-3
        weights = np.loadtxt(tmp_path / f"{codes}.bval")
        assert np.array_equal(weights, np.loadtxt(theirs.with_suffix(".bval")))
