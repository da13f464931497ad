"""Volumes with something to find, where a viewer shows it, and viewers that widgets must bear."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.volumes import affine_along, rotated

PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}

Affine = NDArray[np.float64]

#: Two grids of about the same place, one askew.
CT = affine_along("LPS", (1.0, 1.0, 2.0))
PET = rotated(affine_along("LPS", (2.0, 2.0, 2.0)), 8)


def scan(affine: Affine = CT, shape: tuple[int, ...] = (20, 22, 12), **more: Any) -> Volume:
    """Noise between −900 and 1200, int16; a fourth axis is time, 2.5 s a frame."""
    values = np.random.default_rng(2).integers(-900, 1200, shape).astype(np.int16)
    axes = tuple(Axis("t", 2.5, "s") for _ in shape[3:])
    return Volume(values, affine, axes=axes, **{"name": "CT", **more})


def seg() -> Volume:
    """Two labels on the grid of the CT: 1, the liver, and 4, which has no name."""
    values = np.zeros((20, 22, 12), np.uint8)
    values[4:9, 5:12, 3:6] = 1
    values[10:15, 5:12, 3:6] = 4
    return Volume(values, CT, kind="labels", labels=(Label(1, "liver"),), name="seg")


def _foreign(viewer: Any) -> None:
    viewer.add_image(np.random.default_rng(0).uniform(size=(6, 30, 40)), name="cells")
    viewer.add_points(np.zeros((3, 3)))
    viewer.add_labels(np.ones((6, 30, 40), int))


def _colour(**more: Any) -> Volume:
    return Volume(np.zeros((5, 6, 7, 3), np.uint8), CT, axes=(Axis("rgb"),), **more)


#: What a widget may find in a viewer. Of "deleted layers" a test deletes them while it is open.
ODD: dict[str, Callable[[Any], Any]] = {
    "no layer": lambda viewer: None,
    "a 2-D layer": lambda viewer: viewer.add_image(
        np.random.default_rng(0).uniform(size=(30, 40)), name="X-ray"
    ),
    "layers of others": _foreign,
    "deleted layers": lambda viewer: show(viewer, [scan(), scan(PET), seg()]),
    "4-D": lambda viewer: show(viewer, [scan(shape=(8, 9, 6, 4)), scan(PET), seg()]),
    "NaN": lambda viewer: show(
        viewer, [Volume(np.full((5, 6, 7), np.nan, np.float32), CT), scan(PET), seg()]
    ),
    "all constant": lambda viewer: show(
        viewer, [Volume(np.full((5, 6, 7), 3, np.int16), CT), scan(PET), seg()]
    ),
    "colour": lambda viewer: show(viewer, [_colour(), scan()]),
    "complex": lambda viewer: show(viewer, [Volume(np.ones((5, 6, 7)) * (1 + 2j), CT), scan(PET)]),
    "labels only": lambda viewer: show(viewer, [seg()]),
}


def settle(seconds: float = 0.0) -> None:
    """Let the window live, at least for one round, and delete what was told to be deleted."""
    until = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= until:
            break
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Let the window live until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        QApplication.processEvents()
        time.sleep(0.005)


def callbacks(viewer: Any) -> int:
    """Return how many callbacks hang on a viewer and its layers."""
    names = ("inserted", "removed", "reordered", "renamed")
    emitters = [getattr(viewer.layers.events, name) for name in names]
    emitters += [getattr(viewer.dims.events, name) for name in ("point", "order", "ndisplay")]
    emitters += [
        e for layer in viewer.layers for e in layer.events.emitters.values() if e is not None
    ]
    keys = sum(len(one.keymap) for one in (viewer, *viewer.layers))
    return sum(len(e.callbacks) for e in emitters) + len(viewer.mouse_drag_callbacks) + keys


def shown(viewer: Any, volume: Volume, **more: Any) -> Layer:
    """Add a volume as a reader's layer data would come, of one layer."""
    ((data, options, kind),) = layer_data(volume, **more)
    return getattr(viewer, f"add_{kind}")(data, **options)


def of_nibabel(volume: Volume) -> Any:
    """Return a volume as an image of nibabel's, float64."""
    return nib.Nifti1Image(np.asarray(volume.data).astype(np.float64), volume.affine)


def marked(affine: Affine, voxel: tuple[int, ...] = (3, 5, 7), **more: Any) -> Volume:
    """Zeros, int16, of shape (10, 14, 18), with 1000 in one voxel."""
    data = np.zeros((10, 14, 18), dtype=np.int16)
    data[voxel] = 1000
    return Volume(data, affine, **{"name": "marked", **more})


def blob(
    affine: Affine,
    ras: tuple[float, float, float],
    shape: tuple[int, int, int] = (40, 44, 36),
    sigma: float = 3.0,
) -> Volume:
    """A Gaussian of 1000, `sigma` mm wide, at a place in the patient: float32."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    away = ((apply_affine(affine, index) - ras) ** 2).sum(axis=-1)
    return Volume((1000 * np.exp(-away / (2 * sigma**2))).astype(np.float32), affine, name="blob")


def around(affine: Affine, ras: tuple[float, ...], shape: tuple[int, int, int]) -> Affine:
    """The affine moved so that the middle of the grid lies 6 mm off `ras`."""
    moved = affine.copy()
    middle = apply_affine(affine, (np.array(shape) - 1) / 2)
    moved[:3, 3] += np.add(ras, (2.0, -4.0, 4.0)) - middle
    return moved


def framed(affine: Affine, n_frames: int = 4) -> Volume:
    """Four axes, (5, 6, 7, n), every voxel its own value, 2.5 s a frame from 1 s on."""
    data = np.arange(5 * 6 * 7 * n_frames, dtype=np.int16).reshape(5, 6, 7, n_frames)
    return Volume(data, affine, axes=(Axis("t", 2.5, "s", 1.0),), name="framed")


def seen_off(viewer: ViewerModel, layer: Layer, ras: tuple[float, ...], plane: str) -> Affine:
    """Return how far, (z, y, x) mm, what `plane` shows lies from where it truly is.

    Measured with napari's own reading of what it draws: along both displayed axes, and along
    the slider.
    """
    place = napari_medvol.from_ras(viewer, ras)
    viewer.dims.order = PLANES[plane]
    slider = PLANES[plane][0]
    steps = np.arange(-9, 9.01, 0.3)
    off = np.zeros(3)
    for axis in range(3):
        values = []
        viewer.dims.set_point(slider, place[slider])
        for step in steps:
            point = place.copy()
            point[axis] += step
            if axis == slider:
                viewer.dims.set_point(slider, point[slider])
            value = layer.get_value(point, world=True)
            values.append(0.0 if value is None else max(float(value), 0.0))
        total = sum(values)
        off[axis] = np.inf if total == 0 else np.dot(values, steps) / total
    return off
