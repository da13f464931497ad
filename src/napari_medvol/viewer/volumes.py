"""napari's layers back to volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.errors import GeometryError, LayerError, StepError
from napari_medvol.ops.move import move
from napari_medvol.report import GeometryReport
from napari_medvol.viewer.coordinates import (
    Face,
    Matrix,
    Turn,
    from_viewer,
    matrix_of,
    millimetres,
    ras_motion,
    turn_of,
)
from napari_medvol.viewer.shown import Shown, record_of
from napari_medvol.volume import Axis, Display, Step, Volume

if TYPE_CHECKING:
    from napari.layers import Layer

#: mm, or the unit of an extra axis: a layer whose corners moved less was not moved.
_UNMOVED: Final = 1e-4

_SCANS: Final = ("image", "labels")


def volume_of(layer: Layer) -> Volume:
    """Return the scan that a layer shows: native voxels, true affine.

    A layer that nobody touched gives the very Volume it was made of. One that was moved gives
    a Volume derived with the step ``move``; one that was painted or given other data, with the
    step ``edit``. A layer that did not come from this plugin gives a Volume of its data, scale,
    affine and units.

    Raises
    ------
    LayerError
        If the layer is no image and no labels, or its transform leads nowhere.
    """
    from napari.layers import Layer

    if not isinstance(layer, Layer):
        raise LayerError(
            f"volume_of({_shortly(layer)})",
            f"a {type(layer).__name__} is no layer of napari",
            "Give it a layer, such as viewer.layers[0]",
        )
    if _type_of(layer) not in _SCANS:
        raise LayerError(
            f"layer {layer.name!r}",
            f"is a {_type_of(layer)} layer, which holds no voxels",
            "Choose an image or a labels layer",
        )
    try:
        return _of_kind(layer, _shown_by(layer))
    except (GeometryError, StepError) as error:
        raise LayerError(f"layer {layer.name!r}", error.why, error.fix) from error


def _shown_by(layer: Layer) -> Volume:
    record = record_of(layer)
    if record is None:
        return _foreign(layer)
    face = record.current(layer.data)
    if face is not None:
        return _same_voxels(layer, record, face)
    if layer.data.ndim == record.native.data.ndim:
        return _other_voxels(layer, record)
    return _foreign(layer)


def _of_kind(layer: Layer, volume: Volume) -> Volume:
    """Return an image as labels, or labels as an image, where napari made one of the other."""
    kind = _type_of(layer)
    if volume.kind == kind:
        return volume
    if kind == "labels":
        return _edited(layer, volume, kind="labels", unit="", display=Display())
    return _edited(layer, volume, kind="image", labels=())


def _shortly(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _type_of(layer: Layer) -> str:
    return str(layer.as_layer_data_tuple()[2])


def _edited(layer: Layer, volume: Volume, **changes: Any) -> Volume:
    return volume.derive(Step("edit", {"layer": layer.name}), **changes)


def _same_voxels(layer: Layer, record: Shown, face: Face) -> Volume:
    """Return the volume of a layer that still holds the array it was given."""
    volume, changes = record.volume, {}
    motion = movement(layer, face)
    if motion is not None:
        in_space = ras_motion(motion[-4:, -4:])
        if not np.allclose(in_space, np.eye(4), rtol=0, atol=1e-9):
            volume = move(volume, in_space.tolist())
        axes = _axes_as_shown(layer, record)
        changes = {"axes": axes} if axes != volume.axes else {}
    painted = _painted(record)
    if painted is not None:
        changes["data"] = painted
    return _edited(layer, volume, **changes) if changes else volume


def movement(layer: Layer, face: Face) -> Matrix | None:
    """Return how a layer was moved in world since `face` was put into it, or None.

    Returns
    -------
    (n + 1, n + 1) array or None
        World before to world after, extra axes first, IPL mm.
    """
    now, before = _matrix_in_mm(layer), face.matrix
    ends = np.array([*layer.data.shape[: layer.ndim], 1.0])
    if (np.abs(now - before) @ ends).max() <= _UNMOVED:
        return None
    return now @ np.linalg.inv(before)


def layer_matrix(layer: Layer) -> Matrix:
    """Return a layer's data-to-world matrix in mm, a 2-D layer as one plane of three axes."""
    matrix = _matrix_in_mm(layer)
    return _embedded(matrix) if layer.ndim == 2 else matrix


