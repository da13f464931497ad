from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_medvol import from_ras, volume_of
from napari_medvol.affines import apply_affine
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.shown import record_of
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated, sheared
from tests.viewer.scenes import PLANES, around, blob, marked, seen_off

PLACE = (21.0, -13.0, 34.0)
SHAPE = (40, 44, 36)
ASKEW = {
    "15° about one axis": rotated(affine_along("LPS", (1.2, 1.2, 1.5)), 15, about=(1, 0, 0)),
    "15° about a diagonal": rotated(affine_along("PIR", (1.5, 1.2, 1.3)), 15),
    "40°": rotated(affine_along("RAS", (1.2, 1.3, 1.4)), 40, about=(1, 1, 0)),
    "tilted gantry": sheared(affine_along("LPS", (1.0, 1.0, 2.0)), 0.54),
    "thick slices": rotated(affine_along("LPS", (1.0, 1.0, 3.0)), 12),
}


def shown(affine: np.ndarray) -> tuple[ViewerModel, Image]:
    viewer = ViewerModel()
    (layer,) = show(viewer, [blob(around(affine, PLACE, SHAPE), PLACE, SHAPE)])
    return viewer, layer


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("affine", ASKEW.values(), ids=ASKEW.keys())
def test_an_oblique_volume_is_seen_at_its_place_in_every_plane(
    affine: np.ndarray, plane: str
) -> None:
    viewer, layer = shown(affine)

    off = seen_off(viewer, layer, PLACE, plane)

    assert np.abs(off).max() < 0.25


@pytest.mark.parametrize("plane", PLANES)
def test_two_volumes_of_different_obliquity_lie_over_each_other(plane: str) -> None:
    viewer = ViewerModel()
    volumes = [
        blob(around(ASKEW[name], PLACE, SHAPE), PLACE, SHAPE)
        for name in ("40°", "15° about a diagonal")
    ]
    first, second = show(viewer, volumes)
    second.visible = True

    difference = seen_off(viewer, first, PLACE, plane) - seen_off(viewer, second, PLACE, plane)

    assert np.linalg.norm(difference) < 0.5


def test_the_measure_sees_that_napari_alone_draws_it_elsewhere() -> None:
    volume = blob(around(ASKEW["15° about one axis"], (60.0, -60.0, 70.0), SHAPE), PLACE, SHAPE)
    far = volume.affine.copy()
    far[:3, 3] += np.subtract(PLACE, (60.0, -60.0, 70.0))
    naive = layer_data(Volume(volume.data, far, name="naive"))[0][1]["metadata"]["medvol"].native
    viewer = ViewerModel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        layer = viewer.add_image(naive.data, **naive.transforms, units=("mm",) * 3)
        off = seen_off(viewer, layer, PLACE, "axial")

    assert not np.abs(off).max() < 0.5


@pytest.mark.parametrize("affine", ASKEW.values(), ids=ASKEW.keys())
def test_3d_shows_the_native_voxels_and_2d_the_interpolated_ones(affine: np.ndarray) -> None:
    viewer, layer = shown(affine)
    assert isinstance(layer.data, ReslicedArray)

    viewer.dims.ndisplay = 3

    record = record_of(layer)
    assert record is not None
    assert layer.data is record.native.data
    place = layer.data_to_world(np.unravel_index(np.argmax(layer.data), layer.data.shape))
    assert np.linalg.norm(place - from_ras(viewer, PLACE)) < 1.6
    viewer.dims.ndisplay = 2
    assert isinstance(layer.data, ReslicedArray)
    np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))


class Watched(ReslicedArray):
    """Remembers how many voxels were asked for at once."""

    largest = 0

    def __getitem__(self, index: object) -> np.ndarray:
        part = super().__getitem__(index)
        Watched.largest = max(Watched.largest, part.size)
        return part


def test_going_to_3d_and_back_never_interpolates_a_whole_volume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_medvol.viewer.layers.ReslicedArray", Watched)
    monkeypatch.setattr(Watched, "largest", 0)
    viewer, layer = shown(ASKEW["40°"])
    size = layer.data.size

    for ndisplay in (3, 2, 3, 2):
        viewer.dims.ndisplay = ndisplay
    viewer.dims.ndisplay = 3
    show(viewer, [marked(ASKEW["40°"])])

    assert 0 < Watched.largest < size / 10


def test_a_volume_opened_in_3d_is_native_at_once() -> None:
    viewer = ViewerModel(ndisplay=3)

    (layer,) = show(viewer, [marked(ASKEW["40°"])])

    assert isinstance(layer.data, np.ndarray)
    viewer.dims.ndisplay = 2
    assert isinstance(layer.data, ReslicedArray)


