"""The outlines of regions as they were drawn: RT structure sets as Shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.errors import LayerError
from napari_medvol.viewer.coordinates import Face, ipl_of_ras, matrix_of, transforms
from napari_medvol.viewer.layers import LayerData
from napari_medvol.viewer.shown import Shown, record_of
from napari_medvol.volume import Contour, Volume

if TYPE_CHECKING:
    from napari.layers import Layer

#: Voxels.
_EDGE: Final = 0.6
_SPOT: Final = 4.0
_NO_COLOR: Final = (1.0, 1.0, 0.0, 1.0)
_CLOSED: Final = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def contour_layers(layer: Layer) -> list[LayerData]:
    """Return layer data of the contours behind a labels layer: Shapes, and Points if any.

    The outlines are closed paths in the layer's own grid, so that napari shows each in the
    slice that it was drawn on, and all of them in 3-D; they follow where the layer was moved.
    Paths, not polygons: napari would spend 40 times as long on faces that nobody sees.

    Parameters
    ----------
    layer : Layer

    Raises
    ------
    LayerError
        If there are no contours behind the layer.
    """
    record = record_of(layer)
    if record is None or not record.volume.contours:
        raise LayerError(
            f"layer {layer.name!r}",
            "has no contours",
            "Choose the labels of an RT structure set",
        )
    face = record.current(layer.data)
    matrix = record.face().matrix if face is None else matrix_of(layer)
    common = {
        **transforms(matrix),
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "name": f"{layer.name} contours",
    }
    contours = record.volume.contours
    drawn = [contour for contour in contours if len(contour.points) > 1]
    spots = [contour for contour in contours if len(contour.points) == 1]
    on_grid = face or record.face()
    return [
        *([_paths(record, on_grid, drawn, common)] if drawn else []),
        *([_points(record, on_grid, spots, common)] if spots else []),
    ]


def _paths(
    record: Shown, face: Face, contours: Sequence[Contour], common: dict[str, Any]
) -> LayerData:
    lines = []
    for contour in contours:
        line = _on_grid(record, face, contour)
        lines.append(np.concatenate([line, line[:1]]) if contour.kind in _CLOSED else line)
    options = {
        **common,
        "shape_type": "path",
        "edge_color": _colors(record.volume, contours),
        "edge_width": _EDGE,
        "face_color": "transparent",
        "features": _names(record.volume, contours),
    }
    return lines, options, "shapes"


def _points(
    record: Shown, face: Face, contours: Sequence[Contour], common: dict[str, Any]
) -> LayerData:
    places = np.concatenate([_on_grid(record, face, contour) for contour in contours])
    options = {
        **common,
        "name": common["name"].removesuffix("contours") + "points",
        "size": _SPOT,
        "face_color": _colors(record.volume, contours),
        "features": _names(record.volume, contours),
    }
    return places, options, "points"


def _on_grid(record: Shown, face: Face, contour: Contour) -> Any:
    """Return the points (n, 3) of a contour as indices (z, y, x) of a face."""
    to_grid = np.linalg.inv(record.correction @ face.affine).astype(np.float64)
    return affines.apply_affine(to_grid, ipl_of_ras(contour.points))


def _colors(volume: Volume, contours: Sequence[Contour]) -> Any:
    given = {label.value: label.color or _NO_COLOR for label in volume.labels}
    return np.array([given.get(contour.value, _NO_COLOR) for contour in contours])


def _names(volume: Volume, contours: Sequence[Contour]) -> dict[str, list[Any]]:
    names = {label.value: label.name for label in volume.labels}
    return {
        "name": [names.get(contour.value, str(contour.value)) for contour in contours],
        "value": [contour.value for contour in contours],
    }
