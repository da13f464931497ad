from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medvol import from_ras
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.slice_pictures import slice_picture
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import PLANES, blob, marked


def picture(viewer: ViewerModel, layer: Layer, size: int = 96) -> np.ndarray:
    return slice_picture(viewer, layer, size)()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("axcodes", ["LPS", "RAS", "PIR"])
def test_a_voxel_is_in_the_picture_where_it_is_on_the_canvas(plane: str, axcodes: str) -> None:
    volume = marked(affine_along(axcodes, (2.0, 2.0, 2.0)), (3, 5, 7))
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])
    place = from_ras(viewer, apply_affine(volume.affine, (3, 5, 7)))
    viewer.dims.order = PLANES[plane]
    viewer.dims.set_point([0, 1, 2], place)

    seen = picture(viewer, layer)[..., 0] > 128

    rows, columns = (viewer.dims.order[-2], viewer.dims.order[-1])
    low = layer.data_to_world((-0.5,) * 3)
    high = layer.data_to_world(np.array(layer.data.shape) - 0.5)
    share = (place - low) / (np.array(high) - low)
    found = np.argwhere(seen).mean(axis=0) + 0.5
    np.testing.assert_allclose(found / seen.shape, share[[rows, columns]], atol=0.03)
    extent = np.array(high) - low
    assert seen.shape[0] / seen.shape[1] == pytest.approx(extent[rows] / extent[columns], rel=0.05)
    viewer.dims.set_point(viewer.dims.order[0], place[viewer.dims.order[0]] + 4)
    assert not (picture(viewer, layer)[..., 0] > 128).any()


def test_hidden_oblique_layers_have_pictures_too() -> None:
    viewer = ViewerModel()
    volume = blob(rotated(affine_along("LPS"), 20), (0.0, 40.0, 30.0))
    (layer,) = show(viewer, [volume])
    layer.visible = False
    viewer.dims.set_point([0, 1, 2], from_ras(viewer, (0.0, 40.0, 30.0)))

    assert picture(viewer, layer)[..., 0].max() > 200


def test_off_a_layer_it_is_black_and_others_give_their_thumbnail() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [Volume(np.full((5, 6, 7), 9, np.int16), affine_along("LPS"))])
    points = viewer.add_points(np.array([[0, 0, 0], [900, 0, 0]], float))
    viewer.dims.set_point(0, 900)

    assert not picture(viewer, layer)[..., :3].any()
    np.testing.assert_array_equal(picture(viewer, points), points.thumbnail)
    viewer.dims.ndisplay = 3
    np.testing.assert_array_equal(picture(viewer, layer), layer.thumbnail)


def test_colour_labels_frames_and_flat_layers() -> None:
    red = np.zeros((6, 7, 8, 3), np.uint8)
    red[..., 0] = 200
    viewer = ViewerModel()
    colour, labels = show(
        viewer,
        [
            Volume(red, affine_along("LPS"), axes=(Axis("rgb"),)),
            Volume(np.ones((6, 7, 8), np.uint8), affine_along("LPS"), kind="labels"),
        ],
    )
    assert picture(viewer, colour)[40, 40].tolist() == [200, 0, 0, 255]
    assert picture(viewer, labels)[..., :3].any()

    frames = np.stack([np.zeros((6, 7, 8)), np.ones((6, 7, 8))], axis=3).astype(np.float32)
    viewer = ViewerModel()
    (moving,) = show(viewer, [Volume(frames, affine_along("LPS"), axes=(Axis("t"),))])
    moving.contrast_limits = (0, 1)
    flat = viewer.add_image(np.ones((20, 30)), contrast_limits=(0, 1))
    viewer.dims.set_point(0, 1)
    assert picture(viewer, moving)[20, 20, 0] == 255
    viewer.dims.set_point(0, 0)
    assert picture(viewer, moving)[20, 20, 0] == 0
    assert picture(viewer, flat).shape[0] / picture(viewer, flat).shape[1] == pytest.approx(2 / 3)
