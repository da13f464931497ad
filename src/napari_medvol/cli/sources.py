"""The one scan that a verb works on, and files that are not there yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medvol.cli.terminal import progress_of
from napari_medvol.errors import BatchError

if TYPE_CHECKING:
    from napari_medvol.volume import Volume


def only_volume(source: Any, reads: dict[str, Any] | None = None) -> Volume:
    """Return the only scan at a source.

    Raises
    ------
    BatchError
        If there are several.
    """
    from napari_medvol.formats import read

    with progress_of("reading") as progress:
        volumes = read(source, progress=progress, **reads or {})
    if len(volumes) != 1:
        shown = "; ".join(volume.name for volume in volumes[:6])
        raise BatchError(
            str(source), f"it holds {len(volumes)} scans: {shown}", "Choose one with --series"
        )
    return volumes[0]


def grid_of(source: Any) -> dict[str, Any]:
    """Return the grid of the only scan at a source, as ``resample`` takes it."""
    volume = only_volume(source)
    return {"shape": list(volume.shape[:3]), "affine": volume.affine.tolist()}


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Refuse a file that is there, before any work is done for it.

    Raises
    ------
    BatchError
        If it is there and may not be replaced.
    """
    if path is not None and path.exists() and not overwrite:
        raise BatchError(str(path), "is there already; nothing was written", "Ask for --overwrite")
