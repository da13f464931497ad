"""Exporting: pictures drawn and encoded in threads, put in place one after the other."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from napari_medvol.errors import WriteError
from napari_medvol.views.slices.annotations import Annotator
from napari_medvol.views.slices.drawing import Drawn, Painter, Shade, painter
from napari_medvol.views.slices.encoding import encoded, png
from napari_medvol.views.slices.files import gif, make_folder, montage, stack, written
from napari_medvol.views.slices.manifest import Entry, Manifest, sha256_of
from napari_medvol.views.slices.plan import Piece, Settings
from napari_medvol.volume import Volume

Progress = Callable[[int, int], Any]
Made = Generator[Any, None, None]

_THREADS: Final = min(os.cpu_count() or 1, 4)
#: Pictures that may wait for their turn: memory does not grow with their number.
_AHEAD: Final = 2 * _THREADS


class Exported(list[Path]):
    """The paths of the pictures, in order, and what happened.

    Attributes
    ----------
    folder : Path
    manifest : Path
        CSV with one line a picture.
    n_pictures : int
        Pictures in those files.
    n_skipped : int
        Files that were there already, made by an earlier run with the same settings.
    clipped_percent : float
        Share of all values that the pictures cannot show: below black, above white, not finite.
    notes : tuple of str
        What somebody should know.
    """

    def __init__(self, folder: Path, manifest: Path) -> None:
        super().__init__()
        self.folder, self.manifest = folder, manifest
        self.n_pictures = self.n_skipped = 0
        self.clipped_percent = 0.0
        self.notes: tuple[str, ...] = ()

    def weigh(self, entries: Sequence[Entry]) -> None:
        """Take the share of clipped values from the pictures' entries."""
        sizes = [entry.width * entry.height for entry in entries]
        clipped = sum(e.clipped_percent * n for e, n in zip(entries, sizes, strict=True))
        self.clipped_percent = clipped / max(sum(sizes), 1)

    def __str__(self) -> str:
        """Say what was done."""
        files = "1 file" if len(self) == 1 else f"{len(self):,} files"
        text = f"{self.n_pictures:,} pictures in {files} in {self.folder}"
        if self.n_skipped:
            text += f", {self.n_skipped:,} of them there already"
        text += f"; {self.clipped_percent:.3g} % of the values clipped"
        return "\n".join([text, *self.notes])


class Drawing(NamedTuple):
    """How the pictures of one grid are made."""

    painter: Painter
    annotator: Annotator


