from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._layer_actions import _convert_to_image, _convert_to_labels, _duplicate_layer

from napari_medvol import from_ras, volume_of
from napari_medvol.affines import apply_affine
from napari_medvol.arrays import lazy_volume
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated

OBLIQUE = rotated(affine_along("PIR", (1.5, 1.2, 1.3)), 15)
STRAIGHT = affine_along("LAS", (1.5, 1.2, 1.3))
SHAPE = (20, 22, 24)
VOXEL = (9, 12, 13)


def labels(affine: np.ndarray) -> Volume:
    data = np.zeros(SHAPE, np.uint8)
    data[2:5, 3:9, 4:8] = 2
    return Volume(data, affine, kind="labels", name="organs")


def opened(volume: Volume) -> tuple[ViewerModel, Labels]:
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])
    return viewer, layer


def brush_at(viewer: ViewerModel, layer: Labels, voxel: tuple[int, ...]) -> np.ndarray:
    """Paint 7 at a voxel of the volume, on the slice that goes through it."""
    point = from_ras(viewer, apply_affine(volume_of(layer).affine, voxel))
    viewer.dims.point = tuple(point)
    at = layer.world_to_data(point)
    layer.brush_size = 3
    layer.paint(at, 7)
    return np.round(at).astype(int)


def to_labels(viewer: ViewerModel, image: Image) -> None:
    """As the menu of a layer does."""
    image.projection_mode = "none"  # labels have no other, and napari warns of it
    viewer.layers.selection = {image}
    _convert_to_labels(viewer.layers)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("affine", [OBLIQUE, STRAIGHT], ids=["oblique", "straight"])
def test_the_brush_paints_the_voxels_below_it(affine: np.ndarray, order: tuple[int, ...]) -> None:
    viewer, layer = opened(labels(affine))
    viewer.dims.order = order

    brush_at(viewer, layer, VOXEL)

    painted = volume_of(layer)
    found = np.argwhere(np.asarray(painted.data) == 7)
    assert VOXEL in [tuple(v) for v in found]
    off = apply_affine(affine, found) - apply_affine(affine, VOXEL)
    assert np.linalg.norm(off, axis=1).max() < 3.5
    assert painted.kind == "labels"
    np.testing.assert_array_equal(painted.affine, affine)


def test_what_was_painted_is_seen_at_once_and_is_what_is_there() -> None:
    viewer, layer = opened(labels(OBLIQUE))
    at = brush_at(viewer, layer, VOXEL)

    shown = np.asarray(layer._slice.image.raw)

    np.testing.assert_array_equal(shown, layer.data[int(at[0])])
    assert (shown == 7).any()
    assert layer.get_value(layer.data_to_world(at), world=True) == 7


def test_strokes_are_undone_and_done_again() -> None:
    viewer, layer = opened(labels(OBLIQUE))
    with layer.block_history():
        brush_at(viewer, layer, VOXEL)
        brush_at(viewer, layer, (9, 12, 15))
    layer.fill(layer.world_to_data(viewer.dims.point), 3)
    done = np.asarray(volume_of(layer).data).copy()

    layer.undo()
    layer.undo()
    np.testing.assert_array_equal(volume_of(layer).data, labels(OBLIQUE).data)
    layer.redo()
    layer.redo()

    np.testing.assert_array_equal(volume_of(layer).data, done)
    assert (done == 3).any()


def test_filling_an_organ_in_three_dimensions_fills_its_very_voxels() -> None:
    viewer, layer = opened(labels(OBLIQUE))
    layer.n_edit_dimensions = 3
    point = from_ras(viewer, apply_affine(OBLIQUE, (3, 6, 6)))
    viewer.dims.point = tuple(point)

    layer.fill(layer.world_to_data(point), 5)

    before, after = np.asarray(labels(OBLIQUE).data), np.asarray(volume_of(layer).data)
    np.testing.assert_array_equal(after == 5, before == 2)


def test_the_same_voxels_are_painted_in_2d_and_in_3d() -> None:
    viewer, layer = opened(labels(OBLIQUE))
    brush_at(viewer, layer, VOXEL)
    viewer.dims.ndisplay = 3
    assert isinstance(layer.data, np.ndarray)
    layer.data_setitem(tuple(np.array([a]) for a in (1, 2, 3)), 4)
    viewer.dims.ndisplay = 2

    values = np.asarray(volume_of(layer).data)

    assert isinstance(layer.data, ReslicedArray)
    assert (values == 4).sum() == 1
    assert values[VOXEL] == 7


