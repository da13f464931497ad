from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_medvol import apply, from_ras, volume_of
from napari_medvol.affines import apply_affine
from napari_medvol.errors import LayerError
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated
from tests.viewer.scenes import framed, marked

GRIDS = [affine_along("RAS"), affine_along("PIR"), rotated(affine_along("LSA"), 15)]


def where(volume: Volume) -> np.ndarray:
    """RAS+ mm of the voxel that holds 1000."""
    return apply_affine(volume.affine, np.argwhere(np.asarray(volume.data) == 1000)[0][:3])


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_an_untouched_layer_gives_the_very_same_volume(axcodes: str) -> None:
    volume = marked(affine_along(axcodes))

    (layer,) = show(ViewerModel(), [volume])

    assert volume_of(layer) is volume


@pytest.mark.parametrize("affine", GRIDS)
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_showing_and_colouring_is_not_touching(affine: np.ndarray, ndisplay: int) -> None:
    volume = marked(affine)
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])

    viewer.dims.ndisplay = ndisplay
    layer.contrast_limits = (3, 9)
    layer.name = "another"
    layer.colormap = "magma"
    layer.opacity = 0.3

    assert volume_of(layer) is volume


@pytest.mark.parametrize("axcodes", ["RAS", "PIR", "LSA"])
def test_a_moved_layer_gives_the_volume_at_its_new_place(axcodes: str) -> None:
    volume = marked(affine_along(axcodes))
    (layer,) = show(ViewerModel(), [volume])

    layer.translate = np.add(layer.translate, (-7, -5, -3))
    moved = volume_of(layer)

    np.testing.assert_allclose(where(moved) - where(volume), (3, 5, 7))
    assert moved.data is volume.data
    assert [step.op for step in moved.history] == ["move"]
    again = apply(volume, moved.history)
    np.testing.assert_array_equal(again.affine, moved.affine)


def test_a_layer_turned_by_an_affine_gives_the_volume_turned() -> None:
    volume = marked(affine_along("LPS"))
    (layer,) = show(ViewerModel(), [volume])
    turn = rotated(np.eye(4), 20)

    with pytest.warns(UserWarning, match="Non-orthogonal"):
        layer.affine = turn

    place = apply_affine(turn, from_ras(layer, where(volume)))
    np.testing.assert_allclose(from_ras(layer, where(volume_of(layer))), place)


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_an_oblique_layer_can_be_moved_in_2d_and_in_3d(ndisplay: int) -> None:
    volume = marked(rotated(affine_along("LPS"), 15))
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])
    viewer.dims.ndisplay = ndisplay
    shift = np.eye(4)
    shift[:3, 3] = (-7, -5, -3)

    layer.affine = shift @ layer.affine.affine_matrix

    for other in (2, 3, 2):
        viewer.dims.ndisplay = other
        moved = where(volume_of(layer)) - where(volume)
        np.testing.assert_allclose(moved, (3, 5, 7), atol=1e-6)


def test_painted_labels_give_a_volume_with_the_paint_in_the_order_of_the_file() -> None:
    data = np.zeros((4, 5, 6), np.uint8)
    volume = Volume(data, affine_along("PIR"), kind="labels")
    (layer,) = show(ViewerModel(), [volume])
    place = from_ras(layer, apply_affine(volume.affine, (1, 2, 3)))
    at = np.rint(layer.world_to_data(place)).astype(int)

    layer.data_setitem(tuple(np.array([n]) for n in at), 5)
    painted = volume_of(layer)
    layer.data_setitem(tuple(np.array([n]) for n in at), 9)

    assert painted.kind == "labels"
    np.testing.assert_array_equal(np.argwhere(painted.data == 5), [[1, 2, 3]])
    np.testing.assert_array_equal(painted.affine, volume.affine)
    assert [step.op for step in painted.history] == ["edit"]


@pytest.mark.parametrize("affine", GRIDS[:2])
def test_a_cropped_layer_keeps_its_place(affine: np.ndarray) -> None:
    volume = marked(affine)
    (layer,) = show(ViewerModel(), [volume])
    start = np.array([1, 2, 1])
    box = tuple(slice(n, -1) for n in start)

    layer.translate = layer.data_to_world(start)
    layer.data = layer.data[box]
    cropped = volume_of(layer)

    np.testing.assert_allclose(where(cropped), where(volume))
    np.testing.assert_allclose(sorted(cropped.zooms), sorted(volume.zooms))
    assert cropped.axcodes == volume.axcodes
    assert cropped.history[-1].op == "edit"


