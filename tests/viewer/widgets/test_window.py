"""The Window widget: what a person types is what it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medvol import open as open_scans
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.window import WindowWidget
from napari_medvol.viewer.windowing import window_of
from napari_medvol.volume import Display, Volume, Window
from tests.viewer.scenes import CT, scan, wait_for

pytestmark = pytest.mark.usefixtures("qapp")


def opened(volume: Volume) -> tuple[Layer, WindowWidget]:
    viewer = ViewerModel()
    (layer,) = show(viewer, [volume])
    panel = WindowWidget(viewer)
    wait_for(lambda: panel._histogram is not None)
    return layer, panel


def boxes(panel: WindowWidget) -> tuple[str, ...]:
    return tuple(panel.numbers[name].value for name in ("min", "max", "level", "width"))


def test_level_and_width_stay_as_typed_whatever_curve_is_chosen() -> None:
    layer, panel = opened(scan(unit="HU"))
    panel.type("40/400")

    # PS3.3 C.11.2.1.2: black up to c - 0.5 - (w - 1) / 2, white beyond c - 0.5 + (w - 1) / 2.
    limits = {"LINEAR": (-160, 239), "LINEAR_EXACT": (-160, 240), "SIGMOID": (-760, 840)}
    for function in ("LINEAR", "LINEAR_EXACT", "LINEAR", "SIGMOID", "LINEAR"):
        panel.function.value = function
        low, high = limits[function]
        assert boxes(panel) == (str(low), str(high), "40", "400")
        assert tuple(layer.contrast_limits) == (low, high)
        assert window_of(layer) == Window(40, 400, "", function)

    panel.type("width 300")
    assert boxes(panel)[2:] == ("40", "300")
    layer.contrast_limits = (0, 99)
    assert window_of(layer) == Window(50, 100, "", "LINEAR")
    assert panel.function.value == "LINEAR"
    panel.close()


def test_linear_of_width_one_is_said_to_be_a_threshold() -> None:
    layer, panel = opened(scan(unit="HU"))
    panel.type("0.5/1")

    panel.function.value = "LINEAR"

    assert "LINEAR of width 1 is a threshold" in panel.status
    assert boxes(panel)[2:] == ("0.5", "1")
    assert layer.contrast_limits[1] - layer.contrast_limits[0] < 1e-5
    panel.type("40/400")
    assert panel.status == ""
    panel.close()


def test_a_window_of_the_file_is_shown_with_the_numbers_of_the_file() -> None:
    layer, panel = opened(scan(unit="HU", display=Display(windows=(Window(50, 351, "SOFT"),))))

    assert boxes(panel) == ("-125.5", "224.5", "50", "351")
    assert panel.function.value == "LINEAR"
    assert panel.preset.value == "SOFT  50/351"
    panel.type("soft")
    assert window_of(layer) == Window(50, 351, "", "LINEAR")
    panel.close()


def test_one_window_told_twice_is_offered_once() -> None:
    twice = (Window(40, 80), Window(40, 80), Window(40, 80, "BRAIN"))
    _, panel = opened(scan(display=Display(windows=twice)))

    assert [name.split("  ")[-2:] for name in panel.preset.choices[1:]] == [
        ["window 1 of the file", "40/80"],
        ["BRAIN", "40/80"],
    ]
    panel.close()


@pytest.mark.parametrize("how", ["typed", "pressed"])
def test_full_is_from_the_least_value_to_the_greatest_of_every_slice(how: str) -> None:
    data = np.zeros((200, 200, 80), np.int16)
    # In a corner of a slice that a sample of 32 does not look into.
    data[0, 1, 2], data[199, 199, 77] = -777, 1234
    layer, panel = opened(Volume(data, CT, name="big"))
    assert panel._histogram is not None
    assert panel._histogram.highest < 1234

    if how == "typed":
        panel.type("full")
    else:
        panel.full.native.click()
    wait_for(lambda: layer.contrast_limits[1] == 1234)

    assert tuple(layer.contrast_limits) == (-777, 1234)
    assert "all 3,200,000 voxels" in panel.counted.text()
    assert panel.status == ""
    panel.close()


def test_full_of_a_real_scan_is_full(data: Path) -> None:
    viewer = ViewerModel()
    (layer,) = open_scans(viewer, data / "data" / "ct_philips_head_140")
    panel = WindowWidget(viewer)
    values = np.asarray(layer.data)

    panel.type("full")
    assert panel.status.startswith("reading all slices of") or panel._histogram is not None
    wait_for(lambda: layer.contrast_limits[1] == values.max())

    assert tuple(layer.contrast_limits) == (values.min(), values.max())
    assert len([name for name in panel.preset.choices if "of the file" in name]) <= 1
    panel.close()


def test_what_is_said_of_a_text_stays_when_the_values_are_counted() -> None:
    viewer = ViewerModel()
    show(viewer, [scan()])
    panel = WindowWidget(viewer)

    panel.type("40/-3")
    wait_for(lambda: panel._histogram is not None)

    assert panel.status.startswith("window '40/-3': its limits would be 41.5 and 38.5")
    panel.type("nan/nan")
    assert panel.status.startswith("window 'nan/nan': is not understood")
    panel.close()
