"""What an operation would lose is what it loses."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.errors import StepError
from napari_medvol.ops import apply
from napari_medvol.views.losses import loss_of
from napari_medvol.volume import Step, Volume

VALUES = np.random.default_rng(4).normal(0, 300, (9, 8, 7)).astype(np.float32)


def test_what_is_clipped_is_what_numpy_clips() -> None:
    volume = Volume(VALUES, np.eye(4))
    step = Step("clip", {"low": -100.0, "high": 250.0})

    loss = loss_of(volume, step)

    assert loss.clipped == int((np.asarray(apply(volume, [step]).data) != VALUES).sum())
    assert loss.rounded == 0
    assert (loss.low, loss.high) == (float(VALUES.min()), float(VALUES.max()))


def test_rounding_counts_every_value_that_changes() -> None:
    volume = Volume(VALUES, np.eye(4))

    loss = loss_of(volume, Step("round_values"))

    assert loss.rounded == int((np.rint(VALUES) != VALUES).sum())
    assert loss.clipped == 0


def test_a_window_clips_what_lies_outside_it() -> None:
    whole = np.arange(-1000, 1000).reshape(20, 10, 10).astype(np.int16)
    volume = Volume(whole, np.eye(4))

    loss = loss_of(volume, Step("window", {"center": 40.0, "width": 400.0}))

    assert loss.clipped == int(((whole < -160) | (whole > 239)).sum())
    # 400 values on 256 greys: the ends are exact, and wherever both steps meet.
    exact = {round(grey * 399 / 255, 9) for grey in range(256)}
    kept = sum(float(n) in exact for n in range(400))
    assert loss.rounded == 400 - kept


def test_a_type_that_cannot_hold_the_values_is_told_before_it_is_refused() -> None:
    volume = Volume(np.array([-5, 0, 255, 300]).reshape(4, 1, 1), np.eye(4))
    step = Step("astype", {"dtype": "uint8"})

    assert loss_of(volume, step).clipped == 2
    with pytest.raises(StepError):
        apply(volume, [step])


def test_float32_of_int16_loses_nothing_and_says_so() -> None:
    volume = Volume(np.arange(-60, 60, dtype=np.int16).reshape(4, 5, 6), np.eye(4))

    loss = loss_of(volume, Step("astype", {"dtype": "float32"}))

    assert str(loss) == "Values -60 to 59; nothing is lost"


def test_what_is_no_number_is_counted_apart() -> None:
    values = VALUES.copy()
    values[0, 0, :3] = np.nan, np.inf, -np.inf
    loss = loss_of(Volume(values, np.eye(4)), Step("rescale", {}))

    assert loss.undefined == 3
    assert loss.clipped == 0
    assert "3 undefined" in str(loss)
