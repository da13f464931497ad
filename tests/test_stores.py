from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from napari_medvol.errors import DecodeError, MedVolError
from napari_medvol.stores import (
    MemoryBudget,
    PlaneSource,
    PlaneStore,
    RegionSource,
    SequentialSource,
    fill_order,
)
from tests.phantoms.sources import ArraySource, BoxSource, StreamSource

AMPLE = 10**9
SCARCE = 0
ALWAYS_KEPT = 8

Kind = Callable[..., ArraySource]


def planes(n: int = 12, size: int = 6) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.arange(n * size * 5, dtype=np.int16).reshape(n, size, 5)


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def run_all(*jobs: Callable[[], Any]) -> list[Any]:
    """Run jobs at once, each in its own thread, started together; return results or errors."""
    gate = threading.Barrier(len(jobs))

    def held(job: Callable[[], Any]) -> Any:
        gate.wait(10)
        try:
            return job()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(30) for future in [pool.submit(held, job) for job in jobs]]


kinds = pytest.mark.parametrize("kind", [ArraySource, StreamSource], ids=["random", "stream"])
rooms = pytest.mark.parametrize("limit", [AMPLE, SCARCE], ids=["ample", "scarce"])


def test_the_protocols_tell_the_sources_apart() -> None:
    array = planes()

    assert isinstance(ArraySource(array), PlaneSource)
    assert not isinstance(ArraySource(array), SequentialSource | RegionSource)
    assert isinstance(StreamSource(array), SequentialSource)
    assert isinstance(BoxSource(array), RegionSource)


@kinds
@rooms
def test_every_plane_is_the_one_of_the_source(kind: Kind, limit: int) -> None:
    array = planes(30)
    store = PlaneStore(kind(array), MemoryBudget(limit))

    for number in random.Random(0).sample(range(30), 30):
        np.testing.assert_array_equal(store.plane(number), array[number])
    np.testing.assert_array_equal(store.whole(), array)


@rooms
def test_outer_axes_count_in_c_order(limit: int) -> None:
    array = np.arange(4 * 3 * 2 * 5).reshape(4, 3, 2, 5)
    store = PlaneStore(ArraySource(array, n_outer=2), MemoryBudget(limit))

    assert (store.shape, store.n_planes, store.plane_nbytes) == ((4, 3, 2, 5), 12, 80)
    np.testing.assert_array_equal(store.plane(7), array[2, 1])
    np.testing.assert_array_equal(store.whole(), array)


@rooms
def test_what_comes_out_cannot_be_written_to(limit: int) -> None:
    store = PlaneStore(ArraySource(planes()), MemoryBudget(limit))

    with pytest.raises(ValueError, match="read-only"):
        store.plane(0)[0, 0] = 1


@pytest.mark.parametrize("workers", [1, 3])
def test_many_threads_read_each_plane_once(workers: int) -> None:
    array = planes(24)
    source = ArraySource(array, delay=0.002, workers=workers)
    store = PlaneStore(source, MemoryBudget(AMPLE))

    def reads(seed: int) -> bool:
        order = random.Random(seed).sample(range(24), 24)
        return all(np.array_equal(store.plane(n), array[n]) for n in order)

    jobs = [lambda seed=seed: reads(seed) for seed in range(8)]
    results = run_all(*jobs, store.whole, lambda: store.load(range(24)))

    assert results[:8] == [True] * 8
    np.testing.assert_array_equal(results[8], array)
    assert set(source.reads.values()) == {1}
    assert len(source.reads) == 24
    assert store.is_complete


def test_a_source_that_offers_workers_is_read_by_that_many_at_once() -> None:
    source = ArraySource(planes(24), delay=0.01, workers=3)
    store = PlaneStore(source, MemoryBudget(AMPLE))

    store.whole()

    assert source.most_at_once == 3


def test_a_source_that_offers_none_is_read_one_plane_at_a_time() -> None:
    source = ArraySource(planes(24), delay=0.001)

    PlaneStore(source, MemoryBudget(AMPLE)).whole()

    assert source.most_at_once == 1


def test_many_threads_read_a_stream_once_and_in_order() -> None:
    array = planes(24)
    source = StreamSource(array, delay=0.002)
    store = PlaneStore(source, MemoryBudget(AMPLE))

    def reads(seed: int) -> bool:
        order = random.Random(seed).sample(range(24), 24)
        return all(np.array_equal(store.plane(n), array[n]) for n in order)

    assert run_all(*[lambda seed=seed: reads(seed) for seed in range(8)]) == [True] * 8
    assert source.order == list(range(24))
    assert source.rewinds == 0


