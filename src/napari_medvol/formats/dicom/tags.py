"""The header elements that this package reads, by name: ``0xGGGGEEEE`` and their types.

The value representations serve implicit VR and ``UN`` elements (PS3.6, PS3.5 6.2.2); private
elements follow the manufacturers' conformance statements.
"""

from __future__ import annotations

from typing import Final

#: Tag to value representation of every element that is kept. ``"US or SS"`` is settled by
#: Pixel Representation (PS3.5 Annex A.1).
VR_OF: Final[dict[int, str]] = {}

#: Elements whose presence alone is kept, not their value.
PRESENCE_ONLY: Final[set[int]] = set()


def _kept(tag: int, vr: str) -> int:
    VR_OF[tag] = vr
    return tag


def _noticed(tag: int, vr: str = "SQ") -> int:
    PRESENCE_ONLY.add(tag)
    return _kept(tag, vr)


# File meta information, PS3.10 7.1
MEDIA_STORAGE_SOP_CLASS_UID: Final = _kept(0x00020002, "UI")
MEDIA_STORAGE_SOP_INSTANCE_UID: Final = _kept(0x00020003, "UI")
TRANSFER_SYNTAX_UID: Final = _kept(0x00020010, "UI")
IMPLEMENTATION_CLASS_UID: Final = _kept(0x00020012, "UI")
IMPLEMENTATION_VERSION_NAME: Final = _kept(0x00020013, "SH")
SOURCE_APPLICATION_ENTITY_TITLE: Final = _kept(0x00020016, "AE")

# Patient, study, series, equipment, instance
SPECIFIC_CHARACTER_SET: Final = _kept(0x00080005, "CS")
IMAGE_TYPE: Final = _kept(0x00080008, "CS")
SOP_CLASS_UID: Final = _kept(0x00080016, "UI")
SOP_INSTANCE_UID: Final = _kept(0x00080018, "UI")
STUDY_DATE: Final = _kept(0x00080020, "DA")
SERIES_DATE: Final = _kept(0x00080021, "DA")
ACQUISITION_DATE: Final = _kept(0x00080022, "DA")
CONTENT_DATE: Final = _kept(0x00080023, "DA")
ACQUISITION_DATE_TIME: Final = _kept(0x0008002A, "DT")
STUDY_TIME: Final = _kept(0x00080030, "TM")
SERIES_TIME: Final = _kept(0x00080031, "TM")
ACQUISITION_TIME: Final = _kept(0x00080032, "TM")
CONTENT_TIME: Final = _kept(0x00080033, "TM")
MODALITY: Final = _kept(0x00080060, "CS")
MANUFACTURER: Final = _kept(0x00080070, "LO")
INSTITUTION_NAME: Final = _kept(0x00080080, "LO")
STUDY_DESCRIPTION: Final = _kept(0x00081030, "LO")
SERIES_DESCRIPTION: Final = _kept(0x0008103E, "LO")
MANUFACTURER_MODEL_NAME: Final = _kept(0x00081090, "LO")
PATIENT_NAME: Final = _kept(0x00100010, "PN")
PATIENT_ID: Final = _kept(0x00100020, "LO")
PATIENT_BIRTH_DATE: Final = _kept(0x00100030, "DA")
PATIENT_SEX: Final = _kept(0x00100040, "CS")
PATIENT_AGE: Final = _kept(0x00101010, "AS")
PATIENT_SIZE: Final = _kept(0x00101020, "DS")
PATIENT_WEIGHT: Final = _kept(0x00101030, "DS")
BODY_PART_EXAMINED: Final = _kept(0x00180015, "CS")
PROTOCOL_NAME: Final = _kept(0x00181030, "LO")
PATIENT_POSITION: Final = _kept(0x00185100, "CS")
STUDY_INSTANCE_UID: Final = _kept(0x0020000D, "UI")
SERIES_INSTANCE_UID: Final = _kept(0x0020000E, "UI")
STUDY_ID: Final = _kept(0x00200010, "SH")
SERIES_NUMBER: Final = _kept(0x00200011, "IS")
ACQUISITION_NUMBER: Final = _kept(0x00200012, "IS")
INSTANCE_NUMBER: Final = _kept(0x00200013, "IS")
FRAME_OF_REFERENCE_UID: Final = _kept(0x00200052, "UI")
IMAGES_IN_ACQUISITION: Final = _kept(0x00201002, "IS")

# Where the slice lies, PS3.3 C.7.6.2
SLICE_THICKNESS: Final = _kept(0x00180050, "DS")
SPACING_BETWEEN_SLICES: Final = _kept(0x00180088, "DS")
GANTRY_DETECTOR_TILT: Final = _kept(0x00181120, "DS")
IMAGER_PIXEL_SPACING: Final = _kept(0x00181164, "DS")
ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR: Final = _kept(0x00181114, "DS")
NOMINAL_SCANNED_PIXEL_SPACING: Final = _kept(0x00182010, "DS")
IMAGE_POSITION_PATIENT: Final = _kept(0x00200032, "DS")
IMAGE_ORIENTATION_PATIENT: Final = _kept(0x00200037, "DS")
SLICE_LOCATION: Final = _kept(0x00201041, "DS")
PIXEL_SPACING: Final = _kept(0x00280030, "DS")
PIXEL_ASPECT_RATIO: Final = _kept(0x00280034, "IS")

