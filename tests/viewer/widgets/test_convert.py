"""The Convert widget, used as a person would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from qtpy.QtWidgets import QApplication

import napari_medvol as mv
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.widgets.convert import FOLDER, VISIBLE, ConvertWidget
from tests.phantoms.volumes import affine_along, numbered, rotated


def converted(panel: ConvertWidget) -> None:
    """Press the button and wait."""
    panel.run.changed.emit(True)
    until = time.monotonic() + 30
    while panel.is_working:
        assert time.monotonic() < until
        QApplication.processEvents()
        time.sleep(0.005)


def opened(viewer: Any, target: Path) -> ConvertWidget:
    panel = ConvertWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Convert")
    panel.target.value = str(target)
    return panel


def test_the_selected_layers_are_written_with_their_names(viewer: Any, tmp_path: Path) -> None:
    affine = rotated(affine_along("LPS"), 20)
    show(viewer, [numbered((5, 6, 7), affine=affine), numbered((3, 3, 3))])
    viewer.layers[0].name = "first"
    viewer.layers.selection = {viewer.layers[0]}
    panel = opened(viewer, tmp_path)

    converted(panel)

    path = tmp_path / "first.nii.gz"
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_allclose(nib.load(path).affine, affine, atol=1e-4)
    assert panel.rows.rowCount() == 1
    assert panel.status == "1 written, each read back and compared"
    panel.rows.selectRow(0)
    assert "corners (mm)" in panel.status


def test_type_axes_and_format_are_asked_for(viewer: Any, tmp_path: Path) -> None:
    show(viewer, [numbered((5, 6, 7))])
    panel = opened(viewer, tmp_path)
    panel.source.value = VISIBLE
    panel.format.value = ("MGH", ".mgz")
    panel.dtype.value = "float32"
    panel.axes.value = "LAS"
    panel.template.value = "out/{index:03d}_{name}"

    converted(panel)

    image = nib.load(tmp_path / "out" / "001_p.mgz")
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    assert image.get_data_dtype() == np.dtype(">f4")


def test_a_folder_of_scans_is_converted_and_a_bad_one_is_named(
    viewer: Any, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        mv.write(numbered((4, 4, 4)), tmp_path / "in" / f"{name}.nii")
    (tmp_path / "in" / "c.nii").write_bytes((tmp_path / "in" / "a.nii").read_bytes()[:400])
    panel = opened(viewer, tmp_path / "out")
    panel.source.value = FOLDER
    panel.folder.value = str(tmp_path / "in")
    panel.template.value = "{stem}"

    converted(panel)

    assert sorted(p.name for p in (tmp_path / "out").glob("*.gz")) == ["a.nii.gz", "b.nii.gz"]
    assert "2 written, 1 failed" in panel.status
    assert panel.result is not None
    assert any("c.nii" in str(row[0]) for row in panel.result.rows)


def test_it_says_what_is_missing(viewer: Any, tmp_path: Path) -> None:
    panel = ConvertWidget(viewer)
    viewer.window.add_dock_widget(panel)

    panel.run.changed.emit(True)
    assert "no folder is named" in panel.status

    panel.target.value = str(tmp_path)
    panel.run.changed.emit(True)
    assert "no layer is selected" in panel.status
    assert not panel.is_working

    viewer.add_points(np.zeros((1, 3)), name="marks")
    panel.run.changed.emit(True)
    assert "marks" in panel.status


def test_what_is_there_is_kept_unless_asked(viewer: Any, tmp_path: Path) -> None:
    show(viewer, [numbered((3, 3, 3))])
    panel = opened(viewer, tmp_path)
    converted(panel)
    before = (tmp_path / "p.nii.gz").stat().st_mtime_ns

    converted(panel)
    assert "1 failed" in panel.status
    assert (tmp_path / "p.nii.gz").stat().st_mtime_ns == before

    panel.overwrite.value = True
    converted(panel)
    assert "1 written" in panel.status


def test_cancelling_leaves_whole_files_only(viewer: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((200, 200, 100)).astype(np.float32)
    show(viewer, [mv.Volume(values, np.eye(4), name=name) for name in "abc"])
    viewer.layers.select_all()
    panel = opened(viewer, tmp_path)

    panel.run.changed.emit(True)
    panel.cancel.changed.emit(True)
    until = time.monotonic() + 30
    while panel.is_working and time.monotonic() < until:
        QApplication.processEvents()

    assert "Stopped" in panel.status
    for path in tmp_path.iterdir():
        assert not path.name.startswith(".")
        nib.load(path).get_fdata()


def test_opened_and_closed_often_it_leaves_nothing(viewer: Any, openings: int) -> None:
    show(viewer, [numbered((3, 3, 3))])

    def counts() -> tuple[int, int]:
        QApplication.sendPostedEvents(None, 52)  # what was told to be deleted later
        QApplication.processEvents()
        return len(QApplication.topLevelWidgets()), len(viewer.layers.events.inserted.callbacks)

    def once() -> None:
        panel = ConvertWidget(viewer)
        dock = viewer.window.add_dock_widget(panel)
        viewer.window.remove_dock_widget(dock)
        panel.close()

    once()
    before = counts()
    for _ in range(openings):
        once()
    assert counts() == before
