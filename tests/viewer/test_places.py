from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image

from napari_medvol import from_ras, to_ras
from napari_medvol.affines import apply_affine
from napari_medvol.errors import LayerError
from napari_medvol.viewer.coordinates import from_viewer, to_viewer, turn_of
from napari_medvol.viewer.opening import show
from tests.phantoms.volumes import ORIENTATIONS, affine_along, numbered, rotated
from tests.viewer.scenes import framed, marked

RAS = (12.0, -34.0, 56.0)
NUMBERS = st.floats(-1e3, 1e3)


def test_patient_right_front_and_head_are_minus_x_y_and_z_of_the_viewer() -> None:
    viewer = ViewerModel()

    np.testing.assert_array_equal(from_ras(viewer, RAS), (-56, 34, -12))
    np.testing.assert_array_equal(to_ras(viewer, (-56, 34, -12)), RAS)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_there_and_back_is_the_same_place(point: tuple[float, float, float]) -> None:
    layer = Image(np.zeros((2, 2, 2)), units=("um", "mm", "cm"))

    np.testing.assert_allclose(to_ras(layer, from_ras(layer, point)), point, atol=1e-9)


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_a_voxel_of_the_layer_is_the_same_voxel_of_the_volume(axcodes: str) -> None:
    volume = marked(affine_along(axcodes))
    (layer,) = show(ViewerModel(), [volume])
    (at,) = np.argwhere(np.asarray(layer.data) == 1000)

    place = to_ras(layer, layer.data_to_world(at))

    np.testing.assert_allclose(place, apply_affine(volume.affine, (3, 5, 7)))


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_turning_and_turning_back_is_the_same_array_and_affine(axcodes: str) -> None:
    volume = numbered((3, 4, 5, 6, 7), affine=rotated(affine_along(axcodes), 10))
    turn = turn_of(volume)

    turned = turn.forward(volume.data)

    np.testing.assert_array_equal(turn.back(turned), volume.data)
    np.testing.assert_allclose(
        turn.affine_back(turn.affine(volume), volume.shape), volume.affine, atol=1e-12
    )
    assert turned.shape[:2] == (7, 6)


def test_the_two_conventions_undo_each_other() -> None:
    affine = rotated(affine_along("PIR"), 15)

    np.testing.assert_allclose(from_viewer(to_viewer(affine)), affine)


def test_a_viewer_that_a_micrometre_layer_turned_into_micrometres_is_understood() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [marked(affine_along("LPS"))])
    viewer.add_image(np.zeros((4, 4, 4)), units=("um",) * 3)
    ras = apply_affine(layer.metadata["medvol"].volume.affine, (3, 5, 7))

    point = from_ras(viewer, ras)

    assert str(viewer.dims.units[-1]) == "micrometer"
    np.testing.assert_allclose(point, from_ras(layer, ras) * 1000)
    np.testing.assert_allclose(to_ras(viewer, point), ras)
    np.testing.assert_allclose(to_ras(layer, point / 1000), ras)


def test_time_before_space_is_not_used() -> None:
    viewer = ViewerModel()
    show(viewer, [framed(affine_along("LAS"))])

    np.testing.assert_array_equal(to_ras(viewer, (7.5, -56, 34, -12)), RAS)


def test_many_points_at_once() -> None:
    points = np.random.default_rng(0).normal(size=(5, 4, 3))

    there = from_ras(ViewerModel(), points)

    assert there.shape == (5, 4, 3)
    np.testing.assert_allclose(there[2, 3], from_ras(ViewerModel(), points[2, 3]))


def test_a_layer_on_its_own_grid_says_where_its_voxels_truly_are() -> None:
    volume = marked(rotated(affine_along("LPS"), 15))
    (layer,) = show(ViewerModel(), [volume], oblique="native")
    (at,) = np.argwhere(np.asarray(layer.data) == 1000)
    shown = layer.data_to_world(at)

    np.testing.assert_allclose(to_ras(layer, shown), apply_affine(volume.affine, (3, 5, 7)))
    np.testing.assert_allclose(from_ras(layer, to_ras(layer, shown)), shown)


def test_a_layer_of_pixels_counts_as_millimetres() -> None:
    assert to_ras(Image(np.zeros((2, 2, 2))), (-3, -2, -1)).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("where", "point", "why"),
    [
        (5, (1, 2, 3), "int is neither a layer nor a viewer"),
        (ViewerModel(), (1, 2), "a point of 2 has no"),
        (ViewerModel(), 5, "a point of 1 has no"),
        (ViewerModel(), "here", "is no point"),
    ],
)
def test_what_is_no_point_or_no_layer_is_an_error_in_words(
    where: object, point: object, why: str
) -> None:
    with pytest.raises(LayerError, match=why):
        to_ras(where, point)  # type: ignore[arg-type]
    with pytest.raises(LayerError, match=why):
        from_ras(where, point)  # type: ignore[arg-type]


def test_a_place_in_the_patient_has_three_numbers() -> None:
    with pytest.raises(LayerError, match="a point has 4 numbers"):
        from_ras(ViewerModel(), (1, 2, 3, 4))