def test_the_file_s_own_voxels_are_never_painted() -> None:
    volume = labels(OBLIQUE)
    viewer, layer = opened(volume)

    brush_at(viewer, layer, VOXEL)

    assert 7 not in np.asarray(volume.data)


@pytest.mark.parametrize("affine", [OBLIQUE, STRAIGHT], ids=["oblique", "straight"])
@pytest.mark.parametrize("is_lazy", [True, False])
def test_an_image_made_labels_can_be_painted_and_stays_in_place(
    affine: np.ndarray, is_lazy: bool
) -> None:
    values = np.random.default_rng(1).integers(0, 50, SHAPE).astype(np.int16)
    data = lazy_volume(ArraySource(values.T)) if is_lazy else values
    image = Volume(data, affine, name="CT", unit="HU")
    viewer = ViewerModel()
    (before,) = show(viewer, [image])
    place = (before.scale, before.translate, before.units)

    to_labels(viewer, before)
    (layer,) = viewer.layers
    unpainted = volume_of(layer)
    brush_at(viewer, layer, VOXEL)

    assert isinstance(layer, Labels)
    np.testing.assert_allclose(layer.scale, place[0])
    np.testing.assert_allclose(layer.translate, place[1])
    assert layer.units == place[2]
    for volume in (unpainted, volume_of(layer)):
        assert (volume.kind, volume.unit) == ("labels", "")
        np.testing.assert_array_equal(volume.affine, affine)
    np.testing.assert_array_equal(unpainted.data, values)
    assert np.asarray(volume_of(layer).data)[VOXEL] == 7
    assert np.asarray(image.data)[VOXEL] != 7


def test_a_moved_image_made_labels_stays_where_it_was_moved() -> None:
    viewer = ViewerModel()
    (image,) = show(viewer, [Volume(np.zeros(SHAPE, np.int16), OBLIQUE)])
    image.translate = np.add(image.translate, (3, 0, 0))
    moved = volume_of(image).affine

    to_labels(viewer, image)

    np.testing.assert_allclose(volume_of(viewer.layers[0]).affine, moved)


def test_labels_made_an_image_are_an_image() -> None:
    viewer, layer = opened(labels(STRAIGHT))
    viewer.layers.selection = {layer}

    _convert_to_image(viewer.layers)

    volume = volume_of(viewer.layers[0])
    assert isinstance(viewer.layers[0], Image)
    assert volume.kind == "image"
    np.testing.assert_array_equal(volume.data, labels(STRAIGHT).data)


def test_a_copy_of_an_oblique_layer_is_painted_by_itself() -> None:
    viewer, layer = opened(labels(OBLIQUE))
    viewer.layers.selection = {layer}
    _duplicate_layer(viewer.layers)
    copy = next(one for one in viewer.layers if one is not layer)

    brush_at(viewer, copy, VOXEL)

    assert np.asarray(volume_of(copy).data)[VOXEL] == 7
    assert 7 not in np.asarray(volume_of(layer).data)
    np.testing.assert_array_equal(volume_of(copy).affine, OBLIQUE)


def test_labels_of_a_lazy_array_alone_get_a_copy() -> None:
    viewer = ViewerModel()
    follow(viewer)
    source = ArraySource(np.zeros((6, 7, 8), np.int16))
    locked = np.zeros((3, 4, 5), np.uint8)
    locked.flags.writeable = False

    lazy = viewer.add_labels(lazy_volume(source), scale=(1, 2, 3))
    frozen = viewer.add_labels(locked)
    mine = np.zeros((3, 4, 5), np.uint8)
    own = viewer.add_labels(mine)
    for layer in (lazy, frozen, own):
        layer.data_setitem(tuple(np.array([a]) for a in (1, 2, 3)), 4)

    assert lazy.data[1, 2, 3] == frozen.data[1, 2, 3] == 4
    np.testing.assert_array_equal(lazy.scale, (1, 2, 3))
    assert own.data is mine
    assert locked[1, 2, 3] == 0
