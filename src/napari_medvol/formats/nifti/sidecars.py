"""Side files of BIDS beside a scan: what the sequence was (JSON), and its diffusion weighting.

Brain Imaging Data Structure 1.10, "Metadata files" and "Diffusion imaging data". A side file
that makes no sense is a finding; the scan opens all the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from napari_medvol.formats.nifti.inheritance import side_files
from napari_medvol.report import Finding
from napari_medvol.volume import Axis, Field, Volume

GROUP: Final = "BIDS JSON"
#: Larger side files are no side files of a scan.
_LARGEST: Final = 1 << 24
#: Names to units. BIDS 1.10, "Magnetic resonance imaging" and "Positron emission tomography".
_UNITS: Final = {
    "RepetitionTime": "s",
    "RepetitionTimeExcitation": "s",
    "RepetitionTimePreparation": "s",
    "EchoTime": "s",
    "EchoTime1": "s",
    "EchoTime2": "s",
    "InversionTime": "s",
    "FlipAngle": "°",
    "DwellTime": "s",
    "EffectiveEchoSpacing": "s",
    "TotalReadoutTime": "s",
    "AcquisitionDuration": "s",
    "DelayTime": "s",
    "SliceTiming": "s",
    "VolumeTiming": "s",
    "FrameTimesStart": "s",
    "FrameDuration": "s",
    "MagneticFieldStrength": "T",
    "ImagingFrequency": "MHz",
    "SliceThickness": "mm",
    "SpacingBetweenSlices": "mm",
    "PatientWeight": "kg",
}
#: Times that differ by less are one time, rounded: share of it, and s.
_SAME_TIME: Final = (0.01, 0.0005)


def with_sidecars(volume: Volume, folder: Path, stem: str) -> Volume:
    """Return the volume with what its side files say.

    Header rows of the JSON files in a group of their own; where ``.bval`` and ``.bvec`` have
    as many entries as there are volumes, the axis of time becomes the axis ``b``, its values
    (b-value in s/mm², direction). In a BIDS dataset, files of upper folders count too: of two
    that say the same name, and of two ``.bval``, the nearest to the scan.

    Parameters
    ----------
    volume : Volume
    folder : Path
        Where its file lies.
    stem : str
        Name of its file without suffixes.
    """
    findings: list[Finding] = []
    files = side_files(folder, stem, (".json", ".bval", ".bvec"))
    volume = _with_json(volume, files[".json"], findings)
    volume = _with_gradients(volume, _nearest(files[".bval"]), _nearest(files[".bvec"]), findings)
    if not findings:
        return volume
    report = replace(volume.report, findings=(*volume.report.findings, *findings))
    return replace(volume, report=report)


def _nearest(files: Sequence[Path]) -> Path:
    """Return the last file that is there, the scan's own if none is."""
    return next((path for path in reversed(files) if path.is_file()), files[-1])


def _text_of(path: Path, findings: list[Finding]) -> str | None:
    """Return the text of a side file; None if there is none, or it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        findings.append(_odd(path, f"cannot be read ({error.strerror or error})"))
        return None
    if len(raw) > _LARGEST:
        findings.append(_odd(path, f"is larger than {_LARGEST >> 20} MiB and was not read"))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        findings.append(_odd(path, "is no text in UTF-8 and was not used"))
        return None


def _odd(path: Path, what: str) -> Finding:
    return Finding(f"{path.name} {what}", "warning", "sidecar")


def _with_json(volume: Volume, files: Sequence[Path], findings: list[Finding]) -> Volume:
    """Return the volume with the names of all files, each as the nearest file says it."""
    said: dict[str, Any] = {}
    source: dict[str, Path] = {}
    for path in files:
        own = _said_in(path, findings)
        said.update(own)
        source.update(dict.fromkeys(own, path))
    findings += _inherited(files[-1], source.values())
    findings += _disagreements(volume, said, source)
    rows = [
        Field(GROUP, name, _plain(value), _UNITS.get(name, "")) for name, value in said.items()
    ]
    return replace(volume, header=(*volume.header, *rows)) if rows else volume


def _said_in(path: Path, findings: list[Finding]) -> dict[str, Any]:
    text = _text_of(path, findings)
    if text is None:
        return {}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        findings.append(_odd(path, f"is no JSON and was not used ({error})"))
        return {}
    if not isinstance(said, dict):
        findings.append(_odd(path, "holds no names with values and was not used"))
        return {}
    return said


def _inherited(own: Path, sources: Iterable[Path]) -> list[Finding]:
    """Return which files other than the scan's own were taken."""
    names = [path.name for path in dict.fromkeys(sources) if path != own]
    if not names:
        return []
    return [Finding(f"side files of the dataset: {', '.join(names)}", "note", "inherited")]


