"""What changes over the slices of a scan, as curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.headers import Varying
from napari_medvol.table import Table
from napari_medvol.volume import Volume

_TIME: Final = re.compile(r"(\d{2})(\d{2})(\d{2}(?:\.\d+)?)")
_MOMENT: Final = re.compile(r"\d{8}(\d{2})(\d{2})(\d{2}(?:\.\d+)?)(?:[+-]\d{4})?")


class Curve(NamedTuple):
    """Numbers along the planes of a scan.

    Parameters
    ----------
    label : str
        Which of several values of an element; empty where there is one.
    values : (n,) array
        NaN where the plane's header lacks the element.
    unit : str
    """

    label: str
    values: NDArray[np.float64]
    unit: str = ""


def placed(volume: Volume) -> tuple[Varying, ...]:
    """Return what is known of the planes without their headers: places, axes with values."""
    rows = [row for row in volume.report.slices if row.file]
    planes = tuple(row.plane for row in rows)
    found = []
    positions = tuple(f"{row.position:.6g}" if isfinite(row.position) else None for row in rows)
    if len(set(positions)) > 1:
        found.append(Varying("position along the slice normal", positions, planes, unit="mm"))
    # A millionth of a millimetre is noise of the arithmetic.
    residuals = tuple(f"{round(row.residual, 6):g}" for row in rows)
    if len(set(residuals)) > 1:
        found.append(Varying("distance from the even grid", residuals, planes, unit="mm"))
    for number, axis in enumerate(a for a in volume.axes if a.name != "rgb"):
        if axis.values is not None and len(set(map(str, axis.values))) > 1:
            before = (0,) * (1 + number)
            at = tuple((*before, n) for n in range(len(axis.values)))
            texts = tuple(_text(value) for value in axis.values)
            found.append(Varying(f"axis {axis.name}", texts, at, unit=axis.unit))
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return "\\".join(_text(v) for v in value)
    return str(value)


def curves(varying: Varying) -> tuple[Curve, ...]:
    """Return an element as curves: one a value that changes; none where they are no numbers.

    Times of day (DICOM TM, DT) are seconds after midnight.
    """
    split = [None if text is None else text.split("\\") for text in varying.values]
    n_values = max((len(parts) for parts in split if parts is not None), default=0)
    is_time = varying.name.rpartition(" > ")[2].split(" ")[0].endswith(("Time", "DateTime"))
    found = []
    for n in range(n_values):
        texts = [None if p is None or n >= len(p) else p[n] for p in split]
        numbers = _numbers(texts, is_time)
        if numbers is not None and len(np.unique(numbers[np.isfinite(numbers)])) > 1:
            label = str(n + 1) if n_values > 1 else ""
            unit = "s after midnight" if is_time and _are_times(texts) else varying.unit
            found.append(Curve(label, numbers, unit))
    return tuple(found)


def _are_times(texts: Sequence[str | None]) -> bool:
    given = [text.strip() for text in texts if text is not None and text.strip()]
    return all(_TIME.fullmatch(text) or _MOMENT.fullmatch(text) for text in given)


def _numbers(texts: Sequence[str | None], is_time: bool) -> NDArray[np.float64] | None:
    """Return texts as numbers, or None if one of them is none."""
    as_times = is_time and _are_times(texts)
    numbers = np.full(len(texts), np.nan)
    for n, text in enumerate(texts):
        if text is None or not text.strip():
            continue
        number = _seconds(text.strip()) if as_times else _number(text)
        if number is None:
            return None
        numbers[n] = number
    return numbers


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    match = _TIME.fullmatch(text) or _MOMENT.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def varying_table(found: Sequence[Varying]) -> Table:
    """Return one row a plane and one column an element."""
    planes = sorted(
        {plane for one in found for plane in one.planes}, key=lambda p: (*p[:0:-1], p[0])
    )
    columns = [f"{one.name} ({one.unit})" if one.unit else one.name for one in found]
    lookups = [dict(zip(one.planes, one.values, strict=True)) for one in found]
    rows = tuple(
        (" ".join(map(str, plane)), *(lookup.get(plane) for lookup in lookups)) for plane in planes
    )
    return Table(("plane", *columns), rows)
