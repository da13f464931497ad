"""Files of the Unix program ``compress`` (``.Z``), which AFNI may write.

LZW with codes that grow from 9 to at most 16 bits, lowest bit first. Python has no reader for
it. The program reads and writes codes in groups of eight, so that whenever the width changes,
the rest of a group is padding.
"""

from __future__ import annotations

from typing import Final

_CLEAR: Final = 256
_FIRST_WIDTH: Final = 9
_LITERALS: Final = [bytes([n]) for n in range(256)]


class UnixDecompressor:
    """A decompressor with the interface of ``bz2.BZ2Decompressor``; the file's end is the end."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self._data = b""
        self._bit = 0
        self._group_start = 0
        self._max_width = 0
        self._has_clear = False
        self._width = _FIRST_WIDTH
        self._table = list(_LITERALS)
        self._previous: bytes | None = None
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at least one code's worth of plain bytes, and no more codes than needed.

        Raises
        ------
        ValueError
            If a code names what was never said.
        """
        self._data = self._data[self._drop() :] + data
        if not self._max_width and not self._read_header():
            return b""
        out = bytearray()
        while max_length < 0 or len(out) < max_length:
            code = self._next_code()
            if code is None:
                self.needs_input = True
                return bytes(out)
            out += self._plain(code)
        self.needs_input = False
        return bytes(out)

    def _drop(self) -> int:
        """Forget whole bytes before the current group; return how many."""
        n_bytes = self._group_start // 8
        self._bit -= 8 * n_bytes
        self._group_start -= 8 * n_bytes
        return n_bytes

    def _read_header(self) -> bool:
        if len(self._data) < 3:
            return False
        flags = self._data[2]
        self._max_width, self._has_clear = flags & 0x1F, bool(flags & 0x80)
        if not _FIRST_WIDTH <= self._max_width <= 16:
            raise ValueError(f"codes of {self._max_width} bits are none of compress's")
        if self._has_clear:
            self._table.append(b"")
        self._bit = self._group_start = 24
        return True

    def _next_code(self) -> int | None:
        if len(self._table) > (1 << self._width) - 1 and self._width < self._max_width:
            self._pad()
            self._width += 1
        end = self._bit + self._width
        if end > 8 * len(self._data):
            return None
        chunk = int.from_bytes(self._data[self._bit >> 3 : (end + 7) >> 3], "little")
        code = (chunk >> (self._bit & 7)) & ((1 << self._width) - 1)
        self._bit = end
        if (end - self._group_start) % (8 * self._width) == 0:
            self._group_start = end
        return code

    def _pad(self) -> None:
        """Pass over the rest of a group of eight codes."""
        group = 8 * self._width
        self._bit += -(self._bit - self._group_start) % group
        self._group_start = self._bit

    def _plain(self, code: int) -> bytes:
        if code == _CLEAR and self._has_clear:
            self._pad()
            self._width = _FIRST_WIDTH
            self._table = list(_LITERALS)
            self._previous = b"\0"  # makes the entry that stands for the clear code itself
            return b""
        if self._previous is None:
            entry = self._table[code]
        else:
            if code > len(self._table):
                raise ValueError(f"code {code} of {len(self._table)} known ones")
            is_new = code == len(self._table)
            entry = self._previous + self._previous[:1] if is_new else self._table[code]
            if len(self._table) < 1 << self._max_width:
                self._table.append(self._previous + entry[:1])
        self._previous = entry
        return entry
