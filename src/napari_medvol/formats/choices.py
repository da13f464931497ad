"""What a caller may ask of a reader: one value, known to every row."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Gaps = Literal["blank", "interpolate", "split", "stack"]
Form = Literal["auto", "sform", "qform", "pixdim"]


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
        ``"stored"``: as in the file. DICOM has more: ``"float"`` (real, never integers),
        ``"suvbw"``, ``"suvlbm"``, ``"suvbsa"`` (PET), ``"fp"`` (Philips' floating point),
        ``"rwv"`` (real-world value map).
    mosaic : int, optional
        Number of slices in a Siemens mosaic whose private elements were removed.
    form : {"auto", "sform", "qform", "pixdim"}
        Which of NIfTI's matrices decides. By default sform if its code is above 0, else
        qform if its code is above 0, else the voxel sizes alone.
    name : str, optional
        Name of the one volume that is wanted, where there are several.

    Raises
    ------
    ValueError
        If a choice is none of those named.
    """

    series: str | tuple[str, ...] | None = None
    gaps: Gaps | None = None
    value: str = "real"
    mosaic: int | None = None
    form: Form = "auto"
    name: str | None = None

    def __post_init__(self) -> None:
        _one_of("gaps", self.gaps, (None, *get_args(Gaps)))
        _one_of("form", self.form, get_args(Form))
        if self.mosaic is not None and self.mosaic < 1:
            raise ValueError(f"mosaic={self.mosaic!r} is no number of slices")

    @property
    def asked(self) -> dict[str, Any]:
        """What differs from the default, by name."""
        values = ((one.name, getattr(self, one.name), one.default) for one in fields(self))
        return {name: value for name, value, default in values if value != default}


def _one_of(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        choices = ", ".join(repr(one) for one in known)
        raise ValueError(f"{name}={value!r} is none of {choices}")
