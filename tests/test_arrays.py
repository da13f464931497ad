from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_medvol.arrays import (
    LazyArray,
    Rescaled,
    flip,
    lazy_volume,
    real_dtype,
    rescale_into,
    transpose,
    view,
)
from napari_medvol.budget import MemoryBudget
from napari_medvol.errors import MedVolError
from napari_medvol.stores import PlaneStore
from tests.phantoms.sources import ArraySource, BoxSource, StreamSource

AMPLE, SCARCE = 10**9, 0
Array = np.ndarray[Any, np.dtype[Any]]

#: How an array can come to its voxels: source, budget.
WAYS = {
    "resident": (ArraySource, AMPLE),
    "resident stream": (StreamSource, AMPLE),
    "beyond the budget": (ArraySource, SCARCE),
    "stream beyond the budget": (StreamSource, SCARCE),
    "boxes beyond the budget": (BoxSource, SCARCE),
}
ways = pytest.mark.parametrize(("kind", "limit"), WAYS.values(), ids=WAYS.keys())


def made(
    shape: tuple[int, ...] = (4, 3, 5, 6), n_outer: int = 2, way: str = "resident"
) -> tuple[Array, LazyArray]:
    kind, limit = WAYS[way]
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    return array, LazyArray(PlaneStore(kind(array, n_outer), MemoryBudget(limit)))


