"""A volume as DICOM can place it: right-handed planes of columns and rows, LPS+ mm.

A DICOM image lies where its first pixel, the directions of its columns and rows and its pixel
spacing say (PS3.3 C.7.6.2.1.1). Images of a series may lie anywhere along their normal, so an
oblique volume, a left-handed one and one of a tilted gantry have their place; one whose columns
and rows are not at a right angle has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines, arrays
from napari_medvol.affines import swap_lps_ras
from napari_medvol.errors import WriteError
from napari_medvol.formats.dicom.grid import normal_of
from napari_medvol.formats.saving.certificate import CORNERS_WITHIN
from napari_medvol.volume import Volume

Points = NDArray[np.float64]

#: Rows and Columns (0028,0010) are numbers of 16 bits.
_MOST_PIXELS: Final = 65535
#: Columns and rows this far from a right angle are those of positions that a file rounded.
_ROUNDING_MM: Final = 0.05
_ROUNDING_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Places:
    """Where the planes of a volume lie.

    Parameters
    ----------
    volume : Volume
        The volume with k along the normal of its planes: what files that are sorted along the
        normal give back.
    orientation : (2, 3) array
        Directions of increasing i, then of increasing j, LPS+.
    spacing : (between rows, between columns)
        mm.
    first, step : (3,) array
        Centre of the first voxel, and from plane to plane; LPS+ mm.
    notes : tuple of str
    """

    volume: Volume
    orientation: Points
    spacing: tuple[float, float]
    first: Points
    step: Points
    notes: tuple[str, ...] = ()

    @property
    def normal(self) -> Points:
        """Unit normal of the planes, LPS+."""
        return normal_of(self.orientation)

    @property
    def between(self) -> float:
        """Distance between planes along their normal, mm."""
        return float(self.step @ self.normal)

    def position(self, k: int) -> Points:
        """Return the centre of the first voxel of plane `k`, LPS+ mm."""
        return np.asarray(self.first + k * self.step)


def places_of(volume: Volume) -> Places:
    """Return where the planes of a volume lie.

    Raises
    ------
    WriteError
        If its columns and rows are not at a right angle, or there are too many of them.
    """
    if max(volume.shape[:2]) > _MOST_PIXELS:
        why = f"DICOM has at most {_MOST_PIXELS} rows and columns, one axis here has more"
        raise WriteError(volume.name or "volume", why, "Crop or resample it first")
    if np.linalg.det(swap_lps_ras(volume.affine)[:3, :3]) < 0:
        flipped = affines.reoriented(volume.affine, volume.shape, (0, 1, 2), (1, 1, -1))
        volume = replace(volume, data=arrays.flip(volume.data, 2), affine=flipped)
    lps = swap_lps_ras(volume.affine)
    along_i, along_j, step = lps[:3, 0], lps[:3, 1], lps[:3, 2]
    between_columns, between_rows = (float(np.linalg.norm(c)) for c in (along_i, along_j))
    row = along_i / between_columns
    column = along_j / between_rows
    orientation = np.stack([row, column - (column @ row) * row])
    orientation[1] /= np.linalg.norm(orientation[1])
    straight, notes = _straightened(volume, lps, orientation, (between_columns, between_rows))
    spacing = between_rows, between_columns
    found = Places(straight, orientation, spacing, lps[:3, 3], step, notes)
    slip = np.linalg.norm(step - found.between * found.normal) * (volume.shape[2] - 1)
    if slip <= _ROUNDING_MM:
        return found
    text = (
        f"each slice slips along the one before, by {slip:.3g} mm in all, as under a tilted"
        " gantry: every file says so, but programs that take a series for a box, such as"
        " SimpleITK, do not look"
    )
    return replace(found, notes=(*notes, text))


def _straightened(
    volume: Volume, lps: affines.Affine, orientation: Points, sizes: tuple[float, float]
) -> tuple[Volume, tuple[str, ...]]:
    """Return the volume with its columns and rows at a right angle, if they were but rounded."""
    straight = lps.copy()
    straight[:3, 0], straight[:3, 1] = (orientation[n] * sizes[n] for n in (0, 1))
    off = affines.corner_displacement(lps, straight, volume.shape)
    if off <= CORNERS_WITHIN / 2:
        return volume, ()
    if off <= _ROUNDING_MM and off <= _ROUNDING_SHARE * min(sizes):
        text = f"its columns and rows were straightened: a corner moved by {off:.2g} mm"
        return replace(volume, affine=swap_lps_ras(straight)), (text,)
    cosine = float(lps[:3, 0] @ lps[:3, 1]) / (sizes[0] * sizes[1])
    raise WriteError(
        volume.name or "volume",
        f"its columns and rows meet at {np.degrees(np.arccos(cosine)):.3f}°, and a DICOM image"
        f" has right angles: a corner would be {off:.3g} mm off",
        "Resample it to a grid with right angles, or write NIfTI",
    )
