"""Standardised uptake values: what PET activity is divided by, and when it must not be.

Body weight: ``C · weight / dose``; lean body mass and body surface area in place of weight.
Inputs: PS3.3 C.8.9.1 (Units, Decay Correction), C.8.9.2 (the injection), C.7.2.2 (the patient).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom import tags

if TYPE_CHECKING:
    from pydicom import Dataset

#: Value asked for to the unit of the result.
UNITS: Final = {
    "suvbw": "SUVbw g/ml",
    "suvlbm": "SUVlbm g/ml",
    "suvbsa": "SUVbsa cm²/ml",
}
#: SUV Type (0054,1006) to the value that the file already holds; PS3.3 C.8.9.1.1.3.
_HELD: Final = {
    "": "suvbw",
    "BW": "suvbw",
    "LBM": "suvlbm",
    "LBMJAMES128": "suvlbm",
    "BSA": "suvbsa",
}


class Suv(NamedTuple):
    """The factor from the file's rescaled values, and how it was found.

    Parameters
    ----------
    factor : float
        But for that of `own_factor`.
    formula : str
        With every input and its unit.
    own_factor : int or None
        Element that every image has a further factor in.
    """

    factor: float
    formula: str
    own_factor: int | None = None


def suv_of(dataset: Dataset, kind: str, name: str) -> Suv:
    """Return what rescaled PET values are multiplied by to be SUV.

    Parameters
    ----------
    dataset : Dataset
        Header of one image of the series.
    kind : {"suvbw", "suvlbm", "suvbsa"}
    name : str
        How the error names the series.

    Raises
    ------
    ReadError
        If the values are no activity, are not decay corrected, or an input is missing; the
        error says which.
    """
    units = str(dataset.get("Units") or "").upper()
    if str(dataset.get("Modality")) != "PT":
        raise _refusal(name, kind, f"its modality is {dataset.get('Modality')}, not PT")
    if units in ("GML", "CM2ML"):
        return _already(dataset, units, kind, name)
    if units == "CNTS":
        return _philips(dataset, kind, name)
    if units != "BQML":
        raise _refusal(name, kind, f"its Units (0054,1001) are {units or 'missing'}, not BQML")
    return _from_activity(dataset, kind, name, "")


#: What every image of a series must say alike, as far as it counts: one patient and one
#: injection. Of the injection, the elements of its item.
_OF_PATIENT: Final = {
    "suvbw": ("PatientWeight",),
    "suvlbm": ("PatientWeight", "PatientSize", "PatientSex"),
    "suvbsa": ("PatientWeight", "PatientSize"),
}
_OF_INJECTION: Final = (
    "RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)  # fmt: skip


def inputs_of(dataset: Dataset) -> dict[str, str]:
    """Return what SUV of any kind are computed from, as the file has it, by keyword.

    None if the file holds SUV already.
    """
    if str(dataset.get("Units") or "").upper() in ("GML", "CM2ML"):
        return {}
    items = dataset.get("RadiopharmaceuticalInformationSequence") or [{}]
    of_patient = {keyword for keywords in _OF_PATIENT.values() for keyword in keywords}
    said = {keyword: dataset.get(keyword) for keyword in of_patient}
    said |= {keyword: items[0].get(keyword) for keyword in _OF_INJECTION}
    return {keyword: "" if value is None else str(value) for keyword, value in said.items()}


def refuse_other_inputs(
    first: dict[str, str], other: dict[str, str], kind: str, name: str, file: str
) -> None:
    """Refuse a series whose images tell of two patients or two injections.

    Parameters
    ----------
    first, other : dict
        From :func:`inputs_of`.
    kind : str
        What does not count for it may differ.
    name, file : str
        How the error names the series, and the image that differs.

    Raises
    ------
    ReadError
        Naming the element and both values.
    """
    for keyword in (*_OF_PATIENT[kind], *_OF_INJECTION):
        value = first.get(keyword, "")
        if other.get(keyword, "") != value:
            why = (
                f"its images do not agree on {keyword}: {value or 'nothing'} in the first,"
                f" {other.get(keyword) or 'nothing'} in {file}"
            )
            raise _refusal(name, kind, why)


def _refusal(name: str, kind: str, why: str) -> ReadError:
    fix = "value='real' opens it in the file's own unit"
    return ReadError(f"{kind} of {name}", why, fix)


def _already(dataset: Dataset, units: str, kind: str, name: str) -> Suv:
    said = str(dataset.get("SUVType") or ("BSA" if units == "CM2ML" else "")).upper()
    held = _HELD.get(said, said)
    if held != kind:
        raise _refusal(
            name, kind, f"its values are {held} already (Units {units}, SUVType {said})"
        )
    return Suv(1.0, f"{kind}: the file holds it (Units {units}, SUVType {said or 'not given'})")


def _philips(dataset: Dataset, kind: str, name: str) -> Suv:
    """Return the factor for counts of Philips scanners, from their private elements."""
    suv = _private(dataset, tags.PHILIPS_SUV_FACTOR)
    if kind == "suvbw" and suv:
        said = f"suvbw = counts · {suv:g} (Philips SUV scale factor (7053,1000))"
        return Suv(1.0, said, tags.PHILIPS_SUV_FACTOR)
    activity = _private(dataset, tags.PHILIPS_ACTIVITY_FACTOR)
    if not activity:
        why = "its Units are CNTS and Philips' scale factors (7053,1000), (7053,1009) are missing"
        raise _refusal(name, kind, why)
    said = f"counts · {activity:g} (Philips activity scale factor (7053,1009)) → "
    suv_of_activity = _from_activity(dataset, kind, name, said)
    return suv_of_activity._replace(own_factor=tags.PHILIPS_ACTIVITY_FACTOR)


def _private(dataset: Dataset, tag: int) -> float | None:
    if tag not in dataset:
        return None
    if tags.PHILIPS_PET_CREATOR in dataset and "Philips" not in str(
        dataset[tags.PHILIPS_PET_CREATOR].value
    ):
        return None
    try:
        value = float(dataset[tag].value)
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) and value > 0 else None


def _from_activity(dataset: Dataset, kind: str, name: str, said: str) -> Suv:
    corrected = [str(v) for v in _many(dataset.get("CorrectedImage"))]
    if corrected and not {"ATTN", "DECY"} <= set(corrected):
        raise _refusal(name, kind, f"Corrected Image is {corrected}, without ATTN and DECY")
    dose, decay = _decayed_dose(dataset, kind, name)
    body, text = _BODY[kind](dataset, kind, name)
    formula = f"{kind} = {said}Bq/ml · {text} / {dose:.6g} Bq; {decay}"
    return Suv(body / dose, formula)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


#: What can be: lowest, highest, unit. A slip of the unit is a thousandfold wrong SUV.
_POSSIBLE: Final = {
    "PatientWeight": (0.2, 700.0, "kg"),
    "PatientSize": (0.2, 2.8, "m"),
    "RadionuclideTotalDose": (1e5, 1e12, "Bq"),
    "RadionuclideHalfLife": (30.0, 1e7, "s"),
}


def _number(dataset: Any, keyword: str, kind: str, name: str) -> float:
    try:
        value = float(dataset.get(keyword))
    except (TypeError, ValueError):
        value = 0.0
    if not np.isfinite(value) or value <= 0:
        raise _refusal(name, kind, f"{keyword} is missing or not above 0")
    low, high, unit = _POSSIBLE[keyword]
    if not low <= value <= high:
        why = f"{keyword} is {value:g} {unit}, which cannot be (from {low:g} to {high:g} {unit})"
        raise _refusal(name, kind, why)
    return value


#: After that many nothing is left to see: a thousandth of the dose.
_MOST_HALF_LIVES: Final = 10


def _decayed_dose(dataset: Dataset, kind: str, name: str) -> tuple[float, str]:
    """Return the dose in Bq at the time that the image is corrected to, and how."""
    items = dataset.get("RadiopharmaceuticalInformationSequence")
    if not items:
        raise _refusal(name, kind, "RadiopharmaceuticalInformationSequence is missing")
    injected = _number(items[0], "RadionuclideTotalDose", kind, name)
    correction = str(dataset.get("DecayCorrection") or "").upper()
    if correction == "ADMIN":
        return injected, f"injected {injected:.6g} Bq, decay corrected to injection (ADMIN)"
    if correction != "START":
        raise _refusal(name, kind, f"Decay Correction is {correction or 'missing'}")
    half_life = _number(items[0], "RadionuclideHalfLife", kind, name)
    start = _scan_start(dataset, kind, name)
    moment = _injection(dataset, items[0], start, kind, name)
    passed = (start - moment).total_seconds()
    if passed < 0:
        raise _refusal(name, kind, f"the injection is {-passed:g} s after the start of the scan")
    if passed > _MOST_HALF_LIVES * half_life:
        why = (
            f"the injection is {passed:g} s before the scan, {passed / half_life:.0f} half-lives:"
            " dates or times were changed, or the injection is after the scan"
        )
        raise _refusal(name, kind, why)
    dose = injected * 2.0 ** (-passed / half_life)
    return (
        dose,
        f"injected {injected:.6g} Bq, {passed:g} s before START, half-life {half_life:g} s",
    )


def _moment(date: Any, time: Any) -> datetime | None:
    digits = str(time or "").replace(":", "")
    day = str(date or "").replace(".", "")
    if not digits or len(day) != len("YYYYMMDD"):
        return None
    try:
        whole, _, fraction = digits.partition(".")
        moment = datetime.strptime(day + whole.ljust(6, "0")[:6], "%Y%m%d%H%M%S")
        return moment + timedelta(seconds=float(f"0.{fraction or 0}"))
    except ValueError:
        return None


def _scan_start(dataset: Dataset, kind: str, name: str) -> datetime:
    """Return the time that START means: of the series, unless it was stamped later.

    Some programs rewrite Series Time when they process a series; the series then begins after
    its own images, and the earliest acquisition stands in.
    """
    series = _moment(dataset.get("SeriesDate"), dataset.get("SeriesTime"))
    acquired = _moment(dataset.get("AcquisitionDate"), dataset.get("AcquisitionTime"))
    known = [moment for moment in (series, acquired) if moment is not None]
    if not known:
        raise _refusal(name, kind, "SeriesDate and SeriesTime are missing")
    return min(known)


def _local_moment(dataset: Dataset, said: str) -> datetime | None:
    """Return a date and time (VR DT, PS3.5 6.2) in the time zone of the scan's own times."""
    at = max(said.find("+"), said.find("-"))
    clock, offset = (said, "") if at < 0 else (said[:at], said[at:])
    moment = _moment(clock[:8], clock[8:])
    own = str(dataset.get("TimezoneOffsetFromUTC") or "")
    if moment is None or not offset or not own:
        return moment
    try:
        return moment + timedelta(minutes=_minutes(own) - _minutes(offset))
    except ValueError:
        return None


