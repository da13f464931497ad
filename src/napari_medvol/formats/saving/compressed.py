"""Bytes into a file, plain or compressed: one member that every reader of its kind knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

#: isal has levels 0 to 3; above them zlib takes longer and saves more.
_ISAL_LEVEL: Final = 2
_MOST_OF_ISAL: Final = 3
_GZIP_THREADS: Final = 2
_GZIP_BLOCK: Final = 1 << 20
_BZ2_LEVEL: Final = 9
_ZSTD_LEVEL: Final = 3

Write = Callable[[Any], None]


class Compressor(Protocol):
    """What isal, bz2 and zstd have in common."""

    def compress(self, data: Any) -> bytes:
        """Return what is ready of the compressed bytes."""
        ...

    def flush(self) -> bytes:
        """Return the rest."""
        ...


@contextmanager
def compressing(path: Path, level: int | None = None) -> Iterator[Write]:
    """Open a new file and give a function that writes bytes-like chunks, one after another.

    The same chunks give the same bytes: no time and no name is written into the file.

    Parameters
    ----------
    path : Path
        ``.gz``, ``.bz2`` and ``.zst`` are compressed, anything else is plain.
    level : int, optional
        From 0 (fast) to 9 (small).
    """
    if _is_gzip(path) and (level is None or level <= _MOST_OF_ISAL):
        with _threaded_gzip(path, _ISAL_LEVEL if level is None else level) as file:
            yield lambda chunk: _write_all(file, chunk)
        return
    with path.open("xb") as file:
        compressor = _compressor(path, level)
        if compressor is None:
            yield lambda chunk: _write_all(file, chunk)
            return
        yield lambda chunk: _write_all(file, compressor.compress(chunk))
        _write_all(file, compressor.flush())


def _write_all(file: Any, chunk: Any) -> None:
    file.write(chunk)


def _is_gzip(path: Path) -> bool:
    return path.name.lower().endswith((".gz", ".mgz"))


def _threaded_gzip(path: Path, level: int) -> Any:
    """Return a file that two threads compress, as one member.

    The blocks are of one size, so the bytes do not depend on how fast either thread was.
    """
    from isal import igzip_threaded

    return igzip_threaded.open(  # type: ignore[no-untyped-call]
        path, "xb", compresslevel=level, threads=_GZIP_THREADS, block_size=_GZIP_BLOCK
    )


def _compressor(path: Path, level: int | None) -> Compressor | None:
    name = path.name.lower()
    if _is_gzip(path):
        import zlib

        return zlib.compressobj(level or 0, zlib.DEFLATED, 31)
    if name.endswith(".bz2"):
        import bz2

        return bz2.BZ2Compressor(max(1, _BZ2_LEVEL if level is None else level))
    if name.endswith(".zst"):
        return _zstd(level)
    return None


def _zstd(level: int | None) -> Compressor:
    import sys

    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdCompressor
    else:
        from backports.zstd import ZstdCompressor

    made: Compressor = ZstdCompressor(_ZSTD_LEVEL if level is None else max(level, 1))
    return made
