"""Images to stacks: what belongs together, in which order, and what was odd about it."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from napari_medvol.formats.choices import Gaps
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.factors import SEQUENCE, TELLING, Factor
from napari_medvol.formats.dicom.frames import Frame, extent_of
from napari_medvol.formats.dicom.grid import Blend, Grid, grids_of, normal_of
from napari_medvol.formats.dicom.holes import lost_images, repeats_with_holes
from napari_medvol.formats.dicom.repeats import Repeats, repeats_of
from napari_medvol.report import Finding

#: Two images this near are at one position, mm: below any real spacing, above rounding.
_SAME_PLACE_MM: Final = 0.01
_SAME_DIRECTION: Final = 1e-3
_SAME_SPACING: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Stack:
    """Images that make one volume.

    Parameters
    ----------
    grid : Grid or None
        None: the file does not say where the images lie.
    repeats : Repeats
        Row n of its table: the images at slice n of the grid.
    findings : tuple of Finding
    told_apart_by : str
        What distinguishes it from other volumes of its series, in words; empty if nothing.
    """

    grid: Grid | None
    repeats: Repeats
    findings: tuple[Finding, ...] = ()
    told_apart_by: str = ""

    @property
    def first(self) -> Frame:
        """An image that speaks for all."""
        return next(frame for row in self.repeats.table for frame in row if frame is not None)


def stacks_of(frames: Sequence[Frame], gaps: Gaps | None) -> list[Stack]:
    """Return the volumes that the images of any number of series make.

    Grouped by series and geometry, ordered by series number.

    Parameters
    ----------
    frames : sequence of Frame
        In any order.
    gaps : {"blank", "interpolate", "split", "stack"} or None
    """
    series: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        series[_series_of(frame)].append(frame)
    parts = [part for members in series.values() for part in _patients(members)]
    stacks = [
        replace(stack, findings=(*notes, *stack.findings))
        for members, notes in parts
        for stack in _series_stacks(members, gaps)
    ]
    return sorted(stacks, key=_series_order) if len(stacks) > 1 else stacks


def _series_of(frame: Frame) -> Hashable:
    """Return what names the series: its UID, or what comes next where a tool removed it."""
    return frame.text(tags.SERIES_INSTANCE_UID) or (
        frame.text(tags.STUDY_INSTANCE_UID),
        frame.text(tags.SERIES_NUMBER),
        frame.text(tags.MODALITY),
    )


def _patients(frames: list[Frame]) -> list[tuple[list[Frame], tuple[Finding, ...]]]:
    """Part images of different patients under one series: no volume is of two people."""
    patients: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        said = frame.text(tags.PATIENT_ID) or frame.text(tags.PATIENT_NAME)
        patients[said.casefold().strip()].append(frame)
    if len(patients) - ("" in patients) <= 1:
        return [(frames, ())]
    text = (
        f"one series holds images of {len(patients)} patients (Patient ID): each patient's are"
        " volumes of their own"
    )
    finding = Finding(text, "warning", "patients")
    return [(members, (finding,)) for members in patients.values()]


def _series_order(stack: Stack) -> tuple[str, float, str, tuple[float, str, int, int]]:
    first = stack.first
    number = first.number_of(tags.SERIES_NUMBER)
    lead = min(stack.repeats.held, key=lambda f: f.order)
    return (
        f"{first.text(tags.STUDY_DATE)} {first.text(tags.STUDY_INSTANCE_UID)}",
        np.inf if number is None else number,
        first.text(tags.SERIES_INSTANCE_UID),
        lead.order,
    )


def _series_stacks(frames: list[Frame], gaps: Gaps | None) -> list[Stack]:
    frames, dropped = _without_copies(frames)
    groups = _geometries(frames)
    notes: tuple[Finding, ...] = ()
    if len(groups) > 1:
        text = (
            f"the series holds {len(groups)} geometries (size, spacing, orientation or kind of"
            " image); each is a volume of its own"
        )
        notes = (Finding(text, "warning", "geometries"),)
    stacks = [stack for group in groups for stack in _group_stacks(group, gaps)]
    if dropped:
        notes += (Finding(_dropped_text(dropped), "warning", "duplicate"),)
    return [replace(stack, findings=(*notes, *stack.findings)) for stack in stacks]


def _dropped_text(dropped: int) -> str:
    images = "image is an exact copy" if dropped == 1 else "images are exact copies"
    return f"{dropped} {images} of another and was left out"


def _without_copies(frames: list[Frame]) -> tuple[list[Frame], int]:
    """Drop images that say they are the same instance, at the same place."""
    kept: dict[Hashable, Frame] = {}
    frames = sorted(frames, key=lambda f: f.order)
    instances = {frame.text(tags.SOP_INSTANCE_UID) for frame in frames}
    if len(instances) == len(frames) and "" not in instances:
        return frames, 0
    for frame in frames:
        place = () if frame.position is None else frame.position.tolist()
        uid = frame.text(tags.SOP_INSTANCE_UID) or str(frame.header.path)
        # A careless tool may give every slice one UID: only a copy is at the same place too.
        rounded = tuple([round(v, 3) for v in place])
        key = (uid, frame.number, frame.tile, rounded, frame.text(tags.INSTANCE_NUMBER))
        kept.setdefault(key, frame)
    return list(kept.values()), len(frames) - len(kept)


def _geometries(frames: list[Frame]) -> list[list[Frame]]:
    """Group images of one series that could lie on one grid."""
    groups: list[tuple[Frame, Hashable, list[Frame]]] = []
    known_keys: dict[Hashable, Hashable] = {}
    for frame in frames:
        # Slices of one series store the same bytes: what they mean is worked out once.
        own = tuple([frame.values.get(tag) for tag in _KEY_TAGS]) if frame.values else ()
        stored = (frame.header.stored(_KEY_TAGS), own, frame.position is None)
        key = None if frame.position is None else known_keys.get(stored)
        if key is None:
            key = known_keys[stored] = _key(frame)
        for lead, known, members in groups:
            if known == key and _same_geometry(lead, frame):
                members.append(frame)
                break
        else:
            groups.append((frame, key, [frame]))
    return [members for _, _, members in groups]


#: The elements that :func:`_key` looks at.
_KEY_TAGS: Final = (
    tags.ROWS,
    tags.COLUMNS,
    tags.SAMPLES_PER_PIXEL,
    tags.PHOTOMETRIC_INTERPRETATION,
    tags.SOP_CLASS_UID,
    tags.FRAME_OF_REFERENCE_UID,
    tags.IMAGE_TYPE,
    tags.STACK_ID,
    tags.UNITS,
    tags.NUMBER_OF_FRAMES,
)


def _key(frame: Frame) -> Hashable:
    kinds = frame.text(tags.IMAGE_TYPE).upper().split("\\")
    unplaced_file = "" if frame.position is not None else _own_file(frame)
    return (
        frame.numbers(tags.ROWS),
        frame.numbers(tags.COLUMNS),
        frame.numbers(tags.SAMPLES_PER_PIXEL),
        frame.text(tags.PHOTOMETRIC_INTERPRETATION),
        frame.text(tags.SOP_CLASS_UID),
        frame.text(tags.FRAME_OF_REFERENCE_UID),
        tuple(kinds[:2]),
        "LOCALIZER" in kinds,
        frame.text(tags.STACK_ID),
        frame.text(tags.UNITS),
        frame.position is None,
        unplaced_file,
    )


def _own_file(frame: Frame) -> str:
    """Return the file of a multi-frame image: a cine loop is a volume of its own."""
    frames = frame.number_of(tags.NUMBER_OF_FRAMES) or 1
    return str(frame.header.path) if frames > 1 else ""


def _same_geometry(one: Frame, other: Frame) -> bool:
    pairs = zip(one.spacing, other.spacing, strict=True)
    if any(abs(a - b) > _SAME_SPACING * b for a, b in pairs):
        return False
    if one.orientation is None or other.orientation is None:
        return one.orientation is other.orientation
    return one.orientation is other.orientation or bool(
        np.abs(one.orientation - other.orientation).max() <= _SAME_DIRECTION
    )


def _group_stacks(group: list[Frame], gaps: Gaps | None) -> list[Stack]:
    if group[0].position is None:
        return [Stack(None, _unplaced(group))]
    positions, apart = _positions(group)
    if apart:
        text = f"{len(apart) + 1} images lie side by side in one plane"
        side = _found(_group_stacks(apart, gaps), Finding(text, "warning", "side by side"))
        return [*_placed(positions, gaps), *side]
    return _placed(positions, gaps)


def _unplaced(group: list[Frame]) -> Repeats:
    return repeats_of([sorted(group, key=lambda f: f.order)])


def _positions(group: list[Frame]) -> tuple[list[list[Frame]], list[Frame]]:
    """Return the images of each position along the normal, and those beside them in plane."""
    normal = _normal(group[0])
    # Not a matrix product: equal places must come out equal to the last bit.
    alongs = (np.array([_place(frame) for frame in group]) * normal).sum(axis=1).tolist()
    if len(set(alongs)) == len(alongs):
        keys: list[Any] = alongs
    else:
        keys = [(along, frame.order) for along, frame in zip(alongs, group, strict=True)]
    positions: list[list[Frame]] = []
    apart: list[Frame] = []
    lead, at = group[0], -np.inf
    for number in sorted(range(len(group)), key=keys.__getitem__):
        frame = group[number]
        if alongs[number] - at > _SAME_PLACE_MM:
            positions.append([frame])
            lead, at = frame, alongs[number]
        elif np.linalg.norm(_place(frame) - _place(lead)) <= 10 * _SAME_PLACE_MM:
            positions[-1].append(frame)
        else:
            apart.append(frame)
    return positions, apart


def _normal(frame: Frame) -> Any:
    assert frame.orientation is not None
    return normal_of(frame.orientation)


def _place(frame: Frame) -> Any:
    assert frame.position is not None
    return frame.position


def _along(frame: Frame, normal: Any) -> float:
    return float(_place(frame) @ normal)


def _placed(positions: list[list[Frame]], gaps: Gaps | None) -> list[Stack]:
    """Return the volumes that images at sorted positions make."""
    if len({len(row) for row in positions}) > 1:
        return _uneven(positions, gaps)
    return [
        Stack(_renumbered(grid), repeats_of([positions[number] for number in grid.members]))
        for grid in _grids(positions, gaps)
    ]


def _grids(positions: list[list[Frame]], gaps: Gaps | None) -> list[Grid]:
    lead = positions[0][0]
    places = np.array([_place(row[0]) for row in positions])
    return grids_of(places, _normal(lead), gaps, _single_extent(lead))


def _renumbered(grid: Grid) -> Grid:
    """Return the grid with its slices counted from 0."""
    if grid.members[0] == 0:
        return grid
    first = grid.members[0]
    slots = tuple(slot - first if isinstance(slot, int) else slot for slot in grid.slots)
    return replace(
        grid, slots=slots, residuals={n - first: off for n, off in grid.residuals.items()}
    )


def _single_extent(frame: Frame) -> tuple[float, str]:
    thickness = extent_of(frame, tags.SLICE_THICKNESS)
    if thickness is not None:
        return thickness, "SliceThickness (thickness of one slice, not a spacing)"
    between = extent_of(frame, tags.SPACING_BETWEEN_SLICES)
    if between is not None:
        return between, "SpacingBetweenSlices (of one slice)"
    return 1.0, "nothing (1 mm assumed for one slice)"


def _found(stacks: list[Stack], finding: Finding) -> list[Stack]:
    return [replace(stack, findings=(*stack.findings, finding)) for stack in stacks]


def _uneven(positions: list[list[Frame]], gaps: Gaps | None) -> list[Stack]:
    """Handle positions that do not all have as many images."""
    most, fewest = max(map(len, positions)), min(map(len, positions))
    positions, dropped = _without_same_pixels(positions)
    if dropped:
        finding = Finding(_dropped_text(dropped), "warning", "duplicate")
        return _found(_placed(positions, gaps), finding)
    whole = None if gaps == "split" else _with_holes(positions, gaps)
    if whole is not None:
        return [whole]
    parts = _parts_by_element(positions) or _parts_by_rank(positions)
    stacks = [
        replace(stack, told_apart_by=words)
        for words, part in parts
        for stack in _placed(part, gaps)
    ]
    text = (
        f"positions have between {fewest} and {most} images each: opened as {len(stacks)} volumes"
    )
    return _found(stacks, Finding(text, "warning", "uneven"))


def _with_holes(positions: list[list[Frame]], gaps: Gaps | None) -> Stack | None:
    """Return one volume with blank planes, where elements tell which images are lost."""
    repeats = repeats_with_holes(positions)
    if repeats is None:
        return None
    grids = _grids(positions, gaps)
    if len(grids) > 1 or any(isinstance(slot, Blend) for slot in grids[0].slots):
        return None
    lost = lost_images(repeats)
    normal = _normal(positions[0][0])
    places = [f"{_along(positions[n][0], normal):.2f} mm, {words}" for n, words in lost[:5]]
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    total = len(lost) + len(repeats.held)
    verb = "is" if len(lost) == 1 else "are"
    text = (
        f"{len(lost)} of {total} images {verb} missing and left blank: {'; '.join(places)}{more}"
    )
    return Stack(grids[0], repeats, (Finding(text, "warning", "missing"),))


def _without_same_pixels(positions: list[list[Frame]]) -> tuple[list[list[Frame]], int]:
    """Drop images whose stored pixels are those of another at the same position."""
    fewest = min(map(len, positions))
    dropped, out = 0, []
    for row in positions:
        if len(row) == fewest:
            out.append(row)
            continue
        kept: dict[bytes, Frame] = {}
        for frame in sorted(row, key=lambda f: f.order):
            kept.setdefault(_fingerprint(frame), frame)
        dropped += len(row) - len(kept)
        out.append(list(kept.values()))
    return out, dropped


def _fingerprint(frame: Frame) -> bytes:
    pixels = frame.header.pixels
    try:
        with open(frame.header.path, "rb") as file:  # noqa: PTH123 - the path may be text
            file.seek(pixels.offset if pixels else 0)
            # Room is made for as much as is asked for: never for what a header claims.
            left = max(0, os.fstat(file.fileno()).st_size - file.tell())
            stored = file.read(min(pixels.length, left) if pixels and pixels.length else left)
    except OSError:
        stored = str(frame.header.path).encode()
    return hashlib.sha256(stored + str(frame.number).encode()).digest()


#: Some images of every position, and what they have in common, in words.
_Part = tuple[str, list[list[Frame]]]


def _parts_by_element(positions: list[list[Frame]]) -> list[_Part]:
    """Split by the first element whose values make parts with as many images everywhere."""
    for factor in (*TELLING, *SEQUENCE):
        parts = _split(positions, factor)
        if len(parts) > 1 and all(len({len(row) for row in part}) == 1 for _, part in parts):
            return parts
    return []


def _split(positions: list[list[Frame]], factor: Factor) -> list[_Part]:
    values = {repr(value := factor.value(f)): value for row in positions for f in row}
    if len(values) > max(map(len, positions)):
        return []
    parts = []
    for wanted, value in sorted(values.items()):
        rows = [[f for f in row if repr(factor.value(f)) == wanted] for row in positions]
        parts.append((factor.words(value), [row for row in rows if row]))
    return parts


def _parts_by_rank(positions: list[list[Frame]]) -> list[_Part]:
    """Return the images that every position has, and apart from them the surplus ones."""
    fewest = min(map(len, positions))
    ordered = [sorted(row, key=lambda f: f.order) for row in positions]
    parts: list[_Part] = [("", [row[:fewest] for row in ordered])]
    for rank in range(fewest, max(map(len, positions))):
        rows = [[row[rank]] for row in ordered if len(row) > rank]
        parts.append((f"surplus image {rank + 1}", rows))
    return parts
