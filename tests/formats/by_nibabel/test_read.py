"""MGH, MINC, AFNI, PAR/REC, ECAT7 and Analyze, against nibabel."""

from __future__ import annotations

import bz2
import gc
import gzip
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel import ecat, parrec
from nibabel.testing import data_path

from napari_medvol import formats
from napari_medvol.errors import ReadError
from napari_medvol.volume import Axis, Volume
from tests.formats.test_lzw import compressed
from tests.phantoms.nifti import compressor_of, counted

SHIPPED = Path(data_path)
OBLIQUE = np.array([[1.9, 0.3, 0, -20], [-0.3, 1.9, 0.1, 5], [0, 0.2, 3, 7], [0, 0, 0, 1]])


def read_one(path: Path, **choices: str) -> Volume:
    (volume,) = formats.read(path, **choices)
    return volume


def as_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return nibabel's values and affine, time of 4-D MINC put last."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel leaves files open, and warns
        if path.suffix == ".v":
            image = ecat.load(str(path))
        elif path.suffix in (".PAR", ".REC"):
            image = parrec.load(str(path), strict_sort=True, permit_truncated=True)
        else:
            image = nib.load(path)
        values, affine = np.array(image.dataobj), image.affine
        if path.suffix == ".mnc" and hasattr(image.dataobj.minc_file._mincfile, "close"):
            image.dataobj.minc_file._mincfile.close()
        del image
        gc.collect()
    if path.suffix == ".mnc" and values.ndim == 4:
        values = np.moveaxis(values, 0, -1)
    return values, affine


def assert_as_nibabel(volume: Volume, path: Path) -> None:
    values, affine = as_nibabel(path)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
    assert volume.shape == values.shape
    closeness = 1e-6 * float(np.abs(values).max())
    np.testing.assert_allclose(np.asarray(volume.data), values, rtol=1e-5, atol=closeness)


@pytest.mark.parametrize(
    "name",
    [
        "test.mgz",
        "tiny.mnc",
        "small.mnc",
        "minc1_1_scale.mnc",
        "minc1_4d.mnc",
        "minc1-no-att.mnc",
        "minc2_1_scale.mnc",
        "minc2_4d.mnc",
        "minc2-4d-d.mnc",
        "minc2-no-att.mnc",
        "minc2_baddim.mnc",
        "scaled+tlrc.HEAD",
        "scaled+tlrc.BRIK",
        "example4d+orig.HEAD",
        "example4d+orig.BRIK.gz",
        "phantom_varscale.PAR",
        "phantom_varscale.REC",
        "phantom_EPI_asc_CLEAR_2_1.PAR",
        "phantom_truncated.PAR",
        "tinypet.v",
    ],
)
def test_files_shipped_with_nibabel_read_as_nibabel_reads_them(name: str) -> None:
    if ".mnc" in name:
        pytest.importorskip("h5py", reason="MINC2 needs h5py")
    volume = read_one(SHIPPED / name)

    assert_as_nibabel(volume, SHIPPED / name)
    n_dims = volume.data.ndim
    for index in [(1,), (..., 1, 0)[: n_dims - 1], (slice(None), 2)]:
        np.testing.assert_array_equal(volume.data[index], np.asarray(volume.data)[index])


def test_real_scans_read_as_nibabel_reads_them(data: Path) -> None:
    paths = [*data.glob("data/nb_*/*"), *data.glob("data/par_*/*")]
    assert len(paths) >= 9
    for path in paths:
        assert_as_nibabel(read_one(path), path)


# -- MGH ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "uint16"])
@pytest.mark.parametrize("name", ["x.mgh", "x.mgz", "x.mgh.gz"])
def test_mgh_of_every_type(tmp_path: Path, name: str, dtype: str) -> None:
    array = counted((3, 4, 5, 2), dtype)
    image = nib.MGHImage(array, OBLIQUE)
    path = tmp_path / name
    content = image.to_bytes()
    path.write_bytes(content if name == "x.mgh" else gzip.compress(content))

    volume = read_one(path)

    assert volume.dtype == np.dtype(dtype)
    assert volume.name == "x"
    np.testing.assert_array_equal(np.asarray(volume.data), array)
    np.testing.assert_allclose(volume.affine, image.affine, atol=1e-5)


