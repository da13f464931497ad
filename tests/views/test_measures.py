from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.errors import MedVolError
from napari_medvol.views.measures import angle, area, length


def test_a_length_is_that_of_the_path() -> None:
    assert length([(0, 0, 0), (3, 4, 0)]) == pytest.approx(5)
    assert length([(0, 0, 0), (3, 4, 0), (3, 4, 12)]) == pytest.approx(17)


@pytest.mark.parametrize("degrees", [0.001, 30, 90, 135, 179.999])
def test_an_angle_is_the_one_that_was_drawn(degrees: float) -> None:
    turn = np.radians(degrees)
    ends = np.array([(7, 0, 0), (0, 0, 0), (3 * np.cos(turn), 3 * np.sin(turn), 0)])
    tilted = ends @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] + (10, -20, 30)

    assert angle(tilted) == pytest.approx(degrees, abs=1e-9)


def test_too_few_points_or_no_arm_is_said() -> None:
    with pytest.raises(MedVolError, match="at least 2 points"):
        length([(0, 0, 0)])
    with pytest.raises(MedVolError, match="at least 3 points"):
        angle([(0, 0, 0), (1, 1, 1)])
    with pytest.raises(MedVolError, match="an arm has no length"):
        angle([(0, 0, 0), (0, 0, 0), (1, 1, 1)])


def test_an_area_is_that_of_the_outline_however_it_is_tilted() -> None:
    bent = np.array([(0, 0, 0), (4, 0, 0), (4, 3, 0), (2, 1, 0), (0, 3, 0)])
    tilted = bent @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] + (1, 2, 3)

    assert area(tilted) == pytest.approx(12 - 4)
    with pytest.raises(MedVolError, match="at least 3 points"):
        area(tilted[:2])
