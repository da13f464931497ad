"""Files of the Unix program compress, against gzip, which still reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from napari_medvol.errors import DecodeError
from napari_medvol.formats.lzw import UnixDecompressor
from napari_medvol.formats.streams import CompressedStream, compression_of


class Writer:
    """Writes as ``compress`` does: codes in groups of eight, padded where the width changes."""

    def __init__(self, max_width: int) -> None:
        self.max_width = max_width
        self.out = bytearray([0x1F, 0x9D, 0x80 | max_width])
        self.group: list[int] = []
        self.start()

    def start(self) -> None:
        self.width, self.next_code = 9, 257
        self.table = {bytes([n]): n for n in range(256)}

    def put(self, code: int) -> None:
        self.group.append(code)
        if len(self.group) == 8:
            self.flush()

    def flush(self, *, is_end: bool = False) -> None:
        bits = sum(code << (self.width * n) for n, code in enumerate(self.group))
        n_bytes = -(-len(self.group) * self.width // 8) if is_end else self.width
        if self.group:
            self.out += bits.to_bytes(n_bytes, "little")
        self.group = []

    def learn(self, word: bytes) -> None:
        if self.next_code == 1 << self.max_width:
            return
        # The reader knows an entry one code later than the writer.
        if self.next_code > (1 << self.width) - 1 and self.width < self.max_width:
            self.flush()
            self.width += 1
        self.table[word] = self.next_code
        self.next_code += 1

    def clear(self) -> None:
        self.put(256)
        self.flush()
        self.start()


def compressed(plain: bytes, max_width: int = 16, clear_every: int = 0) -> bytes:
    """Return `plain` as compress writes it, the table cleared after so many codes."""
    writer, word, n_codes = Writer(max_width), b"", 0
    for byte in plain:
        longer = word + bytes([byte])
        if longer in writer.table:
            word = longer
            continue
        writer.put(writer.table[word])
        writer.learn(longer)
        word = bytes([byte])
        n_codes += 1
        if clear_every and n_codes % clear_every == 0:
            writer.clear()
    writer.put(writer.table[word])
    writer.flush(is_end=True)
    return bytes(writer.out)


PLAINS = {
    "short": b"hello hello hello",
    "repeats": b"a" * 100_000,
    "numbers": np.random.default_rng(0).integers(0, 9, 60_000).astype("u1").tobytes(),
    "noise": np.random.default_rng(1).bytes(120_000),
}


@pytest.mark.parametrize("name", PLAINS)
@pytest.mark.parametrize(("max_width", "clear_every"), [(16, 0), (12, 0), (16, 5000), (10, 0)])
def test_what_compress_writes_reads_back(
    tmp_path: Path, name: str, max_width: int, clear_every: int
) -> None:
    plain = PLAINS[name]
    path = tmp_path / "x.Z"
    path.write_bytes(compressed(plain, max_width, clear_every))
    if shutil.which("gzip"):  # the files of this test are as they should be
        done = subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=True)
        assert done.stdout == plain

    assert compression_of(path) == "compress"
    assert CompressedStream(path, "compress").read(len(plain) + 1) == plain


def test_pieces_of_any_size_give_the_same() -> None:
    plain = PLAINS["noise"]
    content = compressed(plain)
    for size in (1, 7, 1000):
        reader, got = UnixDecompressor(), bytearray()
        for at in range(0, len(content), size):
            got += reader.decompress(content[at : at + size], 50)
            while not reader.needs_input:
                got += reader.decompress(b"", 50)
        assert got == plain


def test_nonsense_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.Z"
    path.write_bytes(b"\x1f\x9d\x90" + b"\xff" * 100)
    with pytest.raises(DecodeError, match=r"x\.Z: the compress stream is corrupt"):
        CompressedStream(path, "compress").read(10)

    path.write_bytes(b"\x1f\x9d\x9f" + bytes(100))
    with pytest.raises(DecodeError, match="31 bits"):
        CompressedStream(path, "compress").read(10)
