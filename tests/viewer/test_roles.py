from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_medvol.viewer.roles import (
    is_overlay,
    make_reference,
    reference_of,
    role_of,
    set_role,
)

IMAGE = np.zeros((3, 4, 5), np.uint8)


def test_without_a_word_the_lowest_visible_image_is_the_reference() -> None:
    viewer = ViewerModel()
    assert reference_of(viewer) is None
    viewer.add_labels(IMAGE)
    assert reference_of(viewer) is None

    hidden, shown = viewer.add_image(IMAGE, visible=False), viewer.add_image(IMAGE)
    assert reference_of(viewer) is shown
    shown.visible = False

    assert reference_of(viewer) is hidden


def test_an_overlay_is_never_the_reference_unless_it_is_named() -> None:
    viewer = ViewerModel()
    one, two = viewer.add_image(IMAGE), viewer.add_image(IMAGE)
    set_role(one, "overlay")

    assert is_overlay(one)
    assert reference_of(viewer) is two

    make_reference(viewer, one)
    make_reference(viewer, two)
    assert (role_of(one), role_of(two)) == ("", "reference")


def test_a_role_leaves_the_rest_of_the_metadata_alone() -> None:
    layer = ViewerModel().add_image(IMAGE, metadata={"mine": 1})

    set_role(layer, "overlay")
    assert layer.metadata["mine"] == 1
    set_role(layer, "")

    assert dict(layer.metadata) == {"mine": 1}
