"""In which units a DICOM volume can be shown, and why not in the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
