"""The axes after i, j, k: pick, shorten, average; and slabs of planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines, arrays
from napari_medvol.errors import StepError
from napari_medvol.ops.asked import one_of, whole
from napari_medvol.ops.chunks import AT_ONCE, Tell, check_exact, room_for, share, unheard
from napari_medvol.report import GeometryReport
from napari_medvol.volume import Axis, Step, Volume

Array = NDArray[Any]
How = Literal["mean", "sd", "min", "max", "sum", "median"]
SlabHow = Literal["mean", "max", "min"]

_REDUCTIONS: Final[dict[str, Callable[..., Array]]] = {
    "mean": np.mean,
    "sd": np.std,
    "min": np.min,
    "max": np.max,
    "sum": np.sum,
    "median": np.median,
}


def frames(
    volume: Volume, start: int = 0, stop: int | None = None, step: int = 1, axis: str = "t"
) -> Volume:
    """Keep every `step`-th frame from `start` to before `stop`.

    The axis keeps its spacing: a repetition time of 2 s is 2 s still, or 4 s at every second
    frame, and its start is that of the first frame kept.

    Parameters
    ----------
    volume : Volume
    start, stop, step : int
        As in Python: from 0, the stop excluded, negative numbers count from the end.
    axis : str
        Its name.

    Raises
    ------
    StepError
        If there is no such axis, or nothing is left.
    """
    number, old = _axis("frames", volume, axis)
    start, step = whole("frames", volume, "start", start), whole("frames", volume, "step", step)
    stop = None if stop is None else whole("frames", volume, "stop", stop)
    chosen = range(volume.shape[number])[start:stop:step] if step else range(0)
    if not len(chosen) or step < 1:
        raise StepError(
            f"frames {volume.name!r}",
            f"{start}:{stop}:{step} of {volume.shape[number]} leaves nothing",
            "Give start before stop, and a step of 1 or more",
        )
    part = slice(chosen.start, chosen.stop, chosen.step)
    new = replace(
        old,
        step=old.step * step,
        start=old.start + old.step * chosen.start,
        values=None if old.values is None else tuple(old.values[i] for i in chosen),
    )
    kept = {place: at for at, place in enumerate(chosen)}
    return volume.derive(
        Step("frames", {"start": chosen.start, "stop": chosen.stop, "step": step, "axis": axis}),
        data=arrays.view(volume.data, _at(volume, number, part)),
        axes=_with(volume, number, new),
        report=_renumbered(volume, number, kept, drop=False),
    )


def frame(volume: Volume, index: int, axis: str = "t") -> Volume:
    """Return one frame: the axis is gone.

    Parameters
    ----------
    volume : Volume
    index : int
        Negative numbers count from the end.
    axis : str

    Raises
    ------
    StepError
        If there is no such axis or frame.
    """
    number, _ = _axis("frame", volume, axis)
    length = volume.shape[number]
    index = whole("frame", volume, "index", index)
    if not -length <= index < length:
        why = f"there is no frame {index} among {length}"
        raise StepError(f"frame {volume.name!r}", why, "Frames count from 0")
    place = index % length
    return volume.derive(
        Step("frame", {"index": place, "axis": axis}),
        data=arrays.view(volume.data, _at(volume, number, place)),
        axes=_with(volume, number, None),
        report=_renumbered(volume, number, {place: 0}, drop=True),
    )


def split(volume: Volume, axis: str = "t") -> list[Volume]:
    """Return every frame as a volume of its own, lazily.

    Raises
    ------
    StepError
        If there is no such axis.
    """
    number, _ = _axis("split", volume, axis)
    return [frame(volume, index, axis) for index in range(volume.shape[number])]


def over_frames(
    volume: Volume, how: How = "mean", axis: str = "t", *, progress: Tell = unheard
) -> Volume:
    """Return one volume made of all frames: their mean, standard deviation and the like.

    Parameters
    ----------
    volume : Volume
    how : {"mean", "sd", "min", "max", "sum", "median"}
        The standard deviation is that of the frames themselves (divided by n).
    axis : str
    progress : callable, optional
        Called with (done, in all). What it raises ends the work; the volume is as it was.

    Raises
    ------
    StepError
        If there is no such axis or way, or complex values are to be put in order.
    """
    number, _ = _axis("over_frames", volume, axis)
    reduce = _reduction("over_frames", volume, how)
    if how not in ("min", "max"):
        check_exact("over_frames", volume)
    shape = volume.shape[:number] + volume.shape[number + 1 :]
    out = room_for("over_frames", volume, shape, _reduced_type(volume, how))
    n_rows, n_slices = volume.shape[1:3]
    step = max(1, AT_ONCE * n_rows * n_slices // max(volume.data.size, 1))
    for k in range(n_slices):
        progress(k * n_rows, n_slices * n_rows)
        frames_of_k = np.asarray(volume.data[:, :, k])
        for j in range(0, n_rows, step):
            progress(k * n_rows + j, n_slices * n_rows)
            rows = frames_of_k[:, j : j + step]
            out[:, j : j + step, k] = reduce(_real(rows, how), axis=number - 1)
    progress(n_slices * n_rows, n_slices * n_rows)
    return volume.derive(
        Step("over_frames", {"how": how, "axis": axis}),
        data=out,
        axes=_with(volume, number, None),
        report=replace(volume.report, slices=()),
    )


def slab(
    volume: Volume,
    axis: int,
    n: int,
    step: int | None = None,
    how: SlabHow = "mean",
    *,
    progress: Tell = unheard,
) -> Volume:
    """Return slabs of `n` planes each, averaged or projected (MIP, MinIP).

    Parameters
    ----------
    volume : Volume
    axis : int
        0, 1 or 2: the voxel axis across the planes.
    n : int
        Planes a slab.
    step : int, optional
        Planes from one slab to the next; `n` by default, so that no plane is in two slabs.
    how : {"mean", "max", "min"}
    progress : callable, optional
        Called with (done, in all). What it raises ends the work; the volume is as it was.

    Raises
    ------
    StepError
        If the numbers make no slab, or complex values are to be put in order.
    """
    axis, n = whole("slab", volume, "axis", axis), whole("slab", volume, "n", n)
    every = n if step is None else whole("slab", volume, "step", step)
    length = volume.shape[axis] if axis in (0, 1, 2) else 0
    if not (1 <= n <= length and 1 <= every <= max(length, n)):
        raise StepError(
            f"slab {volume.name!r}",
            f"{n} planes every {every} along axis {axis} do not fit the shape {volume.shape}",
            "Take axis 0, 1 or 2 and no more planes than there are",
        )
    one_of("slab", volume, how, ("mean", "max", "min"))
    _reduction("slab", volume, how)
    if how == "mean":
        check_exact("slab", volume)
    firsts = range(0, length - n + 1, every)
    shape = [*volume.shape]
    shape[axis] = len(firsts)
    out = room_for("slab", volume, tuple(shape), _reduced_type(volume, how))
    for at, first in enumerate(firsts):
        tell = share(progress, at, len(firsts))
        out[_at(volume, axis, at)] = _projected(volume, axis, first, n, how, tell)
    affine = np.array(volume.affine)
    middle = np.zeros(3)
    middle[axis] = (n - 1) / 2
    affine[:3, 3] = affines.apply_affine(volume.affine, middle)
    affine[:3, axis] *= every
    params = {"axis": axis, "n": n, "step": every, "how": how}
    return volume.derive(
        Step("slab", params), data=out, affine=affine, report=replace(volume.report, slices=())
    )


def _projected(volume: Volume, axis: int, first: int, n: int, how: str, progress: Tell) -> Array:
    """Return `n` planes as one, having looked at a few at a time."""
    join = {"mean": np.add, "max": np.maximum, "min": np.minimum}[how]
    step = max(1, AT_ONCE * volume.shape[axis] // max(volume.data.size, 1))
    total: Array | None = None
    for start in range(first, first + n, step):
        progress(start - first, n)
        part = slice(start, min(start + step, first + n))
        planes = np.asarray(volume.data[_at(volume, axis, part)])
        # Sums in the widest type: those of integers are exact.
        wide: Any = None if how != "mean" else np.complex128 if planes.dtype.kind == "c" else "f8"
        found = join.reduce(planes, axis=axis, dtype=wide)
        total = found if total is None else join(total, found, out=total)
    progress(n, n)
    made: Array = total if how != "mean" else total / n  # type: ignore[assignment, operator]
    return made


def _axis(op: str, volume: Volume, name: str) -> tuple[int, Axis]:
    """Return number among the axes of the data, and the axis."""
    names = [axis.name for axis in volume.axes]
    if name not in names or name == "rgb":
        known = ", ".join(repr(n) for n in names if n != "rgb") or "none"
        raise StepError(f"{op} {volume.name!r}", f"it has no axis {name!r}", f"Its axes: {known}")
    return 3 + names.index(name), volume.axes[names.index(name)]


def _at(volume: Volume, number: int, part: slice | int) -> tuple[slice | int, ...]:
    index: list[slice | int] = [slice(None)] * len(volume.shape)
    index[number] = part
    return tuple(index)


def _with(volume: Volume, number: int, new: Axis | None) -> tuple[Axis, ...]:
    axes = list(volume.axes)
    axes[number - 3 : number - 2] = [] if new is None else [new]
    return tuple(axes)


def _renumbered(
    volume: Volume, number: int, kept: dict[int, int], *, drop: bool
) -> GeometryReport:
    """Return the report with the rows of the frames that are left, numbered anew."""
    at = number - 2  # rows count k, then the extra axes
    rows = []
    for row in volume.report.slices:
        place = row.plane[at] if at < len(row.plane) else 0
        if place not in kept:
            continue
        plane = list(row.plane)
        if at < len(plane):
            plane[at : at + 1] = [] if drop else [kept[place]]
        rows.append(row._replace(plane=tuple(plane)))
    return replace(volume.report, slices=tuple(rows))


def _reduction(op: str, volume: Volume, how: str) -> Callable[..., Array]:
    what = f"{op} {volume.name!r}"
    one_of(op, volume, how, tuple(_REDUCTIONS))
    if volume.kind == "labels" and how not in ("min", "max"):
        why = f"the {how} of labels 2 and 4 is no label"
        raise StepError(what, why, "Take min or max, or take it for an image first (as_kind)")
    if volume.dtype.kind == "c" and how in ("min", "max", "median"):
        why = f"complex values have no order, so no {how}"
        raise StepError(what, why, "Take a part of them first")
    return _REDUCTIONS[how]


def _reduced_type(volume: Volume, how: str) -> np.dtype[Any]:
    if how in ("min", "max") or volume.dtype.kind == "c":
        return volume.dtype
    return np.dtype(np.float32 if volume.dtype.itemsize <= 2 else np.float64)


def _real(values: Array, how: str) -> Array:
    return values if how in ("min", "max") or values.dtype.kind in "fc" else values.astype("f8")
