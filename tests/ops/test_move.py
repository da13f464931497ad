"""A volume put elsewhere: the header changes, no voxel does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.ops.move import align_centres, centre_of, move, set_origin
from napari_medvol.ops.relabel import relabel
from napari_medvol.volume import Contour, Volume
from tests.phantoms.geometry import grids
from tests.phantoms.volumes import ORIENTATIONS, affine_along

points = st.tuples(*[st.floats(-300, 300)] * 3)
DATA = np.arange(60).reshape(3, 4, 5)

SEED = np.diag([-0.9765625, 0.9765625, 2.0, 1.0])
SEED[:3, 3] = 249.51171875, -33.01171875, -553.5


@settings(max_examples=40)
@given(grids(), grids())
def test_moving_there_and_back_is_standing_still(affine, motion) -> None:
    volume = Volume(DATA, affine)

    back = move(move(volume, motion), np.linalg.inv(motion))

    assert affines.corner_displacement(back.affine, affine, volume.shape) < 1e-5
    assert back.data is volume.data


@settings(max_examples=40)
@given(grids(), points)
def test_aligning_centres_is_a_translation_only(affine, centre) -> None:
    volume = Volume(DATA, affine)

    aligned = align_centres(volume, centre)

    np.testing.assert_allclose(centre_of(aligned), centre, atol=1e-6)
    np.testing.assert_array_equal(aligned.affine[:3, :3], volume.affine[:3, :3])


def test_the_centres_of_the_course() -> None:
    full = Volume(np.zeros((512, 512, 175), np.int8), SEED)
    cropped = Volume(np.zeros((278, 180, 175), np.int8), affines.cropped(SEED, (103, 160, 0)))

    assert centre_of(full).tolist() == [0, 216.5, -379.5]
    assert centre_of(cropped).tolist() == [13.671875, 210.640625, -379.5]
    np.testing.assert_allclose(
        centre_of(align_centres(cropped, centre_of(full))), (0, 216.5, -379.5)
    )


@settings(max_examples=40)
@given(grids(), points)
def test_the_origin_is_where_it_is_put(affine, origin) -> None:
    moved = set_origin(Volume(DATA, affine), origin)

    np.testing.assert_allclose(moved.affine[:3, 3], origin, atol=1e-9)


def test_contours_go_with_their_volume() -> None:
    outline = Contour(1, "CLOSED_PLANAR", np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]))
    volume = Volume(DATA, np.eye(4), kind="labels", contours=(outline,))

    moved = set_origin(volume, (10, 20, 30))

    np.testing.assert_allclose(moved.contours[0].points, outline.points + np.array((10, 20, 30)))


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("keep", ["centre", "origin"])
def test_relabelling_changes_the_names_of_the_axes_and_no_voxel(codes: str, keep: str) -> None:
    volume = Volume(DATA, affine_along("PIR", (1, 2, 3)))

    named = relabel(volume, codes, keep)

    assert named.axcodes == codes
    assert named.data is volume.data
    assert named.zooms == volume.zooms
    kept = centre_of if keep == "centre" else lambda v: v.affine[:3, 3]
    np.testing.assert_allclose(kept(named), kept(volume), atol=1e-9)


def test_what_itk_snap_calls_asl_is_pir() -> None:
    """ITK-SNAP: x runs from A to P, y from S to I, z from L to R."""
    named = relabel(Volume(DATA, np.eye(4)), "PIR", "origin")

    np.testing.assert_array_equal(named.affine[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]])


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda v: move(v, np.zeros((4, 4))), "the matrix"),
        (lambda v: move(v, [[1, 2], [3, 4]]), "the matrix"),
        (lambda v: move(v, "eye"), "the matrix"),
        (lambda v: set_origin(v, (1, 2)), "not three finite numbers"),
        (lambda v: align_centres(v, (1, 2, np.nan)), "not three finite numbers"),
        (lambda v: align_centres(v, ("a", 1, 2)), "not three finite numbers"),
        (lambda v: relabel(v, "RRA"), "'RRA' does not name"),
        (lambda v: relabel(v, "RAS", "corner"), "neither 'centre' nor 'origin'"),
    ],
)
def test_what_leads_nowhere_is_refused(act, why: str) -> None:
    with pytest.raises(StepError, match=why):
        act(Volume(DATA, np.eye(4), name="CT"))
