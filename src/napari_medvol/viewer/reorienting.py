"""Layers with other voxel axes, another of their header's matrices, or a mended header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medvol.errors import StepError
from napari_medvol.formats import read
from napari_medvol.formats.inspecting import forms
from napari_medvol.ops import apply
from napari_medvol.viewer.derived import show_result
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def reorient_layer(
    viewer: ViewerModel, layer: Layer, axcodes: str = "RAS", *, hide: bool = True
) -> Layer:
    """Add a layer whose voxel axes run towards `axcodes`; no voxel moves in the patient.

    Like all here, it hides the layer that it is made of, unless `hide` is false.

    Raises
    ------
    StepError
        If `axcodes` does not name each of the three directions once.
    LayerError
        If the layer holds no voxels.
    """
    made = apply(volume_of(layer), [Step("orient", {"axcodes": axcodes})])
    return _added(viewer, layer, made, made.axcodes, hide)


def relabel_layer(
    viewer: ViewerModel, layer: Layer, axcodes: str, keep: str = "centre", *, hide: bool = True
) -> Layer:
    """Add a layer whose axes are **said** to run towards `axcodes`: the patient turns.

    Raises
    ------
    StepError, LayerError
        As :func:`reorient_layer`.
    """
    made = apply(volume_of(layer), [Step("relabel", {"axcodes": axcodes, "keep": keep})])
    return _added(viewer, layer, made, f"relabelled {made.axcodes}", hide)


def place_by(viewer: ViewerModel, layer: Layer, form: str, *, hide: bool = True) -> Layer:
    """Add a layer that lies where another matrix of its header says; its steps are repeated.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Layer
        Of a NIfTI file.
    form : {"sform", "qform", "pixdim"}

    Raises
    ------
    StepError
        If the layer's header offers no such choice, or what was done to it cannot be repeated.
    ReadError
        If the file is gone, or the matrix is none.
    """
    volume = volume_of(layer)
    if not forms(volume) or not volume.report.files:
        raise StepError(
            f"{form} of {layer.name!r}",
            "its header has one matrix alone",
            "Choose a layer of a NIfTI file",
        )
    made = apply(_read_again(volume, form), volume.history)
    return _added(viewer, layer, made, f"by {form}", hide)


def forget_qform(viewer: ViewerModel, layer: Layer, *, hide: bool = True) -> Layer:
    """Add a layer whose header says that its qform is unknown; its numbers stay.

    Raises
    ------
    StepError
        As :func:`napari_medvol.ops.forget.forget_qform`.
    """
    made = apply(volume_of(layer), [Step("forget_qform")])
    return _added(viewer, layer, made, "without qform", hide)


def _added(viewer: ViewerModel, layer: Layer, made: Volume, said: str, hide: bool) -> Layer:
    """Add the result above all."""
    return show_result(viewer, layer, made, hide=hide, on_top=True, said=said)[0]


def _read_again(volume: Volume, form: str) -> Volume:
    found = read(list(volume.report.files), **{**dict(volume.report.asked), "form": form})
    return next((one for one in found if one.name == volume.name), found[0])
