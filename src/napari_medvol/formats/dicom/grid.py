"""Where a stack of slices lies: positions in, one affine (or several) out.

Everything here is LPS+ mm until :func:`affine_of`, which pays the convention.
Formulae: PS3.3 C.7.6.2.1.1, Equation C.7.6.2.1-1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine, swap_lps_ras
from napari_medvol.formats.choices import Gaps
from napari_medvol.formats.dicom.displaced import MostlyEven, mostly_even
from napari_medvol.report import Finding

Points = NDArray[np.float64]

#: A slice may be this far from the even grid: rounding in the file, jitter of the table.
_TOLERANCE_MM: Final = 0.05
_TOLERANCE_SHARE: Final = 0.02
#: How far a gap may be from a whole multiple of the usual one and still mean lost slices.
_GAP_SHARE: Final = 0.05
#: An interpolated grid of more slices than this many times the originals is no help to anyone.
_MOST_INTERPOLATED: Final = 8

#: No scan has as many slices; a position that is wrong by kilometres would ask for them.
_MOST_SLOTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Blend:
    """A slice between two others: ``(1 - weight) * low + weight * high``."""

    low: int
    high: int
    weight: float


@dataclass(frozen=True, slots=True)
class Grid:
    """An even grid through some of the slices.

    Parameters
    ----------
    slots : tuple of (int, Blend or None)
        One per k: the number of the slice that lies there, a blend of two, or None where the
        grid has a place but the series no slice.
    first, step : (3,) array
        Centre of the first voxel of slice k = 0, and from one slice to the next; LPS+ mm.
    residuals : dict of int to float
        Slice number to its distance from the grid, mm.
    spacing_from : str
        What the step was taken from.
    """

    slots: tuple[int | Blend | None, ...]
    first: Points
    step: Points
    residuals: dict[int, float]
    spacing_from: str = "slice positions"
    findings: tuple[Finding, ...] = field(default=())

    @property
    def members(self) -> tuple[int, ...]:
        """Numbers of the slices that are in the grid, ascending."""
        return tuple(sorted(self.residuals))

    @property
    def spacing(self) -> float:
        """Distance between slice centres along the line through them, mm."""
        return float(np.linalg.norm(self.step))


def normal_of(orientation: Points) -> Points:
    """Return the unit normal r × c of an Image Orientation (Patient), shape (2, 3)."""
    normal = np.cross(orientation[0], orientation[1])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def tilt_of(step: Points, normal: Points) -> float:
    """Return the angle between the slice normal and the line through the slices, degrees.

    Not taken from Gantry/Detector Tilt (0018,1120), whose sign vendors disagree on.
    """
    along = abs(float(step @ normal))
    across = float(np.linalg.norm(step - (step @ normal) * normal))
    return float(np.degrees(np.arctan2(across, along)))


def affine_of(grid: Grid, orientation: Points, spacing: tuple[float, float]) -> Affine:
    """Return the affine of data indexed (column, row, slice), RAS+ mm.

    Parameters
    ----------
    grid : Grid
    orientation : (2, 3) array
        Direction of increasing column index, then of increasing row index, LPS+.
    spacing : (between rows, between columns)
        Pixel Spacing (0028,0030), mm.
    """
    between_rows, between_columns = spacing
    affine = np.eye(4)
    # Pixel Spacing is (between rows, between columns): the second value goes with the first
    # index. PS3.3 10.7.1.3.
    affine[:3, 0] = orientation[0] * between_columns
    affine[:3, 1] = orientation[1] * between_rows
    affine[:3, 2] = grid.step
    affine[:3, 3] = grid.first
    return swap_lps_ras(affine)


def grids_of(
    positions: Points,
    normal: Points,
    gaps: Gaps | None,
    single: tuple[float, str],
    usual: float | None = None,
) -> list[Grid]:
    """Return the even grid through sorted slice positions, or several.

    Parameters
    ----------
    positions : (n, 3) array
        Image Position (Patient) of each slice, LPS+ mm, ascending along `normal`, no two alike.
    normal : (3,) array
    gaps : {"blank", "interpolate", "split", "stack"} or None
        What to do where the slices are not even; None chooses (GEOMETRY: missing slices are
        left blank, uneven spacing is interpolated).
    single : (float, str)
        Extent of a slice that stands alone, mm, and where that number is from.
    usual : float, optional
        Slice spacing in mm where it is known and slices may be left out on purpose.
    """
    if len(positions) == 1:
        return [_single(positions, normal, 0, single)]
    if usual:
        sparse = _with_lost_slices(positions, normal, (usual,))
        if sparse is not None:
            return [replace(sparse, findings=())]
    even = _even(positions, np.arange(len(positions)), len(positions))
    if max(even.residuals.values()) <= _tolerance(even.spacing):
        return [_with_jitter(even)]
    if gaps == "stack":
        return [_stacked(even)]
    mostly = None if gaps == "split" else mostly_even(positions, _TOLERANCE_MM, _TOLERANCE_SHARE)
    if mostly is not None:
        return [_with_displaced(mostly, positions @ normal, normal)]
    return _uneven(positions, normal, gaps, single)


def _with_displaced(fit: MostlyEven, along: Points, normal: Points) -> Grid:
    """Return the grid of most slices; at the places of displaced ones it is interpolated."""
    wanted = (fit.first + np.arange(len(along))[:, None] * fit.step) @ normal
    slots: list[int | Blend | None] = list(range(len(along)))
    for number in fit.displaced:
        high = int(np.clip(np.searchsorted(along, wanted[number]), 1, len(along) - 1))
        low = high - 1
        slots[number] = _blend(
            high, float((wanted[number] - along[low]) / (along[high] - along[low]))
        )
    named = ", ".join(
        f"the one at {along[n]:.2f} mm by {fit.residuals[n]:.3f} mm" for n in fit.displaced[:5]
    )
    more = f" and {len(fit.displaced) - 5} more" if len(fit.displaced) > 5 else ""
    verb = "lies" if len(fit.displaced) == 1 else "lie"
    text = (
        f"{len(fit.displaced)} of {len(along)} slices {verb} off the even grid of"
        f" {np.linalg.norm(fit.step):.3f} mm that the others lie on ({named}{more}): interpolated"
        " at their places, the others are as they were read; gaps='stack' gives all as read"
    )
    finding = Finding(text, "warning", "displaced")
    residuals = dict(enumerate(fit.residuals.tolist()))
    return Grid(tuple(slots), fit.first, fit.step, residuals, findings=(finding,))


def _uneven(
    positions: Points, normal: Points, gaps: Gaps | None, single: tuple[float, str]
) -> list[Grid]:
    if not _on_a_line(positions, normal):
        return _runs(positions, normal, single, "the slices do not lie on one line")
    widths = np.diff(positions @ normal)
    lost = _with_lost_slices(positions, normal, (float(np.median(widths)), float(widths.min())))
    if lost is not None and gaps in (None, "blank"):
        n_lost = len(lost.slots) - len(positions)
        if gaps == "blank" or n_lost <= len(positions):
            return [lost]
        return _runs(positions, normal, single, f"{n_lost} slices are missing between parts")
    if gaps == "split":
        return _runs(positions, normal, single, "the slices are not evenly spaced")
    return _interpolated(positions, normal, single)


def _tolerance(spacing: float) -> float:
    return max(_TOLERANCE_MM, _TOLERANCE_SHARE * spacing)


def _even(positions: Points, at: NDArray[Any], n_slots: int) -> Grid:
    """Return the grid with slice s at slot ``at[s]``; the end slices give the step."""
    first = positions[0]
    step = (positions[-1] - first) / (n_slots - 1)
    off = np.linalg.norm(positions - (first + at[:, None] * step), axis=1)
    slots: list[int | None] = [None] * n_slots
    for number, slot in enumerate(at):
        slots[int(slot)] = number
    return Grid(tuple(slots), first, step, dict(enumerate(off.tolist())))


def _with_jitter(grid: Grid) -> Grid:
    worst = max(grid.residuals.values())
    if worst < 0.005:
        return grid
    text = f"slices lie up to {worst:.3f} mm off an even grid of {grid.spacing:.3f} mm"
    return _found(grid, Finding(text, "note", "jitter"))


def _found(grid: Grid, *findings: Finding) -> Grid:
    return replace(grid, findings=(*grid.findings, *findings))


def _stacked(grid: Grid) -> Grid:
    worst = max(grid.residuals.values())
    text = (
        f"slices are not evenly spaced and were stacked as asked: positions along the stack are"
        f" wrong by up to {worst:.2f} mm"
    )
    return _found(grid, Finding(text, "warning", "stacked"))


def _on_a_line(positions: Points, normal: Points) -> bool:
    along = (positions - positions[0]) @ normal
    line = (positions[-1] - positions[0]) / along[-1]
    off = np.linalg.norm(positions - positions[0] - along[:, None] * line, axis=1)
    return bool(off.max() <= _tolerance(float(np.median(np.diff(along)))))


def _with_lost_slices(
    positions: Points, normal: Points, candidates: tuple[float, ...]
) -> Grid | None:
    """Return the grid with empty slots, if every gap is a whole multiple of a usual one."""
    widths = np.diff(positions @ normal)
    for usual in candidates:
        multiples = np.rint(widths / usual)
        if (multiples == 1).all():
            continue  # uneven, but nothing is missing
        # Jitter of single slices adds up in a long gap; the residuals below are the judge.
        allowed = _GAP_SHARE * usual * multiples
        if (multiples < 1).any() or (np.abs(widths - multiples * usual) > allowed).any():
            continue
        if multiples.sum() > _MOST_SLOTS:
            continue
        at = np.concatenate([[0], np.cumsum(multiples)]).astype(int)
        grid = _even(positions, at, int(at[-1]) + 1)
        if max(grid.residuals.values()) > max(_TOLERANCE_MM, _GAP_SHARE * usual):
            continue
        return _found(grid, Finding(_lost_text(grid, positions @ normal), "warning", "gap"))
    return None


def _lost_text(grid: Grid, along: Points) -> str:
    lost = [k for k, slot in enumerate(grid.slots) if slot is None]
    before = [k for k in lost if grid.slots[k - 1] is not None]
    places = ", ".join(f"{along[_number(grid.slots[k - 1])]:.2f} mm" for k in before[:5])
    more = f" and {len(before) - 5} more places" if len(before) > 5 else ""
    verb = "is" if len(lost) == 1 else "are"
    return (
        f"{len(lost)} of {len(grid.slots)} slices {verb} missing (spacing {grid.spacing:.3f} mm;"
        f" gap after {places}{more}) and left blank"
    )


def _number(slot: int | Blend | None) -> int:
    assert isinstance(slot, int)
    return slot


def _interpolated(positions: Points, normal: Points, single: tuple[float, str]) -> list[Grid]:
    along = positions @ normal
    widths = np.diff(along)
    n_slots = round(float((along[-1] - along[0]) / widths.min())) + 1
    if n_slots > _MOST_INTERPOLATED * len(positions):
        why = (
            f"slice spacing goes from {widths.min():.2f} to {widths.max():.2f} mm, too uneven to"
            " interpolate"
        )
        return _runs(positions, normal, single, why)
    step = (positions[-1] - positions[0]) / (n_slots - 1)
    wanted = np.linspace(along[0], along[-1], n_slots)
    high = np.clip(np.searchsorted(along, wanted), 1, len(along) - 1)
    weights = (wanted - along[high - 1]) / (along[high] - along[high - 1])
    slots = tuple(_blend(int(h), float(w)) for h, w in zip(high, weights, strict=True))
    nearest = np.abs(along[:, None] - wanted[None, :]).min(axis=1)
    text = (
        f"slice spacing goes from {widths.min():.2f} to {widths.max():.2f} mm: {len(positions)}"
        f" slices were interpolated to {n_slots}, {np.linalg.norm(step):.3f} mm apart;"
        " gaps='split' gives the slices as they are"
    )
    finding = Finding(text, "warning", "interpolated")
    return [
        Grid(slots, positions[0], step, dict(enumerate(nearest.tolist())), findings=(finding,))
    ]


def _blend(high: int, weight: float) -> int | Blend:
    if weight < 1e-6:
        return high - 1
    return high if weight > 1 - 1e-6 else Blend(high - 1, high, weight)


def _runs(positions: Points, normal: Points, single: tuple[float, str], why: str) -> list[Grid]:
    """Return one grid for each stretch of evenly spaced slices."""
    starts = _run_starts(positions)
    text = f"{why}: opened as {len(starts)} volumes, each evenly spaced"
    finding = Finding(text, "warning", "split")
    grids = []
    for start, stop in zip(starts, [*starts[1:], len(positions)], strict=True):
        if stop - start == 1:
            grid = _single(positions[start:stop], normal, start, single)
        else:
            local = _even(positions[start:stop], np.arange(stop - start), stop - start)
            grid = Grid(
                tuple(range(start, stop)),
                local.first,
                local.step,
                {start + number: off for number, off in local.residuals.items()},
            )
        grids.append(_found(grid, finding))
    return grids


def _run_starts(positions: Points) -> list[int]:
    steps = np.diff(positions, axis=0)
    starts, at = [0], 0
    while at < len(positions) - 1:
        end = at + 1
        while end < len(positions) - 1 and _same_step(steps[end], steps[at]):
            end += 1
        if end == len(positions) - 1 or end - at > 1 or not _begins_a_run(steps, end):
            at = end + 1
        else:
            # A lone wide step: the slice before it stands alone, the next begins a run.
            at = end
        if at < len(positions):
            starts.append(at)
    return starts


def _same_step(one: Points, other: Points) -> bool:
    return bool(np.linalg.norm(one - other) <= _tolerance(float(np.linalg.norm(other))))


def _begins_a_run(steps: Points, at: int) -> bool:
    return at + 1 < len(steps) and _same_step(steps[at + 1], steps[at])


def _single(positions: Points, normal: Points, number: int, single: tuple[float, str]) -> Grid:
    extent, source = single
    return Grid((number,), positions[0], normal * extent, {number: 0.0}, spacing_from=source)