def test_new_values_on_the_same_grid_keep_the_affine() -> None:
    volume = marked(affine_along("PIR"))
    (layer,) = show(ViewerModel(), [volume])

    layer.data = np.asarray(layer.data) * 2
    doubled = volume_of(layer)

    np.testing.assert_array_equal(doubled.data, volume.data * 2)
    np.testing.assert_allclose(doubled.affine, volume.affine)


def test_a_changed_time_step_reaches_the_volume() -> None:
    volume = framed(affine_along("LAS"))
    (layer,) = show(ViewerModel(), [volume])

    layer.scale = (0.8, *layer.scale[1:])
    changed = volume_of(layer)

    assert changed.axes == (Axis("t", 0.8, "s", 1.0),)
    np.testing.assert_allclose(changed.affine, volume.affine)


def test_fewer_axes_than_before_are_read_from_the_layer_alone() -> None:
    volume = framed(affine_along("LAS"))
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])

    mean = viewer.add_image(
        np.asarray(layer.data).mean(axis=0),
        scale=layer.scale[1:],
        translate=layer.translate[1:],
        metadata=layer.metadata,
        units=("mm",) * 3,
    )

    back = volume_of(mean)
    assert back.axes == ()
    first = apply_affine(volume.affine, (0, 0, 0))
    index = apply_affine(np.linalg.inv(back.affine), first)
    np.testing.assert_allclose(np.asarray(back.data)[tuple(np.rint(index).astype(int))], 1.5)


def test_a_layer_of_somebody_else_gives_a_volume_of_its_scale_and_units() -> None:
    data = np.zeros((4, 5, 6), np.uint16)
    data[1, 2, 3] = 1000
    layer = Image(data, scale=(2000, 500, 500), translate=(0, 0, 1000), units=("um",) * 3)

    volume = volume_of(layer)

    assert volume.shape == (6, 5, 4)
    np.testing.assert_allclose(volume.zooms, (0.5, 0.5, 2))
    np.testing.assert_allclose(where(volume), (-2.5, -1, -2))
    assert volume.report.source


def test_a_foreign_time_series_and_foreign_labels_keep_their_nature() -> None:
    moving = Image(
        np.zeros((3, 4, 5, 6)), scale=(2, 1, 1, 1), units=("s", "mm", "mm", "mm"), name="m"
    )
    labels = Labels(np.zeros((4, 5, 6), np.int32))
    colour = Image(np.zeros((4, 5, 6, 3), np.uint8), rgb=True)

    assert volume_of(moving).axes == (Axis("t", 2.0, "s", 0.0),)
    assert volume_of(moving).shape == (6, 5, 4, 3)
    assert volume_of(labels).kind == "labels"
    assert volume_of(colour).is_rgb
    assert volume_of(colour).shape == (6, 5, 4, 3)


def test_a_foreign_picture_becomes_one_slice() -> None:
    volume = volume_of(Image(np.zeros((5, 6)), scale=(0.5, 0.25)))

    assert volume.shape == (6, 5, 1)
    np.testing.assert_allclose(volume.zooms, (0.25, 0.5, 1))


def test_points_are_no_scan() -> None:
    with pytest.raises(LayerError, match="'dots': is a points layer"):
        volume_of(Points(np.zeros((2, 3)), name="dots"))


def test_a_layer_flattened_to_nothing_is_an_error_with_its_name() -> None:
    flat = np.eye(4)
    flat[:3, 1] = (1, 1e-8, 0)
    layer = Image(np.zeros((4, 5, 6)), affine=flat, name="flat")

    with pytest.raises(LayerError, match="'flat'"):
        volume_of(layer)


def test_of_a_pyramid_the_finest_level_is_the_scan() -> None:
    fine = np.arange(8 * 8 * 8.0).reshape(8, 8, 8)
    layer = Image([fine, fine[::2, ::2, ::2]], multiscale=True)

    assert volume_of(layer).shape == (8, 8, 8)


def test_a_named_axis_keeps_its_name_and_an_unnamed_one_gets_one() -> None:
    named = Image(np.zeros((2, 3, 4, 5, 6)), axis_labels=("echo", "-4", "z", "y", "x"))

    assert [axis.name for axis in volume_of(named).axes] == ["t", "echo"]


def test_what_is_no_layer_is_an_error_in_words() -> None:
    with pytest.raises(LayerError, match=r"volume_of\(5\): a int is no layer of napari"):
        volume_of(5)
    with pytest.raises(LayerError, match="…"):
        volume_of(list(range(99)))
