"""Pictures of scans: upright, in proportion, coloured as the layer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from napari_medvol.arrays import lazy_volume
from napari_medvol.viewer.thumbnails import Thumbnails, thumbnail
from napari_medvol.volume import Axis, Display, Label, Volume, Window
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated

LPS = affine_along("LPS", (1, 1, 1))


def lit(axcodes: str, ends: str, sizes: tuple[float, ...] = (1, 1, 1)) -> Volume:
    """Zeros with 100 in the quarter of every slice that lies towards `ends`, such as "RA"."""
    data = np.zeros((24, 20, 7), np.int16)
    half = []
    for code, n in zip(axcodes, data.shape, strict=True):
        opposite = dict(zip("RLAPSI", "LRPAIS", strict=True))[code]
        towards = code if code in ends else opposite if opposite in ends else ""
        where = slice(None)
        if towards:
            where = slice(n // 2, None) if towards == code else slice(n // 2)
        half.append(where)
    data[tuple(half)] = 100
    return Volume(data, affine_along(axcodes, sizes))


@pytest.mark.parametrize(
    ("axcodes", "ends"),
    [("LPS", "RA"), ("RAS", "RA"), ("LAI", "RA"), ("PLS", "RA"),  # axial slices
     ("LSA", "RS"), ("RIP", "RS"), ("IRA", "RS"),  # coronal
     ("ASL", "AS"), ("PIR", "AS"), ("SPR", "AS")],  # sagittal
)  # fmt: skip
def test_right_or_front_is_left_and_front_or_head_is_up(axcodes: str, ends: str) -> None:
    bright = thumbnail(lit(axcodes, ends))[..., 0] > 128

    rows, columns = np.array(bright.shape) // 2
    assert bright[: rows - 2, : columns - 2].all()
    assert not bright[rows + 2 :].any()
    assert not bright[:, columns + 2 :].any()


def test_pixels_are_square_millimetres() -> None:
    volume = lit("ASL", "AS", (0.5, 2.0, 1.0))  # 12 mm front to back, 40 mm high

    picture = thumbnail(volume, 60)

    assert picture.shape == (60, 18, 4)


def test_an_oblique_volume_is_pictured_in_its_own_plane() -> None:
    volume = Volume(np.ones((9, 30, 20), np.uint8), rotated(LPS, 20))

    assert thumbnail(volume, 30).shape == (30, 9, 4)


def test_the_window_is_that_of_the_layer() -> None:
    data = np.zeros((4, 4, 3), np.int16)
    data[:2], data[2:] = -160, 90
    display = Display(windows=(Window(40, 400),))

    picture = thumbnail(Volume(data, LPS, unit="HU", display=display), 4)

    np.testing.assert_array_equal(picture[0, :, 0], [0, 0, 160, 160])  # (90 + 160) / 399 · 255
    assert (picture[..., 3] == 255).all()


def test_small_values_of_monochrome1_are_bright_and_activity_is_hot() -> None:
    data = np.zeros((4, 4, 3), np.float32)
    data[2:] = 10
    inverted = Volume(data, LPS, display=Display(inverted=True))
    pet = Volume(data, LPS, unit="Bq/ml")

    assert thumbnail(inverted, 4)[0, 0, 0] > 250
    assert thumbnail(inverted, 4)[0, 3, 0] < 5
    half = Volume(np.linspace(0, 10, 48, dtype=np.float32).reshape(4, 4, 3), np.eye(4), unit="SUV")
    red, _, blue, _ = thumbnail(half, 4).reshape(-1, 4).mean(axis=0)
    assert red > blue + 50
    assert thumbnail(pet, 4).shape == (4, 4, 4)


def test_a_large_slice_is_averaged_not_sampled() -> None:
    data = np.zeros((512, 512, 1), np.uint8)
    data[::2] = 200  # every other column

    picture = thumbnail(Volume(data, LPS, display=Display(limits=(0, 200))), 64)

    assert np.abs(picture[..., 0].astype(int) - 127).max() <= 1


def test_colour_complex_and_4d() -> None:
    colour = np.zeros((6, 6, 1, 3), np.uint8)
    colour[..., 2] = 255
    rgb = Volume(colour, np.eye(4), axes=(Axis("rgb"),))
    assert (thumbnail(rgb, 6) == (0, 0, 255, 255)).all()

    waves = np.exp(1j * np.arange(108).reshape(6, 6, 3)) * np.arange(108).reshape(6, 6, 3)
    assert thumbnail(Volume(waves, np.eye(4)), 6).shape == (6, 6, 4)

    frames = np.zeros((6, 6, 3, 5), np.int16)
    frames[:3, ..., 0] = 50
    picture = thumbnail(Volume(frames, LPS, axes=(Axis("t"),)), 6)
    assert picture[0, 0, 0] > 250
    assert picture[0, 5, 0] < 5


def test_labels_have_their_colours_and_the_fullest_slice() -> None:
    data = np.zeros((8, 8, 9), np.uint8)
    data[2:6, 2:6, 8] = 3
    named = (Label(3, "liver", (1.0, 0.0, 0.0, 1.0)),)

    picture = thumbnail(Volume(data, LPS, kind="labels", labels=named), 8)
    assert tuple(picture[4, 4]) == (255, 0, 0, 255)
    assert picture[0, 0, 3] == 0

    plain = thumbnail(Volume(data, LPS, kind="labels"), 8)
    assert plain[4, 4, 3] == 255
    empty = Volume(np.zeros((8, 8, 9), np.uint8), LPS, kind="labels")
    assert not thumbnail(empty, 8)[..., 3].any()


def test_few_planes_are_read() -> None:
    source = ArraySource(np.ones((50, 12, 14), np.int16))

    thumbnail(Volume(lazy_volume(source), LPS))

    assert 25 in source.reads
    assert len(source.reads) <= 5


def taken(thumbnails: Thumbnails, count: int) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    until = time.monotonic() + 5
    while len(found) < count and time.monotonic() < until:
        found += thumbnails.take()
        time.sleep(0.01)
    return found


def test_what_is_wanted_last_is_made_first_and_what_is_no_longer_wanted_is_not_made() -> None:
    volumes = [Volume(np.zeros((1, 1, n + 1)), np.eye(4)) for n in range(9)]
    made: list[int] = []

    def make(volume: Volume) -> Any:
        made.append(volume.shape[2] - 1)
        time.sleep(0.2)
        return np.zeros((1, 1, 4), np.uint8)

    thumbnails = Thumbnails(volumes, make)
    thumbnails.want([0, 1, 2, 3])
    time.sleep(0.1)
    thumbnails.want([7, 8])

    assert [number for number, _ in taken(thumbnails, 3)] == [0, 7, 8]
    thumbnails.close()
    thumbnails.join(5)
    assert made == [0, 7, 8]
    thumbnails.want([4])  # closed: no new thread
    assert thumbnails.take() == []


def test_a_picture_that_fails_does_not_end_the_others() -> None:
    def make(volume: Volume) -> Any:
        if volume.shape[2] == 1:
            raise OSError("the disk is gone")
        return np.zeros((1, 1, 4), np.uint8)

    thumbnails = Thumbnails([Volume(np.zeros((1, 1, n)), np.eye(4)) for n in (1, 2)], make)
    thumbnails.want([0, 1])

    (first, none), (second, picture) = taken(thumbnails, 2)

    assert (first, none) == (0, None)
    assert second == 1
    assert picture is not None
    thumbnails.close()
    thumbnails.join(5)
