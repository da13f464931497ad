"""Lazy arrays in the hands of people who think that they are numpy's."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_medvol.arraylike import ArrayLike
from napari_medvol.arrays import LazyArray, lazy_volume
from napari_medvol.reslice import ReslicedArray
from tests.phantoms.sources import ArraySource

VALUES = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)


@pytest.fixture
def lazy() -> LazyArray:
    """Return VALUES as (k, j, i) planes, indexed (i, j, k)."""
    return lazy_volume(ArraySource(VALUES))


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a * 2 + 1,
        lambda a: 2 - a,
        lambda a: -a,
        lambda a: a > 7,
        lambda a: (a > 7) & (a < 20),
        lambda a: a == 7,
        np.sqrt,
        np.max,
        lambda a: np.add(a, a),
        lambda a: np.add.reduce(a, axis=0),
        lambda a: a.min(),
        lambda a: a.max(axis=1),
        lambda a: a.mean(),
        lambda a: a.std(),
        lambda a: a.sum(axis=(0, 1)),
        lambda a: a.any(),
        lambda a: a.all(),
        lambda a: a.astype(np.float64),
        lambda a: a.ravel(),
        lambda a: a.copy(),
        lambda a: a[a > 30],
    ],
)
def test_what_numpy_arrays_do_lazy_arrays_do(lazy: LazyArray, use: Callable[[Any], Any]) -> None:
    expected = use(VALUES.T)

    result = use(lazy)

    np.testing.assert_array_equal(result, expected)
    assert np.asarray(result).dtype == np.asarray(expected).dtype


def test_a_copy_is_ones_own(lazy: LazyArray) -> None:
    own = lazy.copy()
    own[:] = 0

    assert lazy.max() == VALUES.max()


def test_nothing_is_written_through(lazy: LazyArray) -> None:
    with pytest.raises(TypeError):
        lazy += 1
    with pytest.raises(TypeError):
        np.add(lazy, 1, out=(lazy,))  # type: ignore[call-overload]
    np.testing.assert_array_equal(lazy, VALUES.T)


def test_copies_are_the_same_array_and_pickles_are_plain_ones(lazy: LazyArray) -> None:
    assert copy.deepcopy({"data": lazy})["data"] is lazy
    assert copy.copy(lazy) is lazy

    back = pickle.loads(pickle.dumps(lazy))

    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, VALUES.T)


def test_both_kinds_of_lazy_array_behave_so() -> None:
    assert issubclass(LazyArray, ArrayLike)
    assert issubclass(ReslicedArray, ArrayLike)
