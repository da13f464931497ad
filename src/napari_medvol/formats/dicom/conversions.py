"""Which number a stored value stands for: the choices of ``read(…, value=…)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.rows import series_name
from napari_medvol.formats.dicom.suv import UNITS, suv_of
from napari_medvol.formats.dicom.units import Scale, scale_findings, scale_of, unit_of
from napari_medvol.report import Finding


@dataclass(frozen=True, slots=True)
class Conversion:
    """Stored values to the unit that was asked for.

    Parameters
    ----------
    scale_of : callable
        Frame to (slope, intercept) of its stored values.
    unit : str
    over_real : float or None
        Factor from the file's own unit; None where there is no one factor.
    findings : tuple of Finding
        The formula and its inputs.
    """

    scale_of: Callable[[Frame], Scale]
    unit: str = ""
    over_real: float | None = 1.0
    findings: tuple[Finding, ...] = ()


def conversion_of(frames: Sequence[Frame], value: str) -> Conversion:
    """Return how the frames of one volume come to the unit asked for.

    Parameters
    ----------
    frames : sequence of Frame
        All that hold pixels.
    value : str
        A key of :data:`CONVERSIONS`.

    Raises
    ------
    ReadError
        If there is no such choice, or the file lacks what it needs; the error says what.
    """
    if value not in CONVERSIONS:
        raise ReadError(
            f"value={value!r}", "is no known choice", f"Known: {', '.join(CONVERSIONS)}"
        )
    return CONVERSIONS[value](frames)


def _real(frames: Sequence[Frame]) -> Conversion:
    return Conversion(scale_of, unit_of(frames[0]), findings=tuple(scale_findings(frames)))


def _stored(frames: Sequence[Frame]) -> Conversion:
    same = {scale_of(frame) for frame in frames}
    over_real = 1 / same.pop()[0] if len(same) == 1 and next(iter(same))[1] == 0 else None
    return Conversion(lambda frame: (1.0, 0.0), "", over_real)


def _suv(kind: str) -> Callable[[Sequence[Frame]], Conversion]:
    def conversion(frames: Sequence[Frame]) -> Conversion:
        # START counts from the first image, whichever slice that is.
        first = min(frames, key=lambda f: (f.text(tags.ACQUISITION_TIME), f.order))
        with translated(first.header.path):
            suv = suv_of(first.header.dataset(), kind, series_name(first))
        return _scaled(suv.factor, UNITS[kind], Finding(suv.formula, "note", "suv"))

    return conversion


def _scaled(factor: float, unit: str, finding: Finding) -> Conversion:
    def scale(frame: Frame) -> Scale:
        slope, intercept = scale_of(frame)
        return slope * factor, intercept * factor

    return Conversion(scale, unit, factor, (finding,))


def _floating_point(frames: Sequence[Frame]) -> Conversion:
    """Return Philips' floating point values: ``FP = DV / (RS · SS)``, comparable over series."""
    lead = frames[0]
    for frame in frames:
        slope = frame.number_of(tags.PHILIPS_SCALE_SLOPE)
        if not slope or not np.isfinite(slope):
            raise _missing(lead, "fp", "Philips' scale slope (2005,100E)")

    def scale(frame: Frame) -> Scale:
        slope, intercept = scale_of(frame)
        factor = 1 / (slope * float(frame.number_of(tags.PHILIPS_SCALE_SLOPE) or 1))
        return slope * factor, intercept * factor

    text = "Philips floating point: FP = DV / (RescaleSlope · ScaleSlope (2005,100E))"
    return Conversion(scale, "", None, (Finding(text, "note", "philips"),))


def _real_world(frames: Sequence[Frame]) -> Conversion:
    """Return real-world values by the file's own mapping; PS3.3 C.7.6.16.2.11."""
    mappings = {id(frame): _mapping(frame) for frame in frames}
    unit = next(iter(mappings.values()))[2]
    text = "real-world values: slope and intercept of RealWorldValueMappingSequence"
    return Conversion(
        lambda frame: mappings[id(frame)][:2], unit, None, (Finding(text, "note", "rwv"),)
    )


def _mapping(frame: Frame) -> tuple[float, float, str]:
    with translated(frame.header.path):
        return _mapping_in(frame, frame.header.dataset())


def _mapping_in(frame: Frame, dataset: Any) -> tuple[float, float, str]:
    for holder in _holders(dataset, frame.number):
        for item in holder.get("RealWorldValueMappingSequence") or []:
            slope, intercept = item.get("RealWorldValueSlope"), item.get("RealWorldValueIntercept")
            if slope is None or intercept is None:
                continue
            codes = item.get("MeasurementUnitsCodeSequence")
            unit = str(codes[0].get("CodeValue") or "") if codes else ""
            return float(slope), float(intercept), unit
    raise _missing(frame, "rwv", "RealWorldValueMappingSequence with a slope")


def _holders(dataset: Any, number: int) -> list[Any]:
    """Return what may hold the mapping of a frame, the nearest to the frame first."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    return [*per_frame[number : number + 1], *shared[:1], dataset]


def _missing(frame: Frame, value: str, what: str) -> ReadError:
    return ReadError(
        f"value={value!r} of {series_name(frame)}",
        f"{what} is missing",
        "value='real' opens it in the file's own unit",
    )


#: Every choice of ``value``, and how it is made.
CONVERSIONS: Final[dict[str, Callable[[Sequence[Frame]], Conversion]]] = {
    "real": _real,
    "float": _real,
    "stored": _stored,
    **{kind: _suv(kind) for kind in UNITS},
    "fp": _floating_point,
    "rwv": _real_world,
}
