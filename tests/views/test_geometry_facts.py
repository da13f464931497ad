"""A matrix taken apart, and two matrices compared."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_medvol.headers import Form
from napari_medvol.views.geometry_facts import (
    decomposed,
    form_difference,
    geometry_text,
    matrix_text,
)
from napari_medvol.volume import Volume

ANGLES = (10.0, -25.0, 40.0)


def built(
    shears: tuple[float, float, float] = (0.1, -0.2, 0.05), flip: bool = False
) -> np.ndarray:
    matrix = np.eye(4)
    shear = np.eye(3)
    shear[np.triu_indices(3, 1)] = shears
    zooms = np.diag([-2.0 if flip else 2.0, 3.0, 4.0])
    turn = Rotation.from_euler("xyz", ANGLES, degrees=True).as_matrix()
    matrix[:3, :3] = turn @ zooms @ shear
    matrix[:3, 3] = (5, -6, 7)
    return matrix


@pytest.mark.parametrize("flip", [False, True])
def test_the_parts_are_those_that_the_matrix_was_built_of(flip: bool) -> None:
    found = decomposed(built(flip=flip))

    np.testing.assert_allclose(found.translation, (5, -6, 7))
    np.testing.assert_allclose(found.angles, ANGLES, atol=1e-9)
    np.testing.assert_allclose(found.zooms, (-2 if flip else 2, 3, 4), atol=1e-9)
    np.testing.assert_allclose(found.shears, (0.1, -0.2, 0.05), atol=1e-9)


def test_the_product_of_the_parts_is_the_matrix() -> None:
    random = np.random.default_rng(1)
    for _ in range(200):
        matrix = np.eye(4)
        matrix[:3] = random.normal(0, 3, (3, 4))

        found = decomposed(matrix)

        np.testing.assert_allclose(found.affine, matrix, atol=1e-6)
        assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_the_angles_rebuild_the_rotation_also_at_the_pole() -> None:
    for angles in ((10, 90, 0), (30, -90, 0), (0, 0, 180), (-170, 5, 80)):
        turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        matrix = np.eye(4)
        matrix[:3, :3] = turn

        again = Rotation.from_euler("xyz", decomposed(matrix).angles, degrees=True).as_matrix()

        np.testing.assert_allclose(again, turn, atol=1e-9)


def test_an_orthogonal_matrix_has_the_zooms_of_nibabel_and_no_shear() -> None:
    matrix = built((0.0, 0.0, 0.0))

    found = decomposed(matrix)

    np.testing.assert_allclose(np.abs(found.zooms), nib.affines.voxel_sizes(matrix))
    np.testing.assert_allclose(found.shears, 0, atol=1e-12)


def test_two_forms_are_compared_in_mm_and_degrees() -> None:
    one = np.diag([2.0, 3.0, 4.0, 1.0])
    turned = one.copy()
    turned[:3, :3] = Rotation.from_euler("z", 3, degrees=True).as_matrix() @ one[:3, :3]
    shape = (11, 11, 11)

    found = form_difference(one, turned, shape)

    corners = np.array([[i, j, k] for i in (0, 10) for j in (0, 10) for k in (0, 10)])
    apart = nib.affines.apply_affine(one, corners) - nib.affines.apply_affine(turned, corners)
    assert found.displacement == pytest.approx(np.linalg.norm(apart, axis=1).max())
    assert found.angle == pytest.approx(3)
    assert not found.is_mirrored
    assert form_difference(one, one @ np.diag([-1, 1, 1, 1]), shape).is_mirrored


def test_the_text_has_both_forms_side_by_side_and_names_the_one_used() -> None:
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    moved = affine.copy()
    moved[0, 3] = 5
    forms = (
        Form("sform", "2 (aligned)", affine, True),
        Form("qform", "1 (scanner)", moved, False),
    )

    text = geometry_text(Volume(np.zeros((2, 3, 4)), affine), forms)

    assert "Voxel index to RAS+ mm: LAS" in text
    assert "sform, code 2 (aligned) — used" in text
    assert "up to 5 mm apart at the corners, turned by 0°" in text
    assert "Geometry from" in text


def test_in_lps_the_first_two_rows_have_the_other_sign() -> None:
    affine = built((0.0, 0.0, 0.0))
    volume = Volume(np.zeros((2, 3, 4)), affine)

    def rows(text: str) -> np.ndarray:
        lines = text.splitlines()[1:5]
        return np.array([[float(v) for v in line.strip("[] ").split()] for line in lines])

    ras, lps = rows(geometry_text(volume)), rows(geometry_text(volume, lps=True))
    np.testing.assert_allclose(lps[:2], -ras[:2])
    np.testing.assert_allclose(lps[2:], ras[2:])
    np.testing.assert_allclose(ras, affine, atol=1e-6)


def test_a_matrix_that_is_none_is_said_in_words() -> None:
    assert "no matrix" in matrix_text(None)
    form = Form("qform", "1 (scanner)", None, False)
    text = geometry_text(Volume(np.zeros((2, 3, 4)), np.eye(4)), (form,))
    assert "no matrix" in text


def test_the_noise_of_a_rotation_is_not_printed() -> None:
    affine = np.diag([0.7, 0.7, 5.0, 1.0])
    affine[:3, 3] = -120.1234567, 80, -600
    affine[0, 1], affine[1, 2] = 6.71471565e-19, -4e-8

    text = matrix_text(affine)

    assert text.splitlines()[0].split() == ["[", "0.7", "0", "0", "-120.1235", "]"]
    assert "e-" not in text
    affine[2, 0] = 1e-5
    assert "1e-05" in matrix_text(affine)
