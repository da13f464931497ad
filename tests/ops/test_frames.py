"""Frames and slabs: what is kept, where, and at what time."""

import numpy as np
import pytest

from napari_medvol import affines
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import StepError
from napari_medvol.ops.frames import frame, frames, over_frames, slab, split
from napari_medvol.report import GeometryReport, SliceSource
from napari_medvol.volume import Axis, Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated

SERIES = np.arange(3 * 4 * 5 * 6, dtype=np.int16).reshape(3, 4, 5, 6)
AFFINE = rotated(affine_along("PIR"), 20)


def fmri(**more) -> Volume:
    return Volume(SERIES, AFFINE, (Axis("t", 2.0, "s", 1.0),), name="BOLD", **more)


def test_a_range_keeps_its_repetition_time_and_its_start() -> None:
    part = frames(fmri(), 1, None, 2)

    np.testing.assert_array_equal(part.data, SERIES[..., 1::2])
    assert part.axes == (Axis("t", 4.0, "s", 3.0),)
    assert part.zooms[3] == 4.0


def test_values_of_an_axis_go_with_its_frames() -> None:
    echoes = Volume(SERIES, AFFINE, (Axis("echo", unit="ms", values=(1, 2, 3, 4, 5, 6)),))

    assert frames(echoes, -2, axis="echo").axes[0].values == (5, 6)


def test_one_frame_has_no_time() -> None:
    one = frame(fmri(), -1)

    np.testing.assert_array_equal(one.data, SERIES[..., 5])
    assert one.axes == ()
    assert one.history[-1].params["index"] == 5


def test_splitting_gives_every_frame_and_reads_none() -> None:
    source = ArraySource(np.zeros((6, 5, 4, 3)), n_outer=2)
    lazy = Volume(LazyArray(source).transpose(), AFFINE, (Axis("t"),))

    parts = split(lazy)

    assert [part.shape for part in parts] == [(3, 4, 5)] * 6
    assert not source.reads


def test_files_of_the_frames_that_are_left_are_known() -> None:
    rows = tuple(SliceSource((k, t), f"{t}_{k}.dcm") for t in range(6) for k in range(5))
    volume = fmri(report=GeometryReport(slices=rows))

    part = frames(volume, 2, 4).report.slices
    one = frame(volume, 3).report.slices

    assert (part[0].plane, part[0].file) == ((0, 0), "2_0.dcm")
    assert (part[-1].plane, part[-1].file) == ((4, 1), "3_4.dcm")
    assert [(row.plane, row.file) for row in one] == [((k,), f"3_{k}.dcm") for k in range(5)]


@pytest.mark.parametrize("how", ["mean", "sd", "min", "max", "sum", "median"])
def test_over_frames_is_what_numpy_says(how: str) -> None:
    expected = getattr(np, "std" if how == "sd" else how)(SERIES, axis=3)

    made = over_frames(fmri(), how)

    np.testing.assert_allclose(made.data, expected, rtol=1e-6)
    assert made.dtype == (np.int16 if how in ("min", "max") else np.float32)
    assert made.axes == ()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("how", "function"), [("mean", np.mean), ("max", np.max), ("min", np.min)]
)
def test_slabs_lie_in_the_middle_of_their_planes(axis: int, how: str, function) -> None:
    volume = Volume(SERIES[..., 0], AFFINE)

    made = slab(volume, axis, 2, how=how)

    planes = np.moveaxis(SERIES[..., 0], axis, 0)
    expected = [function(planes[n : n + 2], axis=0) for n in range(0, len(planes) - 1, 2)]
    np.testing.assert_allclose(np.moveaxis(np.asarray(made.data), axis, 0), expected)
    middle = np.zeros(3)
    middle[axis] = 0.5
    np.testing.assert_allclose(
        made.affine[:3, 3], affines.apply_affine(AFFINE, middle), atol=1e-12
    )
    assert made.zooms[axis] == pytest.approx(2 * volume.zooms[axis])


def test_slabs_may_overlap() -> None:
    assert slab(fmri(), 2, 3, step=1).shape == (3, 4, 3, 6)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda: frames(fmri(), 3, 3), "3:3:1 of 6 leaves nothing"),
        (lambda: frames(fmri(), step=0), "leaves nothing"),
        (lambda: frames(fmri(), step=-1), "leaves nothing"),
        (lambda: frames(fmri(), axis="echo"), "no axis 'echo'. Its axes: 't'"),
        (lambda: frame(fmri(), 6), "no frame 6 among 6"),
        (lambda: over_frames(fmri(), "mode"), "'mode' is none of mean"),
        (lambda: slab(fmri(), 3, 1), "do not fit the shape"),
        (lambda: slab(fmri(), 2, 6), "6 planes every 6 along axis 2"),
        (lambda: slab(fmri(), 2, 2, how="sum"), "none of mean, max, min"),
    ],
)
def test_what_leaves_nothing_is_refused(act, why: str) -> None:
    with pytest.raises(StepError, match=why):
        act()


def test_integers_that_float64_does_not_tell_apart_are_not_averaged() -> None:
    wide = np.array([2**62 + 1, 2**62 + 3], np.int64).reshape(1, 1, 1, 2)
    volume = Volume(wide, np.eye(4), (Axis("t"),))

    for how in ("mean", "sd", "sum", "median"):
        with pytest.raises(StepError, match="4611686018427387907, are calculated with in float64"):
            over_frames(volume, how)
    with pytest.raises(StepError, match="calculated with in float64"):
        slab(volume, 0, 1)
    assert np.asarray(over_frames(volume, "max").data).tolist() == [[[2**62 + 3]]]
