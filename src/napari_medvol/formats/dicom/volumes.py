"""A stack of images to a Volume: voxels, affine, and the record of how it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from napari_medvol.affines import Affine, swap_lps_ras
from napari_medvol.arrays import LazyArray, lazy_volume
from napari_medvol.errors import ReadError
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.conversions import Conversion, conversion_of
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.grid import Blend, Points, affine_of, normal_of, tilt_of
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.mosaic import Tiled
from napari_medvol.formats.dicom.oddities import (
    malformed,
    odd_images,
    tilted,
    unordered,
    unreadable,
)
from napari_medvol.formats.dicom.pixels import FrameSource
from napari_medvol.formats.dicom.realworld import Mapped
from napari_medvol.formats.dicom.rows import header_rows, series_name
from napari_medvol.formats.dicom.series import Stack
from napari_medvol.formats.dicom.units import (
    Blended,
    Scale,
    blank_of,
    display_of,
    real_values,
)
from napari_medvol.report import Finding, GeometryReport, SliceSource
from napari_medvol.stores import PlaneSource
from napari_medvol.volume import Axis, Display, Volume

_USED: Final = (
    ("ImagePositionPatient", tags.IMAGE_POSITION_PATIENT),
    ("ImageOrientationPatient", tags.IMAGE_ORIENTATION_PATIENT),
)
_IGNORED: Final = (
    ("SliceThickness", tags.SLICE_THICKNESS),
    ("SpacingBetweenSlices", tags.SPACING_BETWEEN_SLICES),
    ("SliceLocation", tags.SLICE_LOCATION),
    ("GantryDetectorTilt", tags.GANTRY_DETECTOR_TILT),
)


@dataclass(frozen=True, slots=True)
class DicomNative:
    """What the DICOM room keeps of a volume: the images, plane by plane.

    Parameters
    ----------
    frames : tuple of Frame or None
        In the order of the planes of the data (k fastest); None where no file holds a plane
        by itself.
    stack : Stack
    choices : Choices
        What it was read with: the same stack gives the volume in another unit.
    scales : tuple of (slope, intercept) or None
        Stored values to those of the volume, one for each readable image of the stack; None
        where they are no line.
    """

    frames: tuple[Frame | None, ...]
    stack: Stack
    choices: Choices
    scales: tuple[Scale, ...] | None = None


def in_unit(volume: Volume, value: str) -> Volume:
    """Return the volume read anew in another unit; see ``value`` of ``read``.

    Raises
    ------
    ReadError
        If the volume does not come from DICOM files as it is, or lacks what the unit needs.
    """
    native = volume.native
    if not isinstance(native, DicomNative) or volume.history:
        why = "only a DICOM volume as it was read can be shown in another unit"
        raise ReadError(volume.name, why, "Open the series again and choose the unit first")
    other = volume_of_stack(native.stack, replace(native.choices, value=value))
    asked = {name: one for name, one in volume.report.asked if name != "value"}
    asked |= Choices(value=value).asked
    report = replace(other.report, place=volume.report.place, asked=tuple(asked.items()))
    return replace(other, name=volume.name, history=volume.history, report=report)


def volume_of_stack(stack: Stack, choices: Choices) -> Volume:
    """Return the volume that a stack makes.

    Parameters
    ----------
    stack : Stack
    choices : Choices
    """
    lead = stack.first
    held = [frame for frame in stack.repeats.held if not frame.header.problem]
    conversion = conversion_of(held, choices.value)
    data, frames = _data(stack, conversion, always_float=choices.value == "float")
    axes = stack.repeats.axes
    if data.ndim > 3 + len(axes):
        axes = (*axes, Axis("rgb"))
    affine = _affine(stack)
    return Volume(
        data,
        affine,
        axes=axes,
        unit=conversion.unit,
        display=_display(lead, conversion),
        frame_of_reference=lead.text(tags.FRAME_OF_REFERENCE_UID) or None,
        header=header_rows(lead),
        native=DicomNative(frames, stack, choices, _scales(held, conversion)),
        name=f"{series_name(lead)} {stack.told_apart_by}".rstrip(),
        report=replace(_report(stack, frames, conversion.findings), affine=affine),
    )


def _scales(held: Sequence[Frame], conversion: Conversion) -> tuple[Scale, ...] | None:
    if conversion.mapping_of is not None:
        return None
    return tuple([conversion.scale_of(frame) for frame in held])


def _display(lead: Frame, conversion: Conversion) -> Display:
    if conversion.mapping_of is not None:
        # What is no tissue has no place in the mapping.
        return replace(display_of(lead, (1.0, 0.0), conversion.over_real), padding=None)
    return display_of(lead, conversion.scale_of(lead), conversion.over_real)


def _affine(stack: Stack) -> Affine:
    lead = stack.first
    if stack.grid is None or lead.orientation is None:
        between_rows, between_columns = lead.spacing
        return swap_lps_ras(np.diag([between_columns, between_rows, 1.0, 1.0]))
    return affine_of(stack.grid, lead.orientation, lead.spacing)


def _data(
    stack: Stack, conversion: Conversion, *, always_float: bool
) -> tuple[LazyArray, tuple[Frame | None, ...]]:
    table = stack.repeats.table
    slots: Sequence[int | Blend | None] = (
        stack.grid.slots if stack.grid is not None else tuple(range(len(table)))
    )
    blended = any(isinstance(slot, Blend) for slot in slots)
    rows: Sequence[int | None] = range(len(table)) if blended else slots  # type: ignore[assignment]
    frames = tuple(
        None if row is None else table[row][repeat]
        for repeat in range(len(table[0]))
        for row in rows
    )
    lead = stack.first
    stored = _stored(frames, (*stack.repeats.shape[::-1], len(rows)), lead)
    readable = [frame if frame and not frame.header.problem else None for frame in frames]
    source: PlaneSource
    if conversion.mapping_of is not None:
        fallback = next(frame for frame in readable if frame is not None)
        source = Mapped(stored, [conversion.mapping_of(f or fallback) for f in readable])
    else:
        source = real_values(stored, readable, conversion.scale_of, always_float=always_float)
    if blended:
        source = Blended(source, slots)
        frames = tuple(
            table[slot][repeat] if isinstance(slot, int) else None
            for repeat in range(len(table[0]))
            for slot in slots
        )
    return lazy_volume(source), frames


def _stored(frames: Sequence[Frame | None], outer: tuple[int, ...], lead: Frame) -> PlaneSource:
    """Return the source of stored values, one plane per frame."""
    name, blank = series_name(lead), blank_of(lead)
    if lead.tile is None:
        return FrameSource([_readable(frame) for frame in frames], outer, name=name, blank=blank)
    images = dict.fromkeys(image for frame in frames if (image := _readable(frame)))
    numbers = {image: number for number, image in enumerate(images)}
    picks = [
        (numbers[image], frame.tile)
        if frame and frame.tile and (image := _readable(frame))
        else None
        for frame in frames
    ]
    return Tiled(FrameSource(list(images), (len(images),), name=name), picks, outer, blank)


def _readable(frame: Frame | None) -> tuple[Header, int] | None:
    if frame is None or frame.header.problem:
        return None
    return frame.header, frame.number


def _report(
    stack: Stack, frames: tuple[Frame | None, ...], said: tuple[Finding, ...]
) -> GeometryReport:
    lead = stack.first
    grid = stack.grid
    held = stack.repeats.held
    common = {
        "files": tuple(dict.fromkeys(str(frame.header.path) for frame in held)),
        "slices": _slice_rows(stack, frames),
    }
    used = [(name, value) for name, tag in _USED if (value := lead.text(tag))]
    ignored = [(name, value) for name, tag in _IGNORED if (value := lead.text(tag))]
    if lead.spacing_from:
        used.append((lead.spacing_from, _pair(lead.spacing)))
    findings = [*stack.findings, *odd_images(held), *unordered(stack.repeats.sort_key)]
    findings += [*unreadable(held), *said, *malformed(held)]
    if grid is None:
        findings.append(
            Finding("the file does not say where the image lies in the patient", "note", "place")
        )
        return GeometryReport(
            source="nothing: no position in the file",
            sort_key=stack.repeats.sort_key or "InstanceNumber",
            used=tuple(used),
            ignored=tuple(ignored),
            findings=tuple(findings),
            **common,  # type: ignore[arg-type]
        )
    assert lead.orientation is not None
    tilt = tilt_of(grid.step, normal_of(lead.orientation))
    findings += [*grid.findings, *tilted(tilt, lead)]
    if len(grid.members) == 1:
        text = f"a single slice: its extent of {grid.spacing:g} mm is from {grid.spacing_from}"
        findings.append(Finding(text, "note", "single"))
    return GeometryReport(
        source="ImagePositionPatient and ImageOrientationPatient",
        sort_key=", ".join(
            ["position along the slice normal", *filter(None, [stack.repeats.sort_key])]
        ),
        spacing=grid.spacing,
        largest_residual=max(grid.residuals.values()),
        tilt=tilt if tilt > 1e-4 else 0.0,
        used=tuple(used),
        ignored=tuple(ignored),
        findings=tuple(findings),
        **common,  # type: ignore[arg-type]
    )


def _pair(spacing: tuple[float, float]) -> str:
    return f"{spacing[0]:g}\\{spacing[1]:g}"


def _slice_rows(stack: Stack, frames: tuple[Frame | None, ...]) -> tuple[SliceSource, ...]:
    n_slices = len(frames) // len(stack.repeats.table[0])
    normal = None
    if stack.first.orientation is not None:
        normal = normal_of(stack.first.orientation)
    residuals = stack.grid.residuals if stack.grid is not None else {}
    slots = stack.grid.slots if stack.grid is not None else ()
    shape = stack.repeats.shape
    extras = [
        tuple([int(n) for n in np.unravel_index(repeat, shape, order="F")])
        for repeat in range(len(frames) // n_slices)
    ]
    of_slice = [
        residuals.get(slot, 0.0) if isinstance(slot, int) else 0.0
        for slot in (*slots, *[None] * (n_slices - len(slots)))
    ]
    alongs = _with_lost(_alongs(frames, normal), n_slices)
    rows = []
    for number, frame in enumerate(frames):
        repeat, k = divmod(number, n_slices)
        plane = (k, *extras[repeat])
        if frame is None:
            rows.append(SliceSource(plane, "", position=alongs[number]))
            continue
        rows.append(
            SliceSource(
                plane,
                str(frame.header.path),
                frame.number,
                frame.text(tags.SOP_INSTANCE_UID),
                alongs[number],
                of_slice[k],
            )
        )
    return tuple(rows)


def _alongs(frames: Sequence[Frame | None], normal: Points | None) -> list[float]:
    """Return how far each image lies along the normal, mm; NaN where nothing says."""
    nowhere = np.full(3, np.nan)
    places = np.array([nowhere if f is None or f.position is None else f.position for f in frames])
    return [float("nan")] * len(frames) if normal is None else (places @ normal).tolist()


def _with_lost(alongs: list[float], n_slices: int) -> list[float]:
    """Return the distances with those of images that are lost: the grid is even."""
    known = np.isfinite(alongs)
    if known.all() or np.unique(np.flatnonzero(known) % n_slices).size < 2:
        return alongs
    k = np.arange(len(alongs)) % n_slices
    step, first = np.polyfit(k[known], np.asarray(alongs)[known], 1)
    return np.where(known, alongs, k * step + first).tolist()


def with_names_apart(volumes: Sequence[Volume]) -> list[Volume]:
    """Return the volumes with a number behind names that occur more than once."""
    counts = Counter(volume.name for volume in volumes)
    seen: Counter[str] = Counter()
    out = []
    for volume in volumes:
        seen[volume.name] += 1
        if counts[volume.name] > 1:
            name = f"{volume.name} [{seen[volume.name]}]"
            out.append(replace(volume, name=name))
        else:
            out.append(volume)
    return out


def with_ways_apart(volumes: Sequence[Volume], series: Collection[str]) -> list[Volume]:
    """Return the volumes, each with what `read` must be asked for to give it alone.

    Parameters
    ----------
    volumes : sequence of Volume
        All that one reading gave, their names apart.
    series : collection of str
        Series Instance UIDs of the images. Regions are read with them, and told by their name.
    """
    uids = [volume.said("SeriesInstanceUID") for volume in volumes]
    counts = Counter(uids)
    out = []
    for volume, uid in zip(volumes, uids, strict=True):
        by_series = len(counts) > 1 and uid in series
        asked: list[tuple[str, object]] = [("series", uid)] if by_series else []
        if len(volumes) > 1 and (counts[uid] > 1 or not by_series):
            asked.append(("name", volume.name))
        out.append(replace(volume, report=replace(volume.report, asked=tuple(asked))))
    return out
