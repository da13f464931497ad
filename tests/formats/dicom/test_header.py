"""The walk over header elements says what pydicom says, or leaves the file to pydicom."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataelem import RawDataElement

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import files, tags, walk
from napari_medvol.formats.dicom.elements import Unsure
from napari_medvol.formats.dicom.header import Header, PixelElement
from napari_medvol.formats.dicom.layouts import Layouts
from napari_medvol.formats.dicom.parsing import is_dicom, read_header
from tests.conftest import DATA
from tests.phantoms import dicom as phantom

SHIPPED = Path(pydicom.data.__file__).parent
PIXELS = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8)


def shipped_files() -> list[Path]:
    return sorted(p for p in SHIPPED.rglob("*") if p.is_file() and is_dicom(p))


def real_files() -> list[Path]:
    """Return the first files of every folder of real scans."""
    found: list[Path] = []
    for folder, _, names in sorted(os.walk(DATA / "data")):
        found += [Path(folder, name) for name in sorted(names)[:4]]
    return [path for path in found if is_dicom(path)]


@pytest.fixture
def quiet_pydicom() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pydicom_says(path: Path) -> dict[int, tuple[str, bytes]]:
    """Return VR and stored bytes of every kept element."""
    ds = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    found: dict[int, tuple[str, bytes]] = {}
    for part in (ds.file_meta, ds):
        for tag in tags.VR_OF:
            element = part.get_item(tag, keep_deferred=True)
            if element is not None:
                found[tag] = (str(element.VR or ""), _stored(element))
    return found


def pixels_by_pydicom(path: Path) -> PixelElement | None:
    """Return where pydicom finds the pixels when it reads them."""
    ds = pydicom.dcmread(path, force=True)
    for tag in tags.PIXEL_TAGS:
        if tag in ds:
            found = ds.get_item(tag)
            length = None if ds[tag].is_undefined_length else found.length
            vr = str(found.VR or "OW").replace("OB or OW", "OW")
            return PixelElement(int(found.tag), found.value_tell, length, vr)
    return None


def _stored(element: Any) -> bytes:
    value = element.value
    if isinstance(element, RawDataElement) or isinstance(value, bytes):
        return value or b""
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    return "\\".join(map(str, value)).encode() if value else b""


def assert_same(header: Header, path: Path) -> None:
    wanted = pydicom_says(path)
    assert {tag for tag in tags.VR_OF if tag in header} == set(wanted)
    for tag, (vr, raw) in wanted.items():
        if tag in tags.PRESENCE_ONLY or len(raw) > 65536:
            assert header.raw(tag) == b""
            continue
        assert (header.raw(tag) or b"").rstrip(b"\0 ") == raw.rstrip(b"\0 "), tags.name_of(tag)
        if vr not in ("", "UN"):
            assert header.vr(tag) == vr, tags.name_of(tag)


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("path", shipped_files(), ids=lambda p: p.name)
def test_the_header_is_pydicoms_on_every_file_that_pydicom_ships(path: Path) -> None:
    header = read_header(path)

    assert header is not None
    assert_same(header, path)
    if header.transfer_syntax != phantom.DEFLATED:
        assert header.pixels == pixels_by_pydicom(path)


@pytest.mark.usefixtures("quiet_pydicom")
def test_the_header_is_pydicoms_on_real_scans(data: Path) -> None:
    layouts = Layouts()
    paths = real_files()
    assert len(paths) > 100

    for path in paths:
        where = pixels_by_pydicom(path)
        for known in (None, layouts, layouts):
            header = read_header(path, known)
            assert header is not None
            assert_same(header, path)
            assert header.pixels == where


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("syntax", [*phantom.NATIVE, phantom.RLE, phantom.JPEG_LS])
def test_the_header_is_pydicoms_in_every_kind_of_syntax(syntax: str, tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=syntax, padding=7)

    header = read_header(path)

    assert header is not None
    assert (header.problem, header.transfer_syntax) == ("", syntax)
    assert header.integer(tags.PIXEL_PADDING_VALUE) == 7
    assert_same(header, path)
    if syntax != phantom.DEFLATED:
        assert header.pixels == pixels_by_pydicom(path)


def test_deflated_pixels_are_located_in_the_inflated_stream(tmp_path: Path) -> None:
    deflated = phantom.write_slice(tmp_path / "z", PIXELS, syntax=phantom.DEFLATED)

    header = read_header(deflated)

    assert header is not None
    assert header.pixels is not None
    with files.OpenFile(deflated) as file:
        start = walk.read(file, file.read_at(8192, 0)).end
        inflated = files.Inflated(file, start)
        assert inflated.read_at(PIXELS.nbytes, header.pixels.offset) == PIXELS.tobytes()
        assert inflated.read_at(4, 0) == b"\x08\x00\x05\x00"  # back to the beginning


MUTABLE = [p for p in shipped_files() if p.stat().st_size < 60_000]


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Return `content` with flipped bits, cut off, with a wrong length, or with bytes put in."""
    data = bytearray(content)
    end = min(len(data), rng.choice((400, 3000, len(data))))
    kind = rng.randrange(4)
    at = rng.randrange(min(132, end - 5), end - 4)
    if kind == 0:
        for _ in range(rng.randrange(1, 20)):
            data[rng.randrange(end)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at : at + 4] = rng.choice(
            (b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\0\0\0\x80", b"\0\0\0\0", b"\xff\xff\0\0")
        )
    else:
        data[at:at] = rng.randbytes(rng.randrange(1, 40))
    return bytes(data)


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_give_pydicoms_header_or_an_error_in_words(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    layouts = Layouts()
    path = tmp_path / "damaged.dcm"
    n_walked = 0
    for _ in range(120):
        path.write_bytes(mutated(rng, rng.choice(MUTABLE).read_bytes()))
        try:
            header = read_header(path, layouts)
        except ReadError:
            continue
        if header is None:
            continue
        for tag in tags.VR_OF:
            header.text(tag)
            assert all(np.isfinite(header.numbers(tag)))
        with files.OpenFile(path) as file:
            try:
                walk.read(file, file.read_at(8192, 0))
            except Unsure:
                continue
        try:
            pydicom_says(path)
        except Exception:  # pydicom refuses what can still be walked
            continue
        n_walked += 1
        assert_same(header, path)
    assert n_walked > 20


# -- values --------------------------------------------------------------------------------


def header_with(tmp_path: Path, **elements: Any) -> Header:
    path = phantom.write_slice(tmp_path / "x.dcm", PIXELS, elements=elements)
    header = read_header(path)
    assert header is not None
    return header


def test_values_come_by_their_type(tmp_path: Path) -> None:
    header = header_with(
        tmp_path,
        WindowCenter=["40", "-600.5"],
        DiffusionBValue=1000.25,
        EchoTime="",
        FrameIncrementPointer=0x00181063,
        ImageType=["ORIGINAL", "PRIMARY", "M"],
    )

    assert header.numbers(tags.WINDOW_CENTER) == (40.0, -600.5)
    assert header.text(tags.WINDOW_CENTER) == "40\\-600.5"
    assert header.number(tags.DIFFUSION_B_VALUE) == 1000.25
    assert header.number(tags.FRAME_INCREMENT_POINTER) == 0x00181063
    assert header.texts(tags.IMAGE_TYPE) == ("ORIGINAL", "PRIMARY", "M")
    assert header.integer(tags.ROWS) == 6
    assert header.text(tags.ROWS) == "6"
    assert tags.ECHO_TIME in header
    assert header.number(tags.ECHO_TIME) is None
    assert header.text(tags.REPETITION_TIME) == ""
    assert header.texts(tags.REPETITION_TIME) == ()
    assert header.raw(tags.REPETITION_TIME) is None
    assert header.malformed == ()


@pytest.mark.parametrize("value", ["1,5", "abc", "1\\\\2", "nan", "inf", "1_0"])
def test_what_is_no_number_is_told_and_left_out(value: str, tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", PIXELS, elements={"EchoTime": "77777777"})
    path.write_bytes(path.read_bytes().replace(b"77777777", value.ljust(8).encode()))

    header = read_header(path)

    assert header is not None
    assert header.numbers(tags.ECHO_TIME) == ()
    assert header.number(tags.ECHO_TIME) is None
    assert len(header.malformed) == 1
    assert "(0018,0081)" in header.malformed[0]
    assert value in header.malformed[0].replace("\\\\", "\\")


def test_a_fraction_is_no_integer(tmp_path: Path) -> None:
    header = header_with(tmp_path, EchoTime="2.5", RepetitionTime="7.0")

    assert header.integer(tags.ECHO_TIME) is None
    assert header.integer(tags.REPETITION_TIME) == 7


@pytest.mark.parametrize("signed", [False, True])
def test_values_of_pixels_follow_the_pixel_representation(signed: bool, tmp_path: Path) -> None:
    pixels = PIXELS.astype(np.int16 if signed else np.uint16)
    path = phantom.write_slice(
        tmp_path / "x", pixels, padding=-2000 if signed else 63536, syntax=phantom.IMPLICIT
    )

    header = read_header(path)

    assert header is not None
    assert header.integer(tags.PIXEL_PADDING_VALUE) == (-2000 if signed else 63536)


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("path", sorted((SHIPPED / "charset_files").glob("*.dcm")), ids=str)
def test_names_are_decoded_as_pydicom_does(path: Path) -> None:
    header = read_header(path)

    assert header is not None
    wanted = str(pydicom.dcmread(path).get("PatientName", ""))
    assert header.text(tags.PATIENT_NAME) == wanted


def test_values_of_unknown_type_are_read_by_the_dictionary(data: Path) -> None:
    header = read_header(next((data / "data" / "px_explicit_VR-UN").rglob("*.dcm")))

    assert header is not None
    assert header.integer(tags.ROWS) == 512
    assert len(header.numbers(tags.IMAGE_POSITION_PATIENT)) == 3


def test_the_whole_header_is_pydicoms(tmp_path: Path) -> None:
    header = header_with(tmp_path, OperatorsName="Grace^Hopper")

    ds = header.dataset()

    assert ds.OperatorsName == "Grace^Hopper"
    assert "PixelData" not in ds


# -- what is no DICOM, or cannot be opened ---------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"DICM",
        b"\0" * 5000,
        b"\x08\x00" * 600,
        b"\x08\x00\x05\x00CS" + b"\xff" * 500,
        struct.pack("<i", 348) + b"\0" * 348,
        b"%PDF-1.7 " * 100,
        b"\x89PNG\r\n\x1a\n" + b"x" * 1000,
        bytes(range(256)) * 8,
    ],
)
def test_what_is_not_dicom_is_turned_down(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)

    assert read_header(path) is None
    assert not is_dicom(path)


@pytest.mark.parametrize("syntax", [phantom.IMPLICIT, phantom.EXPLICIT, phantom.BIG_ENDIAN])
def test_files_older_than_the_preamble_are_known(syntax: str, tmp_path: Path) -> None:
    modern = phantom.write_slice(tmp_path / "modern", PIXELS, syntax=syntax)
    (meta_length,) = struct.unpack_from("<L", modern.read_bytes(), 140)
    path = tmp_path / "legacy"
    path.write_bytes(modern.read_bytes()[144 + meta_length :])

    header = read_header(path)

    assert is_dicom(path)
    assert header is not None
    assert header.problem == ""
    assert header.transfer_syntax == syntax
    assert header.integer(tags.COLUMNS) == 8


def test_looking_whether_it_is_dicom_reads_one_kilobyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"n+1\0" * 100_000)
    asked: list[int] = []
    read = files._read
    monkeypatch.setattr(files, "_read", lambda fd, n, at: (asked.append(n), read(fd, n, at))[1])

    assert not is_dicom(path)
    assert asked == [1024]


