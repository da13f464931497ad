"""What a caller may ask of a writer: one value, known to every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from napari_medvol.volume import Volume

Codes = Literal["auto", "scanner", "aligned", "talairach", "mni", "unknown"]
Sidecar = Literal["auto", "none", "provenance", "bids"]

_CODES: Final = ("auto", "scanner", "aligned", "talairach", "mni", "unknown")
_SIDECARS: Final = ("auto", "none", "provenance", "bids")


@dataclass(frozen=True, slots=True)
class WriteChoices:
    """How to write.

    Parameters
    ----------
    dtype : dtype, optional
        Of the stored numbers. By default the type of the values if the format holds it, else
        the smallest that holds every value.
    scaling : {"auto", "none"} or (slope, intercept)
        How values become integers where `dtype` asks for integers: by a slope and an intercept
        that span their range where they are not whole numbers that fit; never; or these.
    level : int, optional
        Of the compression, from 0 (fast) to 9 (small).
    version : {1, 2}, optional
        Of NIfTI. By default that of the source, else 1 where its sizes suffice.
    codes : {"auto", "scanner", "aligned", "talairach", "mni", "unknown"} or a pair of them
        Of NIfTI's qform and sform, in this order. ``"auto"`` is that of the source; else
        scanner for both, and the qform unknown where the grid is sheared. Both unknown only
        where readers that go by the voxel sizes alone find the same place.
    sidecar : {"auto", "none", "provenance", "bids"}
        The JSON file beside the image: provenance where there is a history, but not beside
        DICOM, which says it itself; never; always;
        with BIDS's fields too.
    provenance : bool
        Whether NIfTI also carries the provenance in a comment extension.
    multiframe : bool
        Whether DICOM is one enhanced multi-frame file instead of one file a slice.
    like : Volume, optional
        DICOM: the scan whose patient, study and frame of reference the new series belongs to.
        By default the one that the volume was read from.
    elements : mapping
        DICOM: keyword to value of elements to set, such as ``SeriesDescription``.

    Raises
    ------
    ValueError
        If a choice is none of those named.
    """

    dtype: np.dtype[Any] | None = None
    scaling: Literal["auto", "none"] | tuple[float, float] = "auto"
    level: int | None = None
    version: Literal[1, 2] | None = None
    codes: Codes | tuple[Codes, Codes] = "auto"
    sidecar: Sidecar = "auto"
    provenance: bool = False
    multiframe: bool = False
    like: Volume | None = None
    elements: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dtype is not None:
            try:
                object.__setattr__(self, "dtype", np.dtype(self.dtype).newbyteorder("="))
            except TypeError as error:
                raise ValueError(f"dtype={self.dtype!r} is no type of numbers") from error
        self._check_scaling()
        if self.level is not None and not 0 <= self.level <= 9:
            raise ValueError(f"level={self.level!r} is not from 0 to 9")
        if self.version not in (None, 1, 2):
            raise ValueError(f"version={self.version!r} is neither 1 nor 2")
        for code in self.codes if isinstance(self.codes, tuple) else (self.codes,):
            if code not in _CODES:
                raise ValueError(f"codes={code!r} is none of {', '.join(_CODES)}")
        if self.sidecar not in _SIDECARS:
            raise ValueError(f"sidecar={self.sidecar!r} is none of {', '.join(_SIDECARS)}")

    def _check_scaling(self) -> None:
        if self.scaling in ("auto", "none"):
            return
        try:
            slope, intercept = (float(number) for number in self.scaling)
        except (TypeError, ValueError) as error:
            why = f"scaling={self.scaling!r} is neither 'auto', 'none' nor (slope, intercept)"
            raise ValueError(why) from error
        object.__setattr__(self, "scaling", (slope, intercept))
