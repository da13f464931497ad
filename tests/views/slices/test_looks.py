"""Scans over each other in colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_medvol.colormap import colormap_of
from napari_medvol.errors import MedVolError, StepError
from napari_medvol.views.slices import Look, Settings, prepared
from napari_medvol.volume import Label, Volume
from tests.phantoms.volumes import affine_along

FLAT = affine_along("LPS", (1, 1, 1))


def flat(*rows: list[float], **more: Any) -> Volume:
    """Return a scan of one axial slice, given row by row."""
    values = np.array(rows).T[..., np.newaxis]
    return Volume(values, FLAT, **more)


def drawn(scene: Any, **settings: Any) -> np.ndarray[Any, Any]:
    export = prepared(scene, "unused", Settings(planes=("axial",), **settings))
    return export.preview()[1].picture


BASE = flat([0.0, 50.0, 100.0])
OVER = flat([100.0, 100.0, 0.0])
GREY = {"limits": (0, 100)}
RED = {"limits": (0, 100), "colormap": [[0, 0, 0], [1, 0, 0]]}


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ({"blending": "translucent", "opacity": 0.5}, [[128, 0, 0], [191, 64, 64], [128] * 3]),
        ({"blending": "additive"}, [[255, 0, 0], [255, 128, 128], [255] * 3]),
        ({"blending": "additive", "opacity": 0.2}, [[51, 0, 0], [179, 128, 128], [255] * 3]),
        ({"blending": "opaque"}, [[255, 0, 0], [255, 0, 0], [0, 0, 0]]),
        ({"blending": "minimum"}, [[0, 0, 0], [128, 0, 0], [0, 0, 0]]),
        ({"blending": "multiplicative"}, [[0, 0, 0], [128, 0, 0], [0, 0, 0]]),
        ({"visible": False}, [[0] * 3, [128] * 3, [255] * 3]),
        ({"opacity": 0}, [[0] * 3, [128] * 3, [255] * 3]),
    ],
)
def test_layers_are_mixed_by_their_blending(look: dict[str, Any], expected: Any) -> None:
    picture = drawn([(BASE, GREY), (OVER, {**RED, **look})])

    np.testing.assert_allclose(picture[0].astype(int), expected, atol=1)


def test_gamma_colours_below_and_what_is_no_number() -> None:
    volume = flat([-1.0, 25.0, np.nan, 100.0])
    look = {"limits": (0, 100), "gamma": 0.5, "below": (0, 0, 1, 1)}

    picture = drawn([(volume, look)])

    np.testing.assert_allclose(picture[0, :, 2], [255, 128, 0, 255], atol=1)
    np.testing.assert_allclose(picture[0, :, 0], [0, 128, 0, 255], atol=1)


def test_colormaps_by_name_by_object_and_by_table() -> None:
    volume = flat([0.0, 100.0])
    table = [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]

    by_table = drawn([(volume, {"limits": (0, 100), "colormap": np.array(table)})])
    by_object = drawn([(volume, {"limits": (0, 100), "colormap": colormap_of("x", [
        [*row, 1.0] for row in table])})])  # fmt: skip
    by_name = drawn([(volume, {"limits": (0, 100), "colormap": "hot"})])

    assert by_table[0].tolist() == [[0, 0, 255], [255, 255, 0]]
    np.testing.assert_array_equal(by_table, by_object)
    assert by_name[0, 1].tolist() == [255, 255, 255]


def test_labels_over_a_scan_have_their_colours_and_no_background() -> None:
    given = Label(2, "liver", (0.0, 1.0, 0.0, 1.0))
    labels = flat([0, 2, 3], kind="labels", labels=(given,))

    picture = drawn([(flat([100.0, 100.0, 100.0]), GREY), (labels, {})])
    own = drawn([(labels, {"colormap": lambda v: np.stack([v * 0 + 1.0] * 4, axis=-1)})])

    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[0, 1].tolist() == [0, 255, 0]
    assert len(set(picture[0, 2].tolist())) > 1
    assert (own == 255).all()


def test_an_overlay_that_covers_a_part_leaves_the_rest() -> None:
    base = flat([100.0] * 6)
    affine = FLAT.copy()
    affine[:3, 3] += 4 * affine[:3, 0]
    over = Volume(np.full((9, 1, 1), 100.0), affine)

    picture = drawn([(base, GREY), (over, {**RED, "blending": "opaque"})])

    assert picture[0, :4].tolist() == [[255] * 3] * 4
    assert picture[0, 4:].tolist() == [[255, 0, 0]] * 2


def test_each_scan_may_be_interpolated_its_own_way() -> None:
    coarse = Volume(np.array([0.0, 100.0]).reshape(2, 1, 1), affine_along("LPS", (3, 3, 3)))
    scene = [(flat([0.0] * 6), GREY), (coarse, {"limits": (0, 100), "interpolation": "nearest"})]

    nearest = drawn(scene)
    linear = drawn([scene[0], (coarse, {"limits": (0, 100)})])

    assert set(np.unique(nearest)) <= {0, 255}
    assert len(np.unique(linear)) > 2


def test_frames_that_do_not_match_are_refused_and_may_be_fixed() -> None:
    from napari_medvol.volume import Axis

    one = Volume(np.zeros((2, 2, 1, 3)), FLAT, (Axis("t"),))
    other = Volume(np.arange(20.0).reshape(2, 2, 1, 5), FLAT, (Axis("t"),))

    with pytest.raises(StepError, match="the scans have 3 and 5 frames"):
        drawn([one, other])
    fixed = prepared([one, (other, {"frame": 4})], "x", Settings(planes=("axial",)))
    assert fixed.n_files == 3
    single = prepared([(one, {"frame": 2})], "x", Settings(planes=("axial",)))
    assert [piece.frame for piece in single.runs[0].pieces] == [2]


@pytest.mark.parametrize(
    ("look", "why"),
    [
        ({"blending": "screen"}, "there is no blending 'screen'"),
        ({"opacity": 2}, "an opacity of 2"),
        ({"gamma": 0}, "a gamma of 0"),
        ({"colour": "red"}, "it has no 'colour'"),
        ({"colormap": "no such map"}, "there is no such map"),
        ({"colormap": [1.0, 2.0]}, "are none"),
    ],
)
def test_looks_that_are_none(look: dict[str, Any], why: str) -> None:
    with pytest.raises(MedVolError, match=why):
        drawn([(BASE, {**GREY, **look})])


@pytest.mark.parametrize("scene", [[], [3], [(BASE, {}, 1)]])
def test_what_is_no_scene(scene: Any) -> None:
    with pytest.raises(StepError, match="no scan"):
        drawn(scene)


def test_a_scene_of_nothing_visible_is_refused() -> None:
    with pytest.raises(StepError, match="no layer is visible"):
        drawn([(BASE, Look(visible=False))])
