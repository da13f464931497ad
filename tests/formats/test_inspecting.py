"""Every element of every format's header."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

import napari_medvol
from napari_medvol.formats.inspecting import forms, full_header, varying
from napari_medvol.headers import COLUMNS, Element, elements_table
from napari_medvol.volume import Field, Volume
from tests.phantoms.dicom import write_series


def nifti(path: Path, version: int = 1, **fields: object) -> Path:
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    image = kind(np.zeros((3, 4, 5), np.int16), np.diag([2, 3, 4, 1]))
    image.set_sform(np.diag([2, 3, 4, 1]), 2)
    image.set_qform(np.diag([2, 3, 4, 1]), 1)
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, path)
    return path


def by_name(elements: tuple[Element, ...]) -> dict[str, Element]:
    return {element.name: element for element in elements}


@pytest.mark.parametrize("version", [1, 2])
def test_every_nifti_field_is_told_as_nibabel_has_it(tmp_path: Path, version: int) -> None:
    path = nifti(tmp_path / "a.nii", version, descrip=b"from a scanner", xyzt_units=10)
    (volume,) = napari_medvol.read(path)
    header = nib.load(path).header

    told = by_name(full_header(volume))

    names = {"unused_str" if n == "eol_check" else n for n in header} - {"eol_check"}
    assert names - {"unused_str"} <= set(told)
    assert told["descrip"].value == "from a scanner"
    assert told["dim"].value.split(", ") == [str(n) for n in header["dim"]]
    assert told["sform_code"].value == "2"
    assert told["sform_code"].meaning == "aligned"
    assert told["xyzt_units"].meaning == "mm, s"
    assert all(
        element.meaning for element in told.values() if element.depth and element.name in names
    )


def test_what_differs_from_an_empty_header_is_marked(tmp_path: Path) -> None:
    (volume,) = napari_medvol.read(nifti(tmp_path / "a.nii", cal_max=7, descrip=b"x"))

    differing = {element.name for element in full_header(volume) if element.differs}

    usual, header = nib.Nifti1Header(), nib.load(tmp_path / "a.nii").header
    expected = {
        name
        for name in header
        if not np.array_equal(header[name], usual[name])
        and not (header[name].dtype.kind == "f" and np.isnan(header[name]).all())
    }
    # Scale factors are NaN in nibabel's own header, and a single file begins its voxels at 352.
    assert {"cal_max", "descrip", "datatype"} <= differing
    assert differing - {"scl_slope", "scl_inter", "vox_offset"} == expected - {
        "scl_slope", "scl_inter", "vox_offset",
    }  # fmt: skip


def test_extensions_are_told_with_their_text(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"made by hand"))
    nib.save(image, tmp_path / "a.nii")
    (volume,) = napari_medvol.read(tmp_path / "a.nii")

    (extension,) = (e for e in full_header(volume) if "comment" in e.name)

    assert extension.value == "made by hand"


def test_both_nifti_matrices_are_those_of_nibabel_and_the_used_one_is_named(
    tmp_path: Path,
) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
    turned = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.3, 0.1, 0.2) * (2, 3, 4), (5, 6, 7)
    )
    image.set_sform(np.diag([2, 3, 4, 1]), 4)
    image.set_qform(turned, 1)
    nib.save(image, tmp_path / "a.nii")

    (by_sform,) = napari_medvol.read(tmp_path / "a.nii")
    (by_qform,) = napari_medvol.read(tmp_path / "a.nii", form="qform")

    sform, qform = forms(by_sform)
    np.testing.assert_allclose(sform.affine, image.get_sform(), atol=1e-5)
    np.testing.assert_allclose(qform.affine, image.get_qform(), atol=1e-5)
    assert (sform.code, qform.code) == ("4 (mni)", "1 (scanner)")
    assert [form.is_used for form in forms(by_sform)] == [True, False]
    assert [form.is_used for form in forms(by_qform)] == [False, True]


def series(folder: Path) -> Volume:
    item = Dataset()
    item.CodeMeaning = "chest"
    write_series(folder, np.zeros((4, 6, 8), np.int16), elements={"ProcedureCodeSequence": [item]})
    for number, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.XRayTubeCurrent = 100 + 10 * number
        block = dataset.private_block(0x0029, "MAKER OF SCANNERS", create=True)
        block.add_new(0x10, "LO", f"secret {number}")
        dataset.save_as(path)
    (volume,) = napari_medvol.read(folder)
    return volume


def test_every_dicom_element_is_told_as_pydicom_reads_it(tmp_path: Path) -> None:
    volume = series(tmp_path)
    told = full_header(volume)
    dataset = pydicom.dcmread(volume.report.slices[0].file, stop_before_pixels=True)

    expected = [
        f"({e.tag.group:04X},{e.tag.element:04X})"
        for part in (dataset.file_meta, dataset)
        for e in part
    ]
    assert [e.tag for e in told if e.depth == 1] == expected
    named = by_name(told)
    assert named["PatientID"].value == dataset.PatientID
    assert (named["Rows"].vr, named["Rows"].vm, named["Rows"].value) == ("US", "1", "6")
    assert named["PixelSpacing"].vm == "2"
    assert named["SOPClassUID"].meaning.endswith("Storage")
    assert named["PatientName"].meaning == "Patient's Name"


def test_sequences_and_private_creators_are_told(tmp_path: Path) -> None:
    told = full_header(series(tmp_path))
    names = [element.name for element in told]

    at = names.index("ProcedureCodeSequence")
    assert [(e.name, e.depth) for e in told[at : at + 3]] == [
        ("ProcedureCodeSequence", 1), ("item 1", 2), ("CodeMeaning", 3),
    ]  # fmt: skip
    assert told[at + 2].value == "chest"
    private = next(e for e in told if e.value == "secret 0")
    assert private.meaning == "private: MAKER OF SCANNERS"


def test_each_plane_has_the_header_of_its_own_file(tmp_path: Path) -> None:
    volume = series(tmp_path)

    currents = [by_name(full_header(volume, n))["XRayTubeCurrent"].value for n in range(4)]

    assert currents == ["100", "110", "120", "130"]


def test_what_changes_over_slices_is_told_slice_by_slice(tmp_path: Path) -> None:
    volume, steps = series(tmp_path), []
    found = {v.name: v for v in varying(volume, lambda done, total: steps.append((done, total)))}

    assert found["XRayTubeCurrent"].values == ("100", "110", "120", "130")
    assert found["XRayTubeCurrent"].unit == "mA"
    assert found["XRayTubeCurrent"].planes == ((0,), (1,), (2,), (3,))
    assert "PatientID" not in found
    assert "ImagePositionPatient" in found
    assert steps[-1] == (4, 4)


def test_an_element_that_some_slices_lack_is_told(tmp_path: Path) -> None:
    volume = series(tmp_path)
    path = Path(volume.report.slices[2].file)
    dataset = pydicom.dcmread(path)
    del dataset.XRayTubeCurrent
    dataset.save_as(path)

    found = {v.name: v.values for v in varying(volume)}

    assert found["XRayTubeCurrent"] == ("100", "110", None, "130")


def test_of_a_multi_frame_file_the_frames_elements_are_told(data: Path) -> None:
    (volume,) = napari_medvol.read(data / "data" / "enh_philips_fmri")
    dataset = pydicom.dcmread(volume.report.files[0], stop_before_pixels=True)
    expected = [
        "\\".join(map(str, group.PlanePositionSequence[0].ImagePositionPatient))
        for group in dataset.PerFrameFunctionalGroupsSequence
    ]

    found = {v.name: v for v in varying(volume)}

    position = found["PlanePositionSequence > ImagePositionPatient"]
    assert len(position.values) == len(expected)
    assert sorted(map(str, position.values)) == sorted(expected)


def test_a_file_that_went_away_is_said_by_name_and_the_others_still_tell(tmp_path: Path) -> None:
    volume = series(tmp_path)
    Path(volume.report.slices[0].file).unlink()

    with pytest.raises(napari_medvol.MedVolError, match=r"00001\.dcm"):
        full_header(volume)
    assert {v.name: len(v.values) for v in varying(volume)}["XRayTubeCurrent"] == 3


@pytest.mark.parametrize(
    ("scan", "name"),
    [
        ("nb_test_mgz", "Pxyz_c"),
        ("nb_scaled_afni", "IJK_TO_DICOM_REAL"),
        ("par_varscale", "tech"),
        ("nb_tiny_mnc", "direction_cosines"),
        ("nb_tinypet_v", "data_units"),
        ("rtstruct_sts002_ct", "StructureSetROISequence"),
        ("seg_liver", "SegmentSequence"),
    ],
)
def test_every_format_tells_its_own_header(data: Path, scan: str, name: str) -> None:
    volume = napari_medvol.read(data / "data" / scan)[-1]

    assert name in by_name(full_header(volume))


def test_the_columns_of_a_par_file_that_change_are_told(data: Path) -> None:
    (volume,) = napari_medvol.read(data / "data" / "par_varscale")

    found = {v.name: v for v in varying(volume)}

    header = volume.native
    slopes = header.image_defs["rescale slope"][header.get_sorted_slice_indices()]
    np.testing.assert_allclose([float(v or 0) for v in found["rescale slope"].values], slopes)
    assert found["rescale slope"].planes[9] == (0, 1)


def test_a_volume_without_a_file_tells_the_rows_that_it_carries() -> None:
    rows = (Field("Made", "by", "hand"), Field("Made", "step", "2", "mm"))
    volume = Volume(np.zeros((2, 2, 2)), np.eye(4), header=rows)

    told = full_header(volume)

    assert [(e.name, e.value, e.meaning, e.depth) for e in told] == [
        ("Made", "", "", 0), ("by", "hand", "", 1), ("step", "2", "mm", 1),
    ]  # fmt: skip
    assert forms(volume) == varying(volume) == ()


def test_elements_go_to_csv_with_the_level_that_tells_the_tree(tmp_path: Path) -> None:
    told = full_header(series(tmp_path))

    rows = list(csv.reader(io.StringIO(elements_table(told).to_csv())))

    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(told) + 1
    assert ["3", "(0008,0104)", "LO", "1", "CodeMeaning", "chest", "Code Meaning", "False"] in rows
