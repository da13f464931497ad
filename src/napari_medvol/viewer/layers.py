"""Volumes to napari's layer data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer.contrast import Limits, colours, contrast_limits, contrast_reach
from napari_medvol.viewer.coordinates import Face, Matrix, axis_units, in_viewer_order, turn_of
from napari_medvol.viewer.parts import PartOfComplex
from napari_medvol.viewer.shown import Oblique, Part, Shown, metadata
from napari_medvol.volume import Volume

LayerData = tuple[Any, dict[str, Any], str]

#: Voxels. A rotation or shear that moves no voxel further is float noise of a header.
_NO_ROTATION: Final = 0.05

_OWN_GRID: Final = " (own grid)"


def layer_data(
    volume: Volume, *, oblique: Oblique = "resample", visible: bool = True
) -> list[LayerData]:
    """Return what napari needs to show a volume: one layer, or two for complex values.

    Parameters
    ----------
    volume : Volume
    oblique : {"resample", "native"}
        How a volume that lies askew is drawn in 2-D: interpolated at its true place, or its
        own voxels turned about its centre.
    visible : bool

    Returns
    -------
    list of (array, dict, layer type)
        Arrays are (… extra axes, z, y, x, colour) in IPL mm; lazy data stay lazy. The layer's
        ``metadata["medvol"]`` is a :class:`~napari_medvol.viewer.shown.Shown`.
    """
    if volume.kind == "labels":
        return [_labels(volume, oblique, visible)]
    parts: tuple[Part, ...] = ("magnitude", "phase") if volume.dtype.kind == "c" else ("",)
    return [_image(volume, oblique, visible and part != "phase", part) for part in parts]


def _image(volume: Volume, oblique: Oblique, visible: bool, part: Part) -> LayerData:
    limits = contrast_limits(volume, part)
    native = in_viewer_order(volume)
    if part:
        native = Face(PartOfComplex(native.data, part), native.affine, native.leading)
    elif volume.dtype == np.longdouble or volume.dtype.kind not in "biuf":
        native = Face(np.asarray(native.data, dtype=np.float64), native.affine, native.leading)
    native = _guarded(native)
    record = replace(
        _record(volume, native, oblique, part, _outside(volume, limits)),
        reach=contrast_reach(volume, limits, part),
        limits=limits,
    )
    options = {
        **_common(record, visible),
        **colours(volume, part),
        "contrast_limits": limits,
        "rgb": volume.is_rgb,
    }
    if volume.is_rgb:
        options.pop("colormap")
    return record.face().data, options, "image"


def _guarded(face: Face) -> Face:
    """Return the face with an array that refuses to be written: it is the Volume's own."""
    if not isinstance(face.data, np.ndarray):
        return face
    view = face.data.view()
    view.flags.writeable = False
    return Face(view, face.affine, face.leading)


def _labels(volume: Volume, oblique: Oblique, visible: bool) -> LayerData:
    record = record_to_paint(volume, oblique)
    options = _common(record, visible)
    if volume.labels:
        options |= label_table(volume)
    return record.face().data, options, "labels"


def record_to_paint(volume: Volume, oblique: Oblique) -> Shown:
    """Return what a labels layer shows of a volume of labels, with voxels of its own.

    Copied, so that the brush never reaches the Volume, which is frozen.
    """
    turned = in_viewer_order(volume)
    data = np.array(turned.data, dtype=_label_type(volume.dtype), copy=True)
    native = Face(data, turned.affine, turned.leading)
    return _record(volume, native, oblique, "", 0.0)


def moved_record(record: Shown, volume: Volume) -> Shown:
    """Return what a layer shows of the very voxels of `record`, put elsewhere.

    Nothing is read and nothing copied: quick enough while the mouse drags.

    Parameters
    ----------
    record : Shown
    volume : Volume
        That of the record with another affine.
    """
    before, turn = turn_of(record.volume), turn_of(volume)
    data = record.native.data
    if turn != before:
        data = turn.forward(before.back(data))
    native = Face(data, turn.affine(volume), record.native.leading)
    outside = 0.0 if record.limits is None else _outside(volume, record.limits)
    made = _record(volume, native, record.oblique, record.part, outside)
    return replace(made, reach=record.reach, limits=record.limits)


