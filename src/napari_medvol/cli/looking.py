"""The verbs that change nothing: info, check, open."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from napari_medvol.cli import parameters as typed
from napari_medvol.cli.terminal import progress_of, show, tell
from napari_medvol.errors import BatchError

INFO_HELP: Final = """Say what a scan is: header, grid, and how the grid was found.

    Of several scans a table, or all there is with --all.

    \b
    napari-medvol info ct.nii.gz
    napari-medvol info CT/ --series 3
    napari-medvol info study/ --json | jq '.[].shape'
    """

CHECK_HELP: Final = """Ask other programs where the corners of a scan lie, and compare.

    Those that are installed: nibabel, SimpleITK, dcm2niix; of a NIfTI also its other matrix.
    Ends with 1 if any is further off than --within, or if none could be asked.

    \b
    napari-medvol check CT/
    napari-medvol check ct.nii.gz --within 0.5
    """

OPEN_HELP: Final = """Open scans in napari.

    \b
    napari-medvol open ct.nii.gz
    napari-medvol open CT/ PET/
    """


def info(
    source: typed.Source,
    *,
    reads: typed.Reads,
    everything: Annotated[
        bool, typer.Option("--all", help="All there is to say of each of several scans.")
    ] = False,
    as_json: typed.AsJson = False,
) -> None:
    """Say what a scan is."""
    from napari_medvol.cli.description import described, facts, overview
    from napari_medvol.formats import read

    with progress_of("reading") as progress:
        volumes = read(source, progress=progress, **reads)
    if as_json:
        show(json.dumps([facts(volume) for volume in volumes], indent=1, ensure_ascii=False))
    elif len(volumes) > 1 and not everything:
        show(str(overview(volumes)))
    else:
        show("\n\n".join(described(volume) for volume in volumes))


def check(
    source: typed.Source,
    within: Annotated[float, typer.Option(help="Largest distance of a corner, mm.")] = 0.05,
    series: typed.Series = None,
    as_json: typed.AsJson = False,
) -> None:
    """Compare the place of a scan with what other programs make of it."""
    from napari_medvol.formats import read
    from napari_medvol.opinion import opinions_on

    with progress_of("asking") as progress:
        volumes = read(source, progress=progress, **typed.reading(series, None, "real", "auto"))
        table = opinions_on(volumes, progress)
    show(table.to_json() if as_json else str(table))
    distances = [
        d
        for d in (row[table.columns.index("corners (mm)")] for row in table.rows)
        if d is not None
    ]
    if not distances:
        tell("no other program could say where the scan lies")
        raise typer.Exit(1)
    if max(distances) > within:
        tell(f"a corner is {max(distances):g} mm off, more than {within:g} mm")
        raise typer.Exit(1)


def open_in_napari(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", show_default=False)],
) -> None:
    """Open scans in napari."""
    import subprocess
    from importlib.util import find_spec

    if find_spec("napari") is None:
        raise BatchError("open", "napari is not installed here", "pip install 'napari-medvol[qt]'")
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise BatchError(str(missing), "there is no such file or folder", "Check the path")
    command: list[Any] = [sys.executable, "-m", "napari", "--plugin", "napari-medvol", *paths]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - no shell
    if code:
        raise typer.Exit(1)
