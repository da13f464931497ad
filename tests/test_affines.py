from __future__ import annotations

import doctest

import nibabel as nib
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_medvol import affines
from napari_medvol.errors import GeometryError
from tests.phantoms.geometry import finite, grids
from tests.phantoms.volumes import ORIENTATIONS, Affine, affine_along, rotated

shapes = st.tuples(*[st.integers(1, 40)] * 3)


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(affines)

    assert result.attempted >= 5
    assert result.failed == 0


def test_all_48_orientations_are_named_as_nibabel_names_them() -> None:
    assert len(set(ORIENTATIONS)) == 48
    for codes in ORIENTATIONS:
        affine = affine_along(codes)
        assert affines.axcodes(affine) == codes == "".join(nib.aff2axcodes(affine))


@given(grids(shear=0))
def test_rotations_below_45_degrees_keep_the_name_that_nibabel_gives(affine: Affine) -> None:
    assume((affines.obliquity(affine) < 44).all())

    assert affines.axcodes(affine) == "".join(nib.aff2axcodes(affine))


@given(grids(shear=2.0))
def test_every_grid_gets_each_world_axis_exactly_once(affine: Affine) -> None:
    world = affines.orientation(affine)

    assert sorted(world[:, 0]) == [0, 1, 2]
    assert set(world[:, 1]) <= {-1, 1}


def _canonical(affine: Affine, shape: tuple[int, ...]) -> tuple[Affine, tuple[int, ...]]:
    world = affines.orientation(affine)
    order = [int(a) for a in np.argsort(world[:, 0])]
    turned = affines.reoriented(affine, shape, order, [int(s) for s in world[:, 1]])
    return turned, tuple(shape[a] for a in order)


@given(grids(shear=2.0), shapes)
def test_canonical_order_is_reached_in_one_turn(affine: Affine, shape: tuple[int, ...]) -> None:
    # nibabel's greedy choice does not settle on sheared grids (nibabel #1449).
    once, shape_once = _canonical(affine, shape)
    twice, shape_twice = _canonical(once, shape_once)

    assert affines.axcodes(once) == "RAS"
    assert shape_twice == shape_once
    np.testing.assert_allclose(twice, once, atol=1e-9)


def test_a_grid_on_which_nibabel_does_not_settle_settles_here() -> None:
    # As reported in nibabel #1449: the greedy choice maps two voxel axes to one world axis.
    affine = np.array([[0.7, 0.7, 0.0, 0], [0.7, -0.7, 0.0, 0], [0.0, 0.2, 1.0, 0], [0, 0, 0, 1]])
    once, shape = _canonical(affine, (3, 4, 5))

    np.testing.assert_allclose(_canonical(once, shape)[0], once, atol=1e-12)


@given(grids())
def test_zooms_and_obliquity_are_those_of_nibabel(affine: Affine) -> None:
    np.testing.assert_allclose(affines.zooms(affine), nib.affines.voxel_sizes(affine))


@given(grids(shear=0))
def test_the_largest_obliquity_is_the_one_that_nibabel_measures(affine: Affine) -> None:
    # nibabel compares |cosines| of a row wise best axis; on rotations below 45° it is ours.
    assume((affines.obliquity(affine) < 44).all())

    expected = np.degrees(nib.affines.obliquity(affine))
    # nibabel's angles come from arccos, which loses half the digits near 0°.
    np.testing.assert_allclose(
        sorted(affines.obliquity(affine)), sorted(expected), atol=1e-5, rtol=1e-6
    )


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 0.5, 15.0, 44.0])
def test_obliquity_is_the_angle_that_was_turned(degrees: float) -> None:
    affine = rotated(affine_along("LPS"), degrees, about=(0, 0, 1))

    np.testing.assert_allclose(
        affines.obliquity(affine), [degrees, degrees, 0], rtol=1e-6, atol=1e-9
    )


@given(grids(), st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=5))
def test_points_go_where_nibabel_sends_them(
    affine: Affine, points: list[tuple[float, float, float]]
) -> None:
    np.testing.assert_allclose(
        affines.apply_affine(affine, points), nib.affines.apply_affine(affine, points), atol=1e-6
    )


def test_points_of_any_leading_shape_keep_it() -> None:
    assert affines.apply_affine(np.eye(4), np.zeros((2, 3, 4, 3))).shape == (2, 3, 4, 3)


