"""Make docs/overlay.png: ``xvfb-run -a python tools/overlay_picture.py``, from the samples."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "docs" / "overlay.png"


def settle(seconds: float) -> None:
    """Let the window draw for a while."""
    from qtpy.QtWidgets import QApplication

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QApplication.processEvents()


def main() -> None:
    """Lay the PET of the samples over their CT, as a user would, and take a picture."""
    os.environ.setdefault("NAPARI_CONFIG", f"{tempfile.mkdtemp()}/napari.yaml")
    import napari
    import numpy as np
    from PIL import Image

    from napari_medvol.viewer.samples import ct, pet
    from napari_medvol.viewer.widgets.overlay import OverlayWidget
    from napari_medvol.viewer.windowing import set_limits

    viewer: Any = napari.Viewer(show=True)
    viewer.window.resize(1200, 760)
    for sample in (ct, pet):
        for data, options, kind in sample():
            viewer.add_layer(napari.layers.Layer.create(data, options, kind))
    below, above = viewer.layers
    set_limits(below, -200, 300)
    panel = OverlayWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Overlay")
    panel.reference.value, panel.layer.value = below, above
    panel.set_colormap("Hot")
    panel.clears.value = True
    panel.threshold.value = "1"
    panel.toggle()
    panel.bar_shown.value = True
    settle(1.0)
    viewer.reset_view()
    settle(1.0)
    picture = np.asarray(viewer.screenshot(canvas_only=False))
    Image.fromarray(picture).convert("RGB").save(OUT, optimize=True)
    viewer.close()


if __name__ == "__main__":
    main()
