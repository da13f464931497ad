"""Rulers and angles: shapes on the canvas, measured in the patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import LayerError, MedVolError
from napari_medvol.table import Table
from napari_medvol.viewer.coordinates import millimetres, ras_of_ipl
from napari_medvol.viewer.places import to_ras
from napari_medvol.views.measures import angle, area, length

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Tool = Literal["ruler", "angle"]

_NAME: Final = "Measures"
_KEY: Final = "medvol measures"
_COLUMNS: Final = ("number", "kind", "value", "unit", "R (mm)", "A (mm)", "S (mm)")
_labelled: WeakSet[Any] = WeakSet()
_PLACE_EVENTS: Final = ("scale", "translate", "rotate", "shear", "affine", "units")


def draw_measures(viewer: ViewerModel, tool: Tool = "ruler") -> Layer:
    """Return the layer of measures, made where there is none, ready to draw a ruler or an angle.

    A line is a ruler; a path of three points is an angle, of more a length along it; closed
    shapes have an area. Each says its size beside it.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    tool : {"ruler", "angle"}
    """
    from napari.layers import Shapes

    found = measures_layer(viewer)
    if found is None:
        ndim = max(viewer.dims.ndim, 2)
        found = Shapes(
            ndim=ndim,
            name=_NAME,
            units=viewer.dims.units,
            edge_color="yellow",
            face_color="#ffff001a",
            edge_width=_width(viewer),
            features={"measure": np.empty(0, dtype=object)},
            text={"string": "{measure}", "color": "yellow", "size": 11, "anchor": "center"},
            metadata={_KEY: True},
        )
        viewer.add_layer(found)
    label(found)
    viewer.layers.selection.active = found
    found.mode = "add_line" if tool == "ruler" else "add_path"
    return found


def measures_layer(viewer: ViewerModel) -> Layer | None:
    """Return the layer of measures, or None where nothing was measured."""
    return next((one for one in viewer.layers if _is_measures(one)), None)


def label(layer: Layer) -> None:
    """Write beside each shape how large it is, now and whenever it changes."""
    if layer not in _labelled:
        _labelled.add(layer)
        layer.events.data.connect(partial(_on_data, layer))
        for name in _PLACE_EVENTS:
            getattr(layer.events, name).connect(partial(_on_place, layer))
    _write(layer)


def measures_table(layer: Layer) -> Table:
    """Return one row a shape: its kind, size and unit, and where its middle lies in RAS+ mm.

    Raises
    ------
    LayerError
        If the layer holds no shapes.
    """
    rows = []
    for number, (points, kind) in enumerate(_shapes(layer), 1):
        name, value, unit = _measured(points, kind)
        middle = (round(float(v), 2) for v in points.mean(axis=0))
        rows.append((number, name, None if value is None else round(value, 3), unit, *middle))
    return Table(_COLUMNS, tuple(rows))


def _shapes(layer: Layer) -> Iterator[tuple[NDArray[np.float64], str]]:
    """Return the points of each shape in RAS+ mm, and what it is."""
    if not hasattr(layer, "shape_type"):
        raise LayerError(f"layer {layer.name!r}", "holds no shapes", "Draw a ruler first")
    for data, kind in zip(layer.data, layer.shape_type, strict=True):
        yield _in_patient(layer, np.asarray(data, dtype=np.float64)), kind


def _measured(points: NDArray[np.float64], kind: str) -> tuple[str, float | None, str]:
    """Return what a shape is called, its size, and its unit; None where it has none yet."""
    name, measure, unit = _kind(points, kind)
    try:
        return name, measure(points), unit
    except MedVolError:
        # Being drawn: its points still fall together.
        return name, None, unit


def _kind(
    points: NDArray[np.float64], kind: str
) -> tuple[str, Callable[[NDArray[np.float64]], float], str]:
    if kind == "line":
        return "length", length, "mm"
    if kind == "path":
        return ("angle", angle, "°") if len(points) == 3 else ("length", length, "mm")
    if kind == "ellipse":
        # The corners of the box around it are its points.
        return "area", lambda corners: area(corners) * np.pi / 4, "mm²"
    return "area", area, "mm²"


def _in_patient(layer: Layer, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of a layer in RAS+ mm; of a flat viewer, in its plane."""
    world = np.array([layer.data_to_world(point) for point in points])
    if world.shape[1] >= 3:
        return to_ras(layer, world)
    flat = world * millimetres(layer.units)[-world.shape[1] :]
    return ras_of_ipl(np.pad(flat, ((0, 0), (3 - world.shape[1], 0))))


def _write(layer: Layer) -> None:
    sizes = [
        "" if value is None else f"{value:.1f} {unit}".replace(" °", "°")
        for _, value, unit in (_measured(*shape) for shape in _shapes(layer))
    ]
    with layer.events.data.blocker():
        layer.features = {"measure": np.array(sizes, dtype=object)}
        layer.refresh_text()


def _on_data(layer: Layer, event: Any = None) -> None:
    action = str(getattr(event, "action", "changed"))
    # The words "adding", "changing", "removing" come before the deed.
    if not action.lower().endswith("ing"):
        _write(layer)


def _on_place(layer: Layer, event: Any = None) -> None:
    _write(layer)


def _is_measures(layer: Layer) -> bool:
    return bool(layer.metadata.get(_KEY, False))


def _width(viewer: ViewerModel) -> float:
    """Return a line's width in the world that is about two pixels of the screen."""
    zoom = float(getattr(viewer, "scene", viewer).camera.zoom)
    return 2.0 / zoom if zoom > 0 else 1.0
