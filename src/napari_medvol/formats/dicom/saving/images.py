"""The elements of a derived image, and a series of them as one file a slice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.saving.appearance import set_pixels, set_window
from napari_medvol.formats.dicom.saving.axes import TELLING
from napari_medvol.formats.dicom.saving.classes import (
    CLASSIC,
    fill_mandatory,
    set_unit,
)
from napari_medvol.formats.dicom.saving.elements import decimal, save, set_element
from napari_medvol.formats.dicom.saving.identity import set_identity, set_origin
from napari_medvol.formats.dicom.saving.plan import Image, Plan, plan_of, template_of
from napari_medvol.formats.dicom.saving.source import copied
from napari_medvol.formats.dicom.saving.stale import IN_DEPTH, IN_PLANE, drop, drop_stale
from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

#: Elements of a frame of an enhanced source that a classic image has, too.
_OF_FRAMES: Final = (
    (tags.ECHO_TIME, "EchoTime"),
    (tags.REPETITION_TIME, "RepetitionTime"),
    (tags.FLIP_ANGLE, "FlipAngle"),
    (tags.ACQUISITION_TIME, "AcquisitionTime"),
    (tags.CONVOLUTION_KERNEL, "ConvolutionKernel"),
)


def write_images(
    volume: Volume, folder: Path, choices: WriteChoices, progress: Progress, name: str = ""
) -> tuple[Written, Volume]:
    """Write one file a slice.

    Parameters
    ----------
    volume : Volume
    folder : Path
        Where the files go.
    choices : WriteChoices
    progress : callable
    name : str, optional
        Of the only file; numbered names by default.

    Returns
    -------
    (Written, Volume)
        And what the files give back.
    """
    plan = plan_of(volume, choices, multiframe=False)
    images = list(plan.images())
    # An image of one source says what that says; all files are read only if some have none.
    template = None if all(len(image.sources) == 1 for image in images) else template_of(plan)
    files = []
    for image, pixels in zip(images, plan.pixels(), strict=True):
        progress(image.number - 1, len(images))
        path = folder / (name or f"IM{image.number:04d}.dcm")
        with quietly():
            dataset = _image(plan, template, image)
            set_pixels(dataset, plan, pixels, (image.k, *image.extra))
        save(dataset, path)
        files.append(path)
    return Written(plan.stored.encoding, plan.notes, tuple(files)), plan.volume


def _image(plan: Plan, template: Dataset | None, image: Image) -> Dataset:
    dataset = begun(plan, template, image.sources)
    dataset.SOPClassUID = plan.sop_class
    dataset.SOPInstanceUID = plan.uids.of("image", image.k, image.extra)
    dataset.InstanceNumber = image.number
    dataset.ImageType = image_type(plan, image.sources)
    _set_place(dataset, plan, image)
    for keyword, value in plan.laid.at(image.extra).items():
        if keyword == "ImageType":
            dataset.ImageType = [*dataset.ImageType[:2], *str(value).split("\\")]
        else:
            set_element(dataset, keyword, value)
    if plan.sop_class == CLASSIC["PT"]:
        _set_pet(dataset, plan, image)
    finish(dataset, plan, image.sources)
    return dataset


def begun(plan: Plan, template: Dataset | None, sources: Iterable[Frame]) -> Dataset:
    """Return what the source says and is still true: of its only image there, or of all."""
    from pydicom import Dataset

    found = tuple(sources)
    dataset = Dataset()
    if len(found) == 1 and (template is None or not found[0].header.problem):
        dataset = copied(found[0])
        _take_from_frame(dataset, found[0])
    else:
        for element in template or ():
            dataset.add(element)
    normal = plan.source.normal if plan.source else None
    is_parallel = normal is not None and abs(abs(float(normal @ plan.places.normal)) - 1) < 1e-4
    thickness = plan.source.lead.number_of(tags.SLICE_THICKNESS) if plan.source else None
    drop_stale(dataset)
    if not is_parallel:
        drop(dataset, IN_DEPTH)
    if not _is_same_in_plane(plan):
        drop(dataset, IN_PLANE)
    _turn_phase_encoding(dataset, plan)
    if plan.extra_shape:
        drop(dataset, TELLING - {"AcquisitionTime"} if _has_times(plan) else TELLING)
    # How thick the tissue of a slice is: true as long as slices are where they were taken.
    is_kept = is_parallel and plan.volume.shape[2] > 1 and bool(found)
    extent = thickness if is_kept and thickness else plan.places.between
    dataset.SliceThickness = decimal(extent)
    return dataset


def _has_times(plan: Plan) -> bool:
    return plan.volume.axes[0].name == "t" and plan.volume.axes[0].unit == "s"


def _take_from_frame(dataset: Dataset, frame: Frame) -> None:
    for tag, keyword in _OF_FRAMES:
        if tag in frame.values and (value := frame.text(tag)):
            set_element(dataset, keyword, value)


def _is_same_in_plane(plan: Plan) -> bool:
    lead = plan.source.lead if plan.source else None
    if lead is None:
        return False
    sizes = lead.number_of(tags.ROWS), lead.number_of(tags.COLUMNS)
    same = sorted(sizes, key=str) == sorted((*plan.volume.shape[:2],), key=str)
    spacing = np.allclose(sorted(lead.spacing), sorted(plan.places.spacing), rtol=1e-4)
    return bool(spacing) and same


def _turn_phase_encoding(dataset: Dataset, plan: Plan) -> None:
    """Say along which of the new axes phase was encoded, ROW or COL; PS3.3 C.8.3.1."""
    keyword = "InPlanePhaseEncodingDirection"
    lead = plan.source.lead if plan.source else None
    if keyword not in dataset or lead is None or lead.orientation is None:
        return
    cosine = abs(float(lead.orientation[0] @ plan.places.orientation[0]))
    if cosine < 0.01 and abs(float(lead.orientation[1] @ plan.places.orientation[0])) > 0.99:
        swapped = {"ROW": "COL", "COL": "ROW", "COLUMN": "ROW"}
        setattr(dataset, keyword, swapped.get(str(dataset.get(keyword)), dataset.get(keyword)))
    elif cosine < 0.99:
        delattr(dataset, keyword)


def image_type(plan: Plan, sources: Iterable[Frame]) -> list[str]:
    """Return Image Type (0008,0008): derived, and what the source says further."""
    lead = next(iter(sources), plan.source.lead if plan.source else None)
    own = lead.text(tags.IMAGE_TYPE).upper().split("\\") if lead else []
    second = own[1] if len(own) > 1 and own[1] in ("PRIMARY", "SECONDARY") else "PRIMARY"
    further = [value for value in own[2:] if value != "MOSAIC"]
    usual = {"CT": "AXIAL", "MR": "OTHER"}.get(plan.modality)
    return ["DERIVED", second, *(further or ([usual] if usual else []))]


def _set_place(dataset: Dataset, plan: Plan, image: Image) -> None:
    places = plan.places
    position = places.position(image.k)
    dataset.ImagePositionPatient = [decimal(p) for p in position]
    dataset.ImageOrientationPatient = [decimal(o) for o in places.orientation.ravel()]
    dataset.PixelSpacing = [decimal(s) for s in places.spacing]
    dataset.SpacingBetweenSlices = decimal(places.between)
    dataset.SliceLocation = decimal(float(position @ places.normal))
    dataset.FrameOfReferenceUID = world_of(plan)


def world_of(plan: Plan) -> str:
    """Return the Frame of Reference UID: that of the study it is filed with, else its own."""
    there = plan.source.lead.text(tags.FRAME_OF_REFERENCE_UID) if plan.source else ""
    return there or plan.volume.frame_of_reference or plan.uids.of("frame of reference")


def _set_pet(dataset: Dataset, plan: Plan, image: Image) -> None:
    """Set what counts the images of a PET series. PS3.3 C.8.9.1.1.4, C.8.9.4.1.9."""
    n_slices = plan.volume.shape[2]
    dataset.NumberOfSlices = n_slices
    dataset.ImageIndex = image.number
    is_dynamic = bool(plan.extra_shape) and plan.volume.axes[0].name == "t"
    said = dataset.get("SeriesType")
    kind = said[0] if said and isinstance(said[0], str) and len(said[0]) > 1 else ""
    dataset.SeriesType = ["DYNAMIC" if is_dynamic else kind or "STATIC", "IMAGE"]
    if is_dynamic:
        dataset.NumberOfTimeSlices = plan.extra_shape[0]


def finish(dataset: Dataset, plan: Plan, sources: Iterable[Frame]) -> None:
    """Say whose series it is, how it came about, its unit and window, and what is mandatory."""
    set_identity(dataset, plan)
    set_origin(dataset, plan, sources)
    set_unit(dataset, plan.volume, plan.modality, plan.sop_class)
    set_window(dataset, plan)
    for keyword, value in plan.choices.elements.items():
        set_element(dataset, keyword, value, asked=True)
    fill_mandatory(dataset, plan.sop_class)
