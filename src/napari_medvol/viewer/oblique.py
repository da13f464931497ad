"""The right face of an oblique volume: interpolated in 2-D, its own voxels in 3-D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medvol.viewer.coordinates import Face, Matrix, transforms
from napari_medvol.viewer.layers import layer_name
from napari_medvol.viewer.shown import Oblique, Shown, metadata, record_of
from napari_medvol.viewer.volumes import movement

if TYPE_CHECKING:
    from napari.layers import Layer


def show_face(layer: Layer, ndisplay: int) -> None:
    """Give a layer the face for `ndisplay` dimensions, wherever it was moved to."""
    record = record_of(layer)
    if record is None or record.face(2) is record.face(3):
        return
    now, wanted = record.current(layer.data), record.face(ndisplay)
    if now is not None and now is not wanted:
        put(layer, now, wanted)


def toggle(layer: Layer, ndisplay: int) -> Oblique | None:
    """Change between the two ways of showing an oblique volume; None if it is not oblique."""
    record = record_of(layer)
    if record is None or not record.is_oblique:
        return None
    now = record.current(layer.data)
    other: Oblique = "resample" if record.oblique == "native" else "native"
    turned = record.turned(other)
    layer.metadata = {**layer.metadata, **metadata(turned)}
    rename(layer, record, turned)
    if now is not None:
        put(layer, now, turned.face(ndisplay))
        layer.refresh()
    return other


def rename(layer: Layer, before: Shown, after: Shown) -> None:
    """Say in the name what is shown, unless the user gave the layer another name."""
    if layer.name.startswith(layer_name(before)):
        layer.name = layer.name.replace(layer_name(before), layer_name(after), 1)


def put(layer: Layer, now: Face | None, wanted: Face) -> None:
    """Change data and transforms at once, drawing nothing in between.

    Parameters
    ----------
    layer : Layer
    now : Face or None
        What the layer shows: if it was moved since, so is what it shows next. None to forget it.
    wanted : Face
    """
    motion = None if now is None else movement(layer, now)
    settle(layer, wanted.data, wanted.matrix if motion is None else motion @ wanted.matrix)


def settle(layer: Layer, data: Any, matrix: Matrix) -> None:
    """Give a layer an array and its place, (n + 1, n + 1) to world mm, drawing nothing yet."""
    given = transforms(matrix)
    with layer._block_refresh():  # noqa: SLF001 - there is no public way to change both
        layer.rotate = np.eye(layer.ndim)
        layer.shear = np.zeros(layer.ndim * (layer.ndim - 1) // 2)
        if layer.data is not data:
            layer.data = data
        layer.scale, layer.translate = given["scale"], given["translate"]
        layer.affine = given["affine"]
