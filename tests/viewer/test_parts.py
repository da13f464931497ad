from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.arrays import lazy_volume
from napari_medvol.viewer.parts import PartOfComplex
from tests.phantoms.sources import ArraySource


@pytest.mark.parametrize(("given", "held"), [("complex64", "float32"), ("complex128", "float64")])
def test_parts_are_computed_plane_by_plane_in_the_precision_of_the_values(
    given: str, held: str
) -> None:
    random = np.random.default_rng(0)
    values = (random.normal(size=(9, 20, 22)) + 1j * random.normal(size=(9, 20, 22))).astype(given)
    source = ArraySource(values)
    lazy = lazy_volume(source).T
    magnitude, phase = PartOfComplex(lazy, "magnitude"), PartOfComplex(lazy, "phase")

    plane = magnitude[4]

    assert set(source.reads) == {4}
    assert plane.dtype == np.dtype(held)
    np.testing.assert_allclose(plane, np.abs(values[4]), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(phase), np.angle(values), rtol=1e-5)
    assert (magnitude.shape, magnitude.ndim, len(magnitude)) == (values.shape, 3, 9)
    assert magnitude.size == values.size


def test_numpy_gets_a_copy_or_an_error() -> None:
    part = PartOfComplex(np.ones((2, 3, 4), np.complex64), "magnitude")

    assert np.asarray(part, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        part.__array__(copy=False)  # what numpy 2 calls for asarray(copy=False)
