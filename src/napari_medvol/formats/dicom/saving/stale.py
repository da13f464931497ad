"""What a derived image may not take over from its source, because it is no longer true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydicom import Dataset

#: Pixels, how they are stored, and what was computed from them.
_PIXELS: Final = frozenset(
    {
        "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
        "FrameIncrementPointer", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
        "PixelRepresentation", "SmallestImagePixelValue", "LargestImagePixelValue",
        "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "PixelPaddingValue",
        "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType",
        "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction",
        "VOILUTSequence", "ModalityLUTSequence", "RealWorldValueMappingSequence",
        "PresentationLUTShape", "PresentationLUTSequence", "IconImageSequence",
        "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
        "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
        "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
        "PaletteColorLookupTableUID", "PixelAspectRatio", "PixelPresentation",
        "DoseGridScaling", "DoseUnits", "LUTLabel", "LUTExplanation", "DataSetTrailingPadding",
        "ColorSpace", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    }
)  # fmt: skip
#: Where the image lay, and in which order.
_PLACE: Final = frozenset(
    {
        "ImagePositionPatient", "ImageOrientationPatient", "ImagePosition", "ImageOrientation",
        "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "SliceLocation",
        "SliceThickness", "SpacingBetweenSlices", "GantryDetectorTilt", "PatientOrientation",
        "NumberOfSlices", "ImageIndex", "NumberOfTimeSlices", "SliceVector",
        "GridFrameOffsetVector", "SequenceOfUltrasoundRegions", "PixelSpacingCalibrationType",
        "PixelSpacingCalibrationDescription", "FrameTime", "FrameTimeVector",
        "FrameOfReferenceUID", "InstanceNumber", "ImagesInAcquisition", "DimensionIndexSequence",
        "DimensionOrganizationSequence", "DimensionOrganizationType",
        "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
        "EstimatedRadiographicMagnificationFactor", "ConcatenationUID",
        "InConcatenationNumber", "InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber",
        "SOPInstanceUIDOfConcatenationSource", "StackID",
    }
)  # fmt: skip
#: Which instance it was, and what referred to it.
_IDENTITY: Final = frozenset(
    {
        "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
        "SeriesDescriptionCodeSequence", "InstanceCreationDate", "InstanceCreationTime",
        "InstanceCreatorUID", "SpecificCharacterSet", "LengthToEnd", "SourceImageSequence",
        "ReferencedImageSequence", "ReferencedSeriesSequence", "DerivationDescription",
        "DerivationCodeSequence", "ImageType", "FrameType", "ContentQualification",
        "StudiesContainingOtherReferencedInstancesSequence", "MACParametersSequence",
        "DigitalSignaturesSequence", "EncryptedAttributesSequence", "OriginalAttributesSequence",
        "InstanceOriginStatus", "QueryRetrieveView", "ContentLabel", "SegmentSequence",
        "ReferencedRawDataSequence", "ReferencedInstanceSequence", "ConversionType",
        "ConversionSourceAttributesSequence", "RawDataHandling",
    }
)  # fmt: skip
#: True of the whole image as it was made; not of part of it, or of other pixels.
IN_PLANE: Final = frozenset(
    {
        "ReconstructionDiameter", "ReconstructionTargetCenterPatient", "ReconstructionFieldOfView",
        "ReconstructionPixelSpacing", "FieldOfViewDimensions", "FieldOfViewShape",
    }
)  # fmt: skip
#: True of a slice where it was taken.
IN_DEPTH: Final = frozenset({"SliceThickness", "GantryDetectorTilt"})

_STALE: Final = _PIXELS | _PLACE | _IDENTITY


def drop_stale(dataset: Dataset) -> None:
    """Remove what a derived image cannot take over, overlays and curves included."""
    for element in list(dataset):
        group = element.tag.group
        graphics = group & 0xFF00 in (0x5000, 0x6000) and group not in (0x5200, 0x5400)
        pixels = group == 0x7FE0
        if element.keyword in _STALE or graphics or pixels or not element.keyword:
            del dataset[element.tag]


def drop(dataset: Dataset, keywords: frozenset[str]) -> None:
    """Remove elements by keyword, where they are."""
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)
