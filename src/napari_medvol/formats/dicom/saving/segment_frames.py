"""The frames of a segmentation: the images they were drawn on, and the ends of the grid."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.saving.elements import code, decimal, item_of
from napari_medvol.formats.dicom.saving.places import Places
from napari_medvol.formats.dicom.saving.source import Source, reference

if TYPE_CHECKING:
    from pydicom import Dataset

Array = NDArray[Any]


def unshare(made: Dataset) -> None:
    """Give each frame its own position and references, where a single frame shares them."""
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.pop("DerivationImageSequence", None)
    for keyword in ("PlanePositionSequence", "FrameContentSequence"):
        if keyword in shared:
            for frame in made.PerFrameFunctionalGroupsSequence:
                setattr(frame, keyword, deepcopy(shared.get(keyword)))
            delattr(shared, keyword)


def refer(made: Dataset, places: Places, source: Source | None) -> None:
    """Name the images that each frame was drawn on, and all of them. PS3.3 C.7.6.16.2.6."""
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        if keyword in made:
            delattr(made, keyword)
    instances: dict[str, Dataset] = {}
    for frame in made.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in frame:
            del frame.DerivationImageSequence
        items = _images_at(frame, places, source)
        if not items:
            continue
        frame.DerivationImageSequence = [
            item_of(
                DerivationCodeSequence=[code("113076", "DCM", "Segmentation")],
                SourceImageSequence=items,
            )
        ]
        for item in items:
            instances[item.ReferencedSOPInstanceUID] = item_of(
                ReferencedSOPClassUID=item.ReferencedSOPClassUID,
                ReferencedSOPInstanceUID=item.ReferencedSOPInstanceUID,
            )
    if source and instances:
        made.ReferencedSeriesSequence = [
            item_of(
                SeriesInstanceUID=source.lead.text(tags.SERIES_INSTANCE_UID),
                ReferencedInstanceSequence=list(instances.values()),
            )
        ]


def _images_at(frame: Dataset, places: Places, source: Source | None) -> list[Dataset]:
    if source is None:
        return []
    position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
    slices = source.at(position, places.normal)
    items = []
    for image in source.images(slices, None):
        sop_class, instance, number = reference(image)
        if not sop_class or not instance:
            continue
        item = item_of(
            ReferencedSOPClassUID=sop_class,
            ReferencedSOPInstanceUID=instance,
            SpatialLocationsPreserved="YES",
            PurposeOfReferenceCodeSequence=[
                code("121322", "DCM", "Source image for image processing operation")
            ],
        )
        if number is not None:
            item.ReferencedFrameNumber = number
        items.append(item)
    return items


def anchor(made: Dataset, places: Places, pixels: Array) -> None:
    """Add an empty frame at the first and at the last plane, if they have none.

    Planes without a segment are left out, as most programs do it; with both ends there, the
    grid is whole again on reading.
    """
    has_any = np.any(pixels.reshape(len(pixels), -1), axis=1)
    missing = [k for k in dict.fromkeys((0, len(pixels) - 1)) if not has_any[k]]
    if not missing:
        return
    frames = made.PerFrameFunctionalGroupsSequence
    if 0 in missing:
        for frame in frames:
            content = frame.FrameContentSequence[0]
            first, *rest = content.DimensionIndexValues
            content.DimensionIndexValues = [first, *(n + 1 for n in rest)]
    n_planes = int(has_any.sum()) + (0 in missing)
    n_used = (len(frames) * made.Rows * made.Columns + 7) // 8
    for k in missing:
        frame = deepcopy(frames[0])
        frame.pop("DerivationImageSequence", None)
        frame.FrameContentSequence[0].DimensionIndexValues = [1, 1 if k == 0 else n_planes + 1]
        frame.PlanePositionSequence[0].ImagePositionPatient = [
            decimal(p) for p in places.position(k)
        ]
        if "SegmentIdentificationSequence" in frame:
            frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
        frames.append(frame)
    n_bytes = (len(frames) * made.Rows * made.Columns + 7) // 8
    # The byte that made the length even need not be 0.
    made.PixelData = made.PixelData[:n_used].ljust(n_bytes + n_bytes % 2, b"\0")
    made.NumberOfFrames = len(frames)
    if "DimensionOrganizationType" in made:
        del made.DimensionOrganizationType
