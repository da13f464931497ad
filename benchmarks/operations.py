"""Operations beside nibabel and SimpleITK: the same values at the same places, and how fast.

``python benchmarks/operations.py --markdown docs/operations.md``, with ``MEDVOL_DATA`` for the
real scans. Every comparison gets the same voxels and the same matrix on both sides; every voxel
of the result is compared, and the corners of the grid. Times are taken by turns in one process.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from napari_medvol import Step, Volume, apply, read  # noqa: E402

Array = NDArray[Any]

DATA = Path(os.environ.get("MEDVOL_DATA") or ROOT.parent / "shared" / "data")
#: Path below the collection, and what it is.
REAL = {
    "data/sts002_ct": "CT, DICOM",
    "data/nii_CT_pitch/CT_pitch.nii.gz": "CT, 16.5° oblique",
    "data/nii_example4d/example4d.nii.gz": "fMRI, two frames, 9° oblique",
    "data/nii_someones_anatomy/someones_anatomy.nii.gz": "T1",
    "data/mr_ge_sag_oblique": "MR, 4 sagittal slices, 3° oblique",
    "data/nii_CT_mask_STS_002/CT_mask.nii.gz": "labels",
}
CODES = ("RAS", "LPI", "PIR", "SAL")
ROUNDS = 5
#: Of the range of values; of a voxel.
VALUE_TOLERANCE, PLACE_TOLERANCE = 2e-5, 1e-5

#: Why voxels differ, from the definitions.
WHY = {
    "": "",
    "border": "scipy ends a volume at the centres of its outermost voxels and gives 0 beyond;"
    " here, as in ITK, a voxel reaches half its size further",
    "tie": "a place halfway between two voxels: nearest to either",
    "spline": "within 12 voxels of a face the spline depends on what is thought beyond it: the"
    " face's value here, a mirror in scipy",
}


@dataclass(frozen=True)
class Made:
    """What one side made: values (i, j, k, …), matrix to RAS+ mm."""

    values: Array
    affine: Array


@dataclass(frozen=True)
class Row:
    """One comparison.

    Parameters
    ----------
    scan, operation, against : str
    n_voxels : int
    equal : float
        Share of the voxels whose values are the same.
    worst : float
        Largest difference among those that have to be the same, of the range of values.
    apart : float
        Largest distance of a corner, in voxels.
    why : str
        Why the others differ; a key of ``WHY``.
    ok : bool
    ours, theirs : tuple of float
        Seconds.
    """

    scan: str
    operation: str
    against: str
    n_voxels: int
    equal: float
    worst: float
    apart: float
    why: str
    ok: bool
    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()


def phantoms() -> Iterator[tuple[str, Volume]]:
    """Yield volumes along the axes, oblique, and sheared; smooth, so that splines settle."""
    from scipy.ndimage import gaussian_filter

    values = gaussian_filter(np.random.default_rng(3).normal(size=(61, 50, 44)), 2) * 4000
    straight = np.diag([-1.1, 0.9, 2.0, 1.0])
    straight[:3, 3] = 30, -20, -50
    cos, sin = np.cos(np.radians(17)), np.sin(np.radians(17))
    turn = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    shear = np.eye(4)
    shear[1, 2] = 0.3
    for name, affine in (
        ("phantom, LAS", straight),
        ("phantom, 17° oblique", turn @ straight),
        ("phantom, sheared", straight @ shear),
    ):
        yield name, Volume(values.astype(np.float32), affine, name=name)


def real() -> Iterator[tuple[str, Volume]]:
    """Yield those of the real scans that are there."""
    for place, what in REAL.items():
        if (DATA / place).exists():
            (volume,) = read(DATA / place)
            yield f"{Path(place).name.split('.')[0]} ({what})", volume


def compared(name: str, volume: Volume, rounds: int = 0) -> Iterator[Row]:
    """Yield every comparison that makes sense for a volume.

    Parameters
    ----------
    name : str
    volume : Volume
    rounds : int
        How often each side is timed.
    """
    for operation, against, ours, theirs, rule in _pairs(volume):
        mine, other = ours(), theirs()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for side, taken in zip((ours, theirs), times, strict=True):
                began = time.perf_counter()
                side()
                taken.append(time.perf_counter() - began)
        yield _row(name, volume, operation, against, mine, other, rule, times)


def _row(
    name: str,
    volume: Volume,
    operation: str,
    against: str,
    mine: Made,
    other: Made,
    rule: str,
    times: tuple[list[float], list[float]],
) -> Row:
    assert mine.values.shape == other.values.shape, (operation, against)
    span = float(np.ptp(np.asarray(volume.data, dtype=np.float64))) or 1.0
    # Where the scan holds whole numbers ours are rounded to its type, theirs are not.
    is_rounded = mine.values.dtype.kind in "iu" and other.values.dtype.kind == "f"
    expected = other.values
    if is_rounded:  # a spline swings beyond what the type holds
        info = np.iinfo(mine.values.dtype)
        expected = expected.clip(info.min, info.max)
    difference = np.abs(mine.values.astype(np.float64) - expected) / span
    equal = difference <= VALUE_TOLERANCE + (0.5 / span if is_rounded else 0.0)
    free = _free(volume, mine, rule)
    worst = float(difference[~free].max(initial=0.0))
    apart = _apart(mine, other)
    return Row(
        name, operation, against, difference.size, float(equal.mean()), worst, apart,
        rule if not equal.all() else "", bool((equal | free).all() and apart < PLACE_TOLERANCE),
        tuple(times[0]), tuple(times[1]),
    )  # fmt: skip


def _free(volume: Volume, made: Made, rule: str) -> Array:
    """Return which voxels may differ, by the definition that the rule names."""
    shape = made.values.shape[:3]
    index = np.moveaxis(np.indices(shape), 0, -1)
    to_old = np.linalg.inv(volume.affine) @ made.affine
    at = index @ to_old[:3, :3].T + to_old[:3, 3]
    sizes = np.array(volume.shape[:3])
    free = np.zeros(shape, dtype=bool)
    beyond = np.maximum(-at, at - (sizes - 1)).max(axis=-1)
    if rule in ("border", "tie", "spline"):
        # Rounding decides on the line itself.
        free |= (beyond > -1e-6) & (beyond < 0.5 + 1e-6)
    if rule == "tie":
        free |= (np.abs(at - np.floor(at) - 0.5) < 1e-5).any(axis=-1)
    if rule == "spline":
        free |= beyond > -12
    extra = made.values.ndim - 3
    return np.broadcast_to(free.reshape(*shape, *[1] * extra), made.values.shape)


def _apart(one: Made, other: Made) -> float:
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in one.values.shape[:3]])).reshape(3, -1).T
    shift = np.linalg.inv(one.affine) @ other.affine
    moved = corners @ shift[:3, :3].T + shift[:3, 3] - corners
    return float(np.abs(moved).max())


Side = Callable[[], Made]


def _pairs(volume: Volume) -> Iterator[tuple[str, str, Side, Side, str]]:
    """Yield operation, other program, both sides, and the rule by which they may differ."""
    import nibabel as nib

    values = np.asarray(volume.data)
    image = nib.Nifti1Image(values, volume.affine)
    box = [(n // 5, n - n // 4) for n in volume.shape[:3]]
    start, stop = zip(*box, strict=True)

    yield (
        "crop", "nibabel slicer", _ours(volume, Step("crop", {"start": start, "stop": stop})),
        lambda: _nibabel(image.slicer[tuple(slice(a, b) for a, b in box)]), "",
    )  # fmt: skip
    for codes in CODES:
        ours = _ours(volume, Step("orient", {"axcodes": codes}))
        yield f"orient {codes}", "nibabel as_reoriented", ours, partial(_turned, image, codes), ""
    if len(volume.shape) == 4:
        first = _ours(volume, Step("frames", {"stop": 1}))
        yield "frames 0:1", "nibabel slicer", first, lambda: _nibabel(image.slicer[..., :1]), ""
        volume = apply(volume, [Step("frame", {"index": 0})])
    yield from _sampled(volume)


def _sampled(volume: Volume) -> Iterator[tuple[str, str, Side, Side, str]]:
    import nibabel as nib
    from nibabel.processing import resample_from_to

    # Not whole numbers, so that nibabel does not round.
    image = nib.Nifti1Image(np.asarray(volume.data, dtype=np.float64), volume.affine)
    is_straight = _is_orthogonal(volume.affine)
    if is_straight:
        for codes in CODES:
            ours = _ours(volume, Step("orient", {"axcodes": codes}))
            theirs = partial(_dicom_oriented, volume, codes)
            yield f"orient {codes}", "SimpleITK DICOMOrient", ours, theirs, ""
    for what, (shape, grid) in _grids(volume).items():
        for how, order in (("nearest", 0), ("linear", 1), ("cubic", 3)):
            if volume.kind == "labels" and order:
                continue
            step = Step(
                "resample",
                {"shape": shape, "affine": grid.tolist(), "interpolation": how},
            )
            ours = _ours(volume, step)
            rule = ("tie", "border", "", "spline")[order]
            theirs = partial(_from_to, resample_from_to, image, (shape, grid), order)
            yield f"{how}, {what}", "nibabel resample_from_to", ours, theirs, rule
            if is_straight and order < 2:
                other = partial(_resampled, volume, shape, grid, how)
                yield (
                    f"{how}, {what}", "SimpleITK Resample", ours, other, "tie" if not order else ""
                )  # fmt: skip


def _grids(volume: Volume) -> dict[str, tuple[tuple[int, ...], Array]]:
    """Return grids along the volume's axes and askew to them, partly beyond it."""
    sizes = np.array(volume.shape[:3])
    shape = tuple(int(min(max(2, n * 0.8), 90)) for n in sizes)
    step = np.array(sizes) / shape * (0.93, 1.07, 0.97)
    finer = np.diag([*step, 1.0])
    finer[:3, 3] = (sizes - 1) / 2 - step * ((np.array(shape) - 1) / 2) + (0.21, -0.13, 0.07)
    cos, sin = np.cos(np.radians(11)), np.sin(np.radians(11))
    zooms = np.linalg.norm(volume.affine[:3, :3], axis=0)
    turn = np.eye(4)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    straight = np.array(volume.affine)
    straight[:3, :3] = volume.affine[:3, :3] / zooms * (step * zooms)
    middle = volume.affine[:3, :3] @ ((sizes - 1) / 2) + volume.affine[:3, 3]
    askew = turn @ straight
    askew[:3, 3] = middle - askew[:3, :3] @ ((np.array(shape) - 1) / 2) + 0.1234
    return {"along the axes": (shape, volume.affine @ finer), "askew": (shape, askew)}


