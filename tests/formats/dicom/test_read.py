"""What is odd or broken in a folder of DICOM: a clear word, and the rest still opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import MedVolError, Volume, read
from napari_medvol.errors import DecodeError
from tests.phantoms.dicom import (
    JPEG_2000_LOSSLESS,
    JPEG_LS,
    LOSSLESS,
    NATIVE,
    RLE,
    write_series,
    write_slice,
)

SHAPE = (5, 6, 8)  # slices, rows, columns


def voxels(dtype: str = "int16") -> Any:
    return np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)


def only(path: Path | list[Path], **choices: Any) -> Volume:
    (volume,) = read(path, **choices)
    return volume


def cut(path: Path, nbytes: int) -> None:
    path.write_bytes(path.read_bytes()[:-nbytes])


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS])
def test_every_transfer_syntax_gives_the_same_volume(tmp_path: Path, syntax: str) -> None:
    stored = voxels("uint16")
    write_series(tmp_path, stored, syntax=syntax, rescale=(1, -1024), bits_stored=12)

    volume = only(tmp_path)

    assert volume.dtype == np.int16
    np.testing.assert_array_equal(np.asarray(volume.data).T, stored.astype(int) - 1024)


def test_one_bad_slice_in_many_is_blank_and_named(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels())
    cut(paths[2], 50)

    volume = only(tmp_path)

    data = np.asarray(volume.data).T
    np.testing.assert_array_equal(np.delete(data, 2, 0), np.delete(voxels(), 2, 0))
    assert (data[2] == -1024).all()
    (warning,) = volume.report.warnings
    assert "1 of 5 unreadable" in warning
    assert paths[2].name in warning
    assert "96 bytes" in warning


@pytest.mark.parametrize("syntax", [JPEG_LS, JPEG_2000_LOSSLESS, RLE])
def test_a_compressed_slice_that_was_cut_is_found_on_opening(tmp_path: Path, syntax: str) -> None:
    paths = write_series(tmp_path, voxels("uint16"), syntax=syntax)
    cut(paths[1], 20)

    assert "1 of 5 unreadable" in only(tmp_path).report.warnings[0]


def test_a_compressed_slice_that_is_damaged_inside_is_an_error_when_it_is_read(
    tmp_path: Path,
) -> None:
    paths = write_series(tmp_path, voxels("uint16"), syntax=JPEG_LS)
    raw = bytearray(paths[1].read_bytes())
    start = raw.index(b"\xff\xd8\xff")
    raw[start : start + 30] = bytes(30)
    paths[1].write_bytes(raw)

    volume = only(tmp_path)

    np.testing.assert_array_equal(volume.data[:, :, 0].T, voxels()[0])
    with pytest.raises(DecodeError, match=paths[1].name):
        np.asarray(volume.data)


def test_a_file_without_pixel_data_says_so(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "x.dcm", voxels()[0], elements={"PixelData": None})
    import pydicom

    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)

    with pytest.raises(MedVolError, match=r"x\.dcm: no pixel data"):
        read(path)


def test_a_file_that_is_no_dicom_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.dcm"
    path.write_text("not an image " * 100)

    with pytest.raises(MedVolError, match=r"notes\.dcm.*not DICOM"):
        read(path)


def test_strangers_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path, voxels())
    (tmp_path / "README").write_text("hello")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "thumbs.dcm").write_bytes(b"\0" * 3000)

    volume = only(tmp_path)
    assert volume.shape == SHAPE[::-1]
    assert "named as DICOM and are not: thumbs.dcm (3000 bytes)" in volume.report.warnings[0]


def test_objects_that_are_no_image_are_named(tmp_path: Path) -> None:
    from pydicom.uid import KeyObjectSelectionDocumentStorage as KeyObjects

    write_series(tmp_path, voxels())
    import pydicom

    dataset = pydicom.dcmread(tmp_path / "00001.dcm", stop_before_pixels=True)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = KeyObjects
    dataset.Modality = "KO"
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        del dataset[keyword]
    dataset.save_as(tmp_path / "ko.dcm")

    findings = {f.kind: f.text for f in only(tmp_path).report.findings}
    assert "1 × Key Object Selection Document" in findings["others"]
    with pytest.raises(MedVolError, match="Key Object Selection Document"):
        read(tmp_path / "ko.dcm")


def test_a_folder_without_a_scan_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    with pytest.raises(MedVolError, match="holds no scan"):
        read(tmp_path)


def test_files_given_one_by_one_make_one_volume(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels())

    volume = only(paths[::-1])

    np.testing.assert_array_equal(np.asarray(volume.data).T, voxels())


def test_colour_is_the_last_axis(tmp_path: Path) -> None:
    stored = np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3)
    for n, plane in enumerate(stored):
        write_slice(
            tmp_path / f"{n}.dcm",
            plane,
            position=(0, 0, n),
            instance=n,
            modality="OT",
            planar=n % 2,
            rescale=None,
        )

    volume = only(tmp_path)

    assert volume.shape == (5, 4, 3, 3)
    assert volume.is_rgb
    np.testing.assert_array_equal(np.asarray(volume.data).transpose(2, 1, 0, 3), stored)


def test_a_slice_that_vanishes_after_opening_is_a_clear_error(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels())
    volume = only(tmp_path)
    paths[3].unlink()

    with pytest.raises(MedVolError, match=paths[3].name):
        np.asarray(volume.data)


def test_no_permission_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = write_series(tmp_path, voxels()[:1])
    # Root may read everything, so the refusal is made here.
    real = Path.open

    def refused(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refused)

    with pytest.raises(MedVolError, match=r"00001\.dcm: Permission denied"):
        read(path)


def test_paths_may_be_long_have_spaces_and_any_script(tmp_path: Path) -> None:
    folder = tmp_path / "дело 7" / "病人 影像" / ("long " * 20)
    write_series(folder, voxels())

    assert only(folder).shape == SHAPE[::-1]
    assert str(folder) in only(folder).report.files[0]


def test_unknown_choices_are_named(tmp_path: Path) -> None:
    write_series(tmp_path, voxels())

    with pytest.raises(MedVolError, match=r"unexpected keyword argument 'gap'.*gaps"):
        read(tmp_path, gap="blank")
