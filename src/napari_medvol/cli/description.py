"""A scan in words, and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from napari_medvol.table import Table
from napari_medvol.views.series import TITLES, series_rows
from napari_medvol.volume import Volume


def overview(volumes: Sequence[Volume]) -> Table:
    """Return one row a scan."""
    return Table(TITLES, tuple(_on_one_line(row) for row in series_rows(volumes)))


def _on_one_line(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(cell.replace("\n", "; ") if isinstance(cell, str) else cell for cell in row)


def described(volume: Volume) -> str:
    """Return all there is to say of a scan, as a person would read it."""
    unit = f", {volume.unit}" if volume.unit else ""
    rows = [
        ("name", volume.name),
        ("kind", volume.kind),
        ("shape", " × ".join(map(str, volume.shape))),
        ("voxel size", " × ".join(f"{zoom:.6g}" for zoom in volume.zooms[:3]) + " mm"),
        ("values", f"{volume.dtype}{unit}"),
        ("axes", f"{volume.axcodes} (positive ends of i, j, k)"),
        *(
            (f"axis {axis.name}", f"step {axis.step:g} {axis.unit}".rstrip())
            for axis in volume.axes
        ),
    ]
    if volume.obliquity > 0.01:
        rows.append(("oblique by", f"{volume.obliquity:.3f}°"))
    lines = [f"{name:12}{value}" for name, value in rows]
    lines += ["", "affine: voxel centre (i, j, k) to RAS+ mm", *_matrix(volume), ""]
    lines += [str(volume.report), *_header(volume)]
    return "\n".join(lines)


def _matrix(volume: Volume) -> list[str]:
    return ["  " + " ".join(f"{value:14.8g}" for value in row) for row in volume.affine]


def _header(volume: Volume) -> list[str]:
    lines = []
    for group, fields in groupby(volume.header, lambda field: field.group):
        lines += ["", group]
        lines += [f"  {f.name:28}{f.value} {f.unit}".rstrip() for f in fields]
    return lines


def facts(volume: Volume) -> dict[str, Any]:
    """Return what is known of a scan, but for its voxels, as JSON has it."""
    report = volume.report
    return {
        "name": volume.name,
        "kind": volume.kind,
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "unit": volume.unit,
        "zooms": list(volume.zooms),
        "axcodes": volume.axcodes,
        "obliquity": volume.obliquity,
        "affine": np.asarray(volume.affine).tolist(),
        "axes": [_axis(axis) for axis in volume.axes],
        "labels": [{"value": label.value, "name": label.name} for label in volume.labels],
        "windows": [list(window[:2]) for window in volume.display.windows],
        "frame_of_reference": volume.frame_of_reference,
        "header": [field._asdict() for field in volume.header],
        "report": {
            "source": report.source,
            "sort_key": report.sort_key,
            "spacing": report.spacing,
            "largest_residual": report.largest_residual,
            "tilt": report.tilt,
            "used": dict(report.used),
            "ignored": dict(report.ignored),
            "findings": [
                {"severity": f.severity, "kind": f.kind, "text": f.text} for f in report.findings
            ],
            "files": list(report.files),
        },
    }


def _axis(axis: Any) -> dict[str, Any]:
    values = None if axis.values is None else [str(value) for value in axis.values]
    return {
        "name": axis.name,
        "step": axis.step,
        "unit": axis.unit,
        "start": axis.start,
        "values": values,
    }
