"""Planes of voxels, read once, kept within a memory budget, shared between threads.

A *source* knows how to read one plane of one scan. A *store* asks it, keeps what came, and
never asks twice for what it still has. Nothing here knows a file format or an orientation.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import prod
from typing import Any, Final, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_medvol.budget import BUDGET, MemoryBudget, array_within
from napari_medvol.errors import MedVolError

_ABSENT: Final = 0
_LOADING: Final = 1
_READY: Final = 2

#: Planes that a store may keep however full the budget is: a slider step back is then free.
_ALWAYS_KEPT: Final = 8

Array = NDArray[Any]


@runtime_checkable
class PlaneSource(Protocol):
    """What a format gives: how to read any one plane of a scan.

    The whole array has shape ``outer + inner`` in C order, slowest axis first, so a volume
    indexed (i, j, k, t) has ``outer = (t, k)`` and ``inner = (j, i)``; colour samples are the
    last inner axis. Planes are numbered along ``outer`` in C order.

    No file handle outlives a call.
    """

    outer: tuple[int, ...]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str

    def read_plane(self, number: int, out: Array) -> None:
        """Write plane `number` into `out`, shape ``inner``, dtype ``dtype``.

        Must be safe to call from several threads at once, unless the source is sequential.
        """
        ...


@runtime_checkable
class SequentialSource(PlaneSource, Protocol):
    """A source that gets to a plane only through the planes before it: a compressed stream.

    The store calls ``read_plane`` for ``position`` only, from one thread at a time. Reading
    moves ``position`` on, also when it fails, unless there is no way past the failure.
    """

    position: int

    def rewind(self) -> None:
        """Make plane 0 the next one."""
        ...


@runtime_checkable
class RegionSource(PlaneSource, Protocol):
    """A source that can cut a box out of the file without reading whole planes."""

    def read_region(self, index: tuple[slice | int, ...]) -> Array:
        """Return the part of the ``outer + inner`` array that `index` names."""
        ...


class PlaneStore:
    """The planes of one source: all of them if the budget allows, else the latest used.

    Parameters
    ----------
    source : PlaneSource
    budget : MemoryBudget, optional
        The process-wide one by default.

    Attributes
    ----------
    errors : dict of int to MedVolError
        Planes that could not be read while :attr:`on_error` was set; they hold zeros.
    on_error : callable or None
        Called once for each plane that cannot be read; the plane is then left blank. With
        None (the default) the error goes to whoever asked for the plane.
    """

    def __init__(self, source: PlaneSource, budget: MemoryBudget = BUDGET) -> None:
        self.source = source
        self.shape = (*source.outer, *source.inner)
        self.dtype = np.dtype(source.dtype)
        self.n_planes = prod(source.outer)
        self.plane_nbytes = prod(source.inner) * self.dtype.itemsize
        self.nbytes = self.n_planes * self.plane_nbytes
        self.errors: dict[int, MedVolError] = {}
        self.on_error: Callable[[int, MedVolError], None] | None = None
        self._budget = budget
        self._resident: Array | None = None
        self._decided = False
        self._kept: OrderedDict[int, Array] = OrderedDict()
        weakref.finalize(self, _let_go, budget, self._kept, self.plane_nbytes)
        self._state = np.zeros(self.n_planes, dtype=np.uint8)
        self._missing = self.n_planes
        self._changed = threading.Condition()
        self._is_sequential = isinstance(source, SequentialSource)
        self._streaming = False
        self._stream = threading.Lock()
        self._fill: threading.Thread | None = None

    # -- what callers ask -----------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Whether every plane is in memory."""
        return self._resident is not None and self._missing == 0

    @property
    def progress(self) -> float:
        """Share of the planes in memory, 0 to 1."""
        return 1.0 - self._missing / max(self.n_planes, 1)

    @property
    def stays_in_memory(self) -> bool:
        """Whether the whole array fits the budget; decided when first asked, then for good."""
        with self._changed:
            if not self._decided:
                self._decided = True
                self._resident = array_within(self._budget, self.shape, self.dtype)
            return self._resident is not None

    def whole(self) -> Array:
        """Return the array of shape ``outer + inner`` with every plane read."""
        if self.stays_in_memory:
            self.load(range(self.n_planes))
            return self._resident_view()
        out = np.empty((self.n_planes, *self.source.inner), dtype=self.dtype)
        for number in range(self.n_planes):
            out[number] = self.plane(number)
        return out.reshape(self.shape)

    def resident(self, numbers: Iterable[int]) -> Array | None:
        """Return the in-memory array with at least the planes `numbers` read, or None."""
        if not self.stays_in_memory:
            return None
        if self._missing:
            self.load(numbers)
        return self._resident_view()

    def has(self, numbers: Iterable[int]) -> bool:
        """Return whether planes are in memory; reads nothing and waits for nobody."""
        with self._changed:
            return all(self._state[n] == _READY or n in self._kept for n in numbers)

    def peek(self, number: int) -> Array | None:
        """Return plane `number` if it is in memory, else None; reads nothing, waits for nobody."""
        with self._changed:
            if number in self._kept:
                return self._kept[number]
            is_there = self._resident is not None and self._state[number] == _READY
        return self._slot(number) if is_there else None

    def plane(self, number: int) -> Array:
        """Return plane `number`, shape ``inner``; not to be written to."""
        if self.stays_in_memory:
            self.load((number,))
            resident: Array = self._resident_view().reshape(self.n_planes, *self.source.inner)
            return resident[number]
        with self._changed:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        return self._read_and_keep(number)

    def load(self, numbers: Iterable[int]) -> None:
        """Bring planes into the in-memory array; wait for those that another thread reads.

        Beyond the budget there is no such array, and nothing is done.
        """
        if not self._missing or not self.stays_in_memory:
            return
        wanted = [n for n in numbers if self._state[n] != _READY]
        if self._is_sequential:
            for number in sorted(wanted):
                self._run_stream(number)
            return
        workers = getattr(self.source, "workers", 1)
        if workers > 1 and len(wanted) > 2 * workers:
            with ThreadPoolExecutor(workers, thread_name_prefix="medvol-decode") as pool:
                list(pool.map(self._load_one, wanted))
        else:
            for number in wanted:
                self._load_one(number)

    def fill_in_background(self, done: Callable[[], None] | None = None) -> None:
        """Read everything in a thread, if it fits the budget; return at once.

        Parameters
        ----------
        done : callable, optional
            Called from that thread when the last plane is in memory; not called if all are
            there already, if a fill is under way, or if a plane cannot be read.
        """
        if not self.stays_in_memory or self.is_complete:
            return
        with self._changed:
            if self._fill is not None:
                return
            # The thread holds no strong reference, so that dropping the scan stops the reading.
            self._fill = threading.Thread(
                target=_fill, args=(weakref.ref(self), done), name="medvol-fill", daemon=True
            )
        self._fill.start()

    # -- how ------------------------------------------------------------------------------

    def _resident_view(self) -> Array:
        assert self._resident is not None
        view = self._resident.view()
        view.flags.writeable = False
        return view

    def _slot(self, number: int) -> Array:
        assert self._resident is not None
        planes: Array = self._resident.reshape(self.n_planes, *self.source.inner)
        return planes[number]

    def _load_one(self, number: int) -> None:
        with self._changed:
            while self._state[number] == _LOADING:
                self._changed.wait()
            if self._state[number] == _READY:
                return
            self._state[number] = _LOADING
        state = _ABSENT
        try:
            self._read_into(number, self._slot(number))
            state = _READY
        finally:
            with self._changed:
                self._state[number] = state
                self._missing -= state == _READY
                self._changed.notify_all()

    def _read_into(self, number: int, out: Array) -> None:
        try:
            self.source.read_plane(number, out)
        except MedVolError as error:
            # A stream that does not get past the failure would be asked for it for ever.
            if self.on_error is None or (self._is_sequential and self._position <= number):
                raise
            out[...] = 0
            with self._changed:
                is_new = number not in self.errors
                self.errors[number] = error
            if is_new:
                self.on_error(number, error)

    @property
    def _position(self) -> int:
        # Not isinstance: with a protocol that takes longer than reading a small plane.
        return cast(SequentialSource, self.source).position

    def _run_stream(self, last: int) -> None:
        """Read a sequential source on to plane `last`, keeping all that passes.

        One plane a turn: whoever waits for an earlier plane goes on as soon as it is there.
        """
        while self._takes_turn(last):
            try:
                self._rewind_before(last)
                at = self._position
                self._pass_plane(at, last)
            finally:
                with self._changed:
                    self._streaming = False
                    self._changed.notify_all()

    def _takes_turn(self, last: int) -> bool:
        """Wait until plane `last` is there, or nobody reads; return whether to read."""
        with self._changed:
            self._changed.wait_for(lambda: not self._streaming or self._state[last] == _READY)
            if self._state[last] == _READY:
                return False
            self._streaming = True
            return True

    def _pass_plane(self, at: int, last: int) -> None:
        """Take plane `at` off the stream on the way to `last`."""
        try:
            if self._resident is None:
                self._keep(at, self._read_new(at))
            elif self._state[at] == _READY:
                self._read_into(at, np.empty(self.source.inner, dtype=self.dtype))
            else:
                self._load_one(at)
        except MedVolError:
            # The failure of a plane on the way is for whoever asks for that plane.
            if at == last or self._position <= at:
                raise

    def _rewind_before(self, number: int) -> None:
        if self._position > number:
            cast(SequentialSource, self.source).rewind()

    def _read_and_keep(self, number: int) -> Array:
        if not self._is_sequential:
            return self._keep(number, self._read_new(number))
        with self._stream:
            if number not in self._kept:
                self._rewind_before(number)
            while number not in self._kept:
                self._pass_plane(self._position, number)
            return self._kept[number]

    def _read_new(self, number: int) -> Array:
        plane = np.empty(self.source.inner, dtype=self.dtype)
        self._read_into(number, plane)
        plane.flags.writeable = False
        return plane

    def _keep(self, number: int, plane: Array) -> Array:
        with self._changed:
            if number in self._kept:
                return self._kept[number]
            while len(self._kept) >= _ALWAYS_KEPT and not self._budget.take(self.plane_nbytes):
                self._kept.popitem(last=False)
                if len(self._kept) >= _ALWAYS_KEPT:
                    self._budget.give_back(self.plane_nbytes)
            self._kept[number] = plane
            return plane


