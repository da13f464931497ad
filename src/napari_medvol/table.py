"""Rows and columns that print, and go to CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A frozen table.

    Parameters
    ----------
    columns : tuple of str
        Names, with units where they have one.
    rows : tuple of tuple
        One value per column; None for unknown.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{wrong[0]} does not have the {len(self.columns)} columns")

    def to_csv(self) -> str:
        """Return the table as CSV (RFC 4180), the columns in the first line."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(self.columns)
        writer.writerows(["" if v is None else v for v in row] for row in self.rows)
        return out.getvalue()

    def to_tsv(self) -> str:
        """Return the table with tabs between the cells, as spreadsheets take it when pasted.

        Tabs and line breaks within a cell become spaces.
        """
        rows = [self.columns, *self.rows]
        cells = ("\t".join(" ".join(_cell(v).split()) for v in row) for row in rows)
        return "\n".join(cells) + "\n"

    def to_json(self) -> str:
        """Return the table as a JSON list of objects, keys in the order of the columns."""
        records = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return json.dumps(records, indent=1, ensure_ascii=False)

    def __str__(self) -> str:
        """Read as a person would: columns aligned."""
        cells = [self.columns, *(tuple(map(_shown, row)) for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        return "\n".join(_line(row, widths) for row in cells)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
