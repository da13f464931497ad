"""A 4-D series that lost images: where an element tells which, their planes stay blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from napari_medvol.formats.dicom.factors import SEQUENCE, Factor
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.repeats import Positions, Repeats, repeats_of

#: A series that lacks more of its images than this share, and more than one, is no series
#: that lost some: its parts were scanned over different stretches.
_MOST_LOST: Final = 0.1
#: How far a time may lie from that of the next slice, as a share of the step.
_NEAR: Final = 0.25


def repeats_with_holes(positions: Positions) -> Repeats | None:
    """Return how the images of each position lie along extra axes, None where one is lost.

    The complete positions say what the axes are. An image of another position goes where the
    elements that tell the axes have the same values at the nearest complete position; times,
    which drift from slice to slice, nearly the same. So the lost ones are known.

    Parameters
    ----------
    positions : sequence of sequence of Frame
        Sorted along the slice normal; not all with as many images.

    Returns
    -------
    Repeats or None
        None where no element tells which images are lost, or too many are.
    """
    most = max(map(len, positions))
    total = most * len(positions)
    lost = total - sum(map(len, positions))
    if most < 2 or (lost > 1 and lost > _MOST_LOST * total):
        return None
    complete = [number for number, row in enumerate(positions) if len(row) == most]
    layout = repeats_of([positions[number] for number in complete])
    for factors in (layout.factors, *[(factor,) for factor in SEQUENCE]):
        table = _filled(positions, complete, layout, factors)
        if table is not None and _mostly_there(table):
            return replace(layout, table=table)
    return None


def lost_images(repeats: Repeats) -> list[tuple[int, str]]:
    """Return the position of each lost image and its place along the axes, in words."""
    return [
        (number, ", ".join(_place_words(repeats, slot)))
        for number, row in enumerate(repeats.table)
        for slot, frame in enumerate(row)
        if frame is None
    ]


def _place_words(repeats: Repeats, slot: int) -> list[str]:
    place = np.unravel_index(slot, repeats.shape, order="F")
    return [
        factor.words(axis.values[at]) if axis.values else f"{axis.name} {at + 1}"
        for factor, axis, at in zip(repeats.factors, repeats.axes, map(int, place), strict=True)
    ]


_Row = Sequence[Frame | None]


def _filled(
    positions: Positions, complete: Sequence[int], layout: Repeats, factors: Sequence[Factor]
) -> list[_Row] | None:
    known = {number: layout.table[n] for n, number in enumerate(complete)}
    # What the sequence tells must not contradict what the axis is named after.
    also = [factor for factor in layout.factors if not factor.ranked]
    table: list[_Row] = []
    for number, frames in enumerate(positions):
        row: _Row | None = known.get(number)
        if row is None:
            nearest = min(complete, key=lambda c: (abs(c - number), c))
            example = [frame for frame in known[nearest] if frame is not None]
            row = _placed_like(example, frames, [*factors, *also])
        if row is None:
            return None
        table.append(row)
    return table


def _placed_like(
    example: Sequence[Frame], frames: Sequence[Frame], factors: Sequence[Factor]
) -> _Row | None:
    """Return `frames` in the order of `example`, or None if not each has a place of its own."""
    row: list[Frame | None] = [None] * len(example)
    wanted = [[factor.value(frame) for frame in example] for factor in factors]
    for frame in frames:
        fitting = set(range(len(example)))
        for factor, values in zip(factors, wanted, strict=True):
            fitting &= _slots_of(factor.value(frame), values, ranked=factor.ranked)
        if len(fitting) != 1 or row[slot := fitting.pop()] is not None:
            return None
        row[slot] = frame
    return row


def _slots_of(value: Any, values: Sequence[Any], *, ranked: bool) -> set[int]:
    if value is None or None in values:
        return {slot for slot, known in enumerate(values) if known == value}
    if not ranked or not isinstance(value, float):
        return {slot for slot, known in enumerate(values) if known == value}
    distinct = sorted(set(values))
    near = _NEAR * min(np.diff(distinct), default=0.0)
    return {slot for slot, known in enumerate(values) if abs(known - value) <= near}


def _mostly_there(table: Sequence[_Row]) -> bool:
    """Return whether every place along the axes is held by at least half of the slices."""
    held = np.array([[frame is not None for frame in row] for row in table])
    return bool((held.mean(axis=0) >= 0.5).all())
