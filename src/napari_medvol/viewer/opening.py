"""Scans into a viewer, from a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_medvol.formats import read
from napari_medvol.viewer import notify
from napari_medvol.viewer.layers import LayerData, layer_data
from napari_medvol.viewer.oblique import follow
from napari_medvol.viewer.settings import oblique_setting
from napari_medvol.viewer.shown import Oblique
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

PathLike = str | os.PathLike[str]


def open(
    viewer: ViewerModel,
    path: PathLike | Sequence[PathLike],
    *,
    oblique: Oblique | None = None,
    **choices: Any,
) -> list[Layer]:
    """Read every scan at `path` and show it: the first visible, the others hidden.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
    path : path or sequence of paths
        A file, a folder, or files that belong together.
    oblique : {"resample", "native"}, optional
        How a volume that lies askew is drawn in 2-D; by default as the settings say.
    **choices
        As :func:`napari_medvol.read` takes them.

    Returns
    -------
    list of Layer
    """
    return show(viewer, read(path, **choices), oblique=oblique)


def show(
    viewer: ViewerModel, volumes: Sequence[Volume], *, oblique: Oblique | None = None
) -> list[Layer]:
    """Add one layer a volume (two for complex values) to `viewer`; the first is visible."""
    from napari.layers import Layer

    follow(viewer)
    layers = [Layer.create(*one) for one in layers_of(volumes, oblique=oblique)]
    for layer in layers:
        viewer.add_layer(layer)
    return layers


def layers_of(volumes: Sequence[Volume], *, oblique: Oblique | None = None) -> list[LayerData]:
    """Return layer data of `volumes`, the first visible, and tell what was found odd."""
    how = oblique or oblique_setting()
    made: list[LayerData] = []
    for number, volume in enumerate(volumes):
        notify.leave_bad_planes_blank(volume)
        made += layer_data(volume, oblique=how, visible=number == 0)
    notify.warn_of_findings(volumes)
    return made
