"""Several images at one position: which axis they make, and in which order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import Volume, read
from tests.phantoms.dicom import write_slice

N_SLICES = 3


def value(k: int, *extra: int) -> int:
    """Return the value that every pixel of an image has: slice and place along extra axes."""
    return k + sum(10 ** (n + 1) * e for n, e in enumerate(extra))


def write(folder: Path, images: Sequence[tuple[int, int, Mapping[str | int, Any]]]) -> None:
    """Write (slice, value, elements), with file names and instance numbers in that order."""
    for number, (k, pixel, elements) in enumerate(images, start=1):
        write_slice(
            folder / f"{number:04d}.dcm",
            np.full((4, 5), pixel, np.int16),
            modality="MR",
            position=(0, 0, 3.0 * k),
            instance=number,
            rescale=None,
            elements={"ContentTime": "", **elements},
        )


def write_cells(
    folder: Path, cells: Sequence[tuple[tuple[int, ...], Mapping[str | int, Any]]]
) -> None:
    """Write every slice of every cell (place along extra axes, elements), slices fastest."""
    write(folder, [(k, value(k, *at), e) for at, e in cells for k in range(N_SLICES)])


def only(folder: Path) -> Volume:
    (volume,) = read(folder)
    return volume


def assert_laid_out(volume: Volume, *sizes: int) -> None:
    assert volume.shape == (5, 4, N_SLICES, *sizes)
    seen = np.asarray(volume.data)[0, 0]
    for index in np.ndindex(N_SLICES, *sizes):
        assert seen[index] == value(*index)


def test_temporal_position_makes_time_with_its_step(tmp_path: Path) -> None:
    cells = [
        ((t,), {"TemporalPositionIdentifier": t + 1, "AcquisitionTime": f"1000{2 * t:02d}.5"})
        for t in range(4)
    ]
    write_cells(tmp_path, random.Random(1).sample(cells, 4))

    volume = only(tmp_path)

    assert_laid_out(volume, 4)
    (axis,) = volume.axes
    assert (axis.name, axis.step, axis.unit) == ("t", 2.0, "s")
    assert "TemporalPositionIdentifier" in volume.report.sort_key


def test_a_scan_over_midnight_keeps_its_order_and_its_times(tmp_path: Path) -> None:
    moments = [("20200229", "235950"), ("20200229", "235958"), ("20200301", "000006")]
    cells = [
        ((t,), {"AcquisitionDate": date, "AcquisitionTime": time})
        for t, (date, time) in enumerate(moments)
    ]
    write_cells(tmp_path, [cells[2], cells[0], cells[1]])

    volume = only(tmp_path)

    assert_laid_out(volume, 3)
    (axis,) = volume.axes
    assert (axis.name, axis.step, axis.unit, axis.values) == ("t", 8.0, "s", None)


def test_over_midnight_without_dates_the_instance_number_orders(tmp_path: Path) -> None:
    times = ["235950", "235958", "000006"]
    write_cells(
        tmp_path,
        [((t,), {"AcquisitionDate": "", "AcquisitionTime": at}) for t, at in enumerate(times)],
    )

    volume = only(tmp_path)

    assert_laid_out(volume, 3)
    assert "InstanceNumber" in volume.report.sort_key
    assert volume.axes[0].unit == ""  # no step of twelve hours


def test_time_without_any_clock_takes_the_repetition_time(tmp_path: Path) -> None:
    write_cells(tmp_path, [((t,), {"RepetitionTime": "2500"}) for t in range(3)])

    volume = only(tmp_path)

    assert_laid_out(volume, 3)
    assert (volume.axes[0].step, volume.axes[0].unit) == (2.5, "s")
    assert volume.zooms[3] == 2.5


def test_instance_numbers_that_run_slice_by_slice_still_make_time(tmp_path: Path) -> None:
    write(tmp_path, [(k, value(k, t), {}) for k in range(N_SLICES) for t in range(4)])

    assert_laid_out(only(tmp_path), 4)


def test_trigger_times_that_drift_from_slice_to_slice_are_ranked(tmp_path: Path) -> None:
    images = [
        (k, value(k, t), {"TriggerTime": str(100 * t + 7 * k)})
        for t in (2, 0, 1)
        for k in range(N_SLICES)
    ]
    write(tmp_path, images)

    volume = only(tmp_path)

    assert_laid_out(volume, 3)
    assert volume.axes[0].step == pytest.approx(0.1)
    assert "TriggerTime" in volume.report.sort_key


def test_uneven_times_are_kept_as_values(tmp_path: Path) -> None:
    cells = [((n,), {"FrameReferenceTime": str(t)}) for n, t in enumerate((5000, 15000, 60000))]
    write_cells(tmp_path, cells)

    (axis,) = only(tmp_path).axes

    assert axis.values == (5.0, 15.0, 60.0)


def test_echo_times_make_an_axis_in_ms(tmp_path: Path) -> None:
    cells = [((n,), {"EchoTime": te, "EchoNumbers": n + 1}) for n, te in enumerate(("5", "10.5"))]
    write_cells(tmp_path, cells[::-1])

    volume = only(tmp_path)

    assert_laid_out(volume, 2)
    (axis,) = volume.axes
    assert (axis.name, axis.unit, axis.values) == ("echo", "ms", (5.0, 10.5))


def test_b_values_with_directions_keep_the_order_of_acquisition(tmp_path: Path) -> None:
    table = [(0.0, (0, 0, 0)), (1000.0, (1, 0, 0)), (1000.0, (0, 1, 0)), (500.0, (0, 0, 1))]
    cells = [
        (
            (n,),
            {0x00189087: ("FD", b), 0x00189089: ("FD", [float(v) for v in d])},
        )
        for n, (b, d) in enumerate(table)
    ]
    write_cells(tmp_path, cells)

    volume = only(tmp_path)

    assert_laid_out(volume, 4)
    (axis,) = volume.axes
    assert axis.name == "b"
    assert axis.unit == "s/mm²"
    assert [v[0] for v in axis.values or ()] == [b for b, _ in table]
    assert [v[1] for v in axis.values or ()] == [d for _, d in table]


def test_several_images_without_diffusion_weighting_are_kept_apart(tmp_path: Path) -> None:
    cells = [((n,), {0x00189087: ("FD", float(b))}) for n, b in enumerate((0, 1000, 0, 700))]
    write_cells(tmp_path, cells)

    volume = only(tmp_path)

    assert_laid_out(volume, 4)
    assert volume.axes[0].name == "b"
    assert [v[0] for v in volume.axes[0].values or ()] == [0, 1000, 0, 700]


def test_convolution_kernels_and_kinds_of_image_make_axes(tmp_path: Path) -> None:
    write_cells(tmp_path / "k", [((n,), {"ConvolutionKernel": c}) for n, c in enumerate("AB")])
    kinds = (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])
    write_cells(tmp_path / "t", [((n,), {"ImageType": c}) for n, c in enumerate(kinds)])

    kernel, kind = only(tmp_path / "k").axes[0], only(tmp_path / "t").axes[0]

    assert (kernel.name, kernel.values) == ("kernel", ("A", "B"))
    assert (kind.name, kind.values) == ("type", ("M", "P"))
    assert_laid_out(only(tmp_path / "t"), 2)


def test_two_elements_make_two_axes(tmp_path: Path) -> None:
    cells = [
        ((t, e), {"TemporalPositionIdentifier": t + 1, "EchoTime": str(10 * (e + 1))})
        for e in range(2)
        for t in range(3)
    ]
    write_cells(tmp_path, cells)

    volume = only(tmp_path)

    assert_laid_out(volume, 3, 2)
    assert [axis.name for axis in volume.axes] == ["t", "echo"]


def test_what_an_element_does_not_tell_apart_is_time(tmp_path: Path) -> None:
    cells = [((t, e), {"EchoTime": str(10 * (e + 1))}) for t in range(3) for e in range(2)]
    write_cells(tmp_path, cells)

    volume = only(tmp_path)

    assert_laid_out(volume, 3, 2)
    assert [axis.name for axis in volume.axes] == ["t", "echo"]


def test_a_position_with_more_images_than_the_others_splits_the_series(tmp_path: Path) -> None:
    images = [(k, value(k, t), {}) for t in range(2) for k in range(N_SLICES)]
    write(tmp_path, [*images, (1, 77, {})])

    whole, surplus = read(tmp_path)

    assert_laid_out(whole, 2)
    assert surplus.shape == (5, 4, 1)
    assert (np.asarray(surplus.data) == 77).all()
    assert (whole.name, surplus.name) == ("series", "series surplus image 3")
    assert "between 2 and 3 images each" in whole.report.warnings[0]


def test_an_element_that_explains_uneven_counts_splits_by_it_and_names_the_parts(
    tmp_path: Path,
) -> None:
    full = [(k, value(k, 0), {"EchoTime": "5"}) for k in range(N_SLICES)]
    part = [(1, value(1, 1), {"EchoTime": "9"})]
    write(tmp_path, [*part, *full])

    volumes = {volume.name: np.asarray(volume.data)[0, 0] for volume in read(tmp_path)}

    assert {name: list(seen) for name, seen in volumes.items()} == {
        "series echo 5 ms": [0, 1, 2],
        "series echo 9 ms": [11],
    }


def test_frames_of_a_loop_are_time_with_the_frame_time(tmp_path: Path) -> None:
    frames = [np.full((4, 5), n, np.uint8) for n in range(6)]
    elements = {
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "FrameTime": "40",
    }
    write_slice(tmp_path / "loop.dcm", frames, modality="OT", elements=elements)

    volume = only(tmp_path)

    assert volume.shape == (5, 4, 1, 6)
    assert list(np.asarray(volume.data)[0, 0, 0]) == list(range(6))
    assert (volume.axes[0].step, volume.axes[0].unit) == (0.04, "s")


def test_planes_of_an_extra_axis_know_their_files(tmp_path: Path) -> None:
    write_cells(tmp_path, [((t,), {}) for t in range(2)])

    rows = {row.plane: Path(row.file).name for row in only(tmp_path).report.slices}

    assert rows[(0, 0)] == "0001.dcm"
    assert rows[(2, 1)] == "0006.dcm"
    assert len(rows) == 6


def test_cardiac_phases_keep_their_percentages(tmp_path: Path) -> None:
    cells = [((n,), {0x00209241: ("FL", float(p))}) for n, p in enumerate((0, 40, 75))]
    write_cells(tmp_path, cells[::-1])

    volume = only(tmp_path)

    assert_laid_out(volume, 3)
    (axis,) = volume.axes
    assert (axis.name, axis.unit, axis.values) == ("phase", "%", (0.0, 40.0, 75.0))


def test_an_order_by_file_names_alone_is_told_of(tmp_path: Path) -> None:
    write_cells(tmp_path, [((t,), {"InstanceNumber": 1}) for t in range(2)])

    assert any("by file name" in text for text in only(tmp_path).report.warnings)
