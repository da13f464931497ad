"""Ratios against the best peers: ``make bench``, or ``python benchmarks/run.py --only 5``.

Every sample is a fresh process, ours and the peers by turns (A B C A B C), so that whatever
else the machine does meets all alike. Before anything is timed, all results must have the same
digest. Ratios are taken pair by pair and say how many times longer the peer took.

The input of each row lies alone in its folder, so nobody can read its neighbour. Who reads
fewer bytes than there are, or is faster than the bare reading, is an error and no win. Ratios
between 1/1.3 and 1.3 are ties.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import dicom_inputs, inputs  # noqa: E402

Sample = dict[str, Any]

TIE = 1.3
ROUNDS = 5
PATIENCE = 8.0


@dataclass(frozen=True)
class Row:
    """One line of the table: the same work by several programs.

    Parameters
    ----------
    number, title : str
        Of the goals in this project's plan.
    source : str
        Which input.
    ours : str
        Task of ours.
    peers : dict of str to (str, float or None)
        Name to task and the ratio that we want (peer's time / ours).
    limit : (str, float, float) or None
        Task that does the bare minimum, the share of it that counts, and how many times longer
        we may take.
    measure : {"first", "peak_mb", "gap"}
        Of a sample, what is compared.
    at_most : float or None
        Largest value of ours, in seconds or MB.
    reads_all : bool
        Whether everyone has to read the whole input.
    patience : float
        Seconds after which no new round begins, once there are three.
    memory_mb : int
        What a sample takes at most.
    """

    number: str
    title: str
    source: str
    ours: str
    peers: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    limit: tuple[str, float, float] | None = None
    measure: str = "first"
    at_most: float | None = None
    reads_all: bool = False
    patience: float = PATIENCE
    memory_mb: int = 150


#: How the names of tasks begin that draw in a window.
ON_SCREEN = ("slider", "ortho", "overlay", "filter", "gap")

#: nibabel maps uncompressed files into memory, which no counter of reads sees.
MAPS = {"whole_nibabel", "slice_nibabel"}

ROWS = (
    Row(
        "1", "scan 600 DICOM files into a sorted volume", "dicom", "scan_ours",
        {"dicomsdl": ("scan_dicomsdl", 6), "pydicom specific_tags": ("scan_pydicom", 25),
         "SimpleITK names": ("scan_simpleitk", None)},
        ("scan_limit", 1.0, 4.0),
    ),
    Row(
        "2", "scan a study of 10,000 files, 20 series", "study", "study_ours",
        {"dicomsdl": ("study_dicomsdl", 5), "pydicom specific_tags": ("study_pydicom", 25)},
        ("study_limit", 1.0, 4.0),
    ),
    Row(
        "2", "scan a study of 5,000 files, 20 series", "half", "study_ours",
        {"dicomsdl": ("study_dicomsdl", 5)}, ("study_limit", 1.0, 4.0), patience=5,
    ),
    Row(
        "3", "scan 10,000 files, cold cache", "study", "cold_study_ours",
        {"GDCM Scanner": ("cold_study_gdcm", 8), "dicomsdl": ("cold_study_dicomsdl", None)},
        ("cold_study_limit", 1.0, 2.0),
    ),
    Row(
        "4", "path to the middle slice, 600 files", "dicom", "middle_ours",
        {"dicomsdl": ("middle_dicomsdl", 3), "pydicom": ("middle_pydicom", 20),
         "SimpleITK": ("middle_simpleitk", 60)},
    ),
    Row(
        "5", "600-slice CT to int16 HU in RAM", "dicom", "volume_ours",
        {"dicomsdl": ("volume_dicomsdl", 2.5), "dcm2niix": ("volume_dcm2niix", None),
         "pydicom": ("volume_pydicom", 10), "SimpleITK": ("volume_simpleitk", 15)},
        ("volume_limit", 1.0, 1.3), reads_all=True, patience=20, memory_mb=700,
    ),
    Row(
        "6", "peak memory of 5 (MB)", "dicom", "volume_ours",
        {"dicomsdl": ("volume_dicomsdl", None), "pydicom": ("volume_pydicom", None),
         "SimpleITK": ("volume_simpleitk", None)},
        measure="peak_mb", at_most=600 * 512 * 512 * 2 / 2**20 + 40,
    ),
    Row(
        "6", "peak memory of a lazy open and one slice (MB)", "dicom", "middle_ours",
        {"pydicom": ("middle_pydicom", None), "SimpleITK": ("middle_simpleitk", None)},
        measure="peak_mb", at_most=60,
    ),
    Row(
        "8", ".nii, one slice", "nii", "slice_ours",
        {"nibabel": ("slice_nibabel", 1.5), "SimpleITK": ("slice_simpleitk", None)},
        ("slice_limit", 1.0, 2.0), patience=6,
    ),
    Row(
        "8", ".nii, whole", "nii", "whole_ours",
        {"nibabel": ("whole_nibabel", None), "SimpleITK": ("whole_simpleitk", 3)},
        ("whole_limit", 1.0, 2.0), reads_all=True, patience=6, memory_mb=300,
    ),
    Row(
        "9", ".nii.gz, whole", "gz", "whole_ours",
        {"SimpleITK": ("whole_simpleitk", 1.5),
         "nibabel + indexed_gzip": ("whole_nibabel_indexed", 1.5),
         "nibabel": ("whole_nibabel_gzip", None)},
        ("inflate_limit", 1.0, 1.25), reads_all=True, memory_mb=300,
    ),
    Row(
        "10", ".nii.gz, first picture (middle slice)", "gz", "slice_ours",
        {"nibabel": ("slice_nibabel_gzip", 1.2), "SimpleITK extract": ("slice_simpleitk", 1.2),
         "nibabel + indexed_gzip": ("slice_nibabel_indexed", None)},
        ("inflate_limit", 0.5, 1.25),
    ),
    Row(
        "11", "4-D .nii.gz, first volume", "fmri", "first_ours",
        {"nibabel": ("first_nibabel_gzip", 2.5),
         "nibabel + indexed_gzip": ("first_nibabel_indexed", 2.5)},
    ),
    Row(
        "12", ".nii.gz, 20 random axial slices after load", "gz", "random_ours",
        {"nibabel + indexed_gzip": ("random_nibabel_indexed", 15)},
        ("random_limit", 1.0, 1.5), patience=6,
    ),
    Row(
        "13", ".nii.gz, written, read back and compared", "nii", "write_gz_ours",
        {"nibabel, unverified": ("write_gz_nibabel", 3),
         "SimpleITK, unverified": ("write_gz_simpleitk", None)},
        memory_mb=300, patience=20,
    ),
    Row(
        "13", ".nii.gz, written only", "nii", "write_gz_alone",
        {"nibabel": ("write_gz_nibabel", 3), "SimpleITK": ("write_gz_simpleitk", None)},
        memory_mb=300, patience=20,
    ),
    *(
        Row(
            "14", f"{name}, 60 slices to int16 HU in RAM", source, "compressed_ours",
            {"dicomsdl": ("compressed_dicomsdl", 1.2), "pydicom": ("compressed_pydicom", None)},
            # The codec in a plain loop; its half where there are two processors.
            ("compressed_limit", 1 / min(2, os.cpu_count() or 1), 1.1),
            reads_all=True, patience=6, memory_mb=200,
        )
        for name, source in (("JPEG-LS", "jls"), ("JPEG 2000", "j2k"), ("RLE", "rle"))
    ),
    Row(
        "15", "middle frame of an enhanced file of 600 frames", "enhanced", "frame_ours",
        {"pydicom pixel_array(index=)": ("frame_pydicom", 5),
         "SimpleITK": ("frame_simpleitk", None)},
        ("frame_limit", 1.0, 3.0), patience=6,
    ),
    Row(
        "16", "napari: 24 slider steps, three planes", "dicom", "slider_ours",
        {"numpy in napari": ("slider_numpy", 1 / 1.1),
         "dask, a chunk a slice": ("slider_dask", None)},
        patience=20,
    ),
    Row(
        "17", "600 slices in memory to PNG files, windowed", "nii", "slices_ours",
        {"OpenCV": ("slices_cv2", 1.5), "imageio": ("slices_imageio", 4),
         "Pillow": ("slices_pillow", None)},
        # The same window, and as many bytes written as a PNG has, on all processors.
        ("slices_limit", 1 / min(2, os.cpu_count() or 1), 1.5), patience=30, memory_mb=700,
    ),
    Row(
        "18", "three oblique 512² planes out of 512² × 600, linear", "made", "plane_ours",
        {"scipy affine_transform": ("plane_scipy", 2.5),
         "SimpleITK Resample": ("plane_simpleitk", 1)},
        memory_mb=700, patience=30,
    ),
    Row(
        "19", "512² × 175 to voxels of 1 mm, linear, float32", "made", "finer_ours",
        {"scipy affine_transform": ("finer_scipy", 5),
         "SimpleITK Resample": ("finer_simpleitk", 1.7)},
        memory_mb=700, patience=60,
    ),
    Row(
        "20", "a crop turned twice: views", "made", "turned_ours",
        {"nibabel": ("turned_nibabel", None), "SimpleITK": ("turned_simpleitk", None)},
        at_most=0.001, memory_mb=700, patience=30,
    ),
    Row(
        "20", "512² × 600 turned, copied", "made", "copy_ours",
        {"SimpleITK": ("copy_simpleitk", None)}, ("copy_limit", 1.0, 1.3),
        memory_mb=700, patience=30,
    ),
    Row(
        "22", "napari: 24 axial steps, Ortho views open (4 canvases for 1)", "nii", "ortho_ours",
        {"plain napari": ("ortho_plain", 1 / 4)},
        patience=60, memory_mb=300,
    ),
    Row(
        "22", "napari: 24 axial steps, Ortho views without 3-D", "nii", "ortho_planes",
        {"plain napari": ("ortho_plain", 1 / 4)},
        patience=60, memory_mb=300,
    ),
    Row(
        "23", "napari: 24 axial steps, PET over CT on its grid", "nii", "overlay_ours",
        {"the same two layers": ("overlay_plain", 1 / 1.3)},
        patience=60, memory_mb=300,
    ),
    Row(
        "24", "10,000 header rows, filtered by 9 keys", "nii", "filter_ours",
        {"QSortFilterProxyModel": ("filter_qt", 1)},
        patience=30,
    ),
    Row(
        "25", "JPEG 2000, 60 slices: longest pause while it loads", "j2k", "gap_ours",
        {"the same array in napari": ("gap_array", 1 / 1.3)},
        measure="gap", patience=60,
    ),
    Row(
        "25", "the same with Ortho views open (3 planes)", "j2k", "gap_ortho",
        {"the same array in napari, no views": ("gap_array", 1 / 1.3)},
        measure="gap", patience=60,
    ),
    Row(
        "26", "Cursor: 60 places of the mouse in 5 layers", "nii", "cursor_ours",
        {"napari's status of each layer": ("cursor_status", None)},
        at_most=1.0, patience=60, memory_mb=300,
    ),
    Row(
        "21", "napari's start: what the plugin adds", "dicom", "start_ours",
        {"import pydicom": ("start_pydicom", None), "import nibabel": ("start_nibabel", None)},
        at_most=0.020, patience=6,
    ),
    Row(
        "21", "the first time a file name is looked at", "dicom", "sniff_ours",
        {"import pydicom": ("start_pydicom", None), "import nibabel": ("start_nibabel", None)},
        patience=6,
    ),
)  # fmt: skip


def main() -> int:
    """Measure; print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="number of a row; may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="write every sample here")
    parser.add_argument(
        "--markdown", type=Path, help="write the table here; rows not measured now are kept"
    )
    asked = parser.parse_args()
    rows = [row for row in ROWS if not asked.only or row.number in asked.only]

    began = time.monotonic()
    results = []
    with tempfile.TemporaryDirectory(prefix="medvol-bench-") as folder:
        bench = Bench(Path(folder), asked.rounds)
        for row in rows:
            result = bench.measured(row)
            results.append(result)
            print(text_of(result), flush=True)
    took = time.monotonic() - began
    errors = sum(bool(result["error"]) for result in results)
    verdicts = [line["verdict"] for result in results for line in result["lines"]]
    summary = (
        f"{verdicts.count('reached')} goals reached, {verdicts.count('missed')} missed,"
        f" {verdicts.count('inconclusive')} inconclusive, {errors} errors; {took:.0f} s"
    )
    print(summary)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if asked.markdown:
        kept = kept_lines(asked.markdown, {result["row"] for result in results})
        asked.markdown.write_text(markdown_of(results, kept, took), encoding="utf-8")
    return 1 if errors else 0


class Bench:
    """Inputs, made when first needed, and fresh processes that read them."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder, self.rounds = folder, rounds
        self._inputs: dict[str, Path] = {}
        self._samples: dict[tuple[str, str], list[Sample]] = {}

    def input(self, source: str) -> Path:
        """Return the file or folder, alone in its own folder."""
        if source not in self._inputs:
            place = self.folder / source
            place.mkdir()
            make: dict[str, Callable[[], Path]] = {
                "dicom": lambda: self._dicom(place / "ct"),
                "study": lambda: self._made(place / "study", dicom_inputs.study, 10_000),
                "half": lambda: self._made(place / "study", dicom_inputs.study, 5_000),
                **{
                    codec: partial(self._made, place / "ct", dicom_inputs.compressed_series, codec)
                    for codec in dicom_inputs.CODECS
                },
                "enhanced": lambda: self._enhanced(place / "enhanced.dcm"),
                "nii": lambda: self._nifti(place / "ct.nii"),
                "gz": lambda: self._nifti(place / "ct.nii.gz"),
                "fmri": lambda: self._fmri(place / "bold.nii.gz"),
                "made": lambda: place,  # by the task itself, in memory
            }
            self._inputs[source] = make[source]()
        return self._inputs[source]

    def _dicom(self, folder: Path) -> Path:
        folder.mkdir()
        inputs.dicom_series(folder, 600)
        return folder

    def _made(self, folder: Path, make: Callable[..., None], what: Any) -> Path:
        folder.mkdir()
        make(folder, what)
        return folder

    def _enhanced(self, path: Path) -> Path:
        dicom_inputs.enhanced(path)
        return path

    def _nifti(self, path: Path) -> Path:
        inputs.nifti(path, inputs.ct(175).view(np.int16) - np.int16(1024))
        return path

    def _fmri(self, path: Path) -> Path:
        inputs.nifti(path, inputs.fmri(600), (3.0, 3.0, 3.0))
        return path

    def measured(self, row: Row) -> dict[str, Any]:
        """Return everything about one row."""
        path = self.input(row.source)
        sides = {"ours": row.ours, **{name: peer[0] for name, peer in row.peers.items()}}
        runs = {name: (row.source, task) for name, task in sides.items()}
        if set(runs.values()) <= self._samples.keys():  # the same runs, looked at otherwise
            return self._result(row, {name: self._samples[run] for name, run in runs.items()})
        error, skipped = self._differences(row, path, sides)
        for name in skipped:
            sides.pop(name, None)
        if row.limit:
            sides["limit"] = row.limit[0]
        samples: dict[str, list[Sample]] = {name: [] for name in sides}
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
        began = time.monotonic()
        while not error and "ours" in sides and len(samples["ours"]) < self.rounds:
            for name, task in sides.items():
                samples[name].append(self._sample(row, task, path))
            if time.monotonic() - began > row.patience and len(samples["ours"]) >= 3:
                break
        self._samples |= {(row.source, task): samples[name] for name, task in sides.items()}
        return self._result(row, samples, error, skipped, load)

    def _result(
        self,
        row: Row,
        samples: dict[str, list[Sample]],
        error: str = "",
        skipped: dict[str, str] | None = None,
        load: float | None = None,
    ) -> dict[str, Any]:
        if load is None:
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
        lines = [] if error or not samples["ours"] else list(compared(row, samples))
        return {
            "row": row.number, "title": row.title, "measure": row.measure, "load": load,
            "skipped": skipped or {}, "samples": samples, "lines": lines,
            "error": error or next((line["error"] for line in lines if line["error"]), ""),
        }  # fmt: skip

    def _differences(
        self, row: Row, path: Path, sides: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Return what is wrong with the results, and who cannot take part and why."""
        digests, skipped, nbytes = {}, {}, size_of(path)
        for name, task in sides.items():
            sample = self._sample(row, task, path, "--digest")
            if "skip" in sample:
                skipped[name] = sample["skip"]
                continue
            digests[name] = sample["digest"]
            if row.reads_all and task not in MAPS and 0 <= sample["read"] < nbytes:
                return f"{name} read {sample['read']} of {nbytes} bytes", skipped
        if row.number == "21":  # nothing comes out of an import
            return "", skipped
        wrong = [name for name, digest in digests.items() if digest != digests.get("ours")]
        return (f"{', '.join(wrong)} read something else" if wrong else ""), skipped

    def _sample(self, row: Row, task: str, path: Path, *options: str) -> Sample:
        warm(row.memory_mb)
        command = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "sample.py"), task]
        command += [str(path), *options]
        if task.startswith(ON_SCREEN) and not os.environ.get("DISPLAY"):
            if not shutil.which("xvfb-run"):
                return {"skip": "there is no screen, and no Xvfb"}
            command = ["xvfb-run", "-a", *command]
        environment = {**os.environ, "NAPARI_CONFIG": str(self.folder / "napari.yaml")}
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        process = time.perf_counter() - began
        for left in path.parent.glob("tmp*"):
            shutil.rmtree(left)
        if done.returncode or not done.stdout.strip():
            raise SystemExit(f"{task} failed:\n{done.stderr[-3000:]}")
        sample: Sample = json.loads(done.stdout.strip().splitlines()[-1])
        sample["process"] = process
        return sample


