"""Axes after i, j, k as DICOM says them: an element that differs from image to image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from napari_medvol import arrays
from napari_medvol.errors import WriteError
from napari_medvol.volume import Axis, Volume

#: Units of time to seconds.
_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_DAY: Final = 86400.0

Elements = Mapping[str, Any]
_Making = Callable[[Any, int], dict[str, Any]]


def _number(keyword: str) -> _Making:
    return lambda value, index: {keyword: float(value)}


def _text(keyword: str) -> _Making:
    return lambda value, index: {keyword: str(value)}


def _echo(value: Any, index: int) -> dict[str, Any]:
    return {"EchoTime": float(value), "EchoNumbers": index + 1}


def _diffusion(value: Any, index: int) -> dict[str, Any]:
    """Return the b-value, s/mm², and its direction in the patient, LPS+."""
    b_value, direction = value if isinstance(value, tuple) else (value, ())
    if len(direction) != 3 or not any(direction):
        kind = "NONE" if b_value == 0 else "ISOTROPIC"
        return {"DiffusionBValue": float(b_value), "DiffusionDirectionality": kind}
    return {
        "DiffusionBValue": float(b_value),
        "DiffusionDirectionality": "DIRECTIONAL",
        "DiffusionGradientOrientation": [float(part) for part in direction],
    }


#: What a reader believes, in its order: name of the axis to the elements of one index.
_TOLD: Final[dict[str, _Making]] = {
    "phase": _number("NominalPercentageOfCardiacPhase"),
    "b": _diffusion,
    "echo": _echo,
    "inversion": _number("InversionTime"),
    "flip": _number("FlipAngle"),
    "type": _text("ImageType"),
    "kernel": _text("ConvolutionKernel"),
}
_ORDER: Final = ("t", *_TOLD)

#: All that may tell images of one position apart; what an axis does not set is left out.
TELLING: Final = frozenset(
    {
        "TemporalPositionIdentifier", "NumberOfTemporalPositions", "TemporalResolution",
        "FrameReferenceTime", "TriggerTime", "NominalPercentageOfCardiacPhase",
        "NominalCardiacTriggerDelayTime", "DiffusionBValue", "DiffusionGradientOrientation",
        "DiffusionDirectionality", "AcquisitionTime", "AcquisitionDateTime", "ContentTime",
        "AcquisitionNumber",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Laid:
    """A volume with its axes in the order in which readers put them.

    Parameters
    ----------
    volume : Volume
    elements : tuple of tuple of mapping
        For each axis and each of its indices: keyword to value.
    notes : tuple of str
    """

    volume: Volume
    elements: tuple[tuple[Elements, ...], ...]
    notes: tuple[str, ...] = ()

    def at(self, index: tuple[int, ...]) -> dict[str, Any]:
        """Return the elements of the images at an index of all axes."""
        return {
            keyword: value
            for own, n in zip(self.elements, index, strict=True)
            for keyword, value in own[n].items()
        }


def laid_out(volume: Volume, modality: str, begin: float) -> Laid:
    """Return the volume with the elements that say where an image is along its extra axes.

    Parameters
    ----------
    volume : Volume
    modality : str
        Nuclear medicine counts time from the start of the series (Frame Reference Time).
    begin : float
        Seconds after midnight at which the first volume was taken.

    Raises
    ------
    WriteError
        If DICOM has no element for an axis.
    """
    volume = _in_order(volume)
    extra = [axis for axis in volume.axes if axis.name != "rgb"]
    elements: list[tuple[Elements, ...]] = []
    notes: list[str] = []
    axes = list(volume.axes)
    n_counted = 0
    for number, axis in enumerate(extra):
        length = volume.shape[3 + number]
        if axis.name == "t":
            axes[number], own = _times(axis, length, modality, begin)
            if axes[number].start != axis.start * _SECONDS.get(axis.unit, 1.0):
                notes.append(f"its first volume was at {axis.start:g} {axis.unit}: now at 0")
        else:
            own = _told(axis, length)
            if not own:
                n_counted += 1
                own = tuple({"AcquisitionNumber": n + 1} for n in range(length))
                axes[number] = Axis("t")
                notes.append(f"DICOM has no element for the axis {axis.name!r}: it is a count")
        elements.append(own)
    if n_counted > 1:
        names = ", ".join(repr(axis.name) for axis in extra)
        why = f"DICOM has no elements that tell images along the axes {names} apart"
        raise WriteError(volume.name or "volume", why, "Write its parts apart, or as NIfTI")
    return Laid(replace(volume, axes=tuple(axes)), tuple(elements), tuple(notes))


def _in_order(volume: Volume) -> Volume:
    """Return the volume with its axes in the order that readers give them, values ascending."""
    n_extra = len(volume.axes) - volume.is_rgb
    ranks = [
        _ORDER.index(axis.name) if axis.name in _ORDER else len(_ORDER) for axis in volume.axes
    ][:n_extra]
    order = sorted(range(n_extra), key=lambda n: ranks[n])
    data = volume.data
    if order != list(range(n_extra)):
        rest = range(3 + n_extra, data.ndim)
        data = arrays.transpose(data, [0, 1, 2, *(3 + n for n in order), *rest])
    axes = [volume.axes[n] for n in order] + list(volume.axes[n_extra:])
    for number, axis in enumerate(axes[:n_extra]):
        values = axis.values
        if axis.name in ("b", "t") or values is None or len(values) < 2:
            continue
        if list(values) == sorted(values, reverse=True) and values[0] != values[-1]:
            data = arrays.flip(data, 3 + number)
            axes[number] = replace(axis, values=values[::-1])
    return replace(volume, data=data, axes=tuple(axes))


def _told(axis: Axis, length: int) -> tuple[Elements, ...]:
    """Return the elements of an axis; none where readers would not find its order by them."""
    making, values = _TOLD.get(axis.name), axis.values
    if making is None or values is None or len(values) != length or None in values:
        return ()
    if axis.name == "b":
        own = [making(value, n) for n, value in enumerate(values)]
        counts = set(Counter(map(repr, own)).values())
        if len(counts) == 1 and counts != {1}:
            # Each as often as the others: readers would see two axes.
            own = [{**one, "TemporalPositionIdentifier": n + 1} for n, one in enumerate(own)]
        return tuple(own)
    if axis.name == "echo" and axis.unit != "ms":
        making = lambda value, index: {"EchoNumbers": int(value)}  # noqa: E731
    if list(values) != sorted(set(values)):
        return ()
    return tuple(making(value, n) for n, value in enumerate(values))


def _times(
    axis: Axis, length: int, modality: str, begin: float
) -> tuple[Axis, tuple[Elements, ...]]:
    """Return the axis as it comes back, and its elements."""
    own: list[dict[str, Any]] = [
        {"TemporalPositionIdentifier": n + 1, "NumberOfTemporalPositions": length}
        for n in range(length)
    ]
    factor = _SECONDS.get(axis.unit)
    if factor is None:
        return axis, tuple(own)
    start = axis.start * factor
    told = axis.values is not None and len(axis.values) == length
    times = (
        [float(value) * factor for value in axis.values or ()]
        if told
        else [start + n * axis.step * factor for n in range(length)]
    )
    last = begin + times[-1] - times[0]
    begin = begin if last < _DAY else 0.0
    for one, time in zip(own, times, strict=True):
        one["AcquisitionTime"] = clock_of(begin + time - times[0])
        if axis.values is None:
            one["TemporalResolution"] = axis.step * factor * 1e3
        if modality == "PT":
            one["FrameReferenceTime"] = time * 1e3
        elif start:
            one["TriggerTime"] = time * 1e3
    if not told:
        return Axis("t", axis.step * factor, "s", start), tuple(own)
    steps = sorted(b - a for a, b in pairwise(times))
    middle = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2 if steps else axis.step
    kept = times[0] if modality == "PT" or start else 0.0
    values = tuple(kept + time - times[0] for time in times)
    return Axis("t", middle, "s", kept, values), tuple(own)


def clock_of(seconds: float) -> str:
    """Return seconds after midnight as a DICOM time, HHMMSS.FFFFFF."""
    micro = round(seconds * 1e6)
    whole, fraction = divmod(micro, 1_000_000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour % 24:02d}{minute:02d}{second:02d}.{fraction:06d}"
