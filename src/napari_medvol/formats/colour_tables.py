"""Colormap files: our JSON, ITK-SNAP's XML, FSLeyes' ``.cmap``, MRIcroGL's ``.clut``, ``.lut``."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np

from napari_medvol.colormap import Colormap, Stop, colormap_of
from napari_medvol.errors import FormatError, MedVolError, ReadError, WriteError

_FIX: Final = "Colormaps are read from .json, .xml (ITK-SNAP), .cmap, .clut and .lut files"


def read_colormap(path: str | os.PathLike[str]) -> Colormap:
    """Return the colormap of a file, in the format that its suffix names.

    Parameters
    ----------
    path : path
        ``.json`` (what :func:`write_colormap` writes), ``.xml`` (ITK-SNAP's colormap registry),
        ``.cmap`` (FSLeyes: red, green, blue a line), ``.clut`` (MRIcroGL, Surfice), ``.lut``
        (ImageJ, MRIcron, Mango: 768 bytes).

    Raises
    ------
    FormatError
        If the suffix is none of those.
    ReadError
        If the file is not what its suffix says.
    """
    file = Path(path)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise FormatError(str(file), f"{file.suffix or 'no suffix'!r} is no colormap", _FIX)
    try:
        return read(file.read_bytes(), file.stem)
    except ReadError as error:
        raise ReadError(str(file), error.why, error.fix) from error
    except MedVolError as error:
        raise ReadError(str(file), error.why, _FIX) from error
    except OSError as error:
        raise ReadError(str(file), str(error.strerror or error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as error:
        raise ReadError(
            str(file), f"is no {file.suffix} colormap ({error})", "Is it the right file?"
        ) from error


def write_colormap(colormap: Colormap, path: str | os.PathLike[str]) -> Path:
    """Write a colormap as JSON; the file appears whole or not at all.

    Returns
    -------
    Path
        With the suffix ``.json``, which is added where it is missing.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    file = Path(path)
    file = file if file.suffix.lower() == ".json" else file.with_name(f"{file.name}.json")
    content = {
        "name": colormap.name,
        "limits": colormap.limits and list(colormap.limits),
        "stops": [dict(zip(Stop._fields, stop, strict=True)) for stop in colormap.stops],
    }
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False
        ) as out:
            part = Path(out.name)
            json.dump(content, out, indent=1)
        part.replace(file)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise WriteError(
            str(file), str(error.strerror or error), "Choose another folder"
        ) from error
    return file


def _json(content: bytes, name: str) -> Colormap:
    found: Any = json.loads(content)
    stops = tuple(
        Stop(*(float(stop.get(field, 1.0 if field == "alpha" else "")) for field in Stop._fields))
        for stop in found["stops"]
    )
    limits = found.get("limits")
    low_high = (float(limits[0]), float(limits[1])) if limits else None
    return Colormap(str(found.get("name") or name), stops, low_high)


def _itksnap(content: bytes, name: str) -> Colormap:
    """Read ITK-SNAP's registry: points of an index and the colours on both its sides."""
    root = ElementTree.fromstring(content)  # noqa: S314 - no entities beyond the five are expanded
    if root.tag != "registry":
        raise ValueError(f"its root is <{root.tag}>, not <registry>")
    points = sorted(
        (folder for folder in root.iter("folder") if "ControlPoint[" in folder.get("key", "")),
        key=lambda folder: float(_entries(folder)["Index"]),
    )
    preset = _entries(root).get("Preset", "")
    if not points:
        why = f"names the preset {preset!r} and holds no points" if preset else "holds no points"
        raise ReadError("", why, "Choose the preset by its name, or save it as a custom map")
    stops: list[Stop] = []
    for folder in points:
        sides = [_side(folder, side) for side in ("Left", "Right")]
        at = float(_entries(folder)["Index"])
        is_step = _entries(folder).get("Type") == "Discontinuous" and sides[0] != sides[1]
        # The outer side of an end is never seen.
        used = sides if is_step and 0 < at < 1 else sides[:1] if at >= 1 else sides[1:]
        stops += [Stop(at, *color) for color in used]
    return Colormap(name, tuple(stops))


def _entries(folder: ElementTree.Element) -> dict[str, str]:
    return {entry.get("key", ""): entry.get("value", "") for entry in folder.findall("entry")}


def _side(folder: ElementTree.Element, side: str) -> list[float]:
    """Return RGBA, 0 to 1, of one side; its keys are a folder of their own or dotted."""
    inner = next((f for f in folder.findall("folder") if f.get("key") == side), None)
    if inner is not None:
        entries = _entries(inner)
    else:
        entries = {key.removeprefix(f"{side}."): v for key, v in _entries(folder).items()}
    return [int(entries[channel]) / 255 for channel in "RGBA"]


def _fsleyes(content: bytes, name: str) -> Colormap:
    """Read lines of red, green, blue (and alpha), 0 to 1."""
    lines = [line.split("#")[0].split() for line in content.decode("utf-8-sig").splitlines()]
    colors = np.array([[float(number) for number in line] for line in lines if line])
    if colors.ndim != 2 or colors.shape[1] not in (3, 4):
        raise ValueError("its lines are not red, green, blue")
    return colormap_of(name, colors)


_NODE: Final = re.compile(r"node(intensity|rgba)(\d+)\s*=\s*([\d|]+)", re.IGNORECASE)
_LIMIT: Final = re.compile(r"^\s*(min|max)\s*=\s*([-+.\deE]+)\s*$", re.IGNORECASE | re.MULTILINE)


def _mricrogl(content: bytes, name: str) -> Colormap:
    """Read nodes of an intensity and RGBA, both 0 to 255, and the range of values if given."""
    text = content.decode("utf-8-sig")
    nodes: dict[int, dict[str, str]] = {}
    for kind, number, value in _NODE.findall(text):
        nodes.setdefault(int(number), {})[kind.lower()] = value
    stops = [
        Stop(int(node["intensity"]) / 255, *(int(v) / 255 for v in node["rgba"].split("|")))
        for _, node in sorted(nodes.items())
    ]
    limits = {key.lower(): float(value) for key, value in _LIMIT.findall(text)}
    low, high = limits.get("min", 0.0), limits.get("max", 0.0)
    return Colormap(name, _to_both_ends(stops), (low, high) if low < high else None)


def _to_both_ends(stops: Sequence[Stop]) -> tuple[Stop, ...]:
    """Return the stops with the first and last colour kept to the ends of the range."""
    if not stops:
        return ()
    first, last = stops[0], stops[-1]
    start = [Stop(0.0, *first[1:])] if first.position > 0 else []
    end = [Stop(1.0, *last[1:])] if last.position < 1 else []
    return (*start, *stops, *end)


def _imagej(content: bytes, name: str) -> Colormap:
    """Read 256 reds, 256 greens, 256 blues as bytes, after a header of 32 bytes or none."""
    if len(content) == 800 and content[:4] == b"ICOL":
        content = content[32:]
    if len(content) != 768:
        raise ValueError(f"it has {len(content)} bytes, not 768")
    return colormap_of(name, np.frombuffer(content, np.uint8).reshape(3, 256).T / 255)


_READERS: Final[dict[str, Callable[[bytes, str], Colormap]]] = {
    ".json": _json,
    ".xml": _itksnap,
    ".cmap": _fsleyes,
    ".clut": _mricrogl,
    ".lut": _imagej,
}
