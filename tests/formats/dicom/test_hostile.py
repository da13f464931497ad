"""Damaged and lying files: right, told in words, or refused in words, and in little memory."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import MedVolError, Volume, read
from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import codecs
from napari_medvol.formats.dicom.grid import grids_of
from tests.conftest import ROOT
from tests.formats.dicom.hostile.judge import _against_pydicom, complaints, time_limit
from tests.formats.dicom.hostile.mutations import mutant, nested, replaced
from tests.formats.dicom.hostile.sources import SOURCES, VOLUME, originals
from tests.phantoms import dicom as phantom

RESCALE_INTERCEPT, RESCALE_SLOPE = 0x00281052, 0x00281053
ROWS, COLUMNS, FRAMES = 0x00280010, 0x00280011, 0x00280008
POSITION, ORIENTATION, SPACING = 0x00200032, 0x00200037, 0x00280030
LARGE = struct.pack("<H", 65535)


def test_mutants_are_right_or_told_or_refused_in_a_gigabyte() -> None:
    """``python -m tests.formats.dicom.hostile FIRST STOP`` runs as many as one likes."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the limit of memory is that of Linux")
    command = [sys.executable, "-m", "tests.formats.dicom.hostile", "0", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    told = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0, f"{told[-1]}: {done.stderr[-2000:]}"
    rows = [row for row in told if "outcome" in row]
    assert [row for row in rows if row["faults"]] == []
    counts = Counter(row["outcome"] for row in rows)
    assert len(rows) == 10 * len(SOURCES)
    assert min(counts[outcome] for outcome in ("opened", "said", "refused")) > 25
    assert told[-1]["peak_kib"] < 1 << 20


# -- the judge, that it can find fault -----------------------------------------------------


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("source", ["explicit", "enhanced", "pet", "dose", "times"])
def test_the_judge_tells_wrong_values_and_places(source: str, tmp_path: Path) -> None:
    (volume,) = read(laid_out(tmp_path, originals(source)))
    data = np.asarray(volume.data)
    moved = volume.affine.copy()
    moved[2, 3] += 0.5

    assert _against_pydicom(volume, data) == []
    assert "values" in _against_pydicom(volume, data + 3)[0]
    assert "values" in _against_pydicom(volume, data[:, :, ::-1])[0]
    assert "0.500 mm" in _against_pydicom(replace(volume, affine=moved), data)[0]


def test_the_judge_tells_other_exceptions_and_slowness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out(tmp_path, originals("explicit"))
    assert complaints(tmp_path)[0] == "opened"

    def raises(*_: Any, **__: Any) -> Any:
        raise KeyError("x")

    monkeypatch.setattr("tests.formats.dicom.hostile.judge.read", raises)
    assert complaints(tmp_path)[0] == "crash"
    monkeypatch.setattr("tests.formats.dicom.hostile.judge.SECONDS", 0.05)
    monkeypatch.setattr("tests.formats.dicom.hostile.judge.read", lambda _: iter(int, 1))
    assert complaints(tmp_path)[0] in ("hang", "crash")


def test_mutants_are_the_same_for_the_same_seed() -> None:
    assert mutant("mosaic", 7) == mutant("mosaic", 7)
    assert len({tuple(mutant("explicit", seed)[1].values()) for seed in range(20)}) > 15


# -- what mutants have found ---------------------------------------------------------------


def damaged(
    folder: Path, source: str, elements: dict[int, tuple[bytes, bytes]], *, only: int | None = None
) -> Path:
    """Write a source with elements replaced, in all of its files or in one."""
    files = dict(originals(source))
    for n, name in enumerate(sorted(files)):
        if only in (None, n):
            for tag, (vr, raw) in elements.items():
                files[name] = replaced(files[name], tag, vr, raw)
    return laid_out(folder, files)


def kinds(*volumes: Volume) -> set[str]:
    return {f.kind for volume in volumes for f in volume.report.findings}


def text(value: str) -> tuple[bytes, bytes]:
    return b"DS", value.encode() + b" " * (len(value) % 2)


@pytest.mark.parametrize("source", ["jpeg-ls", "monochrome1"])
def test_a_blank_slice_of_unsigned_values_is_the_lowest_there_is(
    source: str, tmp_path: Path
) -> None:
    files = dict(originals(source))
    name = sorted(files)[1]
    files[name] = files[name][:-30]

    (volume,) = read(laid_out(tmp_path, files))

    assert (np.asarray(volume.data)[:, :, 1] == 0).all()
    assert "unreadable" in kinds(volume)


def test_a_uid_that_is_none_is_named_without_a_warning(tmp_path: Path) -> None:
    files = dict(originals("explicit"))
    bad = replaced(files["00001.dcm"], 0x00080016, b"UI", b"1.2.840x\x0e2")
    (tmp_path / "x.dcm").write_bytes(bad[: bad.index(b"\xe0\x7f\x10\0")].replace(b"(\0", b")\0"))

    with pytest.raises(MedVolError, match="holds no image"):
        read(tmp_path)


def test_gdcm_is_never_asked_for_it_may_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decoder:
        available_plugins = ("gdcm",)

        def as_array(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("asked")

    monkeypatch.setattr("pydicom.pixels.decoders.base.get_decoder", lambda _: Decoder())
    samples = codecs.Samples(2, 2, 1, "MONOCHROME2", 0, 8, 8, 7, False)

    with pytest.raises(codecs.Refused, match="no plugin of pydicom"):
        codecs._by_pydicom(phantom.JPEG_2000, b"\0\0", samples)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (POSITION, "1e200\\0\\0"),
        (POSITION, "0\\0\\1e15"),
        (POSITION, "nan\\0\\0"),
        (ORIENTATION, "1e300\\0\\0\\0\\1e300\\0"),
        (ORIENTATION, "0\\0\\0\\0\\0\\0"),
        (ORIENTATION, "1e-170\\0\\0\\0\\1e-170\\0"),
    ],
)
def test_places_that_cannot_be_are_told(tag: int, value: str, tmp_path: Path) -> None:
    volumes = read(damaged(tmp_path, "explicit", {tag: text(value)}, only=1))

    assert "position" in kinds(*volumes)
    assert sum(volume.shape[2] for volume in volumes) == 4 + ("gap" in kinds(*volumes))


