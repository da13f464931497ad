"""Draw docs/course-*.png: ``xvfb-run -a python tools/course_pictures.py``.

The course of a first day, CT and PET of one patient: the views with the overlay, the cursor in
both, the header and what differs. The scans are public ones (TCIA Soft-tissue-Sarcoma, CC BY 3.0)
that are no part of the project: ``MEDVOL_DATA`` says where they are.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MEDVOL_DATA") or ROOT.parent / "shared" / "data") / "data"
PLUGIN = "napari-medvol"

PATIENCE_S = 60.0


def settle(seconds: float = 0.5) -> None:
    """Let the window draw for a while."""
    from qtpy.QtWidgets import QApplication

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.005)


def wait_for(condition: Callable[[], Any]) -> None:
    """Let the window work until something holds."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(str(condition))
        settle(0.05)


def saved(picture: Any, name: str) -> None:
    """Write a picture in 256 colours: a third of the size, and nobody sees a difference."""
    import numpy as np
    from PIL import Image

    path = ROOT / "docs" / f"course-{name}.png"
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {image.width} × {image.height}, {path.stat().st_size // 1000} kB")


def grabbed(widget: Any) -> Any:
    """Return what a Qt widget shows, as an array."""
    import numpy as np
    from qtpy.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()


def hottest(volume: Any) -> Any:
    """Return the centre of the greatest voxel, RAS+ mm."""
    import numpy as np

    from napari_medvol.affines import apply_affine

    values = np.asarray(volume.data)
    return apply_affine(volume.affine, np.unravel_index(int(values.argmax()), values.shape))


def main() -> int:
    """Draw; print what was drawn."""
    if not DATA.is_dir():
        print(f"no real scans: {DATA} is absent, set MEDVOL_DATA", file=sys.stderr)
        return 1
    os.environ.setdefault("NAPARI_CONFIG", f"{tempfile.mkdtemp()}/napari.yaml")
    import napari
    from qtpy.QtCore import Qt

    import napari_medvol as mv
    from napari_medvol.viewer import ortho
    from napari_medvol.viewer.widgets.ortho import picture

    viewer: Any = napari.Viewer(show=True)
    viewer.window.resize(1700, 1000)

    def opened(name: str, width: int = 400, height: int = 700) -> Any:
        dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        if name == "Ortho views":
            # Canvases stay in the window in which they were made.
            dock.parent().resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        else:
            dock.setFloating(True)
            dock.resize(width, height)
        settle()
        return widget

    [ct] = viewer.open(DATA / "sts002_ct", plugin=PLUGIN)
    [pet] = viewer.open(DATA / "sts002_pet", plugin=PLUGIN)
    window, lay = opened("Window"), opened("Overlay")
    window.layer.value = ct
    window.type("max 1000")
    saved_limits = tuple(ct.contrast_limits)
    window.type("-160 240")
    lay.reference.value, lay.layer.value = ct, pet
    lay.set_colormap("Hot")
    lay.opacity.value = 0.5
    lay.toggle()
    settle()
    for one in (window, lay):
        viewer.window.remove_dock_widget(one.native)
    assert saved_limits[1] == 1000

    place = hottest(mv.volume_of(pet))
    views = opened("Ortho views", 1000, 860).ortho
    ortho.move_to(viewer, place)
    settle(1.0)
    wait_for(lambda: not views.mirror.waiting())
    views.fit()
    settle(1.0)
    saved(picture(viewer), "views")

    cursor = opened("Cursor", 1150, 280)
    cursor.follow.value = False
    cursor.show_at(place)
    wait_for(lambda: all(row.found.value is not None for row in cursor.rows()))
    settle()
    saved(grabbed(cursor.native), "cursor")

    header = opened("Header", 760, 680)
    header.layer.value = ct
    header.tabs.setCurrentIndex(1)
    settle()
    saved(grabbed(header.native), "header")
    header.other.value = pet
    wait_for(lambda: header.table().rows)
    settle()
    saved(grabbed(header.native), "difference")
    viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
