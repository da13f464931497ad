"""What is done, kept beside the outputs: one line of JSON a step, the last one counts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
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

    def files(self) -> set[str]:
        """Return every file that was written, absolute."""
        return {str(self.target / file) for r in self._records.values() for file in r.files}

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