def _label_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the integer type in which napari paints labels of `dtype`."""
    if dtype.kind in "iu":
        return dtype.newbyteorder("=")
    return np.dtype(np.uint8 if dtype.kind == "b" else np.int32)


def label_table(volume: Volume) -> dict[str, Any]:
    """Return names, which the status bar shows, and colours where the file has them."""
    from napari.utils.colormaps import DirectLabelColormap, label_colormap

    values = [label.value for label in volume.labels]
    table: dict[str, Any] = {
        "features": {"index": values, "name": [label.name for label in volume.labels]}
    }
    if any(label.color for label in volume.labels):
        others = label_colormap(49)
        given = {label.value: label.color or others.map(label.value) for label in volume.labels}
        background: dict[Any, Any] = {0: (0, 0, 0, 0), None: (0.6, 0.6, 0.6, 1)}
        table["colormap"] = DirectLabelColormap(color_dict={**given, **background})
    return table


def _record(volume: Volume, native: Face, oblique: Oblique, part: Part, outside: float) -> Shown:
    """Return the faces of a volume; a rotation too small to be seen is made exactly zero."""
    space = native.data.shape[len(native.leading) :][:3]
    straight = Face(native.data, affines.without_rotation(native.affine, space), native.leading)
    if voxels_moved(native.affine, straight.affine, space) <= _NO_ROTATION:
        snap = affines.corner_displacement(native.affine, straight.affine, space)
        return Shown(volume, straight, snap=snap, part=part)
    resliced = ReslicedArray(
        native.data,
        native.affine,
        len(native.leading),
        nearest=volume.kind == "labels",
        outside=outside,
    )
    # A single plane askew would be drawn as a line wherever the world's planes cut it.
    chosen: Oblique = "native" if min(space) == 1 else oblique
    face = Face(resliced, resliced.affine, native.leading)
    return Shown(volume, native, face, straight, chosen, part=part)


def voxels_moved(one: Matrix, other: Matrix, shape: tuple[int, ...]) -> float:
    """Return how far apart two affines put the worst corner voxel, in voxels of `other`."""
    points = affines.corners(shape)
    shift = affines.apply_affine(one, points) - affines.apply_affine(other, points)
    return float(np.abs(shift @ np.linalg.inv(other[:3, :3]).T).max())


def _common(record: Shown, visible: bool) -> dict[str, Any]:
    volume, face = record.volume, record.face()
    extra = [axis for axis in volume.axes if axis.name != "rgb"][::-1]
    return {
        **face.transforms,
        "name": layer_name(record),
        "units": (*(axis_units(axis) for axis in extra), "mm", "mm", "mm"),
        "axis_labels": (*(axis.name for axis in extra), "z", "y", "x"),
        "metadata": metadata(record),
        "visible": visible,
    }


def layer_name(record: Shown) -> str:
    """Return the name of the layer.

    It says when the values are not in the file's own unit, and when the voxels are not at
    their true place.
    """
    name = record.volume.name or "volume"
    if record.part:
        name = f"{name} {record.part}"
    name += value_suffix(record.volume)
    return name + _OWN_GRID if record.is_straightened else name


def value_suffix(volume: Volume) -> str:
    """Return the unit in brackets where it is not the file's own or it is a map's quantity."""
    if not any(row.name == "SOPClassUID" for row in volume.header):
        return ""
    from napari_medvol.formats.dicom.offers import SHORT, value_of

    value = value_of(volume)
    if value in ("real", "float"):
        is_mapped = any(finding.kind == "rwv" for finding in volume.report.findings)
        return f" [{volume.unit}]" if is_mapped and volume.unit else ""
    return f" [{' '.join(filter(None, [SHORT.get(value, ''), volume.unit])) or value}]"


def _outside(volume: Volume, limits: Limits) -> float:
    """Return the value drawn where an oblique volume has no voxel."""
    if volume.display.padding is not None:
        return volume.display.padding[0]
    if volume.display.diverging or volume.is_rgb:
        return 0.0
    if volume.unit == "HU":
        return min(-1000.0, limits[0])
    return limits[0]
