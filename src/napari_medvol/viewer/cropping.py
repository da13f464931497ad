"""Layers cropped to a box: new layers at the same place, their header and history kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.errors import StepError
from napari_medvol.ops import apply
from napari_medvol.viewer.derived import show_results
from napari_medvol.viewer.parts import one_a_scan
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.views.boxes import Box, box_of, box_within, checked, region_of
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def crop_layers(
    viewer: ViewerModel,
    layers: Sequence[Layer],
    start: Sequence[int] | None = None,
    stop: Sequence[int] | None = None,
    *,
    region: Affine | None = None,
    copy: bool = False,
    hide: bool = False,
) -> list[Layer]:
    """Add the crop of each layer as a new layer; every voxel stays where it is in the patient.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layers : sequence of Layer
        Images and labels.
    start, stop : three ints, optional
        Half-open box of native voxels (i, j, k) of the **first** layer. Every other layer is
        cropped to the box of its own voxels that holds all whose centres are in the same part
        of the patient: of a grid that is turned against the first, more around the corners.
        No value is interpolated.
    region : (4, 4) array, optional
        That part instead: the unit cube to RAS+ mm, as
        :func:`~napari_medvol.views.boxes.region_between` and
        :func:`~napari_medvol.views.boxes.region_of` give it.
    copy : bool
        Whether images get voxels of their own; else they are a view of the source. Labels,
        which can be painted, always have their own.
    hide : bool
        Whether the source layers are hidden.

    Returns
    -------
    list of Layer
        In the order of `layers`; two of a complex scan. One undo takes them all away.

    Raises
    ------
    StepError
        If there is no layer or no box, or the box is empty or outside one of them. Then
        nothing is added.
    LayerError
        If a layer holds no voxels.
    """
    if not layers:
        raise StepError("crop", "no layer was chosen", "Open a scan, or select layers")
    layers = one_a_scan(viewer, layers)
    volumes = [volume_of(layer) for layer in layers]
    boxes = boxes_of(volumes, start, stop, region)
    cropped = [_cropped(v, box, copy) for v, box in zip(volumes, boxes, strict=True)]
    made_of = [(layer, [volume]) for layer, volume in zip(layers, cropped, strict=True)]
    return show_results(viewer, made_of, hide=hide, on_top=True, said="cropped")


def boxes_of(
    volumes: Sequence[Volume],
    start: Sequence[int] | None = None,
    stop: Sequence[int] | None = None,
    region: Affine | None = None,
) -> list[Box]:
    """Return the box that each volume is cropped to: see :func:`crop_layers`.

    Raises
    ------
    StepError
        As there.
    """
    first = volumes[0]
    if region is None:
        if start is None or stop is None:
            raise StepError("crop", "there is no box", "Give start and stop, or a region")
        box = checked(first, box_of(start, stop))
        region = region_of(first.affine, box)
        return [box, *(_within(volume, region) for volume in volumes[1:])]
    return [_within(volume, region) for volume in volumes]


def _within(volume: Volume, region: Affine) -> Box:
    return box_within(volume.affine, volume.shape, region, volume.name or "layer")


def _cropped(volume: Volume, box: Box, copy: bool) -> Volume:
    made = apply(volume, [Step("crop", {"start": box.start, "stop": box.stop})])
    if not copy:
        return made
    own: Any = np.array(made.data, copy=True)
    return replace(made, data=own)
