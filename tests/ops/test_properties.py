"""What holds of every operation on every grid: places, bits, and what is not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_medvol import OPERATIONS, Axis, Recipe, Step, Volume, apply
from napari_medvol.arrays import LazyArray, lazy_volume
from napari_medvol.ops.crop import crop
from napari_medvol.ops.frames import slab
from napari_medvol.ops.orient import orient
from napari_medvol.ops.relabel import relabel
from napari_medvol.ops.resample import downsample, resize, world_aligned
from tests.ops.test_apply import example, fitting
from tests.phantoms.geometry import grids
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated

SHAPE = (7, 6, 8)
#: Powers of two: turning there and back leaves no rounding.
DYADIC = affine_along("LPS", (0.5, 2.0, 1.25), (-96.5, 17.25, 40.75))
WEIGHTS = (1.0, 2.0, 3.0)
TOWARDS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1),
           "I": (0, 0, -1)}  # fmt: skip


def places(affine: Any, shape: Any) -> NDArray[np.float64]:
    """Return where every voxel is, (i, j, k, 3) mm: written apart from the code under test."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    linear, origin = np.asarray(affine)[:3, :3], np.asarray(affine)[:3, 3]
    return np.einsum("xa,ijka->ijkx", linear, index) + origin


def ramp(affine: Any) -> Volume:
    """Return a volume whose value says where it is: x + 2y + 3z."""
    return Volume(places(affine, SHAPE) @ WEIGHTS, affine, name="ramp")


def ramp_error(made: Volume) -> NDArray[np.float64]:
    """Return how far each value is from what its own place says, in voxels of the ramp."""
    expected = places(made.affine, made.shape) @ WEIGHTS
    return np.abs(np.asarray(made.data) - expected) / (1 + np.abs(expected).max())


def within(made: Volume, old: Volume) -> NDArray[np.bool_]:
    """Return which voxels of one grid have neighbours of the other on all sides."""
    to_old = np.linalg.inv(old.affine) @ made.affine
    at = places(to_old, made.shape)
    return ((at >= 0) & (at <= np.array(old.shape) - 1)).all(axis=-1)


@settings(max_examples=40)
@given(grids(), st.sampled_from(ORIENTATIONS), st.sampled_from(["centre", "origin"]))
def test_relabelling_puts_every_voxel_where_the_letters_say(affine, codes: str, keep: str) -> None:
    volume = ramp(affine)

    named = relabel(volume, codes, keep)

    kept = (np.array(SHAPE) - 1) / 2 if keep == "centre" else np.zeros(3)
    anchor = affine[:3, :3] @ kept + affine[:3, 3]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    steps = np.stack([np.multiply(TOWARDS[c], s) for c, s in zip(codes, sizes, strict=True)])
    offsets = np.moveaxis(np.indices(SHAPE), 0, -1) - kept
    scale = 1 + np.abs(places(affine, SHAPE)).max()
    np.testing.assert_allclose(
        places(named.affine, SHAPE), anchor + offsets @ steps, atol=1e-12 * scale
    )
    assert named.data is volume.data


