from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_medvol.errors import LayerError, MedVolError
from napari_medvol.viewer.dragging import bind_window_keys, choose_window, drag_windows, dragged
from napari_medvol.viewer.laid import laid_of
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.overlaying import overlay
from napari_medvol.viewer.windowing import (
    function_of,
    offered_windows,
    set_limits,
    set_window,
    values_of,
    window_of,
    windowed_layer,
)
from napari_medvol.views.windows import windowed
from napari_medvol.volume import Display, Volume, Window
from tests.phantoms.volumes import affine_along
from tests.viewer.scenes import settle


def ct(**more: Any) -> Volume:
    data = np.random.default_rng(0).integers(-1000, 1500, (12, 11, 10)).astype(np.int16)
    return Volume(data, affine_along("LPS"), **{"unit": "HU", "name": "CT", **more})


def shown(volume: Volume | None = None) -> tuple[ViewerModel, Image]:
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume or ct()])
    return viewer, layer


def brightness(layer: Image, values: np.ndarray) -> np.ndarray:
    """What napari draws of values: grey, 0 to 1."""
    low, high = layer.contrast_limits
    return layer.colormap.map(np.clip((values - low) / (high - low), 0, 1))[:, 0]


VALUES = np.linspace(-900, 1400, 999)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (300, 60)])
def test_napari_draws_the_voi_function(function: str, center: float, width: float) -> None:
    _, layer = shown()
    window = Window(center, width, "", function)

    set_window(layer, window)

    np.testing.assert_allclose(brightness(layer, VALUES), windowed(VALUES, window), atol=4e-3)


def test_a_sigmoid_and_back_leaves_colormap_and_limits_as_they_were() -> None:
    _, layer = shown()
    layer.colormap = "magma"
    before = len(AVAILABLE_COLORMAPS)

    set_window(layer, Window(40, 400, "", "SIGMOID"))
    assert function_of(layer) == "SIGMOID"
    assert window_of(layer).center == pytest.approx(40)
    assert window_of(layer).width == pytest.approx(400)
    for width in (100, 200, 300):
        set_window(layer, Window(40, width, "", "SIGMOID"))
    assert len(AVAILABLE_COLORMAPS) <= before + 1
    set_window(layer, Window(40, 400, "", "LINEAR_EXACT"))

    assert layer.colormap.name == "magma"
    assert tuple(layer.contrast_limits) == (-160, 240)
    assert function_of(layer) == "LINEAR_EXACT"


def test_moving_naparis_sliders_moves_a_sigmoid_and_another_colormap_ends_it() -> None:
    _, layer = shown()
    set_window(layer, Window(0, 400, "", "SIGMOID"))

    layer.contrast_limits = (-400, 400)
    assert window_of(layer).width == pytest.approx(200)
    layer.colormap = "viridis"

    assert function_of(layer) == "LINEAR_EXACT"
    set_window(layer, Window(0, 100, "", "LINEAR_EXACT"))
    assert layer.colormap.name == "viridis"


def test_limits_beyond_naparis_sliders_are_reached() -> None:
    _, layer = shown()

    set_limits(layer, -5000, 9000)

    assert tuple(layer.contrast_limits) == (-5000, 9000)
    assert layer.contrast_limits_range[0] <= -5000


def test_the_window_of_an_overlay_is_the_range_of_its_colours() -> None:
    viewer = ViewerModel()
    below, above = show(viewer, [ct(), ct(name="other")])
    overlay(viewer, above, below, limits=(0, 1000), threshold=300)

    assert window_of(above).center == 500
    set_limits(above, 100, 900)

    laid = laid_of(above)
    assert laid is not None
    assert (laid.limits, laid.threshold) == ((100, 900), 300)
    assert tuple(above.contrast_limits) == (300, 900)


def test_what_has_no_window_says_so() -> None:
    viewer, layer = shown()
    labels = viewer.add_labels(np.zeros((3, 3, 3), int), name="seg")
    rgb = viewer.add_image(np.zeros((4, 4, 4, 3), np.uint8), rgb=True)
    for one in (labels, rgb):
        with pytest.raises(LayerError, match="has no window"):
            set_window(one, Window(1, 2))
    for low, high in ((5, 5), (5, 4), (float("nan"), 1)):
        with pytest.raises(MedVolError, match="its limits would be"):
            set_limits(layer, low, high)
    assert windowed_layer(viewer) is layer
    assert windowed_layer(ViewerModel()) is None


def test_a_window_of_one_value_is_a_step() -> None:
    _, layer = shown()

    set_window(layer, Window(100, 1, "", "LINEAR"))

    np.testing.assert_array_equal(brightness(layer, np.array([98.0, 101.0])), [0, 1])


