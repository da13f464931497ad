"""Names of exported files, and what must not be in them."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

from napari_medvol.errors import StepError
from napari_medvol.headers import Element
from napari_medvol.views.identifiers import are_direct, identifiers
from napari_medvol.volume import Volume

FIELDS: Final = ("plane", "axis", "index", "frame", "position", "name")

#: Kinds of identifiers that are words in names; days of scans and free text are not.
_IN_NAMES: Final = ("person", "number", "place", "date")
#: Shorter words would be found in anything.
_SHORTEST: Final = 3

#: Modalities whose pictures often have the name of the patient in their pixels.
_OFTEN_BURNED_IN: Final = ("US", "SC", "XC", "OT", "ES", "XA", "RF", "IVUS", "DOC")


def named(template: str, fields: Mapping[str, Any]) -> str:
    """Return a file name without suffix; folders are separated by ``/``.

    Parameters
    ----------
    template : str
        With fields of :data:`FIELDS` as ``str.format`` has them: ``{plane}_{index:04d}``.
    fields : mapping
        A value of each.

    Raises
    ------
    StepError
        If the template has other fields, cannot be filled, or leads out of the folder.
    """
    what = f"name {template!r}"
    try:
        asked = [
            field for _, field, _, _ in string.Formatter().parse(template) if field is not None
        ]
    except ValueError as error:
        raise StepError(what, str(error), "Write fields as {plane} or {index:04d}") from error
    unknown = [field for field in asked if field not in FIELDS]
    if unknown:
        raise StepError(
            what, f"it has no field {', '.join(map(repr, unknown))}", f"Known: {', '.join(FIELDS)}"
        )
    plain = {key: _plain(v) if isinstance(v, str) else v for key, v in fields.items()}
    try:
        name = template.format(**plain)
    except (ValueError, TypeError, IndexError) as error:
        raise StepError(what, str(error), "Write fields as {plane} or {index:04d}") from error
    parts = name.replace("\\", "/").split("/")
    if not all(part.strip(". ") for part in parts):
        raise StepError(what, f"{name!r} is no name within the folder", "Leave out . and ..")
    if re.search(r'[<>:"|?*\x00-\x1f]', name):
        raise StepError(what, f"{name!r} has characters that no file can have everywhere", "")
    return "/".join(parts)


def fields_in(template: str) -> set[str]:
    """Return the fields that a template has; none of one that cannot be read."""
    try:
        return {field for _, field, _, _ in string.Formatter().parse(template) if field}
    except ValueError:
        return set()


def identifiers_in(template: str, volumes: Sequence[Volume]) -> tuple[str, ...]:
    """Return which header elements of the volumes are in the words of a template, by their names.

    Planes and numbers tell nothing, whatever the patient's number is.
    """
    literal = "\n".join(text for text, _, _, _ in string.Formatter().parse(template))
    if "name" in fields_in(template):
        literal += "\n" + "\n".join(volume.name for volume in volumes)
    found = set()
    for volume in volumes:
        rows = (Element(row.name, row.value) for row in volume.header)
        for one in identifiers(rows):
            words = (one.value, *re.split(r"[\s^,;=/\\]+", one.value))
            is_in = any(len(w) >= _SHORTEST and w.casefold() in literal.casefold() for w in words)
            if is_in and one.kind in _IN_NAMES and are_direct((one,)):
                found.add(one.name)
    return tuple(sorted(found))


def burned_in(volume: Volume) -> str:
    """Return why a picture may have words about the patient in its pixels, or nothing.

    Burned In Annotation (0028,0301), else Modality (0008,0060). PS3.3 C.7.6.1.
    """
    said = {row.name: row.value.strip().upper() for row in volume.header}
    if said.get("BurnedInAnnotation") == "YES":
        return "the file says that words are burned into its pixels (BurnedInAnnotation)"
    if said.get("RecognizableVisualFeatures") == "YES":
        return "the file says that the patient can be recognised (RecognizableVisualFeatures)"
    return ""


def may_be_burned_in(volume: Volume) -> str:
    """Return what to look for in pictures of a kind that often has words in its pixels."""
    said = {row.name: row.value.strip().upper() for row in volume.header}
    if said.get("Modality") in _OFTEN_BURNED_IN and "BurnedInAnnotation" not in said:
        return (
            f"{said['Modality']} pictures often have words in their pixels and the file does not"
            " say whether these have: look at them"
        )
    return ""


def _plain(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f\s]+', "_", text).strip("._") or "_"
