"""Where the compressed frames of a file lie. PS3.5 A.4."""

from __future__ import annotations

import struct
from typing import NamedTuple

from napari_medvol.errors import DecodeError
from napari_medvol.formats.dicom import tags, walk
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.walk import Fragment

_END_OF_IMAGE = b"\xff\xd9"
_COPY_AGAIN = "Copy the file again from its source"


class Frames(NamedTuple):
    """The fragments of each frame of one file."""

    path: str
    fragments: tuple[tuple[Fragment, ...], ...]

    def read(self, file: OpenFile, number: int) -> bytes:
        """Return the compressed bytes of frame `number`, zero-based.

        Raises
        ------
        DecodeError
            If there is no such frame, or the file is cut off within it.
        """
        if not 0 <= number < len(self.fragments):
            raise DecodeError(
                self.path,
                f"frame {number + 1} asked for, {len(self.fragments)} found in the pixel data",
                _COPY_AGAIN,
            )
        parts = [file.read_at(f.length, f.offset) for f in self.fragments[number]]
        n_found, n_bytes = sum(map(len, parts)), sum(f.length for f in self.fragments[number])
        if n_found < n_bytes:
            raise DecodeError(
                self.path,
                f"truncated: frame {number + 1} has {n_bytes} bytes, {n_found} found",
                _COPY_AGAIN,
            )
        return b"".join(parts)


def frames_of(file: OpenFile, header: Header) -> Frames:
    """Return where the frames of a file lie, by one look at the head of each fragment.

    The basic offset table tells which fragments make a frame; without one there is a fragment
    a frame (always so with an extended offset table, PS3.3 C.7.6.3.1.8), or the end-of-image
    markers tell.

    Raises
    ------
    DecodeError
        If the pixel data are no sequence of fragments.
    """
    assert header.pixels is not None
    path = str(header.path)
    items, _ = walk.fragments(file, header.pixels.offset)
    if len(items) < 2:
        raise DecodeError(path, "the pixel data hold no fragment", _COPY_AGAIN)
    packed = file.read_at(items[0].length // 4 * 4, items[0].offset)
    table = [offset for (offset,) in struct.iter_unpack("<L", packed[: len(packed) // 4 * 4])]
    n_frames = max(1, header.integer(tags.NUMBER_OF_FRAMES) or 1)
    return Frames(path, _grouped(file, items[1:], table, n_frames))


def _grouped(
    file: OpenFile, fragments: list[Fragment], table: list[int], n_frames: int
) -> tuple[tuple[Fragment, ...], ...]:
    if n_frames == 1:
        return (tuple(fragments),)
    if len(fragments) == n_frames:
        return tuple((fragment,) for fragment in fragments)
    first = fragments[0].offset
    starts = [first + offset for offset in table]
    if len(starts) == n_frames and set(starts) <= {f.offset for f in fragments}:
        ends = [*starts[1:], fragments[-1].offset + 1]
        return tuple(
            tuple(f for f in fragments if start <= f.offset < end)
            for start, end in zip(starts, ends, strict=True)
        )
    frames: list[list[Fragment]] = [[]]
    for fragment in fragments:
        frames[-1].append(fragment)
        tail = file.read_at(10, fragment.offset + max(0, fragment.length - 10))
        if _END_OF_IMAGE in tail:
            frames.append([])
    return tuple(tuple(frame) for frame in frames if frame)
