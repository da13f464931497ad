"""Steps are applied as they were recorded."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import pytest

from napari_medvol import OPERATIONS, Axis, Recipe, Step, Volume, apply, read
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


def example(name: str) -> Step:
    params = {
        "crop": {"start": (0, 1, 1), "stop": (2, 3, 4)},
        "orient": {"axcodes": "PIR"},
        "relabel": {"axcodes": "LAS"},
        "forget_qform": {},
        "move": {"matrix": np.diag([1.0, 1, 1, 1]).tolist()},
        "set_origin": {"origin": (1.0, 2.0, 3.0)},
        "align_centres": {"centre": (1.0, 2.0, 3.0)},
        "resample": {"shape": (2, 3, 2), "affine": np.diag([2.0, 2, 2, 1]).tolist()},
        "resize": {"zooms": (2.0, 2.0, 2.0)},
        "downsample": {"factors": (2, 1, 2)},
        "world_aligned": {},
        "astype": {"dtype": "float32"},
        "round_values": {},
        "scale": {"slope": 0.5, "intercept": 3.0},
        "rescale": {"low": 10.0, "high": 50.0},
        "window": {"center": 30.0, "width": 20.0},
        "clip": {"low": 10.0},
        "part": {"part": "phase"},
        "as_kind": {"kind": "labels"},
        "frames": {"start": 1},
        "frame": {"index": 1},
        "over_frames": {"how": "sd"},
        "slab": {"axis": 1, "n": 2},
    }
    return Step(name, params[name])


def fitting(name: str) -> Volume:
    """Return a volume that the operation takes."""
    volume = _volume()
    if name in ("frames", "frame", "over_frames"):
        series = np.arange(120).reshape(3, 4, 5, 2)
        return replace(volume, data=series, axes=(Axis("t", 2.0, "s"),))
    if name == "forget_qform":
        return replace(volume, native=_with_both_forms())
    return replace(volume, data=volume.data * (1 + 2j)) if name == "part" else volume


def _with_both_forms() -> object:
    """Return the header of a NIfTI file that says both where its voxels lie."""
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
    for set_form in (image.set_sform, image.set_qform):
        set_form(np.diag([1.0, 2, 3, 1]), 1)
    with TemporaryDirectory() as folder:
        nib.save(image, f"{folder}/scan.nii")
        (volume,) = read(f"{folder}/scan.nii")
    return volume.native


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_leaves_its_input_adds_one_step_and_replays(name: str) -> None:
    volume = fitting(name)
    before = (np.array(volume.data), np.array(volume.affine))

    made = apply(volume, [example(name)])
    again = apply(fitting(name), made.history)

    np.testing.assert_array_equal(volume.data, before[0])
    np.testing.assert_array_equal(volume.affine, before[1])
    assert [step.op for step in made.history] == [name]
    assert np.asarray(again.data).tobytes() == np.asarray(made.data).tobytes()
    assert again.affine.tobytes() == made.affine.tobytes()
    assert (
        Recipe.from_toml(Recipe(made.history).to_toml()).to_toml()
        == Recipe(made.history).to_toml()
    )


def test_only_these_move_a_voxel_in_world() -> None:
    assert set(OPERATIONS) - KEEPS_WORLD == {"relabel", "move", "set_origin", "align_centres"}
