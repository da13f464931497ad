"""Steps are applied as they were recorded."""

import numpy as np
import pytest

from napari_medvol import OPERATIONS, Recipe, Step, Volume, affines, apply
from napari_medvol.errors import StepError
from napari_medvol.recipe import KEEPS_WORLD


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
        (Step("melt"), "no operation has this name. Known: crop, orient, relabel"),
        (Step("crop", {"start": (0, 0, 0)}), "missing a required argument: 'stop'"),
        (Step("orient", {"axcode": "RAS"}), "unexpected keyword argument 'axcode'"),
        (Step("edit", {"layer": "CT"}), "made by hand"),
    ],
)
def test_a_step_that_cannot_be_applied_is_refused(step: Step, why: str) -> None:
    with pytest.raises(StepError, match=why):
        apply(_volume(), [step])


def _example(name: str) -> Step:
    params = {
        "crop": {"start": (0, 1, 1), "stop": (2, 3, 4)},
        "orient": {"axcodes": "PIR"},
        "relabel": {"axcodes": "LAS"},
        "move": {"matrix": np.diag([1.0, 1, 1, 1]).tolist()},
        "set_origin": {"origin": (1.0, 2.0, 3.0)},
        "align_centres": {"centre": (1.0, 2.0, 3.0)},
    }
    return Step(name, params[name])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_leaves_its_input_adds_one_step_and_replays(name: str) -> None:
    volume = _volume()
    before = (np.array(volume.data), np.array(volume.affine))

    made = apply(volume, [_example(name)])
    again = apply(_volume(), made.history)

    np.testing.assert_array_equal(volume.data, before[0])
    np.testing.assert_array_equal(volume.affine, before[1])
    assert [step.op for step in made.history] == [name]
    assert np.asarray(again.data).tobytes() == np.asarray(made.data).tobytes()
    assert again.affine.tobytes() == made.affine.tobytes()
    assert (
        Recipe.from_toml(Recipe(made.history).to_toml()).to_toml()
        == Recipe(made.history).to_toml()
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_said_to_keep_world_keeps_it(name: str) -> None:
    volume = _volume()
    made = apply(volume, [_example(name)])
    back = np.linalg.inv(volume.affine) @ made.affine
    index = np.argwhere(np.ones(made.shape[:3], bool))
    before = affines.apply_affine(back, index)

    kept = False
    if np.allclose(before, before.round()):
        i, j, k = before.round().astype(int).T
        inside = ((before >= 0) & (before < volume.shape)).all()
        kept = bool(inside) and np.array_equal(
            np.asarray(made.data)[tuple(index.T)], np.asarray(volume.data)[i, j, k]
        )

    # The example of `move` stands still; it is said to move all the same.
    assert kept == (name in KEEPS_WORLD or name == "move")
