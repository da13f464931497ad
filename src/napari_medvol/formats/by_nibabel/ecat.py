"""ECAT7 volumes: PET frames, each with its own header and scale, opened anew for each reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import ReadError
from napari_medvol.formats.by_nibabel.opened import Array, Opened, PartPlanes, as_text, rows_of
from napari_medvol.formats.streams import reading
from napari_medvol.volume import Axis, Field


def open_ecat(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open ECAT7 volumes (``.v``), frames along the fourth axis. Times are in ms."""
    with _ecat(image_path) as image:
        subheaders = image.get_subheaders()
        shape = tuple(int(n) for n in image.shape)
        frames = _frame_numbers(image)
        scans = [subheaders.subheaders[frame] for frame in frames]
        calibration = float(image.header["ecat_calibration_factor"])
        stored = subheaders._get_data_dtype(frames[0])  # noqa: SLF001
        affine = subheaders.get_frame_affine(frames[0])
        header = image.header
    factors = [calibration * float(s["scale_factor"]) for s in scans]
    dtype = stored.newbyteorder("=")
    if value != "stored" and set(factors) != {1.0}:
        dtype = np.dtype(
            np.float32
            if stored.itemsize <= 2 or (stored.kind == "f" and stored.itemsize == 4)
            else np.float64
        )

    def read_part(index: tuple[int, ...]) -> Array:
        frame = frames[index[0]]
        with _ecat(image_path) as again:
            values = np.array(again.get_subheaders().raw_data_from_fileobj(frame)).T
        factor = 1.0 if value == "stored" else factors[index[0]]
        return values if factor == 1.0 else values * factor

    inner = shape[2::-1]
    expected = prod(shape) * stored.itemsize
    with reading(image_path):
        found = image_path.stat().st_size
    if found < expected:
        raise ReadError(
            str(image_path),
            f"the file is cut short: {expected} bytes of voxels were expected, {found} were found",
            "Copy or download the file again",
        )
    times = tuple(
        (float(s["frame_start_time"]) / 1000, float(s["frame_duration"]) / 1000) for s in scans
    )
    axis = Axis("t", unit="s", values=times if any(d for _, d in times) else None)
    rows = rows_of("ECAT header", header)
    for number, scan in enumerate(scans, 1):
        names = scan.dtype.names or ()
        rows += [Field(f"ECAT frame {number}", n, as_text(scan[n])) for n in names]
    source = PartPlanes(str(image_path), (shape[3],), inner, dtype, read_part)
    return Opened(
        LazyArray(source).transpose(),
        affine,
        "pixel sizes and offsets of the first frame",
        header,
        (image_path,),
        (axis,),
        rows,
        unit=as_text(header["data_units"]).strip(),
    )


@contextmanager
def _ecat(path: Path) -> Iterator[Any]:
    from nibabel.ecat import EcatImage
    from nibabel.fileholders import FileHolder

    with path.open("rb") as file:
        holder = FileHolder(fileobj=file)
        yield EcatImage.from_file_map({"header": holder, "image": holder})


def _frame_numbers(image: Any) -> list[int]:
    from nibabel.ecat import get_frame_order

    order = get_frame_order(image.get_mlist())
    return [int(order[n][0]) for n in sorted(order)]
