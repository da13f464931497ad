"""The qform made unknown, and nothing else."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol.errors import StepError
from napari_medvol.ops.forget import forget_qform
from tests.phantoms.volumes import affine_along, numbered, rotated


def source(path: Path, q_code: int = 1, s_code: int = 2, version: int = 1) -> Path:
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = kind(values, None)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(rotated(affine_along("LAS"), 10), s_code)
    image.set_qform(affine_along("LAS"), q_code)
    image.header["descrip"] = b"kept"
    nib.save(image, path)
    return path


@pytest.mark.parametrize("version", [1, 2])
def test_only_qform_code_differs_in_the_file_that_is_written(tmp_path: Path, version: int) -> None:
    path = source(tmp_path / "a.nii", version=version)
    (volume,) = mv.read(path)

    mv.write(forget_qform(volume), tmp_path / "b.nii")

    before, after = path.read_bytes(), (tmp_path / "b.nii").read_bytes()
    assert len(before) == len(after)
    at = 252 if version == 1 else 344
    different = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert different == [at]
    image = nib.load(tmp_path / "b.nii")
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (0, 2)


def test_the_volume_before_is_as_it_was(tmp_path: Path) -> None:
    (volume,) = mv.read(source(tmp_path / "a.nii"))
    made = forget_qform(volume)
    assert volume.native["qform_code"] == 1
    assert made.native["qform_code"] == 0
    assert made.native.raw != volume.native.raw
    np.testing.assert_array_equal(made.affine, volume.affine)


def test_where_it_would_lose_the_place_it_is_refused(tmp_path: Path) -> None:
    (volume,) = mv.read(source(tmp_path / "a.nii", s_code=0))
    with pytest.raises(StepError, match="would lie nowhere"):
        forget_qform(volume)
    (volume,) = mv.read(source(tmp_path / "b.nii", q_code=0))
    with pytest.raises(StepError, match="unknown already"):
        forget_qform(volume)
    with pytest.raises(StepError, match="not come from a NIfTI"):
        forget_qform(numbered((2, 2, 2)))


def test_a_volume_that_its_qform_places_elsewhere_than_its_sform_is_refused(
    tmp_path: Path,
) -> None:
    (volume,) = mv.read(source(tmp_path / "a.nii"), form="qform")
    with pytest.raises(StepError, match=r"placed by its qform.*differ by up to 4\.37 mm"):
        forget_qform(volume)
