"""RT structure sets: contours, and the labels that they enclose; PS3.3 A.19, C.8.8.5, C.8.8.6."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine, apply_affine, swap_lps_ras
from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.painting import Mask, filled, layers_of
from napari_medvol.report import Finding, GeometryReport
from napari_medvol.volume import Contour, Field, Label, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

Array = NDArray[Any]

SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.481.3"
_CLOSED: Final = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
#: Pixel size of labels whose image is not at hand, mm.
_OWN_PIXEL_MM: Final = 1.0
#: A contour may leave its slice by this share of the slice spacing.
_OUT_OF_PLANE: Final = 0.25
#: Nothing that is scanned lies farther from the origin, mm.
_FARTHEST: Final = 1e6
#: Labels of their own grid may have this many voxels.
_MOST_VOXELS: Final = 1 << 28
_TO_RAS: Final = swap_lps_ras(np.eye(4))


def is_structure_set(header: Header) -> bool:
    """Return whether the file is an RT structure set, by its SOP class."""
    return header.text(tags.SOP_CLASS_UID) == SOP_CLASS


def read_structures(header: Header, images: Sequence[Volume]) -> list[Volume]:
    """Return the regions of a structure set as labels on the grid of their image.

    Regions that overlap come as several volumes. Every volume carries the contours of its
    regions.

    Parameters
    ----------
    header : Header
    images : sequence of Volume
        What else was read; the referenced series is looked for among them. Without it the
        labels get a grid of their own through the contours, 1 mm in plane.

    Raises
    ------
    ReadError
        If no region has a contour.
    """
    with translated(header.path):
        return _structures(header, header.dataset(), images)


def _structures(header: Header, dataset: Dataset, images: Sequence[Volume]) -> list[Volume]:
    labels = _labels(dataset)
    contours = _contours(dataset)
    if not contours:
        raise ReadError(str(header.path), "a structure set without contours")
    findings: list[Finding] = []
    shape, affine, source = _grid(dataset, images, contours, findings)
    regions = _regions(contours, shape, affine, findings)
    layers = layers_of(shape[::-1], regions)
    if len(layers) > 1:
        text = f"regions overlap: opened as {len(layers)} labels volumes"
        findings.append(Finding(text, "warning", "overlap"))
    return [
        Volume(
            data.transpose(),
            affine,
            kind="labels",
            labels=tuple(labels.get(v, Label(v, f"region {v}")) for v in values),
            contours=tuple(c for c in contours if c.value in values),
            frame_of_reference=_frame_of_reference(dataset),
            header=_rows(header),
            name=str(dataset.get("StructureSetLabel") or "RTSTRUCT"),
            report=GeometryReport(
                source=source, files=(str(header.path),), findings=tuple(findings)
            ),
        )
        for data, values in layers
    ]


def _rows(header: Header) -> tuple[Field, ...]:
    keywords = {
        "PatientName": tags.PATIENT_NAME,
        "PatientID": tags.PATIENT_ID,
        "StudyInstanceUID": tags.STUDY_INSTANCE_UID,
        "SeriesInstanceUID": tags.SERIES_INSTANCE_UID,
        "SeriesNumber": tags.SERIES_NUMBER,
        "SeriesDescription": tags.SERIES_DESCRIPTION,
        "Modality": tags.MODALITY,
    }
    return tuple(
        Field("Structure set", name, header.text(tag))
        for name, tag in keywords.items()
        if header.text(tag)
    )


def _labels(dataset: Dataset) -> dict[int, Label]:
    colors = {
        int(item.ReferencedROINumber): tuple(float(v) / 255 for v in item.ROIDisplayColor)
        for item in dataset.get("ROIContourSequence") or []
        if item.get("ROIDisplayColor") is not None and len(item.ROIDisplayColor) == 3
    }
    labels = {}
    for item in dataset.get("StructureSetROISequence") or []:
        number = int(item.ROINumber)
        color = colors.get(number)
        labels[number] = Label(
            number,
            str(item.get("ROIName") or f"region {number}"),
            (*color, 1.0) if color else None,  # type: ignore[arg-type]
        )
    return labels


def _contours(dataset: Dataset) -> list[Contour]:
    contours = []
    for region in dataset.get("ROIContourSequence") or []:
        for item in region.get("ContourSequence") or []:
            numbers = np.array(item.get("ContourData") or [], dtype=np.float64)
            if numbers.size == 0 or numbers.size % 3 or not np.isfinite(numbers).all():
                continue
            if np.abs(numbers).max() > _FARTHEST:
                continue
            points = apply_affine(_TO_RAS, numbers.reshape(-1, 3))
            points.flags.writeable = False
            kind = str(item.get("ContourGeometricType") or "CLOSED_PLANAR")
            contours.append(Contour(int(region.ReferencedROINumber), kind, points))
    return contours


def _frame_of_reference(dataset: Dataset) -> str | None:
    for item in dataset.get("StructureSetROISequence") or []:
        if item.get("ReferencedFrameOfReferenceUID"):
            return str(item.ReferencedFrameOfReferenceUID)
    return None


def _referenced_series(dataset: Dataset) -> set[str]:
    return {
        str(series.SeriesInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []
        for study in frame.get("RTReferencedStudySequence") or []
        for series in study.get("RTReferencedSeriesSequence") or []
        if series.get("SeriesInstanceUID")
    }


def _referenced_instances(dataset: Dataset) -> set[str]:
    """Return the images that contours name themselves. PS3.3 C.8.8.6, Contour Image Sequence."""
    return {
        str(image.ReferencedSOPInstanceUID)
        for region in dataset.get("ROIContourSequence") or []
        for contour in region.get("ContourSequence") or []
        for image in contour.get("ContourImageSequence") or []
        if image.get("ReferencedSOPInstanceUID")
    }


def _grid(
    dataset: Dataset,
    images: Sequence[Volume],
    contours: Sequence[Contour],
    findings: list[Finding],
) -> tuple[tuple[int, ...], Affine, str]:
    wanted, instances = _referenced_series(dataset), _referenced_instances(dataset)
    for image in images:
        uid = image.said("SeriesInstanceUID")
        is_named = not instances.isdisjoint(row.instance_uid for row in image.report.slices)
        if image.kind == "image" and (uid in wanted or is_named):
            return image.shape[:3], image.affine, f"the grid of {image.name!r}"
    frame = _frame_of_reference(dataset)
    for image in images:
        if image.kind == "image" and frame and image.frame_of_reference == frame:
            text = f"the referenced series is not here: drawn on {image.name!r}, in the same world"
            findings.append(Finding(text, "note", "reference"))
            return image.shape[:3], image.affine, f"the grid of {image.name!r}"
    text = "the image that the contours were drawn on is not here: labels have 1 mm pixels"
    findings.append(Finding(text, "warning", "reference"))
    return *_own_grid(contours), "the contours"


def _own_grid(contours: Sequence[Contour]) -> tuple[tuple[int, ...], Affine]:
    points = np.concatenate([contour.points for contour in contours])
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    heights = np.unique(np.round([contour.points[0, 2] for contour in contours], 2))
    gaps = np.diff(heights)
    step = float(gaps.min()) if gaps.size else _OWN_PIXEL_MM
    sizes = np.array([_OWN_PIXEL_MM, _OWN_PIXEL_MM, step])
    low[2], high[2] = heights[0], heights[-1]
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = low
    shape = tuple(int(n) for n in np.ceil((high - low) / sizes + 1e-6) + 1)
    if prod(shape) > _MOST_VOXELS:
        extent = " × ".join(f"{n:.0f}" for n in high - low)
        raise ReadError(
            "the structure set",
            f"its contours span {extent} mm, too much for labels of {sizes[2]:g} mm slices",
            "Open it together with the image that it was drawn on",
        )
    return shape, affine


def _regions(
    contours: Sequence[Contour],
    shape: tuple[int, ...],
    affine: Affine,
    findings: list[Finding],
) -> dict[int, list[Mask]]:
    """Return the mask of each region on each slice it is on."""
    to_index = np.linalg.inv(affine).astype(np.float64)
    polygons: dict[tuple[int, int], list[Array]] = defaultdict(list)
    open_ones = outside = 0
    for contour in contours:
        if contour.kind not in _CLOSED:
            open_ones += 1
            continue
        index = apply_affine(to_index, contour.points)
        k = round(float(np.median(index[:, 2])))
        if not 0 <= k < shape[2] or np.abs(index[:, 2] - k).max() > 0.5 + _OUT_OF_PLANE:
            outside += 1
            continue
        polygons[contour.value, k].append(index[:, :2])
    if open_ones:
        text = f"{open_ones} contours are points or open lines: kept as contours, not as labels"
        findings.append(Finding(text, "note", "open"))
    if outside:
        text = f"{outside} of {len(contours)} contours do not lie on a slice of the image"
        findings.append(Finding(text, "warning", "outside"))
    regions: dict[int, list[Mask]] = defaultdict(list)
    for (value, k), parts in polygons.items():
        regions[value].append((k, filled(parts, shape[1], shape[0])))
    return regions
