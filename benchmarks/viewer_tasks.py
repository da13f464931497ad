"""Rows 22 to 26: what our widgets add to a step of napari's slider, and to its patience.

Steps and gaps are drawn on the screen, so they tell of ratios and of nothing else where a
program draws in place of a graphics card.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tasks import Run, task

Array = NDArray[Any]

N_STEPS = 24
LIMITS = (-1000, 1000)
N_ELEMENTS = 10_000
WORDS = ("p", "pr", "pri", "priv", "private", "9", "99", "999", "")


def _viewer(width: int = 1400) -> Any:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(width, 900)
    return viewer


def _wait(seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Let Qt's loop run, as it does for a person."""
    from qtpy.QtCore import QEventLoop, QTimer

    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        loop = QEventLoop()
        QTimer.singleShot(10, loop.quit)
        loop.exec()


def _axial_steps(viewer: Any, layer: Any) -> Run:
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    assert application is not None
    middle = viewer.dims.nsteps[0] // 2

    def run() -> Array:
        shown = []
        for step in range(N_STEPS):
            viewer.dims.set_current_step(0, middle - N_STEPS // 2 + step)
            application.processEvents()
            shown.append(np.asarray(layer._slice.image.raw)[::8, ::8].astype(np.int16).ravel())
        return np.concatenate(shown)

    return run


def _scan(path: Path) -> Any:
    """Return the volume and the array that napari is given of it, both in memory."""
    import napari_medvol
    from napari_medvol.viewer.layers import layer_data

    (volume,) = napari_medvol.read(path)
    np.asarray(volume.data)
    return layer_data(volume)[0]


def _step_ready(path: Path) -> tuple[Any, Any]:
    viewer = _viewer()
    data, meta, _ = _scan(path)
    places = {key: meta[key] for key in ("scale", "translate", "affine", "units") if key in meta}
    layer = viewer.add_image(data, contrast_limits=LIMITS, **places)
    return viewer, layer


# -- row 22: a slider step with the Ortho views open --------------------------------------


@task
def ortho_ours(path: Path) -> Run:
    from napari_medvol.viewer.widgets import ortho

    viewer, layer = _step_ready(path)
    ortho.show(viewer)
    _wait(4)
    return _axial_steps(viewer, layer)


@task
def ortho_planes(path: Path) -> Run:
    from napari_medvol.viewer.widgets import ortho

    viewer, layer = _step_ready(path)
    ortho.show(viewer).options.volume = False
    _wait(2)
    return _axial_steps(viewer, layer)


@task
def ortho_plain(path: Path) -> Run:
    viewer, layer = _step_ready(path)
    _wait(2)
    return _axial_steps(viewer, layer)


# -- row 23: a slider step with an overlay ------------------------------------------------


def _fused(path: Path, is_ours: bool) -> Run:
    from napari.layers import Layer

    from napari_medvol.viewer.layers import layer_data
    from napari_medvol.viewer.overlaying import overlay
    from napari_medvol.volume import Volume

    viewer = _viewer()
    layer = viewer.add_layer(Layer.create(*_scan(path)))
    values = np.random.default_rng(0).random((110, 168, 168), dtype=np.float32).T * 20
    affine = np.diag([-3.0, 3.0, 3.2, 1.0])
    affine[:3, 3] = layer.metadata["medvol"].volume.affine[:3, 3]
    pet = viewer.add_layer(
        Layer.create(*layer_data(Volume(values, affine, unit="g/ml", name="PET"))[0])
    )
    if is_ours:
        overlay(viewer, pet, layer, colormap="Hot", opacity=0.5)
    else:
        pet.colormap, pet.opacity, pet.blending = "hot", 0.5, "translucent_no_depth"
    _wait(2)
    return _axial_steps(viewer, layer)


@task
def overlay_ours(path: Path) -> Run:
    return _fused(path, is_ours=True)


@task
def overlay_plain(path: Path) -> Run:
    return _fused(path, is_ours=False)


# -- row 24: ten thousand header rows, filtered as somebody types -------------------------


def _elements() -> list[Any]:
    from napari_medvol.headers import Element

    return [
        Element(f"Private {n}" if n % 3 else f"Number {n}", str(n * 7), tag=f"{n:08x}", vr="LO")
        for n in range(N_ELEMENTS)
    ]


def _typed(view: Any, set_words: Callable[[str], None], left: Callable[[], int]) -> Run:
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    assert application is not None
    view.resize(700, 600)
    view.show()
    _wait(1)

    def run() -> list[int]:
        found = []
        for words in WORDS:
            set_words(words)
            application.processEvents()
            found.append(left())
        return found

    return run


@task
def filter_ours(path: Path) -> Run:
    viewer = _viewer()
    from napari_medvol.viewer.widgets.element_tree import ElementTree

    tree = ElementTree()
    tree.put(_elements())
    run = _typed(tree, tree.set_words, lambda: tree.elements.n_matches)
    run.holds = viewer  # type: ignore[attr-defined]
    return run


@task
def filter_qt(path: Path) -> Run:
    """Qt's own: a model of items behind a QSortFilterProxyModel."""
    viewer = _viewer()
    from qtpy.QtCore import QSortFilterProxyModel, Qt
    from qtpy.QtGui import QStandardItem, QStandardItemModel
    from qtpy.QtWidgets import QTreeView

    model, proxy, view = QStandardItemModel(), QSortFilterProxyModel(), QTreeView()
    for element in _elements():
        cells = (element.name, element.value, element.meaning, element.tag, element.vr)
        model.appendRow([QStandardItem(cell) for cell in cells])
    proxy.setSourceModel(model)
    proxy.setFilterKeyColumn(-1)
    proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    view.setModel(proxy)
    view.setUniformRowHeights(True)

    run = _typed(view, proxy.setFilterFixedString, proxy.rowCount)
    run.holds = viewer, model, proxy  # type: ignore[attr-defined]
    return run


# -- row 25: the longest time that the window stands still while a series loads -----------


def _gap(path: Path, show: Callable[[Any], Callable[[], bool]], ortho: bool) -> Run:
    """Return what measures the longest pause of a timer of 5 ms, into ``run.gap``."""
    from qtpy.QtCore import QTimer

    viewer = _viewer()
    # Shaders and fonts are made for the first layer of all.
    viewer.add_image(np.zeros((8, 64, 64), np.int16))
    if ortho:
        from napari_medvol.viewer.widgets import ortho as views

        # A volume on a machine without a graphics card takes seconds to draw, whoever draws it.
        views.show(viewer).options.volume = False
    _wait(2)
    viewer.layers.clear()
    _wait(1)

    def run() -> None:
        beats = [time.perf_counter()]
        timer = QTimer()
        timer.setInterval(5)
        timer.timeout.connect(lambda: beats.append(time.perf_counter()))
        timer.start()
        done: list[Callable[[], bool]] = []
        QTimer.singleShot(0, lambda: done.append(show(viewer)))
        _wait(60, lambda: bool(done) and done[0]())
        _wait(0.5)
        timer.stop()
        run.gap = float(np.diff(beats).max())  # type: ignore[attr-defined]

    run.once = True  # type: ignore[attr-defined]
    return run


def _show_ours(path: Path) -> Callable[[Any], Callable[[], bool]]:
    import napari_medvol
    from napari_medvol.viewer import opening

    (volume,) = napari_medvol.read(path)

    def show(viewer: Any) -> Callable[[], bool]:
        opening.show(viewer, [volume])
        return lambda: bool(volume.data.store.is_complete)

    return show


def _show_array(path: Path) -> Callable[[Any], Callable[[], bool]]:
    import napari_medvol

    (volume,) = napari_medvol.read(path)
    array = np.ascontiguousarray(np.asarray(volume.data).T)

    def show(viewer: Any) -> Callable[[], bool]:
        viewer.add_image(array, contrast_limits=LIMITS)
        return lambda: True

    return show


@task
def gap_ours(path: Path) -> Run:
    return _gap(path, _show_ours(path), ortho=False)


@task
def gap_array(path: Path) -> Run:
    return _gap(path, _show_array(path), ortho=False)


@task
def gap_ortho(path: Path) -> Run:
    return _gap(path, _show_ours(path), ortho=True)


# -- row 26: what is under the mouse, in five layers --------------------------------------

N_PLACES = 60


def _under_the_mouse(path: Path, is_ours: bool) -> Run:
    from qtpy.QtWidgets import QApplication

    import napari_medvol
    from napari_medvol.viewer import opening

    viewer = _viewer()
    (volume,) = napari_medvol.read(path)
    np.asarray(volume.data)
    small = napari_medvol.apply(volume, [napari_medvol.Step("resize", {"zooms": (4, 4, 4)})])
    turned = napari_medvol.apply(small, [napari_medvol.Step("relabel", {"axcodes": "PIR"})])
    mask = napari_medvol.like(small, np.asarray(small.data) > 0, kind="labels")
    (first, *_) = opening.show(viewer, [volume, small, turned, mask])
    viewer.add_image(np.zeros((20, 30, 40), np.float32))
    if is_ours:
        viewer.window.add_plugin_dock_widget("napari-medvol", "Cursor")
    _wait(1)
    low, high = np.asarray(first.extent.world)
    places = np.linspace(low * 0.8 + high * 0.2, low * 0.2 + high * 0.8, N_PLACES)
    application = QApplication.instance()
    assert application is not None

    def run() -> None:
        for place in places:
            viewer.cursor.position = tuple(place)
            if not is_ours:
                for layer in viewer.layers:
                    layer.get_status(tuple(place), world=True)
            application.processEvents()

    run.holds = viewer  # type: ignore[attr-defined]
    return run


@task
def cursor_ours(path: Path) -> Run:
    return _under_the_mouse(path, is_ours=True)


@task
def cursor_status(path: Path) -> Run:
    """napari's own status line, asked of every layer."""
    return _under_the_mouse(path, is_ours=False)
