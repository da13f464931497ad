"""Real-world value maps: stored values to a quantity with a unit. PS3.3 C.7.6.16.2.11.

Modality tables, which stand in for rescale slope and intercept, are applied likewise.
PS3.3 C.11.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.rows import series_name
from napari_medvol.stores import PlaneSource

Array = NDArray[Any]

PARAMETRIC_MAP: Final = "1.2.840.10008.5.1.4.1.1.30"

#: UCUM codes to what people call them.
_UNITS: Final = {
    "1": "",
    "[hnsf'U]": "HU",
    "{SUVbw}g/ml": "SUVbw g/ml",
    "{SUVlbm}g/ml": "SUVlbm g/ml",
    "{SUVbsa}cm2/ml": "SUVbsa cm²/ml",
    "mm2/s": "mm²/s",
    "um2/s": "µm²/s",
    "no units": "",
}
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)


class Piece(NamedTuple):
    """One mapping and the stored values that it is for, both ends included.

    Parameters
    ----------
    first, last : float
    scale : (slope, intercept)
    table : array or None
        One real value per stored value from `first` on, in place of the scale.
    """

    first: float
    last: float
    scale: tuple[float, float] = (1.0, 0.0)
    table: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RealWorld:
    """What the stored values of an image stand for.

    Parameters
    ----------
    pieces : tuple of Piece
        Their ranges do not overlap.
    unit : str
    others : tuple of str
        Names of mappings to other quantities that the file has, too.
    """

    pieces: tuple[Piece, ...]
    unit: str
    others: tuple[str, ...] = ()

    @property
    def scale(self) -> tuple[float, float] | None:
        """(slope, intercept) where one line says it all; it goes on beyond its ends."""
        scales = {piece.scale for piece in self.pieces if piece.table is None}
        has_table = any(piece.table is not None for piece in self.pieces)
        return scales.pop() if len(scales) == 1 and not has_table else None

    @property
    def largest(self) -> float:
        """The largest size of a real value that the mapping can give."""
        ends = [
            np.abs(p.table).max()
            if p.table is not None
            else max(abs(end * p.scale[0] + p.scale[1]) for end in (p.first, p.last))
            if p.scale[0]
            else abs(p.scale[1])
            for p in self.pieces
        ]
        return float(max(ends))

    def apply(self, stored: Array, out: Array) -> None:
        """Write the real values of `stored` into `out`; NaN where no mapping holds."""
        out[...] = np.nan
        for piece in self.pieces:
            inside = (stored >= piece.first) & (stored <= piece.last)
            if piece.table is not None:
                out[inside] = piece.table[stored[inside].astype(np.int64) - int(piece.first)]
            else:
                slope, intercept = piece.scale
                out[inside] = stored[inside] * slope + intercept


class Mapped:
    """Planes in real-world values where these are no line over the stored ones.

    Parameters
    ----------
    source : PlaneSource
        Of stored values.
    mappings : sequence of RealWorld
        One per plane.

    Raises
    ------
    ReadError
        If a table is to be applied to values that are no integers, or that have a colour.
    """

    def __init__(self, source: PlaneSource, mappings: Sequence[RealWorld]) -> None:
        if source.dtype.kind not in "iu" or len(source.inner) != 2:
            why = f"a table or several ranges cannot be applied to pixels of type {source.dtype}"
            raise ReadError(f"real-world values of {source.name}", why, "Read it with 'stored'")
        self._stored, self._mappings = source, tuple(mappings)
        self.outer, self.name = source.outer, source.name
        self.inner: tuple[int, ...] = source.inner
        self.workers = getattr(source, "workers", 1)
        largest = max(mapping.largest for mapping in self._mappings)
        fits = source.dtype.itemsize <= 2 and largest <= _FLOAT32_MAX
        self.dtype = np.dtype(np.float32 if fits else np.float64)

    def read_plane(self, number: int, out: Array) -> None:
        """Write the real-world values of plane `number` into `out`."""
        stored = np.empty(self.inner, dtype=self._stored.dtype)
        self._stored.read_plane(number, stored)
        self._mappings[number].apply(stored, out)


def real_world_of(frames: Sequence[Frame]) -> dict[int, RealWorld]:
    """Return the mapping of each frame, by its identity. Reads each file's whole header once.

    Raises
    ------
    ReadError
        If a frame has no mapping that makes sense, or frames are mapped to different units.
    """
    files: dict[int, list[Frame]] = {}
    for frame in frames:
        files.setdefault(id(frame.header), []).append(frame)
    found = {}
    for members in files.values():
        with translated(members[0].header.path):
            dataset = members[0].header.dataset()
            known: dict[int, RealWorld] = {}
            for frame in members:
                items = _items(dataset, frame)
                if id(items) not in known:
                    known[id(items)] = _mapping(items, frame, dataset)
                found[id(frame)] = known[id(items)]
    units = {mapping.unit for mapping in found.values()}
    if len(units) > 1:
        listed = ", ".join(sorted(unit or "no unit" for unit in units))
        raise _refusal(frames[0], f"its images are mapped to different units ({listed})")
    return found


def modality_tables_of(frames: Sequence[Frame]) -> dict[int, RealWorld]:
    """Return the modality table of each frame, by its identity. PS3.3 C.11.1.

    Stored values before the first that is mapped, or behind the last, count as these.

    Raises
    ------
    ReadError
        If a table makes no sense, or a frame has none where others have.
    """
    found = {}
    for frame in frames:
        with translated(frame.header.path):
            dataset = frame.header.dataset()
            items = dataset.get("ModalityLUTSequence")
            if not items:
                raise _refusal(frame, "some images have a modality table and others have none")
            found[id(frame)] = _modality_table(items[0], dataset, frame)
    return found


def _modality_table(item: Any, dataset: Any, frame: Frame) -> RealWorld:
    signed = dataset.get("PixelRepresentation") == 1
    said = item.get("LUTDescriptor")
    descriptor = [int(v) for v in said] if said is not None and len(said) == 3 else [0, 0, 0]
    # The first stored value has the sign of the pixels, the others are unsigned.
    count = descriptor[0] % 2**16 or 2**16
    first = descriptor[1] - 2**16 if signed and descriptor[1] >= 2**15 else descriptor[1]
    data = item.get("LUTData")
    if isinstance(data, bytes):
        data = np.frombuffer(data[: len(data) // 2 * 2], "<u2")
    values = np.atleast_1d(np.asarray([] if data is None else data, dtype=np.float64))
    if len(values) < count or descriptor[2] not in range(8, 17):
        why = f"its modality table has {len(values)} values, its descriptor says {descriptor}"
        raise _refusal(frame, why)
    last = first + count - 1
    pieces = (
        Piece(-np.inf, first - 1, (0.0, float(values[0]))),
        Piece(first, last, table=values[:count]),
        Piece(last + 1, np.inf, (0.0, float(values[count - 1]))),
    )
    kind = str(item.get("ModalityLUTType") or "")
    return RealWorld(pieces, "" if kind in ("US", "UNSPECIFIED") else kind)


def _refusal(frame: Frame, why: str) -> ReadError:
    fix = "value='stored' opens it as the file has it"
    return ReadError(f"value='rwv' of {series_name(frame)}", why, fix)


def _items(dataset: Any, frame: Frame) -> Any:
    """Return the mappings of a frame, from what is nearest to it."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for holder in [*per_frame[frame.number : frame.number + 1], *shared[:1], dataset]:
        items = holder.get("RealWorldValueMappingSequence")
        if items:
            return items
    raise _refusal(frame, "RealWorldValueMappingSequence is missing")