def _let_go(budget: MemoryBudget, kept: OrderedDict[int, Array], plane_nbytes: int) -> None:
    budget.give_back(max(0, len(kept) - _ALWAYS_KEPT) * plane_nbytes)


def _fill(store_ref: weakref.ref[PlaneStore], done: Callable[[], None] | None) -> None:
    """Read the planes that are missing, the ones a viewer shows first at the front."""
    store = store_ref()
    if store is None:
        return
    order = fill_order(store.n_planes)
    if isinstance(store.source, SequentialSource):
        order = range(store.n_planes)
    workers = getattr(store.source, "workers", 1)
    at_once = 4 * workers if workers > 1 else 1
    complete = False
    del store
    for start in range(0, len(order), at_once):
        store = store_ref()
        if store is None:
            return
        together = order[start : start + at_once]
        try:
            store.load(together)
        except MedVolError:
            # Whoever looks at a plane that fails is told; the others are still worth having.
            for number in together:
                with suppress(MedVolError):
                    store.load((number,))
        complete = store.is_complete
        del store
    if complete and done is not None:
        done()


def fill_order(n_planes: int) -> Sequence[int]:
    """Return plane numbers from the middle outwards: the middle one is shown first."""
    middle = n_planes // 2
    return sorted(range(n_planes), key=lambda n: abs(n - middle))
