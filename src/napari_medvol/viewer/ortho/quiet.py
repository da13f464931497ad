"""Side viewers that leave nothing behind in napari."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.settings import get_settings


@contextmanager
def apart_from_settings() -> Iterator[None]:
    """Undo what is connected to napari's settings meanwhile.

    A viewer and each of its sliders connect to them when they are made, and napari never
    disconnects them: they would add up with each side viewer.
    """
    emitters = list(_emitters())
    before = [list(emitter.callbacks) for emitter in emitters]
    try:
        yield
    finally:
        for emitter, known in zip(emitters, before, strict=True):
            for callback in emitter.callbacks:
                if callback not in known:
                    emitter.disconnect(_as_connected(callback))


def _emitters() -> Iterator[Any]:
    settings = get_settings()
    dask = settings.application.dask
    for part in (settings.application, settings.appearance, settings.experimental, dask):
        yield part.events
        yield from part.events.emitters.values()


def _as_connected(callback: Any) -> Any:
    """Return a callback as `disconnect` takes it: napari keeps methods as (reference, name)."""
    if isinstance(callback, tuple):
        reference, name = callback
        return reference(), name
    return callback