def test_who_wants_an_early_plane_does_not_wait_for_the_end_of_the_stream() -> None:
    source = StreamSource(planes(60), delay=0.02)
    store = PlaneStore(source, MemoryBudget(AMPLE))
    store.fill_in_background()
    wait_for(lambda: source.position >= 1)

    store.plane(8)

    assert source.position < 20


def test_a_stream_beyond_the_budget_is_rewound_only_to_go_back() -> None:
    array = planes(30)
    source = StreamSource(array)
    store = PlaneStore(source, MemoryBudget(SCARCE))

    for number in range(30):
        store.plane(number)
    assert (source.rewinds, source.order) == (0, list(range(30)))

    np.testing.assert_array_equal(store.plane(25), array[25])  # still kept
    assert source.rewinds == 0

    np.testing.assert_array_equal(store.plane(3), array[3])
    assert source.rewinds == 1
    assert source.order[30:] == [0, 1, 2, 3]


def test_many_threads_share_a_stream_beyond_the_budget() -> None:
    array = planes(20)
    store = PlaneStore(StreamSource(array), MemoryBudget(SCARCE))

    def reads(seed: int) -> bool:
        order = random.Random(seed).choices(range(20), k=30)
        return all(np.array_equal(store.plane(n), array[n]) for n in order)

    assert run_all(*[lambda seed=seed: reads(seed) for seed in range(6)]) == [True] * 6


# -- the budget ---------------------------------------------------------------------------


def test_what_fits_is_taken_whole_and_given_back_by_the_collector() -> None:
    room = MemoryBudget(10_000)
    store = PlaneStore(ArraySource(planes()), room)
    assert room.used == 0

    store.plane(0)
    assert room.used == store.nbytes == 12 * 6 * 5 * 2

    del store
    gc.collect()
    assert room.used == 0


def test_room_stays_taken_while_someone_holds_the_voxels() -> None:
    room = MemoryBudget(10_000)
    store = PlaneStore(ArraySource(planes()), room)
    plane, nbytes = store.plane(3), store.nbytes

    del store
    gc.collect()
    assert room.used == nbytes

    del plane
    gc.collect()
    assert room.used == 0


@pytest.mark.parametrize("n_more", [0, 1, 5])
def test_beyond_the_budget_only_the_latest_planes_are_kept(n_more: int) -> None:
    array = planes(40)
    source = ArraySource(array)
    plane_nbytes = array[0].nbytes
    room = MemoryBudget(n_more * plane_nbytes)
    store = PlaneStore(source, room)

    for number in range(40):
        store.plane(number)
        assert len(store._kept) <= ALWAYS_KEPT + n_more
        assert room.used == max(0, len(store._kept) - ALWAYS_KEPT) * plane_nbytes
    assert list(store._kept) == list(range(40 - ALWAYS_KEPT - n_more, 40))
    assert source.order == list(range(40))

    del store
    gc.collect()
    assert room.used == 0


def test_the_plane_used_longest_ago_goes_first() -> None:
    source = ArraySource(planes(12))
    store = PlaneStore(source, MemoryBudget(SCARCE))
    for number in range(ALWAYS_KEPT):
        store.plane(number)

    store.plane(0)
    store.plane(8)
    store.plane(0)
    assert source.reads[0] == 1

    store.plane(1)
    assert source.reads[1] == 2


def test_the_number_of_kept_planes_shrinks_when_others_need_the_room() -> None:
    array = planes(40)
    room = MemoryBudget(10 * array[0].nbytes)
    store = PlaneStore(ArraySource(array), room)
    for number in range(18):
        store.plane(number)
    assert room.used == room.limit

    other = PlaneStore(ArraySource(array[:2]), room)
    assert not other.stays_in_memory
    for number in range(18, 30):
        store.plane(number)

    assert room.used == max(0, len(store._kept) - ALWAYS_KEPT) * array[0].nbytes


def test_whether_a_scan_stays_in_memory_is_decided_once() -> None:
    room = MemoryBudget(1000)
    first = PlaneStore(ArraySource(planes()), room)
    second = PlaneStore(ArraySource(planes()), room)
    assert first.stays_in_memory
    assert not second.stays_in_memory

    del first
    gc.collect()

    assert not second.stays_in_memory
    assert second.resident([0]) is None
    assert not second.is_complete


def test_progress_is_the_share_of_planes_in_memory() -> None:
    store = PlaneStore(ArraySource(planes(8)), MemoryBudget(AMPLE))
    assert store.progress == 0

    store.load([0, 5])
    assert store.progress == 0.25

    store.whole()
    assert (store.progress, store.is_complete) == (1, True)


