"""The tasks of rows 2, 3, 14 and 15: studies, cold files, compressed series, many frames."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks import (
    GEOMETRY,
    INTERCEPT,
    TASKS,
    Array,
    Run,
    _sorted_by_position,
    middle_ours,
    task,
    volume_dicomsdl,
    volume_ours,
)

__all__ = ["TASKS"]

#: Number of the series, then (name, position, orientation) of an image.
_Found = Iterable[tuple[float, tuple[str, Any, Any]]]


def _files(folder: Path) -> list[str]:
    return [
        os.path.join(place, name)  # noqa: PTH118 - peers want text, and so does the clock
        for place, _, names in os.walk(folder)
        for name in names
    ]


def _in_series(found: _Found) -> list[list[str]]:
    """Return the names of each series in the order of their positions, by series number."""
    series: dict[float, list[tuple[str, Any, Any]]] = defaultdict(list)
    for number, image in found:
        series[number].append(image)
    return [_sorted_by_position(series[number]) for number in sorted(series)]


def _named(lists: list[list[str]]) -> list[list[str]]:
    return [["/".join(Path(name).parts[-2:]) for name in names] for names in lists]


def _once(run: Run) -> Run:
    """Return the run as one that is not worth, or not capable of, a second time."""
    run.once = True  # type: ignore[attr-defined]
    return run


# -- rows 2 and 3: a study of 20 series, warm and cold ------------------------------------


@task
def study_ours(folder: Path) -> Run:
    import napari_medvol.formats.dicom.reading  # noqa: F401
    from napari_medvol import read

    def run() -> list[list[str]]:
        return [[plane.file for plane in volume.report.slices] for volume in read(folder)]

    run.digested = _named  # type: ignore[attr-defined]
    return _once(run)


@task
def study_dicomsdl(folder: Path) -> Run:
    import dicomsdl

    wanted = [*GEOMETRY, "SeriesNumber"]

    def found() -> _Found:
        for name in _files(folder):
            ds = dicomsdl.open(name, load_until=0x00281053)
            values = [getattr(ds, keyword) for keyword in wanted]
            yield values[-1], (name, values[3], values[4])

    def run() -> list[list[str]]:
        return _in_series(found())

    run.digested = _named  # type: ignore[attr-defined]
    return _once(run)


@task
def study_pydicom(folder: Path) -> Run:
    from pydicom import dcmread

    wanted = [*GEOMETRY, "SeriesNumber"]

    def found() -> _Found:
        for name in _files(folder):
            ds = dcmread(name, stop_before_pixels=True, specific_tags=wanted)
            yield ds.SeriesNumber, (name, ds.ImagePositionPatient, ds.ImageOrientationPatient)

    def run() -> list[list[str]]:
        return _in_series(found())

    run.digested = _named  # type: ignore[attr-defined]
    return _once(run)


@task
def study_gdcm(folder: Path) -> Run:
    import gdcm
    from pydicom.datadict import tag_for_keyword

    tags = {
        keyword: gdcm.Tag(tag >> 16, tag & 0xFFFF)
        for keyword in [*GEOMETRY, "SeriesNumber"]
        if (tag := tag_for_keyword(keyword)) is not None
    }

    def numbers(text: str) -> list[float]:
        return [float(part) for part in text.split("\\")]

    def run() -> list[list[str]]:
        scanner = gdcm.Scanner()
        for tag in tags.values():
            scanner.AddTag(tag)
        names = _files(folder)
        assert scanner.Scan(names)
        return _in_series(
            (
                float(scanner.GetValue(name, tags["SeriesNumber"])),
                (
                    name,
                    numbers(scanner.GetValue(name, tags["ImagePositionPatient"])),
                    numbers(scanner.GetValue(name, tags["ImageOrientationPatient"])),
                ),
            )
            for name in names
        )

    run.digested = _named  # type: ignore[attr-defined]
    return _once(run)


@task
def study_limit(folder: Path) -> Run:
    def run() -> None:
        for name in _files(folder):
            descriptor = os.open(name, os.O_RDONLY)
            os.pread(descriptor, 8192, 0)
            os.close(descriptor)

    return _once(run)


def _cold(warm: Callable[[Path], Run]) -> None:
    """Register the task with files that the system was asked to forget before the clock."""

    def prepare(folder: Path) -> Run:
        run = warm(folder)
        forget(folder)
        return run

    prepare.__name__ = f"cold_{warm.__name__}"
    task(prepare)


def forget(folder: Path) -> None:
    """Drop the files from the system's cache. Their names stay in it."""
    if not hasattr(os, "posix_fadvise"):
        raise ImportError("no way to drop files from the cache", name="posix_fadvise")
    os.sync()
    for name in _files(folder):
        descriptor = os.open(name, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


for _warm in (study_ours, study_dicomsdl, study_gdcm, study_limit):
    _cold(_warm)


# -- row 14: compressed series ------------------------------------------------------------


@task
def compressed_ours(folder: Path) -> Run:
    # Its modules are loaded when they are first asked for.
    from imagecodecs import dicomrle_decode, jpeg2k_decode, jpegls_decode  # noqa: F401

    return _once(volume_ours(folder))


@task
def compressed_dicomsdl(folder: Path) -> Run:
    return _once(volume_dicomsdl(folder))


@task
def compressed_pydicom(folder: Path) -> Run:
    from pydicom import dcmread

    def run() -> Array:
        datasets = [dcmread(folder / name) for name in os.listdir(folder)]
        datasets.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
        out = np.empty((len(datasets), 512, 512), np.int16)
        for ds, plane in zip(datasets, out, strict=True):
            np.add(ds.pixel_array.view(np.int16), INTERCEPT, out=plane)
        return out

    return _once(run)


@task
def compressed_limit(folder: Path) -> Run:
    """Decode the streams, which lie in memory already, one after the other."""
    import imagecodecs
    from pydicom import dcmread
    from pydicom.encaps import get_frame

    datasets = [dcmread(path) for path in folder.iterdir()]
    syntax = datasets[0].file_meta.TransferSyntaxUID.name
    streams = [get_frame(ds.PixelData, 0) for ds in datasets]
    decode = {
        "JPEG-LS": imagecodecs.jpegls_decode,
        "JPEG 20": imagecodecs.jpeg2k_decode,
        "RLE Los": lambda stream: imagecodecs.dicomrle_decode(stream, "<u2"),
    }[syntax[:7]]

    def run() -> None:
        for stream in streams:
            decode(stream)

    return _once(run)


# -- row 15: the middle frame of one file of many -----------------------------------------


@task
def frame_ours(path: Path) -> Run:
    import pydicom  # noqa: F401

    return middle_ours(path)


@task
def frame_pydicom(path: Path) -> Run:
    from pydicom.pixels import pixel_array

    return lambda: pixel_array(path, index=300).view(np.int16) + INTERCEPT


@task
def frame_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    def run() -> Array:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetOutputPixelType(sitk.sitkInt16)
        reader.ReadImageInformation()
        columns, rows, _ = reader.GetSize()
        reader.SetExtractIndex([0, 0, 300])
        reader.SetExtractSize([columns, rows, 0])
        return sitk.GetArrayFromImage(reader.Execute())

    return run


@task
def frame_limit(path: Path) -> Run:
    n_bytes = 256 * 256 * 2

    def run() -> bytes:
        with path.open("rb", buffering=0) as file:
            file.seek(-n_bytes * 300, os.SEEK_END)
            return file.read(n_bytes)

    return run
