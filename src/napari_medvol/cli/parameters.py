"""The options that verbs share, and what those that go together mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_medvol.cli.groups import Group
from napari_medvol.cli.parsing import pair_of

Source = Annotated[Path, typer.Argument(help="File, folder, ZIP or DICOMDIR.", show_default=False)]
Target = Annotated[
    Path,
    typer.Argument(help="File to write, such as ct.nii.gz, or a folder.", show_default=False),
]
Series = Annotated[
    list[str] | None,
    typer.Option(metavar="NUMBER|UID", help="Only this DICOM series; may be repeated."),
]
Gaps = Annotated[
    str | None, typer.Option(help="Uneven series: blank, interpolate, split or stack.")
]
Value = Annotated[str, typer.Option(help="Unit of values: real, stored, float, suvbw, …")]
Form = Annotated[str, typer.Option(help="Matrix of a NIfTI: auto, sform, qform or pixdim.")]
Dtype = Annotated[str | None, typer.Option(help="Type of stored numbers, such as int16, float32.")]
Scaling = Annotated[str, typer.Option(help="Values to integers: auto, none, or SLOPE,INTERCEPT.")]
Level = Annotated[int | None, typer.Option(help="Compression, 0 (fast) to 9 (small).")]
Codes = Annotated[
    str,
    typer.Option(
        help="NIfTI's qform and sform codes, one or two of auto, scanner, aligned, "
        "talairach, mni, unknown, as in unknown,aligned."
    ),
]
Sidecar = Annotated[
    str, typer.Option(help="JSON beside the image: auto, none, provenance or bids.")
]
Provenance = Annotated[
    bool, typer.Option("--provenance", help="Also keep the provenance inside the NIfTI.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Template = Annotated[
    str,
    typer.Option(
        "--template",
        "-t",
        help="Names of outputs in a folder: header fields in braces, and {folder}, {stem}, "
        "{name}, {kind}, {index}.",
    ),
]
Suffix = Annotated[
    str | None, typer.Option(help="Suffix of outputs in a folder; .nii.gz by default.")
]


def reading(
    series: Series = None, gaps: Gaps = None, value: Value = "real", form: Form = "auto"
) -> dict[str, Any]:
    """Return the choices of ``read`` that were typed."""
    asked = {"gaps": gaps, "value": value, "form": form}
    usual = {"gaps": None, "value": "real", "form": "auto"}
    typed = {name: one for name, one in asked.items() if one != usual[name]}
    return {**typed, "series": tuple(series)} if series else typed


def writing(
    dtype: Dtype = None,
    scaling: Scaling = "auto",
    level: Level = None,
    codes: Codes = "auto",
    sidecar: Sidecar = "auto",
    provenance: Provenance = False,
) -> dict[str, Any]:
    """Return the choices of ``write`` that were typed."""
    typed: dict[str, Any] = {}
    if dtype is not None:
        typed["dtype"] = dtype
    if scaling != "auto":
        typed["scaling"] = scaling if scaling == "none" else pair_of(scaling)
    if level is not None:
        typed["level"] = level
    if codes != "auto":
        parts = tuple(codes.split(","))
        typed["codes"] = parts[0] if len(parts) == 1 else parts
    if sidecar != "auto":
        typed["sidecar"] = sidecar
    if provenance:
        typed["provenance"] = True
    return typed


def running(
    template: Template = "{folder}/{SeriesNumber}_{SeriesDescription}",
    suffix: Suffix = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="threads (the default), processes, sync, distributed, or the address of a dask "
            "scheduler (tcp://host:8786)."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", help="By default one a processor.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the table here: .csv or .json.")
    ] = None,
    overwrite: Overwrite = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Convert again what an earlier run has done.")
    ] = False,
) -> dict[str, Any]:
    """Return how ``convert`` is to go about many scans."""
    return {
        "template": template,
        "suffix": suffix,
        "scheduler": scheduler,
        "workers": workers,
        "report": report,
        "overwrite": overwrite,
        "resume": not fresh,
    }


Reads = Annotated[dict[str, Any], Group(reading)]
Writes = Annotated[dict[str, Any], Group(writing)]
Runs = Annotated[dict[str, Any], Group(running)]