def test_a_layer_that_was_only_inserted_is_followed_too() -> None:
    viewer = ViewerModel()
    follow(viewer)
    follow(viewer)

    data, options, _ = layer_data(marked(ASKEW["40°"]))[0]
    layer = viewer.add_image(data, **options)
    viewer.dims.ndisplay = 3

    assert isinstance(layer.data, np.ndarray)


def test_oblique_labels_are_interpolated_without_mixing() -> None:
    data = np.zeros(SHAPE, np.uint8)
    data[10:20, 12:20, 12:20] = 7
    data[20:30, 12:20, 12:20] = 200
    volume = Volume(data, ASKEW["15° about one axis"], kind="labels")
    viewer = ViewerModel()

    (layer,) = show(viewer, [volume])

    assert set(np.unique(np.asarray(layer.data))) == {0, 7, 200}
    assert volume_of(layer) is volume
    viewer.dims.ndisplay = 3
    layer.data[0, 0, 0] = 3
    assert np.count_nonzero(volume_of(layer).data == 3) == 1


def test_the_own_grid_shows_the_very_voxels_turned_about_the_centre() -> None:
    volume = marked(ASKEW["15° about a diagonal"])
    viewer = ViewerModel()

    (layer,) = show(viewer, [volume], oblique="native")

    assert layer.name == "marked (own grid)"
    np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))
    np.testing.assert_array_equal(np.sort(np.asarray(layer.data), axis=None)[-2:], (0, 1000))
    middle = (np.array(layer.data.shape) - 1) / 2
    true_middle = apply_affine(volume.affine, (np.array(volume.shape) - 1) / 2)
    np.testing.assert_allclose(layer.data_to_world(middle), from_ras(viewer, true_middle))
    assert volume_of(layer) is volume


def test_the_own_grid_stays_in_3d() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [marked(ASKEW["40°"])], oblique="native")

    viewer.dims.ndisplay = 3

    np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_one_command_turns_to_the_own_grid_and_back(ndisplay: int) -> None:
    volume = marked(ASKEW["40°"])
    viewer = ViewerModel(ndisplay=ndisplay)
    (layer,) = show(viewer, [volume])
    before = layer.data

    assert toggle(layer, ndisplay) == "native"
    assert layer.name == "marked (own grid)"
    assert volume_of(layer) is volume
    assert toggle(layer, ndisplay) == "resample"

    assert layer.name == "marked"
    assert layer.data is before
    assert volume_of(layer) is volume


def test_a_name_that_the_user_gave_is_kept() -> None:
    (layer,) = show(ViewerModel(), [marked(ASKEW["40°"])])
    layer.name = "mine"

    toggle(layer, 2)

    assert layer.name == "mine"


def test_a_straight_layer_and_a_foreign_one_have_nothing_to_turn() -> None:
    (straight,) = show(ViewerModel(), [marked(affine_along("LPS"))])

    assert toggle(straight, 2) is None
    assert toggle(Image(np.zeros((3, 3, 3))), 2) is None


def test_a_single_plane_askew_is_shown_on_its_own_grid() -> None:
    volume = Volume(np.ones((30, 40, 1), np.int16), ASKEW["15° about one axis"], name="scout")

    (layer,) = show(ViewerModel(), [volume])

    assert layer.name == "scout (own grid)"
    assert layer.data.shape[0] == 1


def test_a_removed_viewer_is_not_kept_alive() -> None:
    import gc
    import weakref

    viewer = ViewerModel()
    show(viewer, [marked(ASKEW["40°"])])
    reference = weakref.ref(viewer)

    del viewer
    gc.collect()

    assert reference() is None


@pytest.mark.parametrize(
    ("shape", "order"),
    [((60, 60, 4), (0, 1, 2)), ((60, 4, 60), (1, 0, 2)), ((4, 60, 60), (2, 0, 1))],
    ids=["axial", "coronal", "sagittal"],
)
def test_a_scan_of_a_few_slices_opens_in_their_plane(
    shape: tuple[int, int, int], order: tuple[int, int, int]
) -> None:
    viewer = ViewerModel()

    show(viewer, [Volume(np.ones(shape), affine_along("RAS", (1, 1, 1)))])

    assert tuple(viewer.dims.order) == order


def test_a_second_scan_leaves_the_view_alone() -> None:
    viewer = ViewerModel()
    thick, thin = (Volume(np.ones(s), np.eye(4)) for s in ((50, 50, 50), (4, 60, 60)))

    show(viewer, [thick, thin])

    assert tuple(viewer.dims.order) == (0, 1, 2)


def test_every_pair_of_modes_comes_back_to_the_same_picture() -> None:
    viewer, layer = shown(ASKEW["15° about a diagonal"])
    for ndisplay, turns in product((3, 2), (1, 2)):
        viewer.dims.ndisplay = ndisplay
        for _ in range(turns * 2):
            toggle(layer, ndisplay)
    viewer.dims.ndisplay = 2

    assert np.abs(seen_off(viewer, layer, PLACE, "coronal")).max() < 0.25
