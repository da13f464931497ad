"""What file names say: the other file of a pair, the name of a scan, whether it holds labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError

_LABEL_WORDS: Final = re.compile(
    r"(?<![a-z])(seg|segmentation|aseg|dseg|aparc|label|labels|labelmap|mask|parc|parcellation|"
    r"atlas|wmparc)(?![a-z])"
)


def names_labels(stem: str) -> bool:
    """Return whether a word of the name, such as ``seg`` or ``mask``, means labels.

    Examples
    --------
    >>> names_labels("sub-01_desc-aseg_dseg"), names_labels("unmasked_T1")
    (True, False)
    """
    return _LABEL_WORDS.search(stem.lower()) is not None


def stem_of(path: Path, suffixes: Sequence[str]) -> str:
    """Return the file's name without the longest of `suffixes` that it ends with."""
    name = path.name
    fitting = [s for s in suffixes if name.lower().endswith(s)] or [path.suffix]
    return name[: len(name) - max(map(len, fitting))]


def with_compression(parts: Sequence[str], compressions: Sequence[str]) -> tuple[str, ...]:
    """Return every part as a suffix, plain and compressed, the longest first.

    Examples
    --------
    >>> with_compression(["hdr"], [".gz"])
    ('.hdr.gz', '.hdr')
    """
    suffixes = (f".{part}{c}" for part in parts for c in (*compressions, ""))
    return tuple(sorted(suffixes, key=len, reverse=True))


def partner(
    path: Path, part: str, parts: Sequence[str], compressions: Sequence[str]
) -> Path | None:
    """Return the file of a pair whose suffix is `part`, `path` itself if it is that one.

    Parameters
    ----------
    path : Path
        Either file of the pair.
    part : str
        One of `parts`, such as ``"hdr"``.
    parts, compressions : sequence of str
        ``("hdr", "img")`` and ``(".gz", ".bz2")``: each file may be compressed for itself.
    """
    stem = stem_of(path, with_compression(parts, compressions))
    ending = path.name[len(stem) :]
    own = next((c for c in compressions if ending.lower().endswith(c)), "")
    if ending.lower() == f".{part}{own}":
        return path
    is_upper = ending[1:2].isupper()
    spellings = (part.upper(), part) if is_upper else (part, part.upper())
    endings = [own, "", *compressions, *(c.upper() for c in compressions)]
    names = (f"{stem}.{s}{c}" for c in dict.fromkeys(endings) for s in spellings)
    return next((p for p in map(path.with_name, names) if p.is_file()), None)


def missing_partner(path: Path, part: str, parts: Sequence[str]) -> ReadError:
    """Return the error for half a pair."""
    if path.suffix.isupper():
        part, parts = part.upper(), [p.upper() for p in parts]
    both = " and ".join(f".{p}" for p in parts)
    return ReadError(
        str(path),
        f"the .{part} file that belongs to it is not beside it",
        f"A pair needs both files, {both}, of the same name",
    )
