from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.colormap import Colormap, Stop, colormap_of
from napari_medvol.errors import MedVolError

RAMP = colormap_of("ramp", [[0, 0, 0, 0], [1, 0.5, 0, 0.4], [1, 1, 1, 1]])


def test_colours_between_stops_are_what_numpy_interpolates() -> None:
    shares = np.linspace(-0.2, 1.2, 57)

    table = np.array(RAMP.stops)
    expected = [np.interp(shares, table[:, 0], table[:, c]) for c in range(1, 5)]
    np.testing.assert_allclose(RAMP.colors(shares), np.stack(expected, axis=-1))


def test_two_stops_at_one_place_make_a_step() -> None:
    step = Colormap(
        "step", (Stop(0, 0, 0, 0), Stop(0.5, 0, 0, 0), Stop(0.5, 1, 0, 0), Stop(1, 1, 0, 0))
    )

    np.testing.assert_array_equal(step.colors([0.0, 0.499, 0.5, 1.0])[:, 0], [0, 0, 1, 1])


def test_a_shape_of_shares_is_kept_and_a_single_share_is_one_colour() -> None:
    assert RAMP.colors(np.zeros((3, 2))).shape == (3, 2, 4)
    np.testing.assert_allclose(RAMP.colors(0.5), [1, 0.5, 0, 0.4])


def test_reversed_gives_the_colours_from_the_other_end() -> None:
    shares = np.linspace(0, 1, 11)

    np.testing.assert_allclose(RAMP.reversed().colors(shares), RAMP.colors(1 - shares))


@pytest.mark.parametrize(
    ("stops", "why"),
    [
        ((Stop(0, 0, 0, 0),), "it has 1 points"),
        ((Stop(0, 0, 0, 0), Stop(0.9, 1, 1, 1)), "do not ascend from 0 to 1: 0, 0.9"),
        ((Stop(0, 0, 0, 0), Stop(0.6, 0, 0, 0), Stop(0.5, 0, 0, 0), Stop(1, 1, 1, 1)), "ascend"),
        ((Stop(0, 0, 0, 0), Stop(1, 1, 2, 1)), "its colours reach from 0 to 2"),
        ((Stop(0, 0, 0, 0), Stop(1, 1, float("nan"), 1)), "not finite"),
    ],
)
def test_a_map_that_leads_nowhere_is_refused(stops: tuple[Stop, ...], why: str) -> None:
    with pytest.raises(MedVolError, match=why):
        Colormap("mine", stops)
