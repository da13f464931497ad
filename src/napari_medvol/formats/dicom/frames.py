"""One image of a DICOM file, whatever kind of file it is in: the unit that stacks are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from math import isfinite
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.calibration import (
    NUCLEAR_MEDICINE,
    reconstructed_places,
    region_spacing,
)
from napari_medvol.formats.dicom.header import Header
from napari_medvol.report import Finding

if TYPE_CHECKING:
    from pydicom import Dataset

_Told = TypeVar("_Told")

#: Where an in-plane spacing may come from, best first. PS3.3 10.7.1, C.8.11.4, C.8.2.1.1.1.
_SPACINGS: Final = (
    (tags.PIXEL_SPACING, "PixelSpacing"),
    (tags.IMAGER_PIXEL_SPACING, "ImagerPixelSpacing"),
    (tags.NOMINAL_SCANNED_PIXEL_SPACING, "NominalScannedPixelSpacing"),
)
_NOT_ORTHOGONAL: Final = 1e-3
#: Nothing that is scanned lies farther from the origin, or has larger pixels; mm.
_FARTHEST: Final = 1e6
_FINEST: Final = 1e-6


class Tile(NamedTuple):
    """Part `number` (row by row) of an image that is cut into ``side × side`` parts."""

    number: int
    side: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One two-dimensional image and where it lies.

    Parameters
    ----------
    header : Header
        Of the file.
    number : int
        Zero-based frame inside the file.
    position : (3,) array or None
        Image Position (Patient): centre of the first voxel, LPS+ mm.
    orientation : (2, 3) array or None
        Directions of increasing column and row index, LPS+, orthonormal.
    spacing : (between rows, between columns)
        mm.
    spacing_from : str
        Keyword of the element that gave the spacing; empty if none did.
    values : mapping
        Elements that this frame has of its own, tag to text or tuple of float; they stand
        above those of the header.
    findings : tuple of Finding
    tile : Tile or None
        Which part of the stored image this is; None for all of it.
    """

    header: Header
    number: int = 0
    position: NDArray[np.float64] | None = None
    orientation: NDArray[np.float64] | None = None
    spacing: tuple[float, float] = (1.0, 1.0)
    spacing_from: str = ""
    values: Mapping[int, str | tuple[float, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    tile: Tile | None = None

    def text(self, tag: int) -> str:
        """Return an element as text, empty when absent."""
        value = self.values.get(tag)
        if value is None:
            return self.header.text(tag)
        return value if isinstance(value, str) else "\\".join(f"{v:g}" for v in value)

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return an element as numbers, empty when absent or malformed."""
        value = self.values.get(tag)
        if value is None:
            return self.header.numbers(tag)
        return value if isinstance(value, tuple) else ()

    def number_of(self, tag: int) -> float | None:
        """Return the first number of an element, None when absent."""
        found = self.numbers(tag)
        return found[0] if found else None

    @property
    def order(self) -> tuple[float, str, int, int]:
        """Instance number, file, frame and tile: the last resort of every sorting."""
        instance = self.number_of(tags.INSTANCE_NUMBER)
        return (
            np.inf if instance is None else instance,
            str(self.header.path),
            self.number,
            self.tile.number if self.tile is not None else 0,
        )


def different(frames: Iterable[Frame], wanted: tuple[int, ...]) -> list[Frame]:
    """Return one frame for each combination of values of some elements; cheap."""
    none_of_its_own = (None,) * len(wanted)
    leads = {
        (
            frame.header.stored(wanted),
            tuple([frame.values.get(tag) for tag in wanted]) if frame.values else none_of_its_own,
        ): frame
        for frame in frames
    }
    return list(leads.values())


#: All that a file of one image says of its place, but for the position itself.
_SHARED: Final = (
    *(tag for tag, _ in _SPACINGS),
    tags.ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR,
    tags.PIXEL_ASPECT_RATIO,
    tags.IMAGE_ORIENTATION_PATIENT,
    tags.NUMBER_OF_FRAMES,
    tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags.GRID_FRAME_OFFSET_VECTOR,
    tags.SEQUENCE_OF_ULTRASOUND_REGIONS,
)

#: What was worked out for files that say the same; see :func:`frames_of`.
Alike = dict[Hashable, Frame]


def frames_of(header: Header, alike: Alike | None = None) -> list[Frame]:
    """Return the images of a file, one per frame.

    Parameters
    ----------
    header : Header
    alike : dict, optional
        Kept from file to file: slices of one series store the same bytes, so that all but
        their position is worked out once.

    Raises
    ------
    ReadError
        If the header of an enhanced file contradicts itself.
    """
    if alike is None or header.problem:
        return _frames_of(header)
    key = (header.order, header.stored(_SHARED))
    lead = alike.get(key)
    if lead is not None:
        position = header.numbers(tags.IMAGE_POSITION_PATIENT)
        if len(position) == 3 and all(map(_is_near, position)):
            return [
                Frame(
                    header,
                    position=np.array(position),
                    orientation=lead.orientation,
                    spacing=lead.spacing,
                    spacing_from=lead.spacing_from,
                )
            ]
    frames = _frames_of(header)
    if _speaks_for_others(frames):
        alike[key] = frames[0]
    return frames


def _speaks_for_others(frames: Sequence[Frame]) -> bool:
    """Return whether files with the same bytes have the same image but for its position."""
    lead = frames[0]
    return (
        len(frames) == 1
        and lead.position is not None
        and not lead.findings
        and not lead.values
        and not lead.header.malformed
        and lead.header.raw(tags.GRID_FRAME_OFFSET_VECTOR) is None
    )


def _is_near(value: float) -> bool:
    return isfinite(value) and abs(value) <= _FARTHEST


def _frames_of(header: Header) -> list[Frame]:
    """Return the images of a file that nothing is known of.

    Raises
    ------
    ReadError
        If the header of an enhanced file contradicts itself.
    """
    if header.problem:
        return [_placed(Frame(header))]
    if header.raw(tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) is not None:
        return _enhanced(header)
    count = max(1, header.integer(tags.NUMBER_OF_FRAMES) or 1)
    lead = _placed(Frame(header))
    if header.raw(tags.GRID_FRAME_OFFSET_VECTOR) is not None:
        return _dose_planes(lead, count)
    if header.text(tags.SOP_CLASS_UID) == NUCLEAR_MEDICINE and count > 1:
        return _nuclear_planes(lead, count)
    if count == 1:
        return [lead]
    return _loop(lead, count)


def _loop(lead: Frame, count: int) -> list[Frame]:
    """Return the frames of a cine loop: one place, or none, one after the other in time."""
    return [
        replace(lead, number=n, values={tags.FRAME_NUMBER: (float(n + 1),)}) for n in range(count)
    ]


def _nuclear_planes(lead: Frame, count: int) -> list[Frame]:
    question = partial(reconstructed_places, count=count)
    found, odd = _asked(lead, question, "the places of nuclear medicine slices")
    if found is None:
        return _loop(replace(lead, findings=(*lead.findings, *odd)), count)
    places, finding = found
    return [
        _placed(
            replace(
                frame,
                values={
                    **frame.values,
                    tags.IMAGE_POSITION_PATIENT: tuple(place.position.tolist()),
                    tags.IMAGE_ORIENTATION_PATIENT: place.orientation,
                },
                findings=(finding,),
            )
        )
        for frame, place in zip(_loop(lead, count), places, strict=True)
    ]


def _dose_planes(lead: Frame, count: int) -> list[Frame]:
    """Return the planes of an RT dose. PS3.3 C.8.8.3.2.

    Grid Frame Offset Vector (3004,000C) counts from the first plane, or is the z of each
    plane; either way the differences are what the planes lie apart along the normal.
    """
    offsets = lead.numbers(tags.GRID_FRAME_OFFSET_VECTOR)
    scaling = lead.number_of(tags.DOSE_GRID_SCALING)
    own: dict[int, str | tuple[float, ...]] = {}
    if scaling is not None:
        own[tags.RESCALE_SLOPE] = (scaling,)
    own[tags.RESCALE_TYPE] = {"GY": "Gy", "RELATIVE": "relative"}.get(
        lead.text(tags.DOSE_UNITS).upper(), ""
    )
    lead = replace(lead, values=own)
    usable = all(abs(offset) <= _FARTHEST for offset in offsets) and len(set(offsets)) == count
    if lead.position is None or lead.orientation is None or len(offsets) != count or not usable:
        text = (
            f"Grid Frame Offset Vector has {len(offsets)} values for {count} planes, or values"
            " that are no places"
        )
        own_place = replace(
            lead, position=None, findings=(*lead.findings, Finding(text, "warning", "position"))
        )
        return [replace(own_place, number=n) for n in range(count)]
    normal = np.cross(lead.orientation[0], lead.orientation[1])
    return [
        replace(lead, number=n, position=lead.position + (offset - offsets[0]) * normal)
        for n, offset in enumerate(offsets)
    ]


def _enhanced(header: Header) -> list[Frame]:
    from napari_medvol.formats.dicom.functional_groups import frame_values

    own = frame_values(header)
    count = max(1, header.integer(tags.NUMBER_OF_FRAMES) or 1)
    if len(own) != count:
        raise ReadError(
            str(header.path),
            f"{count} frames, but functional groups of {len(own)}",
            "Look into the header of the file",
        )
    alike: dict[Hashable, Frame] = {}
    frames = []
    for n, values in enumerate(own):
        values[tags.FRAME_NUMBER] = (float(n + 1),)
        frames.append(_placed_like_another(Frame(header, n, values=values), alike))
    return frames


def _placed_like_another(frame: Frame, alike: dict[Hashable, Frame]) -> Frame:
    """Return the frame of a multi-frame file placed; what frames share is worked out once."""
    values = frame.values
    key = tuple([values.get(tag) for tag in _SHARED])
    lead = alike.get(key)
    position = frame.numbers(tags.IMAGE_POSITION_PATIENT)
    if lead is None or len(position) != 3 or not all(map(_is_near, position)):
        placed = _placed(frame)
        if placed.position is not None and not placed.findings:
            alike[key] = placed
        return placed
    return Frame(
        frame.header,
        frame.number,
        np.array(position),
        lead.orientation,
        lead.spacing,
        lead.spacing_from,
        values,
    )


def _asked(
    frame: Frame, question: Callable[[Dataset], _Told | None], what: str
) -> tuple[_Told | None, tuple[Finding, ...]]:
    """Return what the complete header says, or why it says nothing: the image opens anyway."""
    try:
        with translated(frame.header.path):
            return question(frame.header.dataset()), ()
    except ReadError as error:
        text = f"{what} cannot be used: {error.why}"
        return None, (Finding(text, "warning", "malformed"),)


def _placed(frame: Frame) -> Frame:
    spacing, source = _spacing(frame)
    position, orientation, findings = _place(frame)
    if not source and frame.header.raw(tags.SEQUENCE_OF_ULTRASOUND_REGIONS) is not None:
        calibrated, odd = _asked(frame, region_spacing, "ultrasound regions")
        findings = (*findings, *odd)
        if calibrated is not None and all(map(_is_extent, calibrated[0])):
            (spacing, said), source = calibrated, "SequenceOfUltrasoundRegions"
            findings = (*findings, *said)
    return Frame(
        frame.header,
        frame.number,
        position,
        orientation,
        spacing,
        source,
        frame.values,
        (*frame.findings, *findings),
    )


def _spacing(frame: Frame) -> tuple[tuple[float, float], str]:
    for tag, keyword in _SPACINGS:
        pair = frame.numbers(tag)
        if len(pair) == 2 and all(_is_extent(value) for value in pair):
            factor = 1.0
            if tag == tags.IMAGER_PIXEL_SPACING:
                # At the detector; divided by the magnification it holds in the patient.
                said = frame.number_of(tags.ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR)
                factor = said if said and 1e-3 < said < 1e3 else 1.0
            return (pair[0] / factor, pair[1] / factor), keyword
    ratio = frame.numbers(tags.PIXEL_ASPECT_RATIO)
    if len(ratio) == 2 and all(_is_extent(value) for value in ratio):
        # (vertical, horizontal) size of a pixel, in no unit. PS3.3 C.7.6.3.1.7.
        return (ratio[0] / ratio[1], 1.0), "PixelAspectRatio"
    return (1.0, 1.0), ""


def _is_extent(value: float) -> bool:
    return isfinite(value) and _FINEST <= value <= _FARTHEST


def extent_of(frame: Frame, tag: int) -> float | None:
    """Return the size of a length in mm, None where it cannot be one."""
    value = frame.number_of(tag)
    return abs(value) if value is not None and _is_extent(abs(value)) else None


def _place(
    frame: Frame,
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, tuple[Finding, ...]]:
    position = np.array(frame.numbers(tags.IMAGE_POSITION_PATIENT))
    orientation = np.array(frame.numbers(tags.IMAGE_ORIENTATION_PATIENT))
    if position.size == 0 and orientation.size == 0:
        return None, None, ()
    if position.shape != (3,) or not np.isfinite(position).all() or _is_far(position):
        return None, None, (_bad("Image Position (Patient)", position),)
    if orientation.shape != (6,) or not np.isfinite(orientation).all() or _is_far(orientation):
        return None, None, (_bad("Image Orientation (Patient)", orientation),)
    straight, off = _orthonormal(*orientation.tolist())
    if straight is None:
        return None, None, (_bad("Image Orientation (Patient)", orientation),)
    if off > _NOT_ORTHOGONAL:
        text = f"Image Orientation (Patient) is off orthonormal by {off:.4f}; it was straightened"
        return position, straight, (Finding(text, "warning", "orientation"),)
    return position, straight, ()


def _is_far(values: NDArray[np.float64]) -> bool:
    return float(np.abs(values).max()) > _FARTHEST


def _bad(keyword: str, value: NDArray[np.float64]) -> Finding:
    shown = "\\".join(f"{v:g}" for v in value) or "empty"
    text = f"{keyword} is unusable ({shown}): the image is shown on its own, not in the patient"
    return Finding(text, "warning", "position")


@lru_cache(maxsize=256)
def _orthonormal(*cosines: float) -> tuple[NDArray[np.float64] | None, float]:
    """Return (2, 3) directions made orthonormal, and how far they were from it."""
    pair = np.array(cosines).reshape(2, 3)
    lengths = np.linalg.norm(pair, axis=1)
    if lengths.min() < 0.1:
        return None, 0.0
    row = pair[0] / lengths[0]
    column = pair[1] / lengths[1]
    slant = float(row @ column)
    column = column - slant * row
    if np.linalg.norm(column) < 0.1:
        return None, 0.0
    column /= np.linalg.norm(column)
    straight = np.stack([row, column])
    straight.flags.writeable = False
    return straight, max(abs(slant), float(np.abs(lengths - 1).max()))
