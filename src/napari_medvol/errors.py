"""Every error that a user can meet, in one drawn tree.

::

    MedVolError             what failed, why (values, units), what to try
    ├── ReadError           a file cannot be opened or is not what it says
    │   ├── FormatError     no row of FORMATS knows the file
    │   ├── DecodeError     the pixels cannot be decoded; names the missing codec
    │   └── SeriesError     files of a DICOM series do not make a volume
    ├── WriteError          a file cannot be written without a loss that was not asked for
    ├── GeometryError       an affine that leads nowhere: singular, not finite, not 4×4
    ├── StepError           an operation refuses its parameters
    ├── BatchError          a conversion of many cannot begin, or cannot go on
    └── LayerError          a napari layer that carries no scan

Exceptions of other libraries are translated where they enter, so no foreign type leaks.
"""

from __future__ import annotations


class MedVolError(Exception):
    """Something the user can act on: what failed, why, and what to try.

    Parameters
    ----------
    what : str
        What failed: the file, series, layer or operation, by name.
    why : str
        The reason, with values and units; no full stop at the end.
    fix : str, optional
        What to try; no full stop at the end.
    """

    def __init__(self, what: str, why: str, fix: str = "") -> None:
        super().__init__(what, why, fix)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        """Read as a person would say it: ``what: why. fix.``."""
        why = self.why.rstrip(".")
        fix = self.fix.rstrip(".")
        return f"{self.what}: {why}." + (f" {fix}." if fix else "")


class ReadError(MedVolError):
    """A file cannot be opened, or is not what it says it is."""


class FormatError(ReadError):
    """No row of ``FORMATS`` knows the file."""


class DecodeError(ReadError):
    """The stored pixels cannot be decoded."""


class SeriesError(ReadError):
    """The files of a DICOM series do not make a volume."""


class WriteError(MedVolError):
    """A value cannot be written without a loss that was not asked for."""


class GeometryError(MedVolError):
    """An affine that leads nowhere."""


class StepError(MedVolError):
    """An operation refuses its parameters."""


class BatchError(MedVolError):
    """A conversion of many scans cannot begin, or cannot go on."""


class LayerError(MedVolError):
    """A napari layer that carries no scan."""