def warm(megabytes: int) -> None:
    """Touch as much memory as a sample will need, and give it back.

    A virtual machine fetches memory from its host when it is first touched, at up to ten times
    the price of reading the file; who comes first would pay for all.
    """
    np.ones(megabytes << 17)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def compared(row: Row, samples: dict[str, list[Sample]]) -> Iterator[dict[str, Any]]:
    """Yield one line for each peer, for the limit, and for an absolute goal."""
    ours = [sample[row.measure] for sample in samples["ours"]]
    for name, theirs in samples.items():
        if name == "ours":
            continue
        values = [sample[row.measure] for sample in theirs]
        if name == "limit":
            assert row.limit is not None
            _, share, goal = row.limit
            # For the limit less is better: how many times longer we take than it.
            ratios = [mine / (share * value) for mine, value in zip(ours, values, strict=True)]
            verdict = judged([goal / ratio for ratio in ratios], 1.0)
            error = "faster than the limit" if statistics.median(ratios) < 1 / TIE else ""
        else:
            goal = row.peers[name][1]
            ratios = [value / mine for mine, value in zip(ours, values, strict=True)]
            verdict, error = judged(ratios, goal), ""
        yield {
            "against": name, "ours": statistics.median(ours), "theirs": statistics.median(values),
            "ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios),
            "n": len(ratios), "goal": goal, "verdict": verdict, "error": error,
            "standing": "" if name == "limit" else standing(statistics.median(ratios)),
            "process": _process(row, samples["ours"], theirs),
            "second": _second(row, samples["ours"], theirs),
        }  # fmt: skip
    if row.at_most is not None:
        yield {
            "against": "absolute", "ours": statistics.median(ours), "theirs": row.at_most,
            "ratio": statistics.median(ours) / row.at_most, "low": min(ours) / row.at_most,
            "high": max(ours) / row.at_most, "n": len(ours), "goal": 1.0, "error": "",
            "verdict": judged([row.at_most / value for value in ours], 1.0),
            "standing": "", "process": None, "second": None,
        }  # fmt: skip