@pytest.mark.parametrize("value", ["1e-300\\1e-300", "1e300\\1", "0\\0", "-1\\1", "nan\\nan"])
def test_a_pixel_spacing_that_cannot_be_is_told_even_of_one_slice(
    value: str, tmp_path: Path
) -> None:
    volumes = read(damaged(tmp_path, "pet", {SPACING: text(value)}, only=1))

    assert "spacing" in kinds(*volumes)


@pytest.mark.parametrize("value", ["0", "nan", "inf", "1e300", "1e-300", "x"])
def test_a_slope_that_cannot_be_is_told(value: str, tmp_path: Path) -> None:
    (volume,) = read(damaged(tmp_path, "explicit", {RESCALE_SLOPE: text(value)}, only=2))

    assert kinds(volume) & {"scale", "malformed"}
    assert value in " ".join(volume.report.warnings)
    np.testing.assert_array_equal(np.asarray(volume.data).T, VOLUME % 900)


@pytest.mark.parametrize("value", ["1e300", "-1e300", "nan", "0"])
@pytest.mark.parametrize("tag", [0x00180050, 0x00180088])
def test_a_thickness_that_cannot_be_is_not_taken(tag: int, value: str, tmp_path: Path) -> None:
    for volume in read(damaged(tmp_path, "colour", {tag: text(value)})):
        assert volume.zooms[2] == 1.0


def test_a_high_bit_that_does_not_fit_is_told(tmp_path: Path) -> None:
    (volume,) = read(damaged(tmp_path, "explicit", {0x00280102: (b"US", b"\7\0")}, only=1))

    assert "bits" in kinds(volume)


@pytest.mark.parametrize("count", ["3", "9", "2147483647"])
def test_functional_groups_of_other_than_all_frames_are_refused(
    count: str, tmp_path: Path
) -> None:
    with pytest.raises(MedVolError, match=r"frames|too short"):
        read(damaged(tmp_path, "enhanced", {FRAMES: (b"IS", text(count)[1])}))


@pytest.mark.parametrize(
    ("source", "tag"),
    [("segmentation", 0x52009230), ("structures", 0x30060039), ("segmentation", 0x00620002)],
)
def test_a_damaged_object_does_not_stop_the_images_beside_it(
    source: str, tag: int, tmp_path: Path
) -> None:
    files = dict(originals(source))
    name = next(name for name in files if not name.startswith("ct"))
    files[name] = replaced(files[name], tag, b"OB", b"\1\2")

    volumes = read(laid_out(tmp_path, files))

    assert [volume.kind for volume in volumes] == ["image"]
    assert any(str(tmp_path / name) in text_ for text_ in volumes[0].report.warnings)


