"""Steps are applied as they were recorded."""

import numpy as np
import pytest

from napari_medvol import OPERATIONS, Step, Volume, apply
from napari_medvol.errors import StepError


def _volume() -> Volume:
    return Volume(np.arange(60).reshape(3, 4, 5), np.diag([1.0, 2, 3, 1]))


def test_a_history_replays_to_the_same_bytes() -> None:
    steps = [
        Step("orient", {"axcodes": "PIR"}),
        Step("crop", {"start": (0, 1, 0), "stop": (2, 3, 3)}),
    ]
    first = apply(_volume(), steps)

    again = apply(_volume(), first.history)

    assert np.asarray(again.data).tobytes() == np.asarray(first.data).tobytes()
    assert again.affine.tobytes() == first.affine.tobytes()
    assert again.history == first.history


def test_the_name_of_every_operation_is_the_op_of_its_step() -> None:
    for name, operation in OPERATIONS.items():
        assert operation.__name__ == name


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Step("melt"), "no operation has this name. Known: crop, orient"),
        (Step("crop", {"start": (0, 0, 0)}), "missing a required argument: 'stop'"),
        (Step("orient", {"axcode": "RAS"}), "unexpected keyword argument 'axcode'"),
        (Step("edit", {"layer": "CT"}), "made by hand"),
    ],
)
def test_a_step_that_cannot_be_applied_is_refused(step: Step, why: str) -> None:
    with pytest.raises(StepError, match=why):
        apply(_volume(), [step])
