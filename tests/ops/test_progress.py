"""Long work tells how far it is, from within, and ends when it is told to."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import Axis, Step, Volume, apply
from napari_medvol.arrays import lazy_volume
from napari_medvol.ops import chunks, filtering
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated, sheared

VALUES = np.random.default_rng(8).integers(0, 200, (12, 14, 16)).astype(np.int16)
GRID = affine_along("LPS", (1, 1, 2))
OTHER = {"shape": (9, 8, 16), "affine": rotated(GRID, 20).tolist()}
LONG = {
    "resample": OTHER,
    "resample, along the axes": {"shape": (6, 7, 16), "affine": affine_along("LPS").tolist()},
    "resample, cubic": {**OTHER, "interpolation": "cubic"},
    "resample, majority": {**OTHER, "interpolation": "majority"},
    "resize": {"zooms": (2, 2, 3)},
    "downsample": {"factors": (2, 2, 1)},
    "world_aligned": {"zooms": 2},
    "astype": {"dtype": "float32"},
    "astype, whole numbers": {"dtype": "int32"},
    "round_values": {},
    "scale": {"slope": 2.0},
    "rescale": {},
    "window": {"center": 50, "width": 100},
    "clip": {"low": 20},
    "part": {},
    "as_kind": {"kind": "labels"},
    "over_frames": {},
    "slab": {"axis": 2, "n": 16, "how": "max"},
}


#: Modules that work in parts. `ops.frames` by name is the operation.
WITH_PARTS = [
    import_module(f"napari_medvol.ops.{name}")
    for name in ("chunks", "filtering", "frames", "sampling")
]


class StopError(Exception):
    """Told to stop."""


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts be as small beside these volumes as they are beside those of the clinic."""
    for module in WITH_PARTS:
        monkeypatch.setattr(module, "AT_ONCE", 10)


def _fitting(name: str) -> Volume:
    if name == "part":
        return Volume(VALUES * (1 + 2j), GRID)
    if name == "as_kind":
        return Volume(VALUES.astype(np.float32), GRID)
    if name == "over_frames":
        return Volume(np.stack([VALUES] * 4, axis=3), GRID, (Axis("t"),))
    return Volume(VALUES, GRID)


def _step(name: str) -> Step:
    return Step(name.split(",")[0], LONG[name])


@pytest.mark.parametrize("name", LONG)
def test_the_share_that_is_done_grows_from_nothing_to_all(name: str) -> None:
    told: list[float] = []

    apply(_fitting(name), [_step(name)], progress=lambda done, total: told.append(done / total))

    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)
    assert len(set(told)) > 8


@pytest.mark.parametrize("name", LONG)
def test_it_ends_in_the_midst_and_leaves_its_input(name: str) -> None:
    volume = _fitting(name)
    before = np.array(volume.data)

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise StopError

    with pytest.raises(StopError):
        apply(volume, [_step(name)], progress=stop)

    np.testing.assert_array_equal(volume.data, before)
    assert volume.history == ()


def test_several_steps_share_one_scale() -> None:
    told: list[float] = []
    steps = [_step("astype"), Step("crop", {"start": (0, 0, 0), "stop": (5, 6, 7)}), _step("clip")]

    apply(_fitting("clip"), steps, progress=lambda done, total: told.append(done / total))

    assert told == sorted(told)
    assert told[-1] == 1
    assert sum(share < 1 / 3 for share in told) > 5
    assert sum(share > 2 / 3 for share in told) > 1


@pytest.mark.parametrize("name", ["resample", "astype", "downsample"])
def test_a_scan_is_not_read_to_its_end_once_somebody_says_stop(name: str) -> None:
    source = ArraySource(np.ascontiguousarray(VALUES.T))
    volume = Volume(lazy_volume(source), GRID)

    def stop(done: int, total: int) -> None:
        if done:
            raise StopError

    with pytest.raises(StopError):
        apply(volume, [_step(name)], progress=stop)

    assert 0 < sum(source.reads.values()) < len(source.planes) / 2


@pytest.mark.parametrize("name", LONG)
def test_small_parts_make_what_one_part_makes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_parts = apply(_fitting(name), [_step(name)])
    for module in WITH_PARTS:
        monkeypatch.setattr(module, "AT_ONCE", 1 << 20)

    at_once = apply(_fitting(name), [_step(name)])

    np.testing.assert_array_equal(in_parts.data, at_once.data)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_blur_in_parts_is_scipys(order: tuple[int, int, int]) -> None:
    from scipy.ndimage import gaussian_filter

    voxels = VALUES.astype(np.float64).transpose(order)

    np.testing.assert_array_equal(
        filtering.blurred(voxels, (1.5, 0, 0.7)),
        gaussian_filter(voxels, (1.5, 0, 0.7)),
    )


def test_a_spline_in_parts_is_scipys() -> None:
    from scipy.ndimage import spline_filter

    voxels = VALUES.astype(np.float64)
    expected = spline_filter(np.pad(voxels, 5, mode="edge"), order=3, mode="nearest")

    np.testing.assert_allclose(filtering.spline_coefficients(VALUES, 5), expected, rtol=1e-12)


def test_an_error_in_a_thread_reaches_the_caller_and_ends_the_rest() -> None:
    begun: list[int] = []

    def work(part: int) -> None:
        begun.append(part)
        if part == 1:
            raise ValueError("part 1")

    with pytest.raises(ValueError, match="part 1"):
        chunks.side_by_side(work, range(1000), chunks.unheard, workers=2)

    assert len(begun) < 1000


@pytest.mark.parametrize("affine", [GRID, sheared(GRID)])
def test_results_lie_in_memory_as_files_have_them(affine: Any) -> None:
    colours = Volume(np.zeros((3, 4, 5, 3), np.uint8), affine, (Axis("rgb"),))

    plain = apply(Volume(VALUES, affine), [_step("astype")]).data
    coloured = apply(colours, [Step("clip", {"low": 1})]).data

    assert np.argsort(plain.strides).tolist() == [0, 1, 2]
    assert np.argsort(coloured.strides).tolist() == [3, 0, 1, 2]


def test_a_cancelled_step_leaves_no_file(tmp_path: Path) -> None:
    import napari_medvol as mv

    volume = _fitting("clip")

    def stop(done: int, total: int) -> None:
        if done:
            raise StopError

    with pytest.raises(StopError):
        mv.write(apply(volume, [_step("clip")], progress=stop), tmp_path / "x.nii")

    assert not list(tmp_path.iterdir())
