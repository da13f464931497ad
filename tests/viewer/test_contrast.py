from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medvol.arrays import lazy_volume
from napari_medvol.viewer.contrast import (
    colours,
    contrast_limits,
    contrast_reach,
    known_colormap,
    limits_of,
)
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Axis, Display, Volume, Window
from tests.phantoms.sources import ArraySource


def limits(data: Any, **display: Any) -> tuple[float, float]:
    return contrast_limits(Volume(data, np.eye(4), display=Display(**display)))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 10, (20, 21, 22)).astype(np.float32)


def test_the_limits_of_the_file_come_first(noise: np.ndarray) -> None:
    windows = (Window(40, 400), Window(-600, 1500))

    assert limits(noise, limits=(5, 7), windows=windows) == (5, 7)
    # PS3.3 C.11.2.1.2.1: a window of 400 values ends 399 above its beginning.
    assert limits(noise, windows=windows) == (-160, 239)


@pytest.mark.parametrize("bad", [(7.0, 5.0), (3.0, 3.0), (float("nan"), 1.0)])
def test_limits_that_are_no_range_are_passed_over(
    noise: np.ndarray, bad: tuple[float, float]
) -> None:
    assert limits(noise, limits=bad, windows=(Window(40, 0),)) == limits(noise)


def test_percentiles_leave_out_the_few_extremes(noise: np.ndarray) -> None:
    noise[3, 4, 11] = 1e6

    low, high = limits(noise)

    assert 60 < low < 90
    assert 110 < high < 140


def test_padding_and_what_is_not_finite_do_not_count(noise: np.ndarray) -> None:
    padded = noise.copy()
    padded[:10] = -2000
    broken = noise.copy()
    broken[:5] = np.nan
    broken[5] = np.inf

    assert limits(padded, padding=(-2000, -2000))[0] > 60
    assert limits(padded)[0] == -2000
    assert limits(broken)[0] > 60
    assert np.isfinite(limits(broken)).all()


@pytest.mark.parametrize("value", [0, -1024, 1e9, 1e-9])
def test_constant_data_get_a_range_nevertheless_and_what_is_above_nothing_is_seen(
    value: float,
) -> None:
    low, high = limits(np.full((4, 5, 6), value, np.float64))

    assert (high if value > 0 else low) == pytest.approx(value)
    assert high > low
    assert high - low >= abs(low) * 1e-6


@pytest.mark.parametrize("data", [np.full((3, 4, 5), np.nan), np.zeros((3, 4, 0))])
def test_data_without_a_value_get_a_range_nevertheless(data: np.ndarray) -> None:
    assert limits(data) == (0, 1)


def test_a_small_bright_spot_in_air_is_not_lost() -> None:
    data = np.zeros((40, 40, 9), np.int16)
    data[20, 20, 4] = 700

    assert limits(data) == (0, 700)


def test_air_in_the_middle_makes_it_look_further() -> None:
    source = ArraySource(np.zeros((16, 20, 22), np.int16))
    source.planes[10] = np.arange(440).reshape(20, 22)

    assert contrast_limits(Volume(lazy_volume(source), np.eye(4)))[1] > 400


def test_few_planes_are_read() -> None:
    source = ArraySource(np.random.default_rng(1).normal(size=(60, 20, 22)).astype(np.float32))

    contrast_limits(Volume(lazy_volume(source), np.eye(4)))

    assert len(source.reads) == 3


def test_of_a_compressed_stream_no_more_is_read_than_the_first_picture_needs() -> None:
    class Stream(ArraySource):
        position = 0

        def read_plane(self, number: int, out: np.ndarray) -> None:
            super().read_plane(number, out)
            self.position = number + 1

        def rewind(self) -> None:
            self.position = 0

    source = Stream(np.random.default_rng(1).normal(size=(60, 8, 9)).astype(np.float32))

    contrast_limits(Volume(lazy_volume(source), np.eye(4)))

    assert max(source.reads) == 30
    assert source.position == 31


def test_statistics_are_symmetric_around_zero() -> None:
    assert limits_of(np.array([-1.0, 0, 5]), diverging=True) == pytest.approx((-4.98, 4.98), 0.02)


def test_colour_and_parts_of_complex_values_have_their_own_limits() -> None:
    colour = np.zeros((2, 2, 2, 3), np.uint8)
    waves = np.full((3, 3, 3), 3 + 4j)
    waves[0] = 0

    assert contrast_limits(Volume(colour, np.eye(4), axes=(Axis("rgb"),))) == (0, 255)
    assert contrast_limits(Volume(waves, np.eye(4)), "magnitude") == (0, 5)
    assert contrast_limits(Volume(waves, np.eye(4)), "phase") == (-np.pi, np.pi)


@pytest.mark.parametrize(
    ("display", "unit", "name"),
    [
        (Display(), "", "gray"),
        (Display(inverted=True), "", "gray_r"),
        (Display(diverging=True), "", "PiYG"),
        (Display(colormap="Magma"), "", "magma"),
        (Display(colormap="no such map"), "", "gray"),
        (Display(), "Bq/ml", "hot"),
        (Display(inverted=True), "SUV", "gray_r"),
    ],
)
def test_the_colormap_follows_what_the_values_are(display: Display, unit: str, name: str) -> None:
    volume = Volume(np.zeros((2, 2, 2)), np.eye(4), display=display, unit=unit)

    assert colours(volume)["colormap"] == name


@pytest.mark.parametrize("name", ["Hot", "HSV", "Gray_R", "bone"])
def test_names_of_colormaps_are_known_whatever_their_case(name: str) -> None:
    from napari.utils.colormaps import ensure_colormap

    known = known_colormap(name)

    assert known.lower() == name.lower() if known else name == "bone"
    if known:
        ensure_colormap(known)


@pytest.mark.parametrize(
    ("data", "unit", "reach"),
    [
        (np.zeros((3, 3, 3), np.int16), "HU", (-1024, 3071)),
        (np.arange(27, dtype=np.uint8).reshape(3, 3, 3) * 9, "", (0, 255)),
        (np.linspace(-1, 1, 27).reshape(3, 3, 3), "", (-1.5, 2.0)),
        (np.full((3, 3, 3), np.nan), "", (-260, 440)),
    ],
)
def test_the_sliders_reach_beyond_the_first_window(
    data: np.ndarray, unit: str, reach: tuple[float, float]
) -> None:
    volume = Volume(data, np.eye(4), unit=unit, display=Display(windows=(Window(40, 400),)))

    low, high = contrast_reach(volume, (-160.0, 240.0))

    assert (low, high) == (min(reach[0], -160), max(reach[1], 240))


def test_napari_lets_the_user_go_that_far() -> None:
    data = np.zeros((4, 4, 4), np.int16)
    volume = Volume(data, np.eye(4), unit="HU", display=Display(windows=(Window(40, 400),)))

    (layer,) = show(ViewerModel(), [volume])

    assert layer.contrast_limits == [-160, 239]
    assert layer.contrast_limits_range == [-1024, 3071]
