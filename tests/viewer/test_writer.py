"""What a layer shows is what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import yaml

import napari_medvol as mv
from napari_medvol.errors import WriteError
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.writer import suffixes, write_layers
from napari_medvol.volume import Axis, Volume
from tests.conftest import ROOT
from tests.phantoms.volumes import affine_along, numbered, rotated

OBLIQUE = rotated(affine_along("PIR"), 25)


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    return make_napari_viewer()


def test_the_manifest_offers_what_the_table_writes() -> None:
    manifest = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))
    (writer,) = manifest["contributions"]["writers"]

    assert writer["filename_extensions"] == suffixes()


@pytest.mark.parametrize("affine", [affine_along("LAS"), affine_along("SPL"), OBLIQUE])
def test_saving_a_layer_gives_the_scan_it_shows(viewer: Any, affine: Any, tmp_path: Path) -> None:
    volume = numbered((5, 6, 7), affine=affine)
    (layer,) = show(viewer, [volume])

    (path,) = layer.save(str(tmp_path / "x.nii.gz"))

    image = nib.load(path)
    np.testing.assert_array_equal(image.dataobj, volume.data)
    np.testing.assert_allclose(image.affine, affine, atol=1e-4)


def test_a_moved_layer_is_written_where_it_stands(viewer: Any, tmp_path: Path) -> None:
    (layer,) = show(viewer, [numbered((5, 6, 7))])
    layer.translate = layer.translate + np.array((10, 0, 0))  # towards inferior, mm

    layer.save(str(tmp_path / "x.nii"))

    moved = nib.load(tmp_path / "x.nii").affine - affine_along("LPS")
    np.testing.assert_allclose(moved[:3, 3], (0, 0, -10), atol=1e-4)


def test_a_cropped_layer_is_written_as_cropped(viewer: Any, tmp_path: Path) -> None:
    volume = numbered((5, 6, 7))
    cropped = mv.apply(volume, [mv.Step("crop", {"start": (1, 2, 3), "stop": (4, 6, 7)})])
    (layer,) = show(viewer, [cropped])

    layer.save(str(tmp_path / "x.mgz"))

    np.testing.assert_array_equal(nib.load(tmp_path / "x.mgz").dataobj, volume.data[1:4, 2:6, 3:7])


def test_painted_labels_are_written_as_painted(viewer: Any, tmp_path: Path) -> None:
    volume = numbered((5, 6, 7), np.uint8, OBLIQUE, kind="labels")
    (layer,) = show(viewer, [volume])
    middle = tuple(np.array([[n // 2] for n in layer.data.shape]))
    layer.data_setitem(middle, 77)  # what the brush calls, on what 2-D shows

    layer.save(str(tmp_path / "x_seg.nii"))

    after = np.asarray(nib.load(tmp_path / "x_seg.nii").dataobj)
    assert (after != volume.data).sum() >= 1
    assert set(after[after != volume.data]) == {77}


def test_a_layer_from_elsewhere_keeps_its_scale_and_unit(viewer: Any, tmp_path: Path) -> None:
    from napari.layers import Image

    values = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    layer = Image(
        values, scale=(2.5, 500, 250, 250), units=("s", "um", "um", "um"), translate=(0, 1, 2, 3)
    )
    viewer.add_layer(layer)

    viewer.layers.save(str(tmp_path / "x.nii"), plugin="napari-medvol")

    image = nib.load(tmp_path / "x.nii")
    np.testing.assert_allclose(image.header.get_zooms(), (0.25, 0.25, 0.5, 2.5), rtol=1e-6)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(np.asarray(image.dataobj), values.transpose(3, 2, 1, 0))


def test_several_layers_become_as_many_files_and_never_none(viewer: Any, tmp_path: Path) -> None:
    show(viewer, [numbered((3, 3, 3)), numbered((4, 3, 3))])
    labels = numbered((3, 4, 3), np.uint8, kind="labels")
    show(viewer, [labels])
    viewer.layers[1].name = "CT / 2"

    saved = viewer.layers.save(str(tmp_path / "all.nii.gz"))

    names = sorted(Path(path).name for path in saved)
    assert names == sorted(p.name for p in tmp_path.iterdir())
    assert len(names) == 3
    assert {"all_CT_2.nii.gz", "all_p.nii.gz", "all_p-2.nii.gz"} == set(names)
    assert all(name.startswith("all_") for name in names)
    assert {nib.load(path).shape for path in saved} == {(3, 3, 3), (4, 3, 3), (3, 4, 3)}


def test_the_two_layers_of_complex_values_are_one_scan(viewer: Any, tmp_path: Path) -> None:
    values = np.exp(1j * np.arange(27)).reshape(3, 3, 3).astype(np.complex64)
    show(viewer, [Volume(values, np.eye(4), name="k")])
    assert len(viewer.layers) == 2

    saved = viewer.layers.save(str(tmp_path / "k.nii"))

    assert len(saved) == 1
    np.testing.assert_array_equal(nib.load(saved[0]).dataobj, values)


def test_rgb_is_written_as_rgb(viewer: Any, tmp_path: Path) -> None:
    values = np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)
    (layer,) = show(viewer, [Volume(values, np.eye(4), (Axis("rgb"),))])

    layer.save(str(tmp_path / "x.nii"))

    (back,) = mv.read(tmp_path / "x.nii")
    np.testing.assert_array_equal(back.data, values)


def test_a_layer_without_voxels_is_refused_by_name(tmp_path: Path) -> None:
    image = (np.zeros((3, 3, 3)), {"name": "CT"}, "image")
    points = (np.zeros((2, 3)), {"name": "marks"}, "points")

    with pytest.raises(WriteError, match=r"'marks'.*nothing was written"):
        write_layers(str(tmp_path / "x.nii"), [image, points])
    with pytest.raises(WriteError, match="no layer is selected"):
        write_layers(str(tmp_path / "x.nii"), [])
    assert not list(tmp_path.iterdir())


def test_one_that_fails_names_those_that_were_written(tmp_path: Path) -> None:
    good = (np.zeros((3, 3, 3), np.uint8), {"name": "good"}, "image")
    bad = (np.full((3, 3, 3), 0.1), {"name": "bad"}, "image")

    with pytest.raises(WriteError, match=r"written before: x_good\.mgz"):
        write_layers(str(tmp_path / "x.mgz"), [good, bad])
    assert [path.name for path in tmp_path.iterdir()] == ["x_good.mgz"]


def test_the_certificate_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_layers(str(tmp_path / "x.nii"), [(np.zeros((3, 3, 3)), {"name": "CT"}, "image")])

    assert "read back: every value came back" in capsys.readouterr().out