def test_mgh_times_are_in_seconds_and_its_header_is_shown(tmp_path: Path) -> None:
    image = nib.MGHImage(counted((3, 4, 5, 2)), OBLIQUE)
    for name, value in {"tr": 2500, "te": 30, "ti": 900, "flip_angle": 1.57}.items():
        image.header[name] = value
    image.to_filename(tmp_path / "x.mgz")
    volume = read_one(tmp_path / "x.mgz")

    assert volume.axes == (Axis("t", step=2.5, unit="s"),)
    rows = {r.name: (r.value, r.unit) for r in volume.header}
    assert rows["tr"] == ("2500", "ms")
    assert rows["te"] == ("30", "ms")
    assert rows["ti"] == ("900", "ms")
    assert rows["flip_angle"] == ("1.57000005", "rad")
    assert {"Mdc", "Pxyz_c", "delta"} <= set(rows)


def test_freesurfer_segmentations_are_labels(tmp_path: Path) -> None:
    for name, kind in [("aseg.mgz", "labels"), ("aparc+aseg.mgz", "labels"), ("T1.mgz", "image")]:
        nib.MGHImage(counted((3, 4, 5), "int32"), OBLIQUE).to_filename(tmp_path / name)
        assert read_one(tmp_path / name).kind == kind


def test_mgh_without_orientation_says_so(tmp_path: Path) -> None:
    image = nib.MGHImage(counted((3, 4, 5)), OBLIQUE)
    content = bytearray(image.to_bytes())
    content[28:30] = b"\0\0"  # goodRASFlag
    (tmp_path / "x.mgh").write_bytes(content)

    volume = read_one(tmp_path / "x.mgh")

    assert volume.axcodes == "LIA"
    assert any("left and right cannot be told" in text for text in volume.report.warnings)


def test_mgh_cut_short_and_garbage_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.mgh"
    nib.MGHImage(counted((30, 40, 50)), OBLIQUE).to_filename(path)
    os.truncate(path, 3000)
    with pytest.raises(ReadError, match=r"x\.mgh.*cut short.*120284 bytes were expected"):
        formats.read(path)

    path.write_bytes(b"\0\0\0\7" + bytes(400))
    with pytest.raises(ReadError, match=r"x\.mgh: it is no MGH file"):
        formats.read(path)


# -- Analyze ------------------------------------------------------------------------------

ANALYZE = {
    "Analyze": nib.AnalyzeImage,
    "SPM99": nib.Spm99AnalyzeImage,
    "SPM2": nib.Spm2AnalyzeImage,
}