@pytest.mark.parametrize(("source", "tag"), [("ultrasound", 0x00186011), ("nuclear", 0x00540022)])
@pytest.mark.parametrize("value", [(b"OB", b"\1\2"), (b"LO", b"no")])
def test_an_image_with_damaged_calibration_is_shown_and_told(
    source: str, tag: int, value: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (volume,) = read(damaged(tmp_path, source, {tag: value}))

    assert kinds(volume) & {"malformed", "spacing", "place"}
    assert np.asarray(volume.data).size == np.prod(volume.shape)


def test_contours_far_apart_want_their_image(tmp_path: Path) -> None:
    square = np.array([[0, 0, 0], [9e5, 0, 0], [9e5, 9e5, 0], [0, 9e5, 1]], float)
    from tests.phantoms.multiframe import write_structures

    write_structures(tmp_path / "rs.dcm", {"a": [("CLOSED_PLANAR", square)]})

    with pytest.raises(ReadError, match="span 900004 × 900004 × 0 mm"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("tag", "value"), [(0x00280002, b"\3\0"), (0x00280004, b"PALETTE COLOR ")]
)
def test_floating_point_pixels_are_grey(tag: int, value: bytes, tmp_path: Path) -> None:
    vr = b"US" if len(value) == 2 else b"CS"

    with pytest.raises(MedVolError, match=r"floating point pixels|too short"):
        read(damaged(tmp_path, "float", {tag: (vr, value)}))


@pytest.mark.parametrize("count", [(b"SS", b"\xfb\xff"), (b"US", b"\0\0"), (b"DS", b"-6")])
def test_a_mosaic_of_no_slices_is_shown_as_tiles(
    count: tuple[bytes, bytes], tmp_path: Path
) -> None:
    for volume in read(damaged(tmp_path, "mosaic", {0x0019100A: count})):
        assert "mosaic" in kinds(volume)
        assert volume.shape[2] == 1


@pytest.mark.parametrize(
    "block", [b"", b"SV10" + b"\xff" * 900, b"\1\0\0\0" * 40, b"SV10\4\3\2\1" * 9]
)
def test_a_mosaic_with_a_damaged_block_is_shown_as_tiles(block: bytes, tmp_path: Path) -> None:
    (volume,) = read(damaged(tmp_path, "mosaic csa", {0x00291010: (b"OB", block)}))

    assert "mosaic" in kinds(volume)
    assert volume.shape[2] == 1


@pytest.mark.parametrize("syntax", [phantom.IMPLICIT, phantom.EXPLICIT, phantom.BIG_ENDIAN])
@pytest.mark.parametrize("source", ["explicit", "implicit"])
def test_pixels_are_found_where_the_syntax_and_the_elements_disagree(
    source: str, syntax: str, tmp_path: Path
) -> None:
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    damaged(tmp_path, source, {0x00020010: (b"UI", uid)})

    outcome, faults = complaints(tmp_path)

    assert faults == []
    if syntax != phantom.BIG_ENDIAN:
        assert outcome == "opened"
        (volume,) = read(tmp_path)
        wanted = VOLUME % 900
        np.testing.assert_array_equal(np.asarray(volume.data).T, wanted)


def test_elements_behind_the_pixels_are_told(tmp_path: Path) -> None:
    files = dict(originals("dose"))
    scaling = b"\x04\x30\x0e\0DS\4\x000.01"
    assert scaling in files["d.dcm"]
    files["d.dcm"] = files["d.dcm"].replace(scaling, b"") + scaling

    (volume,) = read(laid_out(tmp_path, files))

    assert "behind the pixel data" in " ".join(volume.report.warnings)


@pytest.mark.parametrize("source", ["rle", "jpeg 2000", "htj2k", "jpeg-ls", "jpeg"])
def test_rows_that_no_compressed_frame_has_are_refused_before_room_is_made(
    source: str, tmp_path: Path
) -> None:
    damaged(tmp_path, source, {ROWS: (b"US", LARGE), COLUMNS: (b"US", LARGE)})

    with pytest.raises(MedVolError, match=r"65535 (rows )?×"):
        read(tmp_path)


@pytest.mark.parametrize("count", ["2147483647", "60000", "3"])
@pytest.mark.parametrize("source", ["rle", "jpeg-ls", "explicit", "loop"])
def test_more_frames_than_there_are_pixels_are_refused(
    source: str, count: str, tmp_path: Path
) -> None:
    if (source, count) == ("loop", "3"):
        count = "5"
    damaged(tmp_path, source, {FRAMES: (b"IS", text(count)[1])})

    with pytest.raises(MedVolError, match=r"frames are said to be in|too short"):
        read(tmp_path)


def test_a_jpeg_ls_stream_without_its_end_is_refused_at_once() -> None:
    # CharLS needs seconds for a large one.
    plane = np.random.default_rng(0).normal(500, 50, (384, 384)).astype(np.uint16)
    stream = phantom.compressed(plane, phantom.JPEG_LS, 16)
    samples = codecs.Samples(384, 384, 1, "MONOCHROME2", 0, 16, 16, 15, False)

    with time_limit(1), pytest.raises(codecs.Refused, match="no end of image"):
        codecs.decode(phantom.JPEG_LS, stream[: len(stream) // 2], samples)
    np.testing.assert_array_equal(codecs.decode(phantom.JPEG_LS, stream, samples)[0], plane)


def test_a_slice_kilometres_off_asks_for_no_slices_between() -> None:
    heights = [0.0, 0.02, 0.04, 9e5]
    positions = np.array([(0, 0, z) for z in heights])

    grids = grids_of(positions, np.array([0.0, 0, 1]), "blank", (1.0, "nothing"))

    assert sum(len(grid.slots) for grid in grids) < 50


@pytest.mark.parametrize("source", ["explicit", "implicit", "enhanced", "structures"])
def test_sequences_in_sequences_by_the_thousand_are_no_matter(source: str, tmp_path: Path) -> None:

    for seed in range(6):
        files = {
            name: nested(random.Random(seed), content)
            for name, content in originals(source).items()
        }
        folder = laid_out(tmp_path / str(seed), files)
        assert complaints(folder)[1] == []
