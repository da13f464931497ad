"""Bytes of a file, plain or compressed, with every failure named and no handle left open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats.lzw import UnixDecompressor

#: Compressed bytes read at once. Larger is slower: the chunk no longer fits the cache.
_CHUNK: Final = 128 * 1024
#: Plain bytes taken from the decompressor at once, whatever a chunk swells to.
_BLOCK: Final = 256 * 1024

_MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x1f\x9d": "compress",
}
#: How many plain bytes one compressed byte can stand for at most.
_RATIO: Final = {"gzip": 1_100, "bzip2": 2_000_000, "zstd": 50_000, "compress": 33_000}

#: Suffixes of compressed files; the bytes decide, the name only has to be ours.
COMPRESSED_SUFFIXES: Final = (".gz", ".bz2", ".zst")


class Decompressor(Protocol):
    """What bz2, zstd and igzip have in common."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether no more plain bytes come without more compressed ones."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the member."""
        ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most `max_length` plain bytes."""
        ...


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a ``ReadError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise ReadError(
            str(path), "the file is not there (any more)", "Check the path, or open the scan again"
        ) from error
    except PermissionError as error:
        raise ReadError(
            str(path), "no permission to read the file", "Ask its owner for read permission"
        ) from error
    except OSError as error:
        raise ReadError(
            str(path), error.strerror or str(error), "Check the disk or the network"
        ) from error


def compression_of(path: Path) -> str:
    """Return the kind of compression, or ``""``, by the first bytes of the file.

    Returns
    -------
    {"gzip", "bzip2", "zstd", "compress", ""}
    """
    with reading(path), path.open("rb", buffering=0) as file:
        return _kind_of(file.read(4))


def _kind_of(head: bytes) -> str:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def longest_content(path: Path, kind: str) -> int:
    """Return how many plain bytes the file can hold at most."""
    with reading(path):
        return path.stat().st_size * _RATIO.get(kind, 1)


def head_of(path: Path, count: int) -> bytes:
    """Return the first `count` plain bytes of a file, fewer if it holds fewer.

    Raises
    ------
    ReadError
        If the file cannot be read, or its compressed stream is corrupt.
    """
    with reading(path), path.open("rb", buffering=0) as file:
        head = file.read(max(count, 4))
    kind = _kind_of(head)
    return CompressedStream(path, kind).read(count) if kind else head[:count]


def read_exactly(path: Path, offset: int, target: memoryview) -> None:
    """Fill `target`, a writable byte view, with the bytes of the file from `offset` on.

    Raises
    ------
    ReadError
        If the file ends before.
    """
    filled = 0
    with reading(path), path.open("rb", buffering=0) as file:
        file.seek(offset)
        while filled < len(target):
            count = file.readinto(target[filled:])
            if not count:
                raise truncated(path, offset + len(target), file.seek(0, 2))
            filled += count


_AGAIN: Final = "Copy or download the file again"


def truncated(path: Path, expected: int, found: int, kind: str = "") -> ReadError:
    """Return the error for a file that ends too early.

    With a `kind` of compression, `found` is the most that the file can hold.
    """
    there = f"its {kind} stream can hold at most {found}" if kind else f"{found} were found"
    return ReadError(
        str(path),
        f"the file is cut short: {expected} bytes were expected, {there}",
        f"{_AGAIN}; its header may also be wrong",
    )


def ends_early(path: Path, expected: int) -> ReadError | None:
    """Return the error for a compressed file that ends within its stream, if it is one.

    Parameters
    ----------
    path : Path
    expected : int
        How many plain bytes were wanted; it holds fewer.
    """
    kind = compression_of(path)
    if not kind:
        return None
    stream = CompressedStream(path, kind)
    stream.read(expected)
    return stream.cut_off(expected) if stream.is_cut_off else None


def _gzip() -> Decompressor:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _bzip2() -> Decompressor:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor()


def _zstd() -> Decompressor:
    try:
        from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports.zstd import ZstdDecompressor
    made: Decompressor = ZstdDecompressor()
    return made


