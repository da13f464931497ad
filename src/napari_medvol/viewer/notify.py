"""What the user is told, in words: notifications, never a traceback."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError
from napari_medvol.stores import PlaneStore
from napari_medvol.volume import Volume

_LISTED_AT_MOST: Final = 6

#: Long enough for the command line, which opens its files before the window is there.
_WINDOW_COMES_UP_MS: Final = 1500


def tell(message: str) -> None:
    """Show one piece of information."""
    from napari.utils.notifications import show_info

    _show(show_info, message)


def warn(message: str) -> None:
    """Show one warning: a bubble in a window, a line on the console without one."""
    from napari.utils.notifications import show_warning

    _show(show_warning, message)


def fail(error: MedVolError) -> None:
    """Show one error, without a traceback; a path is cut to the name, as bubbles are short."""
    from napari.utils.notifications import show_error

    name = Path(error.what).name or error.what
    _show(show_error, str(MedVolError(name, error.why, error.fix)))


def _show(show: Callable[[str], None], message: str) -> None:
    from napari_medvol.viewer.window import later, window_is_coming

    if window_is_coming():
        later(_WINDOW_COMES_UP_MS, lambda: show(message))
    else:
        show(message)


def warn_of_findings(volumes: Iterable[Volume]) -> None:
    """Tell in one warning what the readers found odd in `volumes`; nothing odd, no word."""
    lines = [
        f"{volume.name or 'volume'}: {text}"
        for volume in volumes
        for text in volume.report.warnings
    ]
    if not lines:
        return
    hidden = len(lines) - _LISTED_AT_MOST
    shown = lines[:_LISTED_AT_MOST] + ([f"… and {hidden} more"] if hidden > 0 else [])
    warn("\n".join(shown))


def leave_bad_planes_blank(volume: Volume) -> None:
    """Draw planes that cannot be read as blank, and say so once for the volume."""
    if not isinstance(volume.data, LazyArray):
        return
    store = volume.data.store
    name, reference = volume.name or store.source.name, weakref.ref(store)

    def on_error(number: int, error: MedVolError) -> None:
        held = reference()
        if held is not None and len(held.errors) == 1:
            warn(f"{name}: {_which_plane(held, number)} cannot be read and is left blank. {error}")

    store.on_error = on_error


def _which_plane(store: PlaneStore, number: int) -> str:
    """Return a plane's number as people count, with its place along further axes."""
    outer = store.source.outer
    if not outer:
        return "the plane"
    n_slices = outer[-1]
    text = f"slice {number % n_slices + 1} of {n_slices}"
    return text if len(outer) == 1 else f"{text} (frame {number // n_slices + 1})"


_told: set[Any] = set()


def tell_once(topic: str, message: str) -> None:
    """Tell something that is worth knowing the first time only."""
    if topic not in _told:
        _told.add(topic)
        tell(message)