@pytest.mark.parametrize("make", ANALYZE.values(), ids=ANALYZE.keys())
@pytest.mark.parametrize("suffix", [".hdr", ".img"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64", "complex64"])
def test_analyze_reads_from_either_name(
    tmp_path: Path, make: Any, suffix: str, dtype: str
) -> None:
    array = counted((3, 4, 5), dtype)
    image = make(array, None)
    image.header.set_zooms((2, 3, 4))
    image.to_filename(tmp_path / "x.img")

    volume = read_one(tmp_path / f"x{suffix}")

    assert_as_nibabel(volume, tmp_path / "x.img")
    assert volume.dtype == np.dtype(dtype)
    assert volume.axcodes == "LAS"
    (warning,) = volume.report.warnings
    assert "left and right cannot be told" in warning
    assert len(formats.read([tmp_path / "x.hdr", tmp_path / "x.img"])) == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", ["", ".gz", ".bz2"])
def test_analyze_with_a_scale_compressed_and_in_either_byte_order(
    tmp_path: Path, ending: str, order: str
) -> None:
    array = counted((3, 4, 5, 2))
    header = nib.Spm99AnalyzeHeader(endianness=order)
    image = nib.Spm99AnalyzeImage(array, None, header)
    image.to_filename(tmp_path / "x.img")
    content = bytearray((tmp_path / "x.hdr").read_bytes())
    content[112:116] = np.array([0.5], f"{order}f4").tobytes()  # SPM's scl_slope
    (tmp_path / "x.hdr").write_bytes(content)
    expected = as_nibabel(tmp_path / "x.img")[0]
    np.testing.assert_array_equal(expected, array * 0.5)
    for suffix in (".hdr", ".img"):
        path = tmp_path / f"x{suffix}{ending}"
        content = (tmp_path / f"x{suffix}").read_bytes()
        (tmp_path / f"x{suffix}").unlink()
        path.write_bytes(compressor_of(path)(content))

    volume = read_one(tmp_path / f"x.img{ending}")

    np.testing.assert_allclose(np.asarray(volume.data), expected, rtol=1e-6)
    assert [axis.name for axis in volume.axes] == ["t"]


def test_spms_mat_file_decides_where_there_is_one(tmp_path: Path) -> None:
    image = nib.Spm99AnalyzeImage(counted((3, 4, 5)), OBLIQUE)
    image.to_filename(tmp_path / "x.img")
    assert (tmp_path / "x.mat").is_file()

    volume = read_one(tmp_path / "x.hdr")

    np.testing.assert_allclose(volume.affine, OBLIQUE, atol=1e-6)
    assert not volume.report.warnings
    assert volume.report.source == "SPM .mat file"
    assert str(tmp_path / "x.mat") in volume.report.files


def test_analyze_colour_is_the_last_axis(tmp_path: Path) -> None:
    array = counted((3, 4, 5, 3), "uint8")
    colour = np.ascontiguousarray(array).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nib.AnalyzeImage(colour, None).to_filename(tmp_path / "x.img")

    volume = read_one(tmp_path / "x.img")

    assert volume.is_rgb
    np.testing.assert_array_equal(np.asarray(volume.data), array)


def test_analyze_without_its_image_names_what_is_missing() -> None:
    with pytest.raises(ReadError, match=r"analyze\.hdr: the \.img file"):
        formats.read(SHIPPED / "analyze.hdr")


def test_analyze_with_broken_sizes_is_an_error_or_mended(tmp_path: Path) -> None:
    image = nib.AnalyzeImage(counted((3, 4, 5)), None)
    image.to_filename(tmp_path / "x.img")
    content = bytearray((tmp_path / "x.hdr").read_bytes())
    content[80:84] = np.float32(-2).tobytes()  # pixdim[1]
    (tmp_path / "x.hdr").write_bytes(content)
    volume = read_one(tmp_path / "x.hdr")
    assert volume.zooms[0] == 2
    assert any("pixdim" in text for text in volume.report.warnings)

    content[80:84] = np.float32(np.nan).tobytes()
    (tmp_path / "x.hdr").write_bytes(content)
    with pytest.raises(ReadError, match=r"x\.hdr"):
        formats.read(tmp_path / "x.hdr")


@pytest.mark.parametrize("order", "<>")
def test_analyze_without_a_voxel_size_names_the_field(tmp_path: Path, order: str) -> None:
    header = nib.AnalyzeHeader(endianness=order)
    nib.AnalyzeImage(counted((3, 4, 1)), None, header).to_filename(tmp_path / "x.img")
    content = bytearray((tmp_path / "x.hdr").read_bytes())
    content[88:92] = bytes(4)  # pixdim[3], of one slice
    (tmp_path / "x.hdr").write_bytes(content)
    assert read_one(tmp_path / "x.hdr").zooms[2] == 1

    content[84:88] = bytes(4)  # pixdim[2]
    (tmp_path / "x.hdr").write_bytes(content)
    with pytest.raises(ReadError, match=r"x\.hdr: pixdim\[2\], the voxel size along j, is 0"):
        formats.read(tmp_path / "x.hdr")


# -- AFNI ---------------------------------------------------------------------------------


def afni(folder: Path, head: str, name: str = "example4d+orig") -> Path:
    """Write a HEAD beside a copy of the shipped, decompressed BRIK."""
    (folder / f"{name}.HEAD").write_text(head)
    brik = gzip.decompress((SHIPPED / "example4d+orig.BRIK.gz").read_bytes())
    (folder / f"{name}.BRIK").write_bytes(brik)
    return folder / f"{name}.HEAD"


HEAD = (SHIPPED / "example4d+orig.HEAD").read_text()


def test_afni_either_name_or_both_is_one_scan() -> None:
    both = [SHIPPED / "example4d+orig.HEAD", SHIPPED / "example4d+orig.BRIK.gz"]

    assert [volume.name for volume in formats.read(both)] == ["example4d+orig"]


@pytest.mark.parametrize("ending", [".bz2", ".gz", ".zst"])
def test_afni_compressed(tmp_path: Path, ending: str) -> None:
    path = afni(tmp_path, HEAD)
    expected = as_nibabel(path)[0]
    plain = path.with_suffix(".BRIK")
    compressed = path.with_suffix(f".BRIK{ending}")
    compressed.write_bytes(compressor_of(compressed)(plain.read_bytes()))
    plain.unlink()

    for name in (path, compressed):
        np.testing.assert_array_equal(np.asarray(read_one(name).data), expected)


def test_afni_compressed_by_unix_compress(tmp_path: Path) -> None:
    path = afni(tmp_path, HEAD)
    expected = as_nibabel(path)[0]
    plain = path.with_suffix(".BRIK")
    plain.with_suffix(".BRIK.Z").write_bytes(compressed(plain.read_bytes()))
    plain.unlink()

    for name in (path, plain.with_suffix(".BRIK.Z")):
        np.testing.assert_array_equal(np.asarray(read_one(name).data), expected)


def test_afni_time_comes_in_seconds(tmp_path: Path) -> None:
    assert read_one(afni(tmp_path, HEAD)).axes == (Axis("t", step=3.0, unit="s"),)

    in_ms = HEAD.replace("77002", "77001")
    (axis,) = read_one(afni(tmp_path, in_ms)).axes
    assert (axis.step, axis.unit) == (0.003, "s")


def test_afni_sub_bricks_have_names_and_scales(tmp_path: Path) -> None:
    head = HEAD.replace("TAXIS_", "XAXIS_").replace("#0~#1~#2", "rv~Vw~t4")
    head = head.replace(
        "BRICK_FLOAT_FACS\ncount = 3\n 0 0 0", "BRICK_FLOAT_FACS\ncount = 3\n 0.5 0 2"
    )
    path = afni(tmp_path, "".join(_with_factors(head)))

    volume = read_one(path)

    assert volume.axes == (Axis("brick", values=("rv", "Vw", "t4")),)
    expected, _ = as_nibabel(path)
    assert not np.array_equal(expected[..., 0], read_one(path, value="stored").data[..., 0])
    np.testing.assert_allclose(np.asarray(volume.data), expected, rtol=1e-6)
    for brick in range(3):
        np.testing.assert_allclose(
            read_one(path).data[4:9, :, 3, brick], expected[4:9, :, 3, brick], rtol=1e-6
        )


def _with_factors(head: str) -> list[str]:
    """Give the three sub-bricks the factors 0.5, 0 (none) and 2."""
    parts = head.split("BRICK_FLOAT_FACS")
    lines = parts[1].split("\n")
    lines[2] = " 0.5 0 2"
    return [parts[0], "BRICK_FLOAT_FACS", "\n".join(lines)]


def test_afni_without_its_brik_or_with_a_bad_header_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"bad_attribute\+orig\.HEAD"):
        formats.read(SHIPPED / "bad_attribute+orig.HEAD")

    for name in ("bad_attribute", "bad_datatype"):
        head = (SHIPPED / f"{name}+orig.HEAD").read_text()
        with pytest.raises(ReadError, match=rf"{name}\+orig\.HEAD: it is no AFNI file"):
            formats.read(afni(tmp_path, head, f"{name}+orig"))


# -- PAR/REC ------------------------------------------------------------------------------


def par_with_rec(folder: Path, name: str) -> Path:
    """Copy a shipped PAR beside a REC of numbers that fits it."""
    path = folder / f"{name}.PAR"
    shutil.copy(SHIPPED / path.name, path)
    with warnings.catch_warnings(), path.open() as file:
        warnings.simplefilter("ignore")
        header = parrec.PARRECHeader.from_fileobj(file, permit_truncated=True, strict_sort=True)
    array = np.random.default_rng(0).integers(0, 4000, header.get_rec_shape())
    stored = array.astype(header.get_data_dtype())
    path.with_suffix(".REC").write_bytes(stored.tobytes(order="F"))
    return path


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        ("DTI", "b"),
        ("DTIv40", "b"),
        ("T2-interleaved", None),
        ("T1", None),
        ("fieldmap", "volume"),
        ("phantom_fake_v4", "t"),
        ("Phantom_EPI_3mm_tra_-30AP_10RL_20FH_SENSE_14_1", None),
        ("Phantom_EPI_3mm_cor_20APtrans_15RLrot_SENSE_15_1", None),
        ("Phantom_EPI_3mm_sag_15FH_SENSE_12_1", None),
    ],
)
def test_par_slices_are_sorted_scaled_and_placed_as_nibabel_does(
    tmp_path: Path, name: str, axis: str | None
) -> None:
    path = par_with_rec(tmp_path, name)
    volume = read_one(path)

    assert_as_nibabel(volume, path)
    assert [a.name for a in volume.axes] == ([axis] if axis else [])
    assert all(a.values is None or len(a.values) == volume.shape[3] for a in volume.axes)


