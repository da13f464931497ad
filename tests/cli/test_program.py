"""The program as it is started: quickly, and with neither napari nor Qt."""

from __future__ import annotations

import contextlib
import importlib
import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medvol.cli import main
from tests.conftest import ROOT
from tests.test_public import HEAVY, loaded_by

MEDVOL = [sys.executable, "-m", "napari_medvol.cli"]

#: Runs commands, one a line, with what the core may not need as good as not installed.
BARE = (
    "import sys\n"
    "for name in ('napari', 'magicgui', 'qtpy', 'PyQt6', 'PyQt5', 'PySide6', 'vispy'):\n"
    "    sys.modules[name] = None\n"
    "from napari_medvol.cli import run\n"
    "for command in sys.argv[1].splitlines():\n"
    "    print('>', command, flush=True)\n"
    "    if run(command.split()):\n"
    "        sys.exit(f'failed: {command}')\n"
)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.Nifti1Image(data, np.diag([-1, 1, 2, 1])).to_filename(tmp_path / "scan.nii.gz")
    return tmp_path


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["convert", "--help"]])
def test_help_loads_nothing_heavy_not_even_numpy(command: list[str]) -> None:
    code = (
        "import contextlib, io\nfrom napari_medvol.cli import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): assert run({command!r}) == 0"
    )

    assert loaded_by(code) & {*HEAVY, "numpy", "rich", "napari_medvol.formats"} == set()


def test_the_console_script_is_the_same_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    module, _, name = project["scripts"]["napari-medvol"].partition(":")
    assert getattr(importlib.import_module(module), name) is main


def test_every_verb_but_open_runs_without_napari_and_qt(scan: Path) -> None:
    (scan / "r.toml").write_text('[[step]]\nop = "orient"\naxcodes = "RAS"\n')
    commands = [
        "info scan.nii.gz",
        "info scan.nii.gz --json",
        "convert scan.nii.gz out.mgz",
        "convert . threads --scheduler threads -j 2",
        "convert . processes --scheduler processes -j 2",
        "crop scan.nii.gz part.nii --box 0:2,:,:",
        "orient scan.nii.gz turned.nii LPS",
        "relabel scan.nii.gz wrong.nii LPS",
        "relabel both.nii one.nii --forget-qform",
        "align scan.nii.gz moved.nii --origin 1,2,3 --save moved.tfm",
        "resample scan.nii.gz fine.nii --zooms 0.5",
        "values scan.nii.gz real.nii --type float32",
        "frames bold.nii mean.nii --over mean",
        "split bold.nii frames --suffix .nii",
        "slab scan.nii.gz thick.nii --planes 2",
        "step scan.nii.gz step.nii orient axcodes=RAS",
        "apply r.toml scan.nii.gz applied.nii",
        "export scan.nii.gz pictures",
        "check scan.nii.gz",
    ]
    both = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.diag([-1, 1, 2, 1]))
    both.set_qform(both.affine, 1)
    both.set_sform(both.affine, 1)
    # Beside the folder that is converted: these are inputs of their own.
    (scan / ".in").mkdir()
    nib.save(both, scan / ".in" / "both.nii")
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), np.eye(4)), scan / ".in/bold.nii")
    typed = "\n".join(commands).replace("both.nii", ".in/both.nii").replace("bold", ".in/bold")

    result = subprocess.run(
        [sys.executable, "-c", BARE, typed], cwd=scan, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    told = result.stdout.split("> ")[1:]
    assert len(told) == len(commands)
    assert all(len(one.splitlines()) > 1 for one in told), result.stdout


def test_open_without_napari_says_what_to_install(
    scan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_medvol.cli import run

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert run(["open", str(scan / "scan.nii.gz")]) == 2
    assert "napari is not installed here. pip install 'napari-medvol[qt]'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("code", [0, 3])
def test_open_starts_napari_with_this_plugin(scan: Path, code: int) -> None:
    """A package that stands in for napari tells what it was started with."""
    stand_in = scan / "stand-in" / "napari"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(f"import sys; print(sys.argv[1:]); sys.exit({code})")

    result = subprocess.run(
        [*MEDVOL, "open", "scan.nii.gz", "scan.nii.gz"],
        cwd=scan,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(stand_in.parent)},
    )

    assert result.returncode == (1 if code else 0)
    assert result.stdout.strip() == str(
        ["--plugin", "napari-medvol", "scan.nii.gz", "scan.nii.gz"]
    )


def test_a_reader_that_leaves_early_gets_no_traceback(scan: Path) -> None:
    command = f"{sys.executable} -m napari_medvol.cli info scan.nii.gz | head -1"

    result = subprocess.run(command, shell=True, cwd=scan, capture_output=True, text=True)

    assert result.stdout.startswith("name")
    assert not result.stderr


def test_at_a_terminal_progress_is_drawn_on_stderr_and_results_stay_on_stdout(scan: Path) -> None:
    watched, told = pty.openpty()
    process = subprocess.Popen(
        [*MEDVOL, "convert", ".", "out", "-j", "1"],
        cwd=scan,
        stdout=subprocess.PIPE,
        stderr=told,
        text=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(told)
    drawn = b"".join(_read_all(watched)).decode()
    result, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert result.startswith("input")
    assert "converting" in drawn
    assert drawn.rstrip().endswith("1 written")


def _read_all(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(terminal, 1 << 16):
            yield piece
    os.close(terminal)
