"""The header inspector, used in a viewer."""

from __future__ import annotations

import csv
import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_medvol
from napari_medvol.viewer.widgets.header import HeaderWidget
from napari_medvol.volume import Volume
from tests.phantoms.dicom import write_series
from tests.viewer.scenes import shown, wait_for

pytestmark = pytest.mark.usefixtures("qapp")

IMAGE, GEOMETRY, HEADER, VARIES, DIFFERENCE, IDENTIFIERS = range(6)


def nifti(path: Path, dtype: type = np.int16, **fields: Any) -> Volume:
    values = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    image = nib.Nifti1Image(values.astype(dtype), np.diag([-2, 3, 4, 1]))
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, path)
    (volume,) = napari_medvol.read(path)
    return volume


def series(folder: Path, name: str = "Doe^Jane") -> Volume:
    write_series(
        folder, np.zeros((4, 6, 8), np.int16),
        elements={"PatientName": name, "SeriesDescription": "chest"},
    )  # fmt: skip
    for number, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.XRayTubeCurrent = 100 + 10 * number
        dataset.save_as(path)
    (volume,) = napari_medvol.read(folder)
    return volume


def told(tree: Any) -> dict[str, str]:
    return {element.name: element.value for element in tree.elements.shown()}


@pytest.fixture
def widget(viewer: Any) -> Iterator[HeaderWidget]:
    made = HeaderWidget(viewer)
    yield made
    made.close()


