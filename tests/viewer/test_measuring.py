from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medvol import from_ras
from napari_medvol.errors import LayerError
from napari_medvol.viewer.measuring import draw_measures, measures_layer, measures_table
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, rotated

ANISOTROPIC = affine_along("LPS", (0.7, 1.3, 5.0))
OBLIQUE = rotated(affine_along("ASL", (0.7, 1.3, 5.0)), 23)


def viewer_of(
    affine: np.ndarray, shape: tuple[int, ...] = (20, 20, 20), **how: Any
) -> ViewerModel:
    viewer = ViewerModel()
    axes = tuple(Axis("t", 2.0, "s") for _ in shape[3:])
    show(viewer, [Volume(np.zeros(shape, np.int16), affine, axes=axes)], **how)
    return viewer


@pytest.mark.parametrize("affine", [ANISOTROPIC, OBLIQUE], ids=["anisotropic", "oblique"])
def test_a_ruler_between_two_places_of_the_patient_is_as_long_as_they_are_apart(
    affine: np.ndarray,
) -> None:
    viewer = viewer_of(affine)
    ends = np.array([(3.0, -8.0, 20.0), (23.0, 31.0, -24.0)])

    layer = draw_measures(viewer, "ruler")
    assert layer.mode == "add_line"
    layer.add_lines([from_ras(viewer, ends)])
    (row,) = measures_table(layer).rows

    assert row[1:4] == ("length", pytest.approx(np.linalg.norm(ends[1] - ends[0]), abs=1e-3), "mm")
    assert row[4:] == pytest.approx(ends.mean(axis=0), abs=0.01)
    assert layer.features["measure"].tolist() == ["62.1 mm"]


def test_an_angle_a_path_and_areas() -> None:
    viewer = viewer_of(ANISOTROPIC)
    layer = draw_measures(viewer, "angle")
    assert layer.mode == "add_path"

    layer.add_paths([np.array([(0, 0, 10), (0, 0, 0), (0, 10, 0)], float)])
    layer.add_paths([np.array([(0, 0, 0), (0, 3, 4), (0, 3, 16), (5, 3, 16)], float)])
    layer.add_rectangles([np.array([(0, 0, 0), (0, 0, 6), (0, 5, 6), (0, 5, 0)], float)])
    layer.add_ellipses([np.array([(0, 0, 0), (0, 0, 6), (0, 4, 6), (0, 4, 0)], float)])

    rows = [row[1:4] for row in measures_table(layer).rows]
    assert rows[0] == ("angle", 90.0, "°")
    assert rows[1] == ("length", 22.0, "mm")
    assert rows[2] == ("area", 30.0, "mm²")
    assert rows[3] == ("area", pytest.approx(np.pi * 3 * 2, abs=1e-3), "mm²")
    assert layer.features["measure"].tolist() == ["90.0°", "22.0 mm", "30.0 mm²", "18.8 mm²"]


def test_a_shape_that_is_changed_is_measured_again() -> None:
    viewer = viewer_of(ANISOTROPIC)
    layer = draw_measures(viewer)
    layer.add_lines([np.array([(0, 0, 0), (0, 0, 10)], float)])

    layer.data = [np.array([(0, 0, 0), (0, 0, 25)], float)]
    assert layer.features["measure"].tolist() == ["25.0 mm"]
    layer.data = []

    assert measures_table(layer).rows == ()


def test_frames_micrometres_and_flat_viewers_are_measured_in_mm() -> None:
    moving = viewer_of(ANISOTROPIC, (20, 20, 20, 3))
    layer = draw_measures(moving)
    layer.add_lines([np.array([(1, 0, 0, 0), (1, 0, 3, 4)], float)])
    assert measures_table(layer).rows[0][2] == 5.0

    small = viewer_of(ANISOTROPIC)
    small.add_image(np.zeros((4, 4, 4)), units=("um",) * 3)
    layer = draw_measures(small)
    layer.add_lines([np.array([(0, 0, 0), (0, 3000, 4000)], float)])
    assert measures_table(layer).rows[0][2] == pytest.approx(5.0)

    flat = ViewerModel()
    flat.add_image(np.zeros((40, 40)))
    layer = draw_measures(flat)
    layer.add_lines([np.array([(0, 0), (30, 40)], float)])
    assert measures_table(layer).rows[0][2] == 50.0


def test_one_layer_holds_them_all_and_points_that_fall_together_have_no_angle() -> None:
    viewer = viewer_of(ANISOTROPIC)
    layer = draw_measures(viewer)
    assert draw_measures(viewer, "angle") is layer
    layer.add_paths([np.array([(0, 0, 0), (0, 0, 0), (0, 5, 0)], float)])

    assert measures_table(layer).rows[0][1:4] == ("angle", None, "°")
    assert layer.features["measure"].tolist() == [""]
    with pytest.raises(LayerError, match="holds no shapes"):
        measures_table(viewer.layers[0])


def test_what_is_written_on_the_canvas_follows_the_place_of_the_layer() -> None:
    viewer = viewer_of(ANISOTROPIC)
    assert measures_layer(viewer) is None
    layer = draw_measures(viewer)
    assert measures_layer(viewer) is layer
    layer.add_lines([np.array([(0, 0, 0), (0, 30, 40)], float)])

    layer.scale = (2, 2, 2)
    assert layer.features["measure"].tolist() == ["100.0 mm"]
    layer.affine = np.diag([1, 1, 0.5, 1])
    assert layer.features["measure"].tolist() == ["72.1 mm"]
    assert measures_table(layer).rows[0][2] == pytest.approx(np.hypot(60, 40), abs=1e-3)
