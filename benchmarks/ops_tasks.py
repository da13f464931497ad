"""Rows 18 to 20: planes and volumes on other grids, and voxels that only change their order.

Interpolated values differ in their last bits from program to program, so what is digested is
whether each of many points is within 0.05 HU of the value that the definition gives: the mean of
the eight voxels around it, weighted by nearness, in float64. Points in the outer half of a border
voxel are left out: there the programs mean different things.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import inputs
from benchmarks.tasks import Run, task

Array = NDArray[Any]

SIZES = np.array((0.9765625, 0.9765625, 1.0))
#: HU.
TOLERANCE = 0.05
#: Degrees, and the axis turned about.
PLANES = ((20, (1, 2, 3)), (45, (0, 1, 0)), (80, (1, 0.3, 0)))
#: Voxels of 1 mm out of 0.977 × 0.977 × 2 mm.
FINER = np.array((1 / 0.9765625, 1 / 0.9765625, 0.5))
FINER_SHAPE = (500, 500, 350)
N_POINTS = 20_000
BOX = (slice(103, 381), slice(160, 340), slice(20, 580))


def _voxels(n_slices: int, dtype: Any = np.int16) -> Array:
    """Return HU, (k, j, i) in memory."""
    stored = inputs.ct(n_slices).view(np.int16)
    stored -= np.int16(1024)
    return stored.astype(dtype, copy=False)


def _turn(degrees: float, about: tuple[float, ...]) -> Array:
    axis = np.array(about) / np.linalg.norm(about)
    cross = np.cross(np.eye(3), -axis)
    angle = np.radians(degrees)
    made: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return made


def _planes() -> list[tuple[Array, Array, tuple[int, int, int]]]:
    """Return index of a plane to index of the volume: matrix, offset, and shape."""
    shape = (512, 512, 1)
    middle = np.array((255.5, 255.5, 299.5))
    turns = [_turn(*plane) for plane in PLANES]
    return [(turn, middle - turn @ (255.5, 255.5, 0), shape) for turn in turns]


def _finer() -> tuple[Array, Array, tuple[int, int, int]]:
    """Return the same for a whole volume with the same centre."""
    old = (np.array((512, 512, 175)) - 1) / 2
    return np.diag(FINER), old - FINER * ((np.array(FINER_SHAPE) - 1) / 2), FINER_SHAPE


def _near(made: Array, voxels: Array, linear: Array, offset: Array) -> Array:
    """Return at which of many points the values are those of the definition.

    Parameters
    ----------
    made : (i, j, k) array
        Values.
    voxels : (k, j, i) array
        Between which they lie.
    linear, offset : (3, 3) and (3,) array
        Index of `made` to index (i, j, k) of the voxels.
    """
    rng = np.random.default_rng(3)
    points = np.stack([rng.integers(0, n, N_POINTS) for n in made.shape], axis=1)
    at = points @ linear.T + offset
    sizes = np.array(voxels.shape[::-1])
    inside = ((at >= 0) & (at <= sizes - 1)).all(axis=1)
    assert inside.mean() > 0.4
    low = np.minimum(np.floor(at), sizes - 2).clip(0).astype(int)
    exact = np.zeros(N_POINTS)
    for corner in product((0, 1), repeat=3):
        i, j, k = (low + corner).clip(0, sizes - 1).T
        exact += voxels[k, j, i] * np.abs(1 - np.array(corner) - (at - low)).prod(axis=1)
    return (np.abs(made[tuple(points.T)] - exact) <= TOLERANCE) | ~inside


def _resliced(one: Any, voxels: Array) -> Run:
    """Return what samples all planes by `one`, (matrix, offset, shape) to (i, j, k) values."""

    def run() -> list[Array]:
        return [one(*plane) for plane in _planes()]

    def digested(made: list[Array]) -> Array:
        near = [
            _near(values, voxels, *grid[:2]) for values, grid in zip(made, _planes(), strict=True)
        ]
        return np.stack(near)

    run.digested = digested  # type: ignore[attr-defined]
    return run


@task
def plane_ours(path: Path) -> Run:
    from napari_medvol.reslice import ReslicedArray

    voxels = _voxels(600)

    def one(linear: Array, offset: Array, shape: tuple[int, int, int]) -> Array:
        grid = np.eye(4)
        grid[:3, :3], grid[:3, 3] = linear, offset
        return ReslicedArray(voxels.T, np.eye(4), grid=(grid, shape), dtype=np.float32)[...]

    return _resliced(one, voxels)


@task
def plane_scipy(path: Path) -> Run:
    from scipy.ndimage import affine_transform

    voxels = _voxels(600)

    def one(linear: Array, offset: Array, shape: tuple[int, int, int]) -> Array:
        return affine_transform(
            voxels.T, linear, offset, shape, np.float32, order=1, prefilter=False
        )

    return _resliced(one, voxels)


@task
def plane_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    voxels = _voxels(600)
    image = sitk.GetImageFromArray(voxels)

    def one(linear: Array, offset: Array, shape: tuple[int, int, int]) -> Array:
        made = sitk.Resample(
            image, shape, sitk.Transform(), sitk.sitkLinear, offset.tolist(), (1, 1, 1),
            linear.ravel().tolist(), 0, sitk.sitkFloat32,
        )  # fmt: skip
        return sitk.GetArrayFromImage(made).T

    return _resliced(one, voxels)


def _checked(run: Run, voxels: Array) -> Run:
    linear, offset, _ = _finer()
    run.digested = lambda made: _near(  # type: ignore[attr-defined]
        np.asarray(made), voxels, linear, offset
    )
    return run


@task
def finer_ours(path: Path) -> Run:
    from napari_medvol import Step, Volume, apply

    voxels = _voxels(175, np.float32)
    linear, offset, shape = _finer()
    grid = np.eye(4)
    grid[:3, :3], grid[:3, 3] = linear, offset
    step = Step("resample", {"shape": shape, "affine": grid.tolist()})
    volume = Volume(voxels.T, np.eye(4))
    return _checked(lambda: apply(volume, [step]).data, voxels)


@task
def finer_scipy(path: Path) -> Run:
    from scipy.ndimage import affine_transform

    voxels = _voxels(175, np.float32)
    _, offset, shape = _finer()

    def run() -> Array:
        # One number an axis: scipy's fast road for axes that run alike.
        made = affine_transform(
            voxels, FINER[::-1], offset[::-1], shape[::-1], np.float32, order=1, mode="nearest",
            prefilter=False,
        )  # fmt: skip
        return made.T

    return _checked(run, voxels)


@task
def finer_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    voxels = _voxels(175, np.float32)
    image = sitk.GetImageFromArray(voxels)
    _, offset, shape = _finer()

    def run() -> Any:
        return sitk.Resample(
            image, shape, sitk.Transform(), sitk.sitkLinear, offset.tolist(), FINER.tolist(),
            np.eye(3).ravel().tolist(), 0, sitk.sitkFloat32,
        )  # fmt: skip

    def digested(made: Any) -> Array:
        linear, _, _ = _finer()
        return _near(sitk.GetArrayViewFromImage(made).T, voxels, linear, offset)

    run.digested = digested  # type: ignore[attr-defined]
    return run


# -- row 20: nothing is computed ----------------------------------------------------------

LPS = np.diag([-SIZES[0], -SIZES[1], SIZES[2], 1.0])


@task
def turned_ours(path: Path) -> Run:
    from napari_medvol import Step, Volume, apply

    volume = Volume(_voxels(600).T, LPS)
    start, stop = ([getattr(part, end) for part in BOX] for end in ("start", "stop"))
    steps = [
        Step("crop", {"start": start, "stop": stop}),
        Step("orient", {"axcodes": "RAS"}),
        Step("orient", {"axcodes": "PIR"}),
    ]

    def run() -> Any:
        return apply(volume, steps).data

    run.digested = np.asarray  # type: ignore[attr-defined]
    return run


@task
def turned_nibabel(path: Path) -> Run:
    import nibabel as nib
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    image = nib.Nifti1Image(_voxels(600).T, LPS)

    def run() -> Any:
        made = image.slicer[BOX]
        for codes in ("RAS", "PIR"):
            to = ornt_transform(io_orientation(made.affine), axcodes2ornt(codes))
            made = made.as_reoriented(to)
        return made.dataobj

    run.digested = np.asarray  # type: ignore[attr-defined]
    return run


@task
def turned_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(_voxels(600))
    image.SetSpacing(SIZES.tolist())

    def run() -> Any:
        made = image[BOX]
        # ITK names the ends that axes come from.
        for codes in ("RAS", "PIR"):
            made = sitk.DICOMOrient(made, codes)
        return made

    run.digested = lambda made: sitk.GetArrayViewFromImage(made).T  # type: ignore[attr-defined]
    return run


@task
def copy_ours(path: Path) -> Run:
    from napari_medvol import Step, Volume, apply

    volume = Volume(_voxels(600).T, LPS)

    def run() -> Array:
        return np.array(apply(volume, [Step("orient", {"axcodes": "RAS"})]).data)

    return run


@task
def copy_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(_voxels(600))

    def run() -> Any:
        return sitk.DICOMOrient(image, "RAS")

    run.digested = lambda made: sitk.GetArrayViewFromImage(made).T  # type: ignore[attr-defined]
    return run


@task
def copy_limit(path: Path) -> Run:
    voxels = _voxels(600)
    return voxels.copy
