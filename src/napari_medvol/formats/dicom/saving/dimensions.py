"""The dimensions of a multi-frame file: which elements order its frames. PS3.3 C.7.6.17."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from napari_medvol.errors import WriteError
from napari_medvol.formats.dicom.saving.classes import ENHANCED
from napari_medvol.formats.dicom.saving.elements import item_of
from napari_medvol.formats.dicom.saving.plan import Image, Plan

if TYPE_CHECKING:
    from pydicom import Dataset

_FRAME_CONTENT: Final = 0x00209111
_TEMPORAL_POSITION: Final = 0x00209128


class Dimension(NamedTuple):
    """One dimension: the element, its functional group, and an index for each of an axis."""

    pointer: int
    group: int
    axis: int
    indices: tuple[int, ...]


#: Name of an axis to its element and the functional group that holds it.
_POINTERS: Final = {
    "echo": (0x00189082, 0x00189114),
    "flip": (0x00181314, 0x00189112),
    "phase": (0x00209241, 0x00189118),
    "kernel": (0x00181210, 0x00189314),
}
_FRAME_TYPES: Final = {ENHANCED["MR"]: 0x00189226, ENHANCED["CT"]: 0x00189329}
_B_VALUE: Final = (0x00189087, 0x00189117)
_DIRECTION: Final = (0x00189089, 0x00189076)


def dimensions_of(plan: Plan) -> tuple[Dimension, ...]:
    """Return the dimensions of the extra axes.

    Raises
    ------
    WriteError
        If two axes would need the same element.
    """
    found = [dim for number in range(len(plan.extra_shape)) for dim in _of_axis(plan, number)]
    pointers = [dim.pointer for dim in found]
    if len(set(pointers)) < len(pointers):
        names = ", ".join(repr(axis.name) for axis in plan.volume.axes)
        why = f"a file of many frames cannot tell its axes {names} apart"
        raise WriteError(plan.volume.name or "volume", why, "Write one file a slice: a folder")
    return tuple(found)


def _of_axis(plan: Plan, number: int) -> list[Dimension]:
    axis, length = plan.volume.axes[number], plan.extra_shape[number]
    counted = tuple(range(1, length + 1))
    said = plan.laid.elements[number][0]
    if axis.name == "b" and "DiffusionBValue" in said:
        values = [one["DiffusionBValue"] for one in plan.laid.elements[number]]
        order = sorted(set(values))
        ranks = tuple(order.index(value) + 1 for value in values)
        # The count first: it is the order in which the volumes were taken.
        return [Dimension(*_DIRECTION, number, counted), Dimension(*_B_VALUE, number, ranks)]
    if axis.name in _POINTERS:
        return [Dimension(*_POINTERS[axis.name], number, counted)]
    if axis.name == "type" and plan.sop_class in _FRAME_TYPES:
        return [Dimension(0x00089007, _FRAME_TYPES[plan.sop_class], number, counted)]
    return [Dimension(_TEMPORAL_POSITION, _FRAME_CONTENT, number, counted)]


def set_dimensions(dataset: Dataset, plan: Plan) -> None:
    """Say which elements order the frames."""
    uid = plan.uids.of("dimensions")
    pointers = [(0x00209056, _FRAME_CONTENT), (0x00209057, _FRAME_CONTENT)]
    pointers += [(dim.pointer, dim.group) for dim in dimensions_of(plan)]
    dataset.DimensionOrganizationSequence = [item_of(DimensionOrganizationUID=uid)]
    dataset.DimensionIndexSequence = [
        item_of(
            DimensionOrganizationUID=uid,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
        )
        for pointer, group in pointers
    ]


def content_of(dimensions: tuple[Dimension, ...], image: Image) -> Dataset:
    """Return the item of Frame Content of an image. PS3.3 C.7.6.16.2.2."""
    indices = [dim.indices[image.extra[dim.axis]] for dim in dimensions]
    content = item_of(
        StackID="1",
        InStackPositionNumber=image.k + 1,
        DimensionIndexValues=[1, image.k + 1, *indices],
    )
    for dim, index in zip(dimensions, indices, strict=True):
        if dim.pointer == _TEMPORAL_POSITION:
            content.TemporalPositionIndex = index
    return content
