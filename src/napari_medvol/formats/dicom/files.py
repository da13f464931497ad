"""Positioned reads of a file, or of the deflated stream inside it."""

from __future__ import annotations

import io
import os
import stat
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import ReadError

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    # Opening a named pipe would wait for its other end.
    | getattr(os, "O_NONBLOCK", 0)
)
_PIECE: Final = 1 << 16

if hasattr(os, "preadv"):
    _read = os.pread

    def _read_some(fd: int, into: memoryview, offset: int) -> int:
        return os.preadv(fd, [into], offset)

else:  # Windows, older macOS

    def _read(fd: int, n_bytes: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, n_bytes)

    def _read_some(fd: int, into: memoryview, offset: int) -> int:
        piece = _read(fd, min(len(into), 1 << 20), offset)
        into[: len(piece)] = piece
        return len(piece)


class ByteSource(Protocol):
    """Bytes by position."""

    def read_at(self, n_bytes: int, offset: int) -> bytes:
        """Return up to `n_bytes` from `offset`; fewer only at the end."""
        ...

    def reaches(self, offset: int) -> bool:
        """Return whether there are at least `offset` bytes."""
        ...

    def end(self) -> int:
        """Return how many bytes there are."""
        ...


class OpenFile:
    """A regular file, open for positioned reads.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ReadError
        If it cannot be opened, or is no regular file.
    """

    __slots__ = ("fd", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.fd = os.open(path, _FLAGS)
        except OSError as error:
            raise _unreadable(path, error) from error
        status = os.fstat(self.fd)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            os.close(self.fd)
            raise ReadError(str(path), "is no regular file", "Give a file or its folder")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def expect(self, n_bytes: int) -> None:
        """Tell the system that the first `n_bytes` will be read soon."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.fd, 0, n_bytes, os.POSIX_FADV_WILLNEED)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        os.close(self.fd)

    def read_at(self, n_bytes: int, offset: int) -> bytes:
        """Return up to `n_bytes` from `offset`; fewer only at the end."""
        n_bytes = min(n_bytes, self.size - offset)
        if n_bytes <= 0 or offset < 0:
            return b""
        try:
            return _read(self.fd, n_bytes, offset)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def read_into(self, out: NDArray[Any], offset: int) -> int:
        """Fill the C-contiguous `out` from `offset`; return how many bytes there were."""
        view = out.reshape(-1).view(np.uint8).data
        done = 0
        try:
            while done < len(view):
                n_read = _read_some(self.fd, view[done:], offset + done)
                if n_read == 0:
                    break
                done += n_read
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return done

    def reaches(self, offset: int) -> bool:
        """Return whether the file has at least `offset` bytes."""
        return offset <= self.size

    def end(self) -> int:
        """Return the size of the file in bytes."""
        return self.size

    def stream(self) -> io.BufferedReader:
        """Return the file as a stream that never allocates more than is left of it."""
        return _Stream(io.FileIO(os.dup(self.fd), "rb"), self.size)


class _Stream(io.BufferedReader):
    """A stream whose ``read`` does not believe lengths beyond the end of the file."""

    def __init__(self, raw: io.FileIO, size: int) -> None:
        super().__init__(raw)
        self._size = size
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


class Inflated:
    """The deflated part of a file (PS3.5 A.5), inflated as far as it is asked for.

    What lies before the last read is let go: a small file can inflate to a thousand times
    its size.

    Parameters
    ----------
    file : OpenFile
    offset : int
        Where the deflated stream begins.
    """

    def __init__(self, file: OpenFile, offset: int) -> None:
        self._file = file
        self._start = offset
        self._rewind()

    def read_at(self, n_bytes: int, offset: int) -> bytes:
        """Return up to `n_bytes` from `offset`; fewer only at the end."""
        if offset < self._base:
            self._rewind()
        while self._base + len(self._kept) < offset + n_bytes:
            piece = self._next()
            if not piece:
                break
            self._kept += piece
            self._forget(offset)
        self._forget(offset)
        return bytes(self._kept[:n_bytes])

    def reaches(self, offset: int) -> bool:
        """Return whether at least `offset` bytes come out."""
        self.read_at(0, offset)
        return self.end() >= offset

    def end(self) -> int:
        """Return how many bytes have come out so far."""
        return self._base + len(self._kept)

    def _rewind(self) -> None:
        self._at = self._start
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._left = b""
        self._base = 0
        self._kept = bytearray()

    def _forget(self, before: int) -> None:
        n_past = min(before - self._base, len(self._kept))
        if n_past > 0:
            del self._kept[:n_past]
            self._base += n_past

    def _next(self) -> bytes:
        """Return the next bytes that come out; none at the end, or where the stream breaks."""
        while not self._inflater.eof:
            if not self._left:
                self._left = self._file.read_at(_PIECE, self._at)
                self._at += len(self._left)
            if not self._left:
                return b""
            try:
                piece = self._inflater.decompress(self._left, _PIECE)
            except zlib.error:
                return b""
            self._left = self._inflater.unconsumed_tail
            if piece:
                return piece
        return b""


def _unreadable(path: Path, error: OSError) -> ReadError:
    return ReadError(str(path), error.strerror or str(error), "Check the path and its permissions")