def test_a_file_that_cannot_be_opened_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"gone ß\.dcm: No such file"):
        read_header(tmp_path / "gone ß.dcm")
    with pytest.raises(ReadError, match="no regular file"):
        read_header(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ReadError, match="no regular file"):
        read_header(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_without_permission_is_an_error(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS)
    path.chmod(0)

    with pytest.raises(ReadError, match="Permission denied"):
        read_header(path)


# -- what is wrong with the pixels -----------------------------------------------------------


def problem_of(path: Path) -> str:
    header = read_header(path)
    assert header is not None
    return header.problem


def test_pixels_that_are_cut_off_are_told_with_numbers(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS)
    path.write_bytes(path.read_bytes()[:-26])

    assert problem_of(path) == "truncated: 96 bytes of pixel data expected, 70 found"


@pytest.mark.parametrize("syntax", [phantom.DEFLATED, phantom.BIG_ENDIAN])
def test_other_syntaxes_are_told_too(syntax: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 65535, (64, 64), dtype=np.uint16)
    path = phantom.write_slice(tmp_path / "x", noise, syntax=syntax)
    path.write_bytes(path.read_bytes()[:-2000])

    assert problem_of(path).startswith("truncated: 8192 bytes of pixel data expected, ")


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ({"Rows": 600}, "pixel data too short: 9600 bytes expected, 96 found"),
        ({"NumberOfFrames": 3}, "pixel data too short: 288 bytes expected, 96 found"),
        ({"Rows": 0}, "0 rows × 8 columns hold no pixel"),
        ({"Columns": None}, "no Rows or Columns"),
        ({"BitsAllocated": 64}, "pixel data too short: 384 bytes expected, 96 found"),
    ],
)
def test_sizes_that_do_not_fit_are_told(
    elements: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    assert header_with(tmp_path, **elements).problem == problem


def test_a_file_without_pixels_says_so(tmp_path: Path) -> None:
    ds = phantom.slice_dataset(PIXELS)
    del ds.PixelData
    ds.save_as(tmp_path / "x", enforce_file_format=True)

    assert problem_of(tmp_path / "x") == "no pixel data"


@pytest.mark.parametrize("lost", [4, 8, 20])
def test_fragments_without_their_end_are_told(lost: int, tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=phantom.RLE)
    path.write_bytes(path.read_bytes()[:-lost])

    whole = 1 if lost <= 8 else 0
    assert problem_of(path).startswith(f"truncated: the pixel fragments end after {whole} whole")


def test_bytes_after_the_fragments_are_no_problem(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=phantom.RLE)
    path.write_bytes(path.read_bytes() + b"\xfc\xff\xfc\xffOB\0\0\x08\0\0\0" + b"\0" * 8)

    assert problem_of(path) == ""


def test_a_syntax_that_the_pixels_contradict_is_told(tmp_path: Path) -> None:
    native = phantom.write_slice(tmp_path / "native", PIXELS)
    content = native.read_bytes()
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    native.write_bytes(content.replace(old, new, 1))
    rle = phantom.write_slice(tmp_path / "rle", PIXELS, syntax=phantom.RLE)
    rle.write_bytes(rle.read_bytes().replace(new, old, 1))

    assert "not in fragments" in problem_of(native)
    assert "the pixel data are in fragments" in problem_of(rle)


def test_a_header_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS)
    path.write_bytes(path.read_bytes()[:700])

    header = read_header(path)

    assert header is not None
    assert header.is_cut_off
    assert not header.is_image
    assert header.problem.startswith("truncated in the header: ")