def test_the_canvas_shows_a_step_and_what_comes_after_it(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    data = np.tile(np.arange(100, dtype=np.float32)[:, None, None], (1, 100, 3))
    (layer,) = show(viewer, [Volume(data, affine_along("RAS"))])

    def bright() -> int:
        settle(0.2)
        picture = viewer.screenshot(canvas_only=True, flash=False)
        return int((np.asarray(picture)[..., 0] > 250).sum())

    set_window(layer, Window(50, 1, "", "LINEAR"))
    half = bright()
    set_window(layer, Window(75, 1, "", "LINEAR"))
    assert bright() == pytest.approx(half / 2, rel=0.05)
    set_window(layer, "0 50")

    assert bright() == pytest.approx(half, rel=0.05)
    assert half > 0


def test_a_window_of_small_numbers_is_not_widened() -> None:
    _, layer = shown(Volume(np.linspace(0, 3e-9, 60).reshape(3, 4, 5), affine_along("RAS")))

    set_window(layer, "1e-9/2e-9")

    assert tuple(layer.contrast_limits) == pytest.approx((0, 2e-9))


def test_windows_of_the_unit_and_of_the_file_are_offered() -> None:
    _, layer = shown(ct(display=Display(windows=(Window(50, 350, "SOFT"),))))
    foreign = Image(np.zeros((3, 3, 3)))

    usual, of_file = offered_windows(layer)
    assert usual[0].explanation == "lung"
    assert of_file[0].explanation == "SOFT"
    assert offered_windows(foreign) == ((), ())


def test_complex_values_are_counted_as_they_are_shown() -> None:
    data = 2 * np.exp(1j * np.linspace(-3, 3, 60)).reshape(3, 4, 5)
    viewer = ViewerModel()
    magnitude, phase = show(viewer, [Volume(data, affine_along("LPS"))])

    assert np.abs(values_of(magnitude).data).max() == pytest.approx(2)
    assert values_of(phase).data.max() == pytest.approx(3)


def mouse(*args: Any) -> ReadOnlyWrapper:
    """An event as napari hands it to callbacks."""
    return ReadOnlyWrapper(Mouse(*args), exceptions=("handled",))


class Mouse:
    """Just enough of napari's mouse event."""

    def __init__(self, kind: str, pos: tuple[float, float], modifiers: tuple[str, ...]) -> None:
        self.type, self.pos, self.modifiers = kind, np.array(pos), modifiers
        self.button, self.handled, self.is_dragging = 1, False, kind == "mouse_move"


def drag(viewer: ViewerModel, to: tuple[float, float], *modifiers: str) -> list[bool]:
    mouse_press_callbacks(viewer, mouse("mouse_press", (100, 100), modifiers))
    pans = [viewer.scene.camera.mouse_pan]
    mouse_move_callbacks(viewer, mouse("mouse_move", to, modifiers))
    pans.append(viewer.scene.camera.mouse_pan)
    mouse_release_callbacks(viewer, mouse("mouse_release", to, modifiers))
    return [*pans, viewer.scene.camera.mouse_pan]


def test_a_drag_with_shift_widens_and_raises_and_the_view_stands_still() -> None:
    viewer, layer = shown()
    set_limits(layer, -200, 300)
    end = drag_windows(viewer)

    pans = drag(viewer, (150, 125), "Shift")

    window = window_of(layer)
    assert (window.center, window.width) == (100, 600)
    assert pans == [False, False, True]
    assert drag(viewer, (150, 125)) == [True, True, True]
    end()
    drag(viewer, (300, 300), "Shift")
    assert window_of(layer) == window
    end()


def test_a_drag_never_makes_a_window_of_nothing() -> None:
    window = dragged(Window(40, 400), -10_000, 0)

    assert window.width == 4


def test_number_keys_choose_and_zero_goes_back() -> None:
    viewer, layer = shown()
    opened = tuple(layer.contrast_limits)
    end = bind_window_keys(viewer)
    (second,) = show(viewer, [ct(name="second")])
    keys = {str(key): call for key, call in layer.keymap.items()}

    keys["3"](layer)
    assert tuple(layer.contrast_limits) == (-500, 1300)
    keys["0"](layer)
    assert tuple(layer.contrast_limits) == pytest.approx(opened)
    assert len(second.keymap) == 10
    end()

    assert not layer.keymap
    assert not second.keymap
    show(viewer, [ct(name="third")])
    assert not viewer.layers["third"].keymap


def test_keys_without_a_window_do_nothing() -> None:
    _, layer = shown(ct(unit=""))

    assert choose_window(layer, 4) is None
    _, with_file = shown(ct(unit="", display=Display(windows=(Window(5, 9, "A"), Window(7, 2)))))
    assert choose_window(with_file, 2) == Window(7, 2, "window 2 of the file")
    assert choose_window(with_file, 0) == Window(5, 9, "A")


@pytest.mark.parametrize("window", ["40/1e39", Window(0, 2e38, "", "SIGMOID"), Window(1e39, 1)])
def test_a_window_beyond_float32_is_refused_and_changes_nothing(window: Any) -> None:
    _, layer = shown()
    before, colours = tuple(layer.contrast_limits), layer.colormap

    with pytest.raises(MedVolError, match="pictures reach to"):
        set_window(layer, window)

    assert tuple(layer.contrast_limits) == before
    assert layer.colormap is colours
    with pytest.raises(MedVolError, match="pictures reach to"):
        set_limits(layer, 0, 1e39)
