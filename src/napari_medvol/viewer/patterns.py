"""What the manifest says of file names, generated from ``FORMATS``.

``python -m napari_medvol.viewer.patterns napari.yaml`` rewrites the blocks in the manifest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from napari_medvol.formats import FORMATS, archives
from napari_medvol.viewer.writer import suffixes

_BEGIN: Final = "    # generated from FORMATS by napari_medvol.viewer.patterns: begin"
_END: Final = "    # generated: end"
_WRITER_BEGIN: Final = (
    "    # generated from FORMATS by napari_medvol.viewer.patterns: suffixes begin"
)
_WRITER_END: Final = "    # generated: suffixes end"


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
    """Return the text of the manifest with its blocks of patterns and suffixes made anew."""
    manifest = _filled(manifest, _BEGIN, _END, "filename_patterns", patterns())
    return _filled(manifest, _WRITER_BEGIN, _WRITER_END, "filename_extensions", suffixes())


def _filled(manifest: str, begin: str, end: str, key: str, names: list[str]) -> str:
    before, rest = manifest.split(begin + "\n")
    _, after = rest.split(end)
    lines = [f"    {key}:", *(f"    - '{name}'" for name in names)]
    return before + "\n".join([begin, *lines, end]) + after


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
