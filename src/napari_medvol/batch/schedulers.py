"""Where jobs run: in this process, or on dask: its threads, its processes, or a cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

from napari_medvol.errors import BatchError

J = TypeVar("J")
R = TypeVar("R")

#: Told of each job and what it gave; None where the process that had it died again and again.
Done = Callable[[J, "R | None"], None]

#: Jobs that are handed to dask's local schedulers at once, a worker.
_AT_ONCE: Final = 32
#: Times that a cluster gives a job to another worker when one died.
_RETRIES: Final = 2
#: Seconds after which a scheduler counts as not there.
_ANSWERS_WITHIN: Final = 10.0


class Scheduler(Protocol):
    """Runs a function on jobs, in any order, and tells of each as soon as it is done.

    ``waits`` says whether nothing runs any more once it is closed.
    """

    waits: bool

    def run(self, function: Callable[[J], R], jobs: Iterator[J], done: Done[J, R]) -> None:
        """Run all jobs. `jobs` is drawn from as there is room; an error ends the rest."""
        ...

    def close(self) -> None:
        """Let go of workers."""
        ...


class Here:
    """The process of the caller, one job after the other."""

    waits = True

    def run(self, function: Callable[[J], R], jobs: Iterator[J], done: Done[J, R]) -> None:
        """Run all jobs."""
        for job in jobs:
            done(job, function(job))

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class _Sealed(Generic[J]):
    """A job that dask does not look into."""

    job: J


@dataclass(frozen=True, slots=True)
class _Unsealing(Generic[J, R]):
    function: Callable[[J], R]

    def __call__(self, sealed: _Sealed[J]) -> R:
        return self.function(sealed.job)


class Local:
    """dask's threaded or multiprocessing scheduler.

    Parameters
    ----------
    kind : {"threads", "processes"}
    workers : int
    """

    waits = True

    def __init__(self, kind: str, workers: int) -> None:
        self._kind, self._workers = kind, workers
        self._pool: Executor | None = None

    def run(self, function: Callable[[J], R], jobs: Iterator[J], done: Done[J, R]) -> None:
        """Run all jobs; those that a dying process took along are run again."""
        while window := list(islice(jobs, _AT_ONCE * self._workers)):
            left = dict(enumerate(window))
            try:
                self._compute(function, left, done)
            except BrokenProcessPool:
                self.close()
                self._one_by_one(function, left, done)

    def _compute(self, function: Callable[[J], R], left: dict[int, J], done: Done[J, R]) -> None:
        """Compute what is left, and take what is done out of it."""
        import dask.multiprocessing
        import dask.threaded

        def after(key: int, result: R, *_: object) -> None:
            done(left.pop(key), result)

        get = dask.threaded.get if self._kind == "threads" else dask.multiprocessing.get
        graph = {n: (_Unsealing(function), _Sealed(job)) for n, job in left.items()}
        get(
            graph,
            list(graph),
            pool=self._opened(),
            chunksize=1,
            callbacks=[(None, None, None, after, None)],
        )

    def _one_by_one(
        self, function: Callable[[J], R], left: dict[int, J], done: Done[J, R]
    ) -> None:
        """Run jobs alone, to learn which of them no process survives."""
        for number, job in list(left.items()):
            try:
                self._compute(function, {number: job}, done)
            except BrokenProcessPool:
                self.close()
                done(job, None)

    def _opened(self) -> Executor:
        if self._pool is None:
            self._pool = self._made()
        return self._pool

    def _made(self) -> Executor:
        if self._kind == "threads":
            return ThreadPoolExecutor(self._workers, "medvol-batch")
        from multiprocessing import get_context

        from napari_medvol.budget import BUDGET

        # Not forked: threads of the caller may hold locks that would never open in a copy.
        return ProcessPoolExecutor(
            self._workers,
            mp_context=get_context("spawn"),
            initializer=_as_worker,
            initargs=(os.getpid(), BUDGET.limit // self._workers),
        )

    def close(self) -> None:
        """Wait for what is running, drop what is not."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _as_worker(parent: int, budget: int) -> None:
    """Make this process one that leaves Ctrl-C to its parent, and that does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_budget(budget)
    threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()


def _leave_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def limit_budget(nbytes: int) -> None:
    """Keep the scans of this process within `nbytes` of memory."""
    from napari_medvol.budget import BUDGET

    BUDGET.limit = min(BUDGET.limit, nbytes)


class Cluster:
    """A cluster of dask.distributed, one that is there or one made for the occasion.

    Parameters
    ----------
    address : str or distributed.Client
        ``"tcp://…"``; empty for a cluster on this machine.
    workers : int
        Of a cluster on this machine.

    Raises
    ------
    BatchError
        If dask.distributed is not installed, or nobody answers at the address.
    """

    waits = False

    def __init__(self, address: Any, workers: int) -> None:
        try:
            import distributed
        except ImportError as error:
            raise BatchError(
                f"scheduler {address or 'distributed'!s}",
                "dask.distributed is not installed",
                "pip install 'napari-medvol[distributed]'",
            ) from error
        self._cluster: Any = None
        self._is_ours = not isinstance(address, distributed.Client)
        if not self._is_ours:
            self._client = address
            return
        if not address:
            self._cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            )
        try:
            self._client = distributed.Client(
                self._cluster or address, timeout=_ANSWERS_WITHIN, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise BatchError(
                f"scheduler {address}",
                f"nobody answers there ({str(error) or type(error).__name__})",
                "Start one with 'dask scheduler' and workers with 'dask worker ADDRESS'",
            ) from error

    def run(self, function: Callable[[J], R], jobs: Iterator[J], done: Done[J, R]) -> None:
        """Run all jobs; those of a worker that died go to another one."""
        import distributed

        threads = sum(self._client.nthreads().values()) or 1
        running: dict[Any, J] = {}
        finished = distributed.as_completed(loop=self._client.loop)

        def submit(count: int) -> None:
            for job in islice(jobs, count):
                future = self._client.submit(_Within(function), job, pure=False, retries=_RETRIES)
                running[future] = job
                finished.add(future)

        try:
            submit(4 * threads)
            for future in finished:
                done(running.pop(future), self._result(future))
                submit(1)
        finally:
            self._client.cancel(list(running))

    def _result(self, future: Any) -> Any:
        import distributed

        if future.status in ("cancelled", "lost"):
            why = "it went away while there was work left"
            raise BatchError("scheduler", why, "Convert again: what is done is not done twice")
        try:
            return future.result()
        except distributed.KilledWorker:
            return None

    def close(self) -> None:
        """Leave the cluster; end it if it was made for the occasion."""
        if self._is_ours:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()


@dataclass(frozen=True, slots=True)
class _Within(Generic[J, R]):
    """A function that keeps to the memory of the worker that it runs on."""

    function: Callable[[J], R]

    def __call__(self, job: J) -> R:
        from distributed import get_worker

        limit = getattr(get_worker().memory_manager, "memory_limit", None)
        if limit:
            limit_budget(limit // 2)
        return self.function(job)


def scheduler_of(asked: Any, workers: int | None) -> Scheduler:
    """Return where jobs are to run.

    Parameters
    ----------
    asked : str, distributed.Client or None
        ``"sync"``, ``"threads"``, ``"processes"``, ``"distributed"``, the address of a
        scheduler, or a client. By default threads, if there are to be several workers.
    workers : int, optional
        By default one a processor.

    Raises
    ------
    BatchError
        If it is none of these.
    """
    if workers is not None and workers < 1:
        raise BatchError("workers", f"{workers} is no number of workers", "Give 1 or more")
    if asked == "sync" or (asked in (None, "threads", "processes") and workers == 1):
        return Here()
    count = workers or _n_processors()
    if asked in (None, "threads", "processes"):
        return Local(asked or "threads", count)
    if asked == "distributed":
        return Cluster("", count)
    if not isinstance(asked, str) or "://" in asked:
        return Cluster(asked, count)
    known = "'sync', 'threads', 'processes', 'distributed' or an address such as tcp://host:8786"
    raise BatchError("scheduler", f"{asked!r} is unknown", f"Give {known}")


def _n_processors() -> int:
    from dask.system import CPU_COUNT

    count: int = CPU_COUNT
    return count
