"""The axes after i, j, k of a NIfTI file: time, frequency, vector components, colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from napari_medvol.formats.nifti.header import NiftiHeader
from napari_medvol.formats.nifti.voxels import VoxelType
from napari_medvol.report import Finding
from napari_medvol.volume import Axis

#: Time part of ``xyzt_units`` to axis name, unit, and factor to that unit. nifti1.h.
_FOURTH: Final = {
    0: ("t", "", 1.0),
    8: ("t", "s", 1.0),
    16: ("t", "s", 1e-3),
    24: ("t", "s", 1e-6),
    32: ("f", "Hz", 1.0),
    40: ("f", "ppm", 1.0),
    48: ("f", "rad/s", 1.0),
}

#: Seconds between volumes that no scanner waits; writers mix up s and ms.
_UNLIKELY_STEP: Final = 900.0

#: Names of dim[4] to dim[7] in nifti1.h.
_LETTERS: Final = ("t", "u", "v", "w")

#: Intents whose voxels are vectors along dim[5]: matrices, displacements, points, colours.
_VECTOR_INTENTS: Final = frozenset({1004, 1005, 1006, 1007, 1008, 1009, 1010, 2003, 2004, 2006})
_DIRECTIONS: Final = ("x", "y", "z")
_SYMMETRIC: Final = ("xx", "yx", "yy", "zx", "zy", "zz")


def vector_axis(header: NiftiHeader) -> int | None:
    """Return which array axis holds the components of a vector intent: 4, or 3, or None.

    dim[5] by the standard; dim[4] in files of writers that left out the axis of time.
    """
    if header["intent_code"] not in _VECTOR_INTENTS or header["dim"][0] < 4:
        return None
    return 4 if header["dim"][0] >= 5 else 3


def axes_of(
    header: NiftiHeader, shape: Sequence[int], kind: VoxelType, findings: list[Finding]
) -> tuple[Axis, ...]:
    """Return one Axis per axis of the data after the third.

    Parameters
    ----------
    header : NiftiHeader
    shape : sequence of int
        Shape (i, j, k, …), without colour samples.
    kind : VoxelType
    findings : list of Finding
        Grows by what is odd.
    """
    components = vector_axis(header)
    axes = []
    for axis in range(3, len(shape)):
        if axis == components:
            axes.append(_components(header, shape, axis, kind))
        elif axis == 3:
            axes.append(_fourth(header, findings))
        else:
            axes.append(Axis(_LETTERS[axis - 3], step=_step(header, axis)))
    return (*axes, Axis("rgb")) if kind.colours else tuple(axes)


def _components(header: NiftiHeader, shape: Sequence[int], axis: int, kind: VoxelType) -> Axis:
    intent, length = header["intent_code"], shape[axis]
    is_colour = intent in (2003, 2004) and kind.name == "uint8" and length in (3, 4)
    if is_colour and axis == len(shape) - 1:
        return Axis("rgb")
    names: tuple[str, ...] = tuple(str(n + 1) for n in range(length))
    if intent in (1006, 1007, 2006) and length <= 3:
        names = _DIRECTIONS[:length]
    elif intent == 1005 and length == 6:
        names = _SYMMETRIC
    elif intent in (2003, 2004) and length <= 4:
        names = ("red", "green", "blue", "alpha")[:length]
    return Axis("component", values=names)


def _fourth(header: NiftiHeader, findings: list[Finding]) -> Axis:
    code = header["xyzt_units"] & 0x38
    if code not in _FOURTH:
        text = f"xyzt_units names the unknown time unit {code}"
        findings.append(Finding(text, kind="units"))
    name, unit, factor = _FOURTH.get(code, _FOURTH[0])
    start = header["toffset"]
    start = start * factor if math.isfinite(start) else 0.0
    stored = header["pixdim"][4]
    if not math.isfinite(stored) or stored == 0:
        text = f"the step between volumes, pixdim[4], is {stored:g}; volumes are only counted"
        findings.append(Finding(text, "note", "time step"))
        return Axis(name)
    step = abs(stored) * factor
    if unit == "s" and step > _UNLIKELY_STEP:
        text = f"the time step is {step:g} s by the file; it may mean milliseconds"
        findings.append(Finding(text, "note", "time step"))
    return Axis(name, step=step, unit=unit, start=start)


def _step(header: NiftiHeader, axis: int) -> float:
    stored = abs(header["pixdim"][axis + 1])
    return stored if math.isfinite(stored) and stored else 1.0
