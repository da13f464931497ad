"""One layer put elsewhere, live: by numbers, by the mouse, by a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medvol.affines import Affine
from napari_medvol.errors import LayerError
from napari_medvol.ops import apply
from napari_medvol.ops.move import centre_of
from napari_medvol.viewer.coordinates import millimetres
from napari_medvol.viewer.derived import show_result
from napari_medvol.viewer.laid import Laid, laid_of
from napari_medvol.viewer.layers import layer_data, moved_record
from napari_medvol.viewer.oblique import put, rename
from napari_medvol.viewer.onto import fresh_record, onto_reference
from napari_medvol.viewer.overlaying import overlay
from napari_medvol.viewer.parts import parts_of
from napari_medvol.viewer.roles import reference_of
from napari_medvol.viewer.shown import Part, Shown, metadata, record_of
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.views.geometry_facts import decomposed, matrix_text
from napari_medvol.volume import Step, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Vector = NDArray[np.float64]

_SPACE: Final = 3


class Alignment:
    """A layer on its way: where it was, and the pose that it has now.

    The two layers of a complex scan, its magnitude and its phase, go together.

    The layer always carries the scan at its present pose, so that saving or measuring it in
    between is right. napari draws turned voxels at a wrong place in 2-D, so the layer is never
    turned by its own transform: it gets another reslice of the same voxels.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    layer : Image or Labels

    Raises
    ------
    LayerError
        If the layer holds no volume.
    """

    def __init__(self, viewer: ViewerModel, layer: Layer) -> None:
        if layer.ndim < _SPACE or getattr(layer, "multiscale", False):
            why = "is a single picture" if layer.ndim < _SPACE else "is a pyramid of pictures"
            raise LayerError(f"layer {layer.name!r}", why, "Choose a layer of a volume")
        self.viewer, self.layer = viewer, layer
        record = fresh_record(layer)
        self.base = record.volume
        #: What stands for the scan, and its record where it was: two layers of complex values.
        self._records: list[tuple[Layer, Shown]] = [(layer, record)]
        for part, other in parts_of(viewer, layer).items():
            if other is not layer:
                self._records.append((other, _as_at(self.base, other, part)))
        self.volume: Volume = self.base
        self.step: Step | None = None
        if (millimetres(layer.units) != 1).any():
            layer.units = (*layer.units[:-_SPACE], "mm", "mm", "mm")

    @property
    def matrix(self) -> Affine:
        """The pose: RAS+ mm before to RAS+ mm now."""
        if self.step is None:
            return np.eye(4)
        if self.step.op == "move":
            return np.array(self.step.params["matrix"])
        moved = np.eye(4)
        moved[:3, 3] = self.volume.affine[:3, 3] - self.base.affine[:3, 3]
        return moved

    @property
    def is_stale(self) -> bool:
        """Whether somebody else gave the layer another scan, or it is gone."""
        record = record_of(self.layer)
        if self.layer not in self.viewer.layers:
            return True
        if self.step is None and record is None:
            return False
        return volume_of(self.layer) is not self.volume

    def put(self, step: Step | None) -> None:
        """Show the scan as it was, and one step after it.

        Raises
        ------
        StepError
            If the step refuses its parameters; the layer stays as it is.
        """
        volume = self.base if step is None else apply(self.base, [step])
        records = [
            (layer, record if step is None else moved_record(record, volume))
            for layer, record in self._records
        ]
        self.volume, self.step = volume, step
        for layer, record in records:
            _show(self.viewer, layer, record)

    def move_to(self, matrix: ArrayLike) -> None:
        """Give the layer a pose."""
        motion = np.asarray(matrix, dtype=np.float64)
        is_home = np.array_equal(motion, np.eye(4))
        self.put(None if is_home else Step("move", {"matrix": motion.tolist()}))

    def shift(self, by: ArrayLike) -> None:
        """Move the layer by millimetres along R, A and S."""
        self.move_to(translation(by) @ self.matrix)

    def turn_to(self, degrees: Sequence[float], about: ArrayLike) -> None:
        """Give the pose other angles about x, y, z; the point `about`, RAS+ mm, stays."""
        wanted = rotation(degrees)
        now = np.eye(4)
        now[:3, :3] = decomposed(self.matrix).rotation
        self.move_to(around(about, wanted @ now.T) @ self.matrix)

    def centre_on(self, other: Volume) -> None:
        """Bring the middle of the grid to that of another scan's: a translation only."""
        centre = centre_of(other)
        if self.step is None or self.step.op != "move":
            self.put(Step("align_centres", {"centre": centre.tolist()}))
        else:
            self.shift(centre - centre_of(self.volume))

    def begin_at(self, origin: Sequence[float]) -> None:
        """Bring the centre of the first voxel to a point, RAS+ mm."""
        if self.step is None or self.step.op != "move":
            self.put(Step("set_origin", {"origin": list(origin)}))
        else:
            apply(self.volume, [Step("set_origin", {"origin": list(origin)})])
            self.shift(np.asarray(origin) - self.volume.affine[:3, 3])

    @property
    def offset(self) -> Vector:
        """How far the middle of the grid is from where it was, along R, A, S, mm."""
        return centre_of(self.volume) - centre_of(self.base)

    @property
    def angles(self) -> Vector:
        """Rotation about x, y, z, degrees, about static axes."""
        return decomposed(self.matrix).angles

    def reset(self) -> None:
        """Put the layer back: it carries the very scan that it had."""
        self.put(None)

    def keep(self) -> Layer:
        """Make the pose the place of the scan, and return the layer that stands for it now.

        The old layer goes back to where it was, and comes back when this is undone.
        """
        moved, reference = self.volume, reference_of(self.viewer)
        before = [(layer, laid_of(layer)) for layer, _ in self._records]
        self.reset()
        made = show_result(self.viewer, self.layer, moved, in_place=True)
        for (layer, laid), one in zip(before, made, strict=False):
            if laid is not None and reference is not None:
                _lay_again(self.viewer, one, reference, laid, layer.blending)
        return made[0]

    def bake(self, resampled: Volume, hide: bool = True) -> Layer:
        """Show the moved scan on another grid as a new layer; this one goes back."""
        self.reset()
        return show_result(self.viewer, self.layer, resampled, hide=hide)[0]


