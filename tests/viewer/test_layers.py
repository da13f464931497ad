from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.arrays import LazyArray, lazy_volume
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.shown import Shown
from napari_medvol.volume import Axis, Display, Label, Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated, sheared
from tests.viewer.scenes import PLANES, framed, marked


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_a_marked_voxel_is_seen_at_its_world_place_in_all_planes(axcodes: str) -> None:
    affine = affine_along(axcodes)
    volume = marked(affine)
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])

    place = napari_medvol.from_ras(viewer, apply_affine(affine, (3, 5, 7)))

    for order in PLANES.values():
        viewer.dims.order = order
        viewer.dims.point = place
        assert layer.get_value(place, world=True) == 1000
        beside = place + np.array([3.1, 3.1, 3.1])
        assert layer.get_value(beside, world=True) != 1000
    viewer.dims.ndisplay = 3
    assert layer.get_value(place, world=True) == 1000


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_only_scale_and_translation_reach_napari(axcodes: str) -> None:
    data, options, kind = layer_data(marked(affine_along(axcodes)))[0]

    assert kind == "image"
    np.testing.assert_array_equal(options["affine"], np.eye(4))
    assert sorted(options["scale"]) == [1.0, 2.0, 3.0]
    assert np.shares_memory(data, options["metadata"]["medvol"].volume.data)


def test_the_world_is_minus_superior_anterior_right() -> None:
    volume = marked(affine_along("RAS"), (0, 0, 0))

    (layer,) = show(ViewerModel(), [volume])

    # The voxel at R −10, A 20, S 5 is the last one along I, P and L.
    last = np.array(layer.data.shape) - 1
    assert layer.data[tuple(last)] == 1000
    np.testing.assert_allclose(layer.data_to_world(last), (-5, -20, 10))


def test_lazy_voxels_stay_lazy_and_only_what_is_drawn_is_read() -> None:
    source = ArraySource(np.random.default_rng(0).integers(0, 99, (40, 20, 22)).astype(np.int16))
    volume = Volume(lazy_volume(source), affine_along("LPS"), name="lazy")

    (layer,) = show(ViewerModel(), [volume])

    assert isinstance(layer.data, LazyArray)
    # Three planes for the contrast, the first one, and the middle one.
    assert len(source.reads) <= 5
    assert max(source.reads.values()) == 1


def test_time_comes_first_with_its_own_unit() -> None:
    volume = framed(affine_along("LAS"))

    (layer,) = show(ViewerModel(), [volume])

    assert layer.data.shape == (4, 7, 6, 5)
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["second"] + ["millimeter"] * 3
    np.testing.assert_allclose(layer.scale, (2.5, 3, 2, 1))
    assert layer.translate[0] == 1.0
    np.testing.assert_array_equal(layer.data[2], volume.data[:, :, :, 2].T[::-1, ::-1])


def test_of_several_further_axes_the_last_comes_first() -> None:
    data = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6).astype(np.int32)
    axes = (Axis("t", 1.0, "s"), Axis("echo", values=(10.0, 20.0)))

    (layer,) = show(ViewerModel(), [Volume(data, affine_along("LPI"), axes=axes)])

    assert layer.axis_labels == ("echo", "t", "z", "y", "x")
    np.testing.assert_array_equal(layer.data[5, 4], data[:, :, :, 4, 5].T)
    assert str(layer.units[0]) == "pixel"


@pytest.mark.parametrize(
    ("unit", "held"), [("s", "second"), ("ms", "millisecond"), ("s/mm^2", None), ("bval", "pixel")]
)
def test_a_unit_that_napari_does_not_know_counts_as_an_index(unit: str, held: str | None) -> None:
    volume = Volume(np.zeros((2, 2, 2, 3)), np.eye(4), axes=(Axis("b", 1.0, unit),))

    (layer,) = show(ViewerModel(), [volume])

    assert str(layer.units[0]) == (held or "second / millimeter ** 2")


@pytest.mark.parametrize("step", [0.0, float("nan"), -2.0])
def test_a_step_that_leads_nowhere_counts_as_one(step: float) -> None:
    volume = Volume(np.zeros((2, 2, 2, 3)), np.eye(4), axes=(Axis("t", step, "s"),))

    (layer,) = show(ViewerModel(), [volume])

    assert layer.scale[0] == 1.0


def test_colour_stays_last_and_is_said_to_be_colour() -> None:
    data = np.zeros((4, 5, 6, 3), np.uint8)
    data[1, 2, 3] = (255, 10, 20)
    volume = Volume(data, affine_along("RAS"), axes=(Axis("rgb"),), name="colour")

    (layer,) = show(ViewerModel(), [volume])

    assert layer.rgb
    assert layer.data.shape == (6, 5, 4, 3)
    assert tuple(layer.data[2, 2, 2]) == (255, 10, 20)
    assert napari_medvol.volume_of(layer) is volume


