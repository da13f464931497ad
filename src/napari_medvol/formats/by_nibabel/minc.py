"""MINC1 (netCDF) and MINC2 (HDF5), opened anew for each reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from napari_medvol.arrays import LazyArray, real_dtype
from napari_medvol.errors import ReadError
from napari_medvol.formats.by_nibabel.opened import Array, Opened, PartPlanes, as_text
from napari_medvol.formats.streams import compression_of, head_of
from napari_medvol.report import Finding
from napari_medvol.volume import Axis, Field

_HDF5_MAGIC: Final = b"\x89HDF"


def open_minc(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open MINC1 (netCDF) or MINC2 (HDF5). Dimensions keep the file's order, space first."""
    with _minc(image_path) as (minc, irregular):
        names = [as_text(n) for n in minc._dim_names]  # noqa: SLF001 - nibabel has no other way
        space, extra = _minc_order(names, image_path)
        shape = tuple(map(int, minc.get_data_shape()))
        affine = minc.get_affine()
        dtype = minc.get_data_dtype().newbyteorder("=")
        if value != "stored":
            dtype = _minc_dtype(minc, dtype)
        axes = tuple(
            _minc_axis(names[n], minc._dims[n], shape[n] == 3 and dtype == np.uint8)  # noqa: SLF001
            for n in extra
        )
        rows = _minc_rows(minc, names)
        unit = as_text(getattr(_attributes(minc._image), "units", ""))  # noqa: SLF001

    def read_part(index: tuple[int, ...]) -> Array:
        with _minc(image_path) as (again, _):
            whole: Any = index if index else tuple(slice(None) for _ in shape)
            return np.array(_minc_values(again, whole, value))

    # netCDF files are read whole by nibabel, so reading them plane by plane gains nothing.
    n_outer = len(shape) - 2 if head_of(image_path, 4) == _HDF5_MAGIC else 0
    source = PartPlanes(str(image_path), shape[:n_outer], shape[n_outer:], dtype, read_part)
    return Opened(
        LazyArray(source).transpose([*space, *extra]),
        affine,
        "start, step and direction cosines",
        tuple(rows),
        (image_path,),
        axes,
        rows,
        _irregularities(irregular),
        unit,
    )


def _minc_order(names: Sequence[str], path: Path) -> tuple[list[int], list[int]]:
    """Return which axes of the file are space, and the others, time first and colour last."""
    space = [n for n, name in enumerate(names) if name.endswith("space")]
    if len(space) != 3:
        raise ReadError(
            str(path),
            f"it has {len(space)} axes of space ({', '.join(names)}), not 3",
            "Convert it with mincreshape or mincconcat",
        )
    others = (n for n in range(len(names)) if n not in space)
    return space, sorted(others, key=lambda n: (names[n] == "vector_dimension", -n))


def _irregularities(irregular: dict[str, list[float]]) -> list[Finding]:
    findings = []
    for name, positions in irregular.items():
        text = f"the spacing along {name} is irregular"
        if not positions:
            text += " and its positions are not in the file; its step was used"
        elif name.endswith("space"):
            text += f": slices at {positions} were put on an even grid from first to last"
        else:
            continue  # the axis has the positions as its values
        findings.append(Finding(text, kind="irregular"))
    return findings


@contextmanager
def _minc(path: Path) -> Iterator[tuple[Any, dict[str, list[float]]]]:
    """Open a MINC file; give nibabel's reader and the positions along irregular axes."""
    if head_of(path, 4) == _HDF5_MAGIC:
        with _minc2(path) as opened:
            yield opened
        return
    from nibabel.externals.netcdf import netcdf_file
    from nibabel.minc1 import Minc1File
    from nibabel.openers import Opener

    with Opener(str(path)) as file:
        netcdf = netcdf_file(file.fobj)
        irregular = {}
        for name in netcdf.variables["image"].dimensions:
            axis = netcdf.variables.get(name)
            if axis is not None and getattr(axis, "spacing", b"") == b"irregular":
                irregular[as_text(name)] = _made_even(axis, np.asarray(axis.data, np.float64))
        yield Minc1File(netcdf), irregular


