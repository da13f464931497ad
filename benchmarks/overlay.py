"""A slider step with a PET over a CT: our overlay against the same two arrays in plain napari.

``xvfb-run -a python benchmarks/overlay.py``. Both windows hold the same voxels at the same
place; plain napari draws the PET in its own voxels, the overlay interpolates it on the CT's
grid at every step. By turns, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import Any

import numpy as np

CT_SHAPE, CT_SIZES = (512, 512, 175), (0.977, 0.977, 2.0)
PET_SHAPE, PET_SIZES = (168, 168, 110), (4.07, 4.07, 3.0)
STEPS, ROUNDS = 20, 3
PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}


def affine(sizes: tuple[float, ...], shape: tuple[int, ...], degrees: float) -> np.ndarray:
    """LPS axes, centred, turned about x: 0 as a PET/CT has it, else as another session's."""
    turn = np.radians(degrees)
    made = np.diag([-sizes[0], -sizes[1], sizes[2], 1.0])
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    made = rotation @ made
    made[:3, 3] = -made[:3, :3] @ ((np.array(shape) - 1) / 2)
    return made


def volumes(degrees: float) -> tuple[Any, Any]:
    from napari_medvol.volume import Volume

    rng = np.random.default_rng(0)
    ct = rng.integers(-1000, 1500, CT_SHAPE[::-1], dtype=np.int16).T
    pet = rng.random(PET_SHAPE[::-1], dtype=np.float32).T * 20
    return (
        Volume(ct, affine(CT_SIZES, CT_SHAPE, 0), unit="HU", name="CT"),
        Volume(pet, affine(PET_SIZES, PET_SHAPE, degrees), unit="g/ml", name="PET"),
    )


def ours(degrees: float) -> Any:
    import napari

    from napari_medvol.viewer.opening import show
    from napari_medvol.viewer.overlaying import overlay

    viewer = napari.Viewer(show=True)
    ct, pet = show(viewer, volumes(degrees))
    overlay(viewer, pet, ct, colormap="Hot", opacity=0.5)
    return viewer


def plain(degrees: float) -> Any:
    """The same two arrays, axes along napari's, by scale and translate alone."""
    import napari

    from napari_medvol.viewer.coordinates import in_viewer_order

    viewer = napari.Viewer(show=True)
    looks = (("gray", 1.0, (-1000, 1500)), ("hot", 0.5, (0, 20)))
    for volume, (colormap, opacity, limits) in zip(volumes(0), looks, strict=True):
        face = in_viewer_order(volume)
        viewer.add_image(
            face.data, **face.transforms, colormap=colormap, opacity=opacity,
            contrast_limits=limits, blending="translucent_no_depth",
        )  # fmt: skip
    return viewer


def seconds(viewer: Any, order: tuple[int, int, int]) -> float:
    """Median time of a step, drawn."""
    from qtpy.QtWidgets import QApplication

    viewer.dims.order = order
    viewer.reset_view()
    axis = order[0]
    middle = viewer.dims.nsteps[axis] // 2
    times = []
    for step in range(STEPS + 3):
        start = time.perf_counter()
        viewer.dims.set_current_step(axis, middle - STEPS // 2 + step)
        viewer.window._qt_viewer.canvas._scene_canvas.render(alpha=False)
        QApplication.processEvents()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def main() -> None:
    os.environ.setdefault("NAPARI_CONFIG", f"{tempfile.mkdtemp()}/napari.yaml")
    for degrees in (0.0, 9.0):
        for plane, order in PLANES.items():
            ratios, times = [], []
            for _ in range(ROUNDS):
                pair = []
                for make in (plain, ours):
                    viewer = make(degrees)
                    pair.append(seconds(viewer, order))
                    viewer.close()
                times.append(pair)
                ratios.append(pair[1] / pair[0])
            alone, over = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
            print(
                f"PET turned by {degrees:.0f}°, {plane:9s}: plain {alone:5.0f} ms, overlay"
                f" {over:5.0f} ms, ratio {statistics.median(ratios):.2f}"
            )


if __name__ == "__main__":
    main()
