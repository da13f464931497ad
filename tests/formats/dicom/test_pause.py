"""The search for garbage is put off and comes back."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from napari_medvol.formats.dicom.pause import NO_COLLECTION


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.parametrize("before", [True, False])
def test_it_is_as_it_was_after_the_block_also_after_an_error(before: bool) -> None:
    if not before:
        gc.disable()

    def fail() -> None:
        with NO_COLLECTION, NO_COLLECTION:
            assert not gc.isenabled()
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()

    assert gc.isenabled() == before


def test_the_last_of_several_threads_lets_it_go_on() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with NO_COLLECTION:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with NO_COLLECTION:
        thread.start()
        assert inside.wait(10)
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()