def test_par_diffusion_has_b_values_with_directions(tmp_path: Path) -> None:
    path = par_with_rec(tmp_path, "DTI")
    with path.open() as file:
        header = parrec.PARRECHeader.from_fileobj(file, permit_truncated=True, strict_sort=True)
    b_values, directions = header.get_bvals_bvecs()

    (axis,) = read_one(path).axes

    assert [b for b, _ in axis.values] == b_values.tolist()
    np.testing.assert_allclose([v for _, v in axis.values], directions)


def test_par_fieldmap_volumes_are_described(tmp_path: Path) -> None:
    (axis,) = read_one(par_with_rec(tmp_path, "fieldmap")).axes

    assert any("magnitude" in value for value in axis.values)


def test_par_stored_values_and_general_information() -> None:
    path = SHIPPED / "phantom_varscale.PAR"
    volume = read_one(path, value="stored")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = parrec.load(str(path), strict_sort=True)
        expected = np.array(image.dataobj.get_unscaled())
        del image
        gc.collect()
    np.testing.assert_array_equal(np.asarray(volume.data), expected)
    assert volume.dtype == np.uint16
    names = {r.name for r in volume.header if r.group == "PAR general information"}
    assert {"patient_name", "repetition_time", "angulation", "off_center"} <= names


def test_a_truncated_recording_opens_with_a_warning() -> None:
    volume = read_one(SHIPPED / "phantom_truncated.PAR")

    assert any("dynamic" in text for text in volume.report.warnings)


