"""Which side files of a BIDS dataset speak for a scan, from its root down.

Brain Imaging Data Structure 1.10, "The Inheritance Principle".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: What the root of a dataset, and of a derived one inside it, must hold.
_ROOT_MARK: Final = "dataset_description.json"


def side_files(folder: Path, stem: str, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    """Return the side files that apply to a scan, the nearest last.

    A file applies if it lies in the folder of the scan or above it in the dataset, ends with
    the same word (``_bold``) and has no entity (``task-rest``) that the scan lacks. In one
    folder the file with more entities counts as nearer. Outside a dataset only the files of
    the same stem apply.

    Parameters
    ----------
    folder : Path
        Where the scan lies.
    stem : str
        Name of its file without suffixes.
    suffixes : sequence of str
        ``".json"``, …

    Returns
    -------
    dict of str to list of Path
        One entry a suffix; the scan's own file is listed whether it exists or not.
    """
    found: dict[str, list[Path]] = {suffix: [] for suffix in suffixes}
    for level in _levels(folder):
        names = _names(level)
        for suffix in suffixes:
            stems = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
            applying = sorted((s for s in stems if _applies(s, stem)), key=_entities)
            found[suffix] += [level / f"{s}{suffix}" for s in applying]
    for suffix, files in found.items():
        own = folder.absolute() / f"{stem}{suffix}"
        files[:] = [*(path for path in files if path != own), own]
    return found


def _levels(folder: Path) -> list[Path]:
    """Return the folders from the root of the dataset to `folder`; none outside a dataset."""
    below = [folder.absolute(), *folder.absolute().parents]
    for number, level in enumerate(below):
        if _is_root(level):
            return below[number::-1]
    return []


def _is_root(folder: Path) -> bool:
    try:
        return (folder / _ROOT_MARK).is_file()
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _entities(stem: str) -> tuple[int, str]:
    return stem.count("_"), stem


def _applies(stem: str, scan: str) -> bool:
    *entities, word = stem.split("_")
    *known, last = scan.split("_")
    return word == last and set(entities) <= set(known)
