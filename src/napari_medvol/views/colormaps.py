"""Colormaps by name: the palettes of DICOM, and those of the ``cmap`` catalogue."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from napari_medvol.colormap import Colormap, Stop, colormap_of
from napari_medvol.errors import MedVolError

#: PS3.6 Annex B: the well-known color palettes and their UIDs. By UID, as pydicom 3.0 gives
#: Winter for the name of Fall.
DICOM_PALETTES: Final = {
    "Hot Iron": "1.2.840.10008.1.5.1",
    "PET": "1.2.840.10008.1.5.2",
    "Hot Metal Blue": "1.2.840.10008.1.5.3",
    "PET 20 Step": "1.2.840.10008.1.5.4",
    "DICOM Spring": "1.2.840.10008.1.5.5",
    "DICOM Summer": "1.2.840.10008.1.5.6",
    "DICOM Fall": "1.2.840.10008.1.5.7",
    "DICOM Winter": "1.2.840.10008.1.5.8",
}

#: What ITK-SNAP, FSLeyes and Mango call what the catalogue has under another name.
_OTHER_NAMES: Final = {
    "grayscale": "gray",
    "greyscale": "gray",
    "grey": "gray",
    "red-yellow": "autumn",
    "blue to red": "bwr",
}


def colormap_names() -> tuple[str, ...]:
    """Return every name that :func:`colormap_named` knows: palettes first, then the alphabet."""
    import cmap

    known = {name.lower() for name in DICOM_PALETTES}
    others = (name for name in cmap.Catalog().short_keys() if name.lower() not in known)
    return (*DICOM_PALETTES, *sorted(others, key=str.lower))


def colormap_named(name: str) -> Colormap:
    """Return a colormap by its name, whatever its case; ``_r`` at its end turns it about.

    Parameters
    ----------
    name : str
        A DICOM palette (:data:`DICOM_PALETTES`; spaces, hyphens and underscores are the same)
        or one of ``cmap``'s catalogue, such as ``Hot``, ``viridis``, ``matlab:jet``.

    Raises
    ------
    MedVolError
        If there is no such map.
    """
    plain = _plain(name)
    palettes = {_plain(known): known for known in DICOM_PALETTES}
    if plain in palettes:
        return _palette(palettes[plain])
    if plain.endswith(" r"):
        return colormap_named(name.strip()[:-2]).reversed()
    return _of_catalogue(name.strip())


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


@cache
def _palette(name: str) -> Colormap:
    from pydicom.pixels.processing import apply_color_lut

    rgb = apply_color_lut(np.arange(256, dtype=np.uint8), palette=DICOM_PALETTES[name])
    return colormap_of(name, rgb / 255)


def _of_catalogue(name: str) -> Colormap:
    import cmap

    asked = _OTHER_NAMES.get(name.lower(), name)
    try:
        # The whole name: a short one that several catalogues have is logged as a warning.
        found = cmap.Colormap(cmap.Catalog().resolve(asked))
    except (ValueError, KeyError, TypeError) as error:
        near = [known for known in colormap_names() if name and name.lower() in known.lower()]
        raise MedVolError(
            f"colormap {name!r}",
            "there is no such map",
            f"Did you mean {', '.join(near[:5])}" if near else "Try gray, hot, viridis or PET",
        ) from error
    short = found.name.rsplit(":", 1)[-1]
    if found.interpolation == "nearest":
        return _steps(short, np.asarray(found.lut(found.num_colors)))
    stops = found.color_stops
    table = [(float(stop.position), *(float(v) for v in stop.color.rgba)) for stop in stops]
    if _is_whole(table):
        return Colormap(short, tuple(Stop(*row) for row in table))
    return colormap_of(short, np.clip(np.asarray(found.lut(256)), 0, 1))


def _is_whole(table: list[tuple[float, ...]]) -> bool:
    """Whether stops can be kept as they are: from 0 to 1, ascending, few, colours in range."""
    positions = [row[0] for row in table]
    in_range = all(0 <= value <= 1 for row in table for value in row)
    ascending = positions == sorted(positions)
    return in_range and ascending and positions[0] == 0 and positions[-1] == 1


def _steps(name: str, colors: np.ndarray) -> Colormap:
    """Return a map of as many flat steps as there are colours."""
    edges = np.linspace(0, 1, len(colors) + 1)
    stops = []
    for low, high, color in zip(edges[:-1], edges[1:], colors, strict=True):
        stops += [Stop(float(at), *(float(v) for v in color)) for at in (low, high)]
    return Colormap(name, tuple(stops))