def _mapping(items: Any, frame: Frame, dataset: Any) -> RealWorld:
    """Return the first quantity that is mapped; several ranges may be mapped to it."""
    signed = dataset.get("PixelRepresentation") == 1
    pieces: list[Piece] = []
    names: list[str] = []
    unit: str | None = None
    for item in items:
        piece = _piece(item, frame, signed)
        own = _unit_of(item)
        is_apart = all(piece.first > p.last or piece.last < p.first for p in pieces)
        if unit in (None, own) and is_apart:
            unit = own
            pieces.append(piece)
        else:
            names.append(f"{item.get('LUTLabel') or 'another'} ({own or 'no unit'})")
    return RealWorld(tuple(pieces), unit or "", tuple(names))


def _piece(item: Any, frame: Frame, signed: bool) -> Piece:
    first, last = _ends(item, signed)
    table = item.get("RealWorldValueLUTData")
    if table is not None:
        values = np.atleast_1d(np.asarray(table, dtype=np.float64))
        if not (np.isfinite([first, last]).all() and len(values) == last - first + 1):
            why = f"its table has {len(values)} values for stored ones from {first:g} to {last:g}"
            raise _refusal(frame, why)
        return Piece(first, last, table=values)
    slope, intercept = item.get("RealWorldValueSlope"), item.get("RealWorldValueIntercept")
    if slope is None or intercept is None:
        raise _refusal(frame, "its RealWorldValueMappingSequence has neither slope nor table")
    scale = float(slope), float(intercept)
    if not np.isfinite(scale).all() or scale[0] == 0:
        raise _refusal(frame, f"its real-world slope and intercept are {scale[0]:g}, {scale[1]:g}")
    return Piece(first, last, scale)


def _ends(item: Any, signed: bool) -> tuple[float, float]:
    """Return the first and last stored value that a mapping is for, infinite where not said."""
    ends = []
    for which, beyond in (("First", -np.inf), ("Last", np.inf)):
        name = f"RealWorldValue{which}ValueMapped"
        said = item.get(name)
        said = item.get(f"DoubleFloat{name}") if said is None else said
        if isinstance(said, bytes):
            # US or SS, which implicit files leave open. PS3.5 Annex A.1.
            said = int.from_bytes(said, "little", signed=signed)
        ends.append(beyond if said is None else float(said))
    return ends[0], ends[1]


def _unit_of(item: Any) -> str:
    codes = item.get("MeasurementUnitsCodeSequence")
    if not codes:
        return ""
    code, meaning = (str(codes[0].get(k) or "") for k in ("CodeValue", "CodeMeaning"))
    if str(codes[0].get("CodingSchemeDesignator") or "UCUM") != "UCUM":
        return meaning or code
    return _UNITS.get(code, code)


def described(mappings: Iterable[RealWorld]) -> str:
    """Return how stored values become real-world ones, in words."""
    distinct = list(dict.fromkeys(mappings))
    scales = list(dict.fromkeys(mapping.scale for mapping in distinct))
    if None in scales:
        how = f"by table or in {len(distinct[0].pieces)} ranges, NaN outside"
    elif len(scales) > 1:
        how = "slope and intercept of each image"
    else:
        slope, intercept = scales[0]  # type: ignore[misc]
        how = f"stored · {slope:g} + {intercept:g}"
    others = dict.fromkeys(name for mapping in distinct for name in mapping.others)
    also = f"; the file also maps to {', '.join(others)}" if others else ""
    return f"real-world values (RealWorldValueMappingSequence): {how}{also}"
