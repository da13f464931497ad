"""All that is settled before the first file of a series is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import WriteError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.factors import seconds_of
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.saving.axes import Laid, laid_out
from napari_medvol.formats.dicom.saving.classes import CAPTURE_WORDS, class_of, modality_of
from napari_medvol.formats.dicom.saving.places import Places, places_of
from napari_medvol.formats.dicom.saving.source import Source, common_elements, source_of
from napari_medvol.formats.dicom.saving.stored import Stored, stored_of
from napari_medvol.formats.dicom.saving.uids import Uids, uids_for
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.slabs import slabs
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

#: Decided by the voxels and their place, not by the caller.
_NOT_ASKED_FOR: Final = frozenset(
    {
        "SOPClassUID", "SOPInstanceUID", "Rows", "Columns", "PixelData", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "NumberOfFrames",
        "PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient",
        "PixelSpacing", "RescaleSlope", "RescaleIntercept", "InstanceNumber",
        "SpecificCharacterSet", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """One image that is to be written.

    Parameters
    ----------
    number : int
        From 1, along k and then along the extra axes.
    k : int
    extra : tuple of int
    sources : tuple of Frame
        Images that lie in the same plane, of the same repeat where that is known.
    """

    number: int
    k: int
    extra: tuple[int, ...]
    sources: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a series will be.

    Parameters
    ----------
    volume : Volume
        As files give it back: k along the normal, axes in the order of readers.
    places : Places
    laid : Laid
    stored : Stored
    source : Source or None
    is_own : bool
        Whether the source is what the volume was read from, and its extra axes are the same.
    modality, sop_class : str
    uids : Uids
    choices : WriteChoices
    notes : tuple of str
    """

    volume: Volume
    places: Places
    laid: Laid
    stored: Stored
    source: Source | None
    is_own: bool
    modality: str
    sop_class: str
    uids: Uids
    choices: WriteChoices
    notes: tuple[str, ...] = ()

    @property
    def extra_shape(self) -> tuple[int, ...]:
        """Length of the axes after k, without colour."""
        return self.volume.shape[3 : 3 + len(self.laid.elements)]

    @property
    def series_uid(self) -> str:
        """Series Instance UID of the new series."""
        asked = self.choices.elements.get("SeriesInstanceUID")
        return str(asked) if asked else self.uids.of("series")

    def images(self) -> Iterator[Image]:
        """Yield the images in the order of their numbers."""
        number = 0
        slices = [self._slices_at(k) for k in range(self.volume.shape[2])]
        for extra in np.ndindex(*self.extra_shape[::-1]):
            index = extra[::-1]
            repeat = index if self.is_own else None
            for k, found in enumerate(slices):
                number += 1
                sources = self.source.images(found, repeat) if self.source else []
                yield Image(number, k, index, tuple(sources))

    def _slices_at(self, k: int) -> list[int]:
        if self.source is None:
            return []
        return self.source.at(self.places.position(k), self.places.normal)

    def pixels(self) -> Iterator[NDArray[Any]]:
        """Yield what is stored for each image, rows first, in the order of :meth:`images`."""
        for index, values in slabs(self.volume):
            ks = index[2]
            assert isinstance(ks, slice)
            extra = tuple(int(n) for n in index[3:])  # type: ignore[arg-type]
            for n, k in enumerate(range(ks.start, ks.stop)):
                yield self.stored.pixels(values[:, :, n], (k, *extra))


def plan_of(volume: Volume, choices: WriteChoices, *, multiframe: bool) -> Plan:
    """Return what the files of a volume will be.

    Raises
    ------
    WriteError
        If DICOM has no place for the grid, the axes or the values.
    """
    refuse_elements(choices)
    source = source_of(volume, choices)
    lead = source.lead if source else None
    known = lead.text(tags.MODALITY) if lead else ""
    modality, notes = modality_of(volume, choices, known)
    sop_class = class_of(volume, modality, multiframe=multiframe)
    begin = (seconds_of(lead.text(tags.ACQUISITION_TIME)) if lead else None) or 0.0
    laid = laid_out(volume, modality, begin)
    places = places_of(laid.volume)
    laid = replace(laid, volume=places.volume)
    unsigned = sop_class == CAPTURE_WORDS
    stored = stored_of(places.volume, modality, choices, unsigned=unsigned)
    series = lead.text(tags.SERIES_INSTANCE_UID) if lead else ""
    shape = places.volume.shape[3 : 3 + len(laid.elements)]
    is_own = source is not None and source.shape == shape and _same_axes(volume, choices)
    return Plan(
        places.volume, places, laid, stored, source, is_own, modality, sop_class,
        uids_for(places.volume, series, choices, modality, stored.encoding), choices,
        (*notes, *laid.notes, *places.notes, *_about_worlds(volume, source)),
    )  # fmt: skip


def _same_axes(volume: Volume, choices: WriteChoices) -> bool:
    like = choices.like
    if like is None:
        return True
    return [axis.name for axis in like.axes] == [axis.name for axis in volume.axes]


def refuse_elements(choices: WriteChoices) -> None:
    """Refuse elements that are none, or that the voxels decide.

    Raises
    ------
    WriteError
        If an element that was asked for cannot be.
    """
    from pydicom.datadict import tag_for_keyword

    for keyword in choices.elements:
        if tag_for_keyword(keyword) is None:
            why = f"{keyword!r} is no keyword of the DICOM dictionary"
            raise WriteError("elements", why, "Write it as PS3.6 does, such as SeriesDescription")
        if keyword in _NOT_ASKED_FOR:
            why = f"{keyword} is decided by the voxels and their place"
            raise WriteError("elements", why, "Leave it out")


def _about_worlds(volume: Volume, source: Source | None) -> tuple[str, ...]:
    if source is None:
        return ("no DICOM source: a new study, of a patient without a name",)
    if not source.is_placed:
        return ("its source does not say where it lies: the place is that of the layer",)
    there = source.lead.text(tags.FRAME_OF_REFERENCE_UID)
    if volume.frame_of_reference and there and volume.frame_of_reference != there:
        return ("it comes from another frame of reference than the study it is filed with",)
    return ()


def template_of(plan: Plan) -> Dataset:
    """Return what all images of the source say alike, or an empty dataset."""
    from pydicom import Dataset

    return common_elements(plan.source) if plan.source else Dataset()
