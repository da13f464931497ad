"""What is done, kept beside the outputs: one line of JSON a step, the last one counts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from napari_medvol.batch.work import Made, is_as_made

#: Hidden, so that nobody who reads the folder takes it for a scan.
FOLDER: Final = ".napari-medvol"
_NAME: Final = "converted.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one output.

    Parameters
    ----------
    output : str
        Relative to the target folder.
    base : str
        Its name before it was told apart from others of the same name.
    source : str
        Which scan it is of: its place in the source and its series.
    recipe : str
        Sum of the steps and choices.
    signature, content : str
        Of the input: its names, sizes and times, and its bytes.
    state : {"begun", "written", "failed"}
    files : tuple of str
        Relative to the target folder.
    size, mtime_ns, sha256
        As of :class:`~napari_medvol.batch.work.Made`.
    row : mapping
        What the report said of it.
    root : str
        The source that places are relative to, itself relative to the target folder; empty in
        ledgers of versions before.
    """

    output: str
    base: str
    source: str
    recipe: str
    signature: str
    state: str = "begun"
    content: str = ""
    files: tuple[str, ...] = ()
    size: int = 0
    mtime_ns: int = 0
    sha256: str = ""
    row: Mapping[str, Any] | None = None
    root: str = ""


class Ledger:
    """The records of a target folder.

    Parameters
    ----------
    target : Path
        The folder of the outputs; made when the first record is added.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target / FOLDER
        self._records: dict[str, Record] = {}
        self._file: Any = None
        path = self.folder / _NAME
        if path.exists():
            with path.open(encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    self._take(line)

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
            record = Record(**{**said, "files": tuple(said.get("files", ()))})
        except (ValueError, TypeError):
            return  # the last line of a run that was killed
        self._records[record.output] = record

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def of(self, output: str) -> Record | None:
        """Return what is known of an output."""
        return self._records.get(output)

    def names(self) -> dict[tuple[str, str], str]:
        """Return the output that each scan had: (source, base) to its name."""
        return {(r.source, r.base): r.output for r in self._records.values()}

    def files(self, within: Sequence[Path] | None = None) -> set[str]:
        """Return every file that was written, absolute.

        Parameters
        ----------
        within : sequence of Path, optional
            Resolved; only what was made of sources at or below these.
        """
        return {
            str(self.target / file)
            for record in self._records.values()
            if within is None or self._is_of(record, within)
            for file in record.files
        }

    def _is_of(self, record: Record, places: Sequence[Path]) -> bool:
        root = (self.target / record.root).resolve() if record.root else None
        return root is not None and any(root.is_relative_to(place) for place in places)

    def made(self, record: Record) -> Made:
        """Return what the record says was made, with absolute paths."""
        files = tuple(str(self.target / file) for file in record.files)
        return Made(files, record.size, record.mtime_ns, record.sha256)

    def is_ours(self, output: str) -> bool:
        """Return whether what is at `output` is ours alone: unfinished, or as we left it."""
        record = self.of(output)
        if record is None or record.state == "failed":
            return False
        return record.state == "begun" or is_as_made(self.made(record))

    def add(self, record: Record) -> None:
        """Keep a record, also through the end of this process."""
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / _NAME).open("ab", buffering=0)
            if self._file.tell():
                self._file.write(b"\n")  # after a line that a killed run left unfinished
        said = {name: getattr(record, name) for name in Record.__dataclass_fields__}
        # Names on a disk may be no text at all.
        line = json.dumps(said, ensure_ascii=False).encode(errors="surrogateescape")
        self._file.write(line + b"\n")
        self._records[record.output] = record

    def flush(self) -> None:
        """Bring what was added to the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())


class EarlierOutputs:
    """The files below some places that were made of what lies there: they are no inputs.

    Ledgers are looked for in every folder that is asked about. All that is in the ledger of this
    conversion counts; of others, what was made of the same places, for it is made of inputs that
    are converted themselves.

    Parameters
    ----------
    places : sequence of Path
        The source.
    target : Path
        The folder of the outputs.
    """

    def __init__(self, places: Sequence[Path], target: Path) -> None:
        self._tops = {str(place) for place in places}
        self._places = [place.resolve() for place in places]
        self._target = target.resolve()
        self._known: dict[str, tuple[set[str], ...]] = {}

    def __contains__(self, path: str) -> bool:
        """Whether a file is such an output; its path begins as that of its place does."""
        return any(path in files for files in self._above(os.path.dirname(path)))  # noqa: PTH120

    def _above(self, folder: str) -> tuple[set[str], ...]:
        """Return what each ledger in a folder, and above it as far as the source, tells."""
        found = self._known.get(folder)
        if found is None:
            parent = os.path.dirname(folder)  # noqa: PTH120 - asked for every file
            is_top = folder in self._tops or parent == folder
            found = (*self._in(Path(folder)), *(() if is_top else self._above(parent)))
            self._known[folder] = found
        return found

    def _in(self, folder: Path) -> tuple[set[str], ...]:
        if not (folder / FOLDER / _NAME).exists():
            return ()
        is_own = folder.resolve() == self._target
        return (Ledger(folder).files(None if is_own else self._places),)