def slices(length: int) -> st.SearchStrategy[slice]:
    ends = st.none() | st.integers(-length - 2, length + 2)
    return st.builds(slice, ends, ends, st.none() | st.sampled_from((-3, -2, -1, 1, 2, 3)))


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Basic indices of every form that numpy takes, shorter than the shape too."""
    parts: list[Any] = []
    for length in shape[: draw(st.integers(0, len(shape)))]:
        ints = st.integers(-length, length - 1) if length else st.nothing()
        parts.append(draw(slices(length) | ints))
    if len(parts) < len(shape) and draw(st.booleans()):
        at = draw(st.integers(0, len(parts)))
        # What stands after an ellipsis meets the last axes, so only slices fit all lengths.
        parts = [*parts[:at], Ellipsis, *[slice(None, None, -1)] * len(parts[at:])]
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


shapes = st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple)


@given(st.data(), shapes, st.sampled_from(list(WAYS)))
def test_any_views_of_views_hold_what_numpy_holds(
    data: st.DataObject, shape: tuple[int, ...], way: str
) -> None:
    array, lazy = made(shape, data.draw(st.integers(1, len(shape) - 1)), way)
    source = lazy.store.source

    for _ in range(data.draw(st.integers(0, 5))):
        step = data.draw(st.sampled_from(["transpose", "flip", "view"]))
        if step == "transpose":
            order = data.draw(st.permutations(range(array.ndim)))
            array, lazy = array.transpose(order), lazy.transpose(order)
        elif step == "flip" and array.ndim:
            axis = data.draw(st.integers(0, array.ndim - 1))
            array, lazy = flip(array, axis), flip(lazy, axis)  # type: ignore[assignment]
        else:
            index = data.draw(indices(array.shape))
            array, lazy = array[index], lazy.view(index)
            array = np.asarray(array)
        assert lazy.shape == array.shape

    assert isinstance(source, ArraySource)
    assert source.order == [], "making a view reads nothing"
    index = data.draw(indices(array.shape))
    result = lazy[index]
    np.testing.assert_array_equal(result, array[index], strict=True)
    np.testing.assert_array_equal(np.asarray(lazy), array, strict=True)


@ways
def test_reading_a_slice_reads_only_its_planes(kind: type[ArraySource], limit: int) -> None:
    array = np.arange(12 * 5 * 6).reshape(12, 5, 6)
    source = kind(array)
    lazy = lazy_volume(PlaneStore(source, MemoryBudget(limit)))

    np.testing.assert_array_equal(lazy[:, :, 2:4], array.transpose(2, 1, 0)[:, :, 2:4])

    assert max(source.order) == 3
    assert set(source.order) <= {0, 1, 2, 3}
    assert {2, 3} <= set(source.order)


def test_a_thin_cut_through_all_planes_comes_as_one_box() -> None:
    array = np.arange(12 * 40 * 6).reshape(12, 40, 6)
    source = BoxSource(array)
    lazy = lazy_volume(PlaneStore(source, MemoryBudget(SCARCE)))

    np.testing.assert_array_equal(lazy[:, 7, ::-1], array[::-1, 7].T)
    np.testing.assert_array_equal(lazy[:, :, 3], array[3].T)

    assert len(source.boxes) == 1
    assert source.order == [3], "a whole plane is read as a plane, and kept"


def test_what_fits_in_memory_is_not_cut_out_of_the_file() -> None:
    source = BoxSource(np.arange(12 * 40 * 6).reshape(12, 40, 6))
    lazy = lazy_volume(PlaneStore(source, MemoryBudget(AMPLE)))

    lazy[:, 7]
    lazy[:, 8]

    assert source.boxes == []
    assert sorted(source.order) == list(range(12))


def test_all_views_share_what_is_read() -> None:
    _, lazy = made()
    source = lazy.store.source
    assert isinstance(source, ArraySource)

    np.asarray(lazy)
    np.asarray(lazy.T[1:])
    np.asarray(lazy.view((0, Ellipsis)))

    assert set(source.reads.values()) == {1}


def test_properties_are_those_of_numpy() -> None:
    array, lazy = made()

    for name in ("shape", "dtype", "ndim", "size", "nbytes"):
        assert getattr(lazy, name) == getattr(array, name), name
    assert len(lazy) == len(array)
    assert lazy.T.shape == array.T.shape
    assert lazy.transpose().shape == array.transpose().shape
    assert lazy.transpose(0, -1, 1, 2).shape == (4, 6, 3, 5)
    assert repr(lazy) == "<LazyArray 'made-up' (4, 3, 5, 6) int32>"


def test_a_single_voxel_is_a_scalar() -> None:
    array, lazy = made()

    assert lazy[1, 2, 3, 4] == array[1, 2, 3, 4]
    assert isinstance(lazy[1, 2, 3, 4], np.int32)


def test_an_empty_part_reads_nothing() -> None:
    _, lazy = made()
    source = lazy.store.source
    assert isinstance(source, ArraySource)

    assert lazy[2:2].shape == (0, 3, 5, 6)
    assert source.order == []


@pytest.mark.parametrize(
    "index",
    [
        [0, 2],
        np.array([True, False, True, False]),
        (np.array([0, 1]), np.array([1, 2])),
        None,
        True,
        (slice(None), [2, 0]),
    ],
    ids=str,
)
def test_any_other_index_means_what_it_means_to_numpy(index: Any) -> None:
    array, lazy = made()

    np.testing.assert_array_equal(lazy[index], array[index], strict=True)


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (4, "index 4 is out of bounds for axis 0 of length 4"),
        ((0, -4), "index -4 is out of bounds for axis 1 of length 3"),
        ((0, 0, 0, 0, 0), "does not fit 4 axes"),
        ((Ellipsis, Ellipsis), "does not fit 4 axes"),
    ],
)
def test_an_index_outside_is_an_index_error(index: Any, why: str) -> None:
    _, lazy = made()

    with pytest.raises(IndexError, match=why):
        lazy[index]


@pytest.mark.parametrize("order", [(0, 1), (0, 0, 1, 2), (0, 1, 2, 4), (0, 1, 2, -5)])
def test_an_order_that_is_no_permutation_is_refused(order: tuple[int, ...]) -> None:
    _, lazy = made()

    with pytest.raises(ValueError, match="do not permute 4 axes"):
        lazy.transpose(order)


def test_iteration_gives_the_parts_along_the_first_axis() -> None:
    array, lazy = made()

    np.testing.assert_array_equal(list(lazy), list(array))


@ways
def test_the_voxels_cannot_be_changed_through_what_is_shared(
    kind: type[ArraySource], limit: int
) -> None:
    array = np.ones((3, 4, 5))
    lazy = LazyArray(PlaneStore(kind(array), MemoryBudget(limit)))
    part = lazy[0]
    with suppress(ValueError):
        part[...] = 7

    assert (np.asarray(lazy) == 1).all()


def test_numpy_gets_a_copy_when_it_asks_for_one() -> None:
    array, lazy = made()

    copied = np.array(lazy, copy=True)
    copied[...] = -1
    np.testing.assert_array_equal(np.asarray(lazy), array)
    assert np.asarray(lazy, dtype=np.float64).dtype == np.float64
    assert np.shares_memory(np.asarray(lazy), np.asarray(lazy))
    with pytest.raises(ValueError, match="values of type int32 as float64 need a copy"):
        lazy.__array__(np.float64, copy=False)


def test_numpy_functions_work_on_it() -> None:
    array, lazy = made()

    assert np.mean(lazy) == array.mean()
    np.testing.assert_array_equal(np.add(lazy, 1), array + 1)


def test_the_voxels_go_when_the_last_view_goes() -> None:
    _, lazy = made()
    np.asarray(lazy)
    store, part = weakref.ref(lazy.store), lazy.view(0).T

    del lazy
    gc.collect()
    assert store() is not None

    del part
    gc.collect()
    assert store() is None


def test_a_source_becomes_a_volume_indexed_i_j_k_then_the_rest() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # t, k, j, i
    colour = np.arange(3 * 4 * 5 * 3).reshape(3, 4, 5, 3)  # k, j, i, sample

    np.testing.assert_array_equal(lazy_volume(ArraySource(array, 2)), array.transpose())
    np.testing.assert_array_equal(
        lazy_volume(ArraySource(colour, 1)), colour.transpose(2, 1, 0, 3)
    )


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "lazy"])
def test_the_three_verbs_do_the_same_to_both_kinds(lazy: bool) -> None:
    array, lazy_array = made()
    data = lazy_array if lazy else array

    turned = view(transpose(flip(data, 1), (3, 0, 2, 1)), (slice(1, 4), 2))

    assert type(turned) is type(data)
    np.testing.assert_array_equal(turned, array[:, ::-1].transpose(3, 0, 2, 1)[1:4, 2])


def test_the_verbs_on_numpy_copy_nothing() -> None:
    array, _ = made()

    assert np.shares_memory(view(transpose(flip(array, 1), (3, 0, 2, 1)), 0), array)


# -- types and scales ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "lowest", "highest", "scales", "expected"),
    [
        ("u2", 0, 4095, [(1, -1024)], "i2"),
        ("u2", 0, 65535, [(1, -1024)], "i4"),
        ("i2", -32768, 32767, [(1, 0)], "i2"),
        (">i2", -32768, 32767, [], "i2"),
        ("i2", -2000, 3000, [(1, -1024)], "i2"),
        ("u1", 0, 255, [(2, 0)], "u2"),
        ("u1", 0, 255, [(-1, 255)], "u1"),
        ("u1", 0, 255, [(-1, 0)], "i2"),
        ("u2", 0, 4095, [(0.5, 0)], "f4"),
        ("i2", -100, 100, [(1, 0), (2.5, 0)], "f4"),
        ("i2", -100, 100, [(1, 0), (3, 7)], "i2"),
        ("i4", -(2**31), 2**31 - 1, [(0.5, 0)], "f8"),
        ("u4", 0, 2**32 - 1, [(1, -1)], "i8"),
        ("i8", -(2**63), 2**63 - 1, [(4, 0)], "f8"),
        ("i2", -32768, 32767, [(1e35, 0)], "f8"),
        ("f4", 0, 1, [(2, 1)], "f4"),
        ("f8", 0, 1, [(2, 1)], "f8"),
        ("f2", 0, 1, [(2, 1)], "f4"),
        ("c8", 0, 1, [(2, 1)], "c8"),
        (">c16", 0, 1, [(2, 1)], "c16"),
    ],
)  # fmt: skip
def test_real_values_get_the_smallest_type_that_holds_them(
    stored: str, lowest: float, highest: float, scales: list[tuple[float, float]], expected: str
) -> None:
    assert real_dtype(np.dtype(stored), lowest, highest, scales) == np.dtype(expected)


whole = st.integers(-300, 300)


@given(
    st.sampled_from(["u1", "i1", "u2", "i2", "i4", ">i2"]),
    st.one_of(
        st.tuples(whole, whole),
        st.tuples(st.floats(-50, 50, width=16), st.floats(-1000, 1000, width=16)),
    ),
    st.data(),
)
@example("u1", (300, -5), None)
def test_rescaled_values_are_slope_times_stored_plus_intercept(
    stored: str, scale: tuple[float, float], data: st.DataObject | None
) -> None:
    info = np.iinfo(stored)
    ends = [info.min, info.max, 0, 1]
    values = np.array(ends, dtype=stored)
    dtype = real_dtype(np.dtype(stored), info.min, info.max, [scale])
    out = np.empty(values.shape, dtype)

    rescale_into(values, *scale, out)

    expected = values.astype(np.float64) * scale[0] + scale[1]
    if dtype.kind in "iu":
        np.testing.assert_array_equal(out, expected)
    else:
        np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("stored", ["<i2", ">i2", "<u2", ">u2"])
@pytest.mark.parametrize("scale", [(1, -24), (3, 5)])
def test_bytes_in_either_order_are_rescaled_without_a_wider_type(
    stored: str, scale: tuple[int, int]
) -> None:
    values = np.array([30, 2000, 300], dtype=stored)
    out = np.empty(3, real_dtype(values.dtype, 30, 2000, [scale]))
    assert out.dtype.itemsize == 2

    rescale_into(values, *scale, out)

    assert out.tolist() == [v * scale[0] + scale[1] for v in (30, 2000, 300)]


@pytest.mark.parametrize("limit", [AMPLE, SCARCE])
def test_every_plane_is_rescaled_by_its_own_slope(limit: int) -> None:
    stored = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    scales = [(1.0, 0.0), (2.0, -5.0), (0.5, 1.0)]
    source = Rescaled(
        ArraySource(stored, workers=2), scales.__getitem__, real_dtype(stored.dtype, 0, 59, scales)
    )
    assert source.workers == 2

    values = np.asarray(LazyArray(PlaneStore(source, MemoryBudget(limit))))

    assert values.dtype == np.float32
    for plane, (slope, intercept), real in zip(stored, scales, values, strict=True):
        np.testing.assert_array_equal(real, plane * slope + intercept)


def test_planes_without_a_scale_are_read_in_place() -> None:
    stored = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    source = Rescaled(
        ArraySource(stored), lambda number: (1.0, -7.0 if number == 1 else 0.0), stored.dtype
    )

    values = np.asarray(LazyArray(source))

    np.testing.assert_array_equal(values[[0, 2]], stored[[0, 2]])
    np.testing.assert_array_equal(values[1], stored[1] - 7)


def test_an_array_apart_reads_again_and_keeps_little() -> None:
    array, lazy = made()
    source = lazy.store.source
    assert isinstance(source, ArraySource)
    view = lazy.view((slice(1, None),)).transpose()

    apart = view.apart()
    np.testing.assert_array_equal(apart, array[1:].T)

    assert lazy.store.progress == 0
    assert not apart.store.stays_in_memory
    assert [apart.is_outer(axis) for axis in range(4)] == [
        view.is_outer(axis) for axis in range(4)
    ]
    assert any(view.is_outer(axis) for axis in range(4))


def test_an_array_apart_leaves_blank_what_the_first_one_leaves_blank() -> None:
    source = ArraySource(np.ones((3, 2, 2)), broken=[1])
    lazy = lazy_volume(PlaneStore(source, MemoryBudget(AMPLE)))
    with pytest.raises(MedVolError):
        np.asarray(lazy.apart())

    lazy.store.on_error = lambda number, error: None

    assert np.asarray(lazy.apart()).sum() == 8


def test_the_scale_of_a_voxel_is_that_of_its_plane_whatever_the_view() -> None:
    stored = np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2)
    scales = [(0.5, 0.0), (0.5, 1.0), (2.0, 0.0), (2.0, 0.0)]
    source = Rescaled(ArraySource(stored), scales.__getitem__, np.dtype(np.float32))
    volume = flip(lazy_volume(source), 2)

    assert [volume.scale_at((0, 0, k)) for k in range(4)] == scales[::-1]
    assert volume.scale_at((0, 0, slice(0, 2))) == (2.0, 0.0)
    assert volume.scale_at((0, 0, slice(0, 3))) is None
    assert volume.stored_dtype == np.int16
    assert lazy_volume(ArraySource(stored)).scale_at((0, 0, 0)) is None
    assert lazy_volume(ArraySource(stored)).stored_dtype is None


def test_near_is_what_is_read_already_or_one_read_away() -> None:
    stored = np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2)
    stream, files = StreamSource(stored), ArraySource(stored)
    streamed, filed = lazy_volume(stream), lazy_volume(files)

    assert filed.is_near((0, 0, 3))
    assert not streamed.is_near((0, 0, 1))
    assert files.order == stream.order == []
    streamed[0, 0, 1]

    assert streamed.is_near((0, 0, 1))
    assert streamed.is_near((slice(None), 0, slice(0, 2)))
    assert not streamed.is_near((0, 0, 3))


@pytest.mark.parametrize("limit", [0, 10**9])
def test_what_is_known_is_what_was_read_and_asking_reads_nothing(limit: int) -> None:
    stored = np.arange(1, 1 + 4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2)
    source = ArraySource(stored)
    volume = flip(lazy_volume(PlaneStore(source, MemoryBudget(limit))), 2)
    for k in (0, 2):
        volume.store.plane(3 - k)
    asked = list(source.order)

    known = volume.known((slice(None), 1, slice(None)), -7)

    expected = stored[::-1, 1, :].T.copy()
    expected[:, [1, 3]] = -7
    np.testing.assert_array_equal(known, expected)
    np.testing.assert_array_equal(volume.known((1, slice(None), 3), -7), [-7, -7, -7])
    assert volume.planes((0, 0, slice(1, 3))) == [2, 1]
    assert volume.store.peek(2) is None
    assert source.order == asked
