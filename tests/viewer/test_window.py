"""What a person does in a window, and sees there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.settings import get_settings
from napari.utils.notifications import Notification
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

import napari_medvol
from napari_medvol.affines import apply_affine
from napari_medvol.arrays import lazy_volume
from napari_medvol.reslice import ReslicedArray
from napari_medvol.viewer import phantoms, window
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.planes import show_plane
from napari_medvol.volume import Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated, sheared
from tests.viewer.scenes import blob, marked

pytestmark = pytest.mark.usefixtures("qapp")

PLACE = (30.0, 22.0, 26.0)
SHAPE = (70, 72, 66)
ORIENTED = {
    "LPS": affine_along("LPS", (1.5, 1.5, 1.5)),
    "PIR": affine_along("PIR", (1.5, 1.5, 1.5)),
    "ASL": affine_along("ASL", (1.5, 1.5, 1.5)),
    "oblique": rotated(affine_along("LPS", (1.5, 1.5, 1.5)), 15),
    "tilted": sheared(affine_along("LPS", (1.5, 1.5, 1.5)), 0.3),
}


def open_by_hand(viewer: Any, *paths: Path) -> None:
    """Do what the window does after a drop, a dialog or on the command line."""
    viewer.window._qt_viewer._qt_open([str(p) for p in paths], stack=False, plugin="napari-medvol")


def bright_spot(viewer: Any) -> tuple[float, float]:
    """Return where on the canvas the brightest spot is: right and down, 0 to 1."""
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].sum(axis=-1).astype(float)
    rows, columns = np.nonzero(picture > 0.8 * picture.max())
    return float(columns.mean() / picture.shape[1]), float(rows.mean() / picture.shape[0])


def centred_blob(affine: np.ndarray) -> Volume:
    """A blob 30 mm to the right, 22 to the front and 26 to the head of the grid's middle."""
    moved = affine.copy()
    moved[:3, 3] -= apply_affine(affine, (np.array(SHAPE) - 1) / 2)
    return blob(moved, PLACE, SHAPE, sigma=4.0)


@pytest.mark.parametrize("affine", ORIENTED.values(), ids=ORIENTED.keys())
def test_right_is_left_on_the_screen_front_and_head_are_up_and_3d_is_no_mirror(
    make_napari_viewer: Callable[..., Any], affine: np.ndarray
) -> None:
    viewer = make_napari_viewer(show=True)
    show(viewer, [centred_blob(affine)])
    viewer.dims.point = napari_medvol.from_ras(viewer, PLACE)

    show_plane(viewer, "axial")
    right, down = bright_spot(viewer)
    assert right < 0.45
    assert down < 0.45
    show_plane(viewer, "coronal")
    right, down = bright_spot(viewer)
    assert right < 0.45
    assert down < 0.45
    show_plane(viewer, "sagittal")
    right, down = bright_spot(viewer)
    assert right < 0.45  # front is to the left
    assert down < 0.45

    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    # From the front: looking to the back (+y), head (−z) up.
    viewer.scene.camera.set_view_direction((0, 1, 0), up_direction=(-1, 0, 0))
    right, down = bright_spot(viewer)
    assert right < 0.45
    assert down < 0.45
    # From the back the patient's right is on the right: a true turn, no mirror.
    viewer.scene.camera.set_view_direction((0, -1, 0), up_direction=(-1, 0, 0))
    right, down = bright_spot(viewer)
    assert right > 0.55
    assert down < 0.45


def test_a_series_folder_opened_by_hand_asks_which_and_opens_the_chosen(
    make_napari_viewer: Callable[..., Any], two_scans: Path
) -> None:
    viewer = make_napari_viewer()
    asked: list[str] = []

    def choose_the_second() -> None:
        dialog = QApplication.activeModalWidget()
        asked.append(dialog.items[0].text(1))
        dialog.tree.setCurrentItem(dialog.items[1])
        dialog.open_button.click()

    QTimer.singleShot(300, choose_the_second)
    open_by_hand(viewer, two_scans)

    assert asked == ["a"]
    assert [layer.name for layer in viewer.layers] == ["b"]


def test_escape_opens_nothing_and_is_no_error(
    make_napari_viewer: Callable[..., Any], two_scans: Path, told: list[Notification]
) -> None:
    viewer = make_napari_viewer()

    QTimer.singleShot(300, lambda: QApplication.activeModalWidget().reject())
    open_by_hand(viewer, two_scans)

    assert not viewer.layers
    assert not told


def test_a_script_is_not_asked(make_napari_viewer: Callable[..., Any], two_scans: Path) -> None:
    viewer = make_napari_viewer()

    layers = viewer.open(two_scans, plugin="napari-medvol")

    assert [(layer.name, layer.visible) for layer in layers] == [("a", True), ("b", False)]


@pytest.fixture
def two_scans(tmp_path: Path) -> Path:
    for name in "ab":
        data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
        nib.Nifti1Image(data, affine_along("LPS")).to_filename(tmp_path / f"{name}.nii.gz")
    return tmp_path


def test_a_broken_file_opened_by_hand_is_one_notification_with_its_name(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, told: list[Notification]
) -> None:
    viewer = make_napari_viewer(show=True)
    (tmp_path / "broken.nii").write_bytes(b"not a scan")

    open_by_hand(viewer, tmp_path / "broken.nii")

    (one,) = told
    assert one.severity.name == "ERROR"
    assert one.message.startswith("broken.nii: ")
    assert "Traceback" not in one.message
    assert not viewer.layers