def _as_at(base: Volume, layer: Layer, part: Part) -> Shown:
    """Return the record of the other layer of a complex scan, where the scan is."""
    record = record_of(layer)
    if record is not None and record.volume is base:
        return record
    made: list[Shown] = [options["metadata"]["medvol"] for _, options, _ in layer_data(base)]
    return next(one for one in made if one.part == part)


def _lay_again(
    viewer: ViewerModel, layer: Layer, reference: Layer, laid: Laid, blending: str
) -> None:
    overlay(
        viewer,
        layer,
        reference,
        colormap=laid.base or "hot",
        opacity=laid.opacity,
        limits=None if laid.base is None else laid.limits,
        threshold=laid.threshold,
        blending=blending,
    )


def _show(viewer: ViewerModel, layer: Layer, record: Shown) -> None:
    before, laid, reference = record_of(layer), laid_of(layer), reference_of(viewer)
    if laid is not None and reference is not None and reference is not layer:
        record = onto_reference(record, reference, laid.comparison)
    layer.metadata = {**layer.metadata, **metadata(record)}
    if before is not None:
        rename(layer, before, record)
    put(layer, None, record.face(viewer.dims.ndisplay))
    layer.refresh()


def translation(by: ArrayLike) -> Affine:
    """Return the motion by three numbers, mm."""
    matrix = np.eye(4)
    matrix[:3, 3] = np.asarray(by, dtype=np.float64)
    return matrix


def rotation(degrees: Sequence[float]) -> Affine:
    """Return the rotation about x, then y, then z through the origin; static axes, degrees."""
    whole = np.eye(4)
    for axis, angle in enumerate(degrees):
        whole = about_axis(np.eye(3)[axis], np.radians(angle)) @ whole
    return whole


def about_axis(axis: Vector, angle: float) -> Affine:
    """Return the rotation about a unit vector through the origin, radians (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(4)
    turn[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def around(point: ArrayLike, turn: Affine) -> Affine:
    """Return a rotation that leaves `point` where it is."""
    here = np.asarray(point, dtype=np.float64)
    return translation(here) @ turn @ translation(-here)


def grid_step(volume: Volume) -> dict[str, Any]:
    """Return what the operation ``resample`` needs to put another scan on this one's grid."""
    return {"shape": list(volume.shape[:3]), "affine": np.array(volume.affine).tolist()}


def pose_text(matrix: Affine) -> str:
    """Return the pose for people: its parts where there are any, and the matrix."""
    parts = decomposed(matrix)
    lines = [f"RAS+ mm, from where it was\n{matrix_text(np.round(matrix, 6))}"]
    if not np.allclose(parts.zooms, 1) or not np.allclose(parts.shears, 0):
        for name, values in (("zooms", parts.zooms), ("shears", parts.shears)):
            lines.append(f"{name} {', '.join(f'{value:.4g}' for value in values)}")
    return "\n".join(lines)
