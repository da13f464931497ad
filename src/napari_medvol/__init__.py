"""Open medical scans in napari: the right way up, at their true place in millimetres.

Importing this package imports neither napari nor Qt, and nothing heavy until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medvol.batch import convert, replay
    from napari_medvol.errors import MedVolError
    from napari_medvol.formats import Certificate, read, write
    from napari_medvol.opinion import second_opinion
    from napari_medvol.ops import OPERATIONS, apply
    from napari_medvol.recipe import Recipe
    from napari_medvol.viewer.likeness import like
    from napari_medvol.viewer.opening import open
    from napari_medvol.viewer.places import from_ras, to_ras
    from napari_medvol.viewer.volumes import volume_of
    from napari_medvol.views.slices import export_slices
    from napari_medvol.views.sources import source_of
    from napari_medvol.volume import Axis, Step, Volume

__all__ = [
    "OPERATIONS",
    "Axis",
    "Certificate",
    "MedVolError",
    "Recipe",
    "Step",
    "Volume",
    "apply",
    "convert",
    "export_slices",
    "from_ras",
    "like",
    "open",
    "read",
    "replay",
    "second_opinion",
    "source_of",
    "to_ras",
    "volume_of",
    "write",
]

_HOMES = {
    "Axis": "napari_medvol.volume",
    "Certificate": "napari_medvol.formats",
    "MedVolError": "napari_medvol.errors",
    "OPERATIONS": "napari_medvol.ops",
    "Recipe": "napari_medvol.recipe",
    "Step": "napari_medvol.volume",
    "Volume": "napari_medvol.volume",
    "apply": "napari_medvol.ops",
    "convert": "napari_medvol.batch",
    "export_slices": "napari_medvol.views.slices",
    "from_ras": "napari_medvol.viewer.places",
    "like": "napari_medvol.viewer.likeness",
    "open": "napari_medvol.viewer.opening",
    "read": "napari_medvol.formats",
    "replay": "napari_medvol.batch",
    "second_opinion": "napari_medvol.opinion",
    "source_of": "napari_medvol.views.sources",
    "to_ras": "napari_medvol.viewer.places",
    "volume_of": "napari_medvol.viewer.volumes",
    "write": "napari_medvol.formats",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-medvol")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
