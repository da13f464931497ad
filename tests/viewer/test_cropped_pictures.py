"""A crop over its original on the canvas: the same pixels at the same place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_medvol as mv
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.cropping import crop_layers
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import PLANES, settle

SHAPE = (48, 44, 40)
START, STOP = (10, 8, 6), (34, 36, 30)
STRAIGHT = affine_along("LPS", (1.0, 1.2, 2.0))

Picture = NDArray[np.int64]


def blocks(affine: Any, inside_only: bool = False) -> Volume:
    """Blocks of four voxels, each of its own brightness, none of them dark."""
    coarse = np.random.default_rng(3).integers(60, 255, [n // 4 for n in SHAPE])
    values = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2).astype(np.uint8)
    if inside_only:
        kept = np.zeros_like(values)
        box = tuple(slice(a, b) for a, b in zip(START, STOP, strict=True))
        kept[box] = values[box]
        values = kept
    return Volume(values, affine, name="CT")


def smooth(affine: Any) -> Volume:
    """Waves of 12 voxels."""
    i, j, k = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    turn = 2 * np.pi / 12
    waves = 150 + 80 * np.sin(turn * i) * np.cos(turn * j) * np.cos(turn * k)
    return Volume(waves.astype(np.float32), affine, name="CT")


def taken(viewer: Any, *visible: Any) -> Picture:
    for layer in viewer.layers:
        layer.visible = layer in visible
    settle(0.15)
    shot = viewer.screenshot(canvas_only=True, flash=False)
    return np.asarray(shot)[..., 0].astype(int)


def pair(viewer: Any, volume: Volume) -> tuple[Any, Any]:
    (layer,) = show(viewer, [volume])
    layer.contrast_limits = (0, 255)
    layer.interpolation2d = layer.interpolation3d = "nearest"
    (crop,) = crop_layers(viewer, [layer], START, STOP)
    viewer.reset_view()
    return layer, crop


def stand(viewer: Any, plane: str) -> None:
    """Show a plane through the middle of a voxel of the crop, eight pixels a millimetre."""
    viewer.dims.order = PLANES[plane]
    viewer.reset_view()
    volume = mv.volume_of(viewer.layers[0])
    point = mv.from_ras(viewer, apply_affine(volume.affine, (22, 22, 18)))
    viewer.dims.set_point(range(3), point)
    settle(0.05)


def expected_footprint(viewer: Any, crop: Any, size: tuple[int, ...]) -> NDArray[np.float64]:
    """Where the borders of the crop are, by its affine and the camera: rows, then columns."""
    corners = np.array([START, STOP]) - 0.5
    affine = mv.volume_of(viewer.layers[0]).affine
    world = np.sort([mv.from_ras(viewer, apply_affine(affine, c)) for c in corners], axis=0)
    shown = list(viewer.dims.displayed)
    camera = viewer.scene.camera
    middle = np.array(size) / 2
    return middle + (world[:, shown] - np.array(camera.center[-2:])) * camera.zoom


@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_the_pixels_of_a_crop_are_those_of_its_original_at_the_same_place(
    make_napari_viewer: Any, plane: str
) -> None:
    viewer = make_napari_viewer(show=True)
    layer, crop = pair(viewer, blocks(STRAIGHT))
    stand(viewer, plane)
    below, both, alone = taken(viewer, layer), taken(viewer, layer, crop), taken(viewer, crop)

    lit = alone > 30
    assert lit.sum() > 5_000
    rows, columns = np.nonzero(lit)
    low, high = expected_footprint(viewer, crop, alone.shape)
    np.testing.assert_allclose((rows.min(), columns.min()), low, atol=1.5)
    np.testing.assert_allclose((rows.max() + 1, columns.max() + 1), high, atol=1.5)
    # A border of two blocks may fall on either side of a pixel.
    assert (np.abs(alone - below)[lit] > 2).mean() < 0.005
    assert (np.abs(both - below) > 2).mean() < 0.005
    crop.translate = crop.translate + np.array([0.0, 1.2, 1.0])
    assert (np.abs(taken(viewer, crop) - below)[lit] > 2).mean() > 0.1


def test_an_oblique_crop_lies_on_its_original(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    layer, crop = pair(viewer, smooth(rotated(STRAIGHT, 14)))
    stand(viewer, "axial")
    below, alone = taken(viewer, layer), taken(viewer, crop)

    # The middle of the crop: beside the turned voxels its grid has no picture.
    rows, columns = np.nonzero(alone > 30)
    middle = tuple(
        slice((3 * a.min() + a.max()) // 4, (a.min() + 3 * a.max()) // 4) for a in (rows, columns)
    )
    off = np.abs(alone - below)[middle].mean()
    crop.translate = crop.translate + np.array([0.0, 1.2, 0.0])
    assert off < 0.25 * np.abs(taken(viewer, crop) - below)[middle].mean()


def test_in_3d_a_crop_lies_in_its_original(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    layer, crop = pair(viewer, blocks(STRAIGHT, inside_only=True))
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (12, 25, 80)
    # The window gives its canvas another size once it knows the sliders of 3-D.
    settle(0.5)
    below, alone = taken(viewer, layer), taken(viewer, crop)

    lit = (below > 30) | (alone > 30)
    assert lit.sum() > 5_000
    # The rays of a smaller box begin elsewhere, so that single samples fall beside a border.
    off = (np.abs(alone - below)[lit] > 8).mean()
    crop.translate = crop.translate + np.array([0.0, 2.4, 2.0])
    assert off < 0.25 * (np.abs(taken(viewer, crop) - below)[lit] > 8).mean()
