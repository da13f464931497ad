"""Functional groups: what the frames of a file have in common, and each of its own.

PS3.3 C.7.6.16.2, C.8.13.5, C.8.15.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.saving.appearance import set_window
from napari_medvol.formats.dicom.saving.classes import CAPTURES, ENHANCED
from napari_medvol.formats.dicom.saving.dimensions import Dimension, content_of
from napari_medvol.formats.dicom.saving.elements import code, decimal, item_of
from napari_medvol.formats.dicom.saving.identity import description_of, references
from napari_medvol.formats.dicom.saving.plan import Image, Plan
from napari_medvol.formats.dicom.saving.source import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

#: Numbers of the source that are the same for all frames, with the group that holds them.
_OF_SEQUENCE: Final = (
    (tags.ECHO_TIME, "MREchoSequence", "EffectiveEchoTime"),
    (tags.REPETITION_TIME, "MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    (tags.FLIP_ANGLE, "MRTimingAndRelatedParametersSequence", "FlipAngle"),
)
_RESAMPLING: Final = frozenset({"resample", "align", "reslice"})


def shared_groups(plan: Plan) -> Dataset:
    """Return what all frames have in common."""
    places = plan.places
    groups = item_of(
        PixelMeasuresSequence=[
            item_of(
                PixelSpacing=[decimal(s) for s in places.spacing],
                SliceThickness=decimal(_thickness(plan)),
                SpacingBetweenSlices=decimal(places.between),
            )
        ],
        PlaneOrientationSequence=[
            item_of(ImageOrientationPatient=[decimal(o) for o in places.orientation.ravel()])
        ],
    )
    if plan.sop_class in CAPTURES:
        return groups
    if plan.stored.by_plane is None:
        slope, intercept = plan.stored.encoding.slope, plan.stored.encoding.intercept
        groups.PixelValueTransformationSequence = [_transformation(plan, slope, intercept)]
    windows = _windows(plan)
    if windows is not None:
        groups.FrameVOILUTSequence = [windows]
    if "type" not in _names(plan):
        _set_frame_type(groups, plan, "VOLUME")
    if plan.sop_class == ENHANCED["MR"]:
        _set_sequence(groups, plan)
    return groups


def _names(plan: Plan) -> list[str]:
    return [axis.name for axis in plan.volume.axes]


def _thickness(plan: Plan) -> float:
    if plan.source is None or plan.volume.shape[2] == 1:
        return plan.places.between
    normal = plan.source.normal
    thickness = plan.source.lead.number_of(tags.SLICE_THICKNESS)
    is_parallel = normal is not None and abs(abs(float(normal @ plan.places.normal)) - 1) < 1e-4
    return thickness if is_parallel and thickness else plan.places.between


def _transformation(plan: Plan, slope: float, intercept: float) -> Dataset:
    return item_of(
        RescaleSlope=decimal(slope),
        RescaleIntercept=decimal(intercept),
        RescaleType=plan.volume.unit[:64] or "US",
    )


def _windows(plan: Plan) -> Dataset | None:
    item = item_of()
    set_window(item, plan)
    return item if "WindowCenter" in item else None


def _set_frame_type(groups: Dataset, plan: Plan, flavour: str) -> None:
    item = item_of(
        FrameType=["DERIVED", "PRIMARY", flavour[:16], "NONE"],
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )
    if plan.sop_class == ENHANCED["CT"]:
        groups.CTImageFrameTypeSequence = [item]
        return
    item.ComplexImageComponent = component_of(plan)
    item.AcquisitionContrast = "UNKNOWN"
    groups.MRImageFrameTypeSequence = [item]


def _set_sequence(groups: Dataset, plan: Plan) -> None:
    lead = plan.source.lead if plan.source else None
    for tag, group, keyword in _OF_SEQUENCE:
        value = lead.number_of(tag) if lead else None
        if value is None or (group == "MREchoSequence" and "echo" in _names(plan)):
            continue
        if group not in groups:
            setattr(groups, group, [item_of()])
        timed = keyword != "EffectiveEchoTime"
        setattr(getattr(groups, group)[0], keyword, decimal(value) if timed else float(value))


def frame_groups(plan: Plan, image: Image, dimensions: tuple[Dimension, ...]) -> Dataset:
    """Return what one frame has of its own."""
    position = plan.places.position(image.k)
    groups = item_of(
        FrameContentSequence=[content_of(dimensions, image)],
        PlanePositionSequence=[item_of(ImagePositionPatient=[decimal(p) for p in position])],
    )
    if plan.sop_class not in CAPTURES:
        _set_own(groups, plan, image)
    return groups


def _set_own(groups: Dataset, plan: Plan, image: Image) -> None:
    if plan.stored.by_plane is not None:
        scale = plan.stored.scale((image.k, *image.extra))
        groups.PixelValueTransformationSequence = [_transformation(plan, *scale)]
    if image.sources:
        _set_derivation(groups, plan, image)
    said = plan.laid.at(image.extra)
    if "AcquisitionTime" in said:
        date = text_of(plan.source.lead if plan.source else None, tags.ACQUISITION_DATE)
        moment = (date or "19000101") + said["AcquisitionTime"]
        groups.FrameContentSequence[0].FrameAcquisitionDateTime = moment
    for making in (_diffusion, _echo, _timing, _cardiac, _reconstruction):
        making(groups, said, plan)
    if "ImageType" in said:
        _set_frame_type(groups, plan, said["ImageType"].split("\\")[0])


def _set_derivation(groups: Dataset, plan: Plan, image: Image) -> None:
    resampled = bool(_RESAMPLING & {step.op for step in plan.volume.history})
    kind = (
        ("113085", "Spatial resampling") if resampled else ("113072", "Multiplanar reformatting")
    )
    groups.DerivationImageSequence = [
        item_of(
            DerivationDescription=description_of(plan.volume.history),
            DerivationCodeSequence=[code(kind[0], "DCM", kind[1])],
            SourceImageSequence=references(image.sources),
        )
    ]


def _diffusion(groups: Dataset, said: dict[str, Any], plan: Plan) -> None:
    if "DiffusionBValue" not in said:
        return
    item = item_of(
        DiffusionBValue=said["DiffusionBValue"],
        DiffusionDirectionality=said["DiffusionDirectionality"],
    )
    direction = said.get("DiffusionGradientOrientation")
    if direction:
        item.DiffusionGradientDirectionSequence = [item_of(DiffusionGradientOrientation=direction)]
    groups.MRDiffusionSequence = [item]


def _echo(groups: Dataset, said: dict[str, Any], plan: Plan) -> None:
    if "EchoTime" in said:
        groups.MREchoSequence = [item_of(EffectiveEchoTime=float(said["EchoTime"]))]


def _timing(groups: Dataset, said: dict[str, Any], plan: Plan) -> None:
    if "FlipAngle" in said:
        item = item_of(FlipAngle=decimal(said["FlipAngle"]))
        groups.MRTimingAndRelatedParametersSequence = [item]


def _cardiac(groups: Dataset, said: dict[str, Any], plan: Plan) -> None:
    if "NominalPercentageOfCardiacPhase" in said:
        percentage = float(said["NominalPercentageOfCardiacPhase"])
        groups.CardiacSynchronizationSequence = [
            item_of(NominalPercentageOfCardiacPhase=percentage)
        ]
    elif "TriggerTime" in said:
        delay = float(said["TriggerTime"])
        groups.CardiacSynchronizationSequence = [item_of(NominalCardiacTriggerDelayTime=delay)]


def _reconstruction(groups: Dataset, said: dict[str, Any], plan: Plan) -> None:
    if "ConvolutionKernel" in said:
        item = item_of(ConvolutionKernel=said["ConvolutionKernel"])
        groups.CTReconstructionSequence = [item]


def component_of(plan: Plan) -> str:
    """Return Complex Image Component (0008,9208), by the image type of the source."""
    lead = plan.source.lead if plan.source else None
    kinds = text_of(lead, tags.IMAGE_TYPE).upper().split("\\")[2:]
    known = {"P": "PHASE", "PHASE": "PHASE", "R": "REAL", "REAL": "REAL", "I": "IMAGINARY"}
    known["IMAGINARY"] = "IMAGINARY"
    return next((known[kind] for kind in kinds if kind in known), "MAGNITUDE")
