"""Enhanced multi-frame files, mosaics, doses and structure sets, made to measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage, RTDoseStorage, RTStructureSetStorage

from tests.phantoms.dicom import slice_dataset, uid_of

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def item(**elements: Any) -> Dataset:
    """Return a dataset with the given elements."""
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def group(**elements: Any) -> Items:
    """Return a functional group: a sequence of one item."""
    return Items([item(**elements)])


def write_enhanced(
    path: Path,
    frames: Sequence[tuple[Sequence[float], Mapping[str, Any]]],
    pixels: NDArray[Any],
    *,
    orientation: Sequence[float] = AXIAL,
    spacing: Sequence[float] = (1.0, 1.0),
    shared: Mapping[str, Items] | None = None,
    dimensions: Sequence[str] = (),
) -> Path:
    """Write an enhanced MR file.

    Parameters
    ----------
    path : Path
    frames : sequence of (position, functional groups)
        In the order of the file; groups by keyword.
    pixels : (frames, rows, columns) array
    orientation, spacing : sequence of float
    shared : mapping, optional
        Further shared functional groups.
    dimensions : sequence of str
        Keywords of the dimension index pointers.
    """
    dataset = slice_dataset(list(pixels), modality="MR", rescale=None)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del dataset[keyword]
    del dataset.SliceThickness
    dataset.NumberOfFrames = len(pixels)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    dataset.SharedFunctionalGroupsSequence = Items(
        [
            item(
                PlaneOrientationSequence=group(ImageOrientationPatient=list(orientation)),
                PixelMeasuresSequence=group(PixelSpacing=list(spacing), SliceThickness="9"),
                **(shared or {}),
            )
        ]
    )
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [
            item(
                PlanePositionSequence=group(ImagePositionPatient=[float(p) for p in position]),
                **groups,
            )
            for position, groups in frames
        ]
    )
    if dimensions:
        dataset.DimensionIndexSequence = Items(
            [item(DimensionIndexPointer=pydicom.datadict.tag_for_keyword(k)) for k in dimensions]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_mosaic(
    path: Path,
    slices: NDArray[Any],
    *,
    position: Sequence[float],
    spacing: Sequence[float],
    between: float,
    say_count: bool = True,
    instance: int = 1,
) -> Path:
    """Write a Siemens mosaic without a CSA header.

    Parameters
    ----------
    path : Path
    slices : (n, rows, columns) array
    position : (x, y, z)
        Of the first voxel of the first slice, LPS+ mm.
    spacing : (between rows, between columns)
    between : float
        Slice spacing, mm.
    say_count : bool
        Whether (0019,100A), the number of slices, is there.
    instance : int
    """
    count, rows, columns = slices.shape
    side = int(np.ceil(np.sqrt(count)))
    image = np.zeros((side * rows, side * columns), slices.dtype)
    for n, plane in enumerate(slices):
        r, c = divmod(n, side)
        image[r * rows : (r + 1) * rows, c * columns : (c + 1) * columns] = plane
    # The mosaic keeps the centre of the slice.
    corner = np.array(position, dtype=float)
    corner[0] -= spacing[1] * (side * columns - columns) / 2
    corner[1] -= spacing[0] * (side * rows - rows) / 2
    elements: dict[str | int, Any] = {
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        "SpacingBetweenSlices": str(between),
        "Manufacturer": "SIEMENS",
        "RepetitionTime": "2000",
    }
    if say_count:
        elements[0x00190010] = ("LO", "SIEMENS MR HEADER")
        elements[0x0019100A] = ("US", count)
    dataset = slice_dataset(
        image,
        position=corner,
        spacing=spacing,
        modality="MR",
        rescale=None,
        instance=instance,
        elements=elements,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_dose(
    path: Path, planes: NDArray[Any], offsets: Sequence[float], scaling: float, **choices: Any
) -> Path:
    """Write an RT dose of stored `planes` (n, rows, columns) at frame offsets in mm."""
    elements = {
        "GridFrameOffsetVector": [f"{v:g}" for v in offsets],
        "DoseGridScaling": f"{scaling:g}",
        "DoseUnits": "GY",
        "DoseType": "PHYSICAL",
        "DoseSummationType": "PLAN",
        "Modality": "RTDOSE",
    }
    dataset = slice_dataset(list(planes), rescale=None, elements=elements, **choices)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_structures(
    path: Path,
    regions: Mapping[str, Sequence[tuple[str, NDArray[Any]]]],
    *,
    series: str = "series",
    color: Sequence[int] = (255, 0, 128),
) -> Path:
    """Write an RT structure set.

    Parameters
    ----------
    path : Path
    regions : mapping
        Name to contours: (geometric type, (n, 3) points in LPS+ mm).
    series : str
        Of the image that the contours were drawn on.
    color : three ints
    """
    dataset = slice_dataset(np.zeros((2, 2), np.int16), series=f"{series} structures")
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.Modality, dataset.StructureSetLabel = "RTSTRUCT", "regions"
    frame = uid_of(series, "frame")
    referenced = item(SeriesInstanceUID=uid_of(series, "series"))
    study = item(RTReferencedSeriesSequence=Items([referenced]))
    dataset.ReferencedFrameOfReferenceSequence = Items(
        [item(FrameOfReferenceUID=frame, RTReferencedStudySequence=Items([study]))]
    )
    dataset.StructureSetROISequence = Items(
        [
            item(ROINumber=n, ROIName=name, ReferencedFrameOfReferenceUID=frame)
            for n, name in enumerate(regions, start=1)
        ]
    )
    dataset.ROIContourSequence = Items(
        [
            item(
                ReferencedROINumber=n,
                ROIDisplayColor=list(color),
                ContourSequence=Items(
                    [
                        item(
                            ContourGeometricType=kind,
                            NumberOfContourPoints=len(points),
                            ContourData=[f"{v:.6g}" for v in np.ravel(points)],
                        )
                        for kind, points in contours
                    ]
                ),
            )
            for n, contours in enumerate(regions.values(), start=1)
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
