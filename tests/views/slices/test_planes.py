"""Where pixels lie: sizes, sides, counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from napari_medvol.errors import StepError
from napari_medvol.views.slices.planes import grid_of
from napari_medvol.volume import Volume
from tests.phantoms.geometry import grids
from tests.phantoms.volumes import ORIENTATIONS, affine_along, rotated, sheared

#: As the article on turning a NIfTI into pictures has it.
ARTICLE = Volume(np.zeros((256, 256, 130), np.int8), affine_along("PIR", (1, 1, 1.2999954)))


@pytest.mark.parametrize("pixel_mm", [None, 1.0])
@pytest.mark.parametrize(
    ("plane", "axis", "size", "n"),
    [
        ("coronal", 0, (169, 256), 256),
        ("axial", 1, (169, 256), 256),
        ("sagittal", 2, (256, 256), 130),
    ],
)
def test_the_articles_scan_has_the_articles_sizes(
    plane: Any, axis: int, size: tuple[int, int], n: int, pixel_mm: float | None
) -> None:
    for asked in (plane, axis):
        grid = grid_of(ARTICLE, asked, pixel_mm)

        assert (grid.plane, grid.axis, grid.n_slices) == (plane, axis, n)
        assert grid.shape[::-1] == size
        assert grid.pixel_mm == (1.0, 1.0)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_head_and_front_are_up_whatever_the_voxel_order(codes: str) -> None:
    volume = Volume(np.zeros((4, 5, 6), np.int8), affine_along(codes))

    sides = {
        plane: "".join((at.top, at.right, at.bottom, at.left))
        for plane in ("axial", "coronal", "sagittal")
        if (at := grid_of(volume, plane).borders)
    }

    assert sides == {"axial": "ALPR", "coronal": "SLIR", "sagittal": "SPIA"}


def test_the_neurological_convention_turns_left_and_right_only() -> None:
    axial, sagittal = (grid_of(ARTICLE, p, None, "neurological") for p in ("axial", "sagittal"))

    assert (axial.borders.left, axial.borders.top) == ("L", "A")
    assert (sagittal.borders.left, sagittal.borders.top) == ("A", "S")


def test_a_pixel_a_voxel_is_as_wide_as_a_voxel() -> None:
    grid = grid_of(ARTICLE, "coronal", "voxel")

    assert grid.shape == (256, 130)
    np.testing.assert_allclose(grid.pixel_mm, (1, 1.2999954))


def test_slices_of_voxels_lie_on_voxels() -> None:
    volume = Volume(np.zeros((4, 5, 6), np.int8), affine_along("PIR", (1.0, 2.0, 3.0)))
    grid = grid_of(volume, "sagittal")

    assert grid.is_of_voxels
    assert grid.step_mm == pytest.approx(3)
    assert [grid.position(n) for n in (0, 1)] == [volume.affine[0, 3], volume.affine[0, 3] + 3]
    assert [grid.number_at(grid.position(n) + 0.4) for n in range(6)] == list(range(6))
    assert grid.number_at(1e6) == 5


@given(affine=grids())
def test_true_planes_hold_all_of_an_oblique_scan_and_no_more(affine: np.ndarray[Any, Any]) -> None:
    volume = Volume(np.zeros((5, 6, 7), np.int8), affine)
    ends = np.array([[a, b, c] for a in (-0.5, 4.5) for b in (-0.5, 5.5) for c in (-0.5, 6.5)])
    corners = ends @ affine[:3, :3].T + affine[:3, 3]
    for plane, normal in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        grid = grid_of(volume, plane, 1.0)
        if grid.is_of_voxels:
            continue

        at = np.linalg.solve(grid.affine[:3, :3], (corners - grid.affine[:3, 3]).T)
        size = np.array([[*grid.shape, grid.n_slices]]).T
        assert (at > -0.501).all()
        assert (at < size - 0.499).all()
        assert (at.min(axis=1) < 0.5).all()
        assert (at.max(axis=1) > size[:, 0] - 1.5).all()
        assert abs(grid.affine[normal, 2]) > 0


def test_a_tilted_gantry_keeps_its_axial_slices_and_gets_true_sagittal_ones() -> None:
    volume = Volume(np.zeros((5, 6, 7), np.int8), sheared(affine_along("LPS")))

    assert grid_of(volume, "axial").is_of_voxels
    assert not grid_of(volume, "sagittal").is_of_voxels
    assert grid_of(volume, "axial").step_mm == pytest.approx(3)


def test_a_voxel_axis_of_an_oblique_scan_is_cut_along_its_voxels() -> None:
    volume = Volume(np.zeros((5, 6, 7), np.int8), rotated(affine_along("LAS"), 15))

    grid = grid_of(volume, 2)

    assert grid.is_of_voxels
    assert (grid.plane, grid.n_slices, grid.shape) == ("axial", 7, (12, 5))
    assert grid.borders.left.startswith("R")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"plane": "frontal"}, "there is no plane 'frontal'"),
        ({"plane": 3}, "there is no plane 3"),
        ({"plane": "axial", "convention": "japanese"}, "'japanese' is no convention"),
        ({"plane": "axial", "pixel_mm": 0.0}, "0.0 is no size of a pixel"),
        ({"plane": "axial", "pixel_mm": 1e-9}, "pixels"),
        ({"plane": 2, "pixel_mm": 1e-4}, "pixels"),
        ({"plane": "axial", "pixel_mm": float("nan")}, "nan is no size"),
        ({"plane": "axial", "pixel_mm": "small"}, "'small' is no size"),
    ],
)
def test_what_is_no_plane_or_size_is_refused(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(StepError, match=why):
        grid_of(ARTICLE, **asked)
