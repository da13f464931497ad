"""The crop box in a viewer and in its ortho views, as they come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medvol.affines import Affine
from napari_medvol.errors import StepError
from napari_medvol.viewer import ortho
from napari_medvol.viewer.box.canvas import BoxOnCanvas
from napari_medvol.viewer.box.state import CropBox
from napari_medvol.viewer.places import to_ras
from napari_medvol.views.boxes import region_of

if TYPE_CHECKING:
    from napari.components import ViewerModel


class BoxInViews:
    """One box on every canvas that shows the layers of a viewer.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    state : CropBox
    """

    def __init__(self, viewer: ViewerModel, state: CropBox) -> None:
        self.viewer, self.state = viewer, state
        self._on: dict[Any, BoxOnCanvas] = {}
        self._place = (state.layer.events.affine, state.layer.events.translate)
        for emitter in (*self._place, state.layer.events.scale, state.layer.events.rotate):
            emitter.connect(self._on_place)
        self.update()

    def update(self) -> None:
        """Go to side viewers that were opened, leave those that were closed."""
        wanted = [self.viewer, *ortho.side_viewers(self.viewer)]
        for gone in [model for model in self._on if model not in wanted]:
            self._on.pop(gone).close()
        for model in wanted:
            if model not in self._on:
                is_main = model is self.viewer
                self._on[model] = BoxOnCanvas(
                    model, self.state, None if is_main else self._pointer(model)
                )

    def on(self, model: ViewerModel) -> BoxOnCanvas | None:
        """Return the box as it is on a viewer."""
        return self._on.get(model)

    def close(self) -> None:
        """Take the box off every canvas."""
        events = self.state.layer.events
        for emitter in (*self._place, events.scale, events.rotate):
            emitter.disconnect(self._on_place)
        while self._on:
            self._on.popitem()[1].close()

    def _on_place(self, *_: Any) -> None:
        self.state.refresh()

    def _pointer(self, model: ViewerModel) -> Any:
        """Return what a click into the box does: it moves the cursor, as beside the box."""

        def point(at: Any) -> None:
            ortho.move_to(self.viewer, to_ras(model, at))

        return point


def visible_region(viewer: ViewerModel, state: CropBox) -> Affine:
    """Return what the canvas of a viewer shows as a region of the patient.

    Across the plane it reaches as far as the box does.

    Returns
    -------
    (4, 4) array
        The unit cube to RAS+ mm, in which `state` has its voxels.

    Raises
    ------
    StepError
        If the viewer shows no plane of the patient.
    """
    dims = viewer.dims
    shown = [axis - dims.ndim + 3 for axis in dims.displayed]
    if dims.ndisplay != 2 or min(shown) < 0 or state.is_empty:
        raise StepError(
            "crop to the visible field", "the viewer shows no plane", "Show a plane in 2-D"
        )
    box = state.to_world(viewer) @ np.linalg.inv(state.affine) @ region_of(state.affine, state.box)
    low = box[:3, 3] + np.minimum(box[:3, :3], 0).sum(axis=1)
    high = box[:3, 3] + np.maximum(box[:3, :3], 0).sum(axis=1)
    camera = viewer.scene.camera
    room = np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=np.float64) / camera.zoom
    centre = np.array(camera.center[-2:])
    low[shown], high[shown] = centre - room / 2, centre + room / 2
    field = np.diag([*(high - low), 1.0])
    field[:3, 3] = low
    region: Affine = state.affine @ state.to_index(viewer) @ field
    return region