def _minutes(offset: str) -> int:
    """Return an offset from UTC (&ZZXX) in minutes."""
    sign = -1 if offset.startswith("-") else 1
    digits = offset.lstrip("+-")
    return sign * (int(digits[:2]) * 60 + int(digits[2:4] or 0))


def _injection(dataset: Dataset, item: Any, start: datetime, kind: str, name: str) -> datetime:
    said = str(item.get("RadiopharmaceuticalStartDateTime") or "")
    moment = _local_moment(dataset, said) if len(said) >= len("YYYYMMDDHHMM") else None
    if moment is None:
        # A time without a date is of the day of the scan, or of the day before it.
        moment = _moment(start.strftime("%Y%m%d"), item.get("RadiopharmaceuticalStartTime"))
        if moment is not None and moment > start:
            moment -= timedelta(days=1)
    if moment is None:
        raise _refusal(name, kind, "RadiopharmaceuticalStartTime is missing")
    return moment


def _weight(dataset: Dataset, kind: str, name: str) -> tuple[float, str]:
    weight = _number(dataset, "PatientWeight", kind, name)
    return weight * 1000, f"{weight:g} kg · 1000"


def _lean_mass(dataset: Dataset, kind: str, name: str) -> tuple[float, str]:
    """Return lean body mass in g, by James 1976."""
    weight = _number(dataset, "PatientWeight", kind, name)
    height = _number(dataset, "PatientSize", kind, name) * 100
    sex = str(dataset.get("PatientSex") or "").upper()
    if sex not in ("M", "F"):
        raise _refusal(name, kind, f"PatientSex is {sex or 'missing'}, lean mass needs M or F")
    slope, square = (1.10, 128) if sex == "M" else (1.07, 148)
    mass = slope * weight - square * (weight / height) ** 2
    if mass <= 0:
        raise _refusal(name, kind, f"{weight:g} kg at {height:g} cm give no lean mass")
    james = f"James: {slope:g}·{weight:g} − {square}·({weight:g}/{height:g})²"
    return mass * 1000, f"{mass:.4g} kg lean mass ({james}) · 1000"


def _surface(dataset: Dataset, kind: str, name: str) -> tuple[float, str]:
    """Return body surface area in cm², by DuBois 1916."""
    weight = _number(dataset, "PatientWeight", kind, name)
    height = _number(dataset, "PatientSize", kind, name) * 100
    area = 0.007184 * weight**0.425 * height**0.725
    return area * 1e4, f"{area:.4g} m² (DuBois: {weight:g} kg, {height:g} cm) · 10⁴"


_BODY: Final[dict[str, Callable[[Dataset, str, str], tuple[float, str]]]] = {
    "suvbw": _weight,
    "suvlbm": _lean_mass,
    "suvbsa": _surface,
}
