"""Several images at one position: which axes they make, and in which order.

The axis is named after the first element that varies among the images of a position but
repeats from position to position. Two such elements make two axes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.factors import DAY, SEQUENCE, TELLING, Factor
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.volume import Axis

Positions = Sequence[Sequence[Frame]]


@dataclass(frozen=True, slots=True)
class Repeats:
    """How the images of each position are laid out along extra axes.

    Parameters
    ----------
    axes : tuple of Axis
        As a Volume has them: the first is the fourth axis of the data.
    table : sequence of sequence of Frame or None
        One row per position; a row runs over the extra axes in Fortran order, first fastest.
        None where the series lost an image.
    sort_key : str
        Elements that decided, for the report.
    shape : tuple of int
        Length of each axis.
    factors : tuple of Factor
        What told the images of a position apart, one an axis.
    """

    axes: tuple[Axis, ...]
    table: Sequence[Sequence[Frame | None]]
    sort_key: str
    shape: tuple[int, ...] = ()
    factors: tuple[Factor, ...] = ()

    @property
    def held(self) -> list[Frame]:
        """The images that there are, in the order of the table."""
        return [frame for row in self.table for frame in row if frame is not None]


def repeats_of(positions: Positions) -> Repeats:
    """Return how the images of each position lie along extra axes.

    Parameters
    ----------
    positions : sequence of sequence of Frame
        The images of each position; every position has as many.
    """
    count = len(positions[0])
    if count == 1:
        return Repeats((), [list(row) for row in positions], "")
    telling = [(f, ranks) for f in TELLING if (ranks := _ranks(f, positions)) is not None]
    chosen = _telling_apart(telling, positions, count)
    if chosen is not None:
        return _laid_out(chosen, positions)
    return _in_sequence(telling, positions, count)


_Ranks = list[list[int]]


def _ranks(factor: Factor, positions: Positions) -> _Ranks | None:
    """Return the place of each image along the factor's axis, or None if it does not repeat."""
    values = [[factor.value(frame) for frame in row] for row in positions]
    sets = [_sorted(set(row)) for row in values]
    if len(sets[0]) < 2 or any(len(s) != len(sets[0]) for s in sets):
        return None
    if not factor.ranked and any(s != sets[0] for s in sets):
        return None
    if not factor.by_instance and any(None in s for s in sets):
        return None
    orders = sets if factor.ranked else [_order(factor, sets[0], values, positions)] * len(sets)
    return [[order.index(v) for v in row] for order, row in zip(orders, values, strict=True)]


def _sorted(values: set[Any]) -> list[Any]:
    return sorted(values, key=lambda v: (v is not None, v if v is not None else 0))


def _order(
    factor: Factor, distinct: list[Any], values: list[list[Any]], positions: Positions
) -> list[Any]:
    if not factor.by_instance:
        return distinct
    first: dict[Hashable, tuple[float, str, int, int]] = {}
    for row, frames in zip(values, positions, strict=True):
        for value, frame in zip(row, frames, strict=True):
            first[value] = min(first.get(value, frame.order), frame.order)
    return sorted(distinct, key=lambda v: first[v])


_Chosen = list[tuple[Factor, _Ranks]]


def _telling_apart(telling: _Chosen, positions: Positions, count: int) -> _Chosen | None:
    """Return the fewest factors that give each image of a position a place of its own."""
    distinct = _without_synonyms(telling)
    for combo in _combinations(distinct, (1, 2, 3)):
        if _sizes_product(combo) == count and _all_different(combo, len(positions)):
            return combo
    for combo in _combinations(distinct, (2, 1)):
        rest = _rest(combo, positions, count)
        if rest is not None:
            return [*combo, rest]
    return None


def _without_synonyms(telling: _Chosen) -> _Chosen:
    """Drop an element that says the same as one before it, as echo number and echo time do."""
    distinct: _Chosen = []
    for factor, ranks in telling:
        if all(ranks != known for _, known in distinct):
            distinct.append((factor, ranks))
    return distinct


def _combinations(chosen: _Chosen, sizes: Sequence[int]) -> Iterator[_Chosen]:
    return (list(combo) for size in sizes for combo in combinations(chosen, size))


def _size(ranks: _Ranks) -> int:
    return 1 + max(ranks[0])


def _sizes_product(combo: Sequence[tuple[Factor, _Ranks]]) -> int:
    return prod(_size(ranks) for _, ranks in combo)


def _all_different(combo: Sequence[tuple[Factor, _Ranks]], n_positions: int) -> bool:
    for p in range(n_positions):
        keys = list(zip(*(ranks[p] for _, ranks in combo), strict=True))
        if len(set(keys)) != len(keys):
            return False
    return True


