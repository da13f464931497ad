"""What a scan holds at a point of the patient: the rows of the cursor inspector."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.affines import apply_affine
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError, StepError
from napari_medvol.report import SliceSource
from napari_medvol.stores import PlaneStore
from napari_medvol.table import Table
from napari_medvol.views.sources import source_of
from napari_medvol.volume import Volume

Point = NDArray[np.float64]

#: Voxels. Products of matrices leave the edge of a scan by less.
_NOISE: Final = 1e-9

#: mm, 1 km. No patient is further from the origin.
_FURTHEST: Final = 1e6

#: What a thread is reading planes of: one thread for each.
_reading: WeakSet[PlaneStore] = WeakSet()

COLUMNS: Final = (
    "layer", "value", "unit", "linear", "stored", "label", "i", "j", "k", "further index",
    "x RAS (mm)", "y RAS (mm)", "z RAS (mm)", "x LPS (mm)", "y LPS (mm)", "z LPS (mm)",
    "where", "file", "frame",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """One scan at one point.

    Parameters
    ----------
    voxel : (3,) array
        Fractional index (i, j, k); whole numbers are voxel centres.
    ras : (3,) array
        RAS+ mm.
    extra : tuple of int
        Index along the extra axes.
    inside : bool
        Whether the point lies in a voxel of the scan.
    value : number, tuple of numbers, or None
        Of the nearest voxel, in the unit of the scan; a tuple for colour; None outside, or
        where it is not read yet.
    linear : float or None
        Between the eight voxels around; None for labels and colour too.
    stored : number or None
        What the file holds for the nearest voxel, where that is known.
    unit, label : str
        Unit of the values; name of the label.
    source : SliceSource or None
        File and frame of the nearest voxel, where a file holds it.
    is_pending : bool
        Whether values are missing only because a thread is still reading them.
    """

    voxel: Point
    ras: Point
    extra: tuple[int, ...] = ()
    inside: bool = False
    value: Any = None
    linear: float | None = None
    stored: float | None = None
    unit: str = ""
    label: str = ""
    source: SliceSource | None = None
    is_pending: bool = False

    @property
    def lps(self) -> Point:
        """The point in LPS+ mm, as DICOM and ITK have it."""
        return self.ras * (-1.0, -1.0, 1.0)

    @property
    def nearest(self) -> tuple[int, int, int]:
        """Index of the nearest voxel; halves go up."""
        i, j, k = (int(n) for n in np.floor(self.voxel + 0.5 + _NOISE))
        return i, j, k


class Place(NamedTuple):
    """Where somebody wants to go.

    Parameters
    ----------
    kind : {"voxel", "ras", "lps"}
        Index of a voxel, or millimetres of the patient.
    numbers : tuple of float
        Three; further ones for a voxel are its index along the extra axes.
    """

    kind: Literal["voxel", "ras", "lps"]
    numbers: tuple[float, ...]


def voxel_at(volume: Volume, ras: ArrayLike) -> Point:
    """Return the fractional voxel index (…, 3) of points (…, 3) in RAS+ mm."""
    return apply_affine(np.linalg.inv(volume.affine).astype(np.float64), ras)


def point_at(volume: Volume, voxel: ArrayLike) -> Point:
    """Return RAS+ mm (…, 3) of voxel indices (…, 3), fractions allowed."""
    return apply_affine(volume.affine, voxel)


def probe(
    volume: Volume, ras: ArrayLike, extra: Sequence[int] = (), *, wait: bool = True
) -> Probe:
    """Return what a scan holds at a point of the patient.

    Parameters
    ----------
    volume : Volume
    ras : (3,) array_like
        RAS+ mm.
    extra : sequence of int
        Index along each extra axis; 0 where left out. An index beyond an axis is outside.
    wait : bool
        Whether to read what takes long; else the values of what is not there are None, and a
        thread reads what a single look needs: ask again.

    Returns
    -------
    Probe
    """
    point = np.asarray(ras, dtype=np.float64)
    n_extra = len(volume.axes) - volume.is_rgb
    index = (*(int(n) for n in extra), *[0] * n_extra)[:n_extra]
    found = Probe(voxel_at(volume, point), point, index, unit=volume.unit)
    if not _is_inside(volume, found):
        return found
    at = (*_clipped(found.nearest, volume.shape), *index)
    around = (*_box(found.voxel, volume.shape)[0], *index) if _has_linear(volume) else at
    is_pending = not (wait or _is_near(volume.data, around))
    value, stored = _values(volume, at, wait)
    return Probe(
        voxel=found.voxel,
        ras=point,
        extra=index,
        inside=True,
        value=value,
        linear=None if value is None or is_pending else _linear(volume, found.voxel, index),
        stored=stored,
        unit=volume.unit,
        label=_label(volume, value),
        source=_source(volume, at),
        is_pending=is_pending,
    )


def _is_inside(volume: Volume, found: Probe) -> bool:
    low, high = -0.5 - _NOISE, np.array(volume.shape[:3]) - 0.5 + _NOISE
    sizes = volume.shape[3 : 3 + len(found.extra)]
    return bool(
        (found.voxel >= low).all()
        and (found.voxel <= high).all()
        and all(0 <= n < size for n, size in zip(found.extra, sizes, strict=True))
    )


def _clipped(index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(min(max(n, 0), size - 1) for n, size in zip(index, shape, strict=False))


def _values(volume: Volume, at: tuple[int, ...], wait: bool) -> tuple[Any, float | None]:
    """Return the value of one voxel, and what the file holds for it."""
    data: Any = volume.data
    if not (wait or _is_near(data, at)):
        return None, None
    try:
        value = np.asarray(data[at])
    except MedVolError:
        # The plane cannot be read: whoever opened the scan has told of it.
        return None, None
    if value.ndim:
        return tuple(value.tolist()), None
    number = value.item()
    return number, _stored(data, at, number)


def _is_near(data: Any, at: tuple[Any, ...]) -> bool:
    """Return whether a part can be had in no time; if not, let a thread read it."""
    if not isinstance(data, LazyArray):
        return True
    store, planes = data.store, data.planes(at)
    if store.has(planes):
        return True
    # Uncompressed planes are copied in less than a draw; a stream is read by whoever shows it.
    if not data.is_near(at) or getattr(store.source, "workers", 1) <= 1:
        return data.is_near(at)
    if store not in _reading:
        _reading.add(store)
        thread = threading.Thread(
            target=_read, args=(store, planes), name="medvol-probe", daemon=True
        )
        thread.start()
    return False


def _read(store: PlaneStore, planes: Sequence[int]) -> None:
    try:
        for number in planes:
            store.plane(number)
    except MedVolError:
        # Whoever opened the scan has told of it.
        return
    finally:
        _reading.discard(store)


def _stored(data: Any, at: tuple[int, ...], value: Any) -> float | None:
    scale = data.scale_at(at) if isinstance(data, LazyArray) else None
    if scale is None or isinstance(value, complex) or not scale[0]:
        return None
    slope, intercept = scale
    if (slope, intercept) == (1.0, 0.0):
        return float(value)
    stored = (value - intercept) / slope
    # Stored numbers are whole wherever there is a slope; float32 leaves a trace of it.
    whole = round(stored) if np.isfinite(stored) else stored
    return float(whole if abs(stored - whole) < 1e-3 else stored)


def _has_linear(volume: Volume) -> bool:
    is_number = np.dtype(volume.data.dtype).kind in "biuf"
    return is_number and volume.kind != "labels" and not volume.is_rgb


def _box(voxel: Point, shape: Sequence[int]) -> tuple[list[slice], list[float]]:
    """Return the eight voxels around a point, and its weight towards the further ones."""
    box, weights = [], []
    for at, size in zip(voxel, shape, strict=False):
        inside = min(max(float(at), 0.0), size - 1.0)
        low = min(int(inside), max(size - 2, 0))
        box.append(slice(low, low + 2))
        weights.append(inside - low)
    return box, weights


def _linear(volume: Volume, voxel: Point, extra: Sequence[int]) -> float | None:
    """Return the value between the eight voxels around; the edge's value beyond its centre."""
    if not _has_linear(volume):
        return None
    box, weights = _box(voxel, volume.shape)
    data: Any = volume.data
    try:
        values = np.asarray(data[(*box, *extra)], dtype=np.float64)
    except MedVolError:
        return None
    for weight in weights:
        # A weight of 0 must not carry over what is not a number next door.
        values = values[0] if not weight else values[0] + weight * (values[1] - values[0])
    return float(values)


