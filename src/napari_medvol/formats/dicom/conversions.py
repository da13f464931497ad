"""Which number a stored value stands for: the choices of ``read(…, value=…)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.realworld import (
    PARAMETRIC_MAP,
    RealWorld,
    described,
    modality_tables_of,
    real_world_of,
)
from napari_medvol.formats.dicom.rows import series_name
from napari_medvol.formats.dicom.suv import (
    UNITS,
    Suv,
    inputs_of,
    refuse_other_inputs,
    suv_of,
)
from napari_medvol.formats.dicom.units import Scale, scale_findings, scale_of, unit_of
from napari_medvol.report import Finding

if TYPE_CHECKING:
    from pydicom import Dataset


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
    mapping_of : callable or None
        Frame to what its stored values stand for, where that is no slope and intercept.
    """

    scale_of: Callable[[Frame], Scale]
    unit: str = ""
    over_real: float | None = 1.0
    findings: tuple[Finding, ...] = ()
    mapping_of: Callable[[Frame], RealWorld] | None = None


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
    if _has_modality_table(frames):
        return _by_modality_table(frames)
    if frames[0].text(tags.SOP_CLASS_UID) != PARAMETRIC_MAP:
        return Conversion(scale_of, unit_of(frames[0]), findings=tuple(scale_findings(frames)))
    # The real values of a parametric map are those of its mapping. PS3.3 A.75.
    try:
        return _real_world(frames)
    except ReadError as error:
        text = f"the values of the parametric map are shown as stored: {error.why}"
        return Conversion(scale_of, findings=(Finding(text, "warning", "rwv"),))


def _has_modality_table(frames: Sequence[Frame]) -> bool:
    return any(frame.header.raw(tags.MODALITY_LUT_SEQUENCE) is not None for frame in frames)


def _by_modality_table(frames: Sequence[Frame]) -> Conversion:
    """Return values by Modality LUT, which no image has beside a slope. PS3.3 C.11.1."""
    try:
        tables = modality_tables_of(frames)
    except ReadError as error:
        text = f"the values are shown as stored: {error.why}"
        return Conversion(scale_of, findings=(Finding(text, "warning", "modality table"),))
    finding = Finding("values by the file's modality table", "note", "modality table")
    unit = next(iter(tables.values())).unit
    return Conversion(
        lambda frame: (1.0, 0.0), unit, 1.0, (finding,), lambda frame: tables[id(frame)]
    )


def _stored(frames: Sequence[Frame]) -> Conversion:
    same = {scale_of(frame) for frame in frames}
    if _has_modality_table(frames):
        return Conversion(lambda frame: (1.0, 0.0), "", None)
    over_real = 1 / same.pop()[0] if len(same) == 1 and next(iter(same))[1] == 0 else None
    return Conversion(lambda frame: (1.0, 0.0), "", over_real)


def _suv(kind: str) -> Callable[[Sequence[Frame]], Conversion]:
    def conversion(frames: Sequence[Frame]) -> Conversion:
        # START counts from the first image, whichever slice that is.
        first = min(frames, key=lambda f: (f.text(tags.ACQUISITION_TIME), f.order))
        with translated(first.header.path):
            dataset = _as_classic(first)
            suv = suv_of(dataset, kind, series_name(first))
        _check_inputs(frames, inputs_of(dataset), kind, series_name(first))
        if suv.own_factor is None:
            finding = Finding(suv.formula, "note", "suv")
            return _scaled(lambda frame: suv.factor, UNITS[kind], suv.factor, finding)
        return _scaled_by_slice(frames, suv, suv.own_factor, kind)

    return conversion


def _check_inputs(frames: Sequence[Frame], inputs: dict[str, str], kind: str, name: str) -> None:
    """Refuse a series of which some files give another weight, dose or injection."""
    if not inputs:
        return
    for frame in {str(frame.header.path): frame for frame in frames}.values():
        header = frame.header
        if header.suv_inputs is None:
            # Every unit that is offered asks for them, and a series has hundreds of files.
            with translated(header.path):
                header.suv_inputs = inputs_of(_as_classic(frame))
        refuse_other_inputs(inputs, header.suv_inputs, kind, name, Path(header.path).name)


def _as_classic(frame: Frame) -> Dataset:
    """Return the header of an image, with what a legacy converted file keeps elsewhere.

    PS3.3 C.7.6.16.2.24: what the classic images said and no functional group is for.
    """
    dataset = frame.header.dataset()
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for groups, which in (
        (shared[:1], "UnassignedSharedConvertedAttributesSequence"),
        (own[frame.number : frame.number + 1], "UnassignedPerFrameConvertedAttributesSequence"),
    ):
        for item in [item for group in groups for item in group.get(which) or []]:
            for element in item:
                if element.tag not in dataset:
                    dataset.add(element)
    return dataset


def _scaled_by_slice(frames: Sequence[Frame], suv: Suv, tag: int, kind: str) -> Conversion:
    """Return counts times a factor that every image has of its own."""
    factors = {}
    for frame in frames:
        own = frame.number_of(tag)
        if own is None or not (np.isfinite(own) and own > 0):
            what = f"{tags.name_of(tag)} of {Path(frame.header.path).name}"
            raise _missing(frame, kind, f"the scale factor {what}")
        factors[id(frame)] = own * suv.factor
    low, high = min(factors.values()), max(factors.values())
    same = low == high
    by_slice = f"; by slice, from {low:.6g} to {high:.6g} times counts in all"
    finding = Finding(suv.formula + ("" if same else by_slice), "note", "suv")
    return _scaled(lambda frame: factors[id(frame)], UNITS[kind], low if same else None, finding)


def _scaled(
    factor_of: Callable[[Frame], float], unit: str, over_real: float | None, finding: Finding
) -> Conversion:
    def scale(frame: Frame) -> Scale:
        slope, intercept = scale_of(frame)
        factor = factor_of(frame)
        return slope * factor, intercept * factor

    return Conversion(scale, unit, over_real, (finding,))


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
    mappings = real_world_of(frames)
    finding = Finding(described(mappings.values()), "note", "rwv")
    unit = next(iter(mappings.values())).unit
    scales = {key: mapping.scale for key, mapping in mappings.items()}
    if None in scales.values():
        return Conversion(
            lambda frame: (1.0, 0.0), unit, None, (finding,), lambda frame: mappings[id(frame)]
        )
    return Conversion(lambda frame: scales[id(frame)] or (1.0, 0.0), unit, None, (finding,))


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
