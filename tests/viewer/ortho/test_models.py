"""Side viewers as models: where they stand, what they show, and that they leave nothing."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.arrays import lazy_volume
from napari_medvol.errors import LayerError
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer.layers import layer_data
from napari_medvol.viewer.oblique import toggle
from napari_medvol.viewer.ortho.models import Ortho
from napari_medvol.viewer.shown import record_of
from napari_medvol.views.planes import PLANES
from napari_medvol.volume import Label, Volume
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated
from tests.viewer.scenes import around, blob, framed, marked

MARK = (3, 5, 7)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def put(viewer: ViewerModel, volume: Volume) -> Layer:
    return viewer.add_layer(Layer.create(*layer_data(volume)[0]))


@pytest.fixture
def opened() -> Iterator[list[Ortho]]:
    made: list[Ortho] = []
    yield made
    for ortho in made:
        ortho.close()


def values_at_cursor(ortho: Ortho) -> dict[str, Any]:
    """What each plane shows where its crosshair is, by napari's own reading of its slice."""
    found = {}
    for plane in PLANES:
        model = ortho.models[plane]
        world = np.array(model.dims.point)
        world[list(model.dims.displayed)] = ortho.on_screen(model)
        found[plane] = model.layers[0].get_value(world, world=True)
    return found


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_a_marked_voxel_is_at_the_crosshair_of_every_view(
    axcodes: str, viewer: ViewerModel
) -> None:
    affine = affine_along(axcodes)
    put(viewer, marked(affine, MARK))
    ortho = Ortho(viewer)

    ortho.ras = apply_affine(affine, MARK)

    assert values_at_cursor(ortho) == dict.fromkeys(PLANES, 1000)
    assert viewer.layers[0].get_value(viewer.dims.point, world=True) == 1000
    np.testing.assert_allclose(ortho.ras, apply_affine(affine, MARK), atol=1e-9)
    overlays = {plane: ortho.models[plane].canvas.overlays for plane in PLANES}
    read = {
        plane: "".join(overlays[plane][f"medvol_{side}"].text for side in _SIDES)
        for plane in PLANES
    }
    assert read == {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
    ortho.close()


_SIDES = ("left", "right", "top", "bottom")


@pytest.mark.parametrize("degrees", [7, 20, 40])
def test_an_oblique_blob_is_brightest_at_the_crosshair(
    degrees: float, viewer: ViewerModel, opened: list[Ortho]
) -> None:
    ras = (12.0, -9.0, 21.0)
    affine = around(rotated(affine_along("PIR", (1.0, 1.5, 2.0)), degrees), ras, (40, 44, 36))
    put(viewer, blob(affine, ras))
    ortho = Ortho(viewer)
    opened.append(ortho)

    ortho.ras = ras
    ortho.show_volume()

    assert min(values_at_cursor(ortho).values()) > 850
    for plane in PLANES:
        assert isinstance(ortho.models[plane].layers[0].data, ReslicedArray)
    record = record_of(viewer.layers[0])
    assert record is not None
    assert ortho.models["volume"].layers[0].data is record.native.data


def test_a_volume_on_its_own_grid_is_so_in_every_view(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    layer = put(viewer, marked(rotated(affine_along("LAS"), 20)))
    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.show_volume()

    toggle(layer, viewer.dims.ndisplay)

    record = record_of(layer)
    assert record is not None
    assert record.is_straightened
    for model in ortho.models.values():
        twin = model.layers[0]
        assert twin.data is record.face(model.dims.ndisplay).data
        np.testing.assert_allclose(twin.affine, layer.affine)
        np.testing.assert_allclose(twin.scale, layer.scale)
    assert len(ortho.models["axial"].canvas.overlays["medvol_left"].text) > 1


def test_an_oblique_volume_that_is_moved_moves_in_every_view(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    layer = put(viewer, marked(rotated(affine_along("LAS"), 20)))
    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.show_volume()

    layer.translate = np.add(layer.translate, (0, 5, -3))

    expected = layer.data_to_world((0, 0, 0))
    np.testing.assert_allclose(
        ortho.models["coronal"].layers[0].data_to_world((0, 0, 0)), expected
    )
    record = record_of(layer)
    assert record is not None
    solid = ortho.models["volume"].layers[0].data_to_world((0, 0, 0))
    np.testing.assert_allclose(solid, record.native.affine[:3, 3] + (0, 5, -3), atol=1e-9)


def test_arrays_are_shared_not_copied(viewer: ViewerModel, opened: list[Ortho]) -> None:
    image = put(viewer, marked(affine_along("PIR")))
    labels = viewer.add_labels(np.zeros((4, 5, 6), dtype=np.uint8))
    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.show_volume()

    for model in ortho.models.values():
        assert model.layers[0].data is image.data
        assert model.layers[1].data is labels.data


def test_the_switch_mirrors_axial_and_coronal_and_the_nose_sagittal(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("PIR")))
    ortho = Ortho(viewer)
    opened.append(ortho)

    def horizontal() -> list[str]:
        return [str(ortho.models[p].scene.camera.orientation2d[1]) for p in PLANES]

    def left_letters() -> list[str]:
        return [ortho.models[p].canvas.overlays["medvol_left"].text for p in PLANES]

    assert (horizontal(), left_letters()) == (["right"] * 3, ["R", "R", "A"])
    ortho.options.radiological = False
    assert (horizontal(), left_letters()) == (["left", "left", "right"], ["L", "L", "A"])
    ortho.options.nose_left = False
    assert (horizontal(), left_letters()) == (["left"] * 3, ["L", "L", "P"])


def test_the_sliders_of_the_viewer_move_the_views_and_back(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS")))
    ortho = Ortho(viewer)
    opened.append(ortho)
    heard: list[Any] = []
    ortho.cursor.moved.connect(heard.append)

    viewer.dims.set_point(0, viewer.dims.range[0].start + 4 * viewer.dims.range[0].step)

    assert ortho.models["axial"].dims.point[0] == viewer.dims.point[0]
    assert heard == [ortho.ras]
    ortho.ras = (-12.0, 7.0, 20.0)
    assert heard[1:] == [ortho.ras]
    np.testing.assert_allclose(napari_medvol.to_ras(viewer, viewer.dims.point), ortho.ras)


def test_the_cursor_stays_within_the_layers(viewer: ViewerModel, opened: list[Ortho]) -> None:
    volume = marked(affine_along("LPS"))
    put(viewer, volume)
    ortho = Ortho(viewer)
    opened.append(ortho)

    ortho.ras = (1e6, -1e6, 0.0)

    corners = apply_affine(volume.affine, [(0, 0, 0), (9, 13, 17)])
    assert ortho.ras[0] == pytest.approx(corners[:, 0].max())
    assert ortho.ras[1] == pytest.approx(corners[:, 1].min())


@pytest.mark.parametrize("point", [(1, 2), (np.nan, 0, 0), "abc"])
def test_a_point_that_is_none_is_refused(
    point: Any, viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS")))
    ortho = Ortho(viewer)
    opened.append(ortho)
    before = ortho.ras

    with pytest.raises(LayerError):
        ortho.ras = point

    assert ortho.ras == before


def test_the_frame_of_a_4d_volume_is_that_of_the_viewer(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    volume = framed(affine_along("PIR"))
    put(viewer, volume)
    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.ras = apply_affine(volume.affine, (1, 2, 3))

    viewer.dims.set_point(0, 1.0 + 2 * 2.5)

    assert values_at_cursor(ortho) == dict.fromkeys(PLANES, volume.data[1, 2, 3, 2])


def test_a_thick_slab_is_thick_in_its_own_view(viewer: ViewerModel, opened: list[Ortho]) -> None:
    values = np.random.default_rng(0).normal(size=(10, 12, 14)).astype(np.float32)
    layer = put(viewer, Volume(values, np.diag([-1.0, -1.0, 1.0, 1.0])))
    ortho = Ortho(viewer)
    opened.append(ortho)

    layer.projection_mode = "max"
    viewer.dims.margin_left = viewer.dims.margin_right = (2, 0, 0)

    shown = {p: np.array(ortho.models[p].layers[0]._slice.image.raw) for p in PLANES}
    k, j, _ = (round(a) for a in layer.world_to_data(viewer.dims.point))
    turned = values.transpose(2, 1, 0)[::-1]
    np.testing.assert_array_equal(shown["axial"], turned[k - 2 : k + 3].max(axis=0))
    np.testing.assert_array_equal(shown["coronal"], turned[:, j])


def test_planes_are_kept_whatever_becomes_of_the_layers(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    ortho = Ortho(viewer)
    opened.append(ortho)
    viewer.add_image(np.zeros((8, 9)))
    put(viewer, framed(affine_along("PIR")))
    assert ortho.models["sagittal"].dims.order == (0, 3, 1, 2)
    viewer.layers.clear()
    put(viewer, marked(affine_along("PIR")))
    ortho.models["coronal"].dims.order = (0, 1, 2)
    ortho.models["coronal"].dims.ndisplay = 3

    assert [ortho.models[p].dims.order for p in PLANES] == [(0, 1, 2), (1, 0, 2), (2, 0, 1)]
    assert ortho.models["coronal"].dims.ndisplay == 2


def test_zoom_is_linked_about_the_cursor_only_by_choice(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS")))
    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.ras = (-12.0, 7.0, 20.0)
    axial, coronal = (ortho.models[p].scene.camera for p in ("axial", "coronal"))

    def on_canvas() -> Any:
        at = ortho.on_screen(ortho.models["coronal"])
        return (at - coronal.center[-2:]) * coronal.zoom

    before = on_canvas()
    axial.zoom *= 3
    assert coronal.zoom == axial.zoom
    np.testing.assert_allclose(on_canvas(), before)
    ortho.options.linked_zoom = False
    axial.zoom *= 2
    assert coronal.zoom == axial.zoom / 2


def test_what_is_drawn_in_a_side_viewer_stays_there(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS")))
    ortho = Ortho(viewer)
    opened.append(ortho)
    box = ortho.models["axial"].add_shapes([np.zeros((4, 3))], name="box")

    put(viewer, marked(affine_along("LPS")))
    viewer.layers.move(0, 2)

    assert ortho.models["axial"].layers[-1] is box
    assert len(viewer.layers) == 2


def test_closing_leaves_the_viewer_as_it_was(viewer: ViewerModel) -> None:
    put(viewer, marked(rotated(affine_along("LPS"), 20)))
    viewer.add_points(np.eye(3), units=("mm",) * 3)
    Ortho(viewer).close()
    before = _callbacks(viewer)

    for _ in range(5):
        ortho = Ortho(viewer)
        ortho.show_volume()
        ortho.close()

    assert _callbacks(viewer) == before
    assert all(not model.layers for model in ortho.models.values())


def _callbacks(viewer: ViewerModel) -> list[int]:
    from napari.settings import get_settings

    settings = get_settings()
    groups = [viewer.events, viewer.dims.events, viewer.layers.events, viewer.cursor.events]
    groups += [viewer.layers.selection.events, viewer.scene.camera.events]
    groups += [layer.events for layer in viewer.layers]
    groups += [settings.application.events, settings.appearance.events]
    groups += [settings.experimental.events]
    return [
        sum(len(emitter.callbacks) for emitter in (group, *group.emitters.values()))
        for group in groups
    ]


def test_a_tool_is_offered_in_the_planes_and_labels_keep_their_names(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    data = np.zeros((4, 5, 6), dtype=np.uint8)
    volume = Volume(data, affine_along("RAS"), kind="labels", labels=(Label(1, "liver"),))
    layer = put(viewer, volume)
    ortho = Ortho(viewer)
    opened.append(ortho)

    layer.mode, layer.brush_size, layer.selected_label = "paint", 7, 3

    for plane in PLANES:
        twin = ortho.models[plane].layers[0]
        assert (str(twin.mode), twin.brush_size, twin.selected_label) == ("paint", 7, 3)
        assert list(twin.features["name"]) == ["liver"]


def test_layers_that_a_person_adds_come_one_view_at_a_time_and_in_order(
    viewer: ViewerModel, opened: list[Ortho], qapp: Any
) -> None:
    from qtpy.QtCore import QEventLoop, QTimer

    ortho = Ortho(viewer)
    opened.append(ortho)
    ortho.show_volume()
    loop = QEventLoop()
    heard: list[bool] = []
    ortho.mirror.added.connect(heard.append)
    ortho.mirror.added.connect(lambda is_last: loop.quit() if is_last else None)

    def add() -> None:
        for name in ("one", "two", "three"):
            put(viewer, marked(affine_along("LPS"), name=name))
        viewer.layers.move(2, 0)
        viewer.layers.remove("two")

    QTimer.singleShot(0, add)
    QTimer.singleShot(20_000, loop.quit)
    loop.exec()

    assert heard.count(True) == 1
    assert len(heard) == 8
    for model in ortho.models.values():
        assert [layer.name for layer in model.layers] == ["three", "one"]
        np.testing.assert_array_equal(model.dims.point, viewer.dims.point)


def test_a_view_of_an_own_grid_names_its_slice_and_its_tilt(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    affine = rotated(affine_along("LAS"), 20)
    layer = put(viewer, marked(affine, MARK))
    ortho = Ortho(viewer)
    opened.append(ortho)
    toggle(layer, viewer.dims.ndisplay)
    world = layer.data_to_world(np.argwhere(np.asarray(layer.data) == 1000)[0])
    ortho.ras = napari_medvol.to_ras(viewer, world)

    normals = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    for plane, axis, across in (("sagittal", 0, 0), ("coronal", 1, 1), ("axial", 2, 2)):
        tilt = np.degrees(np.arccos(abs(normals[across, axis])))
        written = ortho.models[plane].canvas.overlays["medvol_caption"].text
        expected = f"{plane.capitalize()}  {'ijk'[axis]} {MARK[axis]} · tilted {tilt:.0f}°"
        assert written == expected


def test_a_small_view_has_a_short_title_and_a_tiny_one_no_letters(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS")))
    ortho = Ortho(viewer)
    opened.append(ortho)
    model = ortho.models["axial"]
    overlays = model.canvas.overlays
    whole = overlays["medvol_caption"].text

    seen = {}
    for size in ((600, 500), (200, 200), (80, 70)):
        model.canvas.size = size
        ortho.write_on("axial")
        seen[size] = (overlays["medvol_caption"].text, overlays["medvol_left"].visible)

    short = whole.partition("  ")[2]
    assert short
    assert list(seen.values()) == [(whole, True), (short, True), (short, False)]


def test_a_name_given_in_a_view_is_that_of_the_layer_everywhere(
    viewer: ViewerModel, opened: list[Ortho]
) -> None:
    put(viewer, marked(affine_along("LPS"), name="one"))
    put(viewer, marked(affine_along("LPS"), name="two"))
    ortho = Ortho(viewer)
    opened.append(ortho)

    ortho.models["axial"].layers[0].name = "three"

    lists = [viewer.layers, *(ortho.models[plane].layers for plane in PLANES)]
    assert [[layer.name for layer in layers] for layers in lists] == [["three", "two"]] * 4
    viewer.layers[1].name = "four"
    assert ortho.models["coronal"].layers[1].name == "four"


def test_the_voxels_of_a_removed_layer_are_let_go(viewer: ViewerModel, qtbot: Any) -> None:
    store = _shown_and_removed(viewer)
    # napari's selection keeps the layer that was active last, with or without other viewers.
    viewer.layers.selection._current_ = None

    def is_gone() -> bool:
        gc.collect()
        return store() is None

    qtbot.waitUntil(is_gone, timeout=5000)


def _shown_and_removed(viewer: ViewerModel) -> Any:
    # A function of its own: napari looks at the names of its callers, which keeps them.
    volume = Volume(lazy_volume(_Planes()), affine_along("LPS"))
    put(viewer, volume)
    ortho = Ortho(viewer)
    ortho.show_volume()
    viewer.layers.clear()
    ortho.close()
    return weakref.ref(volume.data.store)


class _Planes:
    outer, inner, dtype, name = (6,), (5, 4), np.dtype(np.int16), "planes"

    def read_plane(self, number: int, out: Any) -> None:
        out[...] = number
