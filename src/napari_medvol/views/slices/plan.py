"""What is exported: which pictures, in which files, under which names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from napari_medvol.errors import StepError
from napari_medvol.views.planes import PLANES, Plane
from napari_medvol.views.slices.drawing import n_frames
from napari_medvol.views.slices.limits import Asked
from napari_medvol.views.slices.looks import Look
from napari_medvol.views.slices.naming import fields_in, named
from napari_medvol.views.slices.planes import Convention, Grid, PixelSize, grid_of
from napari_medvol.views.slices.sampling import INTERPOLATIONS, Interpolation
from napari_medvol.volume import Volume

Format = Literal["png", "jpeg", "tiff", "tiff stack", "gif", "montage"]

FORMATS: Final[dict[Format, str]] = {
    "png": ".png",
    "jpeg": ".jpg",
    "tiff": ".tif",
    "tiff stack": ".tif",
    "gif": ".gif",
    "montage": ".png",
}
_OTHER_NAMES: Final = {"jpg": "jpeg", "tif": "tiff", "stack": "tiff stack"}
_MP4: Final = ("mp4", "avi", "mov", "webm", "mkv")
#: Pictures of a montage where nobody says which.
_TILES: Final = 20

Which = slice | range | Sequence[int] | None


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """What was asked for; the parameters of :func:`~napari_medvol.views.slices.export_slices`."""

    planes: tuple[Plane | int, ...] = PLANES
    slices: Which | Mapping[Any, Which] = None
    frames: Any = "all"
    pixel_mm: PixelSize = None
    interpolation: Interpolation = "linear"
    convention: Convention = "radiological"
    window: Asked = None
    format: Format = "png"
    depth: int = 8
    quality: int = 90
    grid: tuple[int, int] | None = None
    fps: float = 10.0
    letters: bool = False
    scale_bar: bool = False
    position: bool = False
    name: str = ""

    @property
    def is_whole_plane(self) -> bool:
        """Whether all pictures of a plane go into one file."""
        return self.format in ("tiff stack", "gif", "montage")


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One file.

    Parameters
    ----------
    name : str
        Relative to the folder, with its suffix.
    grid : Grid
    numbers : tuple of int
        The slices in it.
    frame : int
    """

    name: str
    grid: Grid
    numbers: tuple[int, ...]
    frame: int


def checked(settings: Settings) -> Settings:
    """Return settings with names as we know them.

    Raises
    ------
    StepError
        If one of them is none that there is, or two do not go together.
    """
    kind = str(settings.format).casefold().lstrip(".")
    kind = _OTHER_NAMES.get(kind, kind)
    what = "slices"
    if kind in _MP4:
        raise StepError(
            what,
            f"{kind} needs an encoder of video, which is not installed with this program",
            "Choose gif or tiff stack, or make a film of the PNG files with ffmpeg",
        )
    if kind not in FORMATS:
        raise StepError(what, f"there is no format {kind!r}", f"Known: {', '.join(FORMATS)}")
    faults = {
        f"{settings.interpolation!r} is no interpolation; known: {', '.join(INTERPOLATIONS)}": (
            settings.interpolation not in INTERPOLATIONS
        ),
        f"a depth of {settings.depth!r} bits is neither 8 nor 16": settings.depth not in (8, 16),
        f"{kind} holds 8 bits, not 16": settings.depth == 16 and kind in ("jpeg", "gif"),
        f"a quality of {settings.quality!r} is not within 1 to 100": (
            not 1 <= settings.quality <= 100
        ),
        f"{settings.fps!r} pictures a second are none": not 0 < settings.fps <= 100,
        "16 bits keep true values, and letters would change them": (
            settings.depth == 16 and (settings.letters or settings.scale_bar or settings.position)
        ),
        "no plane is asked for": not settings.planes,
    }
    wrong = [text for text, is_so in faults.items() if is_so]
    if wrong:
        raise StepError(what, "; ".join(wrong), "Choose others")
    kept: Any = kind
    return replace(settings, format=kept)


def planned(
    reference: Volume, scene: Sequence[Volume], settings: Settings, frame: int | None = None
) -> list[Piece]:
    """Return the files to write.

    Parameters
    ----------
    reference : Volume
        Its grid is that of the pictures.
    scene : sequence of Volume
        All that is drawn and whose frames are open.
    settings : Settings
    frame : int, optional
        The one that is drawn, where none is open.

    Raises
    ------
    StepError
        If a slice or a frame is not there, or two files would have one name.
    """
    frames = _frames(scene, settings.frames) if frame is None else (frame,)
    pieces = []
    for plane in settings.planes:
        grid = grid_of(reference, plane, settings.pixel_mm, settings.convention)
        numbers = _numbers(grid, plane, settings)
        together = [numbers] if settings.is_whole_plane else [(n,) for n in numbers]
        pieces += [
            Piece(_name(settings, reference, grid, part, frame, len(frames)), grid, part, frame)
            for frame in frames
            for part in together
        ]
    names = [piece.name.casefold() for piece in pieces]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise StepError(
            f"name {settings.name!r}",
            f"two pictures would be called {twice!r}",
            "Put {plane} and {index:04d} into it, or {axis}",
        )
    return pieces


