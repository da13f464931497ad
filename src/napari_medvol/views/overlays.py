"""What to know before one scan is trusted on top of another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.arrays import view
from napari_medvol.report import Finding
from napari_medvol.reslice import ReslicedArray
from napari_medvol.volume import Volume

#: Findings of a scan by itself that matter most when another lies on it.
_OF_ONE: Final = ("no orientation", "handedness", "forms differ")

#: Points along each axis at which two scans are compared, and bins of their values.
_POINTS: Final = 40
_BINS: Final = 24

#: The mirrored scan has to agree better by this share before anybody is warned.
_CLEARLY: Final = 0.05


def overlay_findings(reference: Volume, overlay: Volume) -> tuple[Finding, ...]:
    """Return what speaks against laying `overlay` over `reference`, in words.

    Different frames of reference, grids that do not meet, and what the readers found about
    either: no orientation (Analyze), sform and qform of opposite handedness or apart.
    """
    found = [*_frames(reference, overlay), *_meeting(reference, overlay)]
    for volume in (reference, overlay):
        name = volume.name or "volume"
        found += [
            Finding(f"{name}: {finding.text}", finding.severity, finding.kind)
            for finding in volume.report.findings
            if finding.kind in _OF_ONE
        ]
    return tuple(found)


def _frames(reference: Volume, overlay: Volume) -> list[Finding]:
    one, other = reference.frame_of_reference, overlay.frame_of_reference
    names = f"{reference.name or 'the reference'} and {overlay.name or 'the overlay'}"
    if one and other and one != other:
        text = (
            f"{names} have different frames of reference (…{one[-12:]} and …{other[-12:]}): the"
            " scanner does not say that their coordinates mean the same places; align them first"
        )
        return [Finding(text, kind="frame of reference")]
    return []


def _meeting(reference: Volume, overlay: Volume) -> list[Finding]:
    low, high = _box(reference)
    other_low, other_high = _box(overlay)
    gap = np.maximum(np.maximum(low - other_high, other_low - high), 0)
    if not gap.any():
        return []
    text = (
        f"{overlay.name or 'the overlay'} lies {np.linalg.norm(gap):.0f} mm beside"
        f" {reference.name or 'the reference'}: nothing of it is to be seen there"
    )
    return [Finding(text, kind="apart")]


def _box(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest RAS+ mm of a volume, to the faces of its voxels."""
    ends = affines.corners([n + 1 for n in volume.shape[:3]]) - 0.5
    points = affines.apply_affine(volume.affine, ends)
    return points.min(axis=0), points.max(axis=0)


def mirror_fit(reference: Volume, overlay: Volume) -> tuple[float, float]:
    """Return how well an overlay agrees with a reference: as it is, and mirrored left-right.

    Normalised mutual information (Studholme, Hill, Hawkes 1999), 1 to 2, of the first frames at
    40³ points of the reference. Mirrored means its voxels reversed along the axis that runs
    left-right, as by a program that flips them and keeps the matrix. Reads both scans.
    """
    shape = [min(n, _POINTS) for n in reference.shape[:3]]
    steps = [
        (n - 1) / (m - 1) if m > 1 else 1.0 for n, m in zip(reference.shape, shape, strict=False)
    ]
    grid = reference.affine @ np.diag([*steps, 1.0])
    axis = int(np.flatnonzero(affines.orientation(overlay.affine)[:, 0] == 0)[0])
    flip = [slice(None)] * overlay.data.ndim
    flip[axis] = slice(None, None, -1)
    values = _on(grid, shape, reference, reference.data)
    as_is = _on(grid, shape, overlay, overlay.data)
    mirrored = _on(grid, shape, overlay, view(overlay.data, tuple(flip)))
    return _agreement(values, as_is), _agreement(values, mirrored)


def mirror_findings(reference: Volume, overlay: Volume) -> tuple[Finding, ...]:
    """Return a warning where the overlay agrees clearly better when it is mirrored."""
    as_is, mirrored = mirror_fit(reference, overlay)
    if mirrored - 1 <= (as_is - 1) * (1 + _CLEARLY):
        return ()
    text = (
        f"{overlay.name or 'the overlay'} agrees better with {reference.name or 'the reference'}"
        f" when left and right are swapped (normalised mutual information {mirrored:.4f}, as it"
        f" is {as_is:.4f}): one of them may be mirrored"
    )
    return (Finding(text, kind="mirrored"),)


def _on(grid: NDArray[np.float64], shape: list[int], volume: Volume, data: Any) -> Any:
    """Return the first frame of a volume on a grid, NaN where it is not."""
    first = (slice(None),) * 3 + (0,) * (volume.data.ndim - 3)
    frame = view(data, first)
    if frame.dtype.kind == "c":
        frame = np.abs(np.asarray(frame))
    onto = ReslicedArray(
        frame, volume.affine, outside=np.nan, grid=(grid, shape), dtype=np.float64
    )
    return np.stack([np.asarray(onto[:, :, k]) for k in range(shape[2])], axis=2)


def _agreement(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the normalised mutual information of values that are both there; 1 is none."""
    both = np.isfinite(one) & np.isfinite(other)
    if np.count_nonzero(both) < _BINS**2:
        return 1.0
    places = _ranked(one[both]) * _BINS + _ranked(other[both])
    joint = np.bincount(places, minlength=_BINS**2).reshape(_BINS, _BINS)
    total = _entropy(joint.ravel())
    if total == 0:
        return 1.0
    return float((_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))) / total)


def _ranked(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each value, between their 1st and 99th percentile."""
    low, high = np.percentile(values, (1, 99))
    if not low < high:
        return np.zeros(len(values), dtype=np.intp)
    return np.clip((values - low) / (high - low) * _BINS, 0, _BINS - 1).astype(np.intp)


def _entropy(counts: NDArray[np.intp]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