def test_a_rec_cut_short_is_an_error(tmp_path: Path) -> None:
    path = par_with_rec(tmp_path, "T1")
    os.truncate(path.with_suffix(".REC"), 1000)

    with pytest.raises(ReadError, match=r"T1\.REC: the file is cut short.*1000 were found"):
        formats.read(path)


def test_another_kind_of_par_file_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "archive.par"
    path.write_bytes(b"PAR\0" * 300)

    assert formats.format_of(path) is None or formats.format_of(path).name != "PAR/REC"


# -- MINC ---------------------------------------------------------------------------------


def test_minc_time_is_the_last_axis_and_space_is_itks() -> None:
    itk = pytest.importorskip("SimpleITK", reason="SimpleITK is the second opinion")
    pytest.importorskip("h5py", reason="MINC2 needs h5py")
    path = SHIPPED / "minc2_4d.mnc"
    image = itk.ReadImage(str(path))

    volume = read_one(path)

    assert volume.shape[:3] == image.GetSize()[::-1]
    assert [axis.name for axis in volume.axes] == ["t"]
    np.testing.assert_allclose(volume.affine[:3, 3], np.multiply(image.GetOrigin(), (1, 1, 1)))
    rows = {(r.group, r.name): r.value for r in volume.header}
    assert rows["MINC", "dimensions"] == "time, zspace, yspace, xspace"
    assert rows["MINC xspace", "step"] == "2"


@pytest.mark.parametrize("ending", [".gz", ".bz2"])
def test_minc1_compressed(tmp_path: Path, ending: str) -> None:
    compress = {".gz": gzip.compress, ".bz2": bz2.compress}[ending]
    path = tmp_path / f"tiny.mnc{ending}"
    path.write_bytes(compress((SHIPPED / "tiny.mnc").read_bytes()))

    expected, affine = as_nibabel(SHIPPED / "tiny.mnc")
    volume = read_one(path)
    np.testing.assert_allclose(np.asarray(volume.data), expected, rtol=1e-6)
    np.testing.assert_allclose(volume.affine, affine)


