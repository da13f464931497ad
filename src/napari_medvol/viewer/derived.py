"""What operations made of layers, as layers that look like those they came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from napari_medvol.ops import apply
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.histories import Deed, Result, perform
from napari_medvol.viewer.opening import layers_of
from napari_medvol.viewer.parts import parts_of
from napari_medvol.viewer.roles import role_of, set_role
from napari_medvol.viewer.shown import Part, record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: After these a value means what it meant, so contrast and colours still fit.
_SAME_VALUES: Final = frozenset(
    {
        "crop", "orient", "relabel", "move", "set_origin", "align_centres", "resample", "resize",
        "downsample", "world_aligned", "astype", "round_values", "clip", "frames", "frame",
        "slab", "edit",
    }
)  # fmt: skip
#: What a layer is called after an operation; others are called by their names.
_CALLED: Final = {
    "crop": "cropped", "move": "moved", "set_origin": "moved", "align_centres": "moved",
    "resample": "resampled", "resize": "resampled", "downsample": "resampled",
    "world_aligned": "resampled", "window": "windowed", "clip": "clipped", "scale": "scaled",
    "rescale": "rescaled", "round_values": "rounded", "slab": "slabs", "orient": "{axcodes}",
    "relabel": "relabelled {axcodes}", "astype": "{dtype}", "part": "{part}", "as_kind": "{kind}",
    "frame": "frame {index}", "over_frames": "{how}", "forget_qform": "without qform",
}  # fmt: skip
_BETWEEN: Final = " · "
#: What these make is uint8 from 0 to 255, to be seen as it is.
_GREYS: Final = frozenset({"window", "rescale"})
#: What was put behind the names of layers, to be replaced by what is done next.
_called: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

_DRAWN: Final = ("opacity", "blending", "interpolation2d", "interpolation3d", "rendering", "gamma")
_VALUED: Final = ("colormap", "features", "contrast_limits_range", "contrast_limits")


def derive_layer(
    viewer: ViewerModel, layer: Layer, steps: Iterable[Step], *, in_place: bool = False
) -> Layer:
    """Apply steps to the scan of a layer, show the result, and remember it for :func:`undo`.

    Where the work is long, apply the steps in a thread and give the result to
    :func:`show_result`.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Layer
    steps : iterable of Step
    in_place : bool
        Whether the result takes the place of the layer; else it is a new layer above, and the
        source is hidden.

    Returns
    -------
    Layer

    Raises
    ------
    LayerError, StepError
        If the layer holds no scan, or an operation refuses; the layer is as it was.
    """
    result = apply(volume_of(layer), steps)
    return show_result(viewer, layer, result, in_place=in_place)[0]


def show_result(
    viewer: ViewerModel,
    source: Layer,
    results: Volume | Sequence[Volume],
    *,
    in_place: bool = False,
    hide: bool = True,
    on_top: bool = False,
    said: str = "",
) -> list[Layer]:
    """Show what was made of a layer: :func:`show_results` of one.

    Returns
    -------
    list of Layer
        One a volume, two for complex values, that which is like the source first.
    """
    volumes = [results] if isinstance(results, Volume) else list(results)
    return show_results(
        viewer, [(source, volumes)], in_place=in_place, hide=hide, on_top=on_top, said=said
    )


def show_results(
    viewer: ViewerModel,
    made_of: Sequence[tuple[Layer, Sequence[Volume]]],
    *,
    in_place: bool = False,
    hide: bool = True,
    on_top: bool = False,
    said: str = "",
) -> list[Layer]:
    """Show what was made of layers at one go, to be undone at one go.

    Colours and contrast are those of the source where values mean what they meant. Complex
    values are behind two layers, magnitude and phase: each result is like, and stands for, the
    one that shows the same part.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    made_of : sequence of (Layer, volumes)
        Sources, and what was made of each.
    in_place : bool
        As for :func:`derive_layer`.
    hide : bool
        Whether sources are hidden, where results do not take their place: both show the same
        tissue.
    on_top : bool
        Whether results stand above all layers, else above their sources.
    said : str
        What was done, for people; it goes behind the names of new layers, instead of what was
        done before. By default the last step of each result.

    Returns
    -------
    list of Layer
        In the order of the sources.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    follow(viewer)
    results: list[Result] = []
    for source, volumes in made_of:
        parts = parts_of(viewer, source)
        # The source's own first: it is what the caller asked for.
        made: dict[Layer, list[Layer]] = {source: []}
        for layer in _layers(source, volumes):
            like = parts.get(_part(layer), source)
            _call(layer, like, "" if in_place else said or _said(volume_of(layer)))
            if like is not source:
                layer.visible = bool(like.visible)
            _look_alike(like, layer)
            _show_greys(like, layer)
            if role_of(like) == "reference" and (in_place or hide):
                set_role(layer, "reference")
            made.setdefault(like, []).append(layer)
        results += [
            Result(like, tuple(layers), bool(like.visible)) for like, layers in made.items()
        ]
    said = said or _said(made_of[0][1][0])
    perform(viewer, Deed(said, tuple(results), in_place, hide, on_top))
    return [layer for result in results for layer in result.made]


def _layers(source: Layer, volumes: Sequence[Volume]) -> list[Layer]:
    """Return layers of volumes; one that lies askew is shown as its source is."""
    from napari.layers import Layer

    record = record_of(source)
    oblique = None if record is None else record.oblique
    return [Layer.create(*one) for one in layers_of(volumes, oblique=oblique)]


def _part(layer: Layer) -> Part:
    record = record_of(layer)
    return "" if record is None else record.part


def _said(result: Volume) -> str:
    """Return the last step of a result in a word or two."""
    steps = [step for step in result.history if step.op != "edit"]
    if not steps:
        return "result"
    called = _CALLED.get(steps[-1].op, steps[-1].op.replace("_", " "))
    with suppress(KeyError):
        return called.format(**steps[-1].params)
    return steps[-1].op.replace("_", " ")


def _call(layer: Layer, like: Layer, said: str) -> None:
    """Name a layer after the one that it is made of, and what was done last."""
    name, before = re.sub(r" \[\d+\]$", "", like.name), _called.get(like, "")
    if not said:
        layer.name, _called[layer] = like.name, before
        return
    if not before or not name.endswith(before):
        name, before = like.name, ""
    layer.name = f"{name.removesuffix(before)}{_BETWEEN}{said}"
    _called[layer] = f"{_BETWEEN}{said}"


def _show_greys(source: Layer, layer: Layer) -> None:
    """Show the greys that a window was baked into from the first to the last."""
    ops = [step.op for step in _new_steps(source, layer) if step.op not in _SAME_VALUES]
    if ops and ops[-1] in _GREYS and layer.dtype == np.uint8 and hasattr(layer, "contrast_limits"):
        layer.contrast_limits_range = layer.contrast_limits = (0, 255)


def _look_alike(source: Layer, layer: Layer) -> None:
    if type(source) is not type(layer):
        return
    names = [*_DRAWN, *(_VALUED if _is_comparable(source, layer) else ())]
    for name in names:
        # A look that does not fit, such as contrast where there is colour, is left as it is.
        with suppress(AttributeError, TypeError, ValueError):
            setattr(layer, name, getattr(source, name))


def _is_comparable(source: Layer, layer: Layer) -> bool:
    return _part(source) == _part(layer) and all(
        step.op in _SAME_VALUES for step in _new_steps(source, layer)
    )


def _new_steps(source: Layer, layer: Layer) -> tuple[Step, ...]:
    before = record_of(source)
    known = 0 if before is None else len(before.volume.history)
    return volume_of(layer).history[known:]