# The pixels, PS3.3 C.7.6.3
SAMPLES_PER_PIXEL: Final = _kept(0x00280002, "US")
PHOTOMETRIC_INTERPRETATION: Final = _kept(0x00280004, "CS")
PLANAR_CONFIGURATION: Final = _kept(0x00280006, "US")
NUMBER_OF_FRAMES: Final = _kept(0x00280008, "IS")
FRAME_INCREMENT_POINTER: Final = _kept(0x00280009, "AT")
ROWS: Final = _kept(0x00280010, "US")
COLUMNS: Final = _kept(0x00280011, "US")
BITS_ALLOCATED: Final = _kept(0x00280100, "US")
BITS_STORED: Final = _kept(0x00280101, "US")
HIGH_BIT: Final = _kept(0x00280102, "US")
PIXEL_REPRESENTATION: Final = _kept(0x00280103, "US")
SMALLEST_IMAGE_PIXEL_VALUE: Final = _kept(0x00280106, "US or SS")
LARGEST_IMAGE_PIXEL_VALUE: Final = _kept(0x00280107, "US or SS")
PIXEL_PADDING_VALUE: Final = _kept(0x00280120, "US or SS")
PIXEL_PADDING_RANGE_LIMIT: Final = _kept(0x00280121, "US or SS")
BURNED_IN_ANNOTATION: Final = _kept(0x00280301, "CS")
LOSSY_IMAGE_COMPRESSION: Final = _kept(0x00282110, "CS")
RED_PALETTE_DESCRIPTOR: Final = _kept(0x00281101, "US or SS")
GREEN_PALETTE_DESCRIPTOR: Final = _kept(0x00281102, "US or SS")
BLUE_PALETTE_DESCRIPTOR: Final = _kept(0x00281103, "US or SS")
RED_PALETTE_DATA: Final = _noticed(0x00281201, "OW")
GREEN_PALETTE_DATA: Final = _noticed(0x00281202, "OW")
BLUE_PALETTE_DATA: Final = _noticed(0x00281203, "OW")
SEGMENTED_RED_PALETTE_DATA: Final = _noticed(0x00281221, "OW")

# Values and windows, PS3.3 C.11.1, C.11.2
WINDOW_CENTER: Final = _kept(0x00281050, "DS")
WINDOW_WIDTH: Final = _kept(0x00281051, "DS")
RESCALE_INTERCEPT: Final = _kept(0x00281052, "DS")
RESCALE_SLOPE: Final = _kept(0x00281053, "DS")
RESCALE_TYPE: Final = _kept(0x00281054, "LO")
WINDOW_CENTER_WIDTH_EXPLANATION: Final = _kept(0x00281055, "LO")
VOI_LUT_FUNCTION: Final = _kept(0x00281056, "CS")
MODALITY_LUT_SEQUENCE: Final = _noticed(0x00283000)
REAL_WORLD_VALUE_MAPPING_SEQUENCE: Final = _noticed(0x00409096)

# What may vary within one position of a series
SEQUENCE_NAME: Final = _kept(0x00180024, "SH")
SCANNING_SEQUENCE: Final = _kept(0x00180020, "CS")
SCAN_OPTIONS: Final = _kept(0x00180022, "CS")
REPETITION_TIME: Final = _kept(0x00180080, "DS")
ECHO_TIME: Final = _kept(0x00180081, "DS")
INVERSION_TIME: Final = _kept(0x00180082, "DS")
ECHO_NUMBERS: Final = _kept(0x00180086, "IS")
TRIGGER_TIME: Final = _kept(0x00181060, "DS")
FRAME_TIME: Final = _kept(0x00181063, "DS")
CONVOLUTION_KERNEL: Final = _kept(0x00181210, "SH")
ACTUAL_FRAME_DURATION: Final = _kept(0x00181242, "IS")
FLIP_ANGLE: Final = _kept(0x00181314, "DS")
DIFFUSION_DIRECTIONALITY: Final = _kept(0x00189075, "CS")
DIFFUSION_B_VALUE: Final = _kept(0x00189087, "FD")
DIFFUSION_GRADIENT_ORIENTATION: Final = _kept(0x00189089, "FD")
STACK_ID: Final = _kept(0x00209056, "SH")
REFERENCED_SEGMENT_NUMBER: Final = _kept(0x0062000B, "US")
DIMENSION_INDEX_VALUES: Final = _kept(0x00209157, "UL")
TEMPORAL_POSITION_IDENTIFIER: Final = _kept(0x00200100, "IS")
NUMBER_OF_TEMPORAL_POSITIONS: Final = _kept(0x00200105, "IS")
TEMPORAL_RESOLUTION: Final = _kept(0x00200110, "DS")
NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE: Final = _kept(0x00209241, "FL")
NOMINAL_CARDIAC_TRIGGER_DELAY: Final = _kept(0x00209153, "FD")
NUMBER_OF_SLICES: Final = _kept(0x00540081, "US")
NUMBER_OF_TIME_SLICES: Final = _kept(0x00540101, "US")
SERIES_TYPE: Final = _kept(0x00541000, "CS")
UNITS: Final = _kept(0x00541001, "CS")
DECAY_CORRECTION: Final = _kept(0x00541102, "CS")
FRAME_REFERENCE_TIME: Final = _kept(0x00541300, "DS")
IMAGE_INDEX: Final = _kept(0x00541330, "US")

