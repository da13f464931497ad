from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medvol import volume_of
from napari_medvol.errors import LayerError
from napari_medvol.viewer.label_names import name_labels
from napari_medvol.viewer.opening import show
from napari_medvol.volume import Label, Volume
from tests.phantoms.volumes import affine_along, rotated

NAMES = (Label(1, "liver", (1.0, 0.0, 0.0, 1.0)), Label(4, "spleen"))
VALUES = np.random.default_rng(0).choice([0, 1, 4], (6, 7, 8)).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0, 20])
def test_a_layer_gets_names_and_colours_and_keeps_its_voxels(degrees: float) -> None:
    viewer = ViewerModel()
    before = Volume(VALUES, rotated(affine_along("LPS"), degrees), kind="labels")
    (layer,) = show(viewer, [before])
    data = layer.data

    assert name_labels(layer, NAMES) == 2
    after = volume_of(layer)

    assert layer.data is data
    assert after.labels == NAMES
    assert len(after.history) == len(before.history) + 1
    np.testing.assert_array_equal(after.data, VALUES)
    np.testing.assert_allclose(layer.colormap.map(1), (1, 0, 0, 1))
    assert layer.colormap.map(4)[3] == 1
    assert layer.features["name"].tolist() == ["liver", "spleen"]


def test_what_was_painted_before_is_kept() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [Volume(VALUES, affine_along("LPS"), kind="labels")])
    layer.data[0, 0, 0] = 9

    name_labels(layer, NAMES)

    assert (np.asarray(volume_of(layer).data) == 9).sum() == 1


def test_labels_of_others_get_names_and_images_none() -> None:
    viewer = ViewerModel()
    labels = viewer.add_labels(VALUES.astype(int))
    image = viewer.add_image(VALUES)

    name_labels(labels, NAMES)

    assert labels.features["name"].tolist() == ["liver", "spleen"]
    with pytest.raises(LayerError, match="holds no labels"):
        name_labels(image, NAMES)
