"""Bytes of memory that all scans of the process together may keep."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections import deque
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Linux, control groups version 2: a number of bytes, or "max".
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


class MemoryBudget:
    """Room in memory that is taken and given back, in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._lock = threading.Lock()
        self._returned: deque[int] = deque()

    @property
    def used(self) -> int:
        """Bytes taken now."""
        with self._lock:
            return self._settle()

    def take(self, nbytes: int) -> bool:
        """Take `nbytes` if they fit; return whether they did."""
        with self._lock:
            if self._settle() + nbytes > self.limit:
                return False
            self._used += nbytes
            return True

    def give_back(self, nbytes: int) -> None:
        """Return what was taken."""
        # The garbage collector calls this at any moment, also while this very thread is in
        # `take`: a lock here would wait for itself. Appending to a deque needs none.
        self._returned.append(nbytes)

    def _settle(self) -> int:
        while self._returned:
            self._used -= self._returned.popleft()
        return self._used


def bytes_text(count: float) -> str:
    """Return a number of bytes for people: ``"492 TiB"``, three digits and the unit that fits."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    for unit in units[:-1]:
        if abs(count) < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} {units[-1]}"


#: More than any machine has; a number beyond it is a slip.
_MOST_GIB: Final = 2**20


def _default_limit() -> int:
    """Half of the memory there is, or ``NAPARI_MEDVOL_MEMORY`` in GiB."""
    asked = os.environ.get("NAPARI_MEDVOL_MEMORY", "")
    with suppress(ValueError):
        limit = float(asked)
        if 0 <= limit < _MOST_GIB:
            return int(limit * 2**30)
    if asked:
        text = f"NAPARI_MEDVOL_MEMORY={asked!r} is no number of GiB; half of the memory is used"
        warnings.warn(text, stacklevel=2)
    try:
        machine = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        machine = 8 * 2**30
    # In a container, or a job of a cluster, there is less than the machine has.
    with suppress(OSError, ValueError):
        machine = min(machine, int(_CGROUP_LIMIT.read_text()))
    return machine // 2


#: Shared by every store of the process.
BUDGET: Final = MemoryBudget(_default_limit())


def array_within(
    budget: MemoryBudget, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any] | None:
    """Return an empty array if the budget and the machine have room for it."""
    nbytes = prod(shape) * dtype.itemsize
    if not budget.take(nbytes):
        return None
    try:
        array = np.empty(shape, dtype=dtype)
    except MemoryError:
        budget.give_back(nbytes)
        return None
    # Bound to the array, not to the store: views that outlive the store still take the room.
    weakref.finalize(array, budget.give_back, nbytes)
    return array
