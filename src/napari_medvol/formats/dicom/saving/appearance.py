"""The pixels of an image, how they are stored, and how they are to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.formats.dicom.saving.elements import decimal
from napari_medvol.formats.dicom.saving.plan import Plan

if TYPE_CHECKING:
    from pydicom import Dataset


def set_window(dataset: Dataset, plan: Plan) -> None:
    """Set the display ranges that the volume offers. PS3.3 C.11.2."""
    if plan.volume.is_rgb:
        return
    display = plan.volume.display
    windows = [(w.center, w.width, w.explanation) for w in display.windows]
    if not windows and display.limits is not None and display.limits[1] > display.limits[0]:
        low, high = display.limits
        windows = [((low + high) / 2, high - low, "")]
    if not windows:
        return
    dataset.WindowCenter = [decimal(center) for center, _, _ in windows]
    dataset.WindowWidth = [decimal(width) for _, width, _ in windows]
    if any(text for _, _, text in windows):
        dataset.WindowCenterWidthExplanation = [text[:64] for _, _, text in windows]
    functions = {window.function for window in display.windows}
    if functions - {"LINEAR"}:
        dataset.VOILUTFunction = display.windows[0].function


def set_pixels(dataset: Dataset, plan: Plan, pixels: NDArray[Any], plane: tuple[int, ...]) -> None:
    """Set the pixels of an image of shape (rows, columns) or (rows, columns, 3)."""
    describe_pixels(dataset, plan, pixels)
    if not plan.volume.is_rgb:
        slope, intercept = plan.stored.scale(plane)
        dataset.RescaleSlope, dataset.RescaleIntercept = decimal(slope), decimal(intercept)
        set_padding(dataset, plan, slope, intercept)
    data = pixels.tobytes()
    dataset.add_new(
        0x7FE00010, "OB" if pixels.itemsize == 1 else "OW", data + b"\0" * (len(data) % 2)
    )


def describe_pixels(dataset: Dataset, plan: Plan, pixels: NDArray[Any]) -> None:
    """Set how the pixels are stored. PS3.3 C.7.6.3."""
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    bits = 8 * pixels.itemsize
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if plan.volume.is_rgb:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
        dataset.PlanarConfiguration = 0
        return
    dataset.SamplesPerPixel = 1
    inverted = plan.volume.display.inverted
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"


def set_padding(dataset: Dataset, plan: Plan, slope: float, intercept: float) -> None:
    """Say which stored values are no tissue, if there is a whole number for them."""
    padding = plan.volume.display.padding
    if padding is None:
        return
    info = np.iinfo(plan.stored.encoding.dtype)
    ends = [(end - intercept) / slope for end in padding]
    if any(abs(e - round(e)) > 1e-3 or not info.min <= round(e) <= info.max for e in ends):
        return
    vr = "SS" if info.min else "US"
    dataset.add_new(0x00280120, vr, round(ends[0]))
    if round(ends[1]) != round(ends[0]):
        dataset.add_new(0x00280121, vr, round(ends[1]))
