"""napari's way in: a path to layer data. Light until a scan is really read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medvol.errors import MedVolError
from napari_medvol.formats import holds_a_scan

if TYPE_CHECKING:
    from napari_medvol.formats.row import Progress
    from napari_medvol.viewer.layers import LayerData
    from napari_medvol.volume import Volume

Paths = str | list[str]

#: What tells napari that all went well and there is nothing to add.
_NOTHING_TO_ADD: list[Any] = [(None,)]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return :func:`read_layers` if a scan is there. Cheap: looks, does not read.

    Else None for a script. What a person opens goes to the other readers: napari asks no one
    else once a kind of path is ours, and shows a traceback.
    """
    places = [path] if isinstance(path, str) else path
    if any(holds_a_scan(place) for place in places):
        return read_layers
    return read_by_others if opened_together() is not None else None


def read_by_others(path: Paths) -> list[Any]:
    """Return what another plugin makes of `path`, which holds no scan; tell if none can."""
    from napari_medvol.viewer.others import layers_by_others

    return layers_by_others(path) or _NOTHING_TO_ADD


def read_layers(path: Paths) -> list[LayerData]:
    """Return layer data of every volume at `path`, the largest visible, the others hidden.

    A person who opens a folder of several series in a window is asked which, one slice stands
    for its whole series, slices opened together make one volume, and an error is shown as a
    notification. A script is not asked, gets what the path holds, and gets the error itself.

    Raises
    ------
    MedVolError
        If a script opens what cannot be read.
    """
    from napari_medvol.formats import read
    from napari_medvol.viewer import notify
    from napari_medvol.viewer.following import follow_open_windows
    from napari_medvol.viewer.opening import layers_of
    from napari_medvol.viewer.whole_series import ONE_BY_ONE

    together = opened_together()
    try:
        volumes = read(path) if together is None else _asked_for(path, together)
        if together is None and ONE_BY_ONE.is_noticed(volumes):
            notify.tell(
                "Files of one series are opened one by one, each as a layer. Open their folder,"
                " or pass stack=True, to get one volume."
            )
        follow_open_windows()
        return layers_of(_as_asked(volumes)) or _NOTHING_TO_ADD
    except MedVolError as error:
        if together is None:
            raise
        notify.fail(error)
        return _NOTHING_TO_ADD


def _as_asked(volumes: Sequence[Volume]) -> list[Volume]:
    """Return volumes as what ``viewer.open(…, layer_type=…)`` asks for.

    napari would give one kind of layer the colours of the other.

    Raises
    ------
    StepError
        If labels are asked for and values are no whole numbers.
    """
    from napari_medvol.ops.values import as_kind

    asked = _local_of("_add_layers_with_plugins", "napari.components", "layer_type")
    return [
        as_kind(volume, asked) if asked in ("image", "labels") and asked != volume.kind else volume
        for volume in volumes
    ]


def _asked_for(path: Paths, together: Sequence[Any]) -> list[Volume]:
    """Return the volumes that a person means by `path`; none if they are open already.

    Parameters
    ----------
    path : str or list of str
    together : sequence of path
        All that the person opens at once; napari hands them over one by one.
    """
    from napari_medvol.viewer.chooser import choose
    from napari_medvol.viewer.waiting import CancelledError, waited_for
    from napari_medvol.viewer.whole_series import DROP

    places = [Path(place) for place in ([path] if isinstance(path, str) else path)]
    one_file = len(places) == 1 and places[0].is_file()
    if one_file and DROP.holds(places[0], together):
        return []
    read_them = partial(_of_one_file, places[0], together) if one_file else partial(_of, places)
    try:
        volumes = waited_for(f"Reading {places[0].name}", read_them)
    except CancelledError:
        DROP.took(map(Path, together), together)
        return []
    return choose(volumes, places[0]) if len(volumes) > 1 else volumes


def _of(places: list[Path], progress: Progress) -> list[Volume]:
    """Return what the paths hold. Runs in a thread."""
    from napari_medvol.formats import read

    return read(places, progress=progress)


def _of_one_file(path: Path, together: Sequence[Any], progress: Progress) -> list[Volume]:
    """Return what a file holds, with the other slices of its drop, or else of its series.

    Runs in a thread.
    """
    from napari_medvol.formats import read
    from napari_medvol.viewer.whole_series import DROP, slices_among, with_their_series

    slices = slices_among(together, path)
    if len(slices) > 1:
        DROP.took(slices, together)
        return read(slices, progress=progress)
    return with_their_series(path, read(path, progress=progress), progress)


def opened_together() -> Sequence[Any] | None:
    """Return all paths that a person opens at once: dialog, drop, recent file, command line.

    None for a script. All of these go through one method of napari's window, which scripts,
    tests and the console never call; nothing else tells them apart, as the command line opens
    its files before the event loop runs and the console while it does. Where napari renames
    the method or its parameter, every opening counts as a script's: no dialog comes up unasked.
    """
    paths = _local_of("_qt_open", "napari._qt", "filenames")
    return paths if isinstance(paths, Sequence) else None


def _local_of(function: str, module: str, name: str) -> Any:
    """Return what a caller in napari was asked for; None if it is not among the callers."""
    frame = sys._getframe()  # noqa: SLF001 - the documented way to the callers
    while frame is not None:
        if frame.f_code.co_name == function and module in frame.f_globals["__name__"]:
            return frame.f_locals.get(name)
        frame = frame.f_back  # type: ignore[assignment]
    return None
