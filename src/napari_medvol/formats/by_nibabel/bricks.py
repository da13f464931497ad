"""AFNI and PAR/REC: a text header that nibabel reads, and blocks that each have a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_medvol.arrays import LazyArray, rescale_into
from napari_medvol.formats.by_nibabel.opened import Array, Opened, rows_of
from napari_medvol.formats.planes import (
    Decode,
    Layout,
    Scale,
    ScatteredPlanes,
    lazy_block,
    scaled_dtype,
)
from napari_medvol.formats.streams import (
    reading,
)
from napari_medvol.volume import Axis, Field

#: PAR/REC "image_type_mr".
_PHILIPS_TYPES: Final = {0: "magnitude", 1: "real", 2: "imaginary", 3: "phase"}
#: AFNI TAXIS_NUMS[2] to axis unit and factor.
_AFNI_UNITS: Final = {77001: ("s", 1e-3), 77002: ("s", 1.0), 77003: ("Hz", 1.0)}


def open_afni(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open AFNI HEAD and BRIK, each sub-brick with its own scale."""
    from nibabel.brikhead import AFNIHeader

    header = AFNIHeader.from_fileobj(_text_of(header_path))
    shape = header.get_data_shape()
    factors = header.get_data_scaling()
    stored = header.get_data_dtype()
    decode: Decode | None = None
    dtype = stored.newbyteorder("=")
    if factors is not None and value != "stored":
        dtype = scaled_dtype(stored, [(float(f), 0.0) for f in factors])
        decode = BrickScales(tuple(map(float, factors)), prod(shape))
    layout = Layout(tuple(map(int, shape)), stored, dtype, 0, decode)
    return Opened(
        lazy_block(image_path, layout, even=decode is None),
        header.get_affine(),
        "IJK_TO_DICOM_REAL",
        header,
        (header_path, image_path),
        (_afni_axis(header),),
        [
            Field("AFNI", "space", str(header.info.get("TEMPLATE_SPACE", "ORIG"))),
            *rows_of("AFNI header", header.info),
        ],
    )


@dataclass(frozen=True, slots=True)
class BrickScales:
    """Real values of AFNI sub-bricks: each has its factor. BRICK_FLOAT_FACS."""

    factors: tuple[float, ...]
    size: int

    def __call__(self, raw: Array, number: int, out: Array) -> None:
        """Write the real values of plane `number` into `out`."""
        first = number * raw.size * len(self.factors) // self.size
        if raw.ndim < 4:
            rescale_into(raw, self.factors[first], 0.0, out)
            return
        for brick, factor in enumerate(self.factors):
            rescale_into(raw[brick], factor, 0.0, out[brick])


def _afni_axis(header: Any) -> Axis:
    info = header.info
    labels = header.get_volume_labels()
    n_bricks = header.get_data_shape()[3]
    values = tuple(labels) if labels is not None and len(labels) == n_bricks else None
    if "TAXIS_NUMS" not in info or "TAXIS_FLOATS" not in info:
        return Axis("brick", values=values)
    unit, factor = _AFNI_UNITS.get(info["TAXIS_NUMS"][2], ("", 1.0))
    start, step = (float(number) * factor for number in info["TAXIS_FLOATS"][:2])
    if values is not None and all(label.startswith("#") for label in values):
        values = None  # 3dcopy and others number the bricks; the times say more
    return Axis("t", step=step or 1.0, unit=unit, start=start, values=values)


def open_par(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open Philips PAR/REC: slices in any order, each with its own scale (displayed value)."""
    from nibabel.parrec import PARRECHeader

    header = PARRECHeader.from_fileobj(
        _text_of(header_path), permit_truncated=True, strict_sort=True
    )
    shape = tuple(map(int, header.get_data_shape()))
    slopes, intercepts = (np.ravel(a, order="F") for a in header.get_data_scaling("dv"))
    scales = [(float(s), float(i)) for s, i in zip(slopes, intercepts, strict=True)]
    stored = header.get_data_dtype()
    is_stored = value == "stored"
    layout = Layout(
        shape,
        stored,
        stored.newbyteorder("=") if is_stored else scaled_dtype(stored, scales),
        decode=None if is_stored else SliceScales(tuple(scales)),
        together=False,
    )
    lazy_block(image_path, Layout(_rec_shape(header), stored, stored))  # is the file long enough?
    source = ScatteredPlanes(image_path, layout, header.get_sorted_slice_indices())
    rows = rows_of("PAR general information", header.general_info)
    return Opened(
        LazyArray(source).transpose(),
        header.get_affine(),
        "angulation and off-centre of the PAR file",
        header,
        (header_path, image_path),
        (_par_axis(header),) if len(shape) == 4 else (),
        rows,
    )


@dataclass(frozen=True, slots=True)
class SliceScales:
    """Real values of slices that each have a slope and an intercept."""

    scales: tuple[tuple[float, float], ...]

    def scale_of(self, number: int) -> tuple[float, float]:
        """Return slope and intercept of slice `number`."""
        return self.scales[number]

    def __call__(self, raw: Array, number: int, out: Array) -> None:
        """Write the real values of slice `number` into `out`."""
        Scale(*self.scales[number])(raw, number, out)


def _rec_shape(header: Any) -> tuple[int, ...]:
    return tuple(map(int, header.get_rec_shape()))


def _par_axis(header: Any) -> Axis:
    """Return the fourth axis, named by what varies along it."""
    varying = header.get_volume_labels()
    names = set(varying)
    if names <= {"gradient orientation number", "diffusion b value number"}:
        # Version 4.0 has no numbers of directions: nothing varies but the b value.
        values, vectors = header.get_bvals_bvecs()
        if values is not None:
            return Axis("b", unit="s/mm²", values=_gradients(values, vectors))
    if names <= {"dynamic scan number"}:
        step = float(header.get_zooms()[3])
        return Axis("t", step=step, unit="s") if header.general_info["dyn_scan"] else Axis("t")
    if names == {"echo number"}:
        times = _of_first_slices(header, "echo_time")
        return Axis("echo", unit="ms", values=tuple(float(t) for t in times))
    rows = zip(*varying.values(), strict=True)
    return Axis("volume", values=tuple(_described(list(varying), row) for row in rows))


def _of_first_slices(header: Any, name: str) -> Array:
    order = header.get_sorted_slice_indices()
    first = header.image_defs["slice number"][order] == 1
    return np.asarray(header.image_defs[name][order][first])


def _gradients(values: Array, vectors: Array | None) -> tuple[Any, ...]:
    if vectors is None:
        return tuple(float(b) for b in values)
    return tuple((float(b), tuple(map(float, v))) for b, v in zip(values, vectors, strict=True))


def _described(names: Sequence[str], row: Sequence[Any]) -> str:
    parts = []
    for name, value in zip(names, row, strict=True):
        if name == "image_type_mr":
            parts.append(_PHILIPS_TYPES.get(int(value), f"type {value}"))
        else:
            parts.append(f"{name.removesuffix(' number').removesuffix(' scan')} {value}")
    return ", ".join(parts)


def _text_of(path: Path) -> StringIO:
    with reading(path):
        return StringIO(path.read_text(encoding="latin-1"))