@given(grids(), shapes, st.permutations(range(3)), st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_turning_an_array_keeps_every_voxel_where_it_was(
    affine: Affine, shape: tuple[int, int, int], order: list[int], signs: tuple[int, int, int]
) -> None:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    before = affines.apply_affine(affine, index)
    flipped = before[tuple(slice(None, None, sign) for sign in signs)]

    turned = affines.reoriented(affine, shape, order, signs)

    moved = flipped.transpose(*order, 3)
    here = np.stack(np.meshgrid(*map(np.arange, moved.shape[:3]), indexing="ij"), axis=-1)
    np.testing.assert_allclose(affines.apply_affine(turned, here), moved, atol=1e-6)


@given(grids(), shapes, st.permutations(range(3)), st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_turning_agrees_with_the_orientation_transform_of_nibabel(
    affine: Affine, shape: tuple[int, int, int], order: list[int], signs: tuple[int, int, int]
) -> None:
    # nibabel's row a: where old axis a goes, and its flip.
    to = np.array([[order.index(a), signs[a]] for a in range(3)])

    expected = affine @ nib.orientations.inv_ornt_aff(to, shape)

    np.testing.assert_allclose(
        affines.reoriented(affine, shape, order, signs), expected, atol=1e-6
    )


@given(grids(), st.tuples(*[st.integers(-20, 40)] * 3))
def test_cropping_moves_the_origin_to_the_first_kept_voxel(
    affine: Affine, start: tuple[int, int, int]
) -> None:
    moved = affines.cropped(affine, start)

    np.testing.assert_allclose(moved[:3, 3], affines.apply_affine(affine, start))
    np.testing.assert_array_equal(moved[:3, :3], affine[:3, :3])


def test_the_crop_of_the_course_has_the_published_origin() -> None:
    affine = np.array(
        [[-0.9765625, 0, 0, 249.51171875], [0, 0.9765625, 0, -33.01171875], [0, 0, 2, -553.5],
         [0, 0, 0, 1]]
    )  # fmt: skip

    origin = affines.cropped(affine, (103, 160, 0))[:3, 3]

    assert origin.tolist() == [148.92578125, 123.23828125, -553.5]


@given(grids())
def test_lps_and_ras_are_each_others_inverse_and_negate_x_and_y(affine: Affine) -> None:
    lps = affines.swap_lps_ras(affine)

    np.testing.assert_array_equal(lps[:2], -affine[:2])
    np.testing.assert_array_equal(lps[2:], affine[2:])
    np.testing.assert_array_equal(affines.swap_lps_ras(lps), affine)


@given(grids(), grids(), shapes)
def test_no_voxel_is_displaced_further_than_the_worst_corner(
    one: Affine, other: Affine, shape: tuple[int, int, int]
) -> None:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    apart = np.linalg.norm(
        affines.apply_affine(one, index) - affines.apply_affine(other, index), axis=-1
    )

    assert affines.corner_displacement(one, other, shape) == pytest.approx(apart.max(), abs=1e-6)


def test_corners_are_voxel_centres() -> None:
    corners = affines.corners((3, 1, 5, 7))

    assert corners.shape == (8, 3)
    assert corners.min(axis=0).tolist() == [0, 0, 0]
    assert corners.max(axis=0).tolist() == [2, 0, 4]


@pytest.mark.parametrize(("shift", "same"), [(0.0, True), (0.0009, True), (0.0011, False)])
def test_affines_are_the_same_within_a_thousandth_of_a_millimetre(
    shift: float, same: bool
) -> None:
    moved = affine_along("LPS")
    moved[0, 3] += shift

    apart = affines.corner_displacement(affine_along("LPS"), moved, (4, 5, 6))
    assert (apart <= 1e-3) is same


@given(grids(), shapes)
def test_straightening_keeps_sizes_centre_and_sense(
    affine: Affine, shape: tuple[int, int, int]
) -> None:
    canonical, shape = _canonical(affine, shape)
    straight = affines.without_rotation(canonical, shape)
    centre = (np.array(shape) - 1) / 2

    assert np.count_nonzero(straight[:3, :3]) == 3
    assert affines.axcodes(straight) == affines.axcodes(canonical)
    np.testing.assert_allclose(affines.zooms(straight), affines.zooms(canonical))
    np.testing.assert_allclose(
        affines.apply_affine(straight, centre), affines.apply_affine(canonical, centre), atol=1e-6
    )


def test_a_checked_affine_is_a_read_only_copy() -> None:
    given_matrix = np.eye(4, dtype=np.float32)
    checked = affines.checked_affine(given_matrix, "scan")
    given_matrix[0, 0] = 7

    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, np.eye(4))
    with pytest.raises(ValueError, match="read-only"):
        checked[0, 0] = 2


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (np.eye(3), r"shape \(3, 3\)"),
        (np.diag([1, np.nan, 1, 1]), "not finite"),
        (np.diag([1, np.inf, 1, 1]), "not finite"),
        (np.diag([1, 1, 1, 2]), r"last row of the affine is \[0\.0, 0\.0, 0\.0, 2\.0\]"),
        (np.diag([1, 0, 1, 1]), r"voxel sizes are \[1\.0, 0\.0, 1\.0\] mm"),
        (
            np.array([[1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]]),
            "three axes lie in one plane",
        ),
    ],
)
def test_a_matrix_that_leads_nowhere_is_refused_with_its_fault(matrix: Affine, why: str) -> None:
    with pytest.raises(GeometryError, match=why) as caught:
        affines.checked_affine(matrix, "scan.nii")

    assert caught.value.what == "scan.nii"
    assert "4×4" in caught.value.fix


def test_tiny_and_huge_voxels_are_not_singular() -> None:
    for size in (1e-6, 1e6):
        affines.checked_affine(np.diag([size, size, size, 1]), "scan")