def fingerprint(scene: Sequence[tuple[Volume, Look]], settings: Settings, is_plain: bool) -> str:
    """Return a checksum of everything that decides what the pictures look like.

    It tells nothing about the patient: the same pictures asked for again have the same one.
    """
    digest = hashlib.sha256()
    asked = replace(settings, name="", slices=None, frames=None, planes=())
    if settings.is_whole_plane:
        asked = replace(asked, slices=settings.slices)
    digest.update(f"{asked!r} {is_plain}".encode())
    for volume, look in scene:
        digest.update(_identity(volume))
        digest.update(_look(look))
    return digest.hexdigest()[:16]


def _numbers(grid: Grid, plane: Plane | int, settings: Settings) -> tuple[int, ...]:
    which = settings.slices
    if isinstance(which, Mapping):
        which = which.get(plane, which.get(grid.plane))
    every = range(grid.n_slices)
    if which is None:
        chosen = list(every)
        n_tiles = int(np.prod(settings.grid)) if settings.grid else _TILES
        if settings.format == "montage" and len(chosen) > n_tiles:
            at = (np.arange(n_tiles) + 0.5) * len(chosen) / n_tiles
            chosen = [int(n) for n in at]
    elif isinstance(which, slice):
        chosen = list(every[which])
    else:
        chosen = [int(n) for n in which]
    missing = [n for n in chosen if n not in every]
    if missing or not chosen:
        raise StepError(
            f"{grid.plane} slices",
            f"{missing[0] if missing else 'none'} is asked for, there are {grid.n_slices}",
            f"Choose from 0 to {grid.n_slices - 1}",
        )
    return tuple(dict.fromkeys(chosen))


def _frames(scene: Sequence[Volume], asked: Any) -> tuple[int, ...]:
    counts = {n_frames(volume) for volume in scene} - {1}
    if len(counts) > 1:
        raise StepError(
            "slices",
            f"the scans have {' and '.join(map(str, sorted(counts)))} frames",
            "Say which frame of one of them is to be seen",
        )
    n = counts.pop() if counts else 1
    if asked is None or asked == "all":
        return tuple(range(n))
    chosen = (asked,) if isinstance(asked, int | np.integer) else tuple(asked)
    wrong = [frame for frame in chosen if not 0 <= frame < n]
    if wrong or not chosen:
        raise StepError(
            "slices",
            f"frame {wrong[0] if wrong else 'none'} is asked for, there are {n}",
            f"Choose from 0 to {n - 1}",
        )
    return tuple(int(frame) for frame in dict.fromkeys(chosen))


def _name(
    settings: Settings,
    reference: Volume,
    grid: Grid,
    numbers: tuple[int, ...],
    frame: int,
    how_many_frames: int,
) -> str:
    template = settings.name
    if not template:
        template = "{plane}" if settings.is_whole_plane else "{plane}_{index:04d}"
    if how_many_frames > 1 and "frame" not in fields_in(template):
        template += "_t{frame:04d}"
    fields = {
        "plane": grid.plane,
        "axis": grid.axis,
        "index": numbers[0],
        "frame": frame,
        "position": grid.position(numbers[0]),
        "name": reference.name or "scan",
    }
    return named(template, fields) + FORMATS[settings.format]


def _identity(volume: Volume) -> bytes:
    """Return what tells a volume from another: files as they are now, or the voxels."""
    said = (volume.shape, str(volume.dtype), volume.affine.tobytes(), repr(volume.history))
    parts = [repr(said), volume.unit, repr(volume.display), repr(volume.labels)]
    if isinstance(volume.data, np.ndarray):
        from isal import isal_zlib

        check = 0
        # In the order in which they lie in memory, so that nothing is copied.
        planes = volume.data.transpose(np.argsort(np.abs(volume.data.strides))[::-1])
        for plane in planes:
            check = isal_zlib.crc32(np.ascontiguousarray(plane).data, check)
        parts.append(str(check))
    else:
        parts += [_file(path) for path in volume.report.files]
    return "\n".join(parts).encode()


def _file(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return path
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _look(look: Look) -> bytes:
    colormap = look.colormap
    if callable(colormap):
        colormap = np.asarray(colormap(np.arange(256)[np.newaxis]))
    if isinstance(colormap, np.ndarray):
        colormap = colormap.tolist()
    return repr(replace(look, colormap=colormap)).encode() + repr(colormap).encode()
