"""What the readers on nibabel share: one shape of result, rows of any header, its warnings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import Affine
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError, ReadError
from napari_medvol.formats.streams import reading
from napari_medvol.report import Finding
from napari_medvol.volume import Axis, Field

Array = NDArray[Any]

_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Opened:
    """One scan as a nibabel class describes it, its voxels still in the file.

    Parameters
    ----------
    data : LazyArray
        Indexed (i, j, k, …).
    affine : (4, 4) array
        To RAS+ mm.
    source : str
        What decided the affine.
    native : object
        nibabel's header.
    files : tuple of Path
    axes : tuple of Axis
    rows : list of Field
    findings : list of Finding
    unit : str
        Of the values.
    """

    data: LazyArray
    affine: Affine
    source: str
    native: Any
    files: tuple[Path, ...]
    axes: tuple[Axis, ...] = ()
    rows: list[Field] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unit: str = ""


class _Listener(logging.Handler):
    """A logging handler that keeps the messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.append(record.getMessage())


@contextmanager
def heard(findings: list[Finding]) -> Iterator[None]:
    """Turn what nibabel logs and warns of inside the block into findings."""
    from nibabel import imageglobals

    listener, logger = _Listener(), imageglobals.logger
    before, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [listener], False
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        logger.handlers, logger.propagate = before, propagate
    texts = [*listener.messages, *(str(warning.message) for warning in caught)]
    findings += [Finding(text, kind="nibabel") for text in dict.fromkeys(texts)]


def rows_of(group: str, header: Any) -> list[Field]:
    """Return one row for each entry of a mapping or of nibabel's mapping-like headers."""
    return [Field(group, str(name), as_text(header[name])) for name in header]


def as_text(value: Any) -> str:
    """Return a header value as people read it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bytes):
        value = value.split(b"\0")[0].decode("latin-1")
    if isinstance(value, list | tuple):
        value = "[" + ", ".join(as_text(v) for v in value) + "]"
    text = f"{value:.9g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


#: Index of the plane along the outer axes, to its values.
ReadPart = Callable[[tuple[int, ...]], Array]


class PartPlanes:
    """Planes that a function reads, opening and closing the file by itself.

    Parameters
    ----------
    name : str
        Path of the file.
    outer, inner : tuple of int
    dtype : dtype
    read_part : callable
        Index along the outer axes to values of shape `inner`.
    """

    def __init__(
        self,
        name: str,
        outer: tuple[int, ...],
        inner: tuple[int, ...],
        dtype: np.dtype[Any],
        read_part: ReadPart,
    ) -> None:
        self.name, self.outer, self.inner, self.dtype = name, outer, inner, dtype
        self._read_part = read_part

    def read_plane(self, number: int, out: Array) -> None:
        """Write plane `number` into `out`."""
        index = tuple(int(i) for i in np.unravel_index(number, self.outer)) if self.outer else ()
        try:
            with reading(Path(self.name)):
                values = self._read_part(index)
        except MedVolError:
            raise
        except Exception as error:
            raise ReadError(
                self.name, f"its voxels cannot be read ({error})", "Copy the file again"
            ) from error
        if self.dtype.kind in "iu" and values.dtype.kind == "f":
            values = np.rint(values)
        np.copyto(out, values, casting="unsafe")
