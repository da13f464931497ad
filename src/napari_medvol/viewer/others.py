"""What is no scan, and came to us all the same: other plugins may read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from napari_medvol.errors import FormatError
from napari_medvol.viewer import notify
from napari_medvol.viewer.settings import PLUGIN

_BUILTIN: Final = "napari"


def layers_by_others(path: str | list[str]) -> list[Any]:
    """Return the layer data that the first other plugin gives, napari's own asked last.

    Parameters
    ----------
    path : str or list of str
        What no row of ``FORMATS`` knows: after *Use Medical Volumes for medical formats*,
        every folder comes to us.

    Returns
    -------
    list
        Empty where nobody reads it; then the user was told.
    """
    from npe2 import io_utils

    paths = [path] if isinstance(path, str) else path
    for name in _other_plugins(path):
        try:
            made: list[Any] = io_utils.read(paths, stack=len(paths) > 1, plugin_name=name)
        except Exception:  # noqa: S112 - whatever another plugin raises, the next may do
            continue
        if made:
            return made
    first = Path(paths[0])
    notify.fail(
        FormatError(
            first.name,
            "holds no scan that a known format reads, and no other plugin opens it"
            if first.is_dir()
            else "is of no known format, and no other plugin opens it",
            "File > IO Utilities > Ask again which plugin opens medical formats lets you choose",
        )
    )
    return []


def _other_plugins(path: str | list[str]) -> list[str]:
    """Return who says that it may read `path`."""
    from npe2 import PluginManager

    readers = PluginManager.instance().iter_compatible_readers(path)
    names = dict.fromkeys(reader.plugin_name for reader in readers)
    return sorted((name for name in names if name != PLUGIN), key=lambda name: name == _BUILTIN)