def test_before_the_window_is_there_a_notification_waits_for_it(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, told: list[Notification], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=False)
    (tmp_path / "broken.nii").write_bytes(b"not a scan")

    open_by_hand(viewer, tmp_path / "broken.nii")

    assert not told
    qtbot.waitUntil(lambda: len(told) == 1, timeout=5000)


# napari's own reader leaves the text open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_scan_is_opened_by_others_and_never_a_traceback(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, told: list[Notification]
) -> None:
    from imageio.v3 import imwrite

    for name in ("pictures", "texts", "empty", "x.nii.gz"):
        (tmp_path / name).mkdir()
    for number in range(2):
        imwrite(tmp_path / f"pictures/{number}.png", np.full((9, 8), 40 + number, np.uint8))
    (tmp_path / "texts" / "a.txt").write_text("hello")
    viewer = make_napari_viewer(show=True)

    open_by_hand(viewer, tmp_path / "pictures")
    assert len(viewer.layers) > 0
    assert not told
    n_layers = len(viewer.layers)
    for name in ("texts", "empty", "x.nii.gz"):
        open_by_hand(viewer, tmp_path / name)

    assert len(viewer.layers) == n_layers
    assert [n.severity.name for n in told] == ["ERROR"] * 3
    assert told[0].message.startswith("texts: holds no scan that a known format reads")
    assert "Ask again which plugin" in told[0].message


def test_layers_that_the_reader_gives_are_followed_in_every_window(
    make_napari_viewer: Callable[..., Any], tmp_path: Path
) -> None:
    first, second = make_napari_viewer(), make_napari_viewer()
    path = tmp_path / "askew.nii.gz"
    askew = rotated(affine_along("LPS"), 15)
    nib.Nifti1Image(np.ones((9, 10, 11), np.int16), askew).to_filename(path)

    for viewer in (first, second):
        (layer,) = viewer.open(path, plugin="napari-medvol")
        assert isinstance(layer.data, ReslicedArray)
        viewer.dims.ndisplay = 3
        assert not isinstance(layer.data, ReslicedArray)


def test_the_commands_act_on_the_window(
    make_napari_viewer: Callable[..., Any], told: list[Notification]
) -> None:
    viewer = make_napari_viewer(show=True)

    def run(command: str) -> None:
        get_app_model().commands.execute_command(f"napari-medvol.{command}").result()

    run("axial")
    assert "nothing in the viewer has three axes" in told[-1].message
    show(viewer, [marked(rotated(affine_along("LPS"), 15))])
    run("coronal")
    assert tuple(viewer.dims.order) == (1, 0, 2)
    run("sagittal")
    assert tuple(viewer.dims.order) == (2, 0, 1)
    run("axial")
    assert tuple(viewer.dims.order) == (0, 1, 2)
    run("toggle_oblique")
    assert viewer.layers[0].name == "marked (own grid)"
    viewer.layers.selection.clear()
    run("toggle_oblique")
    assert told[-1].message == "None of the selected layers is oblique."


def test_a_plane_turns_4d_data_around_its_space_only(
    make_napari_viewer: Callable[..., Any],
) -> None:
    viewer = make_napari_viewer()
    show(viewer, [phantoms.head_fmri(n_frames=3)])

    show_plane(viewer, "sagittal")

    assert tuple(viewer.dims.order) == (0, 3, 1, 2)


def test_the_rest_is_read_behind_the_first_picture(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    source = ArraySource(np.ones((50, 12, 14), np.int16))
    volume = Volume(lazy_volume(source), affine_along("LPS"), name="lazy")
    viewer = make_napari_viewer()

    show(viewer, [volume])
    at_first = len(source.reads)

    assert at_first < 10
    qtbot.waitUntil(lambda: volume.data.store.is_complete, timeout=5000)
    assert len(source.reads) == 50


def test_a_plane_that_breaks_in_the_background_is_one_bubble(
    make_napari_viewer: Callable[..., Any], told: list[Notification], qtbot: Any
) -> None:
    source = ArraySource(np.ones((50, 12, 14), np.int16), broken={3, 40})
    volume = Volume(lazy_volume(source), affine_along("LPS"), name="lazy")
    viewer = make_napari_viewer(show=True)

    show(viewer, [volume])
    qtbot.waitUntil(lambda: volume.data.store.is_complete, timeout=5000)
    qtbot.waitUntil(lambda: bool(told), timeout=5000)

    (one,) = told
    assert "lazy: 2 of 50 slices cannot be read and are left blank" in one.message
    assert set(volume.data.store.errors) == {3, 40}


def test_slicing_in_threads_ends_with_the_right_face(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings().experimental, "async_", True)
    viewer = make_napari_viewer()
    volume = centred_blob(ORIENTED["oblique"])
    (layer,) = show(viewer, [volume])
    place = napari_medvol.from_ras(viewer, PLACE)

    for ndisplay in (3, 2, 3, 2):
        viewer.dims.ndisplay = ndisplay
        assert isinstance(layer.data, ReslicedArray) is (ndisplay == 2)
    viewer.dims.point = place

    def seen() -> bool:
        value = layer.get_value(place, world=True)
        return value is not None and value > 900

    qtbot.waitUntil(seen, timeout=5000)


def test_without_qt_there_is_no_application_and_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "qtpy")
    done: list[int] = []

    assert window.application() is None
    assert not window.window_is_coming()
    window.later(10_000, lambda: done.append(1))

    assert done == [1]


def test_without_a_window_nothing_is_coming() -> None:
    assert not window.window_is_coming()