def _process(row: Row, ours: list[Sample], theirs: list[Sample]) -> float | None:
    if row.measure != "first":
        return None
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(b["process"] / a["process"] for a, b in pairs)


def _second(row: Row, ours: list[Sample], theirs: list[Sample]) -> float | None:
    if row.measure != "first" or row.number == "21" or "second" not in {**ours[0], **theirs[0]}:
        return None
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(b["second"] / a["second"] for a, b in pairs)


def judged(ratios: list[float], goal: float | None) -> str:
    """Return whether the goal is reached, for certain or perhaps."""
    if goal is None:
        return "–"
    upper = sorted(ratios)[len(ratios) // 2 :]
    if statistics.median(upper) < goal:
        return "missed"
    return (
        "reached"
        if statistics.median(ratios) >= goal and min(ratios) >= goal / TIE
        else ("inconclusive")
    )


def standing(ratio: float) -> str:
    """Return whether we won, in one word."""
    return "win" if ratio >= TIE else "loss" if ratio <= 1 / TIE else "tie"


def text_of(result: dict[str, Any]) -> str:
    """Return a row for the terminal."""
    lines = [f"\n{result['row']}. {result['title']}   (load {result['load']:.1f})"]
    lines += [f"   {name}: skipped, {why}" for name, why in result["skipped"].items()]
    if result["error"]:
        lines.append(f"   ERROR: {result['error']}")
    for line in result["lines"]:
        lines.append("   " + "  ".join(f"{cell:<14}" for cell in cells(result, line)))
    return "\n".join(lines)


def cells(result: dict[str, Any], line: dict[str, Any]) -> list[str]:
    """Return what the table says about one comparison."""
    name = {"limit": "physical limit", "absolute": "at most"}.get(line["against"], line["against"])
    sign = "≥" if line["standing"] else "≤"
    return [
        f"{name:<24}",
        f"{quantity(result, line['ours'])} : {quantity(result, line['theirs'])}",
        f"{line['ratio']:.2f}× ({line['low']:.2f}–{line['high']:.2f})",
        f"n {line['n']}",
        f"{sign} {line['goal']:.3g}× {line['verdict']}" if line["goal"] else "",
        line["standing"],
        f"second {line['second']:.2f}×" if line["second"] and line["standing"] else "",
        f"process {line['process']:.2f}×" if line["process"] and line["standing"] else "",
    ]


def quantity(result: dict[str, Any], value: float) -> str:
    """Return seconds or megabytes as people read them."""
    if result["measure"] == "peak_mb":
        return f"{value:.0f} MB"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def kept_lines(page: Path, measured: set[str]) -> list[str]:
    """Return the lines of a page's table that belong to other rows than those measured now."""
    if not page.exists():
        return []
    lines = page.read_text(encoding="utf-8").splitlines()
    numbered = [line for line in lines if line.startswith("| ") and line[2:3].isdigit()]
    return [line for line in numbered if line.split("|")[1].strip() not in measured]


def markdown_of(results: list[dict[str, Any]], kept: list[str], took: float) -> str:
    """Return the page that goes into docs/.

    Parameters
    ----------
    results : list of dict
        What was measured now.
    kept : list of str
        Lines of the table that were measured before.
    took : float
        Seconds.
    """
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in (
            "numpy",
            "pydicom",
            "dicomsdl",
            "python-gdcm",
            "imagecodecs",
            "nibabel",
            "SimpleITK",
            "dcm2niix",
            "napari",
        )
        if _installed(name)
    )
    lines = [
        "# Speed, measured",
        "",
        '<!-- Written by `make bench ARGS="--markdown docs/performance.md"`; do not edit. -->',
        "",
        f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()};"
        f" {versions}. Warm file cache.",
        "",
        "A ratio says how many times longer the other took; for the physical limit (the bare"
        " reading or inflating of the same bytes) how many times longer we took. Median, lowest"
        f" and highest of n pairs of fresh processes taken by turns. Below {TIE}× is a tie."
        " *First* is the first run in a process, from after the import of that program's"
        " libraries to the result. *Cold*: the system was asked to drop every file from its cache"
        " before each sample (the names of the files stay in it)."
        " *Second* is the same again in the same process, *process* the whole process with"
        " Python's start and all imports. Results had equal digests before anything was timed.",
        "",
        "| | what | against | ours : theirs | first | n | goal | | second | process |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    table = [*kept, *(line for result in results for line in table_lines(result))]
    table.sort(key=lambda line: int(line.split("|")[1]))
    goals = [line.split("|")[7] for line in table if line.count("|") > 8]
    verdicts = [goal.split()[-1] for goal in goals if goal.strip()]
    loads = [result["load"] for result in results]
    now = ", ".join(dict.fromkeys(result["row"] for result in results))
    lines += [
        *table,
        "",
        f"{verdicts.count('reached')} goals reached, {verdicts.count('missed')} missed,"
        f" {verdicts.count('inconclusive')} inconclusive,"
        f" {sum('ERROR' in line for line in table)} errors."
        + (f" Measured last: rows {now}; the others before." if kept else "")
        + f" {took:.0f} s, load of the machine {min(loads):.1f} to {max(loads):.1f}.",
        "",
    ]
    return "\n".join(lines)


def table_lines(result: dict[str, Any]) -> Iterator[str]:
    """Yield what the page says about one row."""
    start = f"| {result['row']} | {result['title']} | "
    if result["error"]:
        yield f"{start}ERROR: {result['error']} |"
    for line in result["lines"]:
        row = [_bare(cell) for cell in cells(result, line)]
        yield start + " | ".join(row) + " |"
    for name, why in result["skipped"].items():
        yield f"{start}{name} | skipped: {why} |"


def _bare(cell: str) -> str:
    """Return a cell without the word that the head of its column says."""
    for word in ("second ", "process ", "n "):
        cell = cell.removeprefix(word)
    return cell.strip()


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
