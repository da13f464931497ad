"""Files of many pictures: contact sheets, stacks and animations, written as pictures come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from math import ceil, sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import WriteError
from napari_medvol.views.slices.manifest import PART

Picture = NDArray[Any]

#: Pixels between the tiles of a montage.
_GAP: Final = 2
#: A GIF has one table of so many a picture.
_COLOURS: Final = 256


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give the name to write under; the file gets its true name if nothing failed.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        yield part
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise WriteError(
                str(path), error.strerror or str(error), "Free space or choose another folder"
            ) from error
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it.

    Raises
    ------
    WriteError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            str(folder), error.strerror or str(error), "Choose another folder"
        ) from error


def montage(pictures: Iterator[Picture], n: int, grid: tuple[int, int] | None = None) -> Picture:
    """Return a contact sheet: tiles row by row on black.

    Parameters
    ----------
    pictures : iterator of (rows, columns) or (rows, columns, 3) array
        All of one size.
    n : int
        How many there are.
    grid : (int, int) or None
        Tiles down and across; None is a little wider than high. More rows are added where
        they do not suffice.
    """
    across = grid[1] if grid else ceil(sqrt(n * 1.25))
    down = max(grid[0] if grid else 0, ceil(n / across))
    sheet: Picture | None = None
    for place, picture in enumerate(pictures):
        rows, columns = picture.shape[:2]
        if sheet is None:
            size = (down * (rows + _GAP) - _GAP, across * (columns + _GAP) - _GAP)
            sheet = np.zeros((*size, *picture.shape[2:]), dtype=picture.dtype)
        top, left = place // across * (rows + _GAP), place % across * (columns + _GAP)
        sheet[top : top + rows, left : left + columns] = picture
    assert sheet is not None
    return sheet


def stack(
    part: Path, pictures: Iterator[Picture], n: int, voxel_mm: tuple[float, float, float]
) -> None:
    """Write a TIFF stack as ImageJ reads it, a page at a time.

    Parameters
    ----------
    part : Path
    pictures : iterator of (rows, columns) or (rows, columns, 3) array
    n : int
        How many there are.
    voxel_mm : (float, float, float)
        Distance of slices, of pixels down, and across.
    """
    import tifffile

    first = next(pictures)
    step, down, across = voxel_mm
    with tifffile.TiffWriter(part, imagej=True) as tiff:
        tiff.write(
            chain([first], pictures),
            shape=(n, *first.shape),
            dtype=first.dtype,
            resolution=(1 / across, 1 / down),
            metadata={
                "axes": "ZYXS" if first.ndim == 3 else "ZYX",
                "spacing": step,
                "unit": "mm",
            },
        )


def gif(part: Path, pictures: Iterator[Picture], fps: float) -> None:
    """Write an animation without end, a picture at a time: Pillow would keep them all.

    Parameters
    ----------
    part : Path
    pictures : iterator of (rows, columns) or (rows, columns, 3) uint8 array
        Colours are reduced to 256 a picture, greys are kept.
    fps : float
        Pictures a second; programs show 50 at most.
    """
    from PIL import GifImagePlugin, Image

    # GIF counts hundredths of a second, and programs slow down below two.
    duration = max(round(100 / fps), 2) * 10
    with part.open("wb") as file:
        for number, picture in enumerate(pictures):
            image = Image.fromarray(np.ascontiguousarray(picture))
            if image.mode == "RGB":
                image = image.quantize(_COLOURS, dither=Image.Dither.NONE)
            if number == 0:
                header, _ = GifImagePlugin.getheader(image, info={"loop": 0, "duration": duration})
                file.writelines(header)
            options: dict[str, Any] = {"duration": duration}
            if image.mode == "P":
                options["include_color_table"] = True
            file.writelines(GifImagePlugin.getdata(image, **options))
        file.write(b";")
