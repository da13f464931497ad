"""What a scan is, at a glance: sizes, place, orientation in both conventions, types, range."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.arrays import LazyArray
from napari_medvol.headers import Element
from napari_medvol.volume import Volume

#: Letter of one end of an axis to that of the other.
_OTHER_END: Final = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}

#: What the file is to the class that nibabel makes of it.
_NIBABEL_CLASSES: Final = {
    "NIfTI-1": "Nifti1Image",
    "NIfTI-1 pair": "Nifti1Pair",
    "NIfTI-2": "Nifti2Image",
    "NIfTI-2 pair": "Nifti2Pair",
    "MGH": "MGHImage",
    "AFNI": "AFNIImage",
    "PAR/REC": "PARRECImage",
    "ECAT7": "EcatImage",
    "Analyze": "Spm2AnalyzeImage",
}


def itk_code(axcodes: str) -> str:
    """Return an orientation as ITK-SNAP names it: where the axes come **from**.

    Examples
    --------
    >>> itk_code("LPS")
    'RAI'
    """
    return "".join(_OTHER_END[letter] for letter in axcodes)


def file_type(volume: Volume) -> str:
    """Return the format of the file behind a volume, empty where there is none."""
    said = (row.value for row in volume.header if (row.group, row.name) == ("File", "type"))
    is_dicom = any(row.name in ("SOPClassUID", "SeriesInstanceUID") for row in volume.header)
    return next(said, "DICOM" if is_dicom else "")


def image_facts(volume: Volume, limits: tuple[float, float] | None = None) -> tuple[Element, ...]:
    """Return rows on the scan as it is now: file, grid, values.

    Parameters
    ----------
    volume : Volume
    limits : (float, float), optional
        Lowest and highest value, where somebody has looked: :func:`value_range`.

    Returns
    -------
    tuple of Element
        Three stems, ``File``, ``Grid`` and ``Values``, and their rows. Reads no voxels.
    """
    return (
        Element("File", ""),
        *_file(volume),
        Element("Grid", ""),
        *_grid(volume),
        Element("Values", ""),
        *_values(volume, limits),
    )


def _row(name: str, value: str, meaning: str = "") -> Element:
    return Element(name, value, meaning, depth=1)


def _file(volume: Volume) -> list[Element]:
    files, kind = volume.report.files, file_type(volume)
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    rows = [_row("name", volume.name)]
    if kind:
        rows.append(_row("type", kind, _NIBABEL_CLASSES.get(kind, "")))
    if files:
        rows.append(_row("files", f"{files[0]}{more}"))
    if volume.frame_of_reference:
        rows.append(_row("frame of reference", volume.frame_of_reference))
    if volume.history:
        steps = ", ".join(step.op for step in volume.history)
        rows.append(_row("changed since it was read", steps))
    return rows


def _grid(volume: Volume) -> list[Element]:
    affine = volume.affine
    angles = affines.obliquity(affine)
    centre = affines.apply_affine(affine, (np.array(volume.shape[:3]) - 1) / 2)
    extent = np.array(volume.shape[:3]) * affines.zooms(affine)
    askew = "along the axes of the patient" if angles.max() < 1e-4 else "askew"
    return [
        _row("dimensions", _times(volume.shape[:3])),
        *_extra_axes(volume),
        _row("voxel size", f"{_times(affines.zooms(affine))} mm", "i × j × k"),
        _row("field of view", f"{_times(extent)} mm"),
        *_both("origin", affine[:3, 3], "centre of voxel 0, 0, 0"),
        *_both("centre", centre, "of the grid"),
        _row("orientation", volume.axcodes, "where i, j, k go to (nibabel, FSL, DICOM)"),
        _row("orientation, ITK", itk_code(volume.axcodes), "where they come from (ITK-SNAP)"),
        _row("obliquity", ", ".join(f"{a:.5g}°" for a in angles), f"of i, j, k: {askew}"),
        _row("handedness", "right" if np.linalg.det(affine[:3, :3]) > 0 else "left", "of i, j, k"),
    ]


def _extra_axes(volume: Volume) -> list[Element]:
    rows = []
    for axis, length in zip(volume.axes, volume.shape[3:], strict=True):
        if axis.name == "rgb":
            rows.append(_row("colour samples", str(length)))
            continue
        rows.append(_row(f"length of {axis.name}", str(length)))
        if axis.values is None:
            step = f"{axis.step:g} {axis.unit}".rstrip()
            rows.append(_row(f"step of {axis.name}", step, f"from {axis.start:g}"))
        else:
            shown = ", ".join(map(str, axis.values[:6])) + (" …" if length > 6 else "")
            rows.append(_row(f"values of {axis.name}", f"{shown} {axis.unit}".rstrip()))
    return rows


def _both(name: str, point: Any, meaning: str) -> list[Element]:
    lps = np.asarray(point) * (-1, -1, 1)
    return [
        _row(f"{name}, RAS", f"{_point(point)} mm", meaning),
        _row(f"{name}, LPS", f"{_point(lps)} mm", meaning),
    ]


def _values(volume: Volume, limits: tuple[float, float] | None) -> list[Element]:
    stored = stored_type(volume)
    scale = stored_scale(volume)
    rows = [
        _row("kind", volume.kind),
        _row("data type on disk", str(stored) if stored is not None else "unknown"),
        _row("data type in memory", str(volume.dtype)),
        _row("scaling", scale),
        _row("unit", volume.unit or "none"),
    ]
    if limits is not None:
        unit = f" {volume.unit}" if volume.unit else ""
        rows.append(_row("range", f"{limits[0]:g} to {limits[1]:g}{unit}", "lowest, highest"))
    if volume.labels:
        rows.append(_row("labels", str(len(volume.labels)), "with a name"))
    return rows


def stored_type(volume: Volume) -> np.dtype[Any] | None:
    """Return the type of the values in the file, None where it is not known."""
    if isinstance(volume.data, LazyArray):
        stored = volume.data.stored_dtype
        return stored.newbyteorder("=") if stored is not None else None
    return None


def stored_scale(volume: Volume) -> str:
    """Return how real values come from stored ones, in words."""
    if not isinstance(volume.data, LazyArray):
        return "none"
    scales: set[Any] = set()
    for plane in product(*(range(n) for n in _planes_of(volume))):
        scales.add(volume.data.scale_at((0, 0, *plane)))
        if len(scales) > 1:
            return "slope and intercept change from plane to plane"
    (scale,) = scales or {None}
    if scale is None:
        return "unknown"
    return "none" if scale == (1.0, 0.0) else f"stored × {scale[0]:.9g} + {scale[1]:.9g}"


def _planes_of(volume: Volume) -> tuple[int, ...]:
    return volume.shape[2 : len(volume.shape) - volume.is_rgb]


def value_range(volume: Volume, progress: Any = None) -> tuple[float, float] | None:
    """Return the lowest and the highest finite value; None if there is none. Reads all voxels.

    Parameters
    ----------
    volume : Volume
    progress : callable, optional
        Told (planes done, planes in all); what it raises ends the reading.
    """
    planes = list(product(*(range(n) for n in _planes_of(volume))))
    low, high = np.inf, -np.inf
    data: Any = volume.data
    for number, plane in enumerate(planes):
        if progress is not None:
            progress(number, len(planes))
        values = np.asarray(data[(slice(None), slice(None), *plane)])
        if values.dtype.kind == "c":
            values = np.abs(values)
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return (low, high) if low <= high else None


def _times(numbers: Any) -> str:
    return " × ".join(f"{float(n):.9g}" for n in numbers)


def _point(point: Any) -> str:
    return ", ".join(f"{float(n) + 0.0:.9g}" for n in point)
