"""A volume as DICOM: a derived or a new series, one file of many frames, a segmentation.

``places``, ``axes``, ``stored`` (what DICOM can hold of a volume) · ``source``, ``uids``,
``stale``, ``classes`` (what a new series takes over, and must say) · ``plan`` (all of it) ·
``images``, ``enhanced``, ``segments`` (the files) · ``identity`` (whose they are) ·
``own`` (what may be replaced).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

from napari_medvol.formats.row import Progress, Written
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.volume import Volume


def write(volume: Volume, target: Path, choices: WriteChoices, progress: Progress) -> Written:
    """Write a volume as DICOM.

    Parameters
    ----------
    volume : Volume
        Labels become a segmentation.
    target : Path
        A folder: one file a slice. A file: one of many frames, or of the only slice.
    choices : WriteChoices
    progress : callable

    Raises
    ------
    WriteError
        If DICOM has no place for the grid, the axes or the values.
    """
    is_file = target.suffix.lower() in (".dcm", ".dicom", ".ima")
    folder = target.parent if is_file else target
    folder.mkdir(exist_ok=True)
    name = target.name if is_file else ""
    made, expected = _written(volume, folder, name, choices, progress)
    return replace(made, expected=expected)


def _written(
    volume: Volume, folder: Path, name: str, choices: WriteChoices, progress: Progress
) -> tuple[Written, Volume]:
    if volume.kind == "labels":
        from napari_medvol.formats.dicom.saving.segments import write_segments

        return write_segments(volume, folder / (name or "SEG0001.dcm"), choices, progress)
    is_one = prod(volume.shape[2 : len(volume.shape) - volume.is_rgb]) == 1
    if choices.multiframe or (name and not is_one):
        from napari_medvol.formats.dicom.saving.enhanced import write_enhanced

        return write_enhanced(volume, folder / (name or "IM0001.dcm"), choices, progress)
    from napari_medvol.formats.dicom.saving.images import write_images

    return write_images(volume, folder, choices, progress, name)
