"""Ended runs, files that are there, memory, threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol import Volume, export_slices
from napari_medvol.errors import WriteError
from napari_medvol.views.slices import running
from tests.conftest import ROOT
from tests.phantoms.volumes import affine_along


class StoppedError(Exception):
    """Somebody pressed Cancel."""


def scan(n: int = 40, first: int = 0) -> Volume:
    values = np.arange(first, first + 6 * 5 * n).reshape(6, 5, n).astype(np.int16)
    return Volume(values, affine_along("LPS", (1, 1, 1)), unit="HU")


def stop_at(number: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise StoppedError

    return progress


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg"])
def test_a_cancelled_run_leaves_whole_files_and_is_gone_on_with(tmp_path: Path, kind: Any) -> None:
    options: dict[str, Any] = {"planes": "axial", "window": "full", "format": kind}
    whole = export_slices(scan(), tmp_path / "whole", **options)

    with pytest.raises(StoppedError):
        export_slices(scan(), tmp_path / "out", progress=stop_at(7), **options)

    there = {path.name for path in (tmp_path / "out").iterdir()}
    pictures = sorted(name for name in there if name.startswith("axial"))
    assert pictures == [f"axial_{n:04d}{whole[0].suffix}" for n in range(7)]
    assert there - set(pictures) == {"manifest.csv"}
    for name in pictures:
        same = (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert same
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in pictures}

    told: list[tuple[int, int]] = []
    again = export_slices(
        scan(), tmp_path / "out", progress=lambda *at: told.append(at), **options
    )

    assert (again.n_skipped, again.n_pictures) == (7, 40)
    assert told[-1] == (40, 40)
    assert {n: (tmp_path / "out" / n).stat().st_mtime_ns for n in pictures} == before
    assert again.clipped_percent == whole.clipped_percent
    assert again.manifest.read_bytes() == whole.manifest.read_bytes()


@pytest.mark.parametrize("kind", ["gif", "tiff stack", "montage"])
def test_a_file_of_many_pictures_is_there_whole_or_not_at_all(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(StoppedError):
        export_slices(
            scan(),
            tmp_path,
            planes=("axial", "coronal"),
            slices={"axial": range(40)},
            format=kind,
            progress=stop_at(43),
        )

    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2
    assert names[0].startswith("axial")
    assert names[1] == "manifest.csv"


def test_a_program_that_was_killed_goes_on_too(tmp_path: Path) -> None:
    """The line of a file is on disk before the file has its name."""
    code = (
        "import os, sys; sys.path.insert(0, '.')\n"
        "from tests.views.slices.test_running import scan\n"
        "from napari_medvol import export_slices\n"
        f"export_slices(scan(), {str(tmp_path)!r}, planes='axial',"
        " progress=lambda done, total: done == 9 and os._exit(1))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    made = sorted(path.name for path in tmp_path.glob("axial*.png"))
    assert made
    assert len(made) < 40

    again = export_slices(scan(), tmp_path, planes="axial")

    assert again.n_skipped == len(made)
    assert len(list(tmp_path.glob("axial*.png"))) == 40
    assert not list(tmp_path.glob(".*"))


def test_other_peoples_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "axial_0003.png").write_text("holiday")

    with pytest.raises(WriteError, match=r"axial_0003\.png: it is there already"):
        export_slices(scan(), tmp_path, planes="axial")
    assert [path.name for path in tmp_path.iterdir()] == ["axial_0003.png"]

    exported = export_slices(scan(), tmp_path, planes="axial", overwrite=True)
    assert exported.n_skipped == 0
    assert (tmp_path / "axial_0003.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "change",
    [
        {"window": (0, 10)},
        {"letters": True},
        {"convention": "neurological"},
        {"interpolation": "nearest"},
        {"pixel_mm": 0.5},
    ],
)
def test_pictures_of_other_settings_are_not_taken_for_done(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    export_slices(scan(), tmp_path, planes="axial", window="full")

    with pytest.raises(WriteError, match="there already and 39 more"):
        export_slices(scan(), tmp_path, **{"planes": "axial", "window": "full", **change})


def test_pictures_of_other_voxels_or_of_a_changed_file_are_not_taken_for_done(
    tmp_path: Path,
) -> None:
    export_slices(scan(), tmp_path, planes="axial", window=(0, 1000))

    with pytest.raises(WriteError, match="there already"):
        export_slices(scan(first=1), tmp_path, planes="axial", window=(0, 1000))
    with pytest.raises(WriteError, match="there already"):
        export_slices([(scan(), {})], tmp_path, planes="axial", window=(0, 1000))
    (tmp_path / "axial_0001.png").write_bytes(b"painted over")
    with pytest.raises(WriteError, match=r"axial_0001\.png: it is there already"):
        export_slices(scan(), tmp_path, planes="axial", window=(0, 1000))


def test_planes_of_voxels_and_true_planes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    from tests.views.slices.scans import noise

    export_slices(noise("oblique"), tmp_path, planes="axial", window="full", slices=[3])

    with pytest.raises(WriteError, match="there already"):
        export_slices(noise("oblique"), tmp_path, planes=2, window="full", slices=[3])


def test_planes_added_later_join_the_manifest(tmp_path: Path) -> None:
    export_slices(scan(), tmp_path, planes="axial")
    exported = export_slices(scan(), tmp_path, planes="coronal")

    lines = exported.manifest.read_text().splitlines()
    assert len(lines) == 1 + 40 + 5


def test_a_manifest_of_somebody_else_and_a_line_cut_short(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.csv").write_text("subject,age\n1,2\n")
    with pytest.raises(WriteError, match="it is no list of exported slices"):
        export_slices(scan(), tmp_path / "a", planes="axial")

    exported = export_slices(scan(), tmp_path / "b", planes="axial")
    text = exported.manifest.read_text()
    exported.manifest.write_text(text[:-40])
    with pytest.raises(WriteError, match=r"axial_0039\.png: it is there already"):
        export_slices(scan(), tmp_path / "b", planes="axial")


def test_a_folder_that_cannot_be_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(WriteError, match="Choose another folder"):
        export_slices(scan(), tmp_path / "file" / "out", planes="axial")


def test_a_full_disk_is_an_error_in_words_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "0005" in path.name:
            write(path, content[:10])
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match=r"axial_0005\.png: No space left on device"):
        export_slices(scan(), tmp_path, planes="axial")

    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "manifest.csv") == [
        f"axial_{n:04d}.png" for n in range(5)
    ]


def test_few_pictures_wait_for_their_turn() -> None:
    from concurrent.futures import ThreadPoolExecutor

    started: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        ready = running._in_order(pool, started.append, range(1000))
        for _ in range(3):
            next(ready)
        ready.close()

    assert len(started) <= 3 + running._AHEAD
    assert started == sorted(started)


MEMORY = """
import sys, tempfile
sys.path.insert(0, ".")
import numpy as np
from napari_medvol import Volume, export_slices
from napari_medvol.arrays import lazy_volume
from napari_medvol.stores import PlaneStore

class Made:
    name, dtype, inner = "made", np.dtype(np.int16), (256, 256)
    def __init__(self, n):
        self.outer = (n,)
        self.noise = np.random.default_rng(0).integers(0, 500, self.inner).astype(np.int16)
    def read_plane(self, number, out):
        np.add(self.noise, number % 7, out=out)

n = int(sys.argv[1])
volume = Volume(lazy_volume(PlaneStore(Made(n))), np.diag([1.0, 1, 1, 1]))
with tempfile.TemporaryDirectory() as folder:
    for plane, some in (("axial", None), ("sagittal", range(0, 256, 16))):
        export_slices(volume, folder, planes=plane, slices=some, window=(0, 500))
with open("/proc/self/status") as status:
    print(next(int(l.split()[1]) for l in status if l.startswith("VmHWM")) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_slices() -> None:
    peaks = []
    for n in (600, 3000):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(n)], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        peaks.append(float(done.stdout))

    # The scan itself would be 75 MB and 375 MB.
    assert abs(peaks[1] - peaks[0]) < 50, peaks
