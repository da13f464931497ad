"""Where NIfTI headers, odd ones too, put their voxels. GEOMETRY rules of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medvol import formats
from napari_medvol.errors import ReadError
from napari_medvol.volume import Axis, Volume
from tests.phantoms.nifti import affine_fields, counted, write_nifti

SHAPE = (3, 4, 5)
SFORM = np.array([[-2.0, 0, 0.5, 30], [0, 2, 0, -40], [0.1, 0, 3, 10], [0, 0, 0, 1]])
#: A rotation by 180° about j, as the tutorials' CT has it.
QFORM = {
    "quatern_c": 1.0,
    "qoffset_x": 30.0,
    "qoffset_y": -40.0,
    "qoffset_z": 10.0,
    "pixdim": [-1, 2, 2, 3, 1, 1, 1, 1],
}


def opened(
    folder: Path, form: str = "auto", shape: tuple[int, ...] = SHAPE, **fields: Any
) -> Volume:
    path = write_nifti(folder / "x.nii", counted(shape), **fields)
    (volume,) = formats.read(path, form=form)
    return volume


def nibabels(folder: Path) -> np.ndarray:
    return nib.load(folder / "x.nii").affine


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("qform_code", range(5))
@pytest.mark.parametrize("sform_code", range(5))
def test_the_form_is_chosen_as_nibabel_chooses(
    tmp_path: Path, sform_code: int, qform_code: int, version: int
) -> None:
    fields = affine_fields(SFORM, sform_code) | QFORM | {"qform_code": qform_code}
    volume = opened(tmp_path, version=version, **fields)

    np.testing.assert_allclose(volume.affine, nibabels(tmp_path), atol=1e-6)
    used = "sform" if sform_code else "qform" if qform_code else "voxel sizes"
    assert volume.report.source.startswith(used)
    differ = [f for f in volume.report.findings if f.kind == "forms differ"]
    assert len(differ) == (1 if sform_code and qform_code else 0)


unit = st.floats(-1, 1, allow_nan=False)


@given(
    quaternion=st.tuples(unit, unit, unit).filter(lambda v: sum(x * x for x in v) <= 0.99),
    zooms=st.tuples(*[st.floats(0.1, 10)] * 3),
    offset=st.tuples(*[st.floats(-500, 500)] * 3),
    qfac=st.sampled_from([-1, 0, 1]),
)
def test_any_quaternion_leads_where_nibabel_says(
    tmp_path_factory: pytest.TempPathFactory,
    quaternion: tuple[float, ...],
    zooms: tuple[float, ...],
    offset: tuple[float, ...],
    qfac: int,
) -> None:
    folder = tmp_path_factory.mktemp("q")
    fields: dict[str, Any] = {f"quatern_{a}": v for a, v in zip("bcd", quaternion, strict=True)}
    fields |= {f"qoffset_{a}": v for a, v in zip("xyz", offset, strict=True)}
    volume = opened(folder, version=2, qform_code=1, pixdim=[qfac, *zooms, 1, 1, 1, 1], **fields)

    np.testing.assert_allclose(volume.affine, nibabels(folder), atol=1e-6)


def test_a_quaternion_longer_than_one_is_scaled_and_noted(tmp_path: Path) -> None:
    volume = opened(tmp_path, qform_code=1, quatern_b=0.0, quatern_c=0.0, quatern_d=1.1)

    np.testing.assert_allclose(volume.affine[:3, :3], np.diag([-1, -1, 1]), atol=1e-9)
    assert [f.kind for f in volume.report.findings] == ["qform"]


@pytest.mark.parametrize("form", ["sform", "qform", "pixdim"])
def test_the_other_form_can_be_asked_for(tmp_path: Path, form: str) -> None:
    fields = affine_fields(SFORM, 4) | QFORM | {"qform_code": 1}
    volume = opened(tmp_path, form, **fields)

    header = nib.load(tmp_path / "x.nii").header
    expected = {
        "sform": header.get_sform(),
        "qform": header.get_qform(),
        "pixdim": header.get_base_affine(),
    }[form]
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)


def test_both_matrices_and_codes_are_rows_and_in_the_report(tmp_path: Path) -> None:
    volume = opened(tmp_path, **affine_fields(SFORM, 4) | QFORM | {"qform_code": 1})

    rows = {r.name: r.value for r in volume.header if r.group == "Geometry"}
    assert rows["sform code"] == "4 (mni)"
    assert rows["qform code"] == "1 (scanner)"
    assert rows["sform"].startswith("[[-2, 0, 0.5, 30]")
    assert rows["qform"].startswith("[[-2, 0, 0, 30]")
    assert "sform = code 4 (mni)" in str(volume.report)
    assert "ignored qform = code 1 (scanner)" in str(volume.report)


def test_forms_that_differ_by_a_little_are_no_news(tmp_path: Path) -> None:
    q = opened(tmp_path, form="qform", **QFORM).affine
    shifted = q.copy()
    shifted[0, 3] += 0.19  # voxels of 2 mm: a tenth is 0.2
    assert not opened(tmp_path, **affine_fields(shifted) | QFORM, qform_code=1).report.findings

    shifted[0, 3] += 0.02
    (finding,) = opened(tmp_path, **affine_fields(shifted) | QFORM, qform_code=1).report.findings
    assert "0.21 mm" in finding.text


def test_opposite_handedness_is_a_warning(tmp_path: Path) -> None:
    mirrored = SFORM.copy()
    mirrored[:, 0] *= -1
    volume = opened(tmp_path, **affine_fields(mirrored) | QFORM, qform_code=1)

    assert {f.kind for f in volume.report.findings} == {"forms differ", "handedness"}
    assert any("left and right may be swapped" in text for text in volume.report.warnings)


def test_without_codes_left_and_right_cannot_be_told(tmp_path: Path) -> None:
    volume = opened(tmp_path, pixdim=[1, 2, 3, 4, 1, 1, 1, 1])

    np.testing.assert_allclose(volume.affine, nibabels(tmp_path))
    assert volume.affine[0].tolist() == [-2, 0, 0, 2]
    (warning,) = volume.report.warnings
    assert "no orientation in the file: left and right cannot be told" in warning


NO_LENGTHS = [0.0, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize(
    ("form", "stored", "used"),
    [("auto", -2.0, 2.0), *[("pixdim", stored, 1.0) for stored in NO_LENGTHS]],
)
def test_sizes_that_are_no_lengths_are_mended_with_a_warning(
    tmp_path: Path, form: str, stored: float, used: float
) -> None:
    volume = opened(tmp_path, form, qform_code=1, pixdim=[1, 3, stored, 4, 1, 1, 1, 1])

    assert volume.zooms == (3, used, 4)
    (warning,) = volume.report.warnings
    assert "along j (pixdim[2])" in warning


@pytest.mark.parametrize("stored", NO_LENGTHS)
@pytest.mark.parametrize("fields", [{}, {"qform_code": 1}], ids=["no codes", "qform"])
def test_a_grid_that_rests_on_no_length_is_an_error_that_names_the_way_out(
    tmp_path: Path, fields: dict[str, Any], stored: float
) -> None:
    said = rf"x\.nii: pixdim\[2\], the voxel size along j, is {stored:g} .*form=\"pixdim\""
    with pytest.raises(ReadError, match=said):
        opened(tmp_path, pixdim=[1, 3, stored, 4, 1, 1, 1, 1], **fields)


def test_a_broken_sform_does_not_hide_a_qform_without_lengths(tmp_path: Path) -> None:
    broken = affine_fields(np.zeros((4, 4))) | QFORM
    with pytest.raises(ReadError, match=r"pixdim\[3\], the voxel size along k, is 0 "):
        opened(tmp_path, qform_code=1, **broken | {"pixdim": [1, 2, 2, 0, 1, 1, 1, 1]})


@pytest.mark.parametrize("stored", NO_LENGTHS)
def test_where_the_sform_decides_voxel_sizes_are_a_note(tmp_path: Path, stored: float) -> None:
    pixdim = [1, 3, stored, 4, 1, 1, 1, 1]
    volume = opened(tmp_path, **affine_fields(SFORM) | {"pixdim": pixdim})

    np.testing.assert_allclose(volume.affine, SFORM)
    assert not volume.report.warnings
    assert [f.kind for f in volume.report.findings] == ["zooms"]


@pytest.mark.parametrize("stored", NO_LENGTHS)
def test_one_slice_without_thickness_opens_with_a_warning(tmp_path: Path, stored: float) -> None:
    pixdim = [1, 3, 2, stored, 1, 1, 1, 1]
    volume = opened(tmp_path, shape=(3, 4, 1), qform_code=1, pixdim=pixdim)

    assert volume.zooms == (3, 2, 1)
    assert any("along k (pixdim[3])" in text for text in volume.report.warnings)


def test_sizes_of_axes_that_the_file_lacks_do_not_matter(tmp_path: Path) -> None:
    volume = opened(tmp_path, shape=(3, 4), qform_code=1, pixdim=[1, 3, 4, 0, 0, 0, 0, 0])

    assert volume.zooms == (3, 4, 1)
    assert not volume.report.findings


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_an_sform_that_leads_nowhere_gives_way_to_the_qform(tmp_path: Path, bad: float) -> None:
    broken = SFORM.copy()
    broken[:3, 1] = bad
    volume = opened(tmp_path, **affine_fields(broken) | QFORM, qform_code=1)

    np.testing.assert_allclose(volume.affine[:3, :3], np.diag([-2, 2, 3]), atol=1e-6)
    assert any("the qform was used instead" in text for text in volume.report.warnings)


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_an_sform_that_leads_nowhere_alone_is_an_error_that_names_the_way_out(
    tmp_path: Path, bad: float
) -> None:
    broken = SFORM.copy()
    broken[:3, 1] = bad
    with pytest.raises(ReadError, match=r'x\.nii: its sform is singular.*form="pixdim"'):
        opened(tmp_path, **affine_fields(broken))

    assert opened(tmp_path, "pixdim", **affine_fields(broken)).shape == SHAPE


def test_a_quaternion_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"its qform is singular or not finite.*quatern_c"):
        opened(tmp_path, qform_code=1, quatern_c=np.nan)


@pytest.mark.parametrize(
    ("code", "name", "factor"), [(1, "m", 1000), (2, "mm", 1), (3, "µm", 1e-3)]
)
@pytest.mark.parametrize("form", ["sform", "qform", "pixdim"])
def test_the_affine_is_in_millimetres_whatever_the_file_is_in(
    tmp_path: Path, form: str, code: int, name: str, factor: float
) -> None:
    fields = affine_fields(SFORM) | QFORM | {"qform_code": 1}
    in_mm = opened(tmp_path, form, xyzt_units=2, **fields).affine
    volume = opened(tmp_path, form, xyzt_units=code, **fields)

    np.testing.assert_allclose(volume.affine[:3], in_mm[:3] * factor)
    rows = {r.name: r.value for r in volume.header if r.group == "Geometry"}
    assert rows["length unit of the file"] == name


@pytest.mark.parametrize("size", [0.005, 200])
def test_unlikely_voxels_without_a_unit_are_flagged(tmp_path: Path, size: float) -> None:
    fields = affine_fields(np.diag([size, 1, 1, 1]))
    (warning,) = opened(tmp_path, **fields).report.warnings
    assert "names no length unit" in warning

    assert not opened(tmp_path, xyzt_units=2, **fields).report.warnings


@pytest.mark.parametrize(
    ("code", "axis"),
    [
        (0, Axis("t", 2.5, "", 4.0)),
        (8, Axis("t", 2.5, "s", 4.0)),
        (16, Axis("t", 2.5e-3, "s", 4e-3)),
        (24, Axis("t", 2.5e-6, "s", 4e-6)),
        (32, Axis("f", 2.5, "Hz", 4.0)),
        (40, Axis("f", 2.5, "ppm", 4.0)),
        (48, Axis("f", 2.5, "rad/s", 4.0)),
    ],
)
def test_the_fourth_axis_has_its_unit_and_start(tmp_path: Path, code: int, axis: Axis) -> None:
    pixdim = [1, 1, 1, 1, 2.5, 1, 1, 1]
    fields = affine_fields(SFORM) | {"pixdim": pixdim, "toffset": 4}
    volume = opened(tmp_path, shape=(3, 4, 5, 2), xyzt_units=2 | code, **fields)

    (found,) = volume.axes
    assert (found.name, found.unit) == (axis.name, axis.unit)
    np.testing.assert_allclose((found.step, found.start), (axis.step, axis.start))


@pytest.mark.parametrize("step", [0.0, np.nan])
def test_a_step_between_volumes_that_is_unknown_only_counts(tmp_path: Path, step: float) -> None:
    fields = affine_fields(SFORM) | {"pixdim": [1, 1, 1, 1, step, 1, 1, 1]}
    volume = opened(tmp_path, shape=(3, 4, 5, 2), xyzt_units=10, **fields)

    assert volume.axes == (Axis("t"),)
    assert [f.kind for f in volume.report.findings] == ["time step"]


@pytest.mark.parametrize(("code", "word"), [(5, "length unit 5"), (56, "time unit 56")])
def test_unknown_units_are_flagged(tmp_path: Path, code: int, word: str) -> None:
    fields = affine_fields(SFORM)
    volume = opened(tmp_path, shape=(3, 4, 5, 2), xyzt_units=code, **fields)

    assert any(word in text for text in volume.report.warnings)


def test_sheared_grids_keep_their_shear(tmp_path: Path) -> None:
    sheared = np.array([[1.0, 0, 0.7, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    volume = opened(tmp_path, **affine_fields(sheared))

    np.testing.assert_allclose(volume.affine, nibabels(tmp_path))
