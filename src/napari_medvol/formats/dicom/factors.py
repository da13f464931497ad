"""What tells images of one position apart: the elements, in the order they are believed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.frames import Frame

#: Seconds.
DAY: Final = 86400


class Factor(NamedTuple):
    """Something that may tell images of one position apart.

    Parameters
    ----------
    axis, unit : str
        Of the axis it would make.
    element : str
        Keyword, for the report.
    value : callable
        Frame to a sortable value, or None.
    ranked : bool
        Whether the values drift from slice to slice (times), so that only their rank repeats.
    by_instance : bool
        Whether the order along the axis is that of acquisition, not of the values.
    """

    axis: str
    unit: str
    element: str
    value: Callable[[Frame], Any]
    ranked: bool = False
    by_instance: bool = False

    def words(self, value: Any) -> str:
        """Return a value of the axis for people: ``"echo 20 ms"``, ``"b 1000 s/mm²"``."""
        if value is None:
            return f"without {self.element}"
        if isinstance(value, tuple):
            # A b-value with its direction: (b, (x, y, z)).
            value, direction = value if len(value) == 2 else (value, ())
            along = ", ".join(f"{part:.2f}" for part in direction)
            return f"{self.words(value)} ({along})" if along else self.words(value)
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{self.axis} {shown} {self.unit}".rstrip()


def _number(tag: int, scale: float = 1.0) -> Callable[[Frame], float | None]:
    def value(frame: Frame) -> float | None:
        found = frame.number_of(tag)
        return None if found is None else round(found * scale, 6)

    return value


def _echo_time(frame: Frame) -> float | None:
    # A map computed from echoes has an echo time of 0, which is no echo.
    return frame.number_of(tags.ECHO_TIME) or None


def _clock(tag: int, date: int) -> Callable[[Frame], float | None]:
    def value(frame: Frame) -> float | None:
        seconds = seconds_of(frame.text(tag))
        # A scan may run over midnight: the time alone would put its end before its start.
        return None if seconds is None else seconds + _days_of(frame.text(date)) * DAY

    return value


def _days_of(text: str) -> int:
    """Return a DICOM date (YYYYMMDD, or the older YYYY.MM.DD) in days, 0 where there is none."""
    digits = text.strip().replace(".", "")
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).toordinal()
    except ValueError:
        return 0


def seconds_of(text: str) -> float | None:
    """Return a DICOM time (HHMMSS.FFFFFF, or the older HH:MM:SS) in seconds after midnight."""
    digits = text.strip().replace(":", "")
    try:
        hours, minutes = int(digits[:2] or 0), int(digits[2:4] or 0)
        return hours * 3600 + minutes * 60 + float(digits[4:] or 0) if digits else None
    except ValueError:
        return None


def _diffusion(frame: Frame) -> tuple[float, tuple[float, ...]] | None:
    b_value = b_value_of(frame)
    if b_value is None:
        return None
    return b_value, direction_of(frame)


def b_value_of(frame: Frame) -> float | None:
    """Return the diffusion b-value in s/mm², from the standard or a vendor's element."""
    found = frame.number_of(tags.DIFFUSION_B_VALUE)
    if found is None:
        for vendor, creator, name, tag in _VENDOR_B_VALUES:
            if _is_of(frame, vendor, creator, name):
                found = frame.number_of(tag)
    # GE adds a multiple of 10^6 to mark how the b-value was made.
    return None if found is None or not np.isfinite(found) else round(found % 1e6, 3)


def _is_of(frame: Frame, vendor: str, creator: int, name: str) -> bool:
    """Return whether a private block is the vendor's; de-identified files may lack its name."""
    said = frame.text(creator)
    if said:
        return said.startswith(name)
    return frame.text(tags.MANUFACTURER).upper().startswith(vendor)


