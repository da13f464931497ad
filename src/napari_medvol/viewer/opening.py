"""Scans into a viewer, from a script."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError
from napari_medvol.formats import read
from napari_medvol.stores import PlaneStore
from napari_medvol.viewer import notify
from napari_medvol.viewer.contrast import contrast_limits, contrast_reach
from napari_medvol.viewer.following import follow
from napari_medvol.viewer.layers import LayerData, layer_data
from napari_medvol.viewer.settings import oblique_setting
from napari_medvol.viewer.shown import Oblique
from napari_medvol.viewer.waiting import CancelledError, waited_for
from napari_medvol.viewer.window import application, is_live, later
from napari_medvol.views.series import largest
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_medvol.formats.row import Progress

PathLike = str | os.PathLike[str]

#: Where along its slices a scan is tried, the middle first.
_LOOKED_AT: Final = (0.5, 0.0, 0.25, 0.75, 1.0)

#: The first picture is drawn by then.
_FIRST_PICTURE_MS: Final = 300


def open(
    viewer: ViewerModel,
    path: PathLike | Sequence[PathLike],
    *,
    oblique: Oblique | None = None,
    **choices: Any,
) -> list[Layer]:
    """Read every scan at `path` and show it: the largest visible, with labels drawn on it.

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

    Raises
    ------
    ReadError
        As :func:`napari_medvol.read`.
    """
    return show(viewer, read(path, **choices), oblique=oblique)


def show(
    viewer: ViewerModel, volumes: Sequence[Volume], *, oblique: Oblique | None = None
) -> list[Layer]:
    """Add one layer a volume (two for complex values) to `viewer`; the largest is visible."""
    from napari.layers import Layer

    follow(viewer)
    return [viewer.add_layer(Layer.create(*one)) for one in layers_of(volumes, oblique=oblique)]


def layers_of(volumes: Sequence[Volume], *, oblique: Oblique | None = None) -> list[LayerData]:
    """Return layer data of `volumes`, the largest visible, and tell what was found odd.

    Labels that were drawn on the largest, in its frame of reference, are visible with it.

    What is lazy is read in the background once the first picture is drawn, if there is a
    window to draw it in.

    Raises
    ------
    MedVolError
        If no plane of any of them can be read. Where that is so of some, the others open.
    """
    how = oblique or oblique_setting()
    volumes = _readable(volumes)
    shown = largest(volumes) if volumes else 0
    made: list[LayerData] = []
    for number, volume in enumerate(volumes):
        notify.leave_bad_planes_blank(volume)
        is_shown = number == shown or _lies_over(volume, volumes[shown])
        made += layer_data(volume, oblique=how, visible=is_shown)
    notify.warn_of_findings(volumes)
    _tell_of_oblique(made)
    if application() is not None:
        fill(volumes[shown : shown + 1])
    return made


def _lies_over(volume: Volume, shown: Volume) -> bool:
    """Whether labels were drawn on the scan that is shown, so that both are looked at."""
    frame = volume.frame_of_reference
    is_pair = volume.kind == "labels" and shown.kind == "image"
    return is_pair and frame is not None and frame == shown.frame_of_reference


def _readable(volumes: Sequence[Volume]) -> list[Volume]:
    """Return the volumes that hold a plane that can be read; tell of the others.

    A window stays alive meanwhile; none are returned where a person does not wait for them.
    """
    if is_live():
        try:
            found = waited_for("First pictures", partial(_first_look, volumes), "scans")
        except CancelledError:
            return []
    else:
        found = [_wrong_with(volume) for volume in volumes]
    failed = [error for error in found if error is not None]
    if failed and len(failed) == len(volumes):
        raise failed[0]
    for refused in failed:
        notify.fail(refused)
    return [volume for volume, error in zip(volumes, found, strict=True) if error is None]


def _first_look(volumes: Sequence[Volume], progress: Progress) -> list[MedVolError | None]:
    """Read what layers are made from; return what was wrong with each volume, if anything.

    The planes stay in memory, so that making the layers decodes nothing. Runs in a thread.
    """
    found: list[MedVolError | None] = []
    for number, volume in enumerate(volumes):
        progress(number, len(volumes))
        found.append(_wrong_with(volume))
        # Whoever makes the layer is told of it, or leaves the plane blank.
        with suppress(MedVolError):
            if found[-1] is not None:
                continue
            if volume.kind == "labels":
                np.asarray(volume.data)
            else:
                contrast_reach(volume, contrast_limits(volume))
    return found


def _wrong_with(volume: Volume) -> MedVolError | None:
    try:
        check_readable(volume)
    except MedVolError as error:
        return error
    return None


def check_readable(volume: Volume) -> None:
    """Raise what is wrong where neither the middle nor any other plane can be read.

    One good plane is enough; the middle one, which the first picture needs, is asked first.

    Raises
    ------
    MedVolError
        What was wrong with the middle plane.
    """
    if not isinstance(volume.data, LazyArray) or not volume.data.size:
        return
    store = volume.data.store
    n_slices = store.source.outer[-1] if store.source.outer else 1
    failed: list[MedVolError] = []
    for share in _LOOKED_AT:
        try:
            store.plane(min(int(n_slices * share), n_slices - 1))
        except MedVolError as error:
            failed.append(error)
        else:
            return
    raise failed[0]


def _tell_of_oblique(made: Sequence[LayerData]) -> None:
    records = [meta["metadata"]["medvol"] for _, meta, _ in made]
    askew = [record for record in records if record.is_oblique]
    if not askew:
        return
    first = askew[0]
    how = (
        "its voxels are shown on their own grid, turned about the centre"
        if first.is_straightened
        else "2-D views show it interpolated at its true place, 3-D its own voxels"
    )
    notify.tell_once(
        first.oblique,
        f"{first.volume.name or 'The volume'} lies askew by up to {first.volume.obliquity:.1f}°:"
        f" {how}. Change it with Layers > Visualize > Medical Volumes > Oblique layers.",
    )


def fill(volumes: Sequence[Volume]) -> None:
    """Read the first volume into memory behind the first picture; the rest when looked at."""
    if not volumes or not isinstance(volumes[0].data, LazyArray):
        return
    reference: weakref.ref[PlaneStore] = weakref.ref(volumes[0].data.store)

    def start() -> None:
        store = reference()
        if store is not None:
            store.fill_in_background()

    later(_FIRST_PICTURE_MS, start)
