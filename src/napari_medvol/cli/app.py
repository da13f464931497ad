"""The verbs, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_medvol.cli import converting, exporting, framing, looking
from napari_medvol.cli.groups import expanded
from napari_medvol.cli.operations import add_verbs
from napari_medvol.cli.terminal import show

_HELP = """Medical scans: looked at, converted and changed, at their true place in mm.

    Results go to stdout, progress and errors to stderr. Exit codes: 0 done; 1 something could
    not be read or written, or did not agree; 2 the command makes no sense, or none
    for this scan; 130 interrupted.
    """

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        show(version("napari-medvol"))
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what comes before the verb."""


app.command("info", help=looking.INFO_HELP)(expanded(looking.info))
app.command("open", help=looking.OPEN_HELP)(looking.open_in_napari)
app.command("convert", help=converting.CONVERT_HELP)(expanded(converting.convert))
add_verbs(app)
app.command("split", help=framing.SPLIT_HELP)(expanded(framing.split))
app.command("apply", help=converting.APPLY_HELP)(expanded(converting.apply))
app.command(help=exporting.EXPORT_HELP)(exporting.export)
app.command(help=looking.CHECK_HELP)(looking.check)
