"""Files that name labels and give them colours: FreeSurfer, ITK-SNAP, FSL, BIDS, 3D Slicer."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from napari_medvol.errors import FormatError, ReadError
from napari_medvol.volume import Label

_FIX: Final = (
    "Names of labels are read from FreeSurfer's color table (.txt), ITK-SNAP's .label, FSL's"
    " atlas .xml, FSLeyes' .lut, 3D Slicer's .ctbl and BIDS' dseg.tsv"
)

#: ``IDX R G B A VIS MSH "LABEL"``
_ITKSNAP: Final = re.compile(
    r"^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.eE+-]+)\s+([01])\s+([01])\s+\"(.*)\"\s*$"
)
#: ``No. Name R G B A``
_FREESURFER: Final = re.compile(r"^\s*(\d+)\s+(\S.*?)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+(\d+))?\s*$")
#: ``label red green blue name``
_FSLEYES: Final = re.compile(r"^\s*(\d+)\s+([\d.eE+-]+)\s+([\d.eE+-]+)\s+([\d.eE+-]+)\s*(.*?)\s*$")


def read_labels(path: str | os.PathLike[str]) -> tuple[Label, ...]:
    """Return what the values of a labels volume stand for, in the order of the file.

    Parameters
    ----------
    path : path
        FreeSurfer's ``FreeSurferColorLUT.txt``, ITK-SNAP's ``.label``, an FSL atlas ``.xml``,
        FSLeyes' ``.lut``, 3D Slicer's ``.ctbl``, BIDS' ``dseg.tsv``.

    Raises
    ------
    FormatError
        If the suffix is none of those.
    ReadError
        If the file cannot be read, or names no label.
    """
    file = Path(path)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise FormatError(str(file), f"{file.suffix or 'no suffix'!r} is no table of labels", _FIX)
    try:
        labels = tuple(read(_text(file.read_bytes())))
    except OSError as error:
        raise ReadError(str(file), str(error.strerror or error)) from error
    except (ValueError, ElementTree.ParseError) as error:
        raise ReadError(str(file), f"is no table of labels ({error})", _FIX) from error
    if not labels:
        raise ReadError(str(file), "names no label", _FIX)
    return labels


def _text(content: bytes) -> str:
    """Return text as UTF-8; what is not that was written before it was usual: Latin-1."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def freesurfer_table() -> Path | None:
    """Return FreeSurfer's own table, if ``$FREESURFER_HOME`` has one."""
    home = os.environ.get("FREESURFER_HOME")
    file = Path(home) / "FreeSurferColorLUT.txt" if home else None
    return file if file is not None and file.is_file() else None


def _matches(text: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    return (found for line in text.splitlines() if (found := pattern.match(line)))


def _freesurfer(text: str) -> Iterator[Label]:
    """Yield rows whose last number is transparency: 0 is opaque in FreeSurfer."""
    for found in _matches(text, _FREESURFER):
        value, name, red, green, blue, clear = found.groups()
        alpha = 1 - int(clear or 0) / 255
        yield Label(int(value), name, (int(red) / 255, int(green) / 255, int(blue) / 255, alpha))


def _slicer(text: str) -> Iterator[Label]:
    """Yield rows whose last number is opacity."""
    for found in _matches(text, _FREESURFER):
        value, name, *color, opaque = found.groups()
        red, green, blue = (int(c) / 255 for c in color)
        yield Label(int(value), name, (red, green, blue, int(opaque or 255) / 255))


def _itksnap(text: str) -> Iterator[Label]:
    """Yield rows; a label that is not visible is transparent."""
    for found in _matches(text, _ITKSNAP):
        value, red, green, blue, opacity, visible, _, name = found.groups()
        alpha = min(max(float(opacity), 0.0), 1.0) * int(visible)
        yield Label(int(value), name, (int(red) / 255, int(green) / 255, int(blue) / 255, alpha))


def _fsleyes(text: str) -> Iterator[Label]:
    """Yield rows of a value, red, green and blue (0 to 1, or to 255) and a name."""
    rows = [found.groups() for found in _matches(text, _FSLEYES)]
    brightest = max((float(c) for row in rows for c in row[1:4]), default=0.0)
    full = 255.0 if brightest > 1 else 1.0
    for value, *color, name in rows:
        red, green, blue = (float(c) / full for c in color)
        yield Label(int(value), name or f"label {value}", (red, green, blue, 1.0))


def _fsl_atlas(text: str) -> Iterator[Label]:
    """Yield labels of an FSL atlas. In its summary image, region n of maps has the value n + 1."""
    root = ElementTree.fromstring(text)  # noqa: S314 - no entities beyond the five are expanded
    if root.tag != "atlas":
        raise ValueError(f"its root is <{root.tag}>, not <atlas>")
    kind = (root.findtext("header/type") or "").strip().lower()
    shift = 0 if kind == "label" else 1
    for element in root.iter("label"):
        value = int(element.get("value") or int(element.get("index", "")) + shift)
        yield Label(value, (element.text or "").strip())


def _bids(text: str) -> Iterator[Label]:
    """Yield rows of ``index``, ``name``, ``color`` (BIDS, imaging derivatives)."""
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    if not {"index", "name"} <= set(rows.fieldnames or ()):
        raise ValueError(f"its columns are {rows.fieldnames}, not index and name")
    for row in rows:
        yield Label(int(row["index"]), row["name"], _hex_color(row.get("color") or ""))


def _hex_color(text: str) -> tuple[float, float, float, float] | None:
    digits = text.strip().lstrip("#")
    if not re.fullmatch(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?", digits):
        return None
    red, green, blue, alpha = bytes.fromhex(f"{digits}ff"[:8])
    return red / 255, green / 255, blue / 255, alpha / 255


def _label_or_text(text: str) -> Iterator[Label]:
    """Read ITK-SNAP's rows; FreeSurfer gives outlines on a surface the same suffix."""
    if text.startswith("#!ascii label"):
        raise ValueError("it is a FreeSurfer label: vertices of a surface")
    return _itksnap(text)


def _any_text(text: str) -> Iterator[Label]:
    """Read what people keep in ``.txt``: ITK-SNAP's rows where there are some."""
    is_itksnap = next(_matches(text, _ITKSNAP), None) is not None
    return _itksnap(text) if is_itksnap else _freesurfer(text)


_READERS: Final[dict[str, Callable[[str], Iterator[Label]]]] = {
    ".txt": _any_text,
    ".label": _label_or_text,
    ".xml": _fsl_atlas,
    ".lut": _fsleyes,
    ".ctbl": _slicer,
    ".tsv": _bids,
}
