"""napari's way in: a path to layer data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_medvol.formats import holds_a_scan

if TYPE_CHECKING:
    from napari_medvol.viewer.layers import LayerData

Paths = str | list[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return :func:`read_layers` if a scan is there, else None. Cheap: looks, does not read."""
    places = [path] if isinstance(path, str) else path
    return read_layers if any(holds_a_scan(place) for place in places) else None


def read_layers(path: Paths) -> list[LayerData]:
    """Return layer data of every volume at `path`, the first visible, the others hidden."""
    from napari_medvol.formats import read
    from napari_medvol.viewer.opening import layers_of

    return layers_of(read(path))