def test_three_columns_of_numbers_are_not_taken_for_colour() -> None:
    (layer,) = show(ViewerModel(), [Volume(np.zeros((3, 40, 50), np.int16), np.eye(4))])

    assert not layer.rgb


def test_complex_values_become_magnitude_and_phase() -> None:
    values = np.array([1 + 0j, 1j, -2 + 0j, 3 - 3j]).reshape(1, 2, 2).astype(np.complex64)
    volume = Volume(values, affine_along("LPI"), name="echo")

    magnitude, phase = show(ViewerModel(), [volume])

    assert [layer.name for layer in (magnitude, phase)] == ["echo magnitude", "echo phase"]
    np.testing.assert_allclose(np.asarray(magnitude.data), np.abs(values).T, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(phase.data), np.angle(values).T, rtol=1e-6)
    assert magnitude.visible
    assert not phase.visible
    np.testing.assert_allclose(phase.contrast_limits, (-np.pi, np.pi))
    assert napari_medvol.volume_of(phase) is volume


def test_painting_labels_never_reaches_the_volume() -> None:
    data = np.zeros((4, 5, 6), np.uint8)
    volume = Volume(data, affine_along("RAS"), kind="labels")
    (layer,) = show(ViewerModel(), [volume])
    assert isinstance(layer, Labels)

    layer.selected_label = 3
    layer.data_setitem((np.array([1]), np.array([2]), np.array([3])), 3)

    assert layer.data.max() == 3
    assert volume.data.max() == 0


@pytest.mark.parametrize(
    ("dtype", "held"), [("bool", "uint8"), ("float32", "int32"), (">i2", "int16")]
)
def test_labels_are_integers_that_can_be_painted(dtype: str, held: str) -> None:
    volume = Volume(np.ones((2, 3, 4), dtype), np.eye(4), kind="labels")

    (layer,) = show(ViewerModel(), [volume])

    assert layer.data.dtype == np.dtype(held)
    assert layer.data.max() == 1


def test_labels_show_the_names_and_colours_of_the_file() -> None:
    names = (Label(1, "liver", (1.0, 0.0, 0.0, 1.0)), Label(7, "spleen"))
    data = np.zeros((2, 3, 4), np.uint8)
    data[0, 0, 0] = 1

    (layer,) = show(ViewerModel(), [Volume(data, np.eye(4), kind="labels", labels=names)])

    assert list(layer.features["name"]) == ["liver", "spleen"]
    np.testing.assert_allclose(layer.colormap.map(1), (1, 0, 0, 1))
    assert layer.colormap.map(7)[3] == 1
    assert layer.colormap.map(0)[3] == 0


@pytest.mark.parametrize("dtype", ["longdouble", ">f4", ">i2", "bool", "float16", "uint64"])
def test_every_type_of_value_is_shown(dtype: str) -> None:
    data = np.ones((3, 4, 5), dtype)
    data[0] = 0

    (layer,) = show(ViewerModel(), [Volume(data, np.eye(4))])

    assert isinstance(layer, Image)
    assert layer.get_value(layer.data_to_world((2, 2, 0)), world=True) in (0, 1)
    assert layer.contrast_limits[0] < layer.contrast_limits[1]


@pytest.mark.parametrize("degrees", [1e-7, 1e-4, 0.05])
def test_a_rotation_that_moves_no_voxel_visibly_is_snapped_and_recorded(degrees: float) -> None:
    volume = marked(rotated(affine_along("LPS"), degrees))

    (layer,) = show(ViewerModel(), [volume])

    record = layer.metadata["medvol"]
    assert isinstance(record, Shown)
    np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))
    assert not record.is_oblique
    assert 0 < record.snap < 0.05 * 3
    assert napari_medvol.volume_of(layer) is volume


def test_an_even_grid_is_not_snapped_at_all() -> None:
    _, options, _ = layer_data(marked(affine_along("LPS")))[0]

    assert options["metadata"]["medvol"].snap < 1e-12


@pytest.mark.parametrize("affine", [rotated(affine_along("LPS"), 1), sheared(affine_along("LPS"))])
def test_what_lies_askew_is_oblique(affine: Any) -> None:
    _, options, _ = layer_data(marked(affine))[0]

    assert options["metadata"]["medvol"].is_oblique


def test_the_name_of_a_nameless_volume_is_a_word() -> None:
    _, options, _ = layer_data(Volume(np.zeros((2, 2, 2)), np.eye(4)))[0]

    assert options["name"] == "volume"


def test_padding_is_drawn_where_an_oblique_volume_ends() -> None:
    volume = marked(rotated(affine_along("LPS"), 15), display=Display(padding=(-2000, -1500)))

    data, _, _ = layer_data(volume)[0]

    assert data[0, 0, 0] == -2000


def test_writing_into_an_image_layer_is_refused_as_its_voxels_are_the_volumes_own() -> None:
    volume = marked(affine_along("LPS"))
    (layer,) = show(ViewerModel(), [volume])

    with pytest.raises(ValueError, match="read-only"):
        layer.data[0, 0, 0] = 5

    assert volume.data.flags.writeable
