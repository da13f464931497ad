"""An export made ready: everything checked before the first file is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import StepError, WriteError
from napari_medvol.views.slices.drawing import Drawn, Shade, n_frames, shades
from napari_medvol.views.slices.looks import Look, look_of
from napari_medvol.views.slices.manifest import put
from napari_medvol.views.slices.naming import (
    burned_in,
    fields_in,
    identifiers_in,
    may_be_burned_in,
)
from napari_medvol.views.slices.plan import (
    FORMATS,
    Format,
    Settings,
    checked,
    fingerprint,
    planned,
)
from napari_medvol.views.slices.running import Exported, Progress, Run
from napari_medvol.volume import Volume

Scene = Volume | Sequence[Volume | tuple[Volume, Look | Mapping[str, Any]]]

#: What the numbers of the pictures mean; beside the manifest.
SIDE_FILE: Final = "slices.json"
#: Folder of the masks.
MASKS: Final = "masks"


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """Pictures that can be looked at, and written.

    Parameters
    ----------
    folder : Path
    settings : Settings
    shades : tuple of Shade
        What is drawn.
    runs : tuple of Run
        The pictures, and the masks where there are any.
    notes : tuple of str
        What somebody should know.
    """

    folder: Path
    settings: Settings
    shades: tuple[Shade, ...]
    runs: tuple[Run, ...]
    notes: tuple[str, ...]

    @property
    def n_pictures(self) -> int:
        """How many pictures will be written, masks included."""
        return sum(run.n_pictures for run in self.runs)

    @property
    def n_files(self) -> int:
        """How many files they are in."""
        return sum(len(run.pieces) for run in self.runs)

    def preview(self, share: float = 0.5) -> tuple[str, Drawn]:
        """Return the name of a file and its picture, as it will be.

        Parameters
        ----------
        share : float
            Which of the pictures: 0 is the first, 1 the last.
        """
        run = self.runs[0]
        at = [(piece, number) for piece in run.pieces for number in piece.numbers]
        piece, number = at[min(int(share * len(at)), len(at) - 1)]
        return piece.name, run.drawn(piece, number)

    def __call__(self, overwrite: bool = False, progress: Progress | None = None) -> Exported:
        """Write what is not there yet.

        Parameters
        ----------
        overwrite : bool
            Replace files that are there.
        progress : callable, optional
            Told how many pictures are done, of how many. What it raises ends the work.

        Raises
        ------
        WriteError
            If a file is there that these settings did not make, or cannot be written.
        """
        tell = progress or (lambda done, total: None)
        opened = [run.open(overwrite) for run in self.runs]
        result = Exported(self.folder, opened[0][0].path)
        total, before = self.n_pictures, 0
        for run, (manifest, done) in zip(self.runs, opened, strict=True):
            entries = run(manifest, done, partial(_onwards, tell, before, total))
            if run is self.runs[0]:
                result.weigh(entries)
            before += run.n_pictures
            result += [run.folder / piece.name for piece in run.pieces]
            result.n_skipped += len(done)
        put(self.folder / SIDE_FILE, self._described())
        result.n_pictures = total
        result.notes = (*self.notes, *_blank(self.shades))
        return result

    def _described(self) -> bytes:
        """Return what the numbers mean, as JSON: nothing of it names the patient."""
        asked = self.settings
        layers = [_layer(shade) for shade in self.shades]
        content = {
            "made by": "napari-medvol",
            "convention": asked.convention,
            "resampling": asked.interpolation,
            "pixel size": "smallest within the plane"
            if asked.pixel_mm is None
            else asked.pixel_mm,
            "layers": layers,
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def prepared(
    volume: Scene,
    folder: str | Path,
    settings: Settings,
    *,
    masks: Volume | None = None,
    identifiers: str = "refuse",
) -> Export:
    """Return an export with everything looked at that can be wrong with it.

    The parameters are those of :func:`~napari_medvol.views.slices.export_slices`.

    Raises
    ------
    StepError
        If what is asked for is not there, or does not go together.
    WriteError
        If identifiers would be let out.
    """
    asked = checked(settings)
    scene, is_plain = _scene(volume)
    volumes = [v for v, look in scene if look.visible and look.frame is None]
    reference = scene[0][0]
    shown = shades(scene, asked.window, asked.depth, is_plain)
    is_open = any(n_frames(v) > 1 for v in volumes)
    pieces = planned(reference, volumes, asked, None if is_open else scene[0][1].frame)
    place = Path(folder).expanduser()
    notes = _gate([v for v, _ in scene], asked, identifiers)
    runs = [
        Run(
            place,
            asked,
            shown,
            reference,
            pieces,
            partial(fingerprint, tuple(scene), asked, is_plain),
        )
    ]
    if masks is not None:
        alike = _as_masks(asked)
        layer = [(_checked_masks(masks), Look())]
        under = [replace(p, name=_with_suffix(p.name, FORMATS[alike.format])) for p in pieces]
        drawn = shades(layer, None, 8, True)
        marked = partial(fingerprint, tuple(layer), alike, True)
        runs.append(Run(place / MASKS, alike, drawn, reference, under, marked))
    return Export(place, asked, shown, tuple(runs), notes)


def _onwards(tell: Progress, before: int, total: int, done: int, _: int) -> None:
    """Tell the progress of one of several runs."""
    tell(before + done, total)


def _scene(volume: Scene) -> tuple[list[tuple[Volume, Look]], bool]:
    """Return volumes with their looks, and whether it is one volume without any."""
    if isinstance(volume, Volume):
        return [(volume, Look())], True
    scene = []
    for one in volume:
        pair: Any = (one, None) if isinstance(one, Volume) else one
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], Volume)):
            raise StepError("slices", f"{one!r} is no scan", "Give a Volume, or (Volume, Look)")
        scene.append((pair[0], look_of(pair[1])))
    if not scene:
        raise StepError("slices", "there is no scan", "Give a Volume")
    return scene, len(scene) == 1 and isinstance(volume[0], Volume)


def _as_masks(asked: Settings) -> Settings:
    """Return the settings of masks: no loss, no letters, no window."""
    kinds: dict[str, Format] = {"jpeg": "png", "gif": "montage"}
    kind = kinds.get(asked.format, asked.format)
    return replace(
        asked, format=kind, window=None, depth=8, letters=False, scale_bar=False, position=False
    )


def _checked_masks(masks: Volume) -> Volume:
    if masks.kind != "labels":
        raise StepError(
            f"masks of {masks.name!r}", "it holds no labels but an image", "Choose labels"
        )
    return masks


def _with_suffix(name: str, suffix: str) -> str:
    return name.rpartition(".")[0] + suffix


def _gate(volumes: Sequence[Volume], asked: Settings, identifiers: str) -> tuple[str, ...]:
    """Refuse what tells who the patient is; return what somebody should look at."""
    if identifiers not in ("refuse", "allow"):
        raise StepError("slices", f"{identifiers!r} is neither refuse nor allow", "Choose one")
    faults = [f"{volume.name!r}: {why}" for volume in volumes if (why := burned_in(volume))]
    found = identifiers_in(asked.name, volumes)
    if found:
        faults.append(f"the names of files would hold {', '.join(found)}")
    elif "name" in fields_in(asked.name):
        faults.append("the template has {name}, and the name of a scan may name the patient")
    if faults and identifiers == "refuse":
        raise WriteError(
            "slices", "; ".join(faults), 'Change the names, or allow it with identifiers="allow"'
        )
    looked_at = [why for volume in volumes if (why := may_be_burned_in(volume))]
    return (*faults, *dict.fromkeys(looked_at))


def _blank(shown: Sequence[Shade]) -> list[str]:
    """Return a note on each scan with planes that nobody could read."""
    return [
        f"{len(shade.volume.data.store.errors)} planes of {shade.volume.name!r} could not be"
        " read and are blank"
        for shade in shown
        if isinstance(shade.volume.data, LazyArray) and shade.volume.data.store.errors
    ]


def _layer(shade: Shade) -> dict[str, Any]:
    volume = shade.volume
    said: dict[str, Any] = {"kind": volume.kind, "unit": volume.unit}
    if volume.kind == "labels":
        said["labels"] = {str(label.value): label.name for label in volume.labels}
        said["values"] = "kept" if shade.scaled else "shown in colours"
    elif shade.scaled is not None:
        slope, intercept, high = shade.scaled
        is_whole = volume.dtype.kind in "iub" and slope == 1
        said |= {
            "value": "slope * pixel + intercept",
            "slope": slope,
            "intercept": intercept,
            "highest value": high,
            "largest rounding error": 0 if is_whole else slope / 2,
        }
    elif not volume.is_rgb:
        said |= {"black": shade.limits[0], "white": shade.limits[1], "gamma": shade.look.gamma}
    return said
