"""What became of each scan, as a table and as a file."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from napari_medvol.batch.work import Outcome
from napari_medvol.errors import WriteError
from napari_medvol.formats import PathLike
from napari_medvol.table import Table

COLUMNS: Final = (
    "input",
    "output",
    "status",
    "seconds",
    "shape",
    "dtype",
    "largest error",
    "corners (mm)",
    "loss",
    "problem",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report.

    Parameters
    ----------
    input : str
        File or folder, relative to the source.
    output : str
        Relative to the target folder.
    status : {"written", "there", "failed", "stopped"}
    seconds : float or None
    shape : str or None
        Voxels along i, j, k and the extra axes: ``"512×512×175"``.
    dtype : str or None
        Of the stored numbers.
    error : float or None
        Largest difference of a value read back, in the unit of the values.
    corners : float or None
        Largest distance of a corner read back from its place, mm.
    loss : str
    problem : str
        Why it failed, or what was odd.
    """

    input: str
    output: str
    status: str
    seconds: float | None = None
    shape: str | None = None
    dtype: str | None = None
    error: float | None = None
    corners: float | None = None
    loss: str = ""
    problem: str = ""

    @classmethod
    def of(cls, place: str, output: str, outcome: Outcome) -> Self:
        """Return the row of what became of a volume."""
        proof = outcome.certificate
        if proof is None:
            return cls(place, output, outcome.status, problem=outcome.problem)
        return cls(
            place,
            output,
            outcome.status,
            round(outcome.seconds, 3),
            "×".join(map(str, proof.shape)),
            proof.dtype,
            proof.largest_error,
            proof.corner_displacement,
            proof.loss,
            outcome.problem,
        )

    def as_json(self) -> dict[str, Any]:
        """Return its fields."""
        return asdict(self)


def table_of(rows: Iterable[Row]) -> Table:
    """Return the rows as a table with the columns ``COLUMNS``."""
    names = [field.name for field in fields(Row)]
    return Table(COLUMNS, tuple(tuple(getattr(row, name) for name in names) for row in rows))


def report_path(path: PathLike | None) -> Path | None:
    """Return where the report goes, its folder made: hours of work must not end in an error.

    Raises
    ------
    WriteError
        If nothing can be written there.
    """
    if path is None:
        return None
    place = Path(path).expanduser().absolute()
    with _writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() or not os.access(place.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "no file can be written there")
    return place


def saved(table: Table, place: Path | None) -> None:
    """Write the table, JSON if the name ends so, else CSV; nothing if there is no name.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    if place is None:
        return
    text = table.to_json() if place.suffix.lower() == ".json" else table.to_csv()
    aside = place.with_name(f".{place.name}.{os.getpid()}.part")
    with _writing(place):
        try:
            with aside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                file.write(text)
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"the report cannot be written: {error.strerror or error}"
        raise WriteError(str(place), why, "Name another file") from error
