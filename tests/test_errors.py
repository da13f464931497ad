from __future__ import annotations

import pickle

import pytest

from napari_medvol import errors
from napari_medvol.errors import MedVolError

PARENTS = {
    "ReadError": "MedVolError",
    "FormatError": "ReadError",
    "DecodeError": "ReadError",
    "SeriesError": "ReadError",
    "WriteError": "MedVolError",
    "GeometryError": "MedVolError",
    "StepError": "MedVolError",
    "BatchError": "MedVolError",
    "LayerError": "MedVolError",
}


def _classes() -> dict[str, type[MedVolError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, MedVolError)
    }


def test_the_tree_is_the_one_that_is_drawn() -> None:
    found = {name: c.__bases__[0].__name__ for name, c in _classes().items()}

    assert found == PARENTS | {"MedVolError": "Exception"}
    drawn = errors.__doc__ or ""
    assert all(name in drawn for name in found)


def test_an_error_reads_as_a_person_would_say_it() -> None:
    error = MedVolError("CT", "slices 11 and 12 are 10.0 mm apart", "Look for a missing slice")

    assert str(error) == "CT: slices 11 and 12 are 10.0 mm apart. Look for a missing slice."
    assert (error.what, error.why, error.fix) == (
        "CT",
        "slices 11 and 12 are 10.0 mm apart",
        "Look for a missing slice",
    )


def test_full_stops_are_not_doubled_and_a_fix_may_be_missing() -> None:
    assert str(MedVolError("a", "b.")) == "a: b."
    assert str(MedVolError("a", "b.", "c.")) == "a: b. c."


@pytest.mark.parametrize("kind", _classes().values(), ids=_classes().keys())
def test_errors_travel_between_processes(kind: type[MedVolError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what", "why", "fix")))

    assert type(back) is kind
    assert str(back) == "what: why. fix."
