"""The file name patterns of the manifest, generated from ``FORMATS``.

``python -m napari_medvol.viewer.patterns napari.yaml`` rewrites the block in the manifest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from napari_medvol.formats import FORMATS, archives

_BEGIN: Final = "    # generated from FORMATS by napari_medvol.viewer.patterns: begin"
_END: Final = "    # generated: end"


def patterns() -> list[str]:
    """Return what napari matches names of files with: archives, then in order of ``FORMATS``.

    napari compares with the name in lower case, so patterns are lower case; it never matches
    folders with them. Never ``"*"``: that would ask about every picture.
    """
    found = dict.fromkeys(f"*{suffix}" for suffix in archives.SUFFIXES)
    for row in FORMATS:
        found |= dict.fromkeys(f"*{suffix.lower()}" for suffix in row.suffixes)
        found |= dict.fromkeys(row.patterns)
    return list(found)


def rewritten(manifest: str) -> str:
    """Return the text of the manifest with its block of patterns made anew."""
    before, rest = manifest.split(_BEGIN)
    _, after = rest.split(_END)
    lines = ["    filename_patterns:", *(f"    - '{pattern}'" for pattern in patterns())]
    return before + "\n".join([_BEGIN, *lines, _END]) + after


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
