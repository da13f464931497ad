"""The cursor inspector, used in a viewer."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.ortho.cursor import cursor_of
from napari_medvol.viewer.roles import set_role
from napari_medvol.viewer.widgets.cursor import CursorWidget
from napari_medvol.viewer.widgets.probe_table import Row
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import shown

pytestmark = pytest.mark.usefixtures("qapp")

CT = affine_along("LPS", (1.0, 1.0, 2.0))
PET = rotated(affine_along("RAI", (2.0, 2.0, 3.0)), 9)


def numbered(shape: tuple[int, ...], affine: Any, **more: Any) -> Volume:
    values = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    return Volume(values, affine, **more)


def row_of(widget: CursorWidget, layer: Layer) -> Row:
    return next(row for row in widget.rows() if row.layer is layer)


@pytest.fixture
def widget(viewer: Any) -> Iterator[CursorWidget]:
    made = CursorWidget(viewer)
    yield made
    made.close()


def point_to(viewer: Any, layer: Layer, ras: Any) -> None:
    """Move the mouse over a point of the patient."""
    viewer.cursor.position = (
        *viewer.dims.point[: viewer.dims.ndim - 3],
        *napari_medvol.from_ras(viewer, ras),
    )


def test_every_layer_is_a_row_with_its_own_voxel_and_value(
    viewer: Any, widget: CursorWidget
) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT", unit="HU"))
    pet = shown(viewer, numbered((12, 11, 9), PET, name="PET", unit="Bq/ml"))
    ras = apply_affine(CT, (7, 9, 5))

    point_to(viewer, ct, ras)

    assert [row.layer for row in widget.rows()] == [pet, ct]
    volume = napari_medvol.volume_of(ct)
    found = row_of(widget, ct).found
    np.testing.assert_allclose(found.voxel, (7, 9, 5), atol=1e-6)
    assert found.value == volume.data[7, 9, 5]
    expected = (np.linalg.inv(PET) @ CT @ (7, 9, 5, 1))[:3]
    np.testing.assert_allclose(row_of(widget, pet).found.voxel, expected, atol=1e-9)


def test_the_place_that_is_typed_is_shown_and_gone_to(viewer: Any, widget: CursorWidget) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    pet = shown(viewer, numbered((12, 11, 9), PET, name="PET"))
    viewer.layers.selection.active = ct

    widget.place.value = "3 4 5"
    widget.place.native.returnPressed.emit()

    assert widget.status == ""
    np.testing.assert_allclose(row_of(widget, ct).found.voxel, (3, 4, 5), atol=1e-9)
    expected = np.linalg.inv(PET) @ CT @ (3, 4, 5, 1)
    np.testing.assert_allclose(row_of(widget, pet).found.voxel, expected[:3], atol=1e-9)
    here = napari_medvol.to_ras(viewer, viewer.dims.point)
    np.testing.assert_allclose(here, apply_affine(CT, (3, 4, 5)), atol=1.0)

    widget.place.value = "-5 4 10 mm lps"
    widget.go()
    np.testing.assert_allclose(row_of(widget, ct).found.ras, (5, -4, 10), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "why"), [("5 5", "2 numbers"), ("soon", "no place"), ("99 0 0", "shape is (20, 18")]
)
def test_a_place_that_is_none_is_said_in_the_status_line(
    viewer: Any, widget: CursorWidget, text: str, why: str
) -> None:
    shown(viewer, numbered((20, 18, 12), CT, name="CT"))

    widget.place.value = text
    widget.go()

    assert why in widget.status


def test_a_point_outside_is_said_to_be_and_so_is_where_the_views_stopped(
    viewer: Any, widget: CursorWidget
) -> None:
    shown(viewer, numbered((20, 22, 12), CT, name="CT"))
    shown(viewer, numbered((8, 8, 8), PET, name="PET"))

    widget.place.value = "0 0 900 mm"
    widget.go()
    assert widget.status.startswith("0.00, 0.00, 900.00 mm lies outside of all layers.")
    assert "The views stopped at the border: " in widget.status
    stopped = [float(n) for n in widget.status.split(": ")[-1].rstrip(".m ").split(",")]
    np.testing.assert_allclose(
        stopped, napari_medvol.to_ras(viewer, viewer.dims.point), atol=0.005
    )
    widget.place.value = "3 4 5"
    widget.go()

    assert "outside of all" not in widget.status


def test_columns_that_hold_nothing_are_not_shown(viewer: Any, widget: CursorWidget) -> None:
    titles = [
        widget.model.headerData(n, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole)
        for n in range(widget.model.columnCount())
    ]

    def seen() -> list[str]:
        return [t for n, t in enumerate(titles) if not widget.table.isColumnHidden(n)]

    shown(viewer, numbered((20, 22, 12), CT, name="CT"))
    QApplication.processEvents()
    widget.show_at(apply_affine(CT, (3, 4, 5)))
    assert seen() == ["Layer", "Value", "Voxel i, j, k", "RAS mm", "LPS mm", "Linear"]
    assert sum(widget.table.columnWidth(titles.index(t)) for t in seen()) <= 840
    seg = np.ones((20, 22, 12), np.uint8)
    shown(viewer, Volume(seg, CT, kind="labels", labels=(Label(1, "liver"),), name="seg"))
    QApplication.processEvents()
    widget.show_at(apply_affine(CT, (3, 4, 5)))

    assert "Label" in seen()
    assert widget.table.textElideMode() == Qt.TextElideMode.ElideMiddle


def test_the_reference_is_bold_and_an_overlay_italic(viewer: Any, widget: CursorWidget) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    pet = shown(viewer, numbered((12, 11, 9), PET, name="PET"))
    set_role(pet, "overlay")
    widget.refresh()

    fonts = {
        row.layer: widget.model.data(widget.model.index(n, 0), Qt.ItemDataRole.FontRole)
        for n, row in enumerate(widget.rows())
    }
    assert (fonts[ct].bold(), fonts[ct].italic()) == (True, False)
    assert (fonts[pet].bold(), fonts[pet].italic()) == (False, True)


def test_a_click_on_a_row_selects_its_layer_and_the_other_way_round(
    viewer: Any, widget: CursorWidget
) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    pet = shown(viewer, numbered((12, 11, 9), PET, name="PET"))
    widget.refresh()

    widget.table.selectRow(1)
    assert viewer.layers.selection.active is ct
    viewer.layers.selection.active = pet

    assert widget.table.selectionModel().selectedRows()[0].row() == 0


def test_following_the_cursor_leaves_the_mouse_alone(viewer: Any, widget: CursorWidget) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    widget.follow.value = False
    viewer.dims.set_point(0, viewer.dims.range[0].start + 4)
    before = row_of(widget, ct).found.voxel.copy()

    point_to(viewer, ct, apply_affine(CT, (1, 1, 1)))
    np.testing.assert_array_equal(row_of(widget, ct).found.voxel, before)
    viewer.dims.set_point(0, viewer.dims.range[0].start)

    assert row_of(widget, ct).found.nearest[2] != np.floor(before[2] + 0.5)


def test_the_cursor_that_all_views_share_is_shown_wherever_it_was_moved(
    viewer: Any, widget: CursorWidget
) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))

    cursor_of(viewer).move_to(apply_affine(CT, (6.25, 7.5, 3.25)))

    np.testing.assert_allclose(row_of(widget, ct).found.voxel, (6.25, 7.5, 3.25), atol=1e-6)
    widget.place.value = "4 5 6"
    widget.go()
    np.testing.assert_allclose(cursor_of(viewer).ras, apply_affine(CT, (4, 5, 6)), atol=1e-6)


def test_what_moved_last_is_shown_also_when_values_come_later(
    viewer: Any, widget: CursorWidget
) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    under_mouse, at_cursor = (apply_affine(CT, index) for index in ((4, 5, 6), (9, 8, 3)))
    point_to(viewer, ct, under_mouse)
    cursor_of(viewer).move_to(at_cursor)

    widget._later.timeout.emit()
    np.testing.assert_allclose(row_of(widget, ct).found.ras, at_cursor, atol=1e-6)
    widget.refresh()
    np.testing.assert_allclose(row_of(widget, ct).found.ras, at_cursor, atol=1e-6)

    point_to(viewer, ct, apply_affine(CT, (4, 5, 7)))
    widget.refresh()
    np.testing.assert_allclose(row_of(widget, ct).found.voxel, (4, 5, 7), atol=1e-6)


def test_a_click_moves_the_cursor_when_the_mouse_is_not_followed(
    viewer: Any, widget: CursorWidget
) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    place = apply_affine(CT, (2, 3, 4))
    point_to(viewer, ct, place)

    def click(then: str) -> None:
        event = SimpleNamespace(type="mouse_press")
        press = widget._on_press(viewer, event)
        next(press)
        event.type = then
        assert list(press) == []

    before = cursor_of(viewer).ras
    click("mouse_release")
    assert cursor_of(viewer).ras == before
    widget.follow.value = False
    click("mouse_move")
    assert cursor_of(viewer).ras == before
    click("mouse_release")

    np.testing.assert_allclose(cursor_of(viewer).ras, place, atol=1e-6)


def test_labels_are_told_by_name_as_they_are_painted(viewer: Any, widget: CursorWidget) -> None:
    volume = Volume(
        np.zeros((20, 18, 12), np.uint8), CT, kind="labels", name="organs",
        labels=(Label(3, "liver"), Label(4, "spleen")),
    )  # fmt: skip
    layer = shown(viewer, volume)
    place = layer.world_to_data(napari_medvol.from_ras(viewer, apply_affine(CT, (7, 9, 5))))
    widget.show_at(apply_affine(CT, (7, 9, 5)))
    assert row_of(widget, layer).found.value == 0

    layer.data_setitem(tuple(np.array([round(p)]) for p in place), 4)
    widget.show_at(apply_affine(CT, (7, 9, 5)))

    found = row_of(widget, layer).found
    assert (found.value, found.label) == (4, "spleen")


def test_an_oblique_scan_on_its_own_grid_shows_the_voxel_that_is_drawn(
    viewer: Any, widget: CursorWidget
) -> None:
    affine = rotated(affine_along("LPS", (1.0, 1.0, 1.0)), 20)
    layer = shown(viewer, numbered((20, 18, 12), affine, name="MR"))
    toggle(layer, 2)
    drawn = layer.data_to_world((5, 6, 7))
    value = layer.data[5, 6, 7]

    viewer.cursor.position = drawn
    under = row_of(widget, layer).found
    np.testing.assert_allclose(under.voxel, np.round(under.voxel), atol=1e-6)
    assert under.value == value

    widget.show_at(apply_affine(affine, (3, 4, 5)))
    np.testing.assert_allclose(row_of(widget, layer).found.voxel, (3, 4, 5), atol=1e-9)


def test_the_frame_is_that_of_the_slider(viewer: Any, widget: CursorWidget) -> None:
    volume = numbered((8, 7, 6, 5), CT, axes=(Axis("t", 2.5, "s", 1.0),), name="fMRI")
    layer = shown(viewer, volume)

    viewer.dims.set_point(0, 1.0 + 3 * 2.5)
    widget.show_at(apply_affine(CT, (2, 3, 4)))

    found = row_of(widget, layer).found
    assert found.extra == (3,)
    assert found.value == volume.data[2, 3, 4, 3]
    assert "· 3" in widget.model.data(widget.model.index(0, 3))


def test_going_to_a_frame_moves_its_slider(viewer: Any, widget: CursorWidget) -> None:
    volume = numbered((8, 7, 6, 5), CT, axes=(Axis("t", 2.5, "s", 1.0),), name="fMRI")
    layer = shown(viewer, volume)
    viewer.layers.selection.active = layer

    widget.place.value = "2 3 4 3"
    widget.go()

    assert viewer.dims.point[0] == pytest.approx(8.5)
    assert row_of(widget, layer).found.value == volume.data[2, 3, 4, 3]


def test_layers_of_other_plugins_in_other_units_are_probed_too(
    viewer: Any, widget: CursorWidget
) -> None:
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    foreign = viewer.add_image(data, scale=(2000, 500, 500), units=("um",) * 3, name="cells")
    flat = viewer.add_image(np.arange(30.0).reshape(5, 6), name="flat")
    viewer.add_points([[0, 0, 0]])

    viewer.cursor.position = (2 * 2000.0, 3 * 500.0, 4 * 500.0)

    found = row_of(widget, foreign).found
    np.testing.assert_allclose(found.voxel, (4, 3, 2), atol=1e-6)
    assert found.value == data[2, 3, 4]
    assert len(widget.rows()) == 2
    assert row_of(widget, flat).found.source is None


def test_a_single_plane_is_probed_in_a_viewer_of_two_axes(
    viewer: Any, widget: CursorWidget
) -> None:
    data = np.arange(30.0).reshape(5, 6)
    layer = viewer.add_image(data)

    viewer.cursor.position = (3.0, 4.0)
    widget.place.value = "0 0 0"
    widget.go()

    assert widget.status.startswith("go to: nothing in the viewer has three axes")
    viewer.cursor.position = (2.0, 4.0)
    assert row_of(widget, layer).found.value == data[2, 4]


def test_copy_puts_the_table_on_the_clipboard(viewer: Any, widget: CursorWidget) -> None:
    shown(viewer, numbered((20, 18, 12), CT, name="CT", unit="HU"))
    widget.show_at(apply_affine(CT, (7, 9, 5)))

    widget.copy_table()

    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].startswith("layer\tvalue\tunit")
    assert lines[1].split("\t")[0:3] == ["CT", str(7 * 18 * 12 + 9 * 12 + 5), "HU"]
    assert widget.status == "1 rows copied"


def test_a_deleted_layer_leaves_the_table(viewer: Any, widget: CursorWidget) -> None:
    ct = shown(viewer, numbered((20, 18, 12), CT, name="CT"))
    widget.refresh()

    viewer.layers.remove(ct)
    QApplication.processEvents()

    assert widget.rows() == []
    widget.place.value = "1 2 3"
    widget.go()
    assert "no scan" in widget.status


def test_odd_values_are_shown_as_they_are(viewer: Any, widget: CursorWidget) -> None:
    data = np.full((4, 4, 4), np.nan, np.float32)
    layer = shown(viewer, Volume(data, np.eye(4), name="nothing"))
    rgb = np.zeros((4, 4, 4, 3), np.uint8)
    colour = shown(viewer, Volume(rgb, np.eye(4), axes=(Axis("rgb"),), name="colour"))

    widget.show_at((1, 1, 1))

    texts = {
        row.layer: widget.model.data(widget.model.index(n, 1))
        for n, row in enumerate(widget.rows())
    }
    assert texts == {layer: "nan", colour: "0, 0, 0"}


def test_a_gzipped_scan_that_is_not_read_yet_comes_later(
    viewer: Any, widget: CursorWidget, tmp_path: Path
) -> None:
    values = np.arange(8 * 7 * 6, dtype=np.int16).reshape(8, 7, 6)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii.gz")
    (volume,) = napari_medvol.read(tmp_path / "a.nii.gz")
    widget.model.put([])
    layer = shown(viewer, volume)
    widget.show_at((2, 3, 4))
    first = row_of(widget, layer).found.value
    assert first in (None, values[2, 3, 4])

    np.asarray(volume.data)
    widget.show_at((2, 3, 4))

    assert row_of(widget, layer).found.value == values[2, 3, 4]


def test_five_layers_are_followed_faster_than_a_screen_is_drawn(
    viewer: Any, widget: CursorWidget
) -> None:
    layers = [shown(viewer, numbered((60, 60, 30), CT, name=f"scan {n}")) for n in range(5)]
    rounds = []
    for n in range(60):
        start = time.process_time()
        point_to(viewer, layers[0], apply_affine(CT, (n % 50, 20, 10)))
        rounds.append(time.process_time() - start)

    # The processor's time, and the median: other work on the machine must not fail the test.
    assert float(np.median(rounds)) < 1 / 60


def test_opened_used_and_closed_often_it_leaves_nothing(viewer: Any, openings: int) -> None:
    layer = shown(viewer, numbered((20, 18, 12), CT, name="CT"))

    def use() -> None:
        widget = CursorWidget(viewer)
        dock = viewer.window.add_dock_widget(widget, name="Cursor")
        point_to(viewer, layer, apply_affine(CT, (5, 5, 5)))
        widget.place.value = "1 2 3"
        widget.go()
        dock.destroyOnClose()
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        assert widget.is_closed

    def count() -> tuple[int, ...]:
        events = (viewer.cursor.events.position, viewer.dims.events.point,
                  viewer.layers.events.inserted, viewer.layers.events.renamed)  # fmt: skip
        return (
            len(QApplication.topLevelWidgets()),
            len(viewer.mouse_drag_callbacks),
            *(len(event.callbacks) for event in events),
        )

    use()
    before = count()
    for _ in range(openings):
        use()

    assert all(now <= then for now, then in zip(count(), before, strict=True))


@pytest.mark.parametrize("text", ["1e308 0 0 mm", "0 -1e60 0 mm lps", "1e308 0 0"])
def test_a_place_beyond_every_patient_is_refused(
    viewer: Any, widget: CursorWidget, text: str
) -> None:
    shown(viewer, numbered((20, 22, 12), CT, name="CT"))
    before = cursor_of(viewer).ras

    widget.place.value = text
    widget.go()

    assert widget.failed
    assert len(widget.status) < 200
    assert cursor_of(viewer).ras == before


def test_no_place_makes_the_panel_wider(viewer: Any, widget: CursorWidget) -> None:
    shown(viewer, numbered((20, 22, 12), CT, name="CT"))
    wide = widget.native.minimumSizeHint().width()

    widget.show_at((-1e300, 1e6, 0))
    assert widget.where.text().startswith("RAS -1e+300, 1e+06, 0.00 mm")
    for label in (widget.where, widget._status):
        label.setText("9" * 500)
        label.setVisible(True)

    QApplication.sendPostedEvents()
    assert widget.native.minimumSizeHint().width() == wide


def test_the_camera_stops_where_the_views_stop(viewer: Any, widget: CursorWidget) -> None:
    shown(viewer, numbered((20, 22, 12), CT, name="CT"))

    widget.place.value = "10000 0 0 mm"
    widget.go()

    assert "The views stopped at the border: " in widget.status
    camera = getattr(viewer, "scene", viewer).camera
    np.testing.assert_allclose(camera.center[-2:], viewer.dims.point[-2:], atol=0.51)
    assert np.abs(camera.center).max() < 100
