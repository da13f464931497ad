"""The course that made people want this plugin, end to end, in a real viewer, on real scans.

Load a CT, load a PET, lay it over in Hot at a half, look at the layers, window max 1000, the
cursor in both, the header, what differs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.ndimage import map_coordinates

import napari_medvol as mv
from napari_medvol.affines import apply_affine
from napari_medvol.viewer.laid import laid_of

_PLUGIN = "napari-medvol"
#: Within the body of the patient, no centre of a voxel of either scan.
_PLACE = (-72.3, -127.4, -545.7)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        QApplication.processEvents()
        time.sleep(0.005)


def dicom(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and the affine (RAS+) of a plain axial series, by pydicom alone."""
    files = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    down, across = (float(size) for size in files[0].PixelSpacing)
    first, last = (np.array(f.ImagePositionPatient, float) for f in (files[0], files[-1]))
    lps = np.eye(4)
    lps[:3, 0] = np.array(files[0].ImageOrientationPatient[:3], float) * across
    lps[:3, 1] = np.array(files[0].ImageOrientationPatient[3:], float) * down
    lps[:3, 2] = (last - first) / (len(files) - 1)
    lps[:3, 3] = first
    slices = [f.pixel_array.T * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in files]
    return np.stack(slices, axis=-1), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def value_at(scan: tuple[np.ndarray, np.ndarray], ras: Any, order: int) -> float:
    """Return the value at a point of the patient, by scipy."""
    values, affine = scan
    at = nibabel.affines.apply_affine(np.linalg.inv(affine), ras)
    return float(map_coordinates(values, at.reshape(3, 1), order=order)[0])


@pytest.fixture
def scans(data: Path) -> dict[str, Path]:
    return {name: data / "data" / f"sts002_{name}" for name in ("ct", "pet")}


