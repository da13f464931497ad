"""Stored values of frames, against pydicom, against what was put in, and when things break."""

from __future__ import annotations

import struct
import threading
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut

from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats.dicom import codecs, files, tags
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.parsing import read_header
from napari_medvol.formats.dicom.pixels import FrameSource
from napari_medvol.stores import MemoryBudget, PlaneSource, PlaneStore
from tests.conftest import DATA
from tests.phantoms import dicom as phantom

Array = NDArray[Any]

ROWS, COLUMNS = 24, 17


def noise(dtype: Any, low: int, high: int, *, colour: bool = False) -> Array:
    shape = (ROWS, COLUMNS, 3) if colour else (ROWS, COLUMNS)
    values = np.random.default_rng(7).integers(low, high, shape, endpoint=True)
    values[0, 0], values[0, 1] = low, high
    return values.astype(dtype)


def smooth(dtype: Any, high: int, *, colour: bool = False) -> Array:
    """Return values that a lossy codec keeps nearly."""
    i, j = np.mgrid[:ROWS, :COLUMNS]
    plane = high * (0.5 + 0.4 * np.sin(i / 9) * np.cos(j / 7))
    if colour:
        plane = np.stack([plane, plane[::-1], plane[:, ::-1]], axis=-1)
    return plane.astype(dtype)


def header_of(path: Path) -> Header:
    header = read_header(path)
    assert header is not None
    return header


def source_of(path: Path, n_frames: int = 1) -> FrameSource:
    header = header_of(path)
    return FrameSource([(header, n) for n in range(n_frames)], (n_frames,), name=path.name)


def frames_of(path: Path, n_frames: int = 1) -> Array:
    source = source_of(path, n_frames)
    out = np.full((n_frames, *source.inner), 99, dtype=source.dtype)
    for number in range(n_frames):
        source.read_plane(number, out[number])
    return out


@pytest.fixture
def quiet_pydicom() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- uncompressed --------------------------------------------------------------------------

STORED = [
    ("u1", 8, 0, 255, "u1"),
    ("i1", 8, -128, 127, "i1"),
    ("u2", 16, 0, 65535, "u2"),
    ("u2", 12, 0, 4095, "u2"),
    ("u2", 8, 0, 255, "u1"),
    ("i2", 16, -32768, 32767, "i2"),
    ("i2", 12, -2048, 2047, "i2"),
    ("i2", 7, -64, 63, "i1"),
    ("u4", 32, 0, 2**32 - 1, "u4"),
    ("i4", 32, -(2**31), 2**31 - 1, "i4"),
    ("u4", 20, 0, 2**20 - 1, "u4"),
    ("i4", 12, -2048, 2047, "i2"),
]


@pytest.mark.parametrize("syntax", phantom.NATIVE)
@pytest.mark.parametrize(("dtype", "bits", "low", "high", "wanted"), STORED)
def test_stored_values_come_back_in_the_smallest_type(
    dtype: str, bits: int, low: int, high: int, wanted: str, syntax: str, tmp_path: Path
) -> None:
    values = noise(dtype, low, high)
    path = phantom.write_slice(tmp_path / "x", values, bits_stored=bits, syntax=syntax)

    source = source_of(path)

    assert isinstance(source, PlaneSource)
    assert source.inner == (ROWS, COLUMNS)
    assert source.dtype == np.dtype(wanted)
    assert source.dtype.isnative
    np.testing.assert_array_equal(frames_of(path)[0], values)


@pytest.mark.parametrize("dtype", ["u2", "i2"])
@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_bits_outside_the_stored_ones_do_not_count(
    dtype: str, high_bit: int, tmp_path: Path
) -> None:
    signed = dtype == "i2"
    values = noise(dtype, -2048 if signed else 0, 2047 if signed else 4095)
    low_bit = high_bit - 11
    junk = noise("u2", 0, 65535) & ~np.uint16(0x0FFF << low_bit)
    stored = ((values.view("u2") & 0x0FFF) << low_bit) | junk
    path = phantom.write_slice(
        tmp_path / "x", stored.view(dtype), bits_stored=12, high_bit=high_bit
    )

    np.testing.assert_array_equal(frames_of(path)[0], values)