def minc2(path: Path, *, positions: list[float] | None = None, top: float = 255.0) -> Path:
    """Write a MINC2 file of bytes whose real range is 0 to `top`."""
    h5py = pytest.importorskip("h5py", reason="MINC2 needs h5py")
    array = counted((5, 4, 3), "uint8")
    with h5py.File(path, "w") as file:
        root = file.create_group("minc-2.0")
        dimensions = root.create_group("dimensions")
        for name, length in zip(("zspace", "yspace", "xspace"), array.shape, strict=True):
            if name == "zspace" and positions is not None:
                axis = dimensions.create_dataset(name, data=positions)
                axis.attrs["spacing"] = np.bytes_("irregular")
            else:
                axis = dimensions.create_dataset(name, data=0)
                axis.attrs["start"], axis.attrs["step"] = -3.0, 2.0
            axis.attrs["length"] = length
        group = root.create_group("image/0")
        image = group.create_dataset("image", data=array)
        image.attrs["dimorder"] = np.bytes_("zspace,yspace,xspace")
        image.attrs["valid_range"] = [0.0, 255.0]
        group.create_dataset("image-max", data=top)
        group.create_dataset("image-min", data=0.0)
    return path


def test_minc_irregular_spacing_opens_with_a_warning(tmp_path: Path) -> None:
    volume = read_one(minc2(tmp_path / "x.mnc", positions=[0, 1, 2, 4, 8]))

    assert volume.zooms == (2, 2, 2)
    (warning,) = volume.report.warnings
    assert "spacing along zspace is irregular" in warning
    np.testing.assert_array_equal(np.asarray(volume.data), counted((5, 4, 3), "uint8"))


def test_minc1_irregular_spacing_opens_with_a_warning(tmp_path: Path) -> None:
    content = (SHIPPED / "minc1_1_scale.mnc").read_bytes()
    assert content.count(b"regular__") >= 3
    path = tmp_path / "x.mnc"
    path.write_bytes(content.replace(b"regular__", b"irregular"))

    volume = read_one(path)

    assert {f.kind for f in volume.report.findings} == {"irregular"}
    assert len(volume.report.warnings) == 3


def test_minc_integers_stay_integers_where_the_range_says_so(tmp_path: Path) -> None:
    labels = read_one(minc2(tmp_path / "x_labels.mnc"))
    assert labels.dtype == np.uint8
    assert labels.kind == "labels"

    scaled = minc2(tmp_path / "y.mnc", top=1.0)
    assert read_one(scaled).dtype == np.float32
    assert_as_nibabel(read_one(scaled), scaled)
    stored = read_one(scaled, value="stored")
    np.testing.assert_array_equal(np.asarray(stored.data), counted((5, 4, 3), "uint8"))


def test_minc1_stored_values_are_the_files_own() -> None:
    volume = read_one(SHIPPED / "tiny.mnc", value="stored")

    assert volume.dtype == np.uint8
    image = nib.load(SHIPPED / "tiny.mnc")
    expected = image.dataobj.minc_file._image.data.view(np.uint8)
    np.testing.assert_array_equal(np.asarray(volume.data), expected)


def test_minc2_without_h5py_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)

    with pytest.raises(ReadError, match=r"minc2_1_scale\.mnc.*napari-medvol\[minc\]"):
        formats.read(SHIPPED / "minc2_1_scale.mnc")


def test_minc_garbage_and_wrong_dimensions_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.mnc"
    path.write_bytes(b"CDF\1" + bytes(100))
    with pytest.raises(ReadError, match=r"x\.mnc: it is no MINC file"):
        formats.read(path)

    minc2(path)
    import h5py

    with h5py.File(path, "r+") as file:
        image = file["minc-2.0/image/0/image"]
        image.attrs["dimorder"] = np.bytes_("time,yspace,xspace")
        file["minc-2.0/dimensions/time"] = file["minc-2.0/dimensions/zspace"]
    with pytest.raises(ReadError, match=r"x\.mnc.*2 axes of space"):
        formats.read(path)


