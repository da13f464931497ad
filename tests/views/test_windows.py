from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from napari_medvol.errors import MedVolError
from napari_medvol.views.histogram import histogram
from napari_medvol.views.windows import (
    FUNCTIONS,
    limits_from_text,
    limits_of_window,
    presets,
    window_from_text,
    window_of_limits,
    windowed,
    windows_of_file,
)
from napari_medvol.volume import Display, Volume, Window
from tests.phantoms.volumes import numbered


def by_pydicom(values: np.ndarray, window: Window) -> np.ndarray:
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelRepresentation, dataset.BitsStored = 0, 16
    dataset.WindowCenter, dataset.WindowWidth = window.center, window.width
    dataset.VOILUTFunction = window.function
    with np.errstate(over="ignore"):
        return apply_windowing(values, dataset) / 65535


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (32, 8), (0.5, 1), (7, 2)])
def test_brightness_is_what_pydicom_finds(function: str, center: float, width: float) -> None:
    values = np.concatenate([np.arange(-1500, 1500), np.linspace(-50, 50, 777)])
    window = Window(center, width, "", function)

    np.testing.assert_allclose(windowed(values, window), by_pydicom(values, window), atol=1e-12)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (32, 8.5)])
def test_the_limits_are_where_pydicom_begins_to_leave_black_and_reaches_white(
    function: str, center: float, width: float
) -> None:
    window = Window(center, width, "", function)
    low, high = limits_of_window(window)

    black, grey, almost, white = by_pydicom(np.array([low, low + 0.1, high - 0.1, high]), window)
    assert black == 0 < grey
    assert almost < 1
    assert white == pytest.approx(1)


def test_a_sigmoid_has_all_but_a_hair_within_its_limits() -> None:
    window = Window(40, 400, "", "SIGMOID")
    low, high = limits_of_window(window)

    first, last = by_pydicom(np.array([low, high]), window)
    assert first == pytest.approx(1 - last)
    assert first < 4e-4


@given(
    st.floats(-1e4, 1e4), st.floats(1, 1e4), st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])
)
def test_limits_and_back_is_the_window(center: float, width: float, function: str) -> None:
    low, high = limits_of_window(Window(center, width, "", function))

    back = window_of_limits(low, high, function)
    assert back.center == pytest.approx(center, abs=1e-6)
    assert back.width == pytest.approx(width, abs=1e-6)
    assert back.function == function


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (Window(40, 0, "", "LINEAR_EXACT"), "needs a width of more than 0"),
        (Window(40, 0.5), "needs a width of at least 1"),
        (Window(40, float("nan")), "needs a width"),
        (Window(40, 400, "", "LOG"), "'LOG' is unknown"),
    ],
)
def test_a_window_without_a_width_or_function_is_refused(window: Window, why: str) -> None:
    with pytest.raises(MedVolError, match=why):
        windowed([1.0], window)
    with pytest.raises(MedVolError, match=why):
        limits_of_window(window)


def ct(**more: object) -> Volume:
    return numbered((4, 5, 6), unit="HU", **more)


def test_a_ct_is_offered_what_radiologists_learn() -> None:
    offered = {w.explanation: limits_of_window(w) for w in presets(ct())}

    assert offered["lung"] == (-1350, 150)
    assert offered["mediastinum"] == (-160, 240)
    assert offered["bone"] == (-500, 1300)
    assert offered["brain"] == (0, 80)
    assert offered["subdural"] == (-32.5, 182.5)
    assert offered["stroke"] == (28, 36)
    assert list(offered)[:6] == ["lung", "mediastinum", "bone", "brain", "subdural", "stroke"]


@pytest.mark.parametrize("unit", ["g/ml", "SUVbw"])
def test_a_pet_in_suv_is_offered_suv(unit: str) -> None:
    offered = [limits_of_window(w) for w in presets(numbered((2, 2, 2), unit=unit))]

    assert (0, 5) in offered
    assert (0, 10) in offered


def test_what_has_no_usual_unit_has_no_presets() -> None:
    assert presets(numbered((2, 2, 2))) == ()


def test_the_windows_of_a_file_get_names_and_those_without_sense_go() -> None:
    windows = (Window(40, 400, "SOFT"), Window(1, 0), Window(300, 2000, "", "NEW"))
    found = windows_of_file(ct(display=Display(windows=windows)))

    assert found == (
        Window(40, 400, "SOFT", "LINEAR"),
        Window(300, 2000, "window 3 of the file", "LINEAR"),
    )


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("max 1000", (-160, 1000)),
        ("MAX=1000", (-160, 1000)),
        ("min -200", (-200, 240)),
        ("min −200,5", (-200.5, 240)),
        ("level 100", (-100, 300)),
        ("l 100", (-100, 300)),
        ("centre 100", (-100, 300)),
        ("width 100", (-10, 90)),
        ("w 1e2", (-10, 90)),
        ("-600/1500", (-1350, 150)),
        ("40 / 400", (-160, 240)),
        ("-100 500", (-100, 500)),
        ("-100 to 500", (-100, 500)),
        ("-100..500", (-100, 500)),
        ("bone", (-500, 1300)),
        ("MEDIA", (-160, 240)),
        ("full", (0, 119)),
        ("0-50 %", (0, 59.5)),
        ("2 98%", (2.38, 116.62)),
    ],
)
def test_what_people_type_is_understood(text: str, limits: tuple[float, float]) -> None:
    volume = ct()
    found = limits_from_text(text, (-160, 240), presets(volume), histogram(volume))

    assert found == pytest.approx(limits)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("max -500", "its limits would be -160 and -500"),
        ("width 0", "its limits would be 40 and 40"),
        ("", "is not understood"),
        ("brightest", "is not understood"),
        ("maximal 3 4", "is not understood"),
        ("full", "no values to count"),
        ("2-98 %", "no values to count"),
        ("98-2 %", "from 98 % to 2 % of the values"),
        ("50-50 %", "from 50 % to 50 %"),
        ("-10-200 %", "from -10 % to 200 %"),
        ("40/1e39", "pictures reach to"),
        ("40/0", "its limits would be 40 and 40"),
    ],
)
def test_what_cannot_be_is_said(text: str, why: str) -> None:
    with pytest.raises(MedVolError, match=why):
        limits_from_text(text, (-160, 240), presets(ct()))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_typed_level_and_width_are_those_of_the_window(function: str) -> None:
    now = Window(40, 400, "", function)

    assert window_from_text("-600/1500", now) == Window(-600, 1500, "", function)
    assert window_from_text("level 100", now) == Window(100, 400, "", function)
    assert window_from_text("w 80", now) == Window(40, 80, "", function)
    low, _ = limits_of_window(now)
    found = window_from_text("max 1000", now)
    assert limits_of_window(found) == pytest.approx((low, 1000))
    assert found.function == function
    bone = window_from_text("bone", now, presets(ct()))
    assert bone == Window(400, 1800, "bone", "LINEAR_EXACT")


def test_full_of_a_sample_is_refused() -> None:
    part = replace(histogram(ct()), n_total=10**9, n_planes_total=900)

    with pytest.raises(MedVolError, match="of 900 slices were read"):
        limits_from_text("full", (0, 1), (), part)
