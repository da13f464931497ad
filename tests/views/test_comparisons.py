from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.views.comparisons import Checkered, Difference, Swiped

ONES = np.ones((6, 8, 10), np.float32)


@pytest.mark.parametrize("index", [(2,), (slice(2, 3),), (4, slice(None, None, 2)), (-1,)])
def test_tiles_alternate_within_a_slice_and_stay_from_slice_to_slice(index: tuple) -> None:
    plane = Checkered(ONES, (2, 3, 4))[index].squeeze()

    expected = (np.indices((8, 10)) // np.array([3, 4])[:, None, None]).sum(axis=0) % 2 == 1
    expected = expected[index[1]] if len(index) > 1 else expected
    np.testing.assert_array_equal(~np.isnan(plane), expected)


def test_across_any_axis_the_tiles_are_those_of_the_other_two() -> None:
    array = Checkered(ONES, (2, 3, 4))

    sagittal = array[:, :, 7]
    expected = (np.indices((6, 8)) // np.array([2, 3])[:, None, None]).sum(axis=0) % 2 == 1
    np.testing.assert_array_equal(~np.isnan(sagittal), expected)


@pytest.mark.parametrize("make", [lambda d: Checkered(d, (2, 2, 2)), lambda d: Swiped(d, 0.5)])
def test_what_is_hidden_is_nan_or_background_and_the_rest_untouched(make) -> None:
    labels = np.arange(480, dtype=np.int32).reshape(6, 8, 10) + 1
    seen = make(labels)[3]
    whole = np.asarray(make(labels))

    assert (seen == 0).any()
    np.testing.assert_array_equal(seen[seen != 0], labels[3][seen != 0])
    assert whole.shape == labels.shape
    np.testing.assert_array_equal(make(ONES.astype(int))[...], make(ONES.astype(int))[:, :, :])


def test_a_wipe_moves_from_the_left_or_from_the_top() -> None:
    vertical, horizontal = Swiped(ONES, 0.3), Swiped(ONES, 0.25, is_vertical=False)

    np.testing.assert_array_equal(np.isnan(vertical[1]).sum(axis=1), np.full(8, 3))
    assert np.isnan(vertical[1, :, :3]).all()
    np.testing.assert_array_equal(np.isnan(horizontal[1]).sum(axis=0), np.full(10, 2))
    assert np.isnan(Swiped(ONES, 0.3)[:, :, 5][:, :2]).all()
    assert not np.isnan(Swiped(ONES, 0.0)[1]).any()
    assert np.isnan(Swiped(ONES, 1.0)[1]).all()


def test_frames_come_first_and_share_the_mask() -> None:
    frames = np.ones((3, 6, 8, 10), np.float32)

    seen = Checkered(frames, (2, 2, 2), n_extra=1)[:, 3]

    np.testing.assert_array_equal(np.isnan(seen[0]), np.isnan(seen[2]))
    assert Swiped(frames, 0.5, n_extra=1)[1, 2].shape == (8, 10)


def test_a_brush_reads_and_writes_the_labels_behind() -> None:
    labels = np.zeros((6, 8, 10), np.uint8)
    array = Checkered(labels, (2, 2, 2))
    place = (np.array([1, 2]), np.array([0, 3]), np.array([0, 0]))

    array[place] = 7

    np.testing.assert_array_equal(array[place], [7, 7])
    assert labels.sum() == 14


def test_a_difference_is_numpys_for_any_part_of_it() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 255, (3, 6, 8, 10)).astype(np.uint8)
    other = rng.integers(-99, 99, (6, 8, 10)).astype(np.int16)
    array = Difference(one, other)

    expected = one.astype(np.float64) - other
    assert array.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(array), expected)
    for index in [(1, 2), (..., 3), (0, slice(2, 4), 5), (slice(None), 1, slice(None), 4), 2]:
        np.testing.assert_array_equal(array[index], expected[index])


def test_two_grids_have_no_difference() -> None:
    with pytest.raises(ValueError, match="cannot be taken from"):
        Difference(ONES, np.ones((6, 8, 9)))


def test_lazy_values_never_pretend_to_be_numpy() -> None:
    for array in (Checkered(ONES, (1, 1, 1)), Difference(ONES, ONES)):
        with pytest.raises(ValueError, match="without a copy"):
            np.asarray(array, copy=False)
