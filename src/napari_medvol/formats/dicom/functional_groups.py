"""Enhanced multi-frame files: what each frame has of its own; PS3.3 C.7.6.16.

pydicom needs 0.2 ms a frame, so the groups are read from the bytes of the header first; what
that leaves in doubt goes to pydicom and gives the same values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from napari_medvol.formats.dicom import tags, walk
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.elements import UNDEFINED, Unsure
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.nested import LARGEST_HEADER, Nested, Span, Spans, key_of

if TYPE_CHECKING:
    from pydicom import Dataset

#: What a frame says of its own: tag of the classic element to text or numbers.
Values = dict[int, Any]


class Meaning(NamedTuple):
    """An element in a functional group, and that of a classic image that says the same."""

    group: int
    element: int
    vr: str
    tag: int


_FRAME_CONTENT: Final = 0x00209111
_DIFFUSION: Final = 0x00189117
_DIRECTION_SEQUENCE: Final = 0x00189076
_DIMENSION_INDEX_SEQUENCE: Final = 0x00209222
_DIMENSION_INDEX_POINTER: Final = 0x00209165
_FRAME_ACQUISITION_DATE_TIME: Final = 0x00189074
_FRAME_TYPE: Final = 0x00089007
#: Unassigned Shared, and Per-Frame, Converted Attributes Sequence: where a legacy converted file
#: keeps what its classic images said. PS3.3 C.7.6.16.2.24.
_UNASSIGNED: Final = (0x00209170, 0x00209171)
_CONVERTED: Final = (
    tags.INSTANCE_NUMBER,
    tags.ACQUISITION_TIME,
    tags.TEMPORAL_POSITION_IDENTIFIER,
    tags.FRAME_REFERENCE_TIME,
    tags.TRIGGER_TIME,
    tags.DIFFUSION_B_VALUE,
    tags.ECHO_TIME,
    tags.INVERSION_TIME,
    tags.FLIP_ANGLE,
    tags.REPETITION_TIME,
    tags.CONVOLUTION_KERNEL,
    tags.UNITS,
)
#: Later rows stand above earlier ones. PS3.3 C.7.6.16.2 and C.8.
MEANINGS: Final = (
    *(Meaning(group, tag, tags.VR_OF[tag], tag) for group in _UNASSIGNED for tag in _CONVERTED),
    # Plane Position, Plane Orientation and Pixel Measures Sequence
    Meaning(0x00209113, tags.IMAGE_POSITION_PATIENT, "DS", tags.IMAGE_POSITION_PATIENT),
    Meaning(0x00209116, tags.IMAGE_ORIENTATION_PATIENT, "DS", tags.IMAGE_ORIENTATION_PATIENT),
    Meaning(0x00289110, tags.PIXEL_SPACING, "DS", tags.PIXEL_SPACING),
    Meaning(0x00289110, tags.SLICE_THICKNESS, "DS", tags.SLICE_THICKNESS),
    Meaning(0x00289110, tags.SPACING_BETWEEN_SLICES, "DS", tags.SPACING_BETWEEN_SLICES),
    # Pixel Value Transformation and Frame VOI LUT Sequence
    Meaning(0x00289145, tags.RESCALE_SLOPE, "DS", tags.RESCALE_SLOPE),
    Meaning(0x00289145, tags.RESCALE_INTERCEPT, "DS", tags.RESCALE_INTERCEPT),
    Meaning(0x00289145, tags.RESCALE_TYPE, "LO", tags.RESCALE_TYPE),
    Meaning(0x00289132, tags.WINDOW_CENTER, "DS", tags.WINDOW_CENTER),
    Meaning(0x00289132, tags.WINDOW_WIDTH, "DS", tags.WINDOW_WIDTH),
    # Frame Content Sequence: Temporal Position Index, Stack ID
    Meaning(_FRAME_CONTENT, 0x00209128, "UL", tags.TEMPORAL_POSITION_IDENTIFIER),
    Meaning(_FRAME_CONTENT, tags.STACK_ID, "SH", tags.STACK_ID),
    # MR Image, CT Image and PET Frame Type Sequence
    Meaning(0x00189226, _FRAME_TYPE, "CS", tags.IMAGE_TYPE),
    Meaning(0x00189329, _FRAME_TYPE, "CS", tags.IMAGE_TYPE),
    Meaning(0x00189751, _FRAME_TYPE, "CS", tags.IMAGE_TYPE),
    # MR Echo Sequence: Effective Echo Time; MR Diffusion Sequence
    Meaning(0x00189114, 0x00189082, "FD", tags.ECHO_TIME),
    Meaning(_DIFFUSION, tags.DIFFUSION_B_VALUE, "FD", tags.DIFFUSION_B_VALUE),
    # MR Timing and Related Parameters Sequence
    Meaning(0x00189112, tags.REPETITION_TIME, "DS", tags.REPETITION_TIME),
    Meaning(0x00189112, tags.FLIP_ANGLE, "DS", tags.FLIP_ANGLE),
    # Cardiac Synchronization Sequence
    Meaning(0x00189118, tags.NOMINAL_CARDIAC_TRIGGER_DELAY, "FD", tags.TRIGGER_TIME),
    Meaning(
        0x00189118,
        tags.NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE,
        "FL",
        tags.NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE,
    ),
    # CT Reconstruction and Segment Identification Sequence
    Meaning(0x00189314, tags.CONVOLUTION_KERNEL, "SH", tags.CONVOLUTION_KERNEL),
    Meaning(0x0062000A, tags.REFERENCED_SEGMENT_NUMBER, "US", tags.REFERENCED_SEGMENT_NUMBER),
)
#: Dimensions that only say where a frame lies in its stack: Stack ID, In-Stack Position
#: Number, Image Position (Patient).
_PLACES: Final = frozenset({tags.STACK_ID, 0x00209057, tags.IMAGE_POSITION_PATIENT})


def frame_values(header: Header) -> list[Values]:
    """Return the elements that each frame of an enhanced file has of its own.

    Per-frame functional groups stand above the shared ones (PS3.3 C.7.6.16.1.1); frame order
    means nothing.

    Parameters
    ----------
    header : Header
        Of the file.

    Returns
    -------
    list of dict
        One per frame: tag of the classic element to text or tuple of float.

    Raises
    ------
    ReadError
        If pydicom cannot read the groups either.
    """
    try:
        return walked_values(header)
    except Unsure:
        with translated(header.path):
            return pydicoms_values(header.dataset())


# -- from the bytes ------------------------------------------------------------------------


def walked_values(header: Header) -> list[Values]:
    """Return the same as :func:`pydicoms_values`, from the bytes of the header.

    Raises
    ------
    Unsure
        If pydicom should decide.
    """
    if header.pixels is None or header.pixels.offset > LARGEST_HEADER:
        raise Unsure("no header that ends with the pixels")
    with OpenFile(header.path) as file:
        block = file.read_at(header.pixels.offset, 0)
        if block[128:132] != b"DICM":
            raise Unsure("no meta information")
        places, explicit = walk.places(file, _SEQUENCES)
    return _Groups(Nested(block, explicit=explicit), places, len(block)).frames()


_SEQUENCES: Final = frozenset(
    {
        tags.SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
        _DIMENSION_INDEX_SEQUENCE,
    }
)


def _meanings_by_group() -> dict[int, tuple[Meaning, ...]]:
    groups: dict[int, list[Meaning]] = defaultdict(list)
    for meaning in MEANINGS:
        groups[key_of(meaning.group)].append(meaning._replace(element=key_of(meaning.element)))
    return {key: tuple(meanings) for key, meanings in groups.items()}


#: By keys, as :mod:`~napari_medvol.formats.dicom.nested` has them.
_GROUPS: Final = _meanings_by_group()
_FRAME_CONTENT_KEY: Final = key_of(_FRAME_CONTENT)
_DIFFUSION_KEY: Final = key_of(_DIFFUSION)
_DIRECTION_SEQUENCE_KEY: Final = key_of(_DIRECTION_SEQUENCE)
_ORIENTATION_KEY: Final = key_of(tags.DIFFUSION_GRADIENT_ORIENTATION)
_DIMENSION_INDEX_POINTER_KEY: Final = key_of(_DIMENSION_INDEX_POINTER)
_DIMENSION_INDEX_VALUES_KEY: Final = key_of(tags.DIMENSION_INDEX_VALUES)
_FRAME_ACQUISITION_DATE_TIME_KEY: Final = key_of(_FRAME_ACQUISITION_DATE_TIME)


class _Groups:
    """The functional groups of one file."""

    def __init__(self, nested: Nested, places: dict[int, walk.Place], end: int) -> None:
        self._nested = nested
        self._places = places
        self._end = end
        # Most groups of a frame store the same bytes as those of other frames.
        self._known: dict[tuple[int, bytes], Values] = {}
        # The frame content is asked for twice.
        self._last: tuple[int, list[Spans]] = (-1, [])
        self._telling = [
            self._pointer(item) not in _PLACES
            for item in self._top_items(_DIMENSION_INDEX_SEQUENCE)
        ]

    def frames(self) -> list[Values]:
        shared = (self._top_items(tags.SHARED_FUNCTIONAL_GROUPS_SEQUENCE) or [{}])[0]
        common, content_of_all = self._meanings(shared), self._content(shared)
        frames = []
        for spans in self._top_items(tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE):
            content = self._content(spans)
            if content is None:
                content = content_of_all or {}
            frames.append({**common, **self._meanings(spans), **content})
        return frames

    def _top_items(self, tag: int) -> list[Spans]:
        place = self._places.get(tag)
        if place is None:
            return []
        stop = UNDEFINED if place.length == UNDEFINED else place.offset + place.length
        if place.vr not in ("SQ", "") or UNDEFINED != stop > self._end:
            raise Unsure(f"{tags.name_of(tag)} is no sequence in the header")
        return self._nested.items(place.offset, stop)

    def _items(self, span: Span) -> list[Spans]:
        if span[1] == self._last[0]:
            return self._last[1]
        if not self._nested.is_sequence(span):
            raise Unsure("no sequence where the standard has one")
        items = self._nested.items(span[1], span[2])
        self._last = (span[1], items)
        return items

    def _pointer(self, item: Spans) -> int:
        span = item.get(_DIMENSION_INDEX_POINTER_KEY)
        if span is None:
            return 0
        if span[0] not in (b"AT", b"") or span[2] - span[1] != 4:
            raise Unsure("no pointer to a dimension")
        halves = int.from_bytes(self._nested.block[span[1] : span[2]], "little")
        return key_of(halves)

    def _meanings(self, groups: Spans) -> Values:
        values: Values = {}
        for key in _GROUPS:
            span = groups.get(key)
            if span is not None:
                values |= self._group(key, span)
        return values

    def _group(self, key: int, span: Span) -> Values:
        """Return what a functional group says, by the tags of classic elements."""
        stored = (key, self._nested.block[span[1] : span[2]])
        values = self._known.get(stored)
        if values is None:
            values = self._known[stored] = self._read_group(key, span)
        return values

    def _read_group(self, key: int, span: Span) -> Values:
        values: Values = {}
        for item in self._items(span)[:1]:
            for _, element, vr, tag in _GROUPS[key]:
                found = item.get(element)
                value = self._nested.value(found, vr) if found is not None else ()
                if value:
                    values[tag] = value if isinstance(value[0], float) else _plain(value)
            if key == _DIFFUSION_KEY:
                values |= self._direction(item)
        return values

    def _direction(self, diffusion: Spans) -> Values:
        span = diffusion.get(_DIRECTION_SEQUENCE_KEY)
        for item in self._items(span)[:1] if span is not None else ():
            found = item.get(_ORIENTATION_KEY)
            value = self._nested.value(found, "FD") if found is not None else ()
            if value and value != (0.0,):
                return {tags.DIFFUSION_GRADIENT_ORIENTATION: value}
        return {}

    def _content(self, groups: Spans) -> Values | None:
        """Return what else the frame content says; None where there is none, or an empty one."""
        span = groups.get(_FRAME_CONTENT_KEY)
        items = self._items(span) if span is not None else []
        if not items or not items[0]:
            return None
        values: Values = {}
        found = items[0].get(_DIMENSION_INDEX_VALUES_KEY)
        index = self._nested.value(found, "UL") if found is not None else ()
        if index:
            values[tags.DIMENSION_INDEX_VALUES] = _telling_part(index, self._telling)
        found = items[0].get(_FRAME_ACQUISITION_DATE_TIME_KEY)
        moments = self._nested.value(found, "DT") if found is not None else ()
        if len(moments) > 1:
            raise Unsure("several moments of one frame")
        return values | _clock_of(str(moments[0])) if moments else values


# -- by pydicom ----------------------------------------------------------------------------


def pydicoms_values(dataset: Dataset) -> list[Values]:
    """Return what each frame has of its own, as pydicom reads it."""
    shared = _first(dataset, tags.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
    common = _meanings(shared)
    pointers = _dimensions(dataset)
    frames = []
    for item in _value(dataset, tags.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) or []:
        values = {**common, **_meanings(item)}
        content = _first(item, _FRAME_CONTENT) or _first(shared, _FRAME_CONTENT)
        values.update(_content(content, pointers))
        frames.append(values)
    return frames


def _value(dataset: Any, tag: int) -> Any:
    element = dataset.get(tag) if dataset is not None else None
    return None if element is None else element.value


def _first(dataset: Any, tag: int) -> Any:
    found = _value(dataset, tag)
    return found[0] if found else None


def _meanings(groups: Any) -> Values:
    values: Values = {}
    if groups is None:
        return values
    for group, element, _, tag in MEANINGS:
        value = _value(_first(groups, group), element)
        if value is not None and value != "":
            values[tag] = _plain(value)
    direction = _first(_first(groups, _DIFFUSION), _DIRECTION_SEQUENCE)
    orientation = _value(direction, tags.DIFFUSION_GRADIENT_ORIENTATION)
    if orientation:
        values[tags.DIFFUSION_GRADIENT_ORIENTATION] = _plain(orientation)
    return values


def _dimensions(dataset: Dataset) -> list[bool]:
    """Return, for each dimension index, whether it tells frames of one place apart."""
    items = _value(dataset, _DIMENSION_INDEX_SEQUENCE) or []
    return [int(_value(item, _DIMENSION_INDEX_POINTER) or 0) not in _PLACES for item in items]


def _content(content: Any, telling: Sequence[bool]) -> Values:
    values: Values = {}
    if content is None:
        return values
    index = _value(content, tags.DIMENSION_INDEX_VALUES)
    if index is not None:
        index = index if isinstance(index, Sequence) else [index]
        values[tags.DIMENSION_INDEX_VALUES] = _telling_part(index, telling)
    return values | _clock_of(str(_value(content, _FRAME_ACQUISITION_DATE_TIME) or ""))


# -- in both ways --------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """Return numbers as a tuple of float, everything else as text with backslashes."""
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        return tuple(float(part) for part in many)
    except (TypeError, ValueError):
        return "\\".join(str(part) for part in many)


def _telling_part(index: Sequence[Any], telling: Sequence[bool]) -> tuple[float, ...]:
    """Return the dimension indices that tell frames of one place apart."""
    if len(telling) == len(index):
        index = [i for i, tells in zip(index, telling, strict=True) if tells]
    # Without pointers the whole index serves: its place is the same for frames of a place.
    return tuple(float(i) for i in index)


def _clock_of(moment: str) -> Values:
    """Return the time of a date and time; the classic element is the time."""
    if len(moment) < len("YYYYMMDDHHMMSS"):
        return {}
    # Perhaps with an offset from UTC.
    return {tags.ACQUISITION_TIME: moment[8:].split("+")[0].split("-")[0]}
