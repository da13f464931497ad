"""Slices of volumes as files: pictures for people and programs, upright and to scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from napari_medvol.views.planes import Plane
from napari_medvol.views.slices.export import Export, Scene, prepared
from napari_medvol.views.slices.limits import Asked
from napari_medvol.views.slices.looks import Look
from napari_medvol.views.slices.plan import Format, Settings, Which
from napari_medvol.views.slices.planes import Convention, PixelSize
from napari_medvol.views.slices.running import Exported
from napari_medvol.views.slices.sampling import Interpolation
from napari_medvol.volume import Volume

__all__ = ["Export", "Exported", "Look", "Settings", "export_slices", "prepared"]


def export_slices(
    volume: Scene,
    folder: str | Path,
    *,
    planes: Plane | int | Sequence[Plane | int] = ("axial", "coronal", "sagittal"),
    slices: Which | Mapping[Any, Which] = None,
    frames: Literal["all"] | int | Sequence[int] = "all",
    pixel_mm: PixelSize = None,
    interpolation: Interpolation = "linear",
    convention: Convention = "radiological",
    window: Asked = None,
    format: Format = "png",
    depth: Literal[8, 16] = 8,
    quality: int = 90,
    grid: tuple[int, int] | None = None,
    fps: float = 10.0,
    letters: bool = False,
    scale_bar: bool = False,
    position: bool = False,
    name: str = "",
    masks: Volume | None = None,
    identifiers: Literal["refuse", "allow"] = "refuse",
    overwrite: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> Exported:
    """Write slices as pictures: upright, to scale, with a manifest.

    A run that was ended goes on where it was: files that the same settings made are kept. Two
    threads and more draw and encode; memory does not grow with the number of slices.

    Parameters
    ----------
    volume : Volume, or sequence of Volume or (Volume, Look)
        One scan: grey pictures of it, or masks with the values of labels. Several, the lowest
        first: a picture of all in colours, on the grid of the first. A :class:`Look` may be a
        mapping: ``{"colormap": "hot", "opacity": 0.5, "blending": "additive"}``.
    folder : str or Path
        Made if absent. Gets the pictures, ``manifest.csv`` and ``slices.json``.
    planes : "axial", "coronal", "sagittal", 0, 1, 2, or several
        An int is the voxel axis that is cut across.
    slices : slice, range, sequence of int, or mapping of plane to one of these, optional
        Voxel indices across the plane, counted from 0; all by default.
    frames : "all", int or sequence of int
        Along the extra axes, the first of them fastest.
    pixel_mm : float, "voxel" or None
        Side of the square pixels, mm; ``"voxel"`` is a pixel a voxel, nothing resampled; None
        the smaller voxel size within the plane. ``1`` gives ``round(shape * zooms)`` pixels.
    interpolation : {"linear", "nearest", "cubic"}
        Labels are always nearest.
    convention : {"radiological", "neurological"}
        The patient's right is on the left, or on the right, of axial and coronal pictures.
    window : (low, high), str or None
        Black and white: two values, ``"full"``, ``"percentile"``, ``"percentile 1 99"``, the
        name of a preset such as ``"lung"``. None is what the file offers, else percentiles;
        for 16 bits it is every value.
    format : str
        ``"png"``, ``"jpeg"``, ``"tiff"``: a file a picture. ``"tiff stack"`` (ImageJ), ``"gif"``,
        ``"montage"`` (PNG): a file a plane and frame.
    depth : {8, 16}
        16 keeps integers as they are; ``slices.json`` has slope, intercept and unit.
    quality : int
        Of JPEG, 1 to 100.
    grid : (int, int), optional
        Tiles of a montage down and across.
    fps : float
        Pictures a second of a GIF.
    letters, scale_bar, position : bool
        What is drawn into pictures of 8 bits.
    name : str
        Template of names without suffix, ``{plane}_{index:04d}`` by default. Fields: plane, axis,
        index, frame, position (mm), name (of the scan). ``/`` makes folders. A frame that there
        are several of is added.
    masks : Volume, optional
        Labels, written into the folder ``masks`` under the same names, on the same pixels.
    identifiers : {"refuse", "allow"}
        Whether names and pixels may say who the patient is.
    overwrite : bool
        Replace files that are there.
    progress : callable, optional
        Told how many pictures are done, of how many; what it raises ends the work, and leaves
        whole files only.

    Returns
    -------
    Exported
        A list of the paths, with the share of clipped values and notes.

    Raises
    ------
    StepError
        If what is asked for is not there, or does not go together.
    WriteError
        If a file is there already or cannot be written, or identifiers would be let out.
    """
    asked = Settings(
        planes=(planes,) if isinstance(planes, str | int) else tuple(planes),
        slices=slices,
        frames=frames,
        pixel_mm=pixel_mm,
        interpolation=interpolation,
        convention=convention,
        window=window,
        format=format,
        depth=depth,
        quality=quality,
        grid=grid,
        fps=fps,
        letters=letters,
        scale_bar=scale_bar,
        position=position,
        name=name,
    )
    export = prepared(volume, folder, asked, masks=masks, identifiers=identifiers)
    return export(overwrite=overwrite, progress=progress)