def test_retired_files_of_ge_have_big_endian_pixels(tmp_path: Path) -> None:
    values = noise("i2", -1000, 1000)
    path = phantom.write_slice(tmp_path / "x", values.byteswap(), syntax=phantom.IMPLICIT)
    implicit, ge = b"\x12\0" + b"1.2.840.10008.1.2\0", b"\x14\0" + b"1.2.840.113619.5.2\0\0"
    content = path.read_bytes()
    (meta_length,) = struct.unpack_from("<L", content, 140)
    content = content[:140] + struct.pack("<L", meta_length + 2) + content[144:]
    path.write_bytes(content.replace(implicit, ge, 1))

    header = header_of(path)

    assert header.transfer_syntax == "1.2.840.113619.5.2"
    assert header.integer(tags.ROWS) == ROWS
    np.testing.assert_array_equal(frames_of(path)[0], values)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("syntax", [phantom.EXPLICIT, phantom.BIG_ENDIAN])
def test_floating_point_pixels_come_as_they_are(dtype: str, syntax: str, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(3, ROWS, COLUMNS)).astype(dtype)
    path = phantom.write_slice(tmp_path / "x", list(values), syntax=syntax)

    found = frames_of(path, 3)

    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("syntax", [phantom.EXPLICIT, phantom.DEFLATED, phantom.BIG_ENDIAN])
def test_frames_of_one_bit_may_begin_within_a_byte(syntax: str, tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 2, (5, 7, 9)).astype(np.uint8)
    path = phantom.write_slice(tmp_path / "x", list(values), bits_allocated=1, syntax=syntax)

    np.testing.assert_array_equal(frames_of(path, 5), values)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", phantom.NATIVE)
def test_rgb_comes_with_colour_last(dtype: str, planar: int, syntax: str, tmp_path: Path) -> None:
    values = noise(dtype, 0, np.iinfo(dtype).max, colour=True)
    path = phantom.write_slice(
        tmp_path / "x", [values, values[::-1]], planar=planar, syntax=syntax
    )

    found = frames_of(path, 2)

    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, [values, values[::-1]])


