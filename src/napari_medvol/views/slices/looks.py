"""How values become colours, and how pictures that lie over each other are mixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol.colormap import Colormap
from napari_medvol.errors import StepError
from napari_medvol.views.colormaps import colormap_named
from napari_medvol.views.slices.limits import Asked, Limits
from napari_medvol.volume import Volume

Blending = Literal[
    "translucent", "translucent_no_depth", "additive", "opaque", "minimum", "multiplicative"
]
BLENDINGS: Final = Blending.__args__  # type: ignore[attr-defined]

Colours = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_] | None

#: Entries of a table of colours: finer than 8 bits show.
_ENTRIES: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How one volume looks in a picture of several.

    Parameters
    ----------
    colormap : str, Colormap, (n, 3 or 4) array, callable or None
        A name (:func:`~napari_medvol.views.colormaps.colormap_named`); evenly spaced colours
        from 0 to 1; a function from values of labels to RGBA. None is grey for images, for
        labels the colours of the file.
    limits : (low, high), str or None
        As `window` of :func:`~napari_medvol.views.slices.export_slices`.
    gamma : float
        Exponent of the share of the range.
    opacity : float
        0 to 1.
    blending : str
        As napari has it: ``"translucent"``, ``"additive"``, ``"opaque"``, ``"minimum"``,
        ``"multiplicative"``.
    visible : bool
    below : (4,) tuple or None
        RGBA of values below the limits; None is the first colour.
    frame : int or None
        Which frame, whatever frame the pictures are of.
    interpolation : str or None
        ``"nearest"``, ``"linear"``, ``"cubic"``; None is that of the export.

    Raises
    ------
    StepError
        If a value is none of those.
    """

    colormap: Any = None
    limits: Asked = None
    gamma: float = 1.0
    opacity: float = 1.0
    blending: Blending = "translucent"
    visible: bool = True
    below: tuple[float, float, float, float] | None = None
    frame: int | None = None
    interpolation: Any = None

    def __post_init__(self) -> None:
        why = ""
        if self.blending not in BLENDINGS:
            why = f"there is no blending {self.blending!r}"
        elif not 0 <= self.opacity <= 1:
            why = f"an opacity of {self.opacity!r} is not within 0 to 1"
        elif not 0 < self.gamma < 100:
            why = f"a gamma of {self.gamma!r} is not above 0"
        if why:
            raise StepError("look", why, f"Blendings: {', '.join(BLENDINGS)}")