# -- bounds --------------------------------------------------------------------------------


def element(tag: int, vr: bytes, length: int, value: bytes = b"", order: str = "<") -> bytes:
    """Return an explicit element of a long type, whose length need not be true."""
    return struct.pack(f"{order}HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length) + value


def told(path: Path) -> str:
    try:
        return problem_of(path)
    except ReadError as error:
        return error.why


def test_a_deflated_stream_that_breaks_is_an_error(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=phantom.DEFLATED)
    (meta_length,) = struct.unpack_from("<L", path.read_bytes(), 140)
    content = path.read_bytes()
    path.write_bytes(content[: 144 + meta_length] + b"\xff" * 400)
    with pytest.raises(ReadError, match="deflated header is damaged"):
        read_header(path)

    path.write_bytes(content[: 144 + meta_length + 200])
    with pytest.raises(ReadError, match="deflated header cannot be read"):
        read_header(path)


def test_a_deflated_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=phantom.DEFLATED)
    (meta_length,) = struct.unpack_from("<L", path.read_bytes(), 140)
    bomb = zlib.compress(element(0x00090010, b"OB", 200_000_000) + bytes(100_000_000))[2:-4]
    path.write_bytes(path.read_bytes()[: 144 + meta_length] + bomb)

    tracemalloc.start()
    with pytest.raises(ReadError, match="deflated header cannot be read"):
        read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5e6


