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
    from napari_medvol.formats.inspecting import full_header, varying
    from napari_medvol.formats.label_tables import read_labels
    from napari_medvol.opinion import second_opinion
    from napari_medvol.ops import OPERATIONS, apply
    from napari_medvol.recipe import Recipe
    from napari_medvol.viewer.comparing import Comparison
    from napari_medvol.viewer.label_names import name_labels
    from napari_medvol.viewer.likeness import like
    from napari_medvol.viewer.measuring import draw_measures, measures_table
    from napari_medvol.viewer.opening import open, show
    from napari_medvol.viewer.ortho.cursor import cursor_of
    from napari_medvol.viewer.overlaying import compare, overlay, separate
    from napari_medvol.viewer.places import from_ras, to_ras
    from napari_medvol.viewer.slice_pictures import slice_picture
    from napari_medvol.viewer.soloing import Solo
    from napari_medvol.viewer.volumes import volume_of
    from napari_medvol.viewer.widgets.ortho import show as ortho_views
    from napari_medvol.viewer.windowing import set_window, window_of
    from napari_medvol.views.differences import differences, differences_table
    from napari_medvol.views.geometry_facts import geometry_text
    from napari_medvol.views.histogram import histogram
    from napari_medvol.views.identifiers import identifiers
    from napari_medvol.views.image_facts import image_facts
    from napari_medvol.views.measures import angle, area, length
    from napari_medvol.views.probe import probe, probe_table
    from napari_medvol.views.slices import export_slices
    from napari_medvol.views.sources import source_of
    from napari_medvol.views.statistics import label_statistics
    from napari_medvol.volume import Axis, Step, Volume, Window

__all__ = [
    "OPERATIONS",
    "Axis",
    "Certificate",
    "Comparison",
    "MedVolError",
    "Recipe",
    "Solo",
    "Step",
    "Volume",
    "Window",
    "angle",
    "apply",
    "area",
    "compare",
    "convert",
    "cursor_of",
    "differences",
    "differences_table",
    "draw_measures",
    "export_slices",
    "from_ras",
    "full_header",
    "geometry_text",
    "histogram",
    "identifiers",
    "image_facts",
    "label_statistics",
    "length",
    "like",
    "measures_table",
    "name_labels",
    "open",
    "ortho_views",
    "overlay",
    "probe",
    "probe_table",
    "read",
    "read_labels",
    "replay",
    "second_opinion",
    "separate",
    "set_window",
    "show",
    "slice_picture",
    "source_of",
    "to_ras",
    "varying",
    "volume_of",
    "window_of",
    "write",
]

#: Where each name is; behind a colon, what it is called there.
_HOMES = {
    "Axis": "napari_medvol.volume",
    "Certificate": "napari_medvol.formats",
    "Comparison": "napari_medvol.viewer.comparing",
    "MedVolError": "napari_medvol.errors",
    "OPERATIONS": "napari_medvol.ops",
    "Recipe": "napari_medvol.recipe",
    "Solo": "napari_medvol.viewer.soloing",
    "Step": "napari_medvol.volume",
    "Volume": "napari_medvol.volume",
    "Window": "napari_medvol.volume",
    "angle": "napari_medvol.views.measures",
    "apply": "napari_medvol.ops",
    "area": "napari_medvol.views.measures",
    "compare": "napari_medvol.viewer.overlaying",
    "convert": "napari_medvol.batch",
    "cursor_of": "napari_medvol.viewer.ortho.cursor",
    "differences": "napari_medvol.views.differences",
    "differences_table": "napari_medvol.views.differences",
    "draw_measures": "napari_medvol.viewer.measuring",
    "export_slices": "napari_medvol.views.slices",
    "from_ras": "napari_medvol.viewer.places",
    "full_header": "napari_medvol.formats.inspecting",
    "geometry_text": "napari_medvol.views.geometry_facts",
    "histogram": "napari_medvol.views.histogram",
    "identifiers": "napari_medvol.views.identifiers",
    "image_facts": "napari_medvol.views.image_facts",
    "label_statistics": "napari_medvol.views.statistics",
    "length": "napari_medvol.views.measures",
    "like": "napari_medvol.viewer.likeness",
    "measures_table": "napari_medvol.viewer.measuring",
    "name_labels": "napari_medvol.viewer.label_names",
    "open": "napari_medvol.viewer.opening",
    "ortho_views": "napari_medvol.viewer.widgets.ortho:show",
    "overlay": "napari_medvol.viewer.overlaying",
    "probe": "napari_medvol.views.probe",
    "probe_table": "napari_medvol.views.probe",
    "read": "napari_medvol.formats",
    "read_labels": "napari_medvol.formats.label_tables",
    "replay": "napari_medvol.batch",
    "second_opinion": "napari_medvol.opinion",
    "separate": "napari_medvol.viewer.overlaying",
    "set_window": "napari_medvol.viewer.windowing",
    "show": "napari_medvol.viewer.opening",
    "slice_picture": "napari_medvol.viewer.slice_pictures",
    "source_of": "napari_medvol.views.sources",
    "to_ras": "napari_medvol.viewer.places",
    "varying": "napari_medvol.formats.inspecting",
    "volume_of": "napari_medvol.viewer.volumes",
    "window_of": "napari_medvol.viewer.windowing",
    "write": "napari_medvol.formats",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-medvol")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, known_as = _HOMES[name].partition(":")
    return getattr(import_module(home), known_as or name)


def __dir__() -> list[str]:
    return __all__
