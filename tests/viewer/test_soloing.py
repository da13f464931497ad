from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_medvol.viewer.soloing import Solo


def three() -> tuple[ViewerModel, Solo]:
    viewer = ViewerModel()
    for name in "abc":
        viewer.add_image(np.zeros((3, 3, 3)), name=name)
    viewer.layers["b"].visible = False
    return viewer, Solo(viewer)


def seen(viewer: ViewerModel) -> str:
    return "".join(layer.name for layer in viewer.layers if layer.visible)


def test_one_alone_then_another_then_all_as_before() -> None:
    viewer, solo = three()

    solo.toggle(viewer.layers["b"])
    assert seen(viewer) == "b"
    assert viewer.layers.selection.active is viewer.layers["b"]
    solo.toggle(viewer.layers["a"])
    assert seen(viewer) == "a"
    solo.toggle(viewer.layers["a"])

    assert seen(viewer) == "ac"
    assert solo.layer is None


def test_the_last_two_come_in_turn_and_at_first_the_two_highest() -> None:
    viewer, solo = three()

    solo.switch()
    first = seen(viewer)
    solo.switch()
    second = seen(viewer)
    solo.switch()
    assert {first, second} == {"b", "c"}
    assert seen(viewer) == first
    solo.show(viewer.layers["a"])
    solo.switch()

    assert seen(viewer) == first
    solo.switch()
    assert seen(viewer) == "a"


def test_layers_that_go_or_are_shown_otherwise_do_no_harm() -> None:
    viewer, solo = three()
    solo.show(viewer.layers["c"])
    viewer.layers["a"].visible = True
    assert solo.layer is None

    viewer.layers.remove("c")
    solo.switch()
    assert len(seen(viewer)) == 1
    viewer.layers.clear()
    solo.switch()
    solo.end()

    assert solo.layer is None
