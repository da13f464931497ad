from __future__ import annotations

import inspect

import pytest

from napari_medvol.report import Finding, GeometryReport, SliceSource

REPORT = GeometryReport(
    source="ImagePositionPatient",
    files=("1.dcm", "2.dcm"),
    sort_key="position along the normal",
    slices=(SliceSource((0,), "1.dcm", position=-3.0), SliceSource((1,), "2.dcm", position=-1.0)),
    spacing=2.0,
    largest_residual=0.0123,
    tilt=15.0,
    used=(("Pixel Spacing", "0.5\\0.5"),),
    ignored=(("Slice Thickness", "5"),),
    findings=(
        Finding("2 slices are missing", kind="gap"),
        Finding("turned by less than a voxel", "note"),
    ),
)


def test_a_report_reads_as_a_person_would_write_it() -> None:
    assert str(REPORT).splitlines() == [
        "Geometry from ImagePositionPatient",
        "2 slices sorted by position along the normal",
        "slice spacing 2.0000 mm, largest residual 0.0123 mm",
        "tilt 15.000°",
        "used Pixel Spacing = 0.5\\0.5",
        "ignored Slice Thickness = 5",
        "warning: 2 slices are missing",
        "note: turned by less than a voxel",
    ]


def test_an_empty_report_says_so() -> None:
    assert str(GeometryReport()) == "Geometry from nowhere"


def test_only_warnings_are_shown_on_opening() -> None:
    assert REPORT.warnings == ("2 slices are missing",)
    assert Finding("x").severity == "warning"


@pytest.mark.parametrize("value", [REPORT, REPORT.slices[0], REPORT.findings[0]])
def test_reports_are_frozen(value: object) -> None:
    name = next(iter(inspect.signature(type(value)).parameters))
    assert hasattr(value, name)
    with pytest.raises(AttributeError):
        setattr(value, name, None)
