"""A colormap: which colour stands for which share of a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.errors import MedVolError


class Stop(NamedTuple):
    """A control point: `position` from 0 to 1 along the range, RGBA from 0 to 1."""

    position: float
    red: float
    green: float
    blue: float
    alpha: float = 1.0


@dataclass(frozen=True, slots=True)
class Colormap:
    """Colours between control points, interpolated linearly, alpha included.

    Parameters
    ----------
    name : str
    stops : tuple of Stop
        Positions ascend from 0 to 1. Two stops at one position make a step.
    limits : (float, float) or None
        The values that 0 and 1 stand for, where the file that it came from says so.

    Raises
    ------
    MedVolError
        If there are fewer than two stops, positions do not ascend from 0 to 1, or a colour is
        not within 0 to 1.
    """

    name: str
    stops: tuple[Stop, ...]
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        why = _fault(self.stops)
        if why:
            raise MedVolError(
                f"colormap {self.name!r}",
                why,
                "Give at least two points with positions from 0 to 1 and colours from 0 to 1",
            )

    def colors(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return RGBA, (…, 4), for shares of the range; beyond its ends, the ends' colour.

        At a step, the colour above it.
        """
        table = np.array(self.stops)
        at = np.clip(np.asarray(shares, dtype=np.float64), 0, 1)
        above = np.clip(np.searchsorted(table[:, 0], at, side="right"), 1, len(table) - 1)
        low, high = table[above - 1], table[above]
        width = high[..., 0] - low[..., 0]
        weight = np.where(width > 0, (at - low[..., 0]) / np.where(width > 0, width, 1), 1.0)
        weight = np.clip(weight, 0, 1)[..., np.newaxis]
        return low[..., 1:] * (1 - weight) + high[..., 1:] * weight

    def reversed(self) -> Colormap:
        """Return the colormap from its other end."""
        stops = tuple(Stop(1 - stop.position, *stop[1:]) for stop in self.stops[::-1])
        return Colormap(f"{self.name}_r", stops)


def colormap_of(name: str, colors: ArrayLike) -> Colormap:
    """Return the colormap whose evenly spaced stops have `colors`, (n, 3) or (n, 4), 0 to 1."""
    table = np.asarray(colors, dtype=np.float64)
    positions = np.linspace(0, 1, len(table))
    stops = (
        Stop(float(p), *(float(v) for v in row)) for p, row in zip(positions, table, strict=True)
    )
    return Colormap(name, tuple(stops))


def _fault(stops: Sequence[Stop]) -> str:
    if len(stops) < 2:
        return f"it has {len(stops)} points"
    table = np.array(stops, dtype=np.float64)
    if not np.isfinite(table).all():
        return "it holds values that are not finite"
    positions = table[:, 0]
    if positions[0] != 0 or positions[-1] != 1 or (np.diff(positions) < 0).any():
        return f"its positions do not ascend from 0 to 1: {_shortly(positions)}"
    if table[:, 1:].min() < 0 or table[:, 1:].max() > 1:
        low, high = table[:, 1:].min(), table[:, 1:].max()
        return f"its colours reach from {low:g} to {high:g}"
    return ""


def _shortly(positions: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{p:g}" for p in positions[:8])
    return shown if len(positions) <= 8 else f"{shown}, …"
