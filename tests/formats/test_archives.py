"""ZIP files are folders."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_medvol import MedVolError, read
from napari_medvol.formats import archives, holds_a_scan
from tests.phantoms.dicom import write_series

STORED = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(np.int16)


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"a b/study/{file.name}")
        archive.writestr("__MACOSX/._00001.dcm", b"junk")
        archive.writestr("notes.txt", "hello")
    return target


def test_a_zip_of_dicom_opens_as_its_series(tmp_path: Path) -> None:
    write_series(tmp_path / "in", STORED)
    path = zipped(tmp_path / "in", tmp_path / "Ärzte 1.ZIP")

    assert holds_a_scan(path)
    (volume,) = read(path)

    np.testing.assert_array_equal(np.asarray(volume.data).T, STORED)
    assert archives.unpacked(path) == archives.unpacked(path)


def test_a_zip_without_a_scan_is_not_ours(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("notes.txt", "hello")

    assert not holds_a_scan(tmp_path / "x.zip")
    with pytest.raises(MedVolError, match="holds no scan"):
        read(tmp_path / "x.zip")


def test_names_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    write_series(tmp_path / "in", STORED)
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (tmp_path / "in").iterdir():
            archive.write(file, f"../../{file.name}")

    (volume,) = read(path)

    inside = archives.unpacked(path).resolve()
    assert all(Path(file).resolve().is_relative_to(inside) for file in volume.report.files)


def test_a_damaged_zip_says_so(tmp_path: Path) -> None:
    write_series(tmp_path / "in", STORED)
    path = zipped(tmp_path / "in", tmp_path / "x.zip")
    raw = bytearray(path.read_bytes())
    raw[200:400] = bytes(200)
    path.write_bytes(raw)

    with pytest.raises(MedVolError, match=r"x\.zip: the archive cannot be unpacked"):
        read(path)


def test_a_zip_larger_than_the_disk_is_refused_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "in", STORED)
    path = zipped(tmp_path / "in", tmp_path / "x.zip")
    monkeypatch.setattr(archives, "_SPARE_BYTES", 2**60)

    with pytest.raises(MedVolError, match=r"unpacked it takes 0\.0 GiB, .* GiB are free"):
        read(path)


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    write_series(tmp_path / "in", STORED[:1])
    path = zipped(tmp_path / "in", tmp_path / "x.zip")
    raw = bytearray(path.read_bytes())
    # General purpose bit 0 of each central directory entry: encrypted (APPNOTE 4.4.4).
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        raw[at + 8] |= 1
        at = raw.find(b"PK\x01\x02", at + 4)
    path.write_bytes(raw)

    with pytest.raises(MedVolError, match=r"x\.zip: the archive is encrypted"):
        read(path)
