"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import napari_medvol as mv
from napari_medvol.errors import WriteError
from napari_medvol.formats.saving import staging
from napari_medvol.formats.saving.staging import staged
from napari_medvol.volume import Volume
from tests.phantoms.dicom import write_series
from tests.phantoms.volumes import numbered


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_there_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    mv.write(numbered((2, 2, 2)), path)
    before = path.read_bytes()

    with pytest.raises(WriteError, match=r"x\.nii: is there already; nothing was written"):
        mv.write(numbered((3, 3, 3)), path)
    assert path.read_bytes() == before

    mv.write(numbered((3, 3, 3)), path, overwrite=True)
    assert mv.read(path)[0].shape == (3, 3, 3)
    assert names(tmp_path) == ["x.nii"]


def test_the_file_that_was_read_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    mv.write(numbered((2, 2, 2)), path)
    (scan,) = mv.read(path)

    with pytest.raises(WriteError, match="files that were read are never changed"):
        mv.write(scan, path, overwrite=True)
    with pytest.raises(WriteError, match="files that were read are never changed"):
        mv.write(scan, tmp_path / "link" / ".." / "x.nii", overwrite=True)


@pytest.mark.parametrize("other", ["notes.txt", "below/IM0001.dcm"])
def test_a_folder_with_something_else_in_it_is_not_replaced(tmp_path: Path, other: str) -> None:
    path = tmp_path / "mine"
    (path / other).parent.mkdir(parents=True)
    (path / other).write_text("precious")

    with pytest.raises(WriteError, match=r"which would be lost with it"):
        mv.write(numbered((3, 3, 3)), path, overwrite=True)

    assert (path / other).read_text() == "precious"
    assert names(tmp_path) == ["mine"]


def test_a_series_of_an_earlier_run_is_replaced_whole(tmp_path: Path) -> None:
    mv.write(numbered((3, 3, 4)), tmp_path / "ct")
    mv.write(numbered((3, 3, 2)), tmp_path / "ct", overwrite=True)

    assert names(tmp_path / "ct") == ["IM0001.dcm", "IM0002.dcm"]


@pytest.mark.parametrize("changes", [{}, {"Manufacturer": "Scanner"}])
def test_a_series_that_this_program_did_not_write_is_not_replaced(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    paths = write_series(tmp_path / "ct", np.zeros((3, 4, 4), np.int16), elements=changes)
    before = {path: path.read_bytes() for path in paths}

    with pytest.raises(WriteError, match="which this program did not write; nothing was written"):
        mv.write(numbered((3, 3, 3)), tmp_path / "ct", overwrite=True)

    assert {path: path.read_bytes() for path in (tmp_path / "ct").iterdir()} == before
    paths[0].write_bytes(b"no DICOM")
    with pytest.raises(WriteError, match=f"it holds '{paths[0].name}', which this program"):
        mv.write(numbered((3, 3, 3)), tmp_path / "ct", overwrite=True)
    assert names(tmp_path) == ["ct"]


def test_a_derived_series_and_a_segmentation_of_an_earlier_run_are_replaced(
    tmp_path: Path,
) -> None:
    write_series(tmp_path / "ct", np.zeros((3, 4, 4), np.int16))
    (scan,) = mv.read(tmp_path / "ct")
    labels = Volume(np.ones((4, 4, 3), np.uint8), scan.affine, kind="labels")

    for _ in range(2):
        mv.write(scan, tmp_path / "copy", overwrite=True)
        mv.write(labels, tmp_path / "seg", like=scan, overwrite=True)

    assert len(names(tmp_path / "copy")) == 3


def test_two_series_in_one_folder_are_not_replaced_by_one(tmp_path: Path) -> None:
    mv.write(numbered((3, 3, 1)), tmp_path / "a")
    mv.write(numbered((4, 4, 1)), tmp_path / "b")
    (tmp_path / "b" / "IM0001.dcm").rename(tmp_path / "a" / "IM0002.dcm")

    with pytest.raises(WriteError, match=r"'IM0002\.dcm', which is of another series"):
        mv.write(numbered((3, 3, 1)), tmp_path / "a", overwrite=True)

    assert names(tmp_path / "a") == ["IM0001.dcm", "IM0002.dcm"]


def test_the_side_file_of_a_source_is_never_written_over(tmp_path: Path) -> None:
    mv.write(numbered((3, 3, 3)), tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text('{"RepetitionTime": 2}')
    (scan,) = mv.read(tmp_path / "x.nii.gz")
    part = mv.apply(scan, [mv.Step("crop", {"start": (0, 0, 0), "stop": (2, 2, 2)})])

    with pytest.raises(WriteError, match=r"x\.json: it belongs to what 'x' was read from"):
        mv.write(part, tmp_path / "x.nii", overwrite=True)

    assert (tmp_path / "x.json").read_text() == '{"RepetitionTime": 2}'
    assert names(tmp_path) == ["x.json", "x.nii.gz"]
    mv.write(part, tmp_path / "x.nii", sidecar="none")
    assert names(tmp_path) == ["x.json", "x.nii", "x.nii.gz"]


@pytest.mark.parametrize("name", ["x.nii", "x.img", "x.mgz", "x"])
@pytest.mark.parametrize(
    ("data", "why"),
    [(np.zeros((0, 3, 3), np.int16), "no voxel"), (np.full((2, 2, 2), None), "type object")],
)
def test_what_is_no_scan_is_refused_in_words(
    tmp_path: Path, data: np.ndarray, why: str, name: str
) -> None:
    with pytest.raises(WriteError, match=why):
        mv.write(
            Volume(data, np.eye(4)), tmp_path / name, format="Analyze" if name == "x.img" else None
        )

    assert names(tmp_path) == []


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    mv.write(numbered((2, 2, 2)), tmp_path / "a" / "b" / "x.nii")

    assert names(tmp_path / "a" / "b") == ["x.nii"]


def test_a_pair_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    mv.write(numbered((2, 2, 2)), path)
    mv.write(numbered((3, 3, 3)), path, overwrite=True)

    assert names(tmp_path) == ["x.hdr", "x.img"]
    assert mv.read(path)[0].shape == (3, 3, 3)


def test_one_half_of_a_pair_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.hdr").write_text("mine")

    with pytest.raises(WriteError, match=r"x\.hdr: is there already"):
        mv.write(numbered((2, 2, 2)), tmp_path / "x.img")
    assert names(tmp_path) == ["x.hdr"]
    assert (tmp_path / "x.hdr").read_text() == "mine"


def test_a_failure_between_two_renames_puts_the_old_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.img"
    mv.write(numbered((2, 2, 2)), path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    replace = Path.replace
    calls = []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 4:  # two old ones aside, one new one in place
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(WriteError, match="Input/output error; nothing was written"):
        mv.write(numbered((3, 3, 3)), path, overwrite=True)

    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.nii.zst", "x.mgz"])
def test_a_full_disk_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    """The limit on file sizes stands for the disk: the same road, without root's rights."""
    code = textwrap.dedent(f"""
        import resource, signal
        import numpy as np
        import napari_medvol as mv
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        values = np.random.default_rng(1).random((40, 40, 40), dtype="f4")
        volume = mv.Volume(values, np.eye(4))
        try:
            mv.write(volume, {str(tmp_path / name)!r}, overwrite=True)
        except mv.MedVolError as error:
            print(error)
    """)
    mv.write(numbered((2, 2, 2)), tmp_path / name)
    before = (tmp_path / name).read_bytes()

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "nothing was written" in done.stdout
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == before


def _half(folder: Path, number: int) -> None:
    (folder / "x.nii").write_bytes(b"half")
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "may write to"), (errno.EIO, "the disk")],
)
def test_what_the_system_says_is_passed_on_with_a_way_out(
    number: int, fix: str, tmp_path: Path
) -> None:
    with pytest.raises(WriteError, match=fix), staged(tmp_path / "x.nii", False) as folder:
        _half(folder, number)
    assert not names(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)

    with pytest.raises(WriteError, match="Permission denied; nothing was written"):
        mv.write(numbered((2, 2, 2)), folder / "x.nii")


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(WriteError, match="nothing was written"):
        mv.write(numbered((2, 2, 2)), tmp_path / "file" / "x.nii")