def _label(volume: Volume, value: Any) -> str:
    if volume.kind != "labels" or value is None:
        return ""
    return next((label.name for label in volume.labels if label.value == value), "")


def _source(volume: Volume, at: tuple[int, ...]) -> SliceSource | None:
    if volume.history or not volume.report.files:
        return None
    try:
        found = source_of(volume, at)
    except StepError:
        return None
    return found if found.file else None


def parse_place(text: str) -> Place:
    """Return what is meant by ``26 30 16``, ``0 0 0 mm`` or ``-12.5, 40, 7 lps``.

    Parameters
    ----------
    text : str
        Three numbers, with spaces, commas or semicolons between. Alone they are a voxel, with
        further numbers for the extra axes. With ``mm``, ``ras`` or ``lps`` they are a point of
        the patient; RAS+ where nothing else is said.

    Raises
    ------
    StepError
        If it is neither, or the point is further than 1 km from the origin.
    """
    words = re.findall(r"[^\s,;()\[\]]+", text.casefold())
    units = {word for word in words if word.isalpha()}
    fix = 'Write a voxel as "26 30 16" or a point as "0 0 0 mm", or "0 0 0 mm lps"'
    if units - {"mm", "ras", "lps", "voxel", "world"} or {"ras", "lps"} <= units:
        raise StepError(f"go to {text.strip()!r}", "is no place", fix)
    try:
        numbers = tuple(float(word) for word in words if not word.isalpha())
    except ValueError:
        raise StepError(f"go to {text.strip()!r}", "is no place", fix) from None
    is_voxel = not units - {"voxel"}
    if len(numbers) < 3 or (len(numbers) > 3 and not is_voxel) or not np.isfinite(numbers).all():
        why = f"has {len(numbers)} numbers where a place has three"
        raise StepError(f"go to {text.strip()!r}", why, fix)
    if is_voxel:
        return Place("voxel", numbers)
    if max(map(abs, numbers)) > _FURTHEST:
        why = "is more than 1 km from the origin of the patient"
        raise StepError(f"go to {text.strip()!r}", why, "Write a point in mm")
    return Place("lps" if "lps" in units else "ras", numbers)


