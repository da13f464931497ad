"""DICOM segmentations: frames of segments to labels; PS3.3 A.51, C.8.20.2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.frames import Frame, extent_of, frames_of
from napari_medvol.formats.dicom.grid import Grid, affine_of, grids_of, normal_of
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.painting import Mask, layers_of
from napari_medvol.formats.dicom.pixels import FrameSource
from napari_medvol.formats.dicom.rows import header_rows, series_name
from napari_medvol.report import Finding, GeometryReport, SliceSource
from napari_medvol.volume import Axis, Label, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

Array = NDArray[Any]

SOP_CLASSES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
    }
)


def is_segmentation(header: Header) -> bool:
    """Return whether the file is a segmentation, by its SOP class."""
    return header.text(tags.SOP_CLASS_UID) in SOP_CLASSES


def read_segmentation(header: Header) -> list[Volume]:
    """Return the segments of a file as labels.

    Binary segments that overlap do not fit one label map: they come as several labels
    volumes, each with the segments that leave one another free. Fractional segments come as
    one image with an axis of segments, values 0 to 1. Slices between frames are empty: a
    segmentation may leave out frames in which nothing is marked (PS3.3 C.8.20.2.3.1).

    Raises
    ------
    ReadError
        If the frames do not say where they lie.
    """
    with translated(header.path):
        return _segments(header, header.dataset())


def _segments(header: Header, dataset: Dataset) -> list[Volume]:
    frames = frames_of(header)
    if any(frame.position is None for frame in frames):
        raise ReadError(
            str(header.path),
            "a segmentation whose frames do not say where they lie (Plane Position (Patient))",
            "Slide coordinates (microscopy) are not read",
        )
    grid, at = _grid(frames)
    findings = list(grid.findings)
    names = _labels(dataset)
    kind = str(dataset.get("SegmentationType") or "BINARY").upper()
    planes = _planes(header, frames)
    if kind == "FRACTIONAL":
        scale = float(dataset.get("MaximumFractionalValue") or 255)
        return [_fractional(frames, at, grid, planes, scale, names, findings)]
    if kind == "LABELMAP":
        layers = [(_label_map(frames, at, grid, planes), list(names.values()))]
    else:
        layers = _label_layers(frames, at, grid, planes, names)
    if len(layers) > 1:
        text = f"segments overlap: opened as {len(layers)} labels volumes"
        findings.append(Finding(text, "warning", "overlap"))
    return [
        _volume(frames, at, grid, data, findings, kind="labels", labels=tuple(labels))
        for data, labels in layers
    ]


def _grid(frames: Sequence[Frame]) -> tuple[Grid, list[int]]:
    """Return the grid through all frames, and the slice of each."""
    lead = frames[0]
    assert lead.orientation is not None
    normal = normal_of(lead.orientation)
    along = [float(_place(frame) @ normal) for frame in frames]
    order = sorted(range(len(frames)), key=lambda n: along[n])
    distinct: list[int] = []
    number_of: dict[int, int] = {}
    for n in order:
        if not distinct or along[n] - along[distinct[-1]] > 0.01:
            distinct.append(n)
        number_of[n] = len(distinct) - 1
    positions = np.array([_place(frames[n]) for n in distinct])
    thickness = extent_of(lead, tags.SLICE_THICKNESS) or 1.0
    between = extent_of(lead, tags.SPACING_BETWEEN_SLICES) or thickness
    grids = grids_of(positions, normal, "blank", (between, "SpacingBetweenSlices"), usual=between)
    if len(grids) > 1:
        raise ReadError(
            str(lead.header.path),
            f"its {len(distinct)} slices do not lie on an even grid",
            "Open it with the image that it was made on",
        )
    slot_of = {slot: k for k, slot in enumerate(grids[0].slots) if isinstance(slot, int)}
    return grids[0], [slot_of[number_of[n]] for n in range(len(frames))]


def _place(frame: Frame) -> Array:
    assert frame.position is not None
    return frame.position


def _planes(header: Header, frames: Sequence[Frame]) -> FrameSource:
    return FrameSource(
        [(header, frame.number) for frame in frames], (len(frames),), name=str(header.path)
    )


def _plane(planes: FrameSource, number: int) -> Array:
    out = np.empty(planes.inner, dtype=planes.dtype)
    planes.read_plane(number, out)
    return out


def _labels(dataset: Dataset) -> dict[int, Label]:
    return {
        int(item.SegmentNumber): Label(
            int(item.SegmentNumber),
            str(item.get("SegmentLabel") or f"segment {item.SegmentNumber}"),
            _color(item.get("RecommendedDisplayCIELabValue")),
        )
        for item in dataset.get("SegmentSequence") or []
        if item.get("SegmentNumber") is not None
    }


def _color(value: Any) -> tuple[float, float, float, float] | None:
    if value is None or len(value) != 3:
        return None
    from highdicom.color import CIELabColor

    red, green, blue = CIELabColor.from_dicom_value(tuple(int(v) for v in value)).to_rgb(clip=True)
    return (red / 255, green / 255, blue / 255, 1.0)


def _segment_of(frame: Frame) -> int:
    return int(frame.number_of(tags.REFERENCED_SEGMENT_NUMBER) or 1)


def _shape(grid: Grid, planes: FrameSource) -> tuple[int, ...]:
    return (len(grid.slots), *planes.inner[:2])


def _label_layers(
    frames: Sequence[Frame],
    at: Sequence[int],
    grid: Grid,
    planes: FrameSource,
    names: dict[int, Label],
) -> list[tuple[Array, list[Label]]]:
    """Return label maps with the segments in them."""
    regions: dict[int, list[Mask]] = defaultdict(list)
    for n, frame in enumerate(frames):
        regions[_segment_of(frame)].append((at[n], _plane(planes, n) > 0))
    return [
        (data, [names.get(v, Label(v, f"segment {v}")) for v in values])
        for data, values in layers_of(_shape(grid, planes), regions)
    ]


def _label_map(
    frames: Sequence[Frame], at: Sequence[int], grid: Grid, planes: FrameSource
) -> Array:
    data = np.zeros(_shape(grid, planes), planes.dtype)
    for n in range(len(frames)):
        data[at[n]] = _plane(planes, n)
    return data


def _fractional(
    frames: Sequence[Frame],
    at: Sequence[int],
    grid: Grid,
    planes: FrameSource,
    scale: float,
    names: dict[int, Label],
    findings: list[Finding],
) -> Volume:
    segments = sorted({_segment_of(frame) for frame in frames})
    data = np.zeros((len(segments), *_shape(grid, planes)), np.float32)
    for n, frame in enumerate(frames):
        data[segments.index(_segment_of(frame)), at[n]] = _plane(planes, n) / scale
    values = tuple(names[s].name if s in names else f"segment {s}" for s in segments)
    return _volume(frames, at, grid, data, findings, axes=(Axis("segment", values=values),))


def _volume(
    frames: Sequence[Frame],
    at: Sequence[int],
    grid: Grid,
    data: Array,
    findings: Sequence[Finding],
    **rest: Any,
) -> Volume:
    lead = frames[0]
    assert lead.orientation is not None
    slices = tuple(
        SliceSource((at[n],), str(f.header.path), f.number, f.text(tags.SOP_INSTANCE_UID))
        for n, f in enumerate(frames)
    )
    return Volume(
        # Made as (…, k, j, i): the other way round is (i, j, k, …).
        data.transpose(),
        affine_of(grid, lead.orientation, lead.spacing),
        frame_of_reference=lead.text(tags.FRAME_OF_REFERENCE_UID) or None,
        header=header_rows(lead),
        name=series_name(lead),
        report=GeometryReport(
            source="PlanePositionSequence and PlaneOrientationSequence",
            files=(str(lead.header.path),),
            sort_key="position along the slice normal",
            slices=slices,
            spacing=grid.spacing,
            largest_residual=max(grid.residuals.values()),
            findings=tuple(findings),
        ),
        **rest,
    )