_SLOWLY = """
import sys, time
import numpy as np
import napari_medvol as mv
from napari_medvol.formats.saving import blocks, slabs

def slow(volume):
    for item in slabs.slabs(volume):
        print("writing", flush=True)
        yield item
        time.sleep(60)

blocks.slabs = slow
mv.write(mv.Volume(np.ones((8, 8, 8)), np.eye(4)), sys.argv[1], overwrite=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_kill_9_in_the_middle_leaves_the_old_file_and_the_next_writer_tidies_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.nii"
    mv.write(numbered((2, 2, 2)), path)
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    assert path.read_bytes() == before
    assert len(names(tmp_path)) == 2  # the old file, and a hidden folder that no reader looks into
    assert [volume.shape for volume in mv.read(tmp_path)] == [(2, 2, 2)]

    mv.write(numbered((3, 3, 3)), path, overwrite=True)
    assert names(tmp_path) == ["x.nii"]


def test_the_folder_of_a_writer_that_still_works_is_left_alone(tmp_path: Path) -> None:
    with staged(tmp_path / "x.nii", True) as folder:
        mv.write(numbered((2, 2, 2)), tmp_path / "x.nii")
        assert folder.is_dir()
    assert names(tmp_path) == ["x.nii"]


def test_the_folder_of_another_machine_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / ".x.nii.elsewhere.1.abc.part"
    other.mkdir()

    mv.write(numbered((2, 2, 2)), tmp_path / "x.nii")

    assert other.is_dir()


def test_a_cancelled_write_leaves_nothing_and_reaches_the_caller(tmp_path: Path) -> None:
    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        mv.write(numbered((2, 2, 2)), tmp_path / "x.nii", progress=cancel)
    assert not names(tmp_path)


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    mv.write(
        Volume(np.zeros((64, 64, 200), np.float64), np.eye(4)),
        tmp_path / "x.nii",
        progress=lambda done, total: told.append((done, total)),
    )

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert len(told) > 1


def test_a_host_without_a_name_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(staging.socket, "gethostname", lambda: "")

    mv.write(numbered((2, 2, 2)), tmp_path / "x.nii")

    assert time.time() - (tmp_path / "x.nii").stat().st_mtime < 60


def test_what_a_library_says_about_the_disk_is_told_without_its_traceback(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(WriteError) as caught, staging.writing(tmp_path / "ct"):
        raise OSError("With tag (7FE0,0010) got exception\nTraceback (most recent …") from full

    assert caught.value.why == "No space left on device; nothing was written"
    assert caught.value.fix == "Free some space, or write elsewhere"