def _matrix_in_mm(layer: Layer) -> Matrix:
    matrix = matrix_of(layer)
    n_space = min(layer.ndim, 3)
    matrix[-1 - n_space : -1] *= millimetres(layer.units)[-n_space:, np.newaxis]
    return matrix


def _painted(record: Shown) -> Any:
    """Return the voxels of labels that were painted, as the Volume orders them, or None.

    The brush writes into the array that the layer was given, so only the values can tell.
    """
    if record.volume.kind != "labels":
        return None
    turn = turn_of(record.volume)
    now = record.native.data
    if np.array_equal(now, np.asarray(turn.forward(record.volume.data))):
        return None
    return turn.back(now.copy())


def _axes_as_shown(layer: Layer, record: Shown) -> tuple[Axis, ...]:
    """Return the extra axes with the steps and starts that the layer gives them now."""
    matrix = matrix_of(layer)
    n = len(record.native.leading)
    axes = list(record.volume.axes)
    for number in range(n):
        row = n - 1 - number
        step, start = float(matrix[row, row]), float(matrix[row, -1])
        if (step, start) != record.native.leading[row]:
            axes[number] = replace(axes[number], step=step, start=start)
    return tuple(axes)


def _other_voxels(layer: Layer, record: Shown) -> Volume:
    """Return the volume of a layer whose data were replaced: cropped, filtered, grown."""
    data = np.asarray(layer.data)
    volume, n = record.volume, len(record.native.leading)
    place = record.correction @ _matrix_in_mm(layer)[[*range(n, n + 4)]][:, [*range(n, n + 4)]]
    turn = turn_of(volume)
    voxels = turn.back(data)
    return _edited(
        layer,
        volume,
        data=voxels,
        affine=turn.affine_back(place, voxels.shape),
        axes=_axes_as_shown(layer, record),
    )


def _foreign(layer: Layer) -> Volume:
    """Return the volume of a layer that says no more than its own properties."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    data, matrix = np.asarray(data), layer_matrix(layer)
    units, labels = list(layer.units), list(layer.axis_labels)
    if layer.ndim == 2:
        data = data[np.newaxis]
    n = max(layer.ndim - 3, 0)
    axes = [
        Axis(
            _axis_name(labels[a], a, n),
            float(matrix[a, a]) or 1.0,
            _unit_name(units[a]),
            float(matrix[a, -1]),
        )
        for a in range(n)[::-1]
    ]
    rgb = bool(getattr(layer, "rgb", False))
    return Volume(
        Turn((0, 1, 2), (1, 1, 1), n).back(data),
        from_viewer(matrix[n:, n:]),
        (*axes, *([Axis("rgb")] if rgb else [])),
        kind="labels" if _type_of(layer) == "labels" else "image",
        name=layer.name,
        report=GeometryReport(source="the layer's scale, affine and units"),
    )


def _embedded(matrix: Matrix) -> Matrix:
    """Return the 4×4 matrix of a 2-D layer: one plane, 1 mm thick, at z = 0."""
    full = np.eye(4)
    full[1:, 1:] = matrix
    return full


def _axis_name(label: str, axis: int, n_extra: int) -> str:
    is_named = label and not label.lstrip("-").isdigit() and not label.startswith("axis")
    if is_named:
        return label
    return "t" if axis == n_extra - 1 else f"axis{n_extra - axis + 2}"


def _unit_name(unit: Any) -> str:
    name = f"{unit:~}"
    return "" if name in ("px", "pixel") else name
