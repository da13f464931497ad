"""Scans that are drawn while they are read: the window never waits, and ends up with all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QEventLoop, QTimer

from napari_medvol.arrays import lazy_volume
from napari_medvol.errors import ReadError
from napari_medvol.viewer import opening
from napari_medvol.viewer.arriving import arrival_of, let_arrive
from napari_medvol.viewer.ortho.models import Ortho
from napari_medvol.viewer.widgets.cursor import CursorWidget
from napari_medvol.viewer.widgets.header import HeaderWidget
from napari_medvol.viewer.widgets.overlay import OverlayWidget
from napari_medvol.viewer.widgets.statistics import StatisticsWidget
from napari_medvol.viewer.widgets.strip import StripWidget
from napari_medvol.viewer.widgets.window import WindowWidget
from napari_medvol.views.planes import PLANES
from napari_medvol.views.probe import probe
from napari_medvol.volume import Display, Volume
from tests.phantoms.volumes import affine_along, rotated

N = 24
MIDDLE = N // 2


class Slow:
    """Planes that threads in the background get only when they are let through."""

    outer, inner, dtype, name = (N,), (9, 8), np.dtype(np.int16), "slow"
    workers = 2

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.values = rng.integers(1, 1000, (N, 9, 8), dtype=np.int16)
        self.gate = threading.Event()
        self.in_window: list[int] = []
        self.for_views = 0
        self.bad: set[int] = set()

    def read_plane(self, number: int, out: NDArray[Any]) -> None:
        if threading.current_thread() is threading.main_thread():
            self.in_window.append(number)
        elif threading.current_thread().name != "medvol task":
            self.for_views += threading.current_thread().name == "medvol-arrival"
            assert self.gate.wait(10)
        if number in self.bad:
            raise ReadError("plane", "is broken", "Nothing")
        out[...] = self.values[number]


@pytest.fixture
def source() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.gate.set()
    _until(lambda: not _readers())


@pytest.fixture
def live(qapp: Any) -> Callable[[Callable[[], Any]], Any]:
    """Do something as the window does it: from its loop of events."""

    def run(do: Callable[[], Any]) -> Any:
        loop, results = QEventLoop(), []

        def once() -> None:
            try:
                results.append(do())
            finally:
                loop.quit()

        QTimer.singleShot(0, once)
        loop.exec()
        return results[0]

    return run


def _readers(*names: str) -> list[threading.Thread]:
    names = names or ("medvol-arrival", "medvol-fill")
    return [thread for thread in threading.enumerate() if thread.name in names]


def _until(is_so: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, "that never came"
        loop = QEventLoop()
        QTimer.singleShot(10, loop.quit)
        loop.exec()


def scan(source: Slow, affine: Any = None, **more: Any) -> Volume:
    affine = affine_along("LPS") if affine is None else affine
    shown = Display(limits=(-5.0, 1000.0))
    return Volume(lazy_volume(source), affine, display=shown, **more)


def eager(volume: Volume, source: Slow) -> Volume:
    return Volume(source.values.T.copy(), volume.affine, display=volume.display)


def pictures(ortho: Ortho) -> dict[str, NDArray[Any]]:
    return {p: np.array(ortho.models[p].layers[0]._slice.image.raw) for p in PLANES}


def all_awaited(ortho: Ortho) -> bool:
    layers = [ortho.models[plane].layers for plane in PLANES]
    return all(len(one) == 1 for one in layers)


def is_whole(ortho: Ortho) -> bool:
    found = [arrival_of(model.layers[0]) for model in ortho.models.values() if model.layers]
    return not any(arrival is not None and arrival.is_awaited for arrival in found)


@pytest.mark.parametrize("degrees", [0, 20])
def test_views_across_the_slices_decode_nothing_in_the_window_and_end_up_whole(
    degrees: float, source: Slow, live: Any
) -> None:
    affine = rotated(affine_along("LPS"), degrees) if degrees else None
    viewer = ViewerModel()
    ortho = Ortho(viewer)
    volume = scan(source, affine)
    live(lambda: opening.show(viewer, [volume]))
    _until(lambda: all_awaited(ortho))

    assert not volume.data.store.is_complete
    # napari makes a layer with its first slice; the one that is shown was read in a thread.
    assert len(source.in_window) <= 1 or degrees

    source.gate.set()
    _until(lambda: volume.data.store.is_complete and is_whole(ortho))
    expected = ViewerModel()
    beside = Ortho(expected)
    opening.show(expected, [eager(volume, source)])
    beside.ras = ortho.ras
    for plane, picture in pictures(beside).items():
        np.testing.assert_array_equal(pictures(ortho)[plane], picture)
    ortho.close()
    beside.close()


def test_what_is_there_is_shown_and_the_rest_is_darkest(source: Slow, live: Any) -> None:
    viewer = ViewerModel()
    volume = scan(source)
    opening.show(viewer, [volume])
    for number in range(MIDDLE):
        volume.data.store.load((number,))
    there = [volume.data.store.has((number,)) for number in range(N)]
    assert any(there)
    assert not all(there)

    def across() -> None:
        viewer.dims.order = (1, 0, 2)

    live(across)

    picture = np.array(viewer.layers[0]._slice.image.raw)
    row = round(float(viewer.layers[0].world_to_data(viewer.dims.point)[1]))
    expected = np.where(np.array(there)[::-1, np.newaxis], source.values[::-1, row, :], -5)
    np.testing.assert_array_equal(picture, expected)
    assert not viewer.layers[0].loaded
    source.gate.set()
    _until(lambda: viewer.layers[0].loaded)
    whole = np.array(viewer.layers[0]._slice.image.raw)
    np.testing.assert_array_equal(whole, source.values[::-1, row, :])


def test_the_plane_a_person_goes_to_comes_first(source: Slow, live: Any) -> None:
    viewer = ViewerModel()
    volume = scan(source)
    live(lambda: opening.show(viewer, [volume]))
    _until(lambda: bool(_readers()))

    live(lambda: viewer.dims.set_current_step(0, 3))

    picture = np.array(viewer.layers[0]._slice.image.raw)
    np.testing.assert_array_equal(picture, source.values[N - 1 - 3])
    assert volume.data.store.progress < 0.5


def test_a_script_gets_whole_pictures(source: Slow) -> None:
    source.gate.set()
    viewer = ViewerModel()
    volume = scan(source)
    opening.show(viewer, [volume])

    viewer.dims.order = (2, 0, 1)

    column = round(float(viewer.layers[0].world_to_data(viewer.dims.point)[2]))
    np.testing.assert_array_equal(
        np.array(viewer.layers[0]._slice.image.raw), source.values[::-1, :, column]
    )


def test_finishing_waits_for_what_is_missing(source: Slow, live: Any) -> None:
    viewer = ViewerModel()
    volume = scan(source)
    opening.show(viewer, [volume])
    live(lambda: setattr(viewer.dims, "order", (1, 0, 2)))
    arrival = arrival_of(viewer.layers[0])
    assert arrival is not None
    assert arrival.is_awaited
    source.gate.set()

    arrival.finish()

    row = round(float(viewer.layers[0].world_to_data(viewer.dims.point)[1]))
    picture = np.array(viewer.layers[0]._slice.image.raw)
    np.testing.assert_array_equal(picture, source.values[::-1, row, :])
    assert not arrival.is_awaited


def test_closed_while_it_loads_nobody_reads_on_for_it(source: Slow, live: Any) -> None:
    viewer = ViewerModel()
    ortho = Ortho(viewer)
    volume = scan(source)
    live(lambda: opening.show(viewer, [volume]))
    _until(lambda: all_awaited(ortho) and len(_readers("medvol-arrival")) == 2)
    twins = [ortho.models[plane].layers[0] for plane in PLANES]

    ortho.close()
    viewer.layers.clear()
    source.gate.set()
    _until(lambda: not _readers("medvol-arrival"))

    assert not any(getattr(arrival_of(twin), "is_awaited", False) for twin in twins)
    # What a thread was at when the views were closed, it ends.
    assert source.for_views <= 2


def test_a_plane_that_cannot_be_read_is_told_of_and_the_rest_is_shown(
    source: Slow, live: Any, told: list[Any]
) -> None:
    source.bad, volume = {3}, scan(source)
    source.gate.set()
    viewer = ViewerModel()
    opening.show(viewer, [volume])
    live(lambda: setattr(viewer.dims, "order", (1, 0, 2)))

    _until(lambda: viewer.layers[0].loaded and volume.data.store.is_complete)

    row = round(float(viewer.layers[0].world_to_data(viewer.dims.point)[1]))
    expected = source.values[:, row, :].copy()
    expected[3] = 0
    picture = np.array(viewer.layers[0]._slice.image.raw)
    np.testing.assert_array_equal(picture, expected[::-1])
    assert told


def test_arrays_of_others_are_left_alone() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 5, 6)))

    let_arrive(layer)

    assert arrival_of(layer) is None


def test_all_panels_together_decode_at_most_one_plane_in_the_window(
    source: Slow, live: Any
) -> None:
    viewer = ViewerModel()
    ortho = Ortho(viewer)
    panels = [made(viewer) for made in (CursorWidget, WindowWidget, StatisticsWidget)]
    panels += [made(viewer) for made in (HeaderWidget, OverlayWidget, StripWidget)]
    volume = scan(source)
    live(lambda: opening.show(viewer, [volume]))
    _until(lambda: all_awaited(ortho))
    live(lambda: ortho.cursor.step(0, 2.4))
    source.gate.set()
    _until(lambda: volume.data.store.is_complete and is_whole(ortho))

    assert len(source.in_window) <= 1
    for panel in panels:
        panel.close()
    ortho.close()


def test_the_cursor_shows_what_it_asked_for_when_it_comes(source: Slow, live: Any) -> None:
    viewer = ViewerModel()
    panel = CursorWidget(viewer)
    volume = scan(source)
    live(lambda: opening.show(viewer, [volume]))
    live(lambda: panel.cursor.step(0, 2.4))

    assert panel.rows()[0].found.is_pending
    assert panel.rows()[0].found.linear is None
    source.gate.set()
    _until(lambda: not panel.rows()[0].found.is_pending)
    late = panel.rows()[0].found
    expected = probe(eager(volume, source), late.ras)
    assert (late.value, late.linear) == (expected.value, pytest.approx(expected.linear))
    # The first of the layer, and the one that the canvas went to: none for the panel.
    assert len(source.in_window) <= 2
    panel.close()
