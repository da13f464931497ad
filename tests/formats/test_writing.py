"""Every format that writes: what goes out comes back, or the error says why not."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol import affines
from napari_medvol.errors import WriteError
from napari_medvol.formats import FORMATS
from napari_medvol.volume import Axis, Label, Volume
from tests.conftest import GRIDS
from tests.phantoms.volumes import affine_along, numbered

DTYPES = (
    "bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "g", "c8", "c16",
    ">i2", ">f4",
)  # fmt: skip

#: Every suffix of a format that writes its voxels as a block; DICOM has tests of its own.
SUFFIXES = tuple(
    (row.name, suffix)
    for row in FORMATS
    if row.write and row.name != "DICOM"
    for suffix in row.writes
)


def _values(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    count = np.arange(np.prod(shape)).reshape(shape)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return count % 3 == 0
    if kind == "c":
        return (count + 1j * count[::-1]).astype(dtype)
    if kind == "f":
        return (count / 8 - 5).astype(dtype)
    info = np.iinfo(dtype)
    return (count % 200 + (int(info.min) // 2)).astype(dtype)


def _kinds(dtype: str) -> dict[str, Volume]:
    """Return volumes of every kind with values of one type."""
    values = _values(dtype, (5, 4, 3))
    kinds = {grid: Volume(values, affine, name=grid) for grid, affine in GRIDS.items()}
    series = Axis("t", 2.5, "s")
    kinds["4-D"] = Volume(_values(dtype, (5, 4, 3, 2)), GRIDS["LPS"], (series,), name="4-D")
    if dtype == "u1":
        kinds["RGB"] = Volume(
            _values(dtype, (5, 4, 3, 3)), GRIDS["LAS"], (Axis("rgb"),), name="RGB"
        )
    if np.dtype(dtype).kind in "iub":
        names = (Label(1, "liver", (1.0, 0.0, 0.0, 1.0)),)
        kinds["labels"] = Volume(
            np.abs(values.astype(np.int64)).astype(dtype) if dtype != "bool" else values,
            GRIDS["RAS"], kind="labels", labels=names, name="labels",
        )  # fmt: skip
    return kinds


@pytest.mark.parametrize(("format_name", "suffix"), SUFFIXES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_written_comes_back_or_the_error_says_why(
    format_name: str, suffix: str, dtype: str, tmp_path: Path
) -> None:
    refused, written = [], []
    for name, volume in _kinds(dtype).items():
        path = tmp_path / f"x {name}{suffix}"
        try:
            certificate = mv.write(volume, path, format=format_name)
        except WriteError as error:
            refused.append(error)
            assert not path.exists()
            continue
        written.append(certificate)
        (back,) = mv.read(path)

        np.testing.assert_array_equal(np.asarray(back.data), np.asarray(volume.data))
        shift = affines.corner_displacement(back.affine, volume.affine, volume.shape)
        assert shift < 1e-3
        assert certificate.largest_error == 0
        assert not certificate.loss
        assert back.is_rgb == volume.is_rgb
        if volume.axes and volume.axes[0].unit and format_name != "Analyze":
            assert back.axes[0].step == pytest.approx(2.5)
    for error in refused:
        assert (
            f"of {format_name}" in error.why
            or f"{format_name} ha" in error.why
            or (f"{format_name} holds no" in error.why)
        )
        assert error.fix
    if np.dtype(dtype) in map(np.dtype, ("u1", "i2", "i4", "f4")):
        assert len(refused) == (dtype == "u1" and format_name == "MGH")  # it has no colours
        assert written
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("suffix", "dtype"), list(itertools.product((".nii.gz", ".mgz"), ("i2", "f4")))
)
def test_nibabel_reads_the_same(suffix: str, dtype: str, tmp_path: Path) -> None:
    for name, volume in _kinds(dtype).items():
        mv.write(volume, tmp_path / f"{name}{suffix}")

        image = nib.load(tmp_path / f"{name}{suffix}")

        assert image.get_data_dtype().newbyteorder("=") == np.dtype(dtype)
        np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(volume.data))
        np.testing.assert_allclose(image.affine, volume.affine, atol=1e-4)


def test_spm_analyze_is_what_nibabel_and_the_matrix_say(volume: Volume, tmp_path: Path) -> None:
    mv.write(volume, tmp_path / "x.img", format="Analyze")

    image = nib.spm2analyze.Spm2AnalyzeImage.load(tmp_path / "x.img")

    np.testing.assert_array_equal(np.asarray(image.dataobj), volume.data)
    np.testing.assert_allclose(image.affine, volume.affine, atol=1e-9)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_simpleitk_reads_the_same(volume: Volume, suffix: str, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    cosines = volume.affine[:3, :3] / affines.zooms(volume.affine)
    if not np.allclose(cosines.T @ cosines, np.eye(3)):
        pytest.skip("ITK opens no sheared grid")
    mv.write(volume, tmp_path / f"x{suffix}")

    image = sitk.ReadImage(str(tmp_path / f"x{suffix}"))

    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).transpose(), volume.data)
    index = (4, 2, 5)
    point = np.array(image.TransformIndexToPhysicalPoint(index)) * (-1, -1, 1)
    np.testing.assert_allclose(point, affines.apply_affine(volume.affine, index), atol=1e-3)


def test_the_same_volume_gives_the_same_bytes(volume: Volume, tmp_path: Path) -> None:
    for suffix in (".nii.gz", ".nii.bz2", ".nii.zst", ".mgz"):
        for number in (1, 2):
            mv.write(volume, tmp_path / f"{number}{suffix}")
        assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


@pytest.mark.parametrize("command", [["gzip", "-t"], ["python3", "-m", "gzip", "-d"]])
def test_gzip_and_zlib_read_the_compressed_file(command: list[str], tmp_path: Path) -> None:
    import shutil
    import subprocess

    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    mv.write(numbered((40, 50, 60)), tmp_path / "x.nii.gz")

    done = subprocess.run([*command, str(tmp_path / "x.nii.gz")], capture_output=True)

    assert done.returncode == 0, done.stderr


class TestValues:
    """What type the file gets, and what is lost."""

    def test_bool_becomes_the_smallest_integer(self, tmp_path: Path) -> None:
        certificate = mv.write(numbered((3, 3, 3), bool), tmp_path / "x.nii")

        assert certificate.dtype == "uint8"

    def test_labels_of_64_bits_become_the_smallest_that_holds_them(self, tmp_path: Path) -> None:
        values = np.zeros((3, 3, 3), np.int64)
        values[0, 0, 0] = 2035
        certificate = mv.write(Volume(values, np.eye(4), kind="labels"), tmp_path / "x.nii")

        assert certificate.dtype == "int16"
        assert nib.load(tmp_path / "x.nii").get_data_dtype() == np.int16

    def test_uint16_becomes_int32_in_mgh(self, tmp_path: Path) -> None:
        certificate = mv.write(numbered((3, 3, 3), np.uint16), tmp_path / "x.mgz")

        assert certificate.dtype == "uint8"  # 26 fits

        values = np.full((3, 3, 3), 60000, np.uint16)
        assert mv.write(Volume(values, np.eye(4)), tmp_path / "y.mgz").dtype == "int32"

    def test_float64_that_float32_does_not_hold_is_refused_with_the_way_out(
        self, tmp_path: Path
    ) -> None:
        volume = Volume(np.full((3, 3, 3), 0.1), np.eye(4), name="thickness")

        with pytest.raises(WriteError, match=r"thickness: no type of MGH .* float64 .*0\.1"):
            mv.write(volume, tmp_path / "x.mgz")
        certificate = mv.write(volume, tmp_path / "x.mgz", dtype="float32")

        assert certificate.largest_error == pytest.approx(abs(0.1 - float(np.float32(0.1))))
        assert "rounded to float32" in certificate.loss

    def test_a_slope_is_chosen_for_integers_and_its_error_reported(self, tmp_path: Path) -> None:
        values = np.linspace(500, 2000, 1000).reshape(10, 10, 10)

        certificate = mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii", dtype="uint16")
        image = nib.load(tmp_path / "x.nii")

        assert image.header["datatype"] == 512
        assert certificate.slope == pytest.approx(1500 / 65535, rel=1e-5)
        worst = np.abs(image.get_fdata() - values).max()
        assert worst <= certificate.slope * 0.51
        assert certificate.largest_error == pytest.approx(worst, rel=1e-3)

    def test_whole_numbers_need_no_slope(self, tmp_path: Path) -> None:
        volume = numbered((4, 4, 4), np.float64)

        certificate = mv.write(volume, tmp_path / "x.nii", dtype="int16")

        assert (certificate.slope, certificate.loss) == (1.0, "")

    def test_a_slope_that_was_given_is_used(self, tmp_path: Path) -> None:
        volume = numbered((4, 4, 4), np.float32)

        certificate = mv.write(volume, tmp_path / "x.nii", dtype="uint8", scaling=(0.4, -10.0))

        assert nib.load(tmp_path / "x.nii").dataobj.slope == pytest.approx(0.4)
        assert certificate.largest_error <= 0.26

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            (
                {"dtype": "uint8", "scaling": "none"},
                "values from -1000 to 3000.5 do not fit uint8",
            ),
            ({"dtype": "uint8", "scaling": (1.0, 0.0)}, "do not fit uint8 with slope 1"),
            ({"dtype": "uint8", "scaling": (0.0, 0.0)}, "slope 0"),
            ({"dtype": "float16"}, "NIfTI holds no float16"),
            ({"dtype": "fish"}, "no type of numbers"),
            ({"scaling": "some"}, "neither 'auto', 'none' nor"),
            ({"level": 12}, "not from 0 to 9"),
            ({"codes": "mars"}, "none of auto, scanner"),
            ({"colour": 1}, "unexpected keyword argument 'colour'"),
        ],
    )
    def test_what_cannot_be_is_refused_with_the_numbers(
        self, asked: dict[str, Any], why: str, tmp_path: Path
    ) -> None:
        values = np.array([-1000.0, 3000.5] * 4).reshape(2, 2, 2)

        with pytest.raises(WriteError, match=why):
            mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii", **asked)
        assert not list(tmp_path.iterdir())

    def test_floats_become_complex_and_their_rounding_is_told(self, tmp_path: Path) -> None:
        volume = Volume(np.full((2, 2, 2), 0.1), np.eye(4))

        certificate = mv.write(volume, tmp_path / "x.nii", dtype="complex64")

        assert certificate.largest_error == pytest.approx(abs(0.1 - float(np.float32(0.1))))

    @pytest.mark.parametrize("span", [1e300, 3e38, 1e-40])
    def test_a_span_that_no_slope_covers_is_refused_in_words(
        self, span: float, tmp_path: Path
    ) -> None:
        values = np.linspace(0, span, 8).reshape(2, 2, 2)

        with pytest.raises(WriteError, match="beyond what readers compute with"):
            mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii", dtype="int16")

    def test_integers_of_64_bits_get_no_slope(self, tmp_path: Path) -> None:
        values = np.linspace(1e6, 1e6 + 3.5, 8, dtype=np.float32).reshape(2, 2, 2)

        certificate = mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii", dtype="uint64")

        assert certificate.slope == 1
        assert "rounded to whole numbers" in certificate.loss

    def test_nan_does_not_become_a_number(self, tmp_path: Path) -> None:
        values = np.array([1.5, np.nan] * 4).reshape(2, 2, 2)

        with pytest.raises(WriteError, match="4 NaN and 0 infinite values do not fit int16"):
            mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii", dtype="int16")
        assert mv.write(Volume(values, np.eye(4)), tmp_path / "x.nii").largest_error == 0

    def test_a_type_too_narrow_for_the_largest_value_is_refused(self, tmp_path: Path) -> None:
        volume = Volume(np.full((2, 2, 2), 1e300), np.eye(4))

        with pytest.raises(WriteError, match=r"1e\+300 do not fit float32"):
            mv.write(volume, tmp_path / "x.nii", dtype="float32")

    def test_integers_beyond_a_float_are_told_of(self, tmp_path: Path) -> None:
        volume = Volume(np.full((2, 2, 2), 2**24 + 1, np.int32), np.eye(4))

        certificate = mv.write(volume, tmp_path / "x.nii", dtype="float32")

        assert certificate.largest_error == 1
        assert "rounded to float32" in certificate.loss


def test_an_int16_series_and_its_float32_differ_in_type_and_bits_alone(tmp_path: Path) -> None:
    volume = numbered((4, 4, 4), np.int16)
    mv.write(volume, tmp_path / "i.nii")
    mv.write(volume, tmp_path / "f.nii", dtype="float32")
    one, other = (nib.load(tmp_path / name).header for name in ("i.nii", "f.nii"))

    differing = [
        key
        for key in one
        if not np.array_equal(one[key], other[key], equal_nan=False)
        and not (np.asarray(one[key]).dtype.kind == "f" and np.isnan(one[key]).all())
    ]

    assert differing == ["datatype", "bitpix"]


class TestNames:
    """Which format a target means."""

    def test_a_name_that_no_format_writes_is_refused_with_what_can_be(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(WriteError, match=r"What can be written: NIfTI \(.nii.bz2"):
            mv.write(numbered((2, 2, 2)), tmp_path / "x.png")

    def test_a_format_that_is_none_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WriteError, match="no format 'JPEG' writes image"):
            mv.write(numbered((2, 2, 2)), tmp_path / "x", format="JPEG")

    def test_a_layer_is_no_volume(self, tmp_path: Path) -> None:
        with pytest.raises(WriteError, match="a Volume was expected, not ndarray"):
            mv.write(np.zeros((2, 2, 2)), tmp_path / "x.nii")  # type: ignore[arg-type]


def test_the_affine_of_every_orientation_comes_back_through_the_qform_alone(
    tmp_path: Path,
) -> None:
    from tests.phantoms.volumes import ORIENTATIONS

    for codes in ORIENTATIONS:
        volume = numbered((5, 4, 3), affine=affine_along(codes))
        path = tmp_path / f"{codes}.nii"
        mv.write(volume, path, codes=("scanner", "unknown"))
        header = nib.load(path).header

        assert header["qform_code"] == 1
        np.testing.assert_allclose(nib.load(path).affine, volume.affine, atol=1e-4)