def _is_orthogonal(affine: Array) -> bool:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(directions.T @ directions - np.eye(3)).max() < 1e-5)


def _ours(volume: Volume, step: Step) -> Side:
    def run() -> Made:
        made = apply(volume, [step])
        return Made(np.asarray(made.data), np.asarray(made.affine))

    return run


def _nibabel(image: Any) -> Made:
    return Made(np.asarray(image.dataobj), image.affine)


def _turned(image: Any, codes: str) -> Made:
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    to = ornt_transform(io_orientation(image.affine), axcodes2ornt(codes))
    return _nibabel(image.as_reoriented(to))


def _from_to(function: Any, image: Any, grid: Any, order: int) -> Made:
    return _nibabel(function(image, grid, order=order))


LPS = np.diag([-1.0, -1, 1, 1])


def _itk(values: Array, affine: Array) -> Any:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values.T)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    lps = LPS @ affine
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def _of_itk(image: Any) -> Made:
    import SimpleITK as sitk

    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Made(sitk.GetArrayFromImage(image).T, LPS @ affine)


def _dicom_oriented(volume: Volume, codes: str) -> Made:
    import SimpleITK as sitk

    return _of_itk(sitk.DICOMOrient(_itk(np.asarray(volume.data), volume.affine), codes))


def _resampled(volume: Volume, shape: tuple[int, ...], grid: Array, how: str) -> Made:
    import SimpleITK as sitk

    like = _itk(np.zeros(shape, np.uint8), grid)
    made = sitk.Resample(
        _itk(np.asarray(volume.data), volume.affine), like, sitk.Transform(),
        sitk.sitkLinear if how == "linear" else sitk.sitkNearestNeighbor, 0.0,
        sitk.sitkFloat64,  # ITK cuts off fractions where the result holds whole numbers
    )  # fmt: skip
    # SimpleITK does not keep the last bits of the grid that it is given.
    return Made(sitk.GetArrayFromImage(made).T, _of_itk(made).affine)


