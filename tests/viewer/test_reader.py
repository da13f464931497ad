from __future__ import annotations

import gzip
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import Notification

import napari_medvol
from napari_medvol import volume_of
from napari_medvol.arrays import lazy_volume
from napari_medvol.errors import DecodeError, MedVolError, ReadError
from napari_medvol.report import Finding, GeometryReport
from napari_medvol.viewer import notify
from napari_medvol.viewer.notify import leave_bad_planes_blank, warn_of_findings
from napari_medvol.viewer.opening import layers_of, show
from napari_medvol.viewer.reader import get_reader, opened_together, read_layers
from napari_medvol.volume import Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated
from tests.viewer.scenes import marked


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "Ärzte 扫描" / "T1 w.nii.gz"
    path.parent.mkdir()
    data = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    nib.Nifti1Image(data, affine_along("LAS")).to_filename(path)
    return path


def test_a_scan_a_folder_with_one_and_a_list_are_ours(scan: Path) -> None:
    assert get_reader(str(scan)) is read_layers
    assert get_reader(str(scan.parent)) is read_layers
    assert get_reader([str(scan.parent / "notes.txt"), str(scan)]) is read_layers


def test_what_is_no_scan_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "README").write_text("hello")

    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "README")) is None
    assert get_reader([str(tmp_path / "notes.txt")]) is None


def test_napari_opens_a_scan_with_our_plugin(scan: Path) -> None:
    viewer = ViewerModel()

    (layer,) = viewer.open(scan, plugin="napari-medvol")

    assert layer.name == "T1 w"
    assert layer.source.reader_plugin == "napari-medvol"
    np.testing.assert_allclose(layer.scale, (3, 2, 1))
    expected = nib.load(scan)
    volume = napari_medvol.volume_of(layer)
    np.testing.assert_allclose(volume.affine, expected.affine)
    np.testing.assert_array_equal(volume.data, np.asarray(expected.dataobj))


def test_what_the_user_says_to_napari_wins(scan: Path) -> None:
    (layer,) = ViewerModel().open(scan, plugin="napari-medvol", name="mine", colormap="magma")

    assert layer.name == "mine"
    assert layer.colormap.name == "magma"


def test_the_layer_type_that_a_script_asks_for_is_what_it_gets(scan: Path, tmp_path: Path) -> None:
    viewer = ViewerModel()

    (labels,) = viewer.open(str(scan), plugin="napari-medvol", layer_type="labels")
    assert isinstance(labels, Labels)
    assert volume_of(labels).kind == "labels"
    labels.fill((0, 0, 0), 7)
    (image,) = viewer.open(str(scan), plugin="napari-medvol", layer_type="image")
    assert volume_of(image).kind == "image"

    halves = tmp_path / "halves.nii"
    nib.Nifti1Image(np.full((3, 4, 5), 0.5, np.float32), np.eye(4)).to_filename(halves)
    with pytest.raises(MedVolError, match="no whole numbers"):
        viewer.open(str(halves), plugin="napari-medvol", layer_type="labels")


def test_a_script_opens_with_one_call(scan: Path) -> None:
    viewer = ViewerModel()

    (layer,) = napari_medvol.open(viewer, scan)

    assert layer in viewer.layers
    assert layer.name == "T1 w"


def test_the_choices_of_read_are_the_choices_of_open(scan: Path) -> None:
    (layer,) = napari_medvol.open(ViewerModel(), scan, form="pixdim")

    assert napari_medvol.volume_of(layer).report.source != ""
    with pytest.raises(MedVolError, match="Known choices"):
        napari_medvol.open(ViewerModel(), scan, colour="red")


def test_of_several_scans_the_first_is_visible(scan: Path) -> None:
    other = scan.with_name("U.nii")
    nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4)).to_filename(other)

    layers = ViewerModel().open(scan.parent, plugin="napari-medvol")

    assert [layer.visible for layer in layers] == [True, False]


