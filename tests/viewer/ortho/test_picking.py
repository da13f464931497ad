"""What a click in 3-D finds: the voxel that the rendering shows there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medvol.affines import apply_affine
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.ortho.picking import seen_at, voxels_along
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import framed, marked

MARK = (3, 5, 7)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel(ndisplay=3)


def put(viewer: ViewerModel, volume: Volume) -> Layer:
    from napari_medvol.viewer.following import follow

    follow(viewer)
    return viewer.add_layer(Layer.create(*layer_data(volume)[0]))


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "PIR", "ASL"])
@pytest.mark.parametrize("degrees", [0, 25])
def test_the_mark_is_found_from_every_side(
    axcodes: str, degrees: float, viewer: ViewerModel
) -> None:
    affine = affine_along(axcodes, (1.0, 1.5, 2.0))
    affine = rotated(affine, degrees) if degrees else affine
    put(viewer, marked(affine, MARK))
    place = apply_affine(affine, MARK)
    rng = np.random.default_rng(3)
    for _ in range(10):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        # In napari's world, IPL: minus (S, A, R).
        start = -place[::-1] - 50 * direction + 0.2 * rng.normal(size=3)
        found = seen_at(viewer, start, direction)
        assert found is not None
        np.testing.assert_allclose(found, place, atol=1e-6)


def noise(viewer: ViewerModel, **looks: Any) -> tuple[Any, Any]:
    values = np.random.default_rng(1).normal(100, 30, (9, 10, 11)).astype(np.float32)
    layer = viewer.add_image(values, contrast_limits=(0, 200), **looks)
    return values, layer


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("rendering", "extreme"), [("mip", np.argmax), ("minip", np.argmin)])
def test_a_projection_shows_its_extreme(
    axis: int, rendering: str, extreme: Any, viewer: ViewerModel
) -> None:
    values, _ = noise(viewer, rendering=rendering)
    start, direction = np.array([4.0, 5.0, 6.0]), np.zeros(3)
    direction[axis], start[axis] = 1, -30
    line = np.moveaxis(values, axis, -1)[tuple(np.delete([4, 5, 6], axis))]
    expected = np.array([4, 5, 6])
    expected[axis] = extreme(line)

    found = seen_at(viewer, start, direction)

    np.testing.assert_allclose(found, -expected[::-1])


def test_a_surface_hides_what_lies_behind(viewer: ViewerModel) -> None:
    values, layer = noise(viewer, rendering="iso", iso_threshold=110)
    first = int(np.argmax(values[:, 5, 6] > 110))
    np.testing.assert_allclose(seen_at(viewer, (-9, 5, 6), (1, 0, 0)), (-6, -5, -first))
    last = len(values) - 1 - int(np.argmax(values[::-1, 5, 6] > 110))
    np.testing.assert_allclose(seen_at(viewer, (40, 5, 6), (-1, 0, 0)), (-6, -5, -last))
    layer.rendering = "translucent"
    first = int(np.argmax(values[:, 5, 6] > 100))
    np.testing.assert_allclose(seen_at(viewer, (-9, 5, 6), (1, 0, 0)), (-6, -5, -first))


def test_labels_are_hit_on_their_near_side_and_the_active_layer_first(
    viewer: ViewerModel,
) -> None:
    values, image = noise(viewer, rendering="mip")
    data = np.zeros(values.shape, dtype=np.uint8)
    data[3:6, 5, 6] = 2
    viewer.add_labels(data)

    np.testing.assert_allclose(seen_at(viewer, (-9, 5, 6), (1, 0, 0)), (-6, -5, -3))
    viewer.layers.selection.active = image
    np.testing.assert_allclose(
        seen_at(viewer, (-9, 5, 6), (1, 0, 0)), (-6, -5, -np.argmax(values[:, 5, 6]))
    )
    viewer.layers.selection.clear()
    # Beside the labels it is the image below them that is seen.
    np.testing.assert_allclose(
        seen_at(viewer, (-9, 5, 7), (1, 0, 0)), (-7, -5, -np.argmax(values[:, 5, 7]))
    )


def test_nothing_is_seen_beside_the_volume_in_the_dark_or_when_hidden(
    viewer: ViewerModel,
) -> None:
    _, layer = noise(viewer)
    assert seen_at(viewer, (-9, 50, 6), (1, 0, 0)) is None
    layer.contrast_limits = (1000, 2000)
    assert seen_at(viewer, (-9, 5, 6), (1, 0, 0)) is None
    layer.contrast_limits, layer.visible = (0, 200), False
    assert seen_at(viewer, (-9, 5, 6), (1, 0, 0)) is None
    layer.visible, viewer.dims.ndisplay = True, 2
    assert seen_at(viewer, (-9, 5, 6), (1, 0, 0)) is None


def test_of_many_frames_it_is_the_one_that_is_shown(viewer: ViewerModel) -> None:
    volume = framed(affine_along("RAS"))
    layer = put(viewer, volume)
    layer.contrast_limits = (-1, 1000)
    viewer.dims.set_point(0, 1.0 + 2 * 2.5)
    start = -apply_affine(volume.affine, (2, 3, 6))[::-1]

    # Values grow along the last axes, so along +k the last voxel is brightest.
    found = seen_at(viewer, (0, *(start - (40, 0, 0))), (0, 1, 0, 0))

    np.testing.assert_allclose(found, apply_affine(volume.affine, (2, 3, 6)))


def test_a_ray_passes_each_voxel_once_and_in_order() -> None:
    found = voxels_along(np.array([-5.0, 2.0, 3.0]), np.array([2.0, 0.0, 0.0]), (4, 5, 6))
    np.testing.assert_array_equal(found, [[n, 2, 3] for n in range(4)])
    beside = voxels_along(np.array([-5.0, 9.0, 3.0]), np.array([1.0, 0.0, 0.0]), (4, 5, 6))
    assert len(beside) == 0
