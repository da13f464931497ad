"""The command line ``napari-medvol``: the engine of the plugin, with neither napari nor Qt.

``app`` (the verbs) · ``looking`` (info, check, open) · ``converting`` (convert, apply) ·
``exporting`` (pictures) · ``operations`` (the table of verbs that change a scan: ``cropping``,
``orienting``, ``aligning``, ``resampling``, ``valuing``, ``framing``) · ``verbs`` (what these do
alike) · ``parameters`` and ``groups`` (options that verbs share) · ``parsing`` (what is typed) ·
``sources`` (the one scan) · ``terminal`` (what is shown) · ``description`` (a scan in words).
Nothing but the standard library and typer is imported before a verb needs it, so that ``--help``
comes at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from napari_medvol.errors import BatchError, MedVolError, StepError

__all__ = ["main", "run"]

#: Exit codes: all went well; something was not read, written or did not agree; the command
#: makes no sense, or none for this scan; Ctrl-C, as shells have it.
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

_DEBUG = "NAPARI_MEDVOL_DEBUG"


def main() -> int:
    """Run the command line of this process: the console script."""
    import warnings

    if not sys.warnoptions:
        # What the user should know of a scan is in its report; these are for programmers.
        warnings.simplefilter("ignore")
    return run(sys.argv[1:])


def run(arguments: Sequence[str]) -> int:
    """Run one command; results go to stdout, progress and errors to stderr.

    Parameters
    ----------
    arguments : sequence of str
        Without the name of the program.

    Returns
    -------
    int
        0 done, 1 failed, 2 misused, 130 interrupted.
    """
    from napari_medvol.cli.app import app

    try:
        app(args=list(arguments), prog_name="napari-medvol")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
        return _said("interrupted", code) if code == INTERRUPTED else code
    except MedVolError as error:
        is_misused = isinstance(error, BatchError | StepError)
        return _said(str(error), MISUSED if is_misused else FAILED)
    except KeyboardInterrupt:
        return _said("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read along, such as `head`, has enough; the interpreter must not try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MemoryError as error:
        why = f"there is not enough memory ({error}); nothing was written"
        return _said(f"{why}. Take a part of the scan, or larger voxels", FAILED)
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        why = f"unexpected {type(error).__name__}: {error}"
        return _said(f"{why}. Please report it; {_DEBUG}=1 shows where it happened", FAILED)
    return DONE


def _said(text: str, code: int) -> int:
    print(text, file=sys.stderr)  # noqa: T201 - errors belong there
    return code
