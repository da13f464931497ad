"""The shape of a row of ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari_medvol.formats.choices import Choices
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.encoding import Encoding
from napari_medvol.headers import Element, Form, Varying
from napari_medvol.volume import Kind, Volume

T = TypeVar("T")

#: Told (done, all) now and then; all is 0 while files are still looked for. What it raises
#: ends the reading and reaches the caller.
Progress = Callable[[int, int], None]


def unheard(done: int, total: int) -> None:
    """Take progress that nobody asked for."""


def counted(items: Sequence[T], progress: Progress) -> Iterator[T]:
    """Yield the items, telling how many are done."""
    for number, item in enumerate(items):
        progress(number, len(items))
        yield item
    progress(len(items), len(items))


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer did.

    Parameters
    ----------
    encoding : Encoding
        How values became stored numbers.
    notes : tuple of str
        What the format could not keep beside the values.
    reads : tuple of Path
        What to read back, where that is not the target itself.
    expected : Volume, optional
        What it must give back, where the format keeps the same voxels at the same places in
        another order, or other numbers for the same labels. By default the volume itself.
    """

    encoding: Encoding
    notes: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()
    expected: Volume | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One file format: how to know it, how to read it, how to write it.

    Parameters
    ----------
    name : str
        For people.
    suffixes : tuple of str
        Lower-case, longest first, with their dots.
    patterns : tuple of str
        ``fnmatch`` patterns of names that have no telling suffix, for the viewer's manifest. A
        row without them is only asked about files with one of its suffixes.
    matches : callable
        Path of a file to whether this row reads it. Cheap: looks at the name and at most at
        the first bytes, never imports a heavy library.
    read : callable
        Files of this format, the choices, and whom to tell of progress, to volumes. Raises
        ``ReadError`` naming the file.
    together : bool
        Whether files given together may belong together (slices of one series), so that they
        must reach `read` in one call.
    values : tuple of str
        What ``value`` of the choices may be.
    write : callable, optional
        Volume, target, the choices, and whom to tell of progress, to what was done. The target
        is in a folder of its own and not there yet; files beside it belong to it. Raises
        ``WriteError``; never changes the volume.
    writes : tuple of str
        Suffixes of targets that `write` takes, longest first.
    writes_folders : bool
        Whether a target without a suffix is a folder for `write`.
    kinds : tuple of str
        Kinds of volumes that `write` takes.
    facts : callable, optional
        Volume to what its header says in the words of BIDS, nothing that tells whose scan it
        is; empty for a volume of another format.
    directions : callable, optional
        Volume to the direction (LPS+, unit length, or empty) of each entry of its axis ``b``;
        None for a volume of another format.
    elements : callable, optional
        Volume, and the number of one of its planes, to the whole header of the file behind it;
        None for a volume of another format. Told in words where nothing is given.
    forms : callable, optional
        Volume to the matrices that its header offers; none for a volume of another format.
    varying : callable, optional
        Volume, and whom to tell of progress, to what is not the same for all planes; nothing
        for a volume of another format.
    why_kept : callable, optional
        A folder that is there to why `write` must not replace it, in words; empty if it may.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[Path], bool]
    read: Callable[[Sequence[Path], Choices, Progress], list[Volume]]
    patterns: tuple[str, ...] = ()
    together: bool = False
    values: tuple[str, ...] = ("real", "stored")
    write: Callable[[Volume, Path, WriteChoices, Progress], Written] | None = None
    writes: tuple[str, ...] = ()
    writes_folders: bool = False
    kinds: tuple[Kind, ...] = ("image", "labels")
    facts: Callable[[Volume], dict[str, Any]] | None = None
    directions: Callable[[Volume], tuple[tuple[float, ...], ...] | None] | None = None
    elements: Callable[[Volume, int], tuple[Element, ...] | None] | None = None
    forms: Callable[[Volume], tuple[Form, ...]] | None = None
    varying: Callable[[Volume, Progress], tuple[Varying, ...]] | None = None
    why_kept: Callable[[Path], str] | None = None


def has_suffix(path: Path, suffixes: Sequence[str]) -> bool:
    """Return whether the file's name ends with one of `suffixes`, whatever the case."""
    return path.name.lower().endswith(tuple(suffixes))