# RT dose, PS3.3 C.8.8.3
GRID_FRAME_OFFSET_VECTOR: Final = _kept(0x3004000C, "DS")
DOSE_UNITS: Final = _kept(0x30040002, "CS")
DOSE_GRID_SCALING: Final = _kept(0x3004000E, "DS")

# Sequences: whether they are there
SEQUENCE_OF_ULTRASOUND_REGIONS: Final = _noticed(0x00186011)
RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE: Final = _noticed(0x00540016)
SHARED_FUNCTIONAL_GROUPS_SEQUENCE: Final = _noticed(0x52009229)
PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE: Final = _noticed(0x52009230)

# Graphics over the image, PS3.3 C.9: whether the first overlay is there
OVERLAY_DATA: Final = _noticed(0x60003000, "OW")

# Private. The creators say whose block it is, PS3.5 7.8.
SIEMENS_HEADER_CREATOR: Final = _kept(0x00190010, "LO")
SIEMENS_NUMBER_OF_IMAGES_IN_MOSAIC: Final = _kept(0x0019100A, "US")
SIEMENS_B_VALUE: Final = _kept(0x0019100C, "IS")
SIEMENS_DIFFUSION_DIRECTION: Final = _kept(0x0019100E, "FD")
GE_DIFFUSION_X: Final = _kept(0x001910BB, "DS")
GE_DIFFUSION_Y: Final = _kept(0x001910BC, "DS")
GE_DIFFUSION_Z: Final = _kept(0x001910BD, "DS")
SIEMENS_CSA_CREATOR: Final = _kept(0x00290010, "LO")
SIEMENS_CSA_IMAGE_HEADER: Final = _noticed(0x00291010, "OB")
SIEMENS_CSA_SERIES_HEADER: Final = _noticed(0x00291020, "OB")
GE_PARAMETERS_CREATOR: Final = _kept(0x00430010, "LO")
GE_IMAGE_TYPE: Final = _kept(0x0043102F, "SS")
GE_B_VALUE: Final = _kept(0x00431039, "IS")
SIEMENS_MR_CREATOR: Final = _kept(0x00510010, "LO")
SIEMENS_IMAGE_TYPE: Final = _kept(0x00511016, "LO")
PHILIPS_IMAGING_CREATOR: Final = _kept(0x20010010, "LO")
PHILIPS_B_VALUE: Final = _kept(0x20011003, "FL")
PHILIPS_DIFFUSION_DIRECTION: Final = _kept(0x20011004, "CS")
PHILIPS_MR_CREATOR: Final = _kept(0x20050010, "LO")
PHILIPS_SCALE_INTERCEPT: Final = _kept(0x2005100D, "FL")
PHILIPS_SCALE_SLOPE: Final = _kept(0x2005100E, "FL")
PHILIPS_DIFFUSION_X: Final = _kept(0x200510B0, "FL")
PHILIPS_DIFFUSION_Y: Final = _kept(0x200510B1, "FL")
PHILIPS_DIFFUSION_Z: Final = _kept(0x200510B2, "FL")
PHILIPS_PET_CREATOR: Final = _kept(0x70530010, "LO")
PHILIPS_SUV_FACTOR: Final = _kept(0x70531000, "DS")
PHILIPS_ACTIVITY_FACTOR: Final = _kept(0x70531009, "DS")

# Where the pixels are, PS3.3 C.7.6.3, C.7.6.24, C.7.6.25
EXTENDED_OFFSET_TABLE: Final = _noticed(0x7FE00001, "OV")
EXTENDED_OFFSET_TABLE_LENGTHS: Final = _noticed(0x7FE00002, "OV")
FLOAT_PIXEL_DATA: Final = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA: Final = 0x7FE00009
PIXEL_DATA: Final = 0x7FE00010

#: Of a frame inside its file, from 1, as references count them. PS3.3 10.3.
FRAME_NUMBER: Final = 0x00081160

#: A file has at most one of them.
PIXEL_TAGS: Final = frozenset({FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA, PIXEL_DATA})


def name_of(tag: int) -> str:
    """Return ``"(0028,0010)"``, the form that people know."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