def markdown_of(rows: list[Row]) -> str:
    """Return the page."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("numpy", "scipy", "nibabel", "SimpleITK")
    )
    lines = [
        "# Operations beside nibabel and SimpleITK",
        "",
        "<!-- Written by benchmarks/operations.py; do not edit. -->",
        "",
        f"Both sides get the same voxels and the same matrix ({versions}). *equal*: share of the"
        " voxels of the result whose values are the same, to 0.002 % of the range of values, and"
        " half a unit more where ours are rounded to the scan's whole numbers. *worst*: the"
        " largest difference, of the range, where the definitions are the same. *corners*: how"
        " far apart the grids are, in voxels. Times are medians of runs by turns in one process;"
        " the ratio says how many times longer the other took, with its lowest and highest pair.",
        "",
        f"**{sum(row.ok for row in rows)} of {len(rows)} comparisons agree** wherever the"
        " definitions do. They differ for three reasons only:",
        "",
        *(f"* *{name}*: {text}." for name, text in WHY.items() if text),
        "",
        "Sheared scans are not compared with SimpleITK: it has no place for a shear. The goals for"
        " speed (rows 18 to 20) are in [performance.md](performance.md).",
        "",
        "| scan | operation | against | voxels | equal | worst | corners | differs by"
        " | ours : theirs | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_line(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    time_cells = "– | –"
    if row.ours:
        ratios = [b / a for a, b in zip(row.ours, row.theirs, strict=True)]
        ours, theirs = (statistics.median(side) * 1000 for side in (row.ours, row.theirs))
        time_cells = (
            f"{ours:.2f} : {theirs:.2f} ms | {statistics.median(ratios):.1f}×"
            f" ({min(ratios):.1f}–{max(ratios):.1f}), n {len(ratios)}"
        )
    verdict = "" if row.ok else "**WRONG** "
    return (
        f"| {row.scan} | {row.operation} | {row.against} | {row.n_voxels:,}"
        f" | {verdict}{100 * row.equal:.4g} % | {100 * row.worst:.1g} % | {row.apart:.0e}"
        f" | {row.why} | {time_cells} |"
    )


def main() -> int:
    """Compare, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    rows = []
    for name, volume in (*phantoms(), *real()):
        for row in compared(name, volume, asked.rounds):
            rows.append(row)
            print(_line(row), flush=True)
    print(f"{sum(row.ok for row in rows)} of {len(rows)} agree")
    if asked.markdown:
        asked.markdown.write_text(markdown_of(rows), encoding="utf-8")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
