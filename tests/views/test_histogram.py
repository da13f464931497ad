from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.arrays import LazyArray, lazy_volume
from napari_medvol.views.histogram import histogram
from napari_medvol.volume import Axis, Display, Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, numbered


def of(data: np.ndarray, **more: object) -> Volume:
    axes = tuple(Axis("t") for _ in range(data.ndim - 3))
    return Volume(data, affine_along("LPS"), axes=axes, **more)


def test_a_small_scan_is_counted_whole_as_numpy_counts_it() -> None:
    data = np.random.default_rng(0).normal(100, 30, (20, 21, 22)).astype(np.float32)
    found = histogram(of(data), 64)

    counts, edges = np.histogram(data, 64)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.edges, edges, atol=1e-5)
    assert (found.lowest, found.highest) == (data.min(), data.max())
    for percent in (0.5, 2, 50, 98, 99.5):
        assert found.percentile(percent) == pytest.approx(np.percentile(data, percent), abs=0.2)
    assert found.is_whole
    assert str(found) == "all 9,240 voxels"


def test_integers_are_never_split_unevenly() -> None:
    data = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    found = histogram(of(data), 256)

    assert found.counts.sum() == 1000
    assert set(found.counts.tolist()) == {4}


def test_a_large_scan_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_medvol.views.histogram._QUICK", 5_000)
    monkeypatch.setattr("napari_medvol.views.histogram._QUICK_PLANES", 8)
    values = np.random.default_rng(0).gamma(3, 50, (40, 60, 60)).astype(np.float32)
    source = ArraySource(values, 1)
    volume = of(lazy_volume(source).transpose(0, 1, 2))
    found = histogram(volume)

    assert isinstance(volume.data, LazyArray)
    assert not found.is_whole
    assert found.n_read <= 5_000 * 1.5
    assert found.n_total == 40 * 60 * 60
    assert str(found) == f"{found.n_read:,} of 144,000 voxels, from 8 of 40 slices"
    assert found.percentile(50) == pytest.approx(np.percentile(values, 50), rel=0.1)


def test_read_whole_a_large_scan_is_counted_to_the_last_voxel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_medvol.views.histogram._QUICK", 2_000)
    values = np.random.default_rng(0).normal(0, 50, (30, 31, 32)).astype(np.float32)
    values[3, 4, 5] = 5000
    told: list[tuple[int, int]] = []
    found = histogram(of(values), 100, whole=True, progress=lambda *now: told.append(now))

    np.testing.assert_array_equal(found.counts, np.histogram(values, 100)[0])
    assert found.highest == 5000
    assert found.is_whole
    assert told[-1][0] == told[-1][1] == len(told)
    assert found.percentile(50) == pytest.approx(np.median(values), abs=3)


def test_padding_and_what_is_not_finite_do_not_count() -> None:
    data = np.full((4, 5, 6), np.nan, np.float32)
    data[0] = 7
    data[1, 0, 0] = np.inf
    data[2] = -2000
    found = histogram(of(data, display=Display(padding=(-2000, -2000))))

    assert found.counts.sum() == 30
    assert (found.lowest, found.highest) == (7, 7)
    assert found.n_left_out == 120 - 30
    assert "90 without a value" in str(found)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_one_value_everywhere_has_a_bin(value: float) -> None:
    for dtype in (np.float32, np.int16, np.float64):
        found = histogram(of(np.full((3, 3, 3), value, dtype)))

        assert found.counts.sum() == 27
        assert found.between(2, 98) == (value, value)


@pytest.mark.parametrize("data", [np.full((2, 2, 2), np.nan), np.empty((0, 2, 2))])
def test_a_scan_without_values_has_an_empty_histogram(data: np.ndarray) -> None:
    found = histogram(of(data))

    assert found.counts.sum() == 0
    assert np.isnan(found.percentile(50))


def test_every_frame_bool_and_complex_count() -> None:
    four = numbered((3, 4, 5, 6))
    assert histogram(four).counts.sum() == 360
    flags = histogram(of(np.eye(3, dtype=bool)[..., np.newaxis]))
    np.testing.assert_array_equal(flags.counts, [6, 3])
    assert histogram(of(np.full((2, 2, 2), 3 + 4j))).highest == 5.0
