"""What a format tells of its own header: elements, matrices, and what changes over slices.

A Volume's ``header`` is for a glance; this is all of it, made when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from napari_medvol.affines import Affine
from napari_medvol.table import Table
from napari_medvol.volume import Field

COLUMNS: Final = ("level", "tag", "VR", "VM", "name", "value", "meaning", "differs from default")


class Element(NamedTuple):
    """One element of a header. A tree is told in order, each branch behind its stem.

    Parameters
    ----------
    name : str
        As the format calls it: a NIfTI field, a DICOM keyword.
    value : str
        As the file has it, as text.
    meaning : str
        What the value or the element is, for people.
    tag, vr, vm : str
        DICOM's tag ``(gggg,eeee)``, value representation and number of values; else empty.
    depth : int
        0 for a stem.
    differs : bool
        Whether the value is another than an empty header of the format has.
    """

    name: str
    value: str
    meaning: str = ""
    tag: str = ""
    vr: str = ""
    vm: str = ""
    depth: int = 0
    differs: bool = False


class Form(NamedTuple):
    """One of the matrices that a header offers.

    Parameters
    ----------
    name : str
        ``"sform"``, ``"qform"``, …
    code : str
        What space it leads to, with the header's number for it.
    affine : (4, 4) array or None
        Voxel index to RAS+ mm; None where the numbers make no matrix.
    is_used : bool
        Whether the volume lies where this one says.
    """

    name: str
    code: str
    affine: Affine | None
    is_used: bool


class Varying(NamedTuple):
    """An element that is not the same for all planes of a scan.

    Parameters
    ----------
    name : str
        With the sequences that it is in, outermost first.
    values : tuple of str or None
        One per plane, as text; None where the plane's header lacks it.
    planes : tuple of tuple of int
        Index after (i, j) of each: ``(k,)`` or ``(k, t, …)``.
    tag, unit : str
    """

    name: str
    values: tuple[str | None, ...]
    planes: tuple[tuple[int, ...], ...]
    tag: str = ""
    unit: str = ""


def elements_of_fields(fields: Iterable[Field]) -> tuple[Element, ...]:
    """Return rows for people as elements: one stem a group."""
    found: list[Element] = []
    group = ""
    for row in fields:
        if row.group != group:
            group = row.group
            found.append(Element(group, ""))
        found.append(Element(row.name, row.value, row.unit, depth=1))
    return tuple(found)


def elements_table(elements: Iterable[Element]) -> Table:
    """Return elements as rows of :data:`COLUMNS`; the level tells the tree."""
    return Table(
        COLUMNS,
        tuple(
            (e.depth, e.tag, e.vr, e.vm, e.name, e.value, e.meaning, e.differs) for e in elements
        ),
    )
