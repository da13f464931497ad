"""Pictures of what a viewer shows, against its own canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication

from napari_medvol.errors import LayerError
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.pictures import frame_of, look_of, not_drawn, scan_of, visible_scene
from napari_medvol.viewer.planes import show_plane
from napari_medvol.views.slices import Settings, prepared
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.volumes import affine_along

GRID = affine_along("LPS", (4.0, 4.0, 4.0))


def add(viewer: Any, volume: Volume, **changes: Any) -> Any:
    ((data, options, kind),) = layer_data(volume)
    make = Labels if kind == "labels" else Image
    return viewer.add_layer(make(data, **{**options, **changes}))


def ramp(seed: int) -> Volume:
    values = np.random.default_rng(seed).uniform(0, 1, (16, 12, 3)).astype(np.float32)
    return Volume(values, GRID, name=f"scan {seed}")


def drawn(scene: Any) -> np.ndarray[Any, Any]:
    export = prepared(scene, "x", Settings(planes=("axial",), slices=[1], interpolation="nearest"))
    return export.preview()[1].picture


@pytest.mark.parametrize(
    "over",
    [
        {"blending": "translucent", "opacity": 0.4, "colormap": "magma"},
        {"blending": "additive", "opacity": 0.7, "colormap": "red"},
        {"blending": "additive", "colormap": "hot", "gamma": 1.8, "contrast_limits": (0.2, 0.6)},
        {"blending": "opaque", "colormap": "viridis"},
        {"blending": "minimum", "colormap": "I Blue"},
        {"blending": "multiplicative", "colormap": "green"},
    ],
    ids=lambda over: over["blending"],
)
def test_pictures_are_what_napari_draws(
    make_napari_viewer: Callable[..., Any], over: dict[str, Any]
) -> None:
    viewer = make_napari_viewer(show=True)
    add(viewer, ramp(0), contrast_limits=(0, 1))
    add(viewer, ramp(1), **{"contrast_limits": (0.0, 1.0), **over})
    labels = np.zeros((16, 12, 3), np.uint8)
    labels[2:7, 3:8] = 1
    table = (Label(1, "box", (0.0, 1.0, 0.5, 1.0)),)
    add(viewer, Volume(labels, GRID, kind="labels", labels=table), opacity=0.5)
    show_plane(viewer, "axial")
    viewer.dims.set_point(0, -GRID[2, 3] - 4)

    picture = drawn(visible_scene(viewer))

    # Voxels of 4 mm are 16 pixels of the canvas: the middle of each is far from its border.
    viewer.scene.camera.zoom = 4
    QApplication.processEvents()
    seen = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert min(seen.shape[:2]) > 16 * 16
    at = [
        np.rint(side / 2 + 16 * (np.arange(n) - (n - 1) / 2)).astype(int)
        for side, n in zip(seen.shape[:2], picture.shape[:2], strict=True)
    ]
    canvas = seen[at[0][:, np.newaxis], at[1]]
    assert np.abs(canvas - picture.astype(int)).max() <= 4
    assert picture.std() > 10


def test_hidden_layers_and_shapes_are_not_drawn() -> None:
    viewer = ViewerModel()
    add(viewer, ramp(0))
    add(viewer, ramp(1), visible=False)
    viewer.add_points(np.zeros((1, 3)), name="dots")
    viewer.add_shapes(name="hidden", visible=False)

    assert [volume.name for volume, _ in visible_scene(viewer)] == ["scan 0"]
    assert not_drawn(viewer) == ["dots"]
    viewer.layers[0].visible = False
    with pytest.raises(LayerError, match="no image or labels layer is visible"):
        visible_scene(viewer)


def test_the_frame_is_the_one_that_is_shown() -> None:
    viewer = ViewerModel()
    data = np.zeros((4, 4, 2, 5, 3), np.int16)
    volume = Volume(data, GRID, (Axis("t", 2.0, "s"), Axis("echo")))
    layer = add(viewer, volume)
    still = add(viewer, ramp(0))
    viewer.dims.set_point([0, 1], [2, 6])

    frame = frame_of(viewer, layer)

    assert frame is not None
    assert (frame % 5, frame // 5) == (3, 2)
    assert frame_of(viewer, still) is None
    (_, look), (_, other) = visible_scene(viewer)
    assert (look.frame, other.frame) == (frame, None)
    assert visible_scene(viewer, every_frame=True)[0][1].frame is None


def test_a_layer_of_somebody_else_and_colours_are_drawn_too() -> None:
    viewer = ViewerModel()
    viewer.add_image(
        np.random.default_rng(0).integers(0, 255, (3, 5, 6, 3)).astype(np.uint8), rgb=True
    )
    viewer.add_image(np.eye(6), opacity=0.5)

    colours, plane = visible_scene(viewer)

    assert colours[0].is_rgb
    assert drawn([colours]).shape == (5, 6, 3)
    assert plane[1].opacity == 0.5


def test_magnitude_and_phase_are_what_their_layers_show() -> None:
    volume = Volume(np.full((3, 3, 2), 2j), GRID, name="wave")
    layers = [Image(data, **options) for data, options, _ in layer_data(volume)]

    magnitude, phase = (np.asarray(scan_of(layer).data) for layer in layers)

    assert (magnitude == 2).all()
    np.testing.assert_allclose(phase, np.pi / 2)


def test_what_a_colormap_draws_below_its_range_is_kept() -> None:
    from napari_medvol.viewer.contrast import dose_colormap

    layer = Image(np.zeros((2, 2, 2)), colormap=dose_colormap(), contrast_limits=(1, 2))

    assert look_of(layer).below == (0, 0, 0, 0)
