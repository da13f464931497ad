"""Two scans of any formats, compared: header against header, image against image, voxels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np

from napari_medvol.headers import Element
from napari_medvol.table import Table
from napari_medvol.views.image_facts import file_type, image_facts
from napari_medvol.volume import Volume

COLUMNS: Final = ("group", "name", "one", "other")

#: Words of each format to one word for all: (name, unit, factor to that unit).
_WORDS: Final[dict[str, tuple[str, str, float]]] = {
    "RepetitionTime": ("repetition time", "ms", 1.0),
    "tr": ("repetition time", "ms", 1.0),
    "repetition_time": ("repetition time", "ms", 1.0),
    "EchoTime": ("echo time", "ms", 1.0),
    "EffectiveEchoTime": ("echo time", "ms", 1.0),
    "te": ("echo time", "ms", 1.0),
    "InversionTime": ("inversion time", "ms", 1.0),
    "ti": ("inversion time", "ms", 1.0),
    "FlipAngle": ("flip angle", "°", 1.0),
    "flip_angle": ("flip angle", "°", 180 / np.pi),
    "SliceThickness": ("slice thickness", "mm", 1.0),
    "Modality": ("modality", "", 0.0),
    "Manufacturer": ("manufacturer", "", 0.0),
    "ManufacturerModelName": ("scanner", "", 0.0),
    "ManufacturersModelName": ("scanner", "", 0.0),
    "PatientName": ("patient", "", 0.0),
    "patient_name": ("patient", "", 0.0),
    "PatientID": ("patient number", "", 0.0),
    "patient_id": ("patient number", "", 0.0),
    "SeriesDescription": ("description", "", 0.0),
    "descrip": ("description", "", 0.0),
    "study_description": ("description", "", 0.0),
    "ProtocolName": ("protocol", "", 0.0),
    "protocol_name": ("protocol", "", 0.0),
    "BodyPartExamined": ("body part", "", 0.0),
    "MagneticFieldStrength": ("field strength", "T", 1.0),
}
#: BIDS side files have seconds where DICOM has milliseconds.
_SECONDS: Final = frozenset({"RepetitionTime", "EchoTime", "InversionTime"})


class Difference(NamedTuple):
    """One row: what the one scan has and what the other; None where it has nothing."""

    group: str
    name: str
    one: str | None
    other: str | None


def vocabulary(elements: Sequence[Element]) -> str:
    """Return the format whose words a header uses, such as ``"NIfTI"`` or ``"DICOM"``."""
    if any(element.tag for element in elements):
        return "DICOM"
    first = elements[0].name if elements else ""
    if first.startswith("NIfTI"):
        return "NIfTI"
    return next((e.value for e in elements if e.name == "type" and e.depth == 1), first)


def header_differences(one: Sequence[Element], other: Sequence[Element]) -> tuple[Difference, ...]:
    """Return the elements that differ between two headers of one format, by name and place.

    Where a file lies is no difference.
    """
    mine, its = _by_place(one), _by_place(other)
    return tuple(
        Difference(group, name, mine.get((group, name)), its.get((group, name)))
        for group, name in dict.fromkeys([*mine, *its])
        if mine.get((group, name)) != its.get((group, name)) and (group, name) != ("File", "path")
    )


def _by_place(elements: Sequence[Element]) -> dict[tuple[str, str], str]:
    """Return (stems, name) to value; a name that comes again is numbered."""
    found: dict[tuple[str, str], str] = {}
    above: list[str] = []
    for element in elements:
        del above[element.depth :]
        name = f"{element.name} {element.tag}".rstrip()
        if element.depth or element.value:
            key, again = (" > ".join(above), name), 1
            while key in found:
                again += 1
                key = (key[0], f"{name} [{again}]")
            # NIfTI-1 and NIfTI-2 have the same fields under another stem.
            found[(key[0].replace("NIfTI-2", "NIfTI-1"), key[1])] = element.value
        above.append(element.name)
    return found


def image_differences(
    one: Volume,
    other: Volume,
    one_header: Sequence[Element] = (),
    other_header: Sequence[Element] = (),
) -> tuple[Difference, ...]:
    """Return how two scans of any formats differ, in words that all formats share.

    Parameters
    ----------
    one, other : Volume
    one_header, other_header : sequence of Element
        Whole headers: what they say of the acquisition is compared, too.
    """
    mine = dict(_normalised(one, one_header))
    its = dict(_normalised(other, other_header))
    return tuple(
        Difference(*key, mine.get(key), its.get(key))
        for key in dict.fromkeys([*mine, *its])
        if mine.get(key) != its.get(key)
    )


def _normalised(
    volume: Volume, header: Sequence[Element]
) -> Iterator[tuple[tuple[str, str], str]]:
    group = ""
    for fact in image_facts(volume):
        group = fact.name if fact.depth == 0 else group
        if fact.depth and fact.name not in ("name", "files"):
            yield (group, fact.name), fact.value
    for number, row in enumerate(volume.affine[:3]):
        yield ("Grid", f"affine, row {number + 1}"), ", ".join(f"{v + 0.0:.6g}" for v in row)
    yield from _said(volume, header).items()


def _said(volume: Volume, header: Sequence[Element]) -> Mapping[tuple[str, str], str]:
    """Return what a header says of the acquisition, the first word of several."""
    found: dict[tuple[str, str], str] = {}
    is_dicom = file_type(volume) == "DICOM"
    for element in header:
        if element.name not in _WORDS or not element.value:
            continue
        name, unit, factor = _WORDS[element.name]
        if element.name in _SECONDS and not is_dicom:
            factor = 1000.0
        found.setdefault(("Acquisition", name), _in_unit(element.value, unit, factor))
    for axis in volume.axes:
        if axis.name == "t" and axis.unit == "s" and axis.values is None:
            found.setdefault(("Acquisition", "repetition time"), f"{axis.step * 1000:.6g} ms")
    return found


def _in_unit(value: str, unit: str, factor: float) -> str:
    if not factor:
        return value.strip()
    try:
        return f"{float(value) * factor:.6g} {unit}"
    except ValueError:
        return value


def differences(
    one: Volume,
    other: Volume,
    one_header: Sequence[Element],
    other_header: Sequence[Element],
) -> tuple[Difference, ...]:
    """Return how two scans differ: element by element for one format, else in shared words.

    A scan that was changed since it was read is compared in shared words, too: its header is
    the one of its file.
    """
    is_same = vocabulary(one_header) == vocabulary(other_header) and bool(one_header)
    found = header_differences(one_header, other_header) if is_same else ()
    if is_same and not (one.history or other.history):
        return found
    return (*found, *image_differences(one, other, one_header, other_header))


def differences_table(found: Sequence[Difference]) -> Table:
    """Return differences as rows of :data:`COLUMNS`."""
    return Table(COLUMNS, tuple(tuple(row) for row in found))


class VoxelDifference(NamedTuple):
    """How far the values of two scans are apart.

    Parameters
    ----------
    n_different, n_voxels : int
    largest : float
        Largest absolute difference; NaN against a number counts as different, not as large.
    """

    n_different: int
    n_voxels: int
    largest: float

    def __str__(self) -> str:
        """Read as a person would."""
        if not self.n_different:
            return f"All {self.n_voxels:,} values are equal"
        return (
            f"{self.n_different:,} of {self.n_voxels:,} values differ, by up to {self.largest:.6g}"
        )


def voxel_difference(one: Volume, other: Volume, progress: Any = None) -> VoxelDifference | None:
    """Return how far the values of two scans of one shape are apart; None for other shapes.

    Reads both, plane by plane; voxel against voxel, whatever their places.

    Parameters
    ----------
    one, other : Volume
    progress : callable, optional
        Told (planes done, planes in all).
    """
    if one.shape != other.shape:
        return None
    planes = list(product(*(range(n) for n in one.shape[2 : len(one.shape) - one.is_rgb])))
    n_different, largest = 0, 0.0
    for number, plane in enumerate(planes):
        if progress is not None:
            progress(number, len(planes))
        mine, its = (_plane(volume, plane) for volume in (one, other))
        with np.errstate(invalid="ignore"):
            differs = (mine != its) & ~(np.isnan(mine) & np.isnan(its))
            apart = np.abs(mine[differs] - its[differs])
        n_different += int(differs.sum())
        largest = max(largest, float(np.nan_to_num(apart, posinf=np.inf).max(initial=0)))
    return VoxelDifference(n_different, int(np.prod(one.shape)), largest)


def _plane(volume: Volume, plane: tuple[int, ...]) -> Any:
    data: Any = volume.data
    values = np.asarray(data[(slice(None), slice(None), *plane)])
    return values if values.dtype.kind == "c" else values.astype(np.float64)