@contextmanager
def _minc2(path: Path) -> Iterator[tuple[Any, dict[str, list[float]]]]:
    try:
        import h5py
    except ImportError as error:
        raise ReadError(
            str(path),
            "MINC2 files are HDF5, and the package h5py is not installed",
            'Run: pip install "napari-medvol[minc]"',
        ) from error
    from nibabel.minc2 import Minc2File

    if compression_of(path):
        raise ReadError(str(path), "a MINC2 file cannot be read compressed", "Decompress it")
    with h5py.File(path, "r") as file:
        # As Minc2File.__init__ does, but for irregular axes, which it refuses.
        image = file["minc-2.0"]["image"]["0"]
        minc = Minc2File.__new__(Minc2File)
        minc._mincfile, minc._image = file, image["image"]  # noqa: SLF001
        minc._dim_names = minc._get_dimensions(minc._image)  # noqa: SLF001
        dimensions, irregular, axes = file["minc-2.0"]["dimensions"], {}, []
        for name in minc._dim_names:  # noqa: SLF001
            axis = SimpleNamespace(**dict(dimensions[name].attrs))
            if getattr(axis, "spacing", b"") == b"irregular":
                irregular[name] = _made_even(axis, np.asarray(dimensions[name], np.float64))
            axes.append(axis)
        minc._dims = axes  # noqa: SLF001
        minc._spatial_dims = [n for n in minc._dim_names if n.endswith("space")]  # noqa: SLF001
        minc._image_max, minc._image_min = image["image-max"], image["image-min"]  # noqa: SLF001
        yield minc, irregular


def _made_even(axis: Any, positions: Array) -> list[float]:
    """Give an irregular axis the even step between its ends; return its positions."""
    axis.spacing = b"regular__"
    if positions.ndim != 1 or len(positions) < 2:
        return []
    axis.start = float(positions[0])
    axis.step = float(positions[-1] - positions[0]) / (len(positions) - 1) or 1.0
    axis.positions = [float(p) for p in positions]
    return list(axis.positions)


def _minc_values(minc: Any, index: tuple[Any, ...], value: str) -> Array:
    if value != "stored":
        return np.asarray(minc.get_scaled_data(index))
    image = minc._image  # noqa: SLF001
    stored = image.data if hasattr(image, "typecode") else image
    return np.asarray(stored[index]).view(minc.get_data_dtype())


def _minc_dtype(minc: Any, stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the real values; integers stay where image-min and -max say so."""
    if stored.kind == "f":
        return stored
    lowest, highest = minc._get_valid_range()  # noqa: SLF001
    tops, bottoms = (np.ravel(_numbers(v)) for v in (minc._image_max, minc._image_min))  # noqa: SLF001
    slopes = (tops - bottoms) / (highest - lowest)
    scales = [(float(s), float(b - lowest * s)) for s, b in zip(slopes, bottoms, strict=True)]
    return real_dtype(stored, lowest, highest, scales)


def _numbers(variable: Any) -> Array:
    values = variable.data if hasattr(variable, "typecode") else variable[()]
    return np.asarray(values, dtype=np.float64)


def _minc_axis(name: str, dimension: Any, is_colour: bool) -> Axis:
    """Return an axis that is none of space: time, or the components of a vector or colour."""
    if name == "vector_dimension":
        return Axis("rgb" if is_colour else "component")
    short = {"time": "t", "tfrequency": "f"}.get(name, name)
    unit = as_text(getattr(dimension, "units", ""))
    positions = getattr(dimension, "positions", None)
    return Axis(
        short,
        step=float(getattr(dimension, "step", 1.0)) or 1.0,
        unit={"seconds": "s", "sec": "s"}.get(unit, unit),
        start=float(getattr(dimension, "start", 0.0)),
        values=None if positions is None else tuple(positions),
    )


def _attributes(variable: Any) -> Any:
    """Return the attributes of a netCDF or an HDF5 variable as one kind of object."""
    if hasattr(variable, "attrs"):
        return SimpleNamespace(**dict(variable.attrs))
    return SimpleNamespace(**variable._attributes)  # noqa: SLF001


def _minc_rows(minc: Any, names: Sequence[str]) -> list[Field]:
    rows = [Field("MINC", "dimensions", ", ".join(names))]
    for name, dimension in zip(names, minc._dims, strict=True):  # noqa: SLF001
        known = vars(dimension)
        rows += [
            Field(f"MINC {name}", key, as_text(known[key]))
            for key in ("start", "step", "spacing", "units", "length", "direction_cosines")
            if key in known
        ]
    return rows + [
        Field(f"MINC {group}", str(key), as_text(content))
        for group, attributes in _minc_groups(minc)
        for key, content in attributes.items()
    ]


def _minc_groups(minc: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the attributes of the file, the image, and of patient, study and acquisition."""
    file, named = minc._mincfile, ("patient", "study", "acquisition")  # noqa: SLF001
    image = ("image", vars(_attributes(minc._image)))  # noqa: SLF001
    if hasattr(file, "variables"):
        found = [(n, vars(_attributes(file.variables[n]))) for n in named if n in file.variables]
        return [("file", dict(file._attributes)), image, *found]  # noqa: SLF001
    root = file["minc-2.0"]
    info = root.get("info", {})
    found = [(n, dict(info[n].attrs)) for n in named if n in info]
    return [("file", dict(root.attrs)), image, *found]
