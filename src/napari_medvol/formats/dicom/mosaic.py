"""Siemens mosaics: all slices of a volume as tiles of one image."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.elements import quietly
from napari_medvol.formats.dicom.frames import Frame, Tile, extent_of
from napari_medvol.formats.dicom.grid import normal_of
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.pixels import fitting
from napari_medvol.report import Finding
from napari_medvol.stores import PlaneSource

Array = NDArray[Any]
_MOST_TILES: Final = 1024


def is_mosaic(header: Header) -> bool:
    """Return whether Image Type (0008,0008) says that the image is a mosaic."""
    return "MOSAIC" in header.text(tags.IMAGE_TYPE).upper().split("\\")


def tiles_of(whole: Frame, count: int | None = None) -> list[Frame]:
    """Return the slices of a mosaic, or the mosaic itself where their number is not known.

    Parameters
    ----------
    whole : Frame
        The mosaic as if it were one slice.
    count : int, optional
        Number of slices, where the file does not say.

    Returns
    -------
    list of Frame
        The centre of the mosaic is that of every slice, so the position of a slice is that of
        the mosaic moved by half of what the mosaic is larger than a tile.
    """
    csa = _csa(whole.header)
    number = count or _slice_count(whole, csa)
    if number < 1 or whole.position is None or whole.orientation is None:
        text = (
            "a Siemens mosaic whose number of slices was removed from the file: shown as tiles;"
            " read(…, mosaic=n) lays them out"
        )
        return [_with(whole, Finding(text, "warning", "mosaic"))]
    side = ceil(number**0.5)
    rows, columns = (int(whole.number_of(tag) or 0) for tag in (tags.ROWS, tags.COLUMNS))
    if number > _MOST_TILES or rows % side or columns % side:
        text = (
            f"a mosaic that says it holds {number} slices, but {columns}×{rows} pixels do not"
            f" divide into {side}×{side} tiles: shown as tiles"
        )
        return [_with(whole, Finding(text, "warning", "mosaic"))]
    step, finding = _slice_step(whole, csa)
    between_rows, between_columns = whole.spacing
    shift = whole.orientation[0] * between_columns * (columns - columns // side) / 2
    shift = shift + whole.orientation[1] * between_rows * (rows - rows // side) / 2
    first = whole.position + shift
    return [
        _with(whole, *finding, position=first + n * step, tile=Tile(n, side))
        for n in range(number)
    ]


def _with(whole: Frame, *findings: Finding, **changes: Any) -> Frame:
    return replace(whole, findings=(*whole.findings, *findings), **changes)


def _csa(header: Header) -> dict[str, Any]:
    """Return the Siemens CSA image header, empty if it is not there."""
    if header.raw(tags.SIEMENS_CSA_IMAGE_HEADER) is None:
        return {}
    # nibabel warns, on import, of its own DICOM readers, which are not used here.
    with quietly():
        from nibabel.nicom.csareader import get_csa_header

    try:
        found = get_csa_header(header.dataset(), "image")
    # Its reader was not made for damaged blocks and raises whatever comes to pass.
    except Exception:
        return {}
    return {} if found is None else dict(found["tags"])


def _items(csa: dict[str, Any], name: str) -> list[float]:
    found = [v for v in csa.get(name, {}).get("items", []) if v not in ("", None)]
    try:
        return [float(v) for v in found if np.isfinite(float(v))]
    except (TypeError, ValueError):
        return []


def _slice_count(whole: Frame, csa: dict[str, Any]) -> int:
    said = whole.number_of(tags.SIEMENS_NUMBER_OF_IMAGES_IN_MOSAIC)
    if said and whole.text(tags.SIEMENS_HEADER_CREATOR).startswith("SIEMENS"):
        return int(said)
    found = _items(csa, "NumberOfImagesInMosaic")
    return int(found[0]) if found else 0


def _slice_step(whole: Frame, csa: dict[str, Any]) -> tuple[Array, tuple[Finding, ...]]:
    """Return the way from one slice to the next, LPS+ mm."""
    assert whole.orientation is not None
    normal = normal_of(whole.orientation)
    findings = []
    said = _items(csa, "SliceNormalVector")
    if len(said) == 3 and np.dot(said, normal) < 0:
        normal = -normal
    elif len(said) != 3:
        text = (
            "the direction of the mosaic's slices was removed from the file: assumed row × column"
        )
        findings.append(Finding(text, "warning", "mosaic"))
    between = extent_of(whole, tags.SPACING_BETWEEN_SLICES)
    if not between:
        between = extent_of(whole, tags.SLICE_THICKNESS) or 1.0
        text = f"no SpacingBetweenSlices in the mosaic: SliceThickness {between:g} mm was used"
        findings.append(Finding(text, "warning", "mosaic"))
    return normal * between, tuple(findings)


class Tiled:
    """Planes that are tiles of larger images.

    Parameters
    ----------
    source : PlaneSource
        The images.
    picks : sequence of (int, Tile) or None
        One per plane: the number of its image and its tile; None for a blank plane.
    outer : tuple of int
    blank : float
    """

    def __init__(
        self,
        source: PlaneSource,
        picks: Sequence[tuple[int, Tile] | None],
        outer: tuple[int, ...],
        blank: float,
    ) -> None:
        side = next(pick[1].side for pick in picks if pick is not None)
        rows, columns = source.inner[:2]
        self.inner = (rows // side, columns // side, *source.inner[2:])
        self.outer, self.dtype, self.name = outer, source.dtype, source.name
        self._source, self._picks, self._blank = source, picks, fitting(blank, source.dtype)
        self._last: tuple[int, Array] | None = None
        self._lock = threading.Lock()

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the stored values, sign and unused bits settled."""
        return self.dtype

    def scale_of(self, number: int) -> tuple[float, float]:
        """Return slope and intercept: the values are the stored ones."""
        return 1.0, 0.0

    def read_plane(self, number: int, out: Array) -> None:
        """Write the tile of plane `number` into `out`."""
        pick = self._picks[number]
        if pick is None:
            out[...] = self._blank
            return
        image_number, tile = pick
        with self._lock:
            # The next plane is most often the next tile: an image is read once, not n times.
            if self._last is None or self._last[0] != image_number:
                image = np.empty(self._source.inner, dtype=self.dtype)
                self._source.read_plane(image_number, image)
                self._last = (image_number, image)
            image = self._last[1]
        row, column = divmod(tile.number, tile.side)
        height, width = self.inner[:2]
        out[...] = image[row * height : (row + 1) * height, column * width : (column + 1) * width]
