"""What the user set in napari's preferences."""

from __future__ import annotations

from typing import Any, Final, cast

from napari_medvol.viewer.shown import Oblique

PLUGIN: Final = "napari-medvol"


def oblique_setting() -> Oblique:
    """Return how oblique volumes are drawn in 2-D: ``"resample"`` unless set otherwise."""
    chosen = _setting("viewing", "oblique", "resample")
    return cast(Oblique, chosen) if chosen in ("resample", "native") else "resample"


def _setting(group: str, name: str, default: str) -> str:
    """Return one plugin setting; the default where napari does not know this plugin."""
    from napari.settings import get_plugin_settings

    try:
        settings: Any = get_plugin_settings(PLUGIN)
        return str(getattr(getattr(settings, group), name))
    except (KeyError, AttributeError):
        return default


def use_for_medical_formats() -> int:
    """Make napari open every medical format and every folder with this plugin, unasked.

    Returns
    -------
    int
        How many kinds of path are now ours.
    """
    from napari.settings import get_settings

    ours = dict.fromkeys(_patterns(), PLUGIN)
    plugins = get_settings().plugins
    plugins.extension2reader = {**plugins.extension2reader, **ours}
    return len(ours)


def ask_for_medical_formats() -> int:
    """Take back :func:`use_for_medical_formats`; return how many kinds of path were ours."""
    from napari.settings import get_settings

    plugins = get_settings().plugins
    kept = {key: name for key, name in plugins.extension2reader.items() if name != PLUGIN}
    count = len(plugins.extension2reader) - len(kept)
    plugins.extension2reader = kept
    return count


def _patterns() -> list[str]:
    from napari_medvol.formats import FORMATS

    suffixes = dict.fromkeys(suffix for row in FORMATS for suffix in row.suffixes)
    return [*(f"*{suffix}" for suffix in suffixes), "*/"]
