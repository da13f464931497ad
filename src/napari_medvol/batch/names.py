"""What outputs are called: a template filled with facts, made fit for file systems."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from napari_medvol.errors import BatchError
from napari_medvol.volume import Volume

DEFAULT_TEMPLATE: Final = "{folder}/{SeriesNumber}_{SeriesDescription}"

#: Fields that no header has.
OWN_FIELDS: Final = ("folder", "index", "kind", "name", "stem")

#: What Windows, macOS or a shell trips over; white space of any kind.
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\s]+')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
#: Bytes. File systems end at 255; a suffix, a number and the name of a temporary file come on top.
_LONGEST: Final = 120

Facts = Mapping[str, str]


def fields_of(template: str) -> tuple[str, ...]:
    """Return the fields that a template names.

    Raises
    ------
    BatchError
        If it is no template, or leads out of the folder of the outputs.
    """
    parts_of_path = re.split(r"[/\\]", template)
    if ".." in parts_of_path or (not parts_of_path[0] and len(parts_of_path) > 1):
        why = "it leads out of the folder of the outputs"
        raise BatchError(f"template {template!r}", why, f"Name another folder. {_EXAMPLE}")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise BatchError(f"template {template!r}", str(error), _EXAMPLE) from error
    names = [name for _, name, _, _ in parts if name is not None]
    odd = [name for name in names if not name.isidentifier()]
    if odd:
        why = f"{{{odd[0]}}} is not the name of a field"
        raise BatchError(f"template {template!r}", why, _EXAMPLE)
    return tuple(dict.fromkeys(names))


_EXAMPLE: Final = f"Write field names in braces, as in {DEFAULT_TEMPLATE}"


def facts_of(volume: Volume, place: PurePosixPath) -> dict[str, str]:
    """Return what a template may name: fields of the header, and those of `OWN_FIELDS`.

    Parameters
    ----------
    volume : Volume
    place : PurePosixPath
        Folder of the files, relative to the source.
    """
    facts = {field.name: field.value for field in reversed(volume.header)}
    first = Path(volume.report.files[0]).name if volume.report.files else ""
    own = {
        "folder": "" if str(place) == "." else str(place),
        "kind": volume.kind,
        "name": volume.name,
        "stem": first.split(".")[0],
    }
    return {**facts, **own}


def filled(template: str, facts: Facts, index: int) -> str:
    """Return the name, without suffix, that a template makes of facts; ``/`` makes folders.

    What is not known is left out, with the separators around it. If nothing is left, the
    name is that of the scan.

    Parameters
    ----------
    template : str
    facts : mapping
        From :func:`facts_of`.
    index : int
        Number of the scan in the source, from 1.

    Raises
    ------
    BatchError
        If a format such as ``:03d`` does not fit the value.
    """
    values = {name: _Value(_in_one_part(name, facts)) for name in fields_of(template)}
    values["index"] = _Value(str(index))
    try:
        text = template.format_map(values)
    except ValueError as error:
        raise BatchError(f"template {template!r}", str(error), _EXAMPLE) from error
    parts = [cleaned(part) for part in text.split("/")]
    if not parts[-1]:
        parts[-1] = cleaned(facts.get("name", "")) or cleaned(facts.get("stem", "")) or "scan"
    return "/".join(part for part in parts if part)


class _Value:
    """A fact within a template: a whole number takes the formats of numbers too."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __format__(self, spec: str) -> str:
        if not self._text:
            return ""
        if spec and re.fullmatch(r"[+-]?\d+", self._text) and not spec.endswith("s"):
            return format(int(self._text), spec)
        return format(self._text, spec)


def _in_one_part(name: str, facts: Facts) -> str:
    """Return a fact; a slash in it makes no folder, unless it is the folder itself."""
    text = facts.get(name, "")
    return text if name == "folder" else text.replace("/", "_")


def cleaned(text: str) -> str:
    """Return text as one part of a path: no character that some system refuses.

    Examples
    --------
    >>> cleaned(" CT Lung  3.0: B31f/x "), cleaned("../.."), cleaned("nul.txt")
    ('CT_Lung_3.0_B31f_x', '', '_nul.txt')
    """
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"_{2,}", "_", _FORBIDDEN.sub("_", text)).strip("_-. ")
    if _RESERVED.match(text):
        text = f"_{text}"
    while len(os.fsencode(text)) > _LONGEST:
        text = text[:-1].rstrip("_-. ")
    return text


def as_dicom2nifti(facts: Facts) -> str:
    """Return the name that dicom2nifti 2.6 gives a series.

    Series number and description (else sequence name, else protocol name), or the UID; ASCII,
    lower case, spaces as underscores, points dropped.

    Examples
    --------
    >>> as_dicom2nifti({"SeriesNumber": "3", "SeriesDescription": "CT Lung  3.0  B31f"})
    '3_ct_lung__30__b31f'
    """
    number = facts.get("SeriesNumber", "")
    if not number:
        return _ascii(facts.get("SeriesInstanceUID", "")) or cleaned(facts.get("stem", "scan"))
    told = (facts.get(n, "") for n in ("SeriesDescription", "SequenceName", "ProtocolName"))
    described = next(filter(None, told), "")
    return _ascii(f"{_ascii(number)}_{described}") if described else _ascii(number)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace(" ", "_"))
    plain = plain.encode("ascii", "ignore").decode("ascii").strip().lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain))


class TakenNames:
    """The names given so far: the second of a kind gets a number.

    Compared without case, because some file systems do.

    Parameters
    ----------
    taken : iterable of str
        Names that others have.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in taken}
        self._last: dict[str, int] = {}

    def give(self, name: str) -> str:
        """Return `name`, or with the first number from 2 on that makes it one of its own."""
        key = name.casefold()
        number = self._last.get(key, 1)
        given = name if number == 1 else f"{name}-{number}"
        while given.casefold() in self._taken:
            number += 1
            given = f"{name}-{number}"
        self._last[key] = number
        self._taken.add(given.casefold())
        return given


def plain_facts(facts: Facts, wanted: Iterable[str]) -> dict[str, Any]:
    """Return the facts that are wanted, and those that a name falls back on."""
    kept = {*wanted, "name", "stem"}
    return {name: value for name, value in facts.items() if name in kept}
