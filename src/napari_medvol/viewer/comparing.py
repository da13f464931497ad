"""How an overlay and its reference are compared."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_medvol.affines import Affine, zooms
from napari_medvol.errors import LayerError
from napari_medvol.viewer.shown import record_of
from napari_medvol.views.comparisons import Checkered, Difference, Swiped

if TYPE_CHECKING:
    from napari.layers import Layer

Mode = Literal["overlay", "blink", "checkerboard", "swipe", "difference"]

MODES: Final[tuple[Mode, ...]] = ("overlay", "blink", "checkerboard", "swipe", "difference")

#: mm. No field of a chessboard is larger.
_LARGEST_TILE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an overlay is shown with its reference.

    Parameters
    ----------
    mode : {"overlay", "blink", "checkerboard", "swipe", "difference"}
        Blink is an overlay that comes and goes; who shows it, lets it.
    tile : float
        Side of a field of the chessboard, mm.
    share : float
        Where the edge of a wipe lies, 0 to 1, from the left or from the top.
    is_vertical : bool
        The edge of a wipe is vertical.
    reach : float, optional
        Differences of this size have the strongest colour.

    Raises
    ------
    LayerError
        If the mode is unknown, or a number is none or out of its range.
    """

    mode: Mode = "overlay"
    tile: float = 30.0
    share: float = 0.5
    is_vertical: bool = True
    reach: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise LayerError(
                f"comparison {self.mode!r}", "is unknown", f"There are {', '.join(MODES)}"
            )
        _check_number("tile", self.tile, 0 < _number(self.tile) <= _LARGEST_TILE, "mm above 0")
        _check_number("share", self.share, 0 <= _number(self.share) <= 1, "a number from 0 to 1")
        if self.reach is not None:
            is_size = 0 < _number(self.reach) < np.inf
            _check_number("reach", self.reach, is_size, "a number above 0")


def _number(value: Any) -> float:
    """Return a number, NaN for what is none: no comparison with it holds."""
    return float(value) if isinstance(value, Real) else np.nan


def _check_number(name: str, value: Any, is_good: bool, wanted: str) -> None:
    if not is_good:
        raise LayerError(f"{name} of a comparison", f"{value!r} is not {wanted}", f"Give {wanted}")


def compared(
    data: Any, comparison: Comparison, affine: Affine, n_extra: int, reference: Layer
) -> Any:
    """Return what 2-D shows of an overlay, lazily.

    Parameters
    ----------
    data : array
        (… extra axes, z, y, x, colour), on the grid of the reference.
    comparison : Comparison
    affine : (4, 4) array
        Of that grid.
    n_extra : int
        Axes before z, y, x.
    reference : Layer

    Raises
    ------
    LayerError
        If a difference is asked for that there is not.
    """
    if comparison.mode == "checkerboard":
        z, y, x = (round(comparison.tile / zoom) for zoom in zooms(affine))
        return Checkered(data, (z, y, x), n_extra)
    if comparison.mode == "swipe":
        return Swiped(data, comparison.share, comparison.is_vertical, n_extra)
    if comparison.mode == "difference":
        return _difference(data, reference)
    return data


def _difference(data: Any, reference: Layer) -> Difference:
    record = record_of(reference)
    face = None if record is None else record.current(reference.data)
    below = reference.data if record is None or face is None else record.face(2).data
    if data.dtype.kind != "f" or np.dtype(below.dtype).kind not in "biuf":
        raise LayerError("difference", "is of numbers only, no labels and no colours", "Use swipe")
    try:
        return Difference(data, below)
    except ValueError as error:
        raise LayerError(
            "difference",
            f"the reference has the shape {tuple(below.shape)}, the overlay {tuple(data.shape)}",
            "Make the one with frames the overlay",
        ) from error


def usual_reach(difference: Any) -> float:
    """Return a good range for a difference: the 99th percentile of the sizes in its middle."""
    n = len(difference.shape) - 3
    middle = (*(0 for _ in range(n)), difference.shape[n] // 2)
    sizes = np.abs(np.asarray(difference[middle]))
    sizes = sizes[np.isfinite(sizes)]
    found = float(np.percentile(sizes, 99)) if sizes.size else 0.0
    return found if found > 0 else 1.0
