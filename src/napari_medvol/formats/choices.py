"""What a caller may ask of a reader: one value, known to every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gaps = Literal["blank", "interpolate", "split", "stack"]


@dataclass(frozen=True, slots=True)
class Choices:
    """How to read.

    Parameters
    ----------
    series : str or tuple of str, optional
        Series Instance UIDs, or series numbers as text; all series by default. DICOM only.
    gaps : {"blank", "interpolate", "split", "stack"}, optional
        What to do with a series that is no even grid. By default missing slices are left
        blank on a uniform grid and uneven spacing is interpolated to the smallest gap.
    value : str
        ``"real"``: rescale slope and intercept applied, integers kept where they can be;
        ``"float"``: the same, always floating point; ``"stored"``: as in the file. DICOM has
        more: ``"suvbw"``, ``"suvlbm"``, ``"suvbsa"`` (PET), ``"fp"`` (Philips' floating
        point), ``"rwv"`` (real-world value map).
    mosaic : int, optional
        Number of slices in a Siemens mosaic whose private elements were removed.
    form : {"auto", "sform", "qform", "pixdim"}
        Which of NIfTI's matrices decides. By default sform if its code is above 0, else
        qform if its code is above 0, else the voxel sizes alone.
    """

    series: str | tuple[str, ...] | None = None
    gaps: Gaps | None = None
    value: str = "real"
    mosaic: int | None = None
    form: Literal["auto", "sform", "qform", "pixdim"] = "auto"
