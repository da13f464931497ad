"""Results of widgets: shown, undone, redone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medvol import volume_of
from napari_medvol.errors import StepError
from napari_medvol.ops import apply
from napari_medvol.viewer.derived import derive_layer, show_result
from napari_medvol.viewer.histories import journal_of, redo, undo
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.shown import record_of
from napari_medvol.volume import Step, Volume
from tests.phantoms.volumes import affine_along, numbered, rotated

CROP = Step("crop", {"start": (1, 1, 1), "stop": (4, 5, 6)})
CROP_4 = Step("crop", {"start": (1, 1, 1), "stop": (3, 3, 3)})
SCALE = Step("scale", {"slope": 2.0, "intercept": 5.0})


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    return make_napari_viewer()


def scans(viewer: Any, *, askew: bool = False) -> Any:
    affine = rotated(affine_along("LPS"), 20) if askew else affine_along("LPS")
    show(viewer, [numbered((5, 6, 7), affine=affine), numbered((3, 3, 3))])
    return viewer.layers[0]


def test_a_result_is_a_new_layer_above_its_hidden_source_and_undo_brings_that_back(
    viewer: Any,
) -> None:
    layer = scans(viewer)
    source = volume_of(layer)
    layer.contrast_limits, layer.colormap, layer.gamma = (3, 50), "magma", 0.7

    made = derive_layer(viewer, layer, [CROP])

    assert list(viewer.layers)[:2] == [layer, made]
    assert made.name == "p · cropped"
    assert not layer.visible
    assert made.visible
    assert viewer.layers.selection.active is made
    assert (tuple(made.contrast_limits), made.colormap.name, made.gamma) == ((3, 50), "magma", 0.7)
    assert volume_of(made).shape == (3, 4, 5)
    assert undo(viewer) == "p · cropped"
    assert made not in viewer.layers
    assert layer.visible
    assert volume_of(layer) is source
    assert redo(viewer) == "p · cropped"
    assert list(viewer.layers)[:2] == [layer, made]
    assert volume_of(made).history == (CROP,)
    assert redo(viewer) == ""


def test_in_place_one_stands_for_the_other_at_the_same_height(viewer: Any) -> None:
    layer = scans(viewer, askew=True)
    other = viewer.layers[1]

    first = derive_layer(viewer, layer, [CROP], in_place=True)
    second = derive_layer(viewer, first, [Step("orient", {"axcodes": "RAS"})], in_place=True)

    assert list(viewer.layers) == [second, other]
    assert second.name == "p"
    assert undo(viewer) == "p · RAS"
    assert list(viewer.layers) == [first, other]
    undo(viewer)
    assert list(viewer.layers) == [layer, other]
    assert undo(viewer) == ""
    redo(viewer)
    redo(viewer)
    assert list(viewer.layers) == [second, other]
    assert [step.op for step in volume_of(second).history] == ["crop", "orient"]


def test_a_result_is_called_after_its_source_and_what_was_done_last() -> None:
    viewer = ViewerModel()
    layer = scans(viewer)

    cropped = derive_layer(viewer, layer, [CROP])
    turned = derive_layer(viewer, cropped, [Step("orient", {"axcodes": "PIR"})])
    typed = derive_layer(viewer, turned, [Step("astype", {"dtype": "float32"})])
    again = derive_layer(viewer, layer, [CROP])
    turned.name = "mine"
    own = derive_layer(viewer, turned, [SCALE])
    moved = derive_layer(viewer, again, [SCALE])

    names = [one.name for one in (cropped, turned, typed, again, own, moved)]
    assert names == [
        "p · cropped", "mine", "p · float32", "p · cropped [1]", "mine · scaled", "p · scaled",
    ]  # fmt: skip


@pytest.mark.parametrize("window", [(4000.0, 100.0), (100.0, 300.0)], ids=["all black", "greys"])
def test_a_window_that_was_baked_in_shows_its_greys_from_0_to_255(
    window: tuple[float, float],
) -> None:
    viewer = ViewerModel()
    layer = scans(viewer)
    center, width = window

    made = derive_layer(viewer, layer, [Step("window", {"center": center, "width": width})])
    turned = derive_layer(viewer, made, [Step("orient", {"axcodes": "PIR"})])

    for one in (made, turned):
        assert one.contrast_limits == [0, 255]
        assert one.contrast_limits_range == [0, 255]


def test_other_values_get_a_contrast_of_their_own(viewer: Any) -> None:
    layer = scans(viewer)
    layer.contrast_limits = (3, 50)

    made = derive_layer(viewer, layer, [SCALE])

    assert tuple(made.contrast_limits) != (3, 50)


def test_a_refused_step_leaves_everything_as_it_was(viewer: Any) -> None:
    layer = scans(viewer)
    before = list(viewer.layers)

    with pytest.raises(StepError):
        derive_layer(viewer, layer, [Step("crop", {"start": [9, 9, 9], "stop": [3, 3, 3]})])

    assert list(viewer.layers) == before
    assert layer.visible
    assert not journal_of(viewer).done


def test_what_was_deleted_by_hand_meanwhile_is_no_hindrance(viewer: Any) -> None:
    layer = scans(viewer)
    made = derive_layer(viewer, layer, [CROP])
    viewer.layers.remove(made)
    undo(viewer)
    assert layer.visible
    redo(viewer)
    viewer.layers.clear()

    undo(viewer)

    assert list(viewer.layers) == [layer]


def test_new_work_forgets_what_was_undone_and_tells_of_it() -> None:
    viewer = ViewerModel()
    layer = scans(viewer)
    heard: list[Any] = []
    journal_of(viewer).events.changed.connect(heard.append)
    derive_layer(viewer, layer, [CROP])
    undo(viewer)

    derive_layer(viewer, layer, [SCALE])

    assert len(heard) == 3
    assert redo(viewer) == ""
    assert undo(viewer) == "p · scaled"


def test_several_results_are_undone_together() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [numbered((4, 4, 4, 3))])
    from napari_medvol.ops.frames import split

    show_result(viewer, layer, split(volume_of(layer)))

    assert len(viewer.layers) == 4
    undo(viewer)
    assert list(viewer.layers) == [layer]


def test_complex_values_come_as_two_layers() -> None:
    viewer = ViewerModel()
    values = np.ones((4, 4, 4)) * (1 + 2j)
    layer = show(viewer, [Volume(values, affine_along("LPS"))])[0]

    made = show_result(viewer, layer, volume_of(layer))

    assert len(made) == 2
    undo(viewer)
    assert len(viewer.layers) == 2


def test_on_top_and_the_source_still_shown_undone_and_redone() -> None:
    viewer = ViewerModel()
    layer = scans(viewer)
    other = viewer.layers[1]

    (made,) = show_result(
        viewer, layer, apply(volume_of(layer), [CROP]), hide=False, on_top=True, said="part"
    )

    assert list(viewer.layers) == [layer, other, made]
    assert made.name == "p · part"
    assert undo(viewer) == "p · part"
    assert list(viewer.layers) == [layer, other]
    redo(viewer)
    assert list(viewer.layers) == [layer, other, made]
    assert layer.visible


def complex_scan(viewer: Any) -> tuple[Any, Any]:
    values = np.exp(1j * np.arange(64.0)).reshape(4, 4, 4)
    magnitude, phase = show(viewer, [Volume(values, affine_along("LPS"), name="echo")])
    return magnitude, phase


@pytest.mark.parametrize("of", [0, 1], ids=["magnitude", "phase"])
def test_both_parts_of_complex_values_are_replaced_and_come_back(of: int) -> None:
    viewer = ViewerModel()
    parts = complex_scan(viewer)
    parts[1].name, parts[1].colormap = "angle", "twilight"

    made = derive_layer(viewer, parts[of], [CROP_4], in_place=True)

    assert [one.name for one in viewer.layers] == ["echo magnitude", "angle"]
    assert [record_of(one).part for one in viewer.layers] == ["magnitude", "phase"]
    assert made is viewer.layers[of]
    assert all(volume_of(one).shape == (2, 2, 2) for one in viewer.layers)
    assert viewer.layers[1].colormap.name == "twilight"
    undo(viewer)
    assert list(viewer.layers) == list(parts)
    redo(viewer)
    assert made is viewer.layers[of]


def test_one_part_of_complex_values_stands_for_its_layer_alone() -> None:
    viewer = ViewerModel()
    magnitude, phase = complex_scan(viewer)

    made = derive_layer(viewer, phase, [Step("part", {"part": "real"})], in_place=True)

    assert list(viewer.layers) == [magnitude, made]
