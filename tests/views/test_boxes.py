"""Boxes of voxels and where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.affines import apply_affine

from napari_medvol.errors import StepError
from napari_medvol.views import boxes
from napari_medvol.views.boxes import Box, Face
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import ORIENTATIONS, affine_along, numbered, rotated, sheared

SHAPE = (9, 8, 7)
SEED = np.array(
    [
        [-0.9765625, 0, 0, 249.51171875],
        [0, 0.9765625, 0, -33.01171875],
        [0, 0, 2, -553.5],
        [0, 0, 0, 1],
    ]
)


def cut(low: tuple[int, ...], size: tuple[int, ...]) -> Box:
    start = [min(a, n - 1) for a, n in zip(low, SHAPE, strict=True)]
    stop = [min(a + s, n) for a, s, n in zip(start, size, SHAPE, strict=True)]
    return boxes.box_of(start, stop)


BOX = st.builds(
    cut,
    st.tuples(*[st.integers(0, 8)] * 3),
    st.tuples(*[st.integers(1, 9)] * 3),
)
GRID = st.builds(
    lambda codes, turn, slip: sheared(rotated(affine_along(codes, (0.7, 1.9, 3.1)), turn), slip),
    st.sampled_from(ORIENTATIONS),
    st.floats(-180, 180),
    st.floats(-0.4, 0.4),
)


@given(GRID, BOX)
def test_a_box_as_a_region_comes_back_on_its_own_grid(affine: np.ndarray, box: Box) -> None:
    assert boxes.box_within(affine, SHAPE, boxes.region_of(affine, box)) == box


@given(st.sampled_from(ORIENTATIONS), BOX, st.tuples(*[st.floats(0.4, 3.0)] * 3))
def test_the_voxels_of_another_grid_are_those_whose_centres_lie_in_the_box(
    codes: str, box: Box, zooms: tuple[float, ...]
) -> None:
    affine, other = affine_along("LPS"), affine_along(codes, zooms, (-12.03, 18.07, 8.11))
    region = boxes.region_of(affine, box)
    index = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1)
    inside = apply_affine(np.linalg.inv(region), apply_affine(other, index))
    expected = ((inside > 0) & (inside < 1)).all(axis=-1)

    if not expected.any():
        with pytest.raises(StepError, match="holds no voxel"):
            boxes.box_within(other, (6, 6, 6), region)
        return
    found = boxes.box_within(other, (6, 6, 6), region)
    held = np.zeros((6, 6, 6), bool)
    held[tuple(slice(a, b) for a, b in zip(*found, strict=True))] = True
    np.testing.assert_array_equal(held, expected)


@given(GRID, BOX, st.sampled_from((0, 1, 2)), st.floats(0.02, 0.98))
def test_a_section_lies_in_the_plane_and_on_the_faces_it_names(
    affine: np.ndarray, box: Box, across: int, share: float
) -> None:
    corners = apply_affine(boxes.region_of(affine, box), np.indices((2, 2, 2)).reshape(3, -1).T)
    low, high = corners[:, across].min(), corners[:, across].max()
    at = low + share * (high - low)

    seen = boxes.section(box, affine, across, at)

    assert seen.is_cut
    assert 3 <= len(seen.corners) <= 6
    for point, faces in seen.corners:
        assert point[across] == pytest.approx(at, abs=1e-6 * (high - low))
        index = apply_affine(np.linalg.inv(affine), point)
        for face in faces:
            border = (box.stop if face.is_stop else box.start)[face.axis] - 0.5
            assert index[face.axis] == pytest.approx(border, abs=1e-6)
    assert all(len(faces) == 1 for _, _, faces in seen.edges())


def test_off_the_box_the_nearest_section_is_given_and_said_to_be_none() -> None:
    box = Box((1, 1, 1), (3, 4, 5))
    seen = boxes.section(box, np.eye(4), 2, 40.0)
    assert not seen.is_cut
    assert {round(float(c.point[2]), 2) for c in seen.corners} == {4.5}
    assert {face for _, _, (face,) in seen.edges()} == {
        Face(0, False), Face(0, True), Face(1, False), Face(1, True)
    }  # fmt: skip


@given(BOX, st.integers(0, 2), st.booleans(), st.floats(-50, 50))
def test_a_face_snaps_to_voxels_and_never_empties_the_box(
    box: Box, axis: int, is_stop: bool, index: float
) -> None:
    made = boxes.with_face(box, Face(axis, is_stop), index, SHAPE)
    assert all(0 <= a < b <= n for a, b, n in zip(*made, SHAPE, strict=True))
    border = (made.stop if is_stop else made.start)[axis]
    fixed = (box.start if is_stop else box.stop)[axis]
    assert (made.start if is_stop else made.stop)[axis] == fixed
    low, high = (fixed + 1, SHAPE[axis]) if is_stop else (0, fixed - 1)
    assert abs(border - np.clip(index + 0.5, low, high)) <= 0.5


@given(BOX, st.tuples(*[st.floats(-20, 20)] * 3))
def test_a_box_that_is_moved_keeps_its_size_within_the_grid(
    box: Box, by: tuple[float, ...]
) -> None:
    made = boxes.moved(box, by, SHAPE)
    assert made.shape == box.shape
    assert all(0 <= a < b <= n for a, b, n in zip(*made, SHAPE, strict=True))


def test_the_seeds_crop_is_read_out() -> None:
    ct = Volume(np.zeros((512, 512, 175), np.int8), SEED)
    told = boxes.reading(ct, Box((103, 160, 0), (381, 340, 175)))
    assert told.shape == (278, 180, 175)
    np.testing.assert_array_equal(told.origin, (148.92578125, 123.23828125, -553.5))
    assert told.memory == 278 * 180 * 175


def test_extra_axes_and_colours_count() -> None:
    volume = Volume(np.zeros((4, 5, 6, 7, 3), np.uint8), np.eye(4), (Axis("t"), Axis("rgb")))
    told = boxes.reading(volume, Box((0, 0, 0), (2, 2, 2)))
    assert (told.shape, told.memory) == ((2, 2, 2, 7, 3), 8 * 21)


@pytest.mark.parametrize(("unit", "low"), [("HU", -1000), ("", 0)])
def test_what_is_no_air_is_found_with_a_margin_in_mm(unit: str, low: int) -> None:
    values = np.full((20, 22, 40), low, np.int16)
    values[5:9, 6:12, 18:30] = 400
    volume = Volume(values, affine_along("LPS", (1, 2, 3)), unit=unit)
    assert boxes.fit_to_content(volume) == Box((5, 6, 18), (9, 12, 30))
    assert boxes.fit_to_content(volume, 4.0) == Box((1, 4, 16), (13, 14, 32))


def test_any_frame_any_colour_and_nan_are_looked_at() -> None:
    values = np.zeros((6, 6, 6, 3), np.float32)
    values[1, 2, 3, 2] = 9.0
    values[4, 4, 4, 0] = np.nan
    volume = Volume(values, np.eye(4), (Axis("t"),))
    assert boxes.fit_to_content(volume, above=1) == Box((1, 2, 3), (2, 3, 4))


def test_a_label_of_another_grid_is_fitted() -> None:
    image = numbered((20, 20, 20), affine=affine_along("LPS", (1, 1, 1), (0, 0, 0)))
    seg = np.zeros((10, 10, 10), np.uint8)
    seg[2:4, 3:5, 1:2] = 7
    seg[8, 8, 8] = 1
    # Two of the image's voxels a voxel, its border where theirs is.
    labels = Volume(seg, affine_along("LPS", (2, 2, 2), (-0.5, -0.5, 0.5)), kind="labels")
    assert boxes.fit_to_label(image, labels, 7) == Box((4, 6, 2), (8, 10, 4))
    assert boxes.fit_to_label(image, labels) == Box((4, 6, 2), (18, 18, 18))
    with pytest.raises(StepError, match="nothing has the label 3"):
        boxes.fit_to_label(image, labels, 3)


def test_nothing_but_air_is_said() -> None:
    with pytest.raises(StepError, match="no voxel is above"):
        boxes.fit_to_content(Volume(np.zeros((3, 3, 3)), np.eye(4)))


@pytest.mark.parametrize(
    ("box", "why"),
    [(Box((2, 2, 2), (2, 3, 3)), "is empty"), (Box((0, 0, 0), (4, 3, 3)), "reaches beyond")],
)
def test_a_box_that_cannot_be_is_refused_with_its_numbers(box: Box, why: str) -> None:
    with pytest.raises(StepError, match=why):
        boxes.checked(Volume(np.zeros((3, 3, 3)), np.eye(4)), box)
