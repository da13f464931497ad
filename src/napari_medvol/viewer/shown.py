"""What a layer shows: the volume behind it, and the ways it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.viewer.coordinates import Face
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Layer

Oblique = Literal["resample", "native"]
Part = Literal["", "magnitude", "phase"]

_KEY: Final = "medvol"


@dataclass(frozen=True, slots=True, eq=False)
class Onto:
    """How a layer is drawn while it lies over another as an overlay.

    Parameters
    ----------
    flat : Face
        In 2-D: interpolated on the grid of the reference.
    solid : Face
        In 3-D: the layer's own voxels.
    correction : (4, 4) array
        IPL mm as the reference shows it to IPL mm as it is: see ``Shown.correction``.
    """

    flat: Face
    solid: Face
    correction: Affine


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The record that a layer carries in ``metadata["medvol"]``.

    Parameters
    ----------
    volume : Volume
        Native voxels, true affine. Complex volumes are behind two layers.
    native : Face
        The volume's own voxels at their true place.
    resliced : Face or None
        For an oblique volume, what 2-D shows: interpolated on a world-aligned grid.
    straight : Face or None
        For an oblique volume, its voxels turned about its centre onto the world's axes.
    oblique : {"resample", "native"}
        Which of those two is shown.
    snap : float
        How far the worst corner voxel was moved to make a tiny rotation exactly zero, mm.
    part : {"", "magnitude", "phase"}
        Which part of complex values.
    reach : (float, float) or None
        Ends of the contrast sliders; None for labels.
    limits : (float, float) or None
        Contrast limits that the layer began with: others are of the user's own.
    onto : Onto or None
        What is shown instead of all these while the layer is an overlay.
    """

    volume: Volume
    native: Face
    resliced: Face | None = None
    straight: Face | None = None
    oblique: Oblique = "resample"
    snap: float = 0.0
    part: Part = ""
    reach: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    onto: Onto | None = None

    @property
    def is_oblique(self) -> bool:
        """Whether the voxels lie askew, so that 2-D and 3-D need different faces."""
        return self.resliced is not None

    @property
    def is_straightened(self) -> bool:
        """Whether the layer shows the voxels turned away from their true place."""
        return self.straight is not None and self.oblique == "native" and self.onto is None

    @property
    def correction(self) -> Affine:
        """IPL mm as the layer shows it to IPL mm as it is: identity but for a turned volume."""
        if self.onto is not None:
            return self.onto.correction
        if self.straight is None or self.oblique != "native":
            return np.eye(4)
        return self.native.affine @ np.linalg.inv(self.straight.affine)

    def face(self, ndisplay: int = 2) -> Face:
        """Return what a viewer with `ndisplay` dimensions is to show."""
        if self.onto is not None:
            return self.onto.flat if ndisplay == 2 else self.onto.solid
        if self.straight is not None and self.oblique == "native":
            return self.straight
        if self.resliced is not None and ndisplay == 2:
            return self.resliced
        return self.native

    def current(self, data: Any) -> Face | None:
        """Return the face whose very array `data` is, or None: it was replaced."""
        faces = (self.face(2), self.face(3))
        return next((face for face in faces if face.data is data), None)

    def turned(self, oblique: Oblique) -> Shown:
        """Return the record with the other way of showing an oblique volume."""
        return replace(self, oblique=oblique)


def record_of(layer: Layer) -> Shown | None:
    """Return what a layer of ours shows, or None for a layer of somebody else."""
    record = layer.metadata.get(_KEY)
    return record if isinstance(record, Shown) else None


def metadata(record: Shown) -> dict[str, Any]:
    """Return the metadata of a layer that shows `record`."""
    return {_KEY: record}