def look_of(given: Look | Mapping[str, Any] | None) -> Look:
    """Return a look, from a mapping of its parameters where it is one.

    Raises
    ------
    StepError
        If a look has no such parameter.
    """
    if given is None or isinstance(given, Look):
        return given or Look()
    known = [field.name for field in fields(Look)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise StepError(
            "look", f"it has no {', '.join(map(repr, unknown))}", f"Known: {', '.join(known)}"
        )
    return Look(**given)


def colours_of(volume: Volume, look: Look, limits: Limits) -> Callable[[NDArray[Any]], Colours]:
    """Return the function from values to RGBA, (…, 4), 0 to 1, before opacity.

    Raises
    ------
    MedVolError
        If nobody knows the colormap.
    """
    if volume.is_rgb:
        return _own_colours
    if volume.kind == "labels":
        given = look.colormap if callable(look.colormap) else None
        return given or _label_colours(volume)
    table = _table(look, volume.display.inverted)
    return lambda values: _looked_up(values, table, look, limits)


def mixed(canvas: Colours, colours: Colours, inside: Mask, look: Look, is_first: bool) -> Colours:
    """Return a picture with a layer drawn over it, as napari's canvas does.

    Parameters
    ----------
    canvas : (rows, columns, 3) array
        What lies below, 0 to 1; black where nothing does.
    colours : (rows, columns, 4) array
        RGBA of the layer.
    inside : (rows, columns) array of bool or None
        Where the layer is.
    look : Look
    is_first : bool
        Whether nothing lies below: napari then mixes with the background.
    """
    over: NDArray[Any]
    rgb, alpha = colours[..., :3], colours[..., 3:] * np.float32(look.opacity)
    if inside is not None:
        alpha = alpha * inside[..., np.newaxis]
    if look.blending == "additive":
        over = rgb * alpha + (0 if is_first else canvas)
    elif look.blending == "minimum":
        over = rgb if is_first else np.minimum(rgb, canvas)
    elif look.blending == "multiplicative" and not is_first:
        over = rgb * canvas
    elif look.blending == "opaque" and not is_first:
        over = rgb
    else:
        over = rgb * alpha + canvas * (1 - alpha)
    over = np.clip(over, 0, 1)
    # What has no colour at all (NaN, background of labels) hides nothing.
    there = colours[..., 3] > 0 if inside is None else inside & (colours[..., 3] > 0)
    return np.where(there[..., np.newaxis], over, canvas).astype(np.float32)


def in_bytes(canvas: Colours) -> Bytes:
    """Return colours from 0 to 1 as 8 bits."""
    return np.rint(canvas * 255).astype(np.uint8)


def _own_colours(values: NDArray[Any]) -> Colours:
    """Return the RGBA of values that are colours: integers of 8 bits, or 0 to 1."""
    scale = 255 if values.dtype.kind in "iu" or values.max(initial=0) > 1 else 1
    rgba = np.ones((*values.shape[:-1], 4), dtype=np.float32)
    n = min(values.shape[-1], 4)
    rgba[..., :n] = np.clip(values[..., :n] / scale, 0, 1)
    return rgba


def _table(look: Look, is_inverted: bool) -> Colours:
    shares = np.linspace(0, 1, _ENTRIES)
    colormap = look.colormap
    if colormap is None:
        colormap = "gray_r" if is_inverted else "gray"
    if isinstance(colormap, str):
        colormap = colormap_named(colormap)
    if isinstance(colormap, Colormap):
        return colormap.colors(shares).astype(np.float32)
    table = np.atleast_2d(np.asarray(colormap, dtype=np.float64))
    if table.ndim != 2 or table.shape[1] not in (3, 4) or not np.isfinite(table).all():
        raise StepError(
            "look", f"colours of shape {table.shape} are none", "Give (n, 3) or (n, 4)"
        )
    at = np.linspace(0, 1, len(table))
    columns = [np.interp(shares, at, column) for column in table.T]
    alpha = columns[3] if len(columns) == 4 else np.ones(_ENTRIES)
    return np.stack([*columns[:3], alpha], axis=-1).astype(np.float32)


def _looked_up(values: NDArray[Any], table: Colours, look: Look, limits: Limits) -> Colours:
    low, high = limits
    share = (values.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    nothing = np.isnan(share)
    below = share < 0
    share = np.clip(np.where(nothing, 0, share), 0, 1)
    if look.gamma != 1:
        share = share ** np.float32(look.gamma)
    rgba = table[np.rint(share * (_ENTRIES - 1)).astype(np.intp)]
    if look.below is not None:
        rgba[below] = look.below
    rgba[nothing] = 0
    return rgba


def _label_colours(volume: Volume) -> Callable[[NDArray[Any]], Colours]:
    """Return the colours of the file; others go round the hues, neighbours far apart."""
    given = {label.value: label.color for label in volume.labels if label.color}

    def colours(values: NDArray[Any]) -> Colours:
        present, where = np.unique(values, return_inverse=True)
        table = np.array([given.get(int(v)) or _round_the_hues(int(v)) for v in present])
        return table.astype(np.float32)[where.reshape(values.shape)]

    return colours


def _round_the_hues(value: int) -> tuple[float, float, float, float]:
    from colorsys import hsv_to_rgb

    if value == 0:
        return 0.0, 0.0, 0.0, 0.0
    # The golden angle: no two of the first hundreds look alike.
    return *hsv_to_rgb(value * 0.618034 % 1, 0.65 + 0.3 * (value % 2), 0.95), 1.0
