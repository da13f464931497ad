"""The one noun: a frozen scan with its place in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import StepError
from napari_medvol.report import GeometryReport

Kind = Literal["image", "labels"]
Data = NDArray[Any] | LazyArray


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the data after i, j, k.

    Parameters
    ----------
    name : str
        ``"t"``, ``"echo"``, ``"b"``, ``"rgb"`` (colour samples, always the last axis), …
    step, start : float
        Spacing and first coordinate, in `unit`.
    unit : str
        ``"s"``, ``"ms"``, ``"Hz"``, …; empty for a count.
    values : tuple, optional
        One entry per index where the axis is not evenly spaced or has names.
    """

    name: str
    step: float = 1.0
    unit: str = ""
    start: float = 0.0
    values: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation and its parameters: the unit of history, recipe and batch."""

    op: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    def __reduce__(self) -> tuple[type[Step], tuple[str, dict[str, Any]]]:
        """Pickle through a plain dict: a mapping proxy does not pickle."""
        return Step, (self.op, dict(self.params))


class Label(NamedTuple):
    """What a value of a labels volume stands for. `color` is RGBA, 0 to 1, or None."""

    value: int
    name: str
    color: tuple[float, float, float, float] | None = None


class Contour(NamedTuple):
    """An outline of a region.

    Parameters
    ----------
    value : int
        Label that it belongs to.
    kind : str
        Contour Geometric Type (3006,0042): ``"CLOSED_PLANAR"``, ``"POINT"``, …
    points : (n, 3) array
        RAS+ mm.
    """

    value: int
    kind: str
    points: NDArray[np.float64]


class Field(NamedTuple):
    """One row of a header, for people."""

    group: str
    name: str
    value: str
    unit: str = ""


class Window(NamedTuple):
    """A display range offered by the file: centre ± width / 2 (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    explanation: str = ""
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True)
class Display:
    """What the file says about showing it. Values are never changed by it.

    Parameters
    ----------
    windows : tuple of Window
    limits : (float, float) or None
        Display range as lowest and highest value (NIfTI ``cal_min``, ``cal_max``).
    padding : (float, float) or None
        Inclusive range of values that are no tissue, in the unit of the data
        (Pixel Padding Value (0028,0120), Pixel Padding Range Limit (0028,0121)).
    colormap : str
        A suggested colormap, or empty.
    inverted : bool
        Small values are bright: MONOCHROME1 (PS3.3 C.7.6.3.1.2).
    diverging : bool
        Values are a statistic around zero.
    """

    windows: tuple[Window, ...] = ()
    limits: tuple[float, float] | None = None
    padding: tuple[float, float] | None = None
    colormap: str = ""
    inverted: bool = False
    diverging: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A scan: voxels, their place in millimetres, and everything the file said.

    Parameters
    ----------
    data : array
        Indexed (i, j, k) and then `axes`; numpy or :class:`~napari_medvol.arrays.LazyArray`.
        Real values: rescale slope and intercept are applied.
    affine : (4, 4) array_like
        Voxel index (i, j, k), centre, to RAS+ mm. Kept read-only.
    axes : tuple of Axis
        One per axis of `data` after the third.
    kind : {"image", "labels"}
    unit : str
        Unit of the values: ``"HU"``, ``"Bq/ml"``, …
    labels : tuple of Label
    contours : tuple of Contour
        The outlines that labels were drawn with (RT structure sets).
    display : Display
    frame_of_reference : str or None
        Frame of Reference UID (0020,0052); the same UID is the same world.
    header : tuple of Field
        For people.
    native : object
        The format's own header; only its own format module opens it.
    name : str
    history : tuple of Step
    report : GeometryReport
    rest : three floats
        What float64 does not hold of the affine's last column after the axes were turned, mm:
        far below any voxel, but turned back every bit is as it was. Gone with the affine.

    Raises
    ------
    GeometryError
        If the affine is singular or not finite.
    ValueError
        If `data` has fewer than three axes, or `axes` does not name the rest.
    """

    data: Data
    affine: Affine
    axes: tuple[Axis, ...] = ()
    kind: Kind = "image"
    unit: str = ""
    labels: tuple[Label, ...] = ()
    contours: tuple[Contour, ...] = ()
    display: Display = field(default_factory=Display)
    frame_of_reference: str | None = None
    header: tuple[Field, ...] = ()
    native: Any = None
    name: str = ""
    history: tuple[Step, ...] = ()
    report: GeometryReport = field(default_factory=GeometryReport)
    rest: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "affine", affines.checked_affine(self.affine, self.name or "volume")
        )
        if self.data.ndim < 3:
            raise ValueError(f"data has {self.data.ndim} axes, a Volume needs at least i, j, k")
        if len(self.axes) != self.data.ndim - 3:
            raise ValueError(
                f"data of shape {self.data.shape} needs {self.data.ndim - 3} extra axes,"
                f" {len(self.axes)} are named"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (i, j, k, …) of the data."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values in memory."""
        return np.dtype(self.data.dtype)

    @property
    def zooms(self) -> tuple[float, ...]:
        """Voxel sizes along i, j, k in mm, then the step of each extra axis but colour."""
        extra = [float(axis.step) for axis in self.axes if axis.name != "rgb"]
        return (*(float(z) for z in affines.zooms(self.affine)), *extra)

    @property
    def axcodes(self) -> str:
        """Letters of the positive end of each voxel axis, such as ``"LPS"``."""
        return affines.axcodes(self.affine)

    @property
    def obliquity(self) -> float:
        """Largest angle of a voxel axis to its nearest world axis, degrees."""
        return float(affines.obliquity(self.affine).max())

    @property
    def is_rgb(self) -> bool:
        """Whether the last axis holds colour samples."""
        return bool(self.axes) and self.axes[-1].name == "rgb"

    def said(self, name: str) -> str:
        """Return what the header says under a name, such as a DICOM keyword; else nothing."""
        return next((row.value for row in self.header if row.name == name), "")

    def derive(self, step: Step, **changes: Any) -> Self:
        """Return the next volume: `changes` applied, `step` added to the history."""
        if "affine" in changes:
            changes.setdefault("rest", (0.0, 0.0, 0.0))
        return replace(self, history=(*self.history, step), **changes)

    def __repr__(self) -> str:
        """Short enough for a list of volumes."""
        sizes = "×".join(f"{z:g}" for z in self.zooms)
        return f"<Volume {self.name!r} {self.shape} {self.dtype} {sizes} {self.axcodes}>"


