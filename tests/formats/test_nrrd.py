"""NRRD and MetaImage, against SimpleITK."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_medvol import formats
from napari_medvol.errors import ReadError
from napari_medvol.volume import Label, Volume
from tests.phantoms.nifti import counted

itk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")

NAMES = ["x.nrrd", "x.nhdr", "x.mha", "x.mhd"]


def write(path: Path, array: np.ndarray, n_components: int = 1) -> Path:
    """Write `array`, slowest axis first, on an oblique grid."""
    image = itk.GetImageFromArray(array, isVector=n_components > 1)
    image.SetSpacing((2.0, 3.0, 4.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    turn = np.radians(20)
    cos, sin = np.cos(turn), np.sin(turn)
    image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    itk.WriteImage(image, str(path))
    return path


def read_one(path: Path) -> Volume:
    (volume,) = formats.read(path)
    return volume


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_values_and_places_are_those_of_itk(tmp_path: Path, name: str, dtype: str) -> None:
    array = counted((5, 4, 3), dtype)
    path = write(tmp_path / name, array)

    volume = read_one(path)

    assert volume.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(np.asarray(volume.data), array.transpose())
    image = itk.ReadImage(str(path))
    for index in [(0, 0, 0), (2, 0, 0), (0, 3, 0), (2, 3, 4)]:
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.affine @ (*index, 1), (-x, -y, z, 1), atol=1e-9)
    assert not volume.report.warnings


def test_the_real_scan_is_as_itk_has_it(data: Path) -> None:
    path = data / "data/nrrd_brain2/brain2_image.nrrd"
    volume = read_one(path)

    expected = itk.GetArrayFromImage(itk.ReadImage(str(path)))
    np.testing.assert_array_equal(np.asarray(volume.data), expected.transpose())


@pytest.mark.parametrize(
    ("dtype", "n", "name"), [("uint8", 3, "rgb"), ("float32", 3, "component")]
)
def test_vector_pixels_are_a_last_axis(tmp_path: Path, dtype: str, n: int, name: str) -> None:
    array = counted((5, 4, 3, n), dtype)
    volume = read_one(write(tmp_path / "x.nrrd", array, n))

    assert [axis.name for axis in volume.axes] == [name]
    np.testing.assert_array_equal(np.asarray(volume.data), array.transpose(2, 1, 0, 3))


def test_four_axes_and_two(tmp_path: Path) -> None:
    array = counted((2, 5, 4, 3))
    image = itk.GetImageFromArray(array, isVector=False)
    image.SetSpacing((1, 2, 3, 2.5))
    itk.WriteImage(image, str(tmp_path / "x.nrrd"))
    volume = read_one(tmp_path / "x.nrrd")
    assert volume.axes[0].step == 2.5
    np.testing.assert_array_equal(np.asarray(volume.data), array.transpose())

    flat = counted((4, 3))
    itk.WriteImage(itk.GetImageFromArray(flat), str(tmp_path / "y.mha"))
    volume = read_one(tmp_path / "y.mha")
    assert volume.shape == (3, 4, 1)
    np.testing.assert_array_equal(np.asarray(volume.data)[..., 0], flat.transpose())


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("LAS", (-1, 1, 1)),
    ],
)
def test_the_space_of_the_file_is_honoured(
    tmp_path: Path, space: str, signs: tuple[int, ...]
) -> None:
    array = counted((5, 4, 3))
    text = (
        f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: 3 4 5\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nendian: little\nencoding: raw\n"
        "space origin: (10,20,30)\n\n"
    )
    path = tmp_path / "x.nrrd"
    path.write_bytes(text.encode() + array.astype("<i2").tobytes())

    volume = read_one(path)

    expected = np.diag([2.0, 3, 4, 1])
    expected[:3, 3] = 10, 20, 30
    np.testing.assert_allclose(volume.affine, np.diag([*signs, 1]) @ expected)
    assert ("space", space) in volume.report.used


def test_a_file_without_a_space_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.nrrd"
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 3 4 5\nencoding: raw\n\n"
    path.write_bytes(text.encode() + bytes(60))

    (warning,) = read_one(path).report.warnings

    assert "left and right cannot be told" in warning


def test_slicers_segments_have_names_and_colours(tmp_path: Path) -> None:
    text = (
        "NRRD0004\n# made by hand\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\n"
        "sizes: 3 4 5\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\n"
        "space origin: (0,0,0)\nSegment0_Name:=liver\nSegment0_LabelValue:=7\n"
        "Segment0_Color:=0.5 0.25 0\nSegment1_Name:=spleen\n\n"
    )
    path = tmp_path / "x.seg.nrrd"
    path.write_bytes(text.encode() + bytes(60))

    volume = read_one(path)

    assert volume.kind == "labels"
    assert volume.labels == (Label(7, "liver", (0.5, 0.25, 0.0, 1.0)), Label(2, "spleen"))
    rows = {r.name: r.value for r in volume.header if r.group == "Header"}
    assert rows["Segment0_Name"] == "liver"
    assert rows["sizes"] == "3 4 5"


def test_files_that_itk_refuses_are_errors(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.nrrd"
    path.write_bytes(b"NRRD0004\nnothing\n\n")
    with pytest.raises(ReadError, match=r"x\.nrrd: SimpleITK cannot read it"):
        formats.read(path)

    write(path, counted((5, 4, 3)))
    volume = read_one(path)
    path.unlink()
    with pytest.raises(ReadError, match="not there"):
        np.asarray(volume.data)
    assert capfd.readouterr().err == ""


def test_without_simpleitk_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "x.nrrd", counted((5, 4, 3)))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)

    with pytest.raises(ReadError, match=r"x\.nrrd.*napari-medvol\[registration\]"):
        formats.read(path)
