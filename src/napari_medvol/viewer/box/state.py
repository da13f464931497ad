"""The box of voxels that several views show and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_medvol.affines import Affine
from napari_medvol.viewer.coordinates import millimetres, ras_of_ipl
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.views.boxes import Box, whole

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class CropBox:
    """A box of the native voxels of one layer.

    Parameters
    ----------
    layer : Layer

    Attributes
    ----------
    changed : Signal
        Emitted when the box is another.

    Raises
    ------
    LayerError
        If the layer holds no voxels.
    """

    changed = Signal()

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        volume = volume_of(layer)
        self.name, self.shape, self.affine = volume.name, volume.shape, volume.affine
        self._box = whole(volume.shape)

    @property
    def box(self) -> Box:
        """The box; one that was typed may be empty or reach beyond the voxels."""
        return self._box

    @box.setter
    def box(self, box: Box) -> None:
        if box != self._box:
            self._box = box
            self.changed.emit()

    @property
    def is_empty(self) -> bool:
        """Whether no voxel is in it."""
        return min(self._box.shape) < 1

    def refresh(self) -> None:
        """Follow the layer to where it was moved."""
        self.affine = volume_of(self.layer).affine
        self.changed.emit()

    def to_world(self, viewer: ViewerModel) -> Affine:
        """Return voxel index (i, j, k) to what a viewer shows: (z, y, x), in its units."""
        return np.linalg.inv(self.to_index(viewer)).astype(np.float64)

    def to_index(self, viewer: ViewerModel) -> Affine:
        """Return what a viewer shows, (z, y, x) in its units, to voxel index (i, j, k)."""
        record = record_of(self.layer)
        to_ras = np.eye(4)
        to_ras[:3, 3] = ras_of_ipl(np.zeros(3))
        to_ras[:3, :3] = (ras_of_ipl(np.eye(3)) - to_ras[:3, 3]).T
        units = np.ones(3)
        found = millimetres(viewer.dims.units)
        units[3 - len(found) :] = found
        correction = np.eye(4) if record is None else record.correction
        index: Affine = np.linalg.inv(self.affine) @ to_ras @ correction @ np.diag([*units, 1.0])
        return index
