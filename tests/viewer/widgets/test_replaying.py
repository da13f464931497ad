"""What widgets did to a scan: undone, redone, and done again elsewhere to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

import napari_medvol as mv
from napari_medvol.cli import run
from napari_medvol.viewer.widgets.align import AlignWidget
from napari_medvol.viewer.widgets.crop import CropWidget
from napari_medvol.viewer.widgets.history import HistoryWidget
from napari_medvol.viewer.widgets.reorient import RELABEL, ReorientWidget
from napari_medvol.viewer.widgets.resample import FACTORS, ONTO, WORLD, ResampleWidget
from napari_medvol.viewer.widgets.values import ValuesWidget
from tests.viewer.scenes import CT, PET, of_nibabel, scan, wait_for

pytestmark = pytest.mark.usefixtures("qapp")


def chosen(panel: Any, layer: Layer) -> Any:
    panel.layer.value = layer
    return panel


def done(panel: Any) -> None:
    panel.start()
    wait_for(lambda: not panel.is_working)


def crop(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(CropWidget(viewer), layer)
    panel.voxels[0][0].value, panel.voxels[2][1].value = 3, 9
    panel.crop()
    panel.close()


def reorient(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(ReorientWidget(viewer), layer)
    panel.code.value = "PIR"
    panel.reorient()
    panel.close()


def relabel(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(ReorientWidget(viewer), layer)
    panel.what.value, panel.code.value, panel.sure.value = RELABEL, "RAS", True
    panel.reorient()
    panel.close()


def align(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(AlignWidget(viewer), layer)
    panel.by_hand.shifts[1].value, panel.by_hand.turns[2].value = 14, 8
    panel.apply()
    panel.close()


def centre(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(AlignWidget(viewer), layer)
    panel.reference.value = next(one for one in viewer.layers if one is not layer)
    panel.by_hand.align_centres()
    panel.apply()
    panel.close()


def bake(viewer: ViewerModel, layer: Layer) -> None:
    panel = chosen(AlignWidget(viewer), layer)
    panel.reference.value = next(one for one in viewer.layers if one is not layer)
    panel.by_hand.turns[0].value = 5
    panel.resample()
    wait_for(lambda: not panel.is_working)
    panel.close()


def resampling(grid: str, in_place: bool = False) -> Callable[[ViewerModel, Layer], None]:
    def act(viewer: ViewerModel, layer: Layer) -> None:
        panel = chosen(ResampleWidget(viewer), layer)
        panel.other.value = next(one for one in viewer.layers if one is not layer)
        panel.grid.value, panel.in_place.value = grid, in_place
        done(panel)
        panel.close()

    return act


def valuing(what: str, in_place: bool = False) -> Callable[[ViewerModel, Layer], None]:
    def act(viewer: ViewerModel, layer: Layer) -> None:
        panel = chosen(ValuesWidget(viewer), layer)
        panel.act.value, panel.in_place.value = what, in_place
        done(panel)
        panel.close()

    return act


ACTS: dict[str, Callable[[ViewerModel, Layer], None]] = {
    "crop": crop,
    "reorient": reorient,
    "relabel": relabel,
    "align": align,
    "centre": centre,
    "bake": bake,
    "downsample": resampling(FACTORS),
    "onto a grid": resampling(ONTO),
    "along the world, in place": resampling(WORLD, in_place=True),
    "float": valuing("Type of numbers"),
    "window, in place": valuing("Window baked in", in_place=True),
    "slabs": valuing("Thick slabs"),
}


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """Give a viewer with a CT, the layer to act on, and a PET that lies askew."""
    nib.save(of_nibabel(scan(PET, name="PET")), tmp_path / "pet.nii")
    image = nib.Nifti1Image(np.asarray(scan().data), CT)
    image.set_qform(CT, 1)
    nib.save(image, tmp_path / "ct.nii")
    viewer = ViewerModel()
    mv.open(viewer, tmp_path / "pet.nii")
    (layer,) = mv.open(viewer, tmp_path / "ct.nii")
    history = HistoryWidget(viewer)
    yield viewer, layer, history
    history.close()


@pytest.mark.parametrize("act", ACTS)
def test_what_a_widget_did_is_undone_and_redone_whatever_happened_to_its_layers(
    opened: Any, act: str
) -> None:
    viewer, layer, history = opened
    before, volume = list(viewer.layers), mv.volume_of(layer)
    ACTS[act](viewer, layer)
    after = list(viewer.layers)
    (made,) = (one for one in after if one not in before)
    result = mv.volume_of(made)

    history.undo()
    assert list(viewer.layers) == before
    assert layer.visible
    assert mv.volume_of(layer) is volume
    history.redo()
    assert list(viewer.layers) == after
    made.name = "its own name"
    history.undo()
    layer.name = "mine"
    history.redo()
    history.undo()
    assert layer.name == "mine"
    history.redo()
    assert made.name == "its own name"
    viewer.layers.remove(made)
    history.undo()
    assert list(viewer.layers) == before
    viewer.layers.remove(layer)
    history.redo()
    assert made in viewer.layers
    assert mv.volume_of(made) is result
    history.undo()
    assert set(viewer.layers) == set(before)
    assert mv.volume_of(layer) is volume


@pytest.mark.parametrize("act", ACTS)
def test_as_python_and_as_a_recipe_it_gives_the_same_bytes(
    opened: Any, act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, layer, history = opened
    ACTS[act](viewer, layer)
    made = viewer.layers.selection.active
    volume = mv.volume_of(made)
    assert volume.history
    history.layer.value = made

    history.copy("to_python")
    script: dict[str, Any] = {}
    exec(QApplication.clipboard().text(), script)
    again = script["volume"]
    np.testing.assert_array_equal(again.affine, volume.affine)
    assert again.dtype == volume.dtype
    assert np.asarray(again.data).tobytes() == np.asarray(volume.data).tobytes()

    history.save_recipe(tmp_path / "steps.toml")
    (tmp_path / "saved").mkdir()
    (tmp_path / "applied").mkdir()
    made.save(str(tmp_path / "saved" / "out.nii"), plugin="napari-medvol")
    monkeypatch.chdir(tmp_path)
    assert run(["apply", "steps.toml", "ct.nii", "applied/out.nii"]) == 0
    saved, applied = (tmp_path / name / "out.nii" for name in ("saved", "applied"))
    assert saved.read_bytes() == applied.read_bytes()


def test_a_step_that_is_refused_leaves_the_layer_and_nothing_to_undo(opened: Any) -> None:
    viewer, layer, history = opened
    before, volume = list(viewer.layers), mv.volume_of(layer)
    panel = chosen(ValuesWidget(viewer), layer)
    panel.act.value, panel.in_place.value = "Type of numbers", True
    panel.parts["dtype"].value = "uint8"

    done(panel)

    assert "uint8" in panel.status
    assert list(viewer.layers) == before
    assert mv.volume_of(layer) is volume
    assert layer.visible
    history.undo()
    assert history.status == "There is nothing to undo."
    panel.close()


@pytest.mark.parametrize("act", ["Type of numbers", "Thick slabs"])
def test_work_that_is_stopped_leaves_the_layer_and_the_button(opened: Any, act: str) -> None:
    viewer, layer, _ = opened
    before, volume = list(viewer.layers), mv.volume_of(layer)
    panel = chosen(ValuesWidget(viewer), layer)
    panel.act.value, panel.in_place.value = act, True

    panel.start()
    panel.stop()
    wait_for(lambda: not panel.is_working)

    assert panel.status == "Stopped; the layers are as they were."
    assert list(viewer.layers) == before
    assert mv.volume_of(layer) is volume
    assert (panel.run.enabled, panel.cancel.enabled) == (True, False)
    panel.close()


def test_a_bake_that_is_stopped_leaves_the_layer_at_its_pose(opened: Any) -> None:
    viewer, layer, _ = opened
    before = list(viewer.layers)
    panel = chosen(AlignWidget(viewer), layer)
    panel.reference.value = before[0]
    panel.by_hand.turns[0].value = 5
    moved = mv.volume_of(layer)

    panel.resample()
    panel.stop()
    wait_for(lambda: not panel.is_working)

    assert "cancelled" in panel.status
    assert list(viewer.layers) == before
    assert mv.volume_of(layer) is moved
    panel.close()
