"""4-D series that lost files: the plane stays blank where an element tells which it was."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import Volume, read
from napari_medvol.views.sources import source_of
from tests.phantoms.dicom import write_slice

N_SLICES, N_EXTRA = 5, 4
DIRECTIONS = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]

Elements = Callable[[int, int], Mapping[str | int, Any]]


def diffusion(k: int, n: int) -> Mapping[str | int, Any]:
    b = 0.0 if n == 0 else 1000.0
    return {0x00189087: ("FD", b), 0x00189089: ("FD", list(DIRECTIONS[n]))}


#: Slice and place along the extra axis to elements, the axis, and the lost place in words.
TELLING: dict[str, tuple[Elements, str, str]] = {
    "echo": (lambda k, n: {"EchoTime": str(5.5 * (n + 1))}, "echo", "echo 16.5 ms"),
    "b": (diffusion, "b", "b 1000 s/mm² (0.00, 1.00, 0.00)"),
    "temporal position": (lambda k, n: {"TemporalPositionIdentifier": n + 1}, "t", "t 3"),
    "trigger time that drifts": (lambda k, n: {"TriggerTime": str(100 * n + 7 * k)}, "t", "t 3"),
    "kind": (lambda k, n: {"ImageType": ["ORIGINAL", "PRIMARY", "MPRI"[n]]}, "type", "type R"),
}


def value(k: int, n: int) -> int:
    return 1 + k + 10 * n


def write(
    folder: Path, elements: Elements, lost: set[tuple[int, int]], *, by_slice: bool = False
) -> None:
    """Write every (slice, place along the extra axis) but the lost ones, volume by volume."""
    for n in range(N_EXTRA):
        for k in range(N_SLICES):
            if (k, n) in lost:
                continue
            number = k * N_EXTRA + n + 1 if by_slice else n * N_SLICES + k + 1
            write_slice(
                folder / f"{number:04d}.dcm",
                np.full((4, 5), value(k, n), np.int16),
                modality="MR",
                position=(0, 0, 3.0 * k),
                instance=number,
                rescale=None,
                elements={"ContentTime": "", **elements(k, n)},
            )


def expected(lost: set[tuple[int, int]]) -> np.ndarray:
    table = np.array([[value(k, n) for n in range(N_EXTRA)] for k in range(N_SLICES)])
    for at in lost:
        table[at] = 0
    return table


def seen(volume: Volume) -> np.ndarray:
    return np.asarray(volume.data)[0, 0]


@pytest.mark.parametrize("k", range(N_SLICES))
@pytest.mark.parametrize("name", TELLING)
def test_a_lost_image_leaves_its_own_plane_blank(tmp_path: Path, name: str, k: int) -> None:
    elements, axis, words = TELLING[name]
    # Kinds of image are taken in the order of their names: I, M, P, R.
    n = 2
    write(tmp_path, elements, {(k, n)})

    (volume,) = read(tmp_path)

    assert [a.name for a in volume.axes] == [axis]
    table = expected({(k, n)})
    if name == "kind":
        table = table[:, [3, 0, 1, 2]]
        words = "type R"
    np.testing.assert_array_equal(seen(volume), table)
    (finding,) = (f for f in volume.report.findings if f.kind == "missing")
    assert finding.severity == "warning"
    assert "1 of 20 images is missing and left blank" in finding.text
    assert f"{3 * k:.2f} mm, {words}" in finding.text
    at = (0, 0, k, [3, 0, 1, 2].index(n) if name == "kind" else n)
    assert source_of(volume, at).file == ""
    assert sum(1 for row in volume.report.slices if not row.file) == 1


def test_two_lost_images_of_twenty_are_two_blank_planes(tmp_path: Path) -> None:
    lost = {(0, 0), (3, 2)}
    write(tmp_path, TELLING["echo"][0], lost)

    (volume,) = read(tmp_path)

    np.testing.assert_array_equal(seen(volume), expected(lost))
    assert volume.axes[0].values == (5.5, 11.0, 16.5, 22.0)


def test_the_unit_can_still_be_switched(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(1, 1)})

    (volume,) = read(tmp_path, value="stored")

    np.testing.assert_array_equal(seen(volume), expected({(1, 1)}))


def test_instance_numbers_tell_where_nothing_else_does(tmp_path: Path) -> None:
    write(tmp_path, lambda k, n: {}, {(2, 1)})

    (volume,) = read(tmp_path)

    np.testing.assert_array_equal(seen(volume), expected({(2, 1)}))


def test_what_no_element_tells_is_never_guessed(tmp_path: Path) -> None:
    write(tmp_path, lambda k, n: {}, {(2, 1)}, by_slice=True)

    volumes = read(tmp_path)

    assert len(volumes) > 1
    assert not [f for v in volumes for f in v.report.findings if f.kind == "missing"]


def test_an_echo_of_its_own_is_not_put_in_place_of_another(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(2, 1), (2, 3)})
    write_slice(
        tmp_path / "odd.dcm",
        np.full((4, 5), 99, np.int16),
        modality="MR",
        position=(0, 0, 6.0),
        instance=8,
        rescale=None,
        elements={"EchoTime": "12.5"},
    )

    assert len(read(tmp_path)) > 1


def test_parts_that_were_scanned_over_other_stretches_stay_apart(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(k, 3) for k in (0, 1, 2)})

    volumes = read(tmp_path)

    assert [v.name for v in volumes] == [f"series echo {te:g} ms" for te in (5.5, 11, 16.5, 22)]
    assert [v.shape[2] for v in volumes] == [5, 5, 5, 2]


def test_split_can_be_asked_for(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(1, 1)})

    volumes = read(tmp_path, gaps="split")

    assert "series echo 5.5 ms" in {v.name for v in volumes}
    assert not any((seen(v) == 0).any() for v in volumes)


def test_a_lost_slice_and_a_lost_echo_are_both_told_of(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(1, n) for n in range(N_EXTRA)} | {(3, 2)})

    (volume,) = read(tmp_path)

    np.testing.assert_array_equal(
        seen(volume), expected({(1, n) for n in range(N_EXTRA)} | {(3, 2)})
    )
    assert {"gap", "missing"} <= {f.kind for f in volume.report.findings}


def test_a_length_that_no_file_has_takes_no_memory(tmp_path: Path) -> None:
    write(tmp_path, TELLING["echo"][0], {(1, 1)})
    path = tmp_path / "0001.dcm"
    content = path.read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 8
    path.write_bytes(content[:at] + (0xFFFFFFF0).to_bytes(4, "little") + content[at + 4 :])

    tracemalloc.start()
    (volume,) = read(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1 << 28
    assert any(f.kind in ("unreadable", "missing") for f in volume.report.findings)