def test_a_script_gets_the_error_and_nothing_is_half_opened(tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(gzip.compress(b"\0" * 100))
    viewer = ViewerModel()

    with pytest.raises(ReadError, match=r"broken\.nii\.gz"):
        viewer.open(broken, plugin="napari-medvol")

    assert not viewer.layers
    assert opened_together() is None


def test_what_was_found_odd_is_told_in_one_warning(told: list[Notification]) -> None:
    def odd(name: str, *texts: str) -> Volume:
        report = GeometryReport(findings=(*map(Finding, texts), Finding("a note", "note")))
        return Volume(np.zeros((1, 1, 1)), np.eye(4), name=name, report=report)

    warn_of_findings([odd("CT", "a gap of 4 mm"), odd("", "tilted"), odd("quiet")])
    warn_of_findings([odd("quiet")])
    warn_of_findings([odd("many", *map(str, range(9)))])

    assert [n.severity.name for n in told] == ["WARNING", "WARNING"]
    assert told[0].message == "CT: a gap of 4 mm\nvolume: tilted"
    assert told[1].message.endswith("… and 3 more")


def test_a_plane_that_cannot_be_read_is_blank_and_told_once(told: list[Notification]) -> None:
    source = ArraySource(np.ones((9, 20, 22), np.int16), broken={2, 4, 5})
    volume = Volume(lazy_volume(source), affine_along("LPI"), name="CT")

    (layer,) = show(ViewerModel(), [volume])
    data = np.asarray(layer.data)

    assert (data[[2, 4, 5]] == 0).all()
    assert (data[[0, 1, 3, 6, 7, 8]] == 1).all()
    (one,) = told
    assert "CT: slice 5 of 9 cannot be read and is left blank" in one.message


def test_contrast_is_of_the_planes_that_can_be_read() -> None:
    values = np.random.default_rng(1).integers(100, 200, (9, 20, 22)).astype(np.int16)
    whole = Volume(lazy_volume(ArraySource(values)), affine_along("LPI"))
    holed = Volume(lazy_volume(ArraySource(values, broken={4, 6})), affine_along("LPI"))

    expected, found = (show(ViewerModel(), [volume])[0] for volume in (whole, holed))

    np.testing.assert_allclose(found.contrast_limits, expected.contrast_limits, atol=3)


def test_of_a_stream_cut_short_the_beginning_is_shown(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(100, 900, (128, 128, 120)).astype(np.int16)
    whole = tmp_path / "whole.nii.gz"
    nib.Nifti1Image(data, affine_along("RAI")).to_filename(whole)
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.4)])

    (layer,) = napari_medvol.open(ViewerModel(), cut)

    low, high = layer.contrast_limits
    assert 80 < low < 200 < 800 < high < 920
    np.testing.assert_array_equal(volume_of(layer).data[..., 20], data[..., 20])
    assert not np.asarray(volume_of(layer).data[..., 90]).any()


def test_a_scan_of_which_nothing_can_be_read_makes_no_layer(told: list[Notification]) -> None:
    def scan(name: str, broken: set[int]) -> Volume:
        source = ArraySource(np.ones((9, 20, 22), np.int16), broken=broken)
        return Volume(lazy_volume(source), affine_along("LPI"), name=name)

    viewer = ViewerModel()
    with pytest.raises(DecodeError):
        show(viewer, [scan("CT", set(range(9)))])
    assert not viewer.layers
    assert not told

    (layer,) = show(viewer, [scan("CT", set(range(9))), scan("MR", set(range(8)))])

    assert layer.name == "MR"
    assert told[0].severity.name == "ERROR"


def test_in_a_window_the_planes_that_cannot_be_read_are_counted_when_all_are_tried(
    told: list[Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "has_window", lambda: True)
    monkeypatch.setattr(notify, "_SETTLED_S", 0.05)
    source = ArraySource(np.ones((9, 20, 22), np.int16), broken={2, 4, 5})
    volume = Volume(lazy_volume(source), affine_along("LPI"), name="CT")
    leave_bad_planes_blank(volume)

    np.asarray(volume.data[..., 4])
    np.asarray(volume.data)
    end = time.monotonic() + 5
    while not told and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)

    (one,) = told
    assert one.message.startswith("CT: 3 of 9 slices cannot be read and are left blank. ")


def test_a_frame_that_cannot_be_read_is_named(told: list[Notification]) -> None:
    source = ArraySource(np.ones((3, 4, 5, 6), np.int16), 2, broken={6})
    data = lazy_volume(source)
    volume = Volume(data, np.eye(4), axes=(napari_medvol.Axis("t"),), name="fMRI")

    leave_bad_planes_blank(volume)
    np.asarray(data)

    assert "slice 3 of 4 (frame 2)" in told[0].message


def test_without_the_viewer_a_plane_that_cannot_be_read_is_an_error() -> None:
    volume = Volume(lazy_volume(ArraySource(np.ones((3, 4, 5)), broken={1})), np.eye(4))

    with pytest.raises(DecodeError):
        np.asarray(volume.data)


def test_the_first_oblique_volume_is_explained_and_only_it(told: list[Notification]) -> None:
    volume = marked(rotated(affine_along("LPS"), 15))

    layers_of([volume, volume])
    layers_of([volume])

    assert len(told) == 1
    assert told[0].severity.name == "INFO"
    assert "marked lies askew by up to" in told[0].message


def test_a_volume_that_outlived_its_store_says_nothing() -> None:
    source = ArraySource(np.ones((3, 4, 5)), broken={1})
    volume = Volume(lazy_volume(source), np.eye(4))
    leave_bad_planes_blank(volume)
    on_error = volume.data.store.on_error  # type: ignore[union-attr]

    del volume

    on_error(1, DecodeError("a", "b"))
