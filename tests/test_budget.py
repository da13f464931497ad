from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_medvol import budget
from napari_medvol.budget import MemoryBudget, array_within

F4 = np.dtype(np.float32)


def test_room_is_taken_up_to_the_limit_and_no_further() -> None:
    room = MemoryBudget(100)

    assert room.take(60)
    assert not room.take(41)
    assert room.take(40)
    assert room.used == 100


def test_room_given_back_can_be_taken_again() -> None:
    room = MemoryBudget(100)
    room.take(100)
    room.give_back(30)

    assert room.used == 70
    assert room.take(30)
    assert not room.take(1)


def test_giving_back_while_taking_does_not_wait_for_itself() -> None:
    # The collector may run a finalizer while the same thread holds the lock of the budget.
    room = MemoryBudget(100)
    room.take(50)
    done = threading.Event()

    def collected() -> None:
        with room._lock:
            room.give_back(50)
        done.set()

    threading.Thread(target=collected, daemon=True).start()

    assert done.wait(5)
    assert room.used == 0


def test_many_threads_take_exactly_what_there_is() -> None:
    room = MemoryBudget(1000)
    taken: list[bool] = []

    def take() -> None:
        taken.extend(room.take(1) for _ in range(300))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == room.used == 1000


def test_an_array_takes_room_until_its_last_view_is_gone() -> None:
    room = MemoryBudget(1000)
    array = array_within(room, (5, 10), F4)
    assert array is not None
    assert (array.shape, array.dtype, room.used) == ((5, 10), F4, 200)
    view = array[1:].T.view()

    del array
    gc.collect()
    assert room.used == 200

    del view
    gc.collect()
    assert room.used == 0


def test_an_array_beyond_the_budget_is_refused_and_takes_nothing() -> None:
    room = MemoryBudget(199)

    assert array_within(room, (5, 10), F4) is None
    assert room.used == 0


def test_an_array_that_the_machine_cannot_hold_gives_its_room_back() -> None:
    room = MemoryBudget(2**62)

    assert array_within(room, (2**52,), F4) is None
    assert room.used == 0


@pytest.mark.parametrize(("asked", "nbytes"), [("0.5", 2**29), ("0", 0), ("3", 3 * 2**30)])
def test_the_limit_can_be_set_in_gibibytes(
    asked: str, nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDVOL_MEMORY", asked)

    assert budget._default_limit() == nbytes


@pytest.mark.parametrize("asked", ["", "lots", "nan", "inf", "-1"])
@pytest.mark.filterwarnings("ignore:NAPARI_MEDVOL_MEMORY")
def test_a_limit_that_is_no_number_means_half_of_the_machine(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDVOL_MEMORY", asked)
    monkeypatch.setattr(budget, "_CGROUP_LIMIT", Path("/nowhere"))
    monkeypatch.setattr(
        "os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}.get, raising=False
    )

    assert budget._default_limit() == 2**31


def test_a_limit_that_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDVOL_MEMORY", "lots")

    with pytest.warns(UserWarning, match="NAPARI_MEDVOL_MEMORY='lots' is no number of GiB"):
        budget._default_limit()


@pytest.mark.parametrize(("content", "nbytes"), [("1073741824\n", 2**29), ("max\n", 2**31)])
def test_a_container_has_half_of_what_it_may_use(
    content: str, nbytes: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "memory.max").write_text(content)
    monkeypatch.setattr(budget, "_CGROUP_LIMIT", tmp_path / "memory.max")
    monkeypatch.delenv("NAPARI_MEDVOL_MEMORY", raising=False)
    monkeypatch.setattr(
        "os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}.get, raising=False
    )

    assert budget._default_limit() == nbytes


def test_a_machine_that_does_not_tell_its_memory_gets_four_gibibytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NAPARI_MEDVOL_MEMORY", raising=False)
    monkeypatch.delattr("os.sysconf", raising=False)
    monkeypatch.setattr(budget, "_CGROUP_LIMIT", Path("/nowhere"))

    assert budget._default_limit() == 2**32
