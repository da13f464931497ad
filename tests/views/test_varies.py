"""What changes over slices, as curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_medvol
from napari_medvol.headers import Varying
from napari_medvol.views.varies import curves, placed, varying_table
from napari_medvol.volume import Axis, Volume
from tests.phantoms.dicom import write_series

PLANES = ((0,), (1,), (2,))


def test_numbers_make_one_curve_and_lacking_ones_a_hole() -> None:
    (curve,) = curves(Varying("XRayTubeCurrent", ("100", None, "120.5"), PLANES, unit="mA"))

    np.testing.assert_array_equal(curve.values, [100, np.nan, 120.5])
    assert (curve.label, curve.unit) == ("", "mA")


def test_only_the_values_that_change_are_drawn() -> None:
    texts = ("1\\2\\-10", "1\\2\\-8", "1\\2\\-6")

    (curve,) = curves(Varying("ImagePositionPatient", texts, PLANES, unit="mm"))

    assert curve.label == "3"
    np.testing.assert_array_equal(curve.values, [-10, -8, -6])


def test_times_of_day_are_seconds() -> None:
    (curve,) = curves(Varying("AcquisitionTime", ("101112.5", "101113", "111113"), PLANES))

    np.testing.assert_allclose(curve.values, [36672.5, 36673, 40273])
    assert curve.unit == "s after midnight"
    (moment,) = curves(
        Varying("FrameAcquisitionDateTime", ("20200101000001", "20200101000002.5", None), PLANES)
    )
    np.testing.assert_allclose(moment.values[:2], [1, 2.5])


def test_a_time_that_is_a_duration_keeps_its_unit() -> None:
    (curve,) = curves(Varying("TriggerTime", ("0", "42.5", "85"), PLANES, unit="ms"))

    np.testing.assert_array_equal(curve.values, [0, 42.5, 85])
    assert curve.unit == "ms"


def test_text_and_what_does_not_change_make_no_curve() -> None:
    assert curves(Varying("SOPInstanceUID", ("1.2.3", "1.2.4", "1.2.5"), PLANES)) == ()
    assert curves(Varying("Rows", ("4", "4", None), PLANES)) == ()
    assert curves(Varying("nothing", (None, None, None), PLANES)) == ()


def test_the_places_of_the_slices_are_known_without_their_headers(tmp_path: Path) -> None:
    write_series(tmp_path, np.zeros((4, 6, 8), np.int16), step=(0, 0, 2.5))
    (volume,) = napari_medvol.read(tmp_path)

    (position,) = placed(volume)

    (curve,) = curves(position)
    np.testing.assert_allclose(np.abs(np.diff(curve.values)), 2.5)
    assert position.planes == ((0,), (1,), (2,), (3,))


def test_an_axis_with_values_is_a_curve() -> None:
    axes = (Axis("b", unit="s/mm²", values=((0.0, (0.0, 0.0, 0.0)), (1000.0, (1.0, 0.0, 0.0)))),)
    (found,) = placed(Volume(np.zeros((2, 2, 2, 2)), np.eye(4), axes=axes))

    values, direction = curves(found)
    np.testing.assert_array_equal(values.values, [0, 1000])
    np.testing.assert_array_equal(direction.values, [0, 1])


def test_the_table_has_a_row_a_plane_in_the_order_of_the_data() -> None:
    planes = ((0, 0), (1, 0), (0, 1), (1, 1))
    one = Varying("current", ("1", "2", "3", "4"), planes, unit="mA")
    other = Varying("axis t", ("0", "9"), ((0, 0), (0, 1)))

    table = varying_table((one, other))

    assert table.columns == ("plane", "current (mA)", "axis t")
    assert table.rows == (
        ("0 0", "1", "0"), ("1 0", "2", None), ("0 1", "3", "9"), ("1 1", "4", None),
    )  # fmt: skip
    assert varying_table(()).rows == ()
