"""NIfTI files that are odd, cut short, corrupt, or no NIfTI at all."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import formats
from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats import nifti
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.row import unheard
from tests.phantoms.nifti import compressor_of, counted, header_bytes, packed, write_nifti, zstd

ARRAY = counted((40, 50, 60, 6))


def test_a_file_cut_short_is_found_on_opening(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", ARRAY)
    whole = path.stat().st_size
    os.truncate(path, 5000)

    with pytest.raises(ReadError, match=rf"x\.nii.*{whole} bytes were expected, 5000 were found"):
        formats.read(path)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_compressed_file_cut_short_gives_what_is_there(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 30000, (64, 64, 64, 8)).astype(np.int16)
    path = write_nifti(tmp_path / f"x.nii{suffix}", noise)
    os.truncate(path, path.stat().st_size * 3 // 4)
    (volume,) = formats.read(path)

    np.testing.assert_array_equal(volume.data[..., 1], noise[..., 1])
    with pytest.raises(ReadError, match=r"x\.nii.*cut short.*stream ends early"):
        volume.data[..., 7]
    np.testing.assert_array_equal(volume.data[..., 2], noise[..., 2])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_corrupt_stream_names_the_file(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 30000, (64, 64, 64)).astype(np.int16)
    path = write_nifti(tmp_path / f"x.nii{suffix}", noise)
    content = bytearray(path.read_bytes())
    if suffix == ".zst":  # without a checksum, zstd cannot tell
        options = {zstd.CompressionParameter.checksum_flag: 1}
        content = bytearray(zstd.compress(zstd.decompress(content), options=options))
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(content)

    with pytest.raises(DecodeError, match=rf"x\.nii\{suffix}.* stream is corrupt after"):
        np.asarray(formats.read(path)[0].data)


def test_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", ARRAY)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(DecodeError, match=r"x\.nii\.gz.*corrupt.*checksum"):
        np.asarray(formats.read(path)[0].data)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_claims_a_trillion_voxels_is_refused_at_once(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    content = header_bytes((10000, 10000, 10000), 4) + bytes(1000)
    path.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)

    with pytest.raises(ReadError, match=r"cut short: 2000000000352 bytes were expected"):
        formats.read(path)


@pytest.mark.parametrize("offset", [0, 348, -1, np.nan])
def test_voxels_never_begin_inside_the_header(tmp_path: Path, offset: float) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, vox_offset=offset)

    (volume,) = formats.read(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array)
    assert any("read from 352 on" in text for text in volume.report.warnings)


def test_voxels_of_nifti_2_begin_at_544(tmp_path: Path) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, version=2, vox_offset=0)

    (volume,) = formats.read(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array)


@pytest.mark.parametrize(
    ("slope", "intercept", "n_warnings"),
    [(0, 5, 0), (np.nan, 5, 0), (np.inf, 5, 1), (-np.inf, 0, 1), (1, np.nan, 1), (2, np.inf, 1)],
)
def test_scales_that_make_no_sense_are_left_out(
    tmp_path: Path, slope: float, intercept: float, n_warnings: int
) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, scl_slope=slope, scl_inter=intercept)

    (volume,) = formats.read(path)

    assert volume.dtype == np.int16
    np.testing.assert_array_equal(np.asarray(volume.data), array)
    scale = [f for f in volume.report.findings if f.kind == "scale"]
    assert len(scale) == n_warnings


def test_slope_zero_is_what_nibabel_makes_of_it(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), scl_slope=0, scl_inter=5)

    expected = np.asanyarray(nib.load(path).dataobj)
    np.testing.assert_array_equal(np.asarray(formats.read(path)[0].data), expected)


def test_bad_dimensions_are_refused_or_mended(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), dim=[9] + [1] * 7)
    with pytest.raises(ReadError, match=r"dim\[0\].* is 9"):
        formats.read(path)

    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), dim=[3, -1, 4, 5, 1, 1, 1, 1])
    with pytest.raises(ReadError, match=r"dim\[1\] is -1"):
        formats.read(path)

    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, dim=[4, 3, 4, 5, 0, 1, 1, 1])
    (volume,) = formats.read(path)
    np.testing.assert_array_equal(np.asarray(volume.data)[..., 0], array)
    assert any("dim[4] is 0" in text for text in volume.report.warnings)


def test_an_unknown_number_type_is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)), datatype=77)

    with pytest.raises(ReadError, match=r"x\.nii.*data type 77"):
        formats.read(path)


def test_what_is_no_nifti_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    path.write_bytes(bytes(2000))
    with pytest.raises(ReadError, match=r"x\.nii: the file is not NIfTI"):
        formats.read(path)

    path.write_bytes(b"")
    with pytest.raises(ReadError, match=r"x\.nii: the file is empty \(0 bytes\)"):
        formats.read(path)

    path.write_bytes(bytes(100))
    with pytest.raises(ReadError, match=r"header takes 348 bytes, 100 were found"):
        formats.read(path)

    path.write_bytes(header_bytes((2, 2, 2), 4, version=2)[:400])
    with pytest.raises(ReadError, match=r"header takes 540 bytes, 400 were found"):
        formats.read(path)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_stream_that_ends_early_is_said_to(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, (60, 50, 40), np.int16)
    path = write_nifti(tmp_path / f"x.nii{suffix}", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[:14])
    with pytest.raises(ReadError, match="stream ends early, after 0 bytes unpacked; 348"):
        formats.read(path)

    path.write_bytes(whole[: -len(whole) // 10])
    with pytest.raises(ReadError, match=r"ends early, after \d+ bytes unpacked; \d+ were"):
        np.asarray(formats.read(path)[0].data)

    path.write_bytes(compressor_of(path)(header_bytes((2, 2, 2), 4)[:100]))
    with pytest.raises(ReadError, match="header takes 348 bytes, 100 were found"):
        formats.read(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_wrong_header_size_is_forgiven_where_the_magic_is_right(
    tmp_path: Path, version: int, order: str
) -> None:
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, version=version, order=order, sizeof_hdr=7)

    (volume,) = formats.read(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array)
    assert any("sizeof_hdr is 7" in text for text in volume.report.warnings)


@pytest.mark.parametrize(
    ("size", "n_read", "word"), [(7, 0, "takes 7 bytes"), (4000, 0, "4000"), (20, 1, "multiple")]
)
def test_extensions_of_a_bad_size_are_noted(
    tmp_path: Path, size: int, n_read: int, word: str
) -> None:
    extension = b"\1\0\0\0" + np.array([size, 6], "<i4").tobytes() + b"abc".ljust(24, b"\0")
    array = counted((3, 4, 5))
    path = write_nifti(tmp_path / "x.nii", array, extension=extension, vox_offset=384)

    (volume,) = formats.read(path)

    np.testing.assert_array_equal(np.asarray(volume.data), array)
    assert len(volume.native.extensions) == n_read
    assert any(word in f.text for f in volume.report.findings if f.kind == "extension")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_vanished_says_so(tmp_path: Path, suffix: str) -> None:
    path = write_nifti(tmp_path / f"x{suffix}", ARRAY)
    (volume,) = formats.read(path)
    content = path.read_bytes()
    path.unlink()

    with pytest.raises(ReadError, match=r"x\.nii.*is not there"):
        volume.data[..., 0]

    path.write_bytes(content)
    np.testing.assert_array_equal(np.asarray(volume.data), ARRAY)


def test_a_file_that_shrank_says_so(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", ARRAY)
    source = formats.read(path)[0].data.store.source
    os.truncate(path, 2000)

    with pytest.raises(ReadError, match="2000 were found"):
        source.read_region((0, 0, 0, slice(None)))
    with pytest.raises(ReadError, match="2000 were found"):
        source.read_plane(5, np.empty(source.inner, source.dtype))


def test_no_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_nifti(tmp_path / "x.nii", counted((3, 4, 5)))

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReadError, match=r"x\.nii: no permission to read"):
        nifti.read([path], Choices(), unheard)


def test_garbage_never_escapes_as_another_exception(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = header_bytes((4, 5, 6), 4) + b"\0\0\0\0" + packed(counted((4, 5, 6)))
    path = tmp_path / "x.nii"
    n_refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for at in rng.integers(0, 352, 12):
            content[at] = rng.integers(256)
        path.write_bytes(content)
        with suppress(ReadError):
            np.asarray(formats.read(path)[0].data)
            continue
        n_refused += 1
    assert 0 < n_refused < 300
