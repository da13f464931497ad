"""The Overlay widget: thresholds, blinking, the difference."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medvol.viewer.laid import laid_of
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.overlay import OverlayWidget
from napari_medvol.viewer.windowing import window_of
from tests.viewer.scenes import PET, scan

pytestmark = pytest.mark.usefixtures("qapp")


def laid(n: int = 2) -> tuple[ViewerModel, list[Layer], OverlayWidget]:
    viewer = ViewerModel()
    scans = [scan(unit="HU"), *(scan(PET, name=f"scan {k}") for k in range(1, n))]
    layers = show(viewer, scans)
    panel = OverlayWidget(viewer)
    panel.toggle()
    return viewer, layers, panel


def typed(panel: OverlayWidget, **texts: str) -> None:
    for name, text in texts.items():
        box = getattr(panel, name)
        box.value = text
        box.native.editingFinished.emit()


def test_a_blinking_layer_is_seen_again_when_another_is_chosen() -> None:
    _, (_, second, third), panel = laid(3)
    assert panel.layer.value is third
    panel.mode.value = "blink"
    panel._on_blink()
    assert not third.visible

    panel.layer.value = second
    assert third.visible
    assert not panel._blink.isActive()
    panel.layer.value = third

    assert panel.mode.value == "blink"
    assert panel._blink.isActive()
    panel.close()
    assert not panel._blink.isActive()


def test_a_widget_that_is_opened_again_blinks_again() -> None:
    viewer, (_, pet), panel = laid()
    panel.mode.value = "blink"
    panel.close()

    again = OverlayWidget(viewer)
    assert again.mode.value == "blink"
    assert again._blink.isActive()
    again._on_blink()
    again.toggle()

    assert pet.visible
    assert not again._blink.isActive()
    again.close()


def test_a_layer_that_is_removed_while_it_blinks_is_left_visible() -> None:
    viewer, (_, pet), panel = laid()
    panel.mode.value = "blink"
    panel._on_blink()

    viewer.layers.remove(pet)

    assert pet.visible
    assert not panel._blink.isActive()
    panel.close()


def test_range_and_bar_are_those_of_the_difference_while_it_is_shown() -> None:
    _, (_, pet), panel = laid()
    typed(panel, low="0", high="700")
    panel.mode.value = "difference"
    reach = pet.contrast_limits[1]
    assert panel.low.value == f"{-reach:.6g}"
    assert not panel.clears.enabled

    typed(panel, high="150")
    assert tuple(pet.contrast_limits) == (-150, 150)
    typed(panel, low="-90")
    assert tuple(pet.contrast_limits) == (-90, 90)
    assert (window_of(pet).center, window_of(pet).width) == (0, 180)
    assert panel.bar._limits == (-90, 90)
    np.testing.assert_allclose(panel.bar._colors, pet.colormap.map(np.linspace(0, 1, 256)))
    pet.contrast_limits = (-90, 200)
    assert panel.low.value == "-200"
    panel.mode.value = "overlay"

    assert tuple(pet.contrast_limits) == (0, 700)
    assert panel.clears.enabled
    panel.close()


def test_a_threshold_above_or_below_the_range_does_what_it_says() -> None:
    _, (_, pet), panel = laid()
    panel.clears.value = True
    typed(panel, low="0", high="700", threshold="900")
    found = laid_of(pet)
    assert found is not None
    assert (found.limits, found.threshold) == ((0, 700), 900)
    assert (panel.low.value, panel.high.value) == ("0", "700")

    typed(panel, threshold="-50")
    assert panel.status == ""
    typed(panel, threshold="-1e6")
    assert "far below the range" in panel.status
    panel.close()


def test_the_unit_stands_by_the_bar_and_a_name_of_cmap_is_taken() -> None:
    viewer = ViewerModel()
    _, pet = show(viewer, [scan(), scan(PET, unit="g/ml", name="PET")])
    panel = OverlayWidget(viewer)

    assert panel.bar_shown.text == "colour bar on the canvas (g/ml)"
    panel.toggle()
    panel.set_colormap("cmap:viridis")

    assert (panel.status, pet.colormap.name) == ("", "viridis")
    panel.mode.value = "difference"
    assert panel.bar._unit == ""
    panel.close()


def test_scans_are_chosen_before_arrays_of_others() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(0).uniform(size=(6, 30, 40)), name="noise")
    ct, pet = show(viewer, [scan(), scan(PET, name="PET")])
    viewer.add_image(np.random.default_rng(0).uniform(size=(6, 30, 40)), name="more noise")
    panel = OverlayWidget(viewer)

    assert (panel.reference.value, panel.layer.value) == (ct, pet)
    panel.close()


@pytest.mark.parametrize("text", ["nan", "inf", "1e39"])
def test_a_threshold_that_cannot_be_drawn_is_said_and_changes_nothing(text: str) -> None:
    _, (_, above), panel = laid()
    before, limits = laid_of(above), tuple(above.contrast_limits)

    panel.clears.value = True
    typed(panel, threshold="5")
    kept = laid_of(above)
    assert kept is not before
    typed(panel, threshold=text)

    assert panel.failed
    assert "overlay" in panel.status
    assert laid_of(above) is kept
    assert panel.threshold.value == "5"
    assert tuple(above.contrast_limits)[1] == limits[1]
    panel.close()