def like(volume: Volume, data: ArrayLike, *, kind: Kind | None = None, name: str = "") -> Volume:
    """Return new voxels in the space of a volume, its header kept.

    Parameters
    ----------
    volume : Volume
    data : array
        (i, j, k, extra axes …, colour), of the volume's shape along i, j, k. Extra axes and
        colour may be left out; an axis of another length keeps its step, and has no values of
        its own.
    kind : {"image", "labels"}, optional
        That of the volume by default. Of another kind, neither unit, names of labels nor
        windows stay.
    name : str
        That of the volume by default.

    Returns
    -------
    Volume
        Its history has the step ``edit``: nobody knows how the values were made.

    Raises
    ------
    StepError
        If the shape is another.
    """
    values: Data = data if isinstance(data, LazyArray) else np.asarray(data)
    what = f"like {volume.name!r}"
    if values.shape[:3] != volume.shape[:3] or values.ndim < 3:
        raise StepError(
            what,
            f"the data have the shape {values.shape}, the scan has {volume.shape[:3]} voxels",
            "Give an array indexed (i, j, k), or resample the scan first",
        )
    kept = _axes_like(volume, values.shape[3:])
    if kept is None:
        raise StepError(
            what,
            f"the data have {values.ndim} axes, the scan has {volume.data.ndim}",
            "Leave out axes after i, j, k, or make a Volume of your own",
        )
    is_same = kind in (None, volume.kind)
    return volume.derive(
        Step("edit", {"like": volume.name}),
        data=values,
        axes=kept,
        kind=kind or volume.kind,
        unit=volume.unit if is_same else "",
        labels=volume.labels if is_same else (),
        contours=(),
        display=volume.display if is_same else Display(),
        name=name or volume.name,
    )


def _axes_like(volume: Volume, shape: tuple[int, ...]) -> tuple[Axis, ...] | None:
    """Return a volume's extra axes for data of another shape; None where none fit."""
    space = [axis for axis in volume.axes if axis.name != "rgb"]
    known: tuple[tuple[Axis, ...], ...] = (volume.axes, tuple(space), ())
    axes = next((one for one in known if len(one) == len(shape)), None)
    if axes is None or (axes and axes[-1].name == "rgb" and shape[-1] not in (3, 4)):
        return None
    lengths = zip(axes, shape, strict=True)
    return tuple(
        axis if axis.values is None or len(axis.values) == n else replace(axis, values=None)
        for axis, n in lengths
    )