@pytest.fixture
def viewer(make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if not os.environ.get("DISPLAY") and os.name == "posix":
        pytest.skip("no screen: napari draws on one, xvfb-run makes one")
    made = make_napari_viewer(show=True)
    made.window._qt_window.resize(1500, 950)
    yield made
    made.window.remove_dock_widget("all")
    QApplication.processEvents()


def opened(viewer: Any, name: str) -> Any:
    """Open a widget as the menu does."""
    return viewer.window.add_plugin_dock_widget(_PLUGIN, name)[1]


def row_of(cursor: Any, layer: Any) -> Any:
    [row] = [row for row in cursor.rows() if row.layer is layer]
    return row


@pytest.mark.timeout(240)
def test_the_course_of_a_student_from_the_first_scan_to_the_difference_of_two(
    viewer: Any, scans: dict[str, Path]
) -> None:
    ct_truth, pet_truth = dicom(scans["ct"]), dicom(scans["pet"])

    # Load CT, load PET.
    [ct] = viewer.open(scans["ct"], plugin=_PLUGIN)
    [pet] = viewer.open(scans["pet"], plugin=_PLUGIN)
    assert mv.volume_of(ct).shape == ct_truth[0].shape
    assert mv.volume_of(pet).shape == pet_truth[0].shape

    # Every view, with one crosshair.
    ortho = opened(viewer, "Ortho views").ortho
    cursor = opened(viewer, "Cursor")
    ortho.ras = _PLACE
    wait_for(lambda: all(row.found.value is not None for row in cursor.rows()))
    for plane, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2)):
        side = ortho.models[plane]
        assert side.dims.point[axis] == pytest.approx(mv.from_ras(viewer, _PLACE)[axis])
        assert len(side.layers) >= 2, "both scans are in every view"

    # Overlay, Hot, 0.5.
    lay = opened(viewer, "Overlay")
    lay.reference.value, lay.layer.value = ct, pet
    lay.set_colormap("Hot")
    lay.opacity.value = 0.5
    lay.toggle()
    assert lay.status == ""
    laid = laid_of(pet)
    assert laid is not None
    assert laid.opacity == pytest.approx(0.5)
    assert laid.base.name.lower() == "hot"
    assert laid_of(ct) is None
    # Its picture is on the pixels of the CT: the value there is the one between PET's voxels.
    at_ct = np.rint(apply_affine(np.linalg.inv(ct_truth[1]), _PLACE))
    on_pixel = apply_affine(ct_truth[1], at_ct)
    seen = pet.get_value(mv.from_ras(viewer, on_pixel), world=True)
    assert seen == pytest.approx(value_at(pet_truth, on_pixel, 1), rel=1e-4, abs=1e-3)

    # Layers: which is below, which above, and one alone.
    strip = opened(viewer, "Layer strip")
    below = next(n for n in range(strip.list.count()) if strip.layer_of(strip.list.item(n)) is ct)
    assert strip.list.item(below).font().bold(), "the reference is bold"
    assert strip.list.item(1 - below).font().italic(), "an overlay is italic"
    strip._on_click(strip.list.item(below))
    assert [layer for layer in viewer.layers if layer.visible] == [ct]
    strip._on_click(strip.list.item(below))
    assert ct.visible
    assert pet.visible

    # Window: max 1000 and Enter.
    window = opened(viewer, "Window")
    window.layer.value = ct
    low = ct.contrast_limits[0]
    window.command.value = "max 1000"
    QTest.keyClick(window.command.native, Qt.Key.Key_Return)
    assert ct.contrast_limits == pytest.approx([low, 1000])
    for plane in ("axial", "coronal", "sagittal"):
        limits = [one.contrast_limits for one in ortho.models[plane].layers if one.name == ct.name]
        assert limits == [pytest.approx([low, 1000])]

    # The cursor in both.
    cursor.follow.value = False
    cursor.place.value = f"{' '.join(map(str, _PLACE))} mm"
    QTest.keyClick(cursor.place.native, Qt.Key.Key_Return)
    wait_for(lambda: all(row.found.value is not None for row in cursor.rows()))
    for layer, truth, folder in ((ct, ct_truth, scans["ct"]), (pet, pet_truth, scans["pet"])):
        found = row_of(cursor, layer).found
        assert found.inside
        assert found.value == pytest.approx(value_at(truth, _PLACE, 0), rel=1e-6)
        assert found.linear == pytest.approx(value_at(truth, _PLACE, 1), rel=1e-5)
        voxel = np.linalg.inv(mv.volume_of(layer).affine) @ (*_PLACE, 1.0)
        np.testing.assert_allclose(found.voxel, voxel[:3], atol=1e-9)
        file = pydicom.dcmread(folder / Path(found.source.file).name)
        thick = abs(truth[1][2, 2])
        assert abs(float(file.ImagePositionPatient[2]) - _PLACE[2]) <= thick / 2
    assert row_of(cursor, ct).is_reference
    assert row_of(cursor, pet).is_overlay
    across = np.linalg.inv(mv.volume_of(pet).affine) @ mv.volume_of(ct).affine
    under = (across @ (*row_of(cursor, ct).found.voxel, 1.0))[:3]
    np.testing.assert_allclose(row_of(cursor, pet).found.voxel, under, atol=1e-9)

    # The header, and what differs.
    header = opened(viewer, "Header")
    header.layer.value = ct
    header.tabs.setCurrentIndex(2)
    first = pydicom.dcmread(sorted(scans["ct"].iterdir())[0])
    wait_for(lambda: header.table().rows and "no scan" not in header.table().rows[0])
    text = header.table().to_tsv()
    for value in (first.SeriesInstanceUID, first.Modality, first.FrameOfReferenceUID):
        assert value in text
    header.other.value = pet
    wait_for(lambda: header.table().rows)
    text = header.table().to_tsv()
    assert "CT" in text
    assert "PT" in text
    for shape in (mv.volume_of(ct).shape, mv.volume_of(pet).shape):
        assert all(str(n) in text for n in shape)
