"""Known displacements are found again, the same every time, and can be stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_medvol import affines, read
from napari_medvol.errors import StepError
from napari_medvol.ops.move import move
from napari_medvol.registration import Reached, is_available, register
from napari_medvol.volume import Axis, Volume
from tests.phantoms.volumes import affine_along, rotated

pytest.importorskip("SimpleITK")


def head(affine: np.ndarray, shape: tuple[int, int, int], inverted: bool = False) -> Volume:
    """An ellipsoid with three inner parts, at one place of the patient whatever the grid."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    at = affines.apply_affine(affine, index)
    values = np.zeros(shape, np.float32)
    parts = [((0, 0, 0), (40, 50, 35), 100), ((12, 15, 5), (12, 9, 14), 300)]
    parts += [((-15, -10, -8), (9, 16, 8), 700), ((-5, 25, 12), (8, 6, 7), 500)]
    for centre, radii, value in parts:
        values[(((at - centre) / np.array(radii)) ** 2).sum(axis=-1) <= 1] = value
    values += np.random.default_rng(5).normal(0, 4, shape).astype(np.float32)
    return Volume(900 - values if inverted else values, affine, name="head")


def middle(
    zooms: tuple[float, float, float], codes: str, shape: tuple[int, int, int]
) -> np.ndarray:
    affine = affine_along(codes, zooms, (0, 0, 0))
    affine[:3, 3] = -affines.apply_affine(affine, (np.array(shape) - 1) / 2)
    return affine


FIXED = head(rotated(middle((2.0, 2.0, 2.5), "LPS", (56, 64, 40)), 5), (56, 64, 40))
MOVING = head(middle((2.2, 2.0, 3.0), "RAS", (50, 62, 34)), (50, 62, 34), inverted=True)

AWAY = rotated(np.eye(4), 7, (2, 1, -1))
AWAY[:3, 3] = (6, -8, 5)


def left(moved: Volume, matrix: np.ndarray, true: Volume) -> float:
    """How far the worst corner is from its true place, in the largest of its voxels."""
    off = affines.corner_displacement(matrix @ moved.affine, true.affine, true.shape)
    return off / max(true.zooms[:3])


@pytest.mark.parametrize("motion", ["rigid", "affine"])
def test_a_phantom_of_another_contrast_and_grid_is_found_within_a_voxel(motion: str) -> None:
    away = move(MOVING, AWAY)
    assert left(away, np.eye(4), MOVING) > 3

    found = register(away, FIXED, motion)

    assert left(away, found.matrix, MOVING) < 1
    assert found.matrix[3].tolist() == [0, 0, 0, 1]


def test_rigid_is_rigid_and_the_same_every_time() -> None:
    away = move(MOVING, AWAY)

    one, other = register(away, FIXED), register(away, FIXED)

    np.testing.assert_array_equal(one.matrix, other.matrix)
    np.testing.assert_allclose(one.matrix[:3, :3] @ one.matrix[:3, :3].T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("scan", ["sts002_ct", "sts002_mr_t1"])
def test_a_real_scan_moved_away_is_brought_back_within_a_voxel(scan: str, data: Path) -> None:
    (volume,) = read(data / "data" / scan)
    centre = affines.apply_affine(volume.affine, (np.array(volume.shape) - 1) / 2)
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = centre, -centre
    away = move(volume, there @ AWAY @ back)

    found = register(away, volume)

    assert left(away, np.eye(4), volume) > 3
    assert left(away, found.matrix, volume) < 1


def test_every_iteration_is_told_and_the_measure_grows() -> None:
    told: list[Reached] = []
    done: list[tuple[int, int]] = []

    register(
        move(MOVING, AWAY), FIXED, reached=told.append, progress=lambda a, b: done.append((a, b))
    )

    assert [point.level for point in told] == sorted(point.level for point in told)
    assert {point.level for point in told} == {0, 1, 2}
    coarse = [point.value for point in told if point.level == 0]
    assert max(coarse) > coarse[0]
    assert done == sorted(done)
    assert all(a <= b == 300 for a, b in done)


def test_what_progress_raises_ends_it() -> None:
    class StopError(Exception):
        pass

    told: list[int] = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if done >= 3:
            raise StopError

    with pytest.raises(StopError):
        register(move(MOVING, AWAY), FIXED, progress=stop)
    assert told[-1] == 3


def test_frames_colours_complex_values_and_nan_are_no_trouble() -> None:
    values = np.asarray(MOVING.data)
    t, rgb = Axis("t"), Axis("rgb")
    framed = Volume(np.stack([values, 0 * values], axis=-1), MOVING.affine, axes=(t,))
    colour = Volume(
        np.stack([values.clip(0, 255).astype(np.uint8)] * 3, -1), MOVING.affine, (rgb,)
    )
    wave = Volume(values * np.exp(1j), MOVING.affine)
    holes = values.copy()
    holes[:2] = np.nan
    for volume in (framed, colour, wave, Volume(holes, MOVING.affine)):
        assert np.isfinite(register(volume, FIXED).matrix).all()


FAR = Volume(np.asarray(MOVING.data), affine_along("RAS", origin=(5000, 0, 0)), name="far")
FLAT = Volume(np.full((20, 20, 20), 7.0), np.eye(4), name="flat")


@pytest.mark.parametrize(
    ("moving", "fixed", "motion", "why"),
    [
        (FAR, FIXED, "rigid", "do not overlap"),
        (FLAT, FIXED, "rigid", "every voxel of 'flat' is 7"),
        (MOVING, FLAT, "rigid", "every voxel of 'flat' is 7"),
        (MOVING, FIXED, "bent", "none of rigid, affine"),
    ],
)
def test_what_cannot_be_registered_is_said(
    moving: Volume, fixed: Volume, motion: str, why: str
) -> None:
    with pytest.raises(StepError, match=why):
        register(moving, fixed, motion)  # type: ignore[arg-type]


def test_without_simpleitk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)

    assert not is_available()
    with pytest.raises(StepError, match=r"napari-medvol\[registration\]"):
        register(MOVING, FIXED)
