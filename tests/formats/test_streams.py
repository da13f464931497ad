"""Compressed streams: members, padding, ends, and handles."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest

from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats import streams
from napari_medvol.formats.streams import CompressedStream
from tests.phantoms.nifti import zstd

PLAIN = np.random.default_rng(0).integers(0, 50, 700_000).astype("u1").tobytes()


def compressors() -> dict[str, object]:
    return {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd.compress}


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "zstd"])
@pytest.mark.parametrize("n_members", [1, 2, 40])
def test_members_after_each_other_read_as_one(tmp_path: Path, kind: str, n_members: int) -> None:
    path = tmp_path / "x"
    size = -(-len(PLAIN) // n_members)
    parts = [PLAIN[at : at + size] for at in range(0, len(PLAIN), size)]
    path.write_bytes(b"".join(compressors()[kind](part) for part in parts))
    assert streams.compression_of(path) == kind

    stream = CompressedStream(path, kind)
    got = bytearray(len(PLAIN))
    for at in range(0, len(PLAIN), 99_991):
        stream.read_into(memoryview(got)[at : at + 99_991])
    stream.check_end()

    assert got == PLAIN
    assert stream.position == len(PLAIN)


def test_the_pieces_that_bgzip_writes_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    empty_member = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    pieces = [gzip.compress(PLAIN[at : at + 65280]) for at in range(0, len(PLAIN), 65280)]
    path.write_bytes(b"".join(pieces) + empty_member)

    assert CompressedStream(path, "gzip").read(len(PLAIN) + 10) == PLAIN


@pytest.mark.parametrize("n_zeros", [1, 512, 300_000])
def test_zeros_after_the_last_member_do_not_matter(tmp_path: Path, n_zeros: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PLAIN) + bytes(n_zeros))

    assert CompressedStream(path, "gzip").read(len(PLAIN) + 10) == PLAIN


def test_garbage_after_what_is_wanted_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PLAIN) + b"garbage" * 10)
    stream = CompressedStream(path, "gzip")

    assert stream.read(len(PLAIN)) == PLAIN
    stream.check_end()
    with pytest.raises(DecodeError, match="corrupt after 700000 plain bytes"):
        stream.read(1)


def test_skip_and_rewind_move_to_the_right_byte(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PLAIN))
    stream = CompressedStream(path, "gzip")

    stream.skip(600_001)
    assert stream.read(10) == PLAIN[600_001:600_011]
    stream.rewind()
    assert stream.read(10) == PLAIN[:10]


def test_a_stream_that_ends_too_early_tells_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PLAIN))
    stream = CompressedStream(path, "gzip")
    stream.skip(10)

    with pytest.raises(ReadError, match="700020 bytes were expected, 700000 were found"):
        stream.read_into(memoryview(bytearray(700_010)))


def test_a_read_asks_for_no_more_memory_than_the_file_can_fill(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"short"))

    assert CompressedStream(path, "gzip").read(1 << 50) == b"short"


def test_no_handle_is_kept_between_calls(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PLAIN))
    stream = CompressedStream(path, "gzip")
    stream.read(1000)

    path.replace(tmp_path / "moved")
    with pytest.raises(ReadError, match="is not there"):
        stream.read(len(PLAIN))


def test_disk_errors_are_translated(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="Input/output error"), streams.reading(tmp_path):
        raise OSError(5, "Input/output error")


def test_plain_files_give_their_head(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"plain")

    assert streams.head_of(path, 3) == b"pla"
    assert streams.compression_of(path) == ""
