"""Four lines of four numbers: RAS+ mm of the moving scan to RAS+ mm of the fixed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.errors import ReadError
from napari_medvol.volume import Volume

_SAYS = "RAS+ mm of the moving scan to RAS+ mm of the fixed scan"


def read(path: Path, moving: Volume | None, fixed: Volume | None) -> Affine:
    """Return the matrix of a text file.

    Raises
    ------
    ReadError
        If it holds anything but four lines of four numbers.
    """
    return matrix_of_text(path.read_text(encoding="utf-8"), path)


def write(matrix: Affine, moving: Volume | None, fixed: Volume | None) -> str:
    """Return the content of a text file."""
    return f"# {_SAYS}\n{rows_of(matrix)}"


def matrix_of_text(text: str, path: Path) -> Affine:
    """Return four lines of four numbers, spaces or commas between them; ``#`` begins a comment.

    Raises
    ------
    ReadError
        If it is anything else.
    """
    lines = [line.partition("#")[0].replace(",", " ").split() for line in text.splitlines()]
    return matrix_of_words([line for line in lines if line], path)


def matrix_of_words(rows: list[list[str]], path: Path) -> Affine:
    """Return rows of words as a (4, 4) array.

    Raises
    ------
    ReadError
        If they are not four rows of four numbers.
    """
    if [len(row) for row in rows] != [4] * 4:
        why = f"it holds {len(rows)} rows of numbers, not 4 rows of 4"
        raise ReadError(str(path), why, "Give four lines of four numbers")
    try:
        return np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise ReadError(str(path), str(error), "Give four lines of four numbers") from error


def rows_of(matrix: Affine, end: str = "") -> str:
    """Return a matrix as lines of numbers that read back the same."""
    lines = (" ".join(repr(float(value) + 0.0) for value in row) for row in matrix)
    return f"{end}\n".join(lines) + "\n"
