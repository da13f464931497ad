"""The values of a layer in another unit, and the dialog that asks which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.utils.notifications import Notification
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.errors import LayerError, ReadError
from napari_medvol.formats.dicom.offers import line_between, offers, value_of
from napari_medvol.viewer.units_dialog import UnitsDialog, refusals
from napari_medvol.viewer.values import offers_of, show_values
from napari_medvol.volume import Volume
from tests.formats.dicom.test_units import ACTIVITY, DOSE, pet
from tests.phantoms.dicom import write_series, write_slice

TO_SUV = 70e3 / DOSE


def test_a_pet_is_shown_as_suv_in_the_same_layer(tmp_path: Path) -> None:
    viewer = ViewerModel()
    (layer,) = napari_medvol.open(viewer, pet(tmp_path))
    before = np.asarray(layer.data).astype(float)
    place, limits, name = layer.data_to_world((0, 1, 2)), layer.contrast_limits, layer.name
    layer.opacity, layer.gamma = 0.4, 0.8

    volume = show_values(layer, "suvbw")

    assert viewer.layers == [layer]
    np.testing.assert_allclose(np.asarray(layer.data), before * TO_SUV, rtol=1e-6)
    np.testing.assert_allclose(layer.contrast_limits, np.multiply(limits, TO_SUV), rtol=1e-4)
    low, high = layer.contrast_limits_range
    assert low <= layer.contrast_limits[0] < layer.contrast_limits[1] <= high
    assert high < 10 * layer.contrast_limits[1]
    np.testing.assert_allclose(layer.data_to_world((0, 1, 2)), place)
    assert (layer.opacity, layer.gamma, layer.colormap.name) == (0.4, 0.8, "hot")
    assert layer.name == f"{name} [SUVbw g/ml]"
    assert napari_medvol.volume_of(layer) is volume
    assert value_of(volume) == "suvbw"


def test_back_in_the_unit_of_the_file_all_is_as_before(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path))
    before, name, limits = np.array(layer.data), layer.name, layer.contrast_limits

    show_values(layer, "stored")
    assert layer.name == f"{name} [stored]"
    show_values(layer, "real")

    np.testing.assert_array_equal(layer.data, before)
    np.testing.assert_allclose(layer.contrast_limits, limits)
    assert layer.name == name


def test_contrast_limits_of_the_user_s_own_are_kept_in_the_new_unit(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path))
    own = 1234.0, 9876.0
    layer.contrast_limits = own

    show_values(layer, "suvbw")
    np.testing.assert_allclose(layer.contrast_limits, np.multiply(own, TO_SUV), rtol=1e-6)
    show_values(layer, "stored")
    np.testing.assert_allclose(layer.contrast_limits, np.divide(own, 2), rtol=1e-6)
    show_values(layer, "real")

    np.testing.assert_allclose(layer.contrast_limits, own, rtol=1e-6)
    low, high = layer.contrast_limits_range
    assert low <= own[0] < own[1] <= high


def test_limits_beyond_the_sliders_widen_them(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path))
    layer.contrast_limits_range = layer.contrast_limits = (-5e5, 5e5)

    show_values(layer, "suvbw")

    np.testing.assert_allclose(layer.contrast_limits, np.multiply((-5e5, 5e5), TO_SUV), rtol=1e-6)


def test_an_intercept_moves_the_limits_too(tmp_path: Path) -> None:
    write_series(tmp_path, ACTIVITY.astype(np.int16), step=(0, 0, 1), rescale=(1, -1024))
    (layer,) = napari_medvol.open(ViewerModel(), tmp_path)
    layer.contrast_limits = (-160, 240)

    show_values(layer, "stored")

    assert layer.contrast_limits == [864, 1264]


def test_where_every_slice_has_a_factor_of_its_own_the_contrast_is_set_anew_with_a_word(
    tmp_path: Path, told: list[Notification]
) -> None:
    for k, plane in enumerate(ACTIVITY.astype(np.int16)):
        write_slice(
            tmp_path / f"{k}.dcm",
            plane,
            modality="PT",
            position=(0, 0, k),
            instance=k,
            rescale=(1.5 + k, 0),
            elements={"Units": "BQML"},
        )
    (layer,) = napari_medvol.open(ViewerModel(), tmp_path)
    layer.contrast_limits = (10, 20)

    volume = show_values(layer, "stored")

    (fresh,) = napari_medvol.open(ViewerModel(), tmp_path, value="stored")
    assert layer.contrast_limits == fresh.contrast_limits
    assert "the contrast was set anew" in told[-1].message
    assert line_between(volume, volume) == (1.0, 0.0)
    assert line_between(volume, Volume(np.asarray(volume.data), volume.affine)) is None


def test_a_name_that_the_user_gave_stays(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path))
    layer.name = "mine"

    show_values(layer, "suvbw")

    assert layer.name == "mine"


def test_a_series_opened_as_suv_says_so_in_its_name(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path), value="suvbsa")

    assert layer.name.endswith("[SUVbsa cm²/ml]")
    assert layer.colormap.name == "hot"


def test_a_layer_that_was_moved_stays_where_it_was_put(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path))
    layer.translate = np.add(layer.translate, (5, -3, 2))
    place = layer.data_to_world((1, 2, 3))

    show_values(layer, "suvbw")

    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), place)
    assert napari_medvol.volume_of(layer).history[-1].op == "move"


def oblique(folder: Path) -> Path:
    tilted = (np.cos(0.3), 0, np.sin(0.3), 0, 1, 0)
    pixels = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    step = np.cross(tilted[:3], tilted[3:])
    write_series(folder, pixels, step=step, orientation=tilted, rescale=(2.0, 5.0))
    return folder


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_an_oblique_layer_keeps_its_face(tmp_path: Path, ndisplay: int) -> None:
    viewer = ViewerModel()
    (layer,) = napari_medvol.open(viewer, oblique(tmp_path))
    viewer.dims.ndisplay = ndisplay
    shape, matrix = layer.data.shape, layer.affine.affine_matrix

    volume = show_values(layer, "stored")

    assert layer.data.shape == shape
    np.testing.assert_allclose(layer.affine.affine_matrix, matrix)
    assert np.asarray(volume.data).max() == 209
    viewer.dims.ndisplay = 5 - ndisplay
    assert layer.data.shape != shape


def test_what_the_file_lacks_is_refused_and_the_layer_stays(tmp_path: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), pet(tmp_path, PatientWeight=None))
    before = layer.data

    with pytest.raises(ReadError, match="PatientWeight"):
        show_values(layer, "suvbw")

    assert layer.data is before


def test_other_layers_are_refused(tmp_path: Path) -> None:
    viewer = ViewerModel()
    foreign = viewer.add_image(np.zeros((3, 4, 5)))
    (changed,) = napari_medvol.open(viewer, pet(tmp_path))
    changed.data = np.zeros((2, 2, 2))

    with pytest.raises(LayerError, match="does not show the image of a DICOM series"):
        show_values(foreign, "stored")
    with pytest.raises(LayerError, match="holds other voxels than were read"):
        show_values(changed, "stored")
    assert offers_of(foreign) == offers_of(changed) == []


def test_offers_have_the_formula_or_the_reason(tmp_path: Path) -> None:
    (volume,) = napari_medvol.read(pet(tmp_path, PatientSize=None))

    offered = {offer.value: offer for offer in offers(volume)}

    assert [v for v, o in offered.items() if not o.why_not] == ["real", "suvbw", "stored"]
    assert offered["real"].unit == "Bq/ml"
    assert "70 kg" in offered["suvbw"].formula
    assert "PatientSize" in offered["suvlbm"].why_not
    assert "(2005,100E)" in offered["fp"].why_not
    assert not offers(Volume(np.asarray(volume.data), volume.affine))


def test_reasons_are_said_once(tmp_path: Path) -> None:
    write_series(tmp_path, ACTIVITY.astype(np.int16), step=(0, 0, 1))
    (ct,) = napari_medvol.read(tmp_path)

    lines = refusals(offers(ct))

    assert lines[0].startswith("SUV by body weight, SUV by lean body mass, SUV by body surface")
    assert lines[0].endswith("its modality is CT, not PT")
    assert len(lines) == 3


def run(command: str) -> None:
    get_app_model().commands.execute_command(f"napari-medvol.{command}").result()


def test_the_command_asks_and_shows_the_formula(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, told: list[Notification]
) -> None:
    viewer = make_napari_viewer(show=True)
    napari_medvol.open(viewer, pet(tmp_path))
    offered: list[set[str]] = []

    def answer(value: str) -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, UnitsDialog)
        offered.append(set(dialog.choices))
        assert dialog.chosen() == "real"
        if value:
            dialog.choices[value].click()
            dialog.accept()
        else:
            dialog.reject()

    QTimer.singleShot(200, lambda: answer(""))
    run("show_values_as")
    assert not told
    QTimer.singleShot(200, lambda: answer("suvbw"))
    run("show_values_as")

    assert offered[0] == {"real", "suvbw", "suvlbm", "suvbsa", "stored"}
    assert "[SUVbw g/ml]" in viewer.layers[0].name
    assert "70 kg · 1000" in told[-1].message


def test_the_command_says_which_layers_cannot(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, told: list[Notification]
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((3, 4, 5)))
    run("show_values_as")
    assert "None of the selected layers" in told[-1].message

    write_series(tmp_path / "ct", np.zeros((3, 4, 5), np.int16), step=(0, 0, 1))
    napari_medvol.open(viewer, tmp_path / "ct")
    napari_medvol.open(viewer, pet(tmp_path / "pet"))
    viewer.layers.selection = set(viewer.layers[1:])
    viewer.layers.selection.active = None

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        dialog.choices["stored"].click()
        dialog.accept()

    viewer.layers.selection = set(viewer.layers[1:])
    QTimer.singleShot(200, answer)
    run("show_values_as")
    assert ["[stored]" in layer.name for layer in viewer.layers] == [False, True, True]
