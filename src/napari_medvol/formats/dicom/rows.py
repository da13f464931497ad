"""What a DICOM header says, in rows for people."""

from __future__ import annotations

from typing import Final

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.volume import Field

#: (group, keyword, tag, unit), in reading order. PS3.3 module by module.
_ROWS: Final = (
    ("Patient", "PatientName", tags.PATIENT_NAME, ""),
    ("Patient", "PatientID", tags.PATIENT_ID, ""),
    ("Patient", "PatientBirthDate", tags.PATIENT_BIRTH_DATE, ""),
    ("Patient", "PatientSex", tags.PATIENT_SEX, ""),
    ("Patient", "PatientAge", tags.PATIENT_AGE, ""),
    ("Patient", "PatientSize", tags.PATIENT_SIZE, "m"),
    ("Patient", "PatientWeight", tags.PATIENT_WEIGHT, "kg"),
    ("Study", "StudyDate", tags.STUDY_DATE, ""),
    ("Study", "StudyDescription", tags.STUDY_DESCRIPTION, ""),
    ("Study", "StudyInstanceUID", tags.STUDY_INSTANCE_UID, ""),
    ("Series", "SeriesNumber", tags.SERIES_NUMBER, ""),
    ("Series", "SeriesDescription", tags.SERIES_DESCRIPTION, ""),
    ("Series", "ProtocolName", tags.PROTOCOL_NAME, ""),
    ("Series", "Modality", tags.MODALITY, ""),
    ("Series", "SeriesDate", tags.SERIES_DATE, ""),
    ("Series", "SeriesTime", tags.SERIES_TIME, ""),
    ("Series", "BodyPartExamined", tags.BODY_PART_EXAMINED, ""),
    ("Series", "PatientPosition", tags.PATIENT_POSITION, ""),
    ("Series", "SeriesInstanceUID", tags.SERIES_INSTANCE_UID, ""),
    ("Series", "FrameOfReferenceUID", tags.FRAME_OF_REFERENCE_UID, ""),
    ("Equipment", "Manufacturer", tags.MANUFACTURER, ""),
    ("Equipment", "ManufacturerModelName", tags.MANUFACTURER_MODEL_NAME, ""),
    ("Equipment", "InstitutionName", tags.INSTITUTION_NAME, ""),
    ("Acquisition", "ScanningSequence", tags.SCANNING_SEQUENCE, ""),
    ("Acquisition", "RepetitionTime", tags.REPETITION_TIME, "ms"),
    ("Acquisition", "EchoTime", tags.ECHO_TIME, "ms"),
    ("Acquisition", "InversionTime", tags.INVERSION_TIME, "ms"),
    ("Acquisition", "FlipAngle", tags.FLIP_ANGLE, "°"),
    ("Acquisition", "ConvolutionKernel", tags.CONVOLUTION_KERNEL, ""),
    ("Acquisition", "AcquisitionDate", tags.ACQUISITION_DATE, ""),
    ("Acquisition", "AcquisitionTime", tags.ACQUISITION_TIME, ""),
    ("Image", "SOPClassUID", tags.SOP_CLASS_UID, ""),
    ("Image", "ImageType", tags.IMAGE_TYPE, ""),
    ("Image", "Rows", tags.ROWS, ""),
    ("Image", "Columns", tags.COLUMNS, ""),
    ("Image", "PixelSpacing", tags.PIXEL_SPACING, "mm"),
    ("Image", "SliceThickness", tags.SLICE_THICKNESS, "mm"),
    ("Image", "SpacingBetweenSlices", tags.SPACING_BETWEEN_SLICES, "mm"),
    ("Image", "GantryDetectorTilt", tags.GANTRY_DETECTOR_TILT, "°"),
    ("Image", "PhotometricInterpretation", tags.PHOTOMETRIC_INTERPRETATION, ""),
    ("Image", "BitsAllocated", tags.BITS_ALLOCATED, ""),
    ("Image", "BitsStored", tags.BITS_STORED, ""),
    ("Image", "PixelRepresentation", tags.PIXEL_REPRESENTATION, ""),
    ("Image", "RescaleSlope", tags.RESCALE_SLOPE, ""),
    ("Image", "RescaleIntercept", tags.RESCALE_INTERCEPT, ""),
    ("Image", "RescaleType", tags.RESCALE_TYPE, ""),
    ("Image", "Units", tags.UNITS, ""),
    ("Image", "PixelPaddingValue", tags.PIXEL_PADDING_VALUE, ""),
    ("Image", "WindowCenter", tags.WINDOW_CENTER, ""),
    ("Image", "WindowWidth", tags.WINDOW_WIDTH, ""),
    ("Image", "BurnedInAnnotation", tags.BURNED_IN_ANNOTATION, ""),
    ("Image", "LossyImageCompression", tags.LOSSY_IMAGE_COMPRESSION, ""),
)


def header_rows(frame: Frame) -> tuple[Field, ...]:
    """Return the elements that are in the file of `frame`, grouped for reading."""
    rows = [
        Field(group, name, value, unit)
        for group, name, tag, unit in _ROWS
        if (value := frame.text(tag))
    ]
    return (*rows, Field("Image", "TransferSyntaxUID", frame.header.transfer_syntax))


def series_name(frame: Frame) -> str:
    """Return what people call the series."""
    described = frame.text(tags.SERIES_DESCRIPTION) or frame.text(tags.PROTOCOL_NAME)
    if described:
        return described
    number = frame.number_of(tags.SERIES_NUMBER)
    modality = frame.text(tags.MODALITY) or "DICOM"
    return modality if number is None else f"{modality} series {number:g}"
