"""Letters at the borders of a view, and slices in millimetres."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medvol.affines import apply_affine
from napari_medvol.views.planes import (
    PLANES,
    Borders,
    Plane,
    borders,
    caption,
    letters,
    point_on_slice,
    slice_at,
    slice_axis,
)
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated

#: How radiologists hang pictures, from the textbook.
RADIOLOGICAL = {
    "axial": Borders("R", "L", "A", "P"),
    "coronal": Borders("R", "L", "S", "I"),
    "sagittal": Borders("A", "P", "S", "I"),
}


@pytest.mark.parametrize("plane", PLANES)
def test_the_letters_are_those_of_the_textbook(plane: Plane) -> None:
    expected = RADIOLOGICAL[plane]

    assert borders(plane) == expected
    assert borders(plane, mirrored=True) == Borders(
        expected.right, expected.left, expected.top, expected.bottom
    )


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_a_column_of_any_affine_points_where_nibabel_says(axcodes: str) -> None:
    affine = affine_along(axcodes)

    found = "".join(letters(affine[:3, axis]) for axis in range(3))

    assert found == "".join(nib.aff2axcodes(affine)) == axcodes


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ((1, 0.2, 0), "RA"),
        ((-0.3, 0, -2), "IL"),
        ((1, -1.1, 1.2), "SPR"),
        ((0, 1, 0.05), "A"),
    ],
)
def test_a_leaning_direction_has_the_nearest_letter_first(
    direction: tuple[float, float, float], expected: str
) -> None:
    assert letters(direction) == expected


def test_a_volume_shown_turned_has_the_letters_of_where_it_lies() -> None:
    turn = rotated(np.eye(4), 30, about=(0, 0, 1))[:3, :3]

    found = borders("axial", turn=turn)

    # Turned from R towards A by 30°: the right border, L as shown, leans to P.
    assert found == Borders("RA", "LP", "AL", "PR")


@pytest.mark.parametrize(
    ("plane", "ras", "expected"),
    [
        ("axial", (1, 2, 12.34), "Axial  S 12.3 mm"),
        ("axial", (1, 2, -550.56), "Axial  I 550.6 mm"),
        ("coronal", (1, -2, 0), "Coronal  P 2.0 mm"),
        ("sagittal", (-30, 0, 0), "Sagittal  L 30.0 mm"),
    ],
)
def test_the_caption_names_the_side_and_the_distance(
    plane: Plane, ras: tuple[float, float, float], expected: str
) -> None:
    assert caption(plane, ras) == expected


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_the_slice_at_a_voxel_is_its_index_across_the_plane(axcodes: str, plane: Plane) -> None:
    affine = affine_along(axcodes)
    across = {"axial": "SI", "coronal": "AP", "sagittal": "RL"}[plane]
    axis = next(a for a in range(3) if axcodes[a] in across)

    found = slice_at(affine, plane, apply_affine(affine, (3, 5, 7)))

    assert slice_axis(affine, plane) == axis
    assert found == pytest.approx((3, 5, 7)[axis])


@given(
    st.sampled_from(PLANES),
    st.floats(-40, 40),
    st.floats(-20, 60),
    st.tuples(*[st.floats(-100, 100)] * 3),
)
def test_a_point_moved_to_a_slice_is_on_it_and_moved_across_only(
    plane: Plane, degrees: float, number: float, ras: tuple[float, float, float]
) -> None:
    affine = rotated(affine_along("PIR"), degrees)

    moved = point_on_slice(affine, plane, number, ras)

    assert slice_at(affine, plane, moved) == pytest.approx(number, abs=1e-6)
    before, after = (apply_affine(np.linalg.inv(affine), point) for point in (ras, moved))
    others = [axis for axis in range(3) if axis != slice_axis(affine, plane)]
    np.testing.assert_allclose(after[others], before[others], atol=1e-6)
