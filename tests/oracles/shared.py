"""What the shared checker of real scans wants of a reader: ``tests.oracles.shared:load``.

The checker (``check_geometry.py`` beside the real scans) asks for an array, an affine to RAS+ mm
and a dict, and compares the values at points in the world with those that it knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_medvol
from napari_medvol.volume import Volume

Loaded = tuple[NDArray[Any], NDArray[np.float64], dict[str, str]]


def load(path: str) -> list[Loaded]:
    """Return the volumes of a file or folder as the checker wants them."""
    return [_loaded(volume) for volume in napari_medvol.read(path)]


def _loaded(volume: Volume) -> Loaded:
    modality = next((f.value for f in volume.header if f.name == "Modality"), "")
    return (
        np.array(volume.data),
        np.array(volume.affine),
        {"modality": modality, "name": volume.name},
    )
