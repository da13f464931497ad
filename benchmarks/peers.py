"""Who puts the voxels of real scans where they belong: ours and the known readers, counted.

    python benchmarks/peers.py [--data FOLDER] [--markdown docs/peers.md]

The scans, the points with known values and the code that asks each reader come from the shared
collection (MEDVOL_DATA); nothing here decides what is right.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

OURS = "napari-medvol"

#: Reader to (name in the checker, distribution, whether it says that it reads such a file).
PEERS: dict[str, tuple[str, str, Callable[[str], bool]]] = {
    "SimpleITK": ("simpleitk", "SimpleITK", lambda kind: kind != "RTSTRUCT"),
    "dcm2niix": (
        "dcm2niix",
        "dcm2niix",
        lambda kind: kind not in {*OTHER, "RTSTRUCT"} or kind == "PAR/REC",
    ),
    "dicom2nifti": ("dicom2nifti", "dicom2nifti", lambda kind: kind not in {*OTHER, "RTSTRUCT"}),
    "nibabel": ("nibabel", "nibabel", lambda kind: kind in OTHER),
}

#: Kinds that are not DICOM.
OTHER = {"NIfTI", "NRRD", "MGH", "MINC1", "MINC2", "AFNI", "ECAT", "PAR/REC"}


def main() -> int:
    """Ask every reader for every scan; print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("MEDVOL_DATA") or ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--markdown", type=Path, help="write here instead of printing")
    asked = parser.parse_args()
    if not (asked.data / "check_geometry.py").exists():
        print(f"no real scans: {asked.data} is absent, set MEDVOL_DATA", file=sys.stderr)
        return 1

    from tests.oracles.shared import load

    checker = _checker(asked.data)
    verdicts = {OURS: _asked(checker, asked.data, load)}
    for reader, (name, _, _) in PEERS.items():
        print(f"asking {reader} …", file=sys.stderr)
        verdicts[reader] = _asked(checker, asked.data, checker.PEERS[name])
    text = table(verdicts)
    if asked.markdown:
        asked.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


def _checker(data: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_geometry", data / "check_geometry.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _asked(checker: ModuleType, data: Path, reader: Callable[[str], Any]) -> dict[str, Any]:
    rows = checker.run(str(data), reader, out=io.StringIO())
    return {row["name"]: row for row in rows}


def table(verdicts: dict[str, dict[str, Any]]) -> str:
    """Return the counts by kind, and every case that not all readers get right, as Markdown."""
    readers = list(verdicts)
    cases = verdicts[OURS].values()
    lines = [
        "# Real scans: who puts every voxel where it belongs",
        "",
        "<!-- Written by benchmarks/peers.py; do not edit. -->",
        "",
        f"{len(cases)} public scans, each with up to 140 points whose value and place in the"
        " world are known. A scan counts as read right when every point does: the value within"
        " 0.1 %, the place within 0.02 mm. A dash: the program does not claim to read such files."
        " Every program runs with its defaults.",
        "",
        "Versions: " + ", ".join(f"{name} {_version(name)}" for name in readers) + ".",
        "",
        "| kind | " + " | ".join(readers) + " |",
        "|---|" + "---|" * len(readers),
    ]
    for kind in sorted({case["kind"] for case in cases}):
        counts = [_count(verdicts[reader], reader, kind) for reader in readers]
        lines.append(f"| {kind} | " + " | ".join(counts) + " |")
    totals = [_count(verdicts[reader], reader, None) for reader in readers]
    lines += ["| **all that it claims** | " + " | ".join(f"**{t}**" for t in totals) + " |", ""]
    lines += [
        "## Scans that not everyone gets right",
        "",
        "`PASS~`: within 0.02 mm but not 0.001. `GEOM`: at the wrong place. `VALUE`: right place,"
        " wrong value. `SCALE`: wrong by one factor. `RESAMP`: interpolated from another grid."
        " `NVOL`: wrong number of volumes. `EMPTY`: nothing came out. `ERROR`: refused.",
        "",
        "| scan | kind | " + " | ".join(readers) + " |",
        "|---|---|" + "---|" * len(readers),
    ]
    for case in cases:
        row = [_verdict(verdicts[reader], reader, case) for reader in readers]
        if any(cell.startswith("✗") for cell in row):
            lines.append(f"| {case['name']} | {case['kind']} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _claims(reader: str, kind: str) -> bool:
    return reader == OURS or PEERS[reader][2](kind)


def _count(rows: dict[str, Any], reader: str, kind: str | None) -> str:
    asked = [
        row
        for row in rows.values()
        if kind in (None, row["kind"]) and _claims(reader, row["kind"])
    ]
    return f"{sum(row['ok'] for row in asked)}/{len(asked)}" if asked else "–"


def _verdict(rows: dict[str, Any], reader: str, case: dict[str, Any]) -> str:
    if not _claims(reader, case["kind"]):
        return "–"
    row = rows[case["name"]]
    return f"{'✓' if row['ok'] else '✗'} {row['verdict']}"


def _version(reader: str) -> str:
    try:
        return importlib.metadata.version(PEERS[reader][1] if reader in PEERS else reader)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