def test_minc_colour_is_the_last_axis(tmp_path: Path) -> None:
    path = minc2(tmp_path / "x.mnc")
    import h5py

    array = counted((5, 4, 3, 3), "uint8")
    with h5py.File(path, "r+") as file:
        group = file["minc-2.0/image/0"]
        del group["image"]
        image = group.create_dataset("image", data=array)
        image.attrs["dimorder"] = np.bytes_("zspace,yspace,xspace,vector_dimension")
        file["minc-2.0/dimensions"].create_dataset("vector_dimension", data=0)

    volume = read_one(path)

    assert volume.is_rgb
    np.testing.assert_array_equal(np.asarray(volume.data), array)


# -- ECAT ---------------------------------------------------------------------------------


def test_ecat_frames_have_times_unit_and_rows() -> None:
    volume = read_one(SHIPPED / "tinypet.v")

    assert volume.axes == (Axis("t", unit="s", values=((1500.016, 300.0),)),)
    assert volume.unit == "Bq/cc"
    assert volume.dtype == np.float32
    rows = {(r.group, r.name): r.value for r in volume.header}
    assert rows["ECAT header", "isotope_name"] == "F-18"
    assert rows["ECAT frame 1", "frame_duration"] == "300000"


def test_ecat_stored_values() -> None:
    volume = read_one(SHIPPED / "tinypet.v", value="stored")

    image = ecat.load(str(SHIPPED / "tinypet.v"))
    stored = image.get_subheaders().raw_data_from_fileobj(0)
    np.testing.assert_array_equal(np.asarray(volume.data)[..., 0], stored)
    image.get_subheaders().fileobj.close()


def test_ecat_cut_short_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tinypet.v"
    path.write_bytes((SHIPPED / "tinypet.v").read_bytes()[:1800])
    with pytest.raises(ReadError, match=r"tinypet\.v"):
        np.asarray(read_one(path).data)

    path.write_bytes((SHIPPED / "tinypet.v").read_bytes()[:700])
    with pytest.raises(ReadError, match=r"tinypet\.v"):
        formats.read(path)


def test_verilog_is_no_scan(tmp_path: Path) -> None:
    path = tmp_path / "adder.v"
    path.write_text("module adder(input a, input b, output c);\n" * 20)

    row = formats.format_of(path)
    assert row is None or row.name != "ECAT7"


# -- all ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test.mgz", "tiny.mnc", "example4d+orig.HEAD", "tinypet.v"])
def test_a_file_that_vanished_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".HEAD"):
        path = afni(tmp_path, HEAD)
    else:
        shutil.copy(SHIPPED / name, path)
    volume = read_one(path)
    for file in tmp_path.iterdir():
        file.unlink()

    with pytest.raises(ReadError, match="not there"):
        np.asarray(volume.data)


def test_rows_match_without_importing_nibabel() -> None:
    import subprocess

    names = ("test.mgz", "tiny.mnc", "T1.PAR", "tinypet.v", "analyze.hdr")
    paths = [str(SHIPPED / name) for name in names]
    code = (
        "import sys; from napari_medvol import formats\n"
        f"print([formats.format_of(n).name for n in {paths!r}], 'nibabel' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['MGH', 'MINC', 'PAR/REC', 'ECAT7', 'Analyze'] False"


def test_mgh_with_an_empty_axis_is_an_error(tmp_path: Path) -> None:
    content = bytearray(nib.MGHImage(counted((3, 4, 5)), OBLIQUE).to_bytes())
    content[8:12] = bytes(4)
    (tmp_path / "x.mgh").write_bytes(content)

    with pytest.raises(ReadError, match=r"x\.mgh.*lengths of its axes are \[3, 0, 5, 1\]"):
        formats.read(tmp_path / "x.mgh")


def test_mgz_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 30000, (64, 64, 40, 8)).astype(np.int16)
    path = tmp_path / "x.mgz"
    nib.MGHImage(array, OBLIQUE).to_filename(path)
    os.truncate(path, path.stat().st_size // 2)

    volume = read_one(path)

    np.testing.assert_array_equal(volume.data[..., 0], array[..., 0])
    with pytest.raises(ReadError, match=r"x\.mgz.*cut short"):
        volume.data[..., 7]


def test_par_echoes_have_their_times(tmp_path: Path) -> None:
    path = par_with_rec(tmp_path, "T1_dual_echo")
    (axis,) = read_one(path).axes

    assert (axis.name, axis.unit) == ("echo", "ms")
    assert len(axis.values) == 2
    assert 0 < axis.values[0] < axis.values[1]