_DECOMPRESSORS: Final[dict[str, Callable[[], Decompressor]]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "zstd": _zstd,
    "compress": UnixDecompressor,
}


class CompressedStream:
    """The plain bytes of a compressed file, from first to last.

    Between calls it keeps the decompressor and its place in the file, but no open file. Several
    compressed members after each other (bgzip, ``cat a.gz b.gz``) read as one.

    Parameters
    ----------
    path : Path
    kind : {"gzip", "bzip2", "zstd", "compress"}
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self.rewind()

    def rewind(self) -> None:
        """Make the first plain byte the next one."""
        self.position = 0
        self._decompressor = _DECOMPRESSORS[self.kind]()
        self._between_members = False
        self._offset = 0
        self._block = memoryview(b"")
        self._carried = b""

    def read(self, count: int) -> bytes:
        """Return the next `count` plain bytes, fewer at the end of the stream."""
        buffer = bytearray(min(count, longest_content(self.path, self.kind)))
        with memoryview(buffer) as view:
            filled = self._fill(view)
        return bytes(buffer[:filled])

    def read_into(self, target: memoryview) -> None:
        """Fill `target`, a writable byte view, with the next plain bytes.

        Raises
        ------
        ReadError
            If the stream ends before.
        DecodeError
            If it is corrupt.
        """
        start = self.position
        filled = self._fill(target)
        if filled < len(target):
            wanted = start + len(target)
            if self.is_cut_off:
                raise self.cut_off(wanted)
            raise truncated(self.path, wanted, start + filled)

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ended before its stream did, once nothing more can be read.

        A stream of ``compress`` does not say where it ends.
        """
        is_at_end = self._decompressor.eof or self._between_members
        return not is_at_end and self.kind != "compress"

    def cut_off(self, expected: int) -> ReadError:
        """Return the error for a stream that ended after less than `expected` plain bytes."""
        return ReadError(
            str(self.path),
            f"the file is cut short: its {self.kind} stream ends early, after {self.position}"
            f" bytes unpacked; {expected} were expected",
            _AGAIN,
        )

    def skip(self, count: int) -> None:
        """Pass over `count` plain bytes."""
        scratch = memoryview(bytearray(min(count, _BLOCK)))
        while count:
            part = scratch[: min(count, _BLOCK)]
            self.read_into(part)
            count -= len(part)

    def check_end(self) -> None:
        """Let the decompressor see its checksum, if the plain bytes end here."""
        with reading(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(self._offset)
            while not self._block and not self._decompressor.eof and self._refill(file):
                pass

    def _fill(self, target: memoryview) -> int:
        filled = self._take(target)
        if filled < len(target):
            with reading(self.path), self.path.open("rb", buffering=0) as file:
                file.seek(self._offset)
                while filled < len(target) and self._refill(file):
                    filled += self._take(target[filled:])
        self.position += filled
        return filled

    def _take(self, target: memoryview) -> int:
        count = min(len(target), len(self._block))
        target[:count] = self._block[:count]
        self._block = self._block[count:]
        return count

    def _refill(self, file: BinaryIO | Any) -> bool:
        """Decompress one more block; return whether the stream goes on."""
        if self._decompressor.eof:
            self._carried = self._decompressor.unused_data
            self._decompressor = _DECOMPRESSORS[self.kind]()
            self._between_members = True
        data, self._carried = self._carried, b""
        if not data and self._decompressor.needs_input:
            data = file.read(_CHUNK) or b""
            self._offset += len(data)
            if not data:
                return False
        if self._between_members:
            # Tapes and some tools pad with zeros after the last member.
            data = data.lstrip(b"\0")
            self._between_members = not data
        if data or not self._between_members:
            self._block = memoryview(self._decompressed(data))
        return True

    def _decompressed(self, data: bytes) -> bytes:
        try:
            return self._decompressor.decompress(data, _BLOCK)
        # The three libraries raise unrelated classes: IsalError, OSError, ZstdError.
        except Exception as error:
            raise DecodeError(
                str(self.path),
                f"the {self.kind} stream is corrupt after {self.position} plain bytes ({error})",
                "Copy or download the file again",
            ) from error