def test_bytes_in_big_endian_words_are_put_right(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 256, (3, 5, 7)).astype(np.uint8)
    ds = phantom.slice_dataset(list(values), syntax=phantom.BIG_ENDIAN)
    stored = values.tobytes() + b"\0"
    swapped = np.frombuffer(stored, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
    ds.add_new(0x7FE00010, "OW", swapped)
    ds.save_as(tmp_path / "x", enforce_file_format=True)

    np.testing.assert_array_equal(frames_of(tmp_path / "x", 3), values)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
@pytest.mark.usefixtures("quiet_pydicom")
def test_ybr_becomes_rgb_as_in_pydicom(photometric: str, tmp_path: Path) -> None:
    values = noise("u1", 0, 255, colour=True)[:, :16]
    ds = phantom.slice_dataset(values, photometric=photometric)
    if photometric == "YBR_FULL_422":
        first, second = values[:, ::2], values[:, 1::2]
        packed = np.stack([first[..., 0], second[..., 0], first[..., 1], first[..., 2]], axis=-1)
        ds.PixelData = packed.tobytes()
    ds.save_as(tmp_path / "x", enforce_file_format=True)

    found = frames_of(tmp_path / "x")[0]

    np.testing.assert_array_equal(found, pixel_array(tmp_path / "x"))


def test_ybr_of_the_narrow_range_becomes_rgb(tmp_path: Path) -> None:
    rgb = np.array([[[0, 0, 0], [0, 0, 0], [255, 255, 255], [255, 255, 255], [200, 30, 90]] * 2])
    rgb[0, 5] = rgb[0, 4]
    rgb = np.sort(rgb[:, [0, 1, 2, 3, 4, 5]], axis=1)[:, [0, 1, 4, 5, 2, 2]]
    matrix = np.array(
        [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
    )
    ybr = np.rint(rgb @ matrix.T + (16, 128, 128)).astype(np.uint8)
    packed = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    ds = phantom.slice_dataset(ybr, photometric="YBR_PARTIAL_422")
    ds.PixelData = packed.tobytes()
    ds.save_as(tmp_path / "x", enforce_file_format=True)

    np.testing.assert_allclose(frames_of(tmp_path / "x")[0], rgb, atol=3)


def palette(bits: int, lowest: int, n: int, *, needs_16: bool) -> dict[str, Any]:
    """Return the elements of a palette with `n` colours from index `lowest` on."""
    ramp = np.linspace(0, 255, n).astype(np.uint16)
    columns = (ramp, ramp[::-1], np.roll(ramp, n // 3))
    if bits == 16:
        columns = tuple(c * 256 + (c // 2 if needs_16 else c) for c in columns)
    found: dict[str, Any] = {}
    for name, column in zip(("Red", "Green", "Blue"), columns, strict=True):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [n, lowest, bits]
        found[f"{name}PaletteColorLookupTableData"] = column.astype(f"<u{bits // 8}").tobytes()
    return found


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize(
    ("bits", "needs_16", "wanted"), [(8, False, "u1"), (16, False, "u1"), (16, True, "u2")]
)
def test_palette_indices_become_colours(
    bits: int, needs_16: bool, wanted: str, tmp_path: Path
) -> None:
    path = phantom.write_slice(
        tmp_path / "x",
        noise("u1", 0, 255),
        photometric="PALETTE COLOR",
        elements=palette(bits, 10, 200, needs_16=needs_16),
    )

    found = frames_of(path)[0]

    ds = pydicom.dcmread(path)
    oracle = apply_color_lut(ds.pixel_array, ds)
    assert found.dtype == np.dtype(wanted)
    assert found.shape == (ROWS, COLUMNS, 3)
    scale = 256 if oracle.dtype.itemsize > found.itemsize else 1
    np.testing.assert_array_equal(found, oracle // scale)


def test_a_damaged_palette_is_an_error_with_the_files_name(tmp_path: Path) -> None:
    elements = palette(8, 0, 256, needs_16=False)
    del elements["GreenPaletteColorLookupTableData"]
    path = phantom.write_slice(
        tmp_path / "x.dcm", noise("u1", 0, 255), photometric="PALETTE COLOR", elements=elements
    )

    with pytest.raises(DecodeError, match=r"x\.dcm: the colour palette is damaged"):
        frames_of(path)


# -- compressed ----------------------------------------------------------------------------

COMPRESSED = [
    (phantom.JPEG_LOSSLESS_FIRST_ORDER, "u2", 12),
    (phantom.JPEG_LOSSLESS_FIRST_ORDER, "u1", 8),
    (phantom.JPEG_LOSSLESS, "u2", 16),
    (phantom.JPEG_LS, "u1", 8),
    (phantom.JPEG_LS, "u2", 16),
    (phantom.JPEG_LS, "i2", 16),
    (phantom.JPEG_2000_LOSSLESS, "u1", 8),
    (phantom.JPEG_2000_LOSSLESS, "u2", 12),
    (phantom.JPEG_2000_LOSSLESS, "i2", 16),
    (phantom.HTJ2K_LOSSLESS, "u2", 16),
    (phantom.HTJ2K_RPCL, "i2", 16),
    (phantom.HTJ2K, "u1", 8),
    (phantom.RLE, "u1", 8),
    (phantom.RLE, "u2", 16),
    (phantom.RLE, "i2", 12),
    (phantom.RLE, "u4", 32),
    (phantom.DEFLATED_FRAMES, "u1", 8),
    (phantom.DEFLATED_FRAMES, "i2", 12),
]


@pytest.mark.parametrize(("syntax", "dtype", "bits"), COMPRESSED)
def test_lossless_syntaxes_give_back_what_was_put_in(
    syntax: str, dtype: str, bits: int, tmp_path: Path
) -> None:
    half = 2 ** (bits - 1)
    low, high = (-half, half - 1) if dtype[0] == "i" else (0, 2 * half - 1)
    values = noise(dtype, low, high)
    path = phantom.write_slice(
        tmp_path / "x", [values, values[::-1]], bits_stored=bits, syntax=syntax
    )

    source = source_of(path, 2)

    assert source.workers == 2
    assert source.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(frames_of(path, 2), [values, values[::-1]])


@pytest.mark.parametrize(
    "syntax",
    [
        phantom.JPEG_LOSSLESS_FIRST_ORDER,
        phantom.JPEG_LS,
        phantom.JPEG_2000_LOSSLESS,
        phantom.HTJ2K_LOSSLESS,
        phantom.RLE,
        phantom.DEFLATED_FRAMES,
    ],
)
def test_lossless_colour_gives_back_what_was_put_in(syntax: str, tmp_path: Path) -> None:
    values = noise("u1", 0, 255, colour=True)
    photometric = {phantom.JPEG_2000_LOSSLESS: "YBR_RCT", phantom.HTJ2K_LOSSLESS: "YBR_RCT"}
    path = phantom.write_slice(
        tmp_path / "x", values, syntax=syntax, photometric=photometric.get(syntax, "RGB")
    )

    np.testing.assert_array_equal(frames_of(path)[0], values)


@pytest.mark.parametrize(
    ("syntax", "dtype", "bits", "tolerance"),
    [
        (phantom.JPEG_BASELINE, "u1", 8, 4),
        (phantom.JPEG_EXTENDED, "u2", 12, 40),
        (phantom.JPEG_LS_NEAR, "u2", 16, 2),
        (phantom.JPEG_2000, "u2", 12, 20),
    ],
)
def test_lossy_syntaxes_give_nearly_what_was_put_in(
    syntax: str, dtype: str, bits: int, tolerance: int, tmp_path: Path
) -> None:
    values = smooth(dtype, 2**bits - 1)
    path = phantom.write_slice(tmp_path / "x", values, bits_stored=bits, syntax=syntax)

    found = frames_of(path)[0]

    assert found.dtype == np.dtype(dtype)
    np.testing.assert_allclose(found.astype(int), values.astype(int), atol=tolerance)
    assert np.ptp(found) > 0.5 * np.ptp(values)


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422", "RGB"])
def test_jpeg_colour_is_as_in_pydicom(photometric: str, tmp_path: Path) -> None:
    values = smooth("u1", 255, colour=True)
    path = phantom.write_slice(
        tmp_path / "x", values, syntax=phantom.JPEG_BASELINE, photometric=photometric
    )

    found = frames_of(path)[0]

    np.testing.assert_allclose(found.astype(int), pixel_array(path).astype(int), atol=1)
    np.testing.assert_allclose(found.astype(int), values.astype(int), atol=30)


def test_signs_that_a_stream_cannot_hold_are_restored(tmp_path: Path) -> None:
    """JPEG-LS knows no sign; 13 signed bits in an unsigned JPEG 2000 stream are common."""
    values = noise("i2", -4096, 4095)
    unsigned = values.view("u2") & 0x1FFF
    ds = phantom.slice_dataset(values, bits_stored=13, syntax=phantom.JPEG_2000_LOSSLESS)
    ds.PixelData = encapsulate([phantom.compressed(unsigned, phantom.JPEG_2000_LOSSLESS, 13)])
    ds.save_as(tmp_path / "j2k", enforce_file_format=True)

    np.testing.assert_array_equal(frames_of(tmp_path / "j2k")[0], values)


def encapsulated(frames: list[bytes], how: str) -> tuple[bytes, dict[str, bytes]]:
    if how == "extended table":
        data, offsets, lengths = encapsulate_extended(frames)
        return data, {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    per_frame = 3 if "fragments" in how else 1
    return encapsulate(frames, fragments_per_frame=per_frame, has_bot="table" in how), {}


@pytest.mark.parametrize(
    "how", ["table", "none", "table, fragments", "fragments", "extended table"]
)
@pytest.mark.parametrize("n_frames", [1, 4])
def test_frames_are_found_however_they_are_encapsulated(
    how: str, n_frames: int, tmp_path: Path
) -> None:
    values = [noise("u2", 0, 4095) // (n + 1) for n in range(n_frames)]
    ds = phantom.slice_dataset(values, bits_stored=16, syntax=phantom.JPEG_LS)
    frames = [phantom.compressed(frame, phantom.JPEG_LS, 16) for frame in values]
    ds.PixelData, more = encapsulated(frames, how)
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    ds.save_as(tmp_path / "x", enforce_file_format=True)

    np.testing.assert_array_equal(frames_of(tmp_path / "x", n_frames), values)


# -- against pydicom on what others wrote ----------------------------------------------------

SHIPPED = Path(pydicom.data.__file__).parent / "test_files"


def oracle_of(path: Path, n_frames: int) -> Array | None:
    """Return what pydicom makes of the frames, None if it refuses."""
    try:
        ds = pydicom.dcmread(path, force=True)
        found = np.stack([pixel_array(ds, index=n) for n in range(n_frames)])
        if ds.PhotometricInterpretation == "PALETTE COLOR":
            found = apply_color_lut(found, ds)
    except Exception:  # pydicom raises many types for its deliberately broken files
        return None
    return found


def assert_as_pydicom(path: Path) -> bool:
    header = read_header(path)
    if header is None or not header.is_image:
        return False
    n_frames = min(3, max(1, header.integer(tags.NUMBER_OF_FRAMES) or 1))
    oracle = oracle_of(path, n_frames)
    if oracle is None:
        return False
    found = frames_of(path, n_frames)
    if oracle.dtype == np.uint16 and found.dtype == np.uint8 and found.ndim == 4:
        oracle = oracle >> 8
    np.testing.assert_array_equal(found, oracle, err_msg=str(path))
    return True


@pytest.mark.usefixtures("quiet_pydicom")
def test_pixels_are_pydicoms_on_every_file_that_pydicom_ships() -> None:
    paths = sorted(p for p in SHIPPED.rglob("*") if p.is_file() and p.stat().st_size < 700_000)

    assert sum(map(assert_as_pydicom, paths)) > 50


@pytest.mark.usefixtures("quiet_pydicom")
def test_pixels_are_pydicoms_on_real_scans(data: Path) -> None:
    folders = sorted(p for p in (data / "data").iterdir() if p.is_dir())
    firsts = [sorted(p for p in folder.rglob("*") if p.is_file())[0] for folder in folders]

    assert sum(map(assert_as_pydicom, firsts)) > 40


def test_twelve_bit_jpeg_that_pydicoms_plugins_refuse_is_decoded(data: Path) -> None:
    path = next((DATA / "data" / "sc_JPGExtended").rglob("*.dcm"))

    found = frames_of(path)[0]

    assert found.shape == (1024, 256)
    assert 255 < found.max() < 4096


# -- several files -------------------------------------------------------------------------


def test_planes_come_from_many_files_and_absent_ones_are_blank(tmp_path: Path) -> None:
    volume = np.stack([noise("i2", -1000, 1000) + n for n in range(4)])
    headers = [header_of(path) for path in phantom.write_series(tmp_path, volume)]
    planes = [(headers[3], 0), None, (headers[1], 0), (headers[0], 0)]
    source = FrameSource(planes, (2, 2), name="scan", blank=-7)

    store = PlaneStore(source, MemoryBudget(1 << 30))

    assert store.shape == (2, 2, ROWS, COLUMNS)
    np.testing.assert_array_equal(store.whole()[0, 0], volume[3])
    assert (store.whole()[0, 1] == -7).all()
    np.testing.assert_array_equal(store.whole()[1], volume[[1, 0]])


def test_a_type_is_found_that_holds_the_values_of_all_files(tmp_path: Path) -> None:
    signed = noise("i2", -100, 100)
    unsigned = noise("u2", 0, 65535)
    headers = [
        header_of(phantom.write_slice(tmp_path / "s", signed)),
        header_of(phantom.write_slice(tmp_path / "u", unsigned, syntax=phantom.RLE)),
    ]
    source = FrameSource([(h, 0) for h in headers], (2,), name="scan")

    found = PlaneStore(source, MemoryBudget(1 << 30)).whole()

    assert source.dtype == np.dtype("i4")
    np.testing.assert_array_equal(found, [signed.astype("i4"), unsigned.astype("i4")])


def test_files_of_different_size_are_no_planes_of_one_scan(tmp_path: Path) -> None:
    headers = [
        header_of(phantom.write_slice(tmp_path / f"{n}", np.zeros((n, 5), np.int16)))
        for n in (4, 6)
    ]

    with pytest.raises(ReadError, match=r"mixed: planes of \(4, 5\) and of \(6, 5\) pixels"):
        FrameSource([(h, 0) for h in headers], (2,), name="mixed")
    with pytest.raises(ReadError, match="no file holds any of its planes"):
        FrameSource([None], (1,), name="empty")
    with pytest.raises(ReadError, match="2 planes do not fill"):
        FrameSource([None, None], (3,), name="odd")


@pytest.mark.parametrize("syntax", [phantom.EXPLICIT, phantom.JPEG_LS, phantom.DEFLATED])
def test_many_threads_may_read_at_once(syntax: str, tmp_path: Path) -> None:
    values = [noise("u2", 0, 4095) // (n + 1) for n in range(8)]
    path = phantom.write_slice(tmp_path / "x", values, syntax=syntax)
    source = source_of(path, 8)
    wrong: list[int] = []

    def read() -> None:
        out = np.empty(source.inner, source.dtype)
        for number in np.random.default_rng().permutation(8):
            source.read_plane(int(number), out)
            if not np.array_equal(out, values[number]):
                wrong.append(int(number))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_plane_is_read_into_arrays_of_any_layout(tmp_path: Path) -> None:
    values = noise("u2", 0, 4095)
    source = source_of(phantom.write_slice(tmp_path / "x", values, bits_stored=12))
    out = np.empty((COLUMNS, ROWS), np.uint16).T

    source.read_plane(0, out)

    np.testing.assert_array_equal(out, values)


def test_an_uncompressed_plane_is_one_read_of_its_own_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(phantom.write_slice(tmp_path / "x", [noise("i2", -9, 9)] * 50), 50)
    out = np.empty(source.inner, source.dtype)
    asked: list[int] = []
    read = files._read_some
    monkeypatch.setattr(
        files, "_read_some", lambda fd, into, at: (asked.append(len(into)), read(fd, into, at))[1]
    )

    source.read_plane(37, out)

    assert asked == [out.nbytes]


# -- when things break -----------------------------------------------------------------------


def test_a_file_that_shrinks_is_an_error_with_numbers(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u2", 0, 9))
    source = source_of(path)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DecodeError, match=r"x\.dcm: truncated: 816 bytes .* 716 found"):
        source.read_plane(0, np.empty(source.inner, source.dtype))


def test_a_file_that_vanishes_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u2", 0, 9))
    source = source_of(path)
    path.unlink()

    with pytest.raises(DecodeError, match=r"x\.dcm: No such file"):
        source.read_plane(0, np.empty(source.inner, source.dtype))


def test_a_known_problem_is_told_when_the_plane_is_read(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u2", 0, 9))
    path.write_bytes(path.read_bytes()[:-100])
    header = header_of(path)
    source = FrameSource([(header, 0)], (1,), name="scan")

    with pytest.raises(DecodeError, match="truncated: 816 bytes") as caught:
        source.read_plane(0, np.empty(source.inner, source.dtype))
    assert caught.value.fix


def test_frames_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", [noise("u2", 0, 9)] * 2, syntax=phantom.RLE)
    source = FrameSource([(header_of(path), 5)], (1,), name="scan")

    with pytest.raises(DecodeError, match="frame 6 asked for, 2 found"):
        source.read_plane(0, np.empty(source.inner, source.dtype))


@pytest.mark.parametrize(
    "syntax",
    [
        phantom.JPEG_BASELINE,
        phantom.JPEG_LS,
        phantom.JPEG_2000_LOSSLESS,
        phantom.HTJ2K,
        phantom.RLE,
    ],
)
def test_a_damaged_stream_is_an_error_with_file_frame_and_syntax(
    syntax: str, tmp_path: Path
) -> None:
    ds = phantom.slice_dataset(noise("u1", 0, 255), syntax=syntax)
    frame = phantom.compressed(noise("u1", 0, 255), syntax, 8)
    ds.PixelData = encapsulate([frame[:20] + b"\xff" * 60])
    ds.save_as(tmp_path / "x.dcm", enforce_file_format=True)

    with pytest.raises(DecodeError, match=r"x\.dcm: frame 1 in .* cannot be decoded") as caught:
        frames_of(tmp_path / "x.dcm")
    assert codecs.CODECS[syntax].name in caught.value.why


def test_a_missing_codec_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u1", 0, 9), syntax=phantom.HTJ2K)

    def absent(frame: bytes, samples: codecs.Samples) -> Array:
        raise ImportError("No module named 'imagecodecs'")

    known = codecs.CODECS[phantom.HTJ2K]
    monkeypatch.setitem(codecs.CODECS, phantom.HTJ2K, known._replace(decode=absent))

    with pytest.raises(DecodeError, match=r"HTJ2K.*No module named.*pip install imagecodecs"):
        frames_of(path)


@pytest.mark.usefixtures("quiet_pydicom")
@pytest.mark.parametrize("syntax", [phantom.JPEG_LS, phantom.RLE, phantom.JPEG_2000_LOSSLESS])
def test_what_imagecodecs_refuses_goes_to_the_plugins_of_pydicom(
    syntax: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = noise("i2", -2000, 2000)
    path = phantom.write_slice(tmp_path / "x.dcm", values, syntax=syntax)

    def refuses(frame: bytes, samples: codecs.Samples) -> Array:
        raise ValueError("not this one")

    monkeypatch.setitem(codecs.CODECS, syntax, codecs.CODECS[syntax]._replace(decode=refuses))

    np.testing.assert_array_equal(frames_of(path)[0], values)


def test_a_syntax_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u1", 0, 9), syntax=phantom.RLE)
    mpeg, rle = b"1.2.840.10008.1.2.4.102", b"1.2.840.10008.1.2.5"
    content = path.read_bytes().replace(b"\x14\0" + rle + b"\0", b"\x18\0" + mpeg + b"\0")
    (meta_length,) = struct.unpack_from("<L", content, 140)
    path.write_bytes(content[:140] + struct.pack("<L", meta_length + 4) + content[144:])

    with pytest.raises(DecodeError, match=r"MPEG-4 AVC.*gdcmconv --raw"):
        frames_of(path)


@pytest.mark.parametrize("syntax", [phantom.JPEG_BASELINE, phantom.JPEG_2000_LOSSLESS])
def test_the_size_of_a_stream_is_not_believed(syntax: str, tmp_path: Path) -> None:
    ds = phantom.slice_dataset(noise("u1", 0, 255), syntax=syntax)
    frame = bytearray(phantom.compressed(noise("u1", 0, 255), syntax, 8))
    if syntax == phantom.JPEG_BASELINE:
        at = frame.find(b"\xff\xc0") + 5
        frame[at : at + 4] = b"\xff\xff\xff\xff"
    else:
        at = frame.find(b"\xff\x4f\xff\x51") + 8
        frame[at : at + 8] = b"\x00\x00\xff\xff" * 2
    ds.PixelData = encapsulate([bytes(frame)])
    ds.save_as(tmp_path / "x.dcm", enforce_file_format=True)

    tracemalloc.start()
    with pytest.raises(DecodeError, match="65535 rows × 65535 columns"):
        frames_of(tmp_path / "x.dcm")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_fragments_that_claim_too_much_take_no_memory(tmp_path: Path) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u1", 0, 255), syntax=phantom.RLE)
    header = header_of(path)
    assert header.pixels is not None
    content = bytearray(path.read_bytes())
    for at in (header.pixels.offset + 4, header.pixels.offset + 12):
        damaged = bytearray(content)
        damaged[at : at + 4] = b"\xf0\xff\xff\xff"
        path.write_bytes(damaged)

        tracemalloc.start()
        with pytest.raises(DecodeError, match=r"truncated|no fragment"):
            frames_of(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5e6


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({"SamplesPerPixel": 4}, "4 samples per pixel"),
        ({"BitsAllocated": 12}, "12 bits allocated"),
    ],
)
def test_what_no_image_can_be_is_refused_in_words(
    elements: dict[str, Any], why: str, tmp_path: Path
) -> None:
    path = phantom.write_slice(tmp_path / "x.dcm", noise("u2", 0, 9), elements=elements)

    with pytest.raises(DecodeError, match=why):
        source_of(path)


def test_values_that_the_header_has_no_bits_for_are_refused(tmp_path: Path) -> None:
    ds = phantom.slice_dataset(noise("u1", 0, 9), syntax=phantom.JPEG_LS)
    ds.PixelData = encapsulate([phantom.compressed(noise("u2", 0, 900), phantom.JPEG_LS, 16)])
    ds.save_as(tmp_path / "x.dcm", enforce_file_format=True)

    with pytest.raises(DecodeError, match=r"values 0 to 900 do not fit the 8 bits"):
        frames_of(tmp_path / "x.dcm")


def rle_frame(*segments: bytes) -> bytes:
    """Return run-length segments behind their header. PS3.5 annex G.5."""
    starts = np.cumsum([64, *map(len, segments[:-1])]).tolist()
    header = [len(segments), *starts, *[0] * (15 - len(segments))]
    return np.array(header, "<u4").tobytes() + b"".join(segments)


@pytest.mark.parametrize("more", [0, 1, 100, 128, 129, 5000])
def test_what_a_run_length_segment_holds_beyond_its_pixels_is_padding(more: int) -> None:
    import imagecodecs

    values = noise("u2", 0, 65535)
    rows, columns = values.shape
    samples = codecs.Samples(rows, columns, 1, "MONOCHROME2", 0, 16, 16, 15, False)
    halves = np.ascontiguousarray(values, "<u2").view(np.uint8).reshape(rows, columns, 2)
    high, low = (imagecodecs.packbits_encode(halves[..., n].tobytes()) for n in (1, 0))
    padding = imagecodecs.packbits_encode(bytes(more)) if more else b""

    array, _ = codecs.decode(phantom.RLE, rle_frame(high + padding, low + padding), samples)

    np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("cut", ["high", "low", "all", "beyond"])
def test_run_length_segments_that_are_too_short_are_refused(cut: str) -> None:
    segment = bytes([256 - 63, 7])  # 64 times the same
    samples = codecs.Samples(8, 8, 1, "MONOCHROME2", 0, 16, 16, 15, False)
    whole = rle_frame(segment, segment)
    frames = {
        "high": rle_frame(bytes([256 - 62, 7]), segment),
        "low": rle_frame(segment, b""),
        "all": whole[:64],
        "beyond": whole[:8] + b"\xff\xff\xff\xff" + whole[12:],
    }

    np.testing.assert_array_equal(codecs.decode(phantom.RLE, whole, samples)[0], 0x0707)
    with pytest.raises(codecs.Refused, match=r"RLE segment \d holds"):
        codecs.decode(phantom.RLE, frames[cut], samples)