def test_the_image_tab_tells_the_scan_and_then_its_range(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii"))

    wait_for(lambda: "range" in told(widget.image))

    facts = told(widget.image)
    assert facts["type"] == "NIfTI-1"
    assert facts["orientation"] == "LAS"
    assert facts["range"] == "0 to 59"


def test_the_geometry_tab_turns_between_ras_and_lps(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii"))
    widget.tabs.setCurrentIndex(GEOMETRY)

    assert widget.geometry.toPlainText().splitlines()[1].split()[1:5] == ["-2", "0", "0", "0"]
    assert "sform" in widget.geometry.toPlainText()
    widget.lps.setChecked(True)

    assert widget.geometry.toPlainText().splitlines()[1].split()[1] == "2"


def test_the_header_tab_has_every_field_and_filters_as_one_types(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii"))
    widget.tabs.setCurrentIndex(HEADER)
    assert told(widget.header)["sizeof_hdr"] == "348"

    widget.filter.setText("qform code")
    wait_for(lambda: len(told(widget.header)) < 10)

    assert set(told(widget.header)) == {"NIfTI-1 header", "qform_code"}


def test_each_slice_has_its_own_dicom_header(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, series(tmp_path))
    widget.tabs.setCurrentIndex(HEADER)
    wait_for(lambda: told(widget.header).get("XRayTubeCurrent") == "100")

    widget.plane.setValue(2)

    wait_for(lambda: told(widget.header).get("XRayTubeCurrent") == "120")


def test_what_varies_is_listed_and_drawn(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, series(tmp_path))
    widget.tabs.setCurrentIndex(VARIES)
    wait_for(lambda: "XRayTubeCurrent" in told(widget.varies.tree))

    assert told(widget.varies.tree)["XRayTubeCurrent"] == "100 to 130"
    row = [e.name for e in widget.varies.tree.elements.shown()].index("XRayTubeCurrent")
    widget.varies.tree.setCurrentIndex(widget.varies.tree.elements.index(row, 0))

    np.testing.assert_array_equal(widget.varies.plot.curves[0].values, [100, 110, 120, 130])
    text = [e.name for e in widget.varies.tree.elements.shown()].index("SOPInstanceUID")
    widget.varies.tree.setCurrentIndex(widget.varies.tree.elements.index(text, 0))
    assert widget.varies.plot.curves == ()


def test_the_badge_names_what_tells_the_patient(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, series(tmp_path / "a"))
    wait_for(lambda: not widget.badge.isHidden())

    assert "PatientName" in widget.badge.toolTip()
    widget.badge.click()

    assert widget.tabs.currentIndex() == IDENTIFIERS
    assert told(widget.identifying)["PatientName"] == "Doe^Jane"


def test_a_scan_that_tells_nobody_has_no_badge(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii"))
    widget.tabs.setCurrentIndex(HEADER)

    assert widget.badge.isHidden()
    assert "none found" in told(widget.identifying)


def test_two_layers_are_compared_header_and_voxels(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    one = shown(viewer, nifti(tmp_path / "a.nii"))
    other = shown(viewer, nifti(tmp_path / "b.nii", np.float32))
    widget.layer.value = one

    widget.other.value = other

    assert widget.tabs.currentIndex() == DIFFERENCE
    wait_for(lambda: "bitpix" in told(widget.difference.tree))
    assert set(told(widget.difference.tree)) == {"NIfTI-1 header", "datatype", "bitpix"}
    widget.difference.compare.click()
    wait_for(lambda: "equal" in widget.difference.said.text())
    assert widget.difference.said.text() == "All 60 values are equal"


def test_what_is_shown_is_written_to_csv_and_json(
    viewer: Any, widget: HeaderWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii", descrip=b"text, with a comma"))
    widget.tabs.setCurrentIndex(HEADER)
    for kind in ("csv", "json"):
        target = str(tmp_path / f"out.{kind}")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, t=target: (t, ""))
        getattr(widget, kind).native.click()

    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row["value"] for row in csv.DictReader(file)}
    assert rows["descrip"] == "text, with a comma"
    records = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {r["name"]: r["value"] for r in records} == rows
    assert "rows written to out.json" in widget.status


def test_a_folder_that_is_not_there_is_said_in_the_status_line(
    viewer: Any, widget: HeaderWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(viewer, nifti(tmp_path / "a.nii"))
    target = str(tmp_path / "nowhere" / "out.csv")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (target, ""))

    widget.csv.native.click()

    assert widget.status.startswith("out.csv: No such file")


@pytest.mark.parametrize("tab", range(6))
def test_every_tab_can_be_copied(
    viewer: Any, widget: HeaderWidget, tmp_path: Path, tab: int
) -> None:
    shown(viewer, series(tmp_path))
    widget.tabs.setCurrentIndex(tab)
    wait_for(lambda: tab in (GEOMETRY, DIFFERENCE) or len(widget.table().rows) > 1)
    QApplication.clipboard().setText("before")

    widget.copy.native.click()

    if tab == DIFFERENCE:
        assert QApplication.clipboard().text() == "before"
        assert "there is nothing in this tab" in widget.status
    else:
        assert QApplication.clipboard().text() not in ("before", "")
        assert widget.status.endswith("copied")


def test_what_is_copied_is_counted_and_nothing_is_not_called_a_copy(
    viewer: Any, widget: HeaderWidget
) -> None:
    widget.tabs.setCurrentIndex(1)
    QApplication.clipboard().setText("as it was")
    widget._copy()

    assert "there is nothing in this tab" in widget.status
    assert QApplication.clipboard().text() == "as it was"
    shown(viewer, Volume(np.zeros((3, 4, 5), np.int16), np.eye(4), name="CT"))
    widget.tabs.setCurrentIndex(0)
    widget._copy()
    n = len(QApplication.clipboard().text().splitlines())
    assert widget.status in (f"{n} rows copied", f"{n - 1} rows copied")
    assert widget.native.minimumWidth() >= widget.tabs.tabBar().sizeHint().width()


def test_without_a_scan_every_tab_says_so(viewer: Any, widget: HeaderWidget) -> None:
    for tab in range(6):
        widget.tabs.setCurrentIndex(tab)
        widget.copy.native.click()
    viewer.add_points([[0, 0, 0]])

    assert "no scan" in told(widget.image)
    widget.csv.native.click()
    assert "there is no scan" in widget.status


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((4, 5)), np.full((3, 4, 5), np.nan), np.ones((2, 3, 4, 5), np.uint8),
        np.zeros((3, 4, 5), np.complex64),
    ],
    ids=["2-D", "NaN", "4-D constant", "complex"],
)  # fmt: skip
def test_layers_of_other_plugins_have_a_sensible_state(
    viewer: Any, widget: HeaderWidget, data: np.ndarray
) -> None:
    if np.iscomplexobj(data):
        layer = viewer.add_image(np.abs(data), name="foreign")
    else:
        layer = viewer.add_image(data, name="foreign", contrast_limits=(0, 1))

    for tab in range(6):
        widget.tabs.setCurrentIndex(tab)
        QApplication.processEvents()
        widget.table()

    assert told(widget.image)["name"] == "foreign"
    viewer.layers.remove(layer)
    widget.tabs.setCurrentIndex(IMAGE)
    assert "no scan" in told(widget.image)


def test_a_layer_that_is_moved_is_told_where_it_is_now(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    layer = shown(viewer, nifti(tmp_path / "a.nii"))
    before = told(widget.image)["origin, RAS"]

    layer.translate = np.add(layer.translate, (-7, 0, 0))

    after = told(widget.image)["origin, RAS"]
    moved = [float(v) for v in after.removesuffix(" mm").split(", ")]
    assert after != before
    assert moved[2] == 7.0


def test_a_file_that_went_away_is_said_in_the_status_line(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    volume = series(tmp_path)
    shown(viewer, volume)
    np.asarray(volume.data)
    for path in tmp_path.iterdir():
        path.unlink()

    widget.refresh()
    widget.tabs.setCurrentIndex(HEADER)

    wait_for(lambda: ".dcm" in widget.status)


def test_opened_used_and_closed_often_it_leaves_nothing(
    viewer: Any, tmp_path: Path, openings: int
) -> None:
    layer = shown(viewer, nifti(tmp_path / "a.nii"))

    def use() -> None:
        widget = HeaderWidget(viewer)
        dock = viewer.window.add_dock_widget(widget, name="Header")
        for tab in range(6):
            widget.tabs.setCurrentIndex(tab)
        widget.other.value = layer
        dock.destroyOnClose()
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        assert widget.is_closed

    def count() -> tuple[int, ...]:
        events = (viewer.layers.events.inserted, viewer.layers.events.renamed, layer.events.data,
                  layer.events.affine, layer.events.name)  # fmt: skip
        return len(QApplication.topLevelWidgets()), *(len(event.callbacks) for event in events)

    use()
    before = count()
    for _ in range(openings):
        use()

    assert all(now <= then for now, then in zip(count(), before, strict=True))


def test_somebody_elses_array_on_disk_is_not_read_for_its_range(
    viewer: Any, widget: HeaderWidget, tmp_path: Path
) -> None:
    import dask.array as da

    read: list[int] = []

    def block(block_info: Any = None) -> np.ndarray:
        read.append(1)
        return np.ones((1, 5, 6), np.uint8)

    lazy = da.map_blocks(block, chunks=((1,) * 40, (5,), (6,)), dtype=np.uint8)
    viewer.add_image(lazy, contrast_limits=(0, 1), name="theirs")
    before = len(read)

    widget.refresh()
    QApplication.processEvents()

    assert told(widget.image)["dimensions"] == "6 × 5 × 40"
    assert "range" not in told(widget.image)
    assert len(read) - before < 5


@pytest.mark.parametrize("name", ["Cursor", "Header"])
def test_the_plugins_menu_opens_it(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    viewer = make_napari_viewer()
    shown(viewer, nifti(tmp_path / "a.nii"))

    dock, widget = viewer.window.add_plugin_dock_widget("napari-medvol", name)

    assert type(widget).__name__ == f"{name}Widget"
    assert widget.viewer is viewer
    dock.destroyOnClose()
    QApplication.processEvents()
    assert widget.is_closed
