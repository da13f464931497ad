"""In which units a DICOM volume can be shown, and why not in the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.conversions import conversion_of
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.volume import Volume

#: Choices of ``value`` to what people call them, in the order in which they are offered.
TITLES: Final = {
    "real": "as the file says",
    "suvbw": "SUV by body weight",
    "suvlbm": "SUV by lean body mass",
    "suvbsa": "SUV by body surface area",
    "fp": "Philips floating point",
    "rwv": "real-world values",
    "stored": "stored numbers",
}
#: What stands before the unit in the name of a layer, where the unit does not say it all.
SHORT: Final = {"fp": "Philips FP", "rwv": "real world", "stored": "stored"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to show the values of a volume.

    Parameters
    ----------
    value : str
        As ``value`` of :func:`napari_medvol.read` takes it.
    title, unit : str
        For people; many values have no unit.
    formula : str
        With its inputs, where there is one.
    why_not : str
        Why the volume cannot be shown so; empty if it can.
    """

    value: str
    title: str
    unit: str = ""
    formula: str = ""
    why_not: str = ""


def value_of(volume: Volume) -> str:
    """Return the choice of ``value`` that a volume was read with; ``"real"`` outside DICOM."""
    return volume.native.choices.value if isinstance(volume.native, DicomNative) else "real"


def line_between(before: Volume, after: Volume) -> tuple[float, float] | None:
    """Return what makes the values of one volume those of another: (slope, intercept).

    Parameters
    ----------
    before, after : Volume
        The same images in two units.

    Returns
    -------
    (float, float) or None
        None where no one line does it: slices have factors of their own, or there is a table.
    """
    scales = [
        v.native.scales if isinstance(v.native, DicomNative) else None for v in (before, after)
    ]
    if scales[0] is None or scales[1] is None or len(scales[0]) != len(scales[1]):
        return None
    old, new = (np.array(one, dtype=np.float64) for one in scales)
    slopes = new[:, 0] / old[:, 0]
    intercepts = new[:, 1] - slopes * old[:, 1]
    size = np.abs(intercepts).max()
    same = np.allclose(slopes, slopes[0], rtol=1e-6, atol=0)
    if not same or np.abs(intercepts - intercepts[0]).max() > 1e-6 * size:
        return None
    return float(slopes[0]), float(intercepts[0])


def offers(volume: Volume) -> list[Offer]:
    """Return every way to show the values of a volume, possible or not; none outside DICOM.

    Reads the header of one image, none of the pixels.

    Parameters
    ----------
    volume : Volume
    """
    native = volume.native
    if not isinstance(native, DicomNative) or volume.history:
        return []
    return [_offer(native, value, title) for value, title in TITLES.items()]


def _offer(native: DicomNative, value: str, title: str) -> Offer:
    # A real-world map is looked for in every file by its whole header: here one has to do.
    frames = [frame for frame in native.stack.repeats.held if not frame.header.problem]
    try:
        conversion = conversion_of(frames[:1] if value == "rwv" else frames, value)
    except ReadError as error:
        return Offer(value, title, why_not=error.why)
    notes = (f.text for f in conversion.findings if f.severity == "note")
    return Offer(value, title, conversion.unit, "; ".join(notes))