def test_planes_already_there_are_not_asked_for_again() -> None:
    source = ArraySource(planes(8))
    store = PlaneStore(source, MemoryBudget(AMPLE))
    resident = store.resident([2, 3])
    assert resident is not None

    store.resident([3, 4])

    assert source.order == [2, 3, 4]
    np.testing.assert_array_equal(resident[4], source.planes[4])


def test_loading_beyond_the_budget_reads_nothing() -> None:
    source = ArraySource(planes())
    PlaneStore(source, MemoryBudget(SCARCE)).load([0, 1])

    assert source.order == []


def test_a_scan_without_planes_is_complete() -> None:
    store = PlaneStore(ArraySource(np.empty((0, 4, 5))), MemoryBudget(AMPLE))

    assert store.whole().shape == (0, 4, 5)
    assert store.is_complete
    assert store.progress == 1


# -- failures -----------------------------------------------------------------------------


@kinds
@rooms
def test_a_broken_plane_is_told_to_who_asks_and_the_others_still_load(
    kind: Kind, limit: int
) -> None:
    array = planes()
    store = PlaneStore(kind(array, broken=[5]), MemoryBudget(limit))

    with pytest.raises(DecodeError, match="plane 5 is broken"):
        store.plane(5)
    for number in {*range(12)} - {5}:
        np.testing.assert_array_equal(store.plane(number), array[number])
    with pytest.raises(DecodeError, match="plane 5 is broken"):
        store.whole()
    assert not store.is_complete


@kinds
@rooms
def test_a_plane_that_recovers_is_read(kind: Kind, limit: int) -> None:
    array = planes()
    source = kind(array, broken=[5])
    store = PlaneStore(source, MemoryBudget(limit))
    with pytest.raises(DecodeError):
        store.plane(5)

    source.broken.clear()

    np.testing.assert_array_equal(store.plane(5), array[5])


def test_all_who_wait_for_a_broken_plane_are_told() -> None:
    source = ArraySource(planes(), broken=[5], delay=0.02)
    store = PlaneStore(source, MemoryBudget(AMPLE))

    results = run_all(*[lambda: store.plane(5)] * 5)

    assert [type(result) for result in results] == [DecodeError] * 5
    np.testing.assert_array_equal(store.plane(4), source.planes[4])


def test_a_plane_broken_for_the_pool_does_not_stop_the_threads_that_wait() -> None:
    array = planes(24)
    store = PlaneStore(ArraySource(array, broken=[1], workers=3, delay=0.001), MemoryBudget(AMPLE))

    with pytest.raises(DecodeError, match="plane 1 is broken"):
        store.whole()

    np.testing.assert_array_equal(store.plane(23), array[23])


@kinds
@rooms
def test_with_on_error_a_broken_plane_is_blank_and_told_once(kind: Kind, limit: int) -> None:
    array = planes(20) + 1
    store = PlaneStore(kind(array, broken=[5, 7]), MemoryBudget(limit))
    told: list[int] = []
    store.on_error = lambda number, error: told.append(number)

    for _ in range(2):
        whole = store.whole()

    expected = array.copy()
    expected[[5, 7]] = 0
    np.testing.assert_array_equal(whole, expected)
    assert told == [5, 7]
    assert {n: str(e) for n, e in store.errors.items()} == {
        5: "made-up: plane 5 is broken.",
        7: "made-up: plane 7 is broken.",
    }


def test_two_threads_that_meet_a_broken_plane_tell_of_it_once() -> None:
    store = PlaneStore(ArraySource(planes(), broken=[5], delay=0.02), MemoryBudget(SCARCE))
    told: list[int] = []
    store.on_error = lambda number, error: told.append(number)

    results = run_all(*[lambda: store.plane(5)] * 6)

    assert told == [5]
    assert all((plane == 0).all() for plane in results)


@rooms
@pytest.mark.parametrize("handled", [False, True], ids=["raised", "on_error"])
def test_a_stream_that_does_not_get_past_a_failure_is_not_asked_for_ever(
    limit: int, handled: bool
) -> None:
    array = planes()
    source = StreamSource(array, broken=[5], stuck=True)
    store = PlaneStore(source, MemoryBudget(limit))
    store.on_error = (lambda number, error: None) if handled else None

    np.testing.assert_array_equal(store.plane(4), array[4])
    with pytest.raises(DecodeError, match="plane 5 is broken"):
        store.plane(7)
    assert sum(source.reads.values()) < 10


