"""Where jobs run changes nothing about what they give; nothing that dies takes work along."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import napari_medvol as mv
from napari_medvol.batch.schedulers import Cluster, Here, Local, scheduler_of
from napari_medvol.errors import BatchError
from tests.batch.trees import HIDDEN, column, left_behind, outputs, write_ct

N_SERIES = 120

#: dask.distributed warns of much that is not ours: ports in use, sockets closed late.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree of many series, two of them spoilt."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(N_SERIES):
        write_ct(root / f"p{number // 10:02}" / f"ct{number % 10}", number, slices=3)
    for number in (17, 101):
        for file in (root / f"p{number // 10:02}" / f"ct{number % 10}").iterdir():
            file.write_bytes(file.read_bytes()[:-150])
    return root


@pytest.fixture(scope="module")
def wanted(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what one worker, in this process, makes of the tree."""
    out = tmp_path_factory.mktemp("one")
    table = mv.convert(tree, out, workers=1)
    assert column(table, "status").count("written") == N_SERIES - 2
    assert column(table, "status").count("failed") == 2
    return outputs(out)


@pytest.fixture(scope="module")
def few(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with the first 50 series."""
    root = tmp_path_factory.mktemp("few")
    for number in range(5):
        shutil.copytree(tree / f"p{number:02}", root / f"p{number:02}")
    return root


@pytest.fixture(scope="module")
def few_wanted(wanted: dict[str, str]) -> dict[str, str]:
    """Return what is to become of them."""
    return {name: one for name, one in wanted.items() if name[:3] <= "p04"}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Return a cluster of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_two_local_workers_write_the_same_bytes_as_one(
    tree: Path, wanted: dict[str, str], tmp_path: Path, scheduler: str
) -> None:
    table = mv.convert(tree, tmp_path / "out", workers=2, scheduler=scheduler)

    assert outputs(tmp_path / "out") == wanted
    assert column(table, "input") == sorted(column(table, "input"))


def test_a_cluster_of_two_workers_writes_the_same_bytes(
    few: Path, few_wanted: dict[str, str], tmp_path: Path, cluster: Any
) -> None:
    table = mv.convert(few, tmp_path / "out", scheduler=cluster.scheduler_address)

    assert outputs(tmp_path / "out") == few_wanted
    assert column(table, "status").count("failed") == 1


def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(
    few: Path, few_wanted: dict[str, str], tmp_path: Path, cluster: Any
) -> None:
    killed: list[int] = []

    def progress(done: int, total: int) -> None:
        if total and done == 10 and not killed:
            killed.append(next(iter(cluster.workers.values())).process.pid)
            os.kill(killed[0], signal.SIGKILL)

    table = mv.convert(
        few, tmp_path / "out", scheduler=cluster.scheduler_address, progress=progress
    )

    assert killed
    assert outputs(tmp_path / "out") == few_wanted
    assert column(table, "status").count("failed") == 1
    assert not left_behind(tmp_path)


def _children(parent: int) -> list[int]:
    """Return the processes that `parent` started and that have Python's pool workers' command."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = (place / "stat").read_text().rpartition(")")[2].split()
            command = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == parent and b"spawn_main" in command:
            found.append(int(place.name))
    return sorted(found)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_local_process_that_is_killed_loses_nothing(
    few: Path, few_wanted: dict[str, str], tmp_path: Path
) -> None:
    killed: list[int] = []

    def progress(done: int, total: int) -> None:
        if total and done == 10 and not killed:
            killed.append(_children(os.getpid())[-1])
            os.kill(killed[0], signal.SIGKILL)

    table = mv.convert(few, tmp_path / "out", scheduler="processes", workers=2, progress=progress)

    assert killed
    assert outputs(tmp_path / "out") == few_wanted
    assert column(table, "status").count("failed") == 1


def _deadly(job: int) -> int:
    if job == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return job * job


def test_a_job_that_no_process_survives_is_told_of_and_the_others_are_done() -> None:
    got: dict[int, int | None] = {}
    scheduler = Local("processes", 2)

    scheduler.run(_deadly, iter(range(6)), got.__setitem__)
    scheduler.close()

    assert got == {0: 0, 1: 1, 2: 4, 3: None, 4: 16, 5: 25}


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_ctrl_c_leaves_nothing_half_written_and_a_report_of_what_is_done(
    tree: Path, wanted: dict[str, str], tmp_path: Path, scheduler: str
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.csv"
    command = [sys.executable, "-m", "napari_medvol.cli", "convert", str(tree), str(out)]
    command += ["--scheduler", scheduler, "--workers", "2", "--report", str(report)]
    # A session of its own: whoever sends the signal reaches the program, not its children.
    with _started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        _wait_for(lambda: _finished(out) >= 5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors.strip() == "interrupted"
    assert not left_behind(tmp_path)
    there = outputs(out)
    assert 5 <= len(there) < len(wanted)
    assert there.items() <= wanted.items()
    rows = report.read_text(encoding="utf-8").splitlines()[1:]
    written = [row for row in rows if ",written," in row]
    assert 0 < len(written) <= len(there)
    assert not list((out / HIDDEN).glob("stop-*"))

    mv.convert(tree, out)
    assert outputs(out) == wanted


def _finished(out: Path) -> int:
    """Return how many outputs are in place, not counting those that are being written.

    Folders of unfinished outputs vanish while this looks: ``os.walk`` passes over them.
    """
    return sum(
        name.endswith(".nii.gz")
        for folder, _, names in os.walk(out)
        if HIDDEN not in folder and ".part" not in folder
        for name in names
    )


@contextlib.contextmanager
def _started(command: list[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Give a program that runs, and leave neither it nor its pipes behind, whatever happens."""
    with subprocess.Popen(command, text=True, start_new_session=True, **how) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(happened: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_kill_9_of_the_program_ends_its_workers_and_loses_nothing(
    tree: Path, wanted: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "napari_medvol.cli",
        "convert",
        str(tree),
        str(out),
        "-j",
        "2",
        "--scheduler",
        "processes",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with _started(command, **quiet) as process:
        _wait_for(lambda: _finished(out) >= 5)
        children = _children(process.pid)

        process.kill()
        process.wait()

        assert len(children) == 2
        _wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 60)
    mv.convert(tree, out)
    assert outputs(out) == wanted
    assert not left_behind(out)


def test_without_a_choice_threads_are_used_and_one_worker_is_the_caller() -> None:
    assert isinstance(scheduler_of(None, None), Local)
    assert isinstance(scheduler_of(None, 1), Here)
    assert isinstance(scheduler_of("processes", 1), Here)
    assert isinstance(scheduler_of("sync", 8), Here)


def test_a_scheduler_that_does_not_answer_is_an_error_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("napari_medvol.batch.schedulers._ANSWERS_WITHIN", 1.0)
    with pytest.raises(BatchError, match=r"tcp://127.0.0.1:9.*nobody answers"):
        Cluster("tcp://127.0.0.1:9", 1)


def test_without_distributed_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(BatchError, match=r"not installed.*napari-medvol\[distributed\]"):
        scheduler_of("tcp://host:8786", None)
