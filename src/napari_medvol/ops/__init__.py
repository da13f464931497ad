"""Volumes to volumes. ``OPERATIONS`` is the list of all operations; nothing else keeps one.

A new operation is one new module and one new row. Its parameters are plain numbers, text and
lists of them, so that the :class:`~napari_medvol.volume.Step` it leaves replays anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Final

from napari_medvol.errors import StepError
from napari_medvol.ops.chunks import Tell, share, unheard
from napari_medvol.ops.crop import crop
from napari_medvol.ops.forget import forget_qform
from napari_medvol.ops.frames import frame, frames, over_frames, slab
from napari_medvol.ops.move import align_centres, move, set_origin
from napari_medvol.ops.orient import orient
from napari_medvol.ops.relabel import relabel
from napari_medvol.ops.resample import downsample, resample, resize, world_aligned
from napari_medvol.ops.values import (
    as_kind,
    astype,
    clip,
    part,
    rescale,
    round_values,
    scale,
    window,
)
from napari_medvol.volume import Step, Volume

__all__ = ["OPERATIONS", "apply"]

Operation = Callable[..., Volume]

#: Name to operation. The name is the ``op`` of the step that the operation leaves.
OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        operation.__name__: operation
        for operation in (
            crop, orient, relabel, forget_qform, move, set_origin, align_centres, resample, resize,
            downsample, world_aligned, astype, round_values, scale, rescale, window, clip, part,
            as_kind, frames, frame, over_frames, slab,
        )
    }
)  # fmt: skip

_BY_HAND: Final = "edit"


def apply(
    volume: Volume,
    steps: Iterable[Step],
    *,
    progress: Tell = unheard,
) -> Volume:
    """Return what `steps`, one after another, make of a volume.

    Parameters
    ----------
    volume : Volume
    steps : iterable of Step
        Such as the history of another volume, or those of a recipe.
    progress : callable, optional
        Called with (done, in all), between steps and within those that take long: the share
        that is done never falls. What it raises ends the work, and the volume is as it was.

    Returns
    -------
    Volume
        Lazy where the operations are lazy.

    Raises
    ------
    StepError
        If a step names no operation, or the operation refuses its parameters.
    """
    every = list(steps)
    for number, step in enumerate(every):
        progress(number, len(every))
        operation = operation_of(step)
        tell = share(progress, number, len(every))
        tells = {"progress": tell} if "progress" in signature(operation).parameters else {}
        volume = operation(volume, **step.params, **tells)
    return volume


def operation_of(step: Step) -> Operation:
    """Return the operation that a step names, having looked at its parameters.

    Raises
    ------
    StepError
        If there is no such operation, it was made by hand, or the parameters do not fit it.
    """
    if step.op == _BY_HAND:
        raise StepError(
            f"step {step.op!r}",
            "it was made by hand in napari, and no numbers say how",
            "Take the saved result as the input",
        )
    if step.op not in OPERATIONS:
        raise StepError(
            f"step {step.op!r}", "no operation has this name", f"Known: {', '.join(OPERATIONS)}"
        )
    operation = OPERATIONS[step.op]
    try:
        signature(operation).bind(None, **step.params)
    except TypeError as error:
        raise StepError(f"step {step.op!r}", str(error), _parameters(operation)) from error
    return operation


def _parameters(operation: Operation) -> str:
    names: list[Any] = [n for n in signature(operation).parameters if n != "progress"][1:]
    return f"Its parameters: {', '.join(names)}"
