"""NIfTI files of every make, against nibabel."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.testing import data_path

from napari_medvol import formats
from napari_medvol.errors import ReadError
from napari_medvol.formats import nifti
from napari_medvol.volume import Axis, Volume
from tests.phantoms.nifti import (
    CODES,
    affine_fields,
    compressor_of,
    counted,
    header_bytes,
    packed,
    write_nifti,
)

NIBABEL_FILES = [
    "anatomical.nii",
    "functional.nii",
    "example4d.nii.gz",
    "example_nifti2.nii.gz",
    "standard.nii.gz",
    "reoriented_anat_moved.nii",
]
OBLIQUE = np.array([[1.9, 0.3, 0, -20], [-0.3, 1.9, 0.1, 5], [0, 0.2, 3, 7], [0, 0, 0, 1]])


needs_80_bit_floats = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant != 63, reason="this machine has no 80-bit floats"
)


def read_one(path: Path, **choices: str) -> Volume:
    (volume,) = formats.read(path, **choices)
    return volume


def assert_as_nibabel(volume: Volume, path: Path) -> None:
    image = nib.load(path)
    np.testing.assert_allclose(volume.affine, image.affine, atol=1e-9)
    expected = np.asanyarray(image.dataobj)
    assert volume.shape == expected.shape
    np.testing.assert_allclose(np.asarray(volume.data), expected, rtol=1e-6)


@pytest.mark.parametrize("name", NIBABEL_FILES)
def test_files_shipped_with_nibabel_read_as_nibabel_reads_them(name: str) -> None:
    path = Path(data_path) / name

    assert_as_nibabel(read_one(path), path)


def test_real_scans_read_as_nibabel_reads_them(data: Path) -> None:
    paths = sorted(data.glob("data/nii_*/*.nii*"))
    assert len(paths) >= 18
    for path in paths:
        assert_as_nibabel(read_one(path), path)


def test_the_anatomy_of_the_tutorial_has_its_shape_and_affine(data: Path) -> None:
    volume = read_one(data / "data/nii_someones_anatomy/someones_anatomy.nii.gz")

    assert volume.shape == (57, 67, 56)
    assert volume.axcodes == "RAS"
    np.testing.assert_allclose(volume.affine[:3, 3], (-78, -91, -91))


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
def test_every_number_type_byte_order_and_version(
    tmp_path: Path, version: int, order: str, dtype: str
) -> None:
    array = counted((3, 4, 5, 2), dtype)
    fields = affine_fields(OBLIQUE)
    path = write_nifti(tmp_path / "x.nii", array, version=version, order=order, **fields)

    volume = read_one(path)

    assert_as_nibabel(volume, path)
    assert volume.dtype == np.dtype(dtype)
    assert volume.dtype.isnative
    np.testing.assert_array_equal(np.asarray(volume.data), array)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nii.bz2", ".nii.zst", ".NII.GZ"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_compression(tmp_path: Path, suffix: str, order: str) -> None:
    array = counted((5, 6, 7), "int16")
    path = tmp_path / f"scan{suffix}"
    content = header_bytes(array.shape, 4, order=order) + b"\0\0\0\0" + packed(array, order)
    path.write_bytes(compressor_of(Path(suffix.lower()))(content))

    volume = read_one(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array)
    assert volume.name == "scan"


@pytest.mark.parametrize("header_suffix", [".hdr", ".hdr.gz", ".HDR"])
@pytest.mark.parametrize("image_suffix", [".img", ".img.gz", ".IMG"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_pair_reads_from_either_name_and_both_names_are_one_scan(
    tmp_path: Path, version: int, header_suffix: str, image_suffix: str
) -> None:
    array = counted((3, 4, 5))
    magic = b"ni1" if version == 1 else b"ni2"
    head = header_bytes(array.shape, 4, version=version, magic=magic, vox_offset=16)
    header, image = tmp_path / f"x{header_suffix}", tmp_path / f"x{image_suffix}"
    header.write_bytes(compressor_of(header)(head + b"\0\0\0\0"))
    image.write_bytes(compressor_of(image)(b"?" * 16 + packed(array)))

    for given_paths in (header, image, [header, image], tmp_path):
        (volume,) = formats.read(given_paths)
        np.testing.assert_array_equal(np.asarray(volume.data), array)
        assert volume.report.files == (str(header), str(image))
        assert volume.native.is_pair


def test_half_a_pair_names_what_is_missing(tmp_path: Path) -> None:
    header = tmp_path / "x.hdr"
    header.write_bytes(header_bytes((2, 2, 2), 4, magic=b"ni1") + b"\0\0\0\0")

    with pytest.raises(ReadError, match=r"x\.hdr.*\.img file that belongs to it"):
        formats.read(header)


def test_a_single_file_named_img_reads(tmp_path: Path) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array).rename(tmp_path / "x.img")

    np.testing.assert_array_equal(np.asarray(read_one(path).data), array)


def test_a_gz_name_over_plain_bytes_reads(tmp_path: Path) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array).rename(tmp_path / "x.nii.gz")

    np.testing.assert_array_equal(np.asarray(read_one(path).data), array)


def test_paths_with_spaces_and_other_letters_read(tmp_path: Path) -> None:
    folder = tmp_path / "扫描 наш ñ"
    folder.mkdir()
    path = write_nifti(folder / "头 1.nii.gz", counted((3, 4, 5)))

    assert read_one(path).name == "头 1"


@pytest.mark.parametrize("n_axes", range(1, 8))
def test_one_to_seven_axes(tmp_path: Path, n_axes: int) -> None:
    shape = (4, 3, 2, 3, 2, 2, 2)[:n_axes]
    array = counted(shape)
    volume = read_one(write_nifti(tmp_path / "x.nii", array))

    assert volume.shape == shape + (1,) * (3 - n_axes)
    assert [axis.name for axis in volume.axes] == ["t", "u", "v", "w"][: max(n_axes - 3, 0)]
    np.testing.assert_array_equal(np.asarray(volume.data).ravel(), array.ravel())


@given(
    st.sampled_from(["uint8", "int16", "uint16", "int32", "float32"]),
    st.sampled_from([(0.5, 10.0), (2.0, -1024.0), (1.0, -1024.0), (-1.0, 0.0), (1e-3, 0.0)]),
    st.sampled_from("<>"),
)
def test_scaled_values_are_those_of_nibabel_in_the_smallest_exact_type(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, scale: tuple[float, float], order: str
) -> None:
    folder = tmp_path_factory.mktemp("scaled")
    fields = {"scl_slope": scale[0], "scl_inter": scale[1]}
    path = write_nifti(folder / "x.nii", counted((3, 4, 5), dtype), order=order, **fields)

    volume = read_one(path)

    assert_as_nibabel(volume, path)
    is_integral = all(float(number).is_integer() for number in scale)
    if np.dtype(dtype).kind in "iu":
        assert (volume.dtype.kind in "iu") == is_integral
    if not is_integral and np.dtype(dtype).itemsize <= 2:
        assert volume.dtype == np.float32


def test_stored_values_are_given_when_asked_for(tmp_path: Path) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, scl_slope=0.5, scl_inter=3)

    np.testing.assert_array_equal(np.asarray(read_one(path, value="stored").data), array)


@pytest.mark.parametrize(("code", "n_colours"), [(128, 3), (2304, 4)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2)])
def test_colour_is_the_last_axis(
    tmp_path: Path, shape: tuple[int, ...], suffix: str, code: int, n_colours: int
) -> None:
    array = counted((*shape, n_colours), "uint8")
    content = header_bytes(shape, code) + b"\0\0\0\0" + packed(np.moveaxis(array, -1, 0))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(compressor_of(path)(content))

    volume = read_one(path)

    expected = np.asanyarray(nib.load(path).dataobj)
    np.testing.assert_array_equal(expected["G"], array[..., 1])
    assert volume.is_rgb
    assert volume.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(volume.data), array)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant != 63, reason="this machine has no 80-bit floats"
)
def test_long_doubles_become_doubles_and_say_so(tmp_path: Path, order: str) -> None:
    values = np.array([0, 1, -1, 1e-300, -3.25e200, np.pi, np.inf, -np.inf, np.nan, 1e-310])
    array = np.resize(values, (5, 2, 3)).astype(np.longdouble) * np.longdouble(1.0000000001)
    data = array.tobytes(order="F")
    if order == ">":
        data = np.frombuffer(data, "u1").reshape(-1, 16)[:, ::-1].tobytes()
    path = tmp_path / "x.nii"
    head = header_bytes(array.shape, 1536, order=order, bitpix=128)
    path.write_bytes(head + b"\0\0\0\0" + data)

    volume = read_one(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array.astype(np.float64))
    assert any("precision was reduced" in text for text in volume.report.warnings)


@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant != 63, reason="this machine has no 80-bit floats"
)
def test_long_double_complex_numbers_become_complex128(tmp_path: Path) -> None:
    array = (counted((3, 4, 5), "float64") * (1 + 0.5j)).astype(np.clongdouble)
    path = tmp_path / "x.nii"
    head = header_bytes(array.shape, 2048, bitpix=256)
    path.write_bytes(head + b"\0\0\0\0" + array.tobytes(order="F"))

    np.testing.assert_array_equal(np.asarray(read_one(path).data), array.astype(np.complex128))


def test_floats_of_128_bits_that_are_not_x86s_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    quad = bytes(14) + b"\xff\x3f"  # 1.0 in IEEE binary128
    x86 = bytes(8) + b"\xff\x3f" + bytes(6)  # 1.0 without its leading mantissa bit
    path.write_bytes(header_bytes((1, 1, 2), 1536, bitpix=128) + b"\0\0\0\0" + quad + x86)

    with pytest.raises(ReadError, match=r"x\.nii.*not the 80-bit kind"):
        np.asarray(read_one(path).data)


def test_scaled_complex_numbers_keep_their_imaginary_part(tmp_path: Path) -> None:
    array = counted((3, 4, 5), "float32") * np.complex64(1 - 2j)
    path = write_nifti(tmp_path / "x.nii", array, scl_slope=2, scl_inter=1)

    np.testing.assert_allclose(np.asarray(read_one(path).data), array * 2 + 1)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_any_part_can_be_read_alone(tmp_path: Path, suffix: str) -> None:
    array = counted((40, 50, 60, 8), "int32")
    path = write_nifti(tmp_path / f"x{suffix}", array, scl_slope=0.5, order=">")
    expected = array * 0.5
    volume = read_one(path)

    for index in [(..., 3), (slice(5, 9), 2), (3, 4, 5, 6), (slice(None, None, -3), ..., 0)]:
        np.testing.assert_allclose(volume.data[index], expected[index])


def test_a_box_is_cut_from_the_file_without_reading_planes(tmp_path: Path) -> None:
    array = counted((40, 50, 60), "int16")
    path = write_nifti(tmp_path / "x.nii", array, scl_slope=0.5, order=">")
    source = read_one(path).data.store.source

    part = source.read_region((slice(0, 60, 7), 4, slice(10, 20)))

    np.testing.assert_allclose(part, array.transpose()[::7, 4, 10:20] * 0.5)


def test_opening_imports_neither_nibabel_nor_scipy(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = write_nifti(tmp_path / "x.nii.gz", counted((3, 4, 5)))
    code = (
        "import sys, numpy; from napari_medvol import formats\n"
        f"numpy.asarray(formats.read({str(path)!r})[0].data)\n"
        "print([m for m in ('nibabel', 'scipy', 'pydicom', 'napari') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_first_volume_of_a_compressed_series_leaves_the_rest_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 30000, (64, 64, 40, 12)).astype(np.int16)
    path = write_nifti(tmp_path / "x.nii.gz", array)
    volume = read_one(path)

    first = volume.data[..., 0]

    np.testing.assert_array_equal(first, array[..., 0])
    stream = volume.data.store.source._stream
    assert stream._offset < path.stat().st_size / 4


def test_the_native_header_has_the_files_own_bytes(tmp_path: Path) -> None:
    note = b"scanned by A"
    extension = b"\1\0\0\0" + np.array([32, 6], "<i4").tobytes() + note.ljust(24, b"\0")
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), extension=extension, vox_offset=384)
    header = read_one(path).native

    assert header.raw == path.read_bytes()[:348]
    assert [(e.code, e.content) for e in header.extensions] == [(6, note.ljust(24, b"\0"))]
    assert nib.Nifti1Header(header.raw)["vox_offset"] == header["vox_offset"] == 384


def test_the_native_header_survives_pickling(tmp_path: Path) -> None:
    import pickle

    header = read_one(write_nifti(tmp_path / "x.nii", counted((3, 4, 5)))).native

    back = pickle.loads(pickle.dumps(header))

    assert back == header


def test_every_header_field_is_a_row(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), descrip=b"made up", intent_code=3)
    rows = {row.name: row.value for row in read_one(path).header if row.group.startswith("NIfTI")}

    assert set(rows) == set(nib.Nifti1Header().structarr.dtype.names)
    assert rows["descrip"] == "made up"
    assert rows["intent_code"] == "3 (t test)"
    assert rows["datatype"] == "4 (int16)"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CTC-01_seg.nii", "labels"),
        ("sub-01_dseg.nii.gz", "labels"),
        ("aparc+aseg.nii", "labels"),
        ("brain_mask.nii", "labels"),
        ("unmasked_T1.nii", "image"),
        ("segway.nii", "image"),
    ],
)
def test_integers_with_a_telling_name_are_labels(tmp_path: Path, name: str, kind: str) -> None:
    assert read_one(write_nifti(tmp_path / name, counted((3, 4, 5), "uint8"))).kind == kind
    assert read_one(write_nifti(tmp_path / name, counted((3, 4, 5), "float32"))).kind == "image"
    scaled = write_nifti(tmp_path / name, counted((3, 4, 5), "uint8"), scl_slope=2)
    assert read_one(scaled).kind == "image"


def test_the_label_intent_makes_labels_whatever_the_name(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5), "int32"), intent_code=1002)

    assert read_one(path).kind == "labels"


def test_a_statistic_is_diverging_and_shows_its_degrees_of_freedom(tmp_path: Path) -> None:
    array = counted((3, 4, 5), "float32")
    volume = read_one(write_nifti(tmp_path / "x.nii", array, intent_code=3, intent_p1=17))

    assert volume.display.diverging
    rows = [(r.name, r.value) for r in volume.header if r.group == "Statistic"]
    assert rows == [("kind", "t test"), ("degrees of freedom", "17")]


@pytest.mark.parametrize(
    ("intent", "signed"), [(2, True), (3, True), (5, True), (4, False), (22, False), (0, False)]
)
def test_statistics_around_zero_ask_for_a_diverging_map(
    tmp_path: Path, intent: int, signed: bool
) -> None:
    array = counted((3, 4, 5)).astype(np.float32)
    volume = read_one(write_nifti(tmp_path / "x.nii", array, intent_code=intent))

    assert volume.display.diverging is signed


@pytest.mark.parametrize(
    ("intent", "length", "values"),
    [
        (1006, 3, ("x", "y", "z")),
        (1007, 3, ("x", "y", "z")),
        (1005, 6, ("xx", "yx", "yy", "zx", "zy", "zz")),
        (1007, 5, ("1", "2", "3", "4", "5")),
    ],
)
def test_vectors_have_components_not_times(
    tmp_path: Path, intent: int, length: int, values: tuple[str, ...]
) -> None:
    array = counted((3, 4, 5, 1, length), "float32")
    volume = read_one(write_nifti(tmp_path / "x.nii", array, intent_code=intent))
    assert volume.axes[1] == Axis("component", values=values)

    short = read_one(write_nifti(tmp_path / "y.nii", array[:, :, :, 0], intent_code=intent))
    assert short.axes == (Axis("component", values=values),)


def test_colour_vectors_of_bytes_are_colour(tmp_path: Path) -> None:
    array = counted((3, 4, 5, 1, 3), "uint8")
    volume = read_one(write_nifti(tmp_path / "x.nii", array, intent_code=2003))

    assert volume.is_rgb
    np.testing.assert_array_equal(np.asarray(volume.data), array)


def test_display_limits_come_from_cal_min_and_cal_max(tmp_path: Path) -> None:
    array = counted((3, 4, 5))
    assert read_one(write_nifti(tmp_path / "x.nii", array)).display.limits is None
    path = write_nifti(tmp_path / "x.nii", array, cal_min=-5, cal_max=20)
    assert read_one(path).display.limits == (-5, 20)


def test_slice_timing_and_scanner_axes_are_rows(tmp_path: Path) -> None:
    fields = {
        "dim_info": 1 | 2 << 2 | 3 << 4,
        "slice_code": 3,
        "slice_end": 4,
        "slice_duration": 0.5,
        "xyzt_units": 10,
    }
    volume = read_one(write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), **fields))

    rows = {r.name: (r.value, r.unit) for r in volume.header if r.group == "Acquisition"}
    assert rows == {
        "frequency axis": ("i", ""),
        "phase axis": ("j", ""),
        "slice axis": ("k", ""),
        "slice order": ("alternating, increasing", ""),
        "slices timed": ("0 to 4", ""),
        "slice duration": ("0.5", "s"),
    }


def test_extensions_are_rows_with_code_and_text(tmp_path: Path) -> None:
    content = b""
    for code, text in ((6, b"made by hand"), (2, b"\0\1\2\xff binary"), (44, "größe".encode())):
        content += np.array([32, code], "<i4").tobytes() + text.ljust(24, b"\0")
    extension = b"\1\0\0\0" + content
    fields = {"vox_offset": 352 + len(content)}
    volume = read_one(
        write_nifti(tmp_path / "x.nii.gz", counted((3, 4, 5)), extension=extension, **fields)
    )

    rows = [(r.name, r.value) for r in volume.header if r.group == "Extensions"]
    assert rows == [
        ("1: code 6 (comment)", "made by hand"),
        ("2: code 2 (DICOM)", "24 bytes"),
        ("3: code 44 (MRS)", "größe"),
    ]
    np.testing.assert_array_equal(np.asarray(volume.data), counted((3, 4, 5)))


def test_the_row_knows_its_files_by_name_and_pairs_by_content(tmp_path: Path) -> None:
    text = tmp_path / "envi.hdr"
    text.write_text("ENVI\nsamples = 3\n" * 40)

    assert nifti.matches(Path("anything.nii.zst"))
    assert not nifti.matches(Path("anything.nrrd"))
    assert not nifti.matches(text)
    assert not nifti.matches(tmp_path / "absent.hdr")


def test_cifti_is_refused_by_name() -> None:
    with pytest.raises(ReadError, match="CIFTI-2"):
        formats.read(Path(data_path) / "row_major.dconn.nii")