@pytest.mark.parametrize("syntax", phantom.NATIVE)
@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFE])
def test_lengths_beyond_the_file_take_no_memory(syntax: str, length: int, tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=syntax)
    (meta_length,) = struct.unpack_from("<L", path.read_bytes(), 140)
    order = ">" if syntax == phantom.BIG_ENDIAN else "<"
    evil = element(0x00090010, b"OB", length, b"abc", order)
    if syntax == phantom.IMPLICIT:
        evil = struct.pack("<HHL", 9, 0x10, length) + b"abc"
    if syntax == phantom.DEFLATED:
        evil = zlib.compress(evil)[2:-4]
    path.write_bytes(path.read_bytes()[: 144 + meta_length] + evil)
    assert told(path)  # imports are done

    tracemalloc.start()
    assert told(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5e6


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_nesting_neither_crashes_nor_hangs(order: str, tmp_path: Path) -> None:
    syntax = phantom.EXPLICIT if order == "<" else phantom.BIG_ENDIAN
    path = phantom.write_slice(tmp_path / "x", PIXELS, syntax=syntax)
    (meta_length,) = struct.unpack_from("<L", path.read_bytes(), 140)
    content, depth = path.read_bytes(), 20_000
    item, item_end, sequence_end = (
        struct.pack(f"{order}HHL", 0xFFFE, low, length)
        for low, length in ((0xE000, 0xFFFFFFFF), (0xE00D, 0), (0xE0DD, 0))
    )
    nest = (element(0x00081140, b"SQ", 0xFFFFFFFF, order=order) + item) * depth
    nest += (item_end + sequence_end) * depth
    at = 144 + meta_length
    path.write_bytes(content[:at] + nest + content[at:])

    begun = time.perf_counter()
    if order == "<":
        assert problem_of(path) == ""
    else:  # pydicom's, which gives up
        with pytest.raises(ReadError, match="cannot be read"):
            read_header(path)
    assert time.perf_counter() - begun < 5


def test_long_headers_are_followed_to_the_pixels(tmp_path: Path) -> None:
    path = phantom.write_slice(
        tmp_path / "x",
        PIXELS,
        elements={
            0x00091001: ("OB", b"\1" * 300_000),
            0x00291010: ("OB", b"\2" * 30_000),
            0x00291020: ("OB", b"\3" * 150_000),
        },
    )
    layouts = Layouts()

    for _ in range(3):
        header = read_header(path, layouts)
        assert header is not None
        assert header.problem == ""
        assert tags.SIEMENS_CSA_IMAGE_HEADER in header
        assert header.raw(tags.SIEMENS_CSA_IMAGE_HEADER) == b""
        assert header.raw(tags.SIEMENS_CSA_SERIES_HEADER) == b""
        assert header.integer(tags.ROWS) == 6


def test_megabytes_of_zeros_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "zeros.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(2**23))
    begun = time.perf_counter()

    with pytest.raises(ReadError, match=r"zeros\.dcm"):
        read_header(path)
    assert time.perf_counter() - begun < 2


def test_a_damaged_type_of_the_pixels_does_not_shift_them(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", np.arange(64, dtype=np.int16).reshape(8, 8))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"\xe0\x7f\x10\x00OW", b"\xe0\x7f\x10\x00MW"))

    header = read_header(path)

    assert header is not None
    assert header.problem == "no pixel data"
