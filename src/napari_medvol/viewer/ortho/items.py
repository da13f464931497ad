"""Layers of items, points, shapes and their like: what a copy of them has to copy."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer

_POINTS: Final = (
    "features",
    "symbol",
    "size",
    "face_color",
    "border_color",
    "border_width",
    "shown",
)
_SHAPES: Final = ("features", "edge_color", "face_color", "edge_width", "z_index")
_VECTORS: Final = ("features", "edge_color")
_TRACKS: Final = ("features", "graph")

_BY_KIND: Final = {
    "points": _POINTS,
    "shapes": _SHAPES,
    "vectors": _VECTORS,
    "tracks": _TRACKS,
    "surface": (),
}

#: Properties with one value an item: they fit only where there are as many items.
HAS_ITEMS: Final = frozenset(
    {"features", "symbol", "size", "face_color", "border_color", "border_width", "edge_color"}
    | {"edge_width", "vector_style"}
)


def is_of_items(layer: Layer) -> bool:
    """Return whether a layer holds points, shapes, vectors, tracks or a surface, not voxels."""
    return _kind(layer) is not None


def copy_items(source: Layer, target: Layer) -> None:
    """Give a layer the items of another of its kind, each with its own looks."""
    kind = _kind(source)
    if kind is None:
        return
    target.data = _data(source, kind)
    for name in _BY_KIND[kind]:
        with suppress(AttributeError, TypeError, ValueError):
            setattr(target, name, getattr(source, name))
    target.refresh()


def _kind(layer: Layer) -> str | None:
    names = (cls.__name__.lower() for cls in type(layer).__mro__)
    return next((name for name in names if name in _BY_KIND), None)


def _data(layer: Layer, kind: str) -> Any:
    if kind == "shapes":
        vertices = [np.array(shape) for shape in layer.data]
        return (vertices, list(layer.shape_type)) if vertices else []
    return layer.data if kind == "surface" else np.array(layer.data)