def _rest(
    combo: Sequence[tuple[Factor, _Ranks]], positions: Positions, count: int
) -> tuple[Factor, _Ranks] | None:
    """Return the sequence that is left when every combination of `combo` has as many images."""
    cells = _sizes_product(combo)
    if count % cells or cells == count:
        return None
    factor = _sequence_factor(positions)
    rest: _Ranks = []
    for p, frames in enumerate(positions):
        keys = list(zip(*(ranks[p] for _, ranks in combo), strict=True))
        if any(keys.count(key) != count // cells for key in set(keys)):
            return None
        row = [0] * len(frames)
        for key in set(keys):
            mine = [n for n, k in enumerate(keys) if k == key]
            for rank, n in enumerate(sorted(mine, key=lambda n: _sequence_key(factor, frames[n]))):
                row[n] = rank
        rest.append(row)
    return factor, rest


def _sequence_key(factor: Factor, frame: Frame) -> tuple[Any, ...]:
    return (factor.value(frame), frame.order)


def _sequence_factor(positions: Positions) -> Factor:
    for factor in SEQUENCE:
        values = [[factor.value(frame) for frame in row] for row in positions]
        tells = all(None not in row and len(set(row)) == len(row) for row in values)
        if tells and not (factor.unit == "s" and _may_cross_midnight(values)):
            return factor
    return SEQUENCE[-1]


def _may_cross_midnight(values: list[list[Any]]) -> bool:
    """Return whether times without a date lie so far apart that which came first is open."""
    return any(max(row) < DAY and max(row) - min(row) > DAY / 2 for row in values)


def _in_sequence(telling: _Chosen, positions: Positions, count: int) -> Repeats:
    """Lay the images out along one axis, in the order in which they were made."""
    factor = _sequence_factor(positions)
    ranks = []
    for frames in positions:
        order = sorted(range(count), key=lambda n: _sequence_key(factor, frames[n]))
        row = [0] * count
        for rank, n in enumerate(order):
            row[n] = rank
        ranks.append(row)
    if telling:
        # The element varies but some of its values come back (several b = 0): it names the
        # axis, the sequence orders it.
        named = telling[0][0]
        factor = named._replace(element=f"{named.element}, then {factor.element}", ranked=False)
    return _laid_out([(factor, ranks)], positions)


def _laid_out(chosen: _Chosen, positions: Positions) -> Repeats:
    chosen = sorted(chosen, key=lambda pair: pair[0].axis != "t")
    sizes = [_size(ranks) for _, ranks in chosen]
    strides = [prod(sizes[:n]) for n in range(len(sizes))]
    table = []
    for p, frames in enumerate(positions):
        row: list[Any] = [None] * len(frames)
        for n, frame in enumerate(frames):
            row[sum(r[p][n] * s for (_, r), s in zip(chosen, strides, strict=True))] = frame
        table.append(row)
    axes = [
        _axis(factor, [[row[a * stride] for a in range(size)] for row in table])
        for (factor, _), size, stride in zip(chosen, sizes, strides, strict=True)
    ]
    factors = tuple(factor for factor, _ in chosen)
    key = ", ".join(factor.element for factor in factors)
    return Repeats(tuple(axes), table, key, tuple(sizes), factors)


def _axis(factor: Factor, along: list[list[Frame]]) -> Axis:
    """Return the axis for images that lie along it, one row per position."""
    if factor.axis == "t":
        return _time_axis(factor, along)
    values = tuple(factor.value(frame) for frame in along[0])
    return Axis(factor.axis, unit=factor.unit, values=values)


def _time_axis(factor: Factor, along: list[list[Frame]]) -> Axis:
    """Return a time axis in seconds if any element tells the time, else a count.

    Content Time (0008,0033) is when the image was made, not taken, and comes last.
    """
    clocks = [factor] if factor.unit == "s" else []
    clocks += [f for f in (*TELLING, *SEQUENCE) if f.unit == "s"]
    weak = [clock for clock in clocks if clock.element == "ContentTime"]
    lead = along[0][0]
    repetition = _milliseconds(lead, tags.REPETITION_TIME)
    for clock in clocks:
        if clock not in weak and (axis := _clocked(clock, along)) is not None:
            # A clock of whole seconds, or one that jitters, says what the protocol says better.
            near = repetition is not None and abs(axis.step - repetition) <= 0.02 * repetition
            exact = near and axis.values is None
            return replace(axis, step=repetition) if exact and repetition else axis
    step = _milliseconds(lead, tags.FRAME_TIME) or repetition
    if step:
        return Axis("t", step=step, unit="s")
    return next((axis for clock in weak if (axis := _clocked(clock, along))), Axis("t"))


def _milliseconds(frame: Frame, tag: int) -> float | None:
    """Return an element in ms as seconds, None where it is of no use."""
    value = frame.number_of(tag)
    return value / 1000 if value and np.isfinite(value) and value > 0 else None


def _clocked(clock: Factor, along: list[list[Frame]]) -> Axis | None:
    rows = [[clock.value(frame) for frame in row] for row in along]
    if any(value is None for row in rows for value in row):
        return None
    # Slices are taken one after the other: the first of a volume gives its time.
    times = np.min(np.array(rows, dtype=np.float64), axis=0)
    steps = np.diff(times)
    if not (steps > 0).all():
        return None
    step = float(np.median(steps))
    is_even = bool(np.abs(steps - step).max() <= 0.02 * step)
    start = 0.0 if clock in SEQUENCE else float(times[0])
    values = None if is_even else tuple((times - times[0] + start).tolist())
    return Axis("t", step=step, unit="s", start=start, values=values)
