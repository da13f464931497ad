"""Places and sizes that are told in a modality's own way: ultrasound and nuclear medicine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.report import Finding

if TYPE_CHECKING:
    from pydicom import Dataset

NUCLEAR_MEDICINE: Final = "1.2.840.10008.5.1.4.1.1.20"
#: Physical Units X/Y Direction (0018,6024): 3 is cm. PS3.3 C.8.5.5.1.15.
_CENTIMETRES: Final = 3
_SAME: Final = 1e-3


def region_spacing(dataset: Dataset) -> tuple[tuple[float, float], tuple[Finding, ...]] | None:
    """Return the pixel spacing of an ultrasound image, from its calibrated regions.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    ((between rows, between columns), findings) or None
        mm, of the largest region that is calibrated in cm both ways (PS3.3 C.8.5.5.1); None
        where there is none. Regions of another scale are told of: sizes hold in one only.
    """
    sizes: list[tuple[float, tuple[float, float]]] = []
    for region in dataset.get("SequenceOfUltrasoundRegions") or []:
        spacing = _centimetre_region(region)
        if spacing is not None:
            sizes.append((_area(region), spacing))
    if not sizes:
        return None
    _, chosen = max(sizes)
    others = [s for _, s in sizes if not np.allclose(s, chosen, rtol=_SAME)]
    if not others:
        return chosen, ()
    text = (
        f"{len(sizes)} ultrasound regions of different scale: sizes hold in the largest"
        f" ({chosen[1]:.4g} mm a pixel), not in the others"
    )
    return chosen, (Finding(text, "warning", "regions"),)


def _centimetre_region(region: Dataset) -> tuple[float, float] | None:
    units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
    deltas = region.get("PhysicalDeltaX"), region.get("PhysicalDeltaY")
    if units != (_CENTIMETRES, _CENTIMETRES) or None in deltas:
        return None
    across, down = (abs(float(delta)) * 10 for delta in deltas if delta is not None)
    usable = np.isfinite([across, down]).all() and min(across, down) > 0
    return (down, across) if usable else None


def _area(region: Dataset) -> float:
    corners = ("RegionLocationMinX0", "RegionLocationMaxX1", "RegionLocationMinY0")
    left, right, top = (float(region.get(keyword) or 0) for keyword in corners)
    return (right - left) * (float(region.get("RegionLocationMaxY1") or 0) - top)


class Place(NamedTuple):
    """Where one frame lies; LPS+ mm."""

    position: NDArray[np.float64]
    orientation: tuple[float, ...]


def reconstructed_places(dataset: Dataset, count: int) -> tuple[list[Place], Finding] | None:
    """Return where the frames of a reconstructed nuclear medicine volume lie.

    Such a file has the place of its first slice in Detector Information Sequence, the slice of
    each frame in Slice Vector (0054,0080), and no positions: the spacing can only be Spacing
    Between Slices (0018,0088), whose sign is along the normal. PS3.3 C.8.4.15, C.8.4.8.

    Returns
    -------
    (list of Place, Finding) or None
        One place per frame and what was relied on; None for projections and planar images.
    """
    kinds = [str(v) for v in dataset.get("ImageType") or []]
    detectors = dataset.get("DetectorInformationSequence")
    if len(kinds) < 3 or not kinds[2].startswith("RECON") or not detectors:
        return None
    first = _numbers(detectors[0].get("ImagePositionPatient"))
    cosines = _numbers(detectors[0].get("ImageOrientationPatient"))
    element = "SpacingBetweenSlices" if dataset.get("SpacingBetweenSlices") else "SliceThickness"
    between = _numbers(dataset.get(element))
    slices = _numbers(dataset.get("SliceVector")) or tuple(float(n + 1) for n in range(count))
    if (len(first), len(cosines)) != (3, 6) or not between or len(slices) != count:
        return None
    if between[0] == 0:
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    places = [Place(np.array(first) + normal * between[0] * (n - 1), cosines) for n in slices]
    text = (
        f"nuclear medicine: slices {abs(between[0]):g} mm apart by {element}, as the file has no"
        " position for each"
    )
    return places, Finding(text, "note", "spacing")


def _numbers(value: Any) -> tuple[float, ...]:
    """Return finite numbers, or none at all."""
    if value is None or value == "":
        return ()
    try:
        numbers = tuple(float(v) for v in np.atleast_1d(np.asarray(value, dtype=np.float64)))
    except (TypeError, ValueError):
        return ()
    return numbers if all(np.isfinite(numbers)) else ()