def test_an_error_that_is_not_ours_leaves_the_plane_to_be_read_again() -> None:
    array = planes()
    source = ArraySource(array)
    store = PlaneStore(source, MemoryBudget(AMPLE))
    source.read_plane, kept = lambda number, out: 1 / 0, source.read_plane  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        store.plane(3)

    source.read_plane = kept  # type: ignore[method-assign]

    np.testing.assert_array_equal(store.plane(3), array[3])


# -- the background -----------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3])
@kinds
def test_the_background_fills_everything_once_and_says_so(kind: Kind, workers: int) -> None:
    source = kind(planes(30), workers=workers, delay=0.001)
    store = PlaneStore(source, MemoryBudget(AMPLE))
    done = threading.Event()
    threads: list[str] = []

    store.fill_in_background(lambda: (threads.append(threading.current_thread().name), done.set()))  # type: ignore[func-returns-value]
    store.fill_in_background()

    assert done.wait(10)
    assert store.is_complete
    assert set(source.reads.values()) == {1}
    assert threads == ["medvol-fill"]
    np.testing.assert_array_equal(store.whole(), source.planes)


def test_the_background_begins_in_the_middle() -> None:
    source = ArraySource(planes(7), delay=0.001)
    store = PlaneStore(source, MemoryBudget(AMPLE))

    store.fill_in_background()
    wait_for(lambda: store.is_complete)

    assert source.order == [3, 2, 4, 1, 5, 0, 6]


def test_the_order_of_filling_holds_every_plane_once_from_the_middle_out() -> None:
    for n in range(12):
        order = fill_order(n)
        away = [abs(number - n // 2) for number in order]
        assert sorted(order) == list(range(n))
        assert away == sorted(away)


def test_asking_and_filling_at_once_read_each_plane_once() -> None:
    array = planes(40)
    source = ArraySource(array, delay=0.001)
    store = PlaneStore(source, MemoryBudget(AMPLE))
    store.fill_in_background()

    for number in (39, 0, 20, 38, 1, 19):
        np.testing.assert_array_equal(store.plane(number), array[number])
    wait_for(lambda: store.is_complete)

    assert set(source.reads.values()) == {1}


@pytest.mark.parametrize("workers", [1, 3])
@kinds
def test_the_background_leaves_broken_planes_out_and_fills_the_rest(
    kind: Kind, workers: int
) -> None:
    source = kind(planes(30), workers=workers, broken=[0, 14, 15])
    store = PlaneStore(source, MemoryBudget(AMPLE))
    done = threading.Event()

    store.fill_in_background(done.set)
    assert store._fill is not None
    store._fill.join(10)

    assert store.progress == pytest.approx(27 / 30)
    assert not done.is_set()


def test_dropping_the_scan_stops_the_background_and_frees_its_memory() -> None:
    room = MemoryBudget(AMPLE)
    source = ArraySource(planes(2000), delay=0.005)
    store = PlaneStore(source, room)
    done = threading.Event()
    store.fill_in_background(done.set)
    wait_for(lambda: len(source.order) > 2)
    thread, gone = store._fill, weakref.ref(store)
    assert thread is not None

    del store
    gc.collect()
    thread.join(5)

    assert not thread.is_alive()
    assert gone() is None
    assert len(source.order) < 1000
    assert not done.is_set()
    assert room.used == 0


def test_a_scan_dropped_before_the_thread_runs_is_not_read() -> None:
    from napari_medvol.stores import _fill

    source = ArraySource(planes())
    store = PlaneStore(source, MemoryBudget(AMPLE))
    gone = weakref.ref(store)
    del store
    gc.collect()

    _fill(gone, None)

    assert source.order == []


def test_the_background_does_nothing_beyond_the_budget_or_when_all_is_there() -> None:
    called: list[int] = []
    beyond = PlaneStore(ArraySource(planes()), MemoryBudget(SCARCE))
    beyond.fill_in_background(lambda: called.append(1))
    full = PlaneStore(ArraySource(planes()), MemoryBudget(AMPLE))
    full.whole()
    full.fill_in_background(lambda: called.append(2))

    assert beyond._fill is None
    assert full._fill is None
    assert called == []


def test_errors_told_to_on_error_are_ours() -> None:
    store = PlaneStore(ArraySource(planes(), broken=[0]), MemoryBudget(AMPLE))
    errors: list[MedVolError] = []
    store.on_error = lambda number, error: errors.append(error)

    store.plane(0)

    assert isinstance(errors[0], DecodeError)