def _plain(value: Any) -> str:
    """Return a value for people: text as it is, lists with commas, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(part, list | dict) for part in value):
        return ", ".join(map(_plain, value))
    return json.dumps(value, ensure_ascii=False)


def _disagreements(
    volume: Volume, said: dict[str, Any], source: Mapping[str, Path]
) -> list[Finding]:
    """Return where the side files and the header of the scan say two things."""
    findings = []
    time = next((axis for axis in volume.axes if axis.name == "t"), None)
    repetition = _number(said.get("RepetitionTime"))
    if time is not None and repetition is not None:
        text = _about_time(time, repetition)
        findings += [_odd(source["RepetitionTime"], text)] if text else []
    timing = said.get("SliceTiming")
    along = "ijk".find(str(said.get("SliceEncodingDirection", "k"))[:1])
    if isinstance(timing, list) and along >= 0 and len(timing) != volume.shape[along]:
        text = f"gives {len(timing)} slice times, the scan has {volume.shape[along]} slices"
        findings.append(_odd(source["SliceTiming"], text))
    return findings


def _about_time(time: Axis, repetition: float) -> str:
    if time.unit != "s":
        return f"says RepetitionTime {repetition:g} s; the scan says no time in seconds"
    share, least = _SAME_TIME
    if abs(time.step - repetition) <= max(share * abs(repetition), least):
        return ""
    return f"says RepetitionTime {repetition:g} s, the header of the scan {time.step:g} s"


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_number and math.isfinite(value) else None
    except OverflowError:
        return None


def _with_gradients(
    volume: Volume, values_file: Path, vectors_file: Path, findings: list[Finding]
) -> Volume:
    """Return the volume with its fourth axis named ``b``, where the side files fit it."""
    weights = _rows_of(values_file, findings)
    vectors = _rows_of(vectors_file, findings)
    if weights is None:
        if vectors is not None:
            findings.append(_odd(vectors_file, f"has no {values_file.name} beside it: not used"))
        return volume
    b_values = [value for row in weights for value in row]
    if len(weights) > 1 and any(len(row) != 1 for row in weights):
        findings.append(_odd(values_file, f"has {len(weights)} rows, not one: not used"))
        return volume
    directions = _directions(vectors, len(b_values), vectors_file, findings)
    if directions is None:
        return volume
    in_time = bool(volume.axes) and volume.axes[0].name == "t"
    n_volumes = volume.shape[3] if in_time else 1
    if len(b_values) != n_volumes:
        text = f"has {len(b_values)} b-values, the scan {n_volumes} volumes: not used"
        findings.append(_odd(values_file, text))
        return volume
    if not in_time:
        return volume
    axis = Axis("b", unit="s/mm²", values=tuple(zip(b_values, directions, strict=True)))
    return replace(volume, axes=(axis, *volume.axes[1:]))


def _rows_of(path: Path, findings: list[Finding]) -> list[list[float]] | None:
    """Return the rows of numbers in a side file, None if it is absent or holds others."""
    text = _text_of(path, findings)
    if text is None:
        return None
    try:
        rows = [
            [float(part) for part in line.replace(",", " ").split()] for line in text.split("\n")
        ]
    except ValueError as error:
        findings.append(_odd(path, f"holds no numbers and was not used ({error})"))
        return None
    rows = [row for row in rows if row]
    if not rows or not all(math.isfinite(value) for row in rows for value in row):
        findings.append(_odd(path, "holds no numbers and was not used"))
        return None
    return rows


def _directions(
    rows: list[list[float]] | None, count: int, path: Path, findings: list[Finding]
) -> Sequence[tuple[float, ...]] | None:
    """Return a direction for each b-value, along the axes of the image; None if they do not fit.

    Three rows, one for each of i, j and k; some programs write a row a volume instead. Empty
    where there is no direction.
    """
    if rows is None:
        return [()] * count
    lengths = {len(row) for row in rows}
    if len(rows) == 3 and lengths == {count}:
        vectors = list(zip(*rows, strict=True))
    elif len(rows) == count and lengths == {3}:
        findings.append(Finding(f"{path.name} has a row a volume, not three", "note", "sidecar"))
        vectors = [(row[0], row[1], row[2]) for row in rows]
    else:
        sizes = "/".join(str(n) for n in sorted(lengths))
        text = f"has {len(rows)} rows of {sizes} numbers, 3 rows of {count} are wanted: not used"
        findings.append(_odd(path, text))
        return None
    return [vector if any(vector) else () for vector in vectors]
