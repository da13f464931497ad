"""Voxels as one block, i fastest: how NIfTI, MGH and Analyze keep them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.copying import contiguous
from napari_medvol.formats.row import Progress
from napari_medvol.formats.saving.compressed import Write
from napari_medvol.formats.saving.encoding import Encoding
from napari_medvol.formats.saving.slabs import slabs
from napari_medvol.volume import Volume


def put_voxels(
    volume: Volume, encoding: Encoding, put: Write, progress: Progress, byte_order: str = "<"
) -> None:
    """Write every voxel: colours first, then i, j, k and the extra axes.

    Parameters
    ----------
    volume : Volume
    encoding : Encoding
    put : callable
        Takes bytes, in order.
    progress : callable
        Told of planes.
    byte_order : {"<", ">"}
    """
    done, total = 0, prod(volume.shape[2 : len(volume.shape) - volume.is_rgb])
    stored_as = encoding.dtype.newbyteorder(byte_order)  # type: ignore[arg-type]
    for _, values in slabs(volume):
        progress(done, total)
        put(_in_file_order(encoding.stored(values).astype(stored_as, copy=False)))
        done += values.shape[2]


def _in_file_order(stored: NDArray[Any]) -> memoryview:
    order = (2, 1, 0, 3)[: stored.ndim]
    return contiguous(stored.transpose(order)).reshape(-1).view(np.uint8).data
