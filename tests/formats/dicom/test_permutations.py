"""The order and the places of files mean nothing; time grows no faster than their number."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medvol import Volume, read
from napari_medvol.formats.choices import Choices
from napari_medvol.formats.dicom.reading import read as read_files
from napari_medvol.formats.dicom.scan import scan
from tests.phantoms.dicom import EXPLICIT, slice_dataset, uid_of, write_slice

N_SLICES = 5
OBLIQUE = (0.96, 0.28, 0.0, -0.168, 0.576, -0.8)


class Image(NamedTuple):
    """What one file holds beside its number."""

    pixels: Any
    choices: Mapping[str, Any]


def _images(
    positions: Sequence[Sequence[float]],
    repeats: Sequence[Mapping[str, Any]] = ({},),
    **choices: Any,
) -> list[Image]:
    images = []
    for r, elements in enumerate(repeats):
        for k, position in enumerate(positions):
            pixels = (np.arange(20).reshape(4, 5) + 100 * k + 1000 * r).astype(np.int16)
            asked = {
                "position": tuple(position),
                "spacing": (0.5, 0.75),
                "elements": {"ContentTime": None, **elements},
                **choices,
            }
            images.append(Image(pixels, asked))
    return images


def _along(orientation: Sequence[float], step: float, count: int = N_SLICES) -> list[Any]:
    normal = np.cross(orientation[:3], orientation[3:])
    return [(normal * step * n + (-7, 3, 11)).round(6) for n in range(count)]


_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_TILT = (1.0, 0.0, 0.0, 0.0, 0.9659258, 0.258819)
_EVEN = _along(_AXIAL, 2.5)

#: Every kind of series: its images, in no order that matters.
SERIES: dict[str, Callable[[], list[Image]]] = {
    "3-D": lambda: _images(_EVEN),
    "oblique": lambda: _images(_along(OBLIQUE, 1.5), orientation=OBLIQUE),
    "4-D": lambda: _images(
        _EVEN, [{"TemporalPositionIdentifier": t + 1} for t in range(3)], modality="MR"
    ),
    "4-D by clock": lambda: _images(
        _EVEN, [{"AcquisitionTime": f"1000{10 + 2 * t}"} for t in range(3)], modality="MR"
    ),
    "multi-echo": lambda: _images(
        _EVEN, [{"EchoTime": str(te)} for te in (2.4, 7.1, 11.9)], modality="MR"
    ),
    "echo and phase": lambda: _images(
        _EVEN,
        [
            {"EchoTime": str(te), "ImageType": ["ORIGINAL", "PRIMARY", kind]}
            for te in (2.4, 7.1)
            for kind in ("M", "P")
        ],
        modality="MR",
    ),
    "tilted": lambda: _images([(-7, 3, 4.0 * n) for n in range(N_SLICES)], orientation=_TILT),
    "gapped": lambda: _images([p for n, p in enumerate(_along(_AXIAL, 2, 8)) if n not in (2, 5)]),
    "uneven": lambda: _images([(0, 0, z) for z in (0, 2, 4, 9, 14)]),
    "two sizes": lambda: _images(_EVEN) + _images(_along(_AXIAL, 4), spacing=(1.5, 1.5)),
    "pet": lambda: [
        image._replace(choices={**image.choices, "rescale": (0.5 + 0.1 * n, 0)})
        for n, image in enumerate(_images(_EVEN, modality="PT"))
    ],
}


def write(folder: Path, images: Sequence[Image], numbers: Sequence[int]) -> Path:
    """Write the images; `numbers` are their instance numbers and names."""
    for image, number in zip(images, numbers, strict=True):
        write_slice(folder / f"{number:03d}.dcm", image.pixels, instance=number, **image.choices)
    return folder


def signature(volumes: Sequence[Volume]) -> list[tuple[Any, ...]]:
    """Return all of the volumes that may not depend on the order of files."""
    return sorted(
        (
            volume.shape,
            volume.affine.tobytes(),
            np.asarray(volume.data).tobytes(),
            str(volume.dtype),
            str(volume.axes),
            # As text: the position of a blank slice is no number and equals nothing.
            str([(s.plane, round(s.position, 6), s.residual) for s in volume.report.slices]),
            (volume.report.spacing, volume.report.tilt),
            tuple(sorted(finding.kind for finding in volume.report.findings)),
        )
        for volume in volumes
    )


@pytest.mark.parametrize("kind", SERIES)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_of_names_and_numbers_gives_the_same_volumes(
    kind: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    images = SERIES[kind]()
    straight = list(range(1, len(images) + 1))
    orders = [straight[::-1], data.draw(st.permutations(straight), "order")]
    # Slices by turns: as interleaved scans and archives number them.
    orders.append([*straight[::2], *straight[1::2]])
    wanted = signature(read(write(tmp_path_factory.mktemp("straight"), images, straight)))

    for order in orders:
        folder = write(tmp_path_factory.mktemp("other"), images, order)
        assert signature(read(folder)) == wanted


@pytest.mark.parametrize("kind", SERIES)
def test_any_order_and_folders_of_the_files_gives_the_same_volumes(
    kind: str, tmp_path: Path
) -> None:
    images = SERIES[kind]()
    whole = write(tmp_path / "whole", images, range(1, len(images) + 1))
    paths = sorted(whole.iterdir())
    wanted = signature(read(whole))
    rng = random.Random(kind)
    for n in range(3):
        rng.shuffle(paths)
        assert signature(read(paths)) == wanted
        for number, path in enumerate(paths):
            place = tmp_path / f"parts {n}" / ("a", "b/deep")[rng.randrange(2)]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / f"{rng.randrange(10**6)}-{number}")
        assert signature(read(tmp_path / f"parts {n}")) == wanted


def test_the_signature_tells_a_change(tmp_path: Path) -> None:
    images = SERIES["3-D"]()
    one = signature(read(write(tmp_path / "one", images, range(1, 6))))
    images[2] = images[2]._replace(pixels=images[2].pixels + 1)

    assert signature(read(write(tmp_path / "two", images, range(1, 6)))) != one


# -- time ----------------------------------------------------------------------------------

N_SERIES = 20


def write_study(folder: Path, n_files: int) -> list[Path]:
    """Write small files of twenty series, quickly: one file, its numbers written over."""
    folder.mkdir()
    wide = "1.2.826.0.1.3680043.8.498"
    elements: dict[str | int, Any] = {
        "SOPInstanceUID": f"{wide}.111111.222222",
        "SeriesInstanceUID": f"{wide}.333333",
        "ImagePositionPatient": ["0", "0", "444444.5"],
        "InstanceNumber": "555555",
        "SeriesNumber": "666666",
    }
    dataset = slice_dataset(np.zeros((8, 8), np.int16), syntax=EXPLICIT, elements=elements)
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = uid_of("study"), uid_of("frame")
    dataset.save_as(folder / "template", enforce_file_format=True)
    template = (folder / "template").read_bytes()
    (folder / "template").unlink()
    paths = []
    for n in range(n_files):
        series, k = n % N_SERIES, n // N_SERIES
        content = template
        for old, new in (
            (b"111111.222222", f"{100000 + series}.{100000 + k}"),
            (b"333333", f"{100000 + series}"),
            (b"444444.5", f"{k:06d}.0"),
            (b"555555", f"{k + 1:06d}"),
            (b"666666", f"{series + 1:06d}"),
        ):
            content = content.replace(old, new.encode())
        path = folder / f"{n:06d}"
        path.write_bytes(content)
        paths.append(path)
    return paths


def seconds(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def growth(work: Callable[[Sequence[Path]], Any], paths: Sequence[Path], parts: int) -> float:
    """Return how much longer all files take than an equal share of them, by file."""
    few = paths[: len(paths) // parts]
    work(few)
    ratios = [seconds(lambda: work(paths)) / seconds(lambda: work(few)) for _ in range(3)]
    return min(ratios) / parts


def test_time_to_scan_and_to_group_grows_with_the_number_of_files(tmp_path: Path) -> None:
    paths = write_study(tmp_path / "study", 1600)
    volumes = read_files(paths, Choices())
    assert [volume.shape for volume in volumes] == [(8, 8, 80)] * N_SERIES

    # Twice is far from the fourfold of quadratic work, and far above the noise.
    assert growth(scan, paths, 4) < 2
    assert growth(lambda some: read_files(some, Choices()), paths, 4) < 2


def test_time_to_group_one_long_series_grows_with_its_slices(tmp_path: Path) -> None:
    positions = [(0.0, 0.0, float(k)) for k in range(800)]
    pixels = np.zeros((4, 4), np.int16)
    template = write_slice(tmp_path / "t", pixels, position=(0, 0, 444444.5)).read_bytes()
    paths = []
    for k, _ in enumerate(positions):
        path = tmp_path / f"{k}.dcm"
        # Each file its own instance, or they would be copies of one.
        path.write_bytes(template.replace(b"444444.5", f"{k:06d}.0".encode()))
        paths.append(path)

    assert growth(lambda some: read_files(some, Choices()), paths, 4) < 2
