"""A DICOM file to its header, by our own walk or by pydicom.

pydicom needs up to 1.5 ms a file, so the walk of :mod:`~napari_medvol.formats.dicom.walk` comes
first; whatever it does not know for sure goes to pydicom and gives the same
:class:`~napari_medvol.formats.dicom.header.Header`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import by_pydicom, walk
from napari_medvol.formats.dicom.elements import CutOff, Elements, Unsure
from napari_medvol.formats.dicom.files import ByteSource, Inflated, OpenFile
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.layouts import Layouts
from napari_medvol.formats.dicom.problems import problem_of, trailing
from napari_medvol.formats.dicom.sniff import Start, start_of
from napari_medvol.formats.dicom.syntaxes import DEFLATED

#: Bytes of the first read of a file: most headers are shorter.
FIRST_READ: Final = 8192
_SNIFFED: Final = 1024
_COMPLETE: Final = "Look whether the file is complete; copy it again from its source"


def is_dicom(path: Path) -> bool:
    """Return whether the file begins as DICOM does. Reads at most 1 KiB."""
    try:
        with OpenFile(path) as file:
            return start_of(file.read_at(_SNIFFED, 0), file.size) is not None
    except ReadError:
        return False


def read_header(path: Path, layouts: Layouts | None = None) -> Header | None:
    """Return the header of a DICOM file, or None if the file is not DICOM at all.

    Parameters
    ----------
    path : Path
    layouts : Layouts, optional
        What is known of the files read before; makes the next of a series cheap.

    Raises
    ------
    ReadError
        If the file cannot be opened, or says that it is DICOM and is not.
    """
    with OpenFile(path) as file:
        return header_of(file, layouts)


def header_of(file: OpenFile, layouts: Layouts | None = None) -> Header | None:
    """Return the header of an open file; see :func:`read_header`."""
    block = file.read_at(FIRST_READ, 0)
    start = start_of(block, file.size)
    if start is None:
        return None
    elements, source, cut = _elements(file, block, start, layouts)
    header = Header(file.path, elements, file.size)
    header.problem = problem_of(header, source)
    header.note(trailing(header, source))
    if cut and header.pixels is None:
        header.problem = f"truncated in the header: {cut}"
    return header


def _elements(
    file: OpenFile, block: bytes, start: Start, layouts: Layouts | None
) -> tuple[Elements, ByteSource, str]:
    """Return the elements, where their pixels are to be found, and why the header is cut off."""
    if not start.has_meta:
        return by_pydicom.elements_of(file), file, ""
    cut = ""
    try:
        elements = walk.read(file, block, layouts)
        if elements.transfer_syntax == DEFLATED:
            return *_inflated_elements(file, elements), ""
    except CutOff as error:
        cut = str(error)
    except Unsure:
        pass
    else:
        return elements, file, ""
    return by_pydicom.elements_of(file), file, cut


def _inflated_elements(file: OpenFile, meta: Elements) -> tuple[Elements, ByteSource]:
    """Return the elements of a deflated file; pydicom would inflate all of it to memory."""
    inflated = Inflated(file, meta.end)
    try:
        elements = walk.read_inflated(inflated, meta)
    except Unsure as error:
        raise ReadError(
            str(file.path), f"the deflated header cannot be read ({error})", _COMPLETE
        ) from error
    if inflated.end() == 0:
        raise ReadError(str(file.path), "the deflated header is damaged", _COMPLETE)
    return elements, inflated


def deflated_start(file: OpenFile) -> int:
    """Return where the deflated stream of a file begins."""
    return walk.read(file, file.read_at(FIRST_READ, 0)).end
