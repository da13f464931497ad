"""Colormaps of this package and of napari, from one to the other."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from napari_medvol.colormap import Colormap, colormap_of
from napari_medvol.viewer.contrast import known_colormap
from napari_medvol.views.colormaps import DICOM_PALETTES, colormap_named, colormap_names

if TYPE_CHECKING:
    from napari.layers import Layer

_STEPS: Final = 256
_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def napari_colormap(colormap: Colormap) -> Any:
    """Return a colormap as napari's, in 256 steps."""
    from napari.utils.colormaps import Colormap as NapariColormap

    return NapariColormap(colormap.colors(np.linspace(0, 1, _STEPS)), name=colormap.name)


def own_colormap(colormap: Any) -> Colormap:
    """Return one of napari's colormaps as this package's, in 256 steps."""
    shares = np.linspace(0, 1, _STEPS)
    return colormap_of(colormap.name, np.clip(colormap.map(shares), 0, 1))


def colormap_by_name(name: str) -> Any:
    """Return napari's colormap of a name in any case: its own, a DICOM palette, one of ``cmap``.

    Raises
    ------
    MedVolError
        If nobody knows the name.
    """
    from napari.utils.colormaps import ensure_colormap

    # What cmap calls cmap:viridis in its own lists.
    name = name.strip().removeprefix("cmap:")
    known = known_colormap(name) if name else ""
    return ensure_colormap(known) if known else napari_colormap(colormap_named(name))


@cache
def known_names() -> tuple[str, ...]:
    """Return every name on offer: napari's and DICOM's first, then the rest of ``cmap``."""
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    first = ("gray", "gray_r", "hot", *DICOM_PALETTES, *sorted(AVAILABLE_COLORMAPS, key=str.lower))
    names = {name.lower(): name for name in reversed((*first, *colormap_names()))}
    order = dict.fromkeys(name.lower() for name in (*first, *colormap_names()))
    return tuple(names[lower] for lower in order)


#: What a layer was given by :func:`shape_colours` last.
_shapes: WeakKeyDictionary[Layer, Any] = WeakKeyDictionary()


def shape_colours(layer: Layer, base: Any, shares: ArrayLike, clear_below: bool = False) -> None:
    """Give a layer the colours that `base` has at `shares`, and tell napari.

    Parameters
    ----------
    layer : Image
    base : napari.utils.Colormap
    shares : (n,) array
        0 to 1, for values from one contrast limit to the other.
    clear_below : bool
        What is not above the lower contrast limit is transparent.
    """
    from napari.utils.colormaps import AVAILABLE_COLORMAPS
    from napari.utils.colormaps import Colormap as NapariColormap

    name = f"{base.name}, {layer.name}"
    made = NapariColormap(
        np.clip(base.map(np.asarray(shares)), 0, 1),
        name=name,
        low_color=_CLEAR if clear_below else base.low_color,
        high_color=base.high_color,
        nan_color=base.nan_color,
    )
    # napari keeps every new colormap in its lists: this one takes the place of the one before.
    AVAILABLE_COLORMAPS.pop(name, None)
    # Before anybody hears of it, and after: napari may make another one of it.
    _shapes[layer] = made
    layer.colormap = made
    _shapes[layer] = layer.colormap


def is_shaped(layer: Layer) -> bool:
    """Return whether a layer still has the colours that :func:`shape_colours` gave it."""
    return layer in _shapes and layer.colormap is _shapes[layer]
