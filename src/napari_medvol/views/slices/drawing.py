"""Pictures of slices: values in, 8 or 16 bits out, and how many values were cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import StepError
from napari_medvol.views.slices.limits import Asked, Limits, extremes, limits_of
from napari_medvol.views.slices.looks import Look, colours_of, in_bytes, mixed
from napari_medvol.views.slices.planes import Grid
from napari_medvol.views.slices.sampling import Interpolation, Sampler
from napari_medvol.volume import Volume

Picture = NDArray[Any]

_WHITE: Final = 255
_MOST_16: Final = 65535


class Drawn(NamedTuple):
    """A picture, and how many of its values lie beyond what it can show."""

    picture: Picture
    n_clipped: int
    n_values: int


class Painter(Protocol):
    """What makes the pictures of one grid. May be asked by several threads at once."""

    @property
    def is_interpolated(self) -> bool:
        """Whether some pixels lie between voxels."""
        ...

    def draw(self, number: int, frame: int = 0) -> Drawn:
        """Return picture `number`, grey or RGB."""
        ...


class Scaled(NamedTuple):
    """What a pixel of 16 bits means: ``slope * pixel + intercept``, cut off at `high`."""

    slope: float
    intercept: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Shade:
    """What becomes of one volume's values: worked out once for all planes.

    Parameters
    ----------
    volume : Volume
    look : Look
    limits : (low, high)
        Values of black and white; meaningless for labels and colours.
    scaled : Scaled or None
        For 16 bits.
    is_plain : bool
        Whether the volume is the whole picture, with no look of its own: shades of grey, or
        the values of labels.
    """

    volume: Volume
    look: Look
    limits: Limits
    scaled: Scaled | None = None
    is_plain: bool = False


def shades(
    scene: Sequence[tuple[Volume, Look]], window: Asked, depth: int, is_plain: bool
) -> tuple[Shade, ...]:
    """Return what becomes of the values of each volume that is visible.

    Parameters
    ----------
    scene : sequence of (Volume, Look)
        The lowest first.
    window : (low, high), str or None
        For volumes whose look says no limits.
    depth : {8, 16}
    is_plain : bool
        Whether the scene is one volume without a look.

    Raises
    ------
    StepError
        If nothing is visible, or 16 bits are asked for what has no numbers.
    """
    seen = [(volume, look) for volume, look in scene if look.visible and look.opacity > 0]
    if not seen:
        raise StepError("slices", "no layer is visible", "Show one")
    first = seen[0][0]
    if first.kind == "labels" and is_plain:
        return (Shade(first, seen[0][1], (0, 0), _of_labels(first), True),)
    if depth == 16:
        if not is_plain or first.is_rgb:
            raise StepError(
                f"slices of {first.name!r}",
                "16 bits keep the numbers of one scan, and these are colours",
                "Choose 8 bits, or one scan without colours",
            )
        return (Shade(first, seen[0][1], (0, 0), scaled(first, window), True),)
    return tuple(
        Shade(volume, look, _limits(volume, look, window), is_plain=is_plain)
        for volume, look in seen
    )


def painter(
    shown: Sequence[Shade], reference: Volume, grid: Grid, interpolation: Interpolation
) -> Painter:
    """Return what draws the pictures of a grid.

    Parameters
    ----------
    shown : sequence of Shade
    reference : Volume
        The one that the grid was made for.
    grid : Grid
    interpolation : {"nearest", "linear", "cubic"}
    """
    samplers = [
        Sampler(
            shade.volume,
            grid,
            shade.look.interpolation or interpolation,
            is_own=shade.volume is reference,
        )
        for shade in shown
    ]
    shade, sampler = shown[0], samplers[0]
    if shade.scaled is not None:
        return _Numbers(sampler, shade.scaled, shade.volume.kind == "labels")
    if shade.is_plain and not shade.volume.is_rgb:
        return _Grey(sampler, shade.limits, shade.volume.display.inverted)
    return _Scene(samplers, shown)


def scaled(volume: Volume, window: Asked) -> Scaled:
    """Return what 16 bits mean, so that integers stay what they are wherever they fit."""
    is_whole = volume.dtype.kind in "iub"
    if window is None:
        small = volume.dtype.kind in "ub" and volume.dtype.itemsize <= 2
        low, high = (0.0, float(_MOST_16)) if small else extremes(volume)
        if is_whole and low >= 0 and high <= _MOST_16:
            return Scaled(1.0, 0.0, _MOST_16)
    else:
        low, high = limits_of(volume, window)
        low, high = (np.floor(low), np.ceil(high)) if is_whole else (low, high)
    if is_whole and high - low <= _MOST_16:
        return Scaled(1.0, float(low), float(high))
    return Scaled((float(high) - float(low)) / _MOST_16 or 1.0, float(low), float(high))


def n_frames(volume: Volume) -> int:
    """Return how many frames a volume has along its extra axes."""
    return prod(volume.shape[3 : 3 + len(volume.axes) - volume.is_rgb])


def _limits(volume: Volume, look: Look, window: Asked) -> Limits:
    if volume.kind == "labels" or volume.is_rgb:
        return 0.0, 255.0
    return limits_of(volume, window if look.limits is None else look.limits)


def _of_labels(volume: Volume) -> Scaled:
    """Return 8 or 16 bits that hold every value of the labels as it is."""
    low, high = extremes(volume)
    if low < 0 or high > _MOST_16:
        raise StepError(
            f"masks of {volume.name!r}",
            f"the labels reach from {low:g} to {high:g}, and a picture holds 0 to {_MOST_16}",
            "Give the labels other numbers first",
        )
    return Scaled(1.0, 0.0, float(_WHITE if high <= _WHITE else _MOST_16))


class _Grey:
    """One scan in shades of grey, 8 bits."""

    def __init__(self, sampler: Sampler, limits: Limits, is_inverted: bool) -> None:
        self._sampler, self._limits, self._is_inverted = sampler, limits, is_inverted
        dtype = sampler.volume.dtype
        self._table: NDArray[np.uint8] | None = None
        if dtype.kind in "iu" and dtype.itemsize <= 2:
            every = np.arange(2 ** (8 * dtype.itemsize)).astype(f"u{dtype.itemsize}")
            self._table = self._shown(every.view(dtype.newbyteorder("=")))

    @property
    def is_interpolated(self) -> bool:
        return self._sampler.is_interpolated

    def draw(self, number: int, frame: int = 0) -> Drawn:
        values, inside = self._sampler.values(number, frame)
        low, high = self._limits
        if self._table is not None and values.dtype.kind in "iu":
            unsigned = np.dtype(f"u{values.itemsize}")
            native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
            picture = self._table.take(native.view(unsigned))
        else:
            picture = self._shown(values)
        counted = values if inside is None else values[inside]
        if inside is not None:
            picture[~inside] = 0
        return Drawn(picture, _n_beyond(counted, low, high), counted.size)

    def _shown(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        low, high = self._limits
        share = (values.astype(np.float64) - low) * (_WHITE / (high - low))
        if self._is_inverted:
            share = _WHITE - share
        share = np.nan_to_num(share, nan=0.0, posinf=_WHITE, neginf=0.0)
        return np.rint(np.clip(share, 0, _WHITE)).astype(np.uint8)


class _Numbers:
    """One scan as numbers: 16 bits, or the values of labels."""

    def __init__(self, sampler: Sampler, scale: Scaled, is_labels: bool) -> None:
        self._sampler, self._scale = sampler, scale
        self._dtype = np.dtype(np.uint8 if is_labels and scale.high <= _WHITE else np.uint16)
        self._most = _WHITE if self._dtype.itemsize == 1 else _MOST_16

    @property
    def is_interpolated(self) -> bool:
        return self._sampler.is_interpolated

    def draw(self, number: int, frame: int = 0) -> Drawn:
        values, inside = self._sampler.values(number, frame)
        slope, intercept, high = self._scale
        counted = values if inside is None else values[inside]
        # The highest number may not be a whole number of steps above the lowest.
        beyond = _n_beyond(counted, intercept, max(high, intercept + slope))
        if values.dtype.kind in "ub" and (slope, intercept) == (1.0, 0.0):
            picture = values.astype(self._dtype)
        else:
            most = min(round((high - intercept) / slope), self._most)
            steps = (np.nan_to_num(values.astype(np.float64)) - intercept) / slope
            picture = np.rint(np.clip(steps, 0, max(most, 0))).astype(self._dtype)
        if inside is not None:
            picture[~inside] = 0
        return Drawn(picture, beyond, counted.size)


class _Scene:
    """Several volumes over each other, in colours."""

    def __init__(self, samplers: Sequence[Sampler], shown: Sequence[Shade]) -> None:
        self._parts = [
            (sampler, shade, colours_of(shade.volume, shade.look, shade.limits))
            for sampler, shade in zip(samplers, shown, strict=True)
        ]

    @property
    def is_interpolated(self) -> bool:
        return any(sampler.is_interpolated for sampler, _, _ in self._parts)

    def draw(self, number: int, frame: int = 0) -> Drawn:
        shape = self._parts[0][0].grid.shape
        canvas = np.zeros((*shape, 3), dtype=np.float32)
        n_clipped = n_values = 0
        for place, (sampler, shade, colours) in enumerate(self._parts):
            at = frame if n_frames(shade.volume) > 1 else 0
            at = at if shade.look.frame is None else shade.look.frame
            values, inside = sampler.values(number, at)
            canvas = mixed(canvas, colours(values), inside, shade.look, place == 0)
            if shade.volume.kind == "image" and not shade.volume.is_rgb:
                counted = values if inside is None else values[inside]
                n_clipped += _n_beyond(counted, *shade.limits)
                n_values += counted.size
        return Drawn(in_bytes(canvas), n_clipped, n_values)


def _n_beyond(values: NDArray[Any], low: float, high: float) -> int:
    """Return how many values are below, above, or not finite."""
    if values.dtype.kind in "iu":
        # Integers are compared as they are, several times as fast as beside a float.
        info = np.iinfo(values.dtype)
        least, most = max(ceil(low), info.min), min(floor(high), info.max)
        if least > most:
            return values.size
        return int(np.count_nonzero(values < least)) + int(np.count_nonzero(values > most))
    return int(values.size - np.count_nonzero((values >= low) & (values <= high)))
