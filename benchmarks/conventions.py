"""Every convention of DICOM geometry and values, one made-up series each: who gets it right.

    python benchmarks/conventions.py [--only ROW] [--markdown docs/conventions.md]

A series is written with known values at known places (mm); ours and the known converters read
it, each in a process and a folder of its own, and one judge looks where the values ended up.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.convention_rows import ROWS, Apart, Point, Row, Truth  # noqa: E402

OURS = "napari-medvol"
TIMEOUT = 60
#: A value counts as placed within this, mm: what a position may jitter.
NEAR_MM = 0.05


class Output(NamedTuple):
    """One image that an engine made: values (i, j, k, …) and affine to RAS+ mm."""

    array: Any
    affine: Any


# -- engines -------------------------------------------------------------------------------


def ours(folder: Path) -> list[Output]:
    import napari_medvol

    volumes = napari_medvol.read(folder)
    return [Output(_numbered(np.asarray(v.data), v.is_rgb), v.affine) for v in volumes]


def _nifti(folder: Path) -> list[Output]:
    import nibabel as nib

    out = []
    for path in sorted(folder.glob("*.nii*")):
        image = nib.load(path)
        scaled = image.dataobj.slope != 1 or image.dataobj.inter != 0
        array = np.asarray(image.dataobj) if scaled else image.dataobj.get_unscaled()
        if array.dtype.names:
            array = np.stack([array[name] for name in "RGB"], axis=-1)
            array = _numbered(array, True)
        out.append(Output(np.array(array), image.affine))
    return out


def dcm2niix(folder: Path) -> list[Output]:
    program = Path(sys.executable).with_name("dcm2niix")
    with tempfile.TemporaryDirectory() as out:
        command = [str(program), "-z", "n", "-b", "n", "-f", "%s_%d_%e", "-o", out, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        images = _nifti(Path(out))
    if not images and done.returncode:
        said = [line for line in done.stdout.splitlines() if "Error" in line or "Warn" in line]
        raise RuntimeError(said[0] if said else f"exit code {done.returncode}")
    return images


def dicom2nifti(folder: Path) -> list[Output]:
    import logging

    import dicom2nifti as converter

    said: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logging.getLogger().addHandler(Kept(logging.WARNING))
    with tempfile.TemporaryDirectory() as out:
        converter.convert_directory(folder, out, compression=False)
        images = _nifti(Path(out))
    if not images and said:
        raise RuntimeError(next((s for s in said if "Traceback" not in s), said[0]))
    return images


def simpleitk(folder: Path) -> list[Output]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    out = []
    places = sorted({path.parent for path in folder.rglob("*") if path.is_file()})
    for place in places:
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(place)):
            names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(place), uid)
            image = sitk.ReadImage(names if len(names) > 1 else names[0])
            is_colour = image.GetNumberOfComponentsPerPixel() == 3
            array = sitk.GetArrayFromImage(image)
            axes = [*range(image.GetDimension() - 1, -1, -1), *([array.ndim - 1] * is_colour)]
            out.append(Output(_numbered(array.transpose(axes), is_colour), _itk_affine(image)))
    return out


def _itk_affine(image: Any) -> Any:
    n = image.GetDimension()
    lps = np.eye(4)
    k = min(n, 3)
    direction = np.array(image.GetDirection()).reshape(n, n)[:k, :k]
    lps[:k, :k] = direction * np.array(image.GetSpacing())[:k]
    lps[:k, 3] = np.array(image.GetOrigin())[:k]
    return np.diag([-1, -1, 1, 1]) @ lps


def highdicom(folder: Path) -> list[Output]:
    import highdicom as hd
    import pydicom

    series: dict[str, list[Any]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        ds = pydicom.dcmread(path, force=True)
        if "Rows" in ds:
            series.setdefault(str(ds.SeriesInstanceUID), []).append(ds)
    out = []
    for datasets in series.values():
        if "NumberOfFrames" in datasets[0]:
            volume = hd.Image.from_dataset(datasets[0]).get_volume()
        else:
            volume = hd.get_volume_from_series(datasets)
        array = np.asarray(volume.array)
        is_colour = array.ndim == 4 and array.shape[-1] == 3
        out.append(Output(_numbered(array, is_colour), np.diag([-1, -1, 1, 1]) @ volume.affine))
    return out


ENGINES: dict[str, Callable[[Path], list[Output]]] = {
    OURS: ours,
    "dcm2niix": dcm2niix,
    "dicom2nifti": dicom2nifti,
    "SimpleITK": simpleitk,
    "highdicom": highdicom,
}


def _numbered(array: Any, is_colour: bool) -> Any:
    """Return one number per voxel: colours as r + 256 g + 65536 b."""
    if not is_colour:
        return array
    return (array[..., :3].astype(np.int64) * (1, 256, 65536)).sum(axis=-1)


# -- the judge -----------------------------------------------------------------------------


def verdict(outputs: Sequence[Output], truth: Truth) -> str:
    """Return what became of a series: ``"right"``, or what is wrong with it, in mm."""
    if not outputs:
        return "nothing"
    if truth.ramp is not None:
        return _by_ramp(outputs, truth.ramp)
    if truth.apart:
        return _by_size(outputs, truth.apart)
    best, worst, lost = _placed(outputs, truth.points, 1.0)
    if lost == len(truth.points):
        return _in_other_units(outputs, truth)
    if lost:
        return f"{lost} of {len(truth.points)} values lost" + _besides(worst)
    if best > NEAR_MM:
        return _off(best).strip()
    fault = _dtype_fault(outputs, truth) or _extent_fault(outputs, truth)
    return fault or ("one file right, another" + _off(worst) if worst > NEAR_MM else "right")


def _in_other_units(outputs: Sequence[Output], truth: Truth) -> str:
    for name, factor in truth.also.items():
        best, _, lost = _placed(outputs, truth.points, factor)
        if best <= NEAR_MM and not lost:
            return f"right, as {name}"
    return "values wrong"


def _off(distance: float) -> str:
    return f" off by {distance:.2f} mm"


def _besides(worst: float) -> str:
    return f", others{_off(worst)}" if worst > NEAR_MM else ""


def _placed(
    outputs: Sequence[Output], points: Sequence[Point], factor: float
) -> tuple[float, float, int]:
    """Return how far values are from their place at best and at worst, mm, and how many are lost.

    Several files may hold a value: the nearest counts for the best, the farthest for the worst.
    """
    best = worst = 0.0
    lost = 0
    for point in points:
        value = point.value * factor
        near = []
        for output in outputs:
            at = np.argwhere(np.abs(output.array - value) <= 1e-3 + 1e-4 * abs(value))
            if len(at):
                index = np.zeros((len(at), 3))
                index[:, : min(3, at.shape[1])] = at[:, :3]
                world = index @ output.affine[:3, :3].T + output.affine[:3, 3]
                near.append(float(np.linalg.norm(world - point.world, axis=1).min()))
        if near:
            best, worst = max(best, min(near)), max(worst, *near)
        else:
            lost += 1
    return best, worst, lost


def _by_size(outputs: Sequence[Output], apart: Sequence[Apart]) -> str:
    """Judge images without a place by how far apart their values are."""
    faults = []
    for output in outputs:
        for one, other, distance in apart:
            places = [np.argwhere(output.array == value) for value in (one, other)]
            if not all(len(at) == 1 for at in places):
                return "values wrong"
            index = np.zeros(3)
            step = (places[1] - places[0])[0][:3]
            index[: len(step)] = step
            found = float(np.linalg.norm(output.affine[:3, :3] @ index))
            faults.append(found / distance - 1)
    worst = max(faults, key=abs)
    return "right" if abs(worst) < 0.01 else f"sizes {1 + worst:.2f} times the true ones"


def _dtype_fault(outputs: Sequence[Output], truth: Truth) -> str:
    kind = str(outputs[0].array.dtype.newbyteorder("="))
    return f"right, but {kind}" if truth.dtype and kind != truth.dtype else ""


def _extent_fault(outputs: Sequence[Output], truth: Truth) -> str:
    extent = float(np.linalg.norm(outputs[0].affine[:3, 2]))
    wrong = truth.extent and abs(extent - truth.extent) > NEAR_MM
    return f"slice of {extent:g} mm, not {truth.extent:g} mm" if wrong else ""


def _by_ramp(outputs: Sequence[Output], ramp: Callable[[Any], Any]) -> str:
    """Judge by a value that changes by 100 a mm along z, for volumes that were interpolated."""
    faults = []
    for output in outputs:
        shape = (*output.array.shape, 1)[:3]
        index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        world = index @ output.affine[:3, :3].T + output.affine[:3, 3]
        apart = np.abs(output.array.reshape(shape) - ramp(world)).max() / 100
        faults.append(float(apart))
    if min(faults) > NEAR_MM:
        return _off(min(faults)).strip()
    if max(faults) > NEAR_MM:
        return "one file right, another" + _off(max(faults))
    return "right"


# -- a run ---------------------------------------------------------------------------------


def asked(engine: str, row: Row) -> str:
    """Return the verdict on an engine for a row, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="medvol-convention-") as name:
        folder = Path(name) / "series"
        folder.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            truth = row.write(folder)
        answer = Path(name) / "answer.npz"
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_answer, args=(engine, folder, answer))
        child.start()
        child.join(TIMEOUT)
        if child.is_alive():
            child.kill()
            child.join()
            return f"no answer in {TIMEOUT} s"
        if not answer.exists():
            return f"crashes (exit code {child.exitcode})"
        with np.load(answer) as held:
            if "error" in held:
                return f"refuses: {_short(str(held['error']), name)}"
            outputs = [
                Output(held[f"array{n}"], held[f"affine{n}"]) for n in range(len(held.files) // 2)
            ]
    return verdict(outputs, truth)


def _answer(engine: str, folder: Path, answer: Path) -> None:
    """Write what an engine makes of a folder; what it prints is nobody's business."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    held: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for n, output in enumerate(ENGINES[engine](folder)):
                held[f"array{n}"], held[f"affine{n}"] = output.array, output.affine
    except Exception as error:
        said = str(error).strip() or traceback.format_exception_only(error)[-1]
        held = {"error": np.array(said)}
    packed = io.BytesIO()
    np.savez(packed, **held)
    answer.with_suffix(".part").write_bytes(packed.getvalue())
    answer.with_suffix(".part").replace(answer)


def _short(text: str, folder: str) -> str:
    lines = [line for line in text.replace(folder, "").splitlines() if line.strip()]
    told = [line for line in lines if "ERROR" in line] or lines
    line = " ".join(told[0].split()).replace("|", "/").rstrip(".") if told else "without a word"
    return line if len(line) <= 70 else f"{line[:67]}…"


def _warm() -> None:
    """Import what the engines need once, before processes are forked."""
    import dicom2nifti  # noqa: F401
    import highdicom  # noqa: F401
    import SimpleITK  # noqa: F401

    import napari_medvol  # noqa: F401


def table(rows: Sequence[Row], verdicts: dict[tuple[str, str], str]) -> str:
    """Return the page."""
    right = {
        engine: sum(verdicts[engine, row.name].startswith("right") for row in rows)
        for engine in ENGINES
    }
    lines = [
        "# Conventions of DICOM: who gets them right",
        "",
        "<!-- Written by benchmarks/conventions.py; do not edit. -->",
        "",
        f"{len(rows)} made-up series, each with known values at known places. Right: every value"
        f" that is asked for lies within {NEAR_MM:g} mm of its place, in a voxel of its own value."
        " Off by: how far the worst value is from where it was put. Every program runs with its"
        " defaults, in a process and a folder of its own; where one makes several files, each is"
        " looked at.",
        "",
        f"Versions: {', '.join(_versions())}.",
        "",
        "| | " + " | ".join(ENGINES) + " |",
        "|---|" + "---|" * len(ENGINES),
        "| **right** | " + " | ".join(f"**{right[e]}/{len(rows)}**" for e in ENGINES) + " |",
    ]
    for row in rows:
        cells = [verdicts[engine, row.name] for engine in ENGINES]
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _versions() -> list[str]:
    return [f"{name} {importlib.metadata.version(name)}" for name in ENGINES]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of the name of a row")
    parser.add_argument("--markdown", type=Path, help="write here instead of printing")
    options = parser.parse_args()
    _warm()
    rows = [row for row in ROWS if not options.only or options.only in row.name]
    verdicts = {}
    for row in rows:
        for engine in ENGINES:
            verdicts[engine, row.name] = asked(engine, row)
        print(f"{row.name}: {verdicts[OURS, row.name]}", file=sys.stderr)
    page = table(rows, verdicts)
    if options.markdown:
        options.markdown.write_text(page, encoding="utf-8")
    else:
        print(page)
    return int(any(verdicts[OURS, row.name] != "right" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
