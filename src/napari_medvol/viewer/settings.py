"""What the user set in napari's preferences."""

from __future__ import annotations

from napari_medvol.viewer.shown import Oblique


def oblique_setting() -> Oblique:
    """Return how oblique volumes are drawn in 2-D: ``"resample"`` unless set otherwise."""
    return "resample"