class Run:
    """One export.

    Parameters
    ----------
    folder : Path
    settings : Settings
    shades : sequence of Shade
        What is drawn.
    reference : Volume
        What the grids were made for.
    pieces : sequence of Piece
    mark : callable
        Gives the checksum of everything that decides what the pictures look like, but for
        the grid. It may take a while.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        shades: Sequence[Shade],
        reference: Volume,
        pieces: Sequence[Piece],
        mark: Callable[[], str],
    ) -> None:
        self.folder, self.settings, self.pieces = folder, settings, pieces
        self._mark, self._marks = mark, dict[int, str]()
        self._drawings = {
            id(grid): Drawing(
                painter(shades, reference, grid, settings.interpolation),
                Annotator(grid, settings.letters, settings.scale_bar, settings.position),
            )
            for grid in {id(piece.grid): piece.grid for piece in pieces}.values()
        }

    @property
    def n_pictures(self) -> int:
        """How many pictures there are in all files."""
        return sum(len(piece.numbers) for piece in self.pieces)

    def open(self, overwrite: bool) -> tuple[Manifest, set[str]]:
        """Return the manifest, and the files that are there already and need not be made.

        Raises
        ------
        WriteError
            If a file is there that these settings did not make, and is not to be overwritten.
        """
        mark = self._mark()
        for piece in self.pieces:
            grid = piece.grid
            content = f"{mark} {grid.shape} ".encode() + grid.affine.tobytes()
            self._marks[id(grid)] = hashlib.sha256(content).hexdigest()[:16]
        manifest = Manifest(self.folder)
        done, foreign = set(), []
        for piece in self.pieces if not overwrite else ():
            if manifest.is_done(piece.name, self._marks[id(piece.grid)]):
                done.add(piece.name)
            elif (self.folder / piece.name).exists():
                foreign.append(piece.name)
        if foreign:
            more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
            raise WriteError(
                str(self.folder / foreign[0]),
                f"it is there already{more}, made otherwise or by somebody else",
                "Choose another folder, or overwrite",
            )
        return manifest, done

    def __call__(self, manifest: Manifest, done: set[str], progress: Progress) -> list[Entry]:
        """Make the files that are not done; return the entries of all.

        Parameters
        ----------
        manifest : Manifest
        done : set of str
            Of :meth:`open`.
        progress : callable
            Told how many pictures are done, of how many. What it raises ends the work: files
            that are there are whole then, and are not made again by another run.

        Raises
        ------
        WriteError
            If a file cannot be written.
        """
        for folder in {(self.folder / piece.name).parent for piece in self.pieces}:
            make_folder(folder)
        entries: list[Entry] = []
        total = self.n_pictures
        made = self._planes if self.settings.is_whole_plane else self._singles

        def tell(more: int) -> None:
            progress(len(entries) + more, total)

        with ThreadPoolExecutor(_THREADS, "medvol-slices") as pool:
            try:
                for new in made(pool, manifest, done, tell):
                    entries += new
                    tell(0)
            finally:
                manifest.tidy()
        return entries

    def _singles(
        self,
        pool: ThreadPoolExecutor,
        manifest: Manifest,
        done: set[str],
        tell: Callable[[int], None],
    ) -> Iterator[list[Entry]]:
        """Make files of one picture each: drawn, encoded and written in threads."""

        def make(piece: Piece) -> tuple[Drawn, bytes] | None:
            if piece.name in done:
                return None
            drawn = self.drawn(piece, piece.numbers[0])
            asked = self.settings
            kind: Any = asked.format
            return drawn, encoded(drawn.picture, kind, piece.grid.pixel_mm, asked.quality)

        with closing(_in_order(pool, make, self.pieces)) as ready:
            for piece, made in zip(self.pieces, ready, strict=True):
                if made is None:
                    yield manifest.entries[piece.name]
                    continue
                drawn, content = made
                check = hashlib.sha256(content).hexdigest()
                with written(self.folder / piece.name) as part:
                    part.write_bytes(content)
                    entries = self._entries(piece, [drawn], check)
                    manifest.add(entries)
                yield entries

    def _planes(
        self,
        pool: ThreadPoolExecutor,
        manifest: Manifest,
        done: set[str],
        tell: Callable[[int], None],
    ) -> Iterator[list[Entry]]:
        """Make files of many pictures each: drawn in threads, written in their order."""
        for piece in self.pieces:
            if piece.name in done:
                yield manifest.entries[piece.name]
                continue
            counts: list[Drawn] = []

            def pictures(piece: Piece = piece, counts: list[Drawn] = counts) -> Made:
                draw = partial(self.drawn, piece)
                with closing(_in_order(pool, draw, piece.numbers)) as ready:
                    for drawn in ready:
                        shape = drawn.picture.shape
                        counts.append(drawn._replace(picture=np.empty((*shape[:2], 0))))
                        tell(len(counts))
                        yield drawn.picture

            with written(self.folder / piece.name) as part:
                self._put_together(part, piece, pictures())
                entries = self._entries(piece, counts, sha256_of(part))
                manifest.add(entries)
            yield entries

    def _put_together(self, part: Path, piece: Piece, pictures: Made) -> None:
        asked, grid = self.settings, piece.grid
        with closing(pictures):
            if asked.format == "gif":
                gif(part, pictures, asked.fps)
            elif asked.format == "tiff stack":
                apart = abs(piece.numbers[1] - piece.numbers[0]) if len(piece.numbers) > 1 else 1
                voxel = (apart * grid.step_mm, *grid.pixel_mm)
                stack(part, pictures, len(piece.numbers), voxel)
            else:
                sheet = montage(pictures, len(piece.numbers), asked.grid)
                part.write_bytes(png(sheet, grid.pixel_mm))

    def drawn(self, piece: Piece, number: int) -> Drawn:
        """Return one picture, with everything drawn into it."""
        drawing = self._drawings[id(piece.grid)]
        drawn = drawing.painter.draw(number, piece.frame)
        return drawn._replace(picture=drawing.annotator.drawn(drawn.picture, number))

    def _entries(self, piece: Piece, drawn: Sequence[Drawn], check: str) -> list[Entry]:
        grid, drawing = piece.grid, self._drawings[id(piece.grid)]
        resampling = self.settings.interpolation if drawing.painter.is_interpolated else "none"
        entries = []
        for page, (number, one) in enumerate(zip(piece.numbers, drawn, strict=True)):
            r, a, s = (round(float(mm), 4) for mm in grid.centre(number))
            rows, columns = one.picture.shape[:2]
            entries.append(
                Entry(
                    piece.name,
                    page,
                    grid.plane,
                    grid.axis,
                    number,
                    piece.frame,
                    round(grid.position(number), 4),
                    r,
                    a,
                    s,
                    columns,
                    rows,
                    round(grid.pixel_mm[1], 6),
                    round(grid.pixel_mm[0], 6),
                    resampling,
                    round(100 * one.n_clipped / max(one.n_values, 1), 4),
                    check,
                    self._marks[id(grid)],
                )
            )
        return entries


def _in_order(pool: ThreadPoolExecutor, do: Callable[[Any], Any], items: Iterable[Any]) -> Made:
    """Yield what `do` makes of each item, in order; few are under way at a time."""
    waiting: deque[Future[Any]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(do, item))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
