"""Whatever a recipe says, a person reads a sentence: what, why with the value, what to try."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import pytest

from napari_medvol import OPERATIONS, Axis, Step, Volume, apply
from napari_medvol.errors import StepError
from napari_medvol.ops import chunks
from tests.ops.test_apply import example, fitting

SLIPS: list[Any] = [
    "x", "", None, [], [1], ["a", "b", "c"], {"a": 1}, float("nan"), float("inf"), -1, 0, 1.5,
    1e300, 10**30, True, [float("nan")] * 3, [[1, 2], [3, 4]], [-1, -1, -1], b"q", 1 + 2j,
]  # fmt: skip

CT = Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1.0, 2, 3, 1]), name="CT")
REAL = Volume(np.linspace(0, 1, 60).reshape(3, 4, 5), CT.affine, name="CT")
BOLD = Volume(np.zeros((3, 4, 5, 6)), CT.affine, (Axis("t", 2.0, "s"),), name="CT")
LABELS = Volume(
    np.arange(60, dtype=np.uint8).reshape(3, 4, 5), CT.affine, kind="labels", name="CT"
)
NAN = [[float("nan")] * 4] * 4
COMPLEX = Volume(BOLD.data + 1j, CT.affine, BOLD.axes, name="CT")
TINY = np.diag([1e-30, 1e-30, 1e-30, 1.0]).tolist()
FLAT = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_slip_in_a_parameter_is_a_sentence_or_harmless(name: str) -> None:
    for parameter in list(signature(OPERATIONS[name]).parameters)[1:]:
        for slip in SLIPS if parameter != "progress" else ():
            refusal = _refusal(name, {**example(name).params, parameter: slip})
            assert refusal is None or refusal.fix, f"{slip!r}: nothing to try in {refusal}"


def _refusal(name: str, params: dict[str, Any]) -> StepError | None:
    try:
        apply(fitting(name), [Step(name, params)])
    except StepError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("volume", "step", "why"),
    [
        (CT, Step("crop", {"start": (1, 1, 1), "stop": (1, 3, 3)}), "1:1, 1:3, 1:3 is empty"),
        (CT, Step("crop", {"start": (9, 9, 9), "stop": (12, 12, 12)}), "9:12.* 3 × 4 × 5"),
        (CT, Step("crop", {"start": (2, 0, 0), "stop": (1, 4, 5)}), "2:1, 0:4, 0:5 is empty"),
        (CT, Step("crop", {"start": 3, "stop": (1, 4, 5)}), "start is 3, not three whole numbers"),
        (CT, Step("move", {"matrix": FLAT}), "the matrix.*singular"),
        (CT, Step("move", {"matrix": NAN}), "the matrix.*not finite"),
        (CT, Step("resample", {"shape": (3, 3, 3), "affine": FLAT}), "the affine.*singular"),
        (CT, Step("resample", {"shape": (3, 3, 3), "affine": NAN}), "the affine.*not finite"),
        (CT, Step("orient", {"axcodes": "RRA"}), "'RRA' does not name each of right/left"),
        (CT, Step("relabel", {"axcodes": "RRA"}), "'RRA' does not name"),
        (CT, Step("resize", {"zooms": (0, 1, 1)}), r"\(0, 1, 1\) is no voxel size"),
        (CT, Step("resize", {"zooms": (-2, 1, 1)}), r"\(-2, 1, 1\) is no voxel size"),
        (CT, Step("resize", {"zooms": float("nan")}), "nan is no voxel size"),
        (CT, Step("world_aligned", {"zooms": -1}), "-1 is no voxel size"),
        (CT, Step("resize", {"zooms": 1e-3}), r"3000 × 8000 × 15000 int16, would take 671 GiB"),
        (
            CT,
            Step("resample", {"shape": (4800, 4800, 4700), "affine": np.eye(4).tolist()}),
            "4800 × 4800 × 4700 int16, would take 202 GiB; .* GiB are allowed",
        ),
        (
            CT,
            Step("resample", {"shape": (10**13, 1, 1), "affine": np.eye(4).tolist()}),
            "would take 1.86e\\+04 GiB",
        ),
        (CT, Step("slab", {"axis": 3, "n": 1}), "axis 3 do not fit the shape"),
        (CT, Step("slab", {"axis": -1, "n": 1}), "axis -1 do not fit the shape"),
        (CT, Step("slab", {"axis": 0, "n": 0}), "0 planes every 0 along axis 0"),
        (
            REAL,
            Step("resample", {"shape": (3, 3, 3), "affine": np.eye(4).tolist(),
                              "interpolation": "majority"}),
            "majority is for labels; float64 values are none",
        ),
        (
            CT,
            Step("resample", {"shape": (3, 3, 3), "affine": np.eye(4).tolist(), "outside": 1e6}),
            r"outside is 1e\+06, which int16 \(-32768 to 32767\) cannot hold",
        ),
        (BOLD, Step("frames", {"start": 4, "stop": 2}), "4:2:1 of 6 leaves nothing"),
        (BOLD, Step("frames", {"start": "two"}), "start is 'two', no whole number"),
        (BOLD, Step("frame", {"index": 6}), "no frame 6 among 6"),
        (BOLD, Step("over_frames", {"axis": "echo"}), "no axis 'echo'. Its axes: 't'"),
        (CT, Step("frames", {}), "no axis 't'. Its axes: none"),
        (CT, Step("part", {"part": "phase"}), "int16 values are not complex"),
        (LABELS, Step("over_frames", {}), "no axis 't'"),
        (LABELS, Step("slab", {"axis": 0, "n": 2}), "the mean of labels 2 and 4 is no label"),
        (LABELS, Step("window", {"center": 2, "width": 3}), "names of regions"),
        (REAL, Step("as_kind", {"kind": "labels"}), "no whole numbers, so they name no regions"),
        (COMPLEX, Step("slab", {"axis": 0, "n": 2, "how": "max"}), "complex values have no order"),
        (COMPLEX, Step("over_frames", {"how": "min"}), "complex values have no order, so no min"),
        (COMPLEX, Step("over_frames", {"how": "median"}), "complex values have no order"),
        (CT, Step("world_aligned", {"zooms": 1e9}), r"1e\+09 mm is beyond 10 times the volume's"),
        (CT, Step("move", {"matrix": TINY}), "voxels would be 1e-30 × 2e-30 × 3e-30 mm, beyond"),
        (CT, Step("set_origin", {"origin": (1e300, 0, 0)}), r"lie 1e\+300 mm from the origin"),
        (REAL, Step("rescale", {"dtype": "int64"}), "int64 has more values than float64"),
    ],
)  # fmt: skip
def test_it_names_the_value_and_what_to_try(volume: Volume, step: Step, why: str) -> None:
    before = np.array(volume.data), np.array(volume.affine), volume.history

    with pytest.raises(StepError, match=why) as caught:
        apply(volume, [step])

    assert caught.value.fix
    assert "'CT'" in caught.value.what
    np.testing.assert_array_equal(volume.data, before[0])
    np.testing.assert_array_equal(volume.affine, before[1])
    assert volume.history == before[2]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_integer_stands_for_what_is_not_finite(value: float) -> None:
    values = np.array([[[1.0, value, 3.0]]])

    with pytest.raises(StepError, match="no whole numbers do not fit int16"):
        apply(Volume(values, np.eye(4)), [Step("astype", {"dtype": "int16"})])


@pytest.mark.parametrize(
    ("params", "working"),
    [({"blur": (1.0, 0, 0)}, 4 * 60), ({"interpolation": "cubic"}, 8 * 27 * 28 * 29)],
)
def test_memory_that_is_needed_on_the_way_is_said_too(monkeypatch, params, working: int) -> None:
    step = Step("resample", {"shape": (3, 4, 5), "affine": CT.affine.tolist(), **params})
    needed = 3 * 4 * 5 * 2 + working
    monkeypatch.setattr(chunks.BUDGET, "limit", needed - 1)
    with pytest.raises(StepError, match=r"would take .* GiB and .* GiB on the way"):
        apply(CT, [step])

    monkeypatch.setattr(chunks.BUDGET, "limit", needed)
    assert apply(CT, [step]).shape == (3, 4, 5)