def ras_of_place(volume: Volume | None, place: Place) -> Point:
    """Return a place in RAS+ mm.

    Parameters
    ----------
    volume : Volume or None
        Whose voxels are meant; only needed for voxels.
    place : Place

    Raises
    ------
    StepError
        If a voxel is meant and there is no scan.
    """
    numbers = np.array(place.numbers[:3])
    if place.kind == "voxel":
        if volume is None:
            raise StepError("go to a voxel", "there is no scan whose voxel it is", "Open a scan")
        return point_at(volume, numbers)
    return numbers * (-1.0, -1.0, 1.0) if place.kind == "lps" else numbers


def probe_table(rows: Iterable[tuple[str, Probe]]) -> Table:
    """Return one row a scan: :data:`COLUMNS`, numbers as numbers.

    Parameters
    ----------
    rows : iterable of (name, Probe)
    """
    return Table(COLUMNS, tuple(_row(name, found) for name, found in rows))


def _row(name: str, found: Probe) -> tuple[Any, ...]:
    source = found.source
    return (
        name,
        found.value,
        found.unit,
        found.linear,
        found.stored,
        found.label,
        *(round(float(n), 4) for n in found.voxel),
        " ".join(map(str, found.extra)),
        *(round(float(n), 4) for n in found.ras),
        *(round(float(n), 4) for n in found.lps),
        "inside" if found.inside else "outside",
        source.file if source else None,
        source.frame if source else None,
    )
