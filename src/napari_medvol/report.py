"""How a grid was found: the record that every Volume carries, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Severity = Literal["note", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One odd thing that the reader met.

    Parameters
    ----------
    text : str
        A sentence with values and units, for people.
    severity : {"note", "warning"}
        A warning is shown to the user when the file is opened; a note is kept in the report.
    kind : str
        A short stable word for programs: ``"gap"``, ``"tilt"``, ``"unreadable"``, …
    """

    text: str
    severity: Severity = "warning"
    kind: str = ""


class SliceSource(NamedTuple):
    """Where one plane of the data comes from.

    Parameters
    ----------
    plane : tuple of int
        Index after (i, j): ``(k,)`` or ``(k, t, …)``.
    file : str
        Path of the file; empty for a plane that no file holds.
    frame : int
        Zero-based frame inside the file.
    instance_uid : str
        SOP Instance UID (0008,0018), empty outside DICOM.
    position : float
        Distance along the slice normal, mm. PS3.3 C.7.6.2.1.1. Of a plane that no file holds,
        where the grid has it.
    residual : float
        Distance of the slice from the even grid that the affine describes, mm.
    """

    plane: tuple[int, ...]
    file: str
    frame: int = 0
    instance_uid: str = ""
    position: float = float("nan")
    residual: float = 0.0

    def __str__(self) -> str:
        """Say in words which file holds the plane, or that none does, and where it lies."""
        at = f", {self.position:.4g} mm along the slice normal" if isfinite(self.position) else ""
        if not self.file:
            return f"plane {', '.join(map(str, self.plane))}: no file holds it{at}"
        frame = f", frame {self.frame}" if self.frame else ""
        return f"plane {', '.join(map(str, self.plane))}: {self.file}{frame}{at}"


@dataclass(frozen=True, slots=True)
class GeometryReport:
    """How the grid of a Volume was found.

    Parameters
    ----------
    source : str
        What decided the affine: ``"sform (scanner)"``, ``"ImagePositionPatient"``, …
    files : tuple of str
        Every file that the volume was made of.
    place : str
        File or folder that was read: where the volume has a name among others.
    asked : tuple of (str, value)
        What the reader must be asked for beside its defaults to give this volume again.
    sort_key : str
        What the slices were sorted by.
    slices : tuple of SliceSource
        One row a plane, in the order of the data.
    spacing : float or None
        Fitted distance between slice centres, mm.
    largest_residual : float
        Largest distance of a slice from the fitted grid, mm.
    tilt : float
        Angle between the slice normal and the line through the slice centres, degrees.
    used, ignored : tuple of (str, str)
        Names and values of the header elements that did, and did not, decide.
    findings : tuple of Finding
        Everything odd, in words.
    affine : (4, 4) array or None
        Of the grid whose planes `slices` number: index (i, j, k) to RAS+ mm. A volume that was
        cropped or turned since still finds its files by it.
    """

    source: str = ""
    files: tuple[str, ...] = ()
    place: str = ""
    asked: tuple[tuple[str, Any], ...] = ()
    sort_key: str = ""
    slices: tuple[SliceSource, ...] = ()
    spacing: float | None = None
    largest_residual: float = 0.0
    tilt: float = 0.0
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    affine: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings that a user should be told of on opening."""
        return tuple(f.text for f in self.findings if f.severity == "warning")

    def __str__(self) -> str:
        """Read as a person would."""
        lines = [f"Geometry from {self.source or 'nowhere'}"]
        if self.sort_key:
            held = sum(bool(row.file) for row in self.slices)
            left = len(self.slices) - held
            others = f"; {left} {'plane is' if left == 1 else 'planes are'} in no file"
            lines.append(f"{held} slices sorted by {self.sort_key}{others if left else ''}")
        if self.spacing is not None:
            lines.append(
                f"slice spacing {self.spacing:.4f} mm,"
                f" largest residual {self.largest_residual:.4f} mm"
            )
        if self.tilt:
            lines.append(f"tilt {self.tilt:.3f}°")
        lines += [f"used {name} = {value}" for name, value in self.used]
        lines += [f"ignored {name} = {value}" for name, value in self.ignored]
        lines += [f"{f.severity}: {f.text}" for f in self.findings]
        return "\n".join(lines)
