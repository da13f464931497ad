from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import Notification

from napari_medvol.viewer.commands import go_to_layer
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.opening import show
from napari_medvol.viewer.planes import show_plane
from napari_medvol.viewer.standing import crosses, go_to
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated


def slab(z: float, name: str, shape: tuple[int, int, int] = (30, 32, 9)) -> Volume:
    """Ones, centred on 0, 0 and the height `z` (mm towards the head)."""
    affine = affine_along("LPS", (2.0, 2.0, 2.0))
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + (0, 0, z)
    return Volume(np.ones(shape, np.int16), affine, name=name)


def seen(layer: object) -> bool:
    return bool(np.asarray(layer._slice.image.raw).any())  # type: ignore[attr-defined]


def test_the_first_picture_is_of_the_visible_scan_wherever_the_others_lie() -> None:
    viewer = ViewerModel()

    layers = show(viewer, [slab(200, "scout", (30, 32, 1)), slab(0, "CT"), slab(-300, "MR")])

    (visible,) = (layer for layer in layers if layer.visible)
    assert visible.name == "CT"
    assert crosses(viewer, visible)
    assert viewer.dims.point[0] == pytest.approx(0)
    assert seen(visible)


def test_the_view_fits_the_visible_scan_however_wide_the_hidden_ones() -> None:
    alone, among = ViewerModel(), ViewerModel()
    wide = slab(0, "scout", (3000, 2, 1))

    show(alone, [slab(0, "CT")])
    show(among, [wide, slab(0, "CT")])

    assert [layer.visible for layer in among.layers] == [False, True]
    assert among.scene.camera.zoom == pytest.approx(alone.scene.camera.zoom)
    np.testing.assert_allclose(among.scene.camera.center, alone.scene.camera.center)
    show_plane(among, "coronal")
    show_plane(alone, "coronal")
    assert among.scene.camera.zoom == pytest.approx(alone.scene.camera.zoom)


def test_one_slice_at_the_end_of_a_long_body_is_seen() -> None:
    viewer = ViewerModel()
    far = slab(200, "CT", (120, 100, 1))

    layers = show(viewer, [far, slab(0, "scout"), slab(0.7, "scout 2", (3, 3, 3))])

    assert layers[0].visible
    assert crosses(viewer, layers[0])


def test_the_user_is_left_where_he_looks_and_told_where_the_new_scan_is(
    told: list[Notification],
) -> None:
    viewer = ViewerModel()
    show(viewer, [slab(0, "CT")])
    viewer.dims.set_point(0, 4.0)
    show(viewer, [slab(2, "PET")])
    assert not told

    show(viewer, [slab(-300, "legs"), slab(200, "scout", (3, 3, 1))])

    assert viewer.dims.point[0] == 4.0
    (one,) = told
    assert one.message.startswith("legs lies elsewhere")
    assert "Go to layer" in one.message


def test_going_to_a_layer_shows_its_middle_slice(told: list[Notification]) -> None:
    viewer = ViewerModel()
    show(viewer, [slab(0, "CT")])
    (legs,) = show(viewer, [slab(-300, "legs")])
    assert not crosses(viewer, legs)

    viewer.layers.selection = {legs}
    go_to_layer(viewer)
    assert viewer.dims.point[0] == pytest.approx(300)
    assert seen(legs)

    told.clear()
    viewer.layers.selection = set()
    go_to_layer(viewer)
    assert "Select the layer" in told[0].message


def test_places_count_in_mm_whatever_the_unit_of_the_viewer() -> None:
    viewer = ViewerModel()
    (layer,) = show(viewer, [slab(100, "CT")])
    viewer.add_image(np.ones((3, 3, 3)), units=("um", "um", "um"))
    viewer.dims.set_point(0, 0.0)
    assert not crosses(viewer, layer)

    go_to(viewer, layer)

    assert crosses(viewer, layer)
    assert viewer.dims.point[0] == pytest.approx(-100_000)


def test_frames_and_oblique_scans_are_stood_on_too() -> None:
    viewer = ViewerModel()
    show(viewer, [slab(0, "CT")])
    affine = rotated(affine_along("LPS", (2.0, 2.0, 2.0)), 15)
    affine[2, 3] += 500
    (layer,) = show(viewer, [Volume(np.ones((20, 22, 24), np.int16), affine)])

    go_to(viewer, layer)

    assert crosses(viewer, layer)
    assert seen(layer)
    viewer.dims.ndisplay = 3
    assert crosses(viewer, layer)


def test_what_napari_opens_is_stood_on_too(tmp_path: Path) -> None:
    for name, z, shape in (("a", 150, (4, 4, 1)), ("b", 0, (30, 32, 9))):
        one = slab(z, name, shape)
        nib.Nifti1Image(one.data, one.affine).to_filename(tmp_path / f"{name}.nii")
    viewer = ViewerModel()
    follow(viewer)  # as the reader does with every window

    layers = viewer.open(tmp_path, plugin="napari-medvol")

    assert [layer.visible for layer in layers] == [False, True]
    assert crosses(viewer, layers[1])