_VENDOR_B_VALUES: Final = (
    ("SIEMENS", tags.SIEMENS_HEADER_CREATOR, "SIEMENS MR HEADER", tags.SIEMENS_B_VALUE),
    ("GE", tags.GE_PARAMETERS_CREATOR, "GEMS_PARM", tags.GE_B_VALUE),
    ("PHILIPS", tags.PHILIPS_IMAGING_CREATOR, "Philips Imaging", tags.PHILIPS_B_VALUE),
)
_VENDOR_DIRECTIONS: Final = (
    (
        "SIEMENS",
        tags.SIEMENS_HEADER_CREATOR,
        "SIEMENS MR HEADER",
        (tags.SIEMENS_DIFFUSION_DIRECTION,),
    ),
    (
        "GE",
        tags.SIEMENS_HEADER_CREATOR,  # (0019,0010) is whosever block it is
        "GEMS_ACQU",
        (tags.GE_DIFFUSION_X, tags.GE_DIFFUSION_Y, tags.GE_DIFFUSION_Z),
    ),
    (
        "PHILIPS",
        tags.PHILIPS_MR_CREATOR,
        "Philips MR Imaging",
        (tags.PHILIPS_DIFFUSION_X, tags.PHILIPS_DIFFUSION_Y, tags.PHILIPS_DIFFUSION_Z),
    ),
)


def direction_of(frame: Frame) -> tuple[float, ...]:
    """Return the diffusion gradient direction as the file has it, or an empty tuple."""
    found = frame.numbers(tags.DIFFUSION_GRADIENT_ORIENTATION)
    if len(found) != 3:
        for vendor, creator, name, parts in _VENDOR_DIRECTIONS:
            if _is_of(frame, vendor, creator, name):
                found = tuple(v for part in parts for v in frame.numbers(part))
    usable = len(found) == 3 and all(np.isfinite(found))
    return tuple(round(v, 4) for v in found) if usable else ()


def _image_type(frame: Frame) -> str:
    return "\\".join(frame.text(tags.IMAGE_TYPE).split("\\")[2:])


_GE_KINDS: Final = {0: "magnitude", 1: "phase", 2: "real", 3: "imaginary"}


def _ge_kind(frame: Frame) -> str | None:
    found = frame.number_of(tags.GE_IMAGE_TYPE)
    return None if found is None else _GE_KINDS.get(int(found), f"type {found:g}")


#: Elements that say what differs, in the order in which they are believed.
TELLING: Final = (
    Factor("t", "", "TemporalPositionIdentifier", _number(tags.TEMPORAL_POSITION_IDENTIFIER)),
    Factor("t", "s", "FrameReferenceTime", _number(tags.FRAME_REFERENCE_TIME, 1e-3), ranked=True),
    Factor("t", "s", "TriggerTime", _number(tags.TRIGGER_TIME, 1e-3), ranked=True),
    Factor(
        "phase",
        "%",
        "NominalPercentageOfCardiacPhase",
        _number(tags.NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE),
    ),
    Factor("b", "s/mm²", "DiffusionBValue", _diffusion, by_instance=True),
    Factor("echo", "ms", "EchoTime", _echo_time),
    Factor("echo", "", "EchoNumbers", _number(tags.ECHO_NUMBERS)),
    Factor("inversion", "ms", "InversionTime", _number(tags.INVERSION_TIME)),
    Factor("flip", "°", "FlipAngle", _number(tags.FLIP_ANGLE)),
    Factor("type", "", "ImageType", _image_type),
    Factor("type", "", "GE image type (0043,102F)", _ge_kind),
    Factor("kernel", "", "ConvolutionKernel", lambda f: f.text(tags.CONVOLUTION_KERNEL) or None),
)

#: Elements that only say that the images were made one after the other.
SEQUENCE: Final = (
    Factor(
        "t",
        "",
        "DimensionIndexValues",
        lambda frame: frame.numbers(tags.DIMENSION_INDEX_VALUES) or None,
        ranked=True,
    ),
    Factor(
        "t",
        "s",
        "AcquisitionTime",
        _clock(tags.ACQUISITION_TIME, tags.ACQUISITION_DATE),
        ranked=True,
    ),
    Factor("t", "", "InstanceNumber", _number(tags.INSTANCE_NUMBER), ranked=True),
    Factor("t", "", "AcquisitionNumber", _number(tags.ACQUISITION_NUMBER), ranked=True),
    Factor("t", "s", "ContentTime", _clock(tags.CONTENT_TIME, tags.CONTENT_DATE), ranked=True),
    Factor("t", "", "frame number", _number(tags.FRAME_NUMBER), ranked=True),
    Factor("t", "", "file name", lambda frame: frame.order[1:], ranked=True),
)
