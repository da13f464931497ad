"""Open a scan in napari: what ``make demo`` runs.

With a path that scan, without one the first of the plugin's made-up samples. With
``--picture FILE`` (which make gives when there is no screen) the window is drawn into a file
and closed, else it stays open. Either way what was opened is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import napari
from napari.layers import Layer
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication

import napari_medvol

PLUGIN = "napari-medvol"


def main() -> int:
    """Open, print, and show or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", nargs="?", help="file or folder; a sample by default")
    parser.add_argument("--picture", type=Path, help="draw into this file, then close")
    asked = parser.parse_args()

    viewer = napari.Viewer(title="napari-medvol", show=asked.picture is None)
    try:
        layers = opened(viewer, asked.scan)
    except napari_medvol.MedVolError as error:
        print(error, file=sys.stderr)
        viewer.close()
        return 1
    for layer in layers:
        print(described(layer))
    if asked.picture is None:
        napari.run()
        return 0
    viewer.window.resize(1280, 900)
    QApplication.processEvents()
    viewer.fit_to_view()
    viewer.screenshot(str(asked.picture), canvas_only=False, flash=False)
    viewer.close()
    print(f"drawn into {asked.picture}")
    return 0


def opened(viewer: napari.Viewer, scan: str | None) -> list[Layer]:
    """Return the layers of a scan, or of the first sample that the plugin offers."""
    if scan is not None:
        return napari_medvol.open(viewer, scan)
    manager = PluginManager.instance()
    manager.discover()
    sample = manager.get_manifest(PLUGIN).contributions.sample_data[0]
    print(f"sample: {sample.display_name}")
    return viewer.open_sample(PLUGIN, sample.key)


def described(layer: Layer) -> str:
    """Return one line about the scan that a layer shows."""
    volume = napari_medvol.volume_of(layer)
    sizes = " × ".join(f"{zoom:.4g}" for zoom in volume.zooms[:3])
    return (
        f"{layer.name}: shape {volume.shape}, {volume.dtype}, voxels {sizes} mm,"
        f" axes {volume.axcodes}, shown as {type(layer).__name__}"
    )


if __name__ == "__main__":
    sys.exit(main())
