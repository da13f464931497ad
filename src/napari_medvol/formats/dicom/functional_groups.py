"""Enhanced multi-frame files: what each frame has of its own; PS3.3 C.7.6.16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from napari_medvol.formats.dicom import tags

if TYPE_CHECKING:
    from pydicom import Dataset

#: (functional group, element in it) to the element of a classic image that says the same.
_MEANING: Final[tuple[tuple[str, str, int], ...]] = (
    ("PlanePositionSequence", "ImagePositionPatient", tags.IMAGE_POSITION_PATIENT),
    ("PlaneOrientationSequence", "ImageOrientationPatient", tags.IMAGE_ORIENTATION_PATIENT),
    ("PixelMeasuresSequence", "PixelSpacing", tags.PIXEL_SPACING),
    ("PixelMeasuresSequence", "SliceThickness", tags.SLICE_THICKNESS),
    ("PixelMeasuresSequence", "SpacingBetweenSlices", tags.SPACING_BETWEEN_SLICES),
    ("PixelValueTransformationSequence", "RescaleSlope", tags.RESCALE_SLOPE),
    ("PixelValueTransformationSequence", "RescaleIntercept", tags.RESCALE_INTERCEPT),
    ("PixelValueTransformationSequence", "RescaleType", tags.RESCALE_TYPE),
    ("FrameVOILUTSequence", "WindowCenter", tags.WINDOW_CENTER),
    ("FrameVOILUTSequence", "WindowWidth", tags.WINDOW_WIDTH),
    ("FrameContentSequence", "TemporalPositionIndex", tags.TEMPORAL_POSITION_IDENTIFIER),
    ("FrameContentSequence", "StackID", tags.STACK_ID),
    ("MRImageFrameTypeSequence", "FrameType", tags.IMAGE_TYPE),
    ("CTImageFrameTypeSequence", "FrameType", tags.IMAGE_TYPE),
    ("PETFrameTypeSequence", "FrameType", tags.IMAGE_TYPE),
    ("MREchoSequence", "EffectiveEchoTime", tags.ECHO_TIME),
    ("MRDiffusionSequence", "DiffusionBValue", tags.DIFFUSION_B_VALUE),
    ("MRTimingAndRelatedParametersSequence", "RepetitionTime", tags.REPETITION_TIME),
    ("MRTimingAndRelatedParametersSequence", "FlipAngle", tags.FLIP_ANGLE),
    ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", tags.TRIGGER_TIME),
    (
        "CardiacSynchronizationSequence",
        "NominalPercentageOfCardiacPhase",
        tags.NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE,
    ),
    ("CTReconstructionSequence", "ConvolutionKernel", tags.CONVOLUTION_KERNEL),
    (
        "SegmentIdentificationSequence",
        "ReferencedSegmentNumber",
        tags.REFERENCED_SEGMENT_NUMBER,
    ),
)
#: Dimensions that only say where a frame lies in its stack.
_PLACES: Final = frozenset({"StackID", "InStackPositionNumber", "ImagePositionPatient"})


def frame_values(dataset: Dataset) -> list[dict[int, Any]]:
    """Return the elements that each frame of an enhanced file has of its own.

    Per-frame functional groups stand above the shared ones (PS3.3 C.7.6.16.1.1); frame order
    means nothing.

    Parameters
    ----------
    dataset : Dataset
        Header of the file.

    Returns
    -------
    list of dict
        One per frame: tag of the classic element to text or tuple of float.
    """
    shared = _first(dataset, "SharedFunctionalGroupsSequence")
    common = _meanings(shared)
    pointers = _dimensions(dataset)
    frames = []
    for item in dataset.get("PerFrameFunctionalGroupsSequence") or []:
        values = {**common, **_meanings(item)}
        content = _first(item, "FrameContentSequence") or _first(shared, "FrameContentSequence")
        values.update(_content(content, pointers))
        frames.append(values)
    return frames


def _first(dataset: Any, keyword: str) -> Any:
    found = dataset.get(keyword) if dataset is not None else None
    return found[0] if found else None


def _meanings(groups: Any) -> dict[int, Any]:
    values: dict[int, Any] = {}
    if groups is None:
        return values
    for group, keyword, tag in _MEANING:
        found = _first(groups, group)
        value = found.get(keyword) if found is not None else None
        if value is not None and value != "":
            values[tag] = _plain(value)
    direction = _first(_first(groups, "MRDiffusionSequence"), "DiffusionGradientDirectionSequence")
    if direction is not None and direction.get("DiffusionGradientOrientation"):
        values[tags.DIFFUSION_GRADIENT_ORIENTATION] = _plain(
            direction.DiffusionGradientOrientation
        )
    return values


def _plain(value: Any) -> Any:
    """Return numbers as a tuple of float, everything else as text with backslashes."""
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        return tuple(float(part) for part in many)
    except (TypeError, ValueError):
        return "\\".join(str(part) for part in many)


def _dimensions(dataset: Dataset) -> list[bool]:
    """Return, for each dimension index, whether it tells frames of one place apart."""
    from pydicom.datadict import keyword_for_tag

    items = dataset.get("DimensionIndexSequence") or []
    return [keyword_for_tag(item.get("DimensionIndexPointer", 0)) not in _PLACES for item in items]


def _content(content: Any, telling: list[bool]) -> Mapping[int, Any]:
    values: dict[int, Any] = {}
    if content is None:
        return values
    index = content.get("DimensionIndexValues")
    if index is not None:
        index = index if isinstance(index, Sequence) else [index]
        if len(telling) == len(index):
            index = [i for i, tells in zip(index, telling, strict=True) if tells]
        # Without pointers the whole index serves: its place is the same for frames of a place.
        values[tags.DIMENSION_INDEX_VALUES] = tuple(float(i) for i in index)
    moment = str(content.get("FrameAcquisitionDateTime") or "")
    if len(moment) >= len("YYYYMMDDHHMMSS"):
        # A date and time, perhaps with an offset from UTC; the classic element is the time.
        values[tags.ACQUISITION_TIME] = moment[8:].split("+")[0].split("-")[0]
    return values
