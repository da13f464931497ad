"""Does the wheel work where neither napari nor Qt is installed? ``python tools/bare.py``.

Builds the wheel, installs it without extras into a new environment, looks that no napari and no
Qt binding came along, and runs the command line there on scans made here. Takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import ROOT, runs, uv_environment

sys.path.insert(0, str(ROOT))

ABSENT = ("napari", "PyQt6", "PyQt5", "PySide6", "vispy")
VERBS = (
    "--help",
    "--version",
    "info CT",
    "info scan.nii.gz --json",
    "convert CT ct.nii.gz --reorient LAS",
    "convert CT dicom --format DICOM -j 1",
    "convert . out --workers 2 --report report.csv",
    "crop scan.nii.gz part.nii --box 0:2,:,:",
    "orient scan.nii.gz turned.mgz LPS",
    "relabel scan.nii.gz named.nii PIR",
    "relabel both.nii.gz one.nii --forget-qform",
    "align scan.nii.gz moved.nii --centre 0,0,0 --save moved.tfm",
    "resample scan.nii.gz coarse.nii --zooms 2 --recipe coarse.toml",
    "resample scan.nii.gz onto.nii --to ct.nii.gz --interpolation cubic",
    "values scan.nii.gz float.nii --type float32 --json",
    "values CT grey.nii --window lung",
    "frames bold.nii.gz mean.nii --over mean",
    "split bold.nii.gz frames",
    "slab scan.nii.gz mip.nii --planes 2 --how max",
    "step --list",
    "step scan.nii.gz stepped.nii orient axcodes=PIR",
    "apply recipe.toml scan.nii.gz applied.nii",
    "export scan.nii.gz pictures --plane axial",
    "check scan.nii.gz",
)
#: It needs napari, and says so: looked at by itself.
NEEDS_NAPARI = "open"


def main() -> None:
    """Build, install, look, run."""
    with tempfile.TemporaryDirectory(prefix="medvol-bare-") as name:
        folder = Path(name)
        python = install(folder)
        code = f"from importlib.util import find_spec as f; print([n for n in {ABSENT} if f(n)])"
        there = subprocess.check_output([python, "-c", code], text=True, cwd=folder).strip()
        if there != "[]":
            raise SystemExit(f"installed along with the core: {there}")
        program = python.with_name("napari-medvol")
        folder = folder / "scans"
        make_scans(folder)
        look_for_others(program, folder)
        for line in VERBS:
            run(program, line, folder)
        result = subprocess.run(
            [program, NEEDS_NAPARI, "CT"], cwd=folder, capture_output=True, text=True
        )
        if result.returncode != 2 or "napari is not installed" not in result.stderr:
            raise SystemExit(f"open: {result.returncode} {result.stderr}")
        print("open: says what to install")


def look_for_others(program: Path, folder: Path) -> None:
    """Stop if the program has a verb that is not run here."""
    said = subprocess.check_output([program, "--help"], text=True, cwd=folder)
    listed = said.partition("Commands:")[2].splitlines()
    verbs = {line.split()[0] for line in listed if line.startswith("  ") and line[2:3].strip()}
    left = verbs - {line.split()[0] for line in VERBS} - {NEEDS_NAPARI}
    if left or not verbs:
        raise SystemExit(f"never run here: {sorted(left)}")


def install(folder: Path) -> Path:
    """Return the Python of a new environment with the wheel in it."""
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    environment = uv_environment()
    uv = [sys.executable, "-m", "uv"]
    if not runs(*uv, "--version"):
        raise SystemExit("This needs uv: run make once")
    for command in (
        [*uv, "build", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT)],
        [*uv, "venv", "--python", sys.executable, str(folder / "venv")],
    ):
        subprocess.run(command, check=True, env=environment)
    [wheel] = (folder / "dist").glob("*.whl")
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", str(python), str(wheel)],
        check=True,
        env=environment,
    )
    return python


def make_scans(folder: Path) -> None:
    """Write a DICOM series, a NIfTI and a recipe."""
    import nibabel as nib
    import numpy as np

    from tests.phantoms.dicom import write_series

    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    write_series(folder / "CT", data.astype(np.uint16), step=(0, 0, 2.5))
    nib.Nifti1Image(data, np.diag([-1, 1, 2, 1])).to_filename(folder / "scan.nii.gz")
    both = nib.Nifti1Image(data, np.diag([-1, 1, 2, 1]))
    both.set_qform(np.diag([-1, 1, 3, 1]), code=1)
    both.set_sform(both.affine, code=1)
    both.to_filename(folder / "both.nii.gz")
    series = np.stack([data, data + 1], axis=-1)
    nib.Nifti1Image(series, np.diag([-1, 1, 2, 1])).to_filename(folder / "bold.nii.gz")
    (folder / "recipe.toml").write_text('[[step]]\nop = "orient"\naxcodes = "RAS"\n')


def run(program: Path, line: str, folder: Path) -> None:
    """Run one verb and say so, or stop with what it said."""
    result = subprocess.run([program, *line.split()], cwd=folder, capture_output=True, text=True)
    if result.returncode or not result.stdout:
        raise SystemExit(f"{line}: {result.returncode}\n{result.stderr}")
    print(f"{line}: done")


if __name__ == "__main__":
    main()
