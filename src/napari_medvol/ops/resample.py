"""A volume on another grid: finer, coarser, world-aligned, or that of another volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod, sqrt
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.errors import GeometryError, StepError
from napari_medvol.ops.asked import finite_numbers, number, one_of, whole_numbers
from napari_medvol.ops.chunks import (
    Tell,
    check_exact,
    check_room,
    frame_voxels,
    room_for,
    share,
    side_by_side,
    unheard,
)
from napari_medvol.ops.filtering import blurred, blurred_type
from napari_medvol.ops.grids import (
    resized_grid,
    sizes_of,
    thinned_grid,
    world_aligned_grid,
)
from napari_medvol.ops.sampling import Sampler, sampler_of
from napari_medvol.volume import Step, Volume

Array = NDArray[Any]
Matrix = NDArray[np.float64]
Interpolation = Literal["auto", "nearest", "linear", "cubic", "majority"]

#: Blurs, in longest axes: what is beyond is a slip, and its weights alone would fill memory.
_WIDEST: Final = 10
INTERPOLATIONS: Final = ("auto", "nearest", "linear", "cubic", "majority")


def resample(
    volume: Volume,
    shape: Sequence[int],
    affine: Sequence[Sequence[float]],
    interpolation: Interpolation = "auto",
    outside: float = 0.0,
    blur: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    progress: Tell = unheard,
) -> Volume:
    """Return a volume on another grid; what it shows stays where it is in world.

    Parameters
    ----------
    volume : Volume
    shape : three ints
        Voxels (i, j, k) of the new grid; extra axes stay.
    affine : (4, 4) numbers
        Of the new grid: index to RAS+ mm.
    interpolation : {"auto", "nearest", "linear", "cubic", "majority"}
        ``"auto"`` is linear for images, nearest for labels and masks (bool). ``"cubic"`` is a
        cubic B-spline through the values. ``"majority"`` gives each new voxel the label that
        fills most of it. What is between the two values of a mask is true from a half on.
    outside : float
        Value beyond the old grid.
    blur : three numbers
        Standard deviation of a Gaussian along the old voxel axes, in old voxels, before
        sampling: against aliasing where voxels become larger. :func:`antialias` gives it.
    progress : callable, optional
        Called with (done, in all) while voxels are read, blurred and sampled. What it raises
        ends the work; the volume is as it was.

    Raises
    ------
    StepError
        If the grid makes no sense, the result would not fit the memory, or the interpolation
        does not go with the values.
    """
    grid, lengths = _grid(volume, affine, shape)
    how = _interpolation(volume, interpolation)
    sigma = _blur(volume, blur)
    beyond = _outside(volume, outside)
    shape = (*lengths, *volume.shape[3:])
    check_room("resample", volume, shape, volume.dtype)
    sampler = sampler_of(how, np.linalg.inv(volume.affine) @ grid, volume.shape[:3], lengths)
    old = prod(volume.shape[:3])
    working = sampler.working_bytes(old * any(sigma) * blurred_type(volume.dtype).itemsize)
    if how in ("linear", "cubic") or any(sigma):
        check_exact("resample", volume)
    out = room_for("resample", volume, shape, volume.dtype, working)
    places = list(np.ndindex(*volume.shape[3:]))
    for done, place in enumerate(places):
        tell = share(progress, done, len(places))
        voxels = frame_voxels(volume, place, share(tell, 0, 4))
        voxels = blurred(voxels, sigma, share(tell, 1, 4))
        voxels = sampler.prepared(voxels, share(tell, 2, 4))
        _sample(sampler, voxels, out[(..., *place)], beyond, share(tell, 3, 4))
    progress(1, 1)
    params = {
        "shape": lengths,
        "affine": grid.tolist(),
        "interpolation": how,
        "outside": beyond,
        "blur": sigma,
    }
    return volume.derive(Step("resample", params), data=out, affine=grid)


def _sample(sampler: Sampler, voxels: Array, out: Array, outside: float, progress: Tell) -> None:
    def fill(block: tuple[int, int]) -> None:
        first, last = block
        sampler.sample(voxels, first, out[:, :, first:last])
        sampler.fill_outside(out, first, last, outside)

    side_by_side(fill, list(sampler.blocks()), progress)


def _grid(volume: Volume, affine: Any, shape: Any) -> tuple[Matrix, tuple[int, int, int]]:
    what = f"resample {volume.name!r}"
    try:
        grid = np.array(affines.checked_affine(affine, "the affine"))
    except (GeometryError, TypeError, ValueError) as error:
        why = error.why if isinstance(error, GeometryError) else f"the affine is none: {error}"
        raise StepError(what, why, "Give four rows of four numbers") from error
    lengths = whole_numbers(shape, 3)
    if lengths is None or min(lengths) < 1:
        raise StepError(what, f"{shape!r} is no shape of three axes", "Give three lengths above 0")
    i, j, k = lengths
    return grid, (i, j, k)


def _outside(volume: Volume, given: Any) -> float:
    is_nan = isinstance(given, float) and np.isnan(given)
    value = float(given) if is_nan else number("resample", volume, "outside", given)
    if volume.dtype.kind in "iub":
        is_mask = volume.dtype.kind == "b"
        info = np.iinfo(np.uint8 if is_mask else volume.dtype)
        low, high = (0, 1) if is_mask else (int(info.min), int(info.max))
        if not low <= value <= high or value != int(value):
            kind = f"{volume.dtype} ({low} to {high})"
            why = f"outside is {value:g}, which {kind} cannot hold"
            fix = "Give a whole number within, or turn the values into float32 first"
            raise StepError(f"resample {volume.name!r}", why, fix)
    return value


def _interpolation(volume: Volume, asked: str) -> str:
    what = f"resample {volume.name!r}"
    one_of("resample", volume, asked, INTERPOLATIONS)
    if asked == "auto":
        return "nearest" if _names_regions(volume) else "linear"
    if volume.kind == "labels" and asked in ("linear", "cubic"):
        why = f"labels between 2 and 4 are not 3: {asked} interpolation would make some up"
        raise StepError(what, why, "Use nearest or majority")
    if asked == "majority" and volume.dtype.kind not in "iub":
        why = f"majority is for labels; {volume.dtype} values are none"
        raise StepError(what, why, "Use linear or cubic")
    if asked == "cubic" and volume.dtype.kind == "c":
        raise StepError(what, "cubic interpolation is not for complex values", "Use linear")
    return asked


def _names_regions(volume: Volume) -> bool:
    """Return whether voxels are in a region or not: a blur would move its border."""
    return volume.kind == "labels" or volume.dtype.kind == "b"


def _blur(volume: Volume, blur: Any) -> tuple[float, float, float]:
    sigma = finite_numbers(blur, 3)
    if sigma is None or min(sigma) < 0:
        why = f"{blur!r} is no standard deviation for three axes"
        raise StepError(f"resample {volume.name!r}", why, "Give three numbers, 0 or more")
    if any(sigma) and volume.kind == "labels":
        why = "labels cannot be blurred"
        raise StepError(f"resample {volume.name!r}", why, "Leave out blur, or use majority")
    widest = _WIDEST * max(volume.shape[:3])
    if max(sigma) > widest:
        why = f"a blur of {max(sigma):g} voxels is wider than {_WIDEST} times the longest axis"
        raise StepError(
            f"resample {volume.name!r}", why, f"Give at most {widest}, or smaller voxels"
        )
    i, j, k = sigma
    return i, j, k


def antialias(factors: Sequence[float]) -> tuple[float, float, float]:
    """Return the blur, in old voxels, that sampling every `factors`-th voxel asks for.

    A Gaussian of 0.5·√(f² − 1) turns a voxel into one f times as wide; 0 where f is 1 or less.

    Parameters
    ----------
    factors : three numbers
        New voxel size by old voxel size along each old axis.
    """
    i, j, k = (0.5 * sqrt(max(float(f) ** 2 - 1, 0.0)) for f in factors)
    return i, j, k


def resize(
    volume: Volume,
    zooms: Sequence[float],
    interpolation: Interpolation = "auto",
    antialiased: bool = True,
    *,
    progress: Tell = unheard,
) -> Volume:
    """Return a volume with voxels of other sizes, along the same axes.

    The outer faces of the grid stay where they are, as far as whole voxels allow: the new grid
    has the old centre.

    Parameters
    ----------
    volume : Volume
    zooms : one or three numbers
        New voxel sizes along i, j, k, mm; one for isotropic voxels.
    interpolation
        As for :func:`resample`.
    antialiased : bool
        Whether images are blurred first where voxels become larger.
    progress : callable, optional

    Raises
    ------
    StepError
        If a size is not above 0, or the result would not fit the memory.
    """
    shape, grid = resized_grid(volume, zooms)
    sizes, old = sizes_of("resize", volume, zooms), affines.zooms(volume.affine)
    is_blurred = antialiased and not _names_regions(volume)
    blur = antialias((sizes / old).tolist()) if is_blurred else (0.0, 0.0, 0.0)
    made = resample(volume, shape, grid.tolist(), interpolation, 0.0, blur, progress=progress)
    params = {"zooms": sizes.tolist(), "interpolation": interpolation, "antialiased": antialiased}
    return _said(made, volume, Step("resize", params))


def _said(made: Volume, volume: Volume, step: Step) -> Volume:
    """Return the result with the step that was asked for, which fits other grids too."""
    return replace(made, history=(*volume.history, step))


def downsample(
    volume: Volume,
    factors: Sequence[int],
    start: Sequence[int] | None = None,
    blur: Sequence[float] | None = None,
    *,
    progress: Tell = unheard,
) -> Volume:
    """Keep every `factors`-th voxel from `start` on, after a blur against aliasing.

    Every voxel that is kept stays exactly where it is. ``blur=(1.5, 1.5, 1.5)`` with
    ``factors=(4, 4, 4)`` and ``start=(2, 2, 2)`` is what nibabel's tutorial does.

    Parameters
    ----------
    volume : Volume
    factors : three ints
    start : three ints, optional
        First voxel kept; half a factor by default, so that little is lost at either end.
    blur : three numbers, optional
        Standard deviation in voxels; :func:`antialias` of the factors by default, and none for
        labels and masks. Zeros for no blur.
    progress : callable, optional

    Raises
    ------
    StepError
        If the numbers leave no voxel.
    """
    shape, grid, firsts = thinned_grid(volume, factors, start)
    if blur is None:
        blur = (0.0, 0.0, 0.0) if _names_regions(volume) else antialias(factors)
    made = resample(volume, shape, grid.tolist(), "nearest", 0.0, blur, progress=progress)
    params = {
        "factors": [int(f) for f in factors],
        "start": firsts,
        "blur": list(made.history[-1].params["blur"]),
    }
    return _said(made, volume, Step("downsample", params))


def world_aligned(
    volume: Volume,
    zooms: Sequence[float] | float | None = None,
    interpolation: Interpolation = "auto",
    *,
    progress: Tell = unheard,
) -> Volume:
    """Return an oblique volume on the smallest grid along the axes of world that holds it.

    The voxel axes keep their order and sense.

    Parameters
    ----------
    volume : Volume
    zooms : one or three numbers, optional
        Voxel sizes along i, j, k, mm; those of the volume by default.
    interpolation
        As for :func:`resample`.
    progress : callable, optional

    Raises
    ------
    StepError
        If a size is not above 0, or the result would not fit the memory.
    """
    shape, grid = world_aligned_grid(volume, zooms)
    made = resample(volume, shape, grid.tolist(), interpolation, progress=progress)
    asked = affines.zooms(volume.affine) if zooms is None else zooms
    sizes = sizes_of("world_aligned", volume, asked).tolist()
    params = {"zooms": sizes, "interpolation": interpolation}
    return _said(made, volume, Step("world_aligned", params))


def needed_bytes(volume: Volume, shape: Sequence[int]) -> int:
    """Return how much memory the result of resampling to `shape` takes, in bytes."""
    return prod(int(n) for n in shape) * prod(volume.shape[3:]) * volume.dtype.itemsize
