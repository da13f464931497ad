"""The view fits what it is asked to, whatever else is in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medvol.viewer.fitting import fit
from napari_medvol.viewer.planes import show_plane


@pytest.fixture
def viewer() -> ViewerModel:
    made = ViewerModel()
    made.add_image(np.zeros((10, 20, 30)), scale=(2, 1, 1), translate=(5, 6, 7), name="CT")
    return made


def camera(viewer: ViewerModel) -> tuple[Any, float]:
    return np.array(viewer.scene.camera.center), float(viewer.scene.camera.zoom)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_layer_beside_one_with_more_axes_is_fitted_as_it_is_alone(
    viewer: ViewerModel, plane: Any
) -> None:
    show_plane(viewer, plane)
    fit(viewer, [viewer.layers["CT"]])
    center, zoom = camera(viewer)
    viewer.add_image(np.zeros((3, 50, 60, 70)), visible=False)
    show_plane(viewer, plane)

    fit(viewer, [viewer.layers["CT"]])

    np.testing.assert_allclose(camera(viewer)[0], center)
    assert camera(viewer)[1] == pytest.approx(zoom)


def test_in_3d_the_layer_is_in_the_middle_and_inside(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((3, 50, 60, 70)), visible=False)
    viewer.dims.ndisplay = 3

    fit(viewer, [viewer.layers["CT"]])

    center, zoom = camera(viewer)
    np.testing.assert_allclose(center, (14, 15.5, 21.5))
    assert zoom * np.linalg.norm((20, 20, 30)) <= min(viewer.canvas.size)


def test_a_layer_without_the_axis_across_the_screen_moves_nothing(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((3, 50, 60, 70)), visible=False)
    viewer.dims.order = (1, 2, 3, 0)
    before = camera(viewer)

    fit(viewer, [viewer.layers["CT"]])

    np.testing.assert_array_equal(camera(viewer)[0], before[0])
    assert camera(viewer)[1] == before[1]


def test_without_layers_all_are_fitted(viewer: ViewerModel) -> None:
    fit(viewer, [])
    before = camera(viewer)
    viewer.fit_to_view()

    np.testing.assert_array_equal(camera(viewer)[0], before[0])
    assert camera(viewer)[1] == before[1]


def test_the_commands_survive_a_hidden_4d_layer(
    make_napari_viewer: Callable[..., Any],
) -> None:
    from napari_medvol.viewer.commands import go_to_layer

    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((3, 5, 6, 7)), visible=False)
    layer = viewer.add_image(np.zeros((10, 20, 30)))

    for plane in ("coronal", "axial"):
        show_plane(viewer, plane)
    viewer.layers.selection.active = layer
    go_to_layer(viewer)

    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (9.5, 14.5))
