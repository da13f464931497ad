"""A copy is numpy's, whatever way the memory of either side runs."""

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from napari_medvol import copying

VALUES = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_SMALL", 0)
    monkeypatch.setattr(copying, "_TILE_NBYTES", 32)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("memory", "CF")
def test_every_turn_is_copied_as_numpy_does(order: Any, memory: Any) -> None:
    for signs in product((1, -1), repeat=3):
        turned = VALUES[tuple(slice(None, None, s) for s in signs)].transpose(order)
        out = np.full(turned.shape, -1, np.float32, order=memory)

        copying.put(turned, out)

        np.testing.assert_array_equal(out, turned)
        assert copying.contiguous(turned).tobytes() == turned.tobytes()


@pytest.mark.parametrize("shape", [(), (3,), (1, 4, 1), (0, 3, 2), (4, 1, 5, 3, 2), (2, 3, 4, 3)])
def test_any_number_of_axes_is_copied(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32).T
    out = np.empty(values.shape, np.float64)

    copying.put(values, out)

    np.testing.assert_array_equal(out, values)
    assert copying.contiguous(values).flags.c_contiguous


def test_what_is_contiguous_is_not_copied() -> None:
    assert copying.contiguous(VALUES) is VALUES
