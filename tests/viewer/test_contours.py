"""Outlines of regions: where they were drawn, in every plane and in 3-D; dose over CT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import Notification
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.errors import LayerError
from napari_medvol.viewer.contours import contour_layers
from tests.formats.dicom.test_regions import square, write_ct
from tests.phantoms.dicom import write_series
from tests.phantoms.multiframe import write_dose, write_structures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_ct(tmp_path)
    regions = {
        "one": [("CLOSED_PLANAR", square(9, -2, 1)), ("POINT", np.array([[1.0, 0, 11]]))],
        "two": [("CLOSED_PLANAR", square(15, 0, 1.2)), ("OPEN_PLANAR", square(13, 0, 1)[:2])],
    }
    write_structures(tmp_path / "rs.dcm", regions)
    return tmp_path


def opened(viewer: Any, folder: Path) -> tuple[Any, Any, Any]:
    """Return the labels, and their contours and points in the viewer."""
    labels = napari_medvol.open(viewer, folder)[-1]
    shapes, points = (viewer.add_layer(Layer.create(*one)) for one in contour_layers(labels))
    return labels, shapes, points


def test_every_point_lies_where_the_file_says(folder: Path) -> None:
    labels, shapes, points = opened(ViewerModel(), folder)

    closed = square(9, -2, 1) * (-1, -1, 1)  # LPS to RAS
    world = [shapes.data_to_world(point) for point in shapes.data[0]]
    np.testing.assert_allclose(
        napari_medvol.to_ras(shapes, world), np.vstack([closed, closed[:1]]), atol=1e-5
    )
    assert [len(line) for line in shapes.data] == [5, 5, 2]  # closed ones end where they began
    np.testing.assert_allclose(
        napari_medvol.to_ras(points, points.data_to_world(points.data[0])), (-1, 0, 11), atol=1e-5
    )
    assert list(shapes.features["name"]) == ["one", "two", "two"]
    assert shapes.name == f"{labels.name} contours"
    np.testing.assert_allclose(shapes.edge_color, [(1, 0, 128 / 255, 1)] * 3, atol=1e-6)
    assert (shapes.face_color[:, 3] == 0).all()


def displayed(shapes: Any) -> int:
    return int(shapes._data_view._displayed.sum())


def test_a_contour_is_seen_in_its_slice_and_all_of_them_in_3d(folder: Path) -> None:
    viewer = ViewerModel()
    _, shapes, _ = opened(viewer, folder)

    for z, count in ((9, 1), (11, 0), (13, 1), (15, 1), (17, 0)):
        viewer.dims.set_point([0, 1, 2], napari_medvol.from_ras(viewer, (0, 0, z)))
        assert displayed(shapes) == count, z
    # Across, a closed outline would be a false line: the labels show the region there.
    for order in ((1, 0, 2), (2, 0, 1)):
        viewer.dims.order = order
        viewer.dims.set_point([0, 1, 2], napari_medvol.from_ras(viewer, (-0.4, -0.4, 9)))
        assert displayed(shapes) == 0
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    assert displayed(shapes) == 3


def test_contours_go_where_the_labels_were_moved(folder: Path) -> None:
    viewer = ViewerModel()
    labels = napari_medvol.open(viewer, folder)[-1]
    labels.translate = np.add(labels.translate, (1, 2, 3))

    shapes = Layer.create(*contour_layers(labels)[0])

    moved = napari_medvol.to_ras(shapes, shapes.data_to_world(shapes.data[0][0]))
    np.testing.assert_allclose(moved, (2 - 3, 2 - 2, 9 - 1), atol=1e-5)


@pytest.mark.parametrize("how", ["resample", "native"])
def test_contours_of_an_oblique_image_are_at_their_place(tmp_path: Path, how: Any) -> None:
    tilted = np.array([np.cos(0.3), 0, np.sin(0.3), 0, 1, 0])
    normal = np.cross(tilted[:3], tilted[3:])
    write_series(tmp_path, np.zeros((5, 8, 8), np.int16), step=2 * normal, orientation=tilted)
    corners = np.array([(1, 1), (5, 1), (5, 5), (1, 5.0)])
    drawn = corners @ tilted.reshape(2, 3) + 4 * normal
    write_structures(tmp_path / "rs.dcm", {"a": [("CLOSED_PLANAR", drawn)]})
    viewer = ViewerModel()
    labels = napari_medvol.open(viewer, tmp_path, oblique=how)[-1]

    shapes = viewer.add_layer(Layer.create(*contour_layers(labels)[0]))

    # The labels' door also knows the voxels of an own grid, which are turned.
    world = [shapes.data_to_world(point) for point in shapes.data[0][:4]]
    np.testing.assert_allclose(napari_medvol.to_ras(labels, world), drawn * (-1, -1, 1), atol=1e-4)
    viewer.dims.ndisplay = 3
    assert displayed(shapes) == 1


def test_layers_without_contours_are_refused(folder: Path) -> None:
    viewer = ViewerModel()
    image = napari_medvol.open(viewer, folder)[0]

    with pytest.raises(LayerError, match="has no contours"):
        contour_layers(image)
    with pytest.raises(LayerError, match="has no contours"):
        contour_layers(viewer.add_image(np.zeros((3, 3))))


def test_the_command_shows_contours_once(
    make_napari_viewer: Callable[..., Any], folder: Path, told: list[Notification]
) -> None:
    viewer = make_napari_viewer(show=True)
    image, labels = napari_medvol.open(viewer, folder)
    command = get_app_model().commands

    viewer.layers.selection = {labels}
    command.execute_command("napari-medvol.show_contours").result()
    shapes = viewer.layers[f"{labels.name} contours"]
    shapes.visible = False
    viewer.layers.selection = {labels}
    command.execute_command("napari-medvol.show_contours").result()

    assert len(viewer.layers) == 4
    assert shapes.visible
    viewer.layers.selection = {image}
    command.execute_command("napari-medvol.show_contours").result()
    assert "has no contours" in told[-1].message


def test_names_of_labels_are_in_the_status_bar(folder: Path) -> None:
    viewer = ViewerModel()
    labels = napari_medvol.open(viewer, folder)[-1]
    labels.visible = True
    viewer.dims.set_point([0, 1, 2], napari_medvol.from_ras(viewer, (0.5, 0.5, 9)))

    status = labels.get_status(napari_medvol.from_ras(viewer, (0.5, 0.5, 9)), world=True)

    assert "name: one" in status["coordinates"]
    np.testing.assert_allclose(labels.get_color(2), (1, 0, 128 / 255, 1), atol=0.01)


def test_dose_lies_over_its_ct_and_where_there_is_none_the_ct_is_bare(
    make_napari_viewer: Callable[..., Any], tmp_path: Path
) -> None:
    write_series(
        tmp_path / "ct",
        np.full((9, 40, 40), 1100, np.int16),
        step=(0, 0, 2),
        spacing=(2, 2),
        rescale=(1, -1000),
    )
    dose = np.zeros((9, 40, 40), np.uint16)
    dose[:, :, 20:] = 30000
    dose[:, :20, 20:] = 200  # below a hundredth
    write_dose(
        tmp_path / "dose.dcm",
        dose,
        [2.0 * n for n in range(9)],
        0.002,
        spacing=(2, 2),
        series="dose",
    )
    viewer = make_napari_viewer(show=True)
    ct, over = napari_medvol.open(viewer, tmp_path)

    assert napari_medvol.volume_of(over).unit == "Gy"
    assert (over.blending, over.opacity, over.colormap.name) == ("translucent", 0.5, "dose")
    np.testing.assert_allclose(over.contrast_limits, (0.6, 60))
    over.visible, ct.contrast_limits = True, (0, 200)
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    rows, columns = np.nonzero(picture.sum(axis=-1))
    box = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = box.shape[:2]
    bare, low, high = (
        box[height // 4 * row, width // 4 * column] for row, column in ((2, 1), (1, 3), (3, 3))
    )

    assert np.ptp(bare) == 0
    np.testing.assert_array_equal(low, bare)
    assert high[0] > high[2] + 30  # red over grey
