"""What the formats tell of their own headers. Each opens only its own ``native``."""

from __future__ import annotations

from napari_medvol.formats import FORMATS
from napari_medvol.formats.row import Progress, unheard
from napari_medvol.headers import Element, Form, Varying, elements_of_fields
from napari_medvol.volume import Volume


def full_header(volume: Volume, plane: int = 0) -> tuple[Element, ...]:
    """Return every element of the header of the file behind a volume.

    Parameters
    ----------
    volume : Volume
    plane : int
        Number of the plane whose file is meant, k fastest; most formats have one header.

    Returns
    -------
    tuple of Element
        Of a volume that was changed: what the file says that it was read from. Of one without
        a file: the rows that it carries.

    Raises
    ------
    ReadError
        If the header has to be read again and cannot be.
    """
    for row in FORMATS:
        told = row.elements(volume, plane) if row.elements is not None else None
        if told is not None:
            return told
    return elements_of_fields(volume.header)


def forms(volume: Volume) -> tuple[Form, ...]:
    """Return the matrices that the header of a volume offers; none where there is but one."""
    return next((told for row in FORMATS if row.forms and (told := row.forms(volume))), ())


def varying(volume: Volume, progress: Progress = unheard) -> tuple[Varying, ...]:
    """Return the elements of the header that are not the same for all planes.

    Parameters
    ----------
    volume : Volume
    progress : callable, optional
        Told (files done, files in all): every file may have to be opened.

    Raises
    ------
    ReadError
        If a file cannot be read any more.
    """
    return next(
        (told for row in FORMATS if row.varying and (told := row.varying(volume, progress))), ()
    )
