"""The one door between patient space and napari's world.

napari's world is IPL mm: axis order (z, y, x) = −(S, A, R). It is the one axis-aligned choice
that is the right way up in axial, coronal and sagittal and un-mirrored in 3-D with napari's
own camera. Patient space is RAS+ mm. No sign is flipped anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol import affines, arrays
from napari_medvol.affines import Affine
from napari_medvol.volume import Axis, Volume

if TYPE_CHECKING:
    from napari.layers import Layer

Matrix = NDArray[np.float64]

_REVERSE: Final = np.eye(4)[[2, 1, 0, 3]]

#: RAS+ (x, y, z) -> IPL (z, y, x) = −(S, A, R). Its own inverse.
_TO_VIEWER: Final = np.diag([-1.0, -1.0, -1.0, 1.0]) @ _REVERSE
_TO_VIEWER.flags.writeable = False

#: What a viewer's axis increases towards, as RAS+ signs: every one runs against R, A, S.
_SENSE: Final = -1


def to_viewer(affine: Affine) -> Affine:
    """Return (k, j, i) to IPL (z, y, x) for an affine from (i, j, k) to RAS+."""
    return _TO_VIEWER @ affine @ _REVERSE


def from_viewer(affine: Affine) -> Affine:
    """Return (i, j, k) to RAS+ for an affine from (k, j, i) to IPL (z, y, x)."""
    return _TO_VIEWER @ affine @ _REVERSE


def ras_motion(motion: Matrix) -> Affine:
    """Return a motion within IPL mm as the same motion within RAS+ mm."""
    return _TO_VIEWER @ motion @ _TO_VIEWER


@dataclass(frozen=True, slots=True)
class Turn:
    """How a volume's axes are permuted and flipped to lie along napari's.

    Parameters
    ----------
    order : three ints
        ``order[w]`` is the axis of the volume that runs along world axis `w` (x, y, z).
    signs : three ints
        −1 where that axis of the **volume** has to be reversed.
    n_extra : int
        Axes that are neither space nor colour.
    """

    order: tuple[int, int, int]
    signs: tuple[int, int, int]
    n_extra: int

    def forward(self, data: Any) -> Any:
        """Return (i, j, k, extra …, colour) as (… extra, z, y, x, colour): a view."""
        for axis, sign in enumerate(self.signs):
            data = arrays.flip(data, axis) if sign < 0 else data
        return arrays.transpose(data, self._axes(data.ndim))

    def back(self, data: Any) -> Any:
        """Return (… extra, z, y, x, colour) as (i, j, k, extra …, colour): a view."""
        data = arrays.transpose(data, np.argsort(self._axes(data.ndim)).tolist())
        for axis, sign in enumerate(self.signs):
            data = arrays.flip(data, axis) if sign < 0 else data
        return data

    def affine(self, volume: Volume) -> Affine:
        """Return the affine of the turned array: (k, j, i) to IPL mm."""
        return to_viewer(affines.reoriented(volume.affine, volume.shape, self.order, self.signs))

    def affine_back(self, affine: Affine, shape: Sequence[int]) -> Affine:
        """Return RAS+ affine of the array that :meth:`back` gives, of shape `shape`.

        Parameters
        ----------
        affine : (4, 4) array
            Of the turned array: (z, y, x) to IPL mm.
        shape : ints
            Shape (i, j, k, …) after :meth:`back`.
        """
        turned = affines.reoriented(np.eye(4), shape, self.order, self.signs)
        return from_viewer(affine) @ np.linalg.inv(turned)

    def _axes(self, ndim: int) -> list[int]:
        extra = range(3, 3 + self.n_extra)
        return [*extra[::-1], *self.order[::-1], *range(3 + self.n_extra, ndim)]


def turn_of(volume: Volume) -> Turn:
    """Return the permutation and flips after which indices increase along I, P and L."""
    axes = affines.orientation(volume.affine)
    order = np.argsort(axes[:, 0])
    signs = np.where(axes[:, 1] == _SENSE, 1, -1)
    return Turn(
        (int(order[0]), int(order[1]), int(order[2])),
        (int(signs[0]), int(signs[1]), int(signs[2])),
        len(volume.axes) - volume.is_rgb,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One way of showing a volume: an array and where it lies.

    Parameters
    ----------
    data : array
        (… extra axes, z, y, x, colour).
    affine : (4, 4) array
        Index (z, y, x), voxel centre, to IPL mm.
    leading : tuple of (float, float)
        Step and start of each extra axis, first axis of `data` first.
    """

    data: Any
    affine: Affine
    leading: tuple[tuple[float, float], ...] = ()

    @property
    def matrix(self) -> Matrix:
        """Data to world of every axis, (n + 1, n + 1)."""
        n = len(self.leading)
        full = np.eye(n + 4)
        full[n:, n:] = self.affine
        for axis, (step, start) in enumerate(self.leading):
            full[axis, axis], full[axis, -1] = step, start
        return full

    @property
    def transforms(self) -> dict[str, Any]:
        """What napari is told: scale, translate, and an affine for what remains."""
        return transforms(self.matrix)


