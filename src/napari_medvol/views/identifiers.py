"""What in a header tells who the patient is: names, numbers, places, dates, free text, paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Final, Literal, NamedTuple

from napari_medvol.headers import Element

Kind = Literal["person", "number", "place", "picture", "text", "path", "date"]


class Identifier(NamedTuple):
    """One thing that may tell who the patient is.

    Parameters
    ----------
    kind : str
        ``"date"`` by itself points to nobody; every other kind does.
    name, value : str
        As the header has them.
    tag : str
        DICOM's tag, else empty.
    """

    kind: Kind
    name: str
    value: str
    tag: str = ""


#: Names without case, spaces and signs, of all formats: DICOM keywords (PS3.15 Table E.1-1),
#: PAR, ECAT, MINC, Analyze, BIDS side files.
_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(
        (
            "patientname", "patientsname", "fullname", "otherpatientnames", "patientbirthname",
            "patientmothersbirthname", "referringphysicianname", "referringphysiciansname",
            "performingphysicianname", "physiciansofrecord", "nameofphysiciansreadingstudy",
            "requestingphysician", "scheduledperformingphysicianname", "operatorsname",
            "operatorname", "physicianname", "responsibleperson", "personname", "reviewername",
            "contentcreatorname", "consultingphysicianname", "subjectname", "performedby",
        ),
        "person",
    ),
    **dict.fromkeys(
        (
            "patientid", "otherpatientids", "accessionnumber", "identification", "subjectid",
            "patienttelephonenumbers", "medicalrecordlocator", "militaryrank", "studyid",
            "insuranceplanidentification", "admissionid", "issuerofpatientid",
            "deviceserialnumber", "gantryid", "serialnumber", "useraccountnumber",
        ),
        "number",
    ),
    **dict.fromkeys(
        (
            "institutionname", "institutionaddress", "institutionaldepartmentname",
            "patientaddress", "countryofresidence", "regionofresidence", "stationname",
            "facilityname", "currentpatientlocation", "patientinstitutionresidence",
            "siteid", "site", "institution",
        ),
        "place",
    ),
    **dict.fromkeys(
        (
            "patientcomments", "additionalpatienthistory", "imagecomments", "studycomments",
            "occupation", "ethnicgroup", "patientreligiouspreference", "medicalalerts",
            "allergies", "specialneeds", "descrip", "auxfile", "dbname", "history",
            "historynote", "userprocess", "studydescr", "patientstate", "visitcomments",
            "requestedprocedurecomments", "acquisitioncomments", "examinationname",
        ),
        "text",
    ),
    **dict.fromkeys(
        (
            "patientbirthdate", "birthdate", "patientsbirthdate", "patientbirthtime",
            "studydate", "seriesdate", "acquisitiondate", "contentdate", "acquisitiondatetime",
            "instancecreationdate", "examdate", "scanstarttime", "dosestarttime", "expdate",
            "acquisitiontime", "studytime", "dateofbirth", "performedprocedurestepstartdate",
        ),
        "date",
    ),
}  # fmt: skip
#: A date of birth tells more than the day of a scan.
_DIRECT_DATES: Final = frozenset({"patientbirthdate", "birthdate", "patientsbirthdate",
                                  "dateofbirth"})  # fmt: skip

#: What is left where somebody took the value away.
_REMOVED: Final = re.compile(
    r"(?:anon\w*|de-?ident\w*|removed|unknown|none|n/?a|dummy|null|no ?name|not ?specified|hidden"
    r"|[\s^.0x*?_-]*)",
    re.IGNORECASE,
)
#: Free text that programs write by themselves.
_BY_PROGRAMS: Final = re.compile(
    r"(?:FSL|SPM|FreeSurfer|MRtrix|ANTs|ITK|AFNI|nibabel|dcm2nii|Philips Healthcare|GE Medical"
    r"|3D Slicer|TORTOISE|brainsuite|mrconvert|PMOD|r2agui|spm -)[\w .:/()+,-]*|TE=[\d.]+;?",
    re.IGNORECASE,
)


def identifiers(elements: Iterable[Element], files: Sequence[str] = ()) -> tuple[Identifier, ...]:
    """Return what in a header, at whatever depth, may tell who the patient is.

    Parameters
    ----------
    elements : iterable of Element
        The whole header.
    files : sequence of str
        Paths of the scan's files, looked through for the patient's name and number.

    Returns
    -------
    tuple of Identifier
        Each name and value once. Empty where all of it is gone or stands for nothing, such as
        ``ANONYMOUS``. Whether private elements, pictures and faces tell it, nobody can know.
    """
    found = dict.fromkeys(_of_elements(elements))
    return (*found, *_in_paths(tuple(found), files))


def are_direct(found: Iterable[Identifier]) -> bool:
    """Return whether anything but dates of scans was found."""
    return any(one.kind != "date" or _plain(one.name) in _DIRECT_DATES for one in found)


def _of_elements(elements: Iterable[Element]) -> Iterator[Identifier]:
    for element in elements:
        value = element.value.strip()
        if not value or _REMOVED.fullmatch(value):
            continue
        kind = _kind(element, value)
        if kind is not None:
            yield Identifier(kind, element.name, value, element.tag)


def _kind(element: Element, value: str) -> Kind | None:
    name = _plain(element.name)
    # DICOM writes people's names in a value representation of their own.
    if element.vr == "PN":
        return "person"
    if name == "burnedinannotation":
        return "picture" if value.upper() == "YES" else None
    if name.startswith("codecomment") or "codedicom" in name:
        return "text"
    kind = _KINDS.get(name)
    if kind == "text" and _BY_PROGRAMS.fullmatch(value):
        return None
    return kind


def _plain(name: str) -> str:
    """Return a name without case, spaces and signs; extensions keep only their kind."""
    text = re.sub(r"^\d+: code \d+ ", "code", name)
    return re.sub(r"[^a-z]", "", text.lower())


def _in_paths(found: Sequence[Identifier], files: Sequence[str]) -> Iterator[Identifier]:
    words = {
        word.lower(): one.name
        for one in found
        if one.kind in ("person", "number") and _plain(one.name).startswith(("patient", "other"))
        for word in re.split(r"[\s^=,\\]+", one.value)
        if len(word) > 2
    }
    told: set[str] = set()
    for file in files:
        parts = re.split(r"[^a-z0-9]+", PurePath(file).as_posix().lower())
        for word, name in words.items():
            whole = re.split(r"[^a-z0-9]+", word)
            if name not in told and any(part in parts for part in whole if len(part) > 2):
                told.add(name)
                yield Identifier("path", f"path of the file ({name})", file)
