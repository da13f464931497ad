"""What the user is told, in words: notifications, never a traceback."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError
from napari_medvol.stores import PlaneStore
from napari_medvol.viewer.window import has_window, later, window_is_coming
from napari_medvol.volume import Volume

_LISTED_AT_MOST: Final = 6

#: Long enough for the command line, which opens its files before the window is there.
_WINDOW_COMES_UP_MS: Final = 1500

#: No plane is this long in reading: then no more are read.
_SETTLED_S: Final = 0.8


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

    _show(show_error, in_short(error))


def _show(show: Callable[[str], None], message: str) -> None:
    # Qt's clock runs in the main thread only; other threads come after the first picture.
    if threading.current_thread() is threading.main_thread() and window_is_coming():
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
    """Draw planes that cannot be read as blank, and say so once for the volume.

    In a window the rest is being read behind the first picture: the word is said, with the
    number of planes, when no more come.
    """
    if not isinstance(volume.data, LazyArray):
        return
    store = volume.data.store
    name, reference = volume.name or store.source.name, weakref.ref(store)

    def on_error(number: int, error: MedVolError) -> None:
        held = reference()
        if held is None or len(held.errors) != 1:
            return
        if not has_window():
            _warn_of_blank(name, held)
        else:
            settled = partial(_when_settled, name, reference)
            threading.Thread(target=settled, name="medvol-count", daemon=True).start()

    store.on_error = on_error


def _when_settled(name: str, reference: weakref.ref[PlaneStore]) -> None:
    """Warn once nothing more is read of a store. Runs in a thread."""
    before: tuple[float, int] | None = None
    while True:
        time.sleep(_SETTLED_S)
        store = reference()
        if store is None:
            return
        now = (store.progress, len(store.errors))
        if now == before or store.is_complete:
            break
        before = now
        del store
    _warn_of_blank(name, store)


def _warn_of_blank(name: str, store: PlaneStore) -> None:
    errors = dict(sorted(store.errors.items()))
    first, error = next(iter(errors.items()))
    outer = store.source.outer
    if not outer:
        which = "the plane cannot be read and is"
    elif len(errors) == 1:
        which = f"{_which_plane(store, first)} cannot be read and is"
    else:
        planes = "slices" if len(outer) == 1 else "planes"
        which = f"{len(errors)} of {store.n_planes} {planes} cannot be read and are"
    warn(f"{name}: {which} left blank. {error}")


def _which_plane(store: PlaneStore, number: int) -> str:
    """Return a plane's number as people count, with its place along further axes."""
    outer = store.source.outer
    n_slices = outer[-1]
    text = f"slice {number % n_slices + 1} of {n_slices}"
    return text if len(outer) == 1 else f"{text} (frame {number // n_slices + 1})"


_told: set[Any] = set()


def tell_once(topic: str, message: str) -> None:
    """Tell something that is worth knowing the first time only."""
    if topic not in _told:
        _told.add(topic)
        tell(message)


def in_short(error: MedVolError) -> str:
    """Return an error as text, a path cut to its name: the line is short."""
    name = Path(error.what).name if _is_path(error.what) else error.what
    return str(MedVolError(name or error.what, error.why, error.fix))


def _is_path(text: str) -> bool:
    """Return whether a text is a path; others, such as a window of 40/400, hold a / too."""
    try:
        return Path(text).is_absolute() or Path(text).exists()
    except (OSError, ValueError):
        return False