@settings(max_examples=40)
@given(grids(), st.tuples(*[st.integers(1, 3)] * 3), st.data())
def test_the_voxels_that_downsampling_keeps_stay(affine, factors, data) -> None:
    start = tuple(data.draw(st.integers(0, n - 1)) for n in SHAPE)

    made = downsample(ramp(affine), factors, start, (0, 0, 0))

    assert ramp_error(made).max() < 1e-9
    assert made.shape == tuple(
        -(-(n - a) // f) for n, a, f in zip(SHAPE, start, factors, strict=True)
    )


@settings(max_examples=40)
@given(grids(), st.tuples(*[st.floats(0.4, 2.5)] * 3))
def test_other_voxel_sizes_leave_everything_in_its_place(affine, factors) -> None:
    volume = ramp(affine)
    sizes = np.linalg.norm(affine[:3, :3], axis=0) * factors

    made = resize(volume, sizes.tolist(), "linear", antialiased=False)

    assert ramp_error(made)[within(made, volume)].max(initial=0) < 1e-6
    np.testing.assert_allclose(made.zooms, sizes)


@settings(max_examples=40)
@given(grids())
def test_along_the_world_everything_is_in_its_place(affine) -> None:
    volume = ramp(affine)

    made = world_aligned(volume, interpolation="linear")

    assert ramp_error(made)[within(made, volume)].max(initial=0) < 1e-6


@settings(max_examples=40)
@given(grids(), st.integers(0, 2), st.integers(1, 6), st.integers(1, 3))
def test_the_mean_of_a_slab_lies_in_its_middle(affine, axis: int, n: int, step: int) -> None:
    assert ramp_error(slab(ramp(affine), axis, n, step)).max() < 1e-9


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_turning_there_and_back_is_the_same_bit_for_bit(codes: str) -> None:
    values = np.arange(7 * 6 * 8 * 2, dtype=np.int16).reshape(*SHAPE, 2)
    volume = Volume(values, DYADIC, (Axis("t"),))

    turned = orient(volume, codes)
    back = orient(turned, volume.axcodes)

    assert turned.axcodes == codes
    assert np.asarray(back.data).tobytes() == values.tobytes()
    assert np.asarray(back.data).strides == values.strides
    assert back.affine.tobytes() == volume.affine.tobytes()
    assert np.shares_memory(back.data, values)


SOURCES: dict[str, Callable[[], tuple[ArraySource, Volume]]] = {}


def _source(function: Callable[[], tuple[Any, int, tuple[Axis, ...]]]) -> None:
    def make() -> tuple[ArraySource, Volume]:
        array, n_outer, axes = function()
        source = ArraySource(array, n_outer)
        return source, Volume(lazy_volume(source), rotated(DYADIC, 20), axes)

    SOURCES[function.__name__.removeprefix("_").replace("_", " ")] = make


@_source
def _three_axes() -> Any:
    return np.random.default_rng(0).integers(0, 99, (8, 6, 7)), 1, ()


@_source
def _four_axes() -> Any:
    return np.random.default_rng(1).integers(0, 99, (3, 8, 6, 7)), 2, (Axis("t"),)


@_source
def _colours() -> Any:
    return (
        np.random.default_rng(2).integers(0, 99, (8, 6, 7, 3), dtype=np.uint8),
        1,
        (Axis("rgb"),),
    )


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("codes", ["RAS", "PIR", "SAL", "LPI"])
def test_nothing_is_read_before_somebody_looks(kind: str, codes: str) -> None:
    source, volume = SOURCES[kind]()

    turned = relabel(orient(crop(volume, (1, 2, 3), (6, 5, 7)), codes), "LPS")
    again = crop(orient(turned, "IRA"), (0, 0, 0), (2, 2, 2))

    assert source.reads == Counter()
    assert isinstance(again.data, LazyArray)
    assert again.shape[:3] == (2, 2, 2)
    np.asarray(crop(volume, (0, 0, 4), (7, 6, 5)).data)
    planes_of_k_4 = {4 + 8 * t for t in range(volume.shape[3] if kind == "four axes" else 1)}
    assert set(source.reads) == planes_of_k_4


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_recipe_kept_in_a_file_makes_the_same_bytes(name: str, tmp_path: Path) -> None:
    made = apply(fitting(name), [example(name)])
    path = tmp_path / "recipe.toml"
    path.write_text(Recipe(made.history).to_toml(), encoding="utf-8")

    again = apply(fitting(name), Recipe.load(path).steps)

    assert np.asarray(again.data).tobytes() == np.asarray(made.data).tobytes()
    assert (again.dtype, again.shape, again.axes) == (made.dtype, made.shape, made.axes)
    assert again.affine.tobytes() == made.affine.tobytes()
    assert (again.kind, again.unit) == (made.kind, made.unit)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_script_made_of_a_history_says_the_same_steps(name: str) -> None:
    history = apply(fitting(name), [example(name)]).history
    steps: list[Step] = []
    module = {"read": lambda path: [None], "apply": lambda _, given: steps.extend(given)}
    script = Recipe(history).to_python().replace("import napari_medvol as mv", "")

    exec(script, {"mv": type("mv", (), {**module, "Step": Step})})

    assert [(s.op, _plain(s.params)) for s in steps] == [(s.op, _plain(s.params)) for s in history]


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("n", "step"), [(3, 3), (4, 1), (8, 2)])
def test_thick_slabs_are_numpys(axis: int, n: int, step: int) -> None:
    values = np.random.default_rng(4).integers(-999, 999, (9, 8, 10)).astype(np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(values, n, axis)
    windows = windows[tuple(slice(None, None, step if a == axis else 1) for a in range(3))]

    for how in ("mean", "max", "min"):
        made = slab(Volume(values, DYADIC), axis, n, step, how)
        np.testing.assert_allclose(made.data, getattr(windows, how)(axis=-1), rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_majority_is_what_counting_every_voxel_says(factor: int) -> None:
    rng = np.random.default_rng(factor)
    values = rng.integers(0, 5, (5 * factor,) * 3).astype(np.uint8)
    coarse = DYADIC @ np.diag((factor, factor, factor, 1.0))
    coarse[:3, 3] = DYADIC[:3, :3] @ np.full(3, (factor - 1) / 2) + DYADIC[:3, 3]
    blocks = values.reshape(5, factor, 5, factor, 5, factor).transpose(0, 2, 4, 1, 3, 5)
    expected = np.array(
        [np.bincount(block.ravel()).argmax() for block in blocks.reshape(125, -1)]
    ).reshape(5, 5, 5)

    grid = {"shape": (5, 5, 5), "affine": coarse.tolist(), "interpolation": "majority"}
    made = apply(Volume(values, DYADIC, kind="labels"), [Step("resample", grid)])

    np.testing.assert_array_equal(made.data, expected)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.int64])
def test_what_is_linear_between_voxels_is_within_a_twentieth_of_exact(dtype: Any) -> None:
    """5 hundredths of a HU, whatever the type is calculated in."""
    values = np.random.default_rng(6).integers(0, 250, (20, 21, 22)).astype(dtype)
    step = Step("resize", {"zooms": (0.4, 1.7, 0.9), "antialiased": False})
    exact = apply(Volume(values.astype(np.float64), DYADIC), [step]).data

    made = apply(replace(Volume(values, DYADIC)), [step])

    assert made.dtype == dtype
    tolerance = 0.05 if np.dtype(dtype).kind == "f" else 0.55
    assert np.abs(np.asarray(made.data, dtype=np.float64) - exact).max() < tolerance
