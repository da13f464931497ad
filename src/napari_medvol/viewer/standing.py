"""Where a viewer stands: on which slice, and whether a layer is to be seen there."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_medvol.viewer import notify
from napari_medvol.viewer.coordinates import Matrix, millimetres
from napari_medvol.viewer.fitting import fit
from napari_medvol.viewer.planes import plane_of_slab, show_plane
from napari_medvol.viewer.shown import record_of
from napari_medvol.viewer.window import later

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Steps of a slider. A window rounds where its viewer stands by less than this.
_ROUNDED: Final = 2.0


def crosses(viewer: ViewerModel, layer: Layer) -> bool:
    """Return whether the slice that a viewer shows in 2-D goes through a layer."""
    if viewer.dims.ndisplay != 2:
        return True
    low, high, step = _reach(viewer, layer)
    n = layer.ndim
    point = np.array(viewer.dims.point[-n:])
    sliders = [axis - viewer.dims.ndim + n for axis in viewer.dims.not_displayed]
    across = [axis for axis in sliders if axis >= 0]
    near = (point >= low - step / 2) & (point <= high + step / 2)
    return bool(near[across].all())


def go_to(viewer: ViewerModel, layer: Layer) -> None:
    """Stand on the middle slice of a layer, along each of its axes."""
    low, high, step = _reach(viewer, layer)
    middle = low + np.floor((high - low) / step / 2 + 1e-6) * step
    axes = range(viewer.dims.ndim - layer.ndim, viewer.dims.ndim)
    viewer.dims.set_point(list(axes), middle.tolist())


def _reach(viewer: ViewerModel, layer: Layer) -> tuple[Matrix, Matrix, Matrix]:
    """Return first and last voxel centre and the step of a layer in the viewer's world."""
    n = min(layer.ndim, 3)
    factor = np.ones(layer.ndim)
    factor[-n:] = millimetres(layer.units)[-n:] / millimetres(viewer.dims.units)[-n:]
    low, high = layer.extent.world * factor
    step = np.abs(np.asarray(layer.extent.step, dtype=np.float64)) * factor
    return low, high, np.where(step > 0, step, 1.0)


class Standing:
    """Keeps a viewer standing where there is something to see of what was opened.

    An empty viewer goes to the first scan that is visible. One that shows a scan stays where
    the user looks, and says where the new one lies if it is not to be seen there.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._waiting = False

    def after_inserted(self, layer: Layer) -> None:
        """Look where the viewer stands, once napari has taken the layer in."""
        viewer = self._viewer()
        if viewer is None:
            return
        is_first = len(viewer.layers) == 1
        self._waiting = self._waiting or is_first
        if not layer.visible or record_of(layer) is None:
            return
        if self._waiting:
            self._waiting = False
            self._stand_on(viewer, layer, is_first)
        elif not crosses(viewer, layer):
            notify.tell(
                f"{layer.name} lies elsewhere, not on the slice that is shown: Layers >"
                " Visualize > Medical Volumes > Go to layer shows it."
            )

    def _stand_on(self, viewer: ViewerModel, layer: Layer, is_first: bool) -> None:
        if not is_first:
            go_to(viewer, layer)
            fit(viewer, [layer])
        _as_acquired(viewer, layer)
        point, reference = np.array(viewer.dims.point), weakref.ref(layer)

        def again() -> None:
            self._stand_again(reference(), point)

        # The sliders of a window round when further layers change their ends.
        later(0, again)

    def _stand_again(self, layer: Any, point: Matrix) -> None:
        viewer = self._viewer()
        if viewer is None or layer not in viewer.layers or crosses(viewer, layer):
            return
        n = min(len(point), viewer.dims.ndim)
        moved = np.abs(np.array(viewer.dims.point)[-n:] - point[-n:])
        steps = np.array([span.step for span in viewer.dims.range])[-n:]
        if (moved <= _ROUNDED * np.maximum(steps, _reach(viewer, layer)[2].max())).all():
            go_to(viewer, layer)


def _as_acquired(viewer: ViewerModel, layer: Layer) -> None:
    """Show a scan of a few slices as it was acquired: across, it would be a line."""
    record = record_of(layer)
    if record is None or viewer.dims.ndisplay != 2:
        return
    plane = plane_of_slab(record.face(2))
    if plane:
        show_plane(viewer, plane)
