"""Many files: each its own header, whatever its neighbours are."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest

from napari_medvol.formats.dicom import files, tags, walk
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.parsing import read_header
from napari_medvol.formats.dicom.scan import scan
from tests.phantoms import dicom as phantom

VOLUME = np.arange(30 * 4 * 5, dtype=np.int16).reshape(30, 4, 5)


def kept(header: Header) -> dict[int, tuple[str, bytes | None]]:
    return {tag: (header.vr(tag), header.raw(tag)) for tag in tags.VR_OF if tag in header}


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    """Return the files of four series, shuffled."""
    kinds: list[dict[str, Any]] = [
        {"series": "one", "step": (0, 0, 1.25)},
        {"series": "two", "step": (0, 1 / 3, 7), "syntax": phantom.IMPLICIT},
        {"series": "three", "syntax": phantom.RLE, "elements": {"EchoTime": "4.5"}},
        {"series": "four", "syntax": phantom.BIG_ENDIAN},
    ]
    paths = [
        path
        for kind in kinds
        for path in phantom.write_series(tmp_path / kind["series"], VOLUME, **kind)
    ]
    random.Random(1).shuffle(paths)
    return paths


def test_every_header_is_as_if_read_alone(mixed: list[Path]) -> None:
    found = scan(mixed)

    assert [header.path for header in found.headers] == mixed
    for header in found.headers:
        alone = read_header(header.path)
        assert alone is not None
        assert kept(header) == kept(alone)
        assert (header.pixels, header.problem) == (alone.pixels, "")


def test_the_files_of_a_series_are_walked_once_or_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = phantom.write_series(tmp_path, np.repeat(VOLUME, 5, axis=0), step=(0.1, 0, 1 / 3))
    walked: list[int] = []
    slow = walk._walk
    monkeypatch.setattr(walk, "_walk", lambda *args: (walked.append(1), slow(*args))[1])

    found = scan(paths)

    assert [h.integer(tags.INSTANCE_NUMBER) for h in found.headers] == list(range(1, 151))
    assert len(walked) <= 3


def test_lengths_that_vary_are_learnt(tmp_path: Path) -> None:
    words = ["x" * random.Random(n).randrange(2, 40) for n in range(60)]
    paths = [
        phantom.write_slice(
            tmp_path / f"{n}",
            VOLUME[0],
            instance=n,
            elements={
                "ProtocolName": word,
                "BodyPartExamined": word[:16].upper() if n % 3 else None,
                "RequestAttributesSequence": [pydicom.Dataset()] * (n % 4),
            },
        )
        for n, word in enumerate(words)
    ]

    found = scan(paths)

    assert [h.text(tags.PROTOCOL_NAME) for h in found.headers] == words
    assert [tags.BODY_PART_EXAMINED in h for h in found.headers] == [n % 3 > 0 for n in range(60)]
    assert not any(h.problem for h in found.headers)


def test_sequences_of_undefined_length_are_followed(tmp_path: Path) -> None:
    def with_sequence(n: int) -> Path:
        ds = phantom.slice_dataset(VOLUME[n], instance=n + 1)
        inner = pydicom.Dataset()
        inner.ReferencedSOPInstanceUID = phantom.uid_of("inner", n)
        inner.PatientID = "not this one"
        ds.ReferencedImageSequence = [inner] * (1 + n % 2)
        ds["ReferencedImageSequence"].is_undefined_length = True
        for item in ds.ReferencedImageSequence:
            item.is_undefined_length_sequence_item = True
        ds.save_as(tmp_path / f"{n:02d}", enforce_file_format=True)
        return tmp_path / f"{n:02d}"

    found = scan([with_sequence(n) for n in range(20)])

    assert [h.text(tags.PATIENT_ID) for h in found.headers] == ["P1"] * 20
    assert [h.integer(tags.INSTANCE_NUMBER) for h in found.headers] == list(range(1, 21))


def test_a_swap_of_lengths_between_neighbours_is_noticed(tmp_path: Path) -> None:
    """Offsets behind the two elements stay, so only their own headers can tell."""
    one = phantom.write_slice(
        tmp_path / "1", VOLUME[0], elements={"StudyDescription": "ab", "SeriesDescription": "cdef"}
    )
    two = phantom.write_slice(
        tmp_path / "2", VOLUME[0], elements={"StudyDescription": "abcd", "SeriesDescription": "ef"}
    )

    found = scan([one, two, one, two])

    described = [
        (h.text(tags.STUDY_DESCRIPTION), h.text(tags.SERIES_DESCRIPTION)) for h in found.headers
    ]
    assert described == [("ab", "cdef"), ("abcd", "ef")] * 2


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    good = phantom.write_series(tmp_path / "good", VOLUME[:3])
    gone = tmp_path / "gone.dcm"
    cut = phantom.write_slice(tmp_path / "cut.dcm", VOLUME[0])
    cut.write_bytes(cut.read_bytes()[:600])
    short = phantom.write_slice(tmp_path / "short.dcm", VOLUME[0])
    short.write_bytes(short.read_bytes()[:-8])
    text = tmp_path / "notes.txt"
    text.write_text("not a scan " * 100)
    report = tmp_path / "report.dcm"
    ds = phantom.slice_dataset(VOLUME[0], modality="OT")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(ds, keyword)
    ds.save_as(report, enforce_file_format=True)

    found = scan([good[0], gone, cut, good[1], short, text, report, good[2]])

    assert [h.path for h in found.headers] == [good[0], good[1], short, good[2]]
    assert [h.problem.split(":")[0] for h in found.headers] == ["", "", "truncated", ""]
    assert [(path, why.split(":")[0]) for path, why in found.unreadable] == [
        (gone, "No such file or directory"),
        (cut, "truncated in the header"),
    ]
    assert [h.path for h in found.others] == [report]
    assert found.not_dicom == [text]


def test_real_folders_are_sorted_into_images_and_others(data: Path) -> None:
    folder = data / "data" / "ct_philips_head_140"
    found = scan(sorted(p for p in folder.rglob("*") if p.is_file()))

    assert len(found.headers) == 140
    assert [h.path.name for h in found.others] == ["DIRFILE"]
    assert found.unreadable == found.not_dicom == []


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    paths = phantom.write_series(tmp_path, np.repeat(VOLUME, 3, axis=0))
    told: list[tuple[int, int]] = []

    scan(paths, progress=lambda done, n: told.append((done, n)))

    assert told[0] == (0, 90)
    assert told[-1] == (90, 90)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_no_files_are_an_empty_scan() -> None:
    found = scan([])

    assert found.headers == found.others == found.unreadable == found.not_dicom == []


def test_files_are_closed_when_a_caller_breaks_off(tmp_path: Path) -> None:
    paths = phantom.write_series(tmp_path, np.repeat(VOLUME, 3, axis=0))

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(paths, progress=stop)
    # The fixture `no_file_stays_open` looks whether any file is left open.


def test_a_scan_reads_the_beginnings_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = phantom.write_series(tmp_path, np.zeros((20, 256, 256), np.int16))
    asked: list[int] = []
    read = files._read
    monkeypatch.setattr(files, "_read", lambda fd, n, at: (asked.append(n), read(fd, n, at))[1])

    scan(paths)

    assert sum(asked) <= 21 * 8192


def test_time_grows_no_faster_than_the_number_of_files(tmp_path: Path) -> None:
    paths = phantom.write_series(tmp_path, np.repeat(VOLUME, 10, axis=0))

    def seconds(n_times: int) -> float:
        begun = time.perf_counter()
        scan(paths * n_times)
        return time.perf_counter() - begun

    seconds(1)
    assert min(seconds(8) for _ in range(3)) < 8 * 4 * min(seconds(1) for _ in range(3))
