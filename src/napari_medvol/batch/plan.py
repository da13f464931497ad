"""From what was found to jobs: joined where a series lies in several folders, and named.

What was found is kept in a file, not in memory: a tree may hold millions of files.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from napari_medvol.batch.finding import Found, Group, joined
from napari_medvol.batch.ledger import Ledger, Record
from napari_medvol.batch.names import (
    OWN_FIELDS,
    TakenNames,
    as_dicom2nifti,
    fields_of,
    filled,
)
from napari_medvol.errors import BatchError

#: Fields of dicom2nifti's names.
DICOM2NIFTI_FIELDS: Final = (
    "SeriesNumber",
    "SeriesDescription",
    "SequenceName",
    "ProtocolName",
    "SeriesInstanceUID",
)


@dataclass(frozen=True, slots=True)
class Naming:
    """How outputs are named.

    Parameters
    ----------
    template : str
    suffix : str
        With its dot; empty for folders.
    as_dicom2nifti : bool
        Names as dicom2nifti's instead of the template.
    """

    template: str
    suffix: str
    as_dicom2nifti: bool = False

    @property
    def wanted(self) -> tuple[str, ...]:
        """Fields of headers that are needed."""
        return DICOM2NIFTI_FIELDS if self.as_dicom2nifti else fields_of(self.template)

    def base(self, facts: dict[str, str], index: int) -> str:
        """Return the name of a scan before it is told apart from others of the same name."""
        if self.as_dicom2nifti:
            return as_dicom2nifti(facts)
        return filled(self.template, facts, index)


@dataclass(frozen=True, slots=True)
class Planned:
    """A scan with the names of its outputs.

    Parameters
    ----------
    number : int
        From 1, in the order of the tree.
    found : Found
    records : tuple of Record
        One a volume, as the ledger is to have them when its work begins.
    """

    number: int
    found: Found
    records: tuple[Record, ...]


class Plan:
    """The scans of a source, in the order of the tree, on disk until they are asked for."""

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile(prefix="medvol-plan-")  # noqa: SIM115
        self._places: list[tuple[tuple[int, int], int]] = []
        self._of_series: dict[str, list[int]] = {}
        self._fields: set[str] = set()
        self._group = Group(0, (), "")
        self.n_volumes = 0

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, group: Group, found: Sequence[Found]) -> None:
        """Take what a look at a group found."""
        self._group = group
        for one in found:
            offset = self._put(one)
            if one.series:
                self._of_series.setdefault(one.series, []).append(offset)

    def _put(self, found: Found) -> int:
        offset = self._file.seek(0, os.SEEK_END)
        pickle.dump(found, self._file)
        self._places.append((found.order, offset))
        self._fields.update(*found.facts)
        return offset

    def _at(self, offset: int) -> Found:
        self._file.seek(offset)
        found: Found = pickle.load(self._file)  # noqa: S301 - our own file
        return found

    def join(self) -> None:
        """Make one scan of each series whose files lie in several folders."""
        for offsets in self._of_series.values():
            if len(offsets) < 2:
                continue
            parts = sorted((self._at(offset) for offset in offsets), key=lambda part: part.order)
            self._places = [place for place in self._places if place[1] not in offsets]
            for number, one in enumerate(joined(parts, self._group)):
                order = parts[min(number, len(parts) - 1)].order
                self._put(replace(one, order=order))
        self._of_series.clear()
        self._places.sort()

    def check(self, naming: Naming) -> None:
        """Refuse a template none of whose scans knows one of its fields.

        Raises
        ------
        BatchError
            If there is such a field.
        """
        if naming.as_dicom2nifti or not self._fields:
            return
        unknown = set(naming.wanted) - self._fields - set(OWN_FIELDS) - _SPOKEN_OF
        if unknown:
            raise BatchError(
                f"template {naming.template!r}",
                f"no scan says its {', '.join(sorted(unknown))}",
                f"Take fields of its header, or {', '.join(OWN_FIELDS)}",
            )

    def planned(self, naming: Naming, ledger: Ledger, recipe: str) -> Iterator[Planned]:
        """Yield the scans with their names, in the order of the tree.

        A scan that an earlier run named keeps its name, whatever came into the tree since.
        """
        had = ledger.names()
        root = _relative_root(self._group.root, ledger.target)
        taken = TakenNames(_without(output, naming.suffix) for output in had.values())
        index = 0
        for number, (_, offset) in enumerate(self._places, start=1):
            found = self._at(offset)
            records = []
            for which, facts in enumerate(found.facts):
                index += 1
                base = naming.base(dict(facts), index)
                source = f"{found.place}|{found.series}|{which}"
                output = had.get((source, base + naming.suffix))
                if output is None:
                    output = taken.give(base) + naming.suffix
                base += naming.suffix
                records.append(Record(output, base, source, recipe, found.signature, root=root))
            yield Planned(number, found, tuple(records))


#: Fields of the usual names: a tree of files that lack them is no slip.
_SPOKEN_OF: Final = frozenset((*DICOM2NIFTI_FIELDS, "Modality", "PatientID", "PatientName"))


def _relative_root(root: str, target: Path) -> str:
    """Return the source as seen from the target: both may be moved together."""
    try:
        return os.path.relpath(os.path.realpath(root), os.path.realpath(target))
    except ValueError:  # on another drive of Windows
        return os.path.realpath(root)


def _without(name: str, suffix: str) -> str:
    return name.removesuffix(suffix)


def root_of(places: Sequence[Path]) -> Path:
    """Return the folder that places are told relative to."""
    if len(places) == 1 and places[0].is_dir():
        return places[0]
    return Path(os.path.commonpath([place.parent for place in places]))
