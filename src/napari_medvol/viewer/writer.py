"""napari's way out: layers into files, one or many, each read back before it is put in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medvol.errors import LayerError, MedVolError, WriteError

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_medvol.formats import Certificate
    from napari_medvol.formats.row import Progress
    from napari_medvol.viewer.layers import LayerData
    from napari_medvol.volume import Volume


def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Write every layer; return the files that were written.

    One scan goes to `path`. Several go beside it, each with the name of its layer between the
    name and the suffix: ``head.nii.gz`` becomes ``head_CT.nii.gz`` and ``head_PET.nii.gz``.
    What a layer shows is what is written: moved, cropped and painted layers too, at their true
    place and with their true values.

    Parameters
    ----------
    path : str
        Its suffix names the format.
    layers : list of (array, dict, layer type)
        napari's layer data.

    Raises
    ------
    WriteError
        If a layer holds no voxels, or cannot be written without a loss that was not asked for.
        Nothing is half-written.
    """
    from napari_medvol.viewer import notify
    from napari_medvol.viewer.waiting import CancelledError, waited_for

    volumes = volumes_of(_as_layers(layers))
    jobs = targets(Path(path), volumes)
    try:
        done = waited_for(f"Saving {Path(path).name}", partial(_written, jobs), counts="planes")
    except CancelledError:
        notify.warn("Saving was cancelled; files that were done are kept, none is half-written.")
        return []
    notify.tell("\n".join(map(str, done)))
    return [file for certificate in done for file in certificate.files]


def _as_layers(layers: Iterable[LayerData]) -> list[Layer]:
    """Return layers again, as napari hands over only what they are made of."""
    from napari.layers import Layer

    return [Layer.create(*one) for one in layers]


def volumes_of(layers: Sequence[Layer]) -> list[Volume]:
    """Return the scan of each layer, one for the two layers of complex values.

    Raises
    ------
    WriteError
        If there is no layer, or one of them holds no voxels.
    """
    from napari_medvol.viewer.volumes import volume_of

    if not layers:
        raise WriteError("save", "no layer is selected", "Select the layers to save")
    found: list[tuple[Volume, str]] = []
    for layer in layers:
        try:
            volume = volume_of(layer)
        except LayerError as error:
            raise WriteError(error.what, f"{error.why}; nothing was written", error.fix) from error
        if not any(volume is one for one, _ in found):
            found.append((volume, layer.name))
    return [_named(volume, name) for volume, name in found]


def _named(volume: Volume, layer_name: str) -> Volume:
    """Return the volume with the name that a person gave its layer; ours begin with its own."""
    if not layer_name or (volume.name and layer_name.startswith(volume.name)):
        return volume
    return replace(volume, name=layer_name)


def targets(path: Path, volumes: Sequence[Volume]) -> list[tuple[Volume, Path]]:
    """Return where each volume goes: one to `path`, several beside it by their names."""
    if len(volumes) == 1:
        return [(volumes[0], path)]
    from napari_medvol.batch.names import TakenNames, cleaned

    stem, suffix = _parted(path)
    names = TakenNames()
    return [
        (volume, path.with_name(f"{stem}_{names.give(cleaned(volume.name) or 'layer')}{suffix}"))
        for volume in volumes
    ]


def _parted(path: Path) -> tuple[str, str]:
    from napari_medvol.formats import FORMATS
    from napari_medvol.formats.naming import stem_of

    known = [suffix for row in FORMATS for suffix in row.writes]
    stem = stem_of(path, known)
    return stem, path.name[len(stem) :]


def _written(jobs: Sequence[tuple[Volume, Path]], progress: Progress) -> list[Certificate]:
    """Write every volume. Runs in a thread.

    napari has asked before it lets one file be replaced, and nobody was asked of the others.
    """
    from napari_medvol.formats import write

    done: list[Certificate] = []
    for number, (volume, path) in enumerate(jobs):

        def tell(made: int, of: int, number: int = number) -> None:
            progress(number * of + made, of * len(jobs))

        try:
            done.append(write(volume, path, overwrite=len(jobs) == 1, progress=tell))
        except MedVolError as error:
            if not done:
                raise
            names = ", ".join(Path(one.files[0]).name for one in done)
            why = f"{error.why} (written before: {names})"
            raise type(error)(error.what, why, error.fix) from error
    return done


def suffixes() -> list[str]:
    """Return the suffixes that napari is told of, in order of ``FORMATS``, commonest first."""
    from napari_medvol.formats import FORMATS

    found = dict.fromkeys([".nii.gz", ".nii"])
    for row in FORMATS:
        found |= dict.fromkeys(row.writes)
    return list(found)