def transforms(matrix: Matrix) -> dict[str, Any]:
    """Return napari's ``scale``, ``translate`` and ``affine`` for a data-to-world matrix.

    Parameters
    ----------
    matrix : (n + 1, n + 1) array

    Returns
    -------
    dict
        ``affine`` is exactly the identity where nothing but scale and translation is left.
    """
    scale = np.sqrt((matrix[:-1, :-1] ** 2).sum(axis=0))
    translate = matrix[:-1, -1]
    rest = np.eye(len(matrix))
    rest[:-1, :-1] = matrix[:-1, :-1] / scale
    # napari applies the affine after the translation, which is in world already.
    rest[:-1, -1] = translate - rest[:-1, :-1] @ translate
    return {"scale": tuple(scale), "translate": tuple(translate), "affine": rest}


def in_viewer_order(volume: Volume) -> Face:
    """Return the native voxels along napari's axes, as a view: lazy stays lazy."""
    turn = turn_of(volume)
    extra = [axis for axis in volume.axes if axis.name != "rgb"]
    leading = tuple(
        (axis.step if axis.step > 0 and np.isfinite(axis.step) else 1.0, axis.start)
        for axis in extra[::-1]
    )
    return Face(turn.forward(volume.data), turn.affine(volume), leading)


def axis_units(axis: Axis) -> str:
    """Return the unit of an extra axis as napari accepts it: ``"pixel"`` where it has none."""
    import pint

    if not axis.unit:
        return "pixel"
    registry = pint.get_application_registry()
    try:
        registry.parse_expression(axis.unit).units  # noqa: B018 - raises where pint knows it not
    except (pint.errors.PintError, AttributeError, ValueError):
        return "pixel"
    return axis.unit


def matrix_of(layer: Layer) -> Matrix:
    """Return a layer's data-to-world matrix, (n + 1, n + 1), in the layer's own units."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), dtype=np.float64)
    full = np.eye(layer.ndim + 1)
    full[:-1, -1] = origin
    for axis, unit_step in enumerate(np.eye(layer.ndim)):
        full[:-1, axis] = layer.data_to_world(unit_step) - origin
    return full


def millimetres(units: Sequence[Any] | None) -> Matrix:
    """Return mm per unit of the last three axes; what has no length counts as mm.

    Parameters
    ----------
    units : sequence of pint.Unit, or None
        As ``layer.units`` and ``viewer.dims.units`` give them. napari makes the world of a
        viewer with a mm and a µm layer one of µm, so mm can never be assumed.
    """
    if units is None:
        return np.ones(3)
    return np.array([_millimetres(unit) for unit in units[-3:]])


@cache
def _millimetres(unit: Any) -> float:
    import pint

    try:
        return float(pint.get_application_registry().Quantity(1.0, unit).to("mm").magnitude)
    except pint.DimensionalityError:
        return 1.0


def ras_of_ipl(points: ArrayLike) -> Matrix:
    """Return RAS+ mm of points (…, 3) given as (z, y, x) in IPL mm."""
    return affines.apply_affine(_TO_VIEWER, points)


def ipl_of_ras(points: ArrayLike) -> Matrix:
    """Return (z, y, x) in IPL mm of points (…, 3) in RAS+ mm."""
    return affines.apply_affine(_TO_VIEWER, points)
